/* SPDX-License-Identifier: MIT
 *
 * passes.h - graph to graph. Two moments: passes_load() once a session, on symbolic shapes, for
 * what changes weights (so that every plan shares them); passes_bind() once a plan, on a clone with
 * concrete input shapes, for everything else: shape inference, folding of shape arithmetic,
 * patterns that exporters write out (GELU, layer norm, softmax, attention), chains of elementwise
 * steps. Knows nothing of devices. Tests: tests/passes/.
 */
#ifndef PUM_PASSES_PASSES_H
#define PUM_PASSES_PASSES_H

#include "graph/graph.h"

pum_status passes_load(struct pum_graph *graph);

/* `inputs`: concrete type and shape of every graph input, in order. `values`: by input, the data of
 * those that are bound by value (they become constants; copied), or NULL. After it every tensor in
 * use has a concrete type and shape, and nodes are in topological order. OP_NEEDS_DATA: a shape
 * follows from a value; graph->need says which. */
pum_status passes_bind(struct pum_graph *graph, const struct tensor_desc *inputs,
                       const void *const *values);

/* --- The passes, each on its own so that tests can call it --- */

/* Evaluates nodes whose inputs are all constants; drops Identity and Dropout. */
pum_status pass_fold_constants(struct pum_graph *graph);
/* The same, leaving nodes of one operator. */
pum_status pass_fold_constants_but(struct pum_graph *graph, int32_t op);
/* DequantizeLinear, an operator, QuantizeLinear: the operator on integers. */
pum_status pass_fuse_quant(struct pum_graph *graph);
/* BatchNormalization, Mul, Add, Sub, Div by per-channel constants into the Conv before them. */
pum_status pass_fold_conv(struct pum_graph *graph);
/* Gives every tensor its shape and folds what becomes known by it (Shape, Size, arithmetic). */
pum_status pass_infer(struct pum_graph *graph);
/* Replaces If node `index` by its branch when the condition is known; sorts the graph then. */
pum_status pass_inline_if(struct pum_graph *graph, int32_t index, bool *out_done);
/* Whether both branches (a body) hold only what a plan can hold. */
bool pass_if_is_plain(const struct graph_node *node);
bool pass_body_is_plain(const struct pum_graph *body);
/* The value of a condition that is known. */
bool pass_condition(const struct graph_tensor *condition, bool *out_value);
/* Fills graph->need for a rule that asked for the value of `input` (-1: no plan can hold it). */
void pass_explain_need(struct pum_graph *graph, const struct graph_node *node, int32_t input);
/* Marks the recurrent layers of the graph and of its If branches (pum_session_params.rows_follow).
 * The graph must be the caller's own copy. */
pum_status pass_rows_follow(struct pum_graph *graph);
/* Einsum as products, where that goes. */
pum_status pass_expand_einsum(struct pum_graph *graph);
/* DFT and STFT as products with tables of sines. */
pum_status pass_expand_signal(struct pum_graph *graph);
/* Nodes that compute the same from the same become one. */
pum_status pass_merge_equal(struct pum_graph *graph);
/* x*1, x+0, x-0, x/1, pow(x,1), reshapes to the same shape, choices that are known, and the
 * reshapes around the Softmax of old opsets. */
pum_status pass_drop_identities(struct pum_graph *graph);
/* x^2 as x*x: a product is much quicker than a power. After those that look for powers. */
pum_status pass_square_powers(struct pum_graph *graph);
/* Products of x with a gate of x: GELU (erf, tanh), SiLU, hard swish. */
pum_status pass_fuse_gates(struct pum_graph *graph);
/* Layer norm, RMS norm and softmax written out. */
pum_status pass_fuse_norms(struct pum_graph *graph);
/* Group norm written as InstanceNormalization of reshaped channels. */
pum_status pass_fuse_group_norms(struct pum_graph *graph);
/* Transposes of the last two axes into MatMul's flags, Add of a row vector into its bias. */
pum_status pass_fuse_matmul(struct pum_graph *graph);
/* softmax(q k^T scale + mask) v. */
pum_status pass_fuse_attention(struct pum_graph *graph);
/* Elementwise nodes into the kernel before them. */
pum_status pass_fuse_chains(struct pum_graph *graph);

#endif
