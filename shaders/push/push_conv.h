/* SPDX-License-Identifier: MIT
 *
 * push_conv.h - push constants of the convolutions over up to three spatial axes (absent ones have
 * size 1, kernel 1, stride 1). 60 bytes, so that the chain's block fits behind it in 128.
 */
#ifndef PUSH_CONV_H
#define PUSH_CONV_H
#include "push_types.h"

/* Three small numbers in a word: 10 bits for depth, 11 for height, 11 for width. */
#define CONV_PACK(d, h, w) ((d) | ((h) << 10) | ((w) << 21))
#define CONV_MAX_D 1023
#define CONV_MAX_HW 2047
#define CONV_D(word) ((word) & 1023)
#define CONV_H(word) (((word) >> 10) & 2047)
#define CONV_W(word) ((word) >> 21)

struct push_conv {
    push_uint in_d, in_h, in_w;
    push_uint out_d, out_h, out_w;
    push_uint kernel, stride, dilation, pad; /* packed; pad: at the beginning */
    push_uint group_in, group_out;           /* channels of a group */
    push_uint groups, batch;
    push_uint has_bias;
};
#endif
