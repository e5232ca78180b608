/* SPDX-License-Identifier: MIT
 *
 * grid_sample_lower.c - GridSample over two spatial axes as one dispatch. Tests:
 * tests/ops/test_vision.c.
 */
#include "ops/grid_sample.h"

#include "ops/axes.h"

/* Finding the place costs as much as a few channels; a GPU wants many invocations first. */
#define SPAN_LANES_WIDE 64
#define SPAN_GPU 8

pum_status grid_sample_lower(struct lower_call *call)
{
    const struct lower_value *x = &call->inputs[0], *grid = &call->inputs[1];
    const struct lower_value *y = &call->outputs[0];
    struct lower_dispatch dispatch;
    struct grid_sample sample;
    PUM_TRY(grid_sample_read(call->node, &x->desc.shape, &grid->desc.shape, &sample));
    if ((x->store != STORE_F32 && x->store != STORE_F16) || grid->store != x->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s at %s positions",
                        pum_dtype_name(x->desc.dtype), pum_dtype_name(grid->desc.dtype));
    if (sample.axes != 2)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %d spatial axes", sample.axes);
    if (shape_elements(&x->desc.shape) > INT32_MAX || shape_elements(&y->desc.shape) > INT32_MAX ||
        shape_elements(&grid->desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    if (shape_elements(&y->desc.shape) == 0)
        return PUM_OK;
    PUM_TRY(lower_begin(call, "grid_sample", x->store, NULL, 0, &dispatch));
    bool wide = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE);
    int64_t channels = x->desc.shape.dims[1];
    int64_t span = axes_min(channels, wide ? SPAN_LANES_WIDE : SPAN_GPU);
    int64_t count = x->desc.shape.dims[0] * sample.positions * axes_ceil_div(channels, span);
    struct push_grid_sample push = {.count = (uint32_t)count,
                                    .channels = (uint32_t)channels,
                                    .span = (uint32_t)span,
                                    .positions = (uint32_t)sample.positions,
                                    .in_h = (int32_t)sample.in[0],
                                    .in_w = (int32_t)sample.in[1],
                                    .align = sample.align};
    kernel_set_spec(dispatch.row, dispatch.specs, "MODE", sample.mode);
    kernel_set_spec(dispatch.row, dispatch.specs, "PADDING", sample.padding);
    lower_bind(&dispatch, 0, x);
    lower_bind(&dispatch, 1, grid);
    lower_bind(&dispatch, 2, y);
    lower_push(&dispatch, &push, sizeof push);
    dispatch.flops = 16.0 * (double)shape_elements(&y->desc.shape);
    lower_grid(call->caps, (uint64_t)axes_ceil_div(count, dispatch.specs[0]), dispatch.groups);
    return lower_emit(call, &dispatch);
}
