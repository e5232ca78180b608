/* SPDX-License-Identifier: MIT
 *
 * push_quant.h - push constants of the kernels that quantise and dequantise. C and GLSL.
 */
#ifndef PUSH_QUANT_H
#define PUSH_QUANT_H
#include "push_elementwise.h"
#include "push_types.h"

/* Element i has entry (i / inner) % entries of the scales and zero points. */
struct push_quantize {
    push_uint count;
    push_uint per;           /* elements that one invocation computes */
    push_uint inner, entries;
    push_uint has_zero;
    push_int low, high;      /* what the integer type holds; dequantize: low < 0 means signed */
};

/* y = the sum or product of a and b, see quant_binary.comp. */
struct push_quant_binary {
    PUSH_STRUCT(push_broadcast) broadcast;
    push_float scale, scale_rest; /* sum: a's factor in two parts; product: that of both */
    push_int a_zero, b_zero;      /* sum: b_zero is where the table begins */
    push_int y_zero, low, high;
};
#define QUANT_ADD 0
#define QUANT_MUL 1

struct push_quant_lookup {
    push_uint count, per;
    push_int first;  /* the argument of table[0] */
    push_uint negative; /* the table's bytes are signed */
};

/* Windows of [planes, in_h, in_w], as push_pool.h has them. */
struct push_quant_pool {
    push_uint count; /* results */
    push_int in_h, in_w;
    push_uint out_h, out_w;
    push_int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, begin_h, begin_w;
    push_float x_scale, y_scale;
    push_int x_zero, y_zero, low, high;
};
#define QUANT_POOL_MAX 0
#define QUANT_POOL_AVERAGE 1        /* of the elements inside */
#define QUANT_POOL_AVERAGE_PADDED 2 /* of all that a window has */

struct push_quant_mean {
    push_uint planes, size;
    push_float scale;
    push_int x_zero, y_zero, low, high;
};

struct push_quant_softmax {
    push_uint rows, entries, inner; /* row r's element i lies at r / inner * inner * entries +
                                    * r % inner + i * inner */
    push_float scale;              /* 1 / y's, rounded down */
    push_int y_zero, low, high;
};

struct push_quant_range {
    push_uint count;    /* elements of x */
    push_uint partials; /* invocations that look for a part's least and greatest */
};
#endif
