/* SPDX-License-Identifier: MIT
 *
 * store.c - element types on the device and the conversions at the border (see store.h).
 * Tests: tests/plan/test_store.c.
 */
#include "plan/store.h"

#include "base/half.h"

#include <string.h>

enum kernel_store store_of(enum pum_dtype dtype, const struct base_caps *caps)
{
    switch (dtype) {
    case PUM_DTYPE_F32:
    case PUM_DTYPE_BF16:
        return STORE_F32;
    case PUM_DTYPE_F16:
        return caps->bits & BASE_CAP_BIT(F16_STORAGE) && caps->bits & BASE_CAP_BIT(F16) ? STORE_F16
                                                                                        : STORE_F32;
    case PUM_DTYPE_I8:
    case PUM_DTYPE_I16:
    case PUM_DTYPE_I32:
    case PUM_DTYPE_I64:
    case PUM_DTYPE_U8:
    case PUM_DTYPE_U16:
    case PUM_DTYPE_U32:
    case PUM_DTYPE_U64:
    case PUM_DTYPE_BOOL:
        return STORE_I32;
    case PUM_DTYPE_NONE:
    case PUM_DTYPE_F64:
    case PUM_DTYPE_STRING:
    case PUM_DTYPE_COUNT:
        return STORE_NONE;
    }
    return STORE_NONE;
}

/* Whether host and device elements are the same bits. */
static bool store_is_same(enum pum_dtype dtype, enum kernel_store store)
{
    return (dtype == PUM_DTYPE_F32 && store == STORE_F32) ||
           (dtype == PUM_DTYPE_F16 && store == STORE_F16) ||
           ((dtype == PUM_DTYPE_I32 || dtype == PUM_DTYPE_U32) && store == STORE_I32);
}

static pum_status pack_wide(enum pum_dtype dtype, const void *from, int32_t *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t value;
        memcpy(&value, (const char *)from + i * 8, 8);
        bool fits = dtype == PUM_DTYPE_U64 ? (uint64_t)value <= INT32_MAX
                                           : value >= INT32_MIN && value <= INT32_MAX;
        if (!fits)
            return pum_fail(PUM_E_RANGE,
                            "%s value %lld at element %lld does not fit the 32 bits that this "
                            "device has for it",
                            pum_dtype_name(dtype), (long long)value, (long long)i);
        to[i] = (int32_t)value;
    }
    return PUM_OK;
}

static void pack_narrow(enum pum_dtype dtype, const void *from, int32_t *to, int64_t count)
{
    const struct host_tensor host = {{dtype, {1, {count}}}, (void *)(uintptr_t)from};
    for (int64_t i = 0; i < count; i++)
        to[i] = (int32_t)tensor_get_i64(&host, i);
}

pum_status store_pack(enum pum_dtype dtype, enum kernel_store store, const void *from, void *to,
                      int64_t count)
{
    if (count == 0)
        return PUM_OK;
    if (store_is_same(dtype, store)) {
        memcpy(to, from, (size_t)count * pum_dtype_size(dtype));
    } else if (store == STORE_F32) {
        const uint16_t *half = from;
        float *out = to;
        for (int64_t i = 0; i < count; i++)
            out[i] = dtype == PUM_DTYPE_F16 ? base_half_to_float(half[i])
                                            : base_bfloat16_to_float(half[i]);
    } else if (store == STORE_I32 && (dtype == PUM_DTYPE_I64 || dtype == PUM_DTYPE_U64)) {
        return pack_wide(dtype, from, to, count);
    } else if (store == STORE_I32) {
        pack_narrow(dtype, from, to, count);
    } else {
        return pum_fail(PUM_E_INTERNAL, "%s has no form on the device", pum_dtype_name(dtype));
    }
    return PUM_OK;
}

void store_unpack(enum pum_dtype dtype, enum kernel_store store, const void *from, void *to,
                  int64_t count)
{
    if (count == 0)
        return;
    if (store_is_same(dtype, store)) {
        memcpy(to, from, (size_t)count * pum_dtype_size(dtype));
        return;
    }
    struct host_tensor host = {{dtype, {1, {count}}}, to};
    for (int64_t i = 0; i < count; i++) {
        if (store == STORE_F32) {
            float value = ((const float *)from)[i];
            if (dtype == PUM_DTYPE_F16)
                ((uint16_t *)to)[i] = base_float_to_half(value);
            else
                ((uint16_t *)to)[i] = base_float_to_bfloat16(value);
        } else {
            tensor_set_i64(&host, i, ((const int32_t *)from)[i]);
        }
    }
}
