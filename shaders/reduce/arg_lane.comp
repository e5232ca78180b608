// SPDX-License-Identifier: MIT
//! family  arg
//! push    push_arg
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8
//! kernel  arg_lane_f32 store=f32 when=lane==1
//! kernel  arg_lane_f16 store=f16 when=lane==1 needs=f16_storage,f16
//! kernel  arg_lane_i32 store=i32 when=lane==1
//
// y[o, i] = index of the greatest (or least) of x[o, :, i]. x: [outer, row_length, inner], y: int32
// [outer, inner]. Of equal elements the first wins, or the last
// if asked for; a NaN wins only where it comes first. One invocation takes one row, in order.
// Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "arg.glsl"

void main() {
    uint row = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (row >= p.results)
        return;
    A value;
    uint index;
    best_of(row_base(row), 0, 1, value, index);
    y[row] = int(index);
}
