/* SPDX-License-Identifier: MIT
 *
 * test_onnx_body.c - graphs inside nodes, and functions: names are found where they belong,
 * captured values are passed in the order that the bodies expect, constants are made inside, and
 * what does not fit is refused. What bodies compute is tests/exec/test_program.c's; here they are
 * looked at, and run by themselves.
 */
#include "model_maker.h"

#include "ops/op.h"
#include "support/graph_eval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;
static struct maker m;

#define ONE ((int64_t[]){1})
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

static pum_graph *read_model(void)
{
    pum_graph *graph;
    if (maker_read(&m, context, &graph) != PUM_OK)
        fail_msg("%s", pum_last_error());
    maker_free(&m);
    return graph;
}

static void expect_error(pum_status status, const char *part)
{
    maker_expect_error(&m, context, status, part);
}

static void add_output(const char *name, int type)
{
    maker_output(&m, maker_value(&m, name, type, -1, NULL));
}

static void add_input(const char *name, int type)
{
    maker_input(&m, maker_value(&m, name, type, 1, ONE));
}

/* The only node of an operator. */
static const struct graph_node *only(const struct pum_graph *graph, const char *op)
{
    const struct graph_node *found = NULL;
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (strcmp(op_rows[graph->nodes[i].op].name, op) != 0)
            continue;
        assert_null(found);
        found = &graph->nodes[i];
    }
    assert_non_null(found);
    return found;
}

static const char *input_name(const struct pum_graph *graph, const struct graph_node *node,
                              int32_t index)
{
    assert_true(index < node->input_count);
    return node->inputs[index] == GRAPH_NONE ? "" : graph->tensors[node->inputs[index]].name;
}

static const char *body_input(const struct pum_graph *body, int32_t index)
{
    assert_true(index < body->input_count);
    return body->tensors[body->inputs[index]].name;
}

/* Runs a body on float scalars or lists; the first output's first element. */
static double run_body(struct pum_graph *body, int32_t count, float *values)
{
    struct host_tensor inputs[4] = {0};
    struct graph_eval eval = {0};
    int64_t dim = 1;

    assert_int_equal(body->input_count, count);
    for (int32_t i = 0; i < count; i++)
        inputs[i] = (struct host_tensor){{PUM_DTYPE_F32, shape_of(1, &dim)}, &values[i]};
    if (graph_eval_run(body, inputs, &eval) != PUM_OK)
        fail_msg("%s", pum_last_error());
    double result = tensor_get_f64(graph_eval_output(&eval, 0), 0);
    graph_eval_free(&eval);
    return result;
}

/* --- If --------------------------------------------------------------------------------------- */

/* y = c ? x + w : (x - z) * 2; w is an initializer, two is the branch's own, z comes later. */
static void make_if(void)
{
    maker_init(&m, 16);
    add_input("c", T_BOOL);
    add_input("x", T_F32);
    maker_f32(&m, "w", 1, ONE, V(10));
    Onnx__NodeProto *node = maker_node(&m, "If", "c", "y");
    maker_begin_body(&m, node, "then_branch");
    (void)maker_node(&m, "Add", "x w", "t");
    add_output("t", T_F32);
    maker_begin_body(&m, node, "else_branch");
    maker_f32(&m, "two", 1, ONE, V(2));
    (void)maker_node(&m, "Sub", "x z", "d");
    (void)maker_node(&m, "Mul", "d two", "e");
    add_output("e", T_F32);
    maker_end_body(&m, NULL);
    (void)maker_node(&m, "Neg", "x", "z");
    add_output("y", T_F32);
}

static void test_if(void **state)
{
    (void)state;
    make_if();
    pum_graph *graph = read_model();
    const struct graph_node *node = only(graph, "If");
    assert_int_equal(node->input_count, 3);
    assert_string_equal(input_name(graph, node, 0), "c");
    assert_string_equal(input_name(graph, node, 1), "x");
    assert_string_equal(input_name(graph, node, 2), "z");
    assert_string_equal(op_rows[graph->nodes[0].op].name, "Neg"); /* z is there before */
    struct pum_graph *yes = node_graph(node, "then_branch");
    struct pum_graph *no = node_graph(node, "else_branch");
    assert_string_equal(body_input(yes, 0), "x");
    assert_string_equal(body_input(no, 0), "x");
    assert_string_equal(body_input(no, 1), "z");
    assert_true(run_body(yes, 2, V(1, 5)) == 11);
    assert_true(run_body(no, 2, V(1, 5)) == -8);
    /* The weight lies in memory once. */
    for (int32_t i = 0; i < yes->tensor_count; i++) {
        for (int32_t j = 0; j < graph->tensor_count; j++) {
            if (yes->tensors[i].data != NULL && strcmp(graph->tensors[j].name, "w") == 0)
                assert_ptr_equal(yes->tensors[i].data, graph->tensors[j].data);
        }
    }
    pum_port_info info;
    pum_graph_stats stats;
    assert_int_equal(pum_graph_get_output(graph, 0, &info), PUM_OK);
    assert_int_equal(info.dtype, PUM_DTYPE_F32);
    pum_graph_get_stats(graph, &stats);
    assert_int_equal(stats.node_count, 5);
    assert_int_equal(stats.parameter_count, 2);
    pum_graph_destroy(&graph);
}

/* A branch's own name hides one of the graph around; the other branch means that one. */
static void test_shadowed(void **state)
{
    (void)state;
    maker_init(&m, 16);
    add_input("c", T_BOOL);
    add_input("x", T_F32);
    Onnx__NodeProto *node = maker_node(&m, "If", "c", "y");
    maker_begin_body(&m, node, "then_branch");
    maker_f32(&m, "x", 1, ONE, V(3));
    (void)maker_node(&m, "Neg", "x", "t");
    add_output("t", T_F32);
    maker_begin_body(&m, node, "else_branch");
    (void)maker_node(&m, "Neg", "x", "e");
    add_output("e", T_F32);
    maker_end_body(&m, NULL);
    add_output("y", T_F32);
    pum_graph *graph = read_model();
    node = NULL;
    const struct graph_node *branch = only(graph, "If");
    assert_int_equal(branch->input_count, 2);
    assert_true(run_body(node_graph(branch, "then_branch"), 1, V(7)) == -3);
    assert_true(run_body(node_graph(branch, "else_branch"), 1, V(7)) == -7);
    pum_graph_destroy(&graph);
}

/* Constants of the graph around, however deep: initializers, Constant nodes, sparse ones. A branch
 * may give what it captures, twice. */
static void test_constants(void **state)
{
    (void)state;
    maker_init(&m, 16);
    add_input("c", T_BOOL);
    add_input("x", T_F32);
    maker_f32(&m, "w", 1, ONE, V(10));
    maker_sparse_initializer(&m, maker_sparse(&m, maker_raw(&m, "s", T_F32, 1, ONE, V(100), 4),
                                              maker_raw(&m, "", T_I64, 1, ONE, (int64_t[]){0}, 8),
                                              1, ONE));
    maker_floats(&m, maker_node(&m, "Constant", "", "k"), "value_floats", 1, V(1000));
    Onnx__NodeProto *outer = maker_node(&m, "If", "c", "y y2");
    Onnx__GraphProto *then_branch = NULL;
    for (int i = 0; i < 2; i++) {
        maker_begin_body(&m, outer, i == 0 ? "then_branch" : "else_branch");
        if (i == 0)
            then_branch = m.into;
        else
            add_output("x", T_F32);
        if (i == 1)
            add_output("x", T_F32);
    }
    m.into = then_branch;
    Onnx__NodeProto *inner = maker_node(&m, "If", "c", "r");
    add_output("r", T_F32);
    add_output("w", T_F32);
    for (int i = 0; i < 2; i++) {
        maker_begin_body(&m, inner, i == 0 ? "then_branch" : "else_branch");
        (void)maker_node(&m, "Sum", "w s k x", "q");
        add_output("q", T_F32);
    }
    maker_end_body(&m, NULL);
    add_output("y", T_F32);
    add_output("y2", T_F32);
    pum_graph *graph = read_model();
    const struct graph_node *node = only(graph, "If");
    assert_int_equal(node->input_count, 3); /* c, c, x */
    struct pum_graph *yes = node_graph(node, "then_branch");
    const struct graph_node *nested = only(yes, "If");
    assert_int_equal(nested->input_count, 2);
    assert_true(run_body(node_graph(nested, "else_branch"), 1, V(1)) == 1111);
    assert_int_equal(node_graph(node, "else_branch")->outputs[1],
                     node_graph(node, "else_branch")->inputs[1]);
    pum_graph_destroy(&graph);
}

/* --- Loop, Scan ------------------------------------------------------------------------------- */

static void loop_body(Onnx__NodeProto *node, const char *op)
{
    maker_begin_body(&m, node, "body");
    maker_input(&m, maker_value(&m, "i", T_I64, 0, NULL));
    maker_input(&m, maker_value(&m, "go", T_BOOL, 0, NULL));
    maker_input(&m, maker_value(&m, "v", T_F32, 1, ONE));
    (void)maker_node(&m, "Identity", "go", "on");
    (void)maker_node(&m, op, "v x", "w");
    add_output("on", T_BOOL);
    add_output("w", T_F32);
    maker_end_body(&m, NULL);
}

static void test_loop(void **state)
{
    (void)state;
    maker_init(&m, 13);
    add_input("x", T_F32);
    maker_i64(&m, "n", 1, (int64_t[]){3});
    loop_body(maker_node(&m, "Loop", "n - x", "y"), "Add");
    add_output("y", T_F32);
    pum_graph *graph = read_model();
    const struct graph_node *node = only(graph, "Loop");
    assert_int_equal(node->input_count, 4);
    assert_string_equal(input_name(graph, node, 1), "");
    assert_string_equal(input_name(graph, node, 3), "x");
    assert_int_equal(node_int(node, "captures", -1), 1);
    struct pum_graph *body = node_graph(node, "body");
    assert_int_equal(body->input_count, 4);
    assert_string_equal(body_input(body, 3), "x");
    assert_int_equal(body->tensors[body->inputs[0]].desc.dtype, PUM_DTYPE_I64);
    pum_graph_destroy(&graph);
    /* Inputs at the end may be left out, but captures have their place. */
    maker_init(&m, 13);
    add_input("x", T_F32);
    Onnx__NodeProto *loop = maker_node(&m, "Loop", "x", "y");
    maker_begin_body(&m, loop, "body");
    maker_input(&m, maker_value(&m, "i", T_I64, 0, NULL));
    maker_input(&m, maker_value(&m, "go", T_BOOL, 0, NULL));
    add_output("go", T_BOOL);
    add_output("x", T_F32);
    maker_end_body(&m, NULL);
    add_output("y", T_F32);
    graph = read_model();
    node = only(graph, "Loop");
    assert_int_equal(node->input_count, 3);
    assert_string_equal(input_name(graph, node, 1), "");
    assert_string_equal(input_name(graph, node, 2), "x");
    pum_graph_destroy(&graph);
}

static void make_scan_8(const char *inputs)
{
    maker_init(&m, 8);
    add_input("x", T_F32);
    add_input("h", T_F32);
    Onnx__NodeProto *node = maker_node(&m, "Scan", inputs, "y z");
    maker_int(&m, node, "num_scan_inputs", 1);
    maker_begin_body(&m, node, "body");
    maker_input(&m, maker_value(&m, "s", T_F32, 1, ONE));
    maker_input(&m, maker_value(&m, "e", T_F32, 1, ONE));
    (void)maker_node(&m, "Sum", "s e h", "a");
    add_output("a", T_F32);
    add_output("a", T_F32);
    maker_end_body(&m, NULL);
    add_output("y", T_F32);
}

/* Opset 8 has a batch axis: a Scan over it around the Scan over the sequence. */
static void test_scan_8(void **state)
{
    (void)state;
    make_scan_8("x h x");
    expect_error(PUM_E_UNSUPPORTED, "sequence_lens");
    make_scan_8("- h x");
    pum_graph *graph = read_model();
    const struct graph_node *outer = only(graph, "Scan");
    assert_int_equal(outer->input_count, 3);
    assert_int_equal(node_int(outer, "num_scan_inputs", 0), 2);
    assert_int_equal(node_int(outer, "captures", 0), 1);
    struct pum_graph *wrapper = node_graph(outer, "body");
    assert_int_equal(wrapper->input_count, 3);
    assert_int_equal(wrapper->output_count, 2);
    const struct graph_node *inner = only(wrapper, "Scan");
    assert_int_equal(node_int(inner, "num_scan_inputs", 0), 1);
    assert_int_equal(node_int(inner, "captures", 0), 1);
    assert_true(run_body(node_graph(inner, "body"), 3, V(1, 2, 4)) == 7);
    pum_graph_destroy(&graph);
}

/* --- What does not fit ------------------------------------------------------------------------ */

static void test_wrong_bodies(void **state)
{
    (void)state;
    make_if();
    m.graph.node[0]->n_attribute = 1;
    expect_error(PUM_E_FORMAT, "no else_branch");
    make_if();
    m.graph.node[0]->attribute[1]->g->n_output = 0;
    expect_error(PUM_E_FORMAT, "does not fit its body");
    make_if();
    m.graph.node[0]->n_output = 0;
    m.graph.node[0]->attribute[1]->g->n_output = 0;
    m.graph.output[0]->name = strcpy(maker_alloc(&m, 8), "z");
    expect_error(PUM_E_FORMAT, "body without outputs (in else_branch of node");
    make_if();
    m.into = m.graph.node[0]->attribute[0]->g;
    add_input("formal", T_F32);
    expect_error(PUM_E_FORMAT, "does not fit its body");
    make_if();
    m.graph.node[0]->attribute[0]->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    expect_error(PUM_E_FORMAT, "wrong type");
    make_if();
    m.graph.node[0]->attribute[0]->g->node[0]->input[1] = strcpy(maker_alloc(&m, 8), "nowhere");
    expect_error(PUM_E_FORMAT, "input 'nowhere' is defined by no");
    make_if();
    m.graph.node[0]->attribute[0]->g->output[0]->name = strcpy(maker_alloc(&m, 8), "nowhere");
    expect_error(PUM_E_FORMAT, "'nowhere'");
    make_if(); /* the branch needs its own node's result */
    m.graph.node[0]->attribute[0]->g->node[0]->input[1] = strcpy(maker_alloc(&m, 8), "y");
    expect_error(PUM_E_FORMAT, "cycle");
    make_if();
    m.graph.node[1]->input[0] = strcpy(maker_alloc(&m, 8), "y");
    expect_error(PUM_E_FORMAT, "cycle");
    make_if();
    m.graph.node[0]->attribute[0]->g->node[0]->op_type = strcpy(maker_alloc(&m, 8), "Nope");
    expect_error(PUM_E_UNSUPPORTED, "Nope (opset 16");
    make_if();
    m.graph.node[0]->attribute[0]->g->node[0]->op_type = strcpy(maker_alloc(&m, 8), "Relu");
    expect_error(PUM_E_ARGUMENT, "(in then_branch of node 'y')");
    maker_init(&m, 13);
    add_input("x", T_F32);
    loop_body(maker_node(&m, "Loop", "- - x x", "y"), "Add");
    add_output("y", T_F32);
    expect_error(PUM_E_FORMAT, "does not fit its body");
    maker_init(&m, 13);
    add_input("x", T_F32);
    loop_body(maker_node(&m, "Loop", "- - x", "y scan more"), "Add");
    add_output("y", T_F32);
    expect_error(PUM_E_FORMAT, "does not fit its body");
}

/* --- Functions -------------------------------------------------------------------------------- */

#define MINE "my.domain"

/* Twice(x; factor) = (x + x) * factor; Four(x; f) = Twice(Twice(x, factor=f), factor=f). */
static void make_functions(void)
{
    maker_init(&m, 16);
    maker_import(&m, MINE, 1);
    Onnx__FunctionProto *twice = maker_function(&m, MINE, "Twice", "a b", "r");
    Onnx__NodeProto *node = maker_node(&m, "Constant", "", "factor");
    maker_reference(&m, node, "value_float", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
                    "factor");
    maker_function_node(&m, twice);
    (void)maker_node(&m, "Add", "a a", "s");
    maker_function_node(&m, twice);
    (void)maker_node(&m, "Mul", "s factor", "r");
    maker_function_node(&m, twice);
    Onnx__FunctionProto *four = maker_function(&m, MINE, "Four", "a", "r");
    for (int i = 0; i < 2; i++) {
        node = maker_node(&m, "Twice", i == 0 ? "a" : "t", i == 0 ? "t" : "r");
        node->domain = strcpy(maker_alloc(&m, 16), MINE);
        maker_reference(&m, node, "factor", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, "f");
        maker_function_node(&m, four);
    }
    add_input("x", T_F32);
    node = maker_node(&m, "Four", "x", "y");
    node->domain = strcpy(maker_alloc(&m, 16), MINE);
    maker_float(&m, node, "f", 3);
    add_output("y", T_F32);
}

static void test_functions(void **state)
{
    (void)state;
    make_functions();
    pum_graph *graph = read_model();
    assert_int_equal(graph->node_count, 4);
    assert_true(run_body(graph, 1, V(1)) == 36);
    pum_graph_destroy(&graph);
}

/* A body inside a function captures the function's names. */
static void test_function_with_body(void **state)
{
    (void)state;
    maker_init(&m, 16);
    maker_import(&m, MINE, 1);
    Onnx__FunctionProto *choose = maker_function(&m, MINE, "Choose", "c a b w", "r");
    Onnx__NodeProto *node = maker_node(&m, "If", "c", "r");
    maker_begin_body(&m, node, "then_branch");
    (void)maker_node(&m, "Clip", "a b", "t"); /* b is left out by the call */
    add_output("t", T_F32);
    maker_begin_body(&m, node, "else_branch");
    (void)maker_node(&m, "Mul", "a w", "t");
    add_output("t", T_F32);
    maker_end_body(&m, NULL);
    maker_function_node(&m, choose);
    add_input("go", T_BOOL);
    add_input("x", T_F32);
    maker_f32(&m, "five", 1, ONE, V(5));
    node = maker_node(&m, "Choose", "go x - five", "y");
    node->domain = strcpy(maker_alloc(&m, 16), MINE);
    add_output("y", T_F32);
    pum_graph *graph = read_model();
    const struct graph_node *branch = only(graph, "If");
    assert_int_equal(branch->input_count, 2);
    assert_true(run_body(node_graph(branch, "then_branch"), 1, V(7)) == 7);
    assert_true(run_body(node_graph(branch, "else_branch"), 1, V(7)) == 35);
    pum_graph_destroy(&graph);
}

/* Field 11 of a function, which not every onnx.proto knows: the default of an attribute. */
static void test_function_default(void **state)
{
    static const uint8_t attr[] = {
        0x5a, 16,   0x0a, 6, 'f', 'a', 'c', 't', 'o', 'r', 0x15, 0, 0, 0, 0x40 /* f: 2 */,
        0xa0, 0x01, 1,    0};
    size_t size;
    (void)state;
    make_functions();
    m.graph.node[0]->n_attribute = 0; /* nobody says what the factor is: */
    expect_error(PUM_E_FORMAT, "exactly one value");
    make_functions();
    m.graph.node[0]->n_attribute = 0;
    Onnx__FunctionProto *twice = m.model.functions[0];
    m.model.functions[0] = m.model.functions[1];
    m.model.n_functions = 1;
    const uint8_t *bytes = maker_pack(&m, &size);
    size_t function_size = onnx__function_proto__get_packed_size(twice);
    assert_true(function_size + sizeof(attr) - 1 > 127 && function_size + sizeof(attr) < 16384);
    uint8_t *file = malloc(size + function_size + 64);
    assert_non_null(file);
    memcpy(file, bytes, size);
    size_t length = function_size + sizeof(attr) - 1;
    file[size++] = 0xca; /* field 25 */
    file[size++] = 0x01;
    file[size++] = (uint8_t)((length & 0x7f) | 0x80);
    file[size++] = (uint8_t)(length >> 7);
    size += onnx__function_proto__pack(twice, file + size);
    memcpy(file + size, attr, sizeof(attr) - 1);
    size += sizeof(attr) - 1;
    pum_graph *graph;
    if (pum_onnx_read(context, file, size, NULL, &graph) != PUM_OK)
        fail_msg("%s", pum_last_error());
    assert_true(run_body(graph, 1, V(1)) == 16);
    pum_graph_destroy(&graph);
    free(file);
    maker_free(&m);
}

static void test_wrong_functions(void **state)
{
    (void)state;
    make_functions(); /* recursion */
    m.model.functions[1]->node[0]->op_type = strcpy(maker_alloc(&m, 16), "Four");
    expect_error(PUM_E_UNSUPPORTED, "more than 32 deep");
    make_functions();
    m.graph.node[0]->input[0] = strcpy(maker_alloc(&m, 16), "nowhere");
    expect_error(PUM_E_FORMAT, "'nowhere'");
    make_functions();
    m.model.functions[0]->output[0] = strcpy(maker_alloc(&m, 16), "nowhere");
    expect_error(PUM_E_FORMAT, "by no node of the function");
    make_functions();
    m.model.functions[1]->name = m.model.functions[0]->name;
    expect_error(PUM_E_FORMAT, "defined twice");
    make_functions();
    m.graph.node[0]->n_input = 0;
    expect_error(PUM_E_ARGUMENT, "");
    make_functions();
    m.model.functions[1]->n_input = 0;
    expect_error(PUM_E_FORMAT, "its function takes 0");
    make_functions();
    m.model.functions[0]->node[1]->op_type = strcpy(maker_alloc(&m, 16), "Own");
    expect_error(PUM_E_UNSUPPORTED, "Own (opset 16");
}

/* Each function calls the one before twice: 2^30 nodes, were they all written out. */
static void test_functions_multiply(void **state)
{
    char name[8], called[8];
    (void)state;
    maker_init(&m, 16);
    for (int level = 0; level < 30; level++) {
        snprintf(name, sizeof(name), "F%d", level);
        snprintf(called, sizeof(called), "F%d", level - 1);
        Onnx__FunctionProto *function = maker_function(&m, MINE, name, "a", "r");
        for (int i = 0; i < 2; i++) {
            Onnx__NodeProto *node =
                maker_node(&m, level == 0 ? "Neg" : called, i == 0 ? "a" : "t", i == 0 ? "t" : "r");
            if (level > 0)
                node->domain = strcpy(maker_alloc(&m, 16), MINE);
            maker_function_node(&m, function);
        }
    }
    add_input("x", T_F32);
    maker_node(&m, "F29", "x", "y")->domain = strcpy(maker_alloc(&m, 16), MINE);
    add_output("y", T_F32);
    expect_error(PUM_E_UNSUPPORTED, "nodes");
}

/* --- Other values ----------------------------------------------------------------------------- */

static void test_lists_and_strings(void **state)
{
    static const char *const words[] = {"one", "", "drei"};
    pum_port_info info;
    (void)state;
    maker_init(&m, 16);
    maker_input(&m, maker_list(&m, "list", T_F32, false));
    maker_input(&m, maker_list(&m, "perhaps", T_I64, true));
    maker_input(&m, maker_value(&m, "text", T_STRING, 1, ONE));
    maker_initializer(&m, maker_texts(&m, "words", 3, words));
    (void)maker_node(&m, "Identity", "list", "same");
    (void)maker_node(&m, "OptionalHasElement", "perhaps", "is");
    (void)maker_node(&m, "Concat", "text words", "all");
    maker_int(&m, m.graph.node[2], "axis", 0);
    maker_output(&m, maker_list(&m, "same", T_F32, false));
    add_output("is", T_BOOL);
    pum_graph *graph = read_model();
    assert_int_equal(pum_graph_get_input(graph, 0, &info), PUM_OK);
    assert_int_equal(info.kind, PUM_VALUE_SEQUENCE);
    assert_int_equal(info.dtype, PUM_DTYPE_F32);
    assert_int_equal(pum_graph_get_input(graph, 1, &info), PUM_OK);
    assert_int_equal(info.kind, PUM_VALUE_NONE);
    assert_int_equal(pum_graph_get_input(graph, 2, &info), PUM_OK);
    assert_int_equal(info.dtype, PUM_DTYPE_STRING);
    assert_int_equal(pum_graph_get_output(graph, 0, &info), PUM_OK);
    assert_int_equal(info.kind, PUM_VALUE_SEQUENCE);
    const struct graph_tensor *texts = graph_input_of(graph, only(graph, "Concat"), 1);
    for (int i = 0; i < 3; i++)
        assert_string_equal(((const char *const *)texts->data)[i], words[i]);
    pum_graph_destroy(&graph);
    /* A string with a zero byte cannot be kept. */
    maker_init(&m, 16);
    Onnx__TensorProto *tensor = maker_texts(&m, "words", 1, words);
    tensor->string_data[0].data[1] = 0;
    maker_initializer(&m, tensor);
    (void)maker_node(&m, "Identity", "words", "y");
    expect_error(PUM_E_UNSUPPORTED, "zero byte");
}

static void sparse_model(int32_t index_rank, const int64_t *indices)
{
    int64_t shape[] = {2, index_rank == 2 ? 2 : 0};
    maker_init(&m, 16);
    maker_sparse_initializer(
        &m, maker_sparse(
                &m, maker_raw(&m, "s", T_F32, 1, (int64_t[]){2}, V(5, 6), 8),
                maker_raw(&m, "", T_I64, index_rank, shape, indices, index_rank == 2 ? 32 : 16), 2,
                (int64_t[]){2, 3}));
    (void)maker_node(&m, "Identity", "s", "y");
    add_output("y", T_F32);
}

static void test_sparse(void **state)
{
    static const float expected[] = {0, 5, 0, 0, 0, 6};
    (void)state;
    for (int rank = 1; rank <= 2; rank++) {
        sparse_model(rank, rank == 1 ? (int64_t[]){1, 5} : (int64_t[]){0, 1, 1, 2});
        pum_graph *graph = read_model();
        const struct graph_tensor *tensor = graph_input_of(graph, only(graph, "Identity"), 0);
        assert_memory_equal(tensor->data, expected, sizeof(expected));
        pum_graph_destroy(&graph);
    }
    sparse_model(1, (int64_t[]){1, 6});
    expect_error(PUM_E_FORMAT, "an index is outside");
    sparse_model(1, (int64_t[]){-1, 5});
    expect_error(PUM_E_FORMAT, "an index is outside");
    sparse_model(2, (int64_t[]){0, 3, 1, 2});
    expect_error(PUM_E_FORMAT, "an index is outside");
    sparse_model(1, (int64_t[]){1, 5});
    m.graph.sparse_initializer[0]->dims[0] = 1 << 30;
    expect_error(PUM_E_MEMORY, "too large for the file");
    sparse_model(1, (int64_t[]){1, 5});
    m.graph.sparse_initializer[0]->indices = NULL;
    expect_error(PUM_E_FORMAT, "no values or no indices");
    sparse_model(1, (int64_t[]){1, 5});
    m.graph.sparse_initializer[0]->values = NULL;
    expect_error(PUM_E_FORMAT, "without a name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_if),
        cmocka_unit_test(test_shadowed),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_scan_8),
        cmocka_unit_test(test_wrong_bodies),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_function_with_body),
        cmocka_unit_test(test_function_default),
        cmocka_unit_test(test_wrong_functions),
        cmocka_unit_test(test_functions_multiply),
        cmocka_unit_test(test_lists_and_strings),
        cmocka_unit_test(test_sparse),
    };
    return cmocka_run_group_tests(tests, make_context, end_context);
}
