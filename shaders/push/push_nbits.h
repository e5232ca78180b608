/* SPDX-License-Identifier: MIT
 *
 * push_nbits.h - what the kernels of MatMulNBits get: weights in words, [words of k][n4][4], scales
 * [blocks][n4][4] and zero points, a byte each, in the same order. C and GLSL.
 */
#ifndef PUSH_NBITS_H
#define PUSH_NBITS_H
#include "push_types.h"

#define NBITS_MOST_K 32768 /* some CPU drivers leave a loop after 65535 steps */

struct push_nbits {
    push_uint m;
    push_uint n;
    push_uint k;
    push_uint blocks;
    push_uint block_words; /* words of a block of one column */
    push_uint n4;          /* columns in fours, the last filled up with zeros */
    push_uint has_zeros;   /* 0: all zero points are `zero` */
    push_float zero;
};
#endif
