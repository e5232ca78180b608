/* SPDX-License-Identifier: MIT
 *
 * test_onnx_tensor.c - constants in every encoding that TensorProto has, and lengths that lie.
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

/* A model that gives the initializer "t" back. */
static pum_status read_tensor(Onnx__TensorProto *tensor, pum_graph **out_graph)
{
    maker_initializer(&m, tensor);
    (void)maker_node(&m, "Identity", "t", "y");
    maker_output(&m, maker_value(&m, "y", T_F32, -1, NULL));
    m.graph.output[0]->type = NULL;
    return maker_read(&m, context, out_graph);
}

/* Its elements, as doubles. */
static void expect(Onnx__TensorProto *tensor, pum_dtype dtype, int32_t count, const double *values)
{
    pum_graph *graph;

    if (read_tensor(tensor, &graph) != PUM_OK)
        fail_msg("%s", pum_last_error());
    const struct graph_tensor *read = graph_input_of(graph, &graph->nodes[0], 0);
    assert_int_equal(read->desc.dtype, dtype);
    assert_string_equal(read->name, "t");
    assert_int_equal(shape_elements(&read->desc.shape), count);
    struct host_tensor host = {read->desc, (void *)(uintptr_t)read->data};
    for (int32_t i = 0; i < count; i++) {
        if (tensor_get_f64(&host, i) != values[i])
            fail_msg("%s: element %d is %g, expected %g", pum_dtype_name(dtype), i,
                     tensor_get_f64(&host, i), values[i]);
    }
    pum_graph_destroy(&graph);
    maker_free(&m);
}

static void expect_error(Onnx__TensorProto *tensor, pum_status status, const char *part)
{
    pum_graph *graph;
    pum_status got = read_tensor(tensor, &graph);
    if (got != status || strstr(pum_last_error(), part) == NULL ||
        strstr(pum_last_error(), "'t'") == NULL)
        fail_msg("expected %s with '%s', got %s: %s", pum_status_name(status), part,
                 pum_status_name(got), pum_last_error());
    maker_free(&m);
}

static Onnx__TensorProto *bare(int type, int64_t count)
{
    maker_init(&m, 13);
    return maker_bare(&m, "t", type, 1, &count);
}

#define D(...) (int32_t)(sizeof((double[]){__VA_ARGS__}) / 8), (double[]){__VA_ARGS__}

static void test_raw(void **state)
{
    static const struct {
        int type;
        pum_dtype dtype;
        size_t bytes; /* of an element */
        uint64_t bits;
        double value;
    } cases[] = {
        {T_F32, PUM_DTYPE_F32, 4, 0xc0200000, -2.5},
        {T_F64, PUM_DTYPE_F64, 8, 0x4004000000000000, 2.5},
        {T_F16, PUM_DTYPE_F16, 2, 0xc100, -2.5},
        {T_BF16, PUM_DTYPE_BF16, 2, 0xc020, -2.5},
        {T_I8, PUM_DTYPE_I8, 1, 0x80, -128},
        {T_U8, PUM_DTYPE_U8, 1, 0xff, 255},
        {T_I16, PUM_DTYPE_I16, 2, 0x8000, -32768},
        {T_U16, PUM_DTYPE_U16, 2, 0xffff, 65535},
        {T_I32, PUM_DTYPE_I32, 4, 0xffffffff, -1},
        {T_U32, PUM_DTYPE_U32, 4, 0xffffffff, 4294967295.0},
        {T_I64, PUM_DTYPE_I64, 8, 0xfffffffffffffffe, -2},
        {T_U64, PUM_DTYPE_U64, 8, 0x8000000000000000, 9223372036854775808.0},
        {T_BOOL, PUM_DTYPE_BOOL, 1, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        uint8_t data[24];
        for (size_t j = 0; j < 3; j++)
            memcpy(data + j * cases[i].bytes, &cases[i].bits, cases[i].bytes);
        maker_init(&m, 13);
        expect(maker_raw(&m, "t", cases[i].type, 1, (int64_t[]){3}, data, 3 * cases[i].bytes),
               cases[i].dtype, D(cases[i].value, cases[i].value, cases[i].value));
    }
}

static void test_typed(void **state)
{
    static float floats[] = {1.5f, -2};
    static double doubles[] = {0.1, 1e300};
    static int64_t longs[] = {INT64_MIN, 5};
    static uint64_t unsigned_longs[] = {UINT32_MAX, 7};
    static int32_t ints[] = {-3, 100};
    static int32_t halves[] = {0x3c00, 0xc000};
    Onnx__TensorProto *t;
    (void)state;
    t = bare(T_F32, 2);
    t->n_float_data = 2;
    t->float_data = floats;
    expect(t, PUM_DTYPE_F32, D(1.5, -2));
    t = bare(T_F64, 2);
    t->n_double_data = 2;
    t->double_data = doubles;
    expect(t, PUM_DTYPE_F64, D(0.1, 1e300));
    t = bare(T_I64, 2);
    t->n_int64_data = 2;
    t->int64_data = longs;
    expect(t, PUM_DTYPE_I64, D(-9223372036854775808.0, 5));
    static const struct {
        int type;
        pum_dtype dtype;
    } wide[] = {{T_U32, PUM_DTYPE_U32}, {T_U64, PUM_DTYPE_U64}};
    for (size_t i = 0; i < PUM_COUNT_OF(wide); i++) {
        t = bare(wide[i].type, 2);
        t->n_uint64_data = 2;
        t->uint64_data = unsigned_longs;
        expect(t, wide[i].dtype, D(4294967295.0, 7));
    }
    static const struct {
        int type;
        pum_dtype dtype;
    } narrow[] = {{T_I32, PUM_DTYPE_I32}, {T_I16, PUM_DTYPE_I16}, {T_I8, PUM_DTYPE_I8}};
    for (size_t i = 0; i < PUM_COUNT_OF(narrow); i++) {
        t = bare(narrow[i].type, 2);
        t->n_int32_data = 2;
        t->int32_data = ints;
        expect(t, narrow[i].dtype, D(-3, 100));
    }
    t = bare(T_BOOL, 2);
    t->n_int32_data = 2;
    t->int32_data = ints;
    expect(t, PUM_DTYPE_BOOL, D(1, 1));
    t = bare(T_F16, 2);
    t->n_int32_data = 2;
    t->int32_data = halves;
    expect(t, PUM_DTYPE_F16, D(1, -2));
    t = bare(T_BF16, 2);
    t->n_int32_data = 2;
    t->int32_data = (int32_t[]){0x3f80, 0xc000};
    expect(t, PUM_DTYPE_BF16, D(1, -2));
    t = bare(T_U16, 2);
    t->n_int32_data = 2;
    t->int32_data = (int32_t[]){65535, 0};
    expect(t, PUM_DTYPE_U16, D(65535, 0));
    t = bare(T_U8, 2);
    t->n_int32_data = 2;
    t->int32_data = (int32_t[]){255, 0};
    expect(t, PUM_DTYPE_U8, D(255, 0));
}

static void test_shapes(void **state)
{
    (void)state;
    maker_init(&m, 13);
    expect(maker_raw(&m, "t", T_F32, 0, NULL, (float[]){4}, 4), PUM_DTYPE_F32, D(4));
    expect(bare(T_F32, 0), PUM_DTYPE_F32, 0, NULL);
    maker_init(&m, 13);
    expect(maker_raw(&m, "t", T_F32, 2, (int64_t[]){0, 5}, "", 0), PUM_DTYPE_F32, 0, NULL);
}

static void test_lies(void **state)
{
    static float floats[4];
    (void)state;
    maker_init(&m, 13);
    expect_error(maker_raw(&m, "t", T_F32, 1, (int64_t[]){3}, floats, 11), PUM_E_FORMAT,
                 "needs 12");
    maker_init(&m, 13);
    expect_error(maker_raw(&m, "t", T_F32, 1, (int64_t[]){3}, floats, 13), PUM_E_FORMAT,
                 "needs 12");
    expect_error(bare(T_F32, 3), PUM_E_FORMAT, "0 float_data; its shape needs 3");
    expect_error(bare(T_F32, -3), PUM_E_FORMAT, "axis 0 has size -3");
    expect_error(bare(T_F32, INT64_MAX), PUM_E_FORMAT, "axis 0 has size 9223372036854775807");
    maker_init(&m, 13);
    expect_error(maker_bare(&m, "t", T_F32, 4, (int64_t[]){1 << 30, 1 << 30, 1 << 30, 1 << 30}),
                 PUM_E_FORMAT, "larger than memory");
}

static void test_more_lies(void **state)
{
    static float floats[4];
    static int32_t ints[] = {300, -200000};
    static const int narrow[] = {T_I8, T_U8, T_I16, T_U16, T_F16, T_BF16};
    Onnx__TensorProto *t;
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(narrow); i++) {
        t = bare(narrow[i], 2);
        t->n_int32_data = 2;
        t->int32_data = ints;
        expect_error(t, PUM_E_FORMAT, "does not fit");
    }
    t = bare(T_U32, 1);
    t->n_uint64_data = 1;
    t->uint64_data = (uint64_t[]){UINT64_C(1) << 32};
    expect_error(t, PUM_E_FORMAT, "does not fit");
    t = bare(T_F32, 2);
    t->n_float_data = 2;
    t->float_data = floats;
    t->n_int32_data = 2;
    t->int32_data = ints;
    expect_error(t, PUM_E_FORMAT, "another field");
    maker_init(&m, 13);
    t = maker_raw(&m, "t", T_F32, 1, (int64_t[]){2}, floats, 8);
    t->n_float_data = 2;
    t->float_data = floats;
    expect_error(t, PUM_E_FORMAT, "raw_data and numbers");
    expect_error(bare(T_STRING, 1), PUM_E_FORMAT, "0 strings; its shape needs 1");
    expect_error(bare(T_COMPLEX64, 1), PUM_E_UNSUPPORTED, "element type 14");
    expect_error(bare(0, 1), PUM_E_UNSUPPORTED, "element type 0");
    expect_error(bare(-5, 1), PUM_E_UNSUPPORTED, "element type -5");
    maker_init(&m, 13);
    expect_error(maker_bare(&m, "t", T_F32, 9, (int64_t[9]){1, 1, 1, 1, 1, 1, 1, 1, 1}),
                 PUM_E_UNSUPPORTED, "9 axes");
    t = bare(T_F32, 1);
    Onnx__TensorProto__Segment segment = ONNX__TENSOR_PROTO__SEGMENT__INIT;
    segment.has_begin = 1;
    t->segment = &segment;
    expect_error(t, PUM_E_UNSUPPORTED, "segments");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw),  cmocka_unit_test(test_typed), cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_lies), cmocka_unit_test(test_more_lies),
    };
    return cmocka_run_group_tests(tests, make_context, end_context);
}
