// SPDX-License-Identifier: MIT
//! family  quant_pack
//! push    push_quant_pack
//! binding x read
//! binding zero read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! kernel  quant_pack_i32 store=i32
//
// Integers of 32 bits to bytes, four neighbours along an axis to a word (push_quant_product.h has
// the places). Unsigned ones get 128 less, so that all bytes are signed. Behind the axis' end lies
// the zero point, which adds nothing to a product. One invocation makes `per` words that lie a
// workgroup apart.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "grid.glsl"
#include "push_quant_product.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_quant_pack p; };
layout(binding = 0, std430) readonly restrict buffer X { int x[]; };
layout(binding = 1, std430) readonly restrict buffer Zero { int zero[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { int y[]; };

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    uint words = (p.axis + 3) / 4;
    uint fill = p.has_zero != 0 ? uint(zero[0]) ^ p.flip : uint(p.fill);
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uint row = unit / p.inner, first = row % words * 4;
        uint at = (row / words * p.axis + first) * p.inner + unit % p.inner;
        uint word = 0;
        [[dont_unroll]] for (uint j = 0; j < 4; j++) {
            uint v = first + j < p.axis ? uint(x[at]) ^ p.flip : fill;
            word |= (v & 255u) << (8 * j);
            at += p.inner;
        }
        y[unit] = int(word);
        unit += gl_WorkGroupSize.x;
    }
}
