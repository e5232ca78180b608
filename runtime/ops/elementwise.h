/* SPDX-License-Identifier: MIT
 *
 * elementwise.h - lowering of elementwise operators: one input (map), broadcast operands
 * (broadcast, compare, integer, where). Also the checks that their shape rules share. The kernels
 * are shaders/elementwise/. Tests: tests/ops/test_elementwise_lower.c.
 */
#ifndef PUM_OPS_ELEMENTWISE_H
#define PUM_OPS_ELEMENTWISE_H

#include "ops/lower.h"

/* --- Types ------------------------------------------------------------------------------------ */

enum elementwise_types {
    ELEMENTWISE_FLOAT = 1,
    ELEMENTWISE_INT = 2,
    ELEMENTWISE_BOOL = 4,
    ELEMENTWISE_STRING = 8,
    ELEMENTWISE_NUMBER = ELEMENTWISE_FLOAT | ELEMENTWISE_INT,
    ELEMENTWISE_ANY = ELEMENTWISE_NUMBER | ELEMENTWISE_BOOL
};

/* PUM_E_TYPE unless input `input` is of one of the kinds in `types`. */
pum_status elementwise_check(const struct op_call *call, int32_t input, uint32_t types);
/* PUM_E_TYPE unless inputs a and b are of the same type. */
pum_status elementwise_check_same(const struct op_call *call, int32_t a, int32_t b);
/* infer: output 0 = input 0, which must be of one of the kinds in `types`. */
pum_status elementwise_infer_same(struct op_call *call, uint32_t types);
/* infer: all inputs of one type, of a kind in `types`; output 0 has it and the broadcast shape. */
pum_status elementwise_infer_broadcast(struct op_call *call, uint32_t types);

/* --- Lowering --------------------------------------------------------------------------------- */

/* output 0 = chain(step(x)), x of the output's shape and store. Values too large for one binding
 * are done in parts. */
pum_status elementwise_map(const struct lower_call *call, const struct op_chain_step *step,
                           const struct lower_value *x);

/* output 0 = chain(op(operands...)), operands broadcast to the output. */
struct elementwise {
    const char *family;
    enum kernel_store store; /* the row's */
    int64_t op;              /* the spec constant OP; -1: the family has none */
    int32_t operand_count;
    const struct lower_value *operands[3];
    bool keep_operands; /* read by a later dispatch too: the output may take no operand's place */
};
pum_status elementwise_broadcast(const struct lower_call *call, const struct elementwise *work);
/* For a family of another file: begins a dispatch whose push block begins with push_broadcast, sets
 * its grid, its specs AXES and OP, and binds the operands first. The caller pushes, binds the rest
 * and emits. PUM_OK with no row: there is nothing to compute. */
struct push_broadcast;
pum_status elementwise_broadcast_begin(const struct lower_call *call,
                                       const struct elementwise *work,
                                       struct lower_dispatch *out_dispatch,
                                       struct push_broadcast *out_push);

/* integer kernels; an operator of one input gives it twice. */
pum_status elementwise_integer(const struct lower_call *call, uint32_t op,
                               const struct lower_value *a, const struct lower_value *b);

/* Units that an invocation computes and the workgroups that follow, for a kernel that strides by
 * its workgroup size WG_X. Sets WG_X and the grid; returns the units. */
uint32_t elementwise_grid(const struct lower_call *call, struct lower_dispatch *dispatch,
                          uint64_t units);

/* How many neighbouring elements a row takes at once: n when it asks for a multiple of n. */
uint32_t elementwise_unit(const struct kernel_row *row);

/* Whether integer kernels (32-bit) compute exactly what the operator means for this type: int32
 * does, whatever the operator; `moves`: one that compares or chooses needs the values alone. */
bool elementwise_integer_fits(enum pum_dtype dtype, bool moves);

#endif
