/* SPDX-License-Identifier: MIT
 *
 * test_fuse_exports.c - forms that PyTorch's exporter writes and that need more than one node's
 * look: what every layer computes anew, choices that are known, old Softmax, relu6.
 */
#include "passes/pass_check.h"

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

static pum_value node(pum_graph *g, const char *op, const pum_value *inputs, int32_t count,
                      const pum_attr *attr)
{
    pum_value y = PUM_NO_VALUE;
    pum_node_params params = {.op = op,
                              .inputs = inputs,
                              .input_count = count,
                              .attrs = attr,
                              .attr_count = attr ? 1 : 0};
    assert_int_equal(pum_node(g, &params, &y), PUM_OK);
    return y;
}

/* --- Equal nodes --- */

static pum_value leaky(pum_graph *g, pum_value x, float alpha)
{
    const pum_attr attr = {.name = "alpha", .kind = PUM_ATTR_FLOAT, .f = alpha};
    return node(g, "LeakyRelu", &x, 1, &attr);
}

static void equal_nodes_become_one(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(3, 4), &x);
    /* Through two levels, with constants of their own. */
    pum_value a = pum_op1(g, "Sin", leaky(g, pum_mul(g, x, pum_scalar_f32(g, 3)), 0.25f));
    pum_value b = pum_op1(g, "Sin", leaky(g, pum_mul(g, x, pum_scalar_f32(g, 3)), 0.25f));
    pum_value y =
        pum_reduce_sum(g, pum_matmul(g, a, pum_transpose(g, b, 2, (int64_t[]){1, 0})), 1, true);
    expect(pass_check(&g, y), OP_SIN, 1, 4);
}

static void unequal_nodes_stay(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(4, 4), &x);
        pum_value turned = pum_transpose(g, x, 2, (int64_t[]){1, 0});
        pum_value a = leaky(g, pum_mul(g, x, pum_scalar_f32(g, 3)), 0.25f), b;
        if (form == 0) /* another constant */
            b = leaky(g, pum_mul(g, x, pum_scalar_f32(g, 2)), 0.25f);
        else if (form == 1) /* another attribute */
            b = leaky(g, pum_mul(g, x, pum_scalar_f32(g, 3)), 0.5f);
        else if (form == 2) /* another input */
            b = leaky(g, pum_mul(g, turned, pum_scalar_f32(g, 3)), 0.25f);
        else /* the other operand */
            b = leaky(g, pum_sub(g, pum_scalar_f32(g, 3), x), 0.25f);
        pum_value y = node(g, "Softmax", (pum_value[]){pum_sub(g, a, b)}, 1, NULL);
        pum_graph *after = pass_check(&g, y);
        assert_true(graph_eval_count(after, -1) > 1);
        graph_release(&after);
    }
}

/* --- Choices --- */

static void a_known_choice_is_dropped(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(2, 3), &x);
        uint8_t flags[3] = {form != 1, form != 1, form == 0};
        pum_value which =
            pum_constant_copy(g, "c", PUM_DTYPE_BOOL, 1, (int64_t[]){3}, flags, sizeof flags);
        pum_value left = pum_op1(g, "Sin", x), right = pum_op1(g, "Cos", x);
        pum_value where = node(g, "Where", (pum_value[]){which, left, right}, 3, NULL);
        pum_value y = pum_op1(g, "Neg", where);
        bool known = form != 2;
        pum_graph *after = pass_check(&g, y);
        assert_int_equal(graph_eval_count(after, OP_WHERE), known ? 0 : 1);
        assert_int_equal(graph_eval_count(after, form == 0 ? OP_COS : OP_SIN), known ? 0 : 1);
        graph_release(&after);
    }
}

/* A choice that broadcasts is not given back as it is. */
static void a_known_choice_that_grows_stays(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(1, 3), &x);
    uint8_t flags[2] = {1, 1};
    pum_value which =
        pum_constant_copy(g, "c", PUM_DTYPE_BOOL, 2, (int64_t[]){2, 1}, flags, sizeof flags);
    pum_value y = node(g, "Where", (pum_value[]){which, x, pum_scalar_f32(g, 0)}, 3, NULL);
    expect(pass_check(&g, pum_op1(g, "Softmax", y)), OP_WHERE, 1, 2);
}

/* --- Norms and gates --- */

static void softmax_of_rows(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(2, 3, 4), &x);
        const pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = form == 1 ? 1 : 2};
        const pum_attr last = {.name = "axis", .kind = PUM_ATTR_INT, .i = -1};
        pum_value flat = node(g, "Flatten", &x, 1, &axis);
        pum_value y = node(g, form == 2 ? "LogSoftmax" : "Softmax", &flat, 1, &last);
        y = pum_op2(g, "Reshape", y, pum_shape_of(g, x));
        expect(pass_check(&g, y), form == 2 ? OP_LOGSOFTMAX : OP_SOFTMAX, 1, form == 1 ? 3 : 1);
    }
}

static void rms_norm_by_one_over_the_root(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(2, 3, 8), &x);
        pum_value square = pum_op2(g, "Pow", x, pum_scalar_f32(g, 2));
        pum_value list = pum_ints(g, 1, (int64_t[]){-1});
        pum_value mean = pum_op2(g, "ReduceMean", square, list);
        pum_value root = pum_op1(g, "Sqrt", pum_add(g, mean, pum_scalar_f32(g, 1e-6f)));
        pum_value inverse = pum_div(g, pum_scalar_f32(g, form == 0 ? 1 : 2), root);
        pum_value y = pum_mul(g, pass_weight(g, DIMS(8), 1), pum_mul(g, x, inverse));
        pum_graph *after = pass_check(&g, y);
        assert_int_equal(graph_eval_count(after, OP_RMSNORMALIZATION), form == 0 ? 1 : 0);
        graph_release(&after);
    }
}

static void hard_swish_of_relu6(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(3, 5), &x);
    pum_value relu = pum_relu(g, pum_add(g, x, pum_scalar_f32(g, 3)));
    pum_value inputs[3] = {relu, pum_scalar_f32(g, 0), pum_scalar_f32(g, 6)};
    pum_value gate = pum_div(g, node(g, "Clip", inputs, 3, NULL), pum_scalar_f32(g, 6));
    expect(pass_check(&g, pum_mul(g, x, gate)), OP_HARDSWISH, 1, 1);
}

/* x of [2,6,3,4] in 3 groups. Form 0: scale and bias; 1: neither; 2: bias alone; 3: bias that is
 * no channel's; 4: the norm has a scale of its own. */
static void group_norm_forms(void **state)
{
    (void)state;
    for (int form = 0; form < 5; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(2, 6, 3, 4), &x);
        const float ones[3] = {1, 1, form == 4 ? 2 : 1}, zeros[3] = {0};
        pum_value inputs[3] = {
            pum_reshape(g, x, 3, (int64_t[]){0, 3, -1}),
            pum_constant_copy(g, "ones", PUM_DTYPE_F32, 1, (int64_t[]){3}, ones, sizeof ones),
            pum_constant_copy(g, "zeros", PUM_DTYPE_F32, 1, (int64_t[]){3}, zeros, sizeof zeros)};
        pum_value y = node(g, "InstanceNormalization", inputs, 3, NULL);
        y = pum_op2(g, "Reshape", y, pum_shape_of(g, x));
        if (form == 0)
            y = pum_mul(g, y, pass_weight(g, DIMS(6, 1, 1), 1));
        if (form == 0 || form == 2)
            y = pum_add(g, pass_weight(g, DIMS(1, 6, 1, 1), 2), y);
        if (form == 3)
            y = pum_add(g, y, pass_weight(g, DIMS(3, 4), 2));
        pum_graph *after = pass_check(&g, y);
        assert_int_equal(graph_eval_count(after, OP_GROUPNORMALIZATION), form == 4 ? 0 : 1);
        if (form < 3)
            assert_int_equal(graph_eval_count(after, -1), 1);
        graph_release(&after);
    }
}

/* --- Gemm --- */

static void batch_norm_goes_into_gemm(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(5, 3), &x);
        bool turned = form != 1;
        pum_value inputs[3] = {
            x, turned ? pass_weight(g, DIMS(4, 3), 1) : pass_weight(g, DIMS(3, 4), 1),
            form == 2 ? PUM_NO_VALUE : pass_weight(g, DIMS(4), 2)};
        const pum_attr attrs[2] = {
            {.name = "transB", .kind = PUM_ATTR_INT, .i = turned},
            {.name = "alpha", .kind = PUM_ATTR_FLOAT, .f = form == 3 ? 0.5f : 1}};
        pum_value y;
        assert_int_equal(pum_node(g,
                                  &(pum_node_params){.op = "Gemm",
                                                     .inputs = inputs,
                                                     .input_count = 3,
                                                     .attrs = attrs,
                                                     .attr_count = 2},
                                  &y),
                         PUM_OK);
        pum_value norm[5] = {y, pass_weight(g, DIMS(4), 3), pass_weight(g, DIMS(4), 4),
                             pass_weight(g, DIMS(4), 5),
                             pum_op1(g, "Abs", pass_weight(g, DIMS(4), 6))};
        y = pum_relu(g, node(g, "BatchNormalization", norm, 5, NULL));
        pum_graph *after = pass_check(&g, y);
        assert_int_equal(graph_eval_count(after, OP_BATCHNORMALIZATION), form == 3 ? 1 : 0);
        assert_int_equal(graph_eval_count(after, OP_GEMM), 1);
        graph_release(&after);
    }
}

/* A row's own numbers are not a channel's. */
static void what_differs_by_row_stays_out_of_gemm(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(4, 3), &x);
    pum_value inputs[2] = {x, pass_weight(g, DIMS(3, 4), 1)};
    pum_value y = node(g, "Gemm", inputs, 2, NULL);
    y = pum_mul(g, y, pass_weight(g, DIMS(4, 1), 2));
    y = node(g, "Softmax", &y, 1, NULL);
    pum_graph *after = pass_check(&g, y);
    assert_int_equal(graph_eval_count(after, OP_GEMM), 1);
    graph_release(&after);
}

/* --- Attention --- */

/* q k^T / 2 of [1,2,QUERIES,4] and [1,2,KEYS,4]; v [1,2,KEYS,3] */
enum { QUERIES = 5, KEYS = 7 };

static pum_value scores_of(pum_graph *g, pum_value q)
{
    pum_value k = pum_input(g, "k", PUM_DTYPE_F32, 4, (int64_t[]){1, 2, KEYS, 4});
    pum_value kt = pum_transpose(g, k, 4, (int64_t[]){0, 1, 3, 2});
    return pum_div(g, pum_matmul(g, q, kt), pum_scalar_f32(g, 2));
}

static pum_value mixed(pum_graph *g, pum_value scores)
{
    pum_value v = pum_input(g, "v", PUM_DTYPE_F32, 4, (int64_t[]){1, 2, KEYS, 3});
    return pum_matmul(g, pum_softmax(g, scores, -1), v);
}

/* True for the keys that causal queries see, one key more or less by `shift`. */
static pum_value triangle(pum_graph *g, bool seen, int shift)
{
    uint8_t flags[QUERIES * KEYS];
    for (int i = 0; i < QUERIES * KEYS; i++)
        flags[i] = (i % KEYS <= i / KEYS + KEYS - QUERIES + shift) == seen;
    return pum_constant_copy(g, "triangle", PUM_DTYPE_BOOL, 4, (int64_t[]){1, 1, QUERIES, KEYS},
                             flags, sizeof flags);
}

static void attention_behind_a_triangle(void **state)
{
    (void)state;
    for (int form = 0; form < 5; form++) {
        pum_value q;
        pum_graph *g = pass_graph(DIMS(1, 2, QUERIES, 4), &q);
        pum_value scores = scores_of(g, q), number = pum_scalar_f32(g, form == 3 ? 0 : -1.5f);
        bool seen = form != 1, off = form == 4;
        pum_value which = triangle(g, seen, off ? 1 : 0);
        scores = seen ? node(g, "Where", (pum_value[]){which, scores, number}, 3, NULL)
                      : node(g, "Where", (pum_value[]){which, number, scores}, 3, NULL);
        if (form == 2 || off)
            scores = pum_add(g, scores, pass_weight(g, DIMS(1, 1, 1, KEYS), 4));
        pum_graph *after = pass_check(&g, mixed(g, scores));
        assert_int_equal(graph_eval_count(after, OP_ATTENTION), off ? 0 : 1);
        assert_int_equal(graph_eval_count(after, -1) == 1, !off);
        graph_release(&after);
    }
}

static void attention_with_filled_scores(void **state)
{
    (void)state;
    for (int form = 0; form < 5; form++) {
        pum_value q;
        pum_graph *g = pass_graph(DIMS(1, 2, QUERIES, 4), &q);
        pum_value scores = scores_of(g, q);
        const int64_t dims[4] = {1, form == 2 ? 2 : 1, 1, KEYS};
        pum_value m = pum_input(g, "m", PUM_DTYPE_F32, 4, dims);
        pum_value which = pum_op2(g, "Greater", m, pum_scalar_f32(g, 0));
        pum_value number = pum_scalar_f32(g, form == 3 ? 0 : form == 1 ? -1e9f : 0.5f);
        bool fills_true = form != 4;
        scores = fills_true ? node(g, "Where", (pum_value[]){which, number, scores}, 3, NULL)
                            : node(g, "Where", (pum_value[]){which, scores, number}, 3, NULL);
        pum_graph *after = pass_check(&g, mixed(g, scores));
        bool fits = form != 3; /* 0 is what stands for "stays" */
        assert_int_equal(graph_eval_count(after, OP_ATTENTION), fits ? 1 : 0);
        assert_int_equal(graph_eval_count(after, OP_SOFTMAX), fits ? 0 : 1);
        graph_release(&after);
    }
}

/* [1, heads, l, d] -> [1, heads * n, l, d], each head n times. */
static pum_value repeat(pum_graph *g, pum_value x, int64_t heads, int64_t n, int64_t l, int64_t d)
{
    x = pum_unsqueeze(g, x, 1, (int64_t[]){2});
    x = pum_expand(g, x, pum_ints(g, 5, (int64_t[]){1, heads, n, l, d}));
    return pum_reshape(g, x, 4, (int64_t[]){1, heads * n, l, d});
}

static void attention_with_shared_heads(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        pum_value q;
        pum_graph *g = pass_graph(DIMS(1, 6, QUERIES, 4), &q);
        const int64_t k_heads = 2, v_heads = form == 0 ? 2 : 3;
        pum_value k = pum_input(g, "k", PUM_DTYPE_F32, 4, (int64_t[]){1, k_heads, KEYS, 4});
        pum_value v = pum_input(g, "v", PUM_DTYPE_F32, 4, (int64_t[]){1, v_heads, KEYS, 3});
        k = repeat(g, k, k_heads, 6 / k_heads, KEYS, 4);
        v = repeat(g, v, v_heads, 6 / v_heads, KEYS, 3);
        pum_value kt = pum_transpose(g, k, 4, (int64_t[]){0, 1, 3, 2});
        pum_value scores = pum_div(g, pum_matmul(g, q, kt), pum_scalar_f32(g, 2));
        pum_graph *after = pass_check(&g, pum_matmul(g, pum_softmax(g, scores, -1), v));
        assert_int_equal(graph_eval_count(after, OP_ATTENTION), 1);
        assert_int_equal(graph_eval_count(after, OP_EXPAND), form == 0 ? 0 : 2);
        graph_release(&after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_nodes_become_one),
        cmocka_unit_test(unequal_nodes_stay),
        cmocka_unit_test(a_known_choice_is_dropped),
        cmocka_unit_test(a_known_choice_that_grows_stays),
        cmocka_unit_test(softmax_of_rows),
        cmocka_unit_test(rms_norm_by_one_over_the_root),
        cmocka_unit_test(hard_swish_of_relu6),
        cmocka_unit_test(group_norm_forms),
        cmocka_unit_test(batch_norm_goes_into_gemm),
        cmocka_unit_test(what_differs_by_row_stays_out_of_gemm),
        cmocka_unit_test(attention_behind_a_triangle),
        cmocka_unit_test(attention_with_filled_scores),
        cmocka_unit_test(attention_with_shared_heads),
    };
    return cmocka_run_group_tests(tests, pass_setup, pass_teardown);
}
