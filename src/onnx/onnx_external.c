/* SPDX-License-Identifier: MIT
 *
 * onnx_external.c - weights in files beside the model. A location is a path inside the model's
 * folder or below: no absolute path, no "..", and no symbolic link that leads out (the resolved
 * path is what is compared and opened). Each file is mapped once and kept by
 * the outermost graph.
 * Tests: tests/onnx/test_onnx_external.c.
 */
#include "onnx_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXTERNAL_FILES 65536

struct onnx_external {
    struct onnx_external *next;
    char *path; /* resolved */
    const uint8_t *data;
    size_t size_bytes;
};

static pum_status refuse_location(struct onnx_reader *reader, const char *name,
                                  const char *location, const char *why)
{
    return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s': external data '%.300s' %s", name,
                     location, why);
}

static bool has_dot_dot(const char *location)
{
    for (const char *part = location; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

/* The file's real path, inside the model's real folder. The caller frees it. */
static pum_status resolve(struct onnx_reader *reader, const char *name, const char *location,
                          char **out_path)
{
    *out_path = NULL;
    if (reader->folder == NULL)
        return refuse_location(reader, name, location, "cannot be read: the model itself does not "
                               "come from a file");
    if (location[0] == '\0' || location[0] == '/' || strchr(location, '\\') != NULL ||
        has_dot_dot(location))
        return refuse_location(reader, name, location, "is no path inside the model's folder");
    size_t folder_length = strlen(reader->folder);
    size_t size = folder_length + strlen(location) + 2;
    char *joined = malloc(size);
    if (joined == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    (void)snprintf(joined, size, "%s/%s", reader->folder, location);
    char *resolved = realpath(joined, NULL);
    int error = errno;
    free(joined);
    if (resolved == NULL)
        return onnx_fail(reader, PUM_E_FILE, "tensor '%.200s': external data '%.300s' in %.1000s: "
                         "%s", name, location, reader->folder, strerror(error));
    /* The folder may be "/" itself, which ends in the separator already. */
    bool root = folder_length == 1;
    if (strncmp(resolved, reader->folder, folder_length) != 0 ||
        (!root && resolved[folder_length] != '/')) {
        free(resolved);
        return refuse_location(reader, name, location, "leads out of the model's folder");
    }
    *out_path = resolved;
    return PUM_OK;
}

static void release_mapping(void *user)
{
    onnx_unmap(user);
    free(user);
}

static pum_status map_new(struct onnx_reader *reader, char *path, struct onnx_external **out_file)
{
    struct onnx_external *file = onnx_alloc(&reader->memory, 1, sizeof(*file));
    struct onnx_mapping *mapping = calloc(1, sizeof(*mapping));
    pum_status status;

    if (file == NULL || mapping == NULL) {
        onnx_free(&reader->memory, file);
        free(mapping);
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    }
    status = pum_graph_adopt(reader->root, release_mapping, mapping);
    if (status == PUM_OK)
        status = onnx_map(reader, path, UINT64_MAX, mapping);
    if (status != PUM_OK) {
        onnx_free(&reader->memory, file);
        return status;
    }
    *file = (struct onnx_external){
        .next = reader->externals,
        .path = path,
        .data = mapping->data,
        .size_bytes = mapping->size_bytes,
    };
    reader->externals = file;
    *out_file = file;
    return PUM_OK;
}

static pum_status find_file(struct onnx_reader *reader, const char *name, const char *location,
                            struct onnx_external **out_file)
{
    char *path;
    int32_t count = 0;

    ONNX_TRY(resolve(reader, name, location, &path));
    for (struct onnx_external *file = reader->externals; file != NULL; file = file->next) {
        if (strcmp(file->path, path) == 0) {
            free(path);
            *out_file = file;
            return PUM_OK;
        }
        count++;
    }
    pum_status status = count < MAX_EXTERNAL_FILES
                            ? map_new(reader, path, out_file)
                            : refuse_location(reader, name, location, "is one file too many");
    if (status != PUM_OK)
        free(path);
    return status;
}

void onnx_external_free(struct onnx_reader *reader)
{
    while (reader->externals != NULL) {
        struct onnx_external *file = reader->externals;
        reader->externals = file->next;
        free(file->path);
        onnx_free(&reader->memory, file);
    }
}

/* Decimal digits only. */
static bool parse_size(const char *text, uint64_t *out_value)
{
    uint64_t value = 0;

    if (text[0] == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *out_value = value;
    return true;
}

struct place {
    const char *location;
    uint64_t offset, length;
    bool has_length;
};

static pum_status read_place(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                             const char *name, struct place *out_place)
{
    *out_place = (struct place){0};
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const char *key = tensor->external_data[i]->key;
        const char *value = tensor->external_data[i]->value;
        bool good = true;
        if (key == NULL || value == NULL)
            continue;
        if (strcmp(key, "location") == 0)
            out_place->location = value;
        else if (strcmp(key, "offset") == 0)
            good = parse_size(value, &out_place->offset);
        else if (strcmp(key, "length") == 0)
            good = out_place->has_length = parse_size(value, &out_place->length);
        if (!good)
            return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s': external data has %s "
                             "'%.100s', not a number of bytes", name, key, value);
    }
    if (out_place->location == NULL)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s': external data has no location",
                         name);
    return PUM_OK;
}

pum_status onnx_external_data(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                              const char *name, size_t size_bytes, struct onnx_raw *out_raw)
{
    struct onnx_external *file = NULL;
    struct place place;

    *out_raw = (struct onnx_raw){0};
    ONNX_TRY(read_place(reader, tensor, name, &place));
    ONNX_TRY(find_file(reader, name, place.location, &file));
    if (place.has_length && place.length != size_bytes)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s': external data '%.300s' gives %llu "
                         "bytes; the shape needs %zu", name, place.location,
                         (unsigned long long)place.length, size_bytes);
    if (place.offset > file->size_bytes || size_bytes > file->size_bytes - place.offset)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s': external data '%.300s' has %zu "
                         "bytes; %zu from offset %llu are needed", name, place.location,
                         file->size_bytes, size_bytes, (unsigned long long)place.offset);
    out_raw->data = file->data == NULL ? (const uint8_t *)"" : file->data + place.offset;
    out_raw->size_bytes = size_bytes;
    return PUM_OK;
}
