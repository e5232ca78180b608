/* SPDX-License-Identifier: MIT
 *
 * conv_lower.c - convolutions as dispatches. What is a matrix product goes to matmul_lower.c: 1x1
 * kernels without stride and pads (weight [o, c] by input [c, pixels]), and kernels that cover the
 * input ([n, c...] by the weight transposed). The rest has kernels of its own, which need no matrix
 * of patches. Tests: tests/ops/test_conv.c.
 */
#include "ops/conv.h"

#include "ops/axes.h"
#include "ops/matmul_lower.h"
#include "../../shaders/push/push_conv.h"

#include <string.h>

/* Old CPU drivers (Mesa 22) leave a shader's loops after 65535 iterations in all. */
#define WIDE_MOST_STEPS 50000

/* A family of kernels for one convolution. */
struct launch {
    const char *family;
    const struct kernel_number *numbers;
    int32_t number_count;
    int64_t columns; /* output pixels that workgroups share out, `phases` times */
    int64_t phases;
    double flops;
};

static bool has_bias(const struct lower_call *call)
{
    return call->input_count > 2 && call->inputs[2].desc.dtype != PUM_DTYPE_NONE;
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_lanes(const struct lower_dispatch *dispatch)
{
    return strstr(dispatch->row->name, "_lanes_") != NULL;
}

static bool all_are(const int64_t values[WINDOW_MAX_AXES], int64_t value)
{
    return values[0] == value && values[1] == value && values[2] == value;
}

/* --- Matrix products -------------------------------------------------------------------------- */

/* Planes of fewer pixels leave most of a tile empty, unless all images share it. */
#define FULL_PLANE 32

/* Fills in the product that this convolution is; false if it is none. */
static bool as_product(const struct lower_call *call, const struct conv *conv,
                       struct matmul_problem *problem)
{
    const struct window *w = &conv->window;
    bool unpadded = all_are(w->begin, 0) && all_are(w->end, 0) && conv->groups == 1;
    bool covers = unpadded && conv->out_plane == 1 && all_are(w->dilation, 1);
    for (int32_t i = 0; i < WINDOW_MAX_AXES; i++)
        covers = covers && w->kernel[i] == w->in[i];
    bool shared = conv->batch > 1 && conv->out_plane < FULL_PLANE; /* better by windows */
    if (!covers && (shared || !unpadded || conv->taps != 1 || !all_are(w->stride, 1)))
        return false;
    *problem = (struct matmul_problem){.k = conv->group_in * conv->taps,
                                       .a_div = 1,
                                       .a_mod = 1,
                                       .b_div = 1,
                                       .b_mod = 1,
                                       .y = &call->outputs[0],
                                       .bias = has_bias(call) ? &call->inputs[2] : NULL,
                                       .alpha = 1,
                                       .beta = 1,
                                       .out = call->outputs[0].desc.shape};
    if (covers) { /* [n, c] by [o, c] transposed */
        problem->m = conv->batch;
        problem->n = conv->out_channels;
        problem->batch = 1;
        problem->trans_b = true;
        problem->a = &call->inputs[0];
        problem->b = &call->inputs[1];
        problem->bias_col = true;
        problem->row_axis = 0;
        problem->col_axis = 1;
    } else { /* [o, c] by [c, pixels], for each n */
        problem->m = conv->out_channels;
        problem->n = conv->out_plane;
        problem->batch = problem->b_mod = conv->batch;
        problem->a = &call->inputs[1];
        problem->b = &call->inputs[0];
        problem->bias_row = true;
        problem->row_axis = 1;
        problem->col_axis = w->out[0] == 1 && w->out[1] == 1 ? problem->out.rank - 1 : -1;
    }
    return true;
}

/* --- Kernels of their own --------------------------------------------------------------------- */

static pum_status pack(const int64_t values[WINDOW_MAX_AXES], const char *name, uint32_t *out_word)
{
    if (values[0] > CONV_MAX_D || values[1] > CONV_MAX_HW || values[2] > CONV_MAX_HW)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s of [%lld,%lld,%lld]", name,
                        (long long)values[0], (long long)values[1], (long long)values[2]);
    *out_word = CONV_PACK((uint32_t)values[0], (uint32_t)values[1], (uint32_t)values[2]);
    return PUM_OK;
}

pum_status conv_fill_push(const struct conv *conv, struct push_conv *out_push)
{
    const struct window *w = &conv->window;
    *out_push = (struct push_conv){.in_d = (uint32_t)w->in[0],
                                   .in_h = (uint32_t)w->in[1],
                                   .in_w = (uint32_t)w->in[2],
                                   .out_d = (uint32_t)w->out[0],
                                   .out_h = (uint32_t)w->out[1],
                                   .out_w = (uint32_t)w->out[2],
                                   .group_in = (uint32_t)conv->group_in,
                                   .group_out = (uint32_t)conv->group_out,
                                   .groups = (uint32_t)conv->groups,
                                   .batch = (uint32_t)conv->batch};
    PUM_TRY(pack(w->kernel, "a kernel", &out_push->kernel));
    PUM_TRY(pack(w->stride, "strides", &out_push->stride));
    PUM_TRY(pack(w->dilation, "dilations", &out_push->dilation));
    return pack(w->begin, "pads", &out_push->pad);
}

/* Channels that a workgroup of a direct kernel computes, at most the row's default. Without lanes
 * to share the weights' loads, more would only cost registers. */
static uint32_t tile_rows(const struct lower_dispatch *dispatch, int64_t channels)
{
    if (is_lanes(dispatch) && channels >= 12) /* one size: such drivers compile at first use */
        return 24;
    int64_t most = kernel_get_spec(dispatch->row, dispatch->specs, "TILE_M");
    return (uint32_t)axes_min(most, channels > 4 ? 8 : channels > 2 ? 4 : channels);
}

static uint64_t depthwise_groups(const struct conv *conv, struct lower_dispatch *dispatch,
                                 int64_t width)
{
    const struct window *w = &conv->window;
    uint32_t rows = w->out[1] > 2 ? 4 : (uint32_t)w->out[1];
    kernel_set_spec(dispatch->row, dispatch->specs, "KERNEL_W", (uint32_t)w->kernel[2]);
    kernel_set_spec(dispatch->row, dispatch->specs, "STRIDE_W", (uint32_t)w->stride[2]);
    kernel_set_spec(dispatch->row, dispatch->specs, "ROWS", rows);
    int64_t blocks = axes_ceil_div(w->out[1], rows) * axes_ceil_div(w->out[2], 4);
    return (uint64_t)(conv->batch * conv->out_channels * axes_ceil_div(blocks, width));
}

/* Sets a row's specs; its workgroups. */
static uint64_t count_groups(const struct lower_call *call, const struct conv *conv,
                             const struct launch *launch, struct lower_dispatch *dispatch)
{
    const struct kernel_row *row = dispatch->row;
    int64_t images = conv->batch * conv->groups;
    if (begins(row->name, "conv_tiled_")) {
        int64_t side = begins(row->name, "conv_tiled_small_") ? 32 : 64;
        return (uint64_t)(conv->groups * axes_ceil_div(conv->group_out, side) *
                          axes_ceil_div(conv->batch * launch->columns, side));
    }
    if (axes_has_cap(call->caps, BASE_CAP_LANES_WIDE))
        kernel_set_spec(row, dispatch->specs, "WG_X", call->caps->subgroup_size);
    int64_t width = kernel_get_spec(row, dispatch->specs, "WG_X");
    if (begins(row->name, "conv_depthwise_"))
        return depthwise_groups(conv, dispatch, width);
    uint32_t rows = tile_rows(dispatch, conv->group_out);
    kernel_set_spec(row, dispatch->specs, "TILE_M", rows);
    if (!begins(row->name, "conv_transpose_"))
        return (uint64_t)(conv->groups * axes_ceil_div(conv->group_out, rows) *
                          axes_ceil_div(conv->batch * launch->columns, 4 * width));
    int64_t columns = width * (begins(row->name, "conv_transpose_few_") ? 2 : 4);
    return (uint64_t)(images * axes_ceil_div(conv->group_out, rows) *
                      axes_ceil_div(launch->columns, columns) * launch->phases);
}

/* All images, or (first >= 0) one. */
static pum_status emit(const struct lower_call *call, const struct conv *conv,
                       const struct launch *launch, int64_t first)
{
    const struct lower_value *x = &call->inputs[0], *y = &call->outputs[0];
    struct lower_dispatch dispatch;
    struct push_conv push;
    PUM_TRY(conv_fill_push(conv, &push));
    push.has_bias = has_bias(call);
    PUM_TRY(lower_begin(call, launch->family, x->store, launch->numbers, launch->number_count,
                        &dispatch));
    if (first < 0) {
        lower_bind(&dispatch, 0, x);
        lower_bind(&dispatch, 3, y);
    } else {
        uint64_t bytes = store_bytes(x->store);
        uint64_t in = (uint64_t)(conv->in_channels * conv->in_plane) * bytes;
        uint64_t out = (uint64_t)(conv->out_channels * conv->out_plane) * bytes;
        lower_bind_range(&dispatch, 0, x->value, (uint64_t)first * in, in);
        lower_bind_range(&dispatch, 3, y->value, (uint64_t)first * out, out);
    }
    lower_bind(&dispatch, 1, &call->inputs[1]);
    if (has_bias(call))
        lower_bind(&dispatch, 2, &call->inputs[2]);
    lower_push(&dispatch, &push, sizeof push);
    PUM_TRY(lower_chain(call, &dispatch, &y->desc.shape, 1, y->desc.shape.rank - 1));
    lower_grid(call->caps, count_groups(call, conv, launch, &dispatch), dispatch.groups);
    dispatch.flops = launch->flops * (double)conv->batch;
    return lower_emit(call, &dispatch);
}

static pum_status check_values(const struct lower_call *call)
{
    const struct lower_value *x = &call->inputs[0], *w = &call->inputs[1], *y = &call->outputs[0];
    if ((x->store != STORE_F32 && x->store != STORE_F16) || y->store != x->store ||
        w->store != x->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s", pum_dtype_name(x->desc.dtype));
    if (shape_elements(&x->desc.shape) > INT32_MAX || shape_elements(&y->desc.shape) > INT32_MAX ||
        shape_elements(&w->desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    if (shape_elements(&x->desc.shape) == 0 || call->caps->subgroup_size == 0)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for an empty input");
    return PUM_OK;
}

/* One dispatch, or one for each image where the tensors are larger than a binding. */
static pum_status launch_all(const struct lower_call *call, const struct conv *conv,
                             const struct launch *launch)
{
    const struct lower_value *x = &call->inputs[0], *y = &call->outputs[0];
    uint64_t range = call->caps->max_storage_range, images = (uint64_t)conv->batch;
    uint64_t alignment = call->caps->storage_alignment > 0 ? call->caps->storage_alignment : 1;
    if (lower_bytes(x) <= range && lower_bytes(y) <= range)
        return emit(call, conv, launch, -1);
    /* A chain's operands would have to be cut alike. */
    if (call->chain || lower_bytes(x) / images % alignment != 0 ||
        lower_bytes(y) / images % alignment != 0)
        return pum_fail(PUM_E_UNSUPPORTED, "a tensor is larger than the %llu bytes of a binding",
                        (unsigned long long)range);
    struct conv single = *conv;
    single.batch = 1;
    for (int64_t i = 0; i < conv->batch; i++)
        PUM_TRY(emit(call, &single, launch, i));
    return PUM_OK;
}

/* What conv_depthwise.comp takes and is quick with: it shares out the blocks of a plane. */
static bool is_depthwise(const struct conv *conv, bool flat)
{
    const struct window *w = &conv->window;
    if (conv->batch > 1 && conv->out_plane < FULL_PLANE)
        return false;
    return conv->group_in == 1 && conv->groups > 1 && flat && all_are(w->dilation, 1) &&
           (w->kernel[2] == 3 || w->kernel[2] == 5 || w->kernel[2] == 7) && w->stride[2] <= 2;
}

static pum_status lower_windows(const struct lower_call *call, const struct conv *conv)
{
    const struct window *w = &conv->window;
    const struct base_caps *caps = call->caps;
    bool wide = axes_has_cap(caps, BASE_CAP_LANES_WIDE);
    bool flat = w->in[0] == 1 && w->out[0] == 1 && w->kernel[0] == 1 && w->begin[0] == 0;
    bool depthwise = is_depthwise(conv, flat);
    int64_t taps = conv->group_in * conv->taps;
    if (wide && !depthwise && taps > WIDE_MOST_STEPS)
        return pum_fail(PUM_E_UNSUPPORTED, "sums of %lld products are too long for a CPU driver",
                        (long long)taps);
    const struct kernel_number numbers[] = {
        {"depthwise", depthwise},
        {"lanes", w->kernel[1] <= (int64_t)caps->subgroup_size},
        {"direct", wide || !flat || conv->group_out < 8 || axes_pinned(caps, "conv_direct_")},
        {"flat", flat},
        {"w4", taps % 4 == 0},
        {"rows", conv->group_out},
        {"tiles", axes_ceil_div(conv->group_out, 64) *
                      axes_ceil_div(conv->batch * conv->out_plane, 64) * conv->groups},
    };
    const struct launch launch = {.family = "conv",
                                  .numbers = numbers,
                                  .number_count = PUM_COUNT_OF(numbers),
                                  .columns = conv->out_plane,
                                  .phases = 1,
                                  .flops = 2.0 * (double)conv->out_channels * (double)taps *
                                           (double)conv->out_plane};
    return launch_all(call, conv, &launch);
}

static pum_status lower_conv(struct lower_call *call)
{
    struct conv conv;
    struct matmul_problem problem;
    PUM_TRY(conv_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape, false,
                      &conv));
    if (shape_elements(&call->outputs[0].desc.shape) == 0)
        return PUM_OK;
    if (!axes_pinned(call->caps, "conv_") && as_product(call, &conv, &problem))
        return matmul_lower(call, &problem);
    PUM_TRY(check_values(call));
    return lower_windows(call, &conv);
}
OP_LOWER_CHAIN(conv, lower_conv);

static pum_status lower_conv_transpose(struct lower_call *call)
{
    struct conv conv;
    PUM_TRY(conv_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape, true,
                      &conv));
    if (shape_elements(&call->outputs[0].desc.shape) == 0)
        return PUM_OK;
    PUM_TRY(check_values(call));
    if (axes_has_cap(call->caps, BASE_CAP_LANES_WIDE) &&
        conv.taps > WIDE_MOST_STEPS / (conv.group_in + 1))
        return pum_fail(PUM_E_UNSUPPORTED, "sums of %lld products are too long for a CPU driver",
                        (long long)(conv.taps * conv.group_in));
    struct launch launch = {.family = "conv_transpose", .columns = 1, .phases = 1};
    for (int32_t i = 0; i < WINDOW_MAX_AXES; i++) {
        launch.columns *= axes_ceil_div(conv.window.out[i], conv.window.stride[i]);
        launch.phases *= conv.window.stride[i];
    }
    launch.flops = 2.0 * (double)conv.in_channels * (double)conv.in_plane *
                   (double)(conv.group_out * conv.taps);
    return launch_all(call, &conv, &launch);
}
OP_LOWER_CHAIN(conv_transpose, lower_conv_transpose);
