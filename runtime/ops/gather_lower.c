/* SPDX-License-Identifier: MIT
 *
 * gather_lower.c - gathers and scatters as dispatches. A table larger than a binding is gathered in
 * windows of rows; a scatter first copies its data. Tests: tests/ops/test_gather_resize.c.
 */
#include "ops/axes.h"
#include "ops/gather.h"
#include "../../shaders/push/push_gather.h"

#include <string.h>

#define GATHER_MAX_WINDOWS 64
#define GATHER_WIDE_SPAN 16 /* elements an invocation copies on a CPU driver */

/* Data and output lie in one store, indices are integers, and all counts fit 32 bits. */
static pum_status check_values(const struct lower_call *call)
{
    const struct lower_value *data = &call->inputs[0];
    if (data->store == STORE_NONE || data->store != call->outputs[0].store)
        return pum_fail(PUM_E_UNSUPPORTED, "%s elements have no place on the device",
                        pum_dtype_name(data->desc.dtype));
    if (call->inputs[1].store != STORE_I32)
        return pum_fail(PUM_E_UNSUPPORTED, "indices have no place on the device");
    if (shape_elements(&call->inputs[1].desc.shape) > INT32_MAX ||
        shape_elements(&call->outputs[0].desc.shape) > UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^32 elements");
    return PUM_OK;
}

/* --- Gather ----------------------------------------------------------------------------------- */

/* Rows of the table that one binding sees, each window at a bindable offset; 0 if none. */
static int64_t window_rows(const struct base_caps *caps, uint64_t row_bytes, int64_t rows)
{
    uint64_t alignment = caps->storage_alignment > 4 ? caps->storage_alignment : 4;
    uint64_t unit = 1; /* rows after which offsets are bindable again */
    while (unit * row_bytes % alignment != 0)
        unit *= 2;
    uint64_t most = caps->max_storage_range / row_bytes;
    if (most >= (uint64_t)rows)
        return rows;
    return (int64_t)(most / unit * unit);
}

pum_status gather_lower(struct lower_call *call)
{
    const struct lower_value *data = &call->inputs[0], *out = &call->outputs[0];
    enum kernel_store store = axes_bits(data->store);
    struct lower_dispatch dispatch;
    int32_t axis;
    PUM_TRY(check_values(call));
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), data->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&data->desc.shape, axis);
    if (shape_elements(&out->desc.shape) == 0)
        return PUM_OK;
    if (view.length == 0 || view.length > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "a table of %lld rows", (long long)view.length);
    uint64_t row_bytes = (uint64_t)view.inner * store_bytes(data->store);
    int64_t rows = view.length, inner = view.inner;
    if (lower_bytes(data) > call->caps->max_storage_range)
        rows = view.outer == 1 ? window_rows(call->caps, row_bytes, rows) : 0;
    if (rows == 0 || axes_ceil_div(view.length, rows) > GATHER_MAX_WINDOWS)
        return pum_fail(PUM_E_UNSUPPORTED, "the table is too large for the device's bindings");
    if (store == STORE_F16 && inner % 2 == 0) {
        store = STORE_I32;
        inner /= 2;
    }
    struct kernel_number number = {"vec4",
                                   inner % 4 == 0 && !axes_pinned(call->caps, "gather_rows")};
    PUM_TRY(lower_begin(call, "gather", store, &number, 1, &dispatch));
    if (strncmp(dispatch.row->name, "gather_vec4", 11) == 0)
        inner /= 4;
    int64_t span = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE) ? GATHER_WIDE_SPAN : 1;
    struct push_gather push = {
        .index_count = (uint32_t)shape_elements(&call->inputs[1].desc.shape),
        .row_count = (uint32_t)view.length,
        .inner = (uint32_t)inner,
        .span = (uint32_t)axes_min(span, inner)};
    push.chunks = (push.inner + push.span - 1) / push.span;
    push.count = (uint32_t)view.outer * push.index_count * push.chunks;
    lower_bind(&dispatch, 1, &call->inputs[1]);
    lower_bind(&dispatch, 2, out);
    lower_grid(call->caps, (uint64_t)axes_ceil_div(push.count, dispatch.specs[0]),
               dispatch.groups);
    for (int64_t first = 0; first < view.length; first += rows) {
        push.window_first = (uint32_t)first;
        push.window_rows = (uint32_t)axes_min(rows, view.length - first);
        lower_push(&dispatch, &push, sizeof push);
        if (rows == view.length)
            lower_bind(&dispatch, 0, data);
        else
            lower_bind_range(&dispatch, 0, data->value, (uint64_t)first * row_bytes,
                             ((uint64_t)push.window_rows * row_bytes + 3) & ~(uint64_t)3);
        PUM_TRY(lower_emit(call, &dispatch));
    }
    return PUM_OK;
}

/* --- By element and by tuple ------------------------------------------------------------------ */

static pum_status by_element(struct lower_call *call, const char *family,
                             struct lower_dispatch *out_dispatch)
{
    const struct shape *data = &call->inputs[0].desc.shape;
    const struct shape *indices = &call->inputs[1].desc.shape;
    struct push_by_element push = {0};
    struct strided_copy copy;
    int32_t axis;
    PUM_TRY(check_values(call));
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), data->rank, &axis));
    gather_elements_copy(data, indices, axis, &copy);
    strided_collapse(&copy);
    struct axis_view view = axes_view(data, axis);
    if (copy.rank > ELEMENT_MAX_RANK)
        return pum_fail(PUM_E_UNSUPPORTED, "indices have more than %d separate axes",
                        ELEMENT_MAX_RANK);
    if (view.length == 0 || view.length > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "an axis of %lld entries", (long long)view.length);
    push.count = (uint32_t)shape_elements(indices);
    push.rank = (uint32_t)copy.rank;
    push.axis_length = (uint32_t)view.length;
    push.axis_stride = (uint32_t)view.inner;
    for (int32_t i = 0; i < copy.rank; i++) {
        push.dims[i] = (uint32_t)copy.dims[i];
        push.strides[i] = (uint32_t)copy.in_strides[i];
    }
    PUM_TRY(lower_begin(call, family, axes_bits(call->inputs[0].store), NULL, 0, out_dispatch));
    lower_push(out_dispatch, &push, sizeof push);
    lower_grid(call->caps, (uint64_t)axes_ceil_div(push.count, out_dispatch->specs[0]),
               out_dispatch->groups);
    return PUM_OK;
}

static pum_status by_tuple(struct lower_call *call, const char *family, int64_t batch_dims,
                           struct lower_dispatch *out_dispatch)
{
    struct push_by_tuple push = {0};
    struct gather_tuples plan;
    PUM_TRY(check_values(call));
    PUM_TRY(gather_tuples_plan(&call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                               batch_dims, &plan));
    int64_t count = plan.batches * plan.tuples * plan.inner;
    if (count > UINT32_MAX || shape_elements(&call->inputs[0].desc.shape) > UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^32 elements");
    push.count = (uint32_t)count;
    push.width = (uint32_t)plan.width;
    push.tuples = (uint32_t)plan.tuples;
    push.inner = (uint32_t)plan.inner;
    push.batch_stride = (uint32_t)plan.batch_stride;
    for (int32_t i = 0; i < plan.width; i++) {
        if (count > 0 && (plan.dims[i] == 0 || plan.dims[i] > INT32_MAX))
            return pum_fail(PUM_E_UNSUPPORTED, "an axis of %lld entries", (long long)plan.dims[i]);
        push.dims[i] = (uint32_t)plan.dims[i];
        push.strides[i] = (uint32_t)plan.strides[i];
    }
    PUM_TRY(lower_begin(call, family, axes_bits(call->inputs[0].store), NULL, 0, out_dispatch));
    lower_push(out_dispatch, &push, sizeof push);
    lower_grid(call->caps, (uint64_t)axes_ceil_div(count, out_dispatch->specs[0]),
               out_dispatch->groups);
    return PUM_OK;
}

static pum_status emit_gather(struct lower_call *call, struct lower_dispatch *dispatch)
{
    lower_bind(dispatch, 0, &call->inputs[0]);
    lower_bind(dispatch, 1, &call->inputs[1]);
    lower_bind(dispatch, 2, &call->outputs[0]);
    return lower_emit(call, dispatch);
}

pum_status gather_elements_lower(struct lower_call *call)
{
    struct lower_dispatch dispatch;
    PUM_TRY(by_element(call, "gather_elements", &dispatch));
    return emit_gather(call, &dispatch);
}

pum_status gather_nd_lower(struct lower_call *call)
{
    struct lower_dispatch dispatch;
    PUM_TRY(by_tuple(call, "gather_nd", node_int(call->node, "batch_dims", 0), &dispatch));
    return emit_gather(call, &dispatch);
}

/* Copies the data into the output, then emits the scatter over it. */
static pum_status emit_scatter(struct lower_call *call, struct lower_dispatch *dispatch)
{
    const struct lower_value *data = &call->inputs[0], *out = &call->outputs[0];
    struct strided_copy copy = {.rank = 1, .in_strides = {1}, .out_strides = {1}};
    if (call->inputs[2].store != data->store)
        return pum_fail(PUM_E_UNSUPPORTED, "updates lie in another element type");
    copy.dims[0] = shape_elements(&data->desc.shape);
    PUM_TRY(strided_lower(call, &copy, data, out, false));
    lower_bind(dispatch, 0, &call->inputs[1]);
    lower_bind(dispatch, 1, &call->inputs[2]);
    lower_bind(dispatch, 2, out);
    return lower_emit(call, dispatch);
}

pum_status scatter_elements_lower(struct lower_call *call)
{
    struct lower_dispatch dispatch;
    PUM_TRY(by_element(call, "scatter_elements", &dispatch));
    return emit_scatter(call, &dispatch);
}

pum_status scatter_nd_lower(struct lower_call *call)
{
    struct lower_dispatch dispatch;
    PUM_TRY(by_tuple(call, "scatter_nd", 0, &dispatch));
    return emit_scatter(call, &dispatch);
}
