/* SPDX-License-Identifier: MIT
 *
 * test_ocr_warm.c - the three OCR networks: from the second run on nothing is allocated, neither by
 * the library nor for the driver, and nothing is compiled; the memory plan stays within 1.25 of the
 * largest live set. Skipped where the models are not there.
 */
#include "support/model_path.h"
#include "support/test_device.h"

#include "pumice/pumice_onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

static void check_warm(pum_session *session, const pum_tensor *in)
{
    pum_device_counters before, after;
    pum_tensor out;
    test_must(pum_session_set_input(session, 0, in));
    test_must(pum_session_run(session));
    pum_device_get_counters(device, &before);
    int64_t calls = counted.counting.calls;
    for (int i = 0; i < 2; i++) {
        test_must(pum_session_set_input(session, 0, in));
        test_must(pum_session_run(session));
        test_must(pum_session_get_output(session, 0, &out));
    }
    pum_device_get_counters(device, &after);
    assert_int_equal(counted.counting.calls, calls);
    assert_int_equal(after.driver_allocations, before.driver_allocations);
    assert_int_equal(after.memory_allocations, before.memory_allocations);
    assert_int_equal(after.pipelines_created, before.pipelines_created);
}

static void check_model(const char *file, int64_t height, int64_t width)
{
    char path[4096];
    pum_graph *graph;
    pum_session *session;
    pum_plan_info info;
    if (!test_model_path(file, path, sizeof path))
        skip();
    size_t bytes = (size_t)(3 * height * width) * sizeof(float);
    pum_tensor in = {PUM_DTYPE_F32, 4, {1, 3, height, width}, calloc(1, bytes), bytes};
    assert_non_null(in.data);
    test_must(pum_onnx_open(context, path, NULL, &graph));
    test_must(pum_session_create(device, graph, NULL, &session));
    pum_graph_destroy(&graph);
    check_warm(session, &in);
    test_must(pum_session_plan(session, NULL, 0, &info));
    assert_int_equal(info.host_step_count, 0);
    assert_true((double)info.activation_peak_bytes <= 1.25 * (double)info.activation_bound_bytes);
    pum_session_destroy(&session);
    free(in.data);
}

static void detector(void **state)
{
    (void)state;
    check_model("ch_PP-OCRv4_det_infer.onnx", 64, 96);
}

static void recogniser(void **state)
{
    (void)state;
    check_model("ch_PP-OCRv4_rec_infer.onnx", 48, 96);
}

static void classifier(void **state)
{
    (void)state;
    check_model("ch_ppocr_mobile_v2.0_cls_infer.onnx", 48, 192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detector),
        cmocka_unit_test(recogniser),
        cmocka_unit_test(classifier),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
