// SPDX-License-Identifier: MIT
//! family  scan
//! push    push_scan
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8
//! kernel  scan_lane_f32 store=f32 when=lane==1
//! kernel  scan_lane_f16 store=f16 when=lane==1 needs=f16_storage
//! kernel  scan_lane_i32 store=i32 when=lane==1
//
// y[o, k, i] = x[o, 0, i] + ... + x[o, k, i], with or without the last one, from either end.
// x, y: [outer, row_length, inner]. One invocation takes one row, in order, in fp32 or (wrapping)
// int32. Neighbouring invocations take neighbouring rows along inner.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_scan.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_scan p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { T y[]; };

void main() {
    uint row = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (row >= p.rows)
        return;
    uint outer = row / p.inner, at = outer * p.row_length * p.inner + row - outer * p.inner;
    uint step = p.inner;
    if (p.reverse != 0) {
        at += (p.row_length - 1) * p.inner;
        step = 0u - p.inner;
    }
    A sum = A(0);
    for (uint k = 0; k < p.row_length; k++) {
        A value = A(x[at]);
        y[at] = T(p.exclusive != 0 ? sum : sum + value);
        sum += value;
        at += step;
    }
}
