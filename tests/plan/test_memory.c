/* SPDX-License-Identifier: MIT
 *
 * test_memory.c - the memory planner: nothing that lives at the same time overlaps, the peak is
 * near the bound, several arenas, and the errors.
 */
#include "plan/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;

static int setup(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    return 0;
}

static void check_apart(const struct memory_item *items, int32_t count)
{
    for (int32_t a = 0; a < count; a++) {
        assert_int_equal(items[a].offset % 256, 0);
        for (int32_t b = a + 1; b < count; b++) {
            bool together = items[a].first <= items[b].last && items[b].first <= items[a].last;
            bool overlap = items[a].arena == items[b].arena &&
                           items[a].offset < items[b].offset + items[b].bytes &&
                           items[b].offset < items[a].offset + items[a].bytes;
            assert_false(together && overlap);
        }
    }
}

static void chain_takes_two_blocks(void **state)
{
    (void)state;
    struct memory_item items[10];
    for (int32_t i = 0; i < 10; i++)
        items[i] = (struct memory_item){.bytes = 1000, .first = i, .last = i + 1};
    struct memory_layout layout;
    assert_int_equal(memory_plan(context, items, 10, 11, 256, 1 << 20, &layout), PUM_OK);
    check_apart(items, 10);
    assert_int_equal(layout.bound_bytes, 2048);
    assert_int_equal(layout.peak_bytes, 2048);
    assert_int_equal(layout.arena_count, 1);
}

/* Random lifetimes: never overlapping, never below the bound, close above it. */
static void random_lifetimes_stay_near_the_bound(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int32_t round = 0; round < 50; round++) {
        struct memory_item items[120];
        for (int32_t i = 0; i < 120; i++) {
            seed = seed * 1664525u + 1013904223u;
            items[i].first = i;
            items[i].last = i + 1 + (int32_t)(seed >> 28);
            items[i].bytes = 1 + (seed >> 8) % 100000;
        }
        struct memory_layout layout;
        assert_int_equal(memory_plan(context, items, 120, 140, 256, 1ull << 30, &layout), PUM_OK);
        check_apart(items, 120);
        assert_true(layout.peak_bytes >= layout.bound_bytes);
        assert_true((double)layout.peak_bytes <= 1.25 * (double)layout.bound_bytes);
    }
}

static void spills_into_more_arenas(void **state)
{
    (void)state;
    struct memory_item items[4];
    for (int32_t i = 0; i < 4; i++)
        items[i] = (struct memory_item){.bytes = 3000, .first = 0, .last = 1};
    struct memory_layout layout;
    assert_int_equal(memory_plan(context, items, 4, 2, 256, 8192, &layout), PUM_OK);
    check_apart(items, 4);
    assert_int_equal(layout.arena_count, 2);
    assert_int_equal(layout.bound_bytes, 4 * 3072);
}

static void too_large_is_an_error(void **state)
{
    (void)state;
    struct memory_item item = {.bytes = 1 << 20, .first = 0, .last = 0};
    struct memory_layout layout;
    assert_int_equal(memory_plan(context, &item, 1, 1, 256, 1 << 16, &layout), PUM_E_DEVICE_MEMORY);
    assert_non_null(strstr(pum_last_error(), "larger than the largest buffer"));
}

static void nothing_needs_nothing(void **state)
{
    (void)state;
    struct memory_layout layout;
    assert_int_equal(memory_plan(context, NULL, 0, 1, 256, 1 << 16, &layout), PUM_OK);
    assert_int_equal(layout.peak_bytes, 0);
    assert_int_equal(layout.arena_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_takes_two_blocks),
        cmocka_unit_test(random_lifetimes_stay_near_the_bound),
        cmocka_unit_test(spills_into_more_arenas),
        cmocka_unit_test(too_large_is_an_error),
        cmocka_unit_test(nothing_needs_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
