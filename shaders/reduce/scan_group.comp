// SPDX-License-Identifier: MIT
//! family  scan
//! push    push_scan
//! binding x read
//! binding y write
//! spec    0 WG_X 128 | 256 | 64 | 32
//! kernel  scan_group_f32 store=f32
//! kernel  scan_group_f16 store=f16 needs=f16_storage
//! kernel  scan_group_i32 store=i32
//
// Running sums as scan_lane.comp, one workgroup a row: each invocation adds up its own stretch of
// the row, the sums before it are added in shared memory (1 KB), then it goes through its stretch
// again and writes.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_scan.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_scan p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { T y[]; };
shared A sums[256];

uint place(uint base, uint k) {
    return base + (p.reverse != 0 ? p.row_length - 1 - k : k) * p.inner;
}

void main() {
    uint row = linear_group(), lane = gl_LocalInvocationID.x, width = gl_WorkGroupSize.x;
    if (row >= p.rows)
        return;
    uint outer = row / p.inner, base = outer * p.row_length * p.inner + row - outer * p.inner;
    uint stretch = (p.row_length + width - 1) / width;
    uint first = min(lane * stretch, p.row_length), end = min(first + stretch, p.row_length);
    A sum = A(0);
    for (uint k = first; k < end; k++)
        sum += A(x[place(base, k)]);
    sums[lane] = sum;
    barrier();
    for (uint reach = 1; reach < width; reach *= 2) {
        A before = lane >= reach ? sums[lane - reach] : A(0);
        barrier();
        sums[lane] += before;
        barrier();
    }
    sum = lane > 0 ? sums[lane - 1] : A(0);
    for (uint k = first; k < end; k++) {
        uint at = place(base, k);
        A value = A(x[at]);
        y[at] = T(p.exclusive != 0 ? sum : sum + value);
        sum += value;
    }
}
