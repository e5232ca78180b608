/* SPDX-License-Identifier: MIT
 *
 * attention.h - the sizes of an Attention node, read and checked once for shape rule, reference and
 * lowering. Tests: tests/ops/test_attention.c.
 */
#ifndef PUM_OPS_ATTENTION_H
#define PUM_OPS_ATTENTION_H

#include "ops/op.h"

/* q [batch, heads, q_len, dim]; k [batch, kv_heads, kv_len, dim], or [.., dim, kv_len] transposed;
 * v [batch, kv_heads, kv_len, v_dim]. */
struct attention {
    int64_t batch, heads, kv_heads, q_len, kv_len, dim, v_dim;
    bool k_transposed, causal;
    bool hides;    /* with causal: a key that is not seen has the score `hidden`, not -inf */
    bool replaces; /* the mask is not added: where it is not 0 it is the score */
    double scale, hidden;
};

pum_status attention_read(const struct graph_node *node, const struct shape *q,
                          const struct shape *k, const struct shape *v, struct attention *out);

/* Strides of a mask for [batch, head, query, key]; 0 where it broadcasts. */
void attention_mask_strides(const struct shape *mask, int64_t strides[4]);

#endif
