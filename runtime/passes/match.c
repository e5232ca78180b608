/* SPDX-License-Identifier: MIT
 *
 * match.c - questions and edits shared by the pattern passes (see match.h).
 * Tests: tests/passes/.
 */
#include "passes/match.h"

#include <math.h>
#include <string.h>

pum_status match_begin(struct match *match, struct pum_graph *graph)
{
    match->graph = graph;
    match->use_capacity = graph->tensor_count;
    return graph_use_counts(graph, &match->uses);
}

void match_end(struct match *match)
{
    pum_free(match->graph->context, match->uses);
    match->uses = NULL;
}

const struct graph_node *match_producer(const struct match *match, int32_t tensor, int32_t op)
{
    if (tensor < 0)
        return NULL;
    int32_t producer = match->graph->tensors[tensor].producer;
    if (producer < 0)
        return NULL;
    const struct graph_node *node = &match->graph->nodes[producer];
    if (node->op < 0 || (op >= 0 && node->op != op) || node->chain)
        return NULL;
    return node;
}

int32_t match_uses(const struct match *match, int32_t tensor)
{
    if (tensor < 0)
        return 0;
    return tensor < match->use_capacity ? match->uses[tensor] : 1;
}

const struct tensor_desc *match_desc(const struct match *match, int32_t tensor)
{
    return &match->graph->tensors[tensor].desc;
}

bool match_scalar(const struct match *match, int32_t tensor, double *out_value)
{
    if (tensor < 0)
        return false;
    const struct graph_tensor *t = &match->graph->tensors[tensor];
    if (!t->data || t->desc.shape.rank < 0 || shape_elements(&t->desc.shape) != 1)
        return false;
    struct host_tensor host = {t->desc, (void *)(uintptr_t)t->data};
    *out_value = tensor_get_f64(&host, 0);
    return true;
}

bool match_near(double value, double wanted)
{
    return fabs(value - wanted) <= 1e-4 * fabs(wanted) + 1e-7;
}

bool match_with_scalar(const struct match *match, const struct graph_node *node, int32_t *out_other,
                       double *out_value)
{
    if (node->input_count != 2)
        return false;
    for (int32_t i = 0; i < 2; i++) {
        if (match_scalar(match, node->inputs[i], out_value)) {
            *out_other = node->inputs[1 - i];
            return *out_other >= 0;
        }
    }
    return false;
}

bool match_with_tensor(const struct graph_node *node, int32_t tensor, int32_t *out_other)
{
    if (node->input_count != 2)
        return false;
    for (int32_t i = 0; i < 2; i++) {
        if (node->inputs[i] == tensor) {
            *out_other = node->inputs[1 - i];
            return *out_other >= 0;
        }
    }
    return false;
}

static void count_inputs(struct match *match, const struct graph_node *node, int32_t change)
{
    for (int32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && node->inputs[i] < match->use_capacity)
            match->uses[node->inputs[i]] += change;
    }
}

pum_status match_rewrite(struct match *match, int32_t index, int32_t op, const int32_t *inputs,
                         int32_t input_count, const pum_attr *attrs, int32_t attr_count,
                         const char *replaced)
{
    struct pum_graph *graph = match->graph;
    struct graph_node *node = &graph->nodes[index];
    count_inputs(match, node, -1);
    node->op = op;
    node->attrs = NULL;
    node->attr_count = 0;
    PUM_TRY(graph_set_inputs(graph, index, inputs, input_count));
    for (int32_t i = 0; i < attr_count; i++)
        PUM_TRY(graph_set_attr(graph, index, &attrs[i]));
    count_inputs(match, &graph->nodes[index], 1);
    return replaced ? graph_note_fused(graph, index, replaced) : PUM_OK;
}

void match_remove(struct match *match, int32_t index)
{
    count_inputs(match, &match->graph->nodes[index], -1);
    graph_remove_node(match->graph, index);
}

void match_replace(struct match *match, int32_t from, int32_t to)
{
    graph_replace_uses(match->graph, from, to);
    if (from < match->use_capacity && to < match->use_capacity) {
        match->uses[to] += match->uses[from];
        match->uses[from] = 0;
    }
}

int32_t match_insert(struct match *match, int32_t op, const char *name, const int32_t *inputs,
                     int32_t input_count, const pum_attr *attrs, int32_t attr_count,
                     const struct tensor_desc *desc)
{
    int32_t output = graph_add_tensor(match->graph, name, desc);
    if (output < 0)
        return GRAPH_NONE;
    int32_t node =
        graph_add_node(match->graph, op, name, inputs, input_count, &output, 1, attrs, attr_count);
    return node < 0 ? GRAPH_NONE : output;
}
