/* SPDX-License-Identifier: MIT
 *
 * push_elementwise.h - push constants and operator codes of the elementwise kernels. A unit is one
 * element, or four neighbours in the x4 rows. C and GLSL.
 */
#ifndef PUSH_ELEMENTWISE_H
#define PUSH_ELEMENTWISE_H
#include "push_types.h"

struct push_map {
    push_uint count; /* units */
    push_uint per;   /* units that one invocation computes */
    push_float a, b; /* parameters of the step PRE */
};

/* AXES (1 .. BROADCAST_MAX_AXES, a specialization constant) counts from the innermost, those that
 * all operands treat alike joined. The outermost one is not in the table: what is left of the index
 * is its position. */
#define BROADCAST_FAST_AXES 6
#define BROADCAST_MAX_AXES 8
#define BROADCAST_TABLE 11
struct push_broadcast {
    push_uint count;
    push_uint per;
    push_uint masks; /* bit 8 k + i: operand k varies along axis i */
    /* Fast: dims[5] in units, 5 multipliers that divide by them, and the shifts, 6 bits each from
     * the lowest. Any rank: dims[7]. */
    push_uint table[BROADCAST_TABLE];
};

struct push_cast {
    push_uint count;
    push_uint per;
    push_uint mode;   /* CAST_* */
    push_int low, high;
};

#define CAST_PLAIN 0
#define CAST_BOOL 1   /* 1 unless zero */
#define CAST_CLAMP 2  /* towards zero, into [low, high]; NaN gives 0 */
#define CAST_WRAP 3   /* the low bits, as C: low: how many bits are cut; high: 1 when signed */
#define CAST_HALF 4   /* rounded to what float16 holds */
#define CAST_BFLOAT 5 /* rounded to what bfloat16 holds */

/* Integers and bool. Operators of one input take it twice. */
#define INTEGER_ADD 0
#define INTEGER_SUB 1
#define INTEGER_MUL 2
#define INTEGER_DIV 3  /* towards zero; by zero: 0 */
#define INTEGER_FMOD 4 /* sign of a; by zero: 0 */
#define INTEGER_MOD 5  /* sign of b; by zero: 0 */
#define INTEGER_POW 6  /* below zero: 0, but for a of 1 and -1 */
#define INTEGER_MIN 7
#define INTEGER_MAX 8
#define INTEGER_AND 9
#define INTEGER_OR 10
#define INTEGER_XOR 11
#define INTEGER_EQUAL 12
#define INTEGER_GREATER 13
#define INTEGER_GREATER_OR_EQUAL 14
#define INTEGER_LESS 15
#define INTEGER_LESS_OR_EQUAL 16
#define INTEGER_ABS 17
#define INTEGER_NEG 18
#define INTEGER_SIGN 19
#define INTEGER_NOT 20
#define INTEGER_RELU 21
#define INTEGER_INVERT 22 /* all bits */
#define INTEGER_SHIFT_RIGHT 23 /* of numbers that are not negative; by 32 or more: 0 */

/* Floats to bool. */
#define COMPARE_EQUAL 0
#define COMPARE_GREATER 1
#define COMPARE_GREATER_OR_EQUAL 2
#define COMPARE_LESS 3
#define COMPARE_LESS_OR_EQUAL 4
#define COMPARE_NAN 5
#define COMPARE_INF 6
#define COMPARE_POSITIVE_INF 7
#define COMPARE_NEGATIVE_INF 8
#endif
