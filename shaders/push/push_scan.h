/* SPDX-License-Identifier: MIT
 *
 * push_scan.h - what the running-sum kernels get: rows along the middle of
 * [outer, row_length, inner].
 */
#ifndef PUSH_SCAN_H
#define PUSH_SCAN_H
#include "push_types.h"

struct push_scan {
    push_uint rows; /* outer * inner */
    push_uint row_length;
    push_uint inner;
    push_uint exclusive; /* an element's own value does not count */
    push_uint reverse;   /* from the end */
};
#endif
