// SPDX-License-Identifier: MIT
//! family  reduce
//! push    push_reduce
//! binding x read
//! binding y write
//! spec    0 WG_X 128 | 256 | 64 | 32
//! spec    3 OP *
//! kernel  reduce_group_sg_f32 store=f32 needs=subgroup define=SUBGROUP
//! kernel  reduce_group_sg_f16 store=f16 needs=subgroup,f16_storage,f16 define=SUBGROUP
//! kernel  reduce_group_sg_i32 store=i32 needs=subgroup define=SUBGROUP
//! kernel  reduce_group_f32 store=f32
//! kernel  reduce_group_f16 store=f16 needs=f16_storage,f16
//! kernel  reduce_group_i32 store=i32
//
// y[k, part] = finish(combine over r in the part of x[k, r]) as reduce_lane.comp, one workgroup a
// result: its invocations take every WG_X-th element, then combine through subgroups or a tree in
// shared memory (1 KB). Accumulates in fp32 (int for int32) in blocks of 64 an invocation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "group.glsl"
#include "reduce.glsl"

void main() {
    uint index = linear_group();
    if (index >= p.results)
        return;
    uint kept = p.parts == 1 ? index : index / p.parts;
    uint first = (index - kept * p.parts) * p.part_length;
    uint last = min(first + p.part_length, p.row_length);
    uint base = kept_offset(kept);
    uint lane = gl_LocalInvocationID.x, step = gl_WorkGroupSize.x;
    A greatest = A(0);
#if !defined(STORE_I32)
    if (OP == REDUCE_LOG_SUM_EXP) {
        greatest = partial(REDUCE_MAX, base, first + lane, step, last, A(0));
        greatest = group_combine(GROUP_MAX, greatest);
        greatest = math_is_inf(greatest) ? A(0) : greatest;
    }
#endif
    A v = partial(OP, base, first + lane, step, last, greatest);
    v = group_combine(pair_of(OP), v);
    if (lane == 0)
        y[index] = finish(v, greatest);
}
