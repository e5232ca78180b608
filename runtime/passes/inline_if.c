/* SPDX-License-Identifier: MIT
 *
 * inline_if.c - an If whose condition is known becomes the branch that it takes. Exporters write
 * many: on shapes, on a sampling rate, on optional inputs; a plan then holds straight code. Tests:
 * tests/exec/test_program.c.
 */
#include "passes/passes.h"

#include "ops/op.h"

/* Whether a body's nodes can all be part of a plan (else the run carries the If out itself). */
bool pass_body_is_plain(const struct pum_graph *body)
{
    for (int32_t n = 0; n < body->node_count; n++) {
        const struct graph_node *node = &body->nodes[n];
        if (node->op < 0)
            continue;
        if (node->op == OP_IF ? !pass_if_is_plain(node) : op_rows[node->op].lowering->dynamic)
            return false;
    }
    for (int32_t i = 0; i < body->tensor_count; i++) {
        const struct graph_tensor *tensor = &body->tensors[i];
        if (tensor->kind != PUM_VALUE_TENSOR || tensor->desc.dtype == PUM_DTYPE_STRING)
            return false;
    }
    return true;
}

bool pass_if_is_plain(const struct graph_node *node)
{
    const struct pum_graph *yes = node_graph(node, "then_branch");
    const struct pum_graph *no = node_graph(node, "else_branch");
    return yes && no && pass_body_is_plain(yes) && pass_body_is_plain(no);
}

bool pass_condition(const struct graph_tensor *condition, bool *out_value)
{
    const struct host_tensor tensor = {condition->desc, (void *)(uintptr_t)condition->data};
    if (!condition->data || shape_elements(&condition->desc.shape) != 1)
        return false;
    *out_value = tensor_get_i64(&tensor, 0) != 0;
    return true;
}

pum_status pass_inline_if(struct pum_graph *graph, int32_t index, bool *out_done)
{
    const struct graph_node *node = &graph->nodes[index];
    bool taken;
    *out_done = false;
    if (node->op != OP_IF || node->inputs[0] < 0 || !pass_if_is_plain(node) ||
        !pass_condition(&graph->tensors[node->inputs[0]], &taken))
        return PUM_OK;
    const struct pum_graph *body = node_graph(node, taken ? "then_branch" : "else_branch");
    pum_status status = graph_inline(graph, index, body, 1);
    if (status != PUM_OK)
        return status;
    *out_done = true;
    return graph_sort(graph);
}
