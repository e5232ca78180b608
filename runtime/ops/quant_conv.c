/* SPDX-License-Identifier: MIT
 *
 * quant_conv.c - convolutions of 8-bit operands: ConvInteger and QLinearConv. 1x1 kernels without
 * stride and pads are matrix products; groups of few channels have a kernel of their own, since
 * the others take four channels at a time. Weights must be constants to run on the device.
 * Tests: tests/ops/test_quant_product.c, cases_quantize.inc.
 */
#include "ops/axes.h"
#include "ops/conv.h"
#include "ops/quant_product.h"
#include "ops/quantize.h"

#include <string.h>

/* Groups of fewer channels than this go element by element. */
#define FEW_CHANNELS 3
/* Old CPU drivers (Mesa 22) leave a shader's loops after 65535 iterations in all. */
#define WIDE_MOST_STEPS 50000

/* Which input is what; -1: the operator has none. */
struct roles {
    int32_t w;
    int32_t x_scale, x_zero, w_scale, w_zero;
    int32_t y_scale, y_zero, bias;
};

static const struct roles integer_roles = {.w = 1,
                                           .x_scale = -1,
                                           .x_zero = 2,
                                           .w_scale = -1,
                                           .w_zero = 3,
                                           .y_scale = -1,
                                           .y_zero = -1,
                                           .bias = -1};
static const struct roles linear_roles = {.w = 3,
                                          .x_scale = 1,
                                          .x_zero = 2,
                                          .w_scale = 4,
                                          .w_zero = 5,
                                          .y_scale = 6,
                                          .y_zero = 7,
                                          .bias = 8};

static bool has(const struct op_call *call, int32_t input)
{
    return input >= 0 && op_has_input(call, input);
}

/* --- Shape rule ------------------------------------------------------------------------------- */

static pum_status check_numbers(const struct op_call *call, int32_t input, enum pum_dtype dtype,
                                int64_t count)
{
    if (!has(call, input))
        return PUM_OK;
    const struct tensor_desc *desc = &call->inputs[input].desc;
    int64_t own = shape_elements(&desc->shape);
    if (desc->dtype != dtype)
        return op_bad_type(call, input, pum_dtype_name(dtype));
    if (own != 1 && own != count)
        return pum_fail(PUM_E_SHAPE, "input %d has %lld values, expected 1 or %lld", input,
                        (long long)own, (long long)count);
    return PUM_OK;
}

static pum_status infer_any(struct op_call *call, const struct roles *roles)
{
    const struct tensor_desc *x = &call->inputs[0].desc, *w = &call->inputs[roles->w].desc;
    enum pum_dtype dtype = PUM_DTYPE_I32;
    struct conv conv;
    if (!quant_is_byte(x->dtype))
        return op_bad_type(call, 0, "int8 or uint8");
    if (!quant_is_byte(w->dtype))
        return op_bad_type(call, roles->w, "int8 or uint8");
    PUM_TRY(conv_read(call->node, &x->shape, &w->shape, false, &conv));
    PUM_TRY(check_numbers(call, roles->x_scale, PUM_DTYPE_F32, 1));
    PUM_TRY(check_numbers(call, roles->x_zero, x->dtype, 1));
    PUM_TRY(check_numbers(call, roles->w_scale, PUM_DTYPE_F32, conv.out_channels));
    PUM_TRY(check_numbers(call, roles->w_zero, w->dtype, conv.out_channels));
    PUM_TRY(check_numbers(call, roles->y_scale, PUM_DTYPE_F32, 1));
    PUM_TRY(check_numbers(call, roles->bias, PUM_DTYPE_I32, conv.out_channels));
    if (has(call, roles->y_zero)) {
        dtype = call->inputs[roles->y_zero].desc.dtype;
        if (!quant_is_byte(dtype))
            return op_bad_type(call, roles->y_zero, "int8 or uint8");
        PUM_TRY(check_numbers(call, roles->y_zero, dtype, 1));
    }
    struct shape shape = x->shape;
    shape.dims[1] = conv.out_channels;
    for (int32_t i = 2; i < shape.rank; i++)
        shape.dims[i] = conv.window.out[WINDOW_MAX_AXES - shape.rank + i];
    return axes_output(call, 0, dtype, &shape);
}

/* --- Reference -------------------------------------------------------------------------------- */

static int32_t zero_of(const struct op_call *call, int32_t input, int64_t channel)
{
    if (!has(call, input))
        return 0;
    bool one = shape_elements(&call->inputs[input].desc.shape) == 1;
    return quant_zero_at(call, input, one ? 0 : channel);
}

static float scale_of(const struct op_call *call, int32_t input, int64_t channel)
{
    if (!has(call, input))
        return 1;
    bool one = shape_elements(&call->inputs[input].desc.shape) == 1;
    return quant_scale_at(call, input, one ? 0 : channel);
}

/* The sum of one output element, in 32 bits that wrap. */
static int32_t sum_at(const struct op_call *call, const struct roles *roles,
                      const struct conv *conv, int64_t sample, int64_t channel,
                      const int64_t place[3])
{
    const struct window *v = &conv->window;
    int32_t zx = zero_of(call, roles->x_zero, 0), zw = zero_of(call, roles->w_zero, channel);
    int64_t first = channel / conv->group_out * conv->group_in, sum = 0;
    for (int64_t i = 0; i < conv->group_in * conv->taps; i++) {
        int64_t c = i / conv->taps, tap = i % conv->taps, in = 0;
        const int64_t k[3] = {tap / (v->kernel[1] * v->kernel[2]),
                              tap / v->kernel[2] % v->kernel[1], tap % v->kernel[2]};
        bool inside = true;
        for (int32_t axis = 0; axis < 3; axis++) {
            int64_t at =
                place[axis] * v->stride[axis] - v->begin[axis] + k[axis] * v->dilation[axis];
            inside = inside && at >= 0 && at < v->in[axis];
            in = in * v->in[axis] + at;
        }
        if (!inside)
            continue;
        int64_t x = (sample * conv->in_channels + first + c) * conv->in_plane + in;
        sum += (tensor_get_i64(&call->inputs[0], x) - zx) *
               (tensor_get_i64(&call->inputs[roles->w], channel * conv->group_in * conv->taps + i) -
                zw);
    }
    return (int32_t)(uint32_t)(uint64_t)sum;
}

static pum_status reference_any(struct op_call *call, const struct roles *roles)
{
    struct conv conv;
    struct host_tensor *y = &call->outputs[0];
    int32_t low = 0, high = 0;
    PUM_TRY(conv_read(call->node, &call->inputs[0].desc.shape, &call->inputs[roles->w].desc.shape,
                      false, &conv));
    (void)quant_range(y->desc.dtype, &low, &high);
    const int64_t *out = conv.window.out;
    for (int64_t i = 0; i < conv.batch * conv.out_channels * conv.out_plane; i++) {
        int64_t pixel = i % conv.out_plane, channel = i / conv.out_plane % conv.out_channels;
        int64_t sample = i / conv.out_plane / conv.out_channels;
        const int64_t place[3] = {pixel / (out[1] * out[2]), pixel / out[2] % out[1],
                                  pixel % out[2]};
        int32_t sum = sum_at(call, roles, &conv, sample, channel, place);
        if (has(call, roles->y_scale)) {
            float scale =
                scale_of(call, roles->x_scale, 0) * scale_of(call, roles->w_scale, channel);
            scale /= scale_of(call, roles->y_scale, 0);
            sum = (int32_t)((uint32_t)sum + (uint32_t)zero_of(call, roles->bias, channel));
            sum = quant_saturate((float)sum * scale, zero_of(call, roles->y_zero, 0), low, high);
        }
        tensor_set_i64(y, i, sum);
    }
    return PUM_OK;
}

/* --- Lowering --------------------------------------------------------------------------------- */

static const struct lower_value *input_or_null(const struct lower_call *call, int32_t input)
{
    return input >= 0 && input < call->input_count && quant_present(&call->inputs[input])
               ? &call->inputs[input]
               : NULL;
}

static struct quant_rule make_rule(const struct lower_call *call, const struct roles *roles)
{
    struct quant_rule rule = {.output = QUANT_TO_INT,
                              .act_dtype = call->inputs[0].desc.dtype,
                              .weight_dtype = call->inputs[roles->w].desc.dtype,
                              .out_dtype = call->outputs[0].desc.dtype,
                              .act_zero = input_or_null(call, roles->x_zero),
                              .act_scale = input_or_null(call, roles->x_scale),
                              .weight_zero = input_or_null(call, roles->w_zero),
                              .weight_scale = input_or_null(call, roles->w_scale),
                              .bias = input_or_null(call, roles->bias),
                              .out_scale = input_or_null(call, roles->y_scale),
                              .out_zero = input_or_null(call, roles->y_zero),
                              .alpha = 1};
    if (rule.out_scale)
        rule.output = QUANT_TO_BYTE;
    return rule;
}

/* What all ways need: the weights' channels, and the activations packed by channels. */
struct work {
    const struct lower_call *call;
    const struct conv *conv;
    struct quant_rule rule;
    const struct lower_value *w;
    struct quant_view view; /* of the weights */
    struct quant_finish finish;
};

static pum_status pack_input(const struct work *work, struct quant_packed *out_packed)
{
    const struct conv *conv = work->conv;
    struct quant_view view = {
        .outer = conv->batch * conv->groups, .axis = conv->group_in, .inner = conv->in_plane};
    return quant_pack_act(work->call, &work->call->inputs[0], work->rule.act_dtype,
                          work->rule.act_zero, &view, out_packed);
}

/* [group_out, c] by [c, pixels] for each image and group. */
static pum_status lower_product(const struct work *work)
{
    const struct conv *conv = work->conv;
    struct quant_problem q = {.m = conv->group_out,
                              .n = conv->out_plane,
                              .words = quant_words(conv->group_in),
                              .batch = conv->batch * conv->groups,
                              .a_row = quant_words(conv->group_in),
                              .a_step = 1,
                              .b_col = 1,
                              .b_step = conv->out_plane,
                              .a_div = 1,
                              .a_mod = conv->groups,
                              .b_div = 1,
                              .b_mod = conv->batch * conv->groups,
                              .rows = true,
                              .y = &work->call->outputs[0]};
    PUM_TRY(pack_input(work, &q.b));
    PUM_TRY(quant_pack_weights(work->call, work->w, work->rule.weight_zero, "quant channels",
                               &work->view, false, &q.a));
    return quant_product_lower(work->call, &q, &work->finish);
}

/* Workgroups, after setting the specs of the tile. */
static uint64_t count_groups(const struct work *work, struct lower_dispatch *dispatch, bool plain)
{
    const struct conv *conv = work->conv;
    const struct base_caps *caps = work->call->caps;
    if (axes_has_cap(caps, BASE_CAP_LANES_WIDE))
        kernel_set_spec(dispatch->row, dispatch->specs, "WG_X", caps->subgroup_size);
    int64_t columns = 4 * (int64_t)kernel_get_spec(dispatch->row, dispatch->specs, "WG_X");
    int64_t tiles = axes_ceil_div(conv->out_plane, columns);
    if (plain)
        return (uint64_t)(conv->batch * conv->out_channels * tiles);
    int64_t most = kernel_get_spec(dispatch->row, dispatch->specs, "TILE_M");
    int64_t m = conv->group_out, rows = m >= 12 ? 16 : m > 4 ? 8 : m > 2 ? 4 : m;
    rows = axes_min(rows, most);
    kernel_set_spec(dispatch->row, dispatch->specs, "TILE_M", (uint32_t)rows);
    return (uint64_t)(conv->batch * conv->groups * axes_ceil_div(m, rows) * tiles);
}

static pum_status emit_window(const struct work *work, struct quant_packed x, struct quant_packed w,
                              bool plain)
{
    const struct lower_call *call = work->call;
    struct push_quant_conv push = {.finish = work->finish.push};
    struct lower_dispatch dispatch;
    PUM_TRY(conv_fill_push(work->conv, &push.conv));
    if (!plain)
        push.conv.group_in = (uint32_t)quant_words(work->conv->group_in);
    PUM_TRY(lower_begin(call, plain ? "quant_conv_plain" : "quant_conv", STORE_I32, NULL, 0,
                        &dispatch));
    if (!plain)
        kernel_set_spec(dispatch.row, dispatch.specs, "WEIGHT_ZEROS", work->finish.weight_zeros);
    uint64_t groups = count_groups(work, &dispatch, plain);
    lower_push(&dispatch, &push, sizeof push);
    if (plain)
        lower_bind(&dispatch, 0, &call->inputs[0]);
    else
        lower_bind_range(&dispatch, 0, x.value, 0, x.bytes);
    lower_bind_range(&dispatch, 1, w.value, 0, w.bytes);
    quant_bind_finish(&dispatch, &work->finish, 2);
    lower_bind(&dispatch, 5, &call->outputs[0]);
    lower_grid(call->caps, groups, dispatch.groups);
    dispatch.flops = 2.0 * (double)work->conv->batch * (double)work->conv->out_channels *
                     (double)(work->conv->group_in * work->conv->taps) *
                     (double)work->conv->out_plane;
    return lower_emit(call, &dispatch);
}

static pum_status lower_windows(const struct work *work)
{
    const struct conv *conv = work->conv;
    const struct lower_call *call = work->call;
    bool wide = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE);
    bool plain = conv->group_in < FEW_CHANNELS && !axes_pinned(call->caps, "quant_conv_dot8") &&
                 !axes_pinned(call->caps, "quant_conv_i32") &&
                 !axes_pinned(call->caps, "quant_conv_few");
    int64_t steps = (plain ? conv->group_in : quant_words(conv->group_in)) * conv->taps;
    struct quant_packed x = {-1, 0}, w;
    if (wide && steps > WIDE_MOST_STEPS)
        return pum_fail(PUM_E_UNSUPPORTED, "sums of %lld products are too long for a CPU driver",
                        (long long)steps);
    if (!plain) {
        PUM_TRY(pack_input(work, &x));
        PUM_TRY(quant_pack_weights(call, work->w, work->rule.weight_zero, "quant channels",
                                   &work->view, false, &w));
        return emit_window(work, x, w, false);
    }
    int64_t taps = conv->group_in * conv->taps;
    const struct quant_view flat = {
        .outer = conv->out_channels, .axis = taps, .inner = 1, .stride = {taps, 1, 1}};
    PUM_TRY(
        quant_pack_weights(call, work->w, work->rule.weight_zero, "quant taps", &flat, false, &w));
    return emit_window(work, x, w, true);
}

static pum_status check_sizes(const struct lower_call *call, const struct lower_value *w)
{
    if (!w->data)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for weights that are not constant");
    if (shape_elements(&call->inputs[0].desc.shape) > INT32_MAX ||
        shape_elements(&call->outputs[0].desc.shape) > INT32_MAX ||
        shape_elements(&w->desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    if (shape_elements(&call->inputs[0].desc.shape) == 0 || call->caps->subgroup_size == 0)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for an empty input");
    return PUM_OK;
}

static bool is_product(const struct conv *conv)
{
    const struct window *w = &conv->window;
    bool plain = conv->taps == 1 && conv->group_in >= FEW_CHANNELS;
    for (int32_t i = 0; i < WINDOW_MAX_AXES; i++)
        plain = plain && w->stride[i] == 1 && w->begin[i] == 0 && w->end[i] == 0;
    return plain;
}

static pum_status lower_any(struct lower_call *call, const struct roles *roles)
{
    const struct lower_value *w = &call->inputs[roles->w];
    struct conv conv;
    PUM_TRY(conv_read(call->node, &call->inputs[0].desc.shape, &w->desc.shape, false, &conv));
    if (shape_elements(&call->outputs[0].desc.shape) == 0)
        return PUM_OK;
    PUM_TRY(check_sizes(call, w));
    struct work work = {.call = call, .conv = &conv, .rule = make_rule(call, roles), .w = w};
    work.view = (struct quant_view){.outer = conv.out_channels,
                                    .axis = conv.group_in,
                                    .inner = conv.taps,
                                    .stride = {conv.group_in * conv.taps, conv.taps, 1}};
    PUM_TRY(quant_make_finish(call, &work.rule, w, &work.view, false, &work.finish));
    if (is_product(&conv) && !axes_pinned(call->caps, "quant_conv"))
        return lower_product(&work);
    return lower_windows(&work);
}

/* --- Rows of the table ------------------------------------------------------------------------ */

pum_status infer_conv_integer(struct op_call *call)
{
    return infer_any(call, &integer_roles);
}

pum_status reference_conv_integer(struct op_call *call)
{
    return reference_any(call, &integer_roles);
}

static pum_status lower_conv_integer(struct lower_call *call)
{
    return lower_any(call, &integer_roles);
}
OP_LOWER(conv_integer, lower_conv_integer);

pum_status infer_qlinear_conv(struct op_call *call)
{
    return infer_any(call, &linear_roles);
}

pum_status reference_qlinear_conv(struct op_call *call)
{
    return reference_any(call, &linear_roles);
}

static pum_status lower_qlinear_conv(struct lower_call *call)
{
    return lower_any(call, &linear_roles);
}
OP_LOWER(qlinear_conv, lower_qlinear_conv);
