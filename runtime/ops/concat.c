/* SPDX-License-Identifier: MIT
 *
 * concat.c - Concat and Split: one strided copy for each part, between the whole tensor and the
 * part. Tests: tests/ops/test_move.c.
 */
#include "ops/axes.h"
#include "ops/strided.h"

/* The copy between a whole tensor and its part of `length` entries from `first` on along axis. */
static struct strided_copy part_copy(const struct shape *whole, int32_t axis, int64_t first,
                                     int64_t length, bool part_is_input)
{
    struct axis_view view = axes_view(whole, axis);
    struct strided_copy copy = {.rank = 2, .dims = {view.outer, length * view.inner}};
    copy.in_strides[0] = (part_is_input ? length : view.length) * view.inner;
    copy.out_strides[0] = (part_is_input ? view.length : length) * view.inner;
    copy.in_strides[1] = copy.out_strides[1] = 1;
    *(part_is_input ? &copy.out_offset : &copy.in_offset) = first * view.inner;
    return copy;
}

pum_status infer_concat(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    int32_t axis;
    if (!node_attr(call->node, "axis"))
        return pum_fail(PUM_E_ARGUMENT, "attribute axis is missing");
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), shape.rank, &axis));
    for (int32_t i = 1; i < call->input_count; i++) {
        const struct tensor_desc *next = &call->inputs[i].desc;
        if (next->dtype != call->inputs[0].desc.dtype)
            return op_bad_type(call, i, "the type of input 0");
        struct shape same = next->shape;
        if (same.rank == shape.rank)
            same.dims[axis] = shape.dims[axis];
        if (!shape_equal(&same, &shape)) {
            char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
            return pum_fail(PUM_E_SHAPE, "input %d of shape %s does not fit %s on axis %d", i,
                            shape_text(&next->shape, a),
                            shape_text(&call->inputs[0].desc.shape, b), axis);
        }
        if (__builtin_add_overflow(shape.dims[axis], next->shape.dims[axis], &shape.dims[axis]))
            return pum_fail(PUM_E_SHAPE, "the joined axis %d is too long", axis);
    }
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_concat(struct op_call *call)
{
    struct host_tensor *out = &call->outputs[0];
    int64_t first = 0;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), out->desc.shape.rank, &axis));
    for (int32_t i = 0; i < call->input_count; i++) {
        int64_t length = call->inputs[i].desc.shape.dims[axis];
        struct strided_copy copy = part_copy(&out->desc.shape, axis, first, length, true);
        strided_run(&copy, pum_dtype_size(out->desc.dtype), call->inputs[i].data, out->data);
        first += length;
    }
    return PUM_OK;
}

static pum_status lower_concat(struct lower_call *call)
{
    const struct lower_value *out = &call->outputs[0];
    int64_t first = 0;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), out->desc.shape.rank, &axis));
    for (int32_t i = 0; i < call->input_count; i++) {
        int64_t length = call->inputs[i].desc.shape.dims[axis];
        struct strided_copy copy = part_copy(&out->desc.shape, axis, first, length, true);
        PUM_TRY(strided_lower(call, &copy, &call->inputs[i], out, call->input_count == 1));
        first += length;
    }
    return PUM_OK;
}
OP_LOWER(concat, lower_concat);

/* The length of part `index` of a Split along an axis of size dim. */
static pum_status split_length(struct op_call *call, int32_t index, int64_t dim,
                               int64_t *out_length)
{
    int64_t parts = call->output_count;
    if (op_has_input(call, 1)) {
        const struct host_tensor *sizes = &call->inputs[1];
        PUM_TRY(axes_need_index(call, 1));
        if (sizes->desc.shape.rank != 1 || sizes->desc.shape.dims[0] != parts)
            return pum_fail(PUM_E_SHAPE, "split does not have %lld sizes", (long long)parts);
        if (!sizes->data)
            return op_needs_data(call, 1);
        *out_length = tensor_get_i64(sizes, index);
        return PUM_OK;
    }
    int64_t length = axes_ceil_div(dim, parts);
    if (dim % parts != 0 && !node_attr(call->node, "num_outputs"))
        return pum_fail(PUM_E_SHAPE, "an axis of size %lld cannot be split into %lld equal parts",
                        (long long)dim, (long long)parts);
    *out_length = axes_max(axes_min(length, dim - index * length), 0);
    return PUM_OK;
}

pum_status infer_split(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), shape.rank, &axis));
    int64_t dim = shape.dims[axis], rest = dim;
    for (int32_t i = 0; i < call->output_count; i++) {
        PUM_TRY(split_length(call, i, dim, &shape.dims[axis]));
        if (shape.dims[axis] < 0 || shape.dims[axis] > rest)
            return pum_fail(PUM_E_SHAPE, "part %d of size %lld, %lld of %lld are left", i,
                            (long long)shape.dims[axis], (long long)rest, (long long)dim);
        rest -= shape.dims[axis];
        PUM_TRY(axes_output(call, i, call->inputs[0].desc.dtype, &shape));
    }
    if (rest != 0)
        return pum_fail(PUM_E_SHAPE, "the parts leave %lld of %lld entries on axis %d",
                        (long long)rest, (long long)dim, axis);
    return PUM_OK;
}

pum_status reference_split(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    int64_t first = 0;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), in->desc.shape.rank, &axis));
    for (int32_t i = 0; i < call->output_count; i++) {
        int64_t length;
        PUM_TRY(split_length(call, i, in->desc.shape.dims[axis], &length));
        struct strided_copy copy = part_copy(&in->desc.shape, axis, first, length, false);
        if (axes_wants_output(call, i))
            strided_run(&copy, pum_dtype_size(in->desc.dtype), in->data, call->outputs[i].data);
        first += length;
    }
    return PUM_OK;
}

static pum_status lower_split(struct lower_call *call)
{
    struct axes_lowered lowered;
    const struct shape *whole = &call->inputs[0].desc.shape;
    int64_t first = 0;
    int32_t axis;
    axes_lowered_call(call, &lowered);
    lowered.call.output_count = call->output_count; /* only counted, never read */
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), whole->rank, &axis));
    for (int32_t i = 0; i < call->output_count; i++) {
        int64_t length;
        PUM_TRY(split_length(&lowered.call, i, whole->dims[axis], &length));
        struct strided_copy copy = part_copy(whole, axis, first, length, false);
        if (call->outputs[i].value >= 0)
            PUM_TRY(strided_lower(call, &copy, &call->inputs[0], &call->outputs[i], true));
        first += length;
    }
    return PUM_OK;
}
OP_LOWER(split, lower_split);
