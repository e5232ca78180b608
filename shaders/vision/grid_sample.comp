// SPDX-License-Identifier: MIT
//! family  grid_sample
//! push    push_grid_sample
//! binding x read
//! binding grid read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! spec    3 MODE *
//! spec    4 PADDING *
//! kernel  grid_sample_f32 store=f32
//! kernel  grid_sample_f16 store=f16 needs=f16_storage
//
// y[n, c, p] = x[n, c, :, :] at position grid[n, p] = (column, row) in [-1, 1]: nearest, linear or
// cubic between elements. x: [n, channels, in_h, in_w], grid: [n, positions, 2],
// y: [n, channels, positions]. One invocation computes a position in up to `span` channels: where
// to look and with which weights is found once, in fp32. Outside the image elements are zero, those
// of the border, or mirrored.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "math.glsl"
#include "push_grid_sample.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint MODE = 0;
layout(constant_id = 4) const uint PADDING = 0;
layout(push_constant, std430) uniform Push { push_grid_sample p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Grid { T grid[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { T y[]; };

// Elements along an axis and their weights; those left out have weight 0.
struct taps {
    ivec4 at;
    vec4 weight;
};

float reflect_between(float v, float low, float high) {
    float range = high - low;
    if (!(range > 0.0))
        return 0.0;
    float part = abs(v - low);
    part -= floor(part / (2.0 * range)) * 2.0 * range;
    return low + (part <= range ? part : 2.0 * range - part);
}

float place(float v, float size) {
    if (PADDING == GRID_REFLECTION)
        v = p.align != 0 ? reflect_between(v, 0.0, size - 1.0)
                         : reflect_between(v, -0.5, size - 0.5);
    return PADDING != GRID_ZEROS ? clamp(v, 0.0, size - 1.0) : v;
}

float cubic_weight(float d) {
    d = abs(d);
    return d <= 1.0 ? (1.25 * d - 2.25) * d * d + 1.0 : ((3.75 - 0.75 * d) * d - 6.0) * d + 3.0;
}

taps find_taps(float position, int size_int) {
    float size = float(size_int);
    float v = p.align != 0 ? (position + 1.0) * 0.5 * (size - 1.0)
                           : ((position + 1.0) * size - 1.0) * 0.5;
    v = math_is_nan(v) || math_is_inf(v) ? -1.0 : v;
    v = MODE == GRID_CUBIC ? v : place(v, size);
    v = clamp(v, -1e9, 1e9);
    float whole = MODE == GRID_NEAREST ? roundEven(v) : floor(v), part = v - whole;
    vec4 at = vec4(whole) + (MODE == GRID_CUBIC ? vec4(-1.0, 0.0, 1.0, 2.0)
                                                : vec4(0.0, 1.0, 0.0, 0.0));
    taps t;
    t.weight = MODE == GRID_NEAREST ? vec4(1.0, 0.0, 0.0, 0.0)
               : MODE == GRID_LINEAR ? vec4(1.0 - part, part, 0.0, 0.0)
                                     : vec4(cubic_weight(part + 1.0), cubic_weight(part),
                                            cubic_weight(1.0 - part), cubic_weight(2.0 - part));
    for (int i = 0; i < 4; i++) {
        float a = MODE == GRID_CUBIC ? place(at[i], size) : at[i];
        bool inside = a >= 0.0 && a < size;
        t.at[i] = inside ? int(a) : 0;
        t.weight[i] = inside ? t.weight[i] : 0.0;
    }
    return t;
}

void main() {
    const int count = MODE == GRID_NEAREST ? 1 : MODE == GRID_LINEAR ? 2 : 4;
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint chunks = (p.channels + p.span - 1) / p.span;
    uint rest = index / p.positions, position = index - rest * p.positions;
    uint n = rest / chunks;
    uint first = (rest - n * chunks) * p.span, last = min(first + p.span, p.channels);
    uint from = (n * p.positions + position) * 2;
    taps column = find_taps(float(grid[from]), p.in_w);
    taps row = find_taps(float(grid[from + 1]), p.in_h);
    for (uint c = first; c < last; c++) {
        uint base = (n * p.channels + c) * uint(p.in_h * p.in_w);
        float sum = 0.0;
        for (int r = 0; r < count; r++)
            for (int k = 0; k < count; k++) {
                float weight = row.weight[r] * column.weight[k];
                if (weight != 0.0)
                    sum += weight * float(x[base + uint(row.at[r] * p.in_w + column.at[k])]);
            }
        y[(n * p.channels + c) * p.positions + position] = T(sum);
    }
}
