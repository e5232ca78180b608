/* SPDX-License-Identifier: MIT
 *
 * conv.h - the geometry of a (transposed) convolution, read from attributes and shapes and checked
 * once, for the shape rules, the references and the lowerings. Tests: tests/ops/test_conv.c.
 */
#ifndef PUM_OPS_CONV_H
#define PUM_OPS_CONV_H

#include "ops/op.h"
#include "ops/window.h"

/* Always three spatial axes: missing leading ones have size and kernel 1. */
struct conv {
    int64_t batch, groups;
    int64_t in_channels, out_channels; /* of all groups */
    int64_t group_in, group_out;       /* of one group */
    struct window window;
    int64_t in_plane, out_plane, taps; /* products over the axes */
};

/* Reads the node for input and weight shapes; `transposed` for ConvTranspose. */
pum_status conv_read(const struct graph_node *node, const struct shape *x, const struct shape *w,
                     bool transposed, struct conv *out_conv);

/* The geometry as kernels have it (shaders/push/push_conv.h); has_bias is left 0.
 * PUM_E_UNSUPPORTED: a number that does not fit. */
struct push_conv;
pum_status conv_fill_push(const struct conv *conv, struct push_conv *out_push);

#endif
