/* SPDX-License-Identifier: MIT
 *
 * test_ocr_golden.c - the three OCR models equal ONNX Runtime's CPU provider within 1e-3 of the
 * output's range, on the default device, over five or more input shapes each. The answers are in
 * tests/data/ocr_golden (tools/make_ocr_goldens): for each case the output's range and mean, its
 * greatest values, and every n-th value. All shapes of a model go through one session.
 */
#include "ocr/ocr_golden_input.h"
#include "pumice/pumice.h"
#include "pumice/pumice_onnx.h"
#include "support/model_path.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOLERANCE 1e-3 /* of the output's range */

static pum_context *context;
static pum_device *device;

static void must(pum_status status, const char *what) {
    if (status != PUM_OK)
        fail_msg("%s: %s: %s", what, pum_status_name(status), pum_last_error());
}

struct golden {
    uint32_t seed;
    int64_t input[4];
    int32_t rank;
    int64_t output[PUM_MAX_RANK];
    double min, max, mean;
    int32_t value_count;
};

/* Reads a case up to its values. False at the end of the file. */
static bool read_case(FILE *file, struct golden *golden) {
    if (fscanf(file, " case %u %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &golden->seed,
               &golden->input[0], &golden->input[1], &golden->input[2], &golden->input[3]) != 5)
        return false;
    assert_int_equal(fscanf(file, " output %d", &golden->rank), 1);
    assert_in_range(golden->rank, 1, PUM_MAX_RANK);
    for (int32_t i = 0; i < golden->rank; i++)
        assert_int_equal(fscanf(file, "%" SCNd64, &golden->output[i]), 1);
    assert_int_equal(
        fscanf(file, " range %lf %lf %lf", &golden->min, &golden->max, &golden->mean), 3);
    assert_int_equal(fscanf(file, " values %d", &golden->value_count), 1);
    return true;
}

static void run_model(pum_session *session, const struct golden *golden, pum_tensor *out_output) {
    const int64_t *dims = golden->input;
    size_t plane = (size_t)(dims[2] * dims[3]), count = (size_t)(dims[0] * dims[1]) * plane;
    uint8_t *dark = malloc(plane);
    float *data = malloc(count * sizeof *data);
    assert_non_null(dark);
    assert_non_null(data);
    ocr_golden_input(dims, golden->seed, dark, data);
    pum_tensor input = {.dtype = PUM_DTYPE_F32, .rank = 4,
                        .dims = {dims[0], dims[1], dims[2], dims[3]},
                        .data = data, .size_bytes = count * sizeof *data};
    must(pum_session_set_input(session, 0, &input), "set_input");
    must(pum_session_run(session), "run");
    must(pum_session_get_output(session, 0, out_output), "get_output");
    free(data);
    free(dark);
}

static void compare_summary(const char *name, const struct golden *golden,
                            const pum_tensor *output) {
    double allowed = TOLERANCE * (golden->max - golden->min);
    size_t count = output->size_bytes / sizeof(float);
    const float *data = output->data;
    double min = INFINITY, max = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(data[i]))
            fail_msg("%s: value %zu of %zu is %g", name, i, count, data[i]);
        min = fmin(min, data[i]);
        max = fmax(max, data[i]);
        sum += data[i];
    }
    if (!(fabs(min - golden->min) <= allowed) || !(fabs(max - golden->max) <= allowed) ||
        !(fabs(sum / (double)count - golden->mean) <= allowed))
        fail_msg("%s: range %g..%g, mean %g; expected %g..%g, mean %g", name, min, max,
                 sum / (double)count, golden->min, golden->max, golden->mean);
}

static void compare_values(FILE *file, const char *name, const struct golden *golden,
                           const pum_tensor *output) {
    double allowed = TOLERANCE * (golden->max - golden->min), worst = 0;
    size_t count = output->size_bytes / sizeof(float);
    const float *data = output->data;
    for (int32_t i = 0; i < golden->value_count; i++) {
        size_t index;
        double expected;
        assert_int_equal(fscanf(file, "%zu %lf", &index, &expected), 2);
        assert_true(index < count);
        double error = fabs(data[index] - expected);
        if (!(error <= allowed))
            fail_msg("%s: value %zu of %zu is %g, expected %g (allowed difference %g)", name,
                     index, count, data[index], expected, allowed);
        worst = fmax(worst, error / allowed);
    }
    printf("%s: worst difference %.4f of what is allowed\n", name, worst);
}

static void check_model(const char *golden_name) {
    char path[1024], model[128], name[256];
    snprintf(path, sizeof path, "%s/tests/data/ocr_golden/%s.txt", PUM_TEST_SOURCE_DIR,
             golden_name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "ocr-golden 1 model %127s", model), 1);
    assert_true(test_model_path(model, path, sizeof path));
    pum_graph *graph;
    pum_session *session;
    must(pum_onnx_open(context, path, NULL, &graph), path);
    must(pum_session_create(device, graph, NULL, &session), path);
    pum_graph_destroy(&graph);
    struct golden golden;
    int32_t cases = 0;
    for (; read_case(file, &golden); cases++) {
        snprintf(name, sizeof name, "%s [%d,%d,%d,%d]", golden_name, (int)golden.input[0],
                 (int)golden.input[1], (int)golden.input[2], (int)golden.input[3]);
        pum_tensor output;
        run_model(session, &golden, &output);
        assert_int_equal(output.dtype, PUM_DTYPE_F32);
        assert_int_equal(output.rank, golden.rank);
        for (int32_t i = 0; i < golden.rank; i++)
            assert_int_equal(output.dims[i], golden.output[i]);
        compare_summary(name, &golden, &output);
        compare_values(file, name, &golden, &output);
    }
    assert_true(cases >= 5);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    pum_session_destroy(&session);
}

static void test_detector(void **state) {
    (void)state;
    check_model("det");
}

static void test_recogniser(void **state) {
    (void)state;
    check_model("rec");
}

static void test_classifier(void **state) {
    (void)state;
    check_model("cls");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detector),
        cmocka_unit_test(test_recogniser),
        cmocka_unit_test(test_classifier),
    };
    char path[1024];
    if (!test_model_path("ch_PP-OCRv4_det_infer.onnx", path, sizeof path))
        return 77;
    if (pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    pum_status status = pum_device_open(context, NULL, &device);
    int failed = 77;
    if (status == PUM_OK)
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    else
        printf("no device: %s\n", pum_last_error());
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return failed;
}
