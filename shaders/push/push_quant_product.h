/* SPDX-License-Identifier: MIT
 *
 * push_quant_product.h - push constants of the kernels that multiply bytes packed four to a word:
 * the general product, the convolution, and what both do with a finished sum. Bytes are signed:
 * unsigned ones are packed with 128 less. C and GLSL.
 */
#ifndef PUSH_QUANT_PRODUCT_H
#define PUSH_QUANT_PRODUCT_H
#include "push_conv.h"
#include "push_types.h"

/* How a sum becomes a result. "act" is the operand with one zero point, "channels" those of the
 * other one (the weights), whose numbers are QUANT_PARAMS words each in params[]. Zero points are
 * signed like the bytes. */
struct push_quant_finish {
    push_int act_zero;        /* unless QUANT_ACT_ZERO */
    push_int weight_zero;     /* where there are no params, unless QUANT_WEIGHT_ZERO */
    push_float scale;         /* where there are no params */
    push_float act_scale;     /* QUANT_TO_FLOAT: a factor of all, unless QUANT_ACT_SCALE */
    push_int zero, low, high; /* of the result */
    push_uint flags;
};

#define QUANT_PARAMS 4           /* sum of (weight - zero), zero, bias, scale (as bits) */
#define QUANT_CHANNELS 1u        /* params[] is there */
#define QUANT_ACT_ZERO 2u        /* zero[0] is act's zero point as it lies on the device */
#define QUANT_ACT_UNSIGNED 4u    /* which has 128 more */
#define QUANT_WEIGHT_ZERO 8u     /* params[0] is the other's, as it lies on the device */
#define QUANT_WEIGHT_UNSIGNED 16u
#define QUANT_ACT_SCALE 32u      /* act_scale[0] */
#define QUANT_FLOAT_BIAS 64u     /* the bias is added to the result, else to the sum */

/* Specialization constant OUTPUT. */
#define QUANT_TO_INT 0
#define QUANT_TO_BYTE 1
#define QUANT_TO_FLOAT 2

/* Y[m, n] = A[m, k] B[k, n]; k counts words of four. Word (row, t) of A lies at row * a_row + t *
 * a_step, word (t, column) of B at column * b_col + t * b_step. */
struct push_quant_product {
    push_uint m, n, k;
    push_uint batch;
    push_uint a_row, a_step, b_col, b_step;
    push_uint a_div, a_mod, b_div, b_mod; /* matrix i uses A (i / a_div) % a_mod */
    PUSH_STRUCT(push_quant_finish) finish;
};

/* As push_conv.h has it, but group_in counts words (quant_conv) or elements (quant_conv_plain). */
struct push_quant_conv {
    PUSH_STRUCT(push_conv) conv;
    PUSH_STRUCT(push_quant_finish) finish;
};

/* x[(o * axis + a) * inner + i] to y[(o * words + a / 4) * inner + i], byte a % 4. */
struct push_quant_pack {
    push_uint count; /* words */
    push_uint per;
    push_uint axis, inner;
    push_uint flip;  /* 128 or 0: added modulo 256 */
    push_int fill;   /* behind the axis' end, flipped already, unless has_zero */
    push_uint has_zero;
};
#endif
