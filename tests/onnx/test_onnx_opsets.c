/* SPDX-License-Identifier: MIT
 *
 * test_onnx_opsets.c - forms of opsets 1 to 6 and 18 to 20: a small model in each must compute what
 * its own opset says (by the operators' references). Opsets between: test_onnx_upgrade.c.
 */
#include "model_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;
static struct maker m;

#define N(...)                                                                                     \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[])                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define F(...)                                                                                     \
    (int32_t)(sizeof((float[]){__VA_ARGS__}) / 4), (float[])                                       \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define V(...) ((float[]){__VA_ARGS__})

static int make_context(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int end_context(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    return 0;
}

static Onnx__NodeProto *begin(int64_t opset, const char *op, const char *inputs)
{
    maker_init(&m, opset);
    return maker_node(&m, op, inputs, "y");
}

/* x = [[1, 2, 3], [4, 5, 6]] */
static void x123456(void)
{
    maker_f32(&m, "x", 2, (int64_t[]){2, 3}, V(1, 2, 3, 4, 5, 6));
}

static void expect_y(int32_t count, const float *values)
{
    maker_output(&m, maker_value(&m, "y", T_F32, -1, NULL));
    maker_expect(&m, context, 0, count, values);
}

static void expect_refused(pum_status status, const char *part)
{
    maker_output(&m, maker_value(&m, "y", T_F32, -1, NULL));
    maker_expect_error(&m, context, status, part);
}

/* --- Opsets 1 to 6 ---------------------------------------------------------------------------- */

static void broadcast(Onnx__NodeProto *node, int64_t axis)
{
    maker_int(&m, node, "broadcast", 1);
    maker_int(&m, node, "axis", axis);
    x123456();
}

static void test_broadcast(void **state)
{
    (void)state;
    broadcast(begin(6, "Add", "x b"), 0);
    maker_f32(&m, "b", 1, (int64_t[]){2}, V(10, 20));
    expect_y(F(11, 12, 13, 24, 25, 26));
    broadcast(begin(6, "Mul", "x b"), 1);
    maker_f32(&m, "b", 1, (int64_t[]){3}, V(1, 10, 100));
    expect_y(F(1, 20, 300, 4, 50, 600));
    broadcast(begin(1, "Sub", "x b"), -2);
    maker_ints(&m, m.graph.node[0], "consumed_inputs", N(0, 0));
    maker_f32(&m, "b", 1, (int64_t[]){2}, V(1, 2));
    expect_y(F(0, 1, 2, 2, 3, 4));
    broadcast(begin(6, "Pow", "x b"), 0);
    maker_f32(&m, "b", 2, (int64_t[]){2, 3}, V(1, 1, 1, 2, 2, 2));
    expect_y(F(1, 2, 3, 16, 25, 36));
    broadcast(begin(6, "Div", "x b"), 0);
    maker_f32(&m, "b", 0, NULL, V(2));
    expect_y(F(0.5f, 1, 1.5f, 2, 2.5f, 3));
    Onnx__NodeProto *node = begin(6, "Div", "x b");
    maker_int(&m, node, "broadcast", 1);
    x123456();
    maker_f32(&m, "b", 1, (int64_t[]){1}, V(2));
    expect_y(F(0.5f, 1, 1.5f, 2, 2.5f, 3));
    broadcast(begin(6, "Add", "x b"), 1);
    maker_f32(&m, "b", 2, (int64_t[]){3, 1}, V(1, 2, 3));
    expect_refused(PUM_E_SHAPE, "axis 1 does not fit");
}

static void test_gemm_6(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(6, "Gemm", "x x c");
    maker_int(&m, node, "broadcast", 1);
    maker_int(&m, node, "transB", 1);
    x123456();
    maker_f32(&m, "c", 1, (int64_t[]){2}, V(100, 200));
    expect_y(F(114, 232, 132, 277));
}

static void test_attributes_1(void **state)
{
    (void)state;
    (void)begin(1, "Concat", "x x");
    x123456();
    expect_y(F(1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6));
    Onnx__NodeProto *node = begin(1, "Reshape", "x");
    maker_ints(&m, node, "shape", N(3, -1));
    x123456();
    (void)maker_node(&m, "Shape", "y", "s");
    maker_output(&m, maker_value(&m, "s", T_I64, -1, NULL));
    maker_expect(&m, context, 0, F(3, 2));
    node = begin(1, "Pad", "x");
    maker_ints(&m, node, "paddings", N(0, 1, 0, 0));
    x123456();
    expect_y(F(0, 1, 2, 3, 0, 4, 5, 6));
    node = begin(1, "Cast", "x");
    maker_string(&m, node, "to", "INT64");
    x123456();
    maker_output(&m, maker_value(&m, "y", T_I64, -1, NULL));
    maker_expect(&m, context, 0, F(1, 2, 3, 4, 5, 6));
    node = begin(1, "Cast", "x");
    maker_string(&m, node, "to", "COMPLEX64");
    x123456();
    expect_refused(PUM_E_UNSUPPORTED, "cast to");
    node = begin(1, "GlobalLpPool", "x");
    maker_float(&m, node, "p", 1);
    maker_f32(&m, "x", 3, (int64_t[]){1, 1, 3}, V(1, -2, 3));
    expect_y(F(6));
    node = begin(1, "GlobalLpPool", "x");
    maker_float(&m, node, "p", 1.5f);
    maker_f32(&m, "x", 3, (int64_t[]){1, 1, 3}, V(1, -2, 3));
    expect_refused(PUM_E_UNSUPPORTED, "power");
    node = begin(1, "Upsample", "x");
    maker_float(&m, node, "height_scale", 1);
    maker_float(&m, node, "width_scale", 2);
    maker_string(&m, node, "mode", "nearest");
    maker_f32(&m, "x", 4, (int64_t[]){1, 1, 1, 2}, V(1, 2));
    expect_y(F(1, 1, 2, 2));
    (void)begin(1, "Tile", "x t t");
    x123456();
    maker_i64(&m, "t", N(1));
    expect_refused(PUM_E_UNSUPPORTED, "the form of opset 1");
    node = begin(6, "Relu", "x");
    maker_ints(&m, node, "consumed_inputs", N(0));
    x123456();
    expect_refused(PUM_E_UNSUPPORTED, "consumed_inputs");
}

static void test_inference_6(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(6, "Dropout", "x");
    maker_int(&m, node, "is_test", 1);
    x123456();
    expect_y(F(1, 2, 3, 4, 5, 6));
    node = begin(6, "BatchNormalization", "x s b mean var");
    maker_int(&m, node, "is_test", 1);
    maker_float(&m, node, "epsilon", 0);
    maker_f32(&m, "x", 2, (int64_t[]){1, 2}, V(3, 8));
    maker_f32(&m, "s", 1, (int64_t[]){2}, V(2, 1));
    maker_f32(&m, "b", 1, (int64_t[]){2}, V(1, 0));
    maker_f32(&m, "mean", 1, (int64_t[]){2}, V(1, 2));
    maker_f32(&m, "var", 1, (int64_t[]){2}, V(4, 9));
    expect_y(F(3, 2));
}

static void test_recurrent_6(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(6, "RNN", "x w r");
    maker_int(&m, node, "hidden_size", 1);
    maker_int(&m, node, "output_sequence", 1);
    maker_f32(&m, "x", 3, (int64_t[]){2, 1, 1}, V(0, 100));
    maker_f32(&m, "w", 3, (int64_t[]){1, 1, 1}, V(1));
    maker_f32(&m, "r", 3, (int64_t[]){1, 1, 1}, V(1));
    expect_y(F(0, 1));
}

/* One slope a channel, whatever stands behind. */
static void test_prelu_6(void **state)
{
    (void)state;
    for (int64_t rank = 2; rank <= 4; rank++) {
        (void)begin(6, "PRelu", "x s");
        maker_f32(&m, "x", (int32_t)rank, (int64_t[]){1, 2, rank > 2 ? 2 : 1, 1},
                  V(-1, -1, -1, -1));
        maker_f32(&m, "s", 1, (int64_t[]){2}, V(2, 3));
        if (rank == 2)
            expect_y(F(-2, -3));
        else
            expect_y(F(-2, -2, -3, -3));
    }
}

/* --- Opsets 18 to 20 -------------------------------------------------------------------------- */

static void test_reductions_18(void **state)
{
    (void)state;
    (void)begin(18, "ReduceMean", "x a");
    x123456();
    maker_i64(&m, "a", N(0));
    expect_y(F(2.5f, 3.5f, 4.5f));
    Onnx__NodeProto *node = begin(18, "ReduceMax", "x");
    maker_int(&m, node, "noop_with_empty_axes", 1);
    x123456();
    expect_y(F(1, 2, 3, 4, 5, 6));
    for (int i = 0; i < 2; i++) {
        static const uint8_t bits[] = {0, 1, 1, 1};
        node = begin(20, i == 0 ? "ReduceMax" : "ReduceMin", "b a");
        maker_int(&m, node, "keepdims", 0);
        maker_initializer(&m, maker_raw(&m, "b", T_BOOL, 2, (int64_t[]){2, 2}, bits, 4));
        maker_i64(&m, "a", N(1));
        maker_output(&m, maker_value(&m, "y", T_BOOL, -1, NULL));
        maker_expect(&m, context, 0, F(i == 0, 1));
    }
}

static void test_split_18(void **state)
{
    (void)state;
    maker_init(&m, 18);
    Onnx__NodeProto *node = maker_node(&m, "Split", "x", "a y");
    maker_int(&m, node, "axis", 1);
    maker_int(&m, node, "num_outputs", 2);
    x123456();
    expect_y(F(3, 6));
    maker_init(&m, 13); /* all outputs count, named or not */
    node = maker_node(&m, "Split", "x", "y - -");
    maker_int(&m, node, "axis", 1);
    x123456();
    expect_y(F(1, 4));
    maker_init(&m, 18);
    node = maker_node(&m, "Split", "x", "a y");
    maker_int(&m, node, "num_outputs", 3);
    x123456();
    expect_refused(PUM_E_FORMAT, "num_outputs is 3");
}

static void test_pad_18(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(18, "Pad", "x p - a");
    maker_i64(&m, "p", N(1, 0));
    maker_i64(&m, "a", N(1));
    x123456();
    expect_y(F(0, 1, 2, 3, 0, 4, 5, 6));
    node = begin(19, "Pad", "x p - a");
    maker_string(&m, node, "mode", "wrap");
    maker_i64(&m, "p", N(1, 1));
    maker_i64(&m, "a", N(-1));
    x123456();
    expect_y(F(3, 1, 2, 3, 1, 6, 4, 5, 6, 4));
}

static void test_group_norm_18(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(18, "GroupNormalization", "x s b");
    maker_int(&m, node, "num_groups", 2);
    maker_float(&m, node, "epsilon", 0);
    maker_f32(&m, "x", 2, (int64_t[]){1, 4}, V(1, 3, 10, 30));
    maker_f32(&m, "s", 1, (int64_t[]){2}, V(2, 5));
    maker_f32(&m, "b", 1, (int64_t[]){2}, V(0, 100));
    expect_y(F(-2, 2, 95, 105));
    node = begin(18, "GroupNormalization", "x s b");
    maker_f32(&m, "x", 2, (int64_t[]){1, 4}, V(1, 3, 10, 30));
    maker_f32(&m, "s", 1, (int64_t[]){2}, V(2, 5));
    maker_f32(&m, "b", 1, (int64_t[]){2}, V(0, 100));
    expect_refused(PUM_E_FORMAT, "num_groups");
}

static void test_more_19(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(19, "Cast", "x");
    maker_int(&m, node, "to", T_I32);
    maker_int(&m, node, "saturate", 0);
    x123456();
    maker_output(&m, maker_value(&m, "y", T_I32, -1, NULL));
    maker_expect(&m, context, 0, F(1, 2, 3, 4, 5, 6));
    node = begin(19, "AveragePool", "x");
    maker_ints(&m, node, "kernel_shape", N(2));
    maker_ints(&m, node, "dilations", N(2));
    maker_f32(&m, "x", 3, (int64_t[]){1, 1, 4}, V(1, 2, 3, 6));
    expect_y(F(2, 4));
    node = begin(18, "LpPool", "x");
    maker_ints(&m, node, "kernel_shape", N(2));
    maker_ints(&m, node, "dilations", N(2));
    maker_int(&m, node, "p", 1);
    maker_f32(&m, "x", 3, (int64_t[]){1, 1, 4}, V(1, 2, 3, -6));
    expect_y(F(4, 8));
    node = begin(20, "Gelu", "x");
    maker_string(&m, node, "approximate", "tanh");
    maker_f32(&m, "x", 1, (int64_t[]){2}, V(0, 100));
    expect_y(F(0, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broadcast),     cmocka_unit_test(test_gemm_6),
        cmocka_unit_test(test_attributes_1),  cmocka_unit_test(test_inference_6),
        cmocka_unit_test(test_recurrent_6),   cmocka_unit_test(test_prelu_6),
        cmocka_unit_test(test_reductions_18), cmocka_unit_test(test_split_18),
        cmocka_unit_test(test_pad_18),        cmocka_unit_test(test_group_norm_18),
        cmocka_unit_test(test_more_19),
    };
    return cmocka_run_group_tests(tests, make_context, end_context);
}
