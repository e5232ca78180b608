// SPDX-License-Identifier: MIT
//! family  quant_product
//! push    push_quant_product
//! binding a read
//! binding b read
//! binding params read
//! binding zero read
//! binding act_scale read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8 | 4
//! spec    3 TILE_M 16 | 8 | 4 | 2 | 1
//! spec    4 OUTPUT 0 | 1 | 2
//! spec    5 WEIGHT_ZEROS 0 | 1
//! spec    6 ROWS 0 | 1
//! spec    7 SUBTRACT 0 | 1
//! kernel  quant_product_lanes_i32 store=i32 needs=lanes_wide,subgroup define=LANES
//! kernel  quant_product_dot8_i32 store=i32 needs=dot8,registers when=subtract==0 define=DOT8 most=TILE_M:8
//! kernel  quant_product_dot8_few_i32 store=i32 needs=dot8 when=subtract==0 define=DOT8 most=TILE_M:4
//! kernel  quant_product_i32 store=i32 needs=registers most=TILE_M:8
//! kernel  quant_product_few_i32 store=i32 most=TILE_M:2
//
// Y = finish(A B), A [m, k] and B [k, n] of bytes, four along k to a word (push_quant_product.h has
// strides, batches and what finishing is). A workgroup computes TILE_M rows by 4*WG_X columns; each
// invocation has four columns, WG_X apart, of all rows in registers. No shared memory: words of A
// are the same for all invocations, those of B lie side by side. LANES, for CPU drivers: the
// workgroup is a subgroup, A is read once by the lanes and handed round by shuffles.
// ROWS: the channels (of params) are rows and act is B; else they are columns and act is A.
// SUBTRACT: zero points are taken from the bytes as they are multiplied, else from the sum at the
// end. Sums in 32 bits, exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if defined(LANES)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#if defined(DOT8)
#extension GL_EXT_spirv_intrinsics : require
#endif
#include "grid.glsl"
#include "push_quant_product.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 64;
layout(constant_id = 3) const uint TILE_M = 16;
layout(constant_id = 6) const uint ROWS = 0;
#if !defined(DOT8)
layout(constant_id = 7) const uint SUBTRACT = 0;
#else
const uint SUBTRACT = 0;
#endif
layout(push_constant, std430) uniform Push { push_quant_product p; };
layout(binding = 0, std430) readonly restrict buffer MatrixA { int a[]; };
layout(binding = 1, std430) readonly restrict buffer MatrixB { int b[]; };
layout(binding = 2, std430) readonly restrict buffer Params { int params[]; };
layout(binding = 3, std430) readonly restrict buffer Zero { int zero[]; };
layout(binding = 4, std430) readonly restrict buffer ActScale { float act_scale[]; };
layout(binding = 5, std430) writeonly restrict buffer Output { int y[]; };
#define QUANT_FINISH p.finish
#include "quant_dot.glsl"

const uint SHARES = (TILE_M + WG_X - 1) / WG_X; // rows of A that a lane reads for all

void store(ivec4 v, ivec4 column_sum, int row_sum, uint matrix, uint row, uint col0, int act_zero) {
    [[dont_unroll]] for (uint j = 0; j < 4; j++) {
        uint col = col0 + j * WG_X;
        if (col < p.n) {
            int s = j < 2 ? (j < 1 ? v.x : v.y) : (j < 3 ? v.z : v.w);
            int c = j < 2 ? (j < 1 ? column_sum.x : column_sum.y)
                          : (j < 3 ? column_sum.z : column_sum.w);
            uint channel = ROWS != 0 ? matrix / p.a_div % p.a_mod * p.m + row
                                     : matrix / p.b_div % p.b_mod * p.n + col;
            if (SUBTRACT == 0)
                s = quant_correct(s, ROWS != 0 ? c : row_sum, act_zero, channel);
            y[(matrix * p.m + row) * p.n + col] = quant_finish(s, channel);
        }
    }
}

void main() {
    uint group = linear_group();
    uint lane = gl_LocalInvocationID.x;
    uint row_tiles = (p.m + TILE_M - 1) / TILE_M;
    uint col_tiles = (p.n + 4 * WG_X - 1) / (4 * WG_X);
    uint row0 = group % row_tiles * TILE_M;
    uint col0 = group / row_tiles % col_tiles * 4 * WG_X + lane;
    uint matrix = group / row_tiles / col_tiles;
    if (matrix >= p.batch)
        return;
    uint a_base = matrix / p.a_div % p.a_mod * p.m * p.k;
    uint b_base = matrix / p.b_div % p.b_mod * p.k * p.n;
    int act_zero = quant_act_zero();
    int a_zero = SUBTRACT == 0 ? 0 : ROWS != 0 ? quant_weight_zero() : act_zero;
    int b_zero = SUBTRACT == 0 ? 0 : ROWS != 0 ? act_zero : quant_weight_zero();

    uint b_at[4];
    [[unroll]] for (uint j = 0; j < 4; j++)
        b_at[j] = b_base + min(col0 + j * WG_X, p.n - 1) * p.b_col;
#if defined(LANES)
    uint shares[SHARES];
    [[unroll]] for (uint q = 0; q < SHARES; q++)
        shares[q] = a_base + min(row0 + q * WG_X + lane, p.m - 1) * p.a_row;
#else
    uint rows[TILE_M];
    [[unroll]] for (uint i = 0; i < TILE_M; i++)
        rows[i] = a_base + min(row0 + i, p.m - 1) * p.a_row;
#endif

    ivec4 sum[TILE_M], column_sum = ivec4(0);
    int row_sum[TILE_M];
    [[unroll]] for (uint i = 0; i < TILE_M; i++) {
        sum[i] = ivec4(0);
        row_sum[i] = 0;
    }
    [[dont_unroll]] for (uint t = 0; t < p.k; t++) {
        QUANT_WORD v[4];
        [[unroll]] for (uint j = 0; j < 4; j++) {
            v[j] = quant_load(b[b_at[j] + t * p.b_step]) - QUANT_WORD(b_zero);
            if (WEIGHT_ZEROS != 0 && ROWS != 0)
                column_sum[j] += quant_dot(v[j], QUANT_ONES);
        }
#if defined(LANES)
        int share[SHARES];
        [[unroll]] for (uint q = 0; q < SHARES; q++)
            share[q] = a[shares[q] + t * p.a_step];
#endif
        [[unroll]] for (uint i = 0; i < TILE_M; i++) {
#if defined(LANES)
            int word = subgroupShuffle(share[i / WG_X], i % WG_X);
#else
            int word = a[rows[i] + t * p.a_step];
#endif
            QUANT_WORD w = quant_load(word) - QUANT_WORD(a_zero);
            if (WEIGHT_ZEROS != 0 && ROWS == 0)
                row_sum[i] += quant_dot(w, QUANT_ONES);
            [[unroll]] for (uint j = 0; j < 4; j++)
                sum[i][j] += quant_dot(w, v[j]);
        }
    }

    uint tile_rows = min(TILE_M, p.m - row0);
    [[dont_unroll]] for (uint i = 0; i < tile_rows; i++) {
        ivec4 v = sum[0];
        int s = row_sum[0];
        [[unroll]] for (uint j = 1; j < TILE_M; j++) {
            v = i == j ? sum[j] : v;
            s = i == j ? row_sum[j] : s;
        }
        store(v, column_sum, s, matrix, row0 + i, col0, act_zero);
    }
}
