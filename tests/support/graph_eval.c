/* SPDX-License-Identifier: MIT
 *
 * graph_eval.c - see graph_eval.h.
 */
#include "support/graph_eval.h"

#include "ops/chain.h"

#include <math.h>
#include <string.h>

static pum_status eval_node(struct graph_eval *eval, const struct graph_node *node)
{
    struct host_tensor inputs[64], outputs[8];
    memset(inputs, 0, sizeof inputs);
    memset(outputs, 0, sizeof outputs);
    for (int32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0)
            inputs[i] = eval->tensors[node->inputs[i]];
    }
    struct op_call call = {.context = eval->graph->context,
                           .node = node,
                           .input_count = node->input_count - node->chain_inputs,
                           .inputs = inputs,
                           .output_count = node->output_count,
                           .outputs = outputs,
                           .strings = &eval->strings};
    PUM_TRY(op_infer(&call));
    for (int32_t i = 0; i < node->output_count; i++) {
        struct tensor_desc desc = outputs[i].desc;
        PUM_TRY(host_tensor_alloc(eval->graph->context, &desc, &outputs[i]));
    }
    pum_status status = op_reference(&call);
    if (status == PUM_OK && node->chain)
        status = chain_reference(node->chain, &outputs[0], inputs + call.input_count);
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            eval->tensors[node->outputs[i]] = outputs[i];
        else
            host_tensor_free(eval->graph->context, &outputs[i]);
    }
    return status;
}

pum_status graph_eval_run(struct pum_graph *graph, const struct host_tensor *inputs,
                          struct graph_eval *eval)
{
    eval->graph = graph;
    base_arena_init(&eval->strings, graph->context);
    eval->tensors =
        pum_alloc(graph->context, (size_t)graph->tensor_count + 1, sizeof *eval->tensors);
    if (!eval->tensors)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < graph->tensor_count; i++)
        eval->tensors[i] =
            (struct host_tensor){graph->tensors[i].desc, (void *)(uintptr_t)graph->tensors[i].data};
    for (int32_t i = 0; i < graph->input_count; i++)
        eval->tensors[graph->inputs[i]] = inputs[i];
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op >= 0)
            PUM_TRY(eval_node(eval, &graph->nodes[i]));
    }
    return PUM_OK;
}

const struct host_tensor *graph_eval_output(const struct graph_eval *eval, int32_t index)
{
    return &eval->tensors[eval->graph->outputs[index]];
}

void graph_eval_free(struct graph_eval *eval)
{
    for (int32_t i = 0; i < eval->graph->node_count; i++) {
        const struct graph_node *node = &eval->graph->nodes[i];
        for (int32_t o = 0; node->op >= 0 && o < node->output_count; o++) {
            if (node->outputs[o] >= 0)
                host_tensor_free(eval->graph->context, &eval->tensors[node->outputs[o]]);
        }
    }
    pum_free(eval->graph->context, eval->tensors);
    base_arena_free(&eval->strings);
    eval->tensors = NULL;
}

struct host_tensor graph_eval_random(pum_context *context, const struct tensor_desc *desc,
                                     uint32_t seed)
{
    struct host_tensor tensor;
    if (host_tensor_alloc(context, desc, &tensor) != PUM_OK)
        return (struct host_tensor){0};
    int64_t count = shape_elements(&desc->shape);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        tensor_set_f64(&tensor, i, (double)(seed >> 8) / (1 << 22) - 2);
    }
    return tensor;
}

int32_t graph_eval_count(const struct pum_graph *graph, int32_t op)
{
    int32_t count = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i].op >= 0 && (op < 0 || graph->nodes[i].op == op);
    return count;
}

double graph_eval_difference(const struct host_tensor *a, const struct host_tensor *b)
{
    if (a->desc.dtype != b->desc.dtype || !shape_equal(&a->desc.shape, &b->desc.shape))
        return INFINITY;
    double worst = 0;
    int64_t count = shape_elements(&a->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        double x = tensor_get_f64(a, i), y = tensor_get_f64(b, i);
        double difference = fabs(x - y) / fmax(1, fabs(x));
        if (!(difference <= worst))
            worst = difference;
    }
    return worst;
}
