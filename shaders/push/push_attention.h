/* SPDX-License-Identifier: MIT
 *
 * push_attention.h - what the attention kernels get. q [heads, q_len, dim], y [heads, q_len, v_dim]
 * with batch and heads in one axis; k and v [kv heads, kv_len, ..], k perhaps transposed.
 */
#ifndef PUSH_ATTENTION_H
#define PUSH_ATTENTION_H
#include "push_types.h"

/* Bits of mode. */
#define ATTENTION_CAUSAL 1 /* query i sees keys j <= i + kv_len - q_len */
#define ATTENTION_MASK 2   /* there is a mask */
#define ATTENTION_HIDDEN 4 /* with CAUSAL: keys not seen count, with the score `hidden` */
#define ATTENTION_REPLACE 8 /* with MASK: where it is not 0 it is the score; it is never added */

struct push_attention {
    push_uint heads;        /* of q, in all batches */
    push_uint batch_heads;  /* of q, in one batch */
    push_uint group;        /* heads of q that share one of k and v */
    push_uint q_len, kv_len, dim, v_dim;
    push_uint k_key_stride, k_dim_stride;
    push_uint mode;         /* ATTENTION_... */
    push_uint mask_strides[4]; /* of batch, head, query, key */
    push_uint row_blocks;   /* workgroups along q_len */
    push_uint v_blocks;     /* workgroups along v_dim */
    push_float scale;
    push_float hidden;
};
#endif
