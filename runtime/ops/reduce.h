/* SPDX-License-Identifier: MIT
 *
 * reduce.h - a reduction as [kept runs] x [reduced runs], shared by the rows (reduce.c) and their
 * lowering (reduce_lower.c). Tests: tests/ops/test_reduce_norm.c.
 */
#ifndef PUM_OPS_REDUCE_H
#define PUM_OPS_REDUCE_H

#include "ops/lower.h"
#include "../../shaders/push/push_reduce.h"

enum reduce_kind {
    REDUCE_KIND_SUM,
    REDUCE_KIND_MEAN,
    REDUCE_KIND_MAX,
    REDUCE_KIND_MIN,
    REDUCE_KIND_PROD,
    REDUCE_KIND_L1,
    REDUCE_KIND_L2,
    REDUCE_KIND_SUM_SQUARE,
    REDUCE_KIND_LOG_SUM,
    REDUCE_KIND_LOG_SUM_EXP
};

/* Neighbouring axes joined into runs, outermost first; strides of the input in elements. */
struct reduce_runs {
    int32_t count;
    int64_t dims[PUM_MAX_RANK];
    int64_t strides[PUM_MAX_RANK];
};

struct reduce_view {
    struct reduce_runs kept, reduced;
    int64_t results; /* product of the kept dims */
    int64_t length;  /* product of the reduced dims */
};

void reduce_view_make(const struct shape *shape, const bool mask[PUM_MAX_RANK],
                      struct reduce_view *out_view);

/* Emits a reduction of input 0 over the masked axes into output 0. */
pum_status reduce_lower(struct lower_call *call, const bool mask[PUM_MAX_RANK],
                        enum reduce_kind kind);

#endif
