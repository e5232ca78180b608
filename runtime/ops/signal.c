/* SPDX-License-Identifier: MIT
 *
 * signal.c - DFT (its axis is input 2, as in opset 20; readers bring opset 17's attribute there)
 * and STFT. Real signals have a last axis of 1, complex ones of 2. References here; the passes turn
 * both into products with a table of sines where the device gains by it (passes/expand_signal.c).
 * Tests: tests/ops/test_signal.c.
 */
#include "ops/signal.h"

#include "ops/axes.h"
#include "ops/fourier.h"

#include <string.h>

#define SIGNAL_MAX_LENGTH ((int64_t)1 << 30)

static pum_status check_signal(const struct op_call *call, int32_t least_rank)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    PUM_TRY(axes_need_float(call, 0));
    if (shape->rank < least_rank ||
        (shape->dims[shape->rank - 1] != 1 && shape->dims[shape->rank - 1] != 2)) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE,
                        "a signal of shape %s, its last axis must be 1 (real) or 2 "
                        "(complex)",
                        shape_text(shape, text));
    }
    return PUM_OK;
}

/* An optional integer scalar; `*value` stays when it is absent. */
static pum_status optional_int(struct op_call *call, int32_t index, int64_t *value)
{
    int32_t count;
    int64_t given;
    if (!op_has_input(call, index))
        return PUM_OK;
    PUM_TRY(axes_input_ints(call, index, &given, 1, &count));
    if (count != 1)
        return pum_fail(PUM_E_SHAPE, "input %d is not one value", index);
    *value = given;
    return PUM_OK;
}

/* --- DFT -------------------------------------------------------------------------------------- */

pum_status signal_read_dft(struct op_call *call, struct dft *out_dft)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    int64_t axis = -2;
    *out_dft = (struct dft){.inverse = node_int(call->node, "inverse", 0) != 0,
                            .half = node_int(call->node, "onesided", 0) != 0};
    PUM_TRY(check_signal(call, 2));
    PUM_TRY(optional_int(call, 2, &axis));
    PUM_TRY(axes_one(axis, shape->rank, &out_dft->axis));
    if (out_dft->axis == shape->rank - 1)
        return pum_fail(PUM_E_SHAPE, "axis %lld is that of real and imaginary parts",
                        (long long)axis);
    bool real = shape->dims[shape->rank - 1] == 1;
    out_dft->to_real = out_dft->half && out_dft->inverse;
    if (out_dft->half && !out_dft->inverse && !real)
        return pum_fail(PUM_E_SHAPE, "onesided needs a real signal");
    if (out_dft->to_real && real)
        return pum_fail(PUM_E_SHAPE, "onesided and inverse need a complex spectrum");
    int64_t in = shape->dims[out_dft->axis];
    out_dft->length = out_dft->to_real ? 2 * (in - 1) : in;
    PUM_TRY(optional_int(call, 1, &out_dft->length));
    if (out_dft->length < 1 || out_dft->length > SIGNAL_MAX_LENGTH)
        return pum_fail(PUM_E_RANGE, "a transform of length %lld", (long long)out_dft->length);
    out_dft->out = out_dft->half && !out_dft->inverse ? out_dft->length / 2 + 1 : out_dft->length;
    return PUM_OK;
}

pum_status infer_dft(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    struct dft dft;
    PUM_TRY(signal_read_dft(call, &dft));
    shape.dims[dft.axis] = dft.out;
    shape.dims[shape.rank - 1] = dft.to_real ? 1 : 2;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* Entry `at` of a signal whose elements begin at `base` and lie `stride` values apart. */
static struct fourier_value read_value(const struct host_tensor *in, int64_t base, int64_t parts)
{
    return (struct fourier_value){tensor_get_f64(in, base),
                                  parts == 2 ? tensor_get_f64(in, base + 1) : 0};
}

/* Half a spectrum becomes the whole: the other half is its mirror image, conjugated. */
static void mirror(struct fourier_value *values, int64_t length)
{
    for (int64_t k = 1; k < length - length / 2; k++) {
        values[length - k].re = values[k].re;
        values[length - k].im = -values[k].im;
    }
}

pum_status reference_dft(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    const struct shape *shape = &in->desc.shape;
    struct host_tensor *out = &call->outputs[0];
    struct fourier fourier;
    struct dft dft;
    PUM_TRY(signal_read_dft(call, &dft));
    int64_t outer = shape_product(shape, 0, dft.axis), entries = shape->dims[dft.axis];
    int64_t inner = shape_product(shape, dft.axis + 1, shape->rank - 1);
    int64_t parts = shape->dims[shape->rank - 1], out_parts = dft.to_real ? 1 : 2;
    int64_t used = axes_min(entries, dft.to_real ? dft.length / 2 + 1 : dft.length);
    double scale = dft.inverse ? 1 / (double)dft.length : 1;
    struct fourier_value *values = pum_alloc(call->context, (size_t)dft.length, sizeof *values);
    pum_status status = fourier_open(call->context, dft.length, dft.inverse, &fourier);
    if (!values)
        status = PUM_E_MEMORY;
    for (int64_t row = 0; row < outer * inner && status == PUM_OK; row++) {
        int64_t o = row / inner, i = row % inner;
        memset(values, 0, (size_t)dft.length * sizeof *values);
        for (int64_t k = 0; k < used; k++)
            values[k] = read_value(in, ((o * entries + k) * inner + i) * parts, parts);
        if (dft.to_real)
            mirror(values, dft.length);
        fourier_run(&fourier, values);
        for (int64_t k = 0; k < dft.out; k++) {
            int64_t at = ((o * dft.out + k) * inner + i) * out_parts;
            tensor_set_f64(out, at, values[k].re * scale);
            if (out_parts == 2)
                tensor_set_f64(out, at + 1, values[k].im * scale);
        }
    }
    fourier_close(&fourier);
    pum_free(call->context, values);
    return status;
}
OP_HOST_ONLY(dft);

/* --- STFT ------------------------------------------------------------------------------------- */

pum_status signal_read_stft(struct op_call *call, struct stft *out_stft)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    *out_stft = (struct stft){0};
    PUM_TRY(check_signal(call, 3));
    if (shape->rank != 3)
        return pum_fail(PUM_E_SHAPE, "a signal of rank %d, expected [batch,length,1 or 2]",
                        shape->rank);
    PUM_TRY(optional_int(call, 1, &out_stft->step));
    if (op_has_input(call, 2)) {
        PUM_TRY(axes_need_float(call, 2));
        if (call->inputs[2].desc.shape.rank != 1)
            return pum_fail(PUM_E_SHAPE, "the window (input 2) has %d axes, expected 1",
                            call->inputs[2].desc.shape.rank);
        out_stft->length = call->inputs[2].desc.shape.dims[0];
    }
    PUM_TRY(optional_int(call, 3, &out_stft->length));
    if (out_stft->step < 1 || out_stft->length < 1 || out_stft->length > shape->dims[1] ||
        out_stft->length > SIGNAL_MAX_LENGTH)
        return pum_fail(PUM_E_RANGE, "frames of %lld every %lld of a signal of %lld",
                        (long long)out_stft->length, (long long)out_stft->step,
                        (long long)shape->dims[1]);
    if (op_has_input(call, 2) && call->inputs[2].desc.shape.dims[0] != out_stft->length)
        return pum_fail(PUM_E_SHAPE, "a window of %lld for frames of %lld",
                        (long long)call->inputs[2].desc.shape.dims[0], (long long)out_stft->length);
    bool half = node_int(call->node, "onesided", 1) != 0;
    if (half && shape->dims[2] == 2)
        return pum_fail(PUM_E_SHAPE, "onesided needs a real signal");
    out_stft->frames = (shape->dims[1] - out_stft->length) / out_stft->step + 1;
    out_stft->bins = half ? out_stft->length / 2 + 1 : out_stft->length;
    return PUM_OK;
}

pum_status infer_stft(struct op_call *call)
{
    struct stft stft;
    PUM_TRY(signal_read_stft(call, &stft));
    struct shape shape = {.rank = 4,
                          .dims = {call->inputs[0].desc.shape.dims[0], stft.frames, stft.bins, 2}};
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

pum_status reference_stft(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0], *window = &call->inputs[2];
    const struct shape *shape = &in->desc.shape;
    struct fourier fourier;
    struct stft stft;
    PUM_TRY(signal_read_stft(call, &stft));
    struct fourier_value *values = pum_alloc(call->context, (size_t)stft.length, sizeof *values);
    pum_status status = fourier_open(call->context, stft.length, false, &fourier);
    if (!values)
        status = PUM_E_MEMORY;
    for (int64_t row = 0; row < shape->dims[0] * stft.frames && status == PUM_OK; row++) {
        int64_t first = row / stft.frames * shape->dims[1] + row % stft.frames * stft.step;
        for (int64_t k = 0; k < stft.length; k++) {
            double factor = op_has_input(call, 2) ? tensor_get_f64(window, k) : 1;
            values[k] = read_value(in, (first + k) * shape->dims[2], shape->dims[2]);
            values[k].re *= factor;
            values[k].im *= factor;
        }
        fourier_run(&fourier, values);
        for (int64_t k = 0; k < stft.bins; k++) {
            tensor_set_f64(&call->outputs[0], (row * stft.bins + k) * 2, values[k].re);
            tensor_set_f64(&call->outputs[0], (row * stft.bins + k) * 2 + 1, values[k].im);
        }
    }
    fourier_close(&fourier);
    pum_free(call->context, values);
    return status;
}
OP_HOST_ONLY(stft);
