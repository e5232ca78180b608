/* SPDX-License-Identifier: MIT
 *
 * push_pad.h - what the pad kernels get. in_dims, out_dims and begin are of the axes that are left
 * after joining those without pads, outermost first.
 */
#ifndef PUSH_PAD_H
#define PUSH_PAD_H
#include "push_types.h"

#define PAD_MAX_RANK 6

#define PAD_CONSTANT 0
#define PAD_REFLECT 1
#define PAD_EDGE 2
#define PAD_WRAP 3

struct push_pad {
    push_uint count; /* elements of the output */
    push_uint rank;
    push_uint mode;
    push_uint has_value; /* binding 1 holds the constant; else it is 0 */
    push_uint in_dims[PAD_MAX_RANK];
    push_uint out_dims[PAD_MAX_RANK];
    push_int begin[PAD_MAX_RANK];
};
#endif
