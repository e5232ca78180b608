/* SPDX-License-Identifier: MIT
 *
 * file.c - files by POSIX calls. A replacement is written beside the old file, flushed to the disk
 * and renamed over it; a symbolic link keeps pointing where it points, and a device or pipe is
 * written through, since renaming over it would destroy it. Tests: tests/base/test_base.c.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pum_status fail_system(const char *path, const char *what, int error)
{
    return pum_fail(PUM_E_FILE, "%s: %s: %s", path, what, strerror(error));
}

/* --- Reading ---------------------------------------------------------------------------------- */

static pum_status open_read(const char *path, int *out_file, struct stat *out_stat)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail_system(path, "cannot be opened", errno);
    pum_status status = PUM_OK;
    if (fstat(file, out_stat) != 0)
        status = fail_system(path, "cannot be examined", errno);
    else if (S_ISDIR(out_stat->st_mode))
        status = pum_fail(PUM_E_FILE, "%s: is a folder, a file is needed", path);
    if (status != PUM_OK) {
        (void)close(file);
        return status;
    }
    *out_file = file;
    return PUM_OK;
}

pum_status base_file_map(const char *path, struct base_mapping *out_mapping)
{
    *out_mapping = (struct base_mapping){0};
    int file;
    struct stat info;
    PUM_TRY(open_read(path, &file, &info));
    pum_status status = PUM_OK;
    if (!S_ISREG(info.st_mode)) {
        status = pum_fail(PUM_E_FILE, "%s: is no regular file and cannot be mapped", path);
    } else if ((uintmax_t)info.st_size > (uintmax_t)PTRDIFF_MAX) {
        status = pum_fail(PUM_E_FILE, "%s: %jd bytes are more than this machine can map", path,
                          (intmax_t)info.st_size);
    } else if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data == MAP_FAILED)
            status = fail_system(path, "cannot be mapped", errno);
        else
            *out_mapping = (struct base_mapping){data, (size_t)info.st_size};
    }
    (void)close(file);
    return status;
}

void base_file_unmap(struct base_mapping *mapping)
{
    if (mapping->data)
        (void)munmap((void *)(uintptr_t)mapping->data, mapping->size_bytes);
    *mapping = (struct base_mapping){0};
}

/* Reads to the end of `file`; *data grows as needed and is the caller's, also on failure. */
static pum_status read_all(pum_context *context, int file, const char *path, size_t max_bytes,
                           uint8_t **data, size_t capacity, size_t *out_size)
{
    size_t size = 0;
    for (;;) {
        if (size == capacity) {
            capacity = capacity > max_bytes / 2 ? max_bytes + 1 : capacity * 2;
            uint8_t *grown = pum_realloc(context, *data, capacity, 1);
            if (!grown)
                return PUM_E_MEMORY;
            *data = grown;
        }
        ssize_t got = read(file, *data + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_system(path, "cannot be read", errno);
        if (got == 0)
            break;
        size += (size_t)got;
        if (size > max_bytes)
            return pum_fail(PUM_E_FILE, "%s: is larger than the %zu bytes allowed here", path,
                            max_bytes);
    }
    *out_size = size;
    return PUM_OK;
}

pum_status base_file_read(pum_context *context, const char *path, size_t max_bytes,
                          uint8_t **out_data, size_t *out_size_bytes)
{
    *out_data = NULL;
    *out_size_bytes = 0;
    if (max_bytes >= (size_t)PTRDIFF_MAX)
        max_bytes = (size_t)PTRDIFF_MAX - 1;
    int file;
    struct stat info;
    PUM_TRY(open_read(path, &file, &info));
    pum_status status = PUM_OK;
    uint8_t *data = NULL;
    /* One byte more than a regular file has, so that its end is seen without growing. */
    size_t capacity = 4096;
    if (S_ISREG(info.st_mode)) {
        if ((uintmax_t)info.st_size > (uintmax_t)max_bytes) {
            status = pum_fail(PUM_E_FILE, "%s: has %jd bytes, %zu are allowed here", path,
                              (intmax_t)info.st_size, max_bytes);
            goto fail;
        }
        capacity = (size_t)info.st_size + 1;
    }
    if (capacity > max_bytes + 1)
        capacity = max_bytes + 1;
    data = pum_alloc(context, capacity, 1);
    status = data ? PUM_OK : PUM_E_MEMORY;
    if (status == PUM_OK)
        status = read_all(context, file, path, max_bytes, &data, capacity, out_size_bytes);
fail:
    (void)close(file);
    if (status != PUM_OK) {
        pum_free(context, data);
        return status;
    }
    *out_data = data;
    return PUM_OK;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Makes every missing folder above `path`, which is restored. */
static pum_status make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        struct stat info;
        int error = mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
        /* A read-only parent of a folder that is there may say so instead of EEXIST. */
        pum_status status = PUM_OK;
        if (error && stat(path, &info) != 0)
            status = fail_system(path, "the folder cannot be made", error);
        *slash = '/';
        PUM_TRY(status);
    }
    return PUM_OK;
}

static pum_status write_all(int file, const char *path, const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    while (size_bytes > 0) {
        ssize_t wrote = write(file, bytes, size_bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return fail_system(path, "cannot be written", errno);
        bytes += wrote;
        size_bytes -= (size_t)wrote;
    }
    return PUM_OK;
}

/* A new file beside `path`; its name goes to `temporary`, which has room for it. */
static pum_status open_beside(const char *path, char *temporary, size_t temporary_bytes,
                              int *out_file)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    unsigned long tag = (unsigned long)now.tv_nsec ^ ((unsigned long)getpid() << 12);
    for (int attempt = 0; attempt < 100; attempt++) {
        (void)snprintf(temporary, temporary_bytes, "%s.%lx.tmp", path,
                       (tag + (unsigned long)attempt) & 0xffffffffu);
        *out_file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*out_file >= 0)
            return PUM_OK;
        if (errno != EEXIST)
            break;
    }
    return fail_system(path, "cannot be written: no new file can be made beside it", errno);
}

/* Writes the new file, flushes it and puts it in place of `path`. */
static pum_status replace(const char *path, char *temporary, size_t temporary_bytes,
                          const void *data, size_t size_bytes)
{
    int file;
    PUM_TRY(open_beside(path, temporary, temporary_bytes, &file));
    pum_status status = write_all(file, path, data, size_bytes);
    if (status == PUM_OK && fsync(file) != 0)
        status = fail_system(path, "cannot be flushed to the disk", errno);
    if (close(file) != 0 && status == PUM_OK)
        status = fail_system(path, "cannot be written", errno);
    if (status == PUM_OK && rename(temporary, path) != 0)
        status = fail_system(path, "cannot be replaced", errno);
    if (status != PUM_OK)
        (void)unlink(temporary);
    return status;
}

/* For what must not be replaced: terminals, pipes, /dev/null. */
static pum_status write_through(const char *path, const void *data, size_t size_bytes)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return fail_system(path, "cannot be opened for writing", errno);
    pum_status status = write_all(file, path, data, size_bytes);
    if (close(file) != 0 && status == PUM_OK)
        status = fail_system(path, "cannot be written", errno);
    return status;
}

pum_status base_file_write_atomic(pum_context *context, const char *path, const void *data,
                                  size_t size_bytes)
{
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return pum_fail(PUM_E_FILE, "%s: is a folder and cannot be written as a file", path);
    if (exists && !S_ISREG(info.st_mode))
        return write_through(path, data, size_bytes);

    /* The file itself, behind any symbolic links. */
    char real[PATH_MAX];
    const char *target = exists && realpath(path, real) ? real : path;
    size_t temporary_bytes = strlen(target) + 32;
    char *temporary = pum_alloc(context, temporary_bytes, 1);
    pum_status status = temporary ? PUM_OK : PUM_E_MEMORY;
    if (status == PUM_OK && !exists) {
        memcpy(temporary, target, strlen(target) + 1);
        status = make_folders(temporary);
    }
    if (status == PUM_OK)
        status = replace(target, temporary, temporary_bytes, data, size_bytes);
    pum_free(context, temporary);
    return status;
}
