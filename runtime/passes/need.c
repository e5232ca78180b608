/* SPDX-License-Identifier: MIT
 *
 * need.c - what to do when a shape follows from a value that is not known: look where the value
 * comes from. If it is made of small tensors all the way from graph inputs, a plan can be made for
 * the very values of those inputs ("bound by value"), as it is made for their shapes. Tests:
 * tests/exec/test_program.c.
 */
#include "passes/passes.h"

#include "ops/op.h"

/* Shapes, sizes, flags: what is larger is data. */
#define SMALL_ELEMENTS 1024
#define MAX_VISITED 512

struct need_walk {
    const struct pum_graph *graph;
    struct graph_need *need;
    int32_t queue[MAX_VISITED];
    int32_t count;
};

static bool is_input(const struct pum_graph *graph, int32_t tensor)
{
    for (int32_t i = 0; i < graph->input_count; i++) {
        if (graph->inputs[i] == tensor)
            return true;
    }
    return false;
}

static bool visit(struct need_walk *walk, int32_t tensor)
{
    for (int32_t i = 0; i < walk->count; i++) {
        if (walk->queue[i] == tensor)
            return true;
    }
    if (walk->count == MAX_VISITED)
        return false;
    walk->queue[walk->count++] = tensor;
    return true;
}

/* Looks at one tensor; false: the value cannot be had from inputs. */
static bool expand(struct need_walk *walk, int32_t id)
{
    const struct graph_tensor *tensor = &walk->graph->tensors[id];
    if (tensor->data)
        return true;
    if (tensor->desc.dtype == PUM_DTYPE_NONE || tensor->desc.shape.rank < 0 ||
        tensor->desc.dtype == PUM_DTYPE_STRING || shape_has_symbol(&tensor->desc.shape) ||
        shape_elements(&tensor->desc.shape) > SMALL_ELEMENTS)
        return false;
    if (is_input(walk->graph, id)) {
        if (walk->need->leaf_count == GRAPH_MAX_LEAVES)
            return false;
        walk->need->leaves[walk->need->leaf_count++] = id;
        return true;
    }
    if (tensor->producer < 0)
        return false;
    const struct graph_node *node = &walk->graph->nodes[tensor->producer];
    if (op_rows[node->op].lowering->dynamic)
        return false;
    for (int32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && !visit(walk, node->inputs[i]))
            return false;
    }
    return true;
}

void pass_explain_need(struct pum_graph *graph, const struct graph_node *node, int32_t input)
{
    struct graph_need *need = &graph->need;
    *need = (struct graph_need){.tensor = GRAPH_NONE, .input = input};
    for (int32_t i = 0; i < node->output_count && need->tensor < 0; i++)
        need->tensor = node->outputs[i];
    if (need->tensor >= 0 && graph->tensors[need->tensor].origin >= 0) {
        /* Came in from a branch: nobody outside knows this node. Binding may still help. */
        need->tensor = graph->tensors[need->tensor].origin;
        need->input = -1;
    }
    if (input < 0 || input >= node->input_count || node->inputs[input] < 0)
        return;
    struct need_walk walk = {.graph = graph, .need = need};
    bool known = visit(&walk, node->inputs[input]);
    for (int32_t i = 0; i < walk.count && known; i++)
        known = expand(&walk, walk.queue[i]);
    if (!known)
        need->leaf_count = 0;
}
