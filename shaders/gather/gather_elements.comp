// SPDX-License-Identifier: MIT
//! family  gather_elements
//! push    push_by_element
//! binding x read
//! binding indices read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  gather_elements_b32 store=i32
//! kernel  gather_elements_f16 store=f16 needs=f16_storage
//
// y[at] = x[at with the axis replaced by indices[at]]. x: any shape; indices, y: of the same rank,
// up to six axes after joining; negative indices count from the end, all are clamped into x. One
// invocation writes one element. Exact: bits are moved as integers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#include "grid.glsl"
#include "push_gather.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_by_element p; };
layout(binding = 0, std430) readonly restrict buffer X { B x[]; };
layout(binding = 1, std430) readonly restrict buffer Indices { int indices[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { B y[]; };

void main() {
    uint at = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (at >= p.count)
        return;
    int index = indices[at];
    index = index < 0 ? index + int(p.axis_length) : index;
    uint offset = uint(clamp(index, 0, int(p.axis_length) - 1)) * p.axis_stride;
    uint rest = at;
    for (uint i = p.rank; i > 0; i--) {
        uint next = rest / p.dims[i - 1];
        offset += (rest - next * p.dims[i - 1]) * p.strides[i - 1];
        rest = next;
    }
    y[at] = x[offset];
}
