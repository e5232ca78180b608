/* SPDX-License-Identifier: MIT
 *
 * quant_pool.c - pools and softmax of 8-bit tensors with scales and zero points:
 * QLinearAveragePool, QLinearGlobalAveragePool, QLinearSoftmax; and the kernel of MaxPool of
 * integers. All float32 steps are those of ONNX Runtime's CPU provider. Inputs of all three: x, its
 * scale and zero point, y's. Tests: tests/ops/test_quantize.c, cases_quantize.inc.
 */
#include "ops/axes.h"
#include "ops/lower.h"
#include "ops/quantize.h"
#include "ops/window.h"

#include "push_quant.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Old CPU drivers (Mesa 22) leave a shader's loops after 65535 iterations in all. */
#define MOST_STEPS 60000

static pum_status check_inputs(const struct op_call *call)
{
    PUM_TRY(quant_need_inputs(call, 4));
    const struct tensor_desc *x = &call->inputs[0].desc;
    struct quant_axis axis;
    if (!quant_is_byte(x->dtype))
        return op_bad_type(call, 0, "int8 or uint8");
    PUM_TRY(quant_check(call, 1, 2, x->dtype, &x->shape, -1, &axis));
    PUM_TRY(quant_check(call, 3, 4, x->dtype, &x->shape, -1, &axis));
    if (node_int(call->node, "channels_last", 0) != 0)
        return pum_fail(PUM_E_UNSUPPORTED, "channels_last is not supported");
    return PUM_OK;
}

/* The scales and zero points, all known. */
struct numbers {
    float x_scale, y_scale;
    int32_t x_zero, y_zero, low, high;
};

static struct numbers read_numbers(const struct op_call *call)
{
    struct numbers n = {.x_scale = quant_scale_at(call, 1, 0),
                        .y_scale = quant_scale_at(call, 3, 0),
                        .x_zero = quant_zero_at(call, 2, 0),
                        .y_zero = quant_zero_at(call, 4, 0)};
    (void)quant_range(call->inputs[0].desc.dtype, &n.low, &n.high);
    return n;
}

static pum_status know(const struct lower_call *call, struct axes_lowered *lowered,
                       struct numbers *out_numbers)
{
    axes_lowered_call(call, lowered);
    for (int32_t i = 1; i < call->input_count; i++)
        if (call->inputs[i].desc.dtype != PUM_DTYPE_NONE && !call->inputs[i].data)
            return pum_fail(PUM_E_UNSUPPORTED, "input %d is not known before the run", i);
    *out_numbers = read_numbers(&lowered->call);
    return PUM_OK;
}

/* --- Windows ---------------------------------------------------------------------------------- */

pum_status infer_qlinear_average_pool(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    struct window window;
    PUM_TRY(check_inputs(call));
    PUM_TRY(window_read(call->node, &shape, &window));
    for (int32_t i = 0; i < window.axes; i++)
        shape.dims[2 + i] = window.out[i];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* The mean of the window at `place` (of the output's spatial axes) in one plane. */
static float window_mean(const struct host_tensor *x, const struct window *w,
                         const struct numbers *n, int64_t base, const int64_t *place, bool padded)
{
    int64_t taps = 1, inside = 0;
    float sum = 0;
    for (int32_t axis = 0; axis < w->axes; axis++)
        taps *= w->kernel[axis];
    for (int64_t tap = 0; tap < taps; tap++) {
        int64_t at = 0, rest = tap, stride = 1;
        bool in = true;
        for (int32_t axis = w->axes - 1; axis >= 0; axis--) {
            int64_t p = place[axis] * w->stride[axis] - w->begin[axis] +
                        rest % w->kernel[axis] * w->dilation[axis];
            rest /= w->kernel[axis];
            in = in && p >= 0 && p < w->in[axis];
            at += p * stride;
            stride *= w->in[axis];
        }
        if (!in)
            continue;
        inside++;
        sum += n->x_scale * (float)(tensor_get_i64(x, base + at) - n->x_zero);
    }
    return sum / (float)(padded ? taps : axes_max(inside, 1));
}

pum_status reference_qlinear_average_pool(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0];
    struct numbers n = read_numbers(call);
    struct window w;
    PUM_TRY(window_read(call->node, &x->desc.shape, &w));
    bool padded = node_int(call->node, "count_include_pad", 0) != 0;
    int64_t in_plane = 1, out_plane = 1;
    for (int32_t axis = 0; axis < w.axes; axis++) {
        in_plane *= w.in[axis];
        out_plane *= w.out[axis];
    }
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t place[WINDOW_MAX_AXES] = {0}, rest = i % out_plane;
        for (int32_t axis = w.axes - 1; axis >= 0; axis--) {
            place[axis] = rest % w.out[axis];
            rest /= w.out[axis];
        }
        float mean = window_mean(x, &w, &n, i / out_plane * in_plane, place, padded);
        float value = mean / n.y_scale + (float)n.y_zero;
        tensor_set_i64(&call->outputs[0], i, quant_saturate(value, 0, n.low, n.high));
    }
    return PUM_OK;
}

static pum_status lower_windows(struct lower_call *call, uint32_t mode, const struct numbers *n)
{
    const struct lower_value *x = &call->inputs[0], *y = &call->outputs[0];
    struct lower_dispatch dispatch;
    struct window w;
    PUM_TRY(window_read(call->node, &x->desc.shape, &w));
    if (w.axes > 2)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %d spatial axes", w.axes);
    int32_t h = w.axes - 2, v = w.axes - 1;
    for (int32_t i = 0; i < w.axes; i++)
        if (w.in[i] + w.kernel[i] * w.dilation[i] > INT32_MAX / 2 ||
            w.stride[i] * axes_max(w.out[i], 1) > INT32_MAX / 2)
            return pum_fail(PUM_E_UNSUPPORTED, "spatial axis %d is too long for 32 bits", i);
    if (w.kernel[v] * (h >= 0 ? w.kernel[h] : 1) > MOST_STEPS ||
        shape_elements(&x->desc.shape) > INT32_MAX || shape_elements(&y->desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for windows or tensors of this size");
    struct push_quant_pool push = {.count = (uint32_t)shape_elements(&y->desc.shape),
                                   .in_h = h >= 0 ? (int32_t)w.in[h] : 1,
                                   .in_w = (int32_t)w.in[v],
                                   .out_h = h >= 0 ? (uint32_t)w.out[h] : 1,
                                   .out_w = (uint32_t)w.out[v],
                                   .kernel_h = h >= 0 ? (int32_t)w.kernel[h] : 1,
                                   .kernel_w = (int32_t)w.kernel[v],
                                   .stride_h = h >= 0 ? (int32_t)w.stride[h] : 1,
                                   .stride_w = (int32_t)w.stride[v],
                                   .dilation_h = h >= 0 ? (int32_t)w.dilation[h] : 1,
                                   .dilation_w = (int32_t)w.dilation[v],
                                   .begin_h = h >= 0 ? (int32_t)w.begin[h] : 0,
                                   .begin_w = (int32_t)w.begin[v],
                                   .x_scale = n->x_scale,
                                   .y_scale = n->y_scale,
                                   .x_zero = n->x_zero,
                                   .y_zero = n->y_zero,
                                   .low = n->low,
                                   .high = n->high};
    PUM_TRY(lower_begin(call, "quant_pool", STORE_I32, NULL, 0, &dispatch));
    kernel_set_spec(dispatch.row, dispatch.specs, "MODE", mode);
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 0, x);
    lower_bind(&dispatch, 1, y);
    lower_grid(call->caps, (uint64_t)axes_ceil_div(push.count, dispatch.specs[0]), dispatch.groups);
    dispatch.flops = (double)push.count * push.kernel_h * push.kernel_w;
    return lower_emit(call, &dispatch);
}

static pum_status lower_qlinear_average_pool(struct lower_call *call)
{
    struct axes_lowered lowered;
    struct numbers n;
    PUM_TRY(know(call, &lowered, &n));
    bool padded = node_int(call->node, "count_include_pad", 0) != 0;
    return lower_windows(call, padded ? QUANT_POOL_AVERAGE_PADDED : QUANT_POOL_AVERAGE, &n);
}
OP_LOWER(qlinear_average_pool, lower_qlinear_average_pool);

pum_status quant_lower_max_pool(struct lower_call *call)
{
    const struct numbers none = {.x_scale = 1, .y_scale = 1};
    if (call->chain)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for fused steps on integers");
    return lower_windows(call, QUANT_POOL_MAX, &none);
}

/* --- The mean of a plane ---------------------------------------------------------------------- */

pum_status infer_qlinear_global_average_pool(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    PUM_TRY(check_inputs(call));
    if (shape.rank < 3)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected [n, c] and spatial axes",
                        shape.rank);
    for (int32_t i = 2; i < shape.rank; i++)
        shape.dims[i] = 1;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static float mean_scale(const struct numbers *n, int64_t size)
{
    return n->x_scale / (n->y_scale * (float)size);
}

pum_status reference_qlinear_global_average_pool(struct op_call *call)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    struct numbers n = read_numbers(call);
    int64_t planes = shape_product(shape, 0, 2), size = shape_product(shape, 2, shape->rank);
    for (int64_t p = 0; p < planes; p++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < size; i++)
            sum += tensor_get_i64(&call->inputs[0], p * size + i) - n.x_zero;
        tensor_set_i64(&call->outputs[0], p,
                       quant_saturate((float)sum * mean_scale(&n, size), n.y_zero, n.low, n.high));
    }
    return PUM_OK;
}

static pum_status lower_qlinear_global_average_pool(struct lower_call *call)
{
    const struct lower_value *x = &call->inputs[0], *y = &call->outputs[0];
    const struct shape *shape = &x->desc.shape;
    struct axes_lowered lowered;
    struct lower_dispatch dispatch;
    struct numbers n;
    int64_t planes = shape_product(shape, 0, 2), size = shape_product(shape, 2, shape->rank);
    PUM_TRY(know(call, &lowered, &n));
    if (planes == 0)
        return PUM_OK;
    if (size == 0 || size > (1 << 22) || planes * size > (int64_t)UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for planes of %lld elements",
                        (long long)size);
    PUM_TRY(lower_begin(call, "quant_mean", STORE_I32, NULL, 0, &dispatch));
    if (axes_has_cap(call->caps, BASE_CAP_LANES_WIDE) && size / 8 < MOST_STEPS)
        kernel_set_spec(dispatch.row, dispatch.specs, "WG_X", 8);
    struct push_quant_mean push = {.planes = (uint32_t)planes,
                                   .size = (uint32_t)size,
                                   .scale = mean_scale(&n, size),
                                   .x_zero = n.x_zero,
                                   .y_zero = n.y_zero,
                                   .low = n.low,
                                   .high = n.high};
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 0, x);
    lower_bind(&dispatch, 1, y);
    lower_grid(call->caps, (uint64_t)planes, dispatch.groups);
    dispatch.flops = (double)planes * (double)size;
    return lower_emit(call, &dispatch);
}
OP_LOWER(qlinear_global_average_pool, lower_qlinear_global_average_pool);

/* --- QLinearSoftmax --------------------------------------------------------------------------- */

/* Rows along one axis; before opset 13 along all axes from it on. */
static pum_status softmax_rows(const struct op_call *call, struct axis_view *out_view)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    int64_t opset = node_int(call->node, "opset", 13);
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", opset < 13 ? 1 : -1), shape->rank, &axis));
    *out_view = axes_view(shape, axis);
    if (opset < 13) {
        out_view->length *= out_view->inner;
        out_view->inner = 1;
    }
    return PUM_OK;
}

pum_status infer_qlinear_softmax(struct op_call *call)
{
    struct axis_view view;
    PUM_TRY(check_inputs(call));
    PUM_TRY(softmax_rows(call, &view));
    return axes_output(call, 0, call->inputs[0].desc.dtype, &call->inputs[0].desc.shape);
}

/* table[i] = e^(i below the greatest), shifted so that a sum of `length` of them stays finite. */
static void exponentials(float scale, int64_t length, float table[256])
{
    double shift = log((double)(FLT_MAX / (float)length));
    shift = fmax(0.0, shift - 5) / (double)scale;
    for (int32_t i = 0; i < 256; i++)
        table[i] = (float)exp((shift - i) * (double)scale);
}

static float softmax_scale(const struct numbers *n)
{
    return floorf(1.0f / n->y_scale);
}

pum_status reference_qlinear_softmax(struct op_call *call)
{
    const struct host_tensor *x = &call->inputs[0];
    struct numbers n = read_numbers(call);
    struct axis_view view;
    float table[256];
    PUM_TRY(softmax_rows(call, &view));
    exponentials(n.x_scale, axes_max(view.length, 1), table);
    for (int64_t row = 0; row < view.outer * view.inner; row++) {
        int64_t base = row / view.inner * view.inner * view.length + row % view.inner, most = n.low;
        float sum = 0;
        for (int64_t i = 0; i < view.length; i++)
            most = axes_max(most, tensor_get_i64(x, base + i * view.inner));
        for (int64_t i = 0; i < view.length; i++)
            sum += table[most - tensor_get_i64(x, base + i * view.inner)];
        for (int64_t i = 0; i < view.length; i++) {
            float part = table[most - tensor_get_i64(x, base + i * view.inner)];
            part *= softmax_scale(&n);
            tensor_set_i64(&call->outputs[0], base + i * view.inner,
                           quant_saturate(part / sum, n.y_zero, n.low, n.high));
        }
    }
    return PUM_OK;
}

struct pack_table {
    float scale;
    int64_t length;
};

static pum_status pack_exponentials(void *user, const struct host_tensor *source, void *out)
{
    const struct pack_table *work = user;
    (void)source;
    exponentials(work->scale, work->length, out);
    return PUM_OK;
}

static pum_status lower_qlinear_softmax(struct lower_call *call)
{
    struct axes_lowered lowered;
    struct lower_dispatch dispatch;
    struct axis_view view;
    struct numbers n;
    char key[64];
    int32_t table;
    PUM_TRY(know(call, &lowered, &n));
    PUM_TRY(softmax_rows(&lowered.call, &view));
    int64_t rows = view.outer * view.inner;
    if (rows == 0 || view.length == 0)
        return PUM_OK;
    if (3 * view.length > MOST_STEPS || rows * view.length > (int64_t)UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for rows of %lld elements",
                        (long long)view.length);
    struct pack_table work = {n.x_scale, view.length};
    snprintf(key, sizeof key, "softmax %lld", (long long)view.length);
    PUM_TRY(call->sink->pack(call->sink, &call->inputs[1], key, 1024, pack_exponentials, &work,
                             &table));
    PUM_TRY(lower_begin(call, "quant_softmax", STORE_I32, NULL, 0, &dispatch));
    if (axes_has_cap(call->caps, BASE_CAP_LANES_WIDE))
        kernel_set_spec(dispatch.row, dispatch.specs, "WG_X", 8);
    struct push_quant_softmax push = {.rows = (uint32_t)rows,
                                      .entries = (uint32_t)view.length,
                                      .inner = (uint32_t)view.inner,
                                      .scale = softmax_scale(&n),
                                      .y_zero = n.y_zero,
                                      .low = n.low,
                                      .high = n.high};
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 0, &call->inputs[0]);
    lower_bind_range(&dispatch, 1, table, 0, 1024);
    lower_bind(&dispatch, 2, &call->outputs[0]);
    lower_grid(call->caps,
               (uint64_t)axes_ceil_div(rows, kernel_get_spec(dispatch.row, dispatch.specs, "WG_X")),
               dispatch.groups);
    dispatch.flops = 4.0 * (double)rows * (double)view.length;
    return lower_emit(call, &dispatch);
}
OP_LOWER(qlinear_softmax, lower_qlinear_softmax);
