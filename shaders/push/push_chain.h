/* SPDX-License-Identifier: MIT
 *
 * push_chain.h - elementwise steps that a kernel applies to its result before storing it: the
 * numbering of the steps and the push-constant block with their parameters. C and GLSL.
 * The steps themselves are specialization constants (ids CHAIN_SPEC_FIRST...), coded
 * op | operand << 8 | mode << 10, so that the driver removes what is not used.
 */
#ifndef PUSH_CHAIN_H
#define PUSH_CHAIN_H
#include "push_types.h"

#define CHAIN_MAX_STEPS 6
#define CHAIN_MAX_OPERANDS 2
#define CHAIN_SPEC_FIRST 16 /* ids 16..21 */

/* x is the running value, o the operand (a tensor element, or a when operand is 0), a and b the
 * step's parameters. */
#define CHAIN_NONE 0
#define CHAIN_ADD 1           /* x + o */
#define CHAIN_SUB 2           /* x - o */
#define CHAIN_RSUB 3          /* o - x */
#define CHAIN_MUL 4           /* x * o */
#define CHAIN_DIV 5           /* x / o */
#define CHAIN_RDIV 6          /* o / x */
#define CHAIN_MIN 7           /* min(x, o), NaN if either is */
#define CHAIN_MAX 8
#define CHAIN_POW 9           /* x ^ o */
#define CHAIN_RPOW 10         /* o ^ x */
#define CHAIN_PRELU 11        /* x < 0 ? x * o : x */
#define CHAIN_AFFINE 12       /* x * a + b */
#define CHAIN_CLIP 13         /* clamp(x, a, b) */
#define CHAIN_RELU 14
#define CHAIN_LEAKY_RELU 15   /* a: alpha */
#define CHAIN_ELU 16          /* a: alpha; b: scale (SELU: gamma, else 1) */
#define CHAIN_CELU 17         /* a: alpha */
#define CHAIN_SIGMOID 18
#define CHAIN_HARD_SIGMOID 19 /* clamp(a*x+b, 0, 1) */
#define CHAIN_HARD_SWISH 20   /* x * clamp(a*x+b, 0, 1) */
#define CHAIN_SILU 21         /* x * sigmoid(a*x) */
#define CHAIN_GELU_ERF 22
#define CHAIN_GELU_TANH 23
#define CHAIN_TANH 24
#define CHAIN_SOFTPLUS 25
#define CHAIN_SOFTSIGN 26
#define CHAIN_THRESHOLDED_RELU 27 /* a: alpha */
#define CHAIN_MISH 28
#define CHAIN_ABS 29
#define CHAIN_NEG 30
#define CHAIN_EXP 31
#define CHAIN_LOG 32
#define CHAIN_SQRT 33
#define CHAIN_RECIPROCAL 34
#define CHAIN_FLOOR 35
#define CHAIN_CEIL 36
#define CHAIN_ROUND 37        /* halves to even */
#define CHAIN_SIGN 38
#define CHAIN_ERF 39
#define CHAIN_SIN 40
#define CHAIN_COS 41
#define CHAIN_TAN 42
#define CHAIN_ASIN 43
#define CHAIN_ACOS 44
#define CHAIN_ATAN 45
#define CHAIN_SINH 46
#define CHAIN_COSH 47
#define CHAIN_ASINH 48
#define CHAIN_ACOSH 49
#define CHAIN_ATANH 50
#define CHAIN_SHRINK 51       /* beyond +-a: towards zero by b; between: 0 */
#define CHAIN_OP_COUNT 52

/* Where a tensor operand's element comes from. */
#define CHAIN_FULL 0   /* same index as the output */
#define CHAIN_ONE 1    /* element 0 */
#define CHAIN_DIVMOD 2 /* (index / operand_div) % operand_mod */
#define CHAIN_ROW 3    /* the row that the kernel supplies (conv: output channel; matmul: m) */
#define CHAIN_COL 4    /* the column that the kernel supplies (matmul: n) */

#define CHAIN_CODE(op, operand, mode) ((op) | ((operand) << 8) | ((mode) << 10))

struct push_chain {
    push_float params[CHAIN_MAX_STEPS * 2]; /* a, b of each step */
    push_uint operand_div[CHAIN_MAX_OPERANDS];
    push_uint operand_mod[CHAIN_MAX_OPERANDS];
};
#endif
