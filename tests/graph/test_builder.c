/* SPDX-License-Identifier: MIT
 *
 * test_builder.c - building through pumice_graph.h: shapes that are known at once, types and ranks
 * where they are not, sticky errors with their messages, every shorthand.
 */
#include "ops/builder.h"
#include "ops/op_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;
static pum_graph *graph;

static int make_graph(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK &&
                   pum_graph_create(context, &graph) == PUM_OK
               ? 0
               : -1;
}

static int end_graph(void **state)
{
    (void)state;
    pum_graph_destroy(&graph);
    pum_context_destroy(&context);
    return 0;
}

#define DIMS(...) (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__}

static pum_value input(const char *name, int32_t rank, const int64_t *dims)
{
    return pum_input(graph, name, PUM_DTYPE_F32, rank, dims);
}

/* "float32[2,3]"; dims not known as "?". */
static const char *described(pum_value value)
{
    static char text[256];
    char shape[SHAPE_TEXT_BYTES];
    pum_port_info info;
    assert_int_equal(pum_graph_get_value(graph, value, &info), PUM_OK);
    struct shape dims = info.rank < 0 ? (struct shape){.rank = -1}
                                      : shape_of(info.rank, info.dims);
    snprintf(text, sizeof(text), "%s%s", pum_dtype_name(info.dtype), shape_text(&dims, shape));
    return text;
}

static void assert_message(const char *part)
{
    if (strstr(pum_last_error(), part) == NULL)
        fail_msg("'%s' is not in: %s", part, pum_last_error());
}

static void test_example(void **state)
{
    static const float weights[784 * 10];
    pum_port_info info;
    (void)state;
    pum_value x = input("x", DIMS(PUM_DIM(graph, "batch"), 784));
    pum_value w = pum_constant_f32(graph, "w", DIMS(784, 10), weights);
    pum_value y = pum_softmax(graph, pum_matmul(graph, x, w), -1);
    pum_output(graph, "y", y);
    assert_int_equal(pum_graph_finish(graph), PUM_OK);
    assert_int_equal(pum_graph_finish(graph), PUM_OK);
    assert_int_equal(pum_graph_input_count(graph), 1);
    assert_int_equal(pum_graph_get_input(graph, 0, &info), PUM_OK);
    assert_string_equal(info.name, "x");
    assert_string_equal(pum_graph_symbol_name(graph, info.dims[0]), "batch");
    assert_int_equal(info.dims[1], 784);
    assert_int_equal(pum_graph_get_output(graph, 0, &info), PUM_OK);
    assert_string_equal(info.name, "y");
    assert_int_equal(info.dtype, PUM_DTYPE_F32);
    assert_int_equal(info.rank, 2);
    assert_string_equal(pum_graph_symbol_name(graph, info.dims[0]), "?");
    assert_int_equal(pum_graph_get_output(graph, 1, &info), PUM_E_ARGUMENT);
    assert_int_equal(pum_graph_get_input(graph, -1, &info), PUM_E_ARGUMENT);
    pum_graph_stats stats;
    pum_graph_get_stats(graph, &stats);
    assert_int_equal(stats.node_count, 2);
    assert_int_equal(stats.parameter_count, 7840);
    assert_int_equal(stats.parameter_bytes, 7840 * 4);
}

/* The first error stays; later calls do nothing. */
static void test_sticky(void **state)
{
    (void)state;
    pum_value x = input("x", DIMS(2, 3)), y = input("y", DIMS(4, 5));
    pum_value bad = pum_add(graph, x, y);
    assert_int_equal(bad, PUM_NO_VALUE);
    assert_int_equal(pum_graph_status(graph), PUM_E_SHAPE);
    assert_int_equal(pum_relu(graph, bad), PUM_NO_VALUE);
    assert_int_equal(input("z", DIMS(1)), PUM_NO_VALUE);
    pum_output(graph, "z", x);
    (void)pum_op1(graph, "NoSuchThing", x);
    assert_int_equal(pum_graph_finish(graph), PUM_E_SHAPE);
    assert_message("Add");
}


static void check_mistake(pum_status status, const char *message)
{
    assert_int_equal(pum_graph_status(graph), status);
    assert_message(message);
    pum_graph_destroy(&graph);
    assert_int_equal(pum_graph_create(context, &graph), PUM_OK);
}

static void test_mistakes(void **state)
{
    static const float data[6];
    pum_value values[4];
    (void)state;
    (void)pum_op1(graph, "NoSuchThing", input("x", DIMS(2)));
    check_mistake(PUM_E_UNSUPPORTED, "NoSuchThing");
    (void)pum_op1(graph, "Add", input("x", DIMS(2)));
    check_mistake(PUM_E_ARGUMENT, "takes 2");
    (void)pum_op2(graph, "Add", input("x", DIMS(2)), PUM_NO_VALUE);
    check_mistake(PUM_E_ARGUMENT, "input 1 is missing");
    (void)pum_relu(graph, 7);
    check_mistake(PUM_E_ARGUMENT, "no value of this graph");
    (void)pum_relu(graph, -5);
    check_mistake(PUM_E_ARGUMENT, "no value of this graph");
    (void)input("x", DIMS(2, -9));
    check_mistake(PUM_E_ARGUMENT, "axis 1");
    (void)input("x", 9, (int64_t[9]){0});
    check_mistake(PUM_E_ARGUMENT, "rank 9");
    (void)pum_input(graph, "x", PUM_DTYPE_NONE, 0, NULL);
    check_mistake(PUM_E_ARGUMENT, "unknown type");
    (void)input("", 0, NULL);
    check_mistake(PUM_E_ARGUMENT, "no name");
    (void)input("x", 0, NULL);
    (void)input("x", 0, NULL);
    check_mistake(PUM_E_ARGUMENT, "two inputs are named 'x'");
    (void)pum_constant(graph, "c", PUM_DTYPE_F32, DIMS(2, 3), data, 23);
    check_mistake(PUM_E_ARGUMENT, "needs 24 bytes and has 23");
    (void)pum_constant_f32(graph, "c", DIMS(INT64_MAX, 3), data);
    check_mistake(PUM_E_ARGUMENT, "too large");
    (void)pum_constant_f32(graph, "c", DIMS(2, 3), NULL);
    check_mistake(PUM_E_ARGUMENT, "has 0");
    pum_output(graph, "y", 3);
    check_mistake(PUM_E_ARGUMENT, "output 'y'");
    pum_value x = input("x", 0, NULL);
    pum_output(graph, "y", x);
    pum_output(graph, "y", x);
    check_mistake(PUM_E_ARGUMENT, "two outputs");
    (void)input("x", 0, NULL);
    assert_int_equal(pum_graph_finish(graph), PUM_E_FORMAT);
    check_mistake(PUM_E_FORMAT, "no output");
    pum_attr twice[] = {{.name = "axis", .kind = PUM_ATTR_INT},
                        {.name = "axis", .kind = PUM_ATTR_INT}};
    pum_node_params params = {.op = "Softmax", .inputs = values, .input_count = 1,
                              .attrs = twice, .attr_count = 2};
    values[0] = input("x", DIMS(2));
    assert_int_equal(pum_node(graph, &params, values + 1), PUM_E_ARGUMENT);
    assert_int_equal(values[1], PUM_NO_VALUE);
    check_mistake(PUM_E_ARGUMENT, "'axis' is given twice");
    values[0] = input("x", DIMS(2));
    params.attrs = &(pum_attr){.name = "axis", .kind = PUM_ATTR_INT, .i = 4};
    params.attr_count = 1;
    params.name = "last layer";
    assert_int_not_equal(pum_node(graph, &params, values + 1), PUM_OK);
    assert_message("last layer");
    assert_int_equal(pum_node(NULL, &params, values + 1), PUM_E_ARGUMENT);
    assert_int_equal(pum_graph_finish(NULL), PUM_E_ARGUMENT);
}

static void test_finished_is_frozen(void **state)
{
    (void)state;
    pum_value x = input("x", DIMS(2));
    pum_output(graph, "y", pum_relu(graph, x));
    assert_int_equal(pum_graph_finish(graph), PUM_OK);
    assert_int_equal(pum_relu(graph, x), PUM_NO_VALUE);
    assert_message("finished");
    assert_int_equal(pum_graph_status(graph), PUM_OK); /* still usable */
}

static void test_declared_type(void **state)
{
    (void)state;
    pum_output(graph, "y", pum_relu(graph, input("x", DIMS(2))));
    pum_output_declare(graph, 0, PUM_DTYPE_I32, -1, NULL);
    assert_int_equal(pum_graph_finish(graph), PUM_E_TYPE);
    assert_message("output 'y'");
}

static void test_symbols(void **state)
{
    (void)state;
    int64_t a = PUM_DIM(graph, "a"), b = PUM_DIM(graph, "b");
    assert_true(a < 0 && b < 0 && a != b);
    assert_true(PUM_DIM(graph, "a") == a);
    int64_t fresh = PUM_DIM(graph, NULL);
    assert_true(fresh != PUM_DIM(graph, ""));
    assert_string_equal(pum_graph_symbol_name(graph, b), "b");
    assert_string_equal(pum_graph_symbol_name(graph, -1000), "?");
    assert_string_equal(pum_graph_symbol_name(graph, INT64_MIN), "?");
    assert_string_equal(pum_graph_symbol_name(graph, 3), "?");
}

static void test_shorthand_shapes(void **state)
{
    static const float data[8 * 3 * 9];
    (void)state;
    pum_value x = input("x", DIMS(2, 3));
    pum_value image = input("image", DIMS(1, 3, 9, 9));
    pum_value seq = input("seq", DIMS(2, 5, 8));
    pum_value w = pum_constant_f32(graph, "w", DIMS(4, 3), data);
    pum_value b = pum_constant_f32(graph, "b", DIMS(4), data);
    pum_value filter = pum_constant_f32(graph, "f", DIMS(8, 3, 3, 3), data);
    pum_value table = pum_constant_f32(graph, "t", DIMS(10, 6), data);
    pum_value ids = pum_input(graph, "ids", PUM_DTYPE_I64, DIMS(2, 5));
    pum_value gain = pum_constant_f32(graph, "g", DIMS(8), data);
    assert_string_equal(described(pum_linear(graph, x, w, b)), "float32[2,4]");
    assert_string_equal(described(pum_linear(graph, x, w, PUM_NO_VALUE)), "float32[2,4]");
    assert_string_equal(described(pum_gelu(graph, x)), "float32[2,3]");
    assert_string_equal(described(pum_mul(graph, x, pum_scalar_f32(graph, 2))), "float32[2,3]");
    assert_string_equal(described(pum_softmax(graph, x, 0)), "float32[2,3]");
    assert_string_equal(described(pum_embedding(graph, table, ids)), "float32[2,5,6]");
    assert_string_equal(described(pum_layer_norm(graph, seq, gain, PUM_NO_VALUE, 1e-5f)),
                        "float32[2,5,8]");
    assert_string_equal(described(pum_layer_norm(graph, seq, gain, gain, 1e-5f)), "float32[2,5,8]");
    assert_string_equal(described(pum_reshape(graph, seq, DIMS(0, -1))), "float32[2,40]");
    assert_string_equal(described(pum_transpose(graph, seq, DIMS(2, 0, 1))), "float32[8,2,5]");
    assert_string_equal(described(pum_max_pool(graph, image, 3, 2, 1)), "float32[1,3,5,5]");
    assert_string_equal(
        described(pum_conv(graph, &(pum_conv_params){.x = image, .w = filter, .b = PUM_NO_VALUE,
                                                     .stride = {2, 1}, .pad = {1, 0}})),
        "float32[1,8,5,7]");
    assert_string_equal(
        described(pum_attention(graph, &(pum_attention_params){.q = seq, .k = seq, .v = seq,
                                                               .mask = PUM_NO_VALUE, .heads = 4,
                                                               .kv_heads = 4, .causal = true})),
        "float32[2,5,8]");
    pum_value cache = input("cache", DIMS(2, 4, 9, 2));
    assert_string_equal(
        described(pum_attention(graph, &(pum_attention_params){.q = seq, .k = cache, .v = cache,
                                                               .mask = PUM_NO_VALUE, .heads = 4,
                                                               .causal = true,
                                                               .heads_apart = true})),
        "float32[2,5,8]");
    assert_int_equal(pum_graph_status(graph), PUM_OK);
    (void)pum_attention(graph, &(pum_attention_params){.q = seq, .k = seq, .v = seq, .heads = 3,
                                                       .kv_heads = 2});
    check_mistake(PUM_E_ARGUMENT, "3 heads over 2 kv_heads");
    (void)pum_conv(graph, &(pum_conv_params){.x = input("x", DIMS(1, 3, 9)), .w = PUM_NO_VALUE});
    check_mistake(PUM_E_ARGUMENT, "weight's rank");
}

/* Shorthand that moves, casts and counts. */
static void test_shorthand_axes(void **state)
{
    (void)state;
    pum_value x = input("x", DIMS(2, 5, 8)), y = input("y", DIMS(2, 3, 8));
    pum_value ids = pum_input(graph, "ids", PUM_DTYPE_I64, DIMS(4));
    assert_string_equal(described(pum_sub(graph, x, pum_scalar_f32(graph, 1))), "float32[2,5,8]");
    assert_string_equal(described(pum_div(graph, x, pum_scalar_f32(graph, 2))), "float32[2,5,8]");
    assert_string_equal(described(pum_tanh(graph, pum_sigmoid(graph, x))), "float32[2,5,8]");
    assert_string_equal(described(pum_gelu_tanh(graph, x)), "float32[2,5,8]");
    for (int dtype = PUM_DTYPE_F32; dtype < PUM_DTYPE_STRING; dtype++) {
        pum_port_info info;
        assert_int_equal(pum_graph_get_value(graph, pum_cast(graph, ids, (pum_dtype)dtype), &info),
                         PUM_OK);
        assert_int_equal(info.dtype, dtype);
    }
    assert_string_equal(described(pum_unsqueeze(graph, x, DIMS(1, 4))), "float32[2,1,5,8,1]");
    assert_string_equal(described(pum_slice(graph, x, 1, 1, 4)), "float32[2,3,8]");
    assert_string_equal(described(pum_slice(graph, x, -1, -3, INT64_MAX)), "float32[2,5,3]");
    assert_string_equal(described(pum_slice_dynamic(graph, x, 2, pum_ints(graph, DIMS(2)),
                                                    pum_ints(graph, DIMS(4)))),
                        "float32[2,5,2]");
    assert_string_equal(described(pum_concat(graph, 1, 2, (pum_value[]){x, y})), "float32[2,8,8]");
    assert_string_equal(described(pum_gather(graph, x, 1, ids)), "float32[2,4,8]");
    assert_string_equal(described(pum_gather(graph, x, 1, pum_scalar_i64(graph, 0))),
                        "float32[2,8]");
    assert_string_equal(described(pum_size_of(graph, x, 1)), "int64[1]");
    assert_string_equal(described(pum_shape_of(graph, x)), "int64[3]");
    assert_string_equal(described(pum_expand(graph, x, pum_ints(graph, DIMS(3, 1, 5, 1)))),
                        "float32[3,2,5,8]");
    assert_string_equal(described(pum_reduce_sum(graph, x, 1, true)), "float32[2,1,8]");
    assert_string_equal(described(pum_reduce_sum(graph, x, -1, false)), "float32[2,5]");
    assert_string_equal(described(pum_normalize(graph, x, -1)), "float32[2,5,8]");
    assert_int_equal(pum_graph_status(graph), PUM_OK);
    (void)pum_concat(graph, 1, 2, (pum_value[]){x, pum_slice(graph, y, 0, 0, 1)});
    check_mistake(PUM_E_SHAPE, "Concat");
    (void)pum_cast(graph, input("x", DIMS(2)), PUM_DTYPE_NONE);
    assert_true(pum_graph_status(graph) != PUM_OK);
    assert_message("Cast");
}

/* With a symbol, types and ranks are still known. */
static void test_unknown_shapes(void **state)
{
    static const float data[64];
    pum_value two[2];
    (void)state;
    int64_t n = PUM_DIM(graph, "n");
    pum_value x = input("x", DIMS(n, 3, 4)), row = input("row", DIMS(4));
    assert_string_equal(described(pum_relu(graph, x)), "float32[?,?,?]");
    assert_string_equal(described(pum_add(graph, row, x)), "float32[?,?,?]");
    assert_string_equal(described(pum_op2(graph, "Greater", x, row)), "bool[?,?,?]");
    pum_value shape = pum_op1(graph, "Shape", x);
    assert_string_equal(described(shape), "int64[3]");
    assert_string_equal(described(pum_op1(graph, "Size", x)), "int64[]");
    assert_string_equal(described(pum_op2(graph, "Reshape", row, shape)), "float32[?,?,?]");
    assert_string_equal(described(pum_reshape(graph, x, DIMS(0, -1))), "float32[?,?]");
    assert_string_equal(described(pum_reshape(graph, x, DIMS(12, 7))), "float32[12,7]");
    assert_string_equal(described(pum_op2(graph, "Squeeze", x, pum_ints(graph, DIMS(0)))),
                        "float32[?,?]");
    assert_string_equal(described(pum_op1(graph, "Squeeze", x)), "float32[unknown]");
    assert_string_equal(described(pum_op2(graph, "Unsqueeze", x, pum_ints(graph, DIMS(0, 1)))),
                        "float32[?,?,?,?,?]");
    pum_value w = pum_constant_f32(graph, "w", DIMS(4, 16), data);
    assert_string_equal(described(pum_matmul(graph, x, w)), "float32[?,?,?]");
    assert_string_equal(described(pum_matmul(graph, x, row)), "float32[?,?]");
    pum_value ids = pum_input(graph, "ids", PUM_DTYPE_I64, DIMS(n, 2));
    assert_string_equal(described(pum_embedding(graph, w, ids)), "float32[?,?,?]");
    pum_attr flat = {.name = "keepdims", .kind = PUM_ATTR_INT, .i = 0};
    pum_value sum;
    assert_int_equal(pum_node(graph, &(pum_node_params){.op = "ReduceSum", .inputs = &x,
                                                        .input_count = 1, .attrs = &flat,
                                                        .attr_count = 1}, &sum), PUM_OK);
    assert_string_equal(described(sum), "float32[]");
    assert_int_equal(pum_node(graph, &(pum_node_params){.op = "ArgMax", .inputs = &x,
                                                        .input_count = 1, .attrs = &flat,
                                                        .attr_count = 1}, &sum), PUM_OK);
    assert_string_equal(described(sum), "int64[?,?]");
    pum_value top[] = {x, pum_ints(graph, DIMS(2))};
    assert_int_equal(pum_node(graph, &(pum_node_params){.op = "TopK", .inputs = top,
                                                        .input_count = 2, .output_count = 2}, two),
                     PUM_OK);
    assert_string_equal(described(two[1]), "int64[?,?,?]");
    assert_string_equal(
        described(pum_attention(graph, &(pum_attention_params){.q = x, .k = x, .v = x,
                                                               .mask = PUM_NO_VALUE, .heads = 2})),
        "float32[?,?,?]");
    pum_attr half = {.name = "to", .kind = PUM_ATTR_INT, .i = 10};
    assert_int_equal(pum_node(graph, &(pum_node_params){.op = "Cast", .inputs = &x,
                                                        .input_count = 1, .attrs = &half,
                                                        .attr_count = 1}, &sum), PUM_OK);
    assert_string_equal(described(sum), "float16[?,?,?]");
    assert_int_equal(pum_graph_status(graph), PUM_OK);
}

/* What is guessed of a case without its shapes must be what its rule says of it with them. */
static void check_guess(const struct op_case *test)
{
    struct op_case_data data;
    int32_t ids[64], outs[16];
    if (op_case_parse(context, test, 1, &data) != PUM_OK)
        fail_msg("%s", pum_last_error());
    struct host_tensor inputs[64] = {0}, results[16] = {0};
    assert_true(data.input_count <= 64 && data.output_count <= 16);
    for (int32_t i = 0; i < data.input_count; i++) {
        inputs[i] = data.inputs[i].tensor;
        ids[i] = inputs[i].desc.dtype == PUM_DTYPE_NONE
                     ? GRAPH_NONE
                     : graph_add_tensor(graph, "input", &inputs[i].desc);
    }
    for (int32_t i = 0; i < data.output_count; i++)
        outs[i] = graph_add_tensor(graph, "output", &(struct tensor_desc){.shape.rank = -1});
    int32_t id = graph_add_node(graph, (int32_t)test->op, "case", ids, data.input_count, outs,
                                data.output_count, data.attrs, data.attr_count);
    assert_true(id >= 0);
    struct op_call call = {.context = context, .node = &graph->nodes[id],
                           .input_count = data.input_count, .inputs = inputs,
                           .output_count = data.output_count, .outputs = results};
    if (op_infer(&call) != PUM_OK)
        fail_msg("%s:%d: %s", test->file, test->line, pum_last_error());
    builder_guess(graph, &graph->nodes[id]);
    for (int32_t i = 0; i < data.output_count; i++) {
        const struct graph_tensor *guess = &graph->tensors[outs[i]];
        if ((guess->rank_hint >= 0 && guess->rank_hint != results[i].desc.shape.rank) ||
            (guess->desc.dtype != PUM_DTYPE_NONE && guess->desc.dtype != results[i].desc.dtype) ||
            (guess->desc.shape.rank >= 0 &&
             !shape_equal(&guess->desc.shape, &results[i].desc.shape)))
            fail_msg("%s:%d: output %d: %s of rank %d is guessed as %s of rank %d", test->file,
                     test->line, i, pum_dtype_name(results[i].desc.dtype),
                     results[i].desc.shape.rank, pum_dtype_name(guess->desc.dtype),
                     guess->rank_hint);
    }
    op_case_free(&data);
}

static void test_guesses(void **state)
{
    (void)state;
    for (int32_t i = 0; i < op_case_count; i++)
        check_guess(&op_cases[i]);
}

static char report_text[128];

static void report(void *user, const char *op, int32_t count)
{
    size_t used = strlen(report_text);
    assert_ptr_equal(user, report_text);
    snprintf(report_text + used, sizeof(report_text) - used, "%s:%d ", op, count);
}

static void test_each_op(void **state)
{
    (void)state;
    pum_value x = input("x", DIMS(2));
    pum_output(graph, "y", pum_relu(graph, pum_add(graph, pum_relu(graph, x), x)));
    pum_graph_each_op(graph, report, report_text);
    assert_string_equal(report_text, "Relu:2 Add:1 ");
}

static void test_own_error(void **state)
{
    (void)state;
    assert_int_equal(pum_graph_fail(graph, PUM_E_FORMAT, "made up"), PUM_E_FORMAT);
    assert_int_equal(pum_graph_fail(graph, PUM_E_FILE, "later"), PUM_E_FILE);
    assert_string_equal(pum_last_error(), "later");
    assert_int_equal(pum_graph_finish(graph), PUM_E_FORMAT);
    assert_string_equal(pum_last_error(), "made up");
}

#define WITH_GRAPH(test) cmocka_unit_test_setup_teardown(test, make_graph, end_graph)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GRAPH(test_example),         WITH_GRAPH(test_sticky),
        WITH_GRAPH(test_mistakes),        WITH_GRAPH(test_finished_is_frozen),
        WITH_GRAPH(test_declared_type),   WITH_GRAPH(test_symbols),
        WITH_GRAPH(test_shorthand_shapes), WITH_GRAPH(test_shorthand_axes),
        WITH_GRAPH(test_unknown_shapes),
        WITH_GRAPH(test_guesses),
        WITH_GRAPH(test_each_op),         WITH_GRAPH(test_own_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
