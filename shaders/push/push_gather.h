/* SPDX-License-Identifier: MIT
 *
 * push_gather.h - what the gather and scatter kernels get: push_gather for Gather, push_by_element
 * for GatherElements and ScatterElements, push_by_tuple for GatherND and ScatterND. Negative
 * indices count from the end; all are clamped into the data.
 */
#ifndef PUSH_GATHER_H
#define PUSH_GATHER_H
#include "push_types.h"

/* data [outer, row_count, inner], indices [index_count], y [outer, index_count, inner]. */
struct push_gather {
    push_uint count;        /* invocations: outer * index_count * chunks */
    push_uint index_count;
    push_uint row_count;
    push_uint inner;
    push_uint span;         /* elements of inner that one invocation copies */
    push_uint chunks;       /* inner / span, rounded up */
    push_uint window_first; /* rows of data that the binding holds; others are left to another */
    push_uint window_rows;  /* dispatch (outer is 1 then) */
};

#define ELEMENT_MAX_RANK 6

struct push_by_element {
    push_uint count;       /* indices */
    push_uint rank;
    push_uint axis_length; /* of data */
    push_uint axis_stride;
    push_uint dims[ELEMENT_MAX_RANK];    /* of indices, joined where possible */
    push_uint strides[ELEMENT_MAX_RANK]; /* of data; 0 on the axis */
};

#define TUPLE_MAX_WIDTH 8

struct push_by_tuple {
    push_uint count;        /* batches * tuples * inner */
    push_uint width;
    push_uint tuples;
    push_uint inner;
    push_uint batch_stride; /* of data */
    push_uint dims[TUPLE_MAX_WIDTH];
    push_uint strides[TUPLE_MAX_WIDTH];
};
#endif
