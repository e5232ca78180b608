/* SPDX-License-Identifier: MIT
 *
 * test_large.c - tensors larger than one binding may see (maxStorageBufferRange: 128 MiB on
 * lavapipe): a matmul with such a weight, both ways round, and an elementwise operator.
 */
#include "support/test_device.h"

#include "pumice/pumice_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;
static pum_device *device;

static int setup(void **state)
{
    (void)state;
    test_must(pum_context_create(&(pum_context_params){.cache_dir = ""}, &context));
    device = test_device_open(context);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return 0;
}

/* Small integers, so that sums are exact in float. */
static float weight_at(int64_t row, int64_t column)
{
    return (float)((row * 31 + column * 17) % 11 - 5);
}

static float input_at(int64_t k)
{
    return (float)(k % 3 - 1);
}

/* 40 Mi elements (160 MiB): wider than lavapipe's limit, or than the device's if that is smaller;
 * devices with larger limits run it whole. */
static void check_matmul(int64_t k, int64_t n, bool transposed)
{
    float *w = malloc((size_t)(k * n) * sizeof(float)), *x = malloc((size_t)k * sizeof(float));
    assert_non_null(w);
    assert_non_null(x);
    for (int64_t r = 0; r < k; r++) {
        for (int64_t c = 0; c < n; c++)
            w[transposed ? c * k + r : r * n + c] = weight_at(r, c);
        x[r] = input_at(r);
    }
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value in = pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){1, k});
    int64_t dims[2] = {transposed ? n : k, transposed ? k : n};
    pum_value weight = pum_constant_f32(g, "w", 2, dims, w);
    pum_output(g, "y",
               transposed ? pum_linear(g, in, weight, PUM_NO_VALUE) : pum_matmul(g, in, weight));
    test_must(pum_graph_finish(g));
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    pum_tensor tensor = {PUM_DTYPE_F32, 2, {1, k}, x, (size_t)k * sizeof(float)}, out;
    test_must(pum_session_set_input(session, 0, &tensor));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, &out));
    for (int64_t c = 0; c < n; c += n / 97 + 1) {
        float sum = 0;
        for (int64_t r = 0; r < k; r++)
            sum += input_at(r) * weight_at(r, c);
        assert_float_equal(((float *)out.data)[c], sum, 0);
    }
    pum_plan_info info;
    test_must(pum_session_plan(session, NULL, 0, &info));
    assert_int_equal(info.host_step_count, 0);
    pum_session_destroy(&session);
    free(w);
    free(x);
}

static void weight_with_many_rows(void **state)
{
    (void)state;
    check_matmul(40960, 1024, false);
}

static void transposed_weight(void **state)
{
    (void)state;
    check_matmul(1024, 40960, true);
}

static void elementwise_on_a_large_tensor(void **state)
{
    (void)state;
    int64_t count = 40 << 20;
    float *x = malloc((size_t)count * sizeof(float));
    assert_non_null(x);
    for (int64_t i = 0; i < count; i++)
        x[i] = input_at(i);
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    pum_value in = pum_input(g, "x", PUM_DTYPE_F32, 1, &count);
    pum_output(g, "y", pum_relu(g, pum_add(g, in, pum_scalar_f32(g, 0.5f))));
    test_must(pum_graph_finish(g));
    pum_session *session;
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    pum_tensor tensor = {PUM_DTYPE_F32, 1, {count}, x, (size_t)count * sizeof(float)}, out;
    test_must(pum_session_set_input(session, 0, &tensor));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, &out));
    for (int64_t i = 0; i < count; i += 4099) {
        float wanted = input_at(i) + 0.5f;
        assert_float_equal(((float *)out.data)[i], wanted > 0 ? wanted : 0, 0);
    }
    pum_session_destroy(&session);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weight_with_many_rows),
        cmocka_unit_test(transposed_weight),
        cmocka_unit_test(elementwise_on_a_large_tensor),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
