// SPDX-License-Identifier: MIT
//! family  softmax
//! push    push_softmax
//! binding x read
//! binding y write
//! spec    0 WG_X 128 | 256 | 64 | 32
//! kernel  softmax_group_sg_f32 store=f32 needs=subgroup define=SUBGROUP
//! kernel  softmax_group_sg_f16 store=f16 needs=subgroup,f16_storage define=SUBGROUP
//! kernel  softmax_group_f32 store=f32
//! kernel  softmax_group_f16 store=f16 needs=f16_storage
//
// y[o, k, i] = exp(x[o, k, i] - m) / sum_k exp(x[o, k, i] - m), m = max_k x[o, k, i]; or its log.
// x, y: [outer, row_length, inner]. One workgroup takes one row: its invocations every WG_X-th
// element, maximum and sum through subgroups or a tree in shared memory (1 KB). Accumulates in
// fp32. Each element is read and written by one invocation only, so that it may run in place.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "group.glsl"
#include "softmax.glsl"

void main() {
    uint row = linear_group();
    if (row >= p.rows)
        return;
    uint base = row_base(row), lane = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
    float greatest = group_combine(GROUP_MAX, row_max(base, lane, step));
    float sum = group_combine(GROUP_SUM, row_sum(base, lane, step, greatest));
    row_store(base, lane, step, greatest, sum);
}
