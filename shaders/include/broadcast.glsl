// SPDX-License-Identifier: MIT
//
// broadcast.glsl - where the operands' elements of one output unit lie, for kernels whose push
// block is `Push { push_broadcast p; ... }`. AXES is a specialization constant, so that the loop
// over axes unrolls. Without ANY_RANK: up to BROADCAST_FAST_AXES axes, divisions by multiplication,
// indices below 2^31; with it any rank, by the machine's division.
#ifndef BROADCAST_GLSL
#define BROADCAST_GLSL
#include "../push/push_elementwise.h"

layout(constant_id = 5) const uint AXES = 1;

uint broadcast_divide(uint n, uint axis) {
#ifdef ANY_RANK
    return n / p.table[axis];
#else
    uint high, low;
    umulExtended(n, p.table[5 + axis], high, low);
    return (high + n) >> (p.table[10] >> (6 * axis) & 63u);
#endif
}

// The position of `unit` in each operand, in elements or, where it varies along axis 0, in units.
uvec3 broadcast_at(uint unit) {
    uvec3 at = uvec3(0), stride = uvec3(1);
    uint rest = unit;
    for (uint axis = 0; axis < AXES; axis++) {
        uvec3 varies = uvec3(p.masks, p.masks >> 8, p.masks >> 16) >> axis & 1u;
        uint position = rest;
        if (axis + 1 < AXES) {
            uint dim = p.table[axis];
            rest = broadcast_divide(rest, axis);
            position -= rest * dim;
            at += varies * stride * position;
            stride *= varies * (dim - 1) + 1;
        } else {
            at += varies * stride * position;
        }
    }
    return at;
}
#endif
