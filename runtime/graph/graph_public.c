/* SPDX-License-Identifier: MIT
 *
 * graph_public.c - the public functions that need no operator table: the handle, inputs, constants,
 * outputs, and looking at a graph. Nodes are made in ops/builder.c, which knows the operators.
 * Errors are sticky: the first one is kept in the graph, later calls do nothing and the end
 * (pum_graph_finish) reports it. Tests: tests/graph/test_builder.c.
 */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

pum_status pum_graph_create(pum_context *context, pum_graph **out_graph)
{
    if (out_graph == NULL)
        return pum_fail(PUM_E_ARGUMENT, "pum_graph_create: out_graph is NULL");
    *out_graph = NULL;
    if (context == NULL)
        return pum_fail(PUM_E_ARGUMENT, "pum_graph_create: the context is NULL");
    PUM_TRY(graph_create(context, out_graph));
    /* Tensor 0 stays unused, so that a zero in a parameter struct is no value. */
    const struct tensor_desc none = {.dtype = PUM_DTYPE_NONE};
    if (graph_add_tensor(*out_graph, "", &none) == GRAPH_NONE) {
        graph_release(out_graph);
        return PUM_E_MEMORY;
    }
    return PUM_OK;
}

void pum_graph_destroy(pum_graph **graph)
{
    graph_release(graph);
}

pum_status pum_graph_status(const pum_graph *graph)
{
    if (graph == NULL)
        return pum_fail(PUM_E_ARGUMENT, "pum_graph_status: the graph is NULL");
    return graph->status == PUM_OK ? PUM_OK : pum_fail(graph->status, "%s", graph->error);
}

pum_status pum_graph_fail(pum_graph *graph, pum_status status, const char *message)
{
    if (status == PUM_OK)
        return PUM_OK;
    (void)pum_fail(status, "%s", message != NULL ? message : "");
    return graph == NULL || graph->finished ? status : graph_stick(graph, status);
}

bool graph_building(struct pum_graph *graph)
{
    if (graph == NULL) {
        (void)pum_fail(PUM_E_ARGUMENT, "the graph is NULL");
        return false;
    }
    if (graph->finished) {
        (void)pum_fail(PUM_E_STATE, "the graph is finished: nothing can be added to it");
        return false;
    }
    return graph->status == PUM_OK;
}

static pum_status check_declared(const struct pum_graph *graph, int32_t index)
{
    const struct tensor_desc *declared = &graph->output_declared[index];
    const struct graph_tensor *tensor = &graph->tensors[graph->outputs[index]];

    if (declared->dtype == PUM_DTYPE_NONE || tensor->desc.dtype == PUM_DTYPE_NONE ||
        declared->dtype == tensor->desc.dtype)
        return PUM_OK;
    return pum_fail(PUM_E_TYPE, "output '%.200s' is declared as %s but computed as %s",
                    graph->output_names[index], pum_dtype_name(declared->dtype),
                    pum_dtype_name(tensor->desc.dtype));
}

pum_status pum_graph_finish(pum_graph *graph)
{
    if (graph == NULL || graph->status != PUM_OK)
        return pum_graph_status(graph);
    if (graph->finished)
        return PUM_OK;
    if (graph->output_count == 0)
        return graph_stick(graph, pum_fail(PUM_E_FORMAT, "the graph has no output: nothing would "
                                           "be computed"));
    for (int32_t i = 0; i < graph->output_count; i++) {
        pum_status status = check_declared(graph, i);
        if (status != PUM_OK)
            return graph_stick(graph, status);
    }
    pum_status status = graph_sort(graph);
    if (status != PUM_OK)
        return graph_stick(graph, status);
    graph->finished = true;
    return PUM_OK;
}

/* --- Inputs, constants, outputs --------------------------------------------------------------- */

int64_t pum_graph_symbol(pum_graph *graph, const char *name)
{
    bool fresh = name == NULL || name[0] == '\0';

    if (!graph_building(graph))
        return INT64_MIN;
    for (int32_t i = 0; i < graph->symbol_count && !fresh; i++) {
        if (strcmp(graph->symbols[i], name) == 0)
            return GRAPH_SYMBOL_DIM(i);
    }
    if (graph->symbol_count >= GRAPH_MAX_SYMBOLS) {
        graph_stick(graph, pum_fail(PUM_E_UNSUPPORTED, "more than %d symbolic dimensions",
                                    GRAPH_MAX_SYMBOLS));
        return INT64_MIN;
    }
    const char *copy = fresh ? base_arena_printf(&graph->arena, "?%d", graph->symbol_count)
                             : base_arena_strdup(&graph->arena, name);
    if (copy == NULL || pum_grow(graph->context, &graph->symbols, &graph->symbol_capacity,
                                 graph->symbol_count, sizeof(*graph->symbols)) != PUM_OK) {
        graph_stick(graph, PUM_E_MEMORY);
        return INT64_MIN;
    }
    graph->symbols[graph->symbol_count] = copy;
    return GRAPH_SYMBOL_DIM(graph->symbol_count++);
}

bool graph_dim_valid(const struct pum_graph *graph, int64_t dim)
{
    return dim >= -(int64_t)graph->symbol_count;
}

/* The desc of a declaration, its dims checked. */
static pum_status make_desc(const struct pum_graph *graph, const char *name, pum_dtype dtype,
                            int32_t rank, const int64_t *dims, struct tensor_desc *out_desc)
{
    if (pum_dtype_size(dtype) == 0)
        return pum_fail(PUM_E_ARGUMENT, "'%.200s' has an unknown type (%d)", name, (int)dtype);
    if (rank < 0 || rank > PUM_MAX_RANK || (dims == NULL && rank > 0))
        return pum_fail(PUM_E_ARGUMENT, "'%.200s' has rank %d; 0 to %d are possible", name, rank,
                        PUM_MAX_RANK);
    *out_desc = (struct tensor_desc){.dtype = dtype, .shape = shape_of(rank, dims)};
    for (int32_t i = 0; i < rank; i++) {
        if (!graph_dim_valid(graph, dims[i]))
            return pum_fail(PUM_E_ARGUMENT, "'%.200s': axis %d has size %lld", name, i,
                            (long long)dims[i]);
    }
    return PUM_OK;
}

/* Why graph_add_* gave GRAPH_NONE, when the arguments were checked before. */
static pum_status full_or_memory(const struct pum_graph *graph)
{
    return graph->tensor_count >= GRAPH_MAX_TENSORS ? PUM_E_UNSUPPORTED : PUM_E_MEMORY;
}

static pum_status add_input(struct pum_graph *graph, const char *name, pum_dtype dtype,
                            int32_t rank, const int64_t *dims, int32_t *out_id)
{
    struct tensor_desc desc;

    if (name == NULL || name[0] == '\0')
        return pum_fail(PUM_E_ARGUMENT, "an input has no name");
    if (graph->input_count >= GRAPH_MAX_PORTS)
        return pum_fail(PUM_E_UNSUPPORTED, "more than %d inputs", GRAPH_MAX_PORTS);
    for (int32_t i = 0; i < graph->input_count; i++) {
        if (strcmp(graph->tensors[graph->inputs[i]].name, name) == 0)
            return pum_fail(PUM_E_ARGUMENT, "two inputs are named '%.200s'", name);
    }
    PUM_TRY(make_desc(graph, name, dtype, rank, dims, &desc));
    PUM_TRY(pum_grow(graph->context, &graph->inputs, &graph->input_capacity, graph->input_count,
                     sizeof(*graph->inputs)));
    *out_id = graph_add_tensor(graph, name, &desc);
    if (*out_id == GRAPH_NONE)
        return full_or_memory(graph);
    graph->inputs[graph->input_count++] = *out_id;
    return PUM_OK;
}

pum_value pum_input(pum_graph *graph, const char *name, pum_dtype dtype, int32_t rank,
                    const int64_t *dims)
{
    int32_t id = GRAPH_NONE;

    if (!graph_building(graph) ||
        graph_stick(graph, add_input(graph, name, dtype, rank, dims, &id)) != PUM_OK)
        return PUM_NO_VALUE;
    return id;
}

static pum_status add_input_any(struct pum_graph *graph, const char *name, pum_value_kind kind,
                                pum_dtype dtype, int32_t *out_id)
{
    if (kind < PUM_VALUE_TENSOR || kind > PUM_VALUE_NONE || dtype < PUM_DTYPE_NONE ||
        dtype >= PUM_DTYPE_COUNT)
        return pum_fail(PUM_E_ARGUMENT, "input '%.200s' has an unknown kind or type",
                        name == NULL ? "" : name);
    /* A legal type for the checks of an input; then what is known of it. */
    PUM_TRY(add_input(graph, name, PUM_DTYPE_F32, 0, NULL, out_id));
    struct graph_tensor *tensor = &graph->tensors[*out_id];
    tensor->desc = (struct tensor_desc){.dtype = dtype, .shape.rank = -1};
    tensor->rank_hint = -1;
    tensor->kind = kind;
    return PUM_OK;
}

pum_value pum_input_any(pum_graph *graph, const char *name, pum_value_kind kind, pum_dtype dtype)
{
    int32_t id = GRAPH_NONE;

    if (!graph_building(graph) ||
        graph_stick(graph, add_input_any(graph, name, kind, dtype, &id)) != PUM_OK)
        return PUM_NO_VALUE;
    return id;
}

struct constant_source {
    const void *data;
    size_t size_bytes;
    bool size_follows; /* from the shape: size_bytes is not given */
    bool copy;
};

static pum_status add_constant(pum_graph *graph, const char *name, const struct tensor_desc *desc,
                               const struct constant_source *source, int32_t *out_id)
{
    char text[SHAPE_TEXT_BYTES];
    size_t expected;

    if (!tensor_bytes(desc, &expected))
        return pum_fail(PUM_E_ARGUMENT, "constant '%.200s' (%s, shape %s): the size is negative, "
                        "unknown or too large", name, pum_dtype_name(desc->dtype),
                        shape_text(&desc->shape, text));
    size_t given = source->size_follows ? expected : source->size_bytes;
    if (given != expected || (source->data == NULL && expected > 0))
        return pum_fail(PUM_E_ARGUMENT, "constant '%.200s' (%s, shape %s) needs %zu bytes and has "
                        "%zu", name, pum_dtype_name(desc->dtype), shape_text(&desc->shape, text),
                        expected, source->data == NULL ? (size_t)0 : given);
    *out_id = source->copy ? graph_add_constant_copy(graph, name, desc, source->data, expected)
                           : graph_add_constant(graph, name, desc, source->data, expected);
    return *out_id == GRAPH_NONE ? full_or_memory(graph) : PUM_OK;
}

static pum_value make_constant(pum_graph *graph, const char *name, pum_dtype dtype, int32_t rank,
                               const int64_t *dims, const struct constant_source *source)
{
    struct tensor_desc desc;
    char made_up[32];
    int32_t id = GRAPH_NONE;

    if (!graph_building(graph))
        return PUM_NO_VALUE;
    if (name == NULL || name[0] == '\0') {
        snprintf(made_up, sizeof(made_up), "constant_%d", graph->tensor_count);
        name = made_up;
    }
    if (graph_stick(graph, make_desc(graph, name, dtype, rank, dims, &desc)) != PUM_OK ||
        graph_stick(graph, add_constant(graph, name, &desc, source, &id)) != PUM_OK)
        return PUM_NO_VALUE;
    return id;
}

pum_value pum_constant(pum_graph *graph, const char *name, pum_dtype dtype, int32_t rank,
                       const int64_t *dims, const void *data, size_t size_bytes)
{
    struct constant_source source = {.data = data, .size_bytes = size_bytes};
    return make_constant(graph, name, dtype, rank, dims, &source);
}

pum_value pum_constant_copy(pum_graph *graph, const char *name, pum_dtype dtype, int32_t rank,
                            const int64_t *dims, const void *data, size_t size_bytes)
{
    struct constant_source source = {.data = data, .size_bytes = size_bytes, .copy = true};
    return make_constant(graph, name, dtype, rank, dims, &source);
}

pum_value pum_constant_f32(pum_graph *graph, const char *name, int32_t rank, const int64_t *dims,
                           const float *data)
{
    struct constant_source source = {.data = data, .size_follows = true};
    return make_constant(graph, name, PUM_DTYPE_F32, rank, dims, &source);
}

pum_value pum_scalar_f32(pum_graph *graph, float value)
{
    return pum_constant_copy(graph, NULL, PUM_DTYPE_F32, 0, NULL, &value, sizeof(value));
}

pum_value pum_scalar_i64(pum_graph *graph, int64_t value)
{
    return pum_constant_copy(graph, NULL, PUM_DTYPE_I64, 0, NULL, &value, sizeof(value));
}

pum_value pum_ints(pum_graph *graph, int32_t count, const int64_t *values)
{
    int64_t dim = count;
    return pum_constant_copy(graph, NULL, PUM_DTYPE_I64, 1, &dim, values,
                             count < 0 ? 0 : (size_t)count * sizeof(*values));
}

/* Three arrays grow as one. */
static pum_status grow_outputs(struct pum_graph *graph)
{
    int32_t capacity = graph->output_capacity;
    int32_t names_capacity = capacity;
    int32_t declared_capacity = capacity;

    PUM_TRY(pum_grow(graph->context, &graph->output_names, &names_capacity, graph->output_count,
                     sizeof(*graph->output_names)));
    PUM_TRY(pum_grow(graph->context, &graph->output_declared, &declared_capacity,
                     graph->output_count, sizeof(*graph->output_declared)));
    return pum_grow(graph->context, &graph->outputs, &graph->output_capacity, graph->output_count,
                    sizeof(*graph->outputs));
}

static pum_status add_output(struct pum_graph *graph, const char *name, pum_value value)
{
    if (name == NULL || name[0] == '\0')
        return pum_fail(PUM_E_ARGUMENT, "an output has no name");
    if (value <= 0 || value >= graph->tensor_count)
        return pum_fail(PUM_E_ARGUMENT, "output '%.200s' is no value of this graph", name);
    if (graph->output_count >= GRAPH_MAX_PORTS)
        return pum_fail(PUM_E_UNSUPPORTED, "more than %d outputs", GRAPH_MAX_PORTS);
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (strcmp(graph->output_names[i], name) == 0)
            return pum_fail(PUM_E_ARGUMENT, "two outputs are named '%.200s'", name);
    }
    const char *copy = base_arena_strdup(&graph->arena, name);
    if (copy == NULL)
        return PUM_E_MEMORY;
    PUM_TRY(grow_outputs(graph));
    graph->outputs[graph->output_count] = value;
    graph->output_names[graph->output_count] = copy;
    graph->output_declared[graph->output_count] = (struct tensor_desc){.shape.rank = -1};
    graph->output_count++;
    return PUM_OK;
}

void pum_output(pum_graph *graph, const char *name, pum_value value)
{
    if (graph_building(graph))
        graph_stick(graph, add_output(graph, name, value));
}

void pum_output_declare(pum_graph *graph, int32_t index, pum_dtype dtype, int32_t rank,
                        const int64_t *dims)
{
    struct tensor_desc desc;

    if (!graph_building(graph))
        return;
    if (index < 0 || index >= graph->output_count) {
        graph_stick(graph, pum_fail(PUM_E_ARGUMENT, "there is no output %d to declare", index));
        return;
    }
    const char *name = graph->output_names[index];
    if (rank == -1) /* only the type is declared */
        desc = (struct tensor_desc){.dtype = dtype, .shape.rank = -1};
    else if (graph_stick(graph, make_desc(graph, name, dtype, rank, dims, &desc)) != PUM_OK)
        return;
    graph->output_declared[index] = desc;
}

/* --- Looking ---------------------------------------------------------------------------------- */

int32_t pum_graph_input_count(const pum_graph *graph)
{
    return graph == NULL ? 0 : graph->input_count;
}

int32_t pum_graph_output_count(const pum_graph *graph)
{
    return graph == NULL ? 0 : graph->output_count;
}

static void describe(const struct graph_tensor *tensor, pum_port_info *out_info)
{
    *out_info = (pum_port_info){
        .name = tensor->name,
        .dtype = tensor->desc.dtype,
        .rank = tensor->rank_hint,
        .kind = tensor->kind,
    };
    for (int32_t i = 0; i < tensor->rank_hint; i++)
        out_info->dims[i] = tensor->desc.shape.rank >= 0 ? tensor->desc.shape.dims[i] : INT64_MIN;
}

pum_status pum_graph_get_value(const pum_graph *graph, pum_value value, pum_port_info *out_info)
{
    *out_info = (pum_port_info){0};
    if (graph == NULL || value <= 0 || value >= graph->tensor_count)
        return pum_fail(PUM_E_ARGUMENT, "value %d is not in the graph", value);
    describe(&graph->tensors[value], out_info);
    return PUM_OK;
}

pum_status pum_graph_get_input(const pum_graph *graph, int32_t index, pum_port_info *out_info)
{
    *out_info = (pum_port_info){0};
    if (index < 0 || index >= pum_graph_input_count(graph))
        return pum_fail(PUM_E_ARGUMENT, "input %d of %d", index, pum_graph_input_count(graph));
    describe(&graph->tensors[graph->inputs[index]], out_info);
    return PUM_OK;
}

/* What was inferred is certain; a declaration only fills what was not. */
pum_status pum_graph_get_output(const pum_graph *graph, int32_t index, pum_port_info *out_info)
{
    *out_info = (pum_port_info){0};
    if (index < 0 || index >= pum_graph_output_count(graph))
        return pum_fail(PUM_E_ARGUMENT, "output %d of %d", index, pum_graph_output_count(graph));
    const struct tensor_desc *declared = &graph->output_declared[index];
    const struct graph_tensor *tensor = &graph->tensors[graph->outputs[index]];
    describe(tensor, out_info);
    out_info->name = graph->output_names[index];
    if (out_info->dtype == PUM_DTYPE_NONE)
        out_info->dtype = declared->dtype;
    if (tensor->desc.shape.rank < 0 && declared->shape.rank >= 0) {
        out_info->rank = declared->shape.rank;
        memcpy(out_info->dims, declared->shape.dims, sizeof(out_info->dims));
    }
    return PUM_OK;
}

const char *pum_graph_symbol_name(const pum_graph *graph, int64_t dim)
{
    if (graph == NULL || dim >= 0 || !graph_dim_valid(graph, dim))
        return "?";
    return graph->symbols[GRAPH_DIM_SYMBOL(dim)];
}
