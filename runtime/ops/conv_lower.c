/* SPDX-License-Identifier: MIT
 *
 * conv_lower.c - convolutions as dispatches. A 1x1 convolution is a matrix product; a dense one
 * with a window is im2col and a matrix product; a depthwise one has its kernel; the rest (groups,
 * transposed) goes through the direct kernel. Two spatial axes at most: three are collapsed where
 * the first is trivial. Tests: tests/ops/test_conv.c.
 */
#include "ops/conv.h"

#include "ops/lower.h"
#include "ops/matmul_lower.h"
#include "../../shaders/push/push_conv.h"
#include "../../shaders/push/push_im2col.h"

#include <string.h>

/* The matrix of patches is made when it stays below this many elements. */
#define IM2COL_MOST ((int64_t)1 << 28)
/* And when a row of weights is worth it. */
#define IM2COL_MIN_OUT 4

static pum_status read_call(const struct lower_call *call, bool transposed, struct conv *conv)
{
    PUM_TRY(conv_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                      transposed, conv));
    const struct window *w = &conv->window;
    if (w->in[0] != 1 || w->out[0] != 1 || w->kernel[0] != 1 || w->begin[0] != 0)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for three spatial axes");
    for (int32_t i = 1; i < WINDOW_MAX_AXES; i++) {
        if (w->kernel[i] > UINT16_MAX || w->stride[i] > UINT16_MAX || w->dilation[i] > UINT16_MAX)
            return pum_fail(PUM_E_UNSUPPORTED, "a kernel, stride or dilation above 65535");
    }
    return PUM_OK;
}

static bool has_bias(const struct lower_call *call)
{
    return call->input_count > 2 && call->inputs[2].value >= 0;
}

static bool is_pointwise(const struct conv *conv)
{
    const struct window *w = &conv->window;
    bool plain = conv->groups == 1 && conv->taps == 1;
    for (int32_t i = 1; i < WINDOW_MAX_AXES; i++)
        plain = plain && w->stride[i] == 1 && w->begin[i] == 0 && w->end[i] == 0;
    return plain;
}

/* y[n] = w b[n], b being the input or its patches. */
static pum_status lower_product(const struct lower_call *call, const struct conv *conv,
                                const struct lower_value *b)
{
    const struct matmul_problem problem = {.m = conv->out_channels,
                                           .n = conv->out_plane,
                                           .k = conv->group_in * conv->taps,
                                           .batch = conv->batch,
                                           .a_div = 1,
                                           .a_mod = 1,
                                           .b_div = 1,
                                           .b_mod = conv->batch,
                                           .a = &call->inputs[1],
                                           .b = b,
                                           .y = &call->outputs[0],
                                           .bias = has_bias(call) ? &call->inputs[2] : NULL,
                                           .bias_row = true,
                                           .alpha = 1,
                                           .beta = 1,
                                           .out = call->outputs[0].desc.shape,
                                           .row_axis = 1,
                                           .col_axis = -1};
    return matmul_lower(call, &problem);
}

static uint32_t groups_of(const struct lower_dispatch *dispatch, int64_t count)
{
    uint32_t size = kernel_get_spec(dispatch->row, dispatch->specs, "WG_X");
    return (uint32_t)((count + size - 1) / size);
}

static pum_status lower_patches(const struct lower_call *call, const struct conv *conv)
{
    const struct window *w = &conv->window;
    const struct lower_value *x = &call->inputs[0];
    int64_t rows = conv->batch * conv->in_channels * conv->taps;
    struct lower_value patches = {
        .desc = {x->desc.dtype, {3, {conv->batch, conv->group_in * conv->taps, conv->out_plane}}},
        .store = x->store};
    struct lower_dispatch dispatch;
    PUM_TRY(call->sink->scratch(
        call->sink, (uint64_t)(rows * conv->out_plane) * store_bytes(x->store), &patches.value));
    struct lower_call plain = *call; /* the chain belongs to the product */
    plain.chain = NULL;
    PUM_TRY(lower_begin(&plain, "im2col", x->store, NULL, 0, &dispatch));
    int64_t count = rows * w->out[1] * ((w->out[2] + 3) / 4);
    const struct push_im2col push = {.count = (uint32_t)count,
                                     .channels = (uint32_t)conv->in_channels,
                                     .in_h = (int32_t)w->in[1],
                                     .in_w = (int32_t)w->in[2],
                                     .out_h = (int32_t)w->out[1],
                                     .out_w = (int32_t)w->out[2],
                                     .begin_h = (int32_t)w->begin[1],
                                     .begin_w = (int32_t)w->begin[2],
                                     .kernel_h = (int32_t)w->kernel[1],
                                     .kernel_w = (int32_t)w->kernel[2],
                                     .stride_h = (int32_t)w->stride[1],
                                     .stride_w = (int32_t)w->stride[2],
                                     .dilation_h = (int32_t)w->dilation[1],
                                     .dilation_w = (int32_t)w->dilation[2]};
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 0, x);
    lower_bind(&dispatch, 1, &patches);
    lower_grid(call->caps, groups_of(&dispatch, count), dispatch.groups);
    PUM_TRY(lower_emit(&plain, &dispatch));
    return lower_product(call, conv, &patches);
}

static struct push_conv push_of(const struct lower_call *call, const struct conv *conv,
                                int64_t count)
{
    const struct window *w = &conv->window;
    return (struct push_conv){.count = (uint32_t)count,
                              .in_h = (int32_t)w->in[1],
                              .in_w = (int32_t)w->in[2],
                              .out_h = (int32_t)w->out[1],
                              .out_w = (int32_t)w->out[2],
                              .begin_h = (int32_t)w->begin[1],
                              .begin_w = (int32_t)w->begin[2],
                              .kernel_hw = (uint32_t)(w->kernel[1] | w->kernel[2] << 16),
                              .stride_hw = (uint32_t)(w->stride[1] | w->stride[2] << 16),
                              .dilation_hw = (uint32_t)(w->dilation[1] | w->dilation[2] << 16),
                              .group_in = (uint32_t)conv->group_in,
                              .group_out = (uint32_t)conv->group_out,
                              .groups = (uint32_t)conv->groups,
                              .has_bias = has_bias(call)};
}

/* Binds, pushes, chains and emits a kernel of `count` invocations over weight `weight`. */
static pum_status emit_conv(const struct lower_call *call, const struct conv *conv, int64_t count,
                            int32_t weight, struct lower_dispatch *dispatch)
{
    if (count > UINT32_MAX || shape_elements(&call->inputs[0].desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for that many elements");
    struct push_conv push = push_of(call, conv, count);
    lower_push(dispatch, &push, sizeof push);
    lower_bind(dispatch, 0, &call->inputs[0]);
    lower_bind_range(dispatch, 1, weight, 0, 0);
    if (has_bias(call))
        lower_bind(dispatch, 2, &call->inputs[2]);
    else
        lower_bind_range(dispatch, 2, -1, 0, 0);
    lower_bind(dispatch, 3, &call->outputs[0]);
    PUM_TRY(lower_chain(call, dispatch, &call->outputs[0].desc.shape, 1, -1));
    lower_grid(call->caps, groups_of(dispatch, count), dispatch->groups);
    dispatch->flops = 2.0 * (double)(conv->batch * conv->out_channels) * (double)conv->group_in *
                      (double)conv->taps * (double)conv->out_plane;
    return lower_emit(call, dispatch);
}

static pum_status lower_depthwise(const struct lower_call *call, const struct conv *conv)
{
    const struct window *w = &conv->window;
    const struct kernel_number numbers[] = {
        {"kernel_w", w->kernel[2]}, {"stride_w", w->stride[2]}, {"dilation_w", w->dilation[2]}};
    struct lower_dispatch dispatch;
    PUM_TRY(lower_begin(call, "conv_depthwise", call->inputs[0].store, numbers, 3, &dispatch));
    kernel_set_spec(dispatch.row, dispatch.specs, "KERNEL_W", (uint32_t)w->kernel[2]);
    kernel_set_spec(dispatch.row, dispatch.specs, "STRIDE_W", (uint32_t)w->stride[2]);
    int64_t count = conv->batch * conv->out_channels * w->out[1] * ((w->out[2] + 3) / 4);
    return emit_conv(call, conv, count, call->inputs[1].value, &dispatch);
}

/* [o][i][tap], transposed [i][o][tap], to [group][tap][i][o in fours]. */
struct weight_packing {
    struct conv conv;
    bool transposed;
    enum kernel_store store;
};

static pum_status pack_weights(void *user, const struct host_tensor *source, void *out)
{
    const struct weight_packing *packing = user;
    const struct conv *c = &packing->conv;
    int64_t padded = (c->group_out + 3) / 4 * 4;
    struct host_tensor to = {{packing->store == STORE_F16 ? PUM_DTYPE_F16 : PUM_DTYPE_F32,
                              {1, {c->groups * c->taps * c->group_in * padded}}},
                             out};
    memset(out, 0, (size_t)to.desc.shape.dims[0] * pum_dtype_size(to.desc.dtype));
    for (int64_t g = 0; g < c->groups; g++) {
        for (int64_t i = 0; i < c->group_in; i++) {
            for (int64_t o = 0; o < c->group_out; o++) {
                int64_t from = packing->transposed ? (g * c->group_in + i) * c->group_out + o
                                                   : (g * c->group_out + o) * c->group_in + i;
                for (int64_t t = 0; t < c->taps; t++)
                    tensor_set_f64(&to, ((g * c->taps + t) * c->group_in + i) * padded + o,
                                   tensor_get_f64(source, from * c->taps + t));
            }
        }
    }
    return PUM_OK;
}

static pum_status lower_direct(const struct lower_call *call, const struct conv *conv,
                               bool transposed)
{
    const struct lower_value *w = &call->inputs[1];
    const struct kernel_number numbers[] = {{"packed", w->data != NULL},
                                            {"transposed", transposed}};
    struct lower_dispatch dispatch;
    int32_t weight = w->value;
    PUM_TRY(lower_begin(call, "conv_direct", w->store, numbers, 2, &dispatch));
    if (strstr(dispatch.row->name, "_packed")) {
        struct weight_packing packing = {*conv, transposed, w->store};
        int64_t padded = (conv->group_out + 3) / 4 * 4;
        uint64_t bytes =
            (uint64_t)(conv->groups * conv->taps * conv->group_in * padded) * store_bytes(w->store);
        PUM_TRY(call->sink->pack(call->sink, w, transposed ? "conv-transpose" : "conv-direct",
                                 bytes, pack_weights, &packing, &weight));
    }
    int64_t count = conv->batch * conv->groups * ((conv->group_out + 3) / 4) * conv->out_plane;
    return emit_conv(call, conv, count, weight, &dispatch);
}

static pum_status lower_conv(struct lower_call *call)
{
    struct conv conv;
    PUM_TRY(read_call(call, false, &conv));
    const struct window *w = &conv.window;
    if (shape_elements(&call->outputs[0].desc.shape) == 0)
        return PUM_OK;
    if (is_pointwise(&conv))
        return lower_product(call, &conv, &call->inputs[0]);
    if (conv.group_in == 1 && w->kernel[2] <= 7 && w->stride[2] <= 3 && w->dilation[2] == 1)
        return lower_depthwise(call, &conv);
    int64_t rows = conv.group_in * conv.taps, most = IM2COL_MOST;
    bool small = conv.batch * rows <= most / (conv.out_plane ? conv.out_plane : 1) &&
                 (uint64_t)(conv.batch * rows * conv.out_plane) * store_bytes(STORE_F32) <=
                     call->caps->max_storage_range &&
                 shape_elements(&call->inputs[0].desc.shape) <= INT32_MAX;
    if (conv.groups == 1 && conv.out_channels >= IM2COL_MIN_OUT && small && rows > 0)
        return lower_patches(call, &conv);
    return lower_direct(call, &conv, false);
}

static pum_status lower_conv_transpose(struct lower_call *call)
{
    struct conv conv;
    PUM_TRY(read_call(call, true, &conv));
    if (shape_elements(&call->outputs[0].desc.shape) == 0)
        return PUM_OK;
    return lower_direct(call, &conv, true);
}

OP_LOWER_CHAIN(conv, lower_conv);
OP_LOWER_CHAIN(conv_transpose, lower_conv_transpose);
