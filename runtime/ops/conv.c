/* SPDX-License-Identifier: MIT
 *
 * conv.c - shape rules and references of Conv and ConvTranspose (see conv.h). The references add in
 * double, a weight's tap at a time over whole rows. Tests: tests/ops/test_conv.c.
 */
#include "ops/conv.h"

#include "ops/axes.h"

#include <string.h>

#define CONV_MOST INT32_MAX /* of any attribute or size: keeps all sums within 64 bits */

/* Attribute `name` for the spatial axes, which are the last `axes` of three. */
static pum_status read_list(const struct graph_node *node, const char *name, int32_t axes,
                            int64_t least, int64_t *values)
{
    int32_t count;
    const int64_t *given = node_ints(node, name, &count);
    if (!given)
        return PUM_OK;
    if (count != axes)
        return pum_fail(PUM_E_SHAPE, "%s has %d values, there are %d spatial axes", name, count,
                        axes);
    for (int32_t i = 0; i < axes; i++) {
        if (given[i] < least || given[i] > CONV_MOST)
            return pum_fail(PUM_E_RANGE, "%s is %lld on axis %d", name, (long long)given[i], i);
        values[WINDOW_MAX_AXES - axes + i] = given[i];
    }
    return PUM_OK;
}

static pum_status read_pads(const struct graph_node *node, int32_t axes, struct window *window)
{
    int32_t count;
    const int64_t *given = node_ints(node, "pads", &count);
    if (!given)
        return PUM_OK;
    if (count != 2 * axes)
        return pum_fail(PUM_E_SHAPE, "pads has %d values, expected %d", count, 2 * axes);
    for (int32_t i = 0; i < axes; i++) {
        int32_t axis = WINDOW_MAX_AXES - axes + i;
        if (given[i] < 0 || given[i] > CONV_MOST || given[axes + i] < 0 ||
            given[axes + i] > CONV_MOST)
            return pum_fail(PUM_E_RANGE, "pads are %lld and %lld on axis %d", (long long)given[i],
                            (long long)given[axes + i], i);
        window->begin[axis] = given[i];
        window->end[axis] = given[axes + i];
    }
    return PUM_OK;
}

static int64_t reach(const struct window *window, int32_t axis)
{
    return (window->kernel[axis] - 1) * window->dilation[axis] + 1;
}

/* Shares `pad` out between both ends; `more_at_end` takes the odd one. */
static void share_pad(struct window *window, int32_t axis, int64_t pad, bool more_at_end)
{
    window->begin[axis] = more_at_end ? pad / 2 : pad - pad / 2;
    window->end[axis] = pad - window->begin[axis];
}

static pum_status size_conv(struct window *window, int32_t axis, const char *auto_pad)
{
    int64_t in = window->in[axis], stride = window->stride[axis];
    if (strncmp(auto_pad, "SAME", 4) == 0) {
        window->out[axis] = axes_ceil_div(in, stride);
        int64_t pad = axes_max((window->out[axis] - 1) * stride + reach(window, axis) - in, 0);
        share_pad(window, axis, pad, strcmp(auto_pad, "SAME_UPPER") == 0);
        return PUM_OK;
    }
    int64_t room = in + window->begin[axis] + window->end[axis] - reach(window, axis);
    if (room < 0)
        return pum_fail(PUM_E_SHAPE, "a kernel of %lld does not fit %lld with pads %lld and %lld",
                        (long long)reach(window, axis), (long long)in,
                        (long long)window->begin[axis], (long long)window->end[axis]);
    window->out[axis] = room / stride + 1;
    return PUM_OK;
}

static pum_status size_transposed(struct window *window, int32_t axis, const char *auto_pad,
                                  int64_t output_padding, int64_t output_shape)
{
    int64_t full = window->in[axis] > 0 ? window->stride[axis] * (window->in[axis] - 1) +
                                              output_padding + reach(window, axis)
                                        : 0;
    bool same = strncmp(auto_pad, "SAME", 4) == 0;
    if (output_shape >= 0 || same) {
        window->out[axis] =
            output_shape >= 0 ? output_shape : window->in[axis] * window->stride[axis];
        int64_t pad = axes_max(full - window->out[axis], 0);
        share_pad(window, axis, pad, strcmp(auto_pad, "SAME_UPPER") == 0);
        return PUM_OK;
    }
    window->out[axis] = full - window->begin[axis] - window->end[axis];
    if (window->out[axis] < 0)
        return pum_fail(PUM_E_SHAPE, "pads of %lld and %lld leave nothing of %lld",
                        (long long)window->begin[axis], (long long)window->end[axis],
                        (long long)full);
    return PUM_OK;
}

static pum_status read_channels(const struct graph_node *node, const struct shape *x,
                                const struct shape *w, bool transposed, struct conv *conv)
{
    conv->batch = x->dims[0];
    conv->in_channels = x->dims[1];
    conv->groups = node_int(node, "group", 1);
    if (conv->groups < 1 || conv->groups > CONV_MOST)
        return pum_fail(PUM_E_RANGE, "group is %lld", (long long)conv->groups);
    if (transposed) {
        if (w->dims[1] > CONV_MOST / conv->groups)
            return pum_fail(PUM_E_RANGE, "too many output channels");
        conv->group_out = w->dims[1];
        conv->out_channels = w->dims[1] * conv->groups;
        conv->group_in = w->dims[0] / conv->groups;
        if (w->dims[0] != conv->in_channels || w->dims[0] % conv->groups != 0)
            return pum_fail(
                PUM_E_SHAPE, "weight for %lld input channels in %lld groups, the input has %lld",
                (long long)w->dims[0], (long long)conv->groups, (long long)conv->in_channels);
        return PUM_OK;
    }
    conv->out_channels = w->dims[0];
    conv->group_in = w->dims[1];
    conv->group_out = conv->out_channels / conv->groups;
    if (conv->out_channels % conv->groups != 0)
        return pum_fail(PUM_E_SHAPE, "%lld output channels do not divide into %lld groups",
                        (long long)conv->out_channels, (long long)conv->groups);
    if (w->dims[1] > CONV_MOST / conv->groups || w->dims[1] * conv->groups != conv->in_channels)
        return pum_fail(
            PUM_E_SHAPE, "weight for %lld channels in each of %lld groups, the input has %lld",
            (long long)w->dims[1], (long long)conv->groups, (long long)conv->in_channels);
    return PUM_OK;
}

static pum_status read_window(const struct graph_node *node, const struct shape *x,
                              const struct shape *w, struct window *window)
{
    int32_t axes = x->rank - 2;
    int64_t kernel[WINDOW_MAX_AXES] = {1, 1, 1};
    window->axes = WINDOW_MAX_AXES;
    for (int32_t i = 0; i < WINDOW_MAX_AXES; i++)
        window->in[i] = window->kernel[i] = window->stride[i] = window->dilation[i] = 1;
    for (int32_t i = 0; i < axes; i++) {
        int32_t axis = WINDOW_MAX_AXES - axes + i;
        window->in[axis] = x->dims[2 + i];
        window->kernel[axis] = kernel[axis] = w->dims[2 + i];
        if (window->in[axis] > CONV_MOST || window->kernel[axis] > CONV_MOST ||
            window->kernel[axis] < 1)
            return pum_fail(PUM_E_RANGE, "spatial axis %d: %lld entries, kernel %lld", i,
                            (long long)window->in[axis], (long long)window->kernel[axis]);
    }
    PUM_TRY(read_list(node, "kernel_shape", axes, 1, kernel));
    if (memcmp(kernel, window->kernel, sizeof kernel) != 0)
        return pum_fail(PUM_E_SHAPE, "kernel_shape is not the weight's");
    PUM_TRY(read_list(node, "strides", axes, 1, window->stride));
    PUM_TRY(read_list(node, "dilations", axes, 1, window->dilation));
    for (int32_t i = 0; i < WINDOW_MAX_AXES; i++) {
        if (window->kernel[i] > 1 && window->dilation[i] > CONV_MOST / (window->kernel[i] - 1))
            return pum_fail(PUM_E_RANGE, "dilation %lld is too large",
                            (long long)window->dilation[i]);
    }
    return PUM_OK;
}

static pum_status size_axes(const struct graph_node *node, int32_t axes, bool transposed,
                            struct window *window)
{
    const char *auto_pad = node_string(node, "auto_pad", "NOTSET");
    int64_t extra[WINDOW_MAX_AXES] = {0, 0, 0}, shape[WINDOW_MAX_AXES] = {-1, -1, -1};
    if (strcmp(auto_pad, "NOTSET") == 0)
        PUM_TRY(read_pads(node, axes, window));
    else if (strcmp(auto_pad, "SAME_UPPER") != 0 && strcmp(auto_pad, "SAME_LOWER") != 0 &&
             strcmp(auto_pad, "VALID") != 0)
        return pum_fail(PUM_E_ARGUMENT, "auto_pad is '%s'", auto_pad);
    if (transposed) {
        PUM_TRY(read_list(node, "output_padding", axes, 0, extra));
        PUM_TRY(read_list(node, "output_shape", axes, 0, shape));
    }
    for (int32_t i = 0; i < WINDOW_MAX_AXES; i++) {
        if (transposed)
            PUM_TRY(size_transposed(window, i, auto_pad, extra[i], shape[i]));
        else
            PUM_TRY(size_conv(window, i, auto_pad));
    }
    return PUM_OK;
}

pum_status conv_read(const struct graph_node *node, const struct shape *x, const struct shape *w,
                     bool transposed, struct conv *conv)
{
    memset(conv, 0, sizeof *conv);
    if (x->rank < 3 || x->rank > 2 + WINDOW_MAX_AXES || w->rank != x->rank)
        return pum_fail(PUM_E_SHAPE,
                        "input of rank %d and weight of rank %d, expected the same, from 3 to 5",
                        x->rank, w->rank);
    PUM_TRY(read_channels(node, x, w, transposed, conv));
    PUM_TRY(read_window(node, x, w, &conv->window));
    PUM_TRY(size_axes(node, x->rank - 2, transposed, &conv->window));
    const struct shape planes[3] = {shape_of(WINDOW_MAX_AXES, conv->window.in),
                                    shape_of(WINDOW_MAX_AXES, conv->window.out),
                                    shape_of(WINDOW_MAX_AXES, conv->window.kernel)};
    if (!shape_count(&planes[0], &conv->in_plane) || !shape_count(&planes[1], &conv->out_plane) ||
        !shape_count(&planes[2], &conv->taps))
        return pum_fail(PUM_E_RANGE, "the sizes are too large");
    return PUM_OK;
}

/* --- Shape rules --- */

static pum_status infer_any(struct op_call *call, bool transposed)
{
    const struct tensor_desc *x = &call->inputs[0].desc, *w = &call->inputs[1].desc;
    if (!dtype_is_float(x->dtype))
        return op_bad_type(call, 0, "a float type");
    if (w->dtype != x->dtype)
        return op_bad_type(call, 1, "the input's type");
    struct conv conv;
    PUM_TRY(conv_read(call->node, &x->shape, &w->shape, transposed, &conv));
    if (op_has_input(call, 2)) {
        const struct tensor_desc *bias = &call->inputs[2].desc;
        if (bias->dtype != x->dtype)
            return op_bad_type(call, 2, "the input's type");
        if (bias->shape.rank != 1 || bias->shape.dims[0] != conv.out_channels)
            return pum_fail(PUM_E_SHAPE, "bias does not have %lld values",
                            (long long)conv.out_channels);
    }
    struct shape shape = x->shape;
    shape.dims[1] = conv.out_channels;
    for (int32_t i = 2; i < shape.rank; i++)
        shape.dims[i] = conv.window.out[WINDOW_MAX_AXES - shape.rank + i];
    return axes_output(call, 0, x->dtype, &shape);
}

pum_status infer_conv(struct op_call *call)
{
    return infer_any(call, false);
}

pum_status infer_conv_transpose(struct op_call *call)
{
    return infer_any(call, true);
}

/* --- References --- */

static double *doubles_of(pum_context *context, const struct host_tensor *tensor)
{
    int64_t count = shape_elements(&tensor->desc.shape);
    double *values = pum_alloc(context, (size_t)count, sizeof *values);
    for (int64_t i = 0; values && i < count; i++)
        values[i] = tensor_get_f64(tensor, i);
    return values;
}

/* One tap of one row: positions of the `narrow` side (a convolution's output, a transposed one's
 * input) meet the `wide` side at n * stride - begin + tap * dilation. The one side is read, the
 * other added to. */
static void add_row(const struct window *w, bool transposed, int64_t tap, double weight,
                    double *wide, int64_t wide_size, double *narrow, int64_t narrow_size)
{
    int64_t start = tap * w->dilation[2] - w->begin[2];
    for (int64_t n = 0; n < narrow_size; n++) {
        int64_t at = n * w->stride[2] + start;
        if (at < 0 || at >= wide_size)
            continue;
        if (transposed)
            wide[at] += weight * narrow[n];
        else
            narrow[n] += weight * wide[at];
    }
}

/* All taps of one pair of channels. `wide` has sizes w->in for a convolution, w->out transposed. */
static void add_channel(const struct conv *conv, bool transposed, const double *weights,
                        double *wide, double *narrow)
{
    const struct window *w = &conv->window;
    const int64_t *ws = transposed ? w->out : w->in, *ns = transposed ? w->in : w->out;
    for (int64_t tap = 0; tap < conv->taps; tap++) {
        int64_t k2 = tap % w->kernel[2], k1 = tap / w->kernel[2] % w->kernel[1];
        int64_t k0 = tap / (w->kernel[2] * w->kernel[1]);
        for (int64_t row = 0; row < ns[0] * ns[1]; row++) {
            int64_t a0 = row / ns[1] * w->stride[0] - w->begin[0] + k0 * w->dilation[0];
            int64_t a1 = row % ns[1] * w->stride[1] - w->begin[1] + k1 * w->dilation[1];
            if (a0 < 0 || a0 >= ws[0] || a1 < 0 || a1 >= ws[1])
                continue;
            add_row(w, transposed, k2, weights[tap], wide + (a0 * ws[1] + a1) * ws[2], ws[2],
                    narrow + row * ns[2], ns[2]);
        }
    }
}

/* One output plane of one sample into `acc`. */
static void output_plane(const struct conv *conv, bool transposed, double *x, const double *w,
                         int64_t sample, int64_t channel, double *acc)
{
    int64_t group = channel / conv->group_out;
    for (int64_t i = 0; i < conv->group_in; i++) {
        int64_t in = group * conv->group_in + i;
        int64_t pair = transposed ? in * conv->group_out + channel % conv->group_out
                                  : channel * conv->group_in + i;
        double *plane = x + (sample * conv->in_channels + in) * conv->in_plane;
        if (transposed)
            add_channel(conv, true, w + pair * conv->taps, acc, plane);
        else
            add_channel(conv, false, w + pair * conv->taps, plane, acc);
    }
}

static pum_status reference_any(struct op_call *call, bool transposed)
{
    struct conv conv;
    PUM_TRY(conv_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                      transposed, &conv));
    double *x = doubles_of(call->context, &call->inputs[0]);
    double *w = doubles_of(call->context, &call->inputs[1]);
    double *acc = pum_alloc(call->context, (size_t)conv.out_plane, sizeof *acc);
    bool ready = x && w && acc;
    for (int64_t p = 0; ready && p < conv.batch * conv.out_channels; p++) {
        int64_t channel = p % conv.out_channels;
        double bias = op_has_input(call, 2) ? tensor_get_f64(&call->inputs[2], channel) : 0;
        for (int64_t i = 0; i < conv.out_plane; i++)
            acc[i] = bias;
        output_plane(&conv, transposed, x, w, p / conv.out_channels, channel, acc);
        for (int64_t i = 0; i < conv.out_plane; i++)
            tensor_set_f64(&call->outputs[0], p * conv.out_plane + i, acc[i]);
    }
    pum_free(call->context, x);
    pum_free(call->context, w);
    pum_free(call->context, acc);
    return ready ? PUM_OK : PUM_E_MEMORY;
}

pum_status reference_conv(struct op_call *call)
{
    return reference_any(call, false);
}

pum_status reference_conv_transpose(struct op_call *call)
{
    return reference_any(call, true);
}
