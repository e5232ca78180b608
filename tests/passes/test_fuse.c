/* SPDX-License-Identifier: MIT
 *
 * test_fuse.c - each pattern in the forms that exporters write: the right operator comes out, and
 * the answer stays. And what must not be taken for a pattern.
 */
#include "passes/pass_check.h"

#include "ops/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DIMS(...)                                                                                  \
    (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void expect(pum_graph *graph, int32_t op, int32_t count, int32_t total)
{
    assert_int_equal(graph_eval_count(graph, op), count);
    assert_int_equal(graph_eval_count(graph, -1), total);
    graph_release(&graph);
}

static pum_value scalar(pum_graph *g, float value)
{
    return pum_scalar_f32(g, value);
}

static pum_value reduce(pum_graph *g, const char *op, pum_value x)
{
    pum_value axes = pum_ints(g, 1, (int64_t[]){-1});
    return pum_op2(g, op, x, axes);
}

/* --- Gates --- */

static void gelu_erf_forms(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(3, 5), &x);
        pum_value inner = form == 0 ? pum_op2(g, "Div", x, scalar(g, 1.41421356f))
                                    : pum_mul(g, x, scalar(g, 0.70710678f));
        pum_value gate = pum_add(g, pum_op1(g, "Erf", inner), scalar(g, 1));
        pum_value y = form == 2 ? pum_mul(g, pum_mul(g, x, scalar(g, 0.5f)), gate)
                                : pum_mul(g, pum_mul(g, x, gate), scalar(g, 0.5f));
        expect(pass_check(&g, y), OP_GELU, 1, 1);
    }
}

static void gelu_tanh_form(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(2, 7), &x);
    pum_value cube = pum_op2(g, "Pow", x, scalar(g, 3));
    pum_value sum = pum_add(g, x, pum_mul(g, cube, scalar(g, 0.044715f)));
    pum_value tanh = pum_op1(g, "Tanh", pum_mul(g, sum, scalar(g, 0.79788456f)));
    pum_value y = pum_mul(g, pum_mul(g, scalar(g, 0.5f), x), pum_add(g, tanh, scalar(g, 1)));
    expect(pass_check(&g, y), OP_GELU, 1, 1);
}

static void squares_are_products(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(2, 7), &x);
    expect(pass_check(&g, pum_op2(g, "Pow", x, scalar(g, 2))), OP_MUL, 1, 1);
    g = pass_graph(DIMS(2, 7), &x);
    expect(pass_check(&g, pum_op2(g, "Pow", x, scalar(g, 3))), OP_POW, 1, 1);
}

static pum_value relu6_gate(pum_graph *g, pum_value x)
{
    pum_value out, inputs[3] = {pum_add(g, x, scalar(g, 3)), scalar(g, 0), scalar(g, 6)};
    assert_int_equal(
        pum_node(g, &(pum_node_params){.op = "Clip", .inputs = inputs, .input_count = 3}, &out),
        PUM_OK);
    return out;
}

static void hard_swish_forms(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(1, 4, 3, 3), &x);
        pum_value gate = relu6_gate(g, x);
        pum_value y = form == 0 ? pum_op2(g, "Div", pum_mul(g, x, gate), scalar(g, 6))
                                : pum_mul(g, x, pum_op2(g, "Div", gate, scalar(g, 6)));
        expect(pass_check(&g, y), OP_HARDSWISH, 1, 1);
    }
}

static void silu_with_a_neutral_factor(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(4, 4), &x);
    pum_value gate = pum_op1(g, "Sigmoid", pum_mul(g, x, scalar(g, 1)));
    expect(pass_check(&g, pum_mul(g, x, gate)), OP_SILU, 1, 1);
}

/* 0.4 instead of 0.5, another tensor in the gate: no GELU. */
static void near_misses_stay(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(3, 5), &x);
    pum_value gate =
        pum_add(g, pum_op1(g, "Erf", pum_mul(g, x, scalar(g, 0.70710678f))), scalar(g, 1));
    pum_graph *after = pass_check(&g, pum_mul(g, pum_mul(g, x, gate), scalar(g, 0.4f)));
    assert_int_equal(graph_eval_count(after, OP_GELU), 0);
    graph_release(&after);
    g = pass_graph(DIMS(3, 5), &x);
    pum_value other = pum_op1(g, "Abs", x);
    after = pass_check(&g, pum_mul(g, other, pum_op1(g, "Sigmoid", x)));
    assert_int_equal(graph_eval_count(after, OP_SILU), 0);
    graph_release(&after);
}

/* --- Norms --- */

static pum_value centred(pum_graph *g, pum_value x)
{
    return pum_op2(g, "Sub", x, reduce(g, "ReduceMean", x));
}

static pum_value deviation(pum_graph *g, pum_value x, bool power)
{
    pum_value square = power ? pum_op2(g, "Pow", x, scalar(g, 2)) : pum_mul(g, x, x);
    pum_value mean = reduce(g, "ReduceMean", square);
    return pum_op1(g, "Sqrt", pum_add(g, mean, scalar(g, 1e-5f)));
}

static void layer_norm_forms(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(2, 3, 8), &x);
        pum_value d = centred(g, x);
        pum_value y = pum_op2(g, "Div", d, deviation(g, d, form != 1));
        if (form != 2)
            y = pum_mul(g, y, pass_weight(g, DIMS(8), 1));
        if (form != 3 && form != 2)
            y = pum_add(g, y, pass_weight(g, DIMS(8), 2));
        expect(pass_check(&g, y), OP_LAYERNORMALIZATION, 1, 1);
    }
}

static void rms_norm_form(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(2, 3, 8), &x);
    pum_value inverse = pum_op1(g, "Reciprocal", deviation(g, x, true));
    pum_value y = pum_mul(g, pum_mul(g, x, inverse), pass_weight(g, DIMS(8), 1));
    expect(pass_check(&g, y), OP_RMSNORMALIZATION, 1, 1);
}

static void softmax_forms(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(3, 6), &x);
        pum_value shifted = form ? x : pum_op2(g, "Sub", x, reduce(g, "ReduceMax", x));
        pum_value e = pum_op1(g, "Exp", shifted);
        pum_value y = pum_op2(g, "Div", e, reduce(g, "ReduceSum", e));
        expect(pass_check(&g, y), OP_SOFTMAX, 1, 1);
    }
}

/* --- Products --- */

static void transpose_and_bias_go_into_matmul(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(2, 5, 4), &x);
    pum_value w = pum_input(g, "w", PUM_DTYPE_F32, 2, (int64_t[]){6, 4});
    pum_value t = pum_transpose(g, w, 2, (int64_t[]){1, 0});
    pum_value y = pum_add(g, pum_matmul(g, x, t), pass_weight(g, DIMS(6), 3));
    expect(pass_check(&g, y), OP_MATMUL, 1, 1);
}

static pum_value attention(pum_graph *g, pum_value q, pum_value k, pum_value v, bool mask,
                           int32_t rank)
{
    pum_value kt =
        pum_transpose(g, k, rank, rank == 4 ? (int64_t[]){0, 1, 3, 2} : (int64_t[]){0, 2, 1});
    pum_value scores = pum_matmul(g, pum_mul(g, q, scalar(g, 0.5f)), kt);
    if (mask)
        scores = pum_add(g, scores, pass_weight(g, DIMS(5, 6), 9));
    return pum_matmul(g, pum_softmax(g, scores, -1), v);
}

static void attention_forms(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        pum_value q;
        pum_graph *g = pass_graph(DIMS(1, 2, 5, 4), &q);
        pum_value k = pum_input(g, "k", PUM_DTYPE_F32, 4, (int64_t[]){1, 2, 6, 4});
        pum_value v = pum_input(g, "v", PUM_DTYPE_F32, 4, (int64_t[]){1, 2, 6, 3});
        pum_graph *after = pass_check(&g, attention(g, q, k, v, form == 1, 4));
        expect(after, OP_ATTENTION, 1, 1);
    }
}

static void attention_of_rank_3(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        pum_value q;
        pum_graph *g = pass_graph(DIMS(2, 5, 4), &q);
        pum_value k = pum_input(g, "k", PUM_DTYPE_F32, 3, (int64_t[]){2, 6, 4});
        pum_value v = pum_input(g, "v", PUM_DTYPE_F32, 3, (int64_t[]){2, 6, 3});
        pum_graph *after = pass_check(&g, attention(g, q, k, v, form == 1, 3));
        assert_int_equal(graph_eval_count(after, OP_ATTENTION), 1);
        assert_int_equal(graph_eval_count(after, OP_SOFTMAX), 0);
        graph_release(&after);
    }
}

/* --- Convolution --- */

static pum_value conv(pum_graph *g, pum_value x, bool bias)
{
    return pum_conv(g, &(pum_conv_params){.x = x,
                                          .w = pass_weight(g, DIMS(4, 3, 3, 3), 5),
                                          .b = bias ? pass_weight(g, DIMS(4), 6) : PUM_NO_VALUE,
                                          .pad = {1, 1}});
}

static void batch_norm_goes_into_conv(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        pum_value x, y;
        pum_graph *g = pass_graph(DIMS(1, 3, 5, 5), &x);
        pum_value variance = pum_op1(g, "Abs", pass_weight(g, DIMS(4), 10));
        pum_value inputs[5] = {conv(g, x, form == 1), pass_weight(g, DIMS(4), 7),
                               pass_weight(g, DIMS(4), 8), pass_weight(g, DIMS(4), 9), variance};
        assert_int_equal(
            pum_node(
                g,
                &(pum_node_params){.op = "BatchNormalization", .inputs = inputs, .input_count = 5},
                &y),
            PUM_OK);
        expect(pass_check(&g, y), OP_CONV, 1, 1);
    }
}

static void scale_and_shift_go_into_conv(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(1, 3, 5, 5), &x);
    pum_value y = pum_mul(g, conv(g, x, true), pass_weight(g, DIMS(4, 1, 1), 7));
    y = pum_op2(g, "Sub", pum_add(g, y, scalar(g, 0.25f)), pass_weight(g, DIMS(1, 4, 1, 1), 8));
    y = pum_op2(g, "Div", y, scalar(g, 3));
    pum_graph *after = pass_check(&g, y);
    assert_null(after->nodes[0].chain);
    expect(after, OP_CONV, 1, 1);
}

static void conv_transpose_channels_are_the_second_axis(void **state)
{
    (void)state;
    pum_value x, y;
    pum_graph *g = pass_graph(DIMS(1, 4, 3, 3), &x);
    pum_value inputs[2] = {x, pass_weight(g, DIMS(4, 3, 2, 2), 5)};
    pum_attr attrs[2] = {
        {.name = "group", .kind = PUM_ATTR_INT, .i = 2},
        {.name = "strides", .kind = PUM_ATTR_INTS, .ints = (int64_t[]){2, 2}, .count = 2}};
    assert_int_equal(pum_node(g,
                              &(pum_node_params){.op = "ConvTranspose",
                                                 .inputs = inputs,
                                                 .input_count = 2,
                                                 .attrs = attrs,
                                                 .attr_count = 2},
                              &y),
                     PUM_OK);
    y = pum_mul(g, y, pass_weight(g, DIMS(6, 1, 1), 7));
    expect(pass_check(&g, y), OP_CONVTRANSPOSE, 1, 1);
}

/* A bias along the width is not a channel's. */
static void other_axes_stay_out_of_conv(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(1, 3, 4, 4), &x);
    pum_graph *after = pass_check(&g, pum_add(g, conv(g, x, true), pass_weight(g, DIMS(4), 7)));
    assert_int_equal(graph_eval_count(after, OP_CONV), 1);
    graph_release(&after);
}

/* --- Chains and folding --- */

static void elementwise_steps_join_the_conv(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(1, 3, 5, 5), &x);
    pum_value residual = pum_input(g, "r", PUM_DTYPE_F32, 4, (int64_t[]){1, 4, 5, 5});
    pum_value y = pum_relu(g, pum_add(g, conv(g, x, true), residual));
    y = pum_mul(g, y, scalar(g, 0.5f));
    pum_graph *after = pass_check(&g, y);
    assert_int_equal(graph_eval_count(after, -1), 1);
    assert_non_null(after->nodes[0].chain);
    assert_int_equal(after->nodes[0].chain->step_count, 3);
    graph_release(&after);
}

static void a_result_used_twice_is_not_swallowed(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(1, 3, 5, 5), &x);
    pum_value c = conv(g, x, true);
    pum_value y = pum_add(g, pum_relu(g, c), pum_op1(g, "Tanh", c));
    pum_graph *after = pass_check(&g, y);
    assert_int_equal(graph_eval_count(after, OP_CONV), 1);
    assert_true(graph_eval_count(after, -1) >= 2);
    graph_release(&after);
}

static void shape_arithmetic_is_folded(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(2, 3, 4), &x);
    pum_value shape = pum_op1(g, "Shape", x);
    pum_value first = pum_op2(g, "Gather", shape, pum_ints(g, 1, (int64_t[]){0}));
    pum_value parts[2] = {first, pum_ints(g, 1, (int64_t[]){-1})}, dims;
    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 0};
    assert_int_equal(
        pum_node(
            g,
            &(pum_node_params){
                .op = "Concat", .inputs = parts, .input_count = 2, .attrs = &axis, .attr_count = 1},
            &dims),
        PUM_OK);
    pum_value y = pum_op2(g, "Reshape", pum_relu(g, x), dims);
    pum_graph *after = pass_check(&g, y);
    assert_int_equal(graph_eval_count(after, -1), 2);
    graph_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_erf_forms),
        cmocka_unit_test(gelu_tanh_form),
        cmocka_unit_test(hard_swish_forms),
        cmocka_unit_test(squares_are_products),
        cmocka_unit_test(silu_with_a_neutral_factor),
        cmocka_unit_test(near_misses_stay),
        cmocka_unit_test(layer_norm_forms),
        cmocka_unit_test(rms_norm_form),
        cmocka_unit_test(softmax_forms),
        cmocka_unit_test(transpose_and_bias_go_into_matmul),
        cmocka_unit_test(attention_forms),
        cmocka_unit_test(attention_of_rank_3),
        cmocka_unit_test(batch_norm_goes_into_conv),
        cmocka_unit_test(scale_and_shift_go_into_conv),
        cmocka_unit_test(conv_transpose_channels_are_the_second_axis),
        cmocka_unit_test(other_axes_stay_out_of_conv),
        cmocka_unit_test(elementwise_steps_join_the_conv),
        cmocka_unit_test(a_result_used_twice_is_not_swallowed),
        cmocka_unit_test(shape_arithmetic_is_folded),
    };
    return cmocka_run_group_tests(tests, pass_setup, pass_teardown);
}
