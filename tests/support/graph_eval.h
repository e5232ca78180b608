/* SPDX-License-Identifier: MIT
 *
 * graph_eval.h - a graph computed on the host by its operators' references: what tests of passes
 * and sessions compare with.
 */
#ifndef PUM_TESTS_GRAPH_EVAL_H
#define PUM_TESTS_GRAPH_EVAL_H

#include "graph/graph.h"

/* Runs a bound graph (concrete shapes) on `inputs` (one a graph input); output tensors' data are
 * allocated and freed by graph_eval_free. */
struct graph_eval {
    struct pum_graph *graph;
    struct host_tensor *tensors; /* by tensor id */
    struct base_arena strings;
};

pum_status graph_eval_run(struct pum_graph *graph, const struct host_tensor *inputs,
                          struct graph_eval *out_eval);
const struct host_tensor *graph_eval_output(const struct graph_eval *eval, int32_t index);
void graph_eval_free(struct graph_eval *eval);

/* A float tensor with values in [-2, 2) from a seed; data from malloc'd context memory. */
struct host_tensor graph_eval_random(pum_context *context, const struct tensor_desc *desc,
                                     uint32_t seed);
/* Number of live nodes of an operator; -1 for `op` counts all. */
int32_t graph_eval_count(const struct pum_graph *graph, int32_t op);
/* The largest difference of two float tensors, relative to the larger of 1 and the value. */
double graph_eval_difference(const struct host_tensor *a, const struct host_tensor *b);

#endif
