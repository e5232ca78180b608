/* SPDX-License-Identifier: MIT
 *
 * test_commands.c - recorded work, on a timeline semaphore and on fences: results, base groups,
 * barriers, specialization, timestamps, waiting, what is refused, and that a warm submission
 * allocates nothing on the host or in the driver.
 */
#include "gpu_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 4096u
#define BYTES (COUNT * sizeof(float))
#define SCALE 3u

static const struct gpu_hooks hook_sets[] = {{0}, {.hide_timeline = true},
                                             {.hide_unified = true}};
static const uint32_t no_base[3] = {0, 0, 0};
static const uint32_t all_groups[3] = {COUNT / 64, 1, 1};

/* Two buffers of COUNT floats, x = i and y = 1, and the kernel. */
struct scene {
    struct gpu_fixture f;
    struct gpu_buffer *x, *y;
    struct gpu_pipeline *saxpy;
    struct gpu_range ranges[2];
    float data[COUNT];
};

static void scene_open(struct scene *s, const struct gpu_hooks *hooks)
{
    static const uint32_t values[] = {64, SCALE};
    memset(s, 0, sizeof(*s));
    gpu_fixture_context(&s->f, NULL);
    gpu_fixture_open_running(&s->f, NULL, hooks);
    struct gpu_pipeline_params params = gpu_fixture_saxpy(values);
    test_must(gpu_pipelines_get(s->f.device, &params, 1, &s->saxpy));
    test_must(gpu_buffer_create(s->f.device, BYTES, GPU_BUFFER_DEVICE, "x", &s->x));
    test_must(gpu_buffer_create(s->f.device, BYTES, GPU_BUFFER_DEVICE, "y", &s->y));
    for (uint32_t i = 0; i < COUNT; ++i)
        s->data[i] = (float)i;
    test_must(gpu_upload(s->f.device, s->x, 0, s->data, BYTES));
    for (uint32_t i = 0; i < COUNT; ++i)
        s->data[i] = 1.0f;
    test_must(gpu_upload(s->f.device, s->y, 0, s->data, BYTES));
    s->ranges[0] = (struct gpu_range){s->x, 0, BYTES};
    s->ranges[1] = (struct gpu_range){s->y, 0, BYTES};
}

static void scene_close(struct scene *s)
{
    gpu_buffer_destroy(&s->x);
    gpu_buffer_destroy(&s->y);
    gpu_fixture_close(&s->f);
}

static void run(struct scene *s, struct gpu_commands *commands)
{
    uint64_t ticket;
    bool done;
    test_must(gpu_submit(s->f.device, commands, &ticket));
    test_must(gpu_wait(s->f.device, ticket, UINT64_MAX));
    test_must(gpu_is_done(s->f.device, ticket, &done));
    assert_true(done);
}

static void expect(struct scene *s, float (*value)(uint32_t i))
{
    test_must(gpu_download(s->f.device, s->y, 0, s->data, BYTES));
    for (uint32_t i = 0; i < COUNT; ++i)
        if (s->data[i] != value(i))
            fail_msg("element %u: %g, not %g", i, (double)s->data[i], (double)value(i));
}

static float once(uint32_t i)
{
    return 2.0f * (float)i + SCALE;
}

static float twice(uint32_t i)
{
    return 2.0f * (float)i + SCALE * once(i);
}

static float middle(uint32_t i)
{
    return i >= 10 * 64 && i < 30 * 64 ? once(i) : 1.0f;
}

static struct gpu_commands *begin(struct scene *s, int32_t dispatches, int32_t timestamps)
{
    struct gpu_commands *commands;
    test_must(gpu_commands_create(s->f.device, dispatches, 2 * dispatches, timestamps, "test",
                                  &commands));
    test_must(gpu_commands_begin(commands));
    gpu_commands_barrier(commands);
    return commands;
}

static void dispatch(struct scene *s, struct gpu_commands *commands, uint32_t rounds)
{
    struct saxpy_push push = {COUNT, 2.0f, rounds};
    test_must(gpu_commands_dispatch(commands, s->saxpy, s->ranges, &push, no_base, all_groups,
                                    "saxpy"));
}

static void finish(struct gpu_commands *commands)
{
    gpu_commands_barrier_host(commands);
    test_must(gpu_commands_end(commands));
}

static void test_results(void **state)
{
    (void)state;
    for (size_t h = 0; h < PUM_COUNT_OF(hook_sets); ++h) {
        static struct scene s;
        scene_open(&s, &hook_sets[h]);
        struct gpu_commands *commands = begin(&s, 2, 0);
        dispatch(&s, commands, 1);
        gpu_commands_barrier(commands);
        dispatch(&s, commands, 1);
        finish(commands);
        run(&s, commands);
        expect(&s, twice);
        gpu_commands_destroy(&commands);
        assert_null(commands);
        scene_close(&s);
    }
}

/* The same recording object again, with other work; and groups that begin in the middle. */
static void test_base_groups(void **state)
{
    (void)state;
    static struct scene s;
    scene_open(&s, NULL);
    static const uint32_t base[3] = {10, 0, 0}, groups[3] = {20, 1, 1}, none[3] = {5, 0, 1};
    struct saxpy_push push = {COUNT, 2.0f, 1};
    struct gpu_commands *commands = begin(&s, 2, 0);
    dispatch(&s, commands, 1);
    finish(commands);
    test_must(gpu_commands_begin(commands));
    gpu_commands_barrier(commands);
    test_must(gpu_commands_dispatch(commands, s.saxpy, s.ranges, &push, no_base, none, NULL));
    test_must(gpu_commands_dispatch(commands, s.saxpy, s.ranges, &push, base, groups, NULL));
    finish(commands);
    run(&s, commands);
    expect(&s, middle);
    gpu_commands_destroy(&commands);
    scene_close(&s);
}

static void test_copies(void **state)
{
    (void)state;
    static struct scene s;
    scene_open(&s, NULL);
    struct gpu_buffer *up, *down;
    test_must(gpu_buffer_create(s.f.device, BYTES, GPU_BUFFER_UPLOAD, "up", &up));
    test_must(gpu_buffer_create(s.f.device, BYTES, GPU_BUFFER_READBACK, "down", &down));
    struct gpu_commands *commands = begin(&s, 1, 0);
    gpu_commands_copy(commands, &(struct gpu_range){up, 0, BYTES}, &s.ranges[1]);
    gpu_commands_barrier(commands);
    dispatch(&s, commands, 1);
    gpu_commands_barrier(commands);
    gpu_commands_copy(commands, &s.ranges[1], &(struct gpu_range){down, 0, BYTES});
    finish(commands);
    for (int round = 0; round < 3; ++round) {
        float *in = gpu_buffer_map(up), *out = gpu_buffer_map(down);
        for (uint32_t i = 0; i < COUNT; ++i)
            in[i] = (float)(round + 1);
        test_must(gpu_buffer_flush(up, 0, BYTES));
        run(&s, commands);
        test_must(gpu_buffer_invalidate(down, 0, BYTES));
        for (uint32_t i = 0; i < COUNT; ++i)
            assert_true(out[i] == 2.0f * (float)i + SCALE * (float)(round + 1));
    }
    gpu_commands_destroy(&commands);
    gpu_buffer_destroy(&up);
    gpu_buffer_destroy(&down);
    scene_close(&s);
}

static void test_timestamps(void **state)
{
    (void)state;
    static struct scene s;
    scene_open(&s, NULL);
    struct gpu_commands *commands = begin(&s, 1, 2);
    gpu_commands_timestamp(commands, 0);
    dispatch(&s, commands, 2000);
    gpu_commands_timestamp(commands, 1);
    gpu_commands_timestamp(commands, 2); /* no room: ignored */
    finish(commands);
    uint64_t ticks[2];
    for (int round = 0; round < 2; ++round) {
        run(&s, commands);
        if (gpu_device_timestamp_period(s.f.device) > 0.0f) {
            test_must(gpu_commands_read_timestamps(commands, 0, 2, ticks));
            assert_true(ticks[1] > ticks[0]);
            assert_int_equal(gpu_commands_read_timestamps(commands, 1, 2, ticks), PUM_E_ARGUMENT);
        } else {
            assert_int_equal(gpu_commands_read_timestamps(commands, 0, 2, ticks),
                             PUM_E_UNSUPPORTED);
        }
    }
    gpu_commands_destroy(&commands);
    scene_close(&s);
}

/* The shorter of two runs: the first may compile, and the machine may be busy. */
static uint64_t measure(struct scene *s, uint32_t rounds)
{
    uint64_t shortest = UINT64_MAX;
    struct gpu_commands *commands = begin(s, 1, 0);
    dispatch(s, commands, rounds);
    finish(commands);
    for (int i = 0; i < 2; ++i) {
        uint64_t start = base_time_ns();
        run(s, commands);
        uint64_t spent = base_time_ns() - start;
        shortest = spent < shortest ? spent : shortest;
    }
    gpu_commands_destroy(&commands);
    return shortest;
}

/* Rounds of the kernel that keep this device busy for about 300 ms. */
static uint32_t long_rounds(struct scene *s)
{
    uint32_t rounds = 1000;
    uint64_t spent = measure(s, rounds);
    for (; spent < 20000000 && rounds < (1u << 27); spent = measure(s, rounds))
        rounds *= 4;
    return (uint32_t)((double)rounds * 300e6 / (double)spent);
}

static void test_waiting(void **state)
{
    (void)state;
    for (size_t h = 0; h < 2; ++h) {
        static struct scene s;
        scene_open(&s, &hook_sets[h]);
        uint32_t rounds = long_rounds(&s);
        struct gpu_commands *commands = begin(&s, 1, 0);
        dispatch(&s, commands, rounds);
        finish(commands);
        uint64_t ticket;
        bool done = true;
        test_must(gpu_submit(s.f.device, commands, &ticket));
        test_must(gpu_is_done(s.f.device, ticket, &done));
        assert_false(done);
        assert_int_equal(gpu_wait(s.f.device, ticket, 0), PUM_E_TIMEOUT);
        assert_int_equal(gpu_wait(s.f.device, ticket, 3000000), PUM_E_TIMEOUT);
        assert_int_equal(gpu_wait(s.f.device, ticket + 1, 0), PUM_E_ARGUMENT);
        uint64_t other;
        assert_int_equal(gpu_submit(s.f.device, commands, &other), PUM_E_STATE);
        assert_int_equal(gpu_commands_begin(commands), PUM_E_STATE);
        test_must(gpu_wait(s.f.device, ticket, UINT64_MAX));
        test_must(gpu_wait(s.f.device, ticket, 0));
        test_must(gpu_wait(s.f.device, 0, 0));
        gpu_commands_destroy(&commands);
        scene_close(&s);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static struct scene s;
    scene_open(&s, NULL);
    const struct base_caps *caps = gpu_device_caps(s.f.device);
    struct saxpy_push push = {COUNT, 2.0f, 1};
    struct gpu_commands *commands;
    uint64_t ticket;
    test_must(gpu_commands_create(s.f.device, 1, 2, 0, "refused", &commands));
    assert_int_equal(gpu_submit(s.f.device, commands, &ticket), PUM_E_STATE);
    assert_int_equal(gpu_commands_end(commands), PUM_E_STATE);
    assert_int_equal(gpu_commands_dispatch(commands, s.saxpy, s.ranges, &push, no_base,
                                           all_groups, NULL),
                     PUM_E_STATE);
    test_must(gpu_commands_begin(commands));
    const struct gpu_range wrong[] = {
        {NULL, 0, 4},
        {s.y, 0, 0},
        {s.y, 0, BYTES + 4},
        {s.y, BYTES, 4},
        {s.y, caps->storage_alignment / 2, 4},
        {s.y, caps->storage_alignment, UINT64_MAX},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(wrong); ++i) {
        struct gpu_range ranges[2] = {s.ranges[0], wrong[i]};
        assert_int_equal(gpu_commands_dispatch(commands, s.saxpy, ranges, &push, no_base,
                                               all_groups, NULL),
                         PUM_E_ARGUMENT);
    }
    uint32_t base[3] = {0, caps->max_workgroup_count[1], 0};
    assert_int_equal(gpu_commands_dispatch(commands, s.saxpy, s.ranges, &push, base, all_groups,
                                           NULL),
                     PUM_E_RANGE);
    dispatch(&s, commands, 1);
    assert_int_equal(gpu_commands_dispatch(commands, s.saxpy, s.ranges, &push, no_base,
                                           all_groups, NULL),
                     PUM_E_INTERNAL);
    assert_int_equal(gpu_submit(s.f.device, commands, &ticket), PUM_E_STATE);
    finish(commands);
    run(&s, commands);
    gpu_commands_destroy(&commands);
    scene_close(&s);
}

/* More submissions than there are fences, none of which allocates. */
static void test_warm_allocates_nothing(void **state)
{
    (void)state;
    for (size_t h = 0; h < 2; ++h) {
        static struct scene s;
        scene_open(&s, &hook_sets[h]);
        struct gpu_commands *commands = begin(&s, 1, 1);
        dispatch(&s, commands, 1);
        gpu_commands_timestamp(commands, 0);
        finish(commands);
        run(&s, commands);
        pum_device_counters before, after;
        pum_device_get_counters(s.f.device, &before);
        int64_t calls = s.f.counting.calls;
        for (int i = 0; i < 3 * GPU_FENCE_RING; ++i)
            run(&s, commands);
        pum_device_get_counters(s.f.device, &after);
        assert_int_equal(s.f.counting.calls, calls);
        assert_int_equal(after.driver_allocations, before.driver_allocations);
        assert_int_equal(after.memory_allocations, before.memory_allocations);
        assert_int_equal(after.submissions, before.submissions + 3 * GPU_FENCE_RING);
        gpu_commands_destroy(&commands);
        scene_close(&s);
    }
}

/* Many recordings in flight, from several threads. */
static pum_status submit_job(void *user, int32_t index)
{
    struct scene *s = user;
    struct gpu_commands *commands[8];
    uint64_t tickets[8];
    (void)index;
    for (int i = 0; i < 8; ++i) {
        struct saxpy_push push = {0, 2.0f, 1}; /* writes nothing: the threads share the buffers */
        PUM_TRY(gpu_commands_create(s->f.device, 1, 2, 0, "thread", &commands[i]));
        PUM_TRY(gpu_commands_begin(commands[i]));
        gpu_commands_barrier(commands[i]);
        PUM_TRY(gpu_commands_dispatch(commands[i], s->saxpy, s->ranges, &push, no_base,
                                      all_groups, NULL));
        PUM_TRY(gpu_commands_end(commands[i]));
        PUM_TRY(gpu_submit(s->f.device, commands[i], &tickets[i]));
    }
    for (int i = 7; i >= 0; --i) {
        PUM_TRY(gpu_wait(s->f.device, tickets[i], UINT64_MAX));
        gpu_commands_destroy(&commands[i]);
    }
    return PUM_OK;
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t h = 0; h < 2; ++h) {
        static struct scene s;
        scene_open(&s, &hook_sets[h]);
        test_must(base_parallel_for(s.f.context, 12, 4, submit_job, &s));
        scene_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),    cmocka_unit_test(test_base_groups),
        cmocka_unit_test(test_copies),     cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_waiting),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_warm_allocates_nothing), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
