// SPDX-License-Identifier: MIT
//! family  nbits_product
//! push    push_nbits
//! chain
//! binding a read
//! binding w read
//! binding s read
//! binding z read
//! binding y write
//! spec    0 WG_X 16 | 32 | 64 | 8
//! spec    3 BITS 4 | 8 | 2
//! spec    4 ROWS 4 | 1
//! spec    5 TAIL 0 | 1
//! kernel  nbits_product_split_f32 store=f32 when=split==1 define=SPLIT
//! kernel  nbits_product_split_f16 store=f16 needs=f16_storage when=split==1 define=SPLIT
//! kernel  nbits_product_f32 store=f32
//! kernel  nbits_product_f16 store=f16 needs=f16_storage
//
// y[m, n] = chain(sum over k of a[m, k] * (q[n, k] - z[n, block]) * s[n, block]), q whole numbers
// of BITS bits. a: [m, k], w: [words of k][n4] of four words, those of neighbouring columns, each
// with 32 / BITS neighbours along k, lowest first; s: [blocks][n4] of four, z: [blocks][n4] of four
// bytes, y: [m, n]; n4 is n / 4 rounded up. An invocation computes four columns in ROWS rows; in
// the SPLIT rows PARTS of them share columns, each taking every such block, and are added up in
// shared memory. TAIL 1: the last word reaches beyond k. fp32 accumulation.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_nbits.h"

#define CHAIN_BINDING 5
#include "chain.glsl"

#ifdef SPLIT
#define PARTS 8
layout(local_size_x_id = 0, local_size_y = PARTS) in;
#else
#define PARTS 1
layout(local_size_x_id = 0) in;
#endif
layout(constant_id = 0) const uint WG_X = 16;
layout(constant_id = 3) const uint BITS = 4;
layout(constant_id = 4) const uint ROWS = 4;
layout(constant_id = 5) const uint TAIL = 0;
layout(push_constant, std430) uniform Push { push_nbits p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer MatrixA { T a[]; };
layout(binding = 1, std430) readonly restrict buffer Words { uvec4 w[]; };
layout(binding = 2, std430) readonly restrict buffer Scales { T_VEC4 s[]; };
layout(binding = 3, std430) readonly restrict buffer Zeros { uint z[]; };
layout(binding = 4, std430) writeonly restrict buffer Output { T y[]; };
#ifdef SPLIT
shared vec4 sums[PARTS * 64];
#endif

// The products of one word of each of four columns with ROWS rows of a from k on.
void multiply(uvec4 word, vec4 zero, uint row0, uint k, inout vec4 inner[4]) {
    const uint mask = (1u << BITS) - 1;
    for (uint e = 0; e < 32 / BITS; e++) {
        vec4 value = vec4(word & mask) - zero;
        word >>= BITS;
        uint at = TAIL != 0 ? min(k + e, p.k - 1) : k + e;
        if (TAIL != 0 && k + e >= p.k)
            value = vec4(0.0);
        for (uint r = 0; r < ROWS; r++)
            inner[r] += value * float(a[min(row0 + r, p.m - 1) * p.k + at]);
    }
}

void main() {
    uint columns = (p.n4 + WG_X - 1) / WG_X, group = linear_group(), rows = group / columns;
    uint row0 = rows * ROWS, column = (group - rows * columns) * WG_X + gl_LocalInvocationID.x;
    uint part = gl_LocalInvocationID.y, n = min(column, p.n4 - 1);
    vec4 sum[4] = vec4[4](vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
    for (uint block = part; block < p.blocks; block += PARTS) {
        vec4 zero = p.has_zeros == 0 ? vec4(p.zero) : unpackUnorm4x8(z[block * p.n4 + n]) * 255.0;
        vec4 inner[4] = vec4[4](vec4(0.0), vec4(0.0), vec4(0.0), vec4(0.0));
        for (uint i = 0; i < p.block_words; i++) {
            uint word = block * p.block_words + i;
            multiply(w[word * p.n4 + n], zero, row0, word * (32 / BITS), inner);
        }
        for (uint r = 0; r < ROWS; r++)
            sum[r] += inner[r] * vec4(s[block * p.n4 + n]);
    }
    for (uint r = 0; r < ROWS; r++) {
#ifdef SPLIT
        sums[part * WG_X + gl_LocalInvocationID.x] = sum[r];
        barrier();
        for (uint other = 1; other < PARTS && part == 0; other++)
            sum[r] += sums[other * WG_X + gl_LocalInvocationID.x];
        barrier();
#endif
        for (uint c = 0; c < 4 && part == 0; c++) {
            uint col = 4 * column + c, index = (row0 + r) * p.n + col;
            if (col < p.n && row0 + r < p.m)
                y[index] = T(chain_apply(sum[r][c], index, row0 + r, col, chain));
        }
    }
}
