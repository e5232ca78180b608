/* SPDX-License-Identifier: MIT
 *
 * test_verify.c - the verifier itself: it tells right from wrong, and a kernel that is broken on
 * purpose is found, quarantined for this driver and avoided, so that the answer is right again.
 * (All kernels' verdicts on a driver are `pumice verify`'s business, in the driver matrix.)
 */
#include "exec/verify.h"

#include "exec/exec.h"
#include "support/test_device.h"

#include "pumice/pumice_graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static double compare(int32_t op, float wanted, float got, float scale)
{
    struct tensor_desc desc = {PUM_DTYPE_F32, {1, {1}}};
    struct host_tensor w = {desc, &wanted}, s = {desc, &scale};
    pum_tensor g = {PUM_DTYPE_F32, 1, {1}, &got, sizeof got};
    char detail[128];
    return verify_compare(&op_rows[op], &w, &s, &g, detail, sizeof detail);
}

static void tolerances_follow_the_class(void **state)
{
    (void)state;
    assert_true(compare(OP_TRANSPOSE, 1.0f, 1.0f, 0) == 0);
    assert_true(compare(OP_TRANSPOSE, 1.0f, nextafterf(1.0f, 2), 0) > 1);
    assert_true(compare(OP_EXP, 1.0f, 1.000005f, 0) <= 1);
    assert_true(compare(OP_EXP, 1.0f, 1.00002f, 0) > 1);
    assert_true(compare(OP_MATMUL, 0.0f, 0.0009f, 10) <= 1);
    assert_true(compare(OP_MATMUL, 0.0f, 0.0011f, 10) > 1);
    assert_true(compare(OP_LSTM, 0.5f, 0.500009f, 0) <= 1);
    assert_true(compare(OP_LSTM, 0.5f, 0.500012f, 0) > 1);
    assert_true(compare(OP_EXP, NAN, NAN, 0) == 0);
    assert_true(isinf(compare(OP_EXP, 1.0f, NAN, 0)));
    assert_true(isinf(compare(OP_EXP, NAN, 1.0f, 0)));
    assert_true(isinf(compare(OP_EXP, INFINITY, 1e38f, 0)));
}

#ifdef PUM_TEST_HOOKS
/* x * 3 + 1, and the row that does it. */
static float times_three(pum_device *device, pum_context *context, char *row, size_t row_bytes)
{
    pum_graph *g;
    pum_session *session;
    test_must(pum_graph_create(context, &g));
    pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 1, (int64_t[]){64});
    pum_value r = pum_input(g, "r", PUM_DTYPE_F32, 1, (int64_t[]){64});
    pum_output(g, "y", pum_add(g, pum_mul(g, x, pum_scalar_f32(g, 3)), r));
    test_must(pum_graph_finish(g));
    test_must(pum_session_create(device, g, NULL, &session));
    pum_graph_destroy(&g);
    float values[64], ones[64];
    for (int i = 0; i < 64; i++) {
        values[i] = 5;
        ones[i] = 1;
    }
    pum_tensor in = {PUM_DTYPE_F32, 1, {64}, values, sizeof values}, out;
    test_must(pum_session_set_input(session, 0, &in));
    in.data = ones;
    test_must(pum_session_set_input(session, 1, &in));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, &out));
    float y = ((float *)out.data)[17];
    pum_plan_info info;
    test_must(pum_session_plan(session, NULL, 0, &info));
    snprintf(row, row_bytes, "%s", info.steps[0].kernel);
    pum_session_destroy(&session);
    return y;
}

static char cache[] = "/tmp/pumice-verify-XXXXXX";

static pum_device *open_with(pum_context **context)
{
    test_must(pum_context_create(&(pum_context_params){.cache_dir = cache}, context));
    return test_device_open(*context);
}

static void a_broken_kernel_is_found_and_avoided(void **state)
{
    (void)state;
    pum_context *context;
    char row[64], again[64];
    assert_non_null(mkdtemp(cache));
    pum_device *device = open_with(&context);
    assert_float_equal(times_three(device, context, row, sizeof row), 16, 0);
    pum_device_destroy(&device);
    pum_context_destroy(&context);

    setenv("PUMICE_TEST_BREAK_KERNEL", row, 1);
    device = open_with(&context);
    assert_true(fabsf(times_three(device, context, again, sizeof again) - 16) > 0.5f);
    assert_string_equal(again, row);
    int32_t failed;
    pum_verify_params params = {.kernel_filter = row, .quarantine = true};
    test_must(pum_device_verify(device, &params, &failed));
    assert_true(failed >= 1);
    assert_float_equal(times_three(device, context, again, sizeof again), 16, 0);
    assert_string_not_equal(again, row);
    pum_device_destroy(&device);
    pum_context_destroy(&context);

    /* The list outlives the process: a new context on the same cache avoids the row too. */
    device = open_with(&context);
    assert_float_equal(times_three(device, context, again, sizeof again), 16, 0);
    assert_string_not_equal(again, row);
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    unsetenv("PUMICE_TEST_BREAK_KERNEL");
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", cache);
    assert_int_equal(system(command), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tolerances_follow_the_class),
#ifdef PUM_TEST_HOOKS
        cmocka_unit_test(a_broken_kernel_is_found_and_avoided),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
