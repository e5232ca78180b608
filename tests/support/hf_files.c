/* SPDX-License-Identifier: MIT
 *
 * hf_files.c - see hf_files.h.
 */
#include "support/hf_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

void hf_files_make(char path[64])
{
    (void)snprintf(path, 64, "/tmp/pumice-hf-XXXXXX");
    must(mkdtemp(path) != NULL, "mkdtemp");
}

void hf_files_remove(const char *path)
{
    char name[1024];
    DIR *folder = opendir(path);
    must(folder != NULL, path);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)unlink(name);
    }
    (void)closedir(folder);
    must(rmdir(path) == 0, path);
}

void hf_files_write(const char *folder, const char *name, const void *data, size_t size_bytes)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    must(file != NULL, path);
    must(fwrite(data, 1, size_bytes, file) == size_bytes && fclose(file) == 0, path);
}

void hf_files_text(const char *folder, const char *name, const char *text)
{
    hf_files_write(folder, name, text, strlen(text));
}

uint8_t *hf_files_pack(const char *header, const void *data, size_t data_bytes,
                       size_t *out_size_bytes)
{
    size_t length = strlen(header);
    uint8_t *bytes = malloc(8 + length + data_bytes);
    must(bytes != NULL, "malloc");
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(i < sizeof(length) ? length >> (8 * i) : 0);
    memcpy(bytes + 8, header, length);
    if (data_bytes > 0)
        memcpy(bytes + 8 + length, data, data_bytes);
    *out_size_bytes = 8 + length + data_bytes;
    return bytes;
}

void hf_files_weights(const char *folder, const char *name, const char *header, const void *data,
                      size_t data_bytes)
{
    size_t size;
    uint8_t *bytes = hf_files_pack(header, data, data_bytes, &size);
    hf_files_write(folder, name, bytes, size);
    free(bytes);
}
