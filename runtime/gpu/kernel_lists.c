/* SPDX-License-Identifier: MIT
 *
 * kernel_lists.c - the kernel rows that a device does not use (its quarantine: found wrong by
 * verify, kept in the cache folder for this driver version and this version of Pumice) and those
 * that it prefers (PUMICE_KERNEL). Both go to the capabilities, where kernel choice sees them.
 */
#include "gpu/device_internal.h"

#include "base/file.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE_BYTES (64u << 10)
#define MAX_NAMES 1024
#define MAX_NAME_BYTES 128

/* A NULL-terminated array and its strings in one block; NULL after pum_fail. `extra` is added. */
static char **parse_names(pum_context *context, const char *text, const char *extra)
{
    size_t text_bytes = strlen(text) + 1, extra_bytes = extra ? strlen(extra) + 1 : 0;
    size_t pointers = (MAX_NAMES + 2) * sizeof(char *);
    char **names = pum_alloc(context, pointers + text_bytes + extra_bytes, 1);
    if (!names)
        return NULL;
    char *at = (char *)names + pointers;
    memcpy(at, text, text_bytes);
    int32_t count = 0;
    while (*at && count < MAX_NAMES) {
        size_t length = 0;
        while (isalnum((unsigned char)at[length]) || at[length] == '_')
            ++length;
        char *end = at + length;
        char stop = *end;
        *end = '\0';
        /* Anything else than names between commas and line ends is passed over. */
        if (length > 0 && length < MAX_NAME_BYTES)
            names[count++] = at;
        at = stop ? end + 1 : end;
    }
    if (extra) {
        char *last = (char *)names + pointers + text_bytes;
        memcpy(last, extra, extra_bytes);
        names[count++] = last;
    }
    names[count] = NULL;
    return names;
}

static bool contains(char **names, const char *name)
{
    for (; names && *names; ++names)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static char **current(const struct gpu_kernel_lists *lists)
{
    return lists->array_count > 0 ? lists->arrays[lists->array_count - 1] : NULL;
}

/* Takes the array over and shows it to readers, some of whom may still hold the one before. */
static pum_status publish(struct pum_device *device, char **names)
{
    struct gpu_kernel_lists *lists = &device->lists;
    pum_status status = pum_grow(device->context, &lists->arrays, &lists->array_capacity,
                                 lists->array_count, sizeof(*lists->arrays));
    if (status != PUM_OK) {
        pum_free(device->context, names);
        return status;
    }
    lists->arrays[lists->array_count++] = names;
    const char *const *shown = (const char *const *)names;
    __atomic_store(&device->caps.quarantined, &shown, __ATOMIC_RELEASE);
    return PUM_OK;
}

/* The quarantine file's text; "" (freed all the same) when there is none or it cannot be read. */
static char *read_text(struct pum_device *device, const char *path)
{
    pum_context *context = device->context;
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (path && access(path, F_OK) == 0 &&
        base_file_read(context, path, MAX_FILE_BYTES, &data, &bytes) != PUM_OK) {
        pum_log(context, PUM_LOG_WARNING, "quarantine list is ignored: %s", pum_last_error());
        data = NULL;
        bytes = 0;
    }
    char *text = pum_alloc(context, bytes + 1, 1);
    if (text && bytes > 0) {
        memcpy(text, data, bytes);
        for (size_t i = 0; i < bytes; ++i)
            if (!text[i])
                text[i] = '\n';
    }
    pum_free(context, data);
    return text;
}

pum_status gpu_kernel_lists_init(struct pum_device *device)
{
    pum_context *context = device->context;
    if (context->knobs.kernel) {
        device->lists.pinned = parse_names(context, context->knobs.kernel, NULL);
        if (!device->lists.pinned)
            return PUM_E_MEMORY;
        device->caps.pinned = (const char *const *)device->lists.pinned;
    }
    pum_status status;
    char *path = gpu_cache_path(device, "quarantine", ".txt", &status);
    PUM_TRY(status);
    char *text = read_text(device, path);
    pum_free(context, path);
    if (!text)
        return PUM_E_MEMORY;
    char **names = parse_names(context, text, NULL);
    pum_free(context, text);
    return names ? publish(device, names) : PUM_E_MEMORY;
}

static bool valid_name(const char *name)
{
    size_t length = 0;
    while (isalnum((unsigned char)name[length]) || name[length] == '_')
        ++length;
    return length > 0 && length < MAX_NAME_BYTES && !name[length];
}

/* Adds the name to the file, which another process may have changed since. */
static pum_status append_file(struct pum_device *device, const char *path, const char *kernel)
{
    pum_context *context = device->context;
    char *text = read_text(device, path);
    if (!text)
        return PUM_E_MEMORY;
    char **names = parse_names(context, text, NULL);
    pum_status status = names ? PUM_OK : PUM_E_MEMORY;
    if (names && !contains(names, kernel)) {
        size_t old = strlen(text), added = strlen(kernel);
        char *grown = pum_realloc(context, text, old + added + 3, 1);
        if (grown) {
            text = grown;
            if (old > 0 && text[old - 1] != '\n')
                text[old++] = '\n';
            memcpy(text + old, kernel, added);
            text[old + added] = '\n';
            status = base_file_write_atomic(context, path, text, old + added + 1);
        } else {
            status = PUM_E_MEMORY;
        }
    }
    pum_free(context, names);
    pum_free(context, text);
    return status;
}

static pum_status quarantine_locked(struct pum_device *device, const char *kernel)
{
    pum_context *context = device->context;
    char **now = current(&device->lists);
    if (!contains(now, kernel)) {
        size_t bytes = 1;
        int32_t count = 0;
        for (char **name = now; *name; ++name, ++count)
            bytes += strlen(*name) + 1;
        if (count >= MAX_NAMES)
            return pum_fail(PUM_E_RANGE, "more than %d kernels in quarantine", MAX_NAMES);
        char *text = pum_alloc(context, bytes, 1);
        if (!text)
            return PUM_E_MEMORY;
        char *at = text;
        for (char **name = now; *name; ++name) {
            size_t length = strlen(*name);
            memcpy(at, *name, length);
            at[length] = '\n';
            at += length + 1;
        }
        char **names = parse_names(context, text, kernel);
        pum_free(context, text);
        if (!names)
            return PUM_E_MEMORY;
        PUM_TRY(publish(device, names));
    }
    pum_status status;
    char *path = gpu_cache_path(device, "quarantine", ".txt", &status);
    if (path)
        status = append_file(device, path, kernel);
    pum_free(context, path);
    return status;
}

pum_status gpu_device_quarantine(struct pum_device *device, const char *kernel)
{
    if (!valid_name(kernel))
        return pum_fail(PUM_E_ARGUMENT, "'%.64s' is not the name of a kernel row", kernel);
    base_lock_take(&device->lists.lock);
    pum_status status = quarantine_locked(device, kernel);
    base_lock_release(&device->lists.lock);
    return status;
}

void gpu_kernel_lists_finish(struct pum_device *device)
{
    struct gpu_kernel_lists *lists = &device->lists;
    for (int32_t i = 0; i < lists->array_count; ++i)
        pum_free(device->context, lists->arrays[i]);
    pum_free(device->context, lists->arrays);
    pum_free(device->context, lists->pinned);
    lists->arrays = NULL;
    lists->pinned = NULL;
    lists->array_count = 0;
    device->caps.quarantined = device->caps.pinned = NULL;
}
