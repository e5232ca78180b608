// SPDX-License-Identifier: MIT
//
// move.glsl - the body of the strided copy kernels, for elements of MOVE_T (see move_strided.comp).
#include "grid.glsl"
#include "push_move.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_move p; };
layout(binding = 0, std430) readonly restrict buffer X { MOVE_T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { MOVE_T y[]; };

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint rest = index / p.chunks;
    uint first = (index - rest * p.chunks) * p.span;
    uint from = p.in_offset + first * p.in_inner;
    uint to = p.out_offset + first * p.out_inner;
    for (uint i = p.rank; i > 1; i--) {
        uint next = rest / p.dims[i - 1];
        uint at = rest - next * p.dims[i - 1];
        from += at * p.in_strides[i - 1];
        to += at * p.out_strides[i - 1];
        rest = next;
    }
    if (p.rank > 0) {
        from += rest * p.in_strides[0];
        to += rest * p.out_strides[0];
    }
    uint count = min(p.span, p.inner - first);
    for (uint i = 0; i < count; i++) {
        y[to] = x[from];
        from += p.in_inner;
        to += p.out_inner;
    }
}
