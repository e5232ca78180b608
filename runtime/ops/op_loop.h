/* SPDX-License-Identifier: MIT
 *
 * op_loop.h - walks an output's elements in row-major order and, beside it, the elements of up to
 * three operands that broadcast to it. For references: plain and right, not fast.
 * Tests: tests/ops/test_elementwise_reference.c.
 */
#ifndef PUM_OPS_OP_LOOP_H
#define PUM_OPS_OP_LOOP_H

#include "graph/tensor.h"

#define OP_LOOP_OPERANDS 3

struct op_loop {
    struct shape shape;
    int64_t count;                 /* elements of the output */
    int64_t element;               /* the current one, from 0 */
    int32_t operand_count;
    int64_t at[OP_LOOP_OPERANDS];  /* each operand's element */
    int64_t strides[OP_LOOP_OPERANDS][PUM_MAX_RANK];
    int64_t index[PUM_MAX_RANK];
};

/* for (op_loop_begin(&loop, &out), op_loop_add(&loop, &a); op_loop_more(&loop);
 *      op_loop_next(&loop)) ... loop.element ... loop.at[0] ... */
void op_loop_begin(struct op_loop *loop, const struct shape *out);
/* The operand's shape must broadcast to the output's. */
void op_loop_add(struct op_loop *loop, const struct shape *operand);
bool op_loop_more(const struct op_loop *loop);
void op_loop_next(struct op_loop *loop);

#endif
