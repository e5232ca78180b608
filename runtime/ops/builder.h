/* SPDX-License-Identifier: MIT
 *
 * builder.h - the part of the builder that needs the operator table. Tests:
 * tests/graph/test_builder.c.
 */
#ifndef PUM_OPS_BUILDER_H
#define PUM_OPS_BUILDER_H

#include "ops/op.h"

/* Fills in types and ranks of a node's outputs (all present) as far as they follow from inputs
 * whose shapes are not all known. */
void builder_guess(struct pum_graph *graph, const struct graph_node *node);
/* The same for control flow, sequences and optionals, which can be other things than tensors. */
void builder_guess_program(struct pum_graph *graph, const struct graph_node *node);

#endif
