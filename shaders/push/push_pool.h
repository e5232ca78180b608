/* SPDX-License-Identifier: MIT
 *
 * push_pool.h - what the pool kernels get: planes of [in_h, in_w], windows as ONNX has them. Modes
 * are what specialization constant MODE means. With the chain this fills 128 bytes.
 */
#ifndef PUSH_POOL_H
#define PUSH_POOL_H
#include "push_types.h"

#define POOL_MAX 0
#define POOL_AVERAGE 1        /* over the elements that lie in the input */
#define POOL_AVERAGE_PADDED 2 /* pads count too, but nothing behind them */
#define POOL_LP1 3
#define POOL_LP2 4

struct push_pool {
    push_uint count;  /* elements of the output */
    push_uint end_hw; /* pads at the end: h | w << 16 */
    push_int in_h;
    push_int in_w;
    push_uint out_h;
    push_uint out_w;
    push_int kernel_h;
    push_int kernel_w;
    push_int stride_h;
    push_int stride_w;
    push_int dilation_h;
    push_int dilation_w;
    push_int begin_h;
    push_int begin_w;
};
#endif
