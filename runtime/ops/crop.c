/* SPDX-License-Identifier: MIT
 *
 * crop.c - CenterCropPad: the middle of the input, or the input in the middle of zeros, axis by
 * axis. What is odd goes to the end. Tests: tests/ops/test_vision.c.
 */
#include "ops/axes.h"
#include "ops/strided.h"

#include <string.h>

static pum_status read_target(struct op_call *call, struct shape *out_shape)
{
    int64_t sizes[PUM_MAX_RANK];
    int32_t count, axis_count, axis;
    bool mask[PUM_MAX_RANK];
    const int64_t *axes = node_ints(call->node, "axes", &axis_count);
    *out_shape = call->inputs[0].desc.shape;
    PUM_TRY(axes_input_ints(call, 1, sizes, PUM_MAX_RANK, &count));
    if (count != (axes ? axis_count : out_shape->rank))
        return pum_fail(PUM_E_SHAPE, "shape (input 1) has %d values for %d axes", count,
                        axes ? axis_count : out_shape->rank);
    if (axes)
        PUM_TRY(axes_mask(axes, axis_count, out_shape->rank, mask));
    for (int32_t i = 0; i < count; i++) {
        PUM_TRY(axes_one(axes ? axes[i] : i, out_shape->rank, &axis));
        out_shape->dims[axis] = sizes[i];
    }
    return PUM_OK;
}

pum_status infer_center_crop_pad(struct op_call *call)
{
    struct shape shape;
    PUM_TRY(read_target(call, &shape));
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* The copy of what input and output share; *out_pads: there is more in the output. */
static void make_copy(const struct shape *from, const struct shape *to,
                      struct strided_copy *out_copy, bool *out_pads)
{
    memset(out_copy, 0, sizeof *out_copy);
    out_copy->rank = from->rank;
    shape_strides(from, out_copy->in_strides);
    shape_strides(to, out_copy->out_strides);
    *out_pads = false;
    for (int32_t i = 0; i < from->rank; i++) {
        int64_t in = from->dims[i], out = to->dims[i];
        out_copy->dims[i] = axes_min(in, out);
        if (in > out)
            out_copy->in_offset += (in - out) / 2 * out_copy->in_strides[i];
        else
            out_copy->out_offset += (out - in) / 2 * out_copy->out_strides[i];
        *out_pads = *out_pads || out > in;
    }
}

pum_status reference_center_crop_pad(struct op_call *call)
{
    struct host_tensor *out = &call->outputs[0];
    struct strided_copy copy;
    size_t bytes;
    bool pads;
    make_copy(&call->inputs[0].desc.shape, &out->desc.shape, &copy, &pads);
    if (tensor_bytes(&out->desc, &bytes) && bytes > 0)
        memset(out->data, 0, bytes);
    strided_run(&copy, pum_dtype_size(out->desc.dtype), call->inputs[0].data, out->data);
    return PUM_OK;
}

static pum_status lower_center_crop_pad(struct lower_call *call)
{
    struct strided_copy copy;
    bool pads;
    make_copy(&call->inputs[0].desc.shape, &call->outputs[0].desc.shape, &copy, &pads);
    if (pads)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel pads here");
    return strided_lower(call, &copy, &call->inputs[0], &call->outputs[0], true);
}
OP_LOWER(center_crop_pad, lower_center_crop_pad);
