/* SPDX-License-Identifier: MIT
 *
 * onnx_tensor.c - TensorProto in each of its encodings to a constant; sparse ones are made dense.
 * The shape says how many bytes or numbers there must be; whatever the file holds instead is an
 * error. Raw bytes (in the file or beside it) are used where they lie if they are aligned for their
 * type, else copied once. They are little-endian in the format, as on every host that Pumice runs
 * on. Tests: tests/onnx/test_onnx_tensor.c.
 */
#include "onnx_reader.h"

#include <stdlib.h>
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
    {ONNX__TENSOR_PROTO__DATA_TYPE__STRING, PUM_DTYPE_STRING},
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

static size_t typed_count(const Onnx__TensorProto *tensor)
{
    return tensor->n_float_data + tensor->n_int32_data + tensor->n_int64_data +
           tensor->n_double_data + tensor->n_uint64_data;
}

static pum_status read_typed(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                             const char *name, struct onnx_data *data)
{
    struct field_view field = typed_field(tensor, data->dtype);
    size_t needs = data->size_bytes / pum_dtype_size(data->dtype);
    size_t total = typed_count(tensor);

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

/* --- Strings ---------------------------------------------------------------------------------- */

/* Pointers, and the texts behind them, in a block that lives as long as the outermost graph. */
static pum_status read_strings(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                               const char *name, struct onnx_data *data)
{
    size_t needs = data->size_bytes / sizeof(char *);
    size_t bytes = data->size_bytes + 1;

    if (tensor->n_string_data != needs)
        return wrong_count(reader, name, "strings", tensor->n_string_data, needs);
    if (typed_count(tensor) > 0 || tensor->has_raw_data)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' has strings and numbers", name);
    for (size_t i = 0; i < needs; i++) {
        const ProtobufCBinaryData *text = &tensor->string_data[i];
        if (text->len > 0 && memchr(text->data, '\0', text->len) != NULL)
            return onnx_fail(reader, PUM_E_UNSUPPORTED, "tensor '%.200s': string %zu has a zero "
                             "byte inside", name, i);
        bytes += text->len + 1; /* all of them lie in memory: no overflow */
    }
    char **strings = malloc(bytes);
    if (strings == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    ONNX_TRY(pum_graph_adopt(reader->root, free, strings));
    char *next = (char *)(strings + needs);
    for (size_t i = 0; i < needs; i++) {
        const ProtobufCBinaryData *text = &tensor->string_data[i];
        strings[i] = next;
        if (text->len > 0)
            memcpy(next, text->data, text->len);
        next[text->len] = '\0';
        next += text->len + 1;
    }
    data->data = strings;
    data->lasting = true;
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
    struct onnx_raw *raw = &reader->raws[number];
    if (raw->size_bytes != data->size_bytes)
        return wrong_count(reader, name, "bytes of raw_data", raw->size_bytes, data->size_bytes);
    if (typed_count(tensor) > 0)
        return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' has raw_data and numbers, too",
                         name);
    data->data = raw->data;
    data->lasting = reader->lasting || raw->copied;
    data->in_file = reader->lasting && !raw->copied;
    data->raw = raw;
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
    if (out_data->dtype == PUM_DTYPE_STRING)
        return read_strings(reader, tensor, name, out_data);
    if (tensor->has_raw_data)
        return read_raw(reader, tensor, name, out_data);
    return read_typed(reader, tensor, name, out_data);
}

void onnx_data_free(struct onnx_reader *reader, struct onnx_data *data)
{
    onnx_free(&reader->memory, data->scratch);
    *data = (struct onnx_data){0};
}

/* Where a file has bodies, several graphs may want the same bytes: what cannot be used where it
 * lies is then copied once for all of them. */
static pum_status share_copy(struct onnx_reader *reader, struct onnx_data *data)
{
    void *copy = malloc(data->size_bytes);

    if (copy == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    ONNX_TRY(pum_graph_adopt(reader->root, free, copy));
    memcpy(copy, data->data, data->size_bytes);
    if (data->in_file)
        onnx_forget_pages(data->data, data->size_bytes);
    *data->raw = (struct onnx_raw){copy, data->size_bytes, true};
    data->data = copy;
    data->lasting = true;
    data->in_file = false;
    return PUM_OK;
}

static pum_status constant_of(struct onnx_reader *reader, const char *name, struct onnx_data *data,
                              pum_value *out_value)
{
    bool in_place = data->lasting && data->size_bytes > 0 &&
                    (uintptr_t)data->data % pum_dtype_size(data->dtype) == 0;

    if (!in_place && reader->has_bodies && data->raw != NULL && data->size_bytes > 0) {
        ONNX_TRY(share_copy(reader, data));
        in_place = true;
    }
    const void *bytes = data->data != NULL ? data->data : "";
    if (in_place) {
        *out_value = pum_constant(reader->graph, name, data->dtype, data->rank, data->dims, bytes,
                                  data->size_bytes);
        reader->points_at_file = reader->points_at_file || data->in_file;
    } else {
        *out_value = pum_constant_copy(reader->graph, name, data->dtype, data->rank, data->dims,
                                       bytes, data->size_bytes);
        if (data->in_file)
            onnx_forget_pages(bytes, data->size_bytes);
    }
    return pum_graph_status(reader->graph);
}

pum_status onnx_constant(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                         const char *name, pum_value *out_value)
{
    struct onnx_data data;
    pum_status status = onnx_decode(reader, tensor, name, &data);

    *out_value = PUM_NO_VALUE;
    if (status == PUM_OK)
        status = constant_of(reader, name, &data, out_value);
    onnx_data_free(reader, &data);
    return status;
}

/* --- Sparse tensors --------------------------------------------------------------------------- */

/* Puts the values where their indices say: one number, or one an axis. */
static bool scatter(const struct onnx_data *dense, const struct onnx_data *values,
                    const struct onnx_data *indices, uint8_t *out)
{
    size_t element = pum_dtype_size(dense->dtype);
    uint64_t count = dense->size_bytes / element;
    int32_t width = indices->rank == 2 ? dense->rank : 1;

    for (int64_t i = 0; i < indices->dims[0]; i++) {
        uint64_t place = 0;
        for (int32_t j = 0; j < width; j++) {
            int64_t index;
            memcpy(&index, (const uint8_t *)indices->data + (size_t)(i * width + j) * sizeof(index),
                   sizeof(index));
            uint64_t limit = indices->rank == 2 ? (uint64_t)dense->dims[j] : count;
            if (index < 0 || (uint64_t)index >= limit)
                return false;
            place = place * limit + (uint64_t)index;
        }
        memcpy(out + place * element, (const uint8_t *)values->data + (size_t)i * element,
               element);
    }
    return true;
}

static pum_status densify(struct onnx_reader *reader, const char *name, struct onnx_data *dense,
                          const struct onnx_data *values, const struct onnx_data *indices)
{
    bool fits = values->rank == 1 && indices->dtype == PUM_DTYPE_I64 &&
                (indices->rank == 1 || (indices->rank == 2 && indices->dims[1] == dense->rank)) &&
                indices->dims[0] == values->dims[0];

    if (!fits)
        return onnx_fail(reader, PUM_E_FORMAT, "sparse tensor '%.200s': values and indices do not "
                         "fit", name);
    if (dense->dtype == PUM_DTYPE_STRING)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "sparse tensor '%.200s' holds strings", name);
    dense->scratch = onnx_alloc(&reader->memory, dense->size_bytes, 1);
    if (dense->scratch == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "sparse tensor '%.200s': out of memory, or too "
                         "large for the file's size", name);
    dense->data = dense->scratch;
    if (!scatter(dense, values, indices, dense->scratch))
        return onnx_fail(reader, PUM_E_FORMAT, "sparse tensor '%.200s': an index is outside of the "
                         "shape", name);
    return PUM_OK;
}

pum_status onnx_sparse_constant(struct onnx_reader *reader, const Onnx__SparseTensorProto *sparse,
                                const char *name, pum_value *out_value)
{
    struct onnx_data dense = {0}, values = {0}, indices = {0};
    Onnx__TensorProto shape = ONNX__TENSOR_PROTO__INIT;

    *out_value = PUM_NO_VALUE;
    if (sparse->values == NULL || sparse->indices == NULL)
        return onnx_fail(reader, PUM_E_FORMAT, "sparse tensor '%.200s' has no values or no "
                         "indices", name);
    shape.data_type = sparse->values->data_type;
    shape.n_dims = sparse->n_dims;
    shape.dims = sparse->dims;
    pum_status status = read_shape(reader, &shape, name, &dense);
    if (status == PUM_OK)
        status = onnx_decode(reader, sparse->values, name, &values);
    if (status == PUM_OK)
        status = onnx_decode(reader, sparse->indices, name, &indices);
    if (status == PUM_OK)
        status = densify(reader, name, &dense, &values, &indices);
    if (status == PUM_OK)
        status = constant_of(reader, name, &dense, out_value);
    onnx_data_free(reader, &dense);
    onnx_data_free(reader, &values);
    onnx_data_free(reader, &indices);
    return status;
}
