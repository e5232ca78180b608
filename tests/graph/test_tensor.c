/* SPDX-License-Identifier: MIT
 *
 * test_tensor.c - shapes and their checked sizes, broadcasting, element access of every type.
 */
#include "graph/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SHAPE(...)                                                                                 \
    shape_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__})

static void test_counts(void **state)
{
    static const struct {
        struct shape shape;
        bool good;
        int64_t count;
    } cases[] = {
        {{.rank = 0}, true, 1},
        {{.rank = 2, .dims = {3, 4}}, true, 12},
        {{.rank = 3, .dims = {3, 0, 4}}, true, 0},
        {{.rank = 2, .dims = {3, -1}}, false, 0},
        {{.rank = 2, .dims = {0, -1}}, false, 0},
        {{.rank = -1}, false, 0},
        {{.rank = 9}, false, 0},
        {{.rank = 2, .dims = {INT64_MAX, 1}}, true, INT64_MAX},
        {{.rank = 2, .dims = {INT64_MAX, 2}}, false, 0},
        {{.rank = 3, .dims = {INT64_MAX, 2, 0}}, false, 0},
        {{.rank = 4, .dims = {1 << 16, 1 << 16, 1 << 16, 1 << 16}}, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        int64_t count = -7;
        assert_int_equal(shape_count(&cases[i].shape, &count), cases[i].good);
        assert_int_equal(count, cases[i].count);
    }
}

static void test_bytes(void **state)
{
    struct tensor_desc desc = {.dtype = PUM_DTYPE_I64, .shape = SHAPE(3, 5)};
    size_t bytes;
    (void)state;
    assert_true(tensor_bytes(&desc, &bytes));
    assert_int_equal(bytes, 120);
    desc.shape = SHAPE(INT64_MAX / 4, 1);
    assert_true(shape_count(&desc.shape, &(int64_t){0}));
    assert_false(tensor_bytes(&desc, &bytes));
    assert_int_equal(bytes, 0);
    desc = (struct tensor_desc){.dtype = PUM_DTYPE_NONE, .shape = SHAPE(1)};
    assert_false(tensor_bytes(&desc, &bytes));
}

static void test_dtypes(void **state)
{
    static const struct {
        pum_dtype dtype;
        const char *name;
        size_t size;
        bool is_float, is_int, is_unsigned;
    } cases[] = {
        {PUM_DTYPE_F32, "float32", 4, true, false, false},
        {PUM_DTYPE_BF16, "bfloat16", 2, true, false, false},
        {PUM_DTYPE_F64, "float64", 8, true, false, false},
        {PUM_DTYPE_I8, "int8", 1, false, true, false},
        {PUM_DTYPE_U32, "uint32", 4, false, true, true},
        {PUM_DTYPE_BOOL, "bool", 1, false, false, false},
        {PUM_DTYPE_NONE, "none", 0, false, false, false},
        {(pum_dtype)99, "none", 0, false, false, false},
        {(pum_dtype)-1, "none", 0, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        assert_string_equal(pum_dtype_name(cases[i].dtype), cases[i].name);
        assert_int_equal(pum_dtype_size(cases[i].dtype), cases[i].size);
        assert_int_equal(dtype_is_float(cases[i].dtype), cases[i].is_float);
        assert_int_equal(dtype_is_int(cases[i].dtype), cases[i].is_int);
        assert_int_equal(dtype_is_unsigned(cases[i].dtype), cases[i].is_unsigned);
    }
}

static void test_broadcast(void **state)
{
    static const struct {
        struct shape a, b, out;
        bool good;
    } cases[] = {
        {{2, {3, 4}}, {2, {3, 4}}, {2, {3, 4}}, true},
        {{2, {3, 1}}, {1, {4}}, {2, {3, 4}}, true},
        {{0, {0}}, {3, {2, 3, 4}}, {3, {2, 3, 4}}, true},
        {{2, {1, 4}}, {3, {2, 3, 1}}, {3, {2, 3, 4}}, true},
        {{1, {0}}, {1, {1}}, {1, {0}}, true},
        {{1, {0}}, {1, {2}}, {0, {0}}, false},
        {{2, {3, 4}}, {2, {4, 3}}, {0, {0}}, false},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        struct shape out;
        assert_int_equal(shape_broadcast(&cases[i].a, &cases[i].b, &out), cases[i].good);
        assert_true(shape_equal(&out, &cases[i].out));
    }
}

static void test_axes_strides_text(void **state)
{
    struct shape shape = SHAPE(2, 3, 4);
    int64_t strides[3];
    char text[SHAPE_TEXT_BYTES];
    int32_t axis;
    (void)state;
    shape_strides(&shape, strides);
    assert_int_equal(strides[0], 12);
    assert_int_equal(strides[1], 4);
    assert_int_equal(strides[2], 1);
    assert_int_equal(shape_product(&shape, 1, 3), 12);
    assert_true(shape_axis(-1, 3, &axis));
    assert_int_equal(axis, 2);
    assert_true(shape_axis(-3, 3, &axis));
    assert_int_equal(axis, 0);
    assert_false(shape_axis(3, 3, &axis));
    assert_false(shape_axis(-4, 3, &axis));
    assert_false(shape_axis(INT64_MIN, 3, &axis));
    assert_string_equal(shape_text(&shape, text), "[2,3,4]");
    shape.dims[1] = -1;
    assert_true(shape_has_symbol(&shape));
    assert_string_equal(shape_text(&shape, text), "[2,?,4]");
    struct shape longest = SHAPE(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                                 INT64_MAX, INT64_MAX);
    assert_int_equal(strlen(shape_text(&longest, text)), 8 * 20 + 1);
}

/* What is put in comes out, through double and through int64. */
static void test_elements(void **state)
{
    static const struct {
        pum_dtype dtype;
        double set, get;
        int64_t get_int;
    } cases[] = {
        {PUM_DTYPE_F32, -1.5, -1.5, -1},         {PUM_DTYPE_F16, 2.5, 2.5, 2},
        {PUM_DTYPE_F16, 70000, INFINITY, INT64_MAX}, {PUM_DTYPE_BF16, -3, -3, -3},
        {PUM_DTYPE_F64, 1e300, 1e300, INT64_MAX}, {PUM_DTYPE_F64, NAN, NAN, 0},
        {PUM_DTYPE_I8, -100.9, -100, -100},      {PUM_DTYPE_I8, 200, -56, -56},
        {PUM_DTYPE_U8, 300, 44, 44},             {PUM_DTYPE_I16, -40000, 25536, 25536},
        {PUM_DTYPE_U16, 65535, 65535, 65535},    {PUM_DTYPE_I32, -7, -7, -7},
        {PUM_DTYPE_U32, 4e9, 4e9, 4000000000},   {PUM_DTYPE_I64, -9, -9, -9},
        {PUM_DTYPE_U64, 1.5e19, 1.5e19, (int64_t)15000000000000000000u},
        {PUM_DTYPE_BOOL, 0.25, 1, 1},            {PUM_DTYPE_BOOL, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        uint64_t memory[2] = {0, 0};
        struct host_tensor tensor = {{cases[i].dtype, {.rank = 1, .dims = {2}}}, memory};
        tensor_set_f64(&tensor, 1, cases[i].set);
        double got = tensor_get_f64(&tensor, 1);
        if (isnan(cases[i].get))
            assert_true(isnan(got));
        else
            assert_true(got == cases[i].get);
        assert_int_equal(tensor_get_i64(&tensor, 1), cases[i].get_int);
        assert_true(tensor_get_f64(&tensor, 0) == 0); /* the neighbour is untouched */
    }
}

static void test_integers_are_exact(void **state)
{
    int64_t big = INT64_MAX - 1; /* not a double */
    uint64_t memory[2] = {0, 0};
    struct host_tensor tensor = {{PUM_DTYPE_I64, {.rank = 1, .dims = {2}}}, memory};
    (void)state;
    tensor_set_i64(&tensor, 1, big);
    assert_true(tensor_get_i64(&tensor, 1) == big);
    tensor.desc.dtype = PUM_DTYPE_I32;
    tensor_set_i64(&tensor, 0, INT64_C(0x1ffffffff));
    assert_int_equal(tensor_get_i64(&tensor, 0), -1);
    tensor.desc.dtype = PUM_DTYPE_F32;
    tensor_set_i64(&tensor, 0, 16777217);
    assert_int_equal(tensor_get_i64(&tensor, 0), 16777216);
}

static void test_host_tensors(void **state)
{
    pum_context *context;
    struct host_tensor tensor;
    (void)state;
    assert_int_equal(pum_context_create(NULL, &context), PUM_OK);
    struct tensor_desc desc = {PUM_DTYPE_F32, SHAPE(2, 2)};
    assert_int_equal(host_tensor_alloc(context, &desc, &tensor), PUM_OK);
    assert_true(tensor_get_f64(&tensor, 3) == 0);
    host_tensor_free(context, &tensor);
    assert_null(tensor.data);
    host_tensor_free(context, &tensor);
    desc.shape.dims[0] = -1;
    assert_int_equal(host_tensor_alloc(context, &desc, &tensor), PUM_E_SHAPE);
    assert_non_null(strstr(pum_last_error(), "[?,2]"));
    pum_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_axes_strides_text),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_integers_are_exact),
        cmocka_unit_test(test_host_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
