/* SPDX-License-Identifier: MIT
 *
 * push_resize.h - what the resize kernels get: [outer, in_h, in_w, inner] to
 * [outer, out_h, out_w, inner]. Output position x shows input coordinate (x * num + add) / den.
 * Modes are what specialization constant MODE means. With the chain this fills 128 bytes.
 */
#ifndef PUSH_RESIZE_H
#define PUSH_RESIZE_H
#include "push_types.h"

#define RESIZE_NEAREST 0
#define RESIZE_LINEAR 1
#define RESIZE_CUBIC 2

#define RESIZE_FLOOR 0
#define RESIZE_CEIL 1
#define RESIZE_PREFER_FLOOR 2
#define RESIZE_PREFER_CEIL 3

struct push_resize {
    push_uint count;    /* invocations: outer * out_h * chunks of out_w * inner */
    push_uint out_h;
    push_uint out_w;
    push_uint span;     /* neighbours along out_w that one invocation computes */
    push_uint inner;
    push_int in_h;
    push_int in_w;
    push_int num_h;
    push_int add_h;
    push_int den_h;
    push_int num_w;
    push_int add_w;
    push_int den_w;
    push_uint rounding; /* RESIZE_FLOOR ...; bit 2: exclude_outside of cubic */
    push_float cubic_a;
};
#endif
