// SPDX-License-Identifier: MIT
//! family  roi_align
//! push    push_roi
//! binding x read
//! binding rois read
//! binding batch read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  roi_align_f32 store=f32
//! kernel  roi_align_f16 store=f16 needs=f16_storage
//
// y[r, c, h, w] = mean (or maximum) of samples between the elements of x[batch[r], c] in bin (h, w)
// of region rois[r] = (x1, y1, x2, y2). x: [n, channels, in_h, in_w], rois: [regions, 4],
// batch: [regions] int, y: [regions, channels, out_h, out_w]. One invocation computes one element,
// in fp32. An image number outside is clamped; at most ROI_MOST_SAMPLES samples of a bin are taken.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_roi.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_roi p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Rois { T rois[]; };
layout(binding = 2, std430) readonly restrict buffer Batch { int batch[]; };
layout(binding = 3, std430) writeonly restrict buffer Y { T y[]; };

// Two neighbours; their weights are 0 more than one element outside.
void find_taps(float v, int size, out ivec2 at, out vec2 weight) {
    bool inside = v >= -1.0 && v <= float(size);
    v = clamp(v, 0.0, float(size));
    int low = min(int(v), size - 1), high = min(low + 1, size - 1);
    float part = high == low ? 0.0 : v - float(low);
    at = ivec2(low, high);
    weight = inside ? vec2(1.0 - part, part) : vec2(0.0);
}

int sample_count(float bin) {
    return p.sampling > 0 ? p.sampling : bin > 0.0 ? int(min(ceil(bin), 30000.0)) : 0;
}

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint line = index / p.out_w, plane = line / p.out_h, region = plane / p.channels;
    vec2 bin_at = vec2(index - line * p.out_w, line - plane * p.out_h);
    vec2 first = vec2(rois[4 * region], rois[4 * region + 1]) * p.scale - p.offset;
    vec2 end = vec2(rois[4 * region + 2], rois[4 * region + 3]) * p.scale - p.offset;
    vec2 bin = max(end - first, p.least) / vec2(p.out_w, p.out_h);
    int columns = sample_count(bin.x), rows = sample_count(bin.y);
    rows = columns > 0 ? min(rows, ROI_MOST_SAMPLES / columns) : 0;
    int image = clamp(batch[region], 0, p.batches - 1);
    uint base = (uint(image) * p.channels + plane - region * p.channels) * uint(p.in_h * p.in_w);
    float sum = 0.0, most = 0.0;
    for (int i = 0; i < rows * columns; i++) {
        int r = i / columns, c = i - r * columns;
        vec2 at = first + (bin_at + (vec2(c, r) + 0.5) / vec2(columns, rows)) * bin;
        ivec2 at_row, at_column;
        vec2 row_weight, column_weight;
        find_taps(at.y, p.in_h, at_row, row_weight);
        find_taps(at.x, p.in_w, at_column, column_weight);
        ivec2 line_at = at_row * p.in_w;
        vec4 parts = vec4(x[base + uint(line_at.x + at_column.x)],
                          x[base + uint(line_at.x + at_column.y)],
                          x[base + uint(line_at.y + at_column.x)],
                          x[base + uint(line_at.y + at_column.y)]) *
                     vec4(row_weight.x * column_weight, row_weight.y * column_weight);
        float best = max(max(parts.x, parts.y), max(parts.z, parts.w));
        most = i == 0 ? best : max(most, best);
        sum += parts.x + parts.y + parts.z + parts.w;
    }
    y[index] = T(p.takes_max != 0 ? most : sum / float(max(rows * columns, 1)));
}
