/* SPDX-License-Identifier: MIT
 *
 * push_move.h - what the strided copy kernels get. Offsets and strides count elements of the
 * kernel's own type; strides of the input may be "negative" (arithmetic is modulo 2^32).
 */
#ifndef PUSH_MOVE_H
#define PUSH_MOVE_H
#include "push_types.h"

#define MOVE_OUTER_RANK 5

struct push_move {
    push_uint count;      /* invocations: outer positions times chunks */
    push_uint rank;       /* outer dims in use */
    push_uint inner;      /* elements along the innermost dim */
    push_uint span;       /* elements of it that one invocation copies */
    push_uint chunks;     /* inner / span, rounded up */
    push_uint in_offset;
    push_uint out_offset;
    push_uint in_inner;   /* strides of the innermost dim */
    push_uint out_inner;
    push_uint dims[MOVE_OUTER_RANK]; /* outermost first */
    push_uint in_strides[MOVE_OUTER_RANK];
    push_uint out_strides[MOVE_OUTER_RANK];
};
#endif
