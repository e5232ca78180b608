/* SPDX-License-Identifier: MIT
 *
 * program_rows.c - the row of operators that are no function of tensors: control flow, sequences,
 * optionals. A run carries them out itself (exec/program.c), outside of plans, so neither rule nor
 * reference is asked; the one exception, an If whose condition is known, is replaced by its branch
 * while a plan is made (passes/inline_if.c). Tests: tests/exec/test_program.c.
 */
#include "ops/op.h"

static pum_status outside(const struct op_call *call)
{
    return pum_fail(PUM_E_INTERNAL, "%s was asked for inside a plan", op_rows[call->node->op].name);
}

pum_status infer_program(struct op_call *call)
{
    if (call->node->op == OP_IF) /* with its value the branch takes the node's place */
        return op_needs_data(call, 0);
    return outside(call);
}

pum_status reference_program(struct op_call *call)
{
    return outside(call);
}

OP_PROGRAM(program);
