/* SPDX-License-Identifier: MIT
 *
 * arg.c - ArgMax and ArgMin: the index of the greatest or least along one axis.
 * Tests: tests/ops/test_reduce_norm.c.
 */
#include "ops/axes.h"
#include "../../shaders/push/push_arg.h"

static pum_status infer_arg(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    int32_t axis;
    PUM_TRY(axes_need_number(call, 0));
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), shape.rank, &axis));
    if (shape.dims[axis] == 0)
        return pum_fail(PUM_E_SHAPE, "axis %d is empty", axis);
    shape.dims[axis] = 1;
    if (node_int(call->node, "keepdims", 1) == 0) {
        shape.rank--;
        for (int32_t i = axis; i < shape.rank; i++)
            shape.dims[i] = shape.dims[i + 1];
    }
    return axes_output(call, 0, PUM_DTYPE_I64, &shape);
}

/* True when element a is a better choice than element b. Integers are compared exactly. */
static bool is_better(const struct host_tensor *in, int64_t a, int64_t b, bool least)
{
    if (dtype_is_float(in->desc.dtype)) {
        double x = tensor_get_f64(in, a), y = tensor_get_f64(in, b);
        return least ? x < y : x > y;
    }
    int64_t x = tensor_get_i64(in, a), y = tensor_get_i64(in, b);
    if (in->desc.dtype == PUM_DTYPE_U64)
        return least ? (uint64_t)x < (uint64_t)y : (uint64_t)x > (uint64_t)y;
    return least ? x < y : x > y;
}

static pum_status reference_arg(struct op_call *call, bool least)
{
    const struct host_tensor *in = &call->inputs[0];
    bool last = node_int(call->node, "select_last_index", 0) != 0;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), in->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&in->desc.shape, axis);
    for (int64_t i = 0; i < view.outer * view.inner; i++) {
        int64_t base = i / view.inner * view.length * view.inner + i % view.inner;
        int64_t best = 0;
        for (int64_t k = 1; k < view.length; k++) {
            int64_t a = base + k * view.inner, b = base + best * view.inner;
            if (is_better(in, a, b, least) || (last && !is_better(in, b, a, least)))
                best = k;
        }
        tensor_set_i64(&call->outputs[0], i, best);
    }
    return PUM_OK;
}

static pum_status lower_arg(struct lower_call *call, bool least)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    struct lower_dispatch dispatch;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), in->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&in->desc.shape, axis);
    if (in->store == STORE_NONE || out->store != STORE_I32 || in->desc.dtype == PUM_DTYPE_U32 ||
        in->desc.dtype == PUM_DTYPE_U64)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel compares %s",
                        pum_dtype_name(in->desc.dtype));
    if (view.outer * view.inner > INT32_MAX || view.length > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 results");
    struct push_arg push = {.results = (uint32_t)(view.outer * view.inner),
                            .row_length = (uint32_t)view.length,
                            .inner = (uint32_t)view.inner,
                            .least = least,
                            .last = node_int(call->node, "select_last_index", 0) != 0};
    struct axes_rows rows = {push.results, view.length, view.inner > 1};
    PUM_TRY(axes_rows_begin(call, "arg", in->store, &rows, &dispatch));
    lower_bind(&dispatch, 0, in);
    lower_bind(&dispatch, 1, out);
    lower_push(&dispatch, &push, sizeof push);
    axes_rows_grid(call, &dispatch, push.results);
    return lower_emit(call, &dispatch);
}

#define ARG_ROW(fn, least)                                                                         \
    pum_status infer_##fn(struct op_call *call) { return infer_arg(call); }                        \
    pum_status reference_##fn(struct op_call *call) { return reference_arg(call, least); }         \
    static pum_status lower_##fn(struct lower_call *call) { return lower_arg(call, least); }       \
    OP_LOWER(fn, lower_##fn)

ARG_ROW(arg_max, false);
ARG_ROW(arg_min, true);
