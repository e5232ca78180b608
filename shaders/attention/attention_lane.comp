// SPDX-License-Identifier: MIT
//! family  attention
//! push    push_attention
//! binding q read
//! binding k read
//! binding v read
//! binding mask read
//! binding y write
//! spec    0 WG_X 8 | 4 | 16 | 32 | 64
//! spec    3 V_BLOCK 32 | 16 | 64
//! kernel  attention_lanes_vec4_f32 store=f32 needs=lanes_wide,subgroup when=vec4==1 define=LANES,V4
//! kernel  attention_lanes_vec4_f16 store=f16 needs=lanes_wide,subgroup,f16_storage when=vec4==1 define=LANES,V4
//! kernel  attention_lanes_f32 store=f32 needs=lanes_wide,subgroup define=LANES
//! kernel  attention_lanes_f16 store=f16 needs=lanes_wide,subgroup,f16_storage define=LANES
//! kernel  attention_lane_vec4_f32 store=f32 when=lane==1,vec4==1 define=V4
//! kernel  attention_lane_vec4_f16 store=f16 when=lane==1,vec4==1 needs=f16_storage define=V4
//! kernel  attention_lane_f32 store=f32 when=lane==1
//! kernel  attention_lane_f16 store=f16 when=lane==1 needs=f16_storage
//
// y = softmax(q k^T * scale + mask) v, for CPU drivers: no shared memory, no barrier. Layouts:
// push_attention.h. One invocation takes one query and V_BLOCK columns of v; with more columns the
// scores are calculated again for each block of them. Keys go in blocks, the softmax runs along:
// the maximum and the sum so far, and what was added up before is scaled when the maximum grows
// (Dao et al., FlashAttention, 2022). With LANES a workgroup is one subgroup, of queries of one
// head: each lane loads one key of a block and hands it round by shuffles, because loads are dear
// there. Accumulates in fp32. Tails: queries and keys outside read the last one; such keys have
// weight 0, such queries are not stored. A query that sees no key gives NaN.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if defined(LANES)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "dtype.glsl"
#include "grid.glsl"
#include "attention.glsl"

layout(constant_id = 0) const uint WG_X = 8;
layout(constant_id = 3) const uint V_BLOCK = 32;

#if defined(LANES)
const uint KEYS = WG_X; // in a block: one a lane
#else
const uint KEYS = 8;
#endif

#if defined(V4)
vec4 load_q(uint base, uint d) { return vec4(q[(base + d) / 4]); }
vec4 load_k(uint base, uint key, uint d) { return vec4(k[(base + key * p.dim + d) / 4]); }
vec4 load_v(uint base, uint col) { return vec4(v[(base + min(col, p.v_dim - 4)) / 4]); }
#else
vec4 load_q(uint base, uint d) {
    vec4 value;
    [[unroll]] for (uint u = 0; u < 4; u++) {
        float one = float(q[base + min(d + u, p.dim - 1)]);
        value[u] = d + u < p.dim ? one : 0.0;
    }
    return value;
}

vec4 load_k(uint base, uint key, uint d) {
    vec4 value;
    [[unroll]] for (uint u = 0; u < 4; u++) {
        float one = float(k[base + key * p.k_key_stride + min(d + u, p.dim - 1) * p.k_dim_stride]);
        value[u] = d + u < p.dim ? one : 0.0;
    }
    return value;
}

vec4 load_v(uint base, uint col) {
    vec4 value;
    [[unroll]] for (uint u = 0; u < 4; u++)
        value[u] = float(v[base + min(col + u, p.v_dim - 1)]);
    return value;
}
#endif

void store(uint row_at, uint col, vec4 value) {
#if defined(V4)
    if (col < p.v_dim)
        y[(row_at + col) / 4] = T_VEC4(value);
#else
    [[unroll]] for (uint u = 0; u < 4; u++)
        if (col + u < p.v_dim)
            y[row_at + col + u] = T(value[u]);
#endif
}

void main() {
    place at = place_of(linear_group());
    if (at.head >= p.heads)
        return;
    uint lane = gl_LocalInvocationID.x;
    uint row0 = at.row_block * WG_X, row = min(row0 + lane, p.q_len - 1);
    uint seen = keys_seen(row), row_mask = mask_row(at.head, row);
    uint end = keys_end(min(row0 + WG_X, p.q_len) - 1); // the same for all lanes
    uint q_base = (at.head * p.q_len + row) * p.dim;
    uint kv_first = at.head / p.group * p.kv_len;
    uint k_base = kv_first * p.dim;
    uint col0 = at.v_block * V_BLOCK;

    float most = LOWEST, sum = 0.0;
    vec4 mixed[V_BLOCK / 4];
    [[unroll]] for (uint c = 0; c < V_BLOCK / 4; c++)
        mixed[c] = vec4(0.0);
    for (uint first = 0; first < end; first += KEYS) {
        float weight[KEYS];
        [[unroll]] for (uint t = 0; t < KEYS; t++)
            weight[t] = 0.0;
        uint my_key = min(first + lane, p.kv_len - 1);
        [[dont_unroll]] for (uint d = 0; d < p.dim; d += 4) {
            vec4 query = load_q(q_base, d);
#if defined(LANES)
            vec4 mine = load_k(k_base, my_key, d);
#endif
            [[unroll]] for (uint t = 0; t < KEYS; t++) {
#if defined(LANES)
                weight[t] += dot(query, subgroupShuffle(mine, t));
#else
                weight[t] += dot(query, load_k(k_base, min(first + t, p.kv_len - 1), d));
#endif
            }
        }
        float before = most, block_sum = 0.0;
        [[unroll]] for (uint t = 0; t < KEYS; t++) {
            weight[t] = masked(weight[t], row_mask, first + t, seen);
            most = max(most, weight[t]);
        }
        [[unroll]] for (uint t = 0; t < KEYS; t++) {
            weight[t] = exp(weight[t] - most);
            block_sum += weight[t];
        }
        float rescale = exp(before - most);
        sum = sum * rescale + block_sum;
        [[unroll]] for (uint c = 0; c < V_BLOCK / 4; c++) {
            mixed[c] *= rescale;
#if defined(LANES)
            vec4 mine = load_v((kv_first + my_key) * p.v_dim, col0 + 4 * c);
#endif
            [[unroll]] for (uint t = 0; t < KEYS; t++) {
#if defined(LANES)
                mixed[c] += weight[t] * subgroupShuffle(mine, t);
#else
                uint key = min(first + t, p.kv_len - 1);
                mixed[c] += weight[t] * load_v((kv_first + key) * p.v_dim, col0 + 4 * c);
#endif
            }
        }
    }

    if (row0 + lane >= p.q_len)
        return;
    float factor = sum == 0.0 ? MATH_NAN : 1.0 / sum;
    uint row_at = (at.head * p.q_len + row) * p.v_dim;
    [[unroll]] for (uint c = 0; c < V_BLOCK / 4; c++)
        store(row_at, col0 + 4 * c, mixed[c] * factor);
}
