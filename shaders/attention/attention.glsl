// SPDX-License-Identifier: MIT
//
// attention.glsl - what the attention kernels share: bindings, how a workgroup's number becomes its
// place, where the mask lies, which keys a query sees. Include after dtype.glsl. With V4, dim and
// v_dim are multiples of four, k is not transposed, and all but the mask is in vectors of four.
#ifndef ATTENTION_GLSL
#define ATTENTION_GLSL
#include "math.glsl"
#include "../push/push_attention.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_attention p; };
#if defined(V4)
#define E T_VEC4
#else
#define E T
#endif
layout(binding = 0, std430) readonly restrict buffer Queries { E q[]; };
layout(binding = 1, std430) readonly restrict buffer Keys { E k[]; };
layout(binding = 2, std430) readonly restrict buffer Values { E v[]; };
layout(binding = 3, std430) readonly restrict buffer Mask { T mask[]; };
layout(binding = 4, std430) writeonly restrict buffer Result { E y[]; };

// Where the running maximum begins: below every score but -inf, so that a hidden key always counts
// exp(-inf) = 0, and the first key seen wipes out what was there.
const float LOWEST = -3.40282347e38;

struct place {
    uint head, row_block, v_block; // head >= p.heads: nothing to do
};

place place_of(uint group) {
    return place(group / p.row_blocks / p.v_blocks, group % p.row_blocks,
                 group / p.row_blocks % p.v_blocks);
}

// Keys [0, keys_seen(row)) are seen by a query, keys [0, keys_end(row)) count.
uint keys_seen(uint row) {
    if ((p.mode & ATTENTION_CAUSAL) == 0)
        return p.kv_len;
    return uint(clamp(int(row + p.kv_len) - int(p.q_len) + 1, 0, int(p.kv_len)));
}

uint keys_end(uint row) {
    return (p.mode & ATTENTION_HIDDEN) != 0 ? p.kv_len : keys_seen(row);
}

uint mask_row(uint head, uint row) {
    return head / p.batch_heads * p.mask_strides[0] + head % p.batch_heads * p.mask_strides[1] +
           row * p.mask_strides[2];
}

// The score of a key from q k^T; row_mask as mask_row() gave it.
float masked(float product, uint row_mask, uint key, uint seen) {
    bool hides = (p.mode & ATTENTION_HIDDEN) != 0;
    float score = hides && key >= seen ? p.hidden : product * p.scale;
    if ((p.mode & ATTENTION_MASK) != 0) {
        float value = float(mask[row_mask + min(key, p.kv_len - 1) * p.mask_strides[3]]);
        bool replaces = (p.mode & ATTENTION_REPLACE) != 0;
        score = replaces ? (value != 0.0 ? value : score) : score + value;
    }
    return key < (hides ? p.kv_len : seen) ? score : -MATH_INF;
}
#endif
