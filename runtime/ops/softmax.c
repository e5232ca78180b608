/* SPDX-License-Identifier: MIT
 *
 * softmax.c - Softmax, LogSoftmax and Hardmax along one axis of any place and length. The greatest
 * element is subtracted before exponentials are taken. Tests: tests/ops/test_reduce_norm.c.
 */
#include "ops/axes.h"
#include "../../shaders/push/push_softmax.h"

#include <math.h>

static pum_status infer_rows(struct op_call *call)
{
    int32_t axis;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(axes_one(node_int(call->node, "axis", -1), call->inputs[0].desc.shape.rank, &axis));
    return op_infer_same(call);
}

static pum_status rows_view(const struct graph_node *node, const struct shape *shape,
                            struct axis_view *out_view)
{
    int32_t axis;
    PUM_TRY(axes_one(node_int(node, "axis", -1), shape->rank, &axis));
    *out_view = axes_view(shape, axis);
    return PUM_OK;
}

/* Where row `row` begins; its elements are view->inner apart. */
static int64_t row_base(const struct axis_view *view, int64_t row)
{
    return row / view->inner * view->length * view->inner + row % view->inner;
}

static pum_status reference_soft(struct op_call *call, bool log_result)
{
    const struct host_tensor *in = &call->inputs[0];
    struct axis_view view;
    PUM_TRY(rows_view(call->node, &in->desc.shape, &view));
    for (int64_t row = 0; row < view.outer * view.inner; row++) {
        int64_t base = row_base(&view, row);
        double greatest = -INFINITY, sum = 0;
        for (int64_t k = 0; k < view.length; k++)
            greatest = fmax(greatest, tensor_get_f64(in, base + k * view.inner));
        for (int64_t k = 0; k < view.length; k++)
            sum += exp(tensor_get_f64(in, base + k * view.inner) - greatest);
        for (int64_t k = 0; k < view.length; k++) {
            int64_t at = base + k * view.inner;
            double v = tensor_get_f64(in, at) - greatest;
            tensor_set_f64(&call->outputs[0], at, log_result ? v - log(sum) : exp(v) / sum);
        }
    }
    return PUM_OK;
}

static pum_status lower_soft(struct lower_call *call, bool log_result)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    struct lower_dispatch dispatch;
    struct axis_view view;
    PUM_TRY(rows_view(call->node, &in->desc.shape, &view));
    int64_t rows = view.outer * view.inner;
    if ((in->store != STORE_F32 && in->store != STORE_F16) || in->store != out->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(in->desc.dtype));
    if (rows > INT32_MAX || view.length > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 rows");
    if (rows == 0 || view.length == 0)
        return PUM_OK;
    struct axes_rows shape = {rows, view.length, view.inner > 1};
    PUM_TRY(axes_rows_begin(call, "softmax", in->store, &shape, &dispatch));
    struct push_softmax push = {(uint32_t)rows, (uint32_t)view.length, (uint32_t)view.inner,
                                log_result};
    lower_bind(&dispatch, 0, in);
    lower_bind(&dispatch, 1, out);
    lower_push(&dispatch, &push, sizeof push);
    dispatch.flops = 6.0 * (double)rows * (double)view.length;
    axes_rows_grid(call, &dispatch, rows);
    call->sink->in_place(call->sink, out->value, in->value);
    return lower_emit(call, &dispatch);
}

#define SOFTMAX_ROW(fn, log_result)                                                                \
    pum_status infer_##fn(struct op_call *call) { return infer_rows(call); }                       \
    pum_status reference_##fn(struct op_call *call) { return reference_soft(call, log_result); }   \
    static pum_status lower_##fn(struct lower_call *call) { return lower_soft(call, log_result); } \
    OP_LOWER(fn, lower_##fn)

SOFTMAX_ROW(softmax, false);
SOFTMAX_ROW(log_softmax, true);

pum_status infer_hardmax(struct op_call *call)
{
    return infer_rows(call);
}

pum_status reference_hardmax(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct axis_view view;
    PUM_TRY(rows_view(call->node, &in->desc.shape, &view));
    for (int64_t row = 0; row < view.outer * view.inner; row++) {
        int64_t base = row_base(&view, row), best = 0;
        for (int64_t k = 1; k < view.length; k++)
            if (tensor_get_f64(in, base + k * view.inner) >
                tensor_get_f64(in, base + best * view.inner))
                best = k;
        for (int64_t k = 0; k < view.length; k++)
            tensor_set_f64(&call->outputs[0], base + k * view.inner, k == best);
    }
    return PUM_OK;
}
OP_HOST_ONLY(hardmax);
