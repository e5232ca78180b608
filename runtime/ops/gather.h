/* SPDX-License-Identifier: MIT
 *
 * gather.h - what gathers (gather.c), scatters (scatter.c) and their lowerings (gather_lower.c)
 * share. Tests: tests/ops/test_gather_resize.c.
 */
#ifndef PUM_OPS_GATHER_H
#define PUM_OPS_GATHER_H

#include "ops/lower.h"
#include "ops/strided.h"

/* Index tuples, as GatherND and ScatterND use them: data seen as [batches, dims of the tuple...,
 * inner], indices as [batches, tuples, width]. Strides in elements of data. */
struct gather_tuples {
    int32_t width;
    int32_t inner_rank;
    int64_t dims[PUM_MAX_RANK], strides[PUM_MAX_RANK];
    int64_t batches, batch_stride, tuples, inner;
};

pum_status gather_tuples_plan(const struct shape *data, const struct shape *indices,
                              int64_t batch_dims, struct gather_tuples *out_plan);

/* An index from a tensor, mapped into [0, dim); PUM_E_RANGE if it lies outside. */
pum_status gather_index(const struct host_tensor *indices, int64_t position, int64_t dim,
                        int64_t *out_index);
/* Where in a batch the elements of an index tuple begin. */
pum_status gather_tuple(const struct host_tensor *indices, int64_t tuple,
                        const struct gather_tuples *plan, int64_t *out_offset);

/* Shapes of GatherElements and ScatterElements: inputs 0 and 1. */
pum_status gather_check_elements(const struct op_call *call, int32_t axis);
/* Where each index's row of data begins, as a copy from data's strides (0 on axis). */
void gather_elements_copy(const struct shape *data, const struct shape *indices, int32_t axis,
                          struct strided_copy *out_copy);
int64_t gather_elements_base(const struct strided_copy *copy, int64_t position);

pum_status gather_lower(struct lower_call *call);
pum_status gather_elements_lower(struct lower_call *call);
pum_status gather_nd_lower(struct lower_call *call);
pum_status scatter_elements_lower(struct lower_call *call);
pum_status scatter_nd_lower(struct lower_call *call);

#endif
