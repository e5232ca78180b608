/* SPDX-License-Identifier: MIT
 *
 * graph_stats.c - totals of a graph and of the bodies in it. A constant that several bodies share
 * counts once: it is told by its bytes' address. Tests: tests/graph/test_builder.c.
 */
#include "graph/graph.h"

#include <stdlib.h>

struct parameter {
    const void *data;
    uint64_t elements, bytes;
};

struct parameters {
    pum_context *context;
    struct parameter *items;
    int32_t count, capacity;
};

static pum_status add_constants(struct parameters *list, const struct pum_graph *graph)
{
    int32_t *uses;
    pum_status status = graph_use_counts(graph, &uses);

    for (int32_t i = 0; i < graph->tensor_count && status == PUM_OK; i++) {
        const struct graph_tensor *tensor = &graph->tensors[i];
        if (tensor->data == NULL || uses[i] == 0 || tensor->desc.shape.rank < 1)
            continue;
        status = pum_grow(list->context, &list->items, &list->capacity, list->count,
                          sizeof(*list->items));
        if (status == PUM_OK)
            list->items[list->count++] = (struct parameter){
                .data = tensor->data,
                .elements = (uint64_t)shape_elements(&tensor->desc.shape),
                .bytes = tensor->data_bytes,
            };
    }
    pum_free(graph->context, uses);
    return status;
}

static pum_status add_graph(struct parameters *list, const struct pum_graph *graph,
                            int32_t *node_count)
{
    PUM_TRY(add_constants(list, graph));
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        if (node->op < 0)
            continue;
        (*node_count)++;
        for (int32_t i = 0; i < node->attr_count; i++) {
            if (node->attrs[i].kind == PUM_ATTR_GRAPH)
                PUM_TRY(add_graph(list, node->attrs[i].graph, node_count));
        }
    }
    return PUM_OK;
}

static int compare_data(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t)((const struct parameter *)a)->data;
    uintptr_t right = (uintptr_t)((const struct parameter *)b)->data;
    return (left > right) - (left < right);
}

void pum_graph_get_stats(const pum_graph *graph, pum_graph_stats *out_stats)
{
    *out_stats = (pum_graph_stats){0};
    if (graph == NULL)
        return;
    struct parameters list = {.context = graph->context};
    int32_t node_count = 0;
    if (add_graph(&list, graph, &node_count) == PUM_OK) {
        out_stats->node_count = node_count;
        if (list.count > 0)
            qsort(list.items, (size_t)list.count, sizeof(*list.items), compare_data);
        for (int32_t i = 0; i < list.count; i++) {
            if (i > 0 && list.items[i].data == list.items[i - 1].data)
                continue;
            out_stats->parameter_count += list.items[i].elements;
            out_stats->parameter_bytes += list.items[i].bytes;
        }
    }
    pum_free(graph->context, list.items);
}
