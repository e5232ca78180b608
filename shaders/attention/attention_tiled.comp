// SPDX-License-Identifier: MIT
//! family  attention
//! push    push_attention
//! binding q read
//! binding k read
//! binding v read
//! binding mask read
//! binding y write
//! spec    0 WG_X 128
//! spec    3 ROWS_EACH 4 | 2 | 1
//! spec    4 V_BLOCK 64 | 32 | 128
//! kernel  attention_tiled_f32 store=f32 needs=registers
//! kernel  attention_tiled_f16 store=f16 needs=f16_storage,registers
//! kernel  attention_tiled_few_f32 store=f32 most=ROWS_EACH:2,V_BLOCK:64
//! kernel  attention_tiled_few_f16 store=f16 needs=f16_storage most=ROWS_EACH:2,V_BLOCK:64
//
// y = softmax(q k^T * scale + mask) v, for GPUs. Layouts: push_attention.h. One workgroup takes
// ROWS = 8 * ROWS_EACH queries of one head and V_BLOCK columns of v, and goes through the keys 32
// at a time with a running maximum and sum (Dao et al., FlashAttention, 2022):
//   scores   in chunks of 32 of dim through shared memory; invocation (x, y) of 16 by 8 has queries
//            ROWS_EACH * y .. and keys x, x + 16;
//   weights  128 / ROWS invocations a query, each with every so many-th key;
//   y        the same queries, columns x, x + 16, ..., in registers until the end.
// Accumulates in fp32; 12.8 KB shared memory, which is fp32 too. Tails: what lies outside counts as
// 0, keys outside have weight 0. A query that sees no key gives NaN.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "dtype.glsl"
#include "grid.glsl"
#include "attention.glsl"

layout(constant_id = 3) const uint ROWS_EACH = 4;
layout(constant_id = 4) const uint V_BLOCK = 64;

const uint WG = 128;
const uint ROWS = 8 * ROWS_EACH;
const uint KEYS = 32;
const uint CHUNK = 32;       // of dim
const uint PITCH = 33;       // of rows in shared memory: no two in one bank
const uint COLS_EACH = V_BLOCK / 16;
const uint V_KEYS = V_BLOCK == 128 ? 16 : 32; // keys of v in shared memory
const uint PER_ROW = WG / ROWS; // invocations that make the weights of one query

shared float tile[2 * 32 * PITCH]; // [ROWS] of q, then [KEYS] of k; or [V_KEYS][V_BLOCK] of v
shared float score[32 * PITCH];
shared float rescale[32];

void load_chunk(place at, uint first, uint d0) {
    uint t = gl_LocalInvocationID.x;
    uint q_base = at.head * p.q_len * p.dim, k_base = at.head / p.group * p.kv_len * p.dim;
    [[dont_unroll]] for (uint i = t; i < ROWS * CHUNK; i += WG) {
        uint r = i / CHUNK, d = d0 + i % CHUNK, row = at.row_block * ROWS + r;
        bool inside = row < p.q_len && d < p.dim;
        tile[r * PITCH + i % CHUNK] = inside ? float(q[q_base + row * p.dim + d]) : 0.0;
    }
    [[dont_unroll]] for (uint i = t; i < KEYS * CHUNK; i += WG) {
        // Neighbours read what lies side by side.
        uint r = p.k_dim_stride == 1 ? i / CHUNK : i % KEYS;
        uint c = p.k_dim_stride == 1 ? i % CHUNK : i / KEYS;
        uint key = first + r, d = d0 + c;
        bool inside = key < p.kv_len && d < p.dim;
        tile[(ROWS + r) * PITCH + c] =
            inside ? float(k[k_base + key * p.k_key_stride + d * p.k_dim_stride]) : 0.0;
    }
}

void load_values(place at, uint first) {
    uint v_base = at.head / p.group * p.kv_len * p.v_dim;
    [[dont_unroll]] for (uint i = gl_LocalInvocationID.x; i < V_KEYS * V_BLOCK; i += WG) {
        uint key = first + i / V_BLOCK, col = at.v_block * V_BLOCK + i % V_BLOCK;
        bool inside = key < p.kv_len && col < p.v_dim;
        tile[i] = inside ? float(v[v_base + key * p.v_dim + col]) : 0.0;
    }
}

// score[][] of keys first .. first + KEYS - 1.
void make_scores(place at, uint first) {
    uint x = gl_LocalInvocationID.x % 16, r0 = gl_LocalInvocationID.x / 16 * ROWS_EACH;
    float sum[2 * ROWS_EACH];
    [[unroll]] for (uint i = 0; i < 2 * ROWS_EACH; i++)
        sum[i] = 0.0;
    for (uint d0 = 0; d0 < p.dim; d0 += CHUNK) {
        barrier();
        load_chunk(at, first, d0);
        barrier();
        [[dont_unroll]] for (uint c = 0; c < CHUNK; c++) {
            float k0 = tile[(ROWS + x) * PITCH + c], k1 = tile[(ROWS + x + 16) * PITCH + c];
            [[unroll]] for (uint i = 0; i < ROWS_EACH; i++) {
                float one = tile[(r0 + i) * PITCH + c];
                sum[2 * i] += one * k0;
                sum[2 * i + 1] += one * k1;
            }
        }
    }
    [[unroll]] for (uint i = 0; i < ROWS_EACH; i++) {
        uint row = min(at.row_block * ROWS + r0 + i, p.q_len - 1);
        uint seen = keys_seen(row), row_mask = mask_row(at.head, row);
        score[(r0 + i) * PITCH + x] = masked(sum[2 * i], row_mask, first + x, seen);
        score[(r0 + i) * PITCH + x + 16] = masked(sum[2 * i + 1], row_mask, first + x + 16, seen);
    }
    barrier();
}

// Scores become weights; `most` and `sum` (of this invocation's keys) run along.
void make_weights(inout float most, inout float sum) {
    uint r = gl_LocalInvocationID.x / PER_ROW, part = gl_LocalInvocationID.x % PER_ROW;
    float before = most, block_sum = 0.0;
    [[dont_unroll]] for (uint key = 0; key < KEYS; key++)
        most = max(most, score[r * PITCH + key]);
    barrier();
    [[dont_unroll]] for (uint key = part; key < KEYS; key += PER_ROW) {
        float weight = exp(score[r * PITCH + key] - most);
        score[r * PITCH + key] = weight;
        block_sum += weight;
    }
    float factor = exp(before - most);
    sum = sum * factor + block_sum;
    if (part == 0)
        rescale[r] = factor;
}

void main() {
    place at = place_of(linear_group());
    if (at.head >= p.heads)
        return;
    uint t = gl_LocalInvocationID.x, x = t % 16, r0 = t / 16 * ROWS_EACH;
    uint end = keys_end(min((at.row_block + 1) * ROWS, p.q_len) - 1);
    float most = LOWEST, sum = 0.0;
    float mixed[ROWS_EACH * COLS_EACH];
    [[unroll]] for (uint i = 0; i < ROWS_EACH * COLS_EACH; i++)
        mixed[i] = 0.0;

    for (uint first = 0; first < end; first += KEYS) {
        make_scores(at, first);
        make_weights(most, sum);
        [[dont_unroll]] for (uint part = 0; part < KEYS; part += V_KEYS) {
            barrier();
            load_values(at, first + part);
            barrier();
            if (part == 0) {
                [[unroll]] for (uint i = 0; i < ROWS_EACH * COLS_EACH; i++)
                    mixed[i] *= rescale[r0 + i / COLS_EACH];
            }
            [[dont_unroll]] for (uint key = 0; key < V_KEYS; key++) {
                float weight[ROWS_EACH];
                [[unroll]] for (uint i = 0; i < ROWS_EACH; i++)
                    weight[i] = score[(r0 + i) * PITCH + part + key];
                [[unroll]] for (uint j = 0; j < COLS_EACH; j++) {
                    float value = tile[key * V_BLOCK + x + 16 * j];
                    [[unroll]] for (uint i = 0; i < ROWS_EACH; i++)
                        mixed[i * COLS_EACH + j] += weight[i] * value;
                }
            }
        }
    }

    // The sum of a query lies in PER_ROW parts.
    barrier();
    score[t] = sum;
    barrier();
    [[unroll]] for (uint i = 0; i < ROWS_EACH; i++) {
        uint row = at.row_block * ROWS + r0 + i;
        float all = 0.0;
        [[dont_unroll]] for (uint part = 0; part < PER_ROW; part++)
            all += score[(r0 + i) * PER_ROW + part];
        float factor = all == 0.0 ? MATH_NAN : 1.0 / all;
        [[unroll]] for (uint j = 0; j < COLS_EACH; j++) {
            uint col = at.v_block * V_BLOCK + x + 16 * j;
            if (row < p.q_len && col < p.v_dim)
                y[(at.head * p.q_len + row) * p.v_dim + col] = T(mixed[i * COLS_EACH + j] * factor);
        }
    }
}
