/* SPDX-License-Identifier: MIT
 *
 * test_kernel_pick.c - the choice of kernel rows, on rows and devices made up here (this file's
 * kernel_rows takes the place of the generated table).
 */
#include "ops/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct kernel_spec specs[] = {
    {"WG_X", 0, {64, 32, 8}, 3},
    {"WG_Y", 1, {4, 2, 1}, 3},
    {"TILE", 3, {0}, 0},
    {"LOOP", 4, {2, 1}, 2},
};

static const struct kernel_spec wide_spec[] = {{"WG_X", 0, {1024}, 1}};

static const struct kernel_condition tile_conditions[] = {
    {"k", KERNEL_GE, 16}, {"n", KERNEL_MULTIPLE, 4}, {"subgroup", KERNEL_LE, 32}};
static const struct kernel_condition small_condition[] = {{"k", KERNEL_LT, 4}};

const struct kernel_row kernel_rows[] = {
    {.name = "mm_half", .family = "mm", .store = STORE_F16, .needs = BASE_CAP_BIT(F16_STORAGE)},
    {.name = "mm_subgroup", .family = "mm", .store = STORE_F32, .needs = BASE_CAP_BIT(SUBGROUP)},
    {.name = "mm_tiled",
     .family = "mm",
     .store = STORE_F32,
     .binding_count = 3,
     .push_bytes = 64,
     .specs = specs,
     .spec_count = 4,
     .conditions = tile_conditions,
     .condition_count = 3},
    {.name = "mm_wide", .family = "mm", .store = STORE_F32, .specs = wide_spec, .spec_count = 1,
     .conditions = small_condition, .condition_count = 1},
    {.name = "mm_plain", .family = "mm", .store = STORE_NONE, .chain = true},
    {.name = "other", .family = "mover", .store = STORE_F32},
};
const int32_t kernel_row_count = 6;

static const struct base_caps small = {.subgroup_size = 4,
                                       .max_invocations = 128,
                                       .max_workgroup_size = {128, 128, 64},
                                       .shared_bytes = 16384,
                                       .max_storage_buffers = 4,
                                       .max_push_bytes = 128};

static const char *pick(const struct base_caps *caps, enum kernel_store store, bool chain,
                        int64_t k, int64_t n, char *why)
{
    const struct kernel_number numbers[] = {{"k", k}, {"n", n}};
    const struct kernel_query query = {
        .family = "mm", .store = store, .chain = chain, .numbers = numbers, .number_count = 2};
    const struct kernel_row *row = kernel_pick(caps, &query, why);
    return row ? row->name : "none";
}

static void first_that_fits(void **state)
{
    (void)state;
    char why[KERNEL_WHY_BYTES];
    struct base_caps caps = small;
    assert_string_equal(pick(&caps, STORE_F32, false, 32, 8, why), "mm_tiled");
    assert_non_null(strstr(why, "mm_half: other element type"));
    assert_non_null(strstr(why, "mm_subgroup: needs subgroup"));
    caps.bits = BASE_CAP_BIT(SUBGROUP) | BASE_CAP_BIT(F16_STORAGE);
    assert_string_equal(pick(&caps, STORE_F32, false, 32, 8, why), "mm_subgroup");
    assert_string_equal(pick(&caps, STORE_F16, false, 32, 8, why), "mm_half");
    assert_string_equal(why, "first choice");
    assert_string_equal(pick(&caps, STORE_I32, false, 32, 8, why), "mm_plain");
}

static void conditions_decide(void **state)
{
    (void)state;
    char why[KERNEL_WHY_BYTES];
    struct base_caps caps = small;
    assert_string_equal(pick(&caps, STORE_F32, false, 15, 8, why), "mm_plain");
    assert_non_null(strstr(why, "mm_tiled: k is 15, not >= 16"));
    assert_string_equal(pick(&caps, STORE_F32, false, 16, 6, why), "mm_plain");
    assert_non_null(strstr(why, "n is 6, not % 4"));
    caps.subgroup_size = 64;
    assert_string_equal(pick(&caps, STORE_F32, false, 16, 8, why), "mm_plain");
    assert_non_null(strstr(why, "subgroup is 64, not <= 32"));
    const struct kernel_query blind = {.family = "mm", .store = STORE_F32};
    assert_string_equal(kernel_pick(&small, &blind, why)->name, "mm_plain");
    assert_non_null(strstr(why, "asks for k, which is not given"));
}

static void chains_need_rows_that_take_them(void **state)
{
    (void)state;
    char why[KERNEL_WHY_BYTES];
    assert_string_equal(pick(&small, STORE_F32, true, 32, 8, why), "mm_plain");
    assert_non_null(strstr(why, "takes no fused steps"));
}

static void limits_of_the_device(void **state)
{
    (void)state;
    char why[KERNEL_WHY_BYTES];
    const struct kernel_row *tiled = kernel_find("mm_tiled");
    struct base_caps caps = small;
    assert_null(kernel_unusable(tiled, &caps, why));
    caps.max_storage_buffers = 2;
    assert_string_equal(kernel_unusable(tiled, &caps, why),
                        "needs 3 storage buffers, the device has 2");
    caps = small;
    caps.max_push_bytes = 32;
    assert_non_null(kernel_unusable(tiled, &caps, why));
    caps = small;
    caps.max_invocations = 7;
    assert_non_null(strstr(kernel_unusable(tiled, &caps, why), "no workgroup size fits"));
    assert_non_null(kernel_unusable(kernel_find("mm_wide"), &small, why));
    assert_string_equal(pick(&small, STORE_F32, false, 2, 8, why), "mm_plain");
}

static void pins_and_quarantine(void **state)
{
    (void)state;
    char why[KERNEL_WHY_BYTES];
    static const char *const pinned[] = {"mm_plain", "nothing", NULL};
    static const char *const bad[] = {"mm_tiled", NULL};
    struct base_caps caps = small;
    caps.pinned = pinned;
    assert_string_equal(pick(&caps, STORE_F32, false, 32, 8, why), "mm_plain");
    assert_string_equal(why, "pinned");
    caps.pinned = bad; /* pinned, but does not fit: as if it were not */
    assert_string_equal(pick(&caps, STORE_F32, false, 1, 8, why), "mm_plain");
    caps.pinned = NULL;
    caps.quarantined = bad;
    assert_string_equal(pick(&caps, STORE_F32, false, 32, 8, why), "mm_plain");
    assert_non_null(strstr(why, "mm_tiled: quarantined on this driver"));
}

static void nothing_fits(void **state)
{
    (void)state;
    char why[KERNEL_WHY_BYTES];
    struct kernel_query query = {.family = "mover", .store = STORE_I32};
    assert_null(kernel_pick(&small, &query, why));
    assert_string_equal(why, "other: other element type");
    query.family = "unheard";
    assert_null(kernel_pick(&small, &query, why));
    assert_string_equal(why, "there is no kernel of family 'unheard'");
    assert_null(kernel_find("unheard"));
}

static void default_specs(void **state)
{
    (void)state;
    uint32_t values[KERNEL_MAX_SPECS] = {0};
    const struct kernel_row *row = kernel_find("mm_tiled");
    struct base_caps caps = small;
    caps.max_invocations = 256;
    kernel_defaults(row, &caps, values);
    assert_int_equal(kernel_get_spec(row, values, "WG_X"), 64);
    assert_int_equal(kernel_get_spec(row, values, "WG_Y"), 4);
    assert_int_equal(kernel_get_spec(row, values, "LOOP"), 2);
    kernel_set_spec(row, values, "TILE", 77);
    assert_int_equal(values[2], 77);
    caps.max_invocations = 128; /* the larger axis gives way */
    kernel_defaults(row, &caps, values);
    assert_int_equal(kernel_get_spec(row, values, "WG_X"), 32);
    assert_int_equal(kernel_get_spec(row, values, "WG_Y"), 4);
    caps.max_workgroup_size[1] = 1;
    kernel_defaults(row, &caps, values);
    assert_int_equal(kernel_get_spec(row, values, "WG_X"), 64);
    assert_int_equal(kernel_get_spec(row, values, "WG_Y"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_that_fits),
        cmocka_unit_test(conditions_decide),
        cmocka_unit_test(chains_need_rows_that_take_them),
        cmocka_unit_test(limits_of_the_device),
        cmocka_unit_test(pins_and_quarantine),
        cmocka_unit_test(nothing_fits),
        cmocka_unit_test(default_specs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
