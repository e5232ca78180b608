/* SPDX-License-Identifier: MIT
 *
 * push_quant.h - push constants of the kernels that quantise and dequantise. C and GLSL.
 */
#ifndef PUSH_QUANT_H
#define PUSH_QUANT_H
#include "push_types.h"

/* Element i has entry (i / inner) % entries of the scales and zero points. */
struct push_quantize {
    push_uint count;
    push_uint per;           /* elements that one invocation computes */
    push_uint inner, entries;
    push_uint has_zero;
    push_int low, high;      /* what the integer type holds; dequantize: low < 0 means signed */
};

struct push_quant_range {
    push_uint count;    /* elements of x */
    push_uint partials; /* invocations that look for a part's least and greatest */
};
#endif
