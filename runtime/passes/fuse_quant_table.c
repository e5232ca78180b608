/* SPDX-License-Identifier: MIT
 *
 * fuse_quant_table.c - whatever stands between a DequantizeLinear of 8 bits and a QuantizeLinear,
 * if it looks at each element alone, is a function of 256 values: it is computed once, by the
 * operators' own references, and becomes a table. Tests: tests/passes/test_fuse_quant.c.
 */
#include "passes/fuse_quant.h"

#include <string.h>

#define MOST_NODES 32 /* of one function */
#define ENTRIES 256

struct table {
    struct match *match;
    int32_t x; /* the 8-bit tensor; GRAPH_NONE until it is found */
    enum pum_dtype dtype;
    int32_t nodes; /* looked at so far */
    struct base_arena arena;
};

/* One element of the output follows from one of each input; families stand together in the table.
 */
static bool is_elementwise(int32_t op)
{
    return (op >= OP_ABS && op <= OP_CLIP) || (op >= OP_ADD && op <= OP_MEAN);
}

/* Whether `tensor` is a function of the table's x (which it sets) and scalars. */
static bool is_function(struct table *table, int32_t tensor)
{
    const struct match *match = table->match;
    struct quantized q;
    double value;
    if (match_scalar(match, tensor, &value))
        return true;
    if (quant_of_input(match, tensor, &q)) {
        if (!quant_is_byte(q.dtype) || q.entries != 1 || (table->x >= 0 && table->x != q.value))
            return false;
        table->x = q.value;
        table->dtype = q.dtype;
        return true;
    }
    const struct graph_node *node = match_producer(match, tensor, -1);
    if (!node || !is_elementwise(node->op) || node->output_count != 1 ||
        ++table->nodes > MOST_NODES)
        return false;
    for (int32_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] >= 0 && !is_function(table, node->inputs[i]))
            return false;
    return true;
}

static pum_status evaluate(struct table *table, int32_t tensor, struct host_tensor *out_value);

/* The node's reference on all 256 values. */
static pum_status evaluate_node(struct table *table, const struct graph_node *node,
                                struct host_tensor *out_value)
{
    size_t bytes;
    struct host_tensor *inputs =
        base_arena_alloc(&table->arena, (size_t)node->input_count + 1, sizeof *inputs);
    if (!inputs)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] >= 0)
            PUM_TRY(evaluate(table, node->inputs[i], &inputs[i]));
    *out_value = (struct host_tensor){0};
    struct op_call call = {.context = table->match->graph->context,
                           .node = node,
                           .input_count = node->input_count,
                           .inputs = inputs,
                           .output_count = 1,
                           .outputs = out_value,
                           .strings = &table->arena};
    PUM_TRY(op_infer(&call));
    if (!tensor_bytes(&out_value->desc, &bytes))
        return pum_fail(PUM_E_RANGE, "a table is too large");
    out_value->data = base_arena_alloc(&table->arena, bytes + 1, 1);
    return out_value->data ? op_reference(&call) : PUM_E_MEMORY;
}

static pum_status evaluate(struct table *table, int32_t tensor, struct host_tensor *out_value)
{
    const struct graph_tensor *t = &table->match->graph->tensors[tensor];
    if (tensor == table->x) { /* which may be a constant, too */
        out_value->desc = (struct tensor_desc){table->dtype, {1, {ENTRIES}}};
        uint8_t *bytes = base_arena_alloc(&table->arena, ENTRIES, 1);
        out_value->data = bytes;
        for (int32_t i = 0; bytes && i < ENTRIES; i++)
            bytes[i] = (uint8_t)(i + (table->dtype == PUM_DTYPE_I8 ? 128 : 0));
        return bytes ? PUM_OK : PUM_E_MEMORY;
    }
    if (!t->data)
        return evaluate_node(table, &table->match->graph->nodes[t->producer], out_value);
    *out_value = (struct host_tensor){t->desc, (void *)(uintptr_t)t->data}; /* only read */
    return PUM_OK;
}

/* The table as a constant of the graph. */
static int32_t add_table(struct match *match, const struct host_tensor *values)
{
    struct tensor_desc desc = {values->desc.dtype, {1, {ENTRIES}}};
    return graph_add_constant_copy(match->graph, "table", &desc, values->data, ENTRIES);
}

pum_status quant_fuse_table(struct match *match, int32_t index, bool *out_done)
{
    const struct graph_node *node = &match->graph->nodes[index];
    struct table table = {.match = match, .x = GRAPH_NONE};
    struct host_tensor values;
    *out_done = false;
    if (!is_function(&table, node->inputs[0]) || table.x < 0)
        return PUM_OK;
    base_arena_init(&table.arena, match->graph->context);
    pum_status status = evaluate_node(&table, node, &values);
    int32_t constant = status == PUM_OK ? add_table(match, &values) : GRAPH_NONE;
    base_arena_free(&table.arena);
    if (status == PUM_OK && constant < 0)
        status = PUM_E_MEMORY;
    if (status != PUM_OK)
        return status == PUM_E_MEMORY ? status : PUM_OK; /* what no rule takes stays as it is */
    const int32_t inputs[2] = {table.x, constant};
    *out_done = true;
    return match_rewrite(match, index, OP_LOOKUP, inputs, 2, NULL, 0, "function");
}

/* round((x - zero) * scale / other scale) + other zero, as the two operators do it. */
int32_t quant_convert(struct match *match, const struct quantized *from, const struct quantized *to)
{
    const struct graph_node quantize = {.op = OP_QUANTIZELINEAR, .name = "", .fused = ""};
    const struct graph_node dequantize = {.op = OP_DEQUANTIZELINEAR, .name = "", .fused = ""};
    if (quant_same(match, from, to))
        return from->value;
    uint8_t bytes[ENTRIES], table[ENTRIES];
    float real[ENTRIES],
        scales[2] = {quant_scale_value(match, from, 0), quant_scale_value(match, to, 0)};
    uint8_t zeros[2] = {(uint8_t)quant_zero_value(match, from, 0),
                        (uint8_t)quant_zero_value(match, to, 0)};
    const struct tensor_desc one = {PUM_DTYPE_F32, {0}};
    struct host_tensor in[3] = {
        {{from->dtype, {1, {ENTRIES}}}, bytes}, {one, &scales[0]}, {{from->dtype, {0}}, &zeros[0]}};
    struct host_tensor out = {{PUM_DTYPE_F32, {1, {ENTRIES}}}, real};
    struct op_call call = {.context = match->graph->context,
                           .node = &dequantize,
                           .input_count = 3,
                           .inputs = in,
                           .output_count = 1,
                           .outputs = &out};
    for (int32_t i = 0; i < ENTRIES; i++)
        bytes[i] = (uint8_t)(i + (from->dtype == PUM_DTYPE_I8 ? 128 : 0));
    if (op_reference(&call) != PUM_OK)
        return GRAPH_NONE;
    in[0] = out;
    in[1].data = &scales[1];
    in[2] = (struct host_tensor){{to->dtype, {0}}, &zeros[1]};
    out = (struct host_tensor){{to->dtype, {1, {ENTRIES}}}, table};
    call.node = &quantize;
    if (op_reference(&call) != PUM_OK)
        return GRAPH_NONE;
    const int32_t inputs[2] = {from->value, add_table(match, &out)};
    const struct tensor_desc unknown = {PUM_DTYPE_NONE, {-1, {0}}};
    return inputs[1] < 0
               ? GRAPH_NONE
               : match_insert(match, OP_LOOKUP, "converted", inputs, 2, NULL, 0, &unknown);
}
