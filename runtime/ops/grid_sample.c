/* SPDX-License-Identifier: MIT
 *
 * grid_sample.c - GridSample: an image looked at through a grid of positions in [-1, 1], over any
 * number of spatial axes; nearest, linear, cubic. Also AffineGrid, which makes such grids.
 * Positions come innermost axis first. Lowering: grid_sample_lower.c.
 * Tests: tests/ops/test_vision.c.
 */
#include "ops/grid_sample.h"

#include "ops/axes.h"

#include <math.h>
#include <string.h>

static pum_status read_word(const struct graph_node *node, const char *attr, const char *otherwise,
                            const char *const *words, uint32_t count, uint32_t *out_value)
{
    const char *name = node_string(node, attr, otherwise);
    for (*out_value = 0; *out_value < count; (*out_value)++)
        if (strcmp(name, words[*out_value]) == 0)
            return PUM_OK;
    return pum_fail(PUM_E_ARGUMENT, "%s is '%s'", attr, name);
}

pum_status grid_sample_read(const struct graph_node *node, const struct shape *x,
                            const struct shape *grid, struct grid_sample *out_sample)
{
    /* Opset 16's words, then 20's, in the order of push_grid_sample.h. */
    static const char *const modes[] = {"nearest", "bilinear", "bicubic",
                                        "nearest", "linear",   "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    *out_sample = (struct grid_sample){.align = node_int(node, "align_corners", 0) != 0};
    PUM_TRY(read_word(node, "mode", "linear", modes, 6, &out_sample->mode));
    out_sample->mode %= 3;
    PUM_TRY(read_word(node, "padding_mode", "zeros", paddings, 3, &out_sample->padding));
    int32_t axes = x->rank - 2;
    if (axes < 1 || grid->rank != x->rank || grid->dims[0] != x->dims[0] ||
        grid->dims[grid->rank - 1] != axes) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE,
                        "input %s and grid %s, expected [n,c,spatial...] and "
                        "[n,positions...,%d]",
                        shape_text(x, a), shape_text(grid, b), axes);
    }
    out_sample->axes = axes;
    for (int32_t i = 0; i < axes; i++)
        out_sample->in[i] = x->dims[2 + i];
    out_sample->positions = shape_product(grid, 1, grid->rank - 1);
    return PUM_OK;
}

pum_status infer_grid_sample(struct op_call *call)
{
    const struct shape *grid = &call->inputs[1].desc.shape;
    struct shape shape = call->inputs[0].desc.shape;
    struct grid_sample sample;
    PUM_TRY(axes_need_float(call, 1));
    if (call->inputs[0].desc.dtype == PUM_DTYPE_STRING)
        return op_bad_type(call, 0, "a number");
    PUM_TRY(grid_sample_read(call->node, &shape, grid, &sample));
    for (int32_t i = 2; i < shape.rank; i++)
        shape.dims[i] = grid->dims[i - 1];
    int64_t plane = shape_product(&call->inputs[0].desc.shape, 2, shape.rank);
    if (shape_elements(&shape) > 0 && plane == 0)
        return pum_fail(PUM_E_SHAPE, "there is nothing to sample in an empty image");
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* --- Reference -------------------------------------------------------------------------------- */

#define GRID_TAPS 4

struct grid_taps {
    int64_t at[GRID_TAPS]; /* -1: outside, counts as 0 */
    double weight[GRID_TAPS];
    int32_t count;
};

/* Mirrored at low and high until it lies between. */
static double reflect(double v, double low, double high)
{
    double range = high - low;
    if (!(range > 0))
        return 0;
    double part = fmod(fabs(v - low), 2 * range);
    return low + (part <= range ? part : 2 * range - part);
}

/* Where a position outside the image is looked up; rounding may leave it just outside. */
static double place(const struct grid_sample *sample, int32_t axis, double v)
{
    double last = (double)(sample->in[axis] - 1);
    if (sample->padding == GRID_REFLECTION)
        v = sample->align ? reflect(v, 0, last) : reflect(v, -0.5, last + 0.5);
    if (sample->padding != GRID_ZEROS)
        v = fmin(fmax(v, 0), last);
    return fmin(fmax(v, -1e15), 1e15);
}

static double cubic_weight(double distance)
{
    const double a = -0.75;
    double d = fabs(distance);
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static void find_taps(const struct grid_sample *sample, int32_t axis, double position,
                      struct grid_taps *out_taps)
{
    double size = (double)sample->in[axis];
    double v = sample->align ? (position + 1) / 2 * (size - 1) : ((position + 1) * size - 1) / 2;
    if (!isfinite(v))
        v = -1; /* as other runtimes have it: outside */
    if (sample->mode != GRID_CUBIC)
        v = place(sample, axis, v);
    v = fmin(fmax(v, -1e15), 1e15);
    double whole = sample->mode == GRID_NEAREST ? nearbyint(v) : floor(v), part = v - whole;
    out_taps->count = sample->mode == GRID_NEAREST ? 1 : sample->mode == GRID_LINEAR ? 2 : 4;
    for (int32_t i = 0; i < out_taps->count; i++) {
        double at = whole + i - (sample->mode == GRID_CUBIC);
        out_taps->weight[i] = sample->mode == GRID_NEAREST ? 1
                              : sample->mode == GRID_CUBIC ? cubic_weight(at - v)
                              : i == 0                     ? 1 - part
                                                           : part;
        if (sample->mode == GRID_CUBIC)
            at = place(sample, axis, at);
        out_taps->at[i] = at >= 0 && at < size ? (int64_t)at : -1;
    }
}

/* The weighted sum over all combinations of taps, in one channel. */
static double combine(const struct host_tensor *x, int64_t base, const struct grid_sample *sample,
                      const struct grid_taps *taps)
{
    double sum = 0;
    int64_t combinations = 1;
    for (int32_t i = 0; i < sample->axes; i++)
        combinations *= taps[i].count;
    for (int64_t n = 0; n < combinations; n++) {
        int64_t rest = n, from = 0;
        double weight = 1;
        bool inside = true;
        for (int32_t i = 0; i < sample->axes; i++) {
            int32_t k = (int32_t)(rest % taps[i].count);
            rest /= taps[i].count;
            weight *= taps[i].weight[k];
            inside = inside && taps[i].at[k] >= 0;
            from = from * sample->in[i] + taps[i].at[k];
        }
        if (inside && weight != 0)
            sum += weight * tensor_get_f64(x, base + from);
    }
    return sum;
}

pum_status reference_grid_sample(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0], *grid = &call->inputs[1];
    const struct shape *shape = &x->desc.shape;
    struct grid_sample sample;
    struct grid_taps taps[GRID_MAX_AXES];
    PUM_TRY(grid_sample_read(call->node, shape, &grid->desc.shape, &sample));
    int64_t plane = shape_product(shape, 2, shape->rank), channels = shape->dims[1];
    for (int64_t p = 0; p < shape->dims[0] * sample.positions; p++) {
        int64_t batch = p / sample.positions;
        for (int32_t i = 0; i < sample.axes; i++)
            find_taps(&sample, i, tensor_get_f64(grid, (p + 1) * sample.axes - 1 - i), &taps[i]);
        for (int64_t c = 0; c < channels; c++) {
            int64_t row = batch * channels + c;
            axes_store_f64(&call->outputs[0], row * sample.positions + p % sample.positions,
                           combine(x, row * plane, &sample, taps));
        }
    }
    return PUM_OK;
}
OP_LOWER(grid_sample, grid_sample_lower);

/* --- AffineGrid ------------------------------------------------------------------------------- */

pum_status infer_affine_grid(struct op_call *call)
{
    const struct shape *theta = &call->inputs[0].desc.shape;
    int64_t size[PUM_MAX_RANK];
    int32_t count;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(axes_input_ints(call, 1, size, PUM_MAX_RANK, &count));
    if (theta->rank != 3 || (count != 4 && count != 5) || theta->dims[0] != size[0] ||
        theta->dims[1] != count - 2 || theta->dims[2] != count - 1) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE,
                        "theta %s for a size of %d values, expected [n,2,3] and 4, or "
                        "[n,3,4] and 5",
                        shape_text(theta, text), count);
    }
    struct shape shape = {.rank = count, .dims = {size[0]}};
    for (int32_t i = 2; i < count; i++)
        shape.dims[i - 1] = size[i];
    shape.dims[count - 1] = count - 2;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_affine_grid(struct op_call *call)
{
    const struct host_tensor *theta = &call->inputs[0];
    const struct shape *shape = &call->outputs[0].desc.shape;
    bool align = node_int(call->node, "align_corners", 0) != 0;
    int32_t axes = shape->rank - 2;
    int64_t positions = shape_product(shape, 1, shape->rank - 1);
    for (int64_t p = 0; p < shape->dims[0] * positions; p++) {
        double at[3] = {0};
        int64_t rest = p;
        for (int32_t i = 0; i < axes; i++) { /* innermost first */
            int64_t size = shape->dims[axes - i], k = rest % size;
            rest /= size;
            if (align)
                at[i] = size > 1 ? -1 + 2 * (double)k / (double)(size - 1) : 0;
            else
                at[i] = (double)(2 * k + 1) / (double)size - 1;
        }
        for (int32_t row = 0; row < axes; row++) {
            int64_t from = (p / positions * axes + row) * (axes + 1);
            double v = tensor_get_f64(theta, from + axes);
            for (int32_t i = 0; i < axes; i++)
                v += tensor_get_f64(theta, from + i) * at[i];
            tensor_set_f64(&call->outputs[0], p * axes + row, v);
        }
    }
    return PUM_OK;
}
OP_HOST_ONLY(affine_grid);
