/* SPDX-License-Identifier: MIT
 *
 * push_batchnorm.h - what the batch normalisation kernels get: [n, channels, inner].
 */
#ifndef PUSH_BATCHNORM_H
#define PUSH_BATCHNORM_H
#include "push_types.h"

struct push_batchnorm {
    push_uint count;
    push_uint channels;
    push_uint inner;
    push_float epsilon;
};
#endif
