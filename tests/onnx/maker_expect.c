/* SPDX-License-Identifier: MIT
 *
 * maker_expect.c - a made model is read and computed by the operators' references. See
 * model_maker.h.
 */
#include "model_maker.h"

#include "support/graph_eval.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void maker_expect(struct maker *maker, pum_context *context, int32_t output, int32_t count,
                  const float *values)
{
    struct graph_eval eval = {0};
    pum_graph *graph;

    if (maker_read(maker, context, &graph) != PUM_OK)
        fail_msg("%s", pum_last_error());
    if (graph_eval_run(graph, NULL, &eval) != PUM_OK)
        fail_msg("%s", pum_last_error());
    const struct host_tensor *result = graph_eval_output(&eval, output);
    if (shape_elements(&result->desc.shape) != count)
        fail_msg("%lld elements, expected %d", (long long)shape_elements(&result->desc.shape),
                 count);
    for (int32_t i = 0; i < count; i++) {
        double got = tensor_get_f64(result, i);
        if (fabs(got - (double)values[i]) > 1e-5)
            fail_msg("element %d is %g, expected %g", i, got, (double)values[i]);
    }
    graph_eval_free(&eval);
    pum_graph_destroy(&graph);
    maker_free(maker);
}

void maker_expect_error(struct maker *maker, pum_context *context, pum_status status,
                        const char *part)
{
    pum_graph *graph;
    pum_status got = maker_read(maker, context, &graph);

    if (got != status || strstr(pum_last_error(), part) == NULL)
        fail_msg("expected %s with '%s', got %s: %s", pum_status_name(status), part,
                 pum_status_name(got), pum_last_error());
    assert_null(graph);
    maker_free(maker);
}
