/* SPDX-License-Identifier: MIT
 *
 * builder.c - pum_node: one operator into a graph, checked against the operator table. A node whose
 * input shapes are all known gets its output shapes at once, so that a mistake is reported where it
 * is made; nothing is computed. Outputs are new values, so a hand-built graph has no cycle and no
 * undefined tensor by construction. The shorthand is builder_ops.c.
 * Tests: tests/graph/test_builder.c.
 */
#include "ops/builder.h"

#include <stdio.h>
#include <string.h>

static pum_status check_counts(const struct op_row *row, const pum_node_params *params,
                               int32_t output_count)
{
    int32_t inputs = params->input_count;

    if (inputs < row->min_inputs || (row->max_inputs >= 0 && inputs > row->max_inputs) ||
        inputs > GRAPH_MAX_NODE_INPUTS)
        return pum_fail(PUM_E_ARGUMENT, "%d inputs; it takes %d to %d", inputs, row->min_inputs,
                        row->max_inputs >= 0 ? row->max_inputs : GRAPH_MAX_NODE_INPUTS);
    if (output_count < row->min_outputs ||
        (row->max_outputs >= 0 && output_count > row->max_outputs) ||
        output_count > GRAPH_MAX_NODE_INPUTS)
        return pum_fail(PUM_E_ARGUMENT, "%d outputs; it gives %d to %d", output_count,
                        row->min_outputs,
                        row->max_outputs >= 0 ? row->max_outputs : GRAPH_MAX_NODE_INPUTS);
    if (params->inputs == NULL && inputs > 0)
        return pum_fail(PUM_E_ARGUMENT, "the list of inputs is NULL");
    return PUM_OK;
}

static pum_status check_inputs(const struct pum_graph *graph, const struct op_row *row,
                               const pum_node_params *params)
{
    for (int32_t i = 0; i < params->input_count; i++) {
        pum_value value = params->inputs[i];
        if (value >= graph->tensor_count || value < PUM_NO_VALUE)
            return pum_fail(PUM_E_ARGUMENT, "input %d is no value of this graph", i);
        if (value <= 0 && !row->lowering->program &&
            (i < row->min_inputs || row->max_inputs < 0))
            return pum_fail(PUM_E_ARGUMENT, "input %d is missing", i);
    }
    return PUM_OK;
}

static pum_status check_attr(const pum_attr *attr)
{
    bool list = attr->kind == PUM_ATTR_INTS || attr->kind == PUM_ATTR_FLOATS ||
                attr->kind == PUM_ATTR_STRINGS;
    const void *values = attr->kind == PUM_ATTR_INTS     ? (const void *)attr->ints
                         : attr->kind == PUM_ATTR_FLOATS ? (const void *)attr->floats
                                                         : (const void *)attr->strings;

    if (attr->kind < PUM_ATTR_INT || attr->kind > PUM_ATTR_GRAPH)
        return pum_fail(PUM_E_ARGUMENT, "attribute '%.200s' has an unknown kind (%d)", attr->name,
                        (int)attr->kind);
    if (attr->kind == PUM_ATTR_STRING && attr->s == NULL)
        return pum_fail(PUM_E_ARGUMENT, "attribute '%.200s': the string is NULL", attr->name);
    if (attr->kind == PUM_ATTR_GRAPH && (attr->graph == NULL || !attr->graph->finished))
        return pum_fail(PUM_E_ARGUMENT, "attribute '%.200s': the body is NULL or not finished",
                        attr->name);
    for (int32_t i = 0; attr->kind == PUM_ATTR_STRINGS && attr->strings != NULL && i < attr->count;
         i++) {
        if (attr->strings[i] == NULL)
            return pum_fail(PUM_E_ARGUMENT, "attribute '%.200s': string %d is NULL", attr->name, i);
    }
    if (list && (attr->count < 0 || attr->count > GRAPH_MAX_ATTR_VALUES ||
                 (values == NULL && attr->count > 0)))
        return pum_fail(PUM_E_ARGUMENT, "attribute '%.200s': a list of %d values is not valid",
                        attr->name, attr->count);
    return PUM_OK;
}

static pum_status check_attrs(const pum_node_params *params)
{
    if (params->attr_count < 0 || params->attr_count > GRAPH_MAX_ATTRS ||
        (params->attrs == NULL && params->attr_count > 0))
        return pum_fail(PUM_E_ARGUMENT, "%d attributes; at most %d are supported",
                        params->attr_count, GRAPH_MAX_ATTRS);
    for (int32_t i = 0; i < params->attr_count; i++) {
        const char *name = params->attrs[i].name;
        if (name == NULL || name[0] == '\0')
            return pum_fail(PUM_E_ARGUMENT, "attribute %d has no name", i);
        for (int32_t j = 0; j < i; j++) {
            if (strcmp(params->attrs[j].name, name) == 0)
                return pum_fail(PUM_E_ARGUMENT, "attribute '%.200s' is given twice", name);
        }
        PUM_TRY(check_attr(&params->attrs[i]));
    }
    return PUM_OK;
}

/* The code of a failed graph_add_*, whose arguments were checked. */
static pum_status full_or_memory(const struct pum_graph *graph)
{
    return graph->tensor_count >= GRAPH_MAX_TENSORS || graph->node_count >= GRAPH_MAX_NODES
               ? PUM_E_UNSUPPORTED
               : PUM_E_MEMORY;
}

static pum_status add_outputs(struct pum_graph *graph, const pum_node_params *params,
                              const char *node_name, int32_t count, pum_value *out_values)
{
    const struct tensor_desc unknown = {.shape.rank = -1};
    char made_up[128];

    for (int32_t i = 0; i < count; i++) {
        const char *name = params->output_names != NULL ? params->output_names[i] : NULL;
        if (name == NULL || name[0] == '\0') {
            snprintf(made_up, sizeof(made_up), "%.100s:%d", node_name, i);
            name = made_up;
        }
        out_values[i] = graph_add_tensor(graph, name, &unknown);
        if (out_values[i] == GRAPH_NONE)
            return full_or_memory(graph);
    }
    return PUM_OK;
}

/* --- Shapes ----------------------------------------------------------------------------------- */

static bool desc_known(const struct tensor_desc *desc)
{
    return desc->dtype != PUM_DTYPE_NONE && desc->shape.rank >= 0 &&
           !shape_has_symbol(&desc->shape);
}

/* Fills the call's inputs; false if one is not fully known. */
static bool known_inputs(const struct pum_graph *graph, const struct graph_node *node,
                         struct host_tensor *inputs, bool *out_data_known)
{
    *out_data_known = true;
    for (int32_t i = 0; i < node->input_count; i++) {
        const struct graph_tensor *tensor = graph_input_of(graph, node, i);
        if (tensor == NULL)
            continue;
        if (!desc_known(&tensor->desc))
            return false;
        inputs[i].desc = tensor->desc;
        inputs[i].data = (void *)tensor->data; /* rules only read */
        *out_data_known = *out_data_known && tensor->data != NULL;
    }
    return true;
}

/* Runs the shape rule if it can be run; else says what is certain. */
static pum_status infer_node(struct pum_graph *graph, const struct graph_node *node)
{
    struct host_tensor *inputs =
        pum_alloc(graph->context, (size_t)node->input_count, sizeof(*inputs));
    struct host_tensor *outputs =
        pum_alloc(graph->context, (size_t)node->output_count, sizeof(*outputs));
    bool data_known = false;
    bool inferred = false;
    pum_status status = inputs == NULL || outputs == NULL ? PUM_E_MEMORY : PUM_OK;

    if (status == PUM_OK && !op_rows[node->op].lowering->program &&
        known_inputs(graph, node, inputs, &data_known)) {
        struct op_call call = {
            .context = graph->context,
            .node = node,
            .input_count = node->input_count,
            .inputs = inputs,
            .output_count = node->output_count,
            .outputs = outputs,
        };
        status = op_infer(&call);
        inferred = status == PUM_OK;
        /* A shape that depends on a value not known yet (op_needs_data) is planning's to find. */
        if (status == OP_NEEDS_DATA && !data_known)
            status = PUM_OK;
    }
    for (int32_t i = 0; i < node->output_count && inferred; i++) {
        graph->tensors[node->outputs[i]].desc = outputs[i].desc;
        graph->tensors[node->outputs[i]].rank_hint = outputs[i].desc.shape.rank;
    }
    if (status == PUM_OK && !inferred)
        builder_guess(graph, node);
    pum_free(graph->context, inputs);
    pum_free(graph->context, outputs);
    return status;
}

/* --- The node --------------------------------------------------------------------------------- */

static pum_status add_checked(struct pum_graph *graph, int32_t op, const char *name,
                              const pum_node_params *params, int32_t output_count,
                              pum_value *out_values)
{
    const struct op_row *row = &op_rows[op];

    PUM_TRY(check_counts(row, params, output_count));
    PUM_TRY(check_inputs(graph, row, params));
    PUM_TRY(check_attrs(params));
    PUM_TRY(add_outputs(graph, params, name, output_count, out_values));
    int32_t *inputs =
        base_arena_alloc(&graph->arena, (size_t)params->input_count + 1, sizeof *inputs);
    if (inputs == NULL)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < params->input_count; i++) /* 0, a field left out, is no value either */
        inputs[i] = params->inputs[i] > 0 ? params->inputs[i] : GRAPH_NONE;
    int32_t node = graph_add_node(graph, op, name, inputs, params->input_count, out_values,
                                  output_count, params->attrs, params->attr_count);
    return node == GRAPH_NONE ? full_or_memory(graph) : PUM_OK;
}

pum_status pum_node(pum_graph *graph, const pum_node_params *params, pum_value *out_values)
{
    char made_up[64];

    if (!graph_building(graph))
        return graph == NULL ? PUM_E_ARGUMENT : graph->finished ? PUM_E_STATE : graph->status;
    if (params == NULL || params->op == NULL || out_values == NULL)
        return graph_stick(graph, pum_fail(PUM_E_ARGUMENT, "pum_node: params, params->op or "
                                           "out_values is NULL"));
    int32_t output_count = params->output_count == 0 ? 1 : params->output_count;
    for (int32_t i = 0; i < output_count && i < GRAPH_MAX_NODE_INPUTS; i++)
        out_values[i] = PUM_NO_VALUE;
    int32_t op = op_find(params->op);
    const char *name = params->name;
    if (name == NULL || name[0] == '\0') {
        snprintf(made_up, sizeof(made_up), "%.40s_%d", params->op, graph->node_count);
        name = made_up;
    }
    if (op < 0)
        return graph_stick(graph, pum_fail(PUM_E_UNSUPPORTED, "node '%.200s': there is no operator "
                                           "'%.100s' (docs/operators.md lists them)", name,
                                           params->op));
    pum_status status = add_checked(graph, op, name, params, output_count, out_values);
    if (status != PUM_OK)
        status = pum_fail_prefix(status, "%s node '%.200s'", op_rows[op].name, name);
    else
        status = infer_node(graph, &graph->nodes[graph->node_count - 1]);
    if (status == PUM_OK)
        return PUM_OK;
    for (int32_t i = 0; i < output_count && i < GRAPH_MAX_NODE_INPUTS; i++)
        out_values[i] = PUM_NO_VALUE;
    return graph_stick(graph, status);
}

/* Counts, and the order of first use, bodies where they stand. */
struct op_uses {
    int32_t counts[OP_COUNT];
    int32_t order[OP_COUNT], kinds;
};

static void count_ops(const pum_graph *graph, struct op_uses *uses)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        if (node->op < 0)
            continue;
        if (uses->counts[node->op]++ == 0)
            uses->order[uses->kinds++] = node->op;
        for (int32_t i = 0; i < node->attr_count; i++) {
            if (node->attrs[i].kind == PUM_ATTR_GRAPH)
                count_ops(node->attrs[i].graph, uses);
        }
    }
}

void pum_graph_each_op(const pum_graph *graph,
                       void (*report)(void *user, const char *op, int32_t count), void *user)
{
    struct op_uses uses = {0};

    if (graph == NULL)
        return;
    count_ops(graph, &uses);
    for (int32_t i = 0; i < uses.kinds; i++)
        report(user, op_rows[uses.order[i]].name, uses.counts[uses.order[i]]);
}
