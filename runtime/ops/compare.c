/* SPDX-License-Identifier: MIT
 *
 * compare.c - operators whose result is bool (comparisons, logic) and Where, which chooses by one.
 * Comparisons are exact in every type; NaN equals nothing. Arithmetic is in binary.c.
 * Tests: tests/ops/test_elementwise_reference.c, cases_binary.inc.
 */
#include "ops/elementwise.h"
#include "ops/op_loop.h"
#include "push_elementwise.h"

#include <math.h>
#include <string.h>

/* --- References ------------------------------------------------------------------------------- */

enum order { ORDER_LESS = 1, ORDER_EQUAL = 2, ORDER_GREATER = 4, ORDER_NONE = 0 };

#define ORDER_OF(a, b) ((a) < (b) ? ORDER_LESS : (a) > (b) ? ORDER_GREATER : ORDER_EQUAL)

static enum order order_of(const struct host_tensor *a, int64_t at_a, const struct host_tensor *b,
                           int64_t at_b)
{
    if (dtype_is_float(a->desc.dtype)) {
        double x = tensor_get_f64(a, at_a), y = tensor_get_f64(b, at_b);
        return isnan(x) || isnan(y) ? ORDER_NONE : ORDER_OF(x, y);
    }
    if (a->desc.dtype == PUM_DTYPE_STRING)
        return ORDER_OF(strcmp(tensor_get_string(a, at_a), tensor_get_string(b, at_b)), 0);
    int64_t x = tensor_get_i64(a, at_a), y = tensor_get_i64(b, at_b);
    if (a->desc.dtype == PUM_DTYPE_U64)
        return ORDER_OF((uint64_t)x, (uint64_t)y);
    return ORDER_OF(x, y);
}

/* True where the order is one of `orders`. */
static pum_status run_compare(struct op_call *call, uint32_t orders)
{
    const struct host_tensor *a = &call->inputs[0], *b = &call->inputs[1];
    struct host_tensor *y = &call->outputs[0];
    struct op_loop loop;
    op_loop_begin(&loop, &y->desc.shape);
    op_loop_add(&loop, &a->desc.shape);
    op_loop_add(&loop, &b->desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop))
        tensor_set_i64(y, loop.element,
                       (order_of(a, loop.at[0], b, loop.at[1]) & orders) != 0);
    return PUM_OK;
}

enum logic { LOGIC_AND, LOGIC_OR, LOGIC_XOR };

static pum_status run_logic(struct op_call *call, enum logic logic)
{
    const struct host_tensor *a = &call->inputs[0], *b = &call->inputs[1];
    struct host_tensor *y = &call->outputs[0];
    struct op_loop loop;
    op_loop_begin(&loop, &y->desc.shape);
    op_loop_add(&loop, &a->desc.shape);
    op_loop_add(&loop, &b->desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop)) {
        bool v = tensor_get_i64(a, loop.at[0]) != 0, w = tensor_get_i64(b, loop.at[1]) != 0;
        bool result = logic == LOGIC_AND ? v && w : logic == LOGIC_OR ? v || w : v != w;
        tensor_set_i64(y, loop.element, result);
    }
    return PUM_OK;
}

/* --- Comparisons and logic ------------------------------------------------------------------- */

static pum_status infer_compare(struct op_call *call, uint32_t types)
{
    PUM_TRY(elementwise_infer_broadcast(call, types));
    call->outputs[0].desc.dtype = PUM_DTYPE_BOOL;
    return PUM_OK;
}

static pum_status lower_compare(const struct lower_call *call, int64_t float_op,
                                uint32_t integer_op)
{
    const struct lower_value *a = &call->inputs[0], *b = &call->inputs[1];
    struct elementwise work = {.family = "compare",
                               .store = a->store,
                               .op = float_op,
                               .operand_count = 2,
                               .operands = {a, b}};
    if (a->store != STORE_I32)
        return elementwise_broadcast(call, &work);
    if (!elementwise_integer_fits(a->desc.dtype, true))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(a->desc.dtype));
    return elementwise_integer(call, integer_op, a, b);
}

#define COMPARISON(fn, types, orders, float_op, integer_op)                                        \
    pum_status infer_##fn(struct op_call *call) { return infer_compare(call, types); }             \
    pum_status reference_##fn(struct op_call *call) { return run_compare(call, orders); }          \
    static pum_status lower_##fn(struct lower_call *call)                                          \
    {                                                                                              \
        return lower_compare(call, float_op, integer_op);                                          \
    }                                                                                              \
    OP_LOWER(fn, lower_##fn)

COMPARISON(equal, ELEMENTWISE_ANY | ELEMENTWISE_STRING, ORDER_EQUAL, COMPARE_EQUAL, INTEGER_EQUAL);
COMPARISON(greater, ELEMENTWISE_NUMBER, ORDER_GREATER, COMPARE_GREATER, INTEGER_GREATER);
COMPARISON(greater_or_equal, ELEMENTWISE_NUMBER, ORDER_GREATER | ORDER_EQUAL,
           COMPARE_GREATER_OR_EQUAL, INTEGER_GREATER_OR_EQUAL);
COMPARISON(less, ELEMENTWISE_NUMBER, ORDER_LESS, COMPARE_LESS, INTEGER_LESS);
COMPARISON(less_or_equal, ELEMENTWISE_NUMBER, ORDER_LESS | ORDER_EQUAL, COMPARE_LESS_OR_EQUAL,
           INTEGER_LESS_OR_EQUAL);

#define LOGIC(fn, logic, integer_op)                                                               \
    pum_status infer_##fn(struct op_call *call)                                                    \
    {                                                                                              \
        return elementwise_infer_broadcast(call, ELEMENTWISE_BOOL);                                \
    }                                                                                              \
    pum_status reference_##fn(struct op_call *call) { return run_logic(call, logic); }             \
    static pum_status lower_##fn(struct lower_call *call)                                          \
    {                                                                                              \
        return elementwise_integer(call, integer_op, &call->inputs[0], &call->inputs[1]);          \
    }                                                                                              \
    OP_LOWER(fn, lower_##fn)

LOGIC(and, LOGIC_AND, INTEGER_AND);
LOGIC(or, LOGIC_OR, INTEGER_OR);
LOGIC(xor, LOGIC_XOR, INTEGER_XOR);

/* --- Where ------------------------------------------------------------------------------------ */

pum_status infer_where(struct op_call *call)
{
    struct shape chosen, shape;
    PUM_TRY(elementwise_check(call, 0, ELEMENTWISE_BOOL));
    PUM_TRY(elementwise_check_same(call, 1, 2));
    if (!shape_broadcast(&call->inputs[1].desc.shape, &call->inputs[2].desc.shape, &chosen) ||
        !shape_broadcast(&call->inputs[0].desc.shape, &chosen, &shape)) {
        char condition[SHAPE_TEXT_BYTES], a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "shapes %s (condition), %s and %s do not broadcast",
                        shape_text(&call->inputs[0].desc.shape, condition),
                        shape_text(&call->inputs[1].desc.shape, a),
                        shape_text(&call->inputs[2].desc.shape, b));
    }
    call->outputs[0].desc.dtype = call->inputs[1].desc.dtype;
    call->outputs[0].desc.shape = shape;
    return PUM_OK;
}

pum_status reference_where(struct op_call *call)
{
    const struct host_tensor *inputs = call->inputs;
    struct host_tensor *y = &call->outputs[0];
    size_t size = pum_dtype_size(y->desc.dtype);
    struct op_loop loop;
    op_loop_begin(&loop, &y->desc.shape);
    for (int32_t i = 0; i < 3; i++)
        op_loop_add(&loop, &inputs[i].desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop)) {
        int32_t chosen = tensor_get_i64(&inputs[0], loop.at[0]) != 0 ? 1 : 2;
        memcpy((uint8_t *)y->data + (size_t)loop.element * size,
               (const uint8_t *)inputs[chosen].data + (size_t)loop.at[chosen] * size, size);
    }
    return PUM_OK;
}

static pum_status lower_where(struct lower_call *call)
{
    const struct lower_value *out = &call->outputs[0];
    struct elementwise work = {
        .family = "where",
        .store = out->store == STORE_F16 ? STORE_F16 : STORE_I32, /* by width: bits are moved */
        .op = -1,
        .operand_count = 3,
        .operands = {&call->inputs[0], &call->inputs[1], &call->inputs[2]}};
    return elementwise_broadcast(call, &work);
}
OP_LOWER(where, lower_where);
