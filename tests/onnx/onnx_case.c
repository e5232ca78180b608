/* SPDX-License-Identifier: MIT
 *
 * onnx_case.c - see onnx_case.h.
 */
#include "onnx_case.h"

#include "graph/tensor.h"

#include "onnx.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RELATIVE 1e-3
#define ABSOLUTE 1e-7

static bool fail(char *why, const char *what, const char *detail)
{
    (void)snprintf(why, CASE_WHY_BYTES, "%s%.300s", what, detail);
    return false;
}

static uint8_t *read_file(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;

    *out_size = 0;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        data = malloc((size_t)size + 1);
        *out_size = data == NULL ? 0 : fread(data, 1, (size_t)size, file);
    }
    (void)fclose(file);
    return data;
}

/* --- Tensors ---------------------------------------------------------------------------------- */

static pum_dtype dtype_of(int32_t data_type)
{
    static const pum_dtype dtypes[] = {
        PUM_DTYPE_NONE, PUM_DTYPE_F32, PUM_DTYPE_U8,  PUM_DTYPE_I8,     PUM_DTYPE_U16,
        PUM_DTYPE_I16,  PUM_DTYPE_I32, PUM_DTYPE_I64, PUM_DTYPE_STRING, PUM_DTYPE_BOOL,
        PUM_DTYPE_F16,  PUM_DTYPE_F64, PUM_DTYPE_U32, PUM_DTYPE_U64,    PUM_DTYPE_NONE,
        PUM_DTYPE_NONE, PUM_DTYPE_BF16};
    return data_type >= 0 && data_type < 17 ? dtypes[data_type] : PUM_DTYPE_NONE;
}

static void free_tensor(pum_tensor *tensor)
{
    for (size_t i = 0; tensor->dtype == PUM_DTYPE_STRING && tensor->data != NULL &&
                       i < tensor->size_bytes / sizeof(char *);
         i++)
        free(((char **)tensor->data)[i]);
    free(tensor->data);
    *tensor = (pum_tensor){0};
}

static void copy_bytes(void *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
}

static bool copy_strings(const Onnx__TensorProto *proto, size_t count, char **out)
{
    if (proto->n_string_data != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const ProtobufCBinaryData *text = &proto->string_data[i];
        out[i] = malloc(text->len + 1);
        copy_bytes(out[i], text->data, text->len);
        out[i][text->len] = '\0';
    }
    return true;
}

/* Some files hold numbers in fields of their own; only those types that do. */
static bool copy_typed(const Onnx__TensorProto *proto, pum_tensor *tensor)
{
    size_t count = tensor->size_bytes / pum_dtype_size(tensor->dtype);
    const void *from = tensor->dtype == PUM_DTYPE_F32   ? (const void *)proto->float_data
                       : tensor->dtype == PUM_DTYPE_I32 ? (const void *)proto->int32_data
                       : tensor->dtype == PUM_DTYPE_I64 ? (const void *)proto->int64_data
                       : tensor->dtype == PUM_DTYPE_F64 ? (const void *)proto->double_data
                                                        : NULL;
    if (proto->n_float_data + proto->n_int32_data + proto->n_int64_data + proto->n_double_data !=
            count ||
        (from == NULL && count > 0))
        return false;
    copy_bytes(tensor->data, from, tensor->size_bytes);
    return true;
}

static bool unpack_tensor(const uint8_t *data, size_t size, pum_tensor *out_tensor)
{
    Onnx__TensorProto *proto = onnx__tensor_proto__unpack(NULL, size, data);
    bool good = false;

    *out_tensor = (pum_tensor){0};
    if (proto != NULL && proto->n_dims <= PUM_MAX_RANK) {
        struct tensor_desc desc = {dtype_of(proto->data_type),
                                   shape_of((int32_t)proto->n_dims, proto->dims)};
        out_tensor->dtype = desc.dtype;
        out_tensor->rank = desc.shape.rank;
        memcpy(out_tensor->dims, desc.shape.dims, sizeof(out_tensor->dims));
        good = tensor_bytes(&desc, &out_tensor->size_bytes);
        out_tensor->data = calloc(1, out_tensor->size_bytes + 1);
        if (good && desc.dtype == PUM_DTYPE_STRING)
            good = copy_strings(proto, out_tensor->size_bytes / sizeof(char *), out_tensor->data);
        else if (good && proto->raw_data.len == out_tensor->size_bytes)
            copy_bytes(out_tensor->data, proto->raw_data.data, out_tensor->size_bytes);
        else if (good)
            good = copy_typed(proto, out_tensor);
    }
    if (proto != NULL)
        onnx__tensor_proto__free_unpacked(proto, NULL);
    if (!good)
        free_tensor(out_tensor);
    return good;
}

/* --- SequenceProto, OptionalProto ------------------------------------------------------------- */

/* Both stand in onnx-data.proto, which is not installed everywhere; their fields are few. */
enum { SEQUENCE_TENSORS = 3, OPTIONAL_TYPE = 2, OPTIONAL_TENSOR = 3, OPTIONAL_SEQUENCE = 5 };

static uint64_t varint(const uint8_t *data, size_t size, size_t *at)
{
    uint64_t value = 0;
    for (int shift = 0; *at < size && shift < 64; shift += 7) {
        uint8_t byte = data[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return value;
}

/* The next field: a number, or bytes [*out_body, *out_body + *out_size). */
static uint64_t next_field(const uint8_t *data, size_t size, size_t *at, size_t *out_body,
                           size_t *out_size)
{
    uint64_t tag = varint(data, size, at);

    *out_size = (size_t)varint(data, size, at);
    *out_body = *at;
    if ((tag & 7) == 2)
        *at = *out_size > size - *at ? size : *at + *out_size;
    return tag >> 3;
}

static bool add_item(const uint8_t *data, size_t size, struct case_value *value)
{
    value->items = realloc(value->items, ((size_t)value->count + 1) * sizeof(*value->items));
    return unpack_tensor(data, size, &value->items[value->count++]);
}

static bool unpack_sequence(const uint8_t *data, size_t size, struct case_value *value)
{
    size_t at = 0, body, length;

    value->kind = PUM_VALUE_SEQUENCE;
    while (at < size) {
        if (next_field(data, size, &at, &body, &length) == SEQUENCE_TENSORS &&
            !add_item(data + body, length, value))
            return false;
    }
    return true;
}

static bool unpack_optional(const uint8_t *data, size_t size, struct case_value *value)
{
    size_t at = 0, body, length;

    value->kind = PUM_VALUE_NONE;
    while (at < size) {
        switch (next_field(data, size, &at, &body, &length)) {
        case OPTIONAL_TENSOR:
            value->kind = PUM_VALUE_TENSOR;
            if (!add_item(data + body, length, value))
                return false;
            break;
        case OPTIONAL_SEQUENCE:
            if (!unpack_sequence(data + body, length, value))
                return false;
            break;
        default:
            break;
        }
    }
    return true;
}

static void free_value(struct case_value *value)
{
    for (int32_t i = 0; i < value->count; i++)
        free_tensor(&value->items[i]);
    free(value->items);
    *value = (struct case_value){0};
}

static bool read_value(const char *path, pum_value_kind stored, struct case_value *out_value)
{
    size_t size;
    uint8_t *data = read_file(path, &size);
    bool good = false;

    *out_value = (struct case_value){0};
    if (data != NULL && stored == PUM_VALUE_TENSOR)
        good = add_item(data, size, out_value);
    else if (data != NULL && stored == PUM_VALUE_SEQUENCE)
        good = unpack_sequence(data, size, out_value);
    else if (data != NULL)
        good = unpack_optional(data, size, out_value);
    free(data);
    return good;
}

/* --- Cases ------------------------------------------------------------------------------------ */

static pum_value_kind stored_as(const Onnx__ValueInfoProto *info)
{
    if (info->type == NULL)
        return PUM_VALUE_TENSOR;
    return info->type->value_case == ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE   ? PUM_VALUE_SEQUENCE
           : info->type->value_case == ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE ? PUM_VALUE_NONE
                                                                             : PUM_VALUE_TENSOR;
}

static bool is_bf16(const Onnx__ValueInfoProto *info)
{
    return stored_as(info) == PUM_VALUE_TENSOR && info->type != NULL &&
           info->type->tensor_type->elem_type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16;
}

static bool is_initializer(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_initializer; i++) {
        if (strcmp(graph->initializer[i]->name, name) == 0)
            return true;
    }
    return false;
}

bool case_read_ports(const char *folder, struct case_ports *out_ports, char *why)
{
    char path[600];
    size_t size;

    *out_ports = (struct case_ports){0};
    (void)snprintf(path, sizeof(path), "%s/model.onnx", folder);
    uint8_t *data = read_file(path, &size);
    Onnx__ModelProto *model = data == NULL ? NULL : onnx__model_proto__unpack(NULL, size, data);
    free(data);
    if (model == NULL)
        return fail(why, "cannot be read: ", path);
    const Onnx__GraphProto *graph = model->graph;
    bool good = graph->n_input <= CASE_MAX_PORTS && graph->n_output <= CASE_MAX_PORTS;
    for (size_t i = 0; good && i < graph->n_input; i++) {
        if (is_initializer(graph, graph->input[i]->name))
            continue;
        out_ports->input_is_bf16[out_ports->input_count] = is_bf16(graph->input[i]);
        out_ports->inputs[out_ports->input_count++] = stored_as(graph->input[i]);
    }
    for (size_t i = 0; good && i < graph->n_output; i++)
        out_ports->outputs[out_ports->output_count++] = stored_as(graph->output[i]);
    onnx__model_proto__free_unpacked(model, NULL);
    return good || fail(why, "too many inputs or outputs: ", path);
}

void case_free_set(struct case_set *set)
{
    for (int32_t i = 0; i < CASE_MAX_PORTS; i++) {
        free_value(&set->inputs[i]);
        free_value(&set->outputs[i]);
    }
}

bool case_read_set(const char *folder, const struct case_ports *ports, int index,
                   struct case_set *out_set, bool *out_missing, char *why)
{
    char path[600];
    bool good = true;

    *out_set = (struct case_set){.ports = *ports};
    (void)snprintf(path, sizeof(path), "%s/test_data_set_%d/output_0.pb", folder, index);
    FILE *first = fopen(path, "rb");
    *out_missing = first == NULL;
    if (first == NULL)
        return fail(why, "there is no ", path);
    (void)fclose(first);
    for (int32_t i = 0; i < ports->input_count && good; i++) {
        (void)snprintf(path, sizeof(path), "%s/test_data_set_%d/input_%d.pb", folder, index, i);
        good = read_value(path, ports->inputs[i], &out_set->inputs[i]);
        if (good && ports->input_is_bf16[i])
            out_set->inputs[i].items[0].dtype = PUM_DTYPE_BF16;
    }
    for (int32_t i = 0; i < ports->output_count && good; i++) {
        (void)snprintf(path, sizeof(path), "%s/test_data_set_%d/output_%d.pb", folder, index, i);
        good = read_value(path, ports->outputs[i], &out_set->outputs[i]);
    }
    if (good)
        return true;
    case_free_set(out_set);
    return fail(why, "cannot be read: ", path);
}

/* --- Comparing -------------------------------------------------------------------------------- */

static struct host_tensor view(const pum_tensor *tensor)
{
    return (struct host_tensor){{tensor->dtype, shape_of(tensor->rank, tensor->dims)},
                                tensor->data};
}

static bool elements_agree(const struct host_tensor *got, const struct host_tensor *wanted,
                           int64_t i, char *why)
{
    if (wanted->desc.dtype == PUM_DTYPE_STRING) {
        const char *a = ((char **)got->data)[i], *b = ((char **)wanted->data)[i];
        if (strcmp(a, b) != 0)
            (void)snprintf(why, CASE_WHY_BYTES, "element %lld is '%.80s', expected '%.80s'",
                           (long long)i, a, b);
        return strcmp(a, b) == 0;
    }
    double x = tensor_get_f64(got, i), y = tensor_get_f64(wanted, i);
    bool same = x == y || (isnan(x) && isnan(y));
    if (!same && dtype_is_float(wanted->desc.dtype))
        same = fabs(x - y) <= ABSOLUTE + RELATIVE * fabs(y);
    if (!same)
        (void)snprintf(why, CASE_WHY_BYTES, "element %lld is %.9g, expected %.9g", (long long)i, x,
                       y);
    return same;
}

static bool tensors_agree(const pum_tensor *got_tensor, const pum_tensor *wanted_tensor,
                          bool random, char *why)
{
    struct host_tensor got = view(got_tensor), wanted = view(wanted_tensor);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];

    /* NumPy has no bfloat16: its bits are stored as uint16. */
    if (got.desc.dtype == PUM_DTYPE_BF16 && wanted.desc.dtype == PUM_DTYPE_U16)
        wanted.desc.dtype = PUM_DTYPE_BF16;
    if (got.desc.dtype != wanted.desc.dtype || !shape_equal(&got.desc.shape, &wanted.desc.shape)) {
        (void)snprintf(why, CASE_WHY_BYTES, "%s%s, expected %s%s", pum_dtype_name(got.desc.dtype),
                       shape_text(&got.desc.shape, a), pum_dtype_name(wanted.desc.dtype),
                       shape_text(&wanted.desc.shape, b));
        return false;
    }
    for (int64_t i = 0; !random && i < shape_elements(&wanted.desc.shape); i++) {
        if (!elements_agree(&got, &wanted, i, why))
            return false;
    }
    return true;
}

bool case_agree(const struct case_value *got, const struct case_value *wanted, bool random,
                char *why)
{
    static const char *const kinds[] = {"a tensor", "a list", "nothing"};

    if (got->kind != wanted->kind || got->count != wanted->count) {
        (void)snprintf(why, CASE_WHY_BYTES, "%s (%d tensors), expected %s (%d)", kinds[got->kind],
                       got->count, kinds[wanted->kind], wanted->count);
        return false;
    }
    for (int32_t i = 0; i < wanted->count; i++) {
        if (!tensors_agree(&got->items[i], &wanted->items[i], random, why))
            return false;
    }
    return true;
}
