/* SPDX-License-Identifier: MIT
 *
 * test_store.c - element types at the border of the device: there and back, and the values that do
 * not fit.
 */
#include "plan/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct base_caps with_half = {.bits = BASE_CAP_BIT(F16_STORAGE) | BASE_CAP_BIT(F16)};
static const struct base_caps without_half = {0};

static void types_have_their_place(void **state)
{
    (void)state;
    assert_int_equal(store_of(PUM_DTYPE_F32, &without_half), STORE_F32);
    assert_int_equal(store_of(PUM_DTYPE_F16, &with_half), STORE_F16);
    assert_int_equal(store_of(PUM_DTYPE_F16, &without_half), STORE_F32);
    assert_int_equal(store_of(PUM_DTYPE_BF16, &with_half), STORE_F32);
    assert_int_equal(store_of(PUM_DTYPE_BOOL, &with_half), STORE_I32);
    assert_int_equal(store_of(PUM_DTYPE_I64, &with_half), STORE_I32);
    assert_int_equal(store_of(PUM_DTYPE_F64, &with_half), STORE_NONE);
}

static void round_trip(enum pum_dtype dtype, enum kernel_store store, const void *values,
                       int64_t count)
{
    char device[256], back[256];
    size_t bytes = (size_t)count * pum_dtype_size(dtype);
    assert_true(bytes <= sizeof back);
    memset(back, 0x5a, sizeof back);
    assert_int_equal(store_pack(dtype, store, values, device, count), PUM_OK);
    store_unpack(dtype, store, device, back, count);
    assert_memory_equal(values, back, bytes);
}

static void everything_comes_back(void **state)
{
    (void)state;
    const float f32[] = {0.0f, -0.0f, 1.5f, -3e38f};
    const uint16_t f16[] = {0x0000, 0x8000, 0x3c00, 0x0001, 0x7bff, 0xfc00};
    const uint16_t bf16[] = {0x3f80, 0xc000, 0x7f7f};
    const int8_t i8[] = {-128, -1, 0, 127};
    const uint8_t u8[] = {0, 1, 255};
    const int16_t i16[] = {-32768, 32767};
    const uint16_t u16[] = {0, 65535};
    const int32_t i32[] = {INT32_MIN, -1, INT32_MAX};
    const uint32_t u32[] = {0, UINT32_MAX, 0x80000000u};
    const int64_t i64[] = {INT32_MIN, -1, 0, INT32_MAX};
    const uint64_t u64[] = {0, INT32_MAX};
    const uint8_t flags[] = {0, 1, 1};
    round_trip(PUM_DTYPE_F32, STORE_F32, f32, 4);
    round_trip(PUM_DTYPE_F16, STORE_F16, f16, 6);
    round_trip(PUM_DTYPE_F16, STORE_F32, f16, 6);
    round_trip(PUM_DTYPE_BF16, STORE_F32, bf16, 3);
    round_trip(PUM_DTYPE_I8, STORE_I32, i8, 4);
    round_trip(PUM_DTYPE_U8, STORE_I32, u8, 3);
    round_trip(PUM_DTYPE_I16, STORE_I32, i16, 2);
    round_trip(PUM_DTYPE_U16, STORE_I32, u16, 2);
    round_trip(PUM_DTYPE_I32, STORE_I32, i32, 3);
    round_trip(PUM_DTYPE_U32, STORE_I32, u32, 3);
    round_trip(PUM_DTYPE_I64, STORE_I32, i64, 4);
    round_trip(PUM_DTYPE_U64, STORE_I32, u64, 2);
    round_trip(PUM_DTYPE_BOOL, STORE_I32, flags, 3);
}

static void what_does_not_fit_is_an_error(void **state)
{
    (void)state;
    int32_t device[2];
    const int64_t high[] = {5, (int64_t)INT32_MAX + 1}, low[] = {(int64_t)INT32_MIN - 1};
    const uint64_t wide[] = {(uint64_t)INT32_MAX + 1};
    assert_int_equal(store_pack(PUM_DTYPE_I64, STORE_I32, high, device, 2), PUM_E_RANGE);
    assert_non_null(strstr(pum_last_error(), "2147483648 at element 1"));
    assert_int_equal(store_pack(PUM_DTYPE_I64, STORE_I32, low, device, 1), PUM_E_RANGE);
    assert_int_equal(store_pack(PUM_DTYPE_U64, STORE_I32, wide, device, 1), PUM_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_their_place),
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
