/* SPDX-License-Identifier: MIT
 *
 * safetensors_header.c - one file's header into a list of tensors. Nothing that it says is used
 * before it was checked: lengths against the file, types against a table, sizes against shapes,
 * places against each other. Tests: tests/hf/test_safetensors.c, tests/fuzz/fuzz_safetensors.c.
 */
#include "safetensors_parts.h"

#include "hf_json.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8

/* Types of the format; those without a pum_dtype are checked and can be listed, but not used. */
static const struct {
    const char *name;
    pum_dtype dtype;
    uint32_t bits;
} type_rows[] = {
    {"F32", PUM_DTYPE_F32, 32},         {"F16", PUM_DTYPE_F16, 16},
    {"BF16", PUM_DTYPE_BF16, 16},       {"F64", PUM_DTYPE_F64, 64},
    {"I64", PUM_DTYPE_I64, 64},         {"I32", PUM_DTYPE_I32, 32},
    {"I16", PUM_DTYPE_I16, 16},         {"I8", PUM_DTYPE_I8, 8},
    {"U64", PUM_DTYPE_U64, 64},         {"U32", PUM_DTYPE_U32, 32},
    {"U16", PUM_DTYPE_U16, 16},         {"U8", PUM_DTYPE_U8, 8},
    {"BOOL", PUM_DTYPE_BOOL, 8},        {"C64", PUM_DTYPE_NONE, 64},
    {"F8_E5M2", PUM_DTYPE_NONE, 8},     {"F8_E4M3", PUM_DTYPE_NONE, 8},
    {"F8_E8M0", PUM_DTYPE_NONE, 8},     {"F8_E4M3FNUZ", PUM_DTYPE_NONE, 8},
    {"F8_E5M2FNUZ", PUM_DTYPE_NONE, 8}, {"F6_E2M3", PUM_DTYPE_NONE, 6},
    {"F6_E3M2", PUM_DTYPE_NONE, 6},     {"F4", PUM_DTYPE_NONE, 4},
};

/* Every message says in which file and tensor. */
#define TENSOR_FAULT(status, format, ...)                                                          \
    fault_set(fault, status, "%.500s: tensor '%.120s': " format, path, tensor->name, __VA_ARGS__)

static uint32_t find_type(struct st_tensor *tensor)
{
    for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++) {
        if (strcmp(type_rows[i].name, tensor->type_name) == 0) {
            tensor->dtype = type_rows[i].dtype;
            return type_rows[i].bits;
        }
    }
    return 0;
}

/* Type, dims and size_bytes. */
static pum_status read_shape(const char *path, const json_t *entry, struct st_tensor *tensor,
                             struct fault *fault)
{
    const json_t *shape = json_object_get(entry, "shape");
    tensor->type_name = json_string_value(json_object_get(entry, "dtype"));
    if (tensor->type_name == NULL)
        return TENSOR_FAULT(PUM_E_FORMAT, "%s", "there is no dtype");
    uint32_t bits = find_type(tensor);
    if (bits == 0)
        return TENSOR_FAULT(PUM_E_FORMAT, "dtype '%.40s' is no type of this format",
                            tensor->type_name);
    if (!json_is_array(shape))
        return TENSOR_FAULT(PUM_E_FORMAT, "%s", "there is no shape");
    size_t rank = json_array_size(shape);
    if (rank > PUM_MAX_RANK)
        return TENSOR_FAULT(PUM_E_UNSUPPORTED, "%zu axes; at most %d are supported", rank,
                            PUM_MAX_RANK);
    uint64_t count = 1;
    bool empty = false;
    for (size_t i = 0; i < rank; i++) {
        const json_t *item = json_array_get(shape, i);
        json_int_t dim = json_is_integer(item) ? json_integer_value(item) : -1;
        if (dim < 0 || dim > INT32_MAX)
            return TENSOR_FAULT(PUM_E_FORMAT, "axis %zu of the shape is no size from 0 to %d", i,
                                INT32_MAX);
        tensor->dims[i] = dim;
        empty = empty || dim == 0;
        if (dim > 0 && count > UINT64_MAX / 64 / (uint64_t)dim)
            return TENSOR_FAULT(PUM_E_FORMAT, "%s", "the shape is larger than memory can be");
        count *= dim > 0 ? (uint64_t)dim : 1;
    }
    tensor->rank = (int32_t)rank;
    uint64_t total_bits = empty ? 0 : count * bits;
    if (total_bits % 8 != 0 || total_bits / 8 > SIZE_MAX / 2)
        return TENSOR_FAULT(PUM_E_FORMAT, "%s", "the shape gives no whole number of bytes");
    tensor->size_bytes = (size_t)(total_bits / 8);
    return PUM_OK;
}

/* The place in the data, which is data_bytes long; *out_begin is where. */
static pum_status read_place(const char *path, const json_t *entry, size_t data_bytes,
                             const struct st_tensor *tensor, size_t *out_begin, struct fault *fault)
{
    const json_t *place = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(place, 0), *last = json_array_get(place, 1);
    if (!json_is_array(place) || json_array_size(place) != 2 || !json_is_integer(first) ||
        !json_is_integer(last))
        return TENSOR_FAULT(PUM_E_FORMAT, "%s", "data_offsets is no pair of whole numbers");
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > data_bytes)
        return TENSOR_FAULT(PUM_E_FORMAT,
                            "data_offsets [%lld, %lld] lie outside the data, which "
                            "has %zu bytes; the file is damaged or was not copied whole",
                            (long long)begin, (long long)end, data_bytes);
    if ((uint64_t)(end - begin) != tensor->size_bytes)
        return TENSOR_FAULT(PUM_E_FORMAT,
                            "data_offsets give %lld bytes; its type and shape need "
                            "%zu",
                            (long long)(end - begin), tensor->size_bytes);
    *out_begin = (size_t)begin;
    return PUM_OK;
}

static pum_status read_entry(const char *path, const json_t *entry, const uint8_t *data,
                             size_t data_bytes, struct st_tensor *tensor, struct fault *fault)
{
    size_t begin = 0;
    if (!json_is_object(entry))
        return TENSOR_FAULT(PUM_E_FORMAT, "%s", "its entry is no object { ... }");
    pum_status status = read_shape(path, entry, tensor, fault);
    if (status == PUM_OK)
        status = read_place(path, entry, data_bytes, tensor, &begin, fault);
    if (status == PUM_OK)
        tensor->data = data + begin;
    return status;
}

static int by_place(const void *left, const void *right)
{
    const struct st_tensor *a = left, *b = right;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    /* Tensors without bytes stand before the one that begins where they do. */
    return (a->size_bytes > b->size_bytes) - (a->size_bytes < b->size_bytes);
}

/* Sorts by place: the data must be covered without gap and overlap. */
static pum_status check_cover(const struct st_file *file, const uint8_t *data, size_t data_bytes,
                              struct fault *fault)
{
    const char *path = file->path;
    const uint8_t *next = data;
    qsort(file->tensors, (size_t)file->count, sizeof(*file->tensors), by_place);
    for (int32_t i = 0; i < file->count; i++) {
        const struct st_tensor *tensor = &file->tensors[i];
        if (tensor->data < next)
            return TENSOR_FAULT(PUM_E_FORMAT, "its data overlaps that of '%.120s'",
                                file->tensors[i - 1].name);
        if (tensor->data > next)
            return TENSOR_FAULT(PUM_E_FORMAT, "%zu bytes before its data belong to no tensor",
                                (size_t)(tensor->data - next));
        next += tensor->size_bytes;
    }
    if (next != data + data_bytes)
        return fault_set(fault, PUM_E_FORMAT, "%.500s: %zu bytes at the end belong to no tensor",
                         path, (size_t)(data + data_bytes - next));
    return PUM_OK;
}

static pum_status read_entries(struct st_file *file, const uint8_t *data, size_t data_bytes,
                               struct fault *fault)
{
    const char *name;
    json_t *entry;
    size_t room = json_object_size(file->header);
    if (room > INT32_MAX)
        return fault_set(fault, PUM_E_FORMAT, "%.500s: too many tensors", file->path);
    file->tensors = calloc(room + 1, sizeof(*file->tensors));
    if (file->tensors == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        struct st_tensor *tensor = &file->tensors[file->count];
        *tensor = (struct st_tensor){.name = name, .file = file->path};
        pum_status status = read_entry(file->path, entry, data, data_bytes, tensor, fault);
        if (status != PUM_OK)
            return status;
        file->count++;
    }
    return check_cover(file, data, data_bytes, fault);
}

pum_status st_read_header(struct st_file *file, const uint8_t *data, size_t size_bytes,
                          struct fault *fault)
{
    json_error_t error;
    uint64_t length = 0;
    if (size_bytes < LENGTH_BYTES)
        return fault_set(fault, PUM_E_FORMAT, "%.500s: %zu bytes are no safetensors file",
                         file->path, size_bytes);
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | data[i];
    if (length > size_bytes - LENGTH_BYTES)
        return fault_set(fault, PUM_E_FORMAT,
                         "%.500s: the header would have %llu bytes, the file "
                         "has %zu; this is no safetensors file, or it was not copied whole",
                         file->path, (unsigned long long)length, size_bytes);
    if (length > HF_JSON_MAX_BYTES)
        return fault_set(fault, PUM_E_UNSUPPORTED,
                         "%.500s: the header has %llu bytes; at most %zu "
                         "are read",
                         file->path, (unsigned long long)length, HF_JSON_MAX_BYTES);
    const uint8_t *text = data + LENGTH_BYTES;
    if (length == 0 || text[0] != '{')
        return fault_set(fault, PUM_E_FORMAT,
                         "%.500s: the header is no JSON object; this is no "
                         "safetensors file",
                         file->path);
    file->header = json_loadb((const char *)text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (file->header == NULL)
        return fault_set(fault, PUM_E_FORMAT, "%.500s: the header is damaged: %s", file->path,
                         error.text);
    return read_entries(file, text + length, size_bytes - LENGTH_BYTES - (size_t)length, fault);
}
