/* SPDX-License-Identifier: MIT
 *
 * op_case.h - test cases of operators as data: `pumice verify` and the tests run each of them on
 * every kernel row that it can reach, against the reference. Each family writes its cases in
 * cases_<family>.inc, which op_case.c includes; an operator without cases fails a test.
 *
 * OP_CASE(SOFTMAX, "f32[3,1000]", "axis=-1")
 *
 * Inputs, separated by spaces: type[dims], types by short name (f32 f16 bf16 f64 i8 i16 i32 i64 u8
 * u16 u32 u64 bool str), "-" for an absent one; scalars are f32[]. Random values come from [-2,2]
 * for floats, [-8,8] (unsigned [0,15]) for integers, 0/1 for bool, words a to h for strings, or
 * from a suffix:
 *   f32[4]:pos          0.1 .. 4             f32[4]:unit    -1 .. 1
 *   f32[4]:small        -0.15 .. 0.15
 *   i64[4]:range(0,9)   integers, inclusive
 *   f32[4]:special      NaN, +-Inf, +-0, subnormals, large, random
 *   f32[4]:edge         as special, without subnormals (devices may take them for zero)
 *   i64[2]={3,-1}       these values, as a constant; "~" is a space in strings: str[2]={a~b,}
 * A leading "!" makes an input a constant of the graph (a weight): !f32[8,4,3,3].
 * Attributes, separated by spaces: axis=-1 alpha=0.5 (a point makes a float) mode=linear
 * axes=[1,2] values=[0.5,1.5] words={a,b}; "~" is a space in strings.
 * A case may end with a chain: "chain: relu" is not part of this format; fusion has its own tests.
 */
#ifndef PUM_OPS_OP_CASE_H
#define PUM_OPS_OP_CASE_H

#include "ops/op.h"

struct op_case {
    enum op_kind op;
    const char *inputs;
    const char *attrs;
    const char *file; /* where it is written, for messages */
    int32_t line;
};

extern const struct op_case op_cases[];
extern const int32_t op_case_count;

struct op_case_input {
    struct host_tensor tensor; /* dtype NONE: absent; data allocated */
    bool constant;
};

/* Makes a case real: inputs with values from `seed`, attributes. PUM_E_ARGUMENT says where the text
 * is wrong. Free with op_case_free. */
struct op_case_data {
    struct base_arena arena;
    struct op_case_input *inputs;
    int32_t input_count;
    pum_attr *attrs;
    int32_t attr_count;
    int32_t output_count; /* attribute "outputs" (removed from attrs), else the row's minimum */
};
pum_status op_case_parse(pum_context *context, const struct op_case *test, uint64_t seed,
                         struct op_case_data *out_data);
void op_case_free(struct op_case_data *data);

#endif
