// SPDX-License-Identifier: MIT
//! family  nbits_unpack
//! push    push_nbits
//! binding w read
//! binding s read
//! binding z read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! spec    3 BITS 4 | 8 | 2
//! kernel  nbits_unpack_f32 store=f32
//! kernel  nbits_unpack_f16 store=f16 needs=f16_storage
//
// y[k, n] = (q[n, k] - z[n, block]) * s[n, block]: the weights of MatMulNBits as a plain matrix,
// for products of many rows. w, s, z as in nbits_product.comp. One invocation unpacks a word of
// four columns; neighbours lie side by side along n.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_nbits.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint BITS = 4;
layout(push_constant, std430) uniform Push { push_nbits p; };
layout(binding = 0, std430) readonly restrict buffer Words { uvec4 w[]; };
layout(binding = 1, std430) readonly restrict buffer Scales { T_VEC4 s[]; };
layout(binding = 2, std430) readonly restrict buffer Zeros { uint z[]; };
layout(binding = 3, std430) writeonly restrict buffer Output { T y[]; };

void main() {
    const uint per_word = 32 / BITS, mask = (1u << BITS) - 1;
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.blocks * p.block_words * p.n4)
        return;
    uint i = index / p.n4, n = index - i * p.n4, block = i / p.block_words;
    uvec4 word = w[index];
    vec4 scale = vec4(s[block * p.n4 + n]), zero = vec4(p.zero);
    if (p.has_zeros != 0)
        zero = unpackUnorm4x8(z[block * p.n4 + n]) * 255.0;
    for (uint e = 0; e < per_word && i * per_word + e < p.k; e++) {
        vec4 value = (vec4(word & mask) - zero) * scale;
        word >>= BITS;
        for (uint c = 0; c < 4 && 4 * n + c < p.n; c++)
            y[(i * per_word + e) * p.n + 4 * n + c] = T(value[c]);
    }
}
