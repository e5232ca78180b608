/* SPDX-License-Identifier: MIT
 *
 * out_file.c - see out_file.h. The temporary name holds the process id and a counter that is tried
 * upwards with O_EXCL, so two programs writing to one folder do not meet. Tests: tests/image.
 */
#include "out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pum_status fail_errno(struct fault *fault, const char *what, const char *path)
{
    int code = errno;
    if (fault != NULL && fault->status == PUM_OK)
        fault->machine = code == ENOSPC || code == EDQUOT || code == EIO || code == EMFILE ||
                         code == ENFILE;
    return fault_set(fault, code == ENOMEM ? PUM_E_MEMORY : PUM_E_FILE, "%s %s: %s", what, path,
                     strerror(code));
}

static pum_status open_temporary(struct out_file *file, struct fault *fault)
{
    size_t room = strlen(file->path) + 48;
    file->temporary = malloc(room);
    if (file->temporary == NULL)
        return fault_set(fault, PUM_E_MEMORY, "cannot write %s: out of memory", file->path);
    int fd = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(file->temporary, room, "%s.%ld-%d.part", file->path, (long)getpid(), attempt);
        fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    if (fd < 0) {
        pum_status status = fail_errno(fault, "cannot write", file->path);
        free(file->temporary);
        file->temporary = NULL;
        return status;
    }
    file->stream = fdopen(fd, "wb");
    if (file->stream == NULL) {
        close(fd);
        return fail_errno(fault, "cannot write", file->path);
    }
    return PUM_OK;
}

pum_status out_file_begin(struct out_file *file, const char *path, struct fault *fault)
{
    memset(file, 0, sizeof(*file));
    file->path = strdup(path);
    if (file->path == NULL)
        return fault_set(fault, PUM_E_MEMORY, "cannot write %s: out of memory", path);
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        if (S_ISDIR(info.st_mode))
            return fault_set(fault, PUM_E_FILE, "cannot write %s: it is a folder", path);
        file->stream = fopen(path, "wb");
        return file->stream == NULL ? fail_errno(fault, "cannot write", path) : PUM_OK;
    }
    return open_temporary(file, fault);
}

pum_status out_file_write(struct out_file *file, const void *data, size_t size_bytes,
                          struct fault *fault)
{
    if (size_bytes > 0 && fwrite(data, 1, size_bytes, file->stream) != size_bytes)
        return fail_errno(fault, "cannot write", file->path);
    return PUM_OK;
}

pum_status out_file_finish(struct out_file *file, struct fault *fault)
{
    FILE *stream = file->stream;
    file->stream = NULL;
    if (stream == NULL)
        return PUM_OK;
    errno = 0;
    bool bad = fflush(stream) != 0 || ferror(stream) != 0;
    if (!bad && file->temporary != NULL && fsync(fileno(stream)) != 0)
        bad = errno != EINVAL && errno != ENOSYS && errno != EROFS;
    int code = errno;
    if (fclose(stream) != 0 && !bad) {
        bad = true;
        code = errno;
    }
    errno = code != 0 ? code : EIO;
    return bad ? fail_errno(fault, "cannot write", file->path) : PUM_OK;
}

pum_status out_file_publish(struct out_file *file, struct fault *fault)
{
    if (file->temporary == NULL)
        return PUM_OK;
    if (rename(file->temporary, file->path) != 0)
        return fail_errno(fault, "cannot write", file->path);
    free(file->temporary);
    file->temporary = NULL;
    return PUM_OK;
}

void out_file_end(struct out_file *file)
{
    if (file->stream != NULL)
        fclose(file->stream);
    if (file->temporary != NULL)
        unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    memset(file, 0, sizeof(*file));
}

/* Reads to the end, growing; a pipe has no size to ask for. */
static pum_status read_stream(FILE *stream, const char *path, size_t max_bytes,
                              unsigned char **out_data, size_t *out_size, struct fault *fault)
{
    unsigned char *data = NULL;
    size_t size = 0, room = 0;
    for (;;) {
        if (room - size < 2) {
            size_t larger = room == 0 ? 65536 : room * 2;
            unsigned char *grown = realloc(data, larger);
            if (grown == NULL) {
                free(data);
                return fault_set(fault, PUM_E_MEMORY, "cannot read %s: out of memory", path);
            }
            data = grown;
            room = larger;
        }
        size_t got = fread(data + size, 1, room - size - 1, stream);
        size += got;
        if (size > max_bytes) {
            free(data);
            return fault_set(fault, PUM_E_FILE, "cannot read %s: it is larger than %zu MiB", path,
                             max_bytes >> 20);
        }
        if (got == 0)
            break;
    }
    if (ferror(stream)) {
        free(data);
        return fail_errno(fault, "cannot read", path);
    }
    data[size] = 0;
    *out_data = data;
    *out_size = size;
    return PUM_OK;
}

pum_status in_file_read(const char *path, size_t max_bytes, unsigned char **out_data,
                        size_t *out_size_bytes, struct fault *fault)
{
    *out_data = NULL;
    *out_size_bytes = 0;
    struct stat info;
    if (stat(path, &info) != 0)
        return fail_errno(fault, "cannot read", path);
    if (S_ISDIR(info.st_mode))
        return fault_set(fault, PUM_E_FILE, "cannot read %s: it is a folder", path);
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return fail_errno(fault, "cannot read", path);
    pum_status status = read_stream(stream, path, max_bytes, out_data, out_size_bytes, fault);
    fclose(stream);
    return status;
}
