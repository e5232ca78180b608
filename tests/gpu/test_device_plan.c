/* SPDX-License-Identifier: MIT
 *
 * test_device_plan.c - device choice and capability masks on made-up devices; needs no Vulkan.
 */
#include "gpu/device_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VERSION(major, minor) (((uint32_t)(major) << 22) | ((uint32_t)(minor) << 12))

enum { RADV = 3, AMDVLK = 2, NVIDIA = 4, DOZEN = 23, NVK = 24 };

static struct gpu_adapter make(const char *name, pum_device_kind kind, uint64_t gib)
{
    struct gpu_adapter a = {
        .has_compute = true,
        .subgroup_compute = true,
        .subgroup_basic = true,
        .subgroup_arithmetic = true,
        .subgroup_shuffle = true,
        .subgroup_shuffle_relative = true,
        .subgroup_size_control = true,
        .f16_storage = true,
        .f16 = true,
        .i8_storage = true,
        .dot8 = true,
    };
    snprintf(a.info.name, sizeof(a.info.name), "%s", name);
    snprintf(a.info.driver, sizeof(a.info.driver), "driver of %s", name);
    for (const char *at = name; *at; ++at)
        a.info.device_id = a.info.device_id * 31 + (unsigned char)*at;
    a.info.kind = kind;
    a.info.api_version = VERSION(1, 3);
    a.info.subgroup_size = 32;
    a.info.max_workgroup_invocations = 1024;
    a.info.shared_memory_bytes = 32768;
    a.info.max_storage_buffers = 64;
    a.info.heap_count = 1;
    a.info.heaps[0].size_bytes = gib << 30;
    a.info.heaps[0].device_local = true;
    return a;
}

static void set_uuid(struct gpu_adapter *a, uint8_t first)
{
    a->uuid[0] = first;
    snprintf(a->info.uuid, sizeof(a->info.uuid), "%02x000000-0000-0000-0000-000000000000", first);
}

static const struct gpu_mask no_mask;

static void test_real_gpu_first(void **state)
{
    (void)state;
    struct gpu_adapter list[] = {
        make("soft", PUM_DEVICE_CPU, 64),       make("virtual", PUM_DEVICE_VIRTUAL, 64),
        make("onboard", PUM_DEVICE_INTEGRATED, 32), make("card", PUM_DEVICE_DISCRETE, 8),
        make("big card", PUM_DEVICE_DISCRETE, 16),
    };
    assert_int_equal(gpu_plan_choose(list, 5, NULL, &no_mask), 4);
    assert_true(list[4].info.chosen);
    assert_string_equal(list[4].info.reason, "the best: a discrete GPU, tier 2");
    assert_string_equal(list[3].info.reason, "less memory than device 4");
    assert_string_equal(list[0].info.reason, "a software driver; device 4 is a discrete GPU");
    assert_int_equal(gpu_plan_choose(list, 4, "", &no_mask), 3);
    assert_int_equal(gpu_plan_choose(list, 3, NULL, &no_mask), 2);
    assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 1);
    assert_int_equal(gpu_plan_choose(list, 1, NULL, &no_mask), 0);
    assert_int_equal(gpu_plan_choose(list, 0, NULL, &no_mask), -1);
}

static void test_higher_tier_before_memory(void **state)
{
    (void)state;
    struct gpu_adapter list[] = {make("old", PUM_DEVICE_DISCRETE, 32),
                                 make("new", PUM_DEVICE_DISCRETE, 8)};
    list[0].f16 = false;
    assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 1);
    assert_string_equal(list[0].info.reason, "tier 1; device 1 has tier 2");
    list[1].info.heap_count = 0;
    assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 0);
    assert_string_equal(list[1].info.reason, "it has no memory: it compiles, but cannot run");
    assert_int_equal(gpu_plan_choose(&list[1], 1, NULL, &no_mask), 0);
    struct gpu_adapter equal[] = {make("a", PUM_DEVICE_DISCRETE, 8),
                                  make("a", PUM_DEVICE_DISCRETE, 8)};
    assert_int_equal(gpu_plan_choose(equal, 2, NULL, &no_mask), 0);
    assert_string_equal(equal[1].info.reason, "as good as device 0, which is listed first");
}

static void test_unusable(void **state)
{
    (void)state;
    static const struct {
        const char *what, *reason;
    } cases[] = {
        {"api", "Vulkan 1.0; 1.1 is needed: a newer driver may have it"},
        {"compute", "no queue that can compute"},
        {"invocations", "64 invocations in a workgroup; 128 are needed"},
        {"shared", "8192 bytes of shared memory; 16384 are needed"},
        {"buffers", "2 storage buffers in a shader; 4 are needed"},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i) {
        struct gpu_adapter a = make("bad", PUM_DEVICE_DISCRETE, 8);
        if (strcmp(cases[i].what, "api") == 0)
            a.info.api_version = VERSION(1, 0);
        if (strcmp(cases[i].what, "compute") == 0)
            a.has_compute = false;
        if (strcmp(cases[i].what, "invocations") == 0)
            a.info.max_workgroup_invocations = 64;
        if (strcmp(cases[i].what, "shared") == 0)
            a.info.shared_memory_bytes = 8192;
        if (strcmp(cases[i].what, "buffers") == 0)
            a.info.max_storage_buffers = 2;
        struct gpu_adapter list[] = {a, make("soft", PUM_DEVICE_CPU, 1)};
        assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 1);
        assert_false(list[0].info.usable);
        assert_int_equal(list[0].info.tier, -1);
        assert_string_equal(list[0].info.reason, cases[i].reason);
        assert_int_equal(gpu_plan_choose(list, 2, "0", &no_mask), -1);
        assert_string_equal(list[0].info.reason, cases[i].reason);
    }
}

static void test_one_gpu_two_drivers(void **state)
{
    (void)state;
    static const struct {
        uint32_t first, second;
        int32_t chosen;
    } cases[] = {{AMDVLK, RADV, 1}, {RADV, AMDVLK, 0}, {NVK, NVIDIA, 1},
                 {NVIDIA, NVK, 0},  {DOZEN, NVK, 1},   {NVK, DOZEN, 0}};
    for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i) {
        struct gpu_adapter list[] = {make("one", PUM_DEVICE_DISCRETE, 8),
                                     make("two", PUM_DEVICE_DISCRETE, 8)};
        list[0].driver_id = cases[i].first;
        list[1].driver_id = cases[i].second;
        set_uuid(&list[0], 7);
        set_uuid(&list[1], 7);
        int32_t chosen = cases[i].chosen;
        assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), chosen);
        char reason[64];
        snprintf(reason, sizeof(reason), "the same device as %d, whose driver is preferred",
                 chosen);
        assert_string_equal(list[1 - chosen].info.reason, reason);
        assert_true(list[1 - chosen].info.usable);
        /* Asked for by its index, the other driver is used all the same. */
        assert_int_equal(gpu_plan_choose(list, 2, chosen ? "0" : "1", &no_mask), 1 - chosen);
    }
}

static void test_twins_by_bus_or_ids(void **state)
{
    (void)state;
    struct gpu_adapter list[] = {make("a", PUM_DEVICE_DISCRETE, 8),
                                 make("b", PUM_DEVICE_DISCRETE, 8)};
    for (int i = 0; i < 2; ++i) {
        list[i].info.vendor_id = 0x1002;
        list[i].info.device_id = 0x744c;
        list[i].driver_id = i ? RADV : AMDVLK;
        list[i].pci_known = true;
    }
    assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 1); /* the same slot */
    list[0].pci[1] = 3;                                            /* two cards */
    assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 0);
    assert_string_equal(list[1].info.reason, "as good as device 0, which is listed first");
    list[0].pci_known = false; /* unknown: two drivers of one model */
    assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 1);
    memcpy(list[0].info.driver, list[1].info.driver, sizeof(list[0].info.driver));
    assert_int_equal(gpu_plan_choose(list, 2, NULL, &no_mask), 0); /* one driver, two cards */
}

static void test_select(void **state)
{
    (void)state;
    struct gpu_adapter list[] = {
        make("AMD Radeon RX 7900 XTX", PUM_DEVICE_DISCRETE, 24),
        make("NVIDIA GeForce RTX 3060", PUM_DEVICE_DISCRETE, 12),
        make("llvmpipe", PUM_DEVICE_CPU, 64),
    };
    set_uuid(&list[0], 0xaa);
    set_uuid(&list[1], 0xbb);
    static const struct {
        const char *select;
        int32_t chosen;
    } cases[] = {
        {"0", 0},     {"1", 1},      {"2", 2},        {"radeon", 0},
        {"3060", 1},  {"LLVM", 2},   {"driver of N", 1},
        {"BB000000-0000-0000-0000-000000000000", 1},
        {"intel", -1}, {"3", 1}, /* no such index; a part of "3060" */
        {"99", -1},   {"-1", -1},
        {"cc000000-0000-0000-0000-000000000000", -1},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i) {
        int32_t got = gpu_plan_choose(list, 3, cases[i].select, &no_mask);
        if (got != cases[i].chosen)
            fail_msg("'%s' gave %d, not %d", cases[i].select, got, cases[i].chosen);
    }
    assert_string_equal(list[2].info.reason,
                        "not what 'cc000000-0000-0000-0000-000000000000' asks for");
    gpu_plan_choose(list, 3, "llvm", &no_mask);
    assert_string_equal(list[2].info.reason, "as asked for: a software driver, tier 2");
}

static void test_tiers(void **state)
{
    (void)state;
    struct gpu_adapter a = make("a", PUM_DEVICE_DISCRETE, 8);
    struct base_caps caps;
    a.dot8 = false; /* not needed for the tier */
    gpu_plan_caps(&a, &no_mask, &caps);
    assert_int_equal(caps.tier, 2);
    assert_true(caps.bits & BASE_CAP_BIT(SHARED_FAST));
    assert_false(caps.bits & (BASE_CAP_BIT(LANES_WIDE) | BASE_CAP_BIT(DOT8)));
    assert_true(caps.bits & BASE_CAP_BIT(REGISTERS));
    a.info.subgroup_size = 16;
    gpu_plan_caps(&a, &no_mask, &caps);
    assert_false(caps.bits & BASE_CAP_BIT(REGISTERS));
    a.i8_storage = false;
    gpu_plan_caps(&a, &no_mask, &caps);
    assert_int_equal(caps.tier, 1);
    a.info.subgroup_size = 2;
    gpu_plan_caps(&a, &no_mask, &caps);
    assert_int_equal(caps.tier, 0);
    assert_false(caps.bits & (BASE_CAP_BIT(SUBGROUP) | BASE_CAP_BIT(SUBGROUP_SIZE)));
    a.info.kind = PUM_DEVICE_CPU;
    gpu_plan_caps(&a, &no_mask, &caps);
    assert_true(caps.bits & BASE_CAP_BIT(LANES_WIDE));
    assert_true(caps.bits & BASE_CAP_BIT(REGISTERS));
    assert_false(caps.bits & BASE_CAP_BIT(SHARED_FAST));
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t tier;
        uint32_t absent;
    } cases[] = {
        {NULL, 2, 0},
        {"", 2, 0},
        {"tier2", 2, 0},
        {"tier1", 1, BASE_CAP_BIT(F16) | BASE_CAP_BIT(F16_STORAGE) | BASE_CAP_BIT(DOT8)},
        {"tier0", 0, BASE_CAP_BIT(SUBGROUP) | BASE_CAP_BIT(SUBGROUP_SIZE) | BASE_CAP_BIT(F16)},
        {"-f16", 1, BASE_CAP_BIT(F16)},
        {"-f16,-subgroup", 0, BASE_CAP_BIT(F16) | BASE_CAP_BIT(SUBGROUP)},
        {"-dot8, -subgroup_size", 2, BASE_CAP_BIT(DOT8) | BASE_CAP_BIT(SUBGROUP_SIZE)},
        {"tier1,-shared_fast", 1, BASE_CAP_BIT(SHARED_FAST)},
        {"-subgroup", 0, BASE_CAP_BIT(SUBGROUP) | BASE_CAP_BIT(SUBGROUP_SIZE)},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i) {
        struct gpu_adapter a = make("a", PUM_DEVICE_DISCRETE, 8);
        struct gpu_mask mask;
        struct base_caps caps;
        assert_int_equal(gpu_plan_mask(cases[i].text, &mask), PUM_OK);
        gpu_plan_caps(&a, &mask, &caps);
        if (caps.tier != cases[i].tier || (caps.bits & cases[i].absent))
            fail_msg("mask '%s': tier %d, bits %x", cases[i].text, caps.tier, caps.bits);
    }
    static const char *const wrong[] = {"tier3", "tier", "f16", "-f17", "-", "+f16", "-f1",
                                        "tier1,junk", "tier01"};
    for (size_t i = 0; i < PUM_COUNT_OF(wrong); ++i) {
        struct gpu_mask mask = {1};
        assert_int_equal(gpu_plan_mask(wrong[i], &mask), PUM_E_ARGUMENT);
        assert_int_equal(mask.dropped, 0);
        assert_non_null(strstr(pum_last_error(), "-subgroup_size"));
    }
}

static void test_words(void **state)
{
    (void)state;
    struct gpu_adapter list[] = {make("a", PUM_DEVICE_DISCRETE, 8)};
    struct gpu_mask mask;
    assert_int_equal(gpu_plan_mask("tier1", &mask), PUM_OK);
    gpu_plan_choose(list, 1, NULL, &mask);
    assert_string_equal(list[0].info.capabilities, "subgroup subgroup_size shared_fast registers");
    assert_int_equal(list[0].info.tier, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_gpu_first),    cmocka_unit_test(test_higher_tier_before_memory),
        cmocka_unit_test(test_unusable),          cmocka_unit_test(test_one_gpu_two_drivers),
        cmocka_unit_test(test_twins_by_bus_or_ids), cmocka_unit_test(test_select),
        cmocka_unit_test(test_tiers),             cmocka_unit_test(test_mask),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
