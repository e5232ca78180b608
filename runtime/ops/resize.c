/* SPDX-License-Identifier: MIT
 *
 * resize.c - Resize: nearest, linear and cubic over any axes, with every coordinate transformation
 * of opset 17. Coordinates are exact fractions where the scale is one. Lowering: resize_lower.c.
 * Tests: tests/ops/test_gather_resize.c.
 */
#include "ops/resize.h"

#include "ops/axes.h"

#include <math.h>
#include <string.h>

#define RESIZE_MAX_SIZE ((int64_t)1 << 30) /* of an axis: keeps fractions within 64 bits */

/* --- Plan ------------------------------------------------------------------------------------- */

struct word {
    const char *name;
    uint32_t value;
};

static pum_status read_word(const struct graph_node *node, const char *attr, const char *otherwise,
                            const struct word *words, size_t count, uint32_t *out_value)
{
    const char *name = node_string(node, attr, otherwise);
    *out_value = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, words[i].name) != 0)
            continue;
        *out_value = words[i].value;
        return PUM_OK;
    }
    return pum_fail(PUM_E_UNSUPPORTED, "%s '%s' is not supported", attr, name);
}

enum transform { HALF_PIXEL, PYTORCH, ALIGN, ASYMMETRIC, TF_HALF, TF_CROP };

static const struct word transforms[] = {
    {"half_pixel", HALF_PIXEL}, {"pytorch_half_pixel", PYTORCH},   {"align_corners", ALIGN},
    {"asymmetric", ASYMMETRIC}, {"tf_half_pixel_for_nn", TF_HALF}, {"tf_crop_and_resize", TF_CROP},
};
static const struct word modes[] = {
    {"nearest", RESIZE_NEAREST}, {"linear", RESIZE_LINEAR}, {"cubic", RESIZE_CUBIC}};
static const struct word roundings[] = {{"floor", RESIZE_FLOOR},
                                        {"ceil", RESIZE_CEIL},
                                        {"round_prefer_floor", RESIZE_PREFER_FLOOR},
                                        {"round_prefer_ceil", RESIZE_PREFER_CEIL}};

static int64_t divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* The fraction p/q with a small q that a scale stands for: out/in where it rounds to the scale. */
static bool scale_fraction(float scale, int64_t in, int64_t out, int64_t *out_p, int64_t *out_q)
{
    *out_p = out;
    *out_q = in;
    if (in > 0 && out > 0 && (float)((double)out / (double)in) == scale)
        return true;
    for (int64_t q = 1; q <= 4096; q++) {
        double p = round((double)scale * (double)q);
        if (p >= 1 && p < (double)RESIZE_MAX_SIZE && (float)(p / (double)q) == scale) {
            *out_p = (int64_t)p;
            *out_q = q;
            return true;
        }
    }
    return false;
}

/* The coordinate of an axis scaled by p/q (or, when there is no such fraction, by `scale`). */
static void place_axis(struct resize_axis *axis, uint32_t transform, bool is_fraction, int64_t p,
                       int64_t q, double scale)
{
    axis->exact = is_fraction || transform == ALIGN;
    axis->num = 0;
    axis->add = 0;
    axis->den = 1;
    if (is_fraction && p == q) { /* an axis that is not scaled, whatever the transformation */
        axis->num = 1;
    } else if (transform == ALIGN || (transform == PYTORCH && axis->out == 1)) {
        axis->exact = true;
        if (transform == ALIGN && axis->out > 1) {
            axis->num = axis->in - 1;
            axis->den = axis->out - 1;
        }
    } else if (transform == ASYMMETRIC) {
        axis->num = q;
        axis->den = p;
        axis->factor = 1 / scale;
    } else {
        axis->num = 2 * q;
        axis->add = transform == TF_HALF ? q : q - p;
        axis->den = 2 * p;
        axis->factor = 1 / scale;
        axis->offset = transform == TF_HALF ? 0.5 / scale : 0.5 / scale - 0.5;
    }
    int64_t common = divisor(divisor(axis->num, axis->add), axis->den);
    if (axis->exact && common > 1) {
        axis->num /= common;
        axis->add /= common;
        axis->den /= common;
    }
}

/* tf_crop_and_resize: roi is given as starts, then ends, as fractions of the axes. */
static pum_status place_crop(struct op_call *call, struct resize_plan *plan)
{
    if (!op_has_input(call, 1) ||
        shape_elements(&call->inputs[1].desc.shape) != 2 * (int64_t)plan->rank)
        return pum_fail(PUM_E_SHAPE, "roi (input 1) does not have two values an axis");
    if (!call->inputs[1].data)
        return op_needs_data(call, 1);
    for (int32_t i = 0; i < plan->rank; i++) {
        struct resize_axis *axis = &plan->axes[i];
        double start = tensor_get_f64(&call->inputs[1], i);
        double end = tensor_get_f64(&call->inputs[1], plan->rank + i);
        double last = (double)(axis->in - 1);
        if (!isfinite(start) || !isfinite(end))
            return pum_fail(PUM_E_RANGE, "roi is not finite on axis %d", i);
        axis->exact = false;
        axis->factor = axis->out > 1 ? (end - start) * last / (double)(axis->out - 1) : 0;
        axis->offset = axis->out > 1 ? start * last : 0.5 * (start + end) * last;
    }
    return PUM_OK;
}

/* The number of values of an optional input; 0 when it is absent or empty. */
static int64_t given(const struct op_call *call, int32_t index)
{
    return op_has_input(call, index) ? shape_elements(&call->inputs[index].desc.shape) : 0;
}

/* Output sizes from scales (input 2); the axis' coordinate follows the scale, not the sizes. */
static pum_status place_scales(struct op_call *call, struct resize_plan *plan, uint32_t transform)
{
    if (!call->inputs[2].data)
        return op_needs_data(call, 2);
    for (int32_t i = 0; i < plan->rank; i++) {
        struct resize_axis *axis = &plan->axes[i];
        float scale = (float)tensor_get_f64(&call->inputs[2], i);
        int64_t p, q;
        if (!(scale > 0) || !isfinite(scale))
            return pum_fail(PUM_E_RANGE, "scale %g on axis %d", (double)scale, i);
        float size = (float)axis->in * scale;
        if (transform == TF_CROP && given(call, 1) == 2 * (int64_t)plan->rank &&
            call->inputs[1].data)
            size *= (float)(tensor_get_f64(&call->inputs[1], plan->rank + i) -
                            tensor_get_f64(&call->inputs[1], i));
        if (!(size >= 0) || size > (float)RESIZE_MAX_SIZE)
            return pum_fail(PUM_E_SHAPE, "scale %g on axis %d of size %lld", (double)scale, i,
                            (long long)axis->in);
        axis->out = (int64_t)floorf(size);
        bool is_fraction = scale_fraction(scale, axis->in, axis->out, &p, &q);
        place_axis(axis, transform, is_fraction, p, q, (double)scale);
    }
    return PUM_OK;
}

static pum_status place_sizes(struct op_call *call, struct resize_plan *plan, uint32_t transform)
{
    int64_t sizes[PUM_MAX_RANK];
    int32_t count;
    PUM_TRY(axes_input_ints(call, 3, sizes, PUM_MAX_RANK, &count));
    for (int32_t i = 0; i < plan->rank; i++) {
        struct resize_axis *axis = &plan->axes[i];
        if (sizes[i] < 0 || sizes[i] > RESIZE_MAX_SIZE || (axis->in == 0 && sizes[i] > 0))
            return pum_fail(PUM_E_SHAPE, "size %lld on axis %d of size %lld", (long long)sizes[i],
                            i, (long long)axis->in);
        axis->out = sizes[i];
        if (axis->out > 0)
            place_axis(axis, transform, true, axis->out, axis->in,
                       (double)axis->out / (double)axis->in);
    }
    return PUM_OK;
}

pum_status resize_plan(struct op_call *call, struct resize_plan *out_plan)
{
    const struct graph_node *node = call->node;
    const struct shape *shape = &call->inputs[0].desc.shape;
    uint32_t transform;
    memset(out_plan, 0, sizeof *out_plan);
    out_plan->rank = shape->rank;
    PUM_TRY(read_word(node, "mode", "nearest", modes, PUM_COUNT_OF(modes), &out_plan->mode));
    PUM_TRY(read_word(node, "nearest_mode", "round_prefer_floor", roundings,
                      PUM_COUNT_OF(roundings), &out_plan->rounding));
    PUM_TRY(read_word(node, "coordinate_transformation_mode", "half_pixel", transforms,
                      PUM_COUNT_OF(transforms), &transform));
    if (node_int(node, "antialias", 0) != 0 || node_attr(node, "axes"))
        return pum_fail(PUM_E_UNSUPPORTED, "antialias and axes are not supported");
    out_plan->exclude_outside = node_int(node, "exclude_outside", 0) != 0;
    out_plan->extrapolates = transform == TF_CROP;
    out_plan->cubic_a = node_float(node, "cubic_coeff_a", -0.75f);
    out_plan->extrapolation_value = node_float(node, "extrapolation_value", 0.0f);
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] > RESIZE_MAX_SIZE)
            return pum_fail(PUM_E_UNSUPPORTED, "axis %d has %lld entries", i,
                            (long long)shape->dims[i]);
        out_plan->axes[i].in = shape->dims[i];
    }
    int64_t scales = given(call, 2), sizes = given(call, 3);
    if ((scales == 0) == (sizes == 0) && shape->rank > 0)
        return pum_fail(PUM_E_ARGUMENT, "either scales (input 2) or sizes (input 3) is needed");
    if ((scales > 0 ? scales : sizes) != shape->rank)
        return pum_fail(PUM_E_SHAPE, "%lld scales and %lld sizes for %d axes", (long long)scales,
                        (long long)sizes, shape->rank);
    if (scales > 0)
        PUM_TRY(place_scales(call, out_plan, transform));
    else
        PUM_TRY(place_sizes(call, out_plan, transform));
    return transform == TF_CROP ? place_crop(call, out_plan) : PUM_OK;
}

bool resize_is_identity(const struct resize_axis *axis)
{
    return axis->in == axis->out && axis->exact && axis->num == axis->den && axis->add == 0;
}

pum_status infer_resize(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    struct resize_plan plan;
    PUM_TRY(resize_plan(call, &plan));
    if (call->inputs[0].desc.dtype == PUM_DTYPE_STRING && plan.mode != RESIZE_NEAREST)
        return op_bad_type(call, 0, "numbers to interpolate");
    for (int32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = plan.axes[i].out;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* --- Reference -------------------------------------------------------------------------------- */

#define RESIZE_TAPS 4

/* What one output position takes of an axis. */
struct resize_taps {
    int64_t at[RESIZE_TAPS];
    double weight[RESIZE_TAPS];
    int32_t count;
    bool outside; /* the coordinate lies outside [0, in - 1] */
};

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
    int64_t whole, first;
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
    out_taps->outside = whole < 0 || whole > axis->in - 1 || (whole == axis->in - 1 && part > 0);
    out_taps->count = plan->mode == RESIZE_NEAREST ? 1 : plan->mode == RESIZE_LINEAR ? 2 : 4;
    first = whole;
    if (plan->mode == RESIZE_NEAREST)
        first += rounds_up(plan->rounding, part);
    if (plan->mode == RESIZE_CUBIC)
        first--;
    double sum = 0;
    for (int32_t i = 0; i < out_taps->count; i++) {
        int64_t at = first + i;
        double weight = 1;
        if (plan->mode == RESIZE_LINEAR)
            weight = i == 0 ? 1 - part : part;
        else if (plan->mode == RESIZE_CUBIC)
            weight = cubic_weight((double)(at - whole) - part, plan->cubic_a);
        if (plan->mode == RESIZE_CUBIC && plan->exclude_outside && (at < 0 || at >= axis->in))
            weight = 0;
        out_taps->at[i] = axes_max(axes_min(at, axis->in - 1), 0);
        out_taps->weight[i] = weight;
        sum += weight;
    }
    for (int32_t i = 0; plan->exclude_outside && i < out_taps->count && sum != 0; i++)
        out_taps->weight[i] /= sum;
}

/* Taps of all positions of all axes; taps[i] are axis i's. One block, freed through taps[0]. */
static pum_status make_taps(pum_context *context, const struct resize_plan *plan,
                            struct resize_taps *taps[PUM_MAX_RANK])
{
    int64_t total = 0;
    for (int32_t i = 0; i < plan->rank; i++)
        total += plan->axes[i].out;
    struct resize_taps *next = pum_alloc(context, (size_t)total, sizeof *next);
    taps[0] = next;
    if (!next)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < plan->rank; i++) {
        taps[i] = next;
        for (int64_t x = 0; x < plan->axes[i].out; x++)
            find_taps(plan, &plan->axes[i], x, next++);
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
            from += tap->at[0] * stride;
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
                        v += tap->weight[k] * from[(o * axis->in + tap->at[k]) * inner + i];
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
    PUM_TRY(make_taps(call->context, &plan, taps));
    if (plan.mode == RESIZE_NEAREST)
        run_nearest(call, &plan, taps);
    else
        status = run_weighted(call, &plan, taps);
    pum_free(call->context, taps[0]);
    return status;
}
OP_LOWER_CHAIN(resize, resize_lower);
