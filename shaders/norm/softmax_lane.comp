// SPDX-License-Identifier: MIT
//! family  softmax
//! push    push_softmax
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8
//! kernel  softmax_lane_f32 store=f32 when=lane==1
//! kernel  softmax_lane_f16 store=f16 when=lane==1 needs=f16_storage
//
// y[o, k, i] = exp(x[o, k, i] - m) / sum_k exp(x[o, k, i] - m), m = max_k x[o, k, i]; or its log.
// x, y: [outer, row_length, inner]. One invocation takes one row in three passes, without barriers:
// for short rows, rows side by side, and CPU drivers. Accumulates in fp32. May run in place.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "math.glsl"
#include "softmax.glsl"

void main() {
    uint row = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (row >= p.rows)
        return;
    uint base = row_base(row);
    float greatest = row_max(base, 0, 1);
    float sum = row_sum(base, 0, 1, greatest);
    row_store(base, 0, 1, greatest, sum);
}
