/* SPDX-License-Identifier: MIT
 *
 * einsum.h - an Einsum equation made concrete for the shapes of its inputs, shared by its rule and
 * reference (einsum.c) and by the pass that turns it into products (passes/expand_einsum.c).
 * Tests: tests/ops/test_einsum.c.
 */
#ifndef PUM_OPS_EINSUM_H
#define PUM_OPS_EINSUM_H

#include "ops/op.h"

#define EINSUM_MAX_TERMS 32
/* Labels: 0..51 are letters, those behind them the axes of "...", counted from the last one. */
#define EINSUM_LETTERS 52
#define EINSUM_LABELS (EINSUM_LETTERS + PUM_MAX_RANK)

struct einsum_term {
    int32_t count;
    int32_t labels[PUM_MAX_RANK]; /* one an axis */
};

struct einsum {
    int32_t term_count;
    struct einsum_term terms[EINSUM_MAX_TERMS];
    struct einsum_term out;
    int64_t sizes[EINSUM_LABELS]; /* 0 with used false: the label does not occur */
    bool used[EINSUM_LABELS];
};

/* PUM_E_ARGUMENT and PUM_E_SHAPE say what is wrong with the equation. An axis of size 1 broadcasts
 * to the size that its label has elsewhere. */
pum_status einsum_read(const char *equation, const struct shape *shapes, int32_t count,
                       struct einsum *out_einsum);

#endif
