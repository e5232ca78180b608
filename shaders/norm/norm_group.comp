// SPDX-License-Identifier: MIT
//! family  norm
//! push    push_norm
//! chain
//! binding x read
//! binding scale read
//! binding bias read
//! binding y write
//! spec    0 WG_X 128 | 256 | 64 | 32
//! spec    3 MODE *
//! kernel  norm_group_sg_f32 store=f32 needs=subgroup define=SUBGROUP
//! kernel  norm_group_sg_f16 store=f16 needs=subgroup,f16_storage define=SUBGROUP
//! kernel  norm_group_f32 store=f32
//! kernel  norm_group_f16 store=f16 needs=f16_storage
//
// y[r, k] = (x[r, k] - mean_r) / sqrt(variance_r + epsilon) * scale + bias; RMS mode: mean_r = 0.
// x, y: [rows, row_length]; scale, bias: see push_norm.h. As norm_lane.comp, one workgroup a row:
// its invocations take every WG_X-th element, the sums go through subgroups or a tree in shared
// memory (1 KB). Accumulates in fp32. Each element is read and written by one invocation: may run
// in place.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "group.glsl"
#include "norm.glsl"

void main() {
    uint row = linear_group();
    if (row >= p.rows)
        return;
    uint base = row * p.row_length, lane = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
    float mean = 0.0;
    if (MODE == NORM_VARIANCE)
        mean = group_combine(GROUP_SUM, row_sum(base, lane, step)) / float(p.row_length);
    float squares = group_combine(GROUP_SUM, row_squares(base, lane, step, mean));
    row_store(row, lane, step, mean, squares);
}
