/* SPDX-License-Identifier: MIT
 *
 * test_vad_segments.c - probabilities to segments, against answers worked out by hand from silero's
 * definition: 16 kHz, steps of 512 samples, 32 ms.
 */
#include "audio/vad_segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MOST 64

/* Runs of equal probabilities: count, probability, ..., 0. */
struct run {
    int count;
    float p;
};

static int64_t find(const struct run *runs, const struct vad_rule *rule,
                    struct vad_segment *segments)
{
    static float track[4096];
    int64_t count = 0;
    for (; runs->count > 0; runs++)
        for (int i = 0; i < runs->count; i++)
            track[count++] = runs->p;
    return vad_find_segments(&(struct vad_track){.probabilities = track,
                                                 .count = count,
                                                 .window = 512,
                                                 .rate = 16000,
                                                 .samples = count * 512 - 100},
                             rule, segments);
}

static void none(void **state)
{
    (void)state;
    const struct vad_rule rule = VAD_RULE_DEFAULTS;
    struct vad_segment s[MOST];
    assert_int_equal(find((struct run[]){{0, 0}}, &rule, s), 0);
    assert_int_equal(find((struct run[]){{50, 0.49f}, {0, 0}}, &rule, s), 0);
    /* Seven steps of speech are 224 ms: too short. */
    assert_int_equal(find((struct run[]){{9, 0}, {7, 0.9f}, {9, 0}, {0, 0}}, &rule, s), 0);
}

static void one(void **state)
{
    (void)state;
    const struct vad_rule rule = VAD_RULE_DEFAULTS;
    struct vad_segment s[MOST];
    assert_int_equal(find((struct run[]){{9, 0}, {8, 0.9f}, {9, 0}, {0, 0}}, &rule, s), 1);
    assert_int_equal(s[0].start, 9 * 512 - 480);
    assert_int_equal(s[0].end, 17 * 512 + 480);
    /* At both edges: padding stays within the sound, the last step is not full. */
    assert_int_equal(find((struct run[]){{20, 0.5f}, {0, 0}}, &rule, s), 1);
    assert_int_equal(s[0].start, 0);
    assert_int_equal(s[0].end, 20 * 512 - 100);
}

static void pauses(void **state)
{
    (void)state;
    const struct vad_rule rule = VAD_RULE_DEFAULTS;
    struct vad_segment s[MOST];
    /* Between the thresholds nothing ends; silence of three steps (the fourth begins at 96 ms, the
     * fifth at 128) ends nothing either. */
    assert_int_equal(
        find(
            (struct run[]){
                {9, 0}, {9, 0.9f}, {30, 0.4f}, {9, 0.6f}, {4, 0.1f}, {9, 0.9f}, {9, 0}, {0, 0}},
            &rule, s),
        1);
    assert_int_equal(s[0].end, 70 * 512 + 480);
    /* Five steps do; a step between the thresholds in them changes nothing. */
    assert_int_equal(
        find(
            (struct run[]){
                {9, 0}, {9, 0.9f}, {2, 0.1f}, {1, 0.45f}, {2, 0.1f}, {9, 0.9f}, {9, 0}, {0, 0}},
            &rule, s),
        2);
    assert_int_equal(s[0].end, 18 * 512 + 480);
    assert_int_equal(s[1].start, 23 * 512 - 480);
    /* Long padding shares the pause out. */
    const struct vad_rule padded = {0.5f, 250, 100, 200};
    assert_int_equal(
        find((struct run[]){{9, 0}, {9, 0.9f}, {5, 0.1f}, {9, 0.9f}, {9, 0}, {0, 0}}, &padded, s),
        2);
    assert_int_equal(s[0].start, 9 * 512 - 3200);
    assert_int_equal(s[0].end, 18 * 512 + 1280);
    assert_int_equal(s[1].start, s[0].end);
    assert_int_equal(s[1].end, 32 * 512 + 3200);
}

static void rules(void **state)
{
    (void)state;
    struct vad_segment s[MOST];
    const struct run runs[] = {{5, 0}, {2, 0.3f}, {2, 0.05f}, {1, 0.3f}, {5, 0}, {0, 0}};
    const struct vad_rule all = {0.2f, 0, 0, 0}, low = {0.05f, 0, 0, 0};
    assert_int_equal(find(runs, &all, s), 1); /* 0.05 is not below 0.2 - 0.15 */
    assert_int_equal(s[0].end, 10 * 512);
    assert_int_equal(find(runs, &low, s), 1);
    const struct vad_rule high = {0.25f, 0, 0, 0};
    assert_int_equal(find(runs, &high, s), 2);
    assert_int_equal(s[1].start, 9 * 512);
    assert_int_equal(s[1].end, 10 * 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none),
        cmocka_unit_test(one),
        cmocka_unit_test(pauses),
        cmocka_unit_test(rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
