/* SPDX-License-Identifier: MIT
 *
 * test_buffers.c - buffers and transfers: mapped memory, the staging ring (by hooks that hide
 * unified and coherent memory), limits, and allocations that fail.
 */
#include "gpu_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct gpu_hooks hook_sets[] = {
    {0},
    {.hide_unified = true},
    {.hide_unified = true, .hide_coherent = true},
    {.hide_unified = true, .hide_timeline = true},
    {.hide_coherent = true},
};

static void fill(uint8_t *data, size_t bytes, uint32_t seed)
{
    for (size_t i = 0; i < bytes; ++i) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
}

static void transfer(struct pum_device *device, uint64_t size, uint64_t offset, uint64_t bytes)
{
    struct gpu_buffer *buffer;
    test_must(gpu_buffer_create(device, size, GPU_BUFFER_DEVICE, "transfer", &buffer));
    uint8_t *sent = malloc(bytes + 1), *all = malloc(size + 1), *back = malloc(size + 1);
    assert_true(sent && all && back);
    fill(all, size, 1);
    fill(sent, bytes, 2);
    test_must(gpu_upload(device, buffer, 0, all, size));
    test_must(gpu_upload(device, buffer, offset, sent, bytes));
    test_must(gpu_download(device, buffer, 0, back, size));
    memcpy(all + offset, sent, bytes);
    assert_memory_equal(all, back, size);
    memset(back, 0, size);
    test_must(gpu_download(device, buffer, offset, back, bytes));
    assert_memory_equal(sent, back, bytes);
    free(sent);
    free(all);
    free(back);
    gpu_buffer_destroy(&buffer);
    assert_null(buffer);
}

static void test_transfers(void **state)
{
    (void)state;
    static const struct {
        uint64_t size, offset, bytes;
    } cases[] = {
        {4, 0, 4},          {1, 0, 1},
        {1000, 3, 501},     {65536, 65535, 1},
        {1u << 20, 12, 99}, {16u << 20, 0, 16u << 20},
        {(52u << 20) + 7, (1u << 20) + 5, (50u << 20) + 1},
    };
    for (size_t h = 0; h < PUM_COUNT_OF(hook_sets); ++h) {
        struct gpu_fixture f = {0};
        gpu_fixture_context(&f, NULL);
        gpu_fixture_open_running(&f, NULL, &hook_sets[h]);
        for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i)
            transfer(f.device, cases[i].size, cases[i].offset, cases[i].bytes);
        pum_device_counters counters;
        pum_device_get_counters(f.device, &counters);
        if (hook_sets[h].hide_unified)
            assert_true(counters.submissions >= 2 * PUM_COUNT_OF(cases));
        else if (gpu_device_caps(f.device)->unified)
            assert_int_equal(counters.submissions, 0);
        gpu_fixture_close(&f);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    for (size_t h = 0; h < PUM_COUNT_OF(hook_sets); ++h) {
        struct gpu_fixture f = {0};
        gpu_fixture_context(&f, NULL);
        gpu_fixture_open_running(&f, NULL, &hook_sets[h]);
        static const enum gpu_buffer_kind kinds[] = {GPU_BUFFER_DEVICE, GPU_BUFFER_UPLOAD,
                                                     GPU_BUFFER_READBACK};
        for (size_t i = 0; i < PUM_COUNT_OF(kinds); ++i) {
            struct gpu_buffer *buffer;
            test_must(gpu_buffer_create(f.device, 0, kinds[i], NULL, &buffer));
            assert_int_equal(gpu_buffer_size(buffer), 4);
            gpu_buffer_destroy(&buffer);
            test_must(gpu_buffer_create(f.device, 4099, kinds[i], "kind", &buffer));
            bool mapped = kinds[i] != GPU_BUFFER_DEVICE || gpu_device_caps(f.device)->unified;
            assert_int_equal(gpu_buffer_map(buffer) != NULL, mapped);
            if (mapped)
                memset(gpu_buffer_map(buffer), 1, 4099);
            test_must(gpu_buffer_flush(buffer, 0, 4099));
            test_must(gpu_buffer_flush(buffer, 4098, 1));
            test_must(gpu_buffer_invalidate(buffer, 1, 4000));
            assert_int_equal(gpu_buffer_flush(buffer, 4099, 1), PUM_E_ARGUMENT);
            assert_int_equal(gpu_buffer_invalidate(buffer, UINT64_MAX, 2), PUM_E_ARGUMENT);
            gpu_buffer_destroy(&buffer);
        }
        pum_device_counters counters;
        pum_device_get_counters(f.device, &counters);
        assert_int_equal(counters.memory_allocations, 6);
        assert_int_equal(counters.memory_bytes, 0);
        gpu_fixture_close(&f);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    gpu_fixture_open_running(&f, NULL, NULL);
    struct gpu_buffer *buffer;
    uint64_t limit = gpu_device_caps(f.device)->max_buffer_bytes;
    if (limit < UINT64_MAX) {
        assert_int_equal(gpu_buffer_create(f.device, limit + 1, GPU_BUFFER_DEVICE, "huge", &buffer),
                         PUM_E_DEVICE_MEMORY);
        assert_null(buffer);
        assert_non_null(strstr(pum_last_error(), "'huge'"));
    }
    assert_int_equal(gpu_buffer_create(f.device, UINT64_MAX, GPU_BUFFER_DEVICE, "huge", &buffer),
                     PUM_E_DEVICE_MEMORY);
    uint8_t byte = 0;
    test_must(gpu_buffer_create(f.device, 16, GPU_BUFFER_DEVICE, "small", &buffer));
    assert_int_equal(gpu_upload(f.device, buffer, 16, &byte, 1), PUM_E_ARGUMENT);
    assert_int_equal(gpu_download(f.device, buffer, 0, &byte, 17), PUM_E_ARGUMENT);
    assert_int_equal(gpu_download(f.device, buffer, UINT64_MAX, &byte, 1), PUM_E_ARGUMENT);
    test_must(gpu_upload(f.device, buffer, 16, NULL, 0));
    gpu_buffer_destroy(&buffer);
    gpu_fixture_close(&f);
}

static void test_injected_failure(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 3; ++n) {
        struct gpu_fixture f = {0};
        gpu_fixture_context(&f, NULL);
        gpu_fixture_open_running(&f, &(pum_device_params){.fail_allocation = n},
                                 &(struct gpu_hooks){.hide_unified = true});
        /* Three allocations: the buffer, and a chunk of each staging ring. */
        struct gpu_buffer *buffer;
        uint8_t data[100] = {0};
        pum_status status = gpu_buffer_create(f.device, 100, GPU_BUFFER_DEVICE, "b", &buffer);
        assert_int_equal(status, n == 1 ? PUM_E_DEVICE_MEMORY : PUM_OK);
        if (n == 1)
            test_must(gpu_buffer_create(f.device, 100, GPU_BUFFER_DEVICE, "b", &buffer));
        status = gpu_upload(f.device, buffer, 0, data, 100);
        assert_int_equal(status, n == 2 ? PUM_E_DEVICE_MEMORY : PUM_OK);
        status = gpu_download(f.device, buffer, 0, data, 100);
        assert_int_equal(status, n == 3 ? PUM_E_DEVICE_MEMORY : PUM_OK);
        if (n > 1)
            assert_non_null(strstr(pum_last_error(), "staging"));
        /* The next try succeeds: nothing was left half made. */
        test_must(gpu_upload(f.device, buffer, 0, data, 100));
        test_must(gpu_download(f.device, buffer, 0, data, 100));
        gpu_buffer_destroy(&buffer);
        gpu_fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfers),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_injected_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
