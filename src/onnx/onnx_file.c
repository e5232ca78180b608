/* SPDX-License-Identifier: MIT
 *
 * onnx_file.c - the public doors of the ONNX reader, mapped files, and memory for parsing. The
 * mapping is handed to the graph when constants point into it, and ended here when none does.
 * Tests: tests/onnx/test_onnx_file.c.
 */
#include "onnx_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGE_BYTES 8000
/* Parsed numbers take up to 8 times their bytes in the file; small messages take more, but a file
 * of many small messages is small. */
#define MEMORY_FACTOR 16
#define MEMORY_FLOOR ((size_t)64 << 20)

/* --- Memory ----------------------------------------------------------------------------------- */

/* Before each block: its size. */
#define HEADER_BYTES 16

void *onnx_realloc(struct onnx_memory *memory, void *block, size_t size_bytes)
{
    uint8_t *old = block == NULL ? NULL : (uint8_t *)block - HEADER_BYTES;
    size_t old_bytes = 0;

    if (old != NULL)
        memcpy(&old_bytes, old, sizeof(old_bytes));
    if (size_bytes > memory->limit || memory->used - old_bytes > memory->limit - size_bytes) {
        memory->capped = true;
        return NULL;
    }
    uint8_t *grown = realloc(old, HEADER_BYTES + size_bytes);
    if (grown == NULL)
        return NULL;
    memcpy(grown, &size_bytes, sizeof(size_bytes));
    memory->used = memory->used - old_bytes + size_bytes;
    return grown + HEADER_BYTES;
}

void *onnx_alloc(struct onnx_memory *memory, size_t count, size_t element_bytes)
{
    if (element_bytes > 0 && count > SIZE_MAX / 2 / element_bytes)
        return NULL;
    void *block = onnx_realloc(memory, NULL, count * element_bytes);
    if (block != NULL)
        memset(block, 0, count * element_bytes);
    return block;
}

void onnx_free(struct onnx_memory *memory, void *block)
{
    size_t size_bytes;

    if (block == NULL)
        return;
    uint8_t *start = (uint8_t *)block - HEADER_BYTES;
    memcpy(&size_bytes, start, sizeof(size_bytes));
    memory->used -= size_bytes;
    free(start);
}

/* --- Files ------------------------------------------------------------------------------------ */

static pum_status map_open_file(struct onnx_reader *reader, int file, const char *path,
                                uint64_t max_bytes, struct onnx_mapping *out_mapping)
{
    struct stat info;

    if (fstat(file, &info) != 0)
        return onnx_fail(reader, PUM_E_FILE, "cannot look at %.1000s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return onnx_fail(reader, PUM_E_FILE, "%.1000s is not a regular file", path);
    uint64_t size = (uint64_t)info.st_size;
    if (size > max_bytes || size > SIZE_MAX / 2)
        return onnx_fail(reader, PUM_E_FILE, "%.1000s has %llu bytes; at most %llu are read", path,
                         (unsigned long long)size, (unsigned long long)max_bytes);
    if (size == 0)
        return PUM_OK;
    void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED)
        return onnx_fail(reader, PUM_E_FILE, "cannot map %.1000s: %s", path, strerror(errno));
    *out_mapping = (struct onnx_mapping){.data = data, .size_bytes = (size_t)size};
    return PUM_OK;
}

pum_status onnx_map(struct onnx_reader *reader, const char *path, uint64_t max_bytes,
                    struct onnx_mapping *out_mapping)
{
    *out_mapping = (struct onnx_mapping){0};
    /* Non-blocking: a pipe in the file's place must not make us wait for a writer. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return onnx_fail(reader, PUM_E_FILE, "cannot open %.1000s: %s", path, strerror(errno));
    pum_status status = map_open_file(reader, file, path, max_bytes, out_mapping);
    (void)close(file);
    return status;
}

void onnx_unmap(struct onnx_mapping *mapping)
{
    if (mapping->data != NULL)
        (void)munmap(mapping->data, mapping->size_bytes);
    *mapping = (struct onnx_mapping){0};
}

void onnx_forget_pages(const void *data, size_t size_bytes)
{
    long page = sysconf(_SC_PAGESIZE);

    if (page <= 0)
        return;
    uintptr_t mask = (uintptr_t)page - 1;
    uintptr_t begin = ((uintptr_t)data + mask) & ~mask;
    uintptr_t end = ((uintptr_t)data + size_bytes) & ~mask;
    /* Clean pages of a file: they can always be read again. */
    if (end > begin)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* --- Errors ----------------------------------------------------------------------------------- */

/* Names in a file may hold anything; a message may end on a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < 32 && *text != '\n') || *text == 127)
            *text = '?';
    }
}

pum_status onnx_fail(struct onnx_reader *reader, pum_status status, const char *format, ...)
{
    char text[MESSAGE_BYTES] = "";
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_printable(text);
    return pum_graph_fail(reader->graph, status, text);
}

/* Puts the file before the message of what failed. */
static pum_status name_file(struct onnx_reader *reader, pum_status status, const char *path)
{
    char text[MESSAGE_BYTES];
    const char *message = pum_last_error();

    if (strstr(message, path) != NULL)
        return status;
    (void)snprintf(text, sizeof(text), "%.1000s: %.6500s", path, message);
    make_printable(text);
    return pum_graph_fail(reader->root, status, text);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static pum_status read_graph(struct onnx_reader *reader)
{
    reader->memory.limit = reader->size_bytes < (SIZE_MAX / 2 - MEMORY_FLOOR) / MEMORY_FACTOR
                               ? reader->size_bytes * MEMORY_FACTOR + MEMORY_FLOOR
                               : SIZE_MAX / 2;
    pum_status status = onnx_parse(reader);
    if (status == PUM_OK)
        status = onnx_build(reader);
    onnx_external_free(reader);
    onnx_parse_free(reader);
    return status;
}

static void release_mapping(void *user)
{
    onnx_unmap(user);
    free(user);
}

/* The mapping is the graph's from the start, so that every way out ends it. */
static pum_status open_model(struct onnx_reader *reader, const char *path, uint64_t max_bytes)
{
    struct onnx_mapping *mapping = calloc(1, sizeof(*mapping));

    if (mapping == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    ONNX_TRY(pum_graph_adopt(reader->root, release_mapping, mapping));
    ONNX_TRY(onnx_map(reader, path, max_bytes, mapping));
    reader->data = mapping->data;
    reader->size_bytes = mapping->size_bytes;
    reader->lasting = true;
    ONNX_TRY(read_graph(reader));
    if (!reader->points_at_file)
        onnx_unmap(mapping);
    return PUM_OK;
}

/* The folder that holds the file, resolved; NULL if there is no such folder. The caller frees. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *folder = malloc(length + 2);

    if (folder == NULL)
        return NULL;
    memcpy(folder, path, length);
    folder[length] = '\0';
    char *resolved = realpath(length == 0 ? "." : folder, NULL);
    free(folder);
    return resolved;
}

#define DEFAULT_MAX_BYTES ((uint64_t)2 << 30)

static uint64_t max_file_bytes(const pum_onnx_params *params)
{
    return params != NULL && params->max_file_bytes != 0 ? params->max_file_bytes
                                                         : DEFAULT_MAX_BYTES;
}

static pum_status check_call(const pum_context *context, const void *source, pum_graph **out_graph)
{
    if (out_graph == NULL)
        return pum_graph_fail(NULL, PUM_E_ARGUMENT, "pum_onnx: out_graph is NULL");
    *out_graph = NULL;
    if (context == NULL || source == NULL)
        return pum_graph_fail(NULL, PUM_E_ARGUMENT, "pum_onnx: the context, path or data is NULL");
    return PUM_OK;
}

pum_status pum_onnx_open(pum_context *context, const char *path, const pum_onnx_params *params,
                         pum_graph **out_graph)
{
    struct onnx_reader reader = {.context = context};

    ONNX_TRY(check_call(context, path, out_graph));
    ONNX_TRY(pum_graph_create(context, &reader.root));
    reader.graph = reader.root;
    char *folder = folder_of(path);
    reader.folder = folder;
    pum_status status = open_model(&reader, path, max_file_bytes(params));
    free(folder);
    if (status != PUM_OK) {
        status = name_file(&reader, status, path);
        pum_graph_destroy(&reader.root);
    }
    *out_graph = reader.root;
    return status;
}

pum_status pum_onnx_read(pum_context *context, const void *data, size_t size_bytes,
                         const pum_onnx_params *params, pum_graph **out_graph)
{
    struct onnx_reader reader = {.context = context, .data = data, .size_bytes = size_bytes};
    pum_status status;

    ONNX_TRY(check_call(context, data, out_graph));
    ONNX_TRY(pum_graph_create(context, &reader.root));
    reader.graph = reader.root;
    if (size_bytes > max_file_bytes(params))
        status = onnx_fail(&reader, PUM_E_FILE, "%zu bytes; at most %llu are read", size_bytes,
                           (unsigned long long)max_file_bytes(params));
    else
        status = read_graph(&reader);
    if (status != PUM_OK) {
        status = name_file(&reader, status, "ONNX model in memory");
        pum_graph_destroy(&reader.root);
    }
    *out_graph = reader.root;
    return status;
}
