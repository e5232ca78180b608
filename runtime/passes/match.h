/* SPDX-License-Identifier: MIT
 *
 * match.h - the small questions that pattern passes ask of a graph, and the two edits they make.
 */
#ifndef PUM_PASSES_MATCH_H
#define PUM_PASSES_MATCH_H

#include "ops/op.h"

/* A graph with the use count of each tensor (nodes' inputs plus graph outputs). Counts follow the
 * edits made through match_replace. */
struct match {
    struct pum_graph *graph;
    int32_t *uses;
    int32_t use_capacity; /* tensors that `uses` covers; newer ones count as used once */
};

pum_status match_begin(struct match *match, struct pum_graph *graph);
void match_end(struct match *match);

/* The node that makes `tensor`, if it is an `op` (or any with op -1); else NULL. */
const struct graph_node *match_producer(const struct match *match, int32_t tensor, int32_t op);
int32_t match_uses(const struct match *match, int32_t tensor);
/* The constant's value, if `tensor` is a constant of one element and a float or integer type. */
bool match_scalar(const struct match *match, int32_t tensor, double *out_value);
bool match_near(double value, double wanted);
/* Of a two-input node: the input that is a scalar constant and the other one. */
bool match_with_scalar(const struct match *match, const struct graph_node *node, int32_t *out_other,
                       double *out_value);
/* Of a commutative two-input node: whether one input is `tensor`; the other goes to *out_other. */
bool match_with_tensor(const struct graph_node *node, int32_t tensor, int32_t *out_other);
const struct tensor_desc *match_desc(const struct match *match, int32_t tensor);

/* Turns node `index` into `op` with these inputs and attributes; it keeps its outputs. Adds the
 * names of what it replaces ("Erf Mul Add") to its fused note. */
pum_status match_rewrite(struct match *match, int32_t index, int32_t op, const int32_t *inputs,
                         int32_t input_count, const pum_attr *attrs, int32_t attr_count,
                         const char *replaced);
/* Takes a node out; what it read has one use less. */
void match_remove(struct match *match, int32_t index);
/* Uses of `from` become uses of `to`. */
void match_replace(struct match *match, int32_t from, int32_t to);
/* Adds `op` with one output of this type and shape before node `index`; the output's id, or
 * GRAPH_NONE. The node is appended: the caller sorts the graph afterwards. */
int32_t match_insert(struct match *match, int32_t op, const char *name, const int32_t *inputs,
                     int32_t input_count, const pum_attr *attrs, int32_t attr_count,
                     const struct tensor_desc *desc);

#endif
