/* SPDX-License-Identifier: MIT
 *
 * push_norm.h - what the normalisation kernels get: contiguous rows. Element k of a row takes scale
 * and bias at (row % groups) * per_group + k / repeat, which serves layer (groups 1), instance
 * (groups = channels, per_group 1) and group norm. Modes are what specialization constant MODE
 * means.
 */
#ifndef PUSH_NORM_H
#define PUSH_NORM_H
#include "push_types.h"

#define NORM_VARIANCE 0 /* (x - mean) / sqrt(variance + epsilon) */
#define NORM_RMS 1      /* x / sqrt(mean of squares + epsilon) */

struct push_norm {
    push_uint rows;
    push_uint row_length;
    push_uint groups;
    push_uint per_group;
    push_uint repeat;
    push_uint has_bias;
    push_float epsilon;
};
#endif
