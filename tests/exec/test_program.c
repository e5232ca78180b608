/* SPDX-License-Identifier: MIT
 *
 * test_program.c - graphs that one plan cannot hold: shapes that follow from values and from data,
 * branches, loops, scans, lists, optionals, strings; limits, cancelling, and memory that runs out
 * at every point.
 */
#include "support/test_device.h"

#include "pumice/pumice_graph.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct counting counting;
static pum_context *context;
static pum_device *device;

static int setup(void **state)
{
    (void)state;
    pum_context_params params = {.allocator = counting_allocator(&counting), .cache_dir = ""};
    test_must(pum_context_create(&params, &context));
    device = test_device_open(context);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return counting.held == 0 ? 0 : -1;
}

/* --- Small words for graphs and tensors --- */

static pum_graph *open_graph(void)
{
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    return g;
}

static pum_session *open_session(pum_graph *g, const pum_session_params *params)
{
    pum_session *session;
    test_must(pum_graph_finish(g));
    test_must(pum_session_create(device, g, params, &session));
    pum_graph_destroy(&g);
    return session;
}

static pum_value node(pum_graph *g, const char *op, int32_t count, const pum_value *inputs,
                      int32_t attr_count, const pum_attr *attrs)
{
    pum_value out = PUM_NO_VALUE;
    (void)pum_node(g,
                   &(pum_node_params){.op = op,
                                      .name = op,
                                      .inputs = inputs,
                                      .input_count = count,
                                      .attrs = attrs,
                                      .attr_count = attr_count},
                   &out);
    return out;
}

#define NODE(g, op, ...)                                                                           \
    node(g, op, (int32_t)(sizeof((pum_value[]){__VA_ARGS__}) / sizeof(pum_value)),                 \
         (pum_value[]){__VA_ARGS__}, 0, NULL)

static pum_attr int_attr(const char *name, int64_t i)
{
    return (pum_attr){.name = name, .kind = PUM_ATTR_INT, .i = i};
}

static pum_attr body_attr(const char *name, pum_graph *body)
{
    test_must(pum_graph_finish(body));
    return (pum_attr){.name = name, .kind = PUM_ATTR_GRAPH, .graph = body};
}

static void give_floats(pum_session *s, int32_t index, int64_t count, const float *values)
{
    pum_tensor t = {
        PUM_DTYPE_F32, 1, {count}, (void *)(uintptr_t)values, (size_t)count * sizeof *values};
    test_must(pum_session_set_input(s, index, &t));
}

static void give_ints(pum_session *s, int32_t index, int32_t rank, int64_t count,
                      const int64_t *values)
{
    pum_tensor t = {
        PUM_DTYPE_I64, rank, {count}, (void *)(uintptr_t)values, (size_t)count * sizeof *values};
    test_must(pum_session_set_input(s, index, &t));
}

static void give_bool(pum_session *s, int32_t index, bool value)
{
    pum_tensor t = {PUM_DTYPE_BOOL, 0, {0}, &value, 1};
    test_must(pum_session_set_input(s, index, &t));
}

static void expect_floats(pum_session *s, int32_t index, int64_t count, const float *values)
{
    pum_tensor t;
    test_must(pum_session_get_output(s, index, &t));
    assert_int_equal(t.dtype, PUM_DTYPE_F32);
    assert_int_equal(t.size_bytes, (size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        assert_float_equal(((const float *)t.data)[i], values[i], 1e-5);
}

static void expect_ints(pum_session *s, int32_t index, int64_t count, const int64_t *values)
{
    pum_tensor t;
    test_must(pum_session_get_output(s, index, &t));
    assert_int_equal(t.dtype, PUM_DTYPE_I64);
    assert_int_equal(t.size_bytes, (size_t)count * sizeof *values);
    assert_memory_equal(t.data, values, t.size_bytes);
}

static pum_value floats_input(pum_graph *g, const char *name)
{
    return pum_input(g, name, PUM_DTYPE_F32, 1, (int64_t[]){PUM_DIM(g, NULL)});
}

/* --- Shapes that follow from values --- */

static void a_shape_is_an_input(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value x = floats_input(g, "x");
    pum_value shape = pum_input(g, "shape", PUM_DTYPE_I64, 1, (int64_t[]){PUM_DIM(g, NULL)});
    pum_output(
        g, "y",
        pum_relu(g, NODE(g, "Reshape", x, NODE(g, "Mul", shape, pum_ints(g, 1, (int64_t[]){1})))));
    pum_session *s = open_session(g, NULL);
    pum_tensor t;
    give_floats(s, 0, 6, (float[]){1, -2, 3, -4, 5, 6});
    give_ints(s, 1, 1, 2, (int64_t[]){2, 3});
    test_must(pum_session_run(s));
    expect_floats(s, 0, 6, (float[]){1, 0, 3, 0, 5, 6});
    test_must(pum_session_get_output(s, 0, &t));
    assert_int_equal(t.dims[0], 2);
    give_ints(s, 1, 1, 3, (int64_t[]){3, 1, -1});
    test_must(pum_session_run(s));
    test_must(pum_session_get_output(s, 0, &t));
    assert_int_equal(t.rank, 3);
    assert_int_equal(t.dims[2], 2);
    /* Values seen before are a plan made before: nothing is allocated. */
    give_ints(s, 1, 1, 2, (int64_t[]){2, 3});
    int64_t calls = counting.calls;
    test_must(pum_session_run(s));
    assert_int_equal(counting.calls, calls);
    give_ints(s, 1, 1, 1, (int64_t[]){7});
    assert_int_equal(pum_session_run(s), PUM_E_SHAPE);
    pum_session_destroy(&s);
}

/* y = x[:, argmax(x)...]: the length of the slice is the position of the greatest element, which
 * the device computes. */
static void a_shape_follows_from_a_result(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value x = floats_input(g, "x");
    pum_value twice = pum_add(g, x, x);
    pum_attr attrs[] = {int_attr("axis", 0), int_attr("keepdims", 1)};
    pum_value end = node(g, "ArgMax", 1, &twice, 2, attrs);
    pum_value zero = pum_ints(g, 1, (int64_t[]){0});
    pum_output(g, "y", pum_relu(g, NODE(g, "Slice", twice, zero, end)));
    pum_session *s = open_session(g, NULL);
    float x1[2000] = {1, 2, 3, 9, 4};
    give_floats(s, 0, 2000, x1);
    test_must(pum_session_run(s));
    expect_floats(s, 0, 3, (float[]){2, 4, 6});
    give_floats(s, 0, 4, (float[]){1, 8, 3, -9});
    test_must(pum_session_run(s));
    expect_floats(s, 0, 1, (float[]){2});
    pum_session_destroy(&s);
}

static void steps_between_islands(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value x = floats_input(g, "x");
    pum_value where = NODE(g, "NonZero", pum_relu(g, x)); /* [1, n] */
    pum_value taken = NODE(g, "Gather", pum_add(g, x, x), where);
    pum_output(g, "where", where);
    pum_output(g, "y", pum_relu(g, taken));
    pum_output(g, "x", x);
    pum_session *s = open_session(g, NULL);
    for (int turn = 0; turn < 2; turn++) {
        give_floats(s, 0, 5, (float[]){-1, 2, 0, 3, 4});
        test_must(pum_session_run(s));
        expect_ints(s, 0, 3, (int64_t[]){1, 3, 4});
        expect_floats(s, 1, 3, (float[]){4, 6, 8});
        expect_floats(s, 2, 5, (float[]){-1, 2, 0, 3, 4});
        give_floats(s, 0, 2, (float[]){-1, 0});
        test_must(pum_session_run(s));
        expect_floats(s, 1, 0, NULL);
    }
    pum_plan_info info;
    test_must(pum_session_plan(s, NULL, 0, &info));
    assert_true(info.host_step_count >= 1 && info.dispatch_count >= 1);
    pum_session_destroy(&s);
}

/* --- If --- */

/* cond ? x + x : relu(x) */
static pum_value if_node(pum_graph *g, pum_value condition, pum_value x)
{
    pum_graph *yes = open_graph(), *no = open_graph();
    pum_value a = pum_input_any(yes, "x", PUM_VALUE_TENSOR, PUM_DTYPE_F32);
    pum_output(yes, "r", pum_add(yes, a, a));
    pum_output(no, "r", pum_relu(no, pum_input_any(no, "x", PUM_VALUE_TENSOR, PUM_DTYPE_NONE)));
    pum_attr attrs[] = {body_attr("then_branch", yes), body_attr("else_branch", no)};
    pum_value out = node(g, "If", 2, (pum_value[]){condition, x}, 2, attrs);
    pum_graph_destroy(&yes);
    pum_graph_destroy(&no);
    return out;
}

static void branches_by_an_input(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value x = floats_input(g, "x");
    pum_value c = pum_input(g, "c", PUM_DTYPE_BOOL, 0, NULL);
    pum_output(g, "y", if_node(g, c, pum_add(g, x, pum_scalar_f32(g, 1))));
    pum_session *s = open_session(g, NULL);
    give_floats(s, 0, 2, (float[]){-3, 4});
    for (int turn = 0; turn < 3; turn++) {
        give_bool(s, 1, turn != 1);
        test_must(pum_session_run(s));
        expect_floats(s, 0, 2, turn != 1 ? (float[]){-4, 10} : (float[]){0, 5});
    }
    pum_plan_info info;
    test_must(pum_session_plan(s, NULL, 0, &info));
    assert_int_equal(info.host_step_count, 0); /* the branch is in the plan */
    pum_session_destroy(&s);
}

static void branches_by_a_result(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value x = floats_input(g, "x");
    pum_attr attrs[] = {int_attr("keepdims", 0)};
    pum_value sum = node(g, "ReduceSum", 1, &x, 1, attrs);
    pum_output(g, "y", if_node(g, NODE(g, "Greater", sum, pum_scalar_f32(g, 0)), x));
    pum_session *s = open_session(g, NULL);
    float large[3000] = {-5, 4};
    give_floats(s, 0, 3000, large);
    test_must(pum_session_run(s));
    float expected[3000] = {0, 4};
    expect_floats(s, 0, 3000, expected);
    give_floats(s, 0, 2, (float[]){-3, 4});
    test_must(pum_session_run(s));
    expect_floats(s, 0, 2, (float[]){-6, 8});
    pum_session_destroy(&s);
}

/* --- Loop and Scan --- */

/* while (cond) { v = v + k; s[i] = v * i; cond = v < limit }, at most m times */
static pum_graph *counting_loop(bool bounded)
{
    pum_graph *g = open_graph(), *b = open_graph();
    pum_value m = bounded ? pum_input(g, "m", PUM_DTYPE_I64, 0, NULL) : PUM_NO_VALUE;
    pum_value v = floats_input(g, "v");
    pum_value k = floats_input(g, "k");
    pum_value i = pum_input_any(b, "i", PUM_VALUE_TENSOR, PUM_DTYPE_I64);
    (void)pum_input_any(b, "cond", PUM_VALUE_TENSOR, PUM_DTYPE_BOOL);
    pum_value bv = pum_input_any(b, "v", PUM_VALUE_TENSOR, PUM_DTYPE_F32);
    pum_value bk = pum_input_any(b, "k", PUM_VALUE_TENSOR, PUM_DTYPE_F32);
    pum_value next = pum_add(b, bv, bk);
    pum_attr to_float = int_attr("to", 1);
    pum_value turn = node(b, "Cast", 1, &i, 1, &to_float);
    pum_attr keep = int_attr("keepdims", 0);
    pum_value least = node(b, "ReduceMin", 1, &next, 1, &keep);
    pum_output(b, "cond", NODE(b, "Less", least, pum_scalar_f32(b, 10)));
    pum_output(b, "v", next);
    pum_output(b, "s", pum_mul(b, next, turn));
    pum_attr attrs[] = {body_attr("body", b), int_attr("captures", 1)};
    pum_value outs[2];
    test_must(pum_node(g,
                       &(pum_node_params){.op = "Loop",
                                          .inputs = (pum_value[]){m, PUM_NO_VALUE, v, k},
                                          .input_count = 4,
                                          .attrs = attrs,
                                          .attr_count = 2,
                                          .output_count = 2},
                       outs));
    pum_graph_destroy(&b);
    pum_output(g, "v", outs[0]);
    pum_output(g, "s", pum_relu(g, outs[1]));
    return g;
}

static void loops(void **state)
{
    (void)state;
    pum_session *s = open_session(counting_loop(true), NULL);
    give_ints(s, 0, 0, 1, (int64_t[]){3});
    give_floats(s, 1, 2, (float[]){0, 1});
    give_floats(s, 2, 2, (float[]){1, 2});
    test_must(pum_session_run(s));
    expect_floats(s, 0, 2, (float[]){3, 7});
    expect_floats(s, 1, 6, (float[]){0, 0, 2, 5, 6, 14});
    give_ints(s, 0, 0, 1, (int64_t[]){1000}); /* ends by its condition */
    test_must(pum_session_run(s));
    expect_floats(s, 0, 2, (float[]){10, 21});
    give_ints(s, 0, 0, 1, (int64_t[]){0});
    test_must(pum_session_run(s));
    expect_floats(s, 0, 2, (float[]){0, 1});
    expect_floats(s, 1, 0, NULL);
    pum_session_destroy(&s);
}

static void a_loop_without_end_meets_its_limit(void **state)
{
    (void)state;
    pum_session *s =
        open_session(counting_loop(false), &(pum_session_params){.max_loop_iterations = 20});
    give_floats(s, 0, 1, (float[]){0});
    give_floats(s, 1, 1, (float[]){0}); /* never gets to 10 */
    assert_int_equal(pum_session_run(s), PUM_E_LIMIT);
    assert_non_null(strstr(pum_last_error(), "20 turns"));
    give_floats(s, 1, 1, (float[]){4});
    test_must(pum_session_run(s));
    expect_floats(s, 0, 1, (float[]){12});
    pum_session_destroy(&s);
}

static void *cancel_soon(void *user)
{
    usleep(50000);
    pum_session_cancel(user);
    return NULL;
}

static void a_loop_without_end_is_cancelled(void **state)
{
    (void)state;
    pum_session *s =
        open_session(counting_loop(false), &(pum_session_params){.max_loop_iterations = INT64_MAX});
    pthread_t thread;
    give_floats(s, 0, 1, (float[]){0});
    give_floats(s, 1, 1, (float[]){0});
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, s), 0);
    assert_int_equal(pum_session_run(s), PUM_E_CANCELLED);
    pthread_join(thread, NULL);
    give_floats(s, 1, 1, (float[]){20});
    test_must(pum_session_run(s));
    expect_floats(s, 0, 1, (float[]){20});
    pum_session_destroy(&s);
}

/* Running sums of the rows of x, backwards in the second output. */
static void scans(void **state)
{
    (void)state;
    pum_graph *g = open_graph(), *b = open_graph();
    pum_value sum = floats_input(g, "sum");
    pum_value x =
        pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){PUM_DIM(g, NULL), PUM_DIM(g, NULL)});
    pum_value bsum = pum_input_any(b, "sum", PUM_VALUE_TENSOR, PUM_DTYPE_F32);
    pum_value bx = pum_input_any(b, "x", PUM_VALUE_TENSOR, PUM_DTYPE_F32);
    pum_value next = pum_add(b, bsum, bx);
    pum_output(b, "sum", next);
    pum_output(b, "a", pum_relu(b, next));
    pum_output(b, "b", NODE(b, "Neg", bx));
    pum_attr attrs[] = {
        body_attr("body", b),
        int_attr("num_scan_inputs", 1),
        {.name = "scan_input_axes", .kind = PUM_ATTR_INTS, .ints = (int64_t[]){1}, .count = 1},
        {.name = "scan_output_directions",
         .kind = PUM_ATTR_INTS,
         .ints = (int64_t[]){0, 1},
         .count = 2},
        {.name = "scan_output_axes", .kind = PUM_ATTR_INTS, .ints = (int64_t[]){1, 0}, .count = 2},
    };
    pum_value outs[3];
    test_must(pum_node(g,
                       &(pum_node_params){.op = "Scan",
                                          .inputs = (pum_value[]){sum, x},
                                          .input_count = 2,
                                          .attrs = attrs,
                                          .attr_count = 5,
                                          .output_count = 3},
                       outs));
    pum_graph_destroy(&b);
    for (int i = 0; i < 3; i++)
        pum_output(g, (const char *[]){"sum", "a", "b"}[i], outs[i]);
    pum_session *s = open_session(g, NULL);
    give_floats(s, 0, 2, (float[]){10, 20});
    float rows[] = {1, 2, 3, 4, 5, 6};
    test_must(
        pum_session_set_input(s, 1, &(pum_tensor){PUM_DTYPE_F32, 2, {2, 3}, rows, sizeof rows}));
    test_must(pum_session_run(s));
    expect_floats(s, 0, 2, (float[]){16, 35});
    expect_floats(s, 1, 6, (float[]){11, 13, 16, 24, 29, 35});
    expect_floats(s, 2, 6, (float[]){-3, -6, -2, -5, -1, -4});
    pum_session_destroy(&s);
}

/* A slice that moves with the turn must not be planned each turn. */
static void a_loop_that_indexes_settles(void **state)
{
    (void)state;
    pum_graph *g = open_graph(), *b = open_graph();
    pum_value m = pum_input(g, "m", PUM_DTYPE_I64, 0, NULL);
    pum_value x = floats_input(g, "x");
    pum_value i = pum_input_any(b, "i", PUM_VALUE_TENSOR, PUM_DTYPE_I64);
    pum_value cond = pum_input_any(b, "cond", PUM_VALUE_TENSOR, PUM_DTYPE_BOOL);
    pum_value bx = pum_input_any(b, "x", PUM_VALUE_TENSOR, PUM_DTYPE_F32);
    pum_value one = pum_ints(b, 1, (int64_t[]){1});
    pum_value start = NODE(b, "Reshape", i, one);
    pum_output(b, "cond", cond);
    pum_output(b, "s", pum_relu(b, NODE(b, "Slice", bx, start, NODE(b, "Add", start, one))));
    pum_attr attrs[] = {body_attr("body", b), int_attr("captures", 1)};
    pum_output(g, "y", node(g, "Loop", 3, (pum_value[]){m, PUM_NO_VALUE, x}, 2, attrs));
    pum_graph_destroy(&b);
    pum_session *s = open_session(g, NULL);
    float values[200];
    for (int k = 0; k < 200; k++)
        values[k] = (float)(k % 7) - 3;
    give_floats(s, 1, 200, values);
    give_ints(s, 0, 0, 1, (int64_t[]){200});
    pum_device_counters before, after;
    test_must(pum_session_run(s));
    for (int k = 0; k < 200; k++)
        values[k] = values[k] > 0 ? values[k] : 0;
    expect_floats(s, 0, 200, values);
    pum_device_get_counters(device, &before);
    test_must(pum_session_run(s));
    test_must(pum_session_run(s));
    pum_device_get_counters(device, &after);
    assert_true(after.memory_bytes <= before.memory_bytes);
    expect_floats(s, 0, 200, values);
    pum_session_destroy(&s);
}

/* --- Lists and optionals --- */

static void lists(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value list = pum_input_any(g, "list", PUM_VALUE_SEQUENCE, PUM_DTYPE_F32);
    pum_value x = floats_input(g, "x");
    pum_value at = pum_input(g, "at", PUM_DTYPE_I64, 0, NULL);
    pum_value longer = NODE(g, "SequenceInsert", list, pum_relu(g, x), at);
    pum_attr axis = int_attr("axis", 0);
    pum_output(g, "list", longer);
    pum_output(g, "length", NODE(g, "SequenceLength", longer));
    pum_output(
        g, "first",
        pum_relu(g, NODE(g, "SequenceAt", longer,
                         pum_constant_copy(g, NULL, PUM_DTYPE_I64, 0, NULL, &(int64_t){-1}, 8))));
    pum_output(g, "joined", node(g, "ConcatFromSequence", 1, &longer, 1, &axis));
    pum_output(g, "shorter", NODE(g, "SequenceErase", longer, at));
    pum_session *s = open_session(g, NULL);
    float a[] = {1, 2}, b[] = {-3};
    pum_tensor items[] = {{PUM_DTYPE_F32, 1, {2}, a, sizeof a},
                          {PUM_DTYPE_F32, 1, {1}, b, sizeof b}};
    test_must(pum_session_set_sequence(s, 0, items, 2));
    give_floats(s, 1, 2, (float[]){-7, 8});
    give_ints(s, 2, 0, 1, (int64_t[]){1});
    test_must(pum_session_run(s));
    pum_value_kind kind;
    int32_t count;
    test_must(pum_session_get_output_kind(s, 0, &kind, &count));
    assert_int_equal(kind, PUM_VALUE_SEQUENCE);
    assert_int_equal(count, 3);
    pum_tensor item;
    test_must(pum_session_get_output_item(s, 0, 1, &item));
    assert_float_equal(((float *)item.data)[1], 8, 0);
    assert_int_equal(pum_session_get_output_item(s, 0, 3, &item), PUM_E_ARGUMENT);
    expect_ints(s, 1, 1, (int64_t[]){3});
    expect_floats(s, 2, 1, (float[]){0});
    expect_floats(s, 3, 5, (float[]){1, 2, 0, 8, -3});
    test_must(pum_session_get_output_kind(s, 4, &kind, &count));
    assert_int_equal(count, 2);
    give_ints(s, 2, 0, 1, (int64_t[]){4});
    assert_int_equal(pum_session_run(s), PUM_E_RANGE);
    assert_non_null(strstr(pum_last_error(), "SequenceInsert"));
    assert_int_equal(pum_session_set_input(s, 0, &items[0]), PUM_E_TYPE);
    assert_int_equal(pum_session_set_sequence(s, 1, items, 2), PUM_E_TYPE);
    assert_int_equal(pum_session_set_none(s, 1), PUM_E_TYPE);
    pum_session_destroy(&s);
}

static void optionals(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value x = pum_input_any(g, "x", PUM_VALUE_NONE, PUM_DTYPE_F32);
    pum_output(g, "has", NODE(g, "OptionalHasElement", x));
    pum_output(g, "same", NODE(g, "Identity", x));
    pum_session *s = open_session(g, NULL);
    pum_tensor t;
    pum_value_kind kind;
    int32_t count;
    test_must(pum_session_set_none(s, 0));
    test_must(pum_session_run(s));
    test_must(pum_session_get_output(s, 0, &t));
    assert_int_equal(*(uint8_t *)t.data, 0);
    test_must(pum_session_get_output_kind(s, 1, &kind, &count));
    assert_int_equal(kind, PUM_VALUE_NONE);
    give_floats(s, 0, 1, (float[]){5});
    test_must(pum_session_run(s));
    test_must(pum_session_get_output(s, 0, &t));
    assert_int_equal(*(uint8_t *)t.data, 1);
    expect_floats(s, 1, 1, (float[]){5});
    pum_session_destroy(&s);
}

static void strings(void **state)
{
    (void)state;
    pum_graph *g = open_graph();
    pum_value x = pum_input(g, "x", PUM_DTYPE_STRING, 1, (int64_t[]){PUM_DIM(g, NULL)});
    pum_value at = pum_input(g, "at", PUM_DTYPE_I64, 1, (int64_t[]){PUM_DIM(g, NULL)});
    pum_output(g, "y", NODE(g, "Gather", x, at));
    pum_session *s = open_session(g, NULL);
    char word[] = "pumice";
    const char *words[] = {"lava", word, NULL};
    test_must(
        pum_session_set_input(s, 0, &(pum_tensor){PUM_DTYPE_STRING, 1, {3}, words, sizeof words}));
    word[0] = 'x'; /* it was copied */
    give_ints(s, 1, 1, 3, (int64_t[]){1, 2, 0});
    pum_tensor t;
    test_must(pum_session_run(s));
    test_must(pum_session_get_output(s, 0, &t));
    assert_int_equal(t.dtype, PUM_DTYPE_STRING);
    assert_string_equal(((const char **)t.data)[0], "pumice");
    assert_string_equal(((const char **)t.data)[1], "");
    assert_string_equal(((const char **)t.data)[2], "lava");
    pum_session_destroy(&s);
}

/* --- When things go wrong --- */

/* A list of the input's positions, then the same once more, joined: steps alone (drivers do not all
 * survive it when their own allocations fail). */
static pum_graph *steps_alone(void)
{
    pum_graph *g = open_graph(), *b = open_graph();
    pum_value x = floats_input(g, "x");
    pum_output(b, "where",
               NODE(b, "NonZero", pum_input_any(b, "x", PUM_VALUE_TENSOR, PUM_DTYPE_F32)));
    pum_value list = NODE(g, "SequenceConstruct", x, x);
    pum_attr body = body_attr("body", b), axis = int_attr("axis", 1);
    pum_value wheres = node(g, "SequenceMap", 1, &list, 1, &body);
    pum_graph_destroy(&b);
    pum_output(g, "y", node(g, "ConcatFromSequence", 1, &wheres, 1, &axis));
    test_must(pum_graph_finish(g));
    return g;
}

/* Every allocation fails once; nothing leaks, and a run afterwards is right. */
static void out_of_memory_at_every_point(void **state)
{
    (void)state;
    float x[] = {-1, 2, 0, 3};
    pum_tensor t = {PUM_DTYPE_F32, 1, {4}, x, sizeof x};
    pum_graph *g = steps_alone();
    bool enough = false;
    for (int64_t n = 1; !enough; n++) {
        pum_session *s = NULL;
        int64_t held = counting.held;
        counting.fail_at = counting.calls + n;
        pum_status status = pum_session_create(device, g, NULL, &s);
        if (status == PUM_OK)
            status = pum_session_set_input(s, 0, &t);
        if (status == PUM_OK)
            status = pum_session_run(s);
        enough = counting.calls < counting.fail_at;
        counting.fail_at = 0;
        assert_int_equal(status, enough ? PUM_OK : PUM_E_MEMORY);
        if (s) {
            test_must(pum_session_set_input(s, 0, &t));
            test_must(pum_session_run(s));
            expect_ints(s, 0, 6, (int64_t[]){0, 1, 3, 0, 1, 3});
        }
        pum_session_destroy(&s);
        assert_true(counting.held <= held); /* the device may have let go of older things */
        assert_true(n < 100000);
    }
    pum_graph_destroy(&g);
}

static void bodies_that_do_not_fit(void **state)
{
    (void)state;
    pum_graph *g = open_graph(), *b = open_graph();
    pum_value x = floats_input(g, "x");
    pum_output(b, "cond", pum_input_any(b, "cond", PUM_VALUE_TENSOR, PUM_DTYPE_BOOL));
    pum_attr body = body_attr("body", b);
    pum_output(g, "y", node(g, "Loop", 3, (pum_value[]){PUM_NO_VALUE, PUM_NO_VALUE, x}, 1, &body));
    pum_graph_destroy(&b);
    pum_session *s = open_session(g, NULL);
    give_floats(s, 0, 1, (float[]){1});
    assert_int_equal(pum_session_run(s), PUM_E_FORMAT);
    assert_non_null(strstr(pum_last_error(), "Loop"));
    pum_session_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_is_an_input),
        cmocka_unit_test(a_shape_follows_from_a_result),
        cmocka_unit_test(steps_between_islands),
        cmocka_unit_test(branches_by_an_input),
        cmocka_unit_test(branches_by_a_result),
        cmocka_unit_test(loops),
        cmocka_unit_test(a_loop_without_end_meets_its_limit),
        cmocka_unit_test(a_loop_without_end_is_cancelled),
        cmocka_unit_test(scans),
        cmocka_unit_test(a_loop_that_indexes_settles),
        cmocka_unit_test(lists),
        cmocka_unit_test(optionals),
        cmocka_unit_test(strings),
        cmocka_unit_test(bodies_that_do_not_fit),
        cmocka_unit_test(out_of_memory_at_every_point),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
