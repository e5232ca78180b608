// SPDX-License-Identifier: MIT
//! family  reduce
//! push    push_reduce
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8
//! spec    3 OP *
//! kernel  reduce_lane_f32 store=f32 when=lane==1
//! kernel  reduce_lane_f16 store=f16 when=lane==1 needs=f16_storage,f16
//! kernel  reduce_lane_i32 store=i32 when=lane==1
//
// y[k, part] = finish(combine over r in the part of x[k, r]) with up to four kept and four reduced
// runs of axes (x: any strides; y: dense). One invocation computes one result, without barriers:
// for short rows, for rows side by side, and for CPU drivers. Accumulates in fp32 (int for int32)
// in blocks of 64. Needs at least one element a part.
#version 450
#extension GL_GOOGLE_include_directive : require
#define GROUP_PAIR_ONLY
#include "dtype.glsl"
#include "grid.glsl"
#include "group.glsl"
#include "reduce.glsl"

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.results)
        return;
    uint kept = p.parts == 1 ? index : index / p.parts;
    uint first = (index - kept * p.parts) * p.part_length;
    uint last = min(first + p.part_length, p.row_length);
    uint base = kept_offset(kept);
    A greatest = A(0);
#if !defined(STORE_I32)
    if (OP == REDUCE_LOG_SUM_EXP) {
        greatest = partial(REDUCE_MAX, base, first, 1, last, A(0));
        greatest = math_is_inf(greatest) ? A(0) : greatest;
    }
#endif
    y[index] = finish(partial(OP, base, first, 1, last, greatest), greatest);
}
