/* SPDX-License-Identifier: MIT
 *
 * pool.c - MaxPool (with indices), AveragePool and LpPool over one to three spatial axes. Kernels
 * take one or two; three axes and indices are the host's. Global pools are reductions (reduce.c).
 * Tests: tests/ops/test_pool.c.
 */
#include "ops/axes.h"
#include "ops/quantize.h"
#include "ops/window.h"
#include "../../shaders/push/push_pool.h"

#include <math.h>
#include <string.h>

/* Of one invocation: some CPU drivers leave a loop after 65535 steps. */
#define WINDOW_MOST_STEPS 32768

static pum_status infer_window(struct op_call *call, int32_t outputs)
{
    struct shape shape = call->inputs[0].desc.shape;
    struct window window;
    PUM_TRY(window_read(call->node, &shape, &window));
    for (int32_t i = 0; i < window.axes; i++)
        shape.dims[2 + i] = window.out[i];
    PUM_TRY(axes_output(call, 0, call->inputs[0].desc.dtype, &shape));
    return outputs > 1 ? axes_output(call, 1, PUM_DTYPE_I64, &shape) : PUM_OK;
}

/* --- Reference -------------------------------------------------------------------------------- */

/* One window: the steps on each axis that lie in the input, and where it begins. */
struct window_at {
    int64_t start[WINDOW_MAX_AXES];
    int64_t first[WINDOW_MAX_AXES], end[WINDOW_MAX_AXES];
    int64_t inside; /* elements in the input */
    int64_t padded; /* elements in the input or its pads */
};

static void place_window(const struct window *window, int64_t position, struct window_at *out_at)
{
    out_at->inside = out_at->padded = 1;
    for (int32_t i = window->axes - 1; i >= 0; i--) {
        int64_t at = position % window->out[i] * window->stride[i] - window->begin[i];
        int64_t dilation = window->dilation[i], last = window->in[i] - 1;
        position /= window->out[i];
        out_at->start[i] = at;
        out_at->first[i] = at < 0 ? axes_ceil_div(-at, dilation) : 0;
        out_at->end[i] = at > last ? 0 : axes_min(window->kernel[i], (last - at) / dilation + 1);
        out_at->end[i] = axes_max(out_at->end[i], out_at->first[i]);
        out_at->inside *= out_at->end[i] - out_at->first[i];
        last += window->end[i];
        out_at->padded *=
            at > last ? 0 : axes_min(window->kernel[i], (last - at) / dilation + 1);
    }
}

/* The n-th element of the window that lies in the input, as its position in the plane. */
static int64_t window_element(const struct window *window, const struct window_at *at, int64_t n)
{
    int64_t position = 0, stride = 1;
    for (int32_t i = window->axes - 1; i >= 0; i--) {
        int64_t steps = at->end[i] - at->first[i];
        position += (at->start[i] + (at->first[i] + n % steps) * window->dilation[i]) * stride;
        n /= steps;
        stride *= window->in[i];
    }
    return position;
}

/* A position in a plane counted with the first spatial axis innermost (storage_order 1). */
static int64_t column_major(const struct window *window, int64_t position)
{
    int64_t result = 0, stride = 1, coordinates[WINDOW_MAX_AXES] = {0};
    for (int32_t i = window->axes - 1; i >= 0; i--) {
        coordinates[i] = position % window->in[i];
        position /= window->in[i];
    }
    for (int32_t i = 0; i < window->axes; i++) {
        result += coordinates[i] * stride;
        stride *= window->in[i];
    }
    return result;
}

static double window_value(const struct host_tensor *in, const struct window *window,
                           const struct window_at *at, int64_t base, uint32_t mode, double p)
{
    double v = 0;
    for (int64_t n = 0; n < at->inside; n++) {
        double e = tensor_get_f64(in, base + window_element(window, at, n));
        if (mode == POOL_LP1)
            v += pow(fabs(e), p);
        else
            v += e;
    }
    if (mode == POOL_LP1)
        return pow(v, 1 / p);
    return v / (double)axes_max(mode == POOL_AVERAGE ? at->inside : at->padded, 1);
}

/* Mean or p-norm of every window; LP1 stands for any p here. */
static pum_status reference_windows(struct op_call *call, uint32_t mode, double p)
{
    const struct host_tensor *in = &call->inputs[0];
    const struct shape *shape = &call->outputs[0].desc.shape;
    struct window window;
    struct window_at at;
    PUM_TRY(window_read(call->node, &in->desc.shape, &window));
    int64_t out_plane = shape_product(shape, 2, shape->rank), count = shape_elements(shape);
    int64_t in_plane = shape_product(&in->desc.shape, 2, shape->rank);
    for (int64_t i = 0; i < count; i++) {
        place_window(&window, i % out_plane, &at);
        double v = window_value(in, &window, &at, i / out_plane * in_plane, mode, p);
        tensor_set_f64(&call->outputs[0], i, v);
    }
    return PUM_OK;
}

pum_status reference_max_pool(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    const struct shape *shape = &call->outputs[0].desc.shape;
    size_t bytes = pum_dtype_size(in->desc.dtype);
    bool by_column = node_int(call->node, "storage_order", 0) != 0;
    struct window window;
    struct window_at at;
    PUM_TRY(window_read(call->node, &in->desc.shape, &window));
    int64_t out_plane = shape_product(shape, 2, shape->rank), count = shape_elements(shape);
    int64_t in_plane = shape_product(&in->desc.shape, 2, shape->rank);
    for (int64_t i = 0; i < count; i++) {
        int64_t base = i / out_plane * in_plane, best = 0;
        place_window(&window, i % out_plane, &at);
        for (int64_t n = 0; n < at.inside; n++) {
            int64_t position = window_element(&window, &at, n);
            double e = tensor_get_f64(in, base + position);
            if (n == 0 || e > tensor_get_f64(in, base + best) || isnan(e))
                best = position;
        }
        if (at.inside > 0)
            memcpy((uint8_t *)call->outputs[0].data + (size_t)i * bytes,
                   (const uint8_t *)in->data + (size_t)(base + best) * bytes, bytes);
        if (axes_wants_output(call, 1))
            tensor_set_i64(&call->outputs[1], i,
                           base + (by_column ? column_major(&window, best) : best));
    }
    return PUM_OK;
}

/* --- Lowering --------------------------------------------------------------------------------- */

static pum_status check_limits(const struct lower_call *call, const struct window *window)
{
    const struct lower_value *in = &call->inputs[0];
    if ((in->store != STORE_F32 && in->store != STORE_F16) || call->outputs[0].store != in->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(in->desc.dtype));
    if (window->axes > 2)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %d spatial axes", window->axes);
    for (int32_t i = 0; i < window->axes; i++) {
        int64_t reach = window->kernel[i] * window->dilation[i];
        if (window->in[i] + reach > INT32_MAX / 2 || window->end[i] > UINT16_MAX ||
            window->stride[i] * axes_max(window->out[i], 1) > INT32_MAX / 2)
            return pum_fail(PUM_E_UNSUPPORTED, "spatial axis %d is too long for 32 bits", i);
    }
    if (window->kernel[0] * (window->axes > 1 ? window->kernel[1] : 1) > WINDOW_MOST_STEPS)
        return pum_fail(PUM_E_UNSUPPORTED, "a window of more than %d elements", WINDOW_MOST_STEPS);
    if (shape_elements(&in->desc.shape) > INT32_MAX ||
        shape_elements(&call->outputs[0].desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    return PUM_OK;
}

static pum_status lower_windows(struct lower_call *call, uint32_t mode)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    struct lower_dispatch dispatch;
    struct window window;
    PUM_TRY(window_read(call->node, &in->desc.shape, &window));
    PUM_TRY(check_limits(call, &window));
    int32_t h = window.axes - 2, w = window.axes - 1; /* h -1: one axis, a row of height 1 */
    struct push_pool push = {.count = (uint32_t)shape_elements(&out->desc.shape),
                             .end_hw = (uint32_t)window.end[w] << 16,
                             .in_h = 1,
                             .in_w = (int32_t)window.in[w],
                             .out_h = 1,
                             .out_w = (uint32_t)window.out[w],
                             .kernel_h = 1,
                             .kernel_w = (int32_t)window.kernel[w],
                             .stride_h = 1,
                             .stride_w = (int32_t)window.stride[w],
                             .dilation_h = 1,
                             .dilation_w = (int32_t)window.dilation[w],
                             .begin_w = (int32_t)window.begin[w]};
    if (h >= 0) {
        push.end_hw |= (uint32_t)window.end[h];
        push.in_h = (int32_t)window.in[h];
        push.out_h = (uint32_t)window.out[h];
        push.kernel_h = (int32_t)window.kernel[h];
        push.stride_h = (int32_t)window.stride[h];
        push.dilation_h = (int32_t)window.dilation[h];
        push.begin_h = (int32_t)window.begin[h];
    }
    PUM_TRY(lower_begin(call, "pool", in->store, NULL, 0, &dispatch));
    kernel_set_spec(dispatch.row, dispatch.specs, "MODE", mode);
    lower_bind(&dispatch, 0, in);
    lower_bind(&dispatch, 1, out);
    lower_push(&dispatch, &push, sizeof push);
    PUM_TRY(lower_chain(call, &dispatch, &out->desc.shape,
                        out->desc.shape.dims[0] == 1 ? 1 : -1, out->desc.shape.rank - 1));
    dispatch.flops = (double)push.count * push.kernel_h * push.kernel_w;
    lower_grid(call->caps, (uint64_t)axes_ceil_div(push.count, dispatch.specs[0]),
               dispatch.groups);
    return lower_emit(call, &dispatch);
}

/* --- Rows of the table ------------------------------------------------------------------------ */

pum_status infer_max_pool(struct op_call *call)
{
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    if (!dtype_is_float(dtype) && dtype != PUM_DTYPE_I8 && dtype != PUM_DTYPE_U8)
        return op_bad_type(call, 0, "a float type, int8 or uint8");
    return infer_window(call, call->output_count);
}

static pum_status lower_max_pool(struct lower_call *call)
{
    if (call->output_count > 1 && call->outputs[1].value >= 0)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel gives the indices");
    if (call->inputs[0].store == STORE_I32)
        return quant_lower_max_pool(call);
    return lower_windows(call, POOL_MAX);
}
OP_LOWER_CHAIN(max_pool, lower_max_pool);

static uint32_t average_mode(const struct graph_node *node)
{
    return node_int(node, "count_include_pad", 0) != 0 ? POOL_AVERAGE_PADDED : POOL_AVERAGE;
}

pum_status infer_average_pool(struct op_call *call)
{
    PUM_TRY(axes_need_float(call, 0));
    return infer_window(call, 1);
}

pum_status reference_average_pool(struct op_call *call)
{
    return reference_windows(call, average_mode(call->node), 0);
}

static pum_status lower_average_pool(struct lower_call *call)
{
    return lower_windows(call, average_mode(call->node));
}
OP_LOWER_CHAIN(average_pool, lower_average_pool);

pum_status infer_lp_pool(struct op_call *call)
{
    PUM_TRY(axes_need_float(call, 0));
    if (node_int(call->node, "p", 2) < 1)
        return pum_fail(PUM_E_RANGE, "p is %lld", (long long)node_int(call->node, "p", 2));
    return infer_window(call, 1);
}

pum_status reference_lp_pool(struct op_call *call)
{
    return reference_windows(call, POOL_LP1, (double)node_int(call->node, "p", 2));
}

static pum_status lower_lp_pool(struct lower_call *call)
{
    int64_t p = node_int(call->node, "p", 2);
    if (p > 2)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for p %lld", (long long)p);
    return lower_windows(call, p == 1 ? POOL_LP1 : POOL_LP2);
}
OP_LOWER_CHAIN(lp_pool, lower_lp_pool);
