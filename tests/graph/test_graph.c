/* SPDX-License-Identifier: MIT
 *
 * test_graph.c - the graph itself: order, pruning, replacing, copies, attributes, running out of
 * memory. Operators are only numbers here.
 */
#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;

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

static const struct tensor_desc any = {.dtype = PUM_DTYPE_F32, .shape = {.rank = 1, .dims = {4}}};

static int32_t tensor(struct pum_graph *graph, const char *name)
{
    int32_t id = graph_add_tensor(graph, name, &any);
    assert_true(id >= 0);
    return id;
}

static void node(struct pum_graph *graph, const char *name, int32_t a, int32_t b, int32_t out)
{
    int32_t inputs[] = {a, b};
    assert_true(graph_add_node(graph, 3, name, inputs, b == GRAPH_NONE ? 1 : 2, &out, 1, NULL, 0)
                >= 0);
}

/* Names of the nodes in order, "a b c". */
static const char *order(const struct pum_graph *graph)
{
    static char text[256];
    text[0] = '\0';
    for (int32_t i = 0; i < graph->node_count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, graph->nodes[i].name);
    }
    return text;
}

static void set_output(struct pum_graph *graph, int32_t id)
{
    pum_output(graph, "out", id);
    assert_int_equal(pum_graph_status(graph), PUM_OK);
}

/* x -> a -> b -> c, d from a and c; added in the order given by `names`. */
static struct pum_graph *four_nodes(const char *names)
{
    struct pum_graph *graph;
    assert_int_equal(graph_create(context, &graph), PUM_OK);
    int32_t x = tensor(graph, "x"), a = tensor(graph, "a"), b = tensor(graph, "b");
    int32_t c = tensor(graph, "c"), d = tensor(graph, "d");
    for (const char *name = names; *name != '\0'; name++) {
        switch (*name) {
        case 'a':
            node(graph, "a", x, GRAPH_NONE, a);
            break;
        case 'b':
            node(graph, "b", a, GRAPH_NONE, b);
            break;
        case 'c':
            node(graph, "c", b, GRAPH_NONE, c);
            break;
        default:
            node(graph, "d", a, c, d);
            break;
        }
    }
    set_output(graph, d);
    return graph;
}

static void test_sort(void **state)
{
    static const char *const orders[] = {"abcd", "dcba", "bdac", "cdab"};
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(orders); i++) {
        struct pum_graph *graph = four_nodes(orders[i]);
        assert_int_equal(graph_sort(graph), PUM_OK);
        assert_string_equal(order(graph), "a b c d");
        for (int32_t n = 0; n < 4; n++)
            assert_int_equal(graph->tensors[graph->nodes[n].outputs[0]].producer, n);
        graph_release(&graph);
    }
}

/* Nodes that do not depend on each other stay in the order in which they were added. */
static void test_sort_is_stable(void **state)
{
    struct pum_graph *graph;
    char name[8];
    (void)state;
    assert_int_equal(graph_create(context, &graph), PUM_OK);
    int32_t x = tensor(graph, "x");
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "n%d", 7 - i);
        node(graph, name, x, GRAPH_NONE, tensor(graph, name));
    }
    assert_int_equal(graph_sort(graph), PUM_OK);
    assert_string_equal(order(graph), "n7 n6 n5 n4 n3 n2 n1 n0");
    graph_release(&graph);
}

static void test_cycle(void **state)
{
    struct pum_graph *graph;
    (void)state;
    assert_int_equal(graph_create(context, &graph), PUM_OK);
    int32_t a = tensor(graph, "a"), b = tensor(graph, "b");
    node(graph, "first", b, GRAPH_NONE, a);
    node(graph, "second", a, GRAPH_NONE, b);
    assert_int_equal(graph_sort(graph), PUM_E_FORMAT);
    assert_non_null(strstr(pum_last_error(), "cycle"));
    assert_non_null(strstr(pum_last_error(), "first"));
    graph_release(&graph);
}

/* A chain as long as a file can make it: recursion would end the program. */
static void test_long_chain(void **state)
{
    enum { LENGTH = 200000 };
    struct pum_graph *graph;
    (void)state;
    assert_int_equal(graph_create(context, &graph), PUM_OK);
    int32_t last = tensor(graph, "t");
    for (int32_t i = 0; i < LENGTH; i++)
        (void)tensor(graph, "t");
    for (int32_t i = LENGTH; i > 0; i--) /* backwards, so that the walk goes deep */
        node(graph, "n", last + i - 1, GRAPH_NONE, last + i);
    set_output(graph, last + LENGTH);
    assert_int_equal(graph_sort(graph), PUM_OK);
    assert_int_equal(graph->nodes[0].inputs[0], last);
    assert_int_equal(graph_prune(graph), PUM_OK);
    assert_int_equal(graph->node_count, LENGTH);
    graph_release(&graph);
}

static void test_one_producer(void **state)
{
    struct pum_graph *graph = four_nodes("abcd");
    int32_t a = graph->nodes[0].outputs[0], x = graph->nodes[0].inputs[0];
    int32_t fresh = tensor(graph, "fresh");
    int32_t outputs[] = {fresh, a};
    (void)state;
    assert_int_equal(graph_add_node(graph, 1, "again", &x, 1, outputs, 2, NULL, 0), GRAPH_NONE);
    assert_int_equal(graph->tensors[fresh].producer, GRAPH_NONE);
    outputs[1] = fresh;
    assert_int_equal(graph_add_node(graph, 1, "twice", &x, 1, outputs, 2, NULL, 0), GRAPH_NONE);
    int32_t wrong = graph->tensor_count;
    assert_int_equal(graph_add_node(graph, 1, "unknown", &wrong, 1, &fresh, 1, NULL, 0),
                     GRAPH_NONE);
    assert_int_equal(graph->node_count, 4);
    graph_release(&graph);
}

static void test_prune_and_replace(void **state)
{
    struct pum_graph *graph = four_nodes("abcd");
    int32_t a = graph->nodes[0].outputs[0], c = graph->nodes[2].outputs[0];
    int32_t *counts;
    (void)state;
    assert_int_equal(graph_single_user(graph, a), GRAPH_NONE);
    assert_int_equal(graph_single_user(graph, c), 3);
    graph_replace_uses(graph, c, a); /* b and c are now for nothing */
    assert_int_equal(graph_single_user(graph, c), GRAPH_NONE);
    assert_int_equal(graph_prune(graph), PUM_OK);
    assert_string_equal(order(graph), "a d");
    assert_int_equal(graph->tensors[c].producer, GRAPH_NONE);
    assert_int_equal(graph_use_counts(graph, &counts), PUM_OK);
    assert_int_equal(counts[a], 2);
    assert_int_equal(counts[graph->outputs[0]], 1);
    pum_free(context, counts);
    graph_remove_node(graph, 1);
    assert_int_equal(graph->tensors[graph->outputs[0]].producer, GRAPH_NONE);
    assert_int_equal(graph_sort(graph), PUM_OK);
    assert_string_equal(order(graph), "a");
    graph_replace_uses(graph, graph->outputs[0], a); /* outputs are uses, too */
    assert_int_equal(graph->outputs[0], a);
    assert_true(graph_is_output(graph, a));
    graph_release(&graph);
}

static void test_clone(void **state)
{
    static const float weights[4] = {1, 2, 3, 4};
    struct pum_graph *graph = four_nodes("abcd"), *clone, *second;
    int32_t w = graph_add_constant_copy(graph, "w", &any, weights, sizeof(weights));
    int32_t inputs[2] = {graph->nodes[3].inputs[0], w};
    (void)state;
    assert_int_equal(graph_set_inputs(graph, 3, inputs, 2), PUM_OK);
    assert_int_equal(graph_clone(graph, &clone), PUM_OK);
    assert_ptr_equal(clone->tensors[w].data, graph->tensors[w].data);
    assert_int_equal(clone->tensors[w].base_id, w);
    graph_replace_uses(clone, w, 0); /* leaves the original alone */
    assert_int_equal(graph->nodes[3].inputs[1], w);
    int32_t made = graph_add_constant_copy(clone, "made", &any, weights, sizeof(weights));
    assert_int_equal(clone->tensors[made].base_id, -1);
    graph_release(&graph); /* the clone keeps it */
    assert_memory_equal(clone->tensors[w].data, weights, sizeof(weights));
    assert_int_equal(graph_clone(clone, &second), PUM_OK);
    graph_release(&clone);
    assert_int_equal(second->tensors[made].base_id, made);
    assert_string_equal(order(second), "a b c d");
    graph_release(&second);
}

static void test_constants(void **state)
{
    struct pum_graph *graph;
    float four[4] = {1, 2, 3, 4};
    struct tensor_desc empty = {.dtype = PUM_DTYPE_F32, .shape = {.rank = 1, .dims = {0}}};
    (void)state;
    assert_int_equal(graph_create(context, &graph), PUM_OK);
    assert_int_equal(graph_add_constant(graph, "short", &any, four, 12), GRAPH_NONE);
    assert_non_null(strstr(pum_last_error(), "'short'"));
    assert_int_equal(graph_add_constant(graph, "null", &any, NULL, 16), GRAPH_NONE);
    int32_t id = graph_add_constant(graph, "empty", &empty, NULL, 0);
    assert_true(id >= 0);
    assert_non_null(graph->tensors[id].data); /* a constant, though of nothing */
    graph_release(&graph);
}

static void test_attributes(void **state)
{
    int64_t ints[] = {4, 5};
    char text[] = "linear";
    const pum_attr attrs[] = {
        {.name = "axis", .kind = PUM_ATTR_INT, .i = -3},
        {.name = "alpha", .kind = PUM_ATTR_FLOAT, .f = 0.5f},
        {.name = "mode", .kind = PUM_ATTR_STRING, .s = text},
        {.name = "pads", .kind = PUM_ATTR_INTS, .ints = ints, .count = 2},
        {.name = "none", .kind = PUM_ATTR_FLOATS},
    };
    struct pum_graph *graph;
    int32_t count = -1;
    (void)state;
    assert_int_equal(graph_create(context, &graph), PUM_OK);
    int32_t x = tensor(graph, "x"), y = tensor(graph, "y");
    assert_int_equal(graph_add_node(graph, 0, "n", &x, 1, &y, 1, attrs, 5), 0);
    ints[0] = 99; /* everything was copied */
    text[0] = 'X';
    assert_int_equal(node_int(&graph->nodes[0], "axis", 7), -3);
    assert_int_equal(node_int(&graph->nodes[0], "missing", 7), 7);
    assert_int_equal(node_int(&graph->nodes[0], "alpha", 7), 7); /* another kind */
    assert_true(node_float(&graph->nodes[0], "alpha", 1) == 0.5f);
    assert_string_equal(node_string(&graph->nodes[0], "mode", ""), "linear");
    assert_int_equal(node_ints(&graph->nodes[0], "pads", &count)[0], 4);
    assert_int_equal(count, 2);
    assert_null(node_ints(&graph->nodes[0], "axis", &count));
    assert_int_equal(count, 0);
    assert_non_null(node_floats(&graph->nodes[0], "none", &count));
    assert_int_equal(count, 0);

    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 1};
    pum_attr more = {.name = "more", .kind = PUM_ATTR_INT, .i = 2};
    assert_int_equal(graph_set_attr(graph, 0, &axis), PUM_OK);
    assert_int_equal(graph_set_attr(graph, 0, &more), PUM_OK);
    assert_int_equal(graph->nodes[0].attr_count, 6);
    assert_int_equal(node_int(&graph->nodes[0], "axis", 7), 1);
    assert_int_equal(node_int(&graph->nodes[0], "more", 7), 2);

    assert_int_equal(graph_note_fused(graph, 0, "Relu"), PUM_OK);
    assert_int_equal(graph_note_fused(graph, 0, "Add"), PUM_OK);
    assert_string_equal(graph->nodes[0].fused, "Relu Add");
    graph_release(&graph);
}

static void count_release(void *user)
{
    ++*(int *)user;
}

static void test_keepers(void **state)
{
    struct pum_graph *graph, *clone;
    int released = 0;
    (void)state;
    assert_int_equal(graph_create(context, &graph), PUM_OK);
    assert_int_equal(pum_graph_adopt(graph, count_release, &released), PUM_OK);
    assert_int_equal(pum_graph_adopt(graph, count_release, &released), PUM_OK);
    assert_int_equal(graph_clone(graph, &clone), PUM_OK);
    graph_release(&graph);
    assert_int_equal(released, 0);
    graph_release(&clone);
    assert_int_equal(released, 2);
    assert_int_equal(pum_graph_adopt(NULL, count_release, &released), PUM_E_ARGUMENT);
    assert_int_equal(released, 3);
}

/* --- Memory runs out -------------------------------------------------------------------------- */

static int calls_left;

static void *scarce_alloc(void *user, size_t size)
{
    (void)user;
    return calls_left-- > 0 ? malloc(size) : NULL;
}

static void *scarce_realloc(void *user, void *block, size_t size)
{
    (void)user;
    return calls_left-- > 0 ? realloc(block, size) : NULL;
}

static void scarce_free(void *user, void *block)
{
    (void)user;
    free(block);
}

static pum_status build_some(pum_context *scarce)
{
    static const int64_t dims[] = {4};
    pum_graph *graph, *clone = NULL;
    PUM_TRY(pum_graph_create(scarce, &graph));
    pum_value x = pum_input(graph, "x", PUM_DTYPE_F32, 1, dims);
    pum_value c = pum_constant_copy(graph, "c", PUM_DTYPE_F32, 1, dims, "0123456789abcde", 16);
    pum_output(graph, "y", x);
    pum_output(graph, "c", c);
    pum_status status = pum_graph_finish(graph);
    if (status == PUM_OK)
        status = graph_clone(graph, &clone);
    if (status == PUM_OK)
        status = graph_prune(clone);
    graph_release(&clone);
    pum_graph_destroy(&graph);
    return status;
}

static void test_memory_runs_out(void **state)
{
    pum_context_params params = {
        .allocator = {.alloc = scarce_alloc, .realloc = scarce_realloc, .free = scarce_free}};
    pum_context *scarce;
    int calls = 0;
    pum_status status;
    (void)state;
    calls_left = 1000;
    assert_int_equal(pum_context_create(&params, &scarce), PUM_OK);
    do {
        calls_left = calls;
        status = build_some(scarce);
        assert_true(status == PUM_OK || status == PUM_E_MEMORY);
    } while (status != PUM_OK && ++calls < 1000);
    assert_true(calls > 5 && calls < 1000);
    pum_context_destroy(&scarce);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_sort_is_stable),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_one_producer),
        cmocka_unit_test(test_prune_and_replace),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_keepers),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, make_context, end_context);
}
