/* SPDX-License-Identifier: MIT
 *
 * test_preprocess.c - pictures resized and made ready exactly as Pillow and the usual preprocessing
 * do it (tests/data/preprocess, by tools/make_picture_goldens.py), and where letterboxes lie.
 */
#include "hf/safetensors.h"
#include "image/preprocess.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DATA PUM_TEST_SOURCE_DIR "/tests/data/preprocess/"
enum { WIDTH = 37, HEIGHT = 23 };

static struct fault fault;

static void good(pum_status status)
{
    if (status != PUM_OK)
        fail_msg("%s", fault.text);
}

/* The picture that tools/make_picture_goldens.py makes, too. */
static struct image noise(void)
{
    struct image image;
    uint32_t state = 12345;
    good(image_create(&image, WIDTH, HEIGHT, &fault));
    for (int32_t i = 0; i < WIDTH * HEIGHT * 3; i++) {
        state = (state * 1103515245u + 12345u) & 0x7fffffffu;
        uint32_t stripe = (uint32_t)(i / 3 % WIDTH) / 5 % 2;
        image.rgb[i] = (uint8_t)((state >> 16) % 200 + (stripe == 0 ? 55 : 0));
    }
    return image;
}

static void test_pillow(void **state)
{
    struct image source = noise();
    struct safetensors *cases;
    (void)state;
    good(safetensors_open(DATA "resized.safetensors", &cases, &fault));
    assert_int_equal(safetensors_count(cases), 36);
    for (int32_t i = 0; i < safetensors_count(cases); i++) {
        const struct st_tensor *expected = safetensors_at(cases, i);
        char name[16];
        enum image_kernel kernel;
        struct image out;
        assert_int_equal(sscanf(expected->name, "%15[a-z]/", name), 1);
        assert_true(image_kernel_find(name, &kernel));
        good(image_resample(&source, (int32_t)expected->dims[1], (int32_t)expected->dims[0], kernel,
                            &out, &fault));
        if (memcmp(out.rgb, expected->data, expected->size_bytes) != 0)
            fail_msg("%s differs from Pillow's", expected->name);
        image_free(&out);
    }
    enum image_kernel kernel;
    assert_false(image_kernel_find("cubic", &kernel));
    safetensors_close(&cases);
    image_free(&source);
}

/* The same size is the same picture; nothing, or too much, is an error. */
static void test_sizes(void **state)
{
    struct image source = noise(), out;
    (void)state;
    good(image_resample(&source, WIDTH, HEIGHT, IMAGE_LANCZOS, &out, &fault));
    assert_memory_equal(out.rgb, source.rgb, WIDTH * HEIGHT * 3);
    image_free(&out);
    static const int32_t wrong[][2] = {{0, 5}, {5, -1}, {100000, 5}, {60000, 60000}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fault_clear(&fault);
        assert_int_equal(
            image_resample(&source, wrong[i][0], wrong[i][1], IMAGE_BICUBIC, &out, &fault),
            PUM_E_RANGE);
        assert_null(out.rgb);
    }
    fault_clear(&fault);
    struct preprocess how = preprocess_defaults(224, 224);
    struct preprocess_result result;
    how.fit = PREPROCESS_NONE;
    how.width = how.height = 1000000;
    assert_int_equal(preprocess_run(&how, &source, &result, &fault), PUM_E_RANGE);
    assert_null(result.values);
    fault_clear(&fault);
    image_free(&source);
}

static const struct {
    const char *name;
    struct preprocess how;
} rows[] = {
#define HALVES .mean = {0.5f, 0.5f, 0.5f}, .deviation = {0.5f, 0.5f, 0.5f}
#define CLIPS                                                                                      \
    .mean = {0.48145466f, 0.4578275f, 0.40821073f},                                                \
    .deviation = {0.26862954f, 0.26130258f, 0.27577711f}
    {"stretch",
     {.fit = PREPROCESS_STRETCH, .width = 32, .height = 24, .kernel = IMAGE_BILINEAR, HALVES}},
    {"clip",
     {.fit = PREPROCESS_SHORTEST,
      .width = 16,
      .height = 16,
      .shortest = 16,
      .kernel = IMAGE_BICUBIC,
      CLIPS}},
    {"odd",
     {.fit = PREPROCESS_SHORTEST,
      .width = 14,
      .height = 17,
      .shortest = 19,
      .kernel = IMAGE_BILINEAR,
      CLIPS}},
    {"padded",
     {.fit = PREPROCESS_SHORTEST,
      .width = 21,
      .height = 17,
      .shortest = 10,
      .kernel = IMAGE_BILINEAR,
      HALVES}},
};

static void test_tensors(void **state)
{
    struct image source = noise();
    struct safetensors *cases;
    (void)state;
    good(safetensors_open(DATA "tensors.safetensors", &cases, &fault));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct st_tensor *expected = safetensors_find(cases, rows[i].name);
        struct preprocess how = rows[i].how;
        struct preprocess_result result;
        how.scale = 1.0f / 255;
        good(preprocess_run(&how, &source, &result, &fault));
        assert_int_equal(result.width, expected->dims[2]);
        assert_int_equal(result.height, expected->dims[1]);
        for (size_t k = 0; k < expected->size_bytes / sizeof(float); k++) {
            float value;
            memcpy(&value, expected->data + k * sizeof(float), sizeof(float));
            if (!(fabsf(result.values[k] - value) <= 1e-6f))
                fail_msg("%s: value %zu is %g, expected %g", rows[i].name, k,
                         (double)result.values[k], (double)value);
        }
        preprocess_free(&result);
    }
    safetensors_close(&cases);
    image_free(&source);
}

/* A white picture of 200 x 100 in 64 x 64: 64 x 32 of it in the middle, grey above and below. */
static void test_letterbox(void **state)
{
    struct image source;
    struct preprocess_result result;
    struct preprocess how = {.fit = PREPROCESS_LETTERBOX,
                             .width = 64,
                             .height = 64,
                             .kernel = IMAGE_BILINEAR,
                             .scale = 1,
                             .deviation = {1, 1, 1}};
    (void)state;
    good(image_create(&source, 200, 100, &fault));
    image_fill(&source, 255, 255, 255);
    good(preprocess_run(&how, &source, &result, &fault));
    for (int32_t y = 0; y < 64; y++)
        assert_true(result.values[y * 64 + 5] == (y >= 16 && y < 48 ? 255 : 114));
    assert_true(result.place.left == 0 && result.place.top == 16);
    assert_true(fabsf(result.place.scale_x - 0.32f) < 1e-6f);
    assert_true(fabsf(result.place.scale_y - 0.32f) < 1e-6f);
    preprocess_free(&result);
    image_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pillow),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_letterbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
