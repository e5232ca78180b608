/* SPDX-License-Identifier: MIT
 *
 * test_elementwise_reference.c - elementwise operators' references against values known by hand:
 * floats, integers that wrap, division by zero, NaN and infinities, broadcasting, casts.
 */
#include "ops/op_case.h"
#include "ops/op_loop.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;

static int open_context(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    return 0;
}

/* Inputs and the wanted output 0 in the format of cases: "f32[2]={1,2}". */
struct known {
    enum op_kind op;
    const char *inputs, *attrs, *wanted;
};

static const struct known knowns[] = {
    /* floats */
    {OP_ABS, "f32[3]={-1.5,-0.0,2}", "", "f32[3]={1.5,0,2}"},
    {OP_SIGN, "f32[4]={-3,-0.0,4,nan}", "", "f32[4]={-1,0,1,nan}"},
    {OP_RECIPROCAL, "f32[3]={4,0,-inf}", "", "f32[3]={0.25,inf,0}"},
    {OP_ROUND, "f32[6]={0.5,1.5,2.5,-0.5,-1.5,2.4}", "", "f32[6]={0,2,2,0,-2,2}"},
    {OP_FLOOR, "f32[3]={-1.5,1.5,-2}", "", "f32[3]={-2,1,-2}"},
    {OP_CEIL, "f32[3]={-1.5,1.5,-2}", "", "f32[3]={-1,2,-2}"},
    {OP_SQRT, "f32[3]={4,2,-1}", "", "f32[3]={2,1.41421356,nan}"},
    {OP_EXP, "f32[4]={0,1,-inf,1000}", "", "f32[4]={1,2.71828183,0,inf}"},
    {OP_LOG, "f32[4]={1,2.71828183,0,-1}", "", "f32[4]={0,1,-inf,nan}"},
    {OP_SIN, "f32[3]={0,0.52359878,1.57079633}", "", "f32[3]={0,0.5,1}"},
    {OP_COS, "f32[3]={0,1.04719755,3.14159265}", "", "f32[3]={1,0.5,-1}"},
    {OP_TAN, "f32[2]={0,0.78539816}", "", "f32[2]={0,1}"},
    {OP_ASIN, "f32[3]={0.5,-1,2}", "", "f32[3]={0.52359878,-1.57079633,nan}"},
    {OP_ACOS, "f32[3]={0.5,-1,2}", "", "f32[3]={1.04719755,3.14159265,nan}"},
    {OP_ATAN, "f32[3]={1,-inf,0}", "", "f32[3]={0.78539816,-1.57079633,0}"},
    {OP_SINH, "f32[2]={0,1}", "", "f32[2]={0,1.17520119}"},
    {OP_COSH, "f32[2]={0,1}", "", "f32[2]={1,1.54308063}"},
    {OP_TANH, "f32[4]={0,1,100,-100}", "", "f32[4]={0,0.76159416,1,-1}"},
    {OP_ERF, "f32[4]={0,1,-1,10}", "", "f32[4]={0,0.84270079,-0.84270079,1}"},
    {OP_SIGMOID, "f32[4]={0,1,-1,-200}", "", "f32[4]={0.5,0.73105858,0.26894142,0}"},
    {OP_RELU, "f32[4]={-1,0,2,nan}", "", "f32[4]={0,0,2,nan}"},
    {OP_LEAKYRELU, "f32[2]={-2,3}", "", "f32[2]={-0.02,3}"},
    {OP_LEAKYRELU, "f32[2]={-2,3}", "alpha=0.5", "f32[2]={-1,3}"},
    {OP_ELU, "f32[2]={-1,3}", "alpha=2.0", "f32[2]={-1.26424112,3}"},
    {OP_SELU, "f32[2]={-1,1}", "", "f32[2]={-1.11133074,1.05070099}"},
    {OP_CELU, "f32[2]={-1,1}", "alpha=2.0", "f32[2]={-0.78693868,1}"},
    {OP_HARDSIGMOID, "f32[3]={-3,0,3}", "", "f32[3]={0,0.5,1}"},
    {OP_HARDSIGMOID, "f32[1]={1}", "alpha=0.5 beta=0.25", "f32[1]={0.75}"},
    {OP_HARDSWISH, "f32[4]={-4,0,1,4}", "", "f32[4]={0,0,0.66666667,4}"},
    {OP_SOFTPLUS, "f32[3]={0,-100,100}", "", "f32[3]={0.69314718,3.7835059e-44,100}"},
    {OP_SOFTSIGN, "f32[2]={1,-3}", "", "f32[2]={0.5,-0.75}"},
    {OP_THRESHOLDEDRELU, "f32[3]={1,1.5,nan}", "", "f32[3]={0,1.5,0}"},
    {OP_SILU, "f32[2]={1,-1}", "", "f32[2]={0.73105858,-0.26894142}"},
    {OP_SILU, "f32[1]={1}", "alpha=1.702", "f32[1]={0.84579577}"},
    {OP_GELU, "f32[4]={0,1,-1,-8}", "", "f32[4]={0,0.84134475,-0.15865525,-4.97676846e-15}"},
    {OP_GELU, "f32[2]={1,-1}", "approximate=tanh", "f32[2]={0.84119199,-0.15880801}"},
    {OP_MISH, "f32[3]={0,1,-1}", "", "f32[3]={0,0.86509839,-0.30340147}"},
    {OP_CLIP, "f32[4]={-2,0.5,2,nan} f32[]={-1} f32[]={1}", "", "f32[4]={-1,0.5,1,nan}"},
    {OP_CLIP, "f32[2]={-2,2} - f32[]={1}", "", "f32[2]={-2,1}"},
    {OP_CLIP, "f32[2]={-2,2} f32[]={1} f32[]={-1}", "", "f32[2]={-1,-1}"},
    {OP_ISNAN, "f32[3]={nan,inf,0}", "", "bool[3]={1,0,0}"},
    {OP_ISINF, "f32[4]={nan,inf,-inf,0}", "", "bool[4]={0,1,1,0}"},
    {OP_ISINF, "f32[2]={inf,-inf}", "detect_negative=0", "bool[2]={1,0}"},
    {OP_ISINF, "f32[2]={inf,-inf}", "detect_positive=0", "bool[2]={0,1}"},
    {OP_NOT, "bool[2]={0,1}", "", "bool[2]={1,0}"},
    /* integers wrap */
    {OP_ABS, "i8[3]={-5,5,-128}", "", "i8[3]={5,5,-128}"},
    {OP_ABS, "u64[1]={-1}", "", "u64[1]={-1}"},
    {OP_NEG, "i8[3]={-5,5,-128}", "", "i8[3]={5,-5,-128}"},
    {OP_NEG, "i64[1]={-9223372036854775808}", "", "i64[1]={-9223372036854775808}"},
    {OP_SIGN, "u64[2]={-1,0}", "", "u64[2]={1,0}"},
    {OP_RELU, "i32[2]={-7,7}", "", "i32[2]={0,7}"},
    {OP_CLIP, "u64[3]={1,5,-1} u64[]={2} u64[]={9}", "", "u64[3]={2,5,9}"},
    {OP_CLIP, "i32[3]={-9,5,9} i32[]={-3} i32[]={6}", "", "i32[3]={-3,5,6}"},
    {OP_ADD, "u8[2]={250,3} u8[2]={10,4}", "", "u8[2]={4,7}"},
    {OP_ADD, "i32[1]={2147483647} i32[1]={1}", "", "i32[1]={-2147483648}"},
    {OP_ADD, "i64[1]={9007199254740993} i64[1]={2}", "", "i64[1]={9007199254740995}"},
    {OP_SUB, "u8[1]={3} u8[1]={4}", "", "u8[1]={255}"},
    {OP_MUL, "i64[1]={3037000500} i64[1]={3037000500}", "", "i64[1]={-9223372036709301616}"},
    {OP_DIV, "i32[4]={7,-7,7,1} i32[4]={2,2,-2,0}", "", "i32[4]={3,-3,-3,0}"},
    {OP_DIV, "i32[1]={-2147483648} i32[1]={-1}", "", "i32[1]={-2147483648}"},
    {OP_DIV, "i64[1]={-9223372036854775808} i64[1]={-1}", "",
     "i64[1]={-9223372036854775808}"},
    {OP_DIV, "u64[2]={-1,8} u64[2]={2,0}", "", "u64[2]={9223372036854775807,0}"},
    {OP_DIV, "f32[3]={1,-1,0} f32[3]={0,0,0}", "", "f32[3]={inf,-inf,nan}"},
    {OP_MOD, "i32[5]={7,-7,7,-7,7} i32[5]={3,3,-3,-3,0}", "", "i32[5]={1,2,-2,-1,0}"},
    {OP_MOD, "i32[5]={7,-7,7,-7,7} i32[5]={3,3,-3,-3,0}", "fmod=1", "i32[5]={1,-1,1,-1,0}"},
    {OP_MOD, "i64[1]={-9223372036854775808} i64[1]={-1}", "", "i64[1]={0}"},
    {OP_MOD, "f32[2]={-7.5,7.5} f32[2]={2,-2}", "", "f32[2]={0.5,-0.5}"},
    {OP_MOD, "f32[2]={-7.5,7.5} f32[2]={2,-2}", "fmod=1", "f32[2]={-1.5,1.5}"},
    {OP_POW, "f32[4]={2,-2,-8,0} f32[4]={3,3,0.5,0}", "", "f32[4]={8,-8,nan,1}"},
    {OP_POW, "f32[2]={2,3} i64[]={2}", "", "f32[2]={4,9}"},
    {OP_POW, "i32[5]={2,3,-1,2,0} i32[5]={10,0,-3,-1,-2}", "", "i32[5]={1024,1,-1,0,0}"},
    {OP_POW, "i32[2]={4,9} f32[]={0.5}", "", "i32[2]={2,3}"},
    {OP_PRELU, "f32[2,2]={-1,1,-2,2} f32[2,1]={0.5,0.25}", "", "f32[2,2]={-0.5,1,-0.5,2}"},
    /* any number of inputs, broadcast */
    {OP_MIN, "f32[2]={1,5} f32[]={3} f32[2]={2,-1}", "", "f32[2]={1,-1}"},
    {OP_MAX, "f32[2]={1,nan} f32[]={3}", "", "f32[2]={3,nan}"},
    {OP_MAX, "u64[2]={1,-1} u64[]={3}", "", "u64[2]={3,-1}"},
    {OP_MIN, "i8[2]={-5,5} i8[1]={0}", "", "i8[2]={-5,0}"},
    {OP_SUM, "f32[2]={1,2} f32[]={10} f32[2,1]={100,200}", "", "f32[2,2]={111,112,211,212}"},
    {OP_SUM, "u8[1]={200} u8[1]={100}", "", "u8[1]={44}"},
    {OP_MEAN, "f32[2]={1,2} f32[2]={4,8} f32[]={1}", "", "f32[2]={2,3.66666667}"},
    {OP_MEAN, "f32[1]={7}", "", "f32[1]={7}"},
    {OP_ADD, "f32[2,1,2]={1,2,3,4} f32[3,1]={10,20,30}", "",
     "f32[2,3,2]={11,12,21,22,31,32,13,14,23,24,33,34}"},
    /* comparisons */
    {OP_EQUAL, "f32[3]={1,nan,-0.0} f32[3]={1,nan,0}", "", "bool[3]={1,0,1}"},
    {OP_EQUAL, "i64[1]={9007199254740993} i64[1]={9007199254740992}", "", "bool[1]={0}"},
    {OP_EQUAL, "bool[2]={1,0} bool[1]={1}", "", "bool[2]={1,0}"},
    {OP_GREATER, "u64[2]={-1,3} u64[]={4}", "", "bool[2]={1,0}"},
    {OP_GREATER, "f32[3]={1,nan,2} f32[]={1}", "", "bool[3]={0,0,1}"},
    {OP_GREATEROREQUAL, "f32[3]={1,nan,0} f32[]={1}", "", "bool[3]={1,0,0}"},
    {OP_LESS, "i32[3]={-1,0,1} i32[]={0}", "", "bool[3]={1,0,0}"},
    {OP_LESSOREQUAL, "i32[3]={-1,0,1} i32[]={0}", "", "bool[3]={1,1,0}"},
    {OP_AND, "bool[4]={0,0,1,1} bool[4]={0,1,0,1}", "", "bool[4]={0,0,0,1}"},
    {OP_OR, "bool[4]={0,0,1,1} bool[4]={0,1,0,1}", "", "bool[4]={0,1,1,1}"},
    {OP_XOR, "bool[4]={0,0,1,1} bool[4]={0,1,0,1}", "", "bool[4]={0,1,1,0}"},
    {OP_WHERE, "bool[2,1]={1,0} f32[2]={1,2} f32[]={9}", "", "f32[2,2]={1,2,9,9}"},
    {OP_WHERE, "bool[2]={1,0} u8[2]={1,2} u8[2]={3,4}", "", "u8[2]={1,4}"},
    /* casts */
    {OP_CAST, "f32[5]={1.9,-1.9,3e9,-3e9,nan}", "to=6",
     "i32[5]={1,-1,2147483647,-2147483648,0}"},
    {OP_CAST, "f32[4]={300,-3,255.9,-0.9}", "to=2", "u8[4]={255,0,255,0}"},
    {OP_CAST, "f32[3]={300,-300,-128.9}", "to=3", "i8[3]={127,-128,-128}"},
    {OP_CAST, "f32[2]={1e20,-1e20}", "to=7",
     "i64[2]={9223372036854775807,-9223372036854775808}"},
    {OP_CAST, "f32[2]={1e20,-1}", "to=13", "u64[2]={-1,0}"},
    {OP_CAST, "f64[1]={1e19}", "to=13", "u64[1]={-8446744073709551616}"},
    {OP_CAST, "f32[4]={0,-0.0,0.1,nan}", "to=9", "bool[4]={0,0,1,1}"},
    {OP_CAST, "i32[3]={256,-1,300}", "to=2", "u8[3]={0,255,44}"},
    {OP_CAST, "i64[2]={4294967297,-1}", "to=6", "i32[2]={1,-1}"},
    {OP_CAST, "i32[3]={0,256,-1}", "to=9", "bool[3]={0,1,1}"},
    {OP_CAST, "u64[1]={-1}", "to=11", "f64[1]={18446744073709551615}"},
    {OP_CAST, "i64[1]={9007199254740993}", "to=13", "u64[1]={9007199254740993}"},
    {OP_CAST, "bool[2]={0,1}", "to=1", "f32[2]={0,1}"},
    {OP_CAST, "f32[2]={65519.9,65520}", "to=10", "f16[2]={65504,inf}"},
    {OP_IDENTITY, "i64[2]={5,-6}", "", "i64[2]={5,-6}"},
    {OP_DROPOUT, "f32[2]={5,-6}", "", "f32[2]={5,-6}"},
};

static bool alike(const struct host_tensor *got, const struct host_tensor *wanted, int64_t i)
{
    if (!dtype_is_float(wanted->desc.dtype))
        return tensor_get_i64(got, i) == tensor_get_i64(wanted, i);
    double g = tensor_get_f64(got, i), w = tensor_get_f64(wanted, i);
    if (isnan(w) || isinf(w))
        return isnan(w) ? isnan(g) : g == w;
    return fabs(g - w) <= 2e-7 * fabs(w) + 2e-8 * (fabs(w) > 1e-6); /* rounded literals */
}

static void check_known(const struct known *known)
{
    const struct op_case test = {known->op, known->inputs, known->attrs, "known", 1};
    const struct op_case wanted_text = {OP_RELU, known->wanted, "", "wanted", 1};
    struct op_case_data data, wanted;
    struct host_tensor inputs[4] = {0}, output = {0};
    if (op_case_parse(context, &test, 1, &data) != PUM_OK ||
        op_case_parse(context, &wanted_text, 1, &wanted) != PUM_OK)
        fail_msg("%s", pum_last_error());
    for (int32_t i = 0; i < data.input_count; i++)
        inputs[i] = data.inputs[i].tensor;
    struct graph_node node = {
        .op = test.op, .name = "", .attrs = data.attrs, .attr_count = data.attr_count};
    struct op_call call = {.context = context,
                           .node = &node,
                           .input_count = data.input_count,
                           .inputs = inputs,
                           .output_count = 1,
                           .outputs = &output};
    const struct host_tensor *want = &wanted.inputs[0].tensor;
    if (op_infer(&call) != PUM_OK)
        fail_msg("%s", pum_last_error());
    assert_int_equal(output.desc.dtype, want->desc.dtype);
    assert_true(shape_equal(&output.desc.shape, &want->desc.shape));
    struct tensor_desc desc = output.desc;
    assert_int_equal(host_tensor_alloc(context, &desc, &output), PUM_OK);
    assert_int_equal(op_reference(&call), PUM_OK);
    for (int64_t i = 0; i < shape_elements(&desc.shape); i++)
        if (!alike(&output, want, i))
            fail_msg("%s %s %s: element %lld is %.9g, not %.9g", op_rows[test.op].name,
                     known->inputs, known->attrs, (long long)i, tensor_get_f64(&output, i),
                     tensor_get_f64(want, i));
    host_tensor_free(context, &output);
    op_case_free(&data);
    op_case_free(&wanted);
}

static void known_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(knowns); i++)
        check_known(&knowns[i]);
}

/* The walk over operands, against indices counted by hand. */
static void loops_broadcast(void **state)
{
    (void)state;
    const struct shape out = {.rank = 3, .dims = {2, 3, 4}};
    const struct shape a = {.rank = 3, .dims = {2, 1, 4}}, b = {.rank = 2, .dims = {3, 1}};
    const struct shape one = {.rank = 0};
    struct op_loop loop;
    int64_t count = 0;
    op_loop_begin(&loop, &out);
    op_loop_add(&loop, &a);
    op_loop_add(&loop, &b);
    op_loop_add(&loop, &one);
    for (; op_loop_more(&loop); op_loop_next(&loop), count++) {
        int64_t x = loop.element % 4, y = loop.element / 4 % 3, z = loop.element / 12;
        assert_int_equal(loop.element, count);
        assert_int_equal(loop.at[0], z * 4 + x);
        assert_int_equal(loop.at[1], y);
        assert_int_equal(loop.at[2], 0);
    }
    assert_int_equal(count, 24);
    const struct shape empty = {.rank = 2, .dims = {3, 0}};
    op_loop_begin(&loop, &empty);
    assert_false(op_loop_more(&loop));
    op_loop_begin(&loop, &one);
    assert_true(op_loop_more(&loop));
    op_loop_next(&loop);
    assert_false(op_loop_more(&loop));
}

static void dropout_masks_are_true(void **state)
{
    (void)state;
    float values[2] = {1, 2}, kept[2] = {0};
    uint8_t mask[2] = {0};
    struct host_tensor input = {{PUM_DTYPE_F32, {1, {2}}}, values};
    struct host_tensor outputs[2] = {{.data = kept}, {.data = mask}};
    struct graph_node node = {.op = OP_DROPOUT};
    struct op_call call = {.context = context,
                           .node = &node,
                           .input_count = 1,
                           .inputs = &input,
                           .output_count = 2,
                           .outputs = outputs};
    assert_int_equal(op_infer(&call), PUM_OK);
    assert_int_equal(outputs[1].desc.dtype, PUM_DTYPE_BOOL);
    assert_int_equal(op_reference(&call), PUM_OK);
    assert_memory_equal(kept, values, sizeof(values));
    assert_true(mask[0] == 1 && mask[1] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(loops_broadcast),
        cmocka_unit_test(dropout_masks_are_true),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
