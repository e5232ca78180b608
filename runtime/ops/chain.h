/* SPDX-License-Identifier: MIT
 *
 * chain.h - elementwise steps folded into the kernel before them ("epilogue"): bias, activation,
 * residual, scale. A chain hangs on a graph node (graph_node.chain) and is applied, in float, to
 * its output 0. One list of steps serves GPU (shaders/include/chain.glsl) and host (chain.c).
 * Tests: tests/ops/test_chain.c.
 */
#ifndef PUM_OPS_CHAIN_H
#define PUM_OPS_CHAIN_H

#include "ops/op.h"
#include "../../shaders/push/push_chain.h"

struct op_chain_step {
    uint32_t op;     /* CHAIN_* */
    float a, b;
    int32_t operand; /* 0: none, or the scalar a; 1, 2: chain operand 0, 1 */
};

struct op_chain {
    int32_t step_count;
    struct op_chain_step steps[CHAIN_MAX_STEPS];
    int32_t operand_count;
};

/* How a chain operand of shape `operand` is indexed from the output of shape `out`: FULL, ONE, or
 * DIVMOD (its axes other than 1 are one run of the output's); false if it broadcasts otherwise or
 * would enlarge the output. */
bool chain_operand_mode(const struct shape *out, const struct shape *operand, uint32_t *out_mode,
                        uint32_t *out_div, uint32_t *out_mod);

/* The chain steps that `node` amounts to when its input `main_input` is the running value. The
 * other inputs are either scalar constants (become parameters) or tensors (become operand 1; its
 * tensor id goes to *out_operand, else GRAPH_NONE). False when it is no such node, or its types are
 * not one float type. Most give one step; some two. */
bool chain_steps_of_node(const struct pum_graph *graph, const struct graph_node *node,
                         int32_t main_input, struct op_chain_step steps[2], int32_t *out_count,
                         int32_t *out_operand);

/* Steps whose code is too long to be in every kernel: the map and broadcast kernels compute them as
 * the operator itself, but they are never fused (chain_steps_of_node refuses). */
bool chain_is_long(uint32_t step);

/* How many of a chain's steps and operands a node of this operator needs for itself: what fusion
 * must leave free. */
int32_t chain_own_steps(int32_t op);
int32_t chain_own_operands(int32_t op);

/* The step of a node with one input and no other operand: "Relu" gives CHAIN_RELU. False when the
 * operator is no such step. Types are not looked at. */
bool chain_unary_step(const struct graph_node *node, struct op_chain_step *out_step);

/* The steps' definition in double: x through all steps, operands already picked by element. */
double chain_step_value(const struct op_chain_step *step, double x, double operand);

/* Applies a chain on the host, in place, to `tensor`; operands by their index rules. */
pum_status chain_reference(const struct op_chain *chain, struct host_tensor *tensor,
                           const struct host_tensor *operands);

#endif
