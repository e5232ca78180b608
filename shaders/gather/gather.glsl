// SPDX-License-Identifier: MIT
//
// gather.glsl - the body of the Gather kernels, for elements of GATHER_T (see gather_rows.comp).
#include "grid.glsl"
#include "push_gather.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_gather p; };
layout(binding = 0, std430) readonly restrict buffer X { GATHER_T x[]; };
layout(binding = 1, std430) readonly restrict buffer Indices { int indices[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { GATHER_T y[]; };

void main() {
    uint at = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (at >= p.count)
        return;
    uint position = at / p.chunks;
    uint first = (at - position * p.chunks) * p.span;
    uint outer = position / p.index_count;
    int index = indices[position - outer * p.index_count];
    index = index < 0 ? index + int(p.row_count) : index;
    uint row = uint(clamp(index, 0, int(p.row_count) - 1)) - p.window_first;
    if (row >= p.window_rows)
        return;
    uint from = (outer * p.row_count + row) * p.inner + first;
    uint to = position * p.inner + first;
    uint count = min(p.span, p.inner - first);
    for (uint i = 0; i < count; i++)
        y[to + i] = x[from + i];
}
