/* SPDX-License-Identifier: MIT
 *
 * driver.c - main() for the fuzz targets where libFuzzer is not at hand: runs every file of the
 * corpus, then changed copies of them until the time is over. The changes come from a fixed seed,
 * so two runs try the same inputs in the same order. The input in work is kept in PROGRAM.input
 * (shared memory, so it outlives a crash); run the target on that file to see it again.
 *     fuzz_THING FOLDER|FILE... [-max_total_time=SECONDS]
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES ((size_t)1 << 20)
#define MAX_FILES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct corpus_file {
    uint8_t *data;
    size_t size;
};

static struct corpus_file files[MAX_FILES];
static size_t file_count;
static uint8_t *shown; /* INPUT_BYTES bytes of the .input file */
static int shown_file = -1;
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t below(size_t limit)
{
    return limit ? (size_t)(next_random() % limit) : 0;
}

static void read_corpus_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || file_count == MAX_FILES) {
        fprintf(stderr, "%s cannot be read, or is one too many\n", path);
        exit(1);
    }
    struct corpus_file *entry = &files[file_count++];
    entry->data = malloc(INPUT_BYTES);
    if (!entry->data)
        exit(1);
    entry->size = fread(entry->data, 1, INPUT_BYTES, file);
    (void)fclose(file);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_corpus(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
        read_corpus_file(path);
        return;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char name[4096];
        (void)snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (stat(name, &info) == 0 && S_ISREG(info.st_mode))
            read_corpus_file(name);
        free(entries[i]);
    }
    free(entries);
}

static void open_shown(const char *program)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s.input", program);
    shown_file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    if (shown_file < 0 || ftruncate(shown_file, (off_t)INPUT_BYTES) != 0) {
        fprintf(stderr, "%s cannot be written\n", path);
        exit(1);
    }
    shown = mmap(NULL, INPUT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, shown_file, 0);
    if (shown == MAP_FAILED)
        exit(1);
}

/* The target gets a block of exactly the size, so that a sanitizer sees the first byte beyond. */
static void try_input(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        exit(1);
    memcpy(exact, data, size);
    memcpy(shown, data, size);
    memset(shown + size, 0, INPUT_BYTES - size < 64 ? INPUT_BYTES - size : 64);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* One change of data, which has room for INPUT_BYTES bytes. */
static void change(uint8_t *data, size_t *size)
{
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 10, 34, 91, 255};
    size_t at = below(*size), other = below(*size);
    size_t rest = *size - (at > other ? at : other);
    switch (below(7)) {
    case 0: /* a bit */
        if (*size)
            data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1: /* a byte that often means something */
        if (*size)
            data[at] = telling[below(sizeof telling)];
        break;
    case 2: /* cut off */
        *size = at;
        break;
    case 3: /* a part over another */
        memmove(data + at, data + other, below(rest + 1));
        break;
    case 4: { /* a part taken out */
        size_t length = below(*size - at + 1);
        memmove(data + at, data + at + length, *size - at - length);
        *size -= length;
        break;
    }
    case 5: { /* a byte put in */
        if (*size < INPUT_BYTES) {
            memmove(data + at + 1, data + at, *size - at);
            data[at] = (uint8_t)next_random();
            (*size)++;
        }
        break;
    }
    default: { /* a part of another file */
        const struct corpus_file *donor = &files[below(file_count)];
        size_t from = below(donor->size), length = below(donor->size - from);
        if (length > *size - at)
            length = *size - at;
        if (length)
            memcpy(data + at, donor->data + from, length);
        break;
    }
    }
}

int main(int argc, char **argv)
{
    long seconds = 0;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "-max_total_time=%ld", &seconds) != 1)
            read_corpus(argv[i]);
    }
    if (file_count == 0) {
        fprintf(stderr, "usage: %s FOLDER|FILE... [-max_total_time=SECONDS]\n", argv[0]);
        return 1;
    }
    open_shown(argv[0]);
    for (size_t i = 0; i < file_count; i++)
        try_input(files[i].data, files[i].size);

    uint8_t *data = malloc(INPUT_BYTES);
    if (!data)
        return 1;
    unsigned long tried = 0;
    for (time_t end = time(NULL) + seconds; time(NULL) < end; tried++) {
        const struct corpus_file *file = &files[below(file_count)];
        size_t size = file->size;
        memcpy(data, file->data, size);
        for (size_t changes = 1 + below(6); changes; changes--)
            change(data, &size);
        try_input(data, size);
    }
    printf("%zu corpus files and %lu changed ones tried\n", file_count, tried);
    free(data);
    for (size_t i = 0; i < file_count; i++)
        free(files[i].data);
    return 0;
}
