/* SPDX-License-Identifier: MIT
 *
 * tensor.c - shapes, element types and host tensors. Sizes that come from a file or a caller go
 * through shape_count and tensor_bytes, which check every product; the unchecked helpers are for
 * shapes that have passed there. Tests: tests/graph/test_tensor.c.
 */
#include "graph/tensor.h"

#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- Element types ---------------------------------------------------------------------------- */

enum dtype_class {
    CLASS_NONE,
    CLASS_FLOAT,
    CLASS_SIGNED,
    CLASS_UNSIGNED,
    CLASS_BOOL,
    CLASS_STRING
};

static const struct {
    const char *name;
    uint8_t size_bytes;
    uint8_t class;
} dtype_rows[PUM_DTYPE_COUNT] = {
    [PUM_DTYPE_NONE] = {"none", 0, CLASS_NONE},
    [PUM_DTYPE_F32] = {"float32", 4, CLASS_FLOAT},
    [PUM_DTYPE_F16] = {"float16", 2, CLASS_FLOAT},
    [PUM_DTYPE_BF16] = {"bfloat16", 2, CLASS_FLOAT},
    [PUM_DTYPE_F64] = {"float64", 8, CLASS_FLOAT},
    [PUM_DTYPE_I8] = {"int8", 1, CLASS_SIGNED},
    [PUM_DTYPE_I16] = {"int16", 2, CLASS_SIGNED},
    [PUM_DTYPE_I32] = {"int32", 4, CLASS_SIGNED},
    [PUM_DTYPE_I64] = {"int64", 8, CLASS_SIGNED},
    [PUM_DTYPE_U8] = {"uint8", 1, CLASS_UNSIGNED},
    [PUM_DTYPE_U16] = {"uint16", 2, CLASS_UNSIGNED},
    [PUM_DTYPE_U32] = {"uint32", 4, CLASS_UNSIGNED},
    [PUM_DTYPE_U64] = {"uint64", 8, CLASS_UNSIGNED},
    [PUM_DTYPE_BOOL] = {"bool", 1, CLASS_BOOL},
    [PUM_DTYPE_STRING] = {"string", sizeof(char *), CLASS_STRING},
};

static bool dtype_known(enum pum_dtype dtype)
{
    return (int)dtype >= 0 && (int)dtype < PUM_DTYPE_COUNT;
}

size_t pum_dtype_size(pum_dtype dtype)
{
    return dtype_known(dtype) ? dtype_rows[dtype].size_bytes : 0;
}

const char *pum_dtype_name(pum_dtype dtype)
{
    return dtype_known(dtype) ? dtype_rows[dtype].name : "none";
}

bool dtype_is_float(enum pum_dtype dtype)
{
    return dtype_known(dtype) && dtype_rows[dtype].class == CLASS_FLOAT;
}

bool dtype_is_int(enum pum_dtype dtype)
{
    return dtype_known(dtype) &&
           (dtype_rows[dtype].class == CLASS_SIGNED || dtype_rows[dtype].class == CLASS_UNSIGNED);
}

bool dtype_is_unsigned(enum pum_dtype dtype)
{
    return dtype_known(dtype) && dtype_rows[dtype].class == CLASS_UNSIGNED;
}

/* --- Shapes ----------------------------------------------------------------------------------- */

bool shape_count(const struct shape *shape, int64_t *out_count)
{
    *out_count = 0;
    if (shape->rank < 0 || shape->rank > PUM_MAX_RANK)
        return false;
    /* A zero anywhere makes the product zero, but the other dims must still be sound: strides are
     * computed from them. So the product runs over the nonzero ones. */
    int64_t product = 1;
    bool empty = false;
    for (int32_t i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i];
        if (dim < 0)
            return false;
        if (dim == 0) {
            empty = true;
            continue;
        }
        if (product > INT64_MAX / dim)
            return false;
        product *= dim;
    }
    *out_count = empty ? 0 : product;
    return true;
}

bool tensor_bytes(const struct tensor_desc *desc, size_t *out_bytes)
{
    int64_t count;
    size_t element = pum_dtype_size(desc->dtype);

    *out_bytes = 0;
    if (element == 0 || !shape_count(&desc->shape, &count))
        return false;
    if ((uint64_t)count > (SIZE_MAX / 2) / element)
        return false;
    *out_bytes = (size_t)count * element;
    return true;
}

int64_t shape_elements(const struct shape *shape)
{
    return shape_product(shape, 0, shape->rank);
}

int64_t shape_product(const struct shape *shape, int32_t first, int32_t last)
{
    int64_t product = 1;
    for (int32_t i = first; i < last; i++)
        product *= shape->dims[i];
    return product;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i])
            return false;
    }
    return true;
}

bool shape_has_symbol(const struct shape *shape)
{
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0)
            return true;
    }
    return false;
}

struct shape shape_of(int32_t rank, const int64_t *dims)
{
    struct shape shape = {.rank = rank};
    for (int32_t i = 0; i < rank && i < PUM_MAX_RANK; i++)
        shape.dims[i] = dims[i];
    return shape;
}

void shape_strides(const struct shape *shape, int64_t *strides)
{
    int64_t stride = 1;
    for (int32_t i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape->dims[i];
    }
}

bool shape_broadcast(const struct shape *a, const struct shape *b, struct shape *out)
{
    struct shape result = {.rank = a->rank > b->rank ? a->rank : b->rank};

    *out = (struct shape){0};
    for (int32_t i = 0; i < result.rank; i++) {
        int32_t in_a = i - (result.rank - a->rank);
        int32_t in_b = i - (result.rank - b->rank);
        int64_t dim_a = in_a < 0 ? 1 : a->dims[in_a];
        int64_t dim_b = in_b < 0 ? 1 : b->dims[in_b];
        if (dim_a != dim_b && dim_a != 1 && dim_b != 1)
            return false;
        result.dims[i] = dim_a == 1 ? dim_b : dim_a;
    }
    *out = result;
    return true;
}

bool shape_axis(int64_t axis, int32_t rank, int32_t *out_axis)
{
    *out_axis = 0;
    if (axis < -(int64_t)rank || axis >= rank)
        return false;
    *out_axis = (int32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

const char *shape_text(const struct shape *shape, char buffer[SHAPE_TEXT_BYTES])
{
    if (shape->rank < 0) {
        snprintf(buffer, SHAPE_TEXT_BYTES, "[unknown]");
        return buffer;
    }
    /* 8 dims of at most 20 characters and a comma fit. */
    size_t used = (size_t)snprintf(buffer, SHAPE_TEXT_BYTES, "[");
    for (int32_t i = 0; i < shape->rank && i < PUM_MAX_RANK; i++) {
        const char *comma = i > 0 ? "," : "";
        int wrote;
        if (shape->dims[i] < 0)
            wrote = snprintf(buffer + used, SHAPE_TEXT_BYTES - used, "%s?", comma);
        else
            wrote = snprintf(buffer + used, SHAPE_TEXT_BYTES - used, "%s%lld", comma,
                             (long long)shape->dims[i]);
        used += (size_t)wrote;
    }
    snprintf(buffer + used, SHAPE_TEXT_BYTES - used, "]");
    return buffer;
}

/* --- Elements --------------------------------------------------------------------------------- */

/* The cast of C is undefined outside the range: such values go to the nearest end, NaN to 0. */
static int64_t float_to_i64(double value)
{
    if (isnan(value))
        return 0;
    if (value >= 9223372036854775808.0)
        return INT64_MAX;
    if (value < -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)value;
}

double tensor_get_f64(const struct host_tensor *tensor, int64_t index)
{
    const void *data = tensor->data;
    switch (tensor->desc.dtype) {
    case PUM_DTYPE_F32:
        return (double)((const float *)data)[index];
    case PUM_DTYPE_F16:
        return (double)base_half_to_float(((const uint16_t *)data)[index]);
    case PUM_DTYPE_BF16:
        return (double)base_bfloat16_to_float(((const uint16_t *)data)[index]);
    case PUM_DTYPE_F64:
        return ((const double *)data)[index];
    case PUM_DTYPE_U64:
        return (double)((const uint64_t *)data)[index];
    default:
        return (double)tensor_get_i64(tensor, index);
    }
}

void tensor_set_f64(struct host_tensor *tensor, int64_t index, double value)
{
    void *data = tensor->data;
    switch (tensor->desc.dtype) {
    case PUM_DTYPE_F32:
        ((float *)data)[index] = (float)value;
        break;
    case PUM_DTYPE_F16:
        ((uint16_t *)data)[index] = base_float_to_half((float)value);
        break;
    case PUM_DTYPE_BF16:
        ((uint16_t *)data)[index] = base_float_to_bfloat16((float)value);
        break;
    case PUM_DTYPE_F64:
        ((double *)data)[index] = value;
        break;
    case PUM_DTYPE_BOOL:
        ((uint8_t *)data)[index] = value != 0;
        break;
    case PUM_DTYPE_U64:
        /* Values above INT64_MAX exist here. */
        if (value >= 9223372036854775808.0 && value < 18446744073709551616.0)
            ((uint64_t *)data)[index] = (uint64_t)value;
        else
            ((uint64_t *)data)[index] = (uint64_t)float_to_i64(value);
        break;
    default:
        tensor_set_i64(tensor, index, float_to_i64(value));
        break;
    }
}

int64_t tensor_get_i64(const struct host_tensor *tensor, int64_t index)
{
    const void *data = tensor->data;
    switch (tensor->desc.dtype) {
    case PUM_DTYPE_I8:
        return ((const int8_t *)data)[index];
    case PUM_DTYPE_I16:
        return ((const int16_t *)data)[index];
    case PUM_DTYPE_I32:
        return ((const int32_t *)data)[index];
    case PUM_DTYPE_I64:
        return ((const int64_t *)data)[index];
    case PUM_DTYPE_U8:
        return ((const uint8_t *)data)[index];
    case PUM_DTYPE_U16:
        return ((const uint16_t *)data)[index];
    case PUM_DTYPE_U32:
        return ((const uint32_t *)data)[index];
    case PUM_DTYPE_U64:
        return (int64_t)((const uint64_t *)data)[index];
    case PUM_DTYPE_BOOL:
        return ((const uint8_t *)data)[index] != 0;
    case PUM_DTYPE_F32:
    case PUM_DTYPE_F16:
    case PUM_DTYPE_BF16:
    case PUM_DTYPE_F64:
        return float_to_i64(tensor_get_f64(tensor, index));
    default:
        return 0;
    }
}

void tensor_set_i64(struct host_tensor *tensor, int64_t index, int64_t value)
{
    void *data = tensor->data;
    switch (tensor->desc.dtype) {
    case PUM_DTYPE_I8:
        ((int8_t *)data)[index] = (int8_t)value;
        break;
    case PUM_DTYPE_I16:
        ((int16_t *)data)[index] = (int16_t)value;
        break;
    case PUM_DTYPE_I32:
        ((int32_t *)data)[index] = (int32_t)value;
        break;
    case PUM_DTYPE_I64:
        ((int64_t *)data)[index] = value;
        break;
    case PUM_DTYPE_U8:
        ((uint8_t *)data)[index] = (uint8_t)value;
        break;
    case PUM_DTYPE_U16:
        ((uint16_t *)data)[index] = (uint16_t)value;
        break;
    case PUM_DTYPE_U32:
        ((uint32_t *)data)[index] = (uint32_t)value;
        break;
    case PUM_DTYPE_U64:
        ((uint64_t *)data)[index] = (uint64_t)value;
        break;
    case PUM_DTYPE_BOOL:
        ((uint8_t *)data)[index] = value != 0;
        break;
    case PUM_DTYPE_F32:
        ((float *)data)[index] = (float)value; /* once rounded, not through double */
        break;
    case PUM_DTYPE_F16:
    case PUM_DTYPE_BF16:
    case PUM_DTYPE_F64:
        tensor_set_f64(tensor, index, (double)value);
        break;
    default:
        break;
    }
}

/* --- Strings ---------------------------------------------------------------------------------- */

const char *tensor_get_string(const struct host_tensor *tensor, int64_t index)
{
    const char *text = ((const char *const *)tensor->data)[index];
    return text != NULL ? text : "";
}

void tensor_set_string(struct host_tensor *tensor, int64_t index, const char *text)
{
    ((const char **)tensor->data)[index] = text;
}

/* --- Host tensors ----------------------------------------------------------------------------- */

pum_status host_tensor_alloc(pum_context *context, const struct tensor_desc *desc,
                             struct host_tensor *out_tensor)
{
    const struct tensor_desc wanted = *desc; /* desc may be out_tensor's own */
    size_t bytes;

    *out_tensor = (struct host_tensor){0};
    if (!tensor_bytes(&wanted, &bytes)) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "a %s tensor of shape %s cannot exist: the size is negative, "
                        "unknown or too large", pum_dtype_name(wanted.dtype),
                        shape_text(&wanted.shape, text));
    }
    void *data = pum_alloc(context, bytes, 1);
    if (data == NULL)
        return PUM_E_MEMORY;
    out_tensor->desc = wanted;
    out_tensor->data = data;
    return PUM_OK;
}

void host_tensor_free(pum_context *context, struct host_tensor *tensor)
{
    if (tensor == NULL)
        return;
    pum_free(context, tensor->data);
    *tensor = (struct host_tensor){0};
}
