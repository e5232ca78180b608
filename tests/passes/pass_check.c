/* SPDX-License-Identifier: MIT
 *
 * pass_check.c - see pass_check.h.
 */
#include "passes/pass_check.h"

#include "passes/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

pum_context *pass_context;

int pass_setup(void **state)
{
    (void)state;
    return pum_context_create(NULL, &pass_context) == PUM_OK ? 0 : -1;
}

int pass_teardown(void **state)
{
    (void)state;
    pum_context_destroy(&pass_context);
    return 0;
}

pum_graph *pass_graph(int32_t rank, const int64_t *dims, pum_value *out_x)
{
    pum_graph *graph;
    assert_int_equal(pum_graph_create(pass_context, &graph), PUM_OK);
    *out_x = pum_input(graph, "x", PUM_DTYPE_F32, rank, dims);
    return graph;
}

pum_value pass_weight(pum_graph *graph, int32_t rank, const int64_t *dims, uint32_t seed)
{
    struct tensor_desc desc = {PUM_DTYPE_F32, shape_of(rank, dims)};
    struct host_tensor tensor = graph_eval_random(pass_context, &desc, seed);
    size_t bytes;
    assert_true(tensor_bytes(&desc, &bytes));
    pum_value value = pum_constant_copy(graph, "w", PUM_DTYPE_F32, rank, dims, tensor.data, bytes);
    host_tensor_free(pass_context, &tensor);
    return value;
}

static void must(pum_status status)
{
    if (status != PUM_OK)
        fail_msg("%s: %s", pum_status_name(status), pum_last_error());
}

pum_graph *pass_check(pum_graph **graph, pum_value y)
{
    pum_graph *plain, *rewritten;
    pum_output(*graph, "y", y);
    must(pum_graph_finish(*graph));
    must(graph_clone(*graph, &plain));
    must(graph_clone(*graph, &rewritten));
    pum_graph_destroy(graph);
    struct host_tensor inputs[8];
    struct tensor_desc descs[8];
    for (int32_t i = 0; i < plain->input_count; i++) {
        descs[i] = plain->tensors[plain->inputs[i]].desc;
        inputs[i] = graph_eval_random(pass_context, &descs[i], 77 + (uint32_t)i);
    }
    must(pass_infer(plain));
    must(passes_load(rewritten));
    must(passes_bind(rewritten, descs, NULL));
    struct graph_eval before, after;
    must(graph_eval_run(plain, inputs, &before));
    must(graph_eval_run(rewritten, inputs, &after));
    double difference =
        graph_eval_difference(graph_eval_output(&before, 0), graph_eval_output(&after, 0));
    if (!(difference < 2e-5))
        fail_msg("the passes changed the answer by %g", difference);
    graph_eval_free(&before);
    graph_eval_free(&after);
    for (int32_t i = 0; i < plain->input_count; i++)
        host_tensor_free(pass_context, &inputs[i]);
    graph_release(&plain);
    return rewritten;
}
