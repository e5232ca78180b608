/* SPDX-License-Identifier: MIT
 *
 * pass_check.h - builds a small graph, runs all passes over it, and checks two things: the answer
 * is the same as without passes, and the graph became what it should.
 */
#ifndef PUM_TESTS_PASS_CHECK_H
#define PUM_TESTS_PASS_CHECK_H

#include "ops/op.h"
#include "support/graph_eval.h"

extern pum_context *pass_context;

int pass_setup(void **state);
int pass_teardown(void **state);

/* A graph with the input x of this shape. */
pum_graph *pass_graph(int32_t rank, const int64_t *dims, pum_value *out_x);
/* A random float constant. */
pum_value pass_weight(pum_graph *graph, int32_t rank, const int64_t *dims, uint32_t seed);

/* Finishes the graph with output y, runs passes_load and passes_bind on a clone, and compares.
 * Returns the rewritten clone; the caller releases it. */
pum_graph *pass_check(pum_graph **graph, pum_value y);

#endif
