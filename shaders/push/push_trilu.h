/* SPDX-License-Identifier: MIT
 *
 * push_trilu.h - what the trilu kernels get: [batch, rows, columns] with batch in count.
 */
#ifndef PUSH_TRILU_H
#define PUSH_TRILU_H
#include "push_types.h"

struct push_trilu {
    push_uint count;
    push_uint rows;
    push_uint columns;
    push_int k;      /* first (upper) or last (lower) diagonal that is kept */
    push_uint upper;
};
#endif
