/* SPDX-License-Identifier: MIT
 *
 * resize_lower.c - Resize as one dispatch, for one or two neighbouring axes whose coordinates are
 * exact fractions in 32 bits; the rest is the host's. Tests: tests/ops/test_gather_resize.c.
 */
#include "ops/resize.h"

#include "ops/axes.h"
#include "ops/quantize.h"

#include <string.h>

#define RESIZE_WIDE_SPAN 16 /* neighbours an invocation computes on a CPU driver */

/* Fractions and their doubles stay below 2^31 for every output position. */
static bool fits(const struct resize_axis *axis)
{
    int64_t add = axis->add < 0 ? -axis->add : axis->add;
    return axis->exact && axis->num <= INT32_MAX && axis->in <= INT32_MAX / 4 &&
           axis->out <= INT32_MAX / 4 &&
           axis->out * axis->num + add + 2 * axis->den <= INT32_MAX / 2;
}

/* The first and last axis that change; false when there are more than two, or others between. */
static bool changed_axes(const struct resize_plan *plan, int32_t *out_first, int32_t *out_last)
{
    *out_first = *out_last = -1;
    for (int32_t i = 0; i < plan->rank; i++) {
        if (resize_is_identity(&plan->axes[i]))
            continue;
        if (*out_first < 0)
            *out_first = i;
        *out_last = i;
    }
    return *out_last - *out_first <= 1;
}

static pum_status emit(struct lower_call *call, const struct resize_plan *plan, int32_t h,
                       int32_t w)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    const struct resize_axis one = {.in = 1, .out = 1, .num = 1, .den = 1, .exact = true};
    const struct resize_axis *rows = h >= 0 ? &plan->axes[h] : &one, *columns = &plan->axes[w];
    struct lower_dispatch dispatch;
    int64_t inner = shape_product(&out->desc.shape, w + 1, plan->rank);
    int64_t outer = shape_product(&out->desc.shape, 0, h >= 0 ? h : w);
    if (!fits(rows) || !fits(columns))
        return pum_fail(PUM_E_UNSUPPORTED, "coordinates are no fractions in 32 bits");
    struct kernel_number number = {"x4", inner == 1 && columns->out % 4 == 0};
    PUM_TRY(lower_begin(call, "resize", in->store, &number, 1, &dispatch));
    int64_t span = strncmp(dispatch.row->name, "resize_x4", 9) == 0 ? 4 : 1;
    if (axes_has_cap(call->caps, BASE_CAP_LANES_WIDE))
        span = axes_min(RESIZE_WIDE_SPAN, columns->out);
    struct push_resize push = {.out_h = (uint32_t)rows->out,
                               .out_w = (uint32_t)columns->out,
                               .span = (uint32_t)span,
                               .inner = (uint32_t)inner,
                               .in_h = (int32_t)rows->in,
                               .in_w = (int32_t)columns->in,
                               .num_h = (int32_t)rows->num,
                               .add_h = (int32_t)rows->add,
                               .den_h = (int32_t)rows->den,
                               .num_w = (int32_t)columns->num,
                               .add_w = (int32_t)columns->add,
                               .den_w = (int32_t)columns->den,
                               .rounding = plan->rounding | (plan->exclude_outside ? 4u : 0u),
                               .cubic_a = (float)plan->cubic_a};
    int64_t count = outer * rows->out * axes_ceil_div(columns->out, span) * inner;
    push.count = (uint32_t)count;
    kernel_set_spec(dispatch.row, dispatch.specs, "MODE", plan->mode);
    lower_bind(&dispatch, 0, in);
    lower_bind(&dispatch, 1, out);
    lower_push(&dispatch, &push, sizeof push);
    PUM_TRY(lower_chain(call, &dispatch, &out->desc.shape, -1, inner == 1 ? w : -1));
    dispatch.flops = 8.0 * (double)count * (double)span;
    lower_grid(call->caps, (uint64_t)axes_ceil_div(count, dispatch.specs[0]), dispatch.groups);
    return lower_emit(call, &dispatch);
}

pum_status resize_lower(struct lower_call *call)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    struct axes_lowered lowered;
    struct resize_plan plan;
    int32_t h, w;
    axes_lowered_call(call, &lowered);
    PUM_TRY(resize_plan(&lowered.call, &plan));
    int32_t low, high;
    bool narrow = quant_range(in->desc.dtype, &low, &high) && in->desc.dtype != PUM_DTYPE_I32;
    bool moves = plan.mode == RESIZE_NEAREST && narrow;
    if ((in->store != STORE_F32 && in->store != STORE_F16 && !moves) || in->store != out->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(in->desc.dtype));
    if (shape_elements(&out->desc.shape) == 0)
        return PUM_OK;
    for (int32_t i = 0; i < plan.rank && plan.antialias; i++)
        if (plan.axes[i].scale < 1)
            return pum_fail(PUM_E_UNSUPPORTED, "no kernel for antialias");
    if (plan.extrapolates)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for tf_crop_and_resize");
    if (shape_elements(&in->desc.shape) > INT32_MAX || shape_elements(&out->desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    if (!changed_axes(&plan, &h, &w))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for more than two neighbouring axes");
    if (w < 0) { /* nothing changes */
        if (!call->chain)
            return lower_alias_input0(call);
        h = w = plan.rank - 1;
    }
    if (w < 0)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for a scalar");
    return emit(call, &plan, h == w ? -1 : h, w);
}
