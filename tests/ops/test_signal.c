/* SPDX-License-Identifier: MIT
 *
 * test_signal.c - windows, mel bands, Fourier transforms of every kind of length, determinants.
 */
#include "op_text.h"
#include "ops/fourier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "passes/passes.h"
#include "pumice/pumice_graph.h"
#include "support/graph_eval.h"

#include <math.h>

static void windows(void **state)
{
    (void)state;
    op_text_gives(OP_HANNWINDOW, "i64[]={4}", "", "f32[4]={0,0.5,1,0.5}");
    op_text_gives(OP_HANNWINDOW, "i64[]={5}", "periodic=0 output_datatype=11",
                  "f64[5]={0,0.5,1,0.5,0}");
    op_text_gives(OP_HAMMINGWINDOW, "i32[]={2}", "", "f32[2]={0.0869565,1}");
    op_text_gives(OP_BLACKMANWINDOW, "i32[]={4}", "", "f32[4]={0,0.34,1,0.34}");
    op_text_gives(OP_HANNWINDOW, "i64[]={1}", "periodic=0", "f32[1]={1}");
    op_text_fails(OP_HANNWINDOW, "i64[]={-1}", "", PUM_E_RANGE, "-1");
    op_text_fails(OP_HANNWINDOW, "i64[]={4}", "output_datatype=8", PUM_E_TYPE, "output_datatype");
    op_text_needs_data(OP_HANNWINDOW, "i64[]={4}", "", 0);
}

/* Against the sum that defines it: lengths that are prime, powers, products, and 1. */
static void fourier_is_the_sum(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1, 2, 3, 4, 6, 7, 12, 30, 49, 64, 97, 210};
    for (size_t n = 0; n < PUM_COUNT_OF(lengths); n++) {
        int64_t length = lengths[n];
        struct fourier_value values[210], original[210];
        struct fourier fourier;
        for (int64_t i = 0; i < length; i++)
            original[i] = values[i] =
                (struct fourier_value){sin((double)(3 * i * i)), cos((double)(5 * i + 1))};
        assert_int_equal(fourier_open(op_text_context, length, n % 2, &fourier), PUM_OK);
        fourier_run(&fourier, values);
        fourier_close(&fourier);
        for (int64_t k = 0; k < length; k++) {
            double re = 0, im = 0;
            for (int64_t i = 0; i < length; i++) {
                double angle =
                    (n % 2 ? 1 : -1) * 2 * acos(-1) * (double)(i * k % length) / (double)length;
                re += original[i].re * cos(angle) - original[i].im * sin(angle);
                im += original[i].re * sin(angle) + original[i].im * cos(angle);
            }
            assert_true(fabs(values[k].re - re) < 1e-9 && fabs(values[k].im - im) < 1e-9);
        }
    }
}

static void transforms(void **state)
{
    (void)state;
    op_text_gives(OP_DFT, "f32[1,4,1]={1,2,3,4}", "", "f32[1,4,2]={10,0,-2,2,-2,0,-2,-2}");
    op_text_gives(OP_DFT, "f32[1,4,1]={1,2,3,4}", "onesided=1", "f32[1,3,2]={10,0,-2,2,-2,0}");
    op_text_gives(OP_DFT, "f32[1,4,2]={10,0,-2,2,-2,0,-2,-2}", "inverse=1",
                  "f32[1,4,2]={1,0,2,0,3,0,4,0}");
    op_text_gives(OP_DFT, "f32[1,3,2]={10,0,-2,2,-2,0}", "inverse=1 onesided=1",
                  "f32[1,4,1]={1,2,3,4}");
    op_text_gives(OP_DFT, "f32[2,2,1]={1,2,3,4} i64[]={3} i64[]={0}", "onesided=1",
                  "f32[2,2,2]={4,0,6,0,-0.5,-2.5980762,0,-3.4641016}");
    op_text_gives(OP_STFT, "f32[1,4,1]={1,2,3,4} i64[]={2} f32[2]={1,0.5}", "",
                  "f32[1,2,2,2]={2,0,0,0,5,0,1,0}");
    op_text_fails(OP_DFT, "f32[1,4,3]", "", PUM_E_SHAPE, "last axis");
    op_text_fails(OP_DFT, "f32[1,4,2]", "onesided=1", PUM_E_SHAPE, "real signal");
    op_text_fails(OP_DFT, "f32[1,4,1] - i64[]={2}", "", PUM_E_SHAPE, "axis 2");
    op_text_fails(OP_STFT, "f32[1,4,1] i64[]={2} f32[5]", "", PUM_E_RANGE, "frames of 5");
    op_text_fails(OP_STFT, "f32[1,4,1] i64[]={0} f32[2]", "", PUM_E_RANGE, "every 0");
    op_text_needs_data(OP_DFT, "f32[1,4,1] i64[]={4}", "", 1);
}

static void determinants(void **state)
{
    (void)state;
    op_text_gives(OP_DET, "f32[2,2]={0,2,3,4}", "", "f32[]={-6}");
    op_text_gives(OP_DET, "f32[2,2,2]={1,2,2,4,1,0,0,5}", "", "f32[2]={0,5}");
    op_text_gives(OP_DET, "f64[3,3]={2,0,1,1,3,2,1,1,1}", "", "f64[]={0}");
    op_text_fails(OP_DET, "f32[2,3]", "", PUM_E_SHAPE, "square");
}

/* --- As products ------------------------------------------------------------------------------ */

static const struct op_case expansions[] = {
    {OP_DFT, "f32[2,12,1]", "", "here", 1},
    {OP_DFT, "f32[2,12,2]", "inverse=1", "here", 2},
    {OP_DFT, "f32[2,13,1]", "onesided=1", "here", 3},
    {OP_DFT, "f32[2,7,2]", "onesided=1 inverse=1", "here", 4},
    {OP_DFT, "f32[2,5,2] i64[]={9}", "onesided=1 inverse=1", "here", 5},
    {OP_DFT, "f32[3,13,5,2] i64[]={9} i64[]={1}", "", "here", 6},
    {OP_DFT, "f32[3,6,5,1] i64[]={8} i64[]={0}", "", "here", 7},
    {OP_STFT, "f32[2,128,1] i64[]={8} !f32[16]", "", "here", 8},
    {OP_STFT, "f32[1,100,1] i64[]={10} - i64[]={25}", "onesided=0", "here", 9},
    {OP_STFT, "f32[2,64,2] i64[]={16} !f32[16] i64[]={16}", "onesided=0", "here", 10},
};

static pum_graph *graph_of(const struct op_case *test, const struct op_case_data *data)
{
    pum_graph *graph;
    pum_value inputs[4], y;
    assert_int_equal(pum_graph_create(op_text_context, &graph), PUM_OK);
    for (int32_t i = 0; i < data->input_count; i++) {
        const struct host_tensor *tensor = &data->inputs[i].tensor;
        size_t bytes;
        inputs[i] = PUM_NO_VALUE;
        if (i == 0)
            inputs[i] = pum_input(graph, "x", tensor->desc.dtype, tensor->desc.shape.rank,
                                  tensor->desc.shape.dims);
        else if (tensor_bytes(&tensor->desc, &bytes))
            inputs[i] = pum_constant_copy(graph, NULL, tensor->desc.dtype, tensor->desc.shape.rank,
                                          tensor->desc.shape.dims, tensor->data, bytes);
    }
    (void)pum_node(graph,
                   &(pum_node_params){.op = op_rows[test->op].name,
                                      .inputs = inputs,
                                      .input_count = data->input_count,
                                      .attrs = data->attrs,
                                      .attr_count = data->attr_count},
                   &y);
    pum_output(graph, "y", y);
    if (pum_graph_finish(graph) != PUM_OK)
        fail_msg("%s", pum_last_error());
    return graph;
}

static void become_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(expansions); i++) {
        struct op_case_data data;
        struct graph_eval plain, got;
        pum_graph *expanded;
        assert_int_equal(op_case_parse(op_text_context, &expansions[i], 3, &data), PUM_OK);
        pum_graph *graph = graph_of(&expansions[i], &data);
        assert_int_equal(graph_clone(graph, &expanded), PUM_OK);
        if (passes_bind(expanded, &data.inputs[0].tensor.desc, NULL) != PUM_OK)
            fail_msg("%s: %s", expansions[i].inputs, pum_last_error());
        assert_int_equal(graph_eval_count(expanded, (int32_t)expansions[i].op), 0);
        assert_int_equal(graph_eval_run(graph, &data.inputs[0].tensor, &plain), PUM_OK);
        if (graph_eval_run(expanded, &data.inputs[0].tensor, &got) != PUM_OK)
            fail_msg("%s: %s", expansions[i].inputs, pum_last_error());
        double difference =
            graph_eval_difference(graph_eval_output(&plain, 0), graph_eval_output(&got, 0));
        if (!(difference < 2e-5))
            fail_msg("%s: differs by %g", expansions[i].inputs, difference);
        graph_eval_free(&plain);
        graph_eval_free(&got);
        pum_graph_destroy(&expanded);
        pum_graph_destroy(&graph);
        op_case_free(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),         cmocka_unit_test(fourier_is_the_sum),
        cmocka_unit_test(transforms),      cmocka_unit_test(determinants),
        cmocka_unit_test(become_products),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
