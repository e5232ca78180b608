/* SPDX-License-Identifier: MIT
 *
 * resize_run.c - Resize on the host: nearest takes elements, linear and cubic weigh some along one
 * axis after the other; with antialias the weights reach as far as an output element is wide.
 * Tests: tests/ops/test_gather_resize.c.
 */
#include "ops/resize.h"

#include "ops/axes.h"

#include <math.h>
#include <string.h>

/* What one output position takes of an axis: elements from `first` on, those outside moved to the
 * border. */
struct resize_taps {
    int64_t first;
    int32_t count;
    bool outside; /* the coordinate lies outside [0, in - 1] */
    double *weight;
};

static int64_t tap_at(const struct resize_axis *axis, const struct resize_taps *taps, int32_t i)
{
    return axes_max(axes_min(taps->first + i, axis->in - 1), 0);
}

/* How much an axis shrinks, where antialias looks at that; else 1. */
static double shrinking(const struct resize_plan *plan, const struct resize_axis *axis)
{
    return plan->antialias && axis->scale < 1 ? axis->scale : 1;
}

/* Elements before the coordinate that may weigh something, itself not counted. */
static int32_t reach(const struct resize_plan *plan, const struct resize_axis *axis)
{
    double support = plan->mode == RESIZE_NEAREST ? 0 : plan->mode == RESIZE_LINEAR ? 1 : 2;
    return (int32_t)(axes_max((int64_t)ceil(support / shrinking(plan, axis)), 1) - 1);
}

static int32_t tap_count(const struct resize_plan *plan, const struct resize_axis *axis)
{
    return plan->mode == RESIZE_NEAREST ? 1 : 2 * reach(plan, axis) + 2;
}

static double cubic_weight(double distance, double a)
{
    double d = fabs(distance);
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Whether nearest goes up from the whole part; the fraction is rest/den or `part`. */
static bool rounds_up(uint32_t rounding, double part)
{
    switch (rounding) {
    case RESIZE_FLOOR:
        return false;
    case RESIZE_CEIL:
        return part > 0;
    case RESIZE_PREFER_FLOOR:
        return part > 0.5;
    default:
        return part >= 0.5;
    }
}

static void find_taps(const struct resize_plan *plan, const struct resize_axis *axis, int64_t x,
                      struct resize_taps *out_taps)
{
    int64_t whole;
    double part;
    if (axis->exact) {
        int64_t v = x * axis->num + axis->add;
        whole = axes_floor_div(v, axis->den);
        part = (double)(v - whole * axis->den) / (double)axis->den; /* 1/2 is exact */
    } else {
        double v = (double)x * axis->factor + axis->offset;
        v = fmin(fmax(v, -4e9), 4e9);
        whole = (int64_t)floor(v);
        part = v - floor(v);
    }
    double scale = shrinking(plan, axis), sum = 0;
    out_taps->outside = whole < 0 || whole > axis->in - 1 || (whole == axis->in - 1 && part > 0);
    out_taps->count = tap_count(plan, axis);
    out_taps->first = whole - reach(plan, axis);
    if (plan->mode == RESIZE_NEAREST)
        out_taps->first += rounds_up(plan->rounding, part);
    for (int32_t i = 0; i < out_taps->count; i++) {
        int64_t at = out_taps->first + i;
        double distance = ((double)(at - whole) - part) * scale, weight = 1;
        if (plan->mode == RESIZE_LINEAR)
            weight = fmax(1 - fabs(distance), 0);
        else if (plan->mode == RESIZE_CUBIC)
            weight = cubic_weight(distance, plan->cubic_a);
        if (plan->mode != RESIZE_NEAREST && (plan->mode == RESIZE_CUBIC || plan->antialias) &&
            plan->exclude_outside && (at < 0 || at >= axis->in))
            weight = 0;
        out_taps->weight[i] = weight;
        sum += weight;
    }
    bool normalises = plan->exclude_outside || plan->antialias;
    for (int32_t i = 0; normalises && i < out_taps->count && sum != 0; i++)
        out_taps->weight[i] /= sum;
}

/* Taps of all positions of all axes; taps[i] are axis i's. *out_weights is freed by the caller as
 * taps[0] is. */
static pum_status make_taps(pum_context *context, const struct resize_plan *plan,
                            struct resize_taps *taps[PUM_MAX_RANK], double **out_weights)
{
    int64_t total = 0, weights = 0;
    for (int32_t i = 0; i < plan->rank; i++) {
        total += plan->axes[i].out;
        weights += plan->axes[i].out * tap_count(plan, &plan->axes[i]);
    }
    struct resize_taps *next = pum_alloc(context, (size_t)total + 1, sizeof *next);
    double *weight = pum_alloc(context, (size_t)weights + 1, sizeof *weight);
    taps[0] = next;
    *out_weights = weight;
    if (!next || !weight)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < plan->rank; i++) {
        taps[i] = next;
        for (int64_t x = 0; x < plan->axes[i].out; x++, next++) {
            next->weight = weight;
            weight += tap_count(plan, &plan->axes[i]);
            find_taps(plan, &plan->axes[i], x, next);
        }
    }
    return PUM_OK;
}

/* Nearest: every element is one of the input's (or the extrapolation value). */
static void run_nearest(struct op_call *call, const struct resize_plan *plan,
                        struct resize_taps *const taps[PUM_MAX_RANK])
{
    const struct host_tensor *in = &call->inputs[0];
    struct host_tensor *out = &call->outputs[0];
    size_t bytes = pum_dtype_size(in->desc.dtype);
    int64_t count = shape_elements(&out->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, from = 0, stride = 1;
        bool outside = false;
        for (int32_t axis = plan->rank - 1; axis >= 0; axis--) {
            const struct resize_taps *tap = &taps[axis][rest % plan->axes[axis].out];
            rest /= plan->axes[axis].out;
            from += tap_at(&plan->axes[axis], tap, 0) * stride;
            stride *= plan->axes[axis].in;
            outside = outside || tap->outside;
        }
        if (outside && plan->extrapolates)
            axes_store_f64(out, i, plan->extrapolation_value);
        else
            memcpy((uint8_t *)out->data + (size_t)i * bytes,
                   (const uint8_t *)in->data + (size_t)from * bytes, bytes);
    }
}

/* Applies one axis: from [outer, in, inner] to [outer, out, inner]. */
static void run_axis(const struct resize_axis *axis, const struct resize_taps *taps, int64_t outer,
                     int64_t inner, const double *from, double *to)
{
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t x = 0; x < axis->out; x++) {
            const struct resize_taps *tap = &taps[x];
            for (int64_t i = 0; i < inner; i++) {
                double v = 0;
                for (int32_t k = 0; k < tap->count; k++)
                    if (tap->weight[k] != 0)
                        v += tap->weight[k] *
                             from[(o * axis->in + tap_at(axis, tap, k)) * inner + i];
                *to++ = v;
            }
        }
    }
}

/* Linear and cubic: one axis after another, in double. */
static pum_status run_weighted(struct op_call *call, const struct resize_plan *plan,
                               struct resize_taps *const taps[PUM_MAX_RANK])
{
    const struct host_tensor *in = &call->inputs[0];
    struct host_tensor *out = &call->outputs[0];
    struct shape shape = in->desc.shape;
    int64_t count = shape_elements(&shape);
    double *from = pum_alloc(call->context, (size_t)count, sizeof *from), *to;
    if (!from)
        return PUM_E_MEMORY;
    for (int64_t i = 0; i < count; i++)
        from[i] = tensor_get_f64(in, i);
    for (int32_t axis = 0; axis < plan->rank; axis++) {
        if (resize_is_identity(&plan->axes[axis]))
            continue;
        int64_t outer = shape_product(&shape, 0, axis);
        int64_t inner = shape_product(&shape, axis + 1, shape.rank);
        shape.dims[axis] = plan->axes[axis].out;
        to = NULL;
        if (shape_count(&shape, &count))
            to = pum_alloc(call->context, (size_t)count, sizeof *to);
        if (!to) {
            pum_free(call->context, from);
            return pum_fail(PUM_E_MEMORY, "no memory to resize axis %d", axis);
        }
        run_axis(&plan->axes[axis], taps[axis], outer, inner, from, to);
        pum_free(call->context, from);
        from = to;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        bool outside = false;
        for (int32_t axis = plan->rank - 1; plan->extrapolates && axis >= 0; axis--) {
            outside = outside || taps[axis][rest % plan->axes[axis].out].outside;
            rest /= plan->axes[axis].out;
        }
        axes_store_f64(out, i, outside ? plan->extrapolation_value : from[i]);
    }
    pum_free(call->context, from);
    return PUM_OK;
}

pum_status reference_resize(struct op_call *call)
{
    struct resize_plan plan;
    struct resize_taps *taps[PUM_MAX_RANK];
    pum_status status = PUM_OK;
    PUM_TRY(resize_plan(call, &plan));
    if (shape_elements(&call->outputs[0].desc.shape) == 0)
        return PUM_OK;
    double *weights;
    status = make_taps(call->context, &plan, taps, &weights);
    if (status == PUM_OK && plan.mode == RESIZE_NEAREST)
        run_nearest(call, &plan, taps);
    else if (status == PUM_OK)
        status = run_weighted(call, &plan, taps);
    pum_free(call->context, taps[0]);
    pum_free(call->context, weights);
    return status;
}
OP_LOWER_CHAIN(resize, resize_lower);
