/* SPDX-License-Identifier: MIT
 *
 * test_session.c - sessions on whatever device the environment gives: right answers, changing
 * shapes, asynchronous runs, steps on the host between device steps, odd outputs, errors, warm runs
 * that allocate nothing, memory that runs out at every point.
 */
#include "support/graph_eval.h"
#include "support/test_device.h"

#include "pumice/pumice_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct counted_device counted;
static pum_context *context;
static pum_device *device;

static int setup(void **state)
{
    (void)state;
    counted_device_open(&counted);
    context = counted.context;
    device = counted.device;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return counted_device_close(&counted);
}

static pum_tensor view(const struct host_tensor *from)
{
    pum_tensor tensor = {
        .dtype = from->desc.dtype, .rank = from->desc.shape.rank, .data = from->data};
    memcpy(tensor.dims, from->desc.shape.dims, sizeof tensor.dims);
    assert_true(tensor_bytes(&from->desc, &tensor.size_bytes));
    return tensor;
}

/* y = relu(x w + b), x of [rows, 6] */
static pum_graph *dense_graph(void)
{
    static float w[6 * 5], b[5];
    for (int i = 0; i < 30; i++)
        w[i] = (float)(i % 7) - 3;
    for (int i = 0; i < 5; i++)
        b[i] = (float)i - 2;
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){PUM_DIM(g, "rows"), 6});
    pum_value y = pum_matmul(g, x, pum_constant_f32(g, "w", 2, (int64_t[]){6, 5}, w));
    y = pum_relu(g, pum_add(g, y, pum_constant_f32(g, "b", 1, (int64_t[]){5}, b)));
    pum_output(g, "y", y);
    test_must(pum_graph_finish(g));
    return g;
}

static void dense_expect(const float *x, int64_t rows, const float *y)
{
    for (int64_t r = 0; r < rows; r++) {
        for (int c = 0; c < 5; c++) {
            float sum = (float)c - 2;
            for (int k = 0; k < 6; k++)
                sum += x[r * 6 + k] * (float)((k * 5 + c) % 7 - 3);
            assert_float_equal(y[r * 5 + c], sum > 0 ? sum : 0, 1e-4);
        }
    }
}

static void run_dense(pum_session *session, int64_t rows)
{
    struct tensor_desc desc = {PUM_DTYPE_F32, shape_of(2, (int64_t[]){rows, 6})};
    struct host_tensor x = graph_eval_random(context, &desc, (uint32_t)rows);
    pum_tensor in = view(&x), out;
    test_must(pum_session_set_input(session, 0, &in));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, &out));
    assert_int_equal(out.rank, 2);
    assert_int_equal(out.dims[0], rows);
    dense_expect(x.data, rows, out.data);
    host_tensor_free(context, &x);
}

static void right_answers_for_changing_shapes(void **state)
{
    (void)state;
    pum_graph *g = dense_graph();
    pum_session *session;
    test_must(pum_session_create(device, g, &(pum_session_params){.max_plans = 2}, &session));
    pum_graph_destroy(&g);
    const int64_t rows[] = {1, 7, 64, 7, 1, 130, 1, 64, 0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run_dense(session, rows[i]);
    pum_session_destroy(&session);
    assert_null(session);
}

/* Nothing is allocated, created or compiled once the plan has run. */
static void a_warm_run_allocates_nothing(void **state)
{
    (void)state;
    pum_graph *g = dense_graph();
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    pum_tensor in = {PUM_DTYPE_F32, 2, {2, 6}, x, sizeof x}, out;
    test_must(pum_session_set_input(session, 0, &in));
    test_must(pum_session_run(session));
    pum_device_counters before, after;
    pum_device_get_counters(device, &before);
    int64_t calls = counted.counting.calls;
    for (int i = 0; i < 5; i++) {
        x[0] = (float)i;
        test_must(pum_session_set_input(session, 0, &in));
        test_must(pum_session_run(session));
        test_must(pum_session_get_output(session, 0, &out));
        dense_expect(x, 2, out.data);
    }
    pum_device_get_counters(device, &after);
    assert_int_equal(counted.counting.calls, calls);
    assert_int_equal(after.driver_allocations, before.driver_allocations);
    assert_int_equal(after.memory_allocations, before.memory_allocations);
    assert_int_equal(after.pipelines_created, before.pipelines_created);
    assert_true(after.submissions > before.submissions);
    pum_session_destroy(&session);
}

static void submit_and_wait_are_separate(void **state)
{
    (void)state;
    pum_graph *g = dense_graph();
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    float x[6] = {1, -1, 2, -2, 3, -3};
    pum_tensor in = {PUM_DTYPE_F32, 2, {1, 6}, x, sizeof x}, out;
    assert_int_equal(pum_session_submit(session), PUM_E_STATE); /* no input yet */
    assert_int_equal(pum_session_wait(session, 0), PUM_E_STATE);
    test_must(pum_session_set_input(session, 0, &in));
    test_must(pum_session_submit(session));
    assert_int_equal(pum_session_submit(session), PUM_E_STATE);
    assert_int_equal(pum_session_set_input(session, 0, &in), PUM_E_STATE);
    assert_int_equal(pum_session_get_output(session, 0, &out), PUM_E_STATE);
    pum_status status;
    while ((status = pum_session_wait(session, 1000)) == PUM_E_TIMEOUT) {
    }
    test_must(status);
    test_must(pum_session_get_output(session, 0, &out));
    dense_expect(x, 1, out.data);
    test_must(pum_session_submit(session)); /* left in flight: destroy must wait */
    pum_session_destroy(&session);
}

static void wrong_inputs_are_named(void **state)
{
    (void)state;
    pum_graph *g = dense_graph();
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    float x[14] = {0};
    pum_tensor good = {PUM_DTYPE_F32, 2, {1, 6}, x, 24};
    pum_tensor type = good, shape = good, size = good, rank = good;
    type.dtype = PUM_DTYPE_I32;
    shape.dims[1] = 7;
    shape.size_bytes = 28;
    size.size_bytes = 20;
    rank.rank = 9;
    assert_int_equal(pum_session_set_input(session, 1, &good), PUM_E_ARGUMENT);
    assert_int_equal(pum_session_set_input(session, 0, &type), PUM_E_TYPE);
    assert_non_null(strstr(pum_last_error(), "'x' must be float32, not int32"));
    assert_int_equal(pum_session_set_input(session, 0, &shape), PUM_E_SHAPE);
    assert_non_null(strstr(pum_last_error(), "[1,7]"));
    assert_int_equal(pum_session_set_input(session, 0, &size), PUM_E_ARGUMENT);
    assert_int_equal(pum_session_set_input(session, 0, &rank), PUM_E_ARGUMENT);
    run_dense(session, 3); /* and it still works */
    pum_session_destroy(&session);
}

/* double arithmetic has no kernel: relu(x) -> double sum on the host -> float -> relu on the
 * device. */
static void host_steps_between_device_steps(void **state)
{
    (void)state;
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 1, (int64_t[]){5});
    pum_attr to_double = {.name = "to", .kind = PUM_ATTR_INT, .i = 11};
    pum_attr to_float = {.name = "to", .kind = PUM_ATTR_INT, .i = 1};
    pum_value positive = pum_relu(g, x), wide, narrow;
    test_must(pum_node(g,
                       &(pum_node_params){.op = "Cast",
                                          .inputs = &positive,
                                          .input_count = 1,
                                          .attrs = &to_double,
                                          .attr_count = 1},
                       &wide));
    wide = pum_add(g, wide, wide);
    test_must(pum_node(
        g,
        &(pum_node_params){
            .op = "Cast", .inputs = &wide, .input_count = 1, .attrs = &to_float, .attr_count = 1},
        &narrow));
    pum_output(g, "y", pum_op1(g, "Neg", narrow));
    pum_output(g, "wide", wide);
    test_must(pum_graph_finish(g));
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    float values[5] = {-1, 0, 1, 2.5f, 1e6f};
    pum_tensor in = {PUM_DTYPE_F32, 1, {5}, values, sizeof values}, y, w;
    for (int run = 0; run < 3; run++) {
        values[0] = (float)run;
        test_must(pum_session_set_input(session, 0, &in));
        test_must(pum_session_run(session));
        test_must(pum_session_get_output(session, 0, &y));
        test_must(pum_session_get_output(session, 1, &w));
        assert_int_equal(w.dtype, PUM_DTYPE_F64);
        for (int i = 0; i < 5; i++) {
            float wanted = 2 * (values[i] > 0 ? values[i] : 0);
            assert_float_equal(((float *)y.data)[i], -wanted, 0);
            assert_true(((double *)w.data)[i] == (double)wanted);
        }
    }
    pum_plan_info info;
    test_must(pum_session_plan(session, NULL, 0, &info));
    assert_true(info.host_step_count >= 1);
    pum_session_destroy(&session);
}

/* An input that is an output, a constant that is one, one value under two names, a shape. */
static void odd_outputs(void **state)
{
    (void)state;
    static const int64_t seven = 7;
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){PUM_DIM(g, "n"), 2});
    pum_value c = pum_constant(g, "c", PUM_DTYPE_I64, 0, NULL, &seven, sizeof seven);
    pum_value r = pum_relu(g, x);
    pum_output(g, "same", x);
    pum_output(g, "constant", c);
    pum_output(g, "a", r);
    pum_output(g, "flat", pum_reshape(g, r, 1, (int64_t[]){-1}));
    pum_output(g, "shape", pum_op1(g, "Shape", x));
    test_must(pum_graph_finish(g));
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    float values[6] = {1, -2, 3, -4, 5, -6};
    pum_tensor in = {PUM_DTYPE_F32, 2, {3, 2}, values, sizeof values}, out[5];
    test_must(pum_session_set_input(session, 0, &in));
    test_must(pum_session_run(session));
    for (int i = 0; i < 5; i++)
        test_must(pum_session_get_output(session, i, &out[i]));
    assert_memory_equal(out[0].data, values, sizeof values);
    assert_true(*(int64_t *)out[1].data == 7);
    for (int i = 0; i < 6; i++) {
        assert_float_equal(((float *)out[2].data)[i], values[i] > 0 ? values[i] : 0, 0);
        assert_float_equal(((float *)out[3].data)[i], values[i] > 0 ? values[i] : 0, 0);
    }
    assert_int_equal(out[3].rank, 1);
    assert_int_equal(out[3].dims[0], 6);
    assert_true(((int64_t *)out[4].data)[0] == 3 && ((int64_t *)out[4].data)[1] == 2);
    pum_session_destroy(&session);
}

/* x + positions[:n]: a constant that planning makes for one length is not the next length's. */
static void constants_of_a_plan_stay_its_own(void **state)
{
    (void)state;
    static const float positions[8] = {10, 20, 30, 40, 50, 60, 70, 80};
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 1, (int64_t[]){PUM_DIM(g, "n")});
    pum_value table = pum_constant_f32(g, "p", 1, (int64_t[]){8}, positions);
    pum_value length = pum_op1(g, "Shape", x), begin = pum_ints(g, 1, (int64_t[]){-1}), part;
    pum_value end = pum_mul(g, length, pum_ints(g, 1, (int64_t[]){-1}));
    end = pum_op2(g, "Sub", end, pum_ints(g, 1, (int64_t[]){1})); /* the last n, backwards */
    pum_value axes = pum_ints(g, 1, (int64_t[]){0}), steps = begin;
    pum_value inputs[5] = {table, begin, end, axes, steps};
    test_must(pum_node(g,
                       &(pum_node_params){.op = "Slice", .inputs = inputs, .input_count = 5},
                       &part));
    pum_output(g, "y", pum_add(g, x, part));
    test_must(pum_graph_finish(g));
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    const int64_t lengths[] = {3, 5, 3, 8, 1};
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        int64_t n = lengths[l];
        float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        pum_tensor in = {PUM_DTYPE_F32, 1, {n}, values, (size_t)n * sizeof(float)}, out;
        test_must(pum_session_set_input(session, 0, &in));
        test_must(pum_session_run(session));
        test_must(pum_session_get_output(session, 0, &out));
        for (int64_t i = 0; i < n; i++)
            assert_float_equal(((float *)out.data)[i], values[i] + positions[7 - i], 0);
    }
    pum_session_destroy(&session);
}

/* int64 and int32 lie alike on the device, so the cast is an alias; on the host they do not. The
 * result is an output, and what a step on the host (in double) works on. */
static void casts_of_inputs(void **state)
{
    (void)state;
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value x = pum_input(g, "x", PUM_DTYPE_I64, 1, (int64_t[]){PUM_DIM(g, "n")}), y, z;
    pum_attr to_i32 = {.name = "to", .kind = PUM_ATTR_INT, .i = 6};
    pum_attr to_f64 = {.name = "to", .kind = PUM_ATTR_INT, .i = 11};
    test_must(pum_node(g, &(pum_node_params){.op = "Cast", .inputs = &x, .input_count = 1,
                                             .attrs = &to_i32, .attr_count = 1}, &y));
    test_must(pum_node(g, &(pum_node_params){.op = "Cast", .inputs = &y, .input_count = 1,
                                             .attrs = &to_f64, .attr_count = 1}, &z));
    pum_output(g, "y", y);
    pum_output(g, "z", pum_op2(g, "Add", z, z));
    test_must(pum_graph_finish(g));
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    int64_t values[700];
    for (int i = 0; i < 700; i++)
        values[i] = i * 3 - 1000;
    pum_tensor in = {PUM_DTYPE_I64, 1, {700}, values, sizeof values}, narrow, wide;
    test_must(pum_session_set_input(session, 0, &in));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, &narrow));
    test_must(pum_session_get_output(session, 1, &wide));
    assert_int_equal(narrow.dtype, PUM_DTYPE_I32);
    for (int i = 0; i < 700; i++) {
        assert_int_equal(((int32_t *)narrow.data)[i], i * 3 - 1000);
        assert_true(((double *)wide.data)[i] == i * 6 - 2000);
    }
    pum_session_destroy(&session);
}

/* int64 that the device holds in 32 bits: a value beyond them is an error, and the next run works.
 */
static void wide_integers_are_checked(void **state)
{
    (void)state;
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value i = pum_input(g, "i", PUM_DTYPE_I64, 1, (int64_t[]){3});
    pum_value t = pum_transpose(g, pum_reshape(g, i, 2, (int64_t[]){3, 1}), 2, (int64_t[]){1, 0});
    pum_value parts[2] = {t, t}, y;
    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 1};
    test_must(pum_node(
        g,
        &(pum_node_params){
            .op = "Concat", .inputs = parts, .input_count = 2, .attrs = &axis, .attr_count = 1},
        &y));
    pum_output(g, "y", y);
    test_must(pum_graph_finish(g));
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    int64_t values[3] = {1, 5000000000, -3};
    pum_tensor in = {PUM_DTYPE_I64, 1, {3}, values, sizeof values}, out;
    test_must(pum_session_set_input(session, 0, &in));
    assert_int_equal(pum_session_run(session), PUM_E_RANGE);
    assert_non_null(strstr(pum_last_error(), "5000000000"));
    values[1] = 2000000000;
    test_must(pum_session_set_input(session, 0, &in));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, &out));
    for (int k = 0; k < 6; k++)
        assert_true(((int64_t *)out.data)[k] == values[k % 3]);
    pum_session_destroy(&session);
}

/* The host's memory runs out at call n, for every n until it is enough: an error each time, never a
 * crash; nothing leaks (teardown checks). Planning only: lavapipe 25.0 itself follows a null
 * pointer when an allocation fails while commands are recorded. */
static void host_memory_runs_out_everywhere(void **state)
{
    (void)state;
    pum_graph *g = dense_graph();
    pum_tensor in = {PUM_DTYPE_F32, 2, {4, 6}, NULL, 0};
    bool enough = false;
    for (int64_t n = 1; !enough; n++) {
        pum_session *session;
        pum_plan_info info;
        counted.counting.fail_at = counted.counting.calls + n;
        pum_status status = pum_session_create(device, g, NULL, &session);
        if (status == PUM_OK)
            status = pum_session_plan(session, &in, 1, &info);
        enough = counted.counting.calls < counted.counting.fail_at;
        counted.counting.fail_at = 0;
        pum_session_destroy(&session);
        assert_int_equal(status, enough ? PUM_OK : PUM_E_MEMORY);
        assert_true(n < 100000);
    }
    pum_graph_destroy(&g);
}

/* The same for the device's memory, at its n-th allocation; the session works afterwards. */
static void device_memory_runs_out_everywhere(void **state)
{
    (void)state;
    pum_graph *g = dense_graph();
    bool enough = false;
    for (uint32_t n = 1; !enough; n++) {
        pum_device *poor;
        pum_session *session;
        float x[6] = {1, 2, 3, 4, 5, 6};
        pum_tensor in = {PUM_DTYPE_F32, 2, {1, 6}, x, sizeof x}, out;
        test_must(pum_device_open(context, &(pum_device_params){.fail_allocation = n}, &poor));
        test_must(pum_session_create(poor, g, NULL, &session));
        test_must(pum_session_set_input(session, 0, &in));
        pum_status status = pum_session_run(session);
        enough = status == PUM_OK;
        if (!enough) {
            assert_int_equal(status, PUM_E_DEVICE_MEMORY);
            assert_true(strlen(pum_last_error()) > 0);
            test_must(pum_session_run(session));
        }
        test_must(pum_session_get_output(session, 0, &out));
        dense_expect(x, 1, out.data);
        pum_session_destroy(&session);
        pum_device_destroy(&poor);
        assert_true(n < 100);
    }
    pum_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_answers_for_changing_shapes),
        cmocka_unit_test(a_warm_run_allocates_nothing),
        cmocka_unit_test(submit_and_wait_are_separate),
        cmocka_unit_test(wrong_inputs_are_named),
        cmocka_unit_test(host_steps_between_device_steps),
        cmocka_unit_test(odd_outputs),
        cmocka_unit_test(constants_of_a_plan_stay_its_own),
        cmocka_unit_test(casts_of_inputs),
        cmocka_unit_test(wide_integers_are_checked),
        cmocka_unit_test(host_memory_runs_out_everywhere),
        cmocka_unit_test(device_memory_runs_out_everywhere),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
