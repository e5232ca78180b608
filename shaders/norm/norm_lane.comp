// SPDX-License-Identifier: MIT
//! family  norm
//! push    push_norm
//! chain
//! binding x read
//! binding scale read
//! binding bias read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8
//! spec    3 MODE *
//! kernel  norm_lane_f32 store=f32 when=lane==1
//! kernel  norm_lane_f16 store=f16 when=lane==1 needs=f16_storage
//
// y[r, k] = (x[r, k] - mean_r) / sqrt(variance_r + epsilon) * scale + bias; RMS mode: mean_r = 0.
// x, y: [rows, row_length]; scale, bias: see push_norm.h (bias may be missing). Serves layer, RMS,
// instance and group normalisation. One invocation takes one row in three passes, without barriers.
// Accumulates in fp32. May run in place.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "norm.glsl"

void main() {
    uint row = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (row >= p.rows)
        return;
    uint base = row * p.row_length;
    float mean = 0.0;
    if (MODE == NORM_VARIANCE)
        mean = row_sum(base, 0, 1) / float(p.row_length);
    row_store(row, 0, 1, mean, row_squares(base, 0, 1, mean));
}
