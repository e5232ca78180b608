// SPDX-License-Identifier: MIT
//! family  scatter_nd
//! push    push_by_tuple
//! binding indices read
//! binding updates read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  scatter_nd_b32 store=i32
//! kernel  scatter_nd_f16 store=f16 needs=f16_storage
//
// y[indices[t, 0], ..., indices[t, width - 1], :] = updates[t, :]; y holds the data already.
// indices: int32 [tuples, width], negative ones from the end, clamped; updates: [tuples, inner].
// One invocation moves one element; tuples must differ. Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#include "grid.glsl"
#include "push_gather.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_by_tuple p; };
layout(binding = 0, std430) readonly restrict buffer Indices { int indices[]; };
layout(binding = 1, std430) readonly restrict buffer Updates { B updates[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { B y[]; };

void main() {
    uint at = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (at >= p.count)
        return;
    uint tuple = at / p.inner;
    uint offset = tuple / p.tuples * p.batch_stride + (at - tuple * p.inner);
    for (uint i = 0; i < p.width; i++) {
        int index = indices[tuple * p.width + i];
        index = index < 0 ? index + int(p.dims[i]) : index;
        offset += uint(clamp(index, 0, int(p.dims[i]) - 1)) * p.strides[i];
    }
    y[offset] = updates[at];
}
