/* SPDX-License-Identifier: MIT
 *
 * op_common.c - what most shape rules and references share: asking for inputs, the usual errors,
 * the walk over broadcast operands. Nothing here knows a particular operator.
 * Tests: tests/ops/test_op_table.c, tests/ops/test_elementwise_reference.c.
 */
#include "ops/op.h"
#include "ops/op_loop.h"

#include <string.h>

bool op_has_input(const struct op_call *call, int32_t index)
{
    return index >= 0 && index < call->input_count &&
           call->inputs[index].desc.dtype != PUM_DTYPE_NONE;
}

pum_status op_needs_data(struct op_call *call, int32_t input)
{
    call->needs = input;
    return pum_fail(OP_NEEDS_DATA,
                    "the shape of the %s depends on the value of input %d, which is not known "
                    "before the run",
                    call->output_count == 1 ? "output" : "outputs", input);
}

pum_status op_bad_type(const struct op_call *call, int32_t input, const char *expected)
{
    return pum_fail(PUM_E_TYPE, "input %d (%s): expected %s", input,
                    pum_dtype_name(call->inputs[input].desc.dtype), expected);
}

pum_status op_input_ints(struct op_call *call, int32_t index, int64_t *values,
                         int32_t max_count, int32_t *out_count)
{
    *out_count = 0;
    if (!op_has_input(call, index))
        return pum_fail(PUM_E_ARGUMENT, "input %d is required", index);
    const struct host_tensor *input = &call->inputs[index];
    if (!dtype_is_int(input->desc.dtype))
        return op_bad_type(call, index, "an integer type");
    if (input->desc.shape.rank > 1)
        return pum_fail(PUM_E_SHAPE, "input %d has %d axes, expected a list of integers", index,
                        input->desc.shape.rank);
    int64_t count = shape_elements(&input->desc.shape);
    if (count > max_count)
        return pum_fail(PUM_E_SHAPE, "input %d has %lld values, expected at most %d", index,
                        (long long)count, max_count);
    if (count > 0 && !input->data)
        return op_needs_data(call, index);
    for (int64_t i = 0; i < count; i++)
        values[i] = tensor_get_i64(input, i);
    *out_count = (int32_t)count;
    return PUM_OK;
}

pum_status op_infer_same(struct op_call *call)
{
    call->outputs[0].desc = call->inputs[0].desc;
    return PUM_OK;
}

void op_loop_begin(struct op_loop *loop, const struct shape *out)
{
    memset(loop, 0, sizeof(*loop));
    loop->shape = *out;
    loop->count = shape_elements(out);
}

void op_loop_add(struct op_loop *loop, const struct shape *operand)
{
    int64_t *strides = loop->strides[loop->operand_count++];
    int64_t stride = 1;
    for (int32_t axis = loop->shape.rank - 1, from = operand->rank - 1; axis >= 0 && from >= 0;
         axis--, from--) {
        strides[axis] = operand->dims[from] == 1 ? 0 : stride;
        stride *= operand->dims[from];
    }
}

bool op_loop_more(const struct op_loop *loop)
{
    return loop->element < loop->count;
}

void op_loop_next(struct op_loop *loop)
{
    loop->element++;
    for (int32_t axis = loop->shape.rank - 1; axis >= 0; axis--) {
        for (int32_t k = 0; k < loop->operand_count; k++)
            loop->at[k] += loop->strides[k][axis];
        if (++loop->index[axis] < loop->shape.dims[axis])
            return;
        for (int32_t k = 0; k < loop->operand_count; k++)
            loop->at[k] -= loop->strides[k][axis] * loop->shape.dims[axis];
        loop->index[axis] = 0;
    }
}
