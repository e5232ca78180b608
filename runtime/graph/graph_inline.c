/* SPDX-License-Identifier: MIT
 *
 * graph_inline.c - a body's nodes in place of the node that holds it, and a graph's ports replaced:
 * the two edits with which control flow is taken apart (passes/inline_if.c, exec/partition.c).
 * Tests: tests/exec/test_program.c.
 */
#include "graph/graph.h"

#include <string.h>

/* Numbers of the body's tensors in the graph. */
struct inliner {
    struct pum_graph *graph;
    const struct pum_graph *body;
    int32_t *map;
    int32_t origin;
};

static pum_status check_ports(const struct graph_node *node, const struct pum_graph *body,
                              int32_t first_input)
{
    if (node->input_count - first_input != body->input_count ||
        node->output_count > body->output_count)
        return pum_fail(PUM_E_FORMAT,
                        "node '%.200s' passes %d values and wants %d results; its body takes %d "
                        "and gives %d",
                        node->name, node->input_count - first_input, node->output_count,
                        body->input_count, body->output_count);
    return PUM_OK;
}

static pum_status copy_tensors(struct inliner *in, const int32_t *inputs)
{
    for (int32_t i = 0; i < in->body->tensor_count; i++)
        in->map[i] = GRAPH_NONE;
    for (int32_t i = 0; i < in->body->input_count; i++)
        in->map[in->body->inputs[i]] = inputs[i];
    for (int32_t i = 0; i < in->body->tensor_count; i++) {
        const struct graph_tensor *from = &in->body->tensors[i];
        bool is_input = false;
        for (int32_t k = 0; k < in->body->input_count && !is_input; k++)
            is_input = in->body->inputs[k] == i;
        if (is_input)
            continue;
        int32_t id = graph_add_tensor(in->graph, from->name, &from->desc);
        if (id == GRAPH_NONE)
            return PUM_E_MEMORY;
        struct graph_tensor *to = &in->graph->tensors[id];
        to->data = from->data;
        to->data_bytes = from->data_bytes;
        to->base_id = from->base_id;
        to->origin = in->origin;
        if (!from->data) /* its symbols are not this graph's: inferred anew */
            to->desc = (struct tensor_desc){.shape.rank = -1};
        in->map[i] = id;
    }
    return PUM_OK;
}

static int32_t mapped(const struct inliner *in, int32_t tensor)
{
    return tensor == GRAPH_NONE ? GRAPH_NONE : in->map[tensor];
}

static pum_status copy_node(struct inliner *in, const struct graph_node *from)
{
    int32_t total = from->input_count + from->output_count;
    int32_t *ids = pum_alloc(in->graph->context, (size_t)total + 1, sizeof *ids);
    if (!ids)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < from->input_count; i++)
        ids[i] = mapped(in, from->inputs[i]);
    for (int32_t i = 0; i < from->output_count; i++)
        ids[from->input_count + i] = mapped(in, from->outputs[i]);
    int32_t node =
        graph_add_node(in->graph, from->op, from->name, ids, from->input_count,
                       ids + from->input_count, from->output_count, from->attrs, from->attr_count);
    pum_free(in->graph->context, ids);
    return node == GRAPH_NONE ? PUM_E_MEMORY : PUM_OK;
}

static int32_t first_output(const struct graph_node *node)
{
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != GRAPH_NONE)
            return node->outputs[i];
    }
    return GRAPH_NONE;
}

pum_status graph_inline(struct pum_graph *graph, int32_t index, const struct pum_graph *body,
                        int32_t first_input)
{
    /* Adding nodes moves the array: what is needed of the node is kept here (its lists lie in the
     * arena). */
    const struct graph_node node = graph->nodes[index];
    PUM_TRY(check_ports(&node, body, first_input));
    int32_t first = first_output(&node);
    struct inliner in = {.graph = graph, .body = body, .origin = first};
    if (first != GRAPH_NONE && graph->tensors[first].origin != GRAPH_NONE)
        in.origin = graph->tensors[first].origin;
    in.map = pum_alloc(graph->context, (size_t)body->tensor_count + 1, sizeof *in.map);
    if (!in.map)
        return PUM_E_MEMORY;
    pum_status status = copy_tensors(&in, node.inputs + first_input);
    for (int32_t n = 0; n < body->node_count && status == PUM_OK; n++) {
        if (body->nodes[n].op >= 0)
            status = copy_node(&in, &body->nodes[n]);
    }
    if (status == PUM_OK)
        graph_remove_node(graph, index);
    for (int32_t i = 0; i < node.output_count && status == PUM_OK; i++) {
        int32_t to = mapped(&in, body->outputs[i]);
        if (node.outputs[i] == GRAPH_NONE)
            continue;
        if (to == GRAPH_NONE)
            status = pum_fail(PUM_E_FORMAT, "node '%.200s': result %d of its body is nothing",
                              node.name, i);
        else
            graph_replace_uses(graph, node.outputs[i], to);
    }
    pum_free(graph->context, in.map);
    return status;
}

pum_status graph_set_ports(struct pum_graph *graph, const int32_t *inputs, int32_t input_count,
                           const int32_t *outputs, int32_t output_count)
{
    pum_context *context = graph->context;
    int32_t *ins = pum_alloc(context, (size_t)input_count + 1, sizeof *ins);
    int32_t *outs = pum_alloc(context, (size_t)output_count + 1, sizeof *outs);
    const char **names = pum_alloc(context, (size_t)output_count + 1, sizeof *names);
    struct tensor_desc *declared = pum_alloc(context, (size_t)output_count + 1, sizeof *declared);
    if (!ins || !outs || !names || !declared) {
        pum_free(context, ins);
        pum_free(context, outs);
        pum_free(context, names);
        pum_free(context, declared);
        return PUM_E_MEMORY;
    }
    for (int32_t i = 0; i < input_count; i++) {
        struct graph_tensor *tensor = &graph->tensors[inputs[i]];
        ins[i] = inputs[i];
        tensor->desc = (struct tensor_desc){.shape.rank = -1};
        tensor->rank_hint = -1;
        tensor->producer = GRAPH_NONE;
    }
    for (int32_t i = 0; i < output_count; i++) {
        outs[i] = outputs[i];
        names[i] = graph->tensors[outputs[i]].name;
        declared[i] = (struct tensor_desc){.shape.rank = -1};
    }
    pum_free(context, graph->inputs);
    pum_free(context, graph->outputs);
    pum_free(context, graph->output_names);
    pum_free(context, graph->output_declared);
    graph->inputs = ins;
    graph->input_count = graph->input_capacity = input_count;
    graph->outputs = outs;
    graph->output_names = names;
    graph->output_declared = declared;
    graph->output_count = graph->output_capacity = output_count;
    return PUM_OK;
}
