/* SPDX-License-Identifier: MIT
 *
 * graph_edit.c - changing, ordering, copying and questioning a graph; what passes are written with.
 * Tensor ids never change here (constants are known by them across clones); node numbers change
 * when the graph is sorted or pruned. No recursion: depth is the file's to choose.
 * Tests: tests/graph/test_graph.c.
 */
#include "graph/graph.h"

#include <string.h>

/* Input lists are written once, in this graph's own arena (also in a clone), so they may change. */
static int32_t *inputs_of(struct graph_node *node)
{
    return (int32_t *)node->inputs;
}

void graph_replace_uses(struct pum_graph *graph, int32_t from, int32_t to)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        int32_t *inputs = inputs_of(&graph->nodes[n]);
        for (int32_t i = 0; i < graph->nodes[n].input_count; i++) {
            if (inputs[i] == from)
                inputs[i] = to;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (graph->outputs[i] == from)
            graph->outputs[i] = to;
    }
}

void graph_remove_node(struct pum_graph *graph, int32_t node_index)
{
    struct graph_node *node = &graph->nodes[node_index];

    for (int32_t i = 0; i < node->output_count; i++) {
        int32_t id = node->outputs[i];
        if (id != GRAPH_NONE && graph->tensors[id].producer == node_index)
            graph->tensors[id].producer = GRAPH_NONE;
    }
    node->op = -1;
    node->input_count = 0;
    node->output_count = 0;
    node->chain = NULL;
    node->chain_inputs = 0;
}

pum_status graph_note_fused(struct pum_graph *graph, int32_t node, const char *op_name)
{
    const char *old = graph->nodes[node].fused;
    const char *text = base_arena_printf(&graph->arena, "%s%s%s", old, old[0] == '\0' ? "" : " ",
                                         op_name);
    if (text == NULL)
        return PUM_E_MEMORY;
    graph->nodes[node].fused = text;
    return PUM_OK;
}

/* --- Order ------------------------------------------------------------------------------------ */

/* The nodes become those that order[0..count) lists; the others are gone. */
static pum_status reorder(struct pum_graph *graph, const int32_t *order, int32_t count)
{
    struct graph_node *nodes = pum_alloc(graph->context, (size_t)count, sizeof(*nodes));
    if (nodes == NULL)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < graph->tensor_count; i++)
        graph->tensors[i].producer = GRAPH_NONE;
    for (int32_t i = 0; i < count; i++) {
        nodes[i] = graph->nodes[order[i]];
        for (int32_t j = 0; j < nodes[i].output_count; j++) {
            if (nodes[i].outputs[j] != GRAPH_NONE)
                graph->tensors[nodes[i].outputs[j]].producer = i;
        }
    }
    pum_free(graph->context, graph->nodes);
    graph->nodes = nodes;
    graph->node_count = count;
    graph->node_capacity = count;
    return PUM_OK;
}

pum_status graph_prune(struct pum_graph *graph)
{
    size_t count = (size_t)graph->node_count;
    bool *wanted = pum_alloc(graph->context, count, sizeof(*wanted));
    int32_t *stack = pum_alloc(graph->context, count, sizeof(*stack));
    int32_t depth = 0;
    pum_status status = wanted == NULL || stack == NULL ? PUM_E_MEMORY : PUM_OK;

    if (status != PUM_OK)
        goto done;
    for (int32_t i = 0; i < graph->output_count; i++) {
        int32_t node = graph->tensors[graph->outputs[i]].producer;
        if (node != GRAPH_NONE && !wanted[node]) {
            wanted[node] = true;
            stack[depth++] = node;
        }
    }
    while (depth > 0) {
        const struct graph_node *node = &graph->nodes[stack[--depth]];
        for (int32_t i = 0; i < node->input_count; i++) {
            const struct graph_tensor *tensor = graph_input_of(graph, node, i);
            int32_t producer = tensor == NULL ? GRAPH_NONE : tensor->producer;
            if (producer != GRAPH_NONE && !wanted[producer]) {
                wanted[producer] = true;
                stack[depth++] = producer;
            }
        }
    }
    int32_t kept = 0; /* the stack is empty: its memory takes the new order */
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (wanted[i] && graph->nodes[i].op >= 0)
            stack[kept++] = i;
    }
    status = reorder(graph, stack, kept);
done:
    pum_free(graph->context, wanted);
    pum_free(graph->context, stack);
    return status;
}

/* Depth-first walk towards the inputs; a node is written when all that it needs is. */
struct sorter {
    const struct pum_graph *graph;
    uint8_t *state;   /* of each node: NEW, OPEN (on the stack), DONE */
    int32_t *stack;
    int32_t *next;    /* input to look at next, beside each stack entry */
    int32_t depth;
    int32_t *order;
    int32_t count;
};
enum { SORT_NEW, SORT_OPEN, SORT_DONE };

static pum_status sort_from(struct sorter *s, int32_t root)
{
    s->depth = 0;
    s->stack[s->depth] = root;
    s->next[s->depth++] = 0;
    s->state[root] = SORT_OPEN;
    while (s->depth > 0) {
        int32_t id = s->stack[s->depth - 1];
        const struct graph_node *node = &s->graph->nodes[id];
        int32_t producer = GRAPH_NONE;
        while (s->next[s->depth - 1] < node->input_count && producer == GRAPH_NONE) {
            int32_t input = node->inputs[s->next[s->depth - 1]++];
            producer = input == GRAPH_NONE ? GRAPH_NONE : s->graph->tensors[input].producer;
            if (producer != GRAPH_NONE && s->state[producer] == SORT_DONE)
                producer = GRAPH_NONE;
        }
        if (producer == GRAPH_NONE) {
            s->state[id] = SORT_DONE;
            s->order[s->count++] = id;
            s->depth--;
            continue;
        }
        if (s->state[producer] == SORT_OPEN)
            return pum_fail(PUM_E_FORMAT, "the graph has a cycle through node '%.200s'",
                            s->graph->nodes[producer].name);
        s->state[producer] = SORT_OPEN;
        s->stack[s->depth] = producer;
        s->next[s->depth++] = 0;
    }
    return PUM_OK;
}

pum_status graph_sort(struct pum_graph *graph)
{
    size_t count = (size_t)graph->node_count;
    struct sorter s = {.graph = graph};
    pum_status status = PUM_E_MEMORY;

    s.state = pum_alloc(graph->context, count, sizeof(*s.state));
    s.stack = pum_alloc(graph->context, count, sizeof(*s.stack));
    s.next = pum_alloc(graph->context, count, sizeof(*s.next));
    s.order = pum_alloc(graph->context, count, sizeof(*s.order));
    if (s.state == NULL || s.stack == NULL || s.next == NULL || s.order == NULL)
        goto done;
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (s.state[i] == SORT_NEW && graph->nodes[i].op >= 0)
            PUM_TRY_GOTO(sort_from(&s, i), done);
    }
    status = reorder(graph, s.order, s.count);
done:
    pum_free(graph->context, s.state);
    pum_free(graph->context, s.stack);
    pum_free(graph->context, s.next);
    pum_free(graph->context, s.order);
    return status;
}

/* --- Copy ------------------------------------------------------------------------------------- */

static void *duplicate(pum_context *context, const void *items, int32_t count, size_t element)
{
    void *copy = pum_alloc(context, (size_t)count, element);
    if (copy != NULL && count > 0)
        memcpy(copy, items, (size_t)count * element);
    return copy;
}

static void release_original(void *user)
{
    struct pum_graph *original = user;
    graph_release(&original);
}

/* Names, attributes and chains are never written again, so the clone points at the original's. Only
 * the lists of inputs and outputs are its own. */
static pum_status clone_nodes(const struct pum_graph *graph, struct pum_graph *clone)
{
    clone->nodes = duplicate(graph->context, graph->nodes, graph->node_count,
                             sizeof(*graph->nodes));
    if (clone->nodes == NULL)
        return PUM_E_MEMORY;
    clone->node_count = graph->node_count;
    clone->node_capacity = graph->node_count;
    for (int32_t i = 0; i < clone->node_count; i++) {
        struct graph_node *node = &clone->nodes[i];
        size_t inputs = (size_t)node->input_count;
        size_t outputs = (size_t)node->output_count;
        int32_t *ids = base_arena_alloc(&clone->arena, inputs + outputs, sizeof(*ids));
        if (ids == NULL)
            return PUM_E_MEMORY;
        if (inputs > 0)
            memcpy(ids, node->inputs, inputs * sizeof(*ids));
        if (outputs > 0)
            memcpy(ids + inputs, node->outputs, outputs * sizeof(*ids));
        node->inputs = ids;
        node->outputs = ids + inputs;
    }
    return PUM_OK;
}

static pum_status clone_tensors(const struct pum_graph *graph, struct pum_graph *clone)
{
    clone->tensors = duplicate(graph->context, graph->tensors, graph->tensor_count,
                               sizeof(*graph->tensors));
    if (clone->tensors == NULL)
        return PUM_E_MEMORY;
    clone->tensor_count = graph->tensor_count;
    clone->tensor_capacity = graph->tensor_count;
    for (int32_t i = 0; i < clone->tensor_count; i++) {
        if (clone->tensors[i].data != NULL && clone->tensors[i].base_id < 0)
            clone->tensors[i].base_id = i;
    }
    return PUM_OK;
}

static pum_status clone_ports(const struct pum_graph *graph, struct pum_graph *clone)
{
    clone->inputs = duplicate(graph->context, graph->inputs, graph->input_count,
                              sizeof(*graph->inputs));
    clone->outputs = duplicate(graph->context, graph->outputs, graph->output_count,
                               sizeof(*graph->outputs));
    clone->output_names = duplicate(graph->context, graph->output_names, graph->output_count,
                                    sizeof(*graph->output_names));
    clone->output_declared = duplicate(graph->context, graph->output_declared,
                                       graph->output_count, sizeof(*graph->output_declared));
    clone->symbols = duplicate(graph->context, graph->symbols, graph->symbol_count,
                               sizeof(*graph->symbols));
    if (clone->inputs == NULL || clone->outputs == NULL || clone->output_names == NULL ||
        clone->output_declared == NULL || clone->symbols == NULL)
        return PUM_E_MEMORY;
    clone->input_count = clone->input_capacity = graph->input_count;
    clone->output_count = clone->output_capacity = graph->output_count;
    clone->symbol_count = clone->symbol_capacity = graph->symbol_count;
    return PUM_OK;
}

pum_status graph_clone(struct pum_graph *graph, struct pum_graph **out_clone)
{
    struct pum_graph *clone;
    pum_status status;

    *out_clone = NULL;
    PUM_TRY(graph_create(graph->context, &clone));
    graph_reference(graph);
    PUM_TRY_GOTO(pum_graph_adopt(clone, release_original, graph), fail);
    PUM_TRY_GOTO(clone_tensors(graph, clone), fail);
    PUM_TRY_GOTO(clone_nodes(graph, clone), fail);
    PUM_TRY_GOTO(clone_ports(graph, clone), fail);
    clone->finished = graph->finished;
    clone->status = graph->status;
    memcpy(clone->error, graph->error, sizeof(clone->error));
    *out_clone = clone;
    return PUM_OK;
fail:
    graph_release(&clone);
    return status;
}

/* --- Asking ----------------------------------------------------------------------------------- */

pum_status graph_use_counts(const struct pum_graph *graph, int32_t **out_counts)
{
    *out_counts = NULL;
    int32_t *counts = pum_alloc(graph->context, (size_t)graph->tensor_count, sizeof(*counts));
    if (counts == NULL)
        return PUM_E_MEMORY;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        for (int32_t i = 0; i < node->input_count; i++) {
            if (node->inputs[i] != GRAPH_NONE)
                counts[node->inputs[i]]++;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        counts[graph->outputs[i]]++;
    *out_counts = counts;
    return PUM_OK;
}

int32_t graph_single_user(const struct pum_graph *graph, int32_t tensor)
{
    int32_t user = GRAPH_NONE;

    if (graph_is_output(graph, tensor))
        return GRAPH_NONE;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        for (int32_t i = 0; i < node->input_count; i++) {
            if (node->inputs[i] != tensor)
                continue;
            if (user != GRAPH_NONE && user != n)
                return GRAPH_NONE;
            user = n;
        }
    }
    return user;
}

bool graph_is_output(const struct pum_graph *graph, int32_t tensor)
{
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (graph->outputs[i] == tensor)
            return true;
    }
    return false;
}

const struct graph_tensor *graph_input_of(const struct pum_graph *graph,
                                          const struct graph_node *node, int32_t index)
{
    if (index < 0 || index >= node->input_count || node->inputs[index] == GRAPH_NONE)
        return NULL;
    return &graph->tensors[node->inputs[index]];
}
