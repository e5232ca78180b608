/* SPDX-License-Identifier: MIT
 *
 * verify.h - the pieces of pum_device_verify: a case of an operator made into a graph with its
 * reference's answer (verify_case.c), and the comparison (verify_compare.c). Tests:
 * tests/exec/test_verify.c.
 */
#ifndef PUM_EXEC_VERIFY_H
#define PUM_EXEC_VERIFY_H

#include "ops/op_case.h"
#include "pumice/pumice.h"

/* What is put behind the operator, to reach the kernels' chains. */
enum verify_tail {
    VERIFY_PLAIN,
    VERIFY_CHAIN_FULL,   /* relu(y * 0.5 + r), r shaped like y */
    VERIFY_CHAIN_VECTOR, /* the same, r along the channel axis (convolutions) or the last axis */
    VERIFY_TAIL_COUNT
};

struct verify_case {
    const struct op_case *test;
    struct op_case_data data;
    struct host_tensor *inputs;  /* borrowed from data; descs as the graph has them */
    struct host_tensor *outputs; /* the reference's answer */
    struct host_tensor *scale;   /* by output: reference on absolute inputs (PRODUCT), else empty */
    struct host_tensor residual; /* r, for the chains */
    pum_graph *graph;
    int32_t *graph_inputs; /* case input of each graph input; -1: the residual */
    int32_t graph_input_count;
};

/* PUM_E_UNSUPPORTED when this variant of the case makes no sense (no float output to chain to, no
 * float input to halve). `half`: float32 inputs become float16. */
pum_status verify_case_make(pum_context *context, const struct op_case *test, uint64_t seed,
                            bool half, enum verify_tail tail, struct verify_case *out_case);
void verify_case_free(pum_context *context, struct verify_case *c);

/* The largest error over its tolerance (op.h's classes); above 1 is wrong. Writes what and where of
 * the worst element into `detail` when it is. */
double verify_compare(const struct op_row *row, const struct host_tensor *wanted,
                      const struct host_tensor *scale, const pum_tensor *got, char *detail,
                      size_t detail_bytes);

#endif
