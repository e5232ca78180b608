/* SPDX-License-Identifier: MIT
 *
 * test_op_case.c - the format of operator cases: what it says becomes tensors and attributes, what
 * it gets wrong is named, and values depend on the seed alone.
 */
#include "ops/op_case.h"

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

static struct op_case_data parse(const char *inputs, const char *attrs, uint64_t seed)
{
    const struct op_case test = {OP_RELU, inputs, attrs, "file", 7};
    struct op_case_data data;
    if (op_case_parse(context, &test, seed, &data) != PUM_OK)
        fail_msg("%s", pum_last_error());
    return data;
}

static void inputs_are_made(void **state)
{
    (void)state;
    struct op_case_data data =
        parse("f32[2,3] - !i8[4] i64[2]={3,-1} f32[]={0.5} bool[0,2] u16[1]={7}", "", 1);
    assert_int_equal(data.input_count, 7);
    const struct op_case_input *in = data.inputs;
    assert_int_equal(in[0].tensor.desc.dtype, PUM_DTYPE_F32);
    assert_int_equal(in[0].tensor.desc.shape.rank, 2);
    assert_int_equal(in[0].tensor.desc.shape.dims[1], 3);
    assert_false(in[0].constant);
    assert_int_equal(in[1].tensor.desc.dtype, PUM_DTYPE_NONE);
    assert_true(in[2].constant);
    assert_int_equal(in[2].tensor.desc.dtype, PUM_DTYPE_I8);
    assert_true(in[3].constant);
    assert_int_equal(tensor_get_i64(&in[3].tensor, 0), 3);
    assert_int_equal(tensor_get_i64(&in[3].tensor, 1), -1);
    assert_int_equal(in[4].tensor.desc.shape.rank, 0);
    assert_float_equal(tensor_get_f64(&in[4].tensor, 0), 0.5, 0);
    assert_int_equal(shape_elements(&in[5].tensor.desc.shape), 0);
    assert_int_equal(tensor_get_i64(&in[6].tensor, 0), 7);
    op_case_free(&data);
}

static void values_keep_their_range(void **state)
{
    (void)state;
    struct op_case_data data = parse("f32[500] f32[500]:pos f32[500]:unit i32[500] u8[500] "
                                     "bool[500] i64[500]:range(3,5) f64[500]:range(-1,1)",
                                     "", 9);
    static const double low[] = {-2, 0.1, -1, -8, 0, 0, 3, -1}, high[] = {2, 4, 1, 8, 15, 1, 5, 1};
    for (int32_t i = 0; i < data.input_count; i++) {
        double least = INFINITY, most = -INFINITY;
        for (int64_t k = 0; k < 500; k++) {
            double v = tensor_get_f64(&data.inputs[i].tensor, k);
            least = fmin(least, v);
            most = fmax(most, v);
        }
        double reach = 0.05 * (high[i] - low[i]); /* 500 values come near both ends */
        assert_true(least >= low[i] - 1e-6 && least <= low[i] + reach);
        assert_true(most <= high[i] + 1e-6 && most >= high[i] - reach);
    }
    op_case_free(&data);
}

static void specials_are_special(void **state)
{
    (void)state;
    struct op_case_data data = parse("f32[400]:special f32[400]:edge", "", 3);
    for (int32_t i = 0; i < 2; i++) {
        int nan = 0, inf = 0, subnormal = 0, zero = 0;
        for (int64_t k = 0; k < 400; k++) {
            float v = ((const float *)data.inputs[i].tensor.data)[k];
            nan += isnan(v) != 0;
            inf += isinf(v) != 0;
            zero += v == 0;
            subnormal += fpclassify(v) == FP_SUBNORMAL;
        }
        assert_true(nan > 0 && inf > 0 && zero > 0);
        assert_true((subnormal > 0) == (i == 0));
    }
    op_case_free(&data);
}

static void seeds_decide(void **state)
{
    (void)state;
    struct op_case_data a = parse("f32[64] f32[64]", "", 5), b = parse("f32[64] f32[64]", "", 5);
    struct op_case_data c = parse("f32[64] f32[64]", "", 6);
    assert_memory_equal(a.inputs[0].tensor.data, b.inputs[0].tensor.data, 256);
    assert_memory_not_equal(a.inputs[0].tensor.data, c.inputs[0].tensor.data, 256);
    assert_memory_not_equal(a.inputs[0].tensor.data, a.inputs[1].tensor.data, 256);
    op_case_free(&a);
    op_case_free(&b);
    op_case_free(&c);
}

static void attributes_are_made(void **state)
{
    (void)state;
    struct op_case_data data =
        parse("f32[1]", "axis=-1 alpha=0.5 mode=linear axes=[1,-2] values=[0.5,1.5] none=[] "
                        "outputs=3 scale=-2.0",
              1);
    assert_int_equal(data.output_count, 3);
    struct graph_node node = {.attrs = data.attrs, .attr_count = data.attr_count};
    int32_t count;
    assert_int_equal(data.attr_count, 7);
    assert_int_equal(node_int(&node, "axis", 0), -1);
    assert_float_equal(node_float(&node, "alpha", 0), 0.5, 0);
    assert_float_equal(node_float(&node, "scale", 0), -2, 0);
    assert_string_equal(node_string(&node, "mode", ""), "linear");
    const int64_t *axes = node_ints(&node, "axes", &count);
    assert_int_equal(count, 2);
    assert_int_equal(axes[1], -2);
    const float *values = node_floats(&node, "values", &count);
    assert_int_equal(count, 2);
    assert_float_equal(values[1], 1.5, 0);
    assert_null(node_attr(&node, "outputs"));
    op_case_free(&data);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *inputs, *attrs, *message;
    } wrong[] = {
        {"g32[2]", "", "file:7: an unknown type at 'g32[2]'"},
        {"f32", "", "expected '['"},
        {"f32[a]", "", "expected a size"},
        {"f32[2;3]", "", "expected ',' or ']'"},
        {"f32[1,1,1,1,1,1,1,1,1]", "", "too many axes"},
        {"f32[-2]", "", "no valid size"},
        {"f32[9000000000000000000,4]", "", "no valid size"},
        {"f32[2]:odd", "", "unexpected text"},
        {"i32[2]:pos", "", "only range()"},
        {"i32[2]:range(5,3)", "", "expected range(low,high)"},
        {"i32[2]={1}", "", "as many values"},
        {"i32[2]={1,2,3}", "", "expected '}'"},
        {"f32[2]x", "", "unexpected text"},
        {"f32[2]", "axis", "expected name=value"},
        {"f32[2]", "axis=1x", "expected a whole number"},
        {"f32[2]", "axis=1.x", "expected a number"},
        {"f32[2]", "axes=[1,2", "expected ']'"},
        {"f32[2]", "axes=[1;2]", "expected a list"},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(wrong); i++) {
        const struct op_case test = {OP_RELU, wrong[i].inputs, wrong[i].attrs, "file", 7};
        struct op_case_data data;
        pum_status status = op_case_parse(context, &test, 1, &data);
        if (status != PUM_E_ARGUMENT || !strstr(pum_last_error(), wrong[i].message))
            fail_msg("\"%s\" \"%s\": %s: \"%s\"", test.inputs, test.attrs,
                     pum_status_name(status), pum_last_error());
        assert_null(data.inputs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_made),     cmocka_unit_test(values_keep_their_range),
        cmocka_unit_test(specials_are_special), cmocka_unit_test(seeds_decide),
        cmocka_unit_test(attributes_are_made), cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
