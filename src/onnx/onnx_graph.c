/* SPDX-License-Identifier: MIT
 *
 * onnx_graph.c - the model as a whole: versions, every tensor name and where it comes from, the
 * order of the nodes (files are usually sorted, but nothing relies on it), inputs and outputs.
 * Names stand in a sorted array, so no file can make looking one up slow. No recursion.
 * Tests: tests/onnx/test_onnx_file.c, test_onnx_hostile.c.
 */
#include "onnx_reader.h"

#include <stdlib.h>
#include <string.h>

/* --- Versions --------------------------------------------------------------------------------- */

static pum_status check_versions(struct onnx_reader *reader)
{
    const Onnx__ModelProto *model = reader->model;
    int64_t opset = 0;

    for (size_t i = 0; i < model->n_opset_import; i++) {
        if (onnx_is_default_domain(model->opset_import[i]->domain))
            opset = model->opset_import[i]->version;
    }
    reader->opset = opset;
    if (opset == 0) {
        /* Allowed if all operators are of other domains; then it is they that are not supported. */
        ONNX_TRY(onnx_check_ops(reader));
        return onnx_fail(reader, PUM_E_FORMAT, "the file does not say which opset it uses");
    }
    if (opset < ONNX_MIN_OPSET || opset > ONNX_MAX_OPSET)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "the file uses opset %lld; %d to %d are "
                         "supported (convert it, or export it again)", (long long)opset,
                         ONNX_MIN_OPSET, ONNX_MAX_OPSET);
    if (reader->has_sparse)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "the file has sparse initializers, which are "
                         "not supported");
    if (model->graph->n_node > INT32_MAX)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "too many nodes");
    return PUM_OK;
}

/* --- Names ------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct onnx_name *)a)->name, ((const struct onnx_name *)b)->name);
}

struct onnx_name *onnx_find_name(const struct onnx_reader *reader, const char *name)
{
    struct onnx_name key = {.name = name};
    return reader->name_count == 0 ? NULL
                                   : bsearch(&key, reader->names, reader->name_count, sizeof(key),
                                             compare_names);
}

static bool absent(const char *name)
{
    return name == NULL || name[0] == '\0';
}

static pum_status collect(struct onnx_reader *reader, const struct onnx_name *entry,
                          const char *what)
{
    if (absent(entry->name))
        return onnx_fail(reader, PUM_E_FORMAT, "%s without a name", what);
    if (strlen(entry->name) > ONNX_MAX_NAME_BYTES)
        return onnx_fail(reader, PUM_E_FORMAT, "a name of more than %d bytes: '%.100s...'",
                         ONNX_MAX_NAME_BYTES, entry->name);
    reader->names[reader->name_count] = *entry;
    reader->names[reader->name_count++].value = PUM_NO_VALUE;
    return PUM_OK;
}

static pum_status collect_all(struct onnx_reader *reader)
{
    const Onnx__GraphProto *graph = reader->model->graph;
    size_t total = graph->n_initializer + graph->n_input;

    for (size_t i = 0; i < graph->n_node; i++)
        total += graph->node[i]->n_output;
    reader->names = onnx_alloc(&reader->memory, total, sizeof(*reader->names));
    if (reader->names == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory for %zu tensor names", total);
    for (size_t i = 0; i < graph->n_initializer; i++) {
        struct onnx_name entry = {
            .name = graph->initializer[i]->name,
            .node = -1,
            .initializer = graph->initializer[i],
        };
        ONNX_TRY(collect(reader, &entry, "an initializer"));
    }
    for (size_t i = 0; i < graph->n_input; i++) {
        struct onnx_name entry = {
            .name = graph->input[i]->name,
            .node = -1,
            .input = graph->input[i],
        };
        ONNX_TRY(collect(reader, &entry, "a graph input"));
    }
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        for (size_t j = 0; j < node->n_output; j++) {
            struct onnx_name entry = {.name = node->output[j], .node = (int32_t)i};
            if (!absent(entry.name))
                ONNX_TRY(collect(reader, &entry, "a node output"));
        }
    }
    return PUM_OK;
}

/* Sorts, and joins an input with the initializer of its name (which makes it a constant). Any other
 * name that comes twice is an error. */
static pum_status sort_names(struct onnx_reader *reader)
{
    size_t kept = 0;

    if (reader->name_count > 0)
        qsort(reader->names, reader->name_count, sizeof(*reader->names), compare_names);
    for (size_t i = 0; i < reader->name_count; i++) {
        struct onnx_name *entry = &reader->names[i];
        struct onnx_name *last = kept > 0 ? &reader->names[kept - 1] : NULL;
        if (last == NULL || strcmp(last->name, entry->name) != 0) {
            reader->names[kept++] = *entry;
            continue;
        }
        bool joins = (last->initializer != NULL && last->input == NULL && entry->input != NULL) ||
                     (last->input != NULL && last->initializer == NULL &&
                      entry->initializer != NULL);
        if (!joins)
            return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' is defined more than once",
                             entry->name);
        if (entry->input != NULL)
            last->input = entry->input;
        else
            last->initializer = entry->initializer;
    }
    reader->name_count = kept;
    return PUM_OK;
}

/* --- Inputs and outputs ----------------------------------------------------------------------- */

/* Type and shape of a declared input or output; *out_rank is -1 where no shape is given. */
static pum_status read_type(struct onnx_reader *reader, const Onnx__ValueInfoProto *info,
                            const char *what, pum_dtype *out_dtype, int32_t *out_rank,
                            int64_t *dims)
{
    const Onnx__TypeProto *type = info->type;

    *out_rank = -1;
    *out_dtype = PUM_DTYPE_NONE;
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "%s '%.200s' is not declared as a tensor", what,
                         info->name);
    *out_dtype = onnx_dtype(type->tensor_type->elem_type);
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (shape == NULL)
        return PUM_OK;
    if (shape->n_dim > PUM_MAX_RANK)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "%s '%.200s' has %zu axes; at most %d are "
                         "supported", what, info->name, shape->n_dim, PUM_MAX_RANK);
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        const char *symbol = NULL;
        dims[i] = -1;
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
            dims[i] = dim->dim_value;
        else if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
            symbol = dim->dim_param;
        /* -1 is how some exporters write "any size". */
        if (dims[i] < -1 || dims[i] > INT32_MAX)
            return onnx_fail(reader, PUM_E_FORMAT, "%s '%.200s': axis %zu has size %lld", what,
                             info->name, i, (long long)dims[i]);
        if (dims[i] < 0)
            dims[i] = pum_graph_symbol(reader->graph, symbol);
    }
    *out_rank = (int32_t)shape->n_dim;
    return pum_graph_status(reader->graph);
}

static pum_status add_input(struct onnx_reader *reader, const Onnx__ValueInfoProto *info)
{
    struct onnx_name *entry = onnx_find_name(reader, info->name);
    int64_t dims[PUM_MAX_RANK];
    pum_dtype dtype;
    int32_t rank;

    if (entry == NULL || entry->initializer != NULL)
        return PUM_OK; /* a constant */
    ONNX_TRY(read_type(reader, info, "input", &dtype, &rank, dims));
    if (dtype == PUM_DTYPE_NONE)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "input '%.200s' has the element type %d of "
                         "ONNX, which is not supported", info->name,
                         info->type->tensor_type->elem_type);
    if (rank < 0)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "input '%.200s' declares no shape; at least "
                         "its number of axes must be known", info->name);
    entry->value = pum_input(reader->graph, info->name, dtype, rank, dims);
    return pum_graph_status(reader->graph);
}

static pum_status add_sources(struct onnx_reader *reader)
{
    const Onnx__GraphProto *graph = reader->model->graph;

    for (size_t i = 0; i < graph->n_input; i++)
        ONNX_TRY(add_input(reader, graph->input[i]));
    for (size_t i = 0; i < graph->n_initializer; i++) {
        struct onnx_name *entry = onnx_find_name(reader, graph->initializer[i]->name);
        ONNX_TRY(onnx_constant(reader, entry->initializer, entry->name, &entry->value));
    }
    return PUM_OK;
}

static pum_status add_outputs(struct onnx_reader *reader)
{
    const Onnx__GraphProto *graph = reader->model->graph;
    int64_t dims[PUM_MAX_RANK];
    pum_dtype dtype;
    int32_t rank;

    if (graph->n_output == 0)
        return onnx_fail(reader, PUM_E_FORMAT, "the graph declares no output");
    for (size_t i = 0; i < graph->n_output; i++) {
        const Onnx__ValueInfoProto *info = graph->output[i];
        const struct onnx_name *entry =
            absent(info->name) ? NULL : onnx_find_name(reader, info->name);
        if (entry == NULL || entry->value == PUM_NO_VALUE)
            return onnx_fail(reader, PUM_E_FORMAT, "output '%.200s' is computed by no node",
                             absent(info->name) ? "" : info->name);
        pum_output(reader->graph, info->name, entry->value);
        ONNX_TRY(pum_graph_status(reader->graph));
        if (info->type == NULL)
            continue;
        ONNX_TRY(read_type(reader, info, "output", &dtype, &rank, dims));
        if (dtype != PUM_DTYPE_NONE)
            pum_output_declare(reader->graph, (int32_t)i, dtype, rank, dims);
    }
    return pum_graph_status(reader->graph);
}

/* --- Nodes, inputs first ---------------------------------------------------------------------- */

struct sorter {
    uint8_t *state;  /* NEW, OPEN, DONE */
    int32_t *stack;
    uint32_t *next;  /* input to look at next, beside each stack entry */
};
enum { NODE_NEW, NODE_OPEN, NODE_DONE };

/* The next node that must come before the one on top of the stack, or -1. */
static pum_status next_needed(struct onnx_reader *reader, struct sorter *s, size_t top,
                              int32_t *out_node)
{
    const Onnx__NodeProto *node = reader->model->graph->node[s->stack[top]];

    *out_node = -1;
    while (s->next[top] < node->n_input && *out_node < 0) {
        const char *name = node->input[s->next[top]++];
        if (absent(name))
            continue;
        const struct onnx_name *entry = onnx_find_name(reader, name);
        if (entry == NULL)
            return onnx_fail(reader, PUM_E_FORMAT, "node '%.200s' (%.100s): input '%.200s' is "
                             "defined by no graph input, initializer or node",
                             absent(node->name) ? "unnamed" : node->name, node->op_type, name);
        if (entry->node >= 0 && s->state[entry->node] != NODE_DONE)
            *out_node = entry->node;
    }
    return PUM_OK;
}

static pum_status add_with_needs(struct onnx_reader *reader, struct sorter *s, int32_t root)
{
    size_t depth = 1;

    s->stack[0] = root;
    s->next[0] = 0;
    s->state[root] = NODE_OPEN;
    while (depth > 0) {
        int32_t needed;
        ONNX_TRY(next_needed(reader, s, depth - 1, &needed));
        if (needed < 0) {
            int32_t node = s->stack[--depth];
            s->state[node] = NODE_DONE;
            ONNX_TRY(onnx_add_node(reader, node));
            continue;
        }
        if (s->state[needed] == NODE_OPEN) {
            const Onnx__NodeProto *node = reader->model->graph->node[needed];
            return onnx_fail(reader, PUM_E_FORMAT, "the graph has a cycle through node '%.200s' "
                             "(%.100s, output '%.200s')",
                             absent(node->name) ? "unnamed" : node->name, node->op_type,
                             node->n_output > 0 ? node->output[0] : "");
        }
        s->state[needed] = NODE_OPEN;
        s->stack[depth] = needed;
        s->next[depth++] = 0;
    }
    return PUM_OK;
}

static pum_status add_nodes(struct onnx_reader *reader)
{
    size_t count = reader->model->graph->n_node;
    struct sorter s = {
        .state = onnx_alloc(&reader->memory, count, sizeof(*s.state)),
        .stack = onnx_alloc(&reader->memory, count, sizeof(*s.stack)),
        .next = onnx_alloc(&reader->memory, count, sizeof(*s.next)),
    };
    pum_status status = PUM_OK;

    if (s.state == NULL || s.stack == NULL || s.next == NULL)
        status = onnx_fail(reader, PUM_E_MEMORY, "out of memory for %zu nodes", count);
    for (size_t i = 0; i < count && status == PUM_OK; i++) {
        if (s.state[i] == NODE_NEW)
            status = add_with_needs(reader, &s, (int32_t)i);
    }
    onnx_free(&reader->memory, s.state);
    onnx_free(&reader->memory, s.stack);
    onnx_free(&reader->memory, s.next);
    return status;
}

static pum_status build_named(struct onnx_reader *reader)
{
    ONNX_TRY(collect_all(reader));
    ONNX_TRY(sort_names(reader));
    ONNX_TRY(add_sources(reader));
    ONNX_TRY(add_nodes(reader));
    ONNX_TRY(add_outputs(reader));
    return pum_graph_finish(reader->graph);
}

pum_status onnx_build(struct onnx_reader *reader)
{
    ONNX_TRY(check_versions(reader));
    ONNX_TRY(onnx_check_ops(reader));
    pum_status status = build_named(reader);
    onnx_free(&reader->memory, reader->names);
    reader->names = NULL;
    reader->name_count = 0;
    return status;
}
