/* SPDX-License-Identifier: MIT
 *
 * cast.c - Cast: to another element type. Floats go to integers towards zero, values that the type
 * cannot hold to the nearest that it can, NaN to 0; integers wrap as in C; anything but zero is
 * true. Types that lie alike on the device are copied there: an alias would lend the host one
 * type's bytes for another's.
 * Tests: tests/ops/test_elementwise_reference.c, cases_cast.inc.
 */
#include "ops/axes.h"
#include "ops/cast_string.h"
#include "ops/elementwise.h"

#include "push_elementwise.h"

#include <limits.h>
#include <math.h>

pum_status infer_cast(struct op_call *call)
{
    int64_t to = node_int(call->node, "to", 0);
    enum pum_dtype dtype = axes_onnx_dtype(to);
    if (dtype == PUM_DTYPE_NONE)
        return pum_fail(PUM_E_UNSUPPORTED, "to=%lld is no supported element type", (long long)to);
    call->outputs[0].desc = call->inputs[0].desc;
    call->outputs[0].desc.dtype = dtype;
    return PUM_OK;
}

/* Towards zero, into the type's range; NaN becomes 0. */
static void store_clamped(struct host_tensor *y, int64_t index, double value)
{
    enum pum_dtype to = y->desc.dtype;
    double bits = (double)pum_dtype_size(to) * 8 - (dtype_is_unsigned(to) ? 0 : 1);
    double above = ldexp(1, (int)bits), low = dtype_is_unsigned(to) ? 0 : -above;
    value = isnan(value) ? 0 : trunc(value);
    if (value >= above) /* the greatest value: every bit but a sign's */
        tensor_set_i64(y, index, (int64_t)(UINT64_MAX >> (64 - (int)bits)));
    else
        tensor_set_f64(y, index, value < low ? low : value);
}

pum_status reference_cast(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0];
    struct host_tensor *y = &call->outputs[0];
    int64_t count = shape_elements(&y->desc.shape);
    enum pum_dtype to = y->desc.dtype;
    bool from_float = dtype_is_float(x->desc.dtype);
    if (x->desc.dtype == PUM_DTYPE_STRING)
        return cast_from_string(call);
    if (to == PUM_DTYPE_STRING)
        return cast_to_string(call);
    for (int64_t i = 0; i < count; i++) {
        if (from_float && !dtype_is_float(to) && to != PUM_DTYPE_BOOL)
            store_clamped(y, i, tensor_get_f64(x, i));
        else if (from_float || x->desc.dtype == PUM_DTYPE_U64)
            tensor_set_f64(y, i, tensor_get_f64(x, i));
        else
            tensor_set_i64(y, i, tensor_get_i64(x, i));
    }
    return PUM_OK;
}

/* The values of an integer type, where they all lie in int32. */
static bool int_range(enum pum_dtype dtype, int32_t *low, int32_t *high)
{
    static const struct {
        enum pum_dtype dtype;
        int32_t low, high;
    } ranges[] = {
        {PUM_DTYPE_BOOL, 0, 1},           {PUM_DTYPE_I8, INT8_MIN, INT8_MAX},
        {PUM_DTYPE_U8, 0, UINT8_MAX},     {PUM_DTYPE_I16, INT16_MIN, INT16_MAX},
        {PUM_DTYPE_U16, 0, UINT16_MAX},   {PUM_DTYPE_I32, INT32_MIN, INT32_MAX},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(ranges); i++)
        if (ranges[i].dtype == dtype) {
            *low = ranges[i].low;
            *high = ranges[i].high;
            return true;
        }
    return false;
}

static pum_status no_kernel(const struct lower_call *call)
{
    return pum_fail(PUM_E_UNSUPPORTED, "no kernel from %s to %s",
                    pum_dtype_name(call->inputs[0].desc.dtype),
                    pum_dtype_name(call->outputs[0].desc.dtype));
}

static pum_status float_to_int(const struct lower_call *call, struct push_cast *push)
{
    push->mode = CAST_CLAMP;
    if (call->outputs[0].desc.dtype == PUM_DTYPE_BOOL)
        push->mode = CAST_BOOL;
    else if (!int_range(call->outputs[0].desc.dtype, &push->low, &push->high))
        return no_kernel(call); /* 64-bit or unsigned 32-bit results need not fit int32 */
    return PUM_OK;
}

/* int64 and uint32 lie as int32 and have been checked to fit. */
static pum_status int_to_int(const struct lower_call *call, struct push_cast *push)
{
    enum pum_dtype from = call->inputs[0].desc.dtype, to = call->outputs[0].desc.dtype;
    int32_t low = INT32_MIN, high = INT32_MAX, to_low, to_high;
    bool known = int_range(from, &low, &high);
    if (dtype_is_unsigned(from) && !known)
        low = 0;
    if (to == PUM_DTYPE_BOOL) {
        push->mode = CAST_BOOL;
        return PUM_OK;
    }
    if (!int_range(to, &to_low, &to_high)) /* a negative one would wrap above int32 */
        return to == PUM_DTYPE_I64 || low >= 0 ? PUM_OK : no_kernel(call);
    if (to_low <= low && to_high >= high)
        return PUM_OK;
    push->mode = CAST_WRAP;
    push->low = to_high > UINT8_MAX || to_low < INT8_MIN ? 16 : 24;
    push->high = to_low < 0;
    return PUM_OK;
}

static pum_status to_float(const struct lower_call *call, struct push_cast *push)
{
    if (call->outputs[0].desc.dtype == PUM_DTYPE_F16)
        push->mode = CAST_HALF;
    else if (call->outputs[0].desc.dtype == PUM_DTYPE_BF16)
        push->mode = CAST_BFLOAT;
    return PUM_OK;
}

static pum_status lower_cast(struct lower_call *call)
{
    const struct lower_value *x = &call->inputs[0], *y = &call->outputs[0];
    struct push_cast push = {.mode = CAST_PLAIN};
    struct lower_dispatch dispatch;
    uint64_t count = (uint64_t)shape_elements(&y->desc.shape);
    if (x->store == STORE_NONE || y->store == STORE_NONE)
        return no_kernel(call);
    if (x->desc.dtype == y->desc.dtype)
        return lower_alias_input0(call);
    if (y->store != STORE_I32)
        PUM_TRY(to_float(call, &push));
    else if (x->store == STORE_I32)
        PUM_TRY(int_to_int(call, &push));
    else
        PUM_TRY(float_to_int(call, &push));
    /* Types that lie alike: bfloat16 weights as float, int64 as int32. */
    if (push.mode == CAST_PLAIN && x->store == y->store)
        return lower_alias_input0(call);
    if (count == 0)
        return PUM_OK;
    if (count > UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "%llu elements are too many for one kernel",
                        (unsigned long long)count);
    const struct kernel_number numbers[] = {{"to", y->store}};
    PUM_TRY(lower_begin(call, "cast", x->store, numbers, 1, &dispatch));
    push.count = (uint32_t)count;
    push.per = elementwise_grid(call, &dispatch, count);
    lower_push(&dispatch, &push, sizeof(push));
    lower_bind(&dispatch, 0, x);
    lower_bind(&dispatch, 1, y);
    return lower_emit(call, &dispatch);
}
OP_LOWER(cast, lower_cast);
