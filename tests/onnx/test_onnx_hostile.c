/* SPDX-License-Identifier: MIT
 *
 * test_onnx_hostile.c - files that lie: cut short, changed at random, nested without end, with
 * cycles, missing and doubled names, wrong types, and sizes that cannot be. Each must give a clear
 * error that says where. (Lengths of constants: test_onnx_tensor.c; paths: test_onnx_external.c.)
 */
#include "model_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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

static void expect_bytes(const void *data, size_t size, pum_status status, const char *part)
{
    pum_graph *graph;
    pum_status got = pum_onnx_read(context, data, size, NULL, &graph);
    if (got != status || (status != PUM_OK && strstr(pum_last_error(), part) == NULL))
        fail_msg("expected %s with '%s', got %s: %s", pum_status_name(status), part,
                 pum_status_name(got), pum_last_error());
    pum_graph_destroy(&graph);
}

/* Ends the model under construction. */
static void expect_error(pum_status status, const char *part)
{
    size_t size;
    const uint8_t *bytes = maker_pack(&m, &size);
    expect_bytes(bytes, size, status, part);
    maker_free(&m);
}

static void add_output(const char *name)
{
    maker_output(&m, maker_value(&m, name, T_F32, -1, NULL));
}

/* x [2,3] -> Relu "first" -> a -> Softmax -> y, with an initializer and some attributes. */
static void good_model(void)
{
    static const float bias[] = {1, 2, 3};
    maker_init(&m, 13);
    maker_input(&m, maker_value(&m, "x", T_F32, 2, (int64_t[]){2, 3}));
    maker_node(&m, "Relu", "x", "a")->name = strcpy(maker_alloc(&m, 8), "first");
    (void)maker_node(&m, "Add", "a b", "c");
    maker_int(&m, maker_node(&m, "Softmax", "c", "y"), "axis", 1);
    maker_f32(&m, "b", 1, (int64_t[]){3}, bias);
    maker_output(&m, maker_value(&m, "y", T_F32, 2, (int64_t[]){2, 3}));
}

/* --- Bytes ------------------------------------------------------------------------------------ */

static void test_not_a_model(void **state)
{
    (void)state;
    expect_bytes("", 0, PUM_E_FORMAT, "empty");
    expect_bytes("hello, this is text", 19, PUM_E_FORMAT, "not an ONNX file");
    expect_bytes("\x08\x08", 2, PUM_E_FORMAT, "no graph");
    expect_bytes("\x3a\x7f", 2, PUM_E_FORMAT, "at byte 0 of 2");
    expect_bytes("\x38\x00", 2, PUM_E_FORMAT, "wrong kind at byte 0");
    expect_bytes("\x0b\x0c", 2, PUM_E_FORMAT, "unknown kind");
    expect_bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, PUM_E_FORMAT, "at byte 0");
    /* A length of 2^64-1. */
    expect_bytes("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01 ", 12, PUM_E_FORMAT, "longer than");
    assert_int_equal(pum_onnx_read(context, NULL, 4, NULL, &(pum_graph *){NULL}), PUM_E_ARGUMENT);
    assert_int_equal(pum_onnx_read(context, "", 0, NULL, NULL), PUM_E_ARGUMENT);
}

/* Every prefix, and every byte changed in a few ways: an error or a graph, never a crash. */
static void test_cut_and_changed(void **state)
{
    size_t size, failures = 0;
    (void)state;
    good_model();
    const uint8_t *bytes = maker_pack(&m, &size);
    expect_bytes(bytes, size, PUM_OK, "");
    for (size_t length = 0; length < size; length++) {
        pum_graph *graph;
        uint8_t *exact = malloc(length > 0 ? length : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, length);
        failures += pum_onnx_read(context, exact, length, NULL, &graph) != PUM_OK;
        pum_graph_destroy(&graph);
        free(exact);
    }
    assert_true(failures > size * 9 / 10);
    uint8_t *changed = maker_alloc(&m, size);
    for (size_t i = 0; i < size * 8; i++) {
        pum_graph *graph;
        memcpy(changed, bytes, size);
        changed[i / 8] ^= (uint8_t)(1 << (i % 8));
        pum_status status = pum_onnx_read(context, changed, size, NULL, &graph);
        assert_int_equal(status == PUM_OK, graph != NULL);
        pum_graph_destroy(&graph);
    }
    maker_free(&m);
}

/* Writes a length-delimited field in front of `at`; gives the new start. */
static size_t wrap(uint8_t *data, size_t at, size_t end, uint8_t tag)
{
    size_t length = end - at;
    at -= 5;
    for (int i = 0; i < 5; i++) {
        data[at + (size_t)i] = (uint8_t)((length & 0x7f) | (i < 4 ? 0x80 : 0));
        length >>= 7;
    }
    data[--at] = tag;
    return at;
}

/* Messages of the given fields nested `levels` times, inside the graph's message of the fields
 * `around`. */
static void nest_in(const uint8_t *tags, size_t tag_count, int levels, const uint8_t *around,
                    size_t around_count, pum_status status, const char *part)
{
    enum { ROOM = 8 << 20 };
    static const uint8_t head[] = {0x42, 2, 0x10, 13}; /* opset_import { version: 13 } */
    uint8_t *data = malloc(ROOM);
    size_t end = ROOM, at = ROOM;

    assert_non_null(data);
    for (int level = 0; level < levels; level++) {
        for (size_t i = tag_count; i > 0; i--)
            at = wrap(data, at, end, tags[i - 1]);
    }
    for (size_t i = around_count; i > 0; i--)
        at = wrap(data, at, end, around[i - 1]);
    at = wrap(data, at, end, 0x3a); /* graph */
    at -= sizeof(head);
    memcpy(data + at, head, sizeof(head));
    expect_bytes(data + at, end - at, status, part);
    free(data);
}

static void nest(const uint8_t *tags, size_t tag_count, int levels, pum_status status,
                 const char *part)
{
    nest_in(tags, tag_count, levels, NULL, 0, status, part);
}

static void test_deep_nesting(void **state)
{
    /* node { attribute { g { ... */
    static const uint8_t subgraphs[] = {0x0a, 0x2a, 0x32};
    /* graphs of a list: node { attribute { graphs { ... */
    static const uint8_t lists[] = {0x0a, 0x2a, 0x5a};
    /* Field 4 of TypeProto and field 1 of Sequence, which a value holds; here they hang in the
     * graph, where they mean nothing. */
    static const uint8_t types[] = {0x22, 0x0a};
    (void)state;
    nest(subgraphs, 3, 16, PUM_E_UNSUPPORTED, "no operator name");
    nest(subgraphs, 3, 17, PUM_E_UNSUPPORTED, "graphs nest more than 16 deep");
    nest(subgraphs, 3, 100000, PUM_E_UNSUPPORTED, "graphs nest more than 16 deep");
    nest(lists, 3, 100000, PUM_E_UNSUPPORTED, "no operator name");
    nest(types, 2, 100000, PUM_E_FORMAT, "no output");
    /* An input that is a sequence of sequences of ...: input { type { sequence_type { elem_type. */
    static const uint8_t lists_of_lists[] = {0x22, 0x0a};
    nest_in(lists_of_lists, 2, 100000, (const uint8_t[]){0x5a, 0x12}, 2, PUM_E_UNSUPPORTED,
            "messages nest more than");
}

/* Four million empty nodes in eight megabytes: parsing would take a hundred times that. */
static void test_memory_is_capped(void **state)
{
    enum { BYTES = 8 << 20 };
    uint8_t *data = malloc(BYTES + 16);
    (void)state;
    assert_non_null(data);
    uint8_t *body = data + 16;
    for (size_t i = 0; i < BYTES; i += 2) {
        body[i] = 0x0a;
        body[i + 1] = 0;
    }
    size_t at = wrap(data, 16, 16 + BYTES, 0x3a);
    expect_bytes(data + at, 16 + BYTES - at, PUM_E_FORMAT, "too much for its size");
    free(data);
}

/* --- Structure -------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    good_model();
    (void)maker_node(&m, "Relu", "nowhere", "z");
    expect_error(PUM_E_FORMAT, "input 'nowhere' is defined by no");
    good_model();
    (void)maker_node(&m, "Relu", "x", "a");
    expect_error(PUM_E_FORMAT, "tensor 'a' is defined more than once");
    good_model();
    (void)maker_node(&m, "Relu", "x", "x");
    expect_error(PUM_E_FORMAT, "tensor 'x' is defined more than once");
    good_model();
    (void)maker_node(&m, "Relu", "x", "b");
    expect_error(PUM_E_FORMAT, "tensor 'b' is defined more than once");
    good_model();
    maker_f32(&m, "b", 0, NULL, (float[]){1});
    expect_error(PUM_E_FORMAT, "tensor 'b' is defined more than once");
    good_model();
    maker_input(&m, maker_value(&m, "x", T_F32, 0, NULL));
    expect_error(PUM_E_FORMAT, "tensor 'x' is defined more than once");
    good_model();
    maker_f32(&m, "", 0, NULL, (float[]){1});
    expect_error(PUM_E_FORMAT, "an initializer without a name");
    good_model();
    add_output("nothing");
    expect_error(PUM_E_FORMAT, "output 'nothing' is computed by no node");
    good_model();
    add_output("y");
    expect_error(PUM_E_ARGUMENT, "two outputs are named 'y'");
    good_model();
    m.graph.n_output = 0;
    expect_error(PUM_E_FORMAT, "declares no output");
    good_model();
    char *name = maker_alloc(&m, 70000);
    memset(name, 'n', 69999);
    m.graph.node[0]->output[0] = name;
    expect_error(PUM_E_FORMAT, "more than 65535 bytes");
    good_model();
    m.graph.node[0]->input[0] = strcpy(maker_alloc(&m, 16), "\x1b[31mred");
    expect_error(PUM_E_FORMAT, "'?[31mred'");
}

static void test_cycles(void **state)
{
    (void)state;
    maker_init(&m, 13);
    (void)maker_node(&m, "Relu", "b", "a");
    maker_node(&m, "Relu", "a", "b")->name = strcpy(maker_alloc(&m, 8), "second");
    add_output("b");
    expect_error(PUM_E_FORMAT, "cycle");
    maker_init(&m, 13);
    maker_node(&m, "Relu", "a", "a")->name = strcpy(maker_alloc(&m, 8), "itself");
    add_output("a");
    expect_error(PUM_E_FORMAT, "'itself'");
}

/* Not an error: an order that has to be found, an initializer that is also an input. */
static void test_tolerated(void **state)
{
    pum_graph *graph;
    (void)state;
    good_model();
    Onnx__NodeProto *first = m.graph.node[0];
    m.graph.node[0] = m.graph.node[2];
    m.graph.node[2] = first;
    maker_input(&m, maker_value(&m, "b", T_F32, 1, (int64_t[]){3}));
    assert_int_equal(maker_read(&m, context, &graph), PUM_OK);
    assert_int_equal(pum_graph_input_count(graph), 1);
    assert_string_equal(graph->nodes[0].name, "first");
    assert_int_equal(graph->node_count, 3);
    pum_graph_destroy(&graph);
    maker_free(&m);
}

static void test_attributes(void **state)
{
    (void)state;
    good_model();
    maker_float(&m, m.graph.node[2], "alpha", 1);
    expect_error(PUM_E_UNSUPPORTED, "attribute 'alpha' is not supported");
    good_model();
    maker_int(&m, m.graph.node[2], "axis", 1);
    expect_error(PUM_E_FORMAT, "'axis' is given twice");
    good_model();
    m.graph.node[2]->n_attribute = 0;
    maker_float(&m, m.graph.node[2], "axis", 1);
    expect_error(PUM_E_FORMAT, "'axis' has the wrong type");
    good_model();
    m.graph.node[2]->attribute[0]->i = 17;
    expect_error(PUM_E_SHAPE, "17");
    good_model();
    m.graph.node[2]->attribute[0]->type = (Onnx__AttributeProto__AttributeType)99;
    expect_error(PUM_E_FORMAT, "wrong type");
    good_model();
    m.graph.node[2]->attribute[0]->has_type = 0; /* as very old files have it */
    expect_error(PUM_OK, "");
    good_model();
    m.graph.node[2]->attribute[0]->ref_attr_name = strcpy(maker_alloc(&m, 8), "outer");
    expect_error(PUM_E_UNSUPPORTED, "function");
    good_model();
    maker_attr(&m, maker_node(&m, "Constant", "", "k"), "value",
               ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
    expect_error(PUM_E_FORMAT, "holds no tensor");
}

static void test_counts_and_types(void **state)
{
    (void)state;
    good_model();
    (void)maker_node(&m, "Add", "x", "z");
    expect_error(PUM_E_ARGUMENT, "takes 2");
    good_model();
    (void)maker_node(&m, "Add", "x b x", "z");
    expect_error(PUM_E_ARGUMENT, "takes 2");
    good_model();
    (void)maker_node(&m, "Add", "x -", "z");
    expect_error(PUM_E_ARGUMENT, "1 inputs");
    good_model();
    (void)maker_node(&m, "Relu", "x", "z w");
    expect_error(PUM_E_ARGUMENT, "2 outputs");
    good_model();
    maker_i64(&m, "i", 3, (int64_t[]){1, 2, 3});
    (void)maker_node(&m, "Add", "x i", "z");
    expect_error(PUM_E_TYPE, "Add node 'z'");
    good_model();
    maker_f32(&m, "w", 1, (int64_t[]){4}, (float[]){1, 2, 3, 4});
    (void)maker_node(&m, "Add", "x w", "z");
    expect_error(PUM_E_SHAPE, "Add node 'z'");
    good_model();
    m.graph.output[0]->type->tensor_type->elem_type = T_I64;
    expect_error(PUM_E_TYPE, "output 'y' is declared as int64 but computed as float32");
}

static void test_inputs(void **state)
{
    static const struct {
        int type;
        int32_t rank;
        int64_t dims[9];
        pum_status status;
        const char *message;
    } cases[] = {
        {T_COMPLEX64, 1, {2}, PUM_E_UNSUPPORTED, "element type 14"},
        {0, 1, {2}, PUM_E_UNSUPPORTED, "element type 0"},
        {T_F32, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, PUM_E_UNSUPPORTED, "9 axes"},
        {T_F32, 1, {INT64_MAX}, PUM_E_FORMAT, "axis 0 has size 9223372036854775807"},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        good_model();
        maker_input(&m, maker_value(&m, "z", cases[i].type, cases[i].rank, cases[i].dims));
        expect_error(cases[i].status, cases[i].message);
    }
    static const int64_t negative[] = {-2, INT64_MIN};
    for (size_t i = 0; i < PUM_COUNT_OF(negative); i++) {
        good_model();
        m.graph.input[0]->type->tensor_type->shape->dim[0]->dim_value = negative[i];
        expect_error(PUM_E_FORMAT, "axis 0 has size -");
    }
    good_model(); /* no shape: any, then */
    maker_input(&m, maker_value(&m, "z", T_F32, -1, NULL));
    maker_input(&m, maker_value(&m, "words", T_STRING, 1, (int64_t[]){2}));
    expect_error(PUM_OK, "");
    good_model();
    m.graph.input[0]->type = NULL;
    expect_error(PUM_E_UNSUPPORTED, "'x' is not declared as a tensor");
    /* Two dims of four thousand million are each fine; their product is not. */
    good_model();
    maker_input(&m, maker_value(&m, "z", T_F32, 3, (int64_t[]){INT32_MAX, INT32_MAX, INT32_MAX}));
    (void)maker_node(&m, "Relu", "z", "w");
    expect_error(PUM_E_SHAPE, "no valid size");
}

/* One chain as long as a file may have it, written backwards. */
static void test_long_chain(void **state)
{
    enum { LENGTH = 100000 };
    pum_graph *graph;
    (void)state;
    good_model();
    Onnx__NodeProto **nodes = maker_alloc(&m, LENGTH * sizeof(*nodes));
    Onnx__NodeProto *all = maker_alloc(&m, LENGTH * sizeof(*all));
    char(*names)[16] = maker_alloc(&m, (LENGTH + 1) * sizeof(*names));
    char **lists = maker_alloc(&m, 2 * LENGTH * sizeof(*lists));
    for (int i = 0; i <= LENGTH; i++)
        snprintf(names[i], sizeof(names[i]), "t%d", i);
    strcpy(names[0], "x");
    for (int i = 0; i < LENGTH; i++) {
        all[i] = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
        all[i].op_type = "Relu";
        all[i].n_input = all[i].n_output = 1;
        all[i].input = &lists[2 * i];
        all[i].output = &lists[2 * i + 1];
        lists[2 * i] = names[i];
        lists[2 * i + 1] = names[i + 1];
        nodes[LENGTH - 1 - i] = &all[i];
    }
    m.graph.n_node = LENGTH;
    m.graph.node = nodes;
    m.graph.output[0]->name = names[LENGTH];
    assert_int_equal(maker_read(&m, context, &graph), PUM_OK);
    assert_int_equal(graph->node_count, LENGTH);
    pum_graph_destroy(&graph);
    maker_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_a_model),      cmocka_unit_test(test_cut_and_changed),
        cmocka_unit_test(test_deep_nesting),     cmocka_unit_test(test_memory_is_capped),
        cmocka_unit_test(test_names),            cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_tolerated),        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_counts_and_types), cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_long_chain),
    };
    return cmocka_run_group_tests(tests, make_context, end_context);
}
