/* SPDX-License-Identifier: MIT
 *
 * binary.c - operators of two or more inputs that broadcast as NumPy does: arithmetic and the
 * variadic ones. Comparisons, logic and Where are in compare.c. Integers are computed in int64 (or
 * uint64) and wrap; division by zero gives 0 and traps nowhere.
 * Tests: tests/ops/test_elementwise_reference.c, cases_binary.inc.
 */
#include "ops/axes.h"
#include "ops/elementwise.h"
#include "ops/op_loop.h"
#include "push_elementwise.h"

#include <math.h>
#include <string.h>

/* --- References of two inputs ----------------------------------------------------------------- */

struct arithmetic {
    double (*floats)(double, double);
    int64_t (*ints)(int64_t, int64_t);
    uint64_t (*wide)(uint64_t, uint64_t); /* for uint64; NULL: the same bits as ints */
};

static pum_status run(struct op_call *call, const struct arithmetic *arithmetic)
{
    const struct host_tensor *a = &call->inputs[0], *b = &call->inputs[1];
    struct host_tensor *y = &call->outputs[0];
    struct op_loop loop;
    op_loop_begin(&loop, &y->desc.shape);
    op_loop_add(&loop, &a->desc.shape);
    op_loop_add(&loop, &b->desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop)) {
        if (dtype_is_float(y->desc.dtype)) {
            tensor_set_f64(y, loop.element,
                           arithmetic->floats(tensor_get_f64(a, loop.at[0]),
                                              tensor_get_f64(b, loop.at[1])));
            continue;
        }
        int64_t v = tensor_get_i64(a, loop.at[0]), w = tensor_get_i64(b, loop.at[1]);
        if (y->desc.dtype == PUM_DTYPE_U64 && arithmetic->wide)
            v = (int64_t)arithmetic->wide((uint64_t)v, (uint64_t)w);
        else
            v = arithmetic->ints(v, w);
        tensor_set_i64(y, loop.element, v);
    }
    return PUM_OK;
}

static double float_add(double a, double b) { return a + b; }
static double float_sub(double a, double b) { return a - b; }
static double float_mul(double a, double b) { return a * b; }
static double float_div(double a, double b) { return a / b; }
static int64_t int_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t int_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t int_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static uint64_t wide_div(uint64_t a, uint64_t b) { return b ? a / b : 0; }
static uint64_t wide_mod(uint64_t a, uint64_t b) { return b ? a % b : 0; }

static int64_t int_div(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    return b == -1 ? int_sub(0, a) : a / b;
}

/* The remainder with the sign of a, and that with the sign of b. */
static int64_t int_fmod(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static int64_t int_mod(int64_t a, int64_t b)
{
    int64_t r = int_fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static double float_mod(double a, double b)
{
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

#define ARITHMETIC(fn, ...)                                                                        \
    pum_status infer_##fn(struct op_call *call)                                                    \
    {                                                                                              \
        return elementwise_infer_broadcast(call, ELEMENTWISE_NUMBER);                              \
    }                                                                                              \
    pum_status reference_##fn(struct op_call *call)                                                \
    {                                                                                              \
        static const struct arithmetic arithmetic = {__VA_ARGS__};                                 \
        return run(call, &arithmetic);                                                             \
    }

ARITHMETIC(add, float_add, int_add, NULL)
ARITHMETIC(sub, float_sub, int_sub, NULL)
ARITHMETIC(mul, float_mul, int_mul, NULL)
ARITHMETIC(div, float_div, int_div, wide_div)

pum_status infer_mod(struct op_call *call)
{
    return elementwise_infer_broadcast(call, ELEMENTWISE_NUMBER);
}

pum_status reference_mod(struct op_call *call)
{
    static const struct arithmetic sign_of_a = {fmod, int_fmod, wide_mod};
    static const struct arithmetic sign_of_b = {float_mod, int_mod, wide_mod};
    return run(call, node_int(call->node, "fmod", 0) ? &sign_of_a : &sign_of_b);
}

/* --- PRelu ------------------------------------------------------------------------------------ */

static double float_prelu(double a, double b) { return a < 0 ? a * b : a; }
static int64_t int_prelu(int64_t a, int64_t b) { return a < 0 ? int_mul(a, b) : a; }
static uint64_t wide_prelu(uint64_t a, uint64_t b)
{
    (void)b;
    return a;
}

pum_status infer_prelu(struct op_call *call)
{
    PUM_TRY(elementwise_infer_broadcast(call, ELEMENTWISE_NUMBER));
    if (!shape_equal(&call->outputs[0].desc.shape, &call->inputs[0].desc.shape))
        return pum_fail(PUM_E_SHAPE, "the slope's shape must broadcast to the input's");
    return PUM_OK;
}

pum_status reference_prelu(struct op_call *call)
{
    static const struct arithmetic arithmetic = {float_prelu, int_prelu, wide_prelu};
    return run(call, &arithmetic);
}

/* --- Pow: the exponent may be of another type ------------------------------------------------ */

pum_status infer_pow(struct op_call *call)
{
    const struct shape *a = &call->inputs[0].desc.shape, *b = &call->inputs[1].desc.shape;
    char text_a[SHAPE_TEXT_BYTES], text_b[SHAPE_TEXT_BYTES];
    struct shape shape;
    PUM_TRY(elementwise_check(call, 0, ELEMENTWISE_NUMBER));
    PUM_TRY(elementwise_check(call, 1, ELEMENTWISE_NUMBER));
    if (!shape_broadcast(a, b, &shape))
        return pum_fail(PUM_E_SHAPE, "shapes %s and %s do not broadcast", shape_text(a, text_a),
                        shape_text(b, text_b));
    call->outputs[0].desc.dtype = call->inputs[0].desc.dtype;
    call->outputs[0].desc.shape = shape;
    return PUM_OK;
}

/* Wraps; below zero the exact value towards zero, and 0 for 1/0. */
static int64_t int_pow(int64_t a, int64_t exponent)
{
    uint64_t base = (uint64_t)a, y = 1;
    if (exponent < 0)
        return a == 1 ? 1 : a == -1 ? ((exponent & 1) ? -1 : 1) : 0;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if (exponent & 1)
            y *= base;
    return (int64_t)y;
}

pum_status reference_pow(struct op_call *call)
{
    const struct host_tensor *a = &call->inputs[0], *b = &call->inputs[1];
    struct host_tensor *y = &call->outputs[0];
    bool ints = dtype_is_int(a->desc.dtype) && dtype_is_int(b->desc.dtype);
    struct op_loop loop;
    op_loop_begin(&loop, &y->desc.shape);
    op_loop_add(&loop, &a->desc.shape);
    op_loop_add(&loop, &b->desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop)) {
        if (ints)
            tensor_set_i64(
                y, loop.element,
                int_pow(tensor_get_i64(a, loop.at[0]), tensor_get_i64(b, loop.at[1])));
        else
            axes_store_f64(y, loop.element,
                           pow(tensor_get_f64(a, loop.at[0]), tensor_get_f64(b, loop.at[1])));
    }
    return PUM_OK;
}

/* --- Any number of inputs --------------------------------------------------------------------- */

enum variadic { VARIADIC_MIN, VARIADIC_MAX, VARIADIC_SUM };

static double float_combine(enum variadic kind, double a, double b)
{
    if (kind == VARIADIC_SUM)
        return a + b;
    if (isnan(a) || isnan(b))
        return NAN;
    return kind == VARIADIC_MIN ? fmin(a, b) : fmax(a, b);
}

static int64_t int_combine(enum variadic kind, bool wide, int64_t a, int64_t b)
{
    bool less = wide ? (uint64_t)a < (uint64_t)b : a < b;
    if (kind == VARIADIC_SUM)
        return int_add(a, b);
    return less == (kind == VARIADIC_MIN) ? a : b;
}

/* Accumulates in double or int64, then stores value / divisor. */
static pum_status run_variadic(struct op_call *call, enum variadic kind, double divisor)
{
    struct host_tensor *y = &call->outputs[0];
    int64_t count = shape_elements(&y->desc.shape);
    bool floats = dtype_is_float(y->desc.dtype), wide = y->desc.dtype == PUM_DTYPE_U64;
    union number {
        double f;
        int64_t i;
    } *sums = pum_alloc(call->context, (size_t)count, sizeof(*sums));
    if (!sums)
        return PUM_E_MEMORY;
    for (int32_t k = 0; k < call->input_count; k++) {
        const struct host_tensor *x = &call->inputs[k];
        struct op_loop loop;
        op_loop_begin(&loop, &y->desc.shape);
        op_loop_add(&loop, &x->desc.shape);
        for (; op_loop_more(&loop); op_loop_next(&loop)) {
            union number *sum = &sums[loop.element];
            if (floats) {
                double v = tensor_get_f64(x, loop.at[0]);
                sum->f = k == 0 ? v : float_combine(kind, sum->f, v);
            } else {
                int64_t v = tensor_get_i64(x, loop.at[0]);
                sum->i = k == 0 ? v : int_combine(kind, wide, sum->i, v);
            }
        }
    }
    for (int64_t i = 0; i < count; i++)
        if (floats)
            tensor_set_f64(y, i, sums[i].f / divisor);
        else
            tensor_set_i64(y, i, sums[i].i);
    pum_free(call->context, sums);
    return PUM_OK;
}

static pum_status infer_numbers(struct op_call *call)
{
    return elementwise_infer_broadcast(call, ELEMENTWISE_NUMBER);
}

pum_status infer_min(struct op_call *call) { return infer_numbers(call); }
pum_status infer_max(struct op_call *call) { return infer_numbers(call); }
pum_status infer_sum(struct op_call *call) { return infer_numbers(call); }
pum_status reference_min(struct op_call *call) { return run_variadic(call, VARIADIC_MIN, 1); }
pum_status reference_max(struct op_call *call) { return run_variadic(call, VARIADIC_MAX, 1); }
pum_status reference_sum(struct op_call *call) { return run_variadic(call, VARIADIC_SUM, 1); }

pum_status infer_mean(struct op_call *call)
{
    return elementwise_infer_broadcast(call, ELEMENTWISE_FLOAT);
}

pum_status reference_mean(struct op_call *call)
{
    return run_variadic(call, VARIADIC_SUM, (double)call->input_count);
}

/* --- Lowering --------------------------------------------------------------------------------- */

/* Codes of one operator: the step with input 0, with input 1 as the running value; integers. */
struct binary_codes {
    uint32_t step, reverse; /* CHAIN_NONE: there is none */
    uint32_t integer;
    bool moves; /* right for every integer type that lies as int32 */
};

/* A known constant of one element, whatever its type. */
static bool constant_scalar(const struct lower_value *value, float *out_value)
{
    struct host_tensor tensor = {.desc = value->desc, .data = (void *)(uintptr_t)value->data};
    if (!value->data || shape_elements(&value->desc.shape) != 1)
        return false;
    *out_value = (float)tensor_get_f64(&tensor, 0);
    return true;
}

/* One of two float operands is a constant: a map. *out_done false when that does not apply. */
static pum_status lower_with_constant(const struct lower_call *call,
                                      const struct lower_value *const operands[2],
                                      const struct binary_codes *codes, bool *out_done)
{
    const struct lower_value *out = &call->outputs[0];
    for (int32_t i = 0; i < 2; i++) {
        struct op_chain_step step = {.op = i == 0 ? codes->step : codes->reverse};
        if (step.op == CHAIN_NONE || operands[i]->store != out->store ||
            !shape_equal(&operands[i]->desc.shape, &out->desc.shape) ||
            !constant_scalar(operands[1 - i], &step.a))
            continue;
        *out_done = true;
        return elementwise_map(call, &step, operands[i]);
    }
    *out_done = false;
    return PUM_OK;
}

static pum_status no_kernel(const struct lower_call *call)
{
    return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s and %s",
                    pum_dtype_name(call->inputs[0].desc.dtype),
                    pum_dtype_name(call->inputs[call->input_count - 1].desc.dtype));
}

/* output 0 = a op b, which have types alike. */
static pum_status lower_pair(const struct lower_call *call,
                             const struct lower_value *const operands[2],
                             const struct binary_codes *codes, bool keep_operands)
{
    const struct lower_value *out = &call->outputs[0];
    struct elementwise work = {.family = "broadcast",
                               .store = out->store,
                               .op = codes->step,
                               .operand_count = 2,
                               .operands = {operands[0], operands[1]},
                               .keep_operands = keep_operands};
    bool done = false;
    if (out->store == STORE_I32) {
        if (!elementwise_integer_fits(out->desc.dtype, codes->moves) ||
            operands[0]->store != STORE_I32 || operands[1]->store != STORE_I32)
            return no_kernel(call);
        work.family = "integer";
        work.op = codes->integer;
        return elementwise_broadcast(call, &work);
    }
    if (codes->step == CHAIN_NONE)
        return no_kernel(call);
    if (!keep_operands)
        PUM_TRY(lower_with_constant(call, operands, codes, &done));
    if (done)
        return PUM_OK;
    if (operands[0]->store != out->store || operands[1]->store != out->store)
        return no_kernel(call);
    return elementwise_broadcast(call, &work);
}

static pum_status lower_two(struct lower_call *call, struct binary_codes codes)
{
    const struct lower_value *operands[2] = {&call->inputs[0], &call->inputs[1]};
    return lower_pair(call, operands, &codes, false);
}

#define LOWER_TWO(fn, ...)                                                                         \
    static pum_status lower_##fn(struct lower_call *call)                                          \
    {                                                                                              \
        return lower_two(call, (struct binary_codes){__VA_ARGS__});                                \
    }                                                                                              \
    OP_LOWER_CHAIN(fn, lower_##fn)

LOWER_TWO(add, CHAIN_ADD, CHAIN_ADD, INTEGER_ADD, false);
LOWER_TWO(sub, CHAIN_SUB, CHAIN_RSUB, INTEGER_SUB, false);
LOWER_TWO(mul, CHAIN_MUL, CHAIN_MUL, INTEGER_MUL, false);
LOWER_TWO(div, CHAIN_DIV, CHAIN_RDIV, INTEGER_DIV, false);

static pum_status lower_pow(struct lower_call *call)
{
    /* An int64 exponent lies as int32: exact for int32 bases alone. */
    return lower_two(call, (struct binary_codes){CHAIN_POW, CHAIN_RPOW, INTEGER_POW, false});
}
OP_LOWER_CHAIN(pow, lower_pow);

static pum_status lower_prelu(struct lower_call *call)
{
    if (call->outputs[0].store == STORE_I32)
        return no_kernel(call);
    return lower_two(call, (struct binary_codes){CHAIN_PRELU, CHAIN_NONE, 0, false});
}
OP_LOWER_CHAIN(prelu, lower_prelu);

/* Floats have no kernel: their remainder in fp32 is not exact when the quotient is large. */
static pum_status lower_mod(struct lower_call *call)
{
    bool sign_of_a = node_int(call->node, "fmod", 0) != 0;
    return lower_two(call, (struct binary_codes){CHAIN_NONE, CHAIN_NONE,
                                                 sign_of_a ? INTEGER_FMOD : INTEGER_MOD, true});
}
OP_LOWER(mod, lower_mod);

/* One input: a copy that can take a chain. */
static pum_status lower_single(struct lower_call *call, const struct op_chain_step *step)
{
    if (call->outputs[0].store == STORE_I32 || (!call->chain && step->op == CHAIN_NONE))
        return lower_alias_input0(call);
    return elementwise_map(call, step, &call->inputs[0]);
}

/* Adds "op input" to a chain that leaves room for `fused`; false when it does not fit. */
static bool append_input(const struct lower_call *call, const struct lower_value *input,
                         uint32_t step, const struct op_chain *fused, struct op_chain *chain)
{
    const struct lower_value *out = &call->outputs[0];
    uint32_t mode, div, mod;
    if (out->store == STORE_I32 || input->store != out->store ||
        chain->operand_count + fused->operand_count >= CHAIN_MAX_OPERANDS ||
        chain->step_count + fused->step_count >= CHAIN_MAX_STEPS ||
        !chain_operand_mode(&out->desc.shape, &input->desc.shape, &mode, &div, &mod))
        return false;
    chain->steps[chain->step_count++] =
        (struct op_chain_step){.op = step, .operand = ++chain->operand_count};
    return true;
}

/* Puts a node's fused steps behind those that `chain` has. */
static void append_fused(const struct op_chain *fused, struct op_chain *chain)
{
    for (int32_t i = 0; i < fused->step_count; i++) {
        struct op_chain_step step = fused->steps[i];
        step.operand += step.operand > 0 ? chain->operand_count : 0;
        chain->steps[chain->step_count++] = step;
    }
    chain->operand_count += fused->operand_count;
}

/* Dispatches of "a op b op c op d": the kernel's two operands, then as many of the others as the
 * chain takes, so that all are combined in fp32; further ones in the output's place. */
static pum_status lower_all(struct lower_call *call, const struct binary_codes *codes)
{
    static const struct op_chain none = {0};
    const struct lower_value *out = &call->outputs[0], *first = &call->inputs[0];
    const struct op_chain *fused = call->chain ? call->chain : &none;
    for (int32_t i = 1; i < call->input_count;) {
        const struct lower_value *operands[2] = {first, &call->inputs[i++]};
        struct lower_value chain_inputs[CHAIN_MAX_OPERANDS];
        struct lower_call part = *call;
        struct op_chain chain = {0};
        if (first == out && out->store == STORE_F16 && codes->step == CHAIN_ADD)
            return pum_fail(PUM_E_UNSUPPORTED, "so many float16 terms would lose too much");
        while (i < call->input_count &&
               append_input(call, &call->inputs[i], codes->step, fused, &chain))
            chain_inputs[chain.operand_count - 1] = call->inputs[i++];
        if (i == call->input_count) {
            for (int32_t k = 0; k < fused->operand_count; k++)
                chain_inputs[chain.operand_count + k] = call->chain_inputs[k];
            append_fused(fused, &chain);
        }
        part.chain = chain.step_count > 0 ? &chain : NULL;
        part.chain_inputs = chain_inputs;
        PUM_TRY(lower_pair(&part, operands, codes, i < call->input_count || first == out));
        first = out;
    }
    return PUM_OK;
}

static pum_status lower_variadic(struct lower_call *call, struct binary_codes codes)
{
    static const struct op_chain_step none = {0};
    if (call->input_count == 1)
        return lower_single(call, &none);
    return lower_all(call, &codes);
}

#define LOWER_VARIADIC(fn, ...)                                                                    \
    static pum_status lower_##fn(struct lower_call *call)                                          \
    {                                                                                              \
        return lower_variadic(call, (struct binary_codes){__VA_ARGS__});                           \
    }                                                                                              \
    OP_LOWER_CHAIN(fn, lower_##fn)

LOWER_VARIADIC(min, CHAIN_MIN, CHAIN_MIN, INTEGER_MIN, true);
LOWER_VARIADIC(max, CHAIN_MAX, CHAIN_MAX, INTEGER_MAX, true);
LOWER_VARIADIC(sum, CHAIN_ADD, CHAIN_ADD, INTEGER_ADD, false);

/* The sum, divided by a step of the chain that chain_own_steps keeps free. */
static pum_status lower_mean(struct lower_call *call)
{
    struct lower_call divided = *call;
    struct op_chain chain = {0};
    if (call->input_count == 1)
        return lower_variadic(call, (struct binary_codes){0});
    if (call->chain)
        chain = *call->chain;
    if (chain.step_count == CHAIN_MAX_STEPS)
        return pum_fail(PUM_E_UNSUPPORTED, "no step is left for the division");
    memmove(&chain.steps[1], &chain.steps[0],
            (size_t)chain.step_count * sizeof(chain.steps[0]));
    chain.steps[0] = (struct op_chain_step){.op = CHAIN_AFFINE,
                                            .a = 1.0f / (float)call->input_count};
    chain.step_count++;
    divided.chain = &chain;
    return lower_variadic(&divided, (struct binary_codes){CHAIN_ADD, CHAIN_ADD, 0, false});
}
OP_LOWER_CHAIN(mean, lower_mean);
