// SPDX-License-Identifier: MIT
//! family  matmul
//! push    push_matmul
//! chain
//! binding a read
//! binding b read
//! binding bias read
//! binding y readwrite
//! spec    3 TRANS_A 0 | 1
//! spec    4 TRANS_B 0 | 1
//! spec    5 ACCUMULATE 0 | 1
//! kernel  matmul_tiled_large_f32 store=f32 needs=registers when=vec==1,invocations>=256,tiles>=128,m>64,n>32 define=VEC,LARGE
//! kernel  matmul_tiled_large_f16 store=f16 needs=f16_storage,registers when=vec==1,invocations>=256,tiles>=128,m>64,n>32 define=VEC,LARGE
//! kernel  matmul_tiled_vec_f32 store=f32 needs=registers when=vec==1,tiles>=32,m>32,n>32 define=VEC
//! kernel  matmul_tiled_vec_f16 store=f16 needs=f16_storage,registers when=vec==1,tiles>=32,m>32,n>32 define=VEC
//! kernel  matmul_tiled_f32 store=f32 needs=registers when=tiles>=32,m>32,n>32
//! kernel  matmul_tiled_f16 store=f16 needs=f16_storage,registers when=tiles>=32,m>32,n>32
//! kernel  matmul_tiled_small_vec_f32 store=f32 when=vec==1 define=VEC,SMALL
//! kernel  matmul_tiled_small_vec_f16 store=f16 needs=f16_storage when=vec==1 define=VEC,SMALL
//! kernel  matmul_tiled_small_f32 store=f32 define=SMALL
//! kernel  matmul_tiled_small_f16 store=f16 needs=f16_storage define=SMALL
//
// Y = chain(alpha A B + beta bias), for GPUs. A: [m, k] or, with TRANS_A, [k, m]; B: [k, n] or [n,
// k]; Y: [m, n], batches as push_matmul.h has them. A workgroup computes a tile of BM by BN results
// (64x64 by 128 invocations; LARGE 128x64 by 256; SMALL 32x32 by 64), an invocation RM x 4. Blocks
// of 8x4 need many registers: devices with few of them get SMALL. Slabs of
// 16 along k go through shared memory (at most 13 KB), in fp32, A transposed; the next slab is
// fetched while one is worked on. VEC: the contiguous axes of A and B are multiples of four and are
// read in vectors. fp32 accumulation, k in ascending order. Tails: zeros are read outside.
// ACCUMULATE 1 adds to Y what was there: parts of a long k in several dispatches.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_chain.h"
#include "push_matmul.h"

#if defined(LARGE)
#define BM 128
#define BN 64
#define RM 8
#elif defined(SMALL)
#define BM 32
#define BN 32
#define RM 4
#else
#define BM 64
#define BN 64
#define RM 8
#endif
#define BK 16
#define GROUP (BM / RM * BN / 4)
#define PARTS_A (BM * BK / 4 / GROUP) // vectors of four that an invocation fetches
#define PARTS_B (BN * BK / 4 / GROUP)

layout(local_size_x = GROUP) in;
layout(constant_id = 3) const uint TRANS_A = 0;
layout(constant_id = 4) const uint TRANS_B = 0;
layout(constant_id = 5) const uint ACCUMULATE = 0;
layout(push_constant, std430) uniform Push { push_matmul p; push_chain chain; };
#if defined(VEC)
layout(binding = 0, std430) readonly restrict buffer MatrixA { T_VEC4 a[]; };
layout(binding = 1, std430) readonly restrict buffer MatrixB { T_VEC4 b[]; };
#else
layout(binding = 0, std430) readonly restrict buffer MatrixA { T a[]; };
layout(binding = 1, std430) readonly restrict buffer MatrixB { T b[]; };
#endif
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) restrict buffer MatrixY { T y[]; };
#define CHAIN_BINDING 4
#include "matmul_finish.glsl"

shared vec4 slab_a[BK][BM / 4 + 1];
shared vec4 slab_b[BK][BN / 4 + 1];

// Four elements along `inner` (the contiguous axis) from (outer, inner), zero outside.
#if defined(VEC)
#define FETCH(matrix, base, ld, outer, inner, outers, inners)                                      \
    (outer < outers && inner < inners ? vec4(matrix[(base + (outer) * ld + inner) / 4]) : vec4(0.0))
#else
#define FETCH1(matrix, base, ld, outer, inner, outers, inners)                                     \
    (outer < outers && inner < inners ? float(matrix[base + (outer) * ld + inner]) : 0.0)
#define FETCH(matrix, base, ld, outer, inner, outers, inners)                                      \
    vec4(FETCH1(matrix, base, ld, outer, inner, outers, inners),                                   \
         FETCH1(matrix, base, ld, outer, (inner + 1), outers, inners),                             \
         FETCH1(matrix, base, ld, outer, (inner + 2), outers, inners),                             \
         FETCH1(matrix, base, ld, outer, (inner + 3), outers, inners))
#endif

// Part number `part` of a slab: (along, k) of its four elements. They lie along k if k is the
// contiguous axis.
uvec2 place(uint part, bool along_k, uint width) {
    return along_k ? uvec2(part / (BK / 4), part % (BK / 4) * 4)
                   : uvec2(part % (width / 4) * 4, part / (width / 4));
}

void main() {
    uint group = linear_group(), thread = gl_LocalInvocationID.x;
    uint row_tiles = (p.m + BM - 1) / BM, col_tiles = (p.n + BN - 1) / BN;
    uint row0 = group % row_tiles * BM, col0 = group / row_tiles % col_tiles * BN;
    uint matrix = group / row_tiles / col_tiles;
    if (matrix >= p.batch)
        return;
    uint a_base = matrix / p.a_div % p.a_mod * p.m * p.k;
    uint b_base = matrix / p.b_div % p.b_mod * p.k * p.n;
    uint my_row = thread / (BN / 4) * RM, my_col = thread % (BN / 4) * 4;

    vec4 next_a[PARTS_A], next_b[PARTS_B];
    vec4 sum[RM];
    [[unroll]] for (uint i = 0; i < RM; i++)
        sum[i] = vec4(0.0);
    for (uint t = 0; t < p.k + BK; t += BK) {
        if (t > 0) {
            barrier(); // the slab before has been used
            [[unroll]] for (uint i = 0; i < PARTS_A; i++) {
                uvec2 at = place(thread + i * GROUP, TRANS_A == 0, BM);
                if (TRANS_A == 0) {
                    [[unroll]] for (uint u = 0; u < 4; u++)
                        slab_a[at.y + u][at.x / 4][at.x % 4] = next_a[i][u];
                } else {
                    slab_a[at.y][at.x / 4] = next_a[i];
                }
            }
            [[unroll]] for (uint i = 0; i < PARTS_B; i++) {
                uvec2 at = place(thread + i * GROUP, TRANS_B != 0, BN);
                if (TRANS_B != 0) {
                    [[unroll]] for (uint u = 0; u < 4; u++)
                        slab_b[at.y + u][at.x / 4][at.x % 4] = next_b[i][u];
                } else {
                    slab_b[at.y][at.x / 4] = next_b[i];
                }
            }
            barrier();
        }
        if (t < p.k) {
            [[unroll]] for (uint i = 0; i < PARTS_A; i++) {
                uvec2 at = place(thread + i * GROUP, TRANS_A == 0, BM) + uvec2(row0, t);
                next_a[i] = TRANS_A == 0 ? FETCH(a, a_base, p.lda, at.x, at.y, p.m, p.k)
                                         : FETCH(a, a_base, p.lda, at.y, at.x, p.k, p.m);
            }
            [[unroll]] for (uint i = 0; i < PARTS_B; i++) {
                uvec2 at = place(thread + i * GROUP, TRANS_B != 0, BN) + uvec2(col0, t);
                next_b[i] = TRANS_B != 0 ? FETCH(b, b_base, p.ldb, at.x, at.y, p.n, p.k)
                                         : FETCH(b, b_base, p.ldb, at.y, at.x, p.k, p.n);
            }
        }
        if (t > 0) {
            [[dont_unroll]] for (uint k = 0; k < BK; k += 4) {
                [[unroll]] for (uint u = 0; u < 4; u++) {
                    vec4 v = slab_b[k + u][my_col / 4];
                    [[unroll]] for (uint i = 0; i < RM; i += 4) {
                        vec4 w = slab_a[k + u][(my_row + i) / 4];
                        [[unroll]] for (uint e = 0; e < 4; e++)
                            sum[i + e] += w[e] * v;
                    }
                }
            }
        }
    }

    uint first = p.index_base % p.ldc;
    [[dont_unroll]] for (uint i = 0; i < RM; i++) {
        vec4 v = sum[0];
        [[unroll]] for (uint j = 1; j < RM; j++)
            v = i == j ? sum[j] : v;
        uint row = row0 + my_row + i;
        [[dont_unroll]] for (uint j = 0; j < 4; j++) {
            uint col = col0 + my_col + j;
            if (row < p.m && col < p.n) {
                uint at = (matrix * p.m + row) * p.ldc + first + col;
                float s = component(v, j) * p.alpha;
                if (ACCUMULATE != 0)
                    s += float(y[at]);
                y[at] = T(matmul_finish(s, matrix, row, col));
            }
        }
    }
}
