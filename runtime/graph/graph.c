/* SPDX-License-Identifier: MIT
 *
 * graph.c - making a graph: its life, tensors, nodes, symbols. All memory that lives as long as the
 * graph is in its arena; the growing arrays are apart. Nothing here knows an operator's meaning.
 * Invariant: an id in a node is a tensor of this graph or GRAPH_NONE, and a tensor has at most one
 * producer. Changing and ordering: graph_edit.c. Tests: tests/graph/test_graph.c.
 */
#include "graph/graph.h"

#include <string.h>

struct graph_keeper {
    struct graph_keeper *next;
    void (*release)(void *user);
    void *user;
};

pum_status graph_create(pum_context *context, struct pum_graph **out_graph)
{
    *out_graph = NULL;
    struct pum_graph *graph = pum_alloc(context, 1, sizeof(*graph));
    if (graph == NULL)
        return PUM_E_MEMORY;
    graph->context = context;
    graph->references = 1;
    base_arena_init(&graph->arena, context);
    *out_graph = graph;
    return PUM_OK;
}

void graph_reference(struct pum_graph *graph)
{
    __atomic_add_fetch(&graph->references, 1, __ATOMIC_RELAXED);
}

void graph_release(struct pum_graph **graph_pointer)
{
    struct pum_graph *graph = graph_pointer == NULL ? NULL : *graph_pointer;

    if (graph == NULL)
        return;
    *graph_pointer = NULL;
    if (__atomic_sub_fetch(&graph->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (struct graph_keeper *keeper = graph->keepers; keeper != NULL; keeper = keeper->next)
        keeper->release(keeper->user);
    base_arena_free(&graph->arena);
    pum_free(graph->context, graph->tensors);
    pum_free(graph->context, graph->nodes);
    pum_free(graph->context, graph->inputs);
    pum_free(graph->context, graph->outputs);
    pum_free(graph->context, graph->output_names);
    pum_free(graph->context, graph->output_declared);
    pum_free(graph->context, graph->symbols);
    pum_free(graph->context, graph);
}

pum_status pum_graph_adopt(pum_graph *graph, void (*release)(void *user), void *user)
{
    if (release == NULL)
        return pum_fail(PUM_E_ARGUMENT, "pum_graph_adopt: release is NULL");
    if (graph == NULL) {
        release(user);
        return pum_fail(PUM_E_ARGUMENT, "pum_graph_adopt: graph is NULL");
    }
    struct graph_keeper *keeper = base_arena_alloc(&graph->arena, 1, sizeof(*keeper));
    if (keeper == NULL) {
        release(user);
        return PUM_E_MEMORY;
    }
    *keeper = (struct graph_keeper){.next = graph->keepers, .release = release, .user = user};
    graph->keepers = keeper;
    return PUM_OK;
}

pum_status graph_stick(struct pum_graph *graph, pum_status status)
{
    if (status == PUM_OK || graph->status != PUM_OK)
        return status;
    graph->status = status;
    const char *message = pum_last_error();
    size_t length = strlen(message);
    if (length >= sizeof(graph->error))
        length = sizeof(graph->error) - 1;
    memcpy(graph->error, message, length);
    graph->error[length] = '\0';
    return status;
}

/* --- Tensors ---------------------------------------------------------------------------------- */

int32_t graph_add_tensor(struct pum_graph *graph, const char *name, const struct tensor_desc *desc)
{
    if (graph->tensor_count >= GRAPH_MAX_TENSORS) {
        (void)pum_fail(PUM_E_UNSUPPORTED, "the graph has more than %d tensors", GRAPH_MAX_TENSORS);
        return GRAPH_NONE;
    }
    if (desc->shape.rank < -1 || desc->shape.rank > PUM_MAX_RANK) {
        (void)pum_fail(PUM_E_UNSUPPORTED, "tensor '%.200s' has %d axes; at most %d are supported",
                       name, desc->shape.rank, PUM_MAX_RANK);
        return GRAPH_NONE;
    }
    const char *copy = base_arena_strdup(&graph->arena, name);
    if (copy == NULL ||
        pum_grow(graph->context, &graph->tensors, &graph->tensor_capacity, graph->tensor_count,
                 sizeof(*graph->tensors)) != PUM_OK)
        return GRAPH_NONE;
    graph->tensors[graph->tensor_count] = (struct graph_tensor){
        .name = copy,
        .desc = *desc,
        .rank_hint = desc->shape.rank,
        .producer = GRAPH_NONE,
        .base_id = -1,
        .origin = GRAPH_NONE,
    };
    return graph->tensor_count++;
}

int32_t graph_add_constant(struct pum_graph *graph, const char *name,
                           const struct tensor_desc *desc, const void *data, size_t data_bytes)
{
    char text[SHAPE_TEXT_BYTES];
    size_t expected;

    if (!tensor_bytes(desc, &expected)) {
        (void)pum_fail(PUM_E_ARGUMENT, "constant '%.200s' (%s, shape %s): the size is negative, "
                       "unknown or too large", name, pum_dtype_name(desc->dtype),
                       shape_text(&desc->shape, text));
        return GRAPH_NONE;
    }
    if (expected != data_bytes || (data == NULL && expected > 0)) {
        (void)pum_fail(PUM_E_ARGUMENT, "constant '%.200s' (%s, shape %s) needs %zu bytes and has "
                       "%zu", name, pum_dtype_name(desc->dtype), shape_text(&desc->shape, text),
                       expected, data == NULL ? (size_t)0 : data_bytes);
        return GRAPH_NONE;
    }
    int32_t id = graph_add_tensor(graph, name, desc);
    if (id == GRAPH_NONE)
        return GRAPH_NONE;
    /* "data NULL" means "not a constant", so an empty constant points somewhere, too. */
    graph->tensors[id].data = data != NULL ? data : "";
    graph->tensors[id].data_bytes = data_bytes;
    return id;
}

/* Weights get blocks of their own: an arena block's unused end would be large. */
#define OWN_BLOCK_BYTES 4096

struct own_block {
    pum_context *context;
    uint64_t data[]; /* as aligned as any element needs */
};

static void release_block(void *user)
{
    struct own_block *block = user;
    pum_free(block->context, block);
}

static void *alloc_constant(struct pum_graph *graph, size_t bytes)
{
    if (bytes < OWN_BLOCK_BYTES)
        return base_arena_alloc(&graph->arena, bytes, 1);
    struct own_block *block = pum_alloc(graph->context, sizeof(*block) + bytes, 1);
    if (block == NULL)
        return NULL;
    block->context = graph->context;
    return pum_graph_adopt(graph, release_block, block) == PUM_OK ? block->data : NULL;
}

int32_t graph_add_constant_copy(struct pum_graph *graph, const char *name,
                                const struct tensor_desc *desc, const void *data,
                                size_t data_bytes)
{
    int32_t id = graph_add_constant(graph, name, desc, data, data_bytes);
    if (id == GRAPH_NONE || data_bytes == 0)
        return id;
    void *copy = alloc_constant(graph, data_bytes);
    if (copy == NULL) {
        graph->tensor_count--; /* the one just added */
        return GRAPH_NONE;
    }
    memcpy(copy, data, data_bytes);
    graph->tensors[id].data = copy;
    return id;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

/* The caller has checked kind and values (pum_node does for what comes from outside). */
static void release_body(void *user)
{
    struct pum_graph *body = user;
    graph_release(&body);
}

static pum_status copy_strings(struct base_arena *arena, const pum_attr *from, pum_attr *to)
{
    const char **copy = base_arena_alloc(arena, (size_t)from->count, sizeof(*copy));
    if (copy == NULL)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < from->count; i++) {
        copy[i] = base_arena_strdup(arena, from->strings[i]);
        if (copy[i] == NULL)
            return PUM_E_MEMORY;
    }
    to->strings = copy;
    to->count = from->count;
    return PUM_OK;
}

static pum_status copy_attr(struct pum_graph *graph, const pum_attr *from, pum_attr *to)
{
    struct base_arena *arena = &graph->arena;
    bool ints = from->kind == PUM_ATTR_INTS, floats = from->kind == PUM_ATTR_FLOATS;

    *to = (pum_attr){.kind = from->kind, .name = base_arena_strdup(arena, from->name)};
    if (to->name == NULL)
        return PUM_E_MEMORY;
    if (from->kind == PUM_ATTR_INT)
        to->i = from->i;
    if (from->kind == PUM_ATTR_FLOAT)
        to->f = from->f;
    if (from->kind == PUM_ATTR_STRING && (to->s = base_arena_strdup(arena, from->s)) == NULL)
        return PUM_E_MEMORY;
    if (from->kind == PUM_ATTR_STRINGS)
        return copy_strings(arena, from, to);
    if (from->kind == PUM_ATTR_GRAPH) {
        to->graph = from->graph;
        graph_reference(to->graph);
        return pum_graph_adopt(graph, release_body, to->graph);
    }
    if (!ints && !floats)
        return PUM_OK;
    size_t element = ints ? sizeof(*from->ints) : sizeof(*from->floats);
    const void *values = ints ? (const void *)from->ints : from->floats;
    void *copy = base_arena_alloc(arena, (size_t)from->count, element);
    if (copy == NULL)
        return PUM_E_MEMORY;
    if (from->count > 0)
        memcpy(copy, values, (size_t)from->count * element);
    to->ints = ints ? copy : NULL;
    to->floats = floats ? copy : NULL;
    to->count = from->count;
    return PUM_OK;
}

/* The ids, checked and copied. */
static pum_status copy_ids(struct pum_graph *graph, const int32_t *ids, int32_t count,
                           const int32_t **out_copy)
{
    *out_copy = NULL;
    if (count < 0 || count > GRAPH_MAX_NODE_INPUTS || (ids == NULL && count > 0))
        return pum_fail(PUM_E_ARGUMENT, "a node has %d inputs or outputs; at most %d are supported",
                        count, GRAPH_MAX_NODE_INPUTS);
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] != GRAPH_NONE && (ids[i] < 0 || ids[i] >= graph->tensor_count))
            return pum_fail(PUM_E_ARGUMENT, "input or output %d is no tensor of this graph", i);
    }
    int32_t *copy = base_arena_alloc(&graph->arena, (size_t)count, sizeof(*copy));
    if (copy == NULL)
        return PUM_E_MEMORY;
    if (count > 0)
        memcpy(copy, ids, (size_t)count * sizeof(*ids));
    *out_copy = copy;
    return PUM_OK;
}

/* Makes `node` the producer of its outputs, or of none of them. */
static pum_status claim_outputs(struct pum_graph *graph, int32_t node, const int32_t *outputs,
                                int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (outputs[i] == GRAPH_NONE)
            continue;
        struct graph_tensor *tensor = &graph->tensors[outputs[i]];
        if (tensor->producer == GRAPH_NONE && tensor->data == NULL) {
            tensor->producer = node;
            continue;
        }
        for (int32_t j = 0; j < i; j++) {
            if (outputs[j] != GRAPH_NONE)
                graph->tensors[outputs[j]].producer = GRAPH_NONE;
        }
        return pum_fail(PUM_E_ARGUMENT, "tensor '%.200s' is already computed or constant",
                        tensor->name);
    }
    return PUM_OK;
}

static pum_status fill_node(struct pum_graph *graph, struct graph_node *node, const char *name,
                            const int32_t *inputs, const int32_t *outputs, const pum_attr *attrs)
{
    node->name = base_arena_strdup(&graph->arena, name);
    if (node->name == NULL)
        return PUM_E_MEMORY;
    PUM_TRY(copy_ids(graph, inputs, node->input_count, &node->inputs));
    PUM_TRY(copy_ids(graph, outputs, node->output_count, &node->outputs));
    if (node->attr_count < 0 || node->attr_count > GRAPH_MAX_ATTRS ||
        (attrs == NULL && node->attr_count > 0))
        return pum_fail(PUM_E_ARGUMENT, "%d attributes; at most %d are supported",
                        node->attr_count, GRAPH_MAX_ATTRS);
    pum_attr *copy = base_arena_alloc(&graph->arena, (size_t)node->attr_count, sizeof(*copy));
    if (copy == NULL)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < node->attr_count; i++)
        PUM_TRY(copy_attr(graph, &attrs[i], &copy[i]));
    node->attrs = copy;
    return PUM_OK;
}

int32_t graph_add_node(struct pum_graph *graph, int32_t op, const char *name,
                       const int32_t *inputs, int32_t input_count, const int32_t *outputs,
                       int32_t output_count, const pum_attr *attrs, int32_t attr_count)
{
    struct graph_node node = {
        .op = op,
        .input_count = input_count,
        .output_count = output_count,
        .attr_count = attr_count,
        .fused = "",
    };

    if (graph->node_count >= GRAPH_MAX_NODES) {
        (void)pum_fail(PUM_E_UNSUPPORTED, "the graph has more than %d nodes", GRAPH_MAX_NODES);
        return GRAPH_NONE;
    }
    if (fill_node(graph, &node, name, inputs, outputs, attrs) != PUM_OK ||
        pum_grow(graph->context, &graph->nodes, &graph->node_capacity, graph->node_count,
                 sizeof(*graph->nodes)) != PUM_OK ||
        claim_outputs(graph, graph->node_count, outputs, output_count) != PUM_OK)
        return GRAPH_NONE;
    graph->nodes[graph->node_count] = node;
    return graph->node_count++;
}

pum_status graph_set_inputs(struct pum_graph *graph, int32_t node, const int32_t *inputs,
                            int32_t input_count)
{
    const int32_t *copy;

    PUM_TRY(copy_ids(graph, inputs, input_count, &copy));
    graph->nodes[node].inputs = copy;
    graph->nodes[node].input_count = input_count;
    return PUM_OK;
}

pum_status graph_set_attr(struct pum_graph *graph, int32_t node_index, const pum_attr *attr)
{
    struct graph_node *node = &graph->nodes[node_index];
    pum_attr value;

    PUM_TRY(copy_attr(graph, attr, &value));
    /* A new array each time: clones share the old one. */
    pum_attr *copy = base_arena_alloc(&graph->arena, (size_t)node->attr_count + 1, sizeof(*copy));
    if (copy == NULL)
        return PUM_E_MEMORY;
    int32_t place = node->attr_count;
    for (int32_t i = 0; i < node->attr_count; i++) {
        copy[i] = node->attrs[i];
        if (strcmp(node->attrs[i].name, value.name) == 0)
            place = i;
    }
    copy[place] = value;
    node->attrs = copy;
    if (place == node->attr_count)
        node->attr_count++;
    return PUM_OK;
}
