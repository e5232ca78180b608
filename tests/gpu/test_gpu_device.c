/* SPDX-License-Identifier: MIT
 *
 * test_gpu_device.c - listing, choosing, masking, opening and losing devices, on whatever driver
 * the environment gives (VK_DRIVER_FILES); needs a driver, but runs nothing on it.
 */
#include "gpu_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_list_and_open(void **state)
{
    (void)state;
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    gpu_fixture_open(&f, NULL, NULL);
    pum_device_info *infos;
    int32_t count, chosen = -1;
    test_must(pum_device_list(f.context, NULL, &infos, &count));
    assert_true(count > 0);
    for (int32_t i = 0; i < count; ++i) {
        assert_int_equal(infos[i].index, i);
        assert_true(infos[i].name[0] && infos[i].driver[0] && infos[i].reason[0]);
        assert_int_equal(infos[i].usable, infos[i].tier >= 0);
        if (infos[i].chosen) {
            assert_int_equal(chosen, -1);
            chosen = i;
        }
    }
    assert_true(chosen >= 0);
    const pum_device_info *info = pum_device_get_info(f.device);
    assert_string_equal(info->uuid, infos[chosen].uuid);
    assert_int_equal(info->index, chosen);
    assert_true(info->max_storage_range_bytes >= (128u << 20));
    assert_true(info->max_allocation_bytes >= (256u << 20));
    assert_true(info->max_push_bytes >= 128);
    const struct base_caps *caps = gpu_device_caps(f.device);
    assert_int_equal(caps->tier, info->tier);
    assert_int_equal(caps->storage_alignment & (caps->storage_alignment - 1), 0);
    assert_int_equal(gpu_device_budget_ms(f.device), 100);
    assert_int_equal(gpu_device_status(f.device), PUM_OK);
    printf("%s, %s, tier %d: %s; heaps %u, unified %d\n", info->name, info->driver, info->tier,
           info->capabilities, info->heap_count, caps->unified);
    pum_device_list_free(f.context, &infos);
    assert_null(infos);
    gpu_fixture_close(&f);
}

static void test_select(void **state)
{
    (void)state;
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    gpu_fixture_open(&f, NULL, NULL);
    const pum_device_info *info = pum_device_get_info(f.device);
    char index[16];
    snprintf(index, sizeof(index), "%d", info->index);
    /* A driver that only compiles may have no UUID. */
    bool known = strspn(info->uuid, "0-") < strlen(info->uuid);
    const char *const good[] = {index, known ? info->uuid : index, info->name};
    for (size_t i = 0; i < PUM_COUNT_OF(good); ++i) {
        pum_device *other;
        test_must(pum_device_open(f.context, &(pum_device_params){.select = good[i]}, &other));
        assert_string_equal(pum_device_get_info(other)->uuid, info->uuid);
        pum_device_destroy(&other);
    }
    pum_device *none = f.device;
    assert_int_equal(pum_device_open(f.context, &(pum_device_params){.select = "no such card"},
                                     &none),
                     PUM_E_NO_DEVICE);
    assert_null(none);
    assert_non_null(strstr(pum_last_error(), "no such card"));
    assert_non_null(strstr(pum_last_error(), info->name));
    assert_int_equal(pum_device_open(NULL, NULL, &none), PUM_E_ARGUMENT);
    assert_int_equal(pum_device_open(f.context, NULL, NULL), PUM_E_ARGUMENT);
    gpu_fixture_close(&f);
}

static void test_mask(void **state)
{
    (void)state;
    static const char *const masks[] = {"tier0", "tier1", "tier2", "-f16,-subgroup"};
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    for (size_t i = 0; i < PUM_COUNT_OF(masks); ++i) {
        gpu_fixture_open(&f, &(pum_device_params){.caps = masks[i], .time_budget_ms = 7}, NULL);
        const struct base_caps *caps = gpu_device_caps(f.device);
        assert_true(caps->tier <= (i < 3 ? (int32_t)i : 0));
        assert_int_equal(gpu_device_budget_ms(f.device), 7);
        if (i != 1 && i != 2)
            assert_null(strstr(pum_device_get_info(f.device)->capabilities, "subgroup"));
        pum_device_destroy(&f.device);
    }
    pum_device *none;
    assert_int_equal(pum_device_open(f.context, &(pum_device_params){.caps = "tier9"}, &none),
                     PUM_E_ARGUMENT);
    assert_non_null(strstr(pum_last_error(), "tier9"));
    gpu_fixture_close(&f);
}

static void test_no_loader(void **state)
{
    (void)state;
    static const char *const loaders[] = {"libno-such-loader.so.1", "libm.so.6"};
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    for (size_t i = 0; i < PUM_COUNT_OF(loaders); ++i) {
        struct gpu_hooks hooks = {.loader = loaders[i]};
        assert_int_equal(gpu_device_open(f.context, NULL, &hooks, &f.device), PUM_E_NO_LOADER);
        assert_null(f.device);
        assert_non_null(strstr(pum_last_error(), "install"));
    }
    gpu_fixture_close(&f);
}

static void test_no_driver(void **state)
{
    (void)state;
    static const char *const names[] = {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"};
    char *old[2];
    for (int i = 0; i < 2; ++i) {
        const char *value = getenv(names[i]);
        old[i] = value ? strdup(value) : NULL;
        setenv(names[i], "/nonexistent/icd.json", 1);
    }
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    assert_int_equal(pum_device_open(f.context, NULL, &f.device), PUM_E_NO_DEVICE);
    assert_non_null(strstr(pum_last_error(), "mesa-vulkan-drivers"));
    pum_device_info *infos;
    int32_t count;
    assert_int_equal(pum_device_list(f.context, NULL, &infos, &count), PUM_E_NO_DEVICE);
    assert_null(infos);
    assert_int_equal(count, 0);
    gpu_fixture_close(&f);
    for (int i = 0; i < 2; ++i) {
        if (old[i])
            setenv(names[i], old[i], 1);
        else
            unsetenv(names[i]);
        free(old[i]);
    }
}

/* Each device has an instance of its own, so they do not disturb each other. */
static void test_two_at_once(void **state)
{
    (void)state;
    static const uint32_t values[] = {64, 2};
    struct gpu_fixture a = {0}, b = {0};
    gpu_fixture_context(&a, NULL);
    gpu_fixture_context(&b, NULL);
    gpu_fixture_open(&a, NULL, NULL);
    gpu_fixture_open(&b, &(pum_device_params){.caps = "tier0"}, NULL);
    struct gpu_pipeline_params params = gpu_fixture_saxpy(values);
    struct gpu_pipeline *pipeline;
    test_must(gpu_pipelines_get(a.device, &params, 1, &pipeline));
    gpu_fixture_close(&a);
    test_must(gpu_pipelines_get(b.device, &params, 1, &pipeline));
    gpu_fixture_close(&b);
}

static void test_counters_and_null(void **state)
{
    (void)state;
    struct gpu_fixture f = {0};
    pum_device_counters counters;
    gpu_fixture_context(&f, NULL);
    gpu_fixture_open(&f, NULL, NULL);
    pum_device_get_counters(f.device, &counters);
    assert_true(counters.driver_allocations > 0);
    assert_int_equal(counters.memory_allocations, 0);
    assert_int_equal(counters.submissions, 0);
    assert_int_equal(counters.cache_bytes_loaded, 0);
    pum_device_get_counters(NULL, &counters);
    assert_int_equal(counters.driver_allocations, 0);
    assert_null(pum_device_get_info(NULL));
    pum_device *none = NULL;
    pum_device_destroy(&none);
    pum_device_destroy(NULL);
    pum_device_list_free(f.context, NULL);
    gpu_fixture_close(&f);
}

/* A lost device refuses all further work with the same error, and can be ended. */
static void test_lost_is_sticky(void **state)
{
    (void)state;
    static const uint32_t values[] = {64, 2};
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    gpu_fixture_open(&f, NULL, NULL);
    assert_int_equal(gpu_device_result(f.device, VK_ERROR_DEVICE_LOST, "device->vk.vkFoo(a)"),
                     PUM_E_DEVICE_LOST);
    assert_non_null(strstr(pum_last_error(), "vkFoo gave VK_ERROR_DEVICE_LOST"));
    struct gpu_pipeline_params params = gpu_fixture_saxpy(values);
    struct gpu_pipeline *pipeline;
    struct gpu_buffer *buffer;
    assert_int_equal(gpu_device_status(f.device), PUM_E_DEVICE_LOST);
    assert_int_equal(gpu_pipelines_get(f.device, &params, 1, &pipeline), PUM_E_DEVICE_LOST);
    assert_int_equal(gpu_buffer_create(f.device, 4, GPU_BUFFER_DEVICE, "b", &buffer),
                     PUM_E_DEVICE_LOST);
    gpu_fixture_close(&f);
}

/* Opening fails cleanly at whichever host allocation does, the driver's included. */
static void test_host_memory_runs_out(void **state)
{
    (void)state;
    pum_status status = PUM_E_MEMORY;
    for (int64_t nth = 3; status != PUM_OK; nth += nth < 30 ? 1 : 23) {
        struct gpu_fixture f = {0};
        gpu_fixture_context(&f, NULL);
        f.counting.fail_at = f.counting.calls + nth;
        status = pum_device_open(f.context, NULL, &f.device);
        if (f.counting.calls < f.counting.fail_at)
            assert_int_equal(status, PUM_OK);
        else if (status != PUM_OK)
            assert_int_equal(status, PUM_E_MEMORY);
        assert_int_equal(f.device == NULL, status != PUM_OK);
        gpu_fixture_close(&f);
    }
}

static void test_quarantine(void **state)
{
    (void)state;
    char folder[256];
    gpu_fixture_folder(folder);
    for (int round = 0; round < 3; ++round) {
        struct gpu_fixture f = {0};
        gpu_fixture_context(&f, folder);
        gpu_fixture_open(&f, NULL, NULL);
        const struct base_caps *caps = gpu_device_caps(f.device);
        int expected = round == 0 ? 0 : round + 1;
        for (int i = 0; i < expected; ++i)
            assert_non_null(caps->quarantined[i]);
        assert_null(caps->quarantined[expected]);
        if (round == 0)
            test_must(gpu_device_quarantine(f.device, "matmul_bad_f32"));
        test_must(gpu_device_quarantine(f.device, round ? "third_f16" : "softmax_bad"));
        test_must(gpu_device_quarantine(f.device, "softmax_bad"));
        assert_string_equal(caps->quarantined[0], "matmul_bad_f32");
        assert_string_equal(caps->quarantined[1], "softmax_bad");
        assert_int_equal(gpu_device_quarantine(f.device, "no/name\n"), PUM_E_ARGUMENT);
        assert_int_equal(gpu_device_quarantine(f.device, ""), PUM_E_ARGUMENT);
        assert_int_equal(f.warning_count, 0);
        gpu_fixture_close(&f);
    }
    gpu_fixture_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_and_open),   cmocka_unit_test(test_select),
        cmocka_unit_test(test_mask),            cmocka_unit_test(test_no_loader),
        cmocka_unit_test(test_no_driver),       cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_counters_and_null), cmocka_unit_test(test_lost_is_sticky),
        cmocka_unit_test(test_host_memory_runs_out), cmocka_unit_test(test_quarantine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
