/* SPDX-License-Identifier: MIT
 *
 * push_reduce.h - what the reduction kernels get: kept and reduced runs of axes (outermost first)
 * with the input's strides in elements. A long reduction is cut into parts; each part is a result
 * of its own, to be reduced again. Kinds are what specialization constant OP means.
 */
#ifndef PUSH_REDUCE_H
#define PUSH_REDUCE_H
#include "push_types.h"

#define REDUCE_RUNS 4

#define REDUCE_SUM 0
#define REDUCE_MAX 1
#define REDUCE_MIN 2
#define REDUCE_PROD 3
#define REDUCE_L1 4          /* sum of |x| */
#define REDUCE_SUM_SQUARE 5
#define REDUCE_LOG_SUM_EXP 6 /* log(sum(exp(x - max))) + max, never in parts */

#define REDUCE_FINISH_NONE 0 /* times scale */
#define REDUCE_FINISH_SQRT 1
#define REDUCE_FINISH_LOG 2

struct push_reduce {
    push_uint results;     /* results in all: kept positions times parts */
    push_uint parts;       /* parts of each reduction */
    push_uint part_length; /* elements of a part; the last may be shorter */
    push_uint row_length;  /* elements of a reduction */
    push_uint finish;      /* REDUCE_FINISH_* */
    push_float scale;
    push_uint kept_dims[REDUCE_RUNS];
    push_uint kept_strides[REDUCE_RUNS];
    push_uint reduced_dims[REDUCE_RUNS];
    push_uint reduced_strides[REDUCE_RUNS];
};
#endif
