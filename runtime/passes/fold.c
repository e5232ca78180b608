/* SPDX-License-Identifier: MIT
 *
 * fold.c - shape inference and evaluation of what is known before the run, both by the operators'
 * own rows: the shape rule gives types and shapes, the reference gives values. Results larger than
 * FOLD_MAX_BYTES stay operators unless they are no larger than what goes in. Tests:
 * tests/passes/test_fuse.c.
 */
#include "passes/passes.h"

#include "ops/op.h"

#include <string.h>

/* A constant that grows out of small ones (Expand, Tile, ConstantOfShape) is not worth holding. */
#define FOLD_MAX_BYTES (1u << 20)
/* Weights of 8 bits stay so; a bias or a scale may become float. */
#define FOLD_MAX_WIDENED_BYTES (1u << 12)

/* One node's call, with room for its tensors. */
struct fold_call {
    struct op_call call;
    struct host_tensor *inputs, *outputs;
};

static pum_status fold_call_make(struct pum_graph *graph, const struct graph_node *node,
                                 struct fold_call *out_call)
{
    int32_t inputs = node->input_count - node->chain_inputs;
    memset(out_call, 0, sizeof *out_call);
    out_call->inputs = pum_alloc(graph->context, (size_t)inputs + (size_t)node->output_count,
                                 sizeof(struct host_tensor));
    if (!out_call->inputs)
        return PUM_E_MEMORY;
    out_call->outputs = out_call->inputs + inputs;
    for (int32_t i = 0; i < inputs; i++) {
        if (node->inputs[i] < 0)
            continue;
        const struct graph_tensor *tensor = &graph->tensors[node->inputs[i]];
        out_call->inputs[i].desc = tensor->desc;
        out_call->inputs[i].data = (void *)(uintptr_t)tensor->data;
    }
    out_call->call = (struct op_call){.context = graph->context,
                                      .node = node,
                                      .input_count = inputs,
                                      .inputs = out_call->inputs,
                                      .output_count = node->output_count,
                                      .outputs = out_call->outputs,
                                      .strings = &graph->arena};
    return PUM_OK;
}

/* Whether the node's value follows from what is known. */
static bool fold_is_known(const struct graph_node *node, const struct fold_call *fold)
{
    const struct op_lowering *lowering = op_rows[node->op].lowering;
    if (op_reads_shape_only(node->op))
        return true;
    bool known = node->chain == NULL && !lowering->random && !lowering->program;
    for (int32_t i = 0; i < fold->call.input_count; i++) {
        bool absent = fold->inputs[i].desc.dtype == PUM_DTYPE_NONE;
        known = known && (absent || fold->inputs[i].data != NULL);
    }
    return known;
}

static bool fold_is_small(const struct fold_call *fold)
{
    size_t in = 0, out = 0, bytes;
    bool widens = fold->call.node->op == OP_DEQUANTIZELINEAR;
    for (int32_t i = 0; i < fold->call.input_count; i++) {
        if (fold->inputs[i].desc.dtype && tensor_bytes(&fold->inputs[i].desc, &bytes))
            in += bytes;
    }
    for (int32_t i = 0; i < fold->call.output_count; i++) {
        if (!tensor_bytes(&fold->outputs[i].desc, &bytes))
            return false;
        out += bytes;
    }
    return out <= (widens ? FOLD_MAX_WIDENED_BYTES : FOLD_MAX_BYTES) || (out <= in && !widens);
}

/* Evaluates the node into the arena; its outputs become constants and the node goes. */
static pum_status fold_evaluate(struct pum_graph *graph, int32_t index, struct fold_call *fold)
{
    const struct graph_node *node = &graph->nodes[index];
    for (int32_t i = 0; i < node->output_count; i++) {
        size_t bytes;
        if (!tensor_bytes(&fold->outputs[i].desc, &bytes))
            return pum_fail(PUM_E_RANGE, "node '%s': a result is too large", node->name);
        fold->outputs[i].data = base_arena_alloc(&graph->arena, bytes ? bytes : 1, 1);
        if (!fold->outputs[i].data)
            return PUM_E_MEMORY;
    }
    PUM_TRY(op_reference(&fold->call));
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] < 0)
            continue;
        struct graph_tensor *tensor = &graph->tensors[node->outputs[i]];
        tensor->data = fold->outputs[i].data;
        (void)tensor_bytes(&tensor->desc, &tensor->data_bytes);
        tensor->producer = GRAPH_NONE;
    }
    graph_remove_node(graph, index);
    return PUM_OK;
}

/* Strings live on the host and outside of plans, unless they are known before the run. */
static bool has_strings(const struct fold_call *fold)
{
    for (int32_t i = 0; i < fold->call.input_count; i++) {
        if (fold->inputs[i].desc.dtype == PUM_DTYPE_STRING)
            return true;
    }
    for (int32_t i = 0; i < fold->call.output_count; i++) {
        if (fold->outputs[i].desc.dtype == PUM_DTYPE_STRING)
            return true;
    }
    return false;
}

/* Infers node `index`; evaluates it when it is known. */
static pum_status fold_node(struct pum_graph *graph, int32_t index)
{
    struct graph_node *node = &graph->nodes[index];
    struct fold_call fold;
    PUM_TRY(fold_call_make(graph, node, &fold));
    pum_status status;
    status = op_infer(&fold.call);
    if (status == OP_NEEDS_DATA)
        pass_explain_need(graph, node, fold.call.needs);
    PUM_TRY_GOTO(status, end);
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            graph->tensors[node->outputs[i]].desc = fold.outputs[i].desc;
    }
    bool known = fold_is_known(node, &fold), strings = has_strings(&fold);
    if (known && (strings || fold_is_small(&fold))) {
        status = fold_evaluate(graph, index, &fold);
    } else if (strings) {
        status = pum_fail(OP_NEEDS_DATA, "node '%s' works on strings", node->name);
        pass_explain_need(graph, node, -1);
    }
end:
    pum_free(graph->context, fold.inputs);
    return status;
}

static bool all_inputs_constant(const struct pum_graph *graph, const struct graph_node *node)
{
    for (int32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && !graph->tensors[node->inputs[i]].data)
            return false;
    }
    return true;
}

pum_status pass_fold_constants(struct pum_graph *graph)
{
    return pass_fold_constants_but(graph, -1);
}

pum_status pass_fold_constants_but(struct pum_graph *graph, int32_t op)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        struct graph_node *node = &graph->nodes[i];
        if (node->op < 0)
            continue;
        if (op_rows[node->op].lowering->random || op_rows[node->op].lowering->program)
            continue;
        if (node->op != op && all_inputs_constant(graph, node)) {
            PUM_TRY(fold_node(graph, i));
        } else if (node->op == OP_IDENTITY ||
                   (node->op == OP_DROPOUT && (node->output_count < 2 || node->outputs[1] < 0))) {
            graph_replace_uses(graph, node->outputs[0], node->inputs[0]);
            graph_remove_node(graph, i);
        }
    }
    return graph_prune(graph);
}

pum_status pass_infer(struct pum_graph *graph)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        bool inlined;
        PUM_TRY(pass_inline_if(graph, i, &inlined));
        if (inlined)
            i = -1; /* the order is new; what is known stays known */
        else if (graph->nodes[i].op >= 0)
            PUM_TRY(fold_node(graph, i));
    }
    return graph_prune(graph);
}
