// SPDX-License-Identifier: MIT
//! family  quant_lookup
//! push    push_quant_lookup
//! binding x read
//! binding table read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! kernel  quant_lookup_i32 store=i32
//
// y[i] = table[x[i] - first]: any function of eight bits, tabulated. x, y: integers in 32 bits;
// table: 256 bytes, four to a word. One invocation computes `per` elements that lie a workgroup
// apart. Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "push_quant.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_quant_lookup p; };
layout(binding = 0, std430) readonly buffer X { int x[]; };
layout(binding = 1, std430) readonly restrict buffer Table { int table[]; };
layout(binding = 2, std430) writeonly buffer Y { int y[]; };

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uint at = uint(x[unit] - p.first) & 255u;
        int byte = bitfieldExtract(table[at / 4], int(at % 4) * 8, 8);
        y[unit] = p.negative != 0 ? byte : byte & 255;
        unit += gl_WorkGroupSize.x;
    }
}
