/* SPDX-License-Identifier: MIT
 *
 * quantize.c - QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, and the words that all
 * quantised operators share (quantize.h). Scales and zero points may be values of the run. Constant
 * bytes lie on the device four to a word. Tests: tests/ops/test_quantize.c, cases_quantize.inc.
 */
#include "ops/quantize.h"

#include "ops/axes.h"
#include "ops/elementwise.h"

#include "push_quant.h"

#include <math.h>
#include <string.h>

bool quant_range(enum pum_dtype dtype, int32_t *out_low, int32_t *out_high)
{
    static const struct {
        enum pum_dtype dtype;
        int32_t low, high;
    } ranges[] = {
        {PUM_DTYPE_I8, INT8_MIN, INT8_MAX},    {PUM_DTYPE_U8, 0, UINT8_MAX},
        {PUM_DTYPE_I16, INT16_MIN, INT16_MAX}, {PUM_DTYPE_U16, 0, UINT16_MAX},
        {PUM_DTYPE_I32, INT32_MIN, INT32_MAX},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(ranges); i++)
        if (ranges[i].dtype == dtype) {
            *out_low = ranges[i].low;
            *out_high = ranges[i].high;
            return true;
        }
    return false;
}

bool quant_is_byte(enum pum_dtype dtype)
{
    return dtype == PUM_DTYPE_I8 || dtype == PUM_DTYPE_U8;
}

pum_status quant_check(const struct op_call *call, int32_t scale, int32_t zero,
                       enum pum_dtype dtype, const struct shape *shape, int32_t axis,
                       struct quant_axis *out_axis)
{
    const struct tensor_desc *s = &call->inputs[scale].desc;
    int64_t entries = shape_elements(&s->shape);
    *out_axis = (struct quant_axis){1, 1};
    if (!dtype_is_float(s->dtype) || s->dtype == PUM_DTYPE_F64)
        return op_bad_type(call, scale, "float32 or float16");
    if (s->shape.rank > 1 && entries != 1)
        return pum_fail(PUM_E_SHAPE, "input %d (a scale) has %d axes, expected none or one", scale,
                        s->shape.rank);
    if (entries != 1) {
        if (axis < 0 || axis >= shape->rank)
            return pum_fail(PUM_E_SHAPE, "input %d has %lld scales, expected one", scale,
                            (long long)entries);
        if (shape->dims[axis] != entries)
            return pum_fail(PUM_E_SHAPE, "input %d has %lld scales, axis %d has %lld entries",
                            scale, (long long)entries, axis, (long long)shape->dims[axis]);
        *out_axis = (struct quant_axis){shape_product(shape, axis + 1, shape->rank), entries};
    }
    if (!op_has_input(call, zero))
        return PUM_OK;
    if (call->inputs[zero].desc.dtype != dtype)
        return op_bad_type(call, zero, pum_dtype_name(dtype));
    if (shape_elements(&call->inputs[zero].desc.shape) != entries)
        return pum_fail(PUM_E_SHAPE, "input %d has %lld zero points for %lld scales", zero,
                        (long long)shape_elements(&call->inputs[zero].desc.shape),
                        (long long)entries);
    return PUM_OK;
}

pum_status quant_need_inputs(const struct op_call *call, int32_t count)
{
    if (call->input_count < count)
        return pum_fail(PUM_E_ARGUMENT, "%d inputs, expected at least %d", call->input_count,
                        count);
    return PUM_OK;
}

float quant_scale_at(const struct op_call *call, int32_t input, int64_t entry)
{
    return (float)tensor_get_f64(&call->inputs[input], entry);
}

int32_t quant_zero_at(const struct op_call *call, int32_t input, int64_t entry)
{
    return op_has_input(call, input) ? (int32_t)tensor_get_i64(&call->inputs[input], entry) : 0;
}

int32_t quant_saturate(float value, int32_t zero, int32_t low, int32_t high)
{
    float least = (float)(low - zero), most = (float)(high - zero);
    value = value > least ? value : least; /* NaN too */
    value = value < most ? value : most;
    return (int32_t)rintf(value) + zero;
}

int32_t quant_round(float value, float scale, int32_t zero, int32_t low, int32_t high)
{
    return quant_saturate(value / scale, zero, low, high);
}

/* --- QuantizeLinear, DequantizeLinear: shape rules and references ----------------------------- */

/* Attribute axis, for a scale with several values. */
static pum_status read_axis(const struct op_call *call, int32_t *out_axis)
{
    int32_t rank = call->inputs[0].desc.shape.rank;
    *out_axis = -1;
    if (node_int(call->node, "block_size", 0) != 0)
        return pum_fail(PUM_E_UNSUPPORTED, "block_size is %lld: scales of blocks are not supported",
                        (long long)node_int(call->node, "block_size", 0));
    if (shape_elements(&call->inputs[1].desc.shape) == 1)
        return PUM_OK;
    return axes_one(node_int(call->node, "axis", 1), rank, out_axis);
}

static pum_status check_linear(const struct op_call *call, enum pum_dtype dtype,
                               struct quant_axis *out_axis)
{
    int32_t axis;
    PUM_TRY(read_axis(call, &axis));
    return quant_check(call, 1, 2, dtype, &call->inputs[0].desc.shape, axis, out_axis);
}

/* The integer type that a QuantizeLinear gives. */
static enum pum_dtype quantized_dtype(const struct op_call *call)
{
    int64_t asked = node_int(call->node, "output_dtype", 0);
    if (op_has_input(call, 2))
        return call->inputs[2].desc.dtype;
    return asked ? axes_onnx_dtype(asked) : PUM_DTYPE_U8;
}

pum_status infer_quantize_linear(struct op_call *call)
{
    enum pum_dtype in = call->inputs[0].desc.dtype, out = quantized_dtype(call);
    struct quant_axis axis;
    int32_t low, high;
    if ((!dtype_is_float(in) || in == PUM_DTYPE_F64) && in != PUM_DTYPE_I32)
        return op_bad_type(call, 0, "float32, float16 or int32");
    if (!quant_range(out, &low, &high) || out == PUM_DTYPE_I32)
        return pum_fail(PUM_E_TYPE, "a zero point of %s, expected int8, uint8, int16 or uint16",
                        pum_dtype_name(out));
    PUM_TRY(check_linear(call, out, &axis));
    return axes_output(call, 0, out, &call->inputs[0].desc.shape);
}

pum_status reference_quantize_linear(struct op_call *call)
{
    struct quant_axis axis;
    int32_t low, high;
    enum pum_dtype dtype = call->outputs[0].desc.dtype;
    PUM_TRY(check_linear(call, dtype, &axis));
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    if (!quant_range(dtype, &low, &high))
        return op_bad_type(call, 2, "int8, uint8, int16 or uint16");
    for (int64_t i = 0; i < count; i++) {
        int64_t entry = i / axis.inner % axis.entries;
        tensor_set_i64(&call->outputs[0], i,
                       quant_round((float)tensor_get_f64(&call->inputs[0], i),
                                   quant_scale_at(call, 1, entry), quant_zero_at(call, 2, entry),
                                   low, high));
    }
    return PUM_OK;
}

pum_status infer_dequantize_linear(struct op_call *call)
{
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    struct quant_axis axis;
    int32_t low, high;
    if (!quant_range(dtype, &low, &high))
        return op_bad_type(call, 0, "int8, uint8, int16, uint16 or int32");
    PUM_TRY(check_linear(call, dtype, &axis));
    return axes_output(call, 0, call->inputs[1].desc.dtype, &call->inputs[0].desc.shape);
}

pum_status reference_dequantize_linear(struct op_call *call)
{
    struct quant_axis axis;
    PUM_TRY(check_linear(call, call->inputs[0].desc.dtype, &axis));
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t entry = i / axis.inner % axis.entries;
        int64_t x = tensor_get_i64(&call->inputs[0], i) - quant_zero_at(call, 2, entry);
        tensor_set_f64(&call->outputs[0], i, (float)x * quant_scale_at(call, 1, entry));
    }
    return PUM_OK;
}

/* --- QuantizeLinear, DequantizeLinear: lowering ----------------------------------------------- */

static pum_status fill_push(const struct lower_call *call, enum pum_dtype dtype,
                            struct push_quantize *push)
{
    struct axes_lowered lowered;
    struct quant_axis axis;
    axes_lowered_call(call, &lowered);
    PUM_TRY(check_linear(&lowered.call, dtype, &axis));
    uint64_t count = (uint64_t)shape_elements(&call->outputs[0].desc.shape);
    if (count > UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "%llu elements are too many for one kernel",
                        (unsigned long long)count);
    *push = (struct push_quantize){.count = (uint32_t)count,
                                   .inner = (uint32_t)axis.inner,
                                   .entries = (uint32_t)axis.entries,
                                   .has_zero = op_has_input(&lowered.call, 2)};
    (void)quant_range(dtype, &push->low, &push->high);
    return PUM_OK;
}

/* y = quantized x, by these values; zero NULL: none. */
static pum_status emit_quantize(const struct lower_call *call, struct push_quantize *push,
                                const struct lower_value *scale, const struct lower_value *zero,
                                const struct lower_value *y)
{
    const struct lower_value *x = &call->inputs[0];
    struct lower_dispatch dispatch;
    PUM_TRY(lower_begin(call, "quantize", x->store, NULL, 0, &dispatch));
    push->per = elementwise_grid(call, &dispatch, push->count);
    lower_push(&dispatch, push, sizeof *push);
    lower_bind(&dispatch, 0, x);
    lower_bind(&dispatch, 1, scale);
    if (zero)
        lower_bind(&dispatch, 2, zero);
    lower_bind(&dispatch, 3, y);
    dispatch.flops = 2.0 * push->count;
    return lower_emit(call, &dispatch);
}

static pum_status lower_quantize_linear(struct lower_call *call)
{
    const struct lower_value *x = &call->inputs[0], *scale = &call->inputs[1];
    struct push_quantize push;
    if ((x->store != STORE_F32 && x->store != STORE_F16) || scale->store != x->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel from %s with a scale of %s",
                        pum_dtype_name(x->desc.dtype), pum_dtype_name(scale->desc.dtype));
    PUM_TRY(fill_push(call, call->outputs[0].desc.dtype, &push));
    return emit_quantize(call, &push, scale, push.has_zero ? &call->inputs[2] : NULL,
                         &call->outputs[0]);
}
OP_LOWER(quantize_linear, lower_quantize_linear);

static pum_status copy_bytes(void *user, const struct host_tensor *source, void *out)
{
    (void)user;
    memcpy(out, source->data, (size_t)shape_elements(&source->desc.shape));
    return PUM_OK;
}

static pum_status lower_dequantize_linear(struct lower_call *call)
{
    const struct lower_value *x = &call->inputs[0], *y = &call->outputs[0];
    struct lower_dispatch dispatch;
    struct push_quantize push;
    if (call->inputs[1].store != y->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel with a scale of %s",
                        pum_dtype_name(call->inputs[1].desc.dtype));
    PUM_TRY(fill_push(call, x->desc.dtype, &push));
    const struct kernel_number numbers[] = {
        {"bytes",
         x->data && quant_is_byte(x->desc.dtype) && !axes_pinned(call->caps, "dequantize_f")}};
    PUM_TRY(lower_begin(call, "dequantize", y->store, numbers, 1, &dispatch));
    push.per = elementwise_grid(call, &dispatch, push.count);
    lower_push(&dispatch, &push, sizeof push);
    PUM_TRY(lower_chain(call, &dispatch, &y->desc.shape, -1, -1));
    if (numbers[0].value) {
        int32_t packed;
        uint64_t bytes = ((uint64_t)push.count + 3) & ~(uint64_t)3;
        PUM_TRY(call->sink->pack(call->sink, x, "bytes", bytes, copy_bytes, NULL, &packed));
        lower_bind_range(&dispatch, 0, packed, 0, bytes);
    } else {
        lower_bind(&dispatch, 0, x);
    }
    lower_bind(&dispatch, 1, &call->inputs[1]);
    if (push.has_zero)
        lower_bind(&dispatch, 2, &call->inputs[2]);
    lower_bind(&dispatch, 3, y);
    dispatch.flops = 2.0 * push.count;
    return lower_emit(call, &dispatch);
}
OP_LOWER_CHAIN(dequantize_linear, lower_dequantize_linear);

/* --- DynamicQuantizeLinear -------------------------------------------------------------------- */

pum_status infer_dynamic_quantize_linear(struct op_call *call)
{
    const struct shape scalar = {0};
    if (call->inputs[0].desc.dtype != PUM_DTYPE_F32)
        return op_bad_type(call, 0, "float32");
    PUM_TRY(axes_output(call, 0, PUM_DTYPE_U8, &call->inputs[0].desc.shape));
    PUM_TRY(axes_output(call, 1, PUM_DTYPE_F32, &scalar));
    return axes_output(call, 2, PUM_DTYPE_U8, &scalar);
}

pum_status reference_dynamic_quantize_linear(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0];
    const float *values = x->data;
    int64_t count = shape_elements(&x->desc.shape);
    float least = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    float scale = least == most ? 1 : (most - least) / 255;
    float at = 0 - least / scale;
    int32_t zero = (int32_t)rintf(at < 0 ? 0 : at > 255 ? 255 : at);
    for (int64_t i = 0; i < count && axes_wants_output(call, 0); i++)
        tensor_set_i64(&call->outputs[0], i, quant_round(values[i], scale, zero, 0, 255));
    if (axes_wants_output(call, 1))
        tensor_set_f64(&call->outputs[1], 0, scale);
    if (axes_wants_output(call, 2))
        tensor_set_i64(&call->outputs[2], 0, zero);
    return PUM_OK;
}

#define RANGE_GROUPS 64        /* workgroups that look for the range, at most */
#define RANGE_EACH 16          /* elements that an invocation is worth */
#define RANGE_MOST_STEPS 60000 /* old CPU drivers leave loops after 65535 iterations */

/* An output, or scratch memory where it is not wanted. */
static pum_status output_or_scratch(const struct lower_call *call, int32_t index,
                                    enum kernel_store store, struct lower_value *out_value)
{
    memset(out_value, 0, sizeof *out_value);
    if (index < call->output_count && call->outputs[index].value >= 0) {
        *out_value = call->outputs[index];
        return PUM_OK;
    }
    out_value->store = store;
    return call->sink->scratch(call->sink, 4, &out_value->value);
}

/* The range of x into scale and zero. */
static pum_status emit_range(const struct lower_call *call, const struct lower_value *scale,
                             const struct lower_value *zero)
{
    const struct lower_value *x = &call->inputs[0];
    struct lower_dispatch dispatch;
    int32_t part;
    int64_t count = shape_elements(&x->desc.shape);
    PUM_TRY(lower_begin(call, "quant_range", x->store, NULL, 0, &dispatch));
    int64_t width = kernel_get_spec(dispatch.row, dispatch.specs, "WG_X");
    int64_t groups = axes_min(RANGE_GROUPS, axes_ceil_div(count, width * RANGE_EACH));
    if (count > UINT32_MAX || count / (groups * width) > RANGE_MOST_STEPS)
        return pum_fail(PUM_E_UNSUPPORTED, "%lld elements are too many", (long long)count);
    struct push_quant_range push = {.count = (uint32_t)count,
                                    .partials = (uint32_t)(groups * width)};
    PUM_TRY(call->sink->scratch(call->sink, (uint64_t)push.partials * 8, &part));
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 0, x);
    lower_bind_range(&dispatch, 1, part, 0, (uint64_t)push.partials * 8);
    lower_grid(call->caps, (uint64_t)groups, dispatch.groups);
    PUM_TRY(lower_emit(call, &dispatch));
    PUM_TRY(lower_begin(call, "quant_range", x->store, NULL, 0, &dispatch));
    kernel_set_spec(dispatch.row, dispatch.specs, "LAST", 1);
    lower_push(&dispatch, &push, sizeof push);
    lower_bind_range(&dispatch, 1, part, 0, (uint64_t)push.partials * 8);
    lower_bind_range(&dispatch, 2, scale->value, 0, 4);
    lower_bind_range(&dispatch, 3, zero->value, 0, 4);
    lower_grid(call->caps, 1, dispatch.groups);
    return lower_emit(call, &dispatch);
}

static pum_status lower_dynamic_quantize_linear(struct lower_call *call)
{
    struct lower_value scale, zero;
    struct push_quantize push = {.inner = 1, .entries = 1, .has_zero = 1, .low = 0, .high = 255};
    int64_t count = shape_elements(&call->inputs[0].desc.shape);
    if (count == 0)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for an empty input");
    PUM_TRY(output_or_scratch(call, 1, STORE_F32, &scale));
    PUM_TRY(output_or_scratch(call, 2, STORE_I32, &zero));
    PUM_TRY(emit_range(call, &scale, &zero));
    push.count = (uint32_t)count;
    if (call->outputs[0].value < 0)
        return PUM_OK;
    return emit_quantize(call, &push, &scale, &zero, &call->outputs[0]);
}
OP_LOWER(dynamic_quantize_linear, lower_dynamic_quantize_linear);
