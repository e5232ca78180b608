/* SPDX-License-Identifier: MIT
 *
 * push_im2col.h - push constants of im2col: patches of an input as the columns of a matrix.
 */
#ifndef PUSH_IM2COL_H
#define PUSH_IM2COL_H
#include "push_types.h"

struct push_im2col {
    push_uint count;           /* invocations with work */
    push_uint channels;        /* of one sample */
    push_int in_h, in_w;
    push_int out_h, out_w;
    push_int begin_h, begin_w;
    push_int kernel_h, kernel_w;
    push_int stride_h, stride_w;
    push_int dilation_h, dilation_w;
};
#endif
