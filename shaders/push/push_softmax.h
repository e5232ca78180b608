/* SPDX-License-Identifier: MIT
 *
 * push_softmax.h - what the softmax kernels get: rows along the middle of
 * [outer, row_length, inner].
 */
#ifndef PUSH_SOFTMAX_H
#define PUSH_SOFTMAX_H
#include "push_types.h"

struct push_softmax {
    push_uint rows;       /* outer * inner */
    push_uint row_length;
    push_uint inner;
    push_uint log_result; /* LogSoftmax */
};
#endif
