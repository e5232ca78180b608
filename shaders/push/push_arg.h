/* SPDX-License-Identifier: MIT
 *
 * push_arg.h - what the ArgMax and ArgMin kernels get: rows along the middle of
 * [outer, row_length, inner].
 */
#ifndef PUSH_ARG_H
#define PUSH_ARG_H
#include "push_types.h"

struct push_arg {
    push_uint results; /* outer * inner */
    push_uint row_length;
    push_uint inner;
    push_uint least;   /* ArgMin */
    push_uint last;    /* of equal ones the last, else the first */
};
#endif
