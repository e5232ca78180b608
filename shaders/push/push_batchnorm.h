/* SPDX-License-Identifier: MIT
 *
 * push_batchnorm.h - what the batch normalisation kernels get: [n, channels, inner].
 */
#ifndef PUSH_BATCHNORM_H
#define PUSH_BATCHNORM_H
#include "push_types.h"

struct push_batchnorm {
    push_uint count;  /* invocations: n * channels * chunks */
    push_uint channels;
    push_uint inner;
    push_uint span;   /* neighbours of one channel that an invocation computes */
    push_uint chunks; /* inner / span, rounded up */
    push_float epsilon;
};
#endif
