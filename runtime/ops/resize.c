/* SPDX-License-Identifier: MIT
 *
 * resize.c - Resize: its attributes and shapes of opsets 11 to 19 made concrete for one input.
 * Coordinates are exact fractions where the scale is one. Reference: resize_run.c, lowering:
 * resize_lower.c.
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

enum transform { HALF_PIXEL, PYTORCH, ALIGN, ASYMMETRIC, TF_HALF, TF_CROP, SYMMETRIC };
enum policy { STRETCH, NOT_LARGER, NOT_SMALLER };

static const struct word transforms[] = {
    {"half_pixel", HALF_PIXEL},
    {"pytorch_half_pixel", PYTORCH},
    {"align_corners", ALIGN},
    {"asymmetric", ASYMMETRIC},
    {"tf_half_pixel_for_nn", TF_HALF},
    {"tf_crop_and_resize", TF_CROP},
    {"half_pixel_symmetric", SYMMETRIC},
};
static const struct word policies[] = {
    {"stretch", STRETCH}, {"not_larger", NOT_LARGER}, {"not_smaller", NOT_SMALLER}};
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
        if (transform == SYMMETRIC) { /* the middles of input and output meet */
            axis->add += axis->in * p - axis->out * q;
            axis->offset += 0.5 * ((double)axis->in - (double)axis->out / scale);
        }
    }
    int64_t common = divisor(divisor(axis->num, axis->add), axis->den);
    if (axis->exact && common > 1) {
        axis->num /= common;
        axis->add /= common;
        axis->den /= common;
    }
}

/* The axes that roi, scales and sizes speak of: attribute axes (opset 18), or all. */
static pum_status read_axes(const struct graph_node *node, struct resize_plan *plan)
{
    bool mask[PUM_MAX_RANK];
    const int64_t *axes = node_ints(node, "axes", &plan->given_count);
    if (!axes)
        plan->given_count = plan->rank;
    else
        PUM_TRY(axes_mask(axes, plan->given_count, plan->rank, mask));
    for (int32_t i = 0; i < plan->given_count; i++)
        PUM_TRY(axes_one(axes ? axes[i] : i, plan->rank, &plan->given[i]));
    return PUM_OK;
}

/* tf_crop_and_resize: roi is given as starts, then ends, as fractions of the axes. */
static pum_status place_crop(struct op_call *call, struct resize_plan *plan)
{
    if (!op_has_input(call, 1) ||
        shape_elements(&call->inputs[1].desc.shape) != 2 * (int64_t)plan->given_count)
        return pum_fail(PUM_E_SHAPE, "roi (input 1) does not have two values an axis");
    if (!call->inputs[1].data)
        return op_needs_data(call, 1);
    for (int32_t i = 0; i < plan->given_count; i++) {
        struct resize_axis *axis = &plan->axes[plan->given[i]];
        double start = tensor_get_f64(&call->inputs[1], i);
        double end = tensor_get_f64(&call->inputs[1], plan->given_count + i);
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
    for (int32_t i = 0; i < plan->given_count; i++) {
        struct resize_axis *axis = &plan->axes[plan->given[i]];
        float scale = (float)tensor_get_f64(&call->inputs[2], i);
        int64_t p, q;
        if (!(scale > 0) || !isfinite(scale))
            return pum_fail(PUM_E_RANGE, "scale %g on axis %d", (double)scale, i);
        float size = (float)axis->in * scale;
        if (transform == TF_CROP && given(call, 1) == 2 * (int64_t)plan->given_count &&
            call->inputs[1].data)
            size *= (float)(tensor_get_f64(&call->inputs[1], plan->given_count + i) -
                            tensor_get_f64(&call->inputs[1], i));
        if (!(size >= 0) || size > (float)RESIZE_MAX_SIZE)
            return pum_fail(PUM_E_SHAPE, "scale %g on axis %d of size %lld", (double)scale, i,
                            (long long)axis->in);
        axis->out = (int64_t)floorf(size);
        bool is_fraction = scale_fraction(scale, axis->in, axis->out, &p, &q);
        axis->scale = (double)scale;
        place_axis(axis, transform, is_fraction, p, q, (double)scale);
    }
    return PUM_OK;
}

/* keep_aspect_ratio_policy: all sizes by the one of their scales that is least, or greatest, which
 * is the fraction *out_axis's size has. */
static void keep_ratio(const struct resize_plan *plan, enum policy policy, int64_t *sizes,
                       int32_t *out_axis)
{
    *out_axis = -1;
    for (int32_t i = 0; i < plan->given_count; i++) {
        const struct resize_axis *axis = &plan->axes[plan->given[i]];
        int64_t best_size = *out_axis < 0 ? 0 : sizes[*out_axis];
        int64_t best_in = *out_axis < 0 ? 1 : plan->axes[plan->given[*out_axis]].in;
        bool less = sizes[i] * best_in < best_size * axis->in;
        if (*out_axis < 0 ||
            (policy == NOT_LARGER ? less : sizes[i] * best_in > best_size * axis->in))
            *out_axis = i;
    }
    for (int32_t i = 0, best = *out_axis; i < plan->given_count && best >= 0; i++) {
        int64_t p = sizes[best], q = plan->axes[plan->given[best]].in;
        if (i != best && q > 0) /* rounded, halves up */
            sizes[i] = (2 * plan->axes[plan->given[i]].in * p + q) / (2 * q);
    }
}

static pum_status place_sizes(struct op_call *call, struct resize_plan *plan, uint32_t transform)
{
    int64_t sizes[PUM_MAX_RANK];
    int32_t count, best = -1;
    uint32_t policy;
    PUM_TRY(read_word(call->node, "keep_aspect_ratio_policy", "stretch", policies,
                      PUM_COUNT_OF(policies), &policy));
    PUM_TRY(axes_input_ints(call, 3, sizes, PUM_MAX_RANK, &count));
    for (int32_t i = 0; i < plan->given_count; i++) {
        const struct resize_axis *axis = &plan->axes[plan->given[i]];
        if (sizes[i] < 0 || sizes[i] > RESIZE_MAX_SIZE || (axis->in == 0 && sizes[i] > 0))
            return pum_fail(PUM_E_SHAPE, "size %lld on axis %d of size %lld", (long long)sizes[i],
                            plan->given[i], (long long)axis->in);
    }
    if (policy != STRETCH)
        keep_ratio(plan, (enum policy)policy, sizes, &best);
    for (int32_t i = 0; i < plan->given_count; i++) {
        struct resize_axis *axis = &plan->axes[plan->given[i]];
        int64_t p = sizes[i], q = axis->in;
        if (best >= 0) {
            q = plan->axes[plan->given[best]].in;
            p = sizes[best];
        }
        if (sizes[i] > RESIZE_MAX_SIZE)
            return pum_fail(PUM_E_SHAPE, "size %lld on axis %d", (long long)sizes[i],
                            plan->given[i]);
        axis->out = sizes[i];
        axis->scale = q > 0 ? (double)p / (double)q : 1;
        if (axis->out > 0)
            place_axis(axis, transform, true, p, q, axis->scale);
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
    PUM_TRY(read_axes(node, out_plan));
    out_plan->antialias = node_int(node, "antialias", 0) != 0 && out_plan->mode != RESIZE_NEAREST;
    out_plan->exclude_outside = node_int(node, "exclude_outside", 0) != 0;
    out_plan->extrapolates = transform == TF_CROP;
    out_plan->cubic_a = node_float(node, "cubic_coeff_a", -0.75f);
    out_plan->extrapolation_value = node_float(node, "extrapolation_value", 0.0f);
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] > RESIZE_MAX_SIZE)
            return pum_fail(PUM_E_UNSUPPORTED, "axis %d has %lld entries", i,
                            (long long)shape->dims[i]);
        out_plan->axes[i] = (struct resize_axis){.in = shape->dims[i],
                                                 .out = shape->dims[i],
                                                 .exact = true,
                                                 .num = 1,
                                                 .den = 1,
                                                 .scale = 1};
    }
    int64_t scales = given(call, 2), sizes = given(call, 3);
    if ((scales == 0) == (sizes == 0) && out_plan->given_count > 0)
        return pum_fail(PUM_E_ARGUMENT, "either scales (input 2) or sizes (input 3) is needed");
    if ((scales > 0 ? scales : sizes) != out_plan->given_count)
        return pum_fail(PUM_E_SHAPE, "%lld scales and %lld sizes for %d axes", (long long)scales,
                        (long long)sizes, out_plan->given_count);
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
