/* SPDX-License-Identifier: MIT
 *
 * test_vad.c - silero VAD v5, v6 and legacy on a minute of speech with noise and silence (and ten
 * seconds at 8 kHz): each step's probability is ONNX Runtime's within 1e-3 (tests/data/vad, written
 * by tools/make_vad_goldens), the segments are the same; many steps a run or one. Skipped where the
 * models are not there.
 */
#include "audio/audio_file.h"
#include "audio/vad.h"
#include "audio/vad_segments.h"
#include "support/model_path.h"
#include "support/test_device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA PUM_TEST_SOURCE_DIR "/tests/data/vad/"
#define TOLERANCE 1e-3
#define MOST_STEPS 4000

static pum_context *context;
static pum_device *device;
static float golden[MOST_STEPS];

static void must(pum_status status, const struct fault *fault)
{
    if (status != PUM_OK)
        fail_msg("%s: %s", pum_status_name(status), fault->text);
}

static struct vad *open_vad(const char *version, int32_t rate, int32_t steps)
{
    struct fault fault = {0};
    struct vad *vad;
    char file[64], path[4096];
    snprintf(file, sizeof file, "silero_vad_%s.onnx", version);
    assert_true(test_vad_model_path(file, path, sizeof path));
    must(vad_open(context, device, &(struct vad_params){path, rate, steps}, &vad, &fault), &fault);
    return vad;
}

/* Pushes a file in pieces that fit no window; gives its samples. */
static int64_t hear(struct vad *vad, const char *name, int32_t rate, int64_t most)
{
    struct fault fault = {0};
    struct audio_file *file;
    char path[4096];
    float block[1001];
    int64_t total = 0, count = 1;
    snprintf(path, sizeof path, DATA "%s", name);
    must(audio_open(path, rate, &file, &fault), &fault);
    while (count > 0 && total < most) {
        must(audio_read(file, block, 1001, &count, &fault), &fault);
        must(vad_push(vad, block, count, &fault), &fault);
        total += count;
    }
    must(vad_finish(vad, &fault), &fault);
    audio_close(&file);
    return total;
}

static void same_segments(const struct vad *vad, int32_t rate, int64_t samples, const float *ours,
                          int64_t count)
{
    static struct vad_segment a[MOST_STEPS], b[MOST_STEPS];
    const struct vad_rule rule = VAD_RULE_DEFAULTS;
    struct vad_track track = {ours, count, vad_window(vad), rate, samples};
    int64_t found = vad_find_segments(&track, &rule, a);
    track.probabilities = golden;
    assert_int_equal(found, vad_find_segments(&track, &rule, b));
    assert_true(found > 1);
    assert_memory_equal(a, b, (size_t)found * sizeof *a);
}

static void check_sound(const char *version, const char *name, int32_t rate, int64_t steps)
{
    struct vad *vad = open_vad(version, rate, 0);
    int64_t count, samples = hear(vad, name, rate, INT64_MAX);
    const float *ours = vad_probabilities(vad, &count);
    assert_int_equal(count, steps);
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs((double)(ours[i] - golden[i]));
        worst = difference > worst ? difference : worst;
        if (!(difference <= TOLERANCE))
            fail_msg("%s, %s, step %lld: %g, not %g", version, name, (long long)i, (double)ours[i],
                     (double)golden[i]);
    }
    printf("%s, %s: %lld steps, greatest difference %.2g\n", version, name, (long long)count,
           worst);
    same_segments(vad, rate, samples, ours, count);
    vad_close(&vad);
}

static void check_version(const char *version)
{
    char path[4096], name[64];
    int rate, steps;
    snprintf(path, sizeof path, DATA "%s.txt", version);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "vad-golden 1 model %63s", name), 1);
    for (int sounds = 0; sounds < 2; sounds++) {
        assert_int_equal(fscanf(file, " sound %63s %d %d", name, &rate, &steps), 3);
        assert_in_range(steps, 1, MOST_STEPS);
        for (int i = 0; i < steps; i++)
            assert_int_equal(fscanf(file, "%f", &golden[i]), 1);
        check_sound(version, name, rate, steps);
    }
    fclose(file);
}

static void v5(void **state)
{
    (void)state;
    check_version("v5");
}

static void v6(void **state)
{
    (void)state;
    check_version("v6");
}

static void legacy(void **state)
{
    (void)state;
    check_version("legacy");
}

/* Steps in one run or in many, and a stream after another, give the same. */
static void any_number_of_steps(void **state)
{
    (void)state;
    static float first[256];
    for (int i = 0; i < 4; i++) {
        struct vad *vad = open_vad("v5", 16000, (int32_t[]){1, 7, 32, 32}[i]);
        int64_t count;
        hear(vad, "speech.wav", 16000, 60 * 512);
        if (i == 3)
            hear(vad, "speech.wav", 16000, 60 * 512);
        const float *ours = vad_probabilities(vad, &count);
        int64_t each = i == 3 ? count / 2 : count;
        assert_in_range(each, 60, 256);
        for (int64_t k = 0; k < each; k++) {
            if (i == 0)
                first[k] = ours[k];
            assert_true(fabsf(first[k] - ours[k]) < 1e-5f);
            assert_true(fabsf(first[k] - ours[count - each + k]) < 1e-5f);
        }
        vad_close(&vad);
    }
}

static void refused(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct vad *vad;
    char path[4096];
    assert_int_equal(vad_open(context, device, &(struct vad_params){"x", 44100, 0}, &vad, &fault),
                     PUM_E_ARGUMENT);
    assert_null(vad);
    fault_clear(&fault);
    assert_int_equal(
        vad_open(context, device, &(struct vad_params){DATA "v5.txt", 16000, 0}, &vad, &fault),
        PUM_E_FORMAT);
    if (!test_model_path("ch_PP-OCRv4_det_infer.onnx", path, sizeof path))
        return;
    fault_clear(&fault);
    assert_int_equal(vad_open(context, device, &(struct vad_params){path, 16000, 0}, &vad, &fault),
                     PUM_E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "no silero VAD"));
}

/* Sound so loud that the network's numbers leave float32. */
static void too_loud(void **state)
{
    (void)state;
    struct fault fault = {0};
    static float loud[512 * 64];
    struct vad *vad = open_vad("v5", 16000, 4);
    for (size_t i = 0; i < sizeof loud / sizeof *loud; i++)
        loud[i] = i % 2 ? 3e38f : -3e38f;
    pum_status status = vad_push(vad, loud, 512 * 64, &fault);
    assert_int_equal(status, PUM_E_FORMAT);
    assert_non_null(strstr(fault.text, "too loud"));
    vad_close(&vad);
}

int main(void)
{
    char path[4096];
    if (!test_vad_model_path("silero_vad_v5.onnx", path, sizeof path))
        return 77;
    if (pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    device = test_device_open(context);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v5),       cmocka_unit_test(v6),
        cmocka_unit_test(legacy),   cmocka_unit_test(refused),
        cmocka_unit_test(too_loud), cmocka_unit_test(any_number_of_steps),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return failed;
}
