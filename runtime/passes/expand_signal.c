/* SPDX-License-Identifier: MIT
 *
 * expand_signal.c - Fourier transforms over floats as products with tables of sines, which devices
 * are good at: DFT as one MatMul over the axis and its parts, STFT as one Conv along the signal
 * with the window in the table. Tables are bounded: a longer transform stays, and is the host's,
 * whose cost grows less. Tests: tests/ops/test_signal.c.
 */
#include "ops/signal.h"
#include "passes/match.h"
#include "passes/passes.h"

#include <math.h>
#include <string.h>

#define TABLE_MAX ((int64_t)1 << 22) /* elements */

struct transform {
    struct match *match;
    const struct graph_node *node;
    enum pum_dtype dtype;
    int32_t tensor; /* the running value */
    struct shape shape;
};

static pum_status emit(struct transform *t, int32_t op, int32_t second, const pum_attr *attr,
                       const struct shape *shape)
{
    const int32_t inputs[2] = {t->tensor, second};
    struct tensor_desc desc = {t->dtype, *shape};
    t->shape = *shape;
    t->tensor = match_insert(t->match, op, "fourier", inputs, second >= 0 ? 2 : 1, attr,
                             attr ? 1 : 0, &desc);
    return t->tensor >= 0 ? PUM_OK : PUM_E_MEMORY;
}

static pum_status reshape(struct transform *t, const struct shape *shape)
{
    struct tensor_desc desc = {PUM_DTYPE_I64, {.rank = 1, .dims = {shape->rank}}};
    int32_t dims = graph_add_constant_copy(t->match->graph, "fourier", &desc, shape->dims,
                                           (size_t)shape->rank * sizeof shape->dims[0]);
    if (dims < 0)
        return PUM_E_MEMORY;
    return emit(t, OP_RESHAPE, dims, NULL, shape);
}

static pum_status transpose(struct transform *t, const int64_t *perm)
{
    struct shape shape = {.rank = t->shape.rank};
    pum_attr attr = {.name = "perm", .kind = PUM_ATTR_INTS, .ints = perm, .count = shape.rank};
    for (int32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = t->shape.dims[perm[i]];
    return emit(t, OP_TRANSPOSE, -1, &attr, &shape);
}

/* The node as a call of its shape rule. */
#define SIGNAL_INPUTS 4
struct signal_call {
    struct op_call call;
    struct host_tensor inputs[SIGNAL_INPUTS], output;
};

static void make_call(const struct transform *t, struct signal_call *out_call)
{
    *out_call = (struct signal_call){.call = {.context = t->match->graph->context,
                                              .node = t->node,
                                              .input_count = t->node->input_count < SIGNAL_INPUTS
                                                                 ? t->node->input_count
                                                                 : SIGNAL_INPUTS,
                                              .output_count = 1}};
    out_call->call.inputs = out_call->inputs;
    out_call->call.outputs = &out_call->output;
    for (int32_t i = 0; i < out_call->call.input_count; i++) {
        const struct graph_tensor *tensor = graph_input_of(t->match->graph, t->node, i);
        if (tensor)
            out_call->inputs[i] =
                (struct host_tensor){tensor->desc, (void *)(uintptr_t)tensor->data};
    }
}

/* A table in the graph's memory; *out_table is to be filled before the plan is made. */
static pum_status add_table(struct transform *t, const struct shape *shape, int32_t *out_tensor,
                            struct host_tensor *out_table)
{
    struct pum_graph *graph = t->match->graph;
    size_t bytes;
    out_table->desc = (struct tensor_desc){t->dtype, *shape};
    (void)tensor_bytes(&out_table->desc, &bytes);
    out_table->data = base_arena_alloc(&graph->arena, bytes + 1, 1);
    if (!out_table->data)
        return PUM_E_MEMORY;
    *out_tensor = graph_add_constant(graph, "fourier", &out_table->desc, out_table->data, bytes);
    return *out_tensor >= 0 ? PUM_OK : PUM_E_MEMORY;
}

/* cos and sin of a whole number of steps around the circle. */
static void turn(int64_t steps, int64_t length, double *out_cos, double *out_sin)
{
    double angle = 6.283185307179586476925 * (double)(steps % length) / (double)length;
    *out_cos = cos(angle);
    *out_sin = sin(angle);
}

/* --- DFT -------------------------------------------------------------------------------------- */

/* What part `from` (0: real, 1: imaginary) of entry n adds to part `to` of result k. */
static double dft_weight(const struct dft *dft, int64_t n, int64_t from, int64_t k, int64_t to)
{
    double c, s, scale = dft->inverse ? 1 / (double)dft->length : 1;
    turn(n * k, dft->length, &c, &s);
    if (!dft->inverse)
        s = -s;
    /* Half a spectrum stands for its mirror image too. */
    if (dft->to_real && n > 0 && 2 * n != dft->length)
        scale *= 2;
    /* (re + i im)(c + i s) */
    if (from == to)
        return scale * c;
    return from == 1 ? -scale * s : scale * s;
}

static pum_status expand_dft(struct transform *t, const struct dft *dft, bool *out_done)
{
    int32_t rank = t->shape.rank, table_tensor;
    int64_t entries = t->shape.dims[dft->axis], parts = t->shape.dims[rank - 1];
    int64_t used = dft->to_real ? dft->length / 2 + 1 : dft->length;
    int64_t out_parts = dft->to_real ? 1 : 2;
    int64_t perm[PUM_MAX_RANK], back[PUM_MAX_RANK];
    struct host_tensor table;
    if (entries * parts > TABLE_MAX || dft->out * out_parts > TABLE_MAX ||
        entries * parts * dft->out * out_parts > TABLE_MAX)
        return PUM_OK;
    *out_done = true;
    for (int32_t i = 0; i < rank; i++) /* the axis goes before the parts */
        perm[i] = i < dft->axis ? i : i < rank - 2 ? i + 1 : i == rank - 2 ? dft->axis : rank - 1;
    for (int32_t i = 0; i < rank; i++)
        back[perm[i]] = i;
    struct shape rows = {.rank = 2, .dims = {entries * parts, dft->out * out_parts}};
    PUM_TRY(add_table(t, &rows, &table_tensor, &table));
    for (int64_t n = 0; n < entries; n++)
        for (int64_t i = 0; i < parts * dft->out * out_parts; i++) {
            int64_t from = i / (dft->out * out_parts), k = i / out_parts % dft->out;
            double weight = n < used ? dft_weight(dft, n, from, k, i % out_parts) : 0;
            tensor_set_f64(&table, n * parts * dft->out * out_parts + i, weight);
        }
    PUM_TRY(transpose(t, perm));
    struct shape flat = {.rank = rank - 1};
    memcpy(flat.dims, t->shape.dims, (size_t)(rank - 2) * sizeof flat.dims[0]);
    flat.dims[rank - 2] = entries * parts;
    PUM_TRY(reshape(t, &flat));
    flat.dims[rank - 2] = dft->out * out_parts;
    PUM_TRY(emit(t, OP_MATMUL, table_tensor, NULL, &flat));
    flat.rank = rank;
    flat.dims[rank - 2] = dft->out;
    flat.dims[rank - 1] = out_parts;
    PUM_TRY(reshape(t, &flat));
    return transpose(t, back);
}

/* --- STFT ------------------------------------------------------------------------------------- */

static pum_status expand_stft(struct transform *t, const struct stft *stft,
                              const struct host_tensor *window, bool *out_done)
{
    int64_t parts = t->shape.dims[2], rows = stft->bins * 2;
    struct shape kernel = {.rank = 3, .dims = {rows, parts, stft->length}};
    struct host_tensor table;
    int32_t table_tensor;
    if (rows > TABLE_MAX || parts * stft->length > TABLE_MAX ||
        rows * parts * stft->length > TABLE_MAX ||
        (window->desc.dtype != PUM_DTYPE_NONE && !window->data))
        return PUM_OK;
    *out_done = true;
    PUM_TRY(add_table(t, &kernel, &table_tensor, &table));
    for (int64_t i = 0; i < rows * parts * stft->length; i++) {
        int64_t n = i % stft->length, from = i / stft->length % parts;
        int64_t k = i / stft->length / parts / 2, to = i / stft->length / parts % 2;
        const struct dft dft = {.length = stft->length};
        double factor = window->data ? tensor_get_f64(window, n) : 1;
        tensor_set_f64(&table, i, factor * dft_weight(&dft, n, from, k, to));
    }
    struct shape signal = {.rank = 3, .dims = {t->shape.dims[0], parts, t->shape.dims[1]}};
    if (parts == 1)
        PUM_TRY(reshape(t, &signal));
    else
        PUM_TRY(transpose(t, (const int64_t[]){0, 2, 1}));
    pum_attr strides = {.name = "strides", .kind = PUM_ATTR_INTS, .ints = &stft->step, .count = 1};
    struct shape shape = {.rank = 3, .dims = {signal.dims[0], rows, stft->frames}};
    PUM_TRY(emit(t, OP_CONV, table_tensor, &strides, &shape));
    PUM_TRY(transpose(t, (const int64_t[]){0, 2, 1}));
    struct shape result = {.rank = 4, .dims = {signal.dims[0], stft->frames, stft->bins, 2}};
    return reshape(t, &result);
}

/* --- The pass --------------------------------------------------------------------------------- */

static pum_status expand(struct match *match, int32_t index)
{
    struct transform t = {.match = match, .node = &match->graph->nodes[index]};
    const struct tensor_desc *desc = match_desc(match, t.node->inputs[0]);
    struct signal_call call;
    bool done = false;
    t.tensor = t.node->inputs[0];
    t.dtype = desc->dtype;
    t.shape = desc->shape;
    if (t.dtype == PUM_DTYPE_F64 || shape_elements(&t.shape) == 0)
        return PUM_OK;
    make_call(&t, &call);
    if (t.node->op == OP_DFT) {
        struct dft dft;
        if (signal_read_dft(&call.call, &dft) != PUM_OK)
            return PUM_OK;
        PUM_TRY(expand_dft(&t, &dft, &done));
    } else {
        struct stft stft;
        if (signal_read_stft(&call.call, &stft) != PUM_OK)
            return PUM_OK;
        PUM_TRY(expand_stft(&t, &stft, &call.inputs[2], &done));
    }
    if (!done)
        return PUM_OK;
    match_replace(match, match->graph->nodes[index].outputs[0], t.tensor);
    match_remove(match, index);
    return PUM_OK;
}

pum_status pass_expand_signal(struct pum_graph *graph)
{
    struct match match;
    int32_t found = 0, count = graph->node_count;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        if (graph->nodes[i].op != OP_DFT && graph->nodes[i].op != OP_STFT)
            continue;
        status = expand(&match, i);
        found++;
    }
    match_end(&match);
    return status == PUM_OK && found > 0 ? graph_sort(graph) : status;
}
