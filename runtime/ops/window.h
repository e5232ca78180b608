/* SPDX-License-Identifier: MIT
 *
 * window.h - sliding windows over up to three spatial axes, as pools have them: attributes read and
 * checked, output sizes, which part of the input a window sees. Tests: tests/ops/test_pool.c.
 */
#ifndef PUM_OPS_WINDOW_H
#define PUM_OPS_WINDOW_H

#include "ops/op.h"

#define WINDOW_MAX_AXES 3

struct window {
    int32_t axes; /* spatial axes, 1..3 */
    int64_t in[WINDOW_MAX_AXES];
    int64_t out[WINDOW_MAX_AXES];
    int64_t kernel[WINDOW_MAX_AXES];
    int64_t stride[WINDOW_MAX_AXES];
    int64_t dilation[WINDOW_MAX_AXES];
    int64_t begin[WINDOW_MAX_AXES]; /* pads */
    int64_t end[WINDOW_MAX_AXES];
};

/* Reads kernel_shape, strides, dilations, pads, auto_pad and ceil_mode of a pool of an input of
 * shape [n, c, spatial...]. With ceil_mode a last window that would begin behind the input and its
 * first pad is left out. */
pum_status window_read(const struct graph_node *node, const struct shape *shape,
                       struct window *out_window);

#endif
