/* SPDX-License-Identifier: MIT
 *
 * roi.c - regions of an image pooled to one size: RoiAlign (samples between elements) and
 * MaxRoiPool (whole elements). A maximum of RoiAlign is over the samples' four weighted elements,
 * as ONNX's own reference and ONNX Runtime compute it. Lowering: roi_lower.c.
 * Tests: tests/ops/test_vision.c.
 */
#include "ops/roi.h"

#include "ops/axes.h"

#include <math.h>
#include <string.h>

#define ROI_MAX_SIZE ((int64_t)1 << 24)

/* --- RoiAlign --------------------------------------------------------------------------------- */

pum_status roi_align_read(const struct graph_node *node, struct roi_align *out_align)
{
    const char *mode = node_string(node, "mode", "avg");
    const char *transform = node_string(node, "coordinate_transformation_mode", "half_pixel");
    *out_align = (struct roi_align){.out_h = node_int(node, "output_height", 1),
                                    .out_w = node_int(node, "output_width", 1),
                                    .sampling = node_int(node, "sampling_ratio", 0),
                                    .scale = (double)node_float(node, "spatial_scale", 1),
                                    .half_pixel = strcmp(transform, "half_pixel") == 0,
                                    .takes_max = strcmp(mode, "max") == 0};
    if (!out_align->takes_max && strcmp(mode, "avg") != 0)
        return pum_fail(PUM_E_ARGUMENT, "mode is '%s'", mode);
    if (!out_align->half_pixel && strcmp(transform, "output_half_pixel") != 0)
        return pum_fail(PUM_E_ARGUMENT, "coordinate_transformation_mode is '%s'", transform);
    if (out_align->out_h < 1 || out_align->out_w < 1 || out_align->sampling < 0 ||
        out_align->out_h > ROI_MAX_SIZE || out_align->out_w > ROI_MAX_SIZE ||
        out_align->sampling > ROI_MAX_SIZE)
        return pum_fail(PUM_E_RANGE, "output of %lld x %lld, %lld samples",
                        (long long)out_align->out_h, (long long)out_align->out_w,
                        (long long)out_align->sampling);
    return PUM_OK;
}

/* [n, c, h, w] and a list of regions of `values` numbers each. */
static pum_status check_regions(const struct op_call *call, int64_t values)
{
    const struct shape *x = &call->inputs[0].desc.shape, *rois = &call->inputs[1].desc.shape;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(axes_need_float(call, 1));
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != values) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "input %s and regions %s, expected [n,c,h,w] and [count,%lld]",
                        shape_text(x, a), shape_text(rois, b), (long long)values);
    }
    if (x->dims[2] > ROI_MAX_SIZE || x->dims[3] > ROI_MAX_SIZE ||
        (shape_elements(x) == 0 && rois->dims[0] > 0))
        return pum_fail(PUM_E_SHAPE, "an image of %lld x %lld", (long long)x->dims[2],
                        (long long)x->dims[3]);
    return PUM_OK;
}

pum_status infer_roi_align(struct op_call *call)
{
    struct roi_align align;
    PUM_TRY(roi_align_read(call->node, &align));
    PUM_TRY(check_regions(call, 4));
    PUM_TRY(axes_need_index(call, 2));
    int64_t count = call->inputs[1].desc.shape.dims[0];
    if (call->inputs[2].desc.shape.rank != 1 || call->inputs[2].desc.shape.dims[0] != count)
        return pum_fail(PUM_E_SHAPE, "batch_indices (input 2) is not one number a region");
    struct shape shape = {
        .rank = 4, .dims = {count, call->inputs[0].desc.shape.dims[1], align.out_h, align.out_w}};
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* Two neighbours and their weights; outside by more than one element: no weight at all. */
struct roi_taps {
    int64_t low, high;
    double low_weight, high_weight;
};

static struct roi_taps find_taps(double v, int64_t size)
{
    struct roi_taps taps = {0, 0, 0, 0};
    if (!(v >= -1 && v <= (double)size))
        return taps;
    v = fmax(v, 0);
    taps.low = axes_min((int64_t)v, size - 1);
    taps.high = axes_min(taps.low + 1, size - 1);
    double part = taps.high == taps.low ? 0 : v - (double)taps.low;
    taps.low_weight = 1 - part;
    taps.high_weight = part;
    return taps;
}

/* One axis of a region: where it begins, the size of its bins, samples in each. */
struct roi_axis {
    double start, bin;
    int64_t samples;
};

static struct roi_axis place_axis(const struct roi_align *align, double from, double to,
                                  int64_t out)
{
    struct roi_axis axis;
    double offset = align->half_pixel ? 0.5 : 0;
    axis.start = from * align->scale - offset;
    double size = to * align->scale - offset - axis.start;
    if (!align->half_pixel)
        size = fmax(size, 1);
    axis.bin = size / (double)out;
    axis.samples = align->sampling;
    if (align->sampling == 0)
        axis.samples = (int64_t)ceil(fmin(fmax(axis.bin, 0), (double)ROI_MAX_SIZE));
    return axis;
}

static double pool_bin(const struct host_tensor *x, int64_t base, const struct roi_align *align,
                       const struct roi_axis axes[2], int64_t h, int64_t w)
{
    int64_t in_h = x->desc.shape.dims[2], in_w = x->desc.shape.dims[3];
    double sum = 0, most = 0;
    for (int64_t i = 0; i < axes[0].samples * axes[1].samples; i++) {
        double step_h = ((double)(i / axes[1].samples) + 0.5) / (double)axes[0].samples;
        double step_w = ((double)(i % axes[1].samples) + 0.5) / (double)axes[1].samples;
        struct roi_taps rows = find_taps(axes[0].start + ((double)h + step_h) * axes[0].bin, in_h);
        struct roi_taps columns =
            find_taps(axes[1].start + ((double)w + step_w) * axes[1].bin, in_w);
        double parts[4] = {rows.low_weight * columns.low_weight *
                               tensor_get_f64(x, base + rows.low * in_w + columns.low),
                           rows.low_weight * columns.high_weight *
                               tensor_get_f64(x, base + rows.low * in_w + columns.high),
                           rows.high_weight * columns.low_weight *
                               tensor_get_f64(x, base + rows.high * in_w + columns.low),
                           rows.high_weight * columns.high_weight *
                               tensor_get_f64(x, base + rows.high * in_w + columns.high)};
        double best = fmax(fmax(parts[0], parts[1]), fmax(parts[2], parts[3]));
        most = i == 0 ? best : fmax(most, best);
        sum += parts[0] + parts[1] + parts[2] + parts[3];
    }
    return align->takes_max ? most : sum / (double)axes_max(axes[0].samples * axes[1].samples, 1);
}

pum_status reference_roi_align(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0], *rois = &call->inputs[1];
    const struct shape *shape = &call->outputs[0].desc.shape;
    struct roi_align align;
    PUM_TRY(roi_align_read(call->node, &align));
    int64_t plane = x->desc.shape.dims[2] * x->desc.shape.dims[3], at = 0;
    for (int64_t r = 0; r < shape->dims[0]; r++) {
        int64_t batch = tensor_get_i64(&call->inputs[2], r);
        if (batch < 0 || batch >= x->desc.shape.dims[0])
            return pum_fail(PUM_E_RANGE, "region %lld is of image %lld of %lld", (long long)r,
                            (long long)batch, (long long)x->desc.shape.dims[0]);
        struct roi_axis axes[2];
        for (int i = 0; i < 2; i++) /* x1, y1, x2, y2 */
            axes[i] =
                place_axis(&align, tensor_get_f64(rois, r * 4 + 1 - i),
                           tensor_get_f64(rois, r * 4 + 3 - i), i == 0 ? align.out_h : align.out_w);
        for (int64_t c = 0; c < shape->dims[1]; c++)
            for (int64_t i = 0; i < align.out_h * align.out_w; i++)
                tensor_set_f64(&call->outputs[0], at++,
                               pool_bin(x, (batch * shape->dims[1] + c) * plane, &align, axes,
                                        i / align.out_w, i % align.out_w));
    }
    return PUM_OK;
}
OP_LOWER(roi_align, roi_align_lower);

/* --- MaxRoiPool ------------------------------------------------------------------------------- */

static pum_status pooled_shape(const struct graph_node *node, int64_t size[2])
{
    int32_t count;
    const int64_t *values = node_ints(node, "pooled_shape", &count);
    if (count != 2 || values[0] < 1 || values[1] < 1 || values[0] > ROI_MAX_SIZE ||
        values[1] > ROI_MAX_SIZE)
        return pum_fail(PUM_E_ARGUMENT, "pooled_shape must be two positive numbers");
    size[0] = values[0];
    size[1] = values[1];
    return PUM_OK;
}

pum_status infer_max_roi_pool(struct op_call *call)
{
    int64_t size[2] = {0, 0};
    PUM_TRY(pooled_shape(call->node, size));
    PUM_TRY(check_regions(call, 5));
    struct shape shape = {.rank = 4,
                          .dims = {call->inputs[1].desc.shape.dims[0],
                                   call->inputs[0].desc.shape.dims[1], size[0], size[1]}};
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* The elements [first, end) of bin `bin` of an axis from `start` to `stop`, inclusive. */
static void bin_range(double start, double stop, int64_t bin, int64_t bins, int64_t size,
                      int64_t *out_first, int64_t *out_end)
{
    double step = fmax(stop - start + 1, 1) / (double)bins;
    double first = floor((double)bin * step) + start, end = ceil((double)(bin + 1) * step) + start;
    *out_first = (int64_t)fmin(fmax(first, 0), (double)size);
    *out_end = (int64_t)fmin(fmax(end, 0), (double)size);
}

pum_status reference_max_roi_pool(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0], *rois = &call->inputs[1];
    const struct shape *in = &x->desc.shape, *shape = &call->outputs[0].desc.shape;
    double scale = (double)node_float(call->node, "spatial_scale", 1);
    int64_t count = shape_elements(shape), bins = shape->dims[2] * shape->dims[3];
    for (int64_t i = 0; i < count; i++) {
        int64_t region = i / (shape->dims[1] * bins), channel = i / bins % shape->dims[1];
        double v[5], most = 0;
        int64_t first[2], end[2];
        for (int k = 0; k < 5; k++)
            v[k] = tensor_get_f64(rois, region * 5 + k);
        if (!(v[0] >= 0 && v[0] < (double)in->dims[0]))
            return pum_fail(PUM_E_RANGE, "region %lld is of image %g of %lld", (long long)region,
                            v[0], (long long)in->dims[0]);
        bin_range(round(v[2] * scale), round(v[4] * scale), i / shape->dims[3] % shape->dims[2],
                  shape->dims[2], in->dims[2], &first[0], &end[0]);
        bin_range(round(v[1] * scale), round(v[3] * scale), i % shape->dims[3], shape->dims[3],
                  in->dims[3], &first[1], &end[1]);
        int64_t plane = ((int64_t)v[0] * in->dims[1] + channel) * in->dims[2] * in->dims[3];
        for (int64_t h = first[0]; h < end[0]; h++)
            for (int64_t w = first[1]; w < end[1]; w++) {
                double e = tensor_get_f64(x, plane + h * in->dims[3] + w);
                if ((h == first[0] && w == first[1]) || e > most)
                    most = e;
            }
        tensor_set_f64(&call->outputs[0], i, most);
    }
    return PUM_OK;
}
OP_HOST_ONLY(max_roi_pool);
