/* SPDX-License-Identifier: MIT
 *
 * rows_follow.c - the rows of the batch become consecutive pieces of one stream
 * (pum_session_params.rows_follow): recurrent layers get the attribute that makes each row begin
 * with the state that the row before it ended with (ops/rnn.h). Nothing else changes, not even a
 * shape: a network that treats the rows of its batch alike computes all but the recurrence side by
 * side. Tests: tests/exec/test_rows_follow.c.
 */
#include "passes/passes.h"

#include "ops/op.h"

#include <string.h>

/* Branches in branches. */
#define MAX_DEPTH 24

static pum_status mark_graph(struct pum_graph *graph, int32_t depth);

static pum_status mark_layer(struct pum_graph *graph, int32_t node)
{
    const struct graph_node *layer = &graph->nodes[node];
    const int32_t lengths = 4; /* sequence_lens, of all three */
    bool short_rows = layer->input_count > lengths && layer->inputs[lengths] != GRAPH_NONE;
    if (strcmp(node_string(layer, "direction", "forward"), "forward") != 0 || short_rows)
        return pum_fail(PUM_E_UNSUPPORTED,
                        "rows_follow: '%s' (%s) does not go forward through whole sequences",
                        layer->name, op_rows[layer->op].name);
    const pum_attr attr = {.name = "rows_follow", .kind = PUM_ATTR_INT, .i = 1};
    return graph_set_attr(graph, node, &attr);
}

/* Bodies are shared: each is marked in a copy. */
static pum_status mark_branch(struct pum_graph *graph, int32_t node, const char *name,
                              int32_t depth)
{
    struct pum_graph *branch;
    struct pum_graph *body = node_graph(&graph->nodes[node], name);
    if (!body)
        return PUM_OK;
    PUM_TRY(graph_clone(body, &branch));
    pum_status status = mark_graph(branch, depth + 1);
    if (status == PUM_OK) {
        const pum_attr attr = {.name = name, .kind = PUM_ATTR_GRAPH, .graph = branch};
        status = graph_set_attr(graph, node, &attr);
    }
    graph_release(&branch);
    return status;
}

static pum_status mark_graph(struct pum_graph *graph, int32_t depth)
{
    if (depth > MAX_DEPTH)
        return pum_fail(PUM_E_UNSUPPORTED, "branches are nested more than %d deep", MAX_DEPTH);
    for (int32_t n = 0; n < graph->node_count; n++) {
        int32_t op = graph->nodes[n].op;
        if (op == OP_RNN || op == OP_GRU || op == OP_LSTM)
            PUM_TRY(mark_layer(graph, n));
        if (op == OP_IF) {
            PUM_TRY(mark_branch(graph, n, "then_branch", depth));
            PUM_TRY(mark_branch(graph, n, "else_branch", depth));
        }
    }
    return PUM_OK;
}

pum_status pass_rows_follow(struct pum_graph *graph)
{
    return mark_graph(graph, 0);
}
