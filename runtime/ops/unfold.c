/* SPDX-License-Identifier: MIT
 *
 * unfold.c - operators that undo others: MaxUnpool puts maxima back where they were found, Col2Im
 * adds up blocks where they were cut out. Tests: tests/ops/test_vision.c.
 */
#include "ops/axes.h"

#include <string.h>

#define UNFOLD_MAX ((int64_t)1 << 31)

/* `count` values of a list attribute, each `otherwise` when it is absent. */
static pum_status read_list(const struct graph_node *node, const char *name, int32_t count,
                            int64_t least, int64_t otherwise, int64_t *values)
{
    int32_t given_count;
    const int64_t *given = node_ints(node, name, &given_count);
    if (given && given_count != count)
        return pum_fail(PUM_E_SHAPE, "%s has %d values, expected %d", name, given_count, count);
    for (int32_t i = 0; i < count; i++) {
        values[i] = given ? given[i] : otherwise;
        if (values[i] < least || values[i] > UNFOLD_MAX)
            return pum_fail(PUM_E_RANGE, "%s is %lld", name, (long long)values[i]);
    }
    return PUM_OK;
}

/* --- MaxUnpool -------------------------------------------------------------------------------- */

/* The shape that the pooled tensor had; indices count in it. */
static pum_status pooled_from(const struct op_call *call, struct shape *out_shape)
{
    const struct shape *x = &call->inputs[0].desc.shape;
    int32_t axes = x->rank - 2;
    int64_t kernel[PUM_MAX_RANK], stride[PUM_MAX_RANK], pads[2 * PUM_MAX_RANK];
    *out_shape = *x;
    if (axes < 1)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected [n,c,spatial...]", x->rank);
    if (!node_attr(call->node, "kernel_shape"))
        return pum_fail(PUM_E_ARGUMENT, "attribute kernel_shape is missing");
    PUM_TRY(read_list(call->node, "kernel_shape", axes, 1, 1, kernel));
    PUM_TRY(read_list(call->node, "strides", axes, 1, 1, stride));
    PUM_TRY(read_list(call->node, "pads", 2 * axes, 0, 0, pads));
    for (int32_t i = 0; i < axes; i++) {
        if (x->dims[2 + i] > UNFOLD_MAX)
            return pum_fail(PUM_E_SHAPE, "axis %d has %lld entries", 2 + i,
                            (long long)x->dims[2 + i]);
        out_shape->dims[2 + i] =
            (x->dims[2 + i] - 1) * stride[i] + kernel[i] - pads[i] - pads[axes + i];
        if (out_shape->dims[2 + i] < 0)
            return pum_fail(PUM_E_SHAPE, "axis %d would have %lld entries", 2 + i,
                            (long long)out_shape->dims[2 + i]);
    }
    return PUM_OK;
}

pum_status infer_max_unpool(struct op_call *call)
{
    struct shape shape;
    int64_t dims[PUM_MAX_RANK];
    int32_t count;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(axes_need_index(call, 1));
    if (!shape_equal(&call->inputs[0].desc.shape, &call->inputs[1].desc.shape))
        return pum_fail(PUM_E_SHAPE, "indices (input 1) do not have the input's shape");
    PUM_TRY(pooled_from(call, &shape));
    if (op_has_input(call, 2)) {
        PUM_TRY(axes_input_ints(call, 2, dims, PUM_MAX_RANK, &count));
        if (count != shape.rank)
            return pum_fail(PUM_E_SHAPE, "output_shape has %d values, the input %d axes", count,
                            shape.rank);
        shape = shape_of(count, dims);
    }
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_max_unpool(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0], *indices = &call->inputs[1];
    struct host_tensor *y = &call->outputs[0];
    size_t bytes = pum_dtype_size(x->desc.dtype), all;
    int64_t count = shape_elements(&x->desc.shape), strides[PUM_MAX_RANK];
    struct shape from;
    PUM_TRY(pooled_from(call, &from));
    if (tensor_bytes(&y->desc, &all) && all > 0)
        memset(y->data, 0, all);
    shape_strides(&y->desc.shape, strides);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = tensor_get_i64(indices, i), to = 0;
        bool inside = rest >= 0;
        for (int32_t axis = from.rank - 1; axis >= 0 && inside; axis--) {
            int64_t at = from.dims[axis] > 0 ? rest % from.dims[axis] : 0;
            rest = from.dims[axis] > 0 ? rest / from.dims[axis] : 0;
            inside = at < y->desc.shape.dims[axis];
            to += at * strides[axis];
        }
        if (!inside || rest != 0)
            return pum_fail(PUM_E_RANGE, "index %lld lies outside the output",
                            (long long)tensor_get_i64(indices, i));
        memcpy((uint8_t *)y->data + (size_t)to * bytes,
               (const uint8_t *)x->data + (size_t)i * bytes, bytes);
    }
    return PUM_OK;
}
OP_HOST_ONLY(max_unpool);

/* --- Col2Im ----------------------------------------------------------------------------------- */

struct col2im {
    int32_t axes;
    int64_t image[PUM_MAX_RANK], block[PUM_MAX_RANK];
    int64_t dilation[PUM_MAX_RANK], stride[PUM_MAX_RANK], begin[2 * PUM_MAX_RANK];
    int64_t steps[PUM_MAX_RANK]; /* blocks along each axis */
    int64_t block_size, blocks;
};

static pum_status read_col2im(struct op_call *call, struct col2im *plan)
{
    const struct shape *x = &call->inputs[0].desc.shape;
    int32_t block_axes;
    memset(plan, 0, sizeof *plan);
    PUM_TRY(axes_input_ints(call, 1, plan->image, PUM_MAX_RANK - 2, &plan->axes));
    PUM_TRY(axes_input_ints(call, 2, plan->block, PUM_MAX_RANK - 2, &block_axes));
    if (block_axes != plan->axes || plan->axes < 1)
        return pum_fail(PUM_E_SHAPE, "image_shape has %d values, block_shape %d", plan->axes,
                        block_axes);
    PUM_TRY(read_list(call->node, "dilations", plan->axes, 1, 1, plan->dilation));
    PUM_TRY(read_list(call->node, "strides", plan->axes, 1, 1, plan->stride));
    PUM_TRY(read_list(call->node, "pads", 2 * plan->axes, 0, 0, plan->begin));
    plan->block_size = plan->blocks = 1;
    for (int32_t i = 0; i < plan->axes; i++) {
        if (plan->image[i] < 0 || plan->image[i] > UNFOLD_MAX || plan->block[i] < 1 ||
            plan->block[i] > UNFOLD_MAX)
            return pum_fail(PUM_E_RANGE, "an image of %lld, blocks of %lld on axis %d",
                            (long long)plan->image[i], (long long)plan->block[i], i);
        int64_t room = plan->image[i] + plan->begin[i] + plan->begin[plan->axes + i] -
                       plan->dilation[i] * (plan->block[i] - 1) - 1;
        plan->steps[i] = room < 0 ? 0 : room / plan->stride[i] + 1;
        if (plan->block_size > UNFOLD_MAX || plan->blocks > UNFOLD_MAX)
            return pum_fail(PUM_E_SHAPE, "blocks too large or too many");
        plan->block_size *= plan->block[i];
        plan->blocks *= plan->steps[i];
    }
    if (x->rank != 3 || x->dims[1] % plan->block_size != 0 || x->dims[2] != plan->blocks) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "input %s, expected [n, channels * %lld, %lld]",
                        shape_text(x, text), (long long)plan->block_size, (long long)plan->blocks);
    }
    return PUM_OK;
}

pum_status infer_col2im(struct op_call *call)
{
    const struct shape *x = &call->inputs[0].desc.shape;
    struct col2im plan;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(read_col2im(call, &plan));
    struct shape shape = {.rank = plan.axes + 2,
                          .dims = {x->dims[0], x->dims[1] / plan.block_size}};
    for (int32_t i = 0; i < plan.axes; i++)
        shape.dims[2 + i] = plan.image[i];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* Where element `k` of block `b` lies in the image; -1: in the pads. */
static int64_t place_element(const struct col2im *plan, int64_t b, int64_t k)
{
    int64_t to = 0, stride = 1;
    for (int32_t i = plan->axes - 1; i >= 0; i--) {
        int64_t at = b % plan->steps[i] * plan->stride[i] + k % plan->block[i] * plan->dilation[i] -
                     plan->begin[i];
        b /= plan->steps[i];
        k /= plan->block[i];
        if (at < 0 || at >= plan->image[i])
            return -1;
        to += at * stride;
        stride *= plan->image[i];
    }
    return to;
}

pum_status reference_col2im(struct op_call *call)
{
    const struct shape *shape = &call->outputs[0].desc.shape;
    struct col2im plan;
    PUM_TRY(read_col2im(call, &plan));
    int64_t plane = shape_product(shape, 2, shape->rank), planes = shape->dims[0] * shape->dims[1];
    double *sums = pum_alloc(call->context, (size_t)plane + 1, sizeof *sums);
    if (!sums)
        return PUM_E_MEMORY;
    for (int64_t p = 0; p < planes; p++) {
        memset(sums, 0, (size_t)plane * sizeof *sums);
        for (int64_t k = 0; k < plan.block_size; k++)
            for (int64_t b = 0; b < plan.blocks; b++) {
                int64_t to = place_element(&plan, b, k);
                if (to >= 0)
                    sums[to] += tensor_get_f64(&call->inputs[0],
                                               (p * plan.block_size + k) * plan.blocks + b);
            }
        for (int64_t i = 0; i < plane; i++)
            tensor_set_f64(&call->outputs[0], p * plane + i, sums[i]);
    }
    pum_free(call->context, sums);
    return PUM_OK;
}
OP_HOST_ONLY(col2im);
