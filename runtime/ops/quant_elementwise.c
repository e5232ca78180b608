/* SPDX-License-Identifier: MIT
 *
 * quant_elementwise.c - elementwise operators on 8-bit tensors: QLinearAdd, QLinearMul, and
 * functions of one tensor, which are tables of 256 entries: Lookup (made by passes), QLinearSigmoid
 * and QLinearLeakyRelu. Float32 steps are rounded in the order in which ONNX Runtime's CPU provider
 * takes them on x86 with AVX2. Tests: tests/ops/test_quantize.c, cases_quantize.inc.
 */
#include "ops/axes.h"
#include "ops/elementwise.h"
#include "ops/op_loop.h"
#include "ops/quantize.h"

#include "push_quant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- QLinearAdd, QLinearMul ------------------------------------------------------------------- */

/* Inputs: a, scale, zero, b, scale, zero, y's scale and zero. */
static pum_status infer_binary(struct op_call *call)
{
    PUM_TRY(quant_need_inputs(call, 7));
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    const struct shape *a = &call->inputs[0].desc.shape, *b = &call->inputs[3].desc.shape;
    struct quant_axis axis;
    struct shape out;
    if (!quant_is_byte(dtype))
        return op_bad_type(call, 0, "int8 or uint8");
    if (call->inputs[3].desc.dtype != dtype)
        return op_bad_type(call, 3, pum_dtype_name(dtype));
    for (int32_t i = 1; i < 7; i += i == 1 ? 3 : 2)
        PUM_TRY(quant_check(call, i, i + 1, dtype, a, -1, &axis));
    if (!shape_broadcast(a, b, &out))
        return pum_fail(PUM_E_SHAPE, "the shapes do not broadcast");
    return axes_output(call, 0, dtype, &out);
}

pum_status infer_qlinear_add(struct op_call *call)
{
    return infer_binary(call);
}

pum_status infer_qlinear_mul(struct op_call *call)
{
    return infer_binary(call);
}

/* A sum's numbers: the operand that is added last, and what the other one contributes. */
struct sum {
    int32_t last, first; /* inputs */
    float last_scale, first_scale, fixed;
};

/* y = last * last_scale + (first * first_scale + fixed), each step a fused multiply-add. `last` is
 * a, but where a alone is the same along the innermost axis. */
static struct sum make_sum(const struct op_call *call, const struct shape *out)
{
    struct sum sum = {.last = 0, .first = 3};
    for (int32_t axis = out->rank - 1; axis >= 0; axis--) {
        if (out->dims[axis] == 1)
            continue;
        const struct shape *a = &call->inputs[0].desc.shape, *b = &call->inputs[3].desc.shape;
        int32_t from_a = axis - (out->rank - a->rank), from_b = axis - (out->rank - b->rank);
        bool varies_a = from_a >= 0 && a->dims[from_a] != 1;
        bool varies_b = from_b >= 0 && b->dims[from_b] != 1;
        if (!varies_a && varies_b)
            sum = (struct sum){.last = 3, .first = 0};
        break;
    }
    float y_scale = quant_scale_at(call, 6, 0);
    sum.last_scale = quant_scale_at(call, sum.last + 1, 0) / y_scale;
    sum.first_scale = quant_scale_at(call, sum.first + 1, 0) / y_scale;
    float zeros = sum.first_scale * (float)quant_zero_at(call, sum.first + 2, 0);
    zeros = fmaf(sum.last_scale, (float)quant_zero_at(call, sum.last + 2, 0), zeros);
    sum.fixed = (float)quant_zero_at(call, 7, 0) - zeros;
    return sum;
}

/* The whole number nearest to v within [low, high]. */
static int32_t nearest(float v, int32_t low, int32_t high)
{
    return quant_saturate(v, 0, low, high);
}

static pum_status reference_binary(struct op_call *call, bool product)
{
    struct host_tensor *y = &call->outputs[0];
    const struct host_tensor *a = &call->inputs[0], *b = &call->inputs[3];
    struct op_loop loop;
    int32_t low = 0, high = 0;
    (void)quant_range(y->desc.dtype, &low, &high);
    struct sum sum = make_sum(call, &y->desc.shape);
    int32_t a_zero = quant_zero_at(call, 2, 0), b_zero = quant_zero_at(call, 5, 0);
    float scale = quant_scale_at(call, 1, 0) * quant_scale_at(call, 4, 0);
    scale /= quant_scale_at(call, 6, 0);
    op_loop_begin(&loop, &y->desc.shape);
    op_loop_add(&loop, &a->desc.shape);
    op_loop_add(&loop, &b->desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop)) {
        int64_t u = tensor_get_i64(a, loop.at[0]), v = tensor_get_i64(b, loop.at[1]);
        float value;
        if (product) {
            float p = (float)((u - a_zero) * (v - b_zero)) * scale;
            value = p + (float)quant_zero_at(call, 7, 0);
        } else {
            float first = (float)(sum.first == 3 ? v : u), last = (float)(sum.first == 3 ? u : v);
            value = fmaf(last, sum.last_scale, fmaf(first, sum.first_scale, sum.fixed));
        }
        tensor_set_i64(y, loop.element, nearest(value, low, high));
    }
    return PUM_OK;
}

pum_status reference_qlinear_add(struct op_call *call)
{
    return reference_binary(call, false);
}

pum_status reference_qlinear_mul(struct op_call *call)
{
    return reference_binary(call, true);
}

/* A lowering's inputs as the shape rule's helpers read them; all but `values` of them known. */
struct known_call {
    struct op_call call;
    struct host_tensor inputs[8];
};

static pum_status know(const struct lower_call *lower, uint32_t values, struct known_call *known)
{
    memset(known, 0, sizeof *known);
    for (int32_t i = 0; i < lower->input_count && i < 8; i++) {
        const struct lower_value *value = &lower->inputs[i];
        known->inputs[i].desc = value->desc;
        memcpy(&known->inputs[i].data, &value->data, sizeof(void *)); /* read only */
        if (value->desc.dtype != PUM_DTYPE_NONE && !value->data && !(values >> i & 1))
            return pum_fail(PUM_E_UNSUPPORTED, "input %d is not known before the run", i);
    }
    known->call = (struct op_call){.context = lower->context,
                                   .node = lower->node,
                                   .input_count = lower->input_count,
                                   .inputs = known->inputs};
    return PUM_OK;
}

struct pack_sum {
    const struct sum *sum;
    int32_t low;
};

static pum_status pack_sum(void *user, const struct host_tensor *source, void *out)
{
    const struct pack_sum *work = user;
    float *table = out;
    (void)source;
    for (int32_t i = 0; i < 256; i++)
        table[i] = fmaf((float)(work->low + i), work->sum->first_scale, work->sum->fixed);
    return PUM_OK;
}

/* v without its lowest 12 bits: its product with eight bits is exact, and so is the rest's. */
static float high_part(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits &= 0xfffff000u;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The table is packed from the scale of y: any constant serves, the key has all numbers. */
static pum_status bind_sum(const struct lower_call *call, const struct sum *sum, int32_t low,
                           struct lower_dispatch *dispatch)
{
    struct pack_sum work = {sum, low};
    char key[96];
    int32_t table;
    uint32_t bits[2];
    memcpy(bits, &sum->first_scale, sizeof bits[0]);
    memcpy(bits + 1, &sum->fixed, sizeof bits[1]);
    snprintf(key, sizeof key, "quant sum %d %08x %08x", low, bits[0], bits[1]);
    PUM_TRY(call->sink->pack(call->sink, &call->inputs[6], key, 1024, pack_sum, &work, &table));
    lower_bind_range(dispatch, 2, table, 0, 1024);
    return PUM_OK;
}

static pum_status lower_binary(struct lower_call *call, uint32_t op)
{
    const struct lower_value *y = &call->outputs[0];
    struct known_call known;
    struct lower_dispatch dispatch;
    struct push_quant_binary push;
    PUM_TRY(know(call, 1u << 0 | 1u << 3, &known));
    memset(&push, 0, sizeof push);
    struct sum sum = make_sum(&known.call, &y->desc.shape);
    bool swapped = op == QUANT_ADD && sum.last == 3;
    struct elementwise work = {
        .family = "quant_binary",
        .store = STORE_I32,
        .op = op,
        .operand_count = 2,
        .operands = {&call->inputs[swapped ? 3 : 0], &call->inputs[swapped ? 0 : 3]}};
    PUM_TRY(elementwise_broadcast_begin(call, &work, &dispatch, &push.broadcast));
    if (!dispatch.row)
        return PUM_OK;
    (void)quant_range(y->desc.dtype, &push.low, &push.high);
    if (op == QUANT_ADD) {
        push.scale = high_part(sum.last_scale);
        push.scale_rest = sum.last_scale - push.scale;
        push.b_zero = push.low;
        PUM_TRY(bind_sum(call, &sum, push.low, &dispatch));
    } else {
        push.scale = quant_scale_at(&known.call, 1, 0) * quant_scale_at(&known.call, 4, 0);
        push.scale /= quant_scale_at(&known.call, 6, 0);
        push.a_zero = quant_zero_at(&known.call, 2, 0);
        push.b_zero = quant_zero_at(&known.call, 5, 0);
        push.y_zero = quant_zero_at(&known.call, 7, 0);
    }
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 3, y);
    return lower_emit(call, &dispatch);
}

static pum_status lower_qlinear_add(struct lower_call *call)
{
    return lower_binary(call, QUANT_ADD);
}
OP_LOWER(qlinear_add, lower_qlinear_add);

static pum_status lower_qlinear_mul(struct lower_call *call)
{
    return lower_binary(call, QUANT_MUL);
}
OP_LOWER(qlinear_mul, lower_qlinear_mul);

/* --- Tables ----------------------------------------------------------------------------------- */

/* y[i] = table[x[i]], a table of bytes that `pack` makes from `source`. */
static pum_status
emit_lookup(const struct lower_call *call, const struct lower_value *source, const char *key,
            pum_status (*pack)(void *user, const struct host_tensor *source, void *out), void *user)
{
    const struct lower_value *x = &call->inputs[0], *y = &call->outputs[0];
    struct lower_dispatch dispatch;
    int32_t table, high;
    uint64_t count = (uint64_t)shape_elements(&y->desc.shape);
    if (count == 0)
        return PUM_OK;
    if (count > UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^32 elements");
    PUM_TRY(lower_begin(call, "quant_lookup", STORE_I32, NULL, 0, &dispatch));
    struct push_quant_lookup push = {.count = (uint32_t)count,
                                     .negative = y->desc.dtype == PUM_DTYPE_I8};
    (void)quant_range(x->desc.dtype, &push.first, &high);
    push.per = elementwise_grid(call, &dispatch, count);
    PUM_TRY(call->sink->pack(call->sink, source, key, 256, pack, user, &table));
    call->sink->in_place(call->sink, y->value, x->value);
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 0, x);
    lower_bind_range(&dispatch, 1, table, 0, 256);
    lower_bind(&dispatch, 2, y);
    dispatch.flops = (double)count;
    return lower_emit(call, &dispatch);
}

pum_status infer_lookup(struct op_call *call)
{
    const struct tensor_desc *table = &call->inputs[1].desc;
    if (!quant_is_byte(call->inputs[0].desc.dtype))
        return op_bad_type(call, 0, "int8 or uint8");
    if (!quant_is_byte(table->dtype))
        return op_bad_type(call, 1, "int8 or uint8");
    if (shape_elements(&table->shape) != 256)
        return pum_fail(PUM_E_SHAPE, "a table of %lld entries, expected 256",
                        (long long)shape_elements(&table->shape));
    return axes_output(call, 0, table->dtype, &call->inputs[0].desc.shape);
}

pum_status reference_lookup(struct op_call *call)
{
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    int64_t first = call->inputs[0].desc.dtype == PUM_DTYPE_I8 ? -128 : 0;
    for (int64_t i = 0; i < count; i++)
        tensor_set_i64(
            &call->outputs[0], i,
            tensor_get_i64(&call->inputs[1], tensor_get_i64(&call->inputs[0], i) - first));
    return PUM_OK;
}

static pum_status copy_table(void *user, const struct host_tensor *source, void *out)
{
    (void)user;
    memcpy(out, source->data, 256);
    return PUM_OK;
}

static pum_status lower_lookup(struct lower_call *call)
{
    if (!call->inputs[1].data)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for a table that is not constant");
    return emit_lookup(call, &call->inputs[1], "bytes", copy_table, NULL);
}
OP_LOWER(lookup, lower_lookup);

/* --- Functions of one tensor: x, scale, zero, y's scale and zero ------------------------------ */

static pum_status infer_unary(struct op_call *call)
{
    PUM_TRY(quant_need_inputs(call, 4));
    const struct tensor_desc *x = &call->inputs[0].desc;
    struct quant_axis axis;
    if (!quant_is_byte(x->dtype))
        return op_bad_type(call, 0, "int8 or uint8");
    PUM_TRY(quant_check(call, 1, 2, x->dtype, &x->shape, -1, &axis));
    PUM_TRY(quant_check(call, 3, 4, x->dtype, &x->shape, -1, &axis));
    return axes_output(call, 0, x->dtype, &x->shape);
}

typedef float (*quant_function)(const struct op_call *call, float x);

static float leaky_relu(const struct op_call *call, float x)
{
    return x >= 0 ? x : x * node_float(call->node, "alpha", 0.01f);
}

static float sigmoid(const struct op_call *call, float x)
{
    (void)call;
    return (float)(1 / (1 + exp(-(double)x)));
}

/* The result of value x as it is stored. */
static int32_t unary_at(const struct op_call *call, quant_function function, int64_t x)
{
    int32_t low = 0, high = 0;
    (void)quant_range(call->inputs[0].desc.dtype, &low, &high);
    float value = (float)(x - quant_zero_at(call, 2, 0)) * quant_scale_at(call, 1, 0);
    return quant_round(function(call, value), quant_scale_at(call, 3, 0), quant_zero_at(call, 4, 0),
                       low, high);
}

static pum_status reference_unary(struct op_call *call, quant_function function)
{
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    for (int64_t i = 0; i < count; i++)
        tensor_set_i64(&call->outputs[0], i,
                       unary_at(call, function, tensor_get_i64(&call->inputs[0], i)));
    return PUM_OK;
}

struct pack_unary {
    const struct op_call *call;
    quant_function function;
};

static pum_status pack_table(void *user, const struct host_tensor *source, void *out)
{
    const struct pack_unary *work = user;
    int32_t low = 0, high = 0;
    uint8_t *table = out;
    (void)source;
    (void)quant_range(work->call->inputs[0].desc.dtype, &low, &high);
    for (int32_t i = 0; i < 256; i++)
        table[i] = (uint8_t)unary_at(work->call, work->function, low + i);
    return PUM_OK;
}

static pum_status lower_unary(struct lower_call *call, quant_function function)
{
    struct known_call known;
    char key[128];
    uint32_t bits[3];
    PUM_TRY(know(call, 1, &known));
    struct pack_unary work = {&known.call, function};
    float numbers[3] = {quant_scale_at(&known.call, 1, 0), quant_scale_at(&known.call, 3, 0),
                        node_float(call->node, "alpha", 0)};
    memcpy(bits, numbers, sizeof bits);
    snprintf(key, sizeof key, "%s %d %08x %d %08x %d %08x", op_rows[call->node->op].name,
             call->inputs[0].desc.dtype, bits[0], quant_zero_at(&known.call, 2, 0), bits[1],
             quant_zero_at(&known.call, 4, 0), bits[2]);
    return emit_lookup(call, &call->inputs[1], key, pack_table, &work);
}

pum_status infer_qlinear_sigmoid(struct op_call *call)
{
    return infer_unary(call);
}

pum_status reference_qlinear_sigmoid(struct op_call *call)
{
    return reference_unary(call, sigmoid);
}

static pum_status lower_qlinear_sigmoid(struct lower_call *call)
{
    return lower_unary(call, sigmoid);
}
OP_LOWER(qlinear_sigmoid, lower_qlinear_sigmoid);

pum_status infer_qlinear_leaky_relu(struct op_call *call)
{
    return infer_unary(call);
}

pum_status reference_qlinear_leaky_relu(struct op_call *call)
{
    return reference_unary(call, leaky_relu);
}

static pum_status lower_qlinear_leaky_relu(struct lower_call *call)
{
    return lower_unary(call, leaky_relu);
}
OP_LOWER(qlinear_leaky_relu, lower_qlinear_leaky_relu);
