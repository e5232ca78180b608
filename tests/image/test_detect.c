/* SPDX-License-Identifier: MIT
 *
 * test_detect.c - each form of a detector's output with boxes whose places are known, suppression,
 * letterboxes undone, and outputs that hold nonsense.
 */
#include "image/detect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fault fault;
static struct detect_result result;

static struct detect_params plain(void)
{
    return (struct detect_params){.picture_width = 640,
                                  .picture_height = 480,
                                  .width = 640,
                                  .height = 480,
                                  .place = {0, 0, 1, 1}};
}

static struct detect_output output(const char *name, pum_dtype dtype, const void *data,
                                   int32_t rank, const int64_t *dims)
{
    struct detect_output out = {
        .name = name, .tensor = {.dtype = dtype, .rank = rank, .data = (void *)(uintptr_t)data}};
    memcpy(out.tensor.dims, dims, (size_t)rank * sizeof(*dims));
    return out;
}

#define DIMS(...)                                                                                  \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[])                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void decode(const struct detect_output *outputs, int32_t count,
                   const struct detect_params *params)
{
    detect_free(&result);
    if (detect_decode(outputs, count, params, &result, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
}

static void assert_box(int32_t index, float left, float top, float right, float bottom, float score,
                       int32_t label)
{
    assert_true(index < result.count);
    const struct detect_box *box = &result.boxes[index];
    if (fabsf(box->left - left) > 1e-3f || fabsf(box->top - top) > 1e-3f ||
        fabsf(box->right - right) > 1e-3f || fabsf(box->bottom - bottom) > 1e-3f ||
        fabsf(box->score - score) > 1e-5f || box->label != label)
        fail_msg("box %d is %g %g %g %g, %g, class %d", index, (double)box->left, (double)box->top,
                 (double)box->right, (double)box->bottom, (double)box->score, box->label);
}

enum { ROWS = 20, CLASSES = 3 };

/* Two boxes that are seen twice, one of another class in the same place, and weak ones. */
static const float seen[][4 + 1 + CLASSES] = {
    {100, 80, 40, 20, 0.9f, 0.1f, 0.8f, 0.0f},   {102, 80, 40, 20, 0.8f, 0.1f, 0.7f, 0.0f},
    {300, 200, 50, 60, 1.0f, 0.0f, 0.1f, 0.95f}, {101, 81, 40, 20, 0.7f, 0.9f, 0.1f, 0.0f},
    {500, 400, 10, 10, 0.1f, 1.0f, 0.0f, 0.0f},
};
enum { SEEN = sizeof(seen) / sizeof(seen[0]) };

static void test_yolo_v5(void **state)
{
    float rows[ROWS][5 + CLASSES] = {{0}};
    struct detect_params params = plain();
    (void)state;
    memcpy(rows, seen, sizeof(seen));
    struct detect_output out = output("output0", PUM_DTYPE_F32, rows, DIMS(1, ROWS, 5 + CLASSES));
    decode(&out, 1, &params);
    assert_int_equal(result.layout, DETECT_YOLO_V5);
    assert_int_equal(result.count, 3);
    assert_box(0, 275, 170, 325, 230, 0.95f, 2);
    assert_box(1, 80, 70, 120, 90, 0.72f, 1);
    assert_box(2, 81, 71, 121, 91, 0.63f, 0);
    params.across = true;
    decode(&out, 1, &params);
    assert_int_equal(result.count, 2);
    params.across = false;
    params.overlap = 0.99f;
    decode(&out, 1, &params);
    assert_int_equal(result.count, 4);
    params.most = 1;
    decode(&out, 1, &params);
    assert_int_equal(result.count, 1);
    params.least_score = 0.96f;
    decode(&out, 1, &params);
    assert_int_equal(result.count, 0);
}

static void test_yolo_v8(void **state)
{
    float columns[4 + CLASSES][ROWS] = {{0}};
    struct detect_params params = plain();
    (void)state;
    for (int i = 0; i < SEEN; i++)
        for (int k = 0; k < 4 + CLASSES; k++)
            columns[k][i] = seen[i][k < 4 ? k : k + 1];
    struct detect_output out =
        output("output0", PUM_DTYPE_F32, columns, DIMS(1, 4 + CLASSES, ROWS));
    decode(&out, 1, &params);
    assert_int_equal(result.layout, DETECT_YOLO_V8);
    assert_int_equal(result.count, 4);
    assert_box(0, 495, 395, 505, 405, 1.0f, 0);
    assert_box(3, 80, 70, 120, 90, 0.8f, 1);
    /* The labels say that the fifth number is a score, or that it is an objectness. */
    params.label_count = CLASSES;
    decode(&out, 1, &params);
    assert_int_equal(result.layout, DETECT_YOLO_V8);
    params.label_count = CLASSES - 1;
    decode(&out, 1, &params);
    assert_int_equal(result.layout, DETECT_YOLO_V5);
}

static void test_ready_rows(void **state)
{
    static const float six[2][6] = {{10, 20, 30, 40, 0.6f, 7}, {50, 60, 70, 80, 0.9f, 1}};
    static const float seven[2][7] = {{0, 10, 20, 30, 40, 7, 0.6f}, {0, 50, 60, 70, 80, 1, 0.9f}};
    struct detect_params params = plain();
    struct detect_output out = output("output0", PUM_DTYPE_F32, six, DIMS(1, 2, 6));
    (void)state;
    decode(&out, 1, &params);
    assert_int_equal(result.layout, DETECT_ROWS);
    assert_box(0, 50, 60, 70, 80, 0.9f, 1);
    assert_box(1, 10, 20, 30, 40, 0.6f, 7);
    out = output("output", PUM_DTYPE_F32, seven, DIMS(2, 7));
    decode(&out, 1, &params);
    assert_box(0, 50, 60, 70, 80, 0.9f, 1);
    assert_box(1, 10, 20, 30, 40, 0.6f, 7);
}

/* torchvision: pixels, labels int64 */
static void test_apart(void **state)
{
    static const float boxes[3][4] = {{10, 20, 30, 40}, {50, 60, 70, 80}, {51, 60, 71, 80}};
    static const int64_t labels[3] = {7, 1, 1};
    static const float scores[3] = {0.6f, 0.9f, 0.8f};
    struct detect_params params = plain();
    (void)state;
    struct detect_output out[] = {output("boxes", PUM_DTYPE_F32, boxes, DIMS(3, 4)),
                                  output("labels", PUM_DTYPE_I64, labels, DIMS(3)),
                                  output("scores", PUM_DTYPE_F32, scores, DIMS(3))};
    decode(out, 3, &params);
    assert_int_equal(result.layout, DETECT_BOXES);
    assert_int_equal(result.count, 2);
    assert_box(0, 50, 60, 70, 80, 0.9f, 1);
    assert_box(1, 10, 20, 30, 40, 0.6f, 7);
    /* Nothing was found. */
    struct detect_output none[] = {output("boxes", PUM_DTYPE_F32, boxes, DIMS(0, 4)),
                                   output("labels", PUM_DTYPE_I64, labels, DIMS(0)),
                                   output("scores", PUM_DTYPE_F32, scores, DIMS(0))};
    decode(none, 3, &params);
    assert_int_equal(result.count, 0);
}

/* TensorFlow's: parts of the sides, rows first, labels as floats, a count beside them */
static void test_tensorflow(void **state)
{
    static const float boxes[2][4] = {{0.25f, 0.1f, 0.5f, 0.2f}, {0, 0, 1, 1}};
    static const float labels[2] = {3, 5}, scores[2] = {0.5f, 0.75f}, number = 2;
    struct detect_params params = plain();
    (void)state;
    struct detect_output out[] = {output("detection_boxes:0", PUM_DTYPE_F32, boxes, DIMS(1, 2, 4)),
                                  output("detection_classes:0", PUM_DTYPE_F32, labels, DIMS(1, 2)),
                                  output("detection_scores:0", PUM_DTYPE_F32, scores, DIMS(1, 2)),
                                  output("num_detections:0", PUM_DTYPE_F32, &number, DIMS(1))};
    decode(out, 4, &params);
    assert_box(0, 0, 0, 640, 480, 0.75f, 5);
    assert_box(1, 64, 120, 128, 240, 0.5f, 3);
}

/* SSD: scores for each class, the first is the background */
static void test_scores_by_class(void **state)
{
    static const float scores[3][3] = {{0.9f, 0.1f, 0}, {0.1f, 0.2f, 0.7f}, {0.4f, 0.6f, 0}};
    static const float boxes[3][4] = {
        {0, 0, 0.5f, 0.5f}, {0.1f, 0.2f, 0.3f, 0.4f}, {0.5f, 0.5f, 1, 1}};
    struct detect_params params = plain();
    (void)state;
    struct detect_output out[] = {output("scores", PUM_DTYPE_F32, scores, DIMS(1, 3, 3)),
                                  output("boxes", PUM_DTYPE_F32, boxes, DIMS(1, 3, 4))};
    decode(out, 2, &params);
    assert_int_equal(result.count, 2);
    assert_box(0, 64, 96, 192, 192, 0.7f, 2);
    assert_box(1, 320, 240, 640, 480, 0.6f, 1);
}

/* A picture of 1280 x 640 in the middle of 640 x 640: half the size, 160 rows down. */
static void test_letterbox(void **state)
{
    static const float six[3][6] = {
        {100, 260, 200, 360, 0.9f, 0}, {-50, 100, 700, 900, 0.8f, 1}, {10, 10, 60, 150, 0.7f, 2}};
    struct detect_params params = {.picture_width = 1280,
                                   .picture_height = 640,
                                   .width = 640,
                                   .height = 640,
                                   .place = {0, 160, 0.5f, 0.5f}};
    struct detect_output out = output("output0", PUM_DTYPE_F32, six, DIMS(3, 6));
    (void)state;
    decode(&out, 1, &params);
    assert_int_equal(result.count, 2); /* the third lies in the grey above */
    assert_box(0, 200, 200, 400, 400, 0.9f, 0);
    assert_box(1, 0, 0, 1280, 640, 0.8f, 1);
}

static void test_nonsense(void **state)
{
    static const float bad[4][6] = {{NAN, 0, 1, 1, 0.9f, 0},
                                    {0, 0, INFINITY, NAN, 0.9f, 0},
                                    {5, 5, 1, 1, 0.9f, 0},
                                    {0, 0, 9, 9, NAN, 0}};
    static const float label[1][6] = {{0, 0, 9, 9, 0.9f, -1e30f}};
    static const float numbers[24];
    struct detect_params params = plain();
    (void)state;
    struct detect_output out = output("o", PUM_DTYPE_F32, bad, DIMS(4, 6));
    decode(&out, 1, &params);
    assert_int_equal(result.count, 0);
    out = output("o", PUM_DTYPE_F32, label, DIMS(1, 6));
    decode(&out, 1, &params);
    assert_box(0, 0, 0, 9, 9, 0.9f, 0);
    struct detect_output wrong[] = {
        output("picture", PUM_DTYPE_F32, numbers, DIMS(1, 3, 2, 4)),
        output("flat", PUM_DTYPE_F32, numbers, DIMS(24)),
        output("whole", PUM_DTYPE_I64, numbers, DIMS(1, 2, 6)),
        output("narrow", PUM_DTYPE_F32, numbers, DIMS(1, 6, 4)),
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        detect_free(&result);
        assert_int_equal(detect_decode(&wrong[i], 1, &params, &result, &fault), PUM_E_UNSUPPORTED);
        assert_non_null(strstr(fault.text, wrong[i].name));
        fault_clear(&fault);
    }
    params.layout = DETECT_BOXES;
    assert_int_equal(detect_decode(wrong, 4, &params, &result, &fault), PUM_E_UNSUPPORTED);
    fault_clear(&fault);
    enum detect_layout layout;
    assert_true(detect_layout_find("yolov8", &layout) && layout == DETECT_YOLO_V8);
    assert_false(detect_layout_find("yolo", &layout));
    assert_string_equal(detect_layout_name(DETECT_BOXES), "boxes");
}

static void test_overlap(void **state)
{
    struct detect_box a = {0, 0, 10, 10, 1, 0}, b = {5, 0, 15, 10, 1, 0}, c = {10, 0, 20, 10, 1, 0};
    (void)state;
    assert_true(fabsf(detect_overlap(&a, &b) - 1.0f / 3) < 1e-6f);
    assert_true(detect_overlap(&a, &a) == 1);
    assert_true(detect_overlap(&a, &c) == 0);
}

static int end_result(void **state)
{
    (void)state;
    detect_free(&result);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yolo_v5),    cmocka_unit_test(test_yolo_v8),
        cmocka_unit_test(test_ready_rows), cmocka_unit_test(test_apart),
        cmocka_unit_test(test_tensorflow), cmocka_unit_test(test_scores_by_class),
        cmocka_unit_test(test_letterbox),  cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, end_result);
}
