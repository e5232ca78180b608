// SPDX-License-Identifier: MIT
//! family  trilu
//! push    push_trilu
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  trilu_b32 store=i32
//! kernel  trilu_f16 store=f16 needs=f16_storage
//
// y[b, r, c] = x[b, r, c] on and above (upper) or on and below diagonal k (c - r = k), else 0.
// x, y: [batch, rows, columns]. The lowering clamps k to where it stops
// mattering. One invocation writes one element, in place if wished. Exact: bits are moved as
// integers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#include "grid.glsl"
#include "push_trilu.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_trilu p; };
layout(binding = 0, std430) readonly buffer X { B x[]; };
layout(binding = 1, std430) writeonly buffer Y { B y[]; };

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint row = index / p.columns;
    int diagonal = int(index - row * p.columns) - int(row % p.rows);
    bool keep = p.upper != 0 ? diagonal >= p.k : diagonal <= p.k;
    y[index] = B(keep ? uint(x[index]) : 0u);
}
