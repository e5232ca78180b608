/* SPDX-License-Identifier: MIT
 *
 * window_fn.c - tables that signal processing multiplies with: HannWindow, HammingWindow,
 * BlackmanWindow, MelWeightMatrix. All follow from scalars that are nearly always constants, and
 * are then folded. The transforms are in signal.c. Tests: tests/ops/test_signal.c.
 */
#include "ops/axes.h"

#include <math.h>

#define WINDOW_MAX_SIZE ((int64_t)1 << 31)

static const double two_pi = 6.283185307179586476925;

/* The one integer of an input; op_needs_data() while it is not known. */
static pum_status one_int(struct op_call *call, int32_t index, int64_t least, int64_t *out_value)
{
    int32_t count;
    *out_value = 0;
    PUM_TRY(axes_input_ints(call, index, out_value, 1, &count));
    if (count != 1)
        return pum_fail(PUM_E_SHAPE, "input %d is not one value", index);
    if (*out_value < least || *out_value > WINDOW_MAX_SIZE)
        return pum_fail(PUM_E_RANGE, "input %d is %lld", index, (long long)*out_value);
    return PUM_OK;
}

static pum_status output_type(const struct op_call *call, enum pum_dtype *out_dtype)
{
    int64_t number = node_int(call->node, "output_datatype", 1);
    *out_dtype = axes_onnx_dtype(number);
    if (*out_dtype == PUM_DTYPE_NONE || *out_dtype == PUM_DTYPE_BOOL ||
        *out_dtype == PUM_DTYPE_STRING)
        return pum_fail(PUM_E_TYPE, "output_datatype %lld is no number type", (long long)number);
    return PUM_OK;
}

/* --- Windows: a sum of cosines ---------------------------------------------------------------- */

static pum_status infer_window_fn(struct op_call *call)
{
    enum pum_dtype dtype;
    int64_t size;
    PUM_TRY(output_type(call, &dtype));
    PUM_TRY(one_int(call, 0, 0, &size));
    struct shape shape = {.rank = 1, .dims = {size}};
    return axes_output(call, 0, dtype, &shape);
}

/* a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N) */
static pum_status reference_window_fn(struct op_call *call, double a0, double a1, double a2)
{
    int64_t size = shape_elements(&call->outputs[0].desc.shape);
    bool periodic = node_int(call->node, "periodic", 1) != 0;
    double period = (double)(periodic ? size : size - 1);
    for (int64_t n = 0; n < size; n++) {
        double angle = period > 0 ? two_pi * (double)n / period : two_pi / 2;
        axes_store_f64(&call->outputs[0], n, a0 - a1 * cos(angle) + a2 * cos(2 * angle));
    }
    return PUM_OK;
}

#define WINDOW_FN(fn, a0, a1, a2)                                                                  \
    pum_status infer_##fn(struct op_call *call)                                                    \
    {                                                                                              \
        return infer_window_fn(call);                                                              \
    }                                                                                              \
    pum_status reference_##fn(struct op_call *call)                                                \
    {                                                                                              \
        return reference_window_fn(call, a0, a1, a2);                                              \
    }                                                                                              \
    OP_HOST_ONLY(fn)

WINDOW_FN(hann_window, 0.5, 0.5, 0.0);
WINDOW_FN(hamming_window, 25.0 / 46.0, 21.0 / 46.0, 0.0);
WINDOW_FN(blackman_window, 0.42, 0.5, 0.08);

/* --- MelWeightMatrix -------------------------------------------------------------------------- */

struct mel {
    int64_t bands, length, rate;
    double low, high; /* Hz */
};

static pum_status read_mel(struct op_call *call, struct mel *out_mel)
{
    *out_mel = (struct mel){0};
    PUM_TRY(one_int(call, 0, 1, &out_mel->bands));
    PUM_TRY(one_int(call, 1, 1, &out_mel->length));
    PUM_TRY(one_int(call, 2, 1, &out_mel->rate));
    for (int32_t i = 3; i < 5; i++) {
        PUM_TRY(axes_need_float(call, i));
        if (shape_elements(&call->inputs[i].desc.shape) != 1)
            return pum_fail(PUM_E_SHAPE, "input %d is not one value", i);
        if (!call->inputs[i].data)
            return op_needs_data(call, i);
        double *edge = i == 3 ? &out_mel->low : &out_mel->high;
        *edge = tensor_get_f64(&call->inputs[i], 0);
    }
    if (!(out_mel->low >= 0 && out_mel->high >= out_mel->low &&
          out_mel->high <= (double)out_mel->rate))
        return pum_fail(PUM_E_RANGE, "edges of %g and %g Hz", out_mel->low, out_mel->high);
    return PUM_OK;
}

pum_status infer_mel_weight_matrix(struct op_call *call)
{
    enum pum_dtype dtype;
    struct mel mel;
    PUM_TRY(output_type(call, &dtype));
    PUM_TRY(read_mel(call, &mel));
    struct shape shape = {.rank = 2, .dims = {mel.length / 2 + 1, mel.bands}};
    return axes_output(call, 0, dtype, &shape);
}

/* The spectrum's bin at which edge `i` of the bands lies (they are equally far apart in mels). */
static int64_t mel_bin(const struct mel *mel, int64_t i)
{
    double low = 2595 * log10(1 + mel->low / 700), high = 2595 * log10(1 + mel->high / 700);
    double at = low + (double)i * (high - low) / (double)(mel->bands + 2);
    double hertz = 700 * (pow(10, at / 2595) - 1);
    return (int64_t)floor((double)(mel->length + 1) * hertz / (double)mel->rate);
}

static void put_weight(struct op_call *call, int64_t bin, int64_t band, double value)
{
    const struct shape *shape = &call->outputs[0].desc.shape;
    if (bin >= 0 && bin < shape->dims[0])
        axes_store_f64(&call->outputs[0], bin * shape->dims[1] + band, value);
}

/* Band i is a triangle from bin i over bin i + 1 to bin i + 2. */
pum_status reference_mel_weight_matrix(struct op_call *call)
{
    struct mel mel;
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    PUM_TRY(read_mel(call, &mel));
    for (int64_t i = 0; i < count; i++)
        axes_store_f64(&call->outputs[0], i, 0);
    for (int64_t band = 0; band < mel.bands; band++) {
        int64_t lower = mel_bin(&mel, band), center = mel_bin(&mel, band + 1);
        int64_t upper = mel_bin(&mel, band + 2);
        if (center == lower)
            put_weight(call, center, band, 1);
        for (int64_t bin = lower; bin <= center && center > lower; bin++)
            put_weight(call, bin, band, (double)(bin - lower) / (double)(center - lower));
        for (int64_t bin = center; bin < upper; bin++)
            put_weight(call, bin, band, (double)(upper - bin) / (double)(upper - center));
    }
    return PUM_OK;
}
OP_HOST_ONLY(mel_weight_matrix);
