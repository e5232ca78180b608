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
//! kernel  matmul_lanes_f32 store=f32 needs=lanes_wide,subgroup when=a4==1,bn4==1 define=LANES,A4,BN4
//! kernel  matmul_lanes_f16 store=f16 needs=lanes_wide,subgroup,f16_storage when=a4==1,bn4==1 define=LANES,A4,BN4
//! kernel  matmul_lanes_bt_f32 store=f32 needs=lanes_wide,subgroup when=a4==1,bt4==1 define=LANES,A4,BT4
//! kernel  matmul_lanes_bt_f16 store=f16 needs=lanes_wide,subgroup,f16_storage when=a4==1,bt4==1 define=LANES,A4,BT4
//! kernel  matmul_lanes_a1_f32 store=f32 needs=lanes_wide,subgroup when=bn4==1 define=LANES,BN4
//! kernel  matmul_lanes_a1_f16 store=f16 needs=lanes_wide,subgroup,f16_storage when=bn4==1 define=LANES,BN4
//! kernel  matmul_lanes_b1_f32 store=f32 needs=lanes_wide,subgroup when=a4==1 define=LANES,A4
//! kernel  matmul_lanes_b1_f16 store=f16 needs=lanes_wide,subgroup,f16_storage when=a4==1 define=LANES,A4
//! kernel  matmul_lanes_any_f32 store=f32 needs=lanes_wide,subgroup define=LANES
//! kernel  matmul_lanes_any_f16 store=f16 needs=lanes_wide,subgroup,f16_storage define=LANES
//! kernel  matmul_direct_f32 store=f32 needs=lanes_wide
//! kernel  matmul_direct_f16 store=f16 needs=lanes_wide,f16_storage
//
// Y = chain(alpha A B + beta bias), for CPU drivers: no shared memory, no barrier. A: [m, k] or,
// with TRANS_A, [k, m]; B: [k, n] or [n, k]; Y: [m, n], batches as push_matmul.h has them. A
// workgroup is one subgroup (LANES) and computes TILE_M rows by 4*WG_X columns; each invocation has
// four columns of all rows in registers. Such drivers pay dearly for a load (a test and a bounds
// check a lane), in a loop even when all lanes read the same: so A is read once by the lanes, each
// its share, and handed round by shuffles; without LANES each lane reads it. Loops that are short
// in number stay rolled, because a driver that compiles at first use pays for each copy. A4, BN4,
// BT4: A along k, B along n, B along k is read in vectors of four. fp32 accumulation, k in
// ascending order. Tails: rows and columns outside read the last one and are not stored. ACCUMULATE
// 1 adds to Y what was there: parts of a long k in several dispatches.
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
#if defined(A4)
layout(binding = 0, std430) readonly restrict buffer MatrixA { T_VEC4 a[]; };
#else
layout(binding = 0, std430) readonly restrict buffer MatrixA { T a[]; };
#endif
#if defined(BN4) || defined(BT4)
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
    bool trans_a = (p.mode & MATMUL_TRANS_A) != 0;
#if defined(BN4) || defined(BT4)
    const bool trans_b = false;
#else
    bool trans_b = (p.mode & MATMUL_TRANS_B) != 0;
#endif
    uint a_row = trans_a ? 1 : p.lda, a_step = trans_a ? p.lda : 1;
    uint b_col = trans_b ? p.ldb : 1, b_step = trans_b ? 1 : p.ldb;

    // Where this lane's columns are, and where they begin in B.
    uint cols[4];
#if defined(BN4)
    uint col0 = (col_tile * WG_X + lane) * 4;
    uint b_at = (b_base + min(col0, p.n - 4)) / 4;
#else
    uint col0 = col_tile * 4 * WG_X + lane;
#endif
    [[unroll]] for (uint j = 0; j < 4; j++) {
#if defined(BT4)
        cols[j] = (b_base + min(col0 + j * WG_X, p.n - 1) * p.ldb) / 4;
#elif !defined(BN4)
        cols[j] = b_base + min(col0 + j * WG_X, p.n - 1) * b_col;
#endif
    }
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
    for (uint t = 0; t < p.k; t += 4) {
#if defined(A4)
        const uint steps = 4;
#else
        uint steps = min(p.k - t, 4);
#endif
#if defined(LANES)
        vec4 share[SHARES];
        [[unroll]] for (uint q = 0; q < SHARES; q++) {
#if defined(A4)
            share[q] = vec4(a[(shares[q] + t) / 4]);
#else
            [[unroll]] for (uint u = 0; u < 4; u++)
                share[q][u] = float(a[shares[q] + min(t + u, p.k - 1) * a_step]);
#endif
        }
#endif
#if defined(BT4)
        vec4 bt[4];
        [[unroll]] for (uint j = 0; j < 4; j++)
            bt[j] = vec4(b[cols[j] + t / 4]);
#endif
        [[dont_unroll]] for (uint u = 0; u < steps; u++) {
            vec4 v;
#if defined(BN4)
            v = vec4(b[b_at + (t + u) * (p.ldb / 4)]);
#else
            [[unroll]] for (uint j = 0; j < 4; j++)
#if defined(BT4)
                v[j] = component(bt[j], u);
#else
                v[j] = float(b[cols[j] + (t + u) * b_step]);
#endif
#endif
#if defined(LANES)
            float mine[SHARES];
            [[unroll]] for (uint q = 0; q < SHARES; q++)
                mine[q] = component(share[q], u);
#endif
            [[unroll]] for (uint i = 0; i < TILE_M; i++) {
#if defined(LANES)
                float w = subgroupShuffle(mine[i / WG_X], i % WG_X);
#else
                float w = float(a[rows[i] + (t + u) * a_step]);
#endif
                sum[i] += w * v;
            }
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
