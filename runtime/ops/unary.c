/* SPDX-License-Identifier: MIT
 *
 * unary.c - operators of one input, elementwise. The float ones are steps (chain.c has their
 * meaning), here they get types, the integer forms that ONNX has, and a lowering to the map or the
 * integer kernels. Cast is in cast.c.
 * Tests: tests/ops/test_elementwise_reference.c, cases_unary.inc.
 */
#include "ops/axes.h"
#include "ops/elementwise.h"

#include "push_elementwise.h"

#include <math.h>
#include <string.h>

/* --- Float steps ------------------------------------------------------------------------------ */

static pum_status infer_float(struct op_call *call)
{
    return elementwise_infer_same(call, ELEMENTWISE_FLOAT);
}

static pum_status infer_number(struct op_call *call)
{
    return elementwise_infer_same(call, ELEMENTWISE_NUMBER);
}

static pum_status reference_step(struct op_call *call)
{
    struct op_chain_step step;
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    if (!chain_unary_step(call->node, &step))
        return pum_fail(PUM_E_INTERNAL, "the operator is no step");
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(&call->outputs[0], i,
                       chain_step_value(&step, tensor_get_f64(&call->inputs[0], i), 0));
    return PUM_OK;
}

static pum_status lower_step(struct lower_call *call)
{
    struct op_chain_step step;
    if (!chain_unary_step(call->node, &step))
        return pum_fail(PUM_E_INTERNAL, "the operator is no step");
    return elementwise_map(call, &step, &call->inputs[0]);
}

#define FLOAT_STEP(fn)                                                                             \
    pum_status infer_##fn(struct op_call *call) { return infer_float(call); }                      \
    pum_status reference_##fn(struct op_call *call) { return reference_step(call); }               \
    OP_LOWER_CHAIN(fn, lower_step)

FLOAT_STEP(exp);
FLOAT_STEP(log);
FLOAT_STEP(sqrt);
FLOAT_STEP(reciprocal);
FLOAT_STEP(floor);
FLOAT_STEP(ceil);
FLOAT_STEP(round);
FLOAT_STEP(sin);
FLOAT_STEP(cos);
FLOAT_STEP(tan);
FLOAT_STEP(asin);
FLOAT_STEP(acos);
FLOAT_STEP(atan);
FLOAT_STEP(sinh);
FLOAT_STEP(cosh);
FLOAT_STEP(asinh);
FLOAT_STEP(acosh);
FLOAT_STEP(atanh);
FLOAT_STEP(tanh);
FLOAT_STEP(erf);
FLOAT_STEP(sigmoid);
FLOAT_STEP(leaky_relu);
FLOAT_STEP(elu);
FLOAT_STEP(selu);
FLOAT_STEP(hard_sigmoid);
FLOAT_STEP(hard_swish);
FLOAT_STEP(softplus);
FLOAT_STEP(softsign);
FLOAT_STEP(thresholded_relu);
FLOAT_STEP(silu);
FLOAT_STEP(mish);

pum_status infer_celu(struct op_call *call)
{
    if (node_float(call->node, "alpha", 1.0f) == 0.0f)
        return pum_fail(PUM_E_ARGUMENT, "alpha must not be 0");
    return infer_float(call);
}

pum_status reference_celu(struct op_call *call)
{
    return reference_step(call);
}
OP_LOWER_CHAIN(celu, lower_step);

pum_status infer_gelu(struct op_call *call)
{
    const char *approximate = node_string(call->node, "approximate", "none");
    if (strcmp(approximate, "none") != 0 && strcmp(approximate, "tanh") != 0)
        return pum_fail(PUM_E_ARGUMENT, "approximate is '%s', expected none or tanh", approximate);
    return infer_float(call);
}

pum_status reference_gelu(struct op_call *call)
{
    return reference_step(call);
}
OP_LOWER_CHAIN(gelu, lower_step);

/* --- Floats and integers ---------------------------------------------------------------------- */

static int64_t wrapped_neg(int64_t v)
{
    return (int64_t)(0u - (uint64_t)v);
}

static int64_t int_abs(int64_t v) { return v < 0 ? wrapped_neg(v) : v; }
static int64_t int_sign(int64_t v) { return (v > 0) - (v < 0); }
static int64_t int_relu(int64_t v) { return v > 0 ? v : 0; }

/* Unsigned 64-bit values do not fit int64: only Abs and Sign see them. */
static pum_status reference_number(struct op_call *call, int64_t (*function)(int64_t))
{
    const struct host_tensor *x = &call->inputs[0];
    int64_t count = shape_elements(&x->desc.shape);
    if (dtype_is_float(x->desc.dtype))
        return reference_step(call);
    for (int64_t i = 0; i < count; i++) {
        int64_t v = tensor_get_i64(x, i);
        bool high = x->desc.dtype == PUM_DTYPE_U64 && v < 0;
        tensor_set_i64(&call->outputs[0], i, high ? (function == int_sign ? 1 : v) : function(v));
    }
    return PUM_OK;
}

static pum_status lower_number(struct lower_call *call, uint32_t integer_op, bool moves)
{
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    if (dtype_is_float(dtype))
        return lower_step(call);
    if (!elementwise_integer_fits(dtype, moves))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(dtype));
    return elementwise_integer(call, integer_op, &call->inputs[0], &call->inputs[0]);
}

pum_status infer_abs(struct op_call *call) { return infer_number(call); }
pum_status reference_abs(struct op_call *call) { return reference_number(call, int_abs); }
static pum_status lower_abs(struct lower_call *call)
{
    return lower_number(call, INTEGER_ABS, dtype_is_unsigned(call->inputs[0].desc.dtype));
}
OP_LOWER_CHAIN(abs, lower_abs);

static pum_status infer_signed(struct op_call *call)
{
    if (dtype_is_unsigned(call->inputs[0].desc.dtype))
        return op_bad_type(call, 0, "a float or signed integer type");
    return infer_number(call);
}

pum_status infer_neg(struct op_call *call) { return infer_signed(call); }
pum_status reference_neg(struct op_call *call) { return reference_number(call, wrapped_neg); }
static pum_status lower_neg(struct lower_call *call)
{
    return lower_number(call, INTEGER_NEG, false);
}
OP_LOWER_CHAIN(neg, lower_neg);

pum_status infer_sign(struct op_call *call) { return infer_number(call); }
pum_status reference_sign(struct op_call *call) { return reference_number(call, int_sign); }
static pum_status lower_sign(struct lower_call *call)
{
    return lower_number(call, INTEGER_SIGN, true);
}
OP_LOWER_CHAIN(sign, lower_sign);

pum_status infer_relu(struct op_call *call) { return infer_signed(call); }
pum_status reference_relu(struct op_call *call) { return reference_number(call, int_relu); }
static pum_status lower_relu(struct lower_call *call)
{
    return lower_number(call, INTEGER_RELU, true);
}
OP_LOWER_CHAIN(relu, lower_relu);

/* Integers: in double, then towards zero into the type. */
pum_status infer_shrink(struct op_call *call) { return infer_number(call); }
pum_status reference_shrink(struct op_call *call)
{
    struct op_chain_step step;
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    (void)chain_unary_step(call->node, &step);
    for (int64_t i = 0; i < count; i++)
        axes_store_f64(&call->outputs[0], i,
                       chain_step_value(&step, tensor_get_f64(&call->inputs[0], i), 0));
    return PUM_OK;
}
OP_LOWER_CHAIN(shrink, lower_step);

/* --- Clip ------------------------------------------------------------------------------------- */

pum_status infer_clip(struct op_call *call)
{
    for (int32_t i = 1; i < call->input_count; i++) {
        if (!op_has_input(call, i))
            continue;
        PUM_TRY(elementwise_check_same(call, 0, i));
        if (shape_elements(&call->inputs[i].desc.shape) != 1)
            return pum_fail(PUM_E_SHAPE, "input %d (%s) must be a scalar", i,
                            i == 1 ? "min" : "max");
    }
    return infer_number(call);
}

/* below: input 1, the least; else input 2, the greatest. */
static bool beyond_limit(const struct op_call *call, int64_t element, int32_t limit)
{
    const struct host_tensor *x = &call->outputs[0], *l = &call->inputs[limit];
    bool below = limit == 1;
    if (dtype_is_float(x->desc.dtype)) {
        double v = tensor_get_f64(x, element), m = tensor_get_f64(l, 0);
        return below ? v < m : v > m;
    }
    int64_t v = tensor_get_i64(x, element), m = tensor_get_i64(l, 0);
    if (x->desc.dtype == PUM_DTYPE_U64)
        return below ? (uint64_t)v < (uint64_t)m : (uint64_t)v > (uint64_t)m;
    return below ? v < m : v > m;
}

pum_status reference_clip(struct op_call *call)
{
    size_t size = pum_dtype_size(call->outputs[0].desc.dtype);
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    uint8_t *out = call->outputs[0].data;
    if (count > 0)
        memcpy(out, call->inputs[0].data, (size_t)count * size);
    for (int32_t limit = 1; limit < 3; limit++)
        for (int64_t i = 0; op_has_input(call, limit) && i < count; i++)
            if (beyond_limit(call, i, limit))
                memcpy(out + (size_t)i * size, call->inputs[limit].data, size);
    return PUM_OK;
}

static bool has_limit(const struct lower_call *call, int32_t limit)
{
    return limit < call->input_count && call->inputs[limit].desc.dtype != PUM_DTYPE_NONE;
}

/* max(x, min), then min(that, max), by broadcast kernels: for computed limits and for integers. */
static pum_status clip_in_steps(struct lower_call *call, bool is_float)
{
    const struct lower_value *x = &call->inputs[0];
    for (int32_t limit = 1; limit < 3; limit++) {
        struct lower_call part = *call;
        bool last = limit == 2 || !has_limit(call, 2);
        if (!has_limit(call, limit))
            continue;
        struct elementwise work = {.family = is_float ? "broadcast" : "integer",
                                   .store = x->store,
                                   .operand_count = 2,
                                   .operands = {x, &call->inputs[limit]},
                                   .keep_operands = true};
        if (limit == 1)
            work.op = is_float ? CHAIN_MAX : INTEGER_MAX;
        else
            work.op = is_float ? CHAIN_MIN : INTEGER_MIN;
        part.chain = last ? call->chain : NULL;
        PUM_TRY(elementwise_broadcast(&part, &work));
        x = &call->outputs[0];
    }
    return PUM_OK;
}

static pum_status lower_clip(struct lower_call *call)
{
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    struct op_chain_step step = {.op = CHAIN_CLIP, .a = -INFINITY, .b = INFINITY};
    bool constant = (!has_limit(call, 1) || lower_scalar(call, 1, &step.a)) &&
                    (!has_limit(call, 2) || lower_scalar(call, 2, &step.b));
    if (dtype_is_float(dtype) && constant)
        return elementwise_map(call, &step, &call->inputs[0]);
    if (!dtype_is_float(dtype) && !elementwise_integer_fits(dtype, true))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(dtype));
    if (!has_limit(call, 1) && !has_limit(call, 2))
        return lower_alias_input0(call);
    return clip_in_steps(call, dtype_is_float(dtype));
}
OP_LOWER_CHAIN(clip, lower_clip);

/* --- To bool ---------------------------------------------------------------------------------- */

pum_status infer_not(struct op_call *call)
{
    return elementwise_infer_same(call, ELEMENTWISE_BOOL);
}

pum_status reference_not(struct op_call *call)
{
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    for (int64_t i = 0; i < count; i++)
        tensor_set_i64(&call->outputs[0], i, tensor_get_i64(&call->inputs[0], i) == 0);
    return PUM_OK;
}

static pum_status lower_not(struct lower_call *call)
{
    return elementwise_integer(call, INTEGER_NOT, &call->inputs[0], &call->inputs[0]);
}
OP_LOWER(not, lower_not);

static pum_status infer_float_to_bool(struct op_call *call)
{
    PUM_TRY(infer_float(call));
    call->outputs[0].desc.dtype = PUM_DTYPE_BOOL;
    return PUM_OK;
}

static pum_status lower_to_bool(struct lower_call *call, int64_t op)
{
    struct elementwise work = {.family = "compare",
                               .store = call->inputs[0].store,
                               .op = op,
                               .operand_count = 2,
                               .operands = {&call->inputs[0], &call->inputs[0]}};
    return elementwise_broadcast(call, &work);
}

pum_status infer_is_nan(struct op_call *call) { return infer_float_to_bool(call); }
pum_status reference_is_nan(struct op_call *call)
{
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    for (int64_t i = 0; i < count; i++)
        tensor_set_i64(&call->outputs[0], i, isnan(tensor_get_f64(&call->inputs[0], i)) != 0);
    return PUM_OK;
}
static pum_status lower_is_nan(struct lower_call *call)
{
    return lower_to_bool(call, COMPARE_NAN);
}
OP_LOWER(is_nan, lower_is_nan);

pum_status infer_is_inf(struct op_call *call) { return infer_float_to_bool(call); }
pum_status reference_is_inf(struct op_call *call)
{
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    bool positive = node_int(call->node, "detect_positive", 1) != 0;
    bool negative = node_int(call->node, "detect_negative", 1) != 0;
    for (int64_t i = 0; i < count; i++) {
        double v = tensor_get_f64(&call->inputs[0], i);
        tensor_set_i64(&call->outputs[0], i, isinf(v) && (v > 0 ? positive : negative));
    }
    return PUM_OK;
}
static pum_status lower_is_inf(struct lower_call *call)
{
    bool positive = node_int(call->node, "detect_positive", 1) != 0;
    bool negative = node_int(call->node, "detect_negative", 1) != 0;
    if (!positive && !negative)
        return pum_fail(PUM_E_UNSUPPORTED, "detects neither infinity: all false");
    return lower_to_bool(call, positive && negative ? COMPARE_INF
                               : positive           ? COMPARE_POSITIVE_INF
                                                    : COMPARE_NEGATIVE_INF);
}
OP_LOWER(is_inf, lower_is_inf);

/* --- The input itself ------------------------------------------------------------------------- */

static pum_status copy_input(struct op_call *call)
{
    size_t bytes;
    if (tensor_bytes(&call->inputs[0].desc, &bytes) && bytes > 0)
        memcpy(call->outputs[0].data, call->inputs[0].data, bytes);
    return PUM_OK;
}

pum_status infer_identity(struct op_call *call) { return op_infer_same(call); }
pum_status reference_identity(struct op_call *call) { return copy_input(call); }
OP_LOWER(identity, lower_alias_input0);

pum_status infer_dropout(struct op_call *call)
{
    if (call->output_count > 1) {
        call->outputs[1].desc = call->inputs[0].desc;
        call->outputs[1].desc.dtype = PUM_DTYPE_BOOL;
    }
    return elementwise_infer_same(call, ELEMENTWISE_FLOAT);
}

pum_status reference_dropout(struct op_call *call)
{
    int64_t count = shape_elements(&call->inputs[0].desc.shape);
    for (int64_t i = 0; call->output_count > 1 && call->outputs[1].data && i < count; i++)
        tensor_set_i64(&call->outputs[1], i, 1);
    return copy_input(call);
}

static pum_status lower_dropout(struct lower_call *call)
{
    if (call->output_count > 1 && call->outputs[1].value >= 0)
        return pum_fail(PUM_E_UNSUPPORTED, "the mask has no kernel");
    return lower_alias_input0(call);
}
OP_LOWER(dropout, lower_dropout);
