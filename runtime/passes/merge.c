/* SPDX-License-Identifier: MIT
 *
 * merge.c - what is computed twice from the same values is computed once. Exporters write masks,
 * positions and casts anew in every layer. Constants count as the same when their bytes are, up to
 * a size that shapes, axes and scalars have. Tests: tests/passes/test_fuse_exports.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

#include <string.h>

#define SMALL_CONSTANT_BYTES 256

/* Nodes by their first input: heads[tensor] is the last node seen, before[node] the one before. */
struct merge {
    struct match match;
    int32_t *heads, *before;
};

static bool same_tensor(const struct pum_graph *graph, int32_t a, int32_t b)
{
    if (a == b)
        return true;
    if (a < 0 || b < 0)
        return false;
    const struct graph_tensor *left = &graph->tensors[a], *right = &graph->tensors[b];
    return left->data && right->data && left->desc.dtype == right->desc.dtype &&
           left->desc.dtype != PUM_DTYPE_STRING && left->data_bytes == right->data_bytes &&
           left->data_bytes <= SMALL_CONSTANT_BYTES &&
           shape_equal(&left->desc.shape, &right->desc.shape) &&
           memcmp(left->data, right->data, left->data_bytes) == 0;
}

static bool same_attr(const pum_attr *a, const pum_attr *b)
{
    if (strcmp(a->name, b->name) != 0 || a->kind != b->kind)
        return false;
    switch (a->kind) {
    case PUM_ATTR_INT:
        return a->i == b->i;
    case PUM_ATTR_FLOAT:
        return a->f == b->f;
    case PUM_ATTR_STRING:
        return strcmp(a->s, b->s) == 0;
    case PUM_ATTR_INTS:
        return a->count == b->count &&
               (a->count == 0 || memcmp(a->ints, b->ints, (size_t)a->count * sizeof *a->ints) == 0);
    default:
        return false; /* rare: the nodes stay two */
    }
}

static bool same_node(const struct pum_graph *graph, const struct graph_node *a,
                      const struct graph_node *b)
{
    if (a->op != b->op || a->input_count != b->input_count || a->attr_count != b->attr_count)
        return false;
    for (int32_t i = 0; i < a->input_count; i++) {
        if (!same_tensor(graph, a->inputs[i], b->inputs[i]))
            return false;
    }
    for (int32_t i = 0; i < a->attr_count; i++) {
        const pum_attr *other = node_attr(b, a->attrs[i].name);
        if (!other || !same_attr(&a->attrs[i], other))
            return false;
    }
    return true;
}

/* One result, known and of a value that the inputs alone decide; not an output, which needs a
 * tensor of its own. */
static bool may_merge(const struct pum_graph *graph, const struct graph_node *node)
{
    return node->op >= 0 && !node->chain && node->input_count > 0 && node->inputs[0] >= 0 &&
           node->output_count == 1 && !op_rows[node->op].lowering->random &&
           !op_rows[node->op].lowering->program && !graph_is_output(graph, node->outputs[0]);
}

static void merge_node(struct merge *merge, int32_t index)
{
    struct pum_graph *graph = merge->match.graph;
    const struct graph_node *node = &graph->nodes[index];
    if (!may_merge(graph, node))
        return;
    int32_t *head = &merge->heads[node->inputs[0]];
    for (int32_t other = *head; other >= 0; other = merge->before[other]) {
        if (same_node(graph, &graph->nodes[other], node)) {
            int32_t output = node->outputs[0], kept = graph->nodes[other].outputs[0];
            match_remove(&merge->match, index);
            match_replace(&merge->match, output, kept);
            return;
        }
    }
    merge->before[index] = *head;
    *head = index;
}

pum_status pass_merge_equal(struct pum_graph *graph)
{
    struct merge merge = {0};
    PUM_TRY(match_begin(&merge.match, graph));
    size_t tensors = (size_t)graph->tensor_count + 1, nodes = (size_t)graph->node_count + 1;
    merge.heads = pum_alloc(graph->context, tensors, sizeof *merge.heads);
    merge.before = pum_alloc(graph->context, nodes, sizeof *merge.before);
    pum_status status = merge.heads && merge.before ? PUM_OK : PUM_E_MEMORY;
    if (status == PUM_OK) {
        memset(merge.heads, -1, tensors * sizeof *merge.heads);
        for (int32_t i = 0; i < graph->node_count; i++)
            merge_node(&merge, i);
    }
    pum_free(graph->context, merge.heads);
    pum_free(graph->context, merge.before);
    match_end(&merge.match);
    return status == PUM_OK ? graph_prune(graph) : status;
}
