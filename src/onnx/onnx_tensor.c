/* SPDX-License-Identifier: MIT
 *
 * onnx_tensor.c - TensorProto in each of its encodings to a constant. The shape says how many bytes
 * or numbers there must be; whatever the file holds instead is an error. Raw bytes (in the file or
 * beside it) are used where they lie if they are aligned for their type, else copied once. They are
 * little-endian in the format, as on every host that Pumice runs on.
 * Tests: tests/onnx/test_onnx_tensor.c.
 */
#include "onnx_reader.h"

#include <string.h>

/* --- Types ------------------------------------------------------------------------------------ */

static const struct {
    int32_t data_type;
    pum_dtype dtype;
} type_rows[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, PUM_DTYPE_F32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, PUM_DTYPE_U8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT8, PUM_DTYPE_I8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT16, PUM_DTYPE_U16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT16, PUM_DTYPE_I16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, PUM_DTYPE_I32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, PUM_DTYPE_I64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, PUM_DTYPE_BOOL},
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, PUM_DTYPE_F16},
    {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, PUM_DTYPE_F64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT32, PUM_DTYPE_U32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT64, PUM_DTYPE_U64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, PUM_DTYPE_BF16},
};

#define TYPE_ROWS (sizeof(type_rows) / sizeof(type_rows[0]))

pum_dtype onnx_dtype(int32_t data_type)
{
    for (size_t i = 0; i < TYPE_ROWS; i++) {
        if (type_rows[i].data_type == data_type)
            return type_rows[i].dtype;
    }
    return PUM_DTYPE_NONE;
}

int32_t onnx_data_type(pum_dtype dtype)
{
    for (size_t i = 0; i < TYPE_ROWS; i++) {
        if (type_rows[i].dtype == dtype)
            return type_rows[i].data_type;
    }
    return ONNX__TENSOR_PROTO__DATA_TYPE__UNDEFINED;
}

/* --- Shape ------------------------------------------------------------------------------------ */

/* Fills type, shape and size_bytes. */
static pum_status read_shape(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                             const char *name, struct onnx_data *data)
{
    data->dtype = onnx_dtype(tensor->data_type);
    if (tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__STRING)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "tensor '%.200s' holds strings, which are not "
                         "supported", name);
    if (data->dtype == PUM_DTYPE_NONE)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "tensor '%.200s' has the element type %d of "
                         "ONNX, which is not supported", name, tensor->data_type);
    if (tensor->n_dims > PUM_MAX_RANK)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "tensor '%.200s' has %zu axes; at most %d are "
                         "supported", name, tensor->n_dims, PUM_MAX_RANK);
    uint64_t count = 1;
    bool empty = false;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        int64_t dim = tensor->dims[i];
        if (dim < 0 || dim > INT32_MAX)
            return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s': axis %zu has size %lld", name,
                             i, (long long)dim);
        data->dims[i] = dim;
        empty = empty || dim == 0;
        if (dim > 0 && count > (uint64_t)(SIZE_MAX / 16) / (uint64_t)dim)
            return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' is larger than memory can be",
                             name);
        count *= dim > 0 ? (uint64_t)dim : 1;
    }
    data->rank = (int32_t)tensor->n_dims;
    data->size_bytes = empty ? 0 : (size_t)count * pum_dtype_size(data->dtype);
    return PUM_OK;
}

/* --- Numbers in fields of their own ----------------------------------------------------------- */

static pum_status wrong_count(struct onnx_reader *reader, const char *name, const char *field,
                              size_t has, size_t needs)
{
    return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' has %zu %s; its shape needs %zu", name,
                     has, field, needs);
}

/* Narrow integers and halves stand in int32_data; false if one does not fit its type. */
static bool narrow_int32(pum_dtype dtype, const int32_t *values, size_t count, void *out)
{
    for (size_t i = 0; i < count; i++) {
        int32_t value = values[i];
        bool fits = true;
        switch (dtype) {
        case PUM_DTYPE_I8:
            fits = value >= INT8_MIN && value <= INT8_MAX;
            ((int8_t *)out)[i] = (int8_t)value;
            break;
        case PUM_DTYPE_U8:
            fits = value >= 0 && value <= UINT8_MAX;
            ((uint8_t *)out)[i] = (uint8_t)value;
            break;
        case PUM_DTYPE_I16:
            fits = value >= INT16_MIN && value <= INT16_MAX;
            ((int16_t *)out)[i] = (int16_t)value;
            break;
        case PUM_DTYPE_BOOL:
            ((uint8_t *)out)[i] = value != 0;
            break;
        default: /* uint16, and the bits of float16 and bfloat16 */
            fits = value >= 0 && value <= UINT16_MAX;
            ((uint16_t *)out)[i] = (uint16_t)value;
            break;
        }
        if (!fits)
            return false;
    }
    return true;
}

static bool narrow_uint64(const uint64_t *values, size_t count, uint32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i] > UINT32_MAX)
            return false;
        out[i] = (uint32_t)values[i];
    }
    return true;
}

/* Which field holds numbers of this type. */
struct field_view {
    const char *name;
    size_t count;
    const void *values;
    bool narrow; /* the field's numbers are wider than the type's */
};

static struct field_view typed_field(const Onnx__TensorProto *tensor, pum_dtype dtype)
{
    switch (dtype) {
    case PUM_DTYPE_F32:
        return (struct field_view){"float_data", tensor->n_float_data, tensor->float_data, false};
    case PUM_DTYPE_F64:
        return (struct field_view){"double_data", tensor->n_double_data, tensor->double_data,
                                   false};
    case PUM_DTYPE_I64:
        return (struct field_view){"int64_data", tensor->n_int64_data, tensor->int64_data, false};
    case PUM_DTYPE_U64:
        return (struct field_view){"uint64_data", tensor->n_uint64_data, tensor->uint64_data,
                                   false};
    case PUM_DTYPE_U32:
        return (struct field_view){"uint64_data", tensor->n_uint64_data, tensor->uint64_data, true};
    case PUM_DTYPE_I32:
        return (struct field_view){"int32_data", tensor->n_int32_data, tensor->int32_data, false};
    default:
        return (struct field_view){"int32_data", tensor->n_int32_data, tensor->int32_data, true};
    }
}

static pum_status read_typed(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                             const char *name, struct onnx_data *data)
{
    struct field_view field = typed_field(tensor, data->dtype);
    size_t needs = data->size_bytes / pum_dtype_size(data->dtype);
    size_t total = tensor->n_float_data + tensor->n_int32_data + tensor->n_int64_data +
                   tensor->n_double_data + tensor->n_uint64_data;

    if (field.count != needs)
        return wrong_count(reader, name, field.name, field.count, needs);
    if (total != field.count)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' (%s) has numbers in another field "
                         "than %s, too", name, pum_dtype_name(data->dtype), field.name);
    data->data = field.values;
    if (!field.narrow || needs == 0)
        return PUM_OK;
    data->scratch = onnx_alloc(&reader->memory, data->size_bytes, 1);
    if (data->scratch == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    data->data = data->scratch;
    bool fits = data->dtype == PUM_DTYPE_U32
                    ? narrow_uint64(tensor->uint64_data, needs, data->scratch)
                    : narrow_int32(data->dtype, tensor->int32_data, needs, data->scratch);
    if (!fits)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s': a number in %s does not fit %s",
                         name, field.name, pum_dtype_name(data->dtype));
    return PUM_OK;
}

/* --- Raw bytes -------------------------------------------------------------------------------- */

static pum_status read_raw(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                           const char *name, struct onnx_data *data)
{
    uint32_t number;

    /* onnx_wire.c has put a number in place of the bytes. */
    if (tensor->raw_data.len != sizeof(number))
        return onnx_fail(reader, PUM_E_INTERNAL, "tensor '%.200s': raw_data was lost", name);
    memcpy(&number, tensor->raw_data.data, sizeof(number));
    if (number >= reader->raw_count)
        return onnx_fail(reader, PUM_E_INTERNAL, "tensor '%.200s': raw_data was lost", name);
    const struct onnx_raw *raw = &reader->raws[number];
    if (raw->size_bytes != data->size_bytes)
        return wrong_count(reader, name, "bytes of raw_data", raw->size_bytes, data->size_bytes);
    if (tensor->n_float_data + tensor->n_int32_data + tensor->n_int64_data +
            tensor->n_double_data + tensor->n_uint64_data > 0)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' has raw_data and numbers, too",
                         name);
    data->data = raw->data;
    data->lasting = reader->lasting;
    data->in_file = reader->lasting;
    return PUM_OK;
}

pum_status onnx_decode(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                       const char *name, struct onnx_data *out_data)
{
    *out_data = (struct onnx_data){0};
    ONNX_TRY(read_shape(reader, tensor, name, out_data));
    if (tensor->segment != NULL)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "tensor '%.200s' is stored in segments, which "
                         "are not supported", name);
    if (tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        struct onnx_raw raw;
        ONNX_TRY(onnx_external_data(reader, tensor, name, out_data->size_bytes, &raw));
        out_data->data = raw.data;
        out_data->lasting = true; /* the graph keeps the mapping */
        out_data->in_file = true;
        return PUM_OK;
    }
    if (tensor->has_raw_data)
        return read_raw(reader, tensor, name, out_data);
    return read_typed(reader, tensor, name, out_data);
}

void onnx_data_free(struct onnx_reader *reader, struct onnx_data *data)
{
    onnx_free(&reader->memory, data->scratch);
    *data = (struct onnx_data){0};
}

pum_status onnx_constant(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                         const char *name, pum_value *out_value)
{
    struct onnx_data data;
    pum_status status = onnx_decode(reader, tensor, name, &data);

    *out_value = PUM_NO_VALUE;
    if (status == PUM_OK) {
        bool aligned = (uintptr_t)data.data % pum_dtype_size(data.dtype) == 0;
        const void *bytes = data.data != NULL ? data.data : "";
        if (data.lasting && aligned && data.size_bytes > 0) {
            *out_value = pum_constant(reader->graph, name, data.dtype, data.rank, data.dims, bytes,
                                      data.size_bytes);
            reader->points_at_file = true;
        } else {
            *out_value = pum_constant_copy(reader->graph, name, data.dtype, data.rank, data.dims,
                                           bytes, data.size_bytes);
            if (data.in_file)
                onnx_forget_pages(bytes, data.size_bytes);
        }
        status = pum_graph_status(reader->graph);
    }
    onnx_data_free(reader, &data);
    return status;
}
