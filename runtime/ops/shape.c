/* SPDX-License-Identifier: MIT
 *
 * shape.c - operators that give the same bytes under another shape (Reshape, Flatten, Squeeze,
 * Unsqueeze: no work on a device) and shape arithmetic (Shape, Size, ConstantOfShape, Range,
 * EyeLike), which folding runs by reference before a plan is made.
 * Tests: tests/ops/test_move.c.
 */
#include "ops/axes.h"

#include <math.h>
#include <string.h>

/* --- Shape, Size ------------------------------------------------------------------------------ */

/* The range of axes that Shape gives: start and end may be negative and are clamped. */
static void shape_span(const struct op_call *call, int32_t *out_first, int32_t *out_last)
{
    int64_t rank = call->inputs[0].desc.shape.rank;
    int64_t first = node_int(call->node, "start", 0), last = node_int(call->node, "end", rank);
    if (first < 0)
        first = axes_max(first, -rank) + rank;
    if (last < 0)
        last = axes_max(last, -rank) + rank;
    first = axes_min(first, rank);
    last = axes_max(axes_min(last, rank), first);
    *out_first = (int32_t)first;
    *out_last = (int32_t)last;
}

pum_status infer_shape(struct op_call *call)
{
    int32_t first, last;
    shape_span(call, &first, &last);
    int64_t count = last - first;
    struct shape shape = shape_of(1, &count);
    return axes_output(call, 0, PUM_DTYPE_I64, &shape);
}

pum_status reference_shape(struct op_call *call)
{
    int32_t first, last;
    shape_span(call, &first, &last);
    for (int32_t i = first; i < last; i++)
        tensor_set_i64(&call->outputs[0], i - first, call->inputs[0].desc.shape.dims[i]);
    return PUM_OK;
}
OP_HOST_ONLY(shape);

pum_status infer_size(struct op_call *call)
{
    struct shape shape = {0};
    return axes_output(call, 0, PUM_DTYPE_I64, &shape);
}

pum_status reference_size(struct op_call *call)
{
    tensor_set_i64(&call->outputs[0], 0, shape_elements(&call->inputs[0].desc.shape));
    return PUM_OK;
}
OP_HOST_ONLY(size);

/* --- Reshape, Flatten, Squeeze, Unsqueeze ----------------------------------------------------- */

static pum_status copy_bytes(struct op_call *call)
{
    size_t bytes;
    if (tensor_bytes(&call->inputs[0].desc, &bytes) && bytes > 0)
        memcpy(call->outputs[0].data, call->inputs[0].data, bytes);
    return PUM_OK;
}

/* Replaces the one -1 of a wanted shape so that its size is `count`. */
static pum_status fill_minus_one(struct shape *shape, int64_t count)
{
    int32_t open = -1;
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] != -1)
            continue;
        if (open >= 0)
            return pum_fail(PUM_E_SHAPE, "the new shape has more than one -1");
        open = i;
    }
    if (open < 0)
        return PUM_OK;
    shape->dims[open] = 1;
    int64_t rest;
    if (!shape_count(shape, &rest))
        return pum_fail(PUM_E_SHAPE, "the new shape is too large");
    if (rest == 0 || count % rest != 0)
        return pum_fail(PUM_E_SHAPE, "%lld elements do not fill a shape of %lld times -1",
                        (long long)count, (long long)rest);
    shape->dims[open] = count / rest;
    return PUM_OK;
}

pum_status infer_reshape(struct op_call *call)
{
    const struct shape *from = &call->inputs[0].desc.shape;
    struct shape shape = {0};
    bool allow_zero = node_int(call->node, "allowzero", 0) != 0;
    PUM_TRY(axes_input_ints(call, 1, shape.dims, PUM_MAX_RANK, &shape.rank));
    for (int32_t i = 0; i < shape.rank; i++) {
        if (shape.dims[i] < -1)
            return pum_fail(PUM_E_SHAPE, "size %lld on axis %d of the new shape",
                            (long long)shape.dims[i], i);
        if (shape.dims[i] == 0 && !allow_zero) {
            if (i >= from->rank)
                return pum_fail(PUM_E_SHAPE, "axis %d of the new shape copies an axis of rank %d",
                                i, from->rank);
            shape.dims[i] = from->dims[i];
        }
    }
    int64_t count = shape_elements(from), new_count;
    PUM_TRY(fill_minus_one(&shape, count));
    if (!shape_count(&shape, &new_count) || new_count != count) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "shape %s does not have the elements of %s",
                        shape_text(&shape, a), shape_text(from, b));
    }
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_reshape(struct op_call *call)
{
    return copy_bytes(call);
}
OP_LOWER(reshape, lower_alias_input0);

pum_status infer_flatten(struct op_call *call)
{
    const struct shape *from = &call->inputs[0].desc.shape;
    int64_t axis = node_int(call->node, "axis", 1);
    if (axis < -from->rank || axis > from->rank)
        return pum_fail(PUM_E_SHAPE, "axis %lld of rank %d", (long long)axis, from->rank);
    int32_t split = (int32_t)(axis < 0 ? axis + from->rank : axis);
    int64_t dims[2] = {shape_product(from, 0, split), shape_product(from, split, from->rank)};
    struct shape shape = shape_of(2, dims);
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_flatten(struct op_call *call)
{
    return copy_bytes(call);
}
OP_LOWER(flatten, lower_alias_input0);

pum_status infer_squeeze(struct op_call *call)
{
    const struct shape *from = &call->inputs[0].desc.shape;
    struct shape shape = {0};
    bool mask[PUM_MAX_RANK];
    int64_t axes[PUM_MAX_RANK];
    int32_t count = 0;
    bool all = !op_has_input(call, 1);
    if (!all)
        PUM_TRY(axes_input_ints(call, 1, axes, PUM_MAX_RANK, &count));
    PUM_TRY(axes_mask(axes, count, from->rank, mask));
    for (int32_t i = 0; i < from->rank; i++) {
        if (mask[i] && from->dims[i] != 1)
            return pum_fail(PUM_E_SHAPE, "axis %d has size %lld, not 1", i,
                            (long long)from->dims[i]);
        if (!(all ? from->dims[i] == 1 : mask[i]))
            shape.dims[shape.rank++] = from->dims[i];
    }
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_squeeze(struct op_call *call)
{
    return copy_bytes(call);
}
OP_LOWER(squeeze, lower_alias_input0);

pum_status infer_unsqueeze(struct op_call *call)
{
    const struct shape *from = &call->inputs[0].desc.shape;
    struct shape shape = {0};
    bool mask[PUM_MAX_RANK];
    int64_t axes[PUM_MAX_RANK];
    int32_t count;
    PUM_TRY(axes_input_ints(call, 1, axes, PUM_MAX_RANK, &count));
    if (from->rank + count > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "rank %d and %d new axes, at most %d are possible",
                        from->rank, count, PUM_MAX_RANK);
    shape.rank = from->rank + count;
    PUM_TRY(axes_mask(axes, count, shape.rank, mask));
    for (int32_t i = 0, next = 0; i < shape.rank; i++)
        shape.dims[i] = mask[i] ? 1 : from->dims[next++];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_unsqueeze(struct op_call *call)
{
    return copy_bytes(call);
}
OP_LOWER(unsqueeze, lower_alias_input0);

/* --- ConstantOfShape, Range, EyeLike ---------------------------------------------------------- */

pum_status infer_constant_of_shape(struct op_call *call)
{
    struct shape shape = {0};
    enum pum_dtype dtype = axes_onnx_dtype(node_int(call->node, "value_dtype", 1));
    if (dtype == PUM_DTYPE_NONE)
        return pum_fail(PUM_E_TYPE, "value_dtype %lld is no supported type",
                        (long long)node_int(call->node, "value_dtype", 1));
    PUM_TRY(axes_input_ints(call, 0, shape.dims, PUM_MAX_RANK, &shape.rank));
    for (int32_t i = 0; i < shape.rank; i++)
        if (shape.dims[i] < 0)
            return pum_fail(PUM_E_SHAPE, "size %lld on axis %d", (long long)shape.dims[i], i);
    return axes_output(call, 0, dtype, &shape);
}

pum_status reference_constant_of_shape(struct op_call *call)
{
    struct host_tensor *out = &call->outputs[0];
    int64_t count = shape_elements(&out->desc.shape);
    bool is_int = node_attr(call->node, "value_int") != NULL;
    double real = node_float(call->node, "value_float", 0.0f);
    int64_t whole = node_int(call->node, "value_int", 0);
    for (int64_t i = 0; i < count; i++) {
        if (is_int)
            tensor_set_i64(out, i, whole);
        else
            axes_store_f64(out, i, real);
    }
    return PUM_OK;
}
OP_HOST_ONLY(constant_of_shape);

/* Exact, also where a double is not. */
static pum_status int_range_count(const struct op_call *call, int64_t *out_count)
{
    int64_t v[3];
    for (int32_t i = 0; i < 3; i++)
        v[i] = tensor_get_i64(&call->inputs[i], 0);
    bool wide = call->inputs[0].desc.dtype == PUM_DTYPE_U64, up = wide || v[2] > 0;
    bool any = wide ? (uint64_t)v[0] < (uint64_t)v[1] : up ? v[0] < v[1] : v[0] > v[1];
    uint64_t step = up ? (uint64_t)v[2] : 0 - (uint64_t)v[2];
    uint64_t distance = up ? (uint64_t)v[1] - (uint64_t)v[0] : (uint64_t)v[0] - (uint64_t)v[1];
    if (step == 0)
        return pum_fail(PUM_E_RANGE, "delta is 0");
    uint64_t count = any ? (distance - 1) / step + 1 : 0;
    if (count > INT64_MAX / 64)
        return pum_fail(PUM_E_RANGE, "a range of %llu values", (unsigned long long)count);
    *out_count = (int64_t)count;
    return PUM_OK;
}

static pum_status range_count(struct op_call *call, int64_t *out_count)
{
    double value[3];
    for (int32_t i = 0; i < 3; i++) {
        if (shape_elements(&call->inputs[i].desc.shape) != 1)
            return pum_fail(PUM_E_SHAPE, "input %d is not one value", i);
        if (call->inputs[i].desc.dtype != call->inputs[0].desc.dtype)
            return op_bad_type(call, i, "the type of input 0");
        if (!call->inputs[i].data)
            return op_needs_data(call, i);
        value[i] = tensor_get_f64(&call->inputs[i], 0);
    }
    if (dtype_is_int(call->inputs[0].desc.dtype))
        return int_range_count(call, out_count);
    if (value[2] == 0 || isnan(value[2]))
        return pum_fail(PUM_E_RANGE, "delta is %g", value[2]);
    double count = ceil((value[1] - value[0]) / value[2]);
    if (isnan(count) || count > 1e15)
        return pum_fail(PUM_E_RANGE, "from %g to %g by %g is no range of a possible size",
                        value[0], value[1], value[2]);
    *out_count = count > 0 ? (int64_t)count : 0;
    return PUM_OK;
}

pum_status infer_range(struct op_call *call)
{
    int64_t count;
    PUM_TRY(axes_need_number(call, 0));
    PUM_TRY(range_count(call, &count));
    struct shape shape = shape_of(1, &count);
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_range(struct op_call *call)
{
    struct host_tensor *out = &call->outputs[0];
    int64_t count = shape_elements(&out->desc.shape);
    if (dtype_is_int(out->desc.dtype)) {
        uint64_t value = (uint64_t)tensor_get_i64(&call->inputs[0], 0);
        uint64_t delta = (uint64_t)tensor_get_i64(&call->inputs[2], 0);
        for (int64_t i = 0; i < count; i++)
            tensor_set_i64(out, i, (int64_t)(value + (uint64_t)i * delta));
        return PUM_OK;
    }
    double start = tensor_get_f64(&call->inputs[0], 0);
    double delta = tensor_get_f64(&call->inputs[2], 0);
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(out, i, start + (double)i * delta);
    return PUM_OK;
}
OP_HOST_ONLY(range);

pum_status infer_eye_like(struct op_call *call)
{
    const struct tensor_desc *in = &call->inputs[0].desc;
    enum pum_dtype dtype = in->dtype;
    if (in->shape.rank != 2)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected 2", in->shape.rank);
    if (node_attr(call->node, "dtype"))
        dtype = axes_onnx_dtype(node_int(call->node, "dtype", 1));
    if (dtype == PUM_DTYPE_NONE || dtype == PUM_DTYPE_STRING)
        return pum_fail(PUM_E_TYPE, "dtype %lld is no supported type",
                        (long long)node_int(call->node, "dtype", 1));
    return axes_output(call, 0, dtype, &in->shape);
}

pum_status reference_eye_like(struct op_call *call)
{
    struct host_tensor *out = &call->outputs[0];
    int64_t rows = out->desc.shape.dims[0], columns = out->desc.shape.dims[1];
    int64_t k = node_int(call->node, "k", 0);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            tensor_set_i64(out, r * columns + c, c - r == k);
    return PUM_OK;
}
OP_HOST_ONLY(eye_like);
