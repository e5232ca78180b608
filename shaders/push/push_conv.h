/* SPDX-License-Identifier: MIT
 *
 * push_conv.h - push constants of the convolution kernels. Two-dimensional; one spatial axis has
 * height 1. Pairs are packed as h | w << 16. 64 bytes at most, so that the chain's block fits behind.
 */
#ifndef PUSH_CONV_H
#define PUSH_CONV_H
#include "push_types.h"

struct push_conv {
    push_uint count;      /* invocations with work */
    push_int in_h, in_w;
    push_int out_h, out_w;
    push_int begin_h, begin_w; /* pads; of a transposed convolution: cut off the output */
    push_uint kernel_hw, stride_hw, dilation_hw;
    push_uint group_in;   /* channels of one group */
    push_uint group_out;
    push_uint groups;
    push_uint has_bias;
};
#endif
