/* SPDX-License-Identifier: MIT
 *
 * test_fuse_quant.c - networks in QDQ form: the right operators on integers come out, the answer
 * stays, and what does not fit stays as it is.
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
#define VALUES(...) ((pum_value[]){__VA_ARGS__})
#define COUNT(...) ((int32_t)(sizeof(VALUES(__VA_ARGS__)) / sizeof(pum_value)))
#define NODE(g, op, attr, ...) node(g, op, VALUES(__VA_ARGS__), COUNT(__VA_ARGS__), attr)

/* Operators `ops` (ended by -1) stand in the rewritten graph once each, and nothing else. */
static void expect(pum_graph *graph, const int32_t *ops)
{
    int32_t total = 0;
    for (; ops[total] >= 0; total++)
        if (graph_eval_count(graph, ops[total]) < 1)
            fail_msg("no %s", op_rows[ops[total]].name);
    assert_int_equal(graph_eval_count(graph, -1), total);
    graph_release(&graph);
}
#define EXPECT(graph, ...) expect(graph, (int32_t[]){__VA_ARGS__, -1})

static pum_value node(pum_graph *g, const char *op, const pum_value *inputs, int32_t count,
                      const pum_attr *attr)
{
    pum_value y = PUM_NO_VALUE;
    pum_node(g,
             &(pum_node_params){.op = op,
                                .inputs = inputs,
                                .input_count = count,
                                .attrs = attr,
                                .attr_count = attr ? 1 : 0},
             &y);
    return y;
}

static pum_value zero_point(pum_graph *g, uint8_t value)
{
    return pum_constant_copy(g, "z", PUM_DTYPE_U8, 0, NULL, &value, 1);
}

static pum_value quantize(pum_graph *g, pum_value x, float scale, uint8_t zero)
{
    return NODE(g, "QuantizeLinear", NULL, x, pum_scalar_f32(g, scale), zero_point(g, zero));
}

static pum_value dequantize(pum_graph *g, pum_value x, float scale, uint8_t zero)
{
    return NODE(g, "DequantizeLinear", NULL, x, pum_scalar_f32(g, scale), zero_point(g, zero));
}

/* x as the network sees it: quantised and back. */
static pum_value qdq(pum_graph *g, pum_value x, float scale, uint8_t zero)
{
    return dequantize(g, quantize(g, x, scale, zero), scale, zero);
}

/* 8-bit weights with a scale for each entry of `axis`. */
static pum_value weights(pum_graph *g, int32_t rank, const int64_t *dims, int64_t axis)
{
    int8_t data[512];
    float scales[16];
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++)
        count *= dims[i];
    assert_true(count <= 512 && dims[axis] <= 16);
    for (int64_t i = 0; i < count; i++)
        data[i] = (int8_t)(i * 37 % 255 - 127);
    for (int64_t i = 0; i < dims[axis]; i++)
        scales[i] = 0.01f + 0.001f * (float)i;
    pum_value w = pum_constant_copy(g, "w", PUM_DTYPE_I8, rank, dims, data, (size_t)count);
    pum_value scale = pum_constant_copy(g, "s", PUM_DTYPE_F32, 1, &dims[axis], scales,
                                        (size_t)dims[axis] * sizeof(float));
    pum_attr attr = {.name = "axis", .kind = PUM_ATTR_INT, .i = axis};
    return NODE(g, "DequantizeLinear", &attr, w, scale);
}

/* A bias in units of x's scale (1/32) and the weights'. */
static pum_value bias(pum_graph *g, int64_t count)
{
    int32_t data[16];
    float scales[16];
    for (int64_t i = 0; i < count; i++) {
        data[i] = (int32_t)(i * 977 % 2000 - 900);
        scales[i] = 0.03125f * (0.01f + 0.001f * (float)i);
    }
    pum_value b =
        pum_constant_copy(g, "b", PUM_DTYPE_I32, 1, &count, data, (size_t)count * sizeof *data);
    pum_value scale =
        pum_constant_copy(g, "s", PUM_DTYPE_F32, 1, &count, scales, (size_t)count * sizeof *scales);
    pum_attr attr = {.name = "axis", .kind = PUM_ATTR_INT, .i = 0};
    return NODE(g, "DequantizeLinear", &attr, b, scale);
}

static void convolution(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(1, 3, 6, 6), &x);
        x = qdq(g, x, 0.03125f, 100);
        pum_value w = weights(g, DIMS(4, 3, 3, 3), 0);
        pum_value y =
            form == 0 ? NODE(g, "Conv", NULL, x, w) : NODE(g, "Conv", NULL, x, w, bias(g, 4));
        if (form == 2) /* what the integers cannot hold anyway */
            y = pum_relu(g, y);
        if (form == 3) /* really clips */
            y = pum_relu(g, y);
        y = qdq(g, y, 0.25f, form < 2 ? 128 : form == 2 ? 0 : 7);
        pum_graph *result = pass_check(&g, y);
        if (form == 3)
            EXPECT(result, OP_QUANTIZELINEAR, OP_DEQUANTIZELINEAR, OP_CONV, OP_QUANTIZELINEAR,
                   OP_DEQUANTIZELINEAR); /* Relu is fused */
        else
            EXPECT(result, OP_QUANTIZELINEAR, OP_QLINEARCONV, OP_DEQUANTIZELINEAR);
    }
}

/* Weights that the file quantises itself. */
static void convolution_of_floats(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(1, 3, 6, 6), &x);
    pum_value w = qdq(g, pass_weight(g, DIMS(4, 3, 3, 3), 5), 0.0171f, 128);
    pum_value y = NODE(g, "Conv", NULL, qdq(g, x, 0.03125f, 100), w);
    EXPECT(pass_check(&g, qdq(g, y, 0.25f, 128)), OP_QUANTIZELINEAR, OP_QLINEARCONV,
           OP_DEQUANTIZELINEAR);
}

static void products(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        pum_value x;
        pum_graph *g = pass_graph(DIMS(5, 12), &x);
        x = qdq(g, x, 0.03125f, 100);
        pum_attr trans = {.name = "transB", .kind = PUM_ATTR_INT, .i = 1};
        pum_value y = form < 2 ? NODE(g, "MatMul", NULL, x, weights(g, DIMS(12, 7), 1))
                               : NODE(g, "Gemm", &trans, x, weights(g, DIMS(7, 12), 0), bias(g, 7));
        if (form % 2 == 1) {
            int32_t op = form == 1 ? OP_MATMULINTEGERTOFLOAT : OP_QGEMM;
            EXPECT(pass_check(&g, y), OP_QUANTIZELINEAR, op);
            continue;
        }
        EXPECT(pass_check(&g, qdq(g, y, 0.25f, 128)), OP_QUANTIZELINEAR,
               form == 0 ? OP_QLINEARMATMUL : OP_QGEMM, OP_DEQUANTIZELINEAR);
    }
}

static void others(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        int32_t inputs, becomes;
    } forms[] = {
        {"Add", 2, OP_QLINEARADD},
        {"Mul", 2, OP_QLINEARMUL},
        {"GlobalAveragePool", 1, OP_QLINEARGLOBALAVERAGEPOOL},
        {"Softmax", 1, OP_QLINEARSOFTMAX},
        {"Transpose", 1, OP_TRANSPOSE},
        {"Flatten", 1, OP_FLATTEN},
        {"Sigmoid", 1, OP_LOOKUP},
        {"HardSwish", 1, OP_LOOKUP},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(forms); i++) {
        pum_value x;
        bool two = forms[i].inputs == 2;
        pum_graph *g = pass_graph(DIMS(2, 3, 4), &x);
        pum_value a = qdq(g, x, 0.03125f, 128);
        pum_value b = qdq(g, pum_input(g, "b", PUM_DTYPE_F32, DIMS(3, 1)), 0.0625f, 100);
        pum_value y = two ? NODE(g, forms[i].op, NULL, a, b) : NODE(g, forms[i].op, NULL, a);
        pum_graph *result = pass_check(&g, qdq(g, y, 0.03125f, 128));
        if (two)
            EXPECT(result, OP_QUANTIZELINEAR, OP_QUANTIZELINEAR, forms[i].becomes,
                   OP_DEQUANTIZELINEAR);
        else
            EXPECT(result, OP_QUANTIZELINEAR, forms[i].becomes, OP_DEQUANTIZELINEAR);
    }
}

/* Moved with another scale than it came with: stays on floats. */
static void moved_to_another_scale(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(3, 4), &x);
    pum_value y = NODE(g, "Transpose", NULL, qdq(g, x, 0.03125f, 128));
    EXPECT(pass_check(&g, qdq(g, y, 0.0625f, 128)), OP_QUANTIZELINEAR, OP_DEQUANTIZELINEAR,
           OP_TRANSPOSE, OP_QUANTIZELINEAR, OP_DEQUANTIZELINEAR);
}

/* x * clip(x + 3, 0, 6) / 6 is one table. */
static void function_of_several(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(3, 40), &x);
    x = qdq(g, x, 0.03125f, 128);
    pum_value gate = NODE(g, "Clip", NULL, pum_add(g, x, pum_scalar_f32(g, 3)),
                          pum_scalar_f32(g, 0), pum_scalar_f32(g, 6));
    pum_value y = pum_div(g, pum_mul(g, x, gate), pum_scalar_f32(g, 6));
    EXPECT(pass_check(&g, qdq(g, y, 0.015625f, 20)), OP_QUANTIZELINEAR, OP_LOOKUP,
           OP_DEQUANTIZELINEAR);
}

/* A constant that is given another scale is a function of 256 values, too. */
static void function_of_constant(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(3, 40), &x);
    pum_value w = qdq(g, qdq(g, pass_weight(g, DIMS(3, 40), 4), 0.03125f, 128), 0.0625f, 100);
    EXPECT(pass_check(&g, pum_mul(g, x, w)), OP_MUL);
}

/* Parts with the result's scale stay, the other is converted by a table. */
static void concat(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(3, 4), &x);
    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 1};
    pum_value other = qdq(g, pum_input(g, "b", PUM_DTYPE_F32, DIMS(3, 2)), 0.0625f, 100);
    pum_value y = NODE(g, "Concat", &axis, qdq(g, x, 0.03125f, 128), other);
    EXPECT(pass_check(&g, qdq(g, y, 0.03125f, 128)), OP_QUANTIZELINEAR, OP_QUANTIZELINEAR,
           OP_LOOKUP, OP_CONCAT, OP_DEQUANTIZELINEAR);
}

/* A result that is used as floats too keeps its operator. */
static void used_twice(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = pass_graph(DIMS(1, 3, 6, 6), &x);
    pum_value y = NODE(g, "Conv", NULL, qdq(g, x, 0.03125f, 100), weights(g, DIMS(4, 3, 3, 3), 0));
    y = pum_add(g, y, qdq(g, y, 0.25f, 128));
    pum_graph *result = pass_check(&g, y);
    assert_int_equal(graph_eval_count(result, OP_CONV), 1);
    assert_int_equal(graph_eval_count(result, OP_QLINEARCONV), 0);
    graph_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution),
        cmocka_unit_test(convolution_of_floats),
        cmocka_unit_test(products),
        cmocka_unit_test(others),
        cmocka_unit_test(moved_to_another_scale),
        cmocka_unit_test(function_of_several),
        cmocka_unit_test(function_of_constant),
        cmocka_unit_test(concat),
        cmocka_unit_test(used_twice),
    };
    return cmocka_run_group_tests(tests, pass_setup, pass_teardown);
}
