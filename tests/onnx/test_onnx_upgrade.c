/* SPDX-License-Identifier: MIT
 *
 * test_onnx_upgrade.c - forms of operators from opset 7 on: a small model in the old form must
 * compute what its own opset says (by the operators' references). ONNX Runtime's operators, too.
 */
#include "model_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;
static struct maker m;

#define N(...) (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__}
#define F(...) (int32_t)(sizeof((float[]){__VA_ARGS__}) / 4), (float[]){__VA_ARGS__}
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

static void expect(int32_t output, int32_t count, const float *values)
{
    maker_expect(&m, context, output, count, values);
}

static void expect_y(int32_t count, const float *values)
{
    maker_output(&m, maker_value(&m, "y", T_F32, -1, NULL));
    expect(0, count, values);
}

static void expect_refused(pum_status status, const char *part)
{
    maker_output(&m, maker_value(&m, "y", T_F32, -1, NULL));
    maker_expect_error(&m, context, status, part);
}

static Onnx__NodeProto *begin(int64_t opset, const char *op, const char *inputs)
{
    maker_init(&m, opset);
    return maker_node(&m, op, inputs, "y");
}

static void x123456(void)
{
    maker_f32(&m, "x", 2, (int64_t[]){2, 3}, V(1, 2, 3, 4, 5, 6));
}

/* --- Attributes that became inputs ------------------------------------------------------------ */

static void test_clip(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(10, "Clip", "x");
    maker_float(&m, node, "min", 2);
    maker_float(&m, node, "max", 4.5f);
    x123456();
    expect_y(F(2, 2, 3, 4, 4.5f, 4.5f));
    node = begin(7, "Clip", "x");
    maker_float(&m, node, "max", 3);
    x123456();
    expect_y(F(1, 2, 3, 3, 3, 3));
    (void)begin(11, "Clip", "x low");
    x123456();
    maker_f32(&m, "low", 0, NULL, V(4));
    expect_y(F(4, 4, 4, 4, 5, 6));
}

/* A half tensor gets half limits. */
static void test_clip_half(void **state)
{
    static const uint16_t values[] = {0x3c00, 0x4000, 0x4400}; /* 1, 2, 4 */
    (void)state;
    Onnx__NodeProto *node = begin(10, "Clip", "x");
    maker_float(&m, node, "max", 3);
    maker_initializer(&m, maker_raw(&m, "x", T_F16, 1, (int64_t[]){3}, values, 6));
    maker_output(&m, maker_value(&m, "y", T_F16, -1, NULL));
    expect(0, F(1, 2, 3));
}

static void test_slice(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(9, "Slice", "x");
    maker_ints(&m, node, "starts", N(1, 0));
    maker_ints(&m, node, "ends", N(2, 2));
    x123456();
    expect_y(F(4, 5));
    node = begin(9, "Slice", "x");
    maker_ints(&m, node, "starts", N(-2));
    maker_ints(&m, node, "ends", N(1000));
    maker_ints(&m, node, "axes", N(1));
    x123456();
    expect_y(F(2, 3, 5, 6));
}

static void test_squeeze_unsqueeze(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(11, "Unsqueeze", "x");
    maker_ints(&m, node, "axes", N(0, 3));
    x123456();
    node = maker_node(&m, "Squeeze", "y", "z");
    maker_ints(&m, node, "axes", N(0));
    (void)maker_node(&m, "Shape", "z", "s");
    maker_output(&m, maker_value(&m, "s", T_I64, -1, NULL));
    expect(0, F(2, 3, 1));
}

static void test_split(void **state)
{
    (void)state;
    maker_init(&m, 11);
    Onnx__NodeProto *node = maker_node(&m, "Split", "x", "a y");
    maker_ints(&m, node, "split", N(1, 2));
    maker_int(&m, node, "axis", 1);
    x123456();
    expect_y(F(2, 3, 5, 6));
}

static void test_pad(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(10, "Pad", "x");
    maker_ints(&m, node, "pads", N(0, 1, 0, 0));
    maker_float(&m, node, "value", 9);
    maker_string(&m, node, "mode", "constant");
    x123456();
    expect_y(F(9, 1, 2, 3, 9, 4, 5, 6));
}

static void test_reductions(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(11, "ReduceSum", "x");
    maker_ints(&m, node, "axes", N(1));
    maker_int(&m, node, "keepdims", 0);
    x123456();
    expect_y(F(6, 15));
    node = begin(17, "ReduceMean", "x");
    maker_ints(&m, node, "axes", N(-2));
    x123456();
    expect_y(F(2.5f, 3.5f, 4.5f));
    (void)begin(13, "ReduceMax", "x");
    x123456();
    expect_y(F(6));
}

static void test_top_k(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(9, "TopK", "x");
    maker_int(&m, node, "k", 2);
    x123456();
    expect_y(F(3, 2, 6, 5));
    maker_init(&m, 9);
    node = maker_node(&m, "TopK", "x", "- y");
    maker_int(&m, node, "k", 1);
    maker_int(&m, node, "axis", 0);
    x123456();
    maker_output(&m, maker_value(&m, "y", T_I64, -1, NULL));
    expect(0, F(1, 1, 1));
}

/* --- Changed meaning -------------------------------------------------------------------------- */

/* Over all axes from 1 on, as one; e^0 and e^ln(2) make the numbers plain. */
static void test_softmax(void **state)
{
    const float ln2 = 0.693147181f;
    const float values[] = {0, ln2, 0, 0, ln2, ln2, 0, 0};
    (void)state;
    (void)begin(11, "Softmax", "x");
    maker_f32(&m, "x", 3, (int64_t[]){2, 2, 2}, values);
    expect_y(F(0.2f, 0.4f, 0.2f, 0.2f, 2 / 6.0f, 2 / 6.0f, 1 / 6.0f, 1 / 6.0f));
    Onnx__NodeProto *node = begin(11, "Softmax", "x");
    maker_int(&m, node, "axis", 2);
    maker_f32(&m, "x", 3, (int64_t[]){2, 2, 2}, values);
    expect_y(F(1 / 3.0f, 2 / 3.0f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f));
    node = begin(13, "Softmax", "x");
    maker_int(&m, node, "axis", 1);
    maker_f32(&m, "x", 3, (int64_t[]){2, 2, 2}, values);
    expect_y(F(0.5f, 2 / 3.0f, 0.5f, 1 / 3.0f, 2 / 3.0f, 2 / 3.0f, 1 / 3.0f, 1 / 3.0f));
    node = begin(9, "Hardmax", "x");
    maker_int(&m, node, "axis", 0);
    maker_f32(&m, "x", 3, (int64_t[]){2, 2, 2}, values);
    expect_y(F(0, 1, 0, 0, 0, 0, 0, 0));
}

/* The last axis of a shape with symbols is known by its rank: nothing is flattened. */
static void test_softmax_stays_plain(void **state)
{
    pum_graph *graph;
    (void)state;
    Onnx__NodeProto *node = begin(11, "Softmax", "x");
    maker_int(&m, node, "axis", 2);
    maker_input(&m, maker_value(&m, "x", T_F32, 3, (int64_t[]){-1, -1, 8}));
    maker_output(&m, maker_value(&m, "y", T_F32, -1, NULL));
    assert_int_equal(maker_read(&m, context, &graph), PUM_OK);
    assert_int_equal(graph->node_count, 1);
    pum_graph_destroy(&graph);
    maker_free(&m);
}

static void test_upsample(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(7, "Upsample", "x");
    maker_floats(&m, node, "scales", F(1, 1, 2, 1));
    maker_string(&m, node, "mode", "nearest");
    maker_f32(&m, "x", 4, (int64_t[]){1, 1, 2, 2}, V(1, 2, 3, 4));
    expect_y(F(1, 2, 1, 2, 3, 4, 3, 4));
    node = begin(9, "Upsample", "x s");
    maker_string(&m, node, "mode", "linear");
    maker_f32(&m, "x", 4, (int64_t[]){1, 1, 1, 2}, V(1, 3));
    maker_f32(&m, "s", 1, (int64_t[]){4}, V(1, 1, 1, 2));
    expect_y(F(1, 2, 3, 3)); /* asymmetric */
}

/* Nearest rounds down where the size grows and up where it shrinks, both here. */
static void test_resize_10(void **state)
{
    (void)state;
    (void)begin(10, "Resize", "x s");
    maker_f32(&m, "x", 4, (int64_t[]){1, 1, 1, 4}, V(1, 2, 3, 4));
    maker_f32(&m, "s", 1, (int64_t[]){4}, V(1, 1, 2, 0.6f));
    expect_y(F(1, 3, 1, 3));
}

/* Unused inputs as empty tensors. */
static void test_resize_11(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(11, "Resize", "x roi scales sizes");
    maker_string(&m, node, "coordinate_transformation_mode", "asymmetric");
    maker_string(&m, node, "nearest_mode", "floor");
    maker_f32(&m, "x", 1, (int64_t[]){2}, V(1, 2));
    maker_f32(&m, "roi", 1, (int64_t[]){0}, NULL);
    maker_f32(&m, "scales", 1, (int64_t[]){0}, NULL);
    maker_i64(&m, "sizes", N(4));
    expect_y(F(1, 1, 2, 2));
}

static void test_batch_norm(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        maker_init(&m, i == 2 ? 15 : 9);
        Onnx__NodeProto *node = maker_node(&m, "BatchNormalization", "x s b mean var",
                                           i == 1 ? "y a b1 c d" : "y");
        maker_float(&m, node, "epsilon", 0);
        maker_float(&m, node, "momentum", 0.5f);
        maker_f32(&m, "x", 2, (int64_t[]){1, 2}, V(3, 8));
        maker_f32(&m, "s", 1, (int64_t[]){2}, V(2, 1));
        maker_f32(&m, "b", 1, (int64_t[]){2}, V(1, 0));
        maker_f32(&m, "mean", 1, (int64_t[]){2}, V(1, 2));
        maker_f32(&m, "var", 1, (int64_t[]){2}, V(4, 9));
        expect_y(F(3, 2));
    }
    Onnx__NodeProto *node = begin(15, "BatchNormalization", "x x x x x");
    maker_int(&m, node, "training_mode", 1);
    maker_f32(&m, "x", 1, (int64_t[]){2}, V(1, 2));
    expect_refused(PUM_E_UNSUPPORTED, "training");
    maker_init(&m, 9);
    (void)maker_node(&m, "BatchNormalization", "x v v v v", "n mean");
    (void)maker_node(&m, "Relu", "mean", "y");
    maker_f32(&m, "x", 2, (int64_t[]){1, 2}, V(1, 2));
    maker_f32(&m, "v", 1, (int64_t[]){2}, V(1, 2));
    expect_refused(PUM_E_UNSUPPORTED, "training only");
}

static void test_dropout(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(7, "Dropout", "x");
    maker_float(&m, node, "ratio", 0.9f);
    x123456();
    expect_y(F(1, 2, 3, 4, 5, 6));
    maker_init(&m, 12);
    (void)maker_node(&m, "Dropout", "x r", "- y");
    x123456();
    maker_f32(&m, "r", 0, NULL, V(0.5f));
    maker_output(&m, maker_value(&m, "y", T_BOOL, -1, NULL));
    expect(0, F(1, 1, 1, 1, 1, 1));
    maker_init(&m, 9); /* the mask has the input's type */
    (void)maker_node(&m, "Dropout", "x", "- y");
    x123456();
    expect_y(F(1, 1, 1, 1, 1, 1));
}

static void test_scatter(void **state)
{
    (void)state;
    (void)begin(9, "Scatter", "x i u");
    maker_f32(&m, "x", 1, (int64_t[]){4}, V(1, 2, 3, 4));
    maker_i64(&m, "i", N(1, 3));
    maker_f32(&m, "u", 1, (int64_t[]){2}, V(8, 9));
    expect_y(F(1, 8, 3, 9));
}

/* --- Values ----------------------------------------------------------------------------------- */

static void test_constants(void **state)
{
    (void)state;
    Onnx__NodeProto *node = begin(12, "Constant", "");
    maker_floats(&m, node, "value_floats", F(1.5f, 2));
    expect_y(F(1.5f, 2));
    node = begin(12, "Constant", "");
    maker_float(&m, node, "value_float", 2.5f);
    expect_y(F(2.5f));
    node = begin(12, "Constant", "");
    maker_tensor(&m, node, "value", maker_raw(&m, "", T_F32, 1, (int64_t[]){2}, V(3, 4), 8));
    expect_y(F(3, 4));
    maker_init(&m, 12);
    node = maker_node(&m, "Constant", "", "i");
    maker_ints(&m, node, "value_ints", N(7, -8));
    node = maker_node(&m, "Constant", "", "one");
    maker_int(&m, node, "value_int", 1);
    (void)maker_node(&m, "Add", "i one", "sum");
    maker_output(&m, maker_value(&m, "sum", T_I64, -1, NULL));
    expect(0, F(8, -7));
    (void)begin(12, "Constant", "");
    expect_refused(PUM_E_FORMAT, "exactly one value");
    node = begin(12, "Constant", "");
    maker_float(&m, node, "value_float", 2.5f);
    maker_int(&m, node, "value_int", 2);
    expect_refused(PUM_E_FORMAT, "exactly one value");
}

static void test_constant_of_shape(void **state)
{
    static const struct {
        int type;
        uint64_t bits;
        size_t bytes;
        float value;
    } cases[] = {
        {T_F32, 0x40200000, 4, 2.5f}, {T_I64, 7, 8, 7},       {T_I32, 0xfffffffe, 4, -2},
        {T_I8, 0xfd, 1, -3},          {T_U8, 200, 1, 200},    {T_I16, 0xfff0, 2, -16},
        {T_U16, 0xfff0, 2, 65520},    {T_BOOL, 1, 1, 1},      {T_F16, 0xc100, 2, -2.5f},
        {T_F16, 0x0200, 2, 3.0517578e-5f},                    {T_BF16, 0x40a0, 2, 5},
        {T_F64, 0x3fe0000000000000, 8, 0.5f},                 {T_U32, 40, 4, 40},
        {T_U64, 41, 8, 41},
        {T_F64, 0x3fb999999999999a, 8, 0.1f},
        {T_U64, 0x8000000000000000, 8, 0x1p63f},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        Onnx__NodeProto *node = begin(9, "ConstantOfShape", "s");
        maker_tensor(&m, node, "value",
                     maker_raw(&m, "", cases[i].type, 1, (int64_t[]){1}, &cases[i].bits,
                               cases[i].bytes));
        maker_i64(&m, "s", N(2));
        maker_output(&m, maker_value(&m, "y", cases[i].type, -1, NULL));
        expect(0, F(cases[i].value, cases[i].value));
    }
    (void)begin(9, "ConstantOfShape", "s");
    maker_i64(&m, "s", N(3));
    expect_y(F(0, 0, 0));
    Onnx__NodeProto *node = begin(9, "ConstantOfShape", "s");
    maker_tensor(&m, node, "value", maker_raw(&m, "", T_F32, 1, (int64_t[]){2}, V(3, 4), 8));
    maker_i64(&m, "s", N(3));
    expect_refused(PUM_E_FORMAT, "one element");
}

static void test_casts(void **state)
{
    (void)state;
    maker_init(&m, 15);
    (void)maker_node(&m, "CastLike", "x i", "y");
    maker_f32(&m, "x", 1, (int64_t[]){2}, V(1.75f, -2.5f));
    maker_i64(&m, "i", N(0));
    maker_output(&m, maker_value(&m, "y", T_I64, -1, NULL));
    expect(0, F(1, -2));
    Onnx__NodeProto *node = begin(13, "Cast", "x");
    maker_int(&m, node, "to", T_COMPLEX64);
    x123456();
    expect_refused(PUM_E_UNSUPPORTED, "cast to");
}

/* --- com.microsoft ---------------------------------------------------------------------------- */

static Onnx__NodeProto *begin_microsoft(const char *op, const char *inputs)
{
    Onnx__NodeProto *node = begin(14, op, inputs);
    maker_import(&m, "com.microsoft", 1);
    node->domain = strcpy(maker_alloc(&m, 16), "com.microsoft");
    return node;
}

static void test_microsoft(void **state)
{
    (void)state;
    (void)begin_microsoft("Gelu", "x");
    maker_f32(&m, "x", 1, (int64_t[]){2}, V(1, -1));
    expect_y(F(0.841344746f, -0.158655254f));
    (void)begin_microsoft("BiasGelu", "x b");
    maker_f32(&m, "x", 1, (int64_t[]){2}, V(0.5f, 0));
    maker_f32(&m, "b", 1, (int64_t[]){2}, V(0.5f, -1));
    expect_y(F(0.841344746f, -0.158655254f));
    (void)begin_microsoft("FastGelu", "x b");
    maker_f32(&m, "x", 1, (int64_t[]){1}, V(0.5f));
    maker_f32(&m, "b", 1, (int64_t[]){1}, V(0.5f));
    expect_y(F(0.841191990f));
    (void)begin_microsoft("QuickGelu", "x");
    maker_f32(&m, "x", 1, (int64_t[]){1}, V(1));
    expect_y(F(0.845795742f));
    Onnx__NodeProto *node = begin_microsoft("FusedMatMul", "a a");
    maker_int(&m, node, "transB", 1);
    maker_float(&m, node, "alpha", 0.5f);
    maker_f32(&m, "a", 2, (int64_t[]){1, 3}, V(1, 2, 3));
    expect_y(F(7));
}

/* Those that ONNX Runtime has for GPUs only (the others: test_onnx_microsoft.c). */
static void test_microsoft_gpu(void **state)
{
    (void)state;
    (void)begin_microsoft("BiasSplitGelu", "x b");
    maker_f32(&m, "x", 2, (int64_t[]){1, 4}, V(2, 3, 0.5f, 0));
    maker_f32(&m, "b", 1, (int64_t[]){4}, V(0, 1, 0.5f, -1));
    expect_y(F(1.682689492f, -0.634621020f));
    (void)begin_microsoft("BiasAdd", "x b s");
    maker_f32(&m, "x", 1, (int64_t[]){2}, V(1, 2));
    maker_f32(&m, "b", 1, (int64_t[]){2}, V(10, 20));
    maker_f32(&m, "s", 1, (int64_t[]){2}, V(100, 200));
    expect_y(F(111, 222));
    (void)begin_microsoft("GemmFastGelu", "x w b");
    maker_f32(&m, "x", 2, (int64_t[]){1, 2}, V(0.5f, 0.25f));
    maker_f32(&m, "w", 2, (int64_t[]){2, 1}, V(1, 1));
    maker_f32(&m, "b", 1, (int64_t[]){1}, V(0.25f));
    expect_y(F(0.841191990f));
    Onnx__NodeProto *node = begin_microsoft("Attention", "x w");
    maker_int(&m, node, "num_heads", 1);
    maker_int(&m, node, "do_rotary", 1);
    maker_f32(&m, "x", 3, (int64_t[]){1, 1, 1}, V(1));
    maker_f32(&m, "w", 2, (int64_t[]){1, 3}, V(1, 1, 1));
    expect_refused(PUM_E_UNSUPPORTED, "do_rotary");
}

/* --- What is missing -------------------------------------------------------------------------- */

static void test_unsupported_are_all_listed(void **state)
{
    (void)state;
    (void)begin(13, "NonSense", "x");
    maker_node(&m, "Relu", "y", "z");
    maker_node(&m, "Other", "z", "o1")->name = strcpy(maker_alloc(&m, 16), "here");
    maker_node(&m, "Other", "z", "o2");
    maker_node(&m, "Relu", "z", "o3")->domain = strcpy(maker_alloc(&m, 16), "org.example");
    x123456();
    maker_import(&m, "org.example", 3);
    pum_graph *graph;
    maker_output(&m, maker_value(&m, "y", T_F32, -1, NULL));
    assert_int_equal(maker_read(&m, context, &graph), PUM_E_UNSUPPORTED);
    const char *text = pum_last_error();
    assert_non_null(strstr(text, "NonSense (opset 13, node 'y')"));
    assert_non_null(strstr(text, "Other (opset 13, node 'here' and 1 more)"));
    assert_non_null(strstr(text, "org.example.Relu (opset 3, node 'o3')"));
    maker_free(&m);
}

static void test_opsets(void **state)
{
    (void)state;
    for (int64_t opset = 6; opset <= 20; opset++) {
        (void)begin(opset, "Relu", "x");
        x123456();
        expect_y(F(1, 2, 3, 4, 5, 6));
    }
    (void)begin(-1, "Relu", "x");
    x123456();
    expect_refused(PUM_E_UNSUPPORTED, "opset -1; 1 to 20");
    (void)begin(21, "Relu", "x");
    x123456();
    expect_refused(PUM_E_UNSUPPORTED, "opset 21; 1 to 20");
    (void)begin(0, "Relu", "x");
    x123456();
    expect_refused(PUM_E_FORMAT, "which opset");
    (void)begin(0, "Relu", "x");
    maker_import(&m, "ai.onnx", 11);
    x123456();
    expect_y(F(1, 2, 3, 4, 5, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_clip_half),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_squeeze_unsqueeze),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_softmax_stays_plain),
        cmocka_unit_test(test_upsample),
        cmocka_unit_test(test_resize_10),
        cmocka_unit_test(test_resize_11),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_scatter),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_constant_of_shape),
        cmocka_unit_test(test_casts),
        cmocka_unit_test(test_microsoft),
        cmocka_unit_test(test_microsoft_gpu),
        cmocka_unit_test(test_unsupported_are_all_listed),
        cmocka_unit_test(test_opsets),
    };
    return cmocka_run_group_tests(tests, make_context, end_context);
}
