/* SPDX-License-Identifier: MIT
 *
 * mapped_file.c - see mapped_file.h. Folders, pipes and devices are refused: they cannot be mapped,
 * and opening a pipe must not wait for a writer. Tests: tests/hf/test_safetensors.c.
 */
#include "mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static pum_status map_open(struct mapped_file *file, int handle, const char *path,
                           struct fault *fault)
{
    struct stat info;
    if (fstat(handle, &info) != 0)
        return fault_set(fault, PUM_E_FILE, "%.600s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return fault_set(fault, PUM_E_FILE, "%.600s: this is no regular file", path);
    if ((uint64_t)info.st_size > SIZE_MAX / 2)
        return fault_set(fault, PUM_E_FILE, "%.600s: the file is larger than memory can be", path);
    size_t size = (size_t)info.st_size;
    if (size == 0)
        return PUM_OK;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, handle, 0);
    if (data == MAP_FAILED)
        return fault_set(fault, PUM_E_FILE, "%.600s: cannot be mapped: %s", path, strerror(errno));
    *file = (struct mapped_file){.data = data, .size_bytes = size};
    return PUM_OK;
}

pum_status mapped_file_open(struct mapped_file *file, const char *path, struct fault *fault)
{
    *file = (struct mapped_file){0};
    int handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (handle < 0)
        return fault_set(fault, PUM_E_FILE, "%.600s: %s", path, strerror(errno));
    pum_status status = map_open(file, handle, path, fault);
    (void)close(handle);
    return status;
}

void mapped_file_close(struct mapped_file *file)
{
    if (file->data != NULL)
        (void)munmap((void *)(uintptr_t)file->data, file->size_bytes);
    *file = (struct mapped_file){0};
}
