/* SPDX-License-Identifier: MIT
 *
 * host_step.c - steps that have no kernel run by their operator's reference, on host copies of
 * their tensors; a chain fused into such a node follows. Tests: tests/exec/test_session.c.
 */
#include "exec/exec.h"

#include "plan/store.h"

#include <string.h>

void *exec_host_data(const struct pum_session *session, const struct exec_plan *ep, int32_t value)
{
    const struct plan *plan = ep->plan;
    if (ep->host[value])
        return ep->host[value];
    if (value < plan->graph->tensor_count && plan->graph->tensors[value].data)
        return (void *)(uintptr_t)plan->graph->tensors[value].data;
    for (int32_t i = 0; i < plan->graph->input_count; i++) {
        if (plan->graph->inputs[i] == value)
            return session->inputs[i].data;
    }
    const struct plan_value *v = &plan->values[value];
    if (v->kind != PLAN_VALUE_ALIAS)
        return NULL;
    char *base = exec_host_data(session, ep, v->base);
    size_t store = store_bytes(v->store);
    size_t element = pum_dtype_size(plan->graph->tensors[value].desc.dtype);
    return base && store ? base + v->base_offset / store * element : NULL;
}

static pum_status gather_tensors(struct pum_session *session, struct exec_plan *ep,
                                 const struct graph_node *node, struct host_tensor *tensors)
{
    const struct pum_graph *graph = ep->plan->graph;
    for (int32_t i = 0; i < node->input_count + node->output_count; i++) {
        int32_t id = i < node->input_count ? node->inputs[i] : node->outputs[i - node->input_count];
        if (id < 0)
            continue;
        tensors[i].desc = graph->tensors[id].desc;
        tensors[i].data = exec_host_data(session, ep, id);
        if (!tensors[i].data)
            return pum_fail(PUM_E_INTERNAL, "tensor '%s' has no host copy",
                            graph->tensors[id].name);
    }
    return PUM_OK;
}

/* An output that nobody wants still needs a place to be written to. */
static pum_status fill_unwanted(struct pum_session *session, struct op_call *call,
                                struct host_tensor *outputs, bool *owned)
{
    *owned = false;
    for (int32_t i = 0; i < call->output_count; i++) {
        if (outputs[i].data)
            continue;
        *owned = true;
        struct host_tensor *scratch =
            pum_alloc(session->context, (size_t)call->output_count, sizeof *scratch);
        if (!scratch)
            return PUM_E_MEMORY;
        struct op_call probe = *call;
        probe.outputs = scratch;
        pum_status status = op_infer(&probe);
        for (int32_t o = i; o < call->output_count && status == PUM_OK; o++) {
            if (!outputs[o].data)
                status = host_tensor_alloc(session->context, &scratch[o].desc, &outputs[o]);
        }
        pum_free(session->context, scratch);
        return status;
    }
    return PUM_OK;
}

static void free_unwanted(struct pum_session *session, const struct graph_node *node,
                          struct host_tensor *outputs)
{
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] < 0)
            host_tensor_free(session->context, &outputs[i]);
    }
}

static pum_status run_node(struct pum_session *session, struct exec_plan *ep,
                           const struct graph_node *node)
{
    int32_t total = node->input_count + node->output_count;
    int32_t inputs = node->input_count - node->chain_inputs;
    struct host_tensor *tensors = pum_alloc(session->context, (size_t)total + 1, sizeof *tensors);
    if (!tensors)
        return PUM_E_MEMORY;
    struct host_tensor *outputs = tensors + node->input_count;
    struct op_call call = {.context = session->context,
                           .node = node,
                           .input_count = inputs,
                           .inputs = tensors,
                           .output_count = node->output_count,
                           .outputs = outputs};
    bool owned = false;
    pum_status status = gather_tensors(session, ep, node, tensors);
    if (status == PUM_OK)
        status = fill_unwanted(session, &call, outputs, &owned);
    if (status == PUM_OK)
        status = op_reference(&call);
    if (status == PUM_OK && node->chain)
        status = chain_reference(node->chain, &outputs[0], tensors + inputs);
    if (owned)
        free_unwanted(session, node, outputs);
    pum_free(session->context, tensors);
    return status;
}

pum_status exec_host_steps(struct pum_session *session, struct exec_plan *ep, int32_t segment)
{
    const struct plan_segment *s = &ep->plan->segments[segment];
    for (int32_t i = s->host_first; i < s->host_last; i++)
        PUM_TRY(run_node(session, ep, &ep->plan->graph->nodes[ep->plan->steps[i].node]));
    return PUM_OK;
}
