/* SPDX-License-Identifier: MIT
 *
 * test_pipelines.c - the pipeline table: reuse, parallel building, failures, statistics. Runs
 * nothing, so it works on drivers that only compile.
 */
#include "gpu_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VARIANTS 12

static void open_device(struct gpu_fixture *f)
{
    gpu_fixture_context(f, NULL);
    gpu_fixture_open(f, NULL, NULL);
}

static uint64_t created(const struct gpu_fixture *f)
{
    pum_device_counters counters;
    pum_device_get_counters(f->device, &counters);
    return counters.pipelines_created;
}

static void test_reuse(void **state)
{
    (void)state;
    struct gpu_fixture f = {0};
    open_device(&f);
    uint32_t values[VARIANTS][2];
    struct gpu_pipeline_params params[VARIANTS];
    struct gpu_pipeline *first[VARIANTS], *second[VARIANTS];
    for (uint32_t i = 0; i < VARIANTS; ++i) {
        values[i][0] = 32u << (i % 3);
        values[i][1] = 1 + i / 6;
        params[i] = gpu_fixture_saxpy(values[i]);
    }
    test_must(gpu_pipelines_get(f.device, params, VARIANTS, first));
    assert_int_equal(created(&f), 6); /* half of them are repeated within the call */
    for (int i = 0; i < VARIANTS; ++i)
        for (int j = 0; j < i; ++j)
            assert_int_equal(first[i] == first[j],
                             memcmp(values[i], values[j], sizeof(values[i])) == 0);
    test_must(gpu_pipelines_get(f.device, params, VARIANTS, second));
    assert_memory_equal(first, second, sizeof(first));
    assert_int_equal(created(&f), 6);
    test_must(gpu_pipelines_get(f.device, params, 0, second));
    gpu_fixture_close(&f);
}

static void test_refused(void **state)
{
    (void)state;
    static const uint32_t values[] = {64, 3};
    struct gpu_fixture f = {0};
    open_device(&f);
    struct gpu_pipeline_params params[2] = {gpu_fixture_saxpy(values), gpu_fixture_saxpy(values)};
    struct gpu_pipeline *got[2];
    params[1].name = "too_wide";
    params[1].binding_count = GPU_MAX_BINDINGS + 1;
    assert_int_equal(gpu_pipelines_get(f.device, params, 2, got), PUM_E_UNSUPPORTED);
    assert_null(got[0]);
    assert_non_null(strstr(pum_last_error(), "too_wide"));
    params[1] = gpu_fixture_saxpy(values);
    params[1].push_bytes = 1u << 16;
    assert_int_equal(gpu_pipelines_get(f.device, params, 2, got), PUM_E_UNSUPPORTED);
    params[1] = gpu_fixture_saxpy(values);
    params[1].subgroup_size = 3;
    assert_int_equal(gpu_pipelines_get(f.device, params, 2, got), PUM_E_UNSUPPORTED);
    params[1] = gpu_fixture_saxpy(values);
    params[1].code = NULL;
    assert_int_equal(gpu_pipelines_get(f.device, params, 2, got), PUM_E_ARGUMENT);
    test_must(gpu_pipelines_get(f.device, params, 1, got));
    gpu_fixture_close(&f);
}

static void test_required_size(void **state)
{
    (void)state;
    static const uint32_t values[] = {64, 2};
    struct gpu_fixture f = {0};
    open_device(&f);
    const struct base_caps *caps = gpu_device_caps(f.device);
    if (caps->bits & BASE_CAP_BIT(SUBGROUP_SIZE)) {
        struct gpu_pipeline_params params = gpu_fixture_saxpy(values);
        struct gpu_pipeline *one, *other;
        test_must(gpu_pipelines_get(f.device, &params, 1, &one));
        params.subgroup_size = caps->subgroup_size_max;
        test_must(gpu_pipelines_get(f.device, &params, 1, &other));
        assert_ptr_not_equal(one, other);
    }
    gpu_fixture_close(&f);
}

static void test_statistics(void **state)
{
    (void)state;
    static const uint32_t values[] = {64, 2};
    struct gpu_fixture f = {0};
    open_device(&f);
    struct gpu_pipeline_params params = gpu_fixture_saxpy(values);
    struct gpu_pipeline *plain, *captured;
    char text[512];
    bool spills = true;
    test_must(gpu_pipelines_get(f.device, &params, 1, &plain));
    test_must(gpu_pipeline_statistics(plain, text, sizeof(text), &spills));
    assert_string_equal(text, "");
    assert_false(spills);
    gpu_pipelines_statistics(f.device, true);
    test_must(gpu_pipelines_get(f.device, &params, 1, &captured));
    test_must(gpu_pipeline_statistics(captured, text, sizeof(text), &spills));
    assert_int_equal(text[0] != '\0', f.device->physical->executable_info);
    assert_false(spills);
    printf("statistics: %s\n", text);
    char little[8];
    test_must(gpu_pipeline_statistics(captured, little, sizeof(little), &spills));
    assert_true(strlen(little) < sizeof(little));
    gpu_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_required_size),
        cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
