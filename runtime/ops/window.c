/* SPDX-License-Identifier: MIT
 *
 * window.c - reads and checks the attributes of pools (see window.h).
 * Tests: tests/ops/test_pool.c.
 */
#include "ops/window.h"

#include "ops/axes.h"

#include <string.h>

#define WINDOW_MOST INT32_MAX /* of any attribute: keeps all sums within 64 bits */

static pum_status read_list(const struct graph_node *node, const char *name, int32_t axes,
                            int64_t least, int64_t otherwise, int64_t *values)
{
    int32_t count;
    const int64_t *given = node_ints(node, name, &count);
    for (int32_t i = 0; i < axes; i++)
        values[i] = otherwise;
    if (!given)
        return PUM_OK;
    if (count != axes)
        return pum_fail(PUM_E_SHAPE, "%s has %d values, the input %d spatial axes", name, count,
                        axes);
    for (int32_t i = 0; i < axes; i++) {
        if (given[i] < least || given[i] > WINDOW_MOST)
            return pum_fail(PUM_E_RANGE, "%s is %lld on axis %d", name, (long long)given[i], i);
        values[i] = given[i];
    }
    return PUM_OK;
}

static pum_status read_pads(const struct graph_node *node, struct window *window)
{
    int32_t count;
    const int64_t *given = node_ints(node, "pads", &count);
    if (!given)
        return PUM_OK;
    if (count != 2 * window->axes)
        return pum_fail(PUM_E_SHAPE, "pads has %d values, expected %d", count, 2 * window->axes);
    for (int32_t i = 0; i < count; i++) {
        int32_t axis = i % window->axes;
        int64_t reach = (window->kernel[axis] - 1) * window->dilation[axis];
        if (given[i] < 0 || given[i] > reach)
            return pum_fail(PUM_E_RANGE, "a pad of %lld on axis %d, the window reaches %lld",
                            (long long)given[i], axis, (long long)reach);
        *(i < window->axes ? &window->begin[axis] : &window->end[axis]) = given[i];
    }
    return PUM_OK;
}

/* The output size on one axis, and pads where auto_pad makes them. */
static pum_status size_axis(struct window *window, int32_t axis, const char *auto_pad, bool ceil)
{
    int64_t in = window->in[axis], stride = window->stride[axis];
    int64_t reach = (window->kernel[axis] - 1) * window->dilation[axis] + 1;
    bool upper = strcmp(auto_pad, "SAME_UPPER") == 0, lower = strcmp(auto_pad, "SAME_LOWER") == 0;
    if (upper || lower) {
        window->out[axis] = axes_ceil_div(in, stride);
        int64_t pad = axes_max((window->out[axis] - 1) * stride + reach - in, 0);
        window->begin[axis] = upper ? pad / 2 : pad - pad / 2;
        window->end[axis] = pad - window->begin[axis];
        return PUM_OK;
    }
    int64_t room = in + window->begin[axis] + window->end[axis] - reach;
    if (room < 0)
        return pum_fail(PUM_E_SHAPE, "a window of %lld does not fit %lld with pads %lld and %lld",
                        (long long)reach, (long long)in, (long long)window->begin[axis],
                        (long long)window->end[axis]);
    window->out[axis] = (ceil ? axes_ceil_div(room, stride) : room / stride) + 1;
    if (ceil && (window->out[axis] - 1) * stride >= in + window->begin[axis])
        window->out[axis]--;
    return PUM_OK;
}

pum_status window_read(const struct graph_node *node, const struct shape *shape,
                       struct window *out_window)
{
    const char *auto_pad = node_string(node, "auto_pad", "NOTSET");
    bool ceil = node_int(node, "ceil_mode", 0) != 0;
    memset(out_window, 0, sizeof *out_window);
    out_window->axes = shape->rank - 2;
    if (out_window->axes < 1 || out_window->axes > WINDOW_MAX_AXES)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected [n, c] and 1 to 3 spatial axes",
                        shape->rank);
    if (!node_attr(node, "kernel_shape"))
        return pum_fail(PUM_E_ARGUMENT, "attribute kernel_shape is missing");
    PUM_TRY(read_list(node, "kernel_shape", out_window->axes, 1, 1, out_window->kernel));
    PUM_TRY(read_list(node, "strides", out_window->axes, 1, 1, out_window->stride));
    PUM_TRY(read_list(node, "dilations", out_window->axes, 1, 1, out_window->dilation));
    if (strcmp(auto_pad, "NOTSET") == 0)
        PUM_TRY(read_pads(node, out_window));
    else if (strcmp(auto_pad, "SAME_UPPER") != 0 && strcmp(auto_pad, "SAME_LOWER") != 0 &&
             strcmp(auto_pad, "VALID") != 0)
        return pum_fail(PUM_E_ARGUMENT, "auto_pad is '%s'", auto_pad);
    for (int32_t i = 0; i < out_window->axes; i++) {
        out_window->in[i] = shape->dims[2 + i];
        if (out_window->in[i] > WINDOW_MOST)
            return pum_fail(PUM_E_UNSUPPORTED, "spatial axis %d has %lld entries", i,
                            (long long)out_window->in[i]);
        PUM_TRY(size_axis(out_window, i, auto_pad, ceil));
    }
    return PUM_OK;
}
