/* SPDX-License-Identifier: MIT
 *
 * norm.c - normalisation of contiguous rows: LayerNormalization, RMSNormalization,
 * InstanceNormalization and GroupNormalization, which differ in what a row is and where an element
 * finds its scale; and BatchNormalization, whose statistics are given. Mean first, then the
 * variance around it, so that large offsets do no harm. Tests: tests/ops/test_reduce_norm.c.
 */
#include "ops/axes.h"
#include "../../shaders/push/push_batchnorm.h"
#include "../../shaders/push/push_norm.h"

#include <math.h>

#define BATCH_WIDE_SPAN 16 /* neighbours an invocation computes on a CPU driver */

/* Rows and, as push_norm.h says, parameters of a normalisation. */
struct norm_plan {
    uint32_t mode;
    int64_t rows, length;
    int64_t groups, per_group, repeat;
    double epsilon;
};

/* --- Reference and lowering of all ------------------------------------------------------------ */

static void row_statistics(const struct host_tensor *in, const struct norm_plan *plan, int64_t row,
                           double *out_mean, double *out_factor)
{
    int64_t base = row * plan->length;
    double sum = 0, squares = 0, mean = 0;
    if (plan->mode == NORM_VARIANCE) {
        for (int64_t k = 0; k < plan->length; k++)
            sum += tensor_get_f64(in, base + k);
        mean = sum / (double)plan->length;
    }
    for (int64_t k = 0; k < plan->length; k++) {
        double v = tensor_get_f64(in, base + k) - mean;
        squares += v * v;
    }
    *out_mean = mean;
    *out_factor = 1.0 / sqrt(squares / (double)plan->length + plan->epsilon);
}

/* Where an element of a parameter that broadcasts to the normalised axes lies: the element's
 * position among them is `k`, counted in `inner`. */
static int64_t broadcast_at(const struct shape *parameter, const struct shape *inner, int64_t k)
{
    int64_t at = 0, stride = 1;
    for (int32_t i = inner->rank - 1, j = parameter->rank - 1; i >= 0 && j >= 0; i--, j--) {
        if (parameter->dims[j] != 1)
            at += k % inner->dims[i] * stride;
        stride *= parameter->dims[j];
        k /= inner->dims[i];
    }
    return at;
}

/* inner: the normalised axes when scale and bias broadcast to them, else NULL. */
static pum_status reference_norm(struct op_call *call, const struct norm_plan *plan,
                                 const struct shape *inner)
{
    const struct host_tensor *in = &call->inputs[0], *scale = &call->inputs[1];
    const struct host_tensor *bias = op_has_input(call, 2) ? &call->inputs[2] : NULL;
    for (int64_t row = 0; row < plan->rows; row++) {
        double mean, factor;
        row_statistics(in, plan, row, &mean, &factor);
        for (int64_t k = 0; k < plan->length; k++) {
            int64_t at = row * plan->length + k;
            int64_t s = row % plan->groups * plan->per_group + k / plan->repeat, b = s;
            if (inner) {
                s = broadcast_at(&scale->desc.shape, inner, k);
                b = bias ? broadcast_at(&bias->desc.shape, inner, k) : 0;
            }
            double v = (tensor_get_f64(in, at) - mean) * factor * tensor_get_f64(scale, s);
            tensor_set_f64(&call->outputs[0], at, v + (bias ? tensor_get_f64(bias, b) : 0));
        }
        if (axes_wants_output(call, 1))
            tensor_set_f64(&call->outputs[1], row, mean);
        if (axes_wants_output(call, 2))
            tensor_set_f64(&call->outputs[2], row, factor);
    }
    return PUM_OK;
}

static pum_status check_stores(const struct lower_call *call, int32_t inputs)
{
    enum kernel_store store = call->inputs[0].store;
    if (store != STORE_F32 && store != STORE_F16)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s",
                        pum_dtype_name(call->inputs[0].desc.dtype));
    for (int32_t i = 0; i < inputs && i < call->input_count; i++)
        if (call->inputs[i].desc.dtype != PUM_DTYPE_NONE && call->inputs[i].store != store)
            return pum_fail(PUM_E_UNSUPPORTED, "input %d lies in another element type", i);
    if (call->outputs[0].store != store)
        return pum_fail(PUM_E_UNSUPPORTED, "the output lies in another element type");
    if (shape_elements(&call->inputs[0].desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    return PUM_OK;
}

/* col_axis: the output's axis that counts along a row, or -1. */
static pum_status lower_norm(struct lower_call *call, const struct norm_plan *plan,
                             int32_t col_axis)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    struct lower_dispatch dispatch;
    PUM_TRY(check_stores(call, 3));
    if (plan->rows == 0 || plan->length == 0)
        return PUM_OK;
    bool has_bias = call->input_count > 2 && call->inputs[2].desc.dtype != PUM_DTYPE_NONE;
    struct push_norm push = {.rows = (uint32_t)plan->rows,
                             .row_length = (uint32_t)plan->length,
                             .groups = (uint32_t)plan->groups,
                             .per_group = (uint32_t)plan->per_group,
                             .repeat = (uint32_t)plan->repeat,
                             .has_bias = has_bias,
                             .epsilon = (float)plan->epsilon};
    struct axes_rows rows = {plan->rows, plan->length, false};
    PUM_TRY(axes_rows_begin(call, "norm", in->store, &rows, &dispatch));
    kernel_set_spec(dispatch.row, dispatch.specs, "MODE", plan->mode);
    lower_bind(&dispatch, 0, in);
    lower_bind(&dispatch, 1, &call->inputs[1]);
    if (has_bias)
        lower_bind(&dispatch, 2, &call->inputs[2]);
    lower_bind(&dispatch, 3, out);
    lower_push(&dispatch, &push, sizeof push);
    PUM_TRY(lower_chain(call, &dispatch, &out->desc.shape, -1, col_axis));
    dispatch.flops = 8.0 * (double)plan->rows * (double)plan->length;
    axes_rows_grid(call, &dispatch, plan->rows);
    call->sink->in_place(call->sink, out->value, in->value);
    return lower_emit(call, &dispatch);
}

/* --- LayerNormalization, RMSNormalization ----------------------------------------------------- */

/* The plan, and the normalised axes. */
static pum_status layer_plan(const struct graph_node *node, const struct shape *shape,
                             uint32_t mode, struct norm_plan *out_plan, struct shape *out_inner)
{
    int32_t axis;
    PUM_TRY(axes_one(node_int(node, "axis", -1), shape->rank, &axis));
    *out_inner = shape_of(shape->rank - axis, shape->dims + axis);
    *out_plan = (struct norm_plan){.mode = mode,
                                   .rows = shape_product(shape, 0, axis),
                                   .length = shape_elements(out_inner),
                                   .groups = 1,
                                   .repeat = 1,
                                   .epsilon = node_float(node, "epsilon", 1e-5f)};
    return PUM_OK;
}

static pum_status infer_layer(struct op_call *call)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    struct norm_plan plan;
    struct shape inner, stats = *shape, joined;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(layer_plan(call->node, shape, NORM_VARIANCE, &plan, &inner));
    for (int32_t i = 1; i < call->input_count; i++) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        if (!op_has_input(call, i))
            continue;
        PUM_TRY(axes_need_float(call, i));
        const struct shape *parameter = &call->inputs[i].desc.shape;
        if (!shape_broadcast(&inner, parameter, &joined) || !shape_equal(&joined, &inner))
            return pum_fail(PUM_E_SHAPE, "input %d of shape %s does not fit the normalised axes %s",
                            i, shape_text(parameter, a), shape_text(&inner, b));
    }
    for (int32_t i = shape->rank - inner.rank; i < shape->rank; i++)
        stats.dims[i] = 1;
    for (int32_t i = 1; i < call->output_count; i++)
        PUM_TRY(axes_output(call, i, PUM_DTYPE_F32, &stats));
    return op_infer_same(call);
}

static pum_status reference_layer(struct op_call *call, uint32_t mode)
{
    struct norm_plan plan;
    struct shape inner;
    PUM_TRY(layer_plan(call->node, &call->inputs[0].desc.shape, mode, &plan, &inner));
    return reference_norm(call, &plan, &inner);
}

static pum_status lower_layer(struct lower_call *call, uint32_t mode)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    struct norm_plan plan;
    struct shape inner;
    PUM_TRY(layer_plan(call->node, shape, mode, &plan, &inner));
    for (int32_t i = 1; i < call->output_count; i++)
        if (call->outputs[i].value >= 0)
            return pum_fail(PUM_E_UNSUPPORTED, "no kernel gives mean and 1/stddev");
    for (int32_t i = 1; i < call->input_count; i++)
        if (call->inputs[i].desc.dtype != PUM_DTYPE_NONE &&
            shape_elements(&call->inputs[i].desc.shape) != plan.length)
            return pum_fail(PUM_E_UNSUPPORTED, "input %d does not have a row's elements", i);
    return lower_norm(call, &plan, inner.rank == 1 ? shape->rank - 1 : -1);
}

#define LAYER_ROW(fn, mode)                                                                        \
    pum_status infer_##fn(struct op_call *call) { return infer_layer(call); }                      \
    pum_status reference_##fn(struct op_call *call) { return reference_layer(call, mode); }        \
    static pum_status lower_##fn(struct lower_call *call) { return lower_layer(call, mode); }      \
    OP_LOWER_CHAIN(fn, lower_##fn)

LAYER_ROW(layer_normalization, NORM_VARIANCE);
LAYER_ROW(rms_normalization, NORM_RMS);

/* --- InstanceNormalization, GroupNormalization ------------------------------------------------ */

/* groups 0: one a channel. */
static struct norm_plan channel_plan(const struct graph_node *node, const struct shape *shape,
                                     int64_t groups)
{
    int64_t channels = shape->dims[1], spatial = shape_product(shape, 2, shape->rank);
    if (groups == 0)
        groups = axes_max(channels, 1);
    return (struct norm_plan){.mode = NORM_VARIANCE,
                              .rows = channels == 0 ? 0 : shape->dims[0] * groups,
                              .length = channels / groups * spatial,
                              .groups = groups,
                              .per_group = channels / groups,
                              .repeat = axes_max(spatial, 1),
                              .epsilon = node_float(node, "epsilon", 1e-5f)};
}

/* Inputs 1 to count - 1 have one element a channel. */
static pum_status check_channels(const struct op_call *call, int32_t count)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    PUM_TRY(axes_need_float(call, 0));
    if (shape->rank < 2)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected [n, c, ...]", shape->rank);
    for (int32_t i = 1; i < count; i++) {
        const struct shape *parameter = &call->inputs[i].desc.shape;
        PUM_TRY(axes_need_float(call, i));
        if (parameter->rank != 1 || parameter->dims[0] != shape->dims[1])
            return pum_fail(PUM_E_SHAPE, "input %d does not have one element for each of %lld "
                            "channels", i, (long long)shape->dims[1]);
    }
    return PUM_OK;
}

pum_status infer_instance_normalization(struct op_call *call)
{
    PUM_TRY(check_channels(call, 3));
    return op_infer_same(call);
}

pum_status reference_instance_normalization(struct op_call *call)
{
    struct norm_plan plan = channel_plan(call->node, &call->inputs[0].desc.shape, 0);
    return reference_norm(call, &plan, NULL);
}

static pum_status lower_instance_normalization(struct lower_call *call)
{
    struct norm_plan plan = channel_plan(call->node, &call->inputs[0].desc.shape, 0);
    return lower_norm(call, &plan, -1);
}
OP_LOWER_CHAIN(instance_normalization, lower_instance_normalization);

pum_status infer_group_normalization(struct op_call *call)
{
    int64_t groups = node_int(call->node, "num_groups", 0);
    PUM_TRY(check_channels(call, 3));
    int64_t channels = call->inputs[0].desc.shape.dims[1];
    if (groups < 1 || channels % groups != 0)
        return pum_fail(PUM_E_SHAPE, "%lld channels do not make %lld groups", (long long)channels,
                        (long long)groups);
    return op_infer_same(call);
}

pum_status reference_group_normalization(struct op_call *call)
{
    struct norm_plan plan = channel_plan(call->node, &call->inputs[0].desc.shape,
                                         node_int(call->node, "num_groups", 1));
    return reference_norm(call, &plan, NULL);
}

static pum_status lower_group_normalization(struct lower_call *call)
{
    struct norm_plan plan = channel_plan(call->node, &call->inputs[0].desc.shape,
                                         node_int(call->node, "num_groups", 1));
    return lower_norm(call, &plan, -1);
}
OP_LOWER_CHAIN(group_normalization, lower_group_normalization);

/* --- BatchNormalization ----------------------------------------------------------------------- */

pum_status infer_batch_normalization(struct op_call *call)
{
    if (node_int(call->node, "training_mode", 0) != 0)
        return pum_fail(PUM_E_UNSUPPORTED, "training_mode is not supported");
    PUM_TRY(check_channels(call, 5));
    return op_infer_same(call);
}

pum_status reference_batch_normalization(struct op_call *call)
{
    const struct host_tensor *in = call->inputs;
    const struct shape *shape = &in[0].desc.shape;
    int64_t inner = shape_product(shape, 2, shape->rank), count = shape_elements(shape);
    double epsilon = node_float(call->node, "epsilon", 1e-5f);
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i / inner % shape->dims[1];
        double factor = tensor_get_f64(&in[1], c) / sqrt(tensor_get_f64(&in[4], c) + epsilon);
        double v = (tensor_get_f64(&in[0], i) - tensor_get_f64(&in[3], c)) * factor;
        tensor_set_f64(&call->outputs[0], i, v + tensor_get_f64(&in[2], c));
    }
    return PUM_OK;
}

static pum_status lower_batch_normalization(struct lower_call *call)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    const struct shape *shape = &in->desc.shape;
    struct lower_dispatch dispatch;
    PUM_TRY(check_stores(call, 5));
    PUM_TRY(lower_begin(call, "batchnorm", in->store, NULL, 0, &dispatch));
    int64_t inner = shape_product(shape, 2, shape->rank), count = shape_elements(shape);
    if (count == 0)
        return PUM_OK;
    int64_t span = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE) ? BATCH_WIDE_SPAN : 1;
    struct push_batchnorm push = {.channels = (uint32_t)shape->dims[1],
                                  .inner = (uint32_t)inner,
                                  .span = (uint32_t)axes_min(span, inner),
                                  .epsilon = node_float(call->node, "epsilon", 1e-5f)};
    push.chunks = (push.inner + push.span - 1) / push.span;
    push.count = (uint32_t)(count / inner) * push.chunks;
    for (uint32_t i = 0; i < 5; i++)
        lower_bind(&dispatch, i, &call->inputs[i]);
    lower_bind(&dispatch, 5, out);
    lower_push(&dispatch, &push, sizeof push);
    PUM_TRY(lower_chain(call, &dispatch, &out->desc.shape, 1, -1));
    dispatch.flops = 4.0 * (double)count;
    lower_grid(call->caps, (uint64_t)axes_ceil_div(push.count, dispatch.specs[0]),
               dispatch.groups);
    call->sink->in_place(call->sink, out->value, in->value);
    return lower_emit(call, &dispatch);
}
OP_LOWER_CHAIN(batch_normalization, lower_batch_normalization);
