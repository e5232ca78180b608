/* SPDX-License-Identifier: MIT
 *
 * bitwise.c - BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot and BitShift, on integers that
 * broadcast as NumPy does. On the device integers lie as int32 with their sign (plan/store.h), so
 * what never leaves a type's range there goes to the integer kernels; the rest is the host's.
 * Tests: tests/ops/test_elementwise_reference.c, cases_bitwise.inc.
 */
#include "ops/elementwise.h"
#include "ops/op_loop.h"
#include "push_elementwise.h"

#include <string.h>

typedef uint64_t (*bit_function)(uint64_t a, uint64_t b);

static uint64_t bit_and(uint64_t a, uint64_t b) { return a & b; }
static uint64_t bit_or(uint64_t a, uint64_t b) { return a | b; }
static uint64_t bit_xor(uint64_t a, uint64_t b) { return a ^ b; }
static uint64_t shift_left(uint64_t a, uint64_t b) { return b < 64 ? a << b : 0; }
static uint64_t shift_right(uint64_t a, uint64_t b) { return b < 64 ? a >> b : 0; }

static pum_status run(struct op_call *call, bit_function function)
{
    const struct host_tensor *a = &call->inputs[0], *b = &call->inputs[1];
    struct host_tensor *y = &call->outputs[0];
    struct op_loop loop;
    op_loop_begin(&loop, &y->desc.shape);
    op_loop_add(&loop, &a->desc.shape);
    op_loop_add(&loop, &b->desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop))
        tensor_set_i64(y, loop.element,
                       (int64_t)function((uint64_t)tensor_get_i64(a, loop.at[0]),
                                         (uint64_t)tensor_get_i64(b, loop.at[1])));
    return PUM_OK;
}

static pum_status lower_bits(const struct lower_call *call, uint32_t integer_op)
{
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    if (!elementwise_integer_fits(dtype, true))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(dtype));
    return elementwise_integer(call, integer_op, &call->inputs[0],
                               &call->inputs[call->input_count - 1]);
}

#define BITWISE(fn, function, integer_op)                                                          \
    pum_status infer_##fn(struct op_call *call)                                                    \
    {                                                                                              \
        return elementwise_infer_broadcast(call, ELEMENTWISE_INT);                                 \
    }                                                                                              \
    pum_status reference_##fn(struct op_call *call) { return run(call, function); }                \
    static pum_status lower_##fn(struct lower_call *call) { return lower_bits(call, integer_op); } \
    OP_LOWER(fn, lower_##fn)

BITWISE(bitwise_and, bit_and, INTEGER_AND);
BITWISE(bitwise_or, bit_or, INTEGER_OR);
BITWISE(bitwise_xor, bit_xor, INTEGER_XOR);

/* --- BitwiseNot ------------------------------------------------------------------------------- */

pum_status infer_bitwise_not(struct op_call *call)
{
    return elementwise_infer_same(call, ELEMENTWISE_INT);
}

pum_status reference_bitwise_not(struct op_call *call)
{
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    for (int64_t i = 0; i < count; i++)
        tensor_set_i64(&call->outputs[0], i, ~tensor_get_i64(&call->inputs[0], i));
    return PUM_OK;
}

static pum_status lower_bitwise_not(struct lower_call *call)
{
    if (dtype_is_unsigned(call->inputs[0].desc.dtype))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for unsigned integers");
    return lower_bits(call, INTEGER_INVERT);
}
OP_LOWER(bitwise_not, lower_bitwise_not);

/* --- BitShift --------------------------------------------------------------------------------- */

static bool shifts_left(const struct graph_node *node)
{
    return strcmp(node_string(node, "direction", ""), "LEFT") == 0;
}

pum_status infer_bit_shift(struct op_call *call)
{
    const char *direction = node_string(call->node, "direction", "");
    if (strcmp(direction, "LEFT") != 0 && strcmp(direction, "RIGHT") != 0)
        return pum_fail(PUM_E_ARGUMENT, "direction is '%s', expected LEFT or RIGHT", direction);
    if (!dtype_is_unsigned(call->inputs[0].desc.dtype))
        return op_bad_type(call, 0, "an unsigned integer type");
    return elementwise_infer_broadcast(call, ELEMENTWISE_INT);
}

pum_status reference_bit_shift(struct op_call *call)
{
    return run(call, shifts_left(call->node) ? shift_left : shift_right);
}

static pum_status lower_bit_shift(struct lower_call *call)
{
    if (shifts_left(call->node))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel shifts to the left");
    return lower_bits(call, INTEGER_SHIFT_RIGHT);
}
OP_LOWER(bit_shift, lower_bit_shift);
