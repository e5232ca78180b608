/* SPDX-License-Identifier: MIT
 *
 * select.c - operators that pick elements, so that their output's shape follows from the data:
 * Compress and NonZero. With the data known the rule gives exact shapes; before, it asks for it
 * (op.h). Unique is in unique.c, NonMaxSuppression in nms.c. Tests: tests/ops/test_select.c.
 */
#include "ops/axes.h"

#include <string.h>

/* --- Compress --------------------------------------------------------------------------------- */

/* The input seen along the axis that is compressed: all of it as one axis without the attribute. */
static pum_status compress_view(const struct op_call *call, int32_t *out_axis,
                                struct axis_view *out_view)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    *out_axis = -1;
    *out_view = (struct axis_view){1, shape_elements(shape), 1};
    if (!node_attr(call->node, "axis"))
        return PUM_OK;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), shape->rank, out_axis));
    *out_view = axes_view(shape, *out_axis);
    return PUM_OK;
}

pum_status infer_compress(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    const struct host_tensor *condition = &call->inputs[1];
    struct axis_view view;
    int32_t axis;
    if (condition->desc.dtype != PUM_DTYPE_BOOL)
        return op_bad_type(call, 1, "bool");
    if (condition->desc.shape.rank != 1)
        return pum_fail(PUM_E_SHAPE, "condition (input 1) has %d axes, expected 1",
                        condition->desc.shape.rank);
    PUM_TRY(compress_view(call, &axis, &view));
    int64_t count = condition->desc.shape.dims[0], kept = 0;
    if (count > 0 && !condition->data)
        return op_needs_data(call, 1);
    for (int64_t i = 0; i < count; i++) {
        bool keep = tensor_get_i64(condition, i) != 0;
        if (keep && i >= view.length)
            return pum_fail(PUM_E_SHAPE, "condition %lld is true, the axis has %lld entries",
                            (long long)i, (long long)view.length);
        kept += keep;
    }
    if (axis < 0)
        shape = (struct shape){.rank = 1, .dims = {kept}};
    else
        shape.dims[axis] = kept;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_compress(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0], *condition = &call->inputs[1];
    struct axis_view view;
    int32_t axis;
    PUM_TRY(compress_view(call, &axis, &view));
    int64_t count = axes_min(condition->desc.shape.dims[0], view.length);
    size_t bytes = (size_t)view.inner * pum_dtype_size(in->desc.dtype);
    uint8_t *to = call->outputs[0].data;
    if (bytes == 0)
        return PUM_OK;
    for (int64_t outer = 0; outer < view.outer; outer++)
        for (int64_t i = 0; i < count; i++) {
            if (tensor_get_i64(condition, i) == 0)
                continue;
            memcpy(to, (const uint8_t *)in->data + (size_t)(outer * view.length + i) * bytes,
                   bytes);
            to += bytes;
        }
    return PUM_OK;
}
OP_HOST_DYNAMIC(compress);

/* --- NonZero ---------------------------------------------------------------------------------- */

static bool is_zero(const struct host_tensor *tensor, int64_t index)
{
    if (dtype_is_float(tensor->desc.dtype))
        return tensor_get_f64(tensor, index) == 0;
    return tensor_get_i64(tensor, index) == 0;
}

pum_status infer_non_zero(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    int64_t count = shape_elements(&in->desc.shape), found = 0;
    if (in->desc.dtype == PUM_DTYPE_STRING)
        return op_bad_type(call, 0, "a number or bool");
    if (count > 0 && !in->data)
        return op_needs_data(call, 0);
    for (int64_t i = 0; i < count; i++)
        found += !is_zero(in, i);
    struct shape shape = {.rank = 2, .dims = {in->desc.shape.rank, found}};
    return axes_output(call, 0, PUM_DTYPE_I64, &shape);
}

pum_status reference_non_zero(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    const struct shape *shape = &in->desc.shape;
    int64_t count = shape_elements(shape), column = 0;
    int64_t columns = call->outputs[0].desc.shape.dims[1];
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        if (is_zero(in, i))
            continue;
        for (int32_t axis = shape->rank - 1; axis >= 0; axis--) {
            tensor_set_i64(&call->outputs[0], axis * columns + column, rest % shape->dims[axis]);
            rest /= shape->dims[axis];
        }
        column++;
    }
    return PUM_OK;
}
OP_HOST_DYNAMIC(non_zero);
