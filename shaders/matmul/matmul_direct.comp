// SPDX-License-Identifier: MIT
//! family  matmul
//! push    push_matmul
//! chain
//! binding a read
//! binding b read
//! binding bias read
//! binding y readwrite
//! spec    0 WG_X 8 | 4 | 16 | 32 | 64
//! spec    3 TILE_M 16 | 8 | 4 | 2 | 1
//! spec    4 ACCUMULATE 0 | 1
//! kernel  matmul_lanes_n4_f32 store=f32 needs=lanes_wide,subgroup when=bn4==1 define=LANES,BN4
//! kernel  matmul_lanes_n4_f16 store=f16 needs=lanes_wide,subgroup,f16_storage when=bn4==1 define=LANES,BN4
//! kernel  matmul_lanes_f32 store=f32 needs=lanes_wide,subgroup define=LANES
//! kernel  matmul_lanes_f16 store=f16 needs=lanes_wide,subgroup,f16_storage define=LANES
//! kernel  matmul_direct_f32 store=f32 needs=lanes_wide
//! kernel  matmul_direct_f16 store=f16 needs=lanes_wide,f16_storage
//
// Y = chain(alpha A B + beta bias), for CPU drivers: no shared memory, no barrier. A: [m, k] or,
// transposed, [k, m]; B: [k, n] or [n, k]; Y: [m, n], batches as push_matmul.h has them. A
// workgroup is one subgroup (LANES) and computes TILE_M rows by 4*WG_X columns; each invocation has
// four columns of all rows in registers. Such drivers pay dearly for a load (a test and a bounds
// check a lane), in a loop even when all lanes read the same: so A is read once by the lanes, each
// its share, and handed round by shuffles; without LANES each lane reads it. They compile at first
// use, and pay for each load in the code again: so k is not unrolled, and what follows the sums is
// one rolled loop. BN4: n is a multiple of four and B is stored along n: the four columns are
// neighbours, read and written as vectors. fp32 accumulation, k in ascending order. Tails: rows and
// columns outside read the last one and are not stored. ACCUMULATE 1 adds to Y what was there:
// parts of a long k in several dispatches.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if defined(LANES)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "dtype.glsl"
#include "grid.glsl"
#include "push_chain.h"
#include "push_matmul.h"

#define CHAIN_BINDING 4

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 8;
layout(constant_id = 3) const uint TILE_M = 16;
layout(constant_id = 4) const uint ACCUMULATE = 0;
layout(push_constant, std430) uniform Push { push_matmul p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer MatrixA { T a[]; };
#if defined(BN4)
layout(binding = 1, std430) readonly restrict buffer MatrixB { T_VEC4 b[]; };
#else
layout(binding = 1, std430) readonly restrict buffer MatrixB { T b[]; };
#endif
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
#if defined(BN4)
layout(binding = 3, std430) restrict buffer MatrixY { T_VEC4 y[]; };
#else
layout(binding = 3, std430) restrict buffer MatrixY { T y[]; };
#endif

#include "matmul_finish.glsl"

const uint SHARES = (TILE_M + WG_X - 1) / WG_X; // rows of A that a lane reads for all

// Four columns of a row, from col0 on: neighbours (BN4) or WG_X apart.
void store_row(vec4 v, uint matrix, uint row, uint col0) {
    uint at = (matrix * p.m + row) * p.ldc + p.index_base % p.ldc;
#if defined(BN4)
    if (col0 < p.n) {
        at = (at + col0) / 4;
        if (ACCUMULATE != 0)
            v += vec4(y[at]);
        [[dont_unroll]] for (uint j = 0; j < 4; j++) {
            float s = matmul_finish(component(v, j), matrix, row, col0 + j);
            v = vec4(j == 0 ? s : v.x, j == 1 ? s : v.y, j == 2 ? s : v.z, j == 3 ? s : v.w);
        }
        y[at] = T_VEC4(v);
    }
#else
    [[dont_unroll]] for (uint j = 0; j < 4; j++) {
        uint col = col0 + j * WG_X;
        if (col < p.n) {
            float s = component(v, j);
            if (ACCUMULATE != 0)
                s += float(y[at + col]);
            y[at + col] = T(matmul_finish(s, matrix, row, col));
        }
    }
#endif
}

void main() {
    uint group = linear_group();
    uint lane = gl_LocalInvocationID.x;
    uint row_tiles = (p.m + TILE_M - 1) / TILE_M;
    uint col_tiles = (p.n + 4 * WG_X - 1) / (4 * WG_X);
    uint row0 = group % row_tiles * TILE_M;
    uint col_tile = group / row_tiles % col_tiles;
    uint matrix = group / row_tiles / col_tiles;
    if (matrix >= p.batch)
        return;
    uint a_base = matrix / p.a_div % p.a_mod * p.m * p.k;
    uint b_base = matrix / p.b_div % p.b_mod * p.k * p.n;
    bool trans_a = (p.mode & MATMUL_TRANS_A) != 0, trans_b = (p.mode & MATMUL_TRANS_B) != 0;
    uint a_row = trans_a ? 1 : p.lda, a_step = trans_a ? p.lda : 1;

    // Where this lane's columns are, and where they begin in B.
#if defined(BN4)
    uint col0 = (col_tile * WG_X + lane) * 4;
    uint b_at = (b_base + min(col0, p.n - 4)) / 4, b_step = p.ldb / 4;
#else
    uint col0 = col_tile * 4 * WG_X + lane;
    uint b_col = trans_b ? p.ldb : 1, b_step = trans_b ? 1 : p.ldb;
    uint b_at[4];
    [[unroll]] for (uint j = 0; j < 4; j++)
        b_at[j] = b_base + min(col0 + j * WG_X, p.n - 1) * b_col;
#endif
#if defined(LANES)
    uint shares[SHARES];
    [[unroll]] for (uint q = 0; q < SHARES; q++)
        shares[q] = a_base + min(row0 + q * WG_X + lane, p.m - 1) * a_row;
#else
    uint rows[TILE_M];
    [[unroll]] for (uint i = 0; i < TILE_M; i++)
        rows[i] = a_base + min(row0 + i, p.m - 1) * a_row;
#endif

    vec4 sum[TILE_M];
    [[unroll]] for (uint i = 0; i < TILE_M; i++)
        sum[i] = vec4(0.0);
    [[dont_unroll]] for (uint t = 0; t < p.k; t++) {
        vec4 v;
#if defined(BN4)
        v = vec4(b[b_at + t * b_step]);
#else
        [[unroll]] for (uint j = 0; j < 4; j++)
            v[j] = float(b[b_at[j] + t * b_step]);
#endif
#if defined(LANES)
        float share[SHARES];
        [[unroll]] for (uint q = 0; q < SHARES; q++)
            share[q] = float(a[shares[q] + t * a_step]);
#endif
        [[unroll]] for (uint i = 0; i < TILE_M; i++) {
#if defined(LANES)
            float w = subgroupShuffle(share[i / WG_X], i % WG_X);
#else
            float w = float(a[rows[i] + t * a_step]);
#endif
            sum[i] += w * v;
        }
    }

    uint tile_rows = min(TILE_M, p.m - row0);
    [[dont_unroll]] for (uint i = 0; i < tile_rows; i++) {
        vec4 v = sum[0];
        [[unroll]] for (uint j = 1; j < TILE_M; j++)
            v = i == j ? sum[j] : v;
        store_row(v * p.alpha, matrix, row0 + i, col0);
    }
}
