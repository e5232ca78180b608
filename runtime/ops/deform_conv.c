/* SPDX-License-Identifier: MIT
 *
 * deform_conv.c - DeformConv: a convolution over two spatial axes each of whose taps is moved by an
 * offset of its own, a position between elements (interpolated linearly, zero outside), and perhaps
 * weighted by a mask. The geometry is Conv's (conv.h). Tests: tests/ops/test_conv.c.
 */
#include "ops/conv.h"

#include "ops/axes.h"

#include <math.h>

struct deform {
    struct conv conv;
    int64_t offset_groups, group_channels; /* channels of the input in one offset group */
};

/* Input `index` of [batch, channels, out height, out width], in the input's type. */
static pum_status check_field(const struct op_call *call, const struct deform *deform,
                              int32_t index, int64_t channels)
{
    const struct tensor_desc *desc = &call->inputs[index].desc;
    const struct conv *conv = &deform->conv;
    const int64_t dims[4] = {conv->batch, channels, conv->window.out[1], conv->window.out[2]};
    const struct shape wanted = shape_of(4, dims);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];

    if (desc->dtype != call->inputs[0].desc.dtype)
        return op_bad_type(call, index, "the input's type");
    if (!shape_equal(&desc->shape, &wanted))
        return pum_fail(PUM_E_SHAPE, "input %d has shape %s, expected %s", index,
                        shape_text(&desc->shape, a), shape_text(&wanted, b));
    return PUM_OK;
}

static pum_status read_deform(struct op_call *call, struct deform *out_deform)
{
    const struct tensor_desc *x = &call->inputs[0].desc, *w = &call->inputs[1].desc;
    int64_t groups = node_int(call->node, "offset_group", 1);

    if (!dtype_is_float(x->dtype))
        return op_bad_type(call, 0, "a float type");
    if (w->dtype != x->dtype)
        return op_bad_type(call, 1, "the input's type");
    if (x->shape.rank != 4)
        return pum_fail(PUM_E_UNSUPPORTED,
                        "an input of rank %d; only two spatial axes are "
                        "supported",
                        x->shape.rank);
    PUM_TRY(conv_read(call->node, &x->shape, &w->shape, false, &out_deform->conv));
    if (groups < 1 || out_deform->conv.in_channels % groups != 0)
        return pum_fail(PUM_E_RANGE, "offset_group is %lld, and there are %lld channels",
                        (long long)groups, (long long)out_deform->conv.in_channels);
    out_deform->offset_groups = groups;
    out_deform->group_channels = out_deform->conv.in_channels / groups;
    return PUM_OK;
}

pum_status infer_deform_conv(struct op_call *call)
{
    struct deform deform;
    PUM_TRY(read_deform(call, &deform));
    const struct conv *conv = &deform.conv;
    int64_t taps = deform.offset_groups * conv->taps; /* both bounded by sizes that exist */

    PUM_TRY(check_field(call, &deform, 2, taps * 2));
    if (op_has_input(call, 4))
        PUM_TRY(check_field(call, &deform, 4, taps));
    if (op_has_input(call, 3)) {
        const struct tensor_desc *bias = &call->inputs[3].desc;
        if (bias->dtype != call->inputs[0].desc.dtype)
            return op_bad_type(call, 3, "the input's type");
        if (bias->shape.rank != 1 || bias->shape.dims[0] != conv->out_channels)
            return pum_fail(PUM_E_SHAPE, "bias does not have %lld values",
                            (long long)conv->out_channels);
    }
    struct shape shape = call->inputs[0].desc.shape;
    shape.dims[1] = conv->out_channels;
    shape.dims[2] = conv->window.out[1];
    shape.dims[3] = conv->window.out[2];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* One element of a plane; zero outside. */
static double element(const struct host_tensor *x, const struct window *w, int64_t plane,
                      int64_t row, int64_t column)
{
    if (row < 0 || row >= w->in[1] || column < 0 || column >= w->in[2])
        return 0;
    return tensor_get_f64(x, (plane * w->in[1] + row) * w->in[2] + column);
}

static double between(const struct host_tensor *x, const struct window *w, int64_t plane,
                      double row, double column)
{
    /* Beyond the last neighbours nothing is left; it also keeps the numbers within int64. */
    if (!(row > -1 && row < (double)w->in[1] && column > -1 && column < (double)w->in[2]))
        return 0;
    int64_t top = (int64_t)floor(row), left = (int64_t)floor(column);
    double down = row - (double)top, right = column - (double)left;
    return (1 - down) * ((1 - right) * element(x, w, plane, top, left) +
                         right * element(x, w, plane, top, left + 1)) +
           down * ((1 - right) * element(x, w, plane, top + 1, left) +
                   right * element(x, w, plane, top + 1, left + 1));
}

/* What tap `tap` of input channel `channel` sees at an output position. */
static double tap_value(const struct op_call *call, const struct deform *deform, int64_t sample,
                        int64_t channel, int64_t tap, int64_t position)
{
    const struct conv *conv = &deform->conv;
    const struct window *w = &conv->window;
    int64_t group = channel / deform->group_channels;
    int64_t field = (sample * deform->offset_groups + group) * conv->taps + tap;
    int64_t row =
        position / w->out[2] * w->stride[1] - w->begin[1] + tap / w->kernel[2] * w->dilation[1];
    int64_t column =
        position % w->out[2] * w->stride[2] - w->begin[2] + tap % w->kernel[2] * w->dilation[2];
    const struct host_tensor *offset = &call->inputs[2];
    double down = tensor_get_f64(offset, 2 * field * conv->out_plane + position);
    double right = tensor_get_f64(offset, (2 * field + 1) * conv->out_plane + position);
    double value = between(&call->inputs[0], w, sample * conv->in_channels + channel,
                           (double)row + down, (double)column + right);
    if (op_has_input(call, 4))
        value *= tensor_get_f64(&call->inputs[4], field * conv->out_plane + position);
    return value;
}

/* What all taps see at all positions of one group's channels of one sample. */
static void fill_columns(const struct op_call *call, const struct deform *deform, int64_t sample,
                         int64_t group, double *columns)
{
    const struct conv *conv = &deform->conv;
    for (int64_t i = 0; i < conv->group_in * conv->taps; i++) {
        int64_t channel = group * conv->group_in + i / conv->taps;
        for (int64_t p = 0; p < conv->out_plane; p++)
            columns[i * conv->out_plane + p] =
                tap_value(call, deform, sample, channel, i % conv->taps, p);
    }
}

static void add_products(const struct op_call *call, const struct deform *deform, int64_t sample,
                         int64_t group, const double *columns)
{
    const struct conv *conv = &deform->conv;
    for (int64_t o = 0; o < conv->group_out; o++) {
        int64_t channel = group * conv->group_out + o;
        double bias = op_has_input(call, 3) ? tensor_get_f64(&call->inputs[3], channel) : 0;
        for (int64_t p = 0; p < conv->out_plane; p++) {
            double sum = bias;
            for (int64_t i = 0; i < conv->group_in * conv->taps; i++)
                sum += columns[i * conv->out_plane + p] *
                       tensor_get_f64(&call->inputs[1], channel * conv->group_in * conv->taps + i);
            tensor_set_f64(&call->outputs[0],
                           (sample * conv->out_channels + channel) * conv->out_plane + p, sum);
        }
    }
}

pum_status reference_deform_conv(struct op_call *call)
{
    struct deform deform;
    int64_t rows, count;
    PUM_TRY(read_deform(call, &deform));
    const struct conv *conv = &deform.conv;
    const int64_t dims[3] = {conv->group_in, conv->taps, conv->out_plane};
    const struct shape all = shape_of(3, dims);
    if (!shape_count(&all, &count))
        return pum_fail(PUM_E_RANGE, "the sizes are too large");
    double *columns = pum_alloc(call->context, (size_t)count, sizeof *columns);
    if (!columns)
        return PUM_E_MEMORY;
    rows = conv->batch * conv->groups;
    for (int64_t i = 0; i < rows; i++) {
        fill_columns(call, &deform, i / conv->groups, i % conv->groups, columns);
        add_products(call, &deform, i / conv->groups, i % conv->groups, columns);
    }
    pum_free(call->context, columns);
    return PUM_OK;
}
OP_HOST_ONLY(deform_conv);
