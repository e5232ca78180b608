/* SPDX-License-Identifier: MIT
 *
 * gather.c - Gather, GatherElements, GatherND and OneHot: elements by index. Negative indices count
 * from the end; the reference refuses one outside with PUM_E_RANGE, kernels clamp it, so that
 * nothing outside is read. Scatters are in scatter.c. Lowering: gather_lower.c.
 * Tests: tests/ops/test_gather_resize.c.
 */
#include "ops/gather.h"

#include "ops/axes.h"

#include <string.h>

pum_status gather_index(const struct host_tensor *indices, int64_t position, int64_t dim,
                        int64_t *out_index)
{
    int64_t index = tensor_get_i64(indices, position);
    *out_index = index < 0 ? index + dim : index;
    if (index < -dim || index >= dim)
        return pum_fail(PUM_E_RANGE, "index %lld at position %lld, the axis has %lld entries",
                        (long long)index, (long long)position, (long long)dim);
    return PUM_OK;
}

pum_status gather_tuple(const struct host_tensor *indices, int64_t tuple,
                        const struct gather_tuples *plan, int64_t *out_offset)
{
    *out_offset = 0;
    for (int32_t i = 0; i < plan->width; i++) {
        int64_t index;
        PUM_TRY(gather_index(indices, tuple * plan->width + i, plan->dims[i], &index));
        *out_offset += index * plan->strides[i];
    }
    return PUM_OK;
}

/* --- Gather ----------------------------------------------------------------------------------- */

pum_status infer_gather(struct op_call *call)
{
    const struct shape *data = &call->inputs[0].desc.shape;
    const struct shape *indices = &call->inputs[1].desc.shape;
    struct shape shape = {.rank = data->rank - 1 + indices->rank};
    int32_t axis, at = 0;
    PUM_TRY(axes_need_index(call, 1));
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), data->rank, &axis));
    if (shape.rank > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "the output would have %d axes, at most %d are possible",
                        shape.rank, PUM_MAX_RANK);
    for (int32_t i = 0; i < axis; i++)
        shape.dims[at++] = data->dims[i];
    for (int32_t i = 0; i < indices->rank; i++)
        shape.dims[at++] = indices->dims[i];
    for (int32_t i = axis + 1; i < data->rank; i++)
        shape.dims[at++] = data->dims[i];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_gather(struct op_call *call)
{
    const struct host_tensor *data = &call->inputs[0], *indices = &call->inputs[1];
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), data->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&data->desc.shape, axis);
    int64_t count = shape_elements(&indices->desc.shape);
    size_t bytes = (size_t)view.inner * pum_dtype_size(data->desc.dtype);
    if (bytes == 0)
        return PUM_OK;
    for (int64_t i = 0; i < view.outer * count; i++) {
        int64_t index;
        PUM_TRY(gather_index(indices, i % count, view.length, &index));
        memcpy((uint8_t *)call->outputs[0].data + (size_t)i * bytes,
               (const uint8_t *)data->data + (size_t)(i / count * view.length + index) * bytes,
               bytes);
    }
    return PUM_OK;
}
OP_LOWER(gather, gather_lower);

/* --- GatherElements --------------------------------------------------------------------------- */

pum_status gather_check_elements(const struct op_call *call, int32_t axis)
{
    const struct shape *data = &call->inputs[0].desc.shape;
    const struct shape *indices = &call->inputs[1].desc.shape;
    PUM_TRY(axes_need_index(call, 1));
    if (indices->rank != data->rank)
        return pum_fail(PUM_E_SHAPE, "indices of rank %d for data of rank %d", indices->rank,
                        data->rank);
    for (int32_t i = 0; i < data->rank; i++)
        if (i != axis && indices->dims[i] > data->dims[i])
            return pum_fail(PUM_E_SHAPE, "indices have %lld entries on axis %d, data %lld",
                            (long long)indices->dims[i], i, (long long)data->dims[i]);
    return PUM_OK;
}

void gather_elements_copy(const struct shape *data, const struct shape *indices, int32_t axis,
                          struct strided_copy *out_copy)
{
    memset(out_copy, 0, sizeof *out_copy);
    out_copy->rank = indices->rank;
    for (int32_t i = 0; i < indices->rank; i++)
        out_copy->dims[i] = indices->dims[i];
    shape_strides(data, out_copy->in_strides);
    shape_strides(indices, out_copy->out_strides);
    out_copy->in_strides[axis] = 0; /* the index takes this axis's place */
}

int64_t gather_elements_base(const struct strided_copy *copy, int64_t position)
{
    int64_t offset = 0;
    for (int32_t i = copy->rank - 1; i >= 0; i--) {
        offset += position % copy->dims[i] * copy->in_strides[i];
        position /= copy->dims[i];
    }
    return offset;
}

pum_status infer_gather_elements(struct op_call *call)
{
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), call->inputs[0].desc.shape.rank, &axis));
    PUM_TRY(gather_check_elements(call, axis));
    return axes_output(call, 0, call->inputs[0].desc.dtype, &call->inputs[1].desc.shape);
}

pum_status reference_gather_elements(struct op_call *call)
{
    const struct host_tensor *data = &call->inputs[0], *indices = &call->inputs[1];
    int64_t count = shape_elements(&indices->desc.shape);
    size_t bytes = pum_dtype_size(data->desc.dtype);
    struct strided_copy copy;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), data->desc.shape.rank, &axis));
    gather_elements_copy(&data->desc.shape, &indices->desc.shape, axis, &copy);
    struct axis_view view = axes_view(&data->desc.shape, axis);
    for (int64_t i = 0; i < count; i++) {
        int64_t index;
        PUM_TRY(gather_index(indices, i, view.length, &index));
        int64_t from = gather_elements_base(&copy, i) + index * view.inner;
        memcpy((uint8_t *)call->outputs[0].data + (size_t)i * bytes,
               (const uint8_t *)data->data + (size_t)from * bytes, bytes);
    }
    return PUM_OK;
}
OP_LOWER(gather_elements, gather_elements_lower);

/* --- GatherND --------------------------------------------------------------------------------- */

pum_status gather_tuples_plan(const struct shape *data, const struct shape *indices,
                              int64_t batch_dims, struct gather_tuples *out_plan)
{
    int64_t strides[PUM_MAX_RANK];
    memset(out_plan, 0, sizeof *out_plan);
    if (indices->rank < 1 || data->rank < 1)
        return pum_fail(PUM_E_SHAPE, "data of rank %d and indices of rank %d, both need 1 or more",
                        data->rank, indices->rank);
    if (batch_dims < 0 || batch_dims >= indices->rank || batch_dims >= data->rank)
        return pum_fail(PUM_E_SHAPE, "batch_dims %lld for ranks %d and %d", (long long)batch_dims,
                        data->rank, indices->rank);
    int32_t batch = (int32_t)batch_dims;
    int64_t width = indices->dims[indices->rank - 1];
    if (width < 1 || width > data->rank - batch)
        return pum_fail(PUM_E_SHAPE, "index tuples of %lld for %d axes", (long long)width,
                        data->rank - batch);
    for (int32_t i = 0; i < batch; i++)
        if (data->dims[i] != indices->dims[i])
            return pum_fail(PUM_E_SHAPE, "batch axis %d is %lld in data and %lld in indices", i,
                            (long long)data->dims[i], (long long)indices->dims[i]);
    shape_strides(data, strides);
    out_plan->width = (int32_t)width;
    for (int32_t i = 0; i < out_plan->width; i++) {
        out_plan->dims[i] = data->dims[batch + i];
        out_plan->strides[i] = strides[batch + i];
    }
    out_plan->inner_rank = data->rank - batch - out_plan->width;
    out_plan->batches = shape_product(data, 0, batch);
    out_plan->batch_stride = shape_product(data, batch, data->rank);
    out_plan->tuples = shape_product(indices, batch, indices->rank - 1);
    out_plan->inner = shape_product(data, data->rank - out_plan->inner_rank, data->rank);
    return PUM_OK;
}

pum_status infer_gather_nd(struct op_call *call)
{
    const struct shape *data = &call->inputs[0].desc.shape;
    const struct shape *indices = &call->inputs[1].desc.shape;
    struct gather_tuples plan;
    struct shape shape = {0};
    if (call->inputs[1].desc.dtype != PUM_DTYPE_I64)
        return op_bad_type(call, 1, "int64");
    PUM_TRY(gather_tuples_plan(data, indices, node_int(call->node, "batch_dims", 0), &plan));
    shape.rank = indices->rank - 1 + plan.inner_rank;
    if (shape.rank > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "the output would have %d axes, at most %d are possible",
                        shape.rank, PUM_MAX_RANK);
    for (int32_t i = 0; i < indices->rank - 1; i++)
        shape.dims[i] = indices->dims[i];
    for (int32_t i = 0; i < plan.inner_rank; i++)
        shape.dims[indices->rank - 1 + i] = data->dims[data->rank - plan.inner_rank + i];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_gather_nd(struct op_call *call)
{
    const struct host_tensor *data = &call->inputs[0], *indices = &call->inputs[1];
    struct gather_tuples plan;
    PUM_TRY(gather_tuples_plan(&data->desc.shape, &indices->desc.shape,
                               node_int(call->node, "batch_dims", 0), &plan));
    size_t element = pum_dtype_size(data->desc.dtype), bytes = (size_t)plan.inner * element;
    if (bytes == 0)
        return PUM_OK;
    for (int64_t i = 0; i < plan.batches * plan.tuples; i++) {
        int64_t offset;
        PUM_TRY(gather_tuple(indices, i, &plan, &offset));
        offset += i / plan.tuples * plan.batch_stride;
        memcpy((uint8_t *)call->outputs[0].data + (size_t)i * bytes,
               (const uint8_t *)data->data + (size_t)offset * element, bytes);
    }
    return PUM_OK;
}
OP_LOWER(gather_nd, gather_nd_lower);

/* --- OneHot ----------------------------------------------------------------------------------- */

pum_status infer_one_hot(struct op_call *call)
{
    const struct shape *indices = &call->inputs[0].desc.shape;
    struct shape shape = {.rank = indices->rank + 1};
    int32_t axis;
    PUM_TRY(axes_need_number(call, 0));
    PUM_TRY(axes_need_number(call, 1));
    if (shape_elements(&call->inputs[1].desc.shape) != 1 ||
        shape_elements(&call->inputs[2].desc.shape) != 2)
        return pum_fail(PUM_E_SHAPE, "depth needs one value, values two");
    if (shape.rank > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "indices have %d axes already", indices->rank);
    PUM_TRY(axes_one(node_int(call->node, "axis", -1), shape.rank, &axis));
    if (!call->inputs[1].data)
        return op_needs_data(call, 1);
    double depth = tensor_get_f64(&call->inputs[1], 0);
    if (!(depth >= 1 && depth < 1e15))
        return pum_fail(PUM_E_RANGE, "depth is %g", depth);
    for (int32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = i < axis ? indices->dims[i]
                        : i == axis ? (int64_t)depth : indices->dims[i - 1];
    return axes_output(call, 0, call->inputs[2].desc.dtype, &shape);
}

pum_status reference_one_hot(struct op_call *call)
{
    const struct host_tensor *indices = &call->inputs[0];
    const struct host_tensor *values = &call->inputs[2];
    struct host_tensor *out = &call->outputs[0];
    size_t bytes = pum_dtype_size(out->desc.dtype);
    int64_t count = shape_elements(&out->desc.shape);
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", -1), out->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&out->desc.shape, axis);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = i / view.inner / view.length * view.inner + i % view.inner;
        int64_t k = i / view.inner % view.length;
        double real = tensor_get_f64(indices, at);
        int64_t index = real >= -1e15 && real <= 1e15 ? (int64_t)real : INT64_MIN;
        bool on = index == k || (index < 0 && index == k - view.length);
        memcpy((uint8_t *)out->data + (size_t)i * bytes,
               (const uint8_t *)values->data + (on ? bytes : 0), bytes);
    }
    return PUM_OK;
}
OP_HOST_ONLY(one_hot);
