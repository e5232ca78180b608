/* SPDX-License-Identifier: MIT
 *
 * test_onnx_reference.c - ONNX's conformance cases by the operators' references alone, without a
 * device: quick, and what it shows is the definitions' fault or the reader's. Control flow and
 * lists are a session's business and left out: test_onnx_nodes.
 */
#include "onnx_runner.h"

#include "ops/op.h"
#include "support/graph_eval.h"

#include <stdio.h>
#include <string.h>

static bool needs_session(const pum_graph *graph)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (op_rows[graph->nodes[i].op].lowering->program)
            return true;
    }
    return false;
}

static enum runner_verdict by_reference(pum_graph *graph, const struct case_set *set, bool random,
                                        void *user, char *why)
{
    struct host_tensor inputs[CASE_MAX_PORTS] = {0};
    struct graph_eval eval = {0};
    enum runner_verdict verdict = RUNNER_RIGHT;

    (void)user;
    for (int32_t i = 0; i < set->ports.input_count; i++) {
        if (set->inputs[i].kind != PUM_VALUE_TENSOR)
            return RUNNER_SKIPPED;
        const pum_tensor *tensor = &set->inputs[i].items[0];
        inputs[i] = (struct host_tensor){{tensor->dtype, shape_of(tensor->rank, tensor->dims)},
                                         tensor->data};
    }
    if (needs_session(graph))
        return RUNNER_SKIPPED;
    if (graph_eval_run(graph, inputs, &eval) != PUM_OK) {
        (void)snprintf(why, CASE_WHY_BYTES, "%.390s", pum_last_error());
        verdict = RUNNER_WRONG;
    }
    for (int32_t i = 0; i < set->ports.output_count && verdict == RUNNER_RIGHT; i++) {
        const struct host_tensor *result = graph_eval_output(&eval, i);
        pum_tensor tensor = {
            .dtype = result->desc.dtype, .rank = result->desc.shape.rank, .data = result->data};
        memcpy(tensor.dims, result->desc.shape.dims, sizeof(tensor.dims));
        const struct case_value got = {.count = 1, .items = &tensor};
        if (!case_agree(&got, &set->outputs[i], random, why))
            verdict = RUNNER_WRONG;
    }
    if (eval.tensors != NULL)
        graph_eval_free(&eval);
    return verdict;
}

int main(int count, char **arguments)
{
    struct runner runner = {.run = by_reference, .thread_count = 1};

    if (pum_context_create(NULL, &runner.context) != PUM_OK)
        return 1;
    int status = runner_main(&runner, count, arguments);
    pum_context_destroy(&runner.context);
    return status;
}
