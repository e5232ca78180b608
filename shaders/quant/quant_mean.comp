// SPDX-License-Identifier: MIT
//! family  quant_mean
//! push    push_quant_mean
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8 | 4
//! kernel  quant_mean_i32 store=i32
//
// y[plane] = round(sum of (x - x_zero) over the plane * scale) + y_zero, halves to even, within
// [low, high]. x: [planes, size], integers in 32 bits. One workgroup a plane: every invocation adds
// up every so many-th element, then they are added in shared memory. Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quant.glsl"
#include "push_quant.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 64;
layout(push_constant, std430) uniform Push { push_quant_mean p; };
layout(binding = 0, std430) readonly restrict buffer X { int x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { int y[]; };

shared int parts[WG_X];

void main() {
    uint plane = linear_group(), thread = gl_LocalInvocationID.x;
    if (plane >= p.planes)
        return;
    int sum = 0;
    for (uint i = thread; i < p.size; i += WG_X)
        sum += x[plane * p.size + i] - p.x_zero;
    parts[thread] = sum;
    for (uint half_count = WG_X / 2; half_count > 0; half_count /= 2) {
        barrier();
        if (thread < half_count)
            parts[thread] += parts[thread + half_count];
    }
    if (thread == 0) {
        precise float mean = float(parts[0]) * p.scale;
        y[plane] = quant_saturate(mean, p.y_zero, p.low, p.high);
    }
}
