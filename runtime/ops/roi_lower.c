/* SPDX-License-Identifier: MIT
 *
 * roi_lower.c - RoiAlign as one dispatch. Tests: tests/ops/test_vision.c.
 */
#include "ops/roi.h"

#include "ops/axes.h"
#include "../../shaders/push/push_roi.h"

pum_status roi_align_lower(struct lower_call *call)
{
    const struct lower_value *x = &call->inputs[0], *rois = &call->inputs[1];
    const struct lower_value *batch = &call->inputs[2], *y = &call->outputs[0];
    struct lower_dispatch dispatch;
    struct roi_align align;
    PUM_TRY(roi_align_read(call->node, &align));
    if ((x->store != STORE_F32 && x->store != STORE_F16) || rois->store != x->store ||
        batch->store != STORE_I32)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s with %s regions",
                        pum_dtype_name(x->desc.dtype), pum_dtype_name(rois->desc.dtype));
    int64_t count = shape_elements(&y->desc.shape);
    if (shape_elements(&x->desc.shape) > INT32_MAX || count > INT32_MAX ||
        shape_elements(&rois->desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    if (align.sampling * align.sampling > ROI_MOST_SAMPLES)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %lld samples", (long long)align.sampling);
    if (count == 0)
        return PUM_OK;
    PUM_TRY(lower_begin(call, "roi_align", x->store, NULL, 0, &dispatch));
    struct push_roi push = {.count = (uint32_t)count,
                            .channels = (uint32_t)x->desc.shape.dims[1],
                            .out_h = (uint32_t)align.out_h,
                            .out_w = (uint32_t)align.out_w,
                            .batches = (int32_t)x->desc.shape.dims[0],
                            .in_h = (int32_t)x->desc.shape.dims[2],
                            .in_w = (int32_t)x->desc.shape.dims[3],
                            .sampling = (int32_t)align.sampling,
                            .scale = (float)align.scale,
                            .offset = align.half_pixel ? 0.5f : 0.0f,
                            .least = align.half_pixel ? -1e30f : 1.0f,
                            .takes_max = align.takes_max};
    lower_bind(&dispatch, 0, x);
    lower_bind(&dispatch, 1, rois);
    lower_bind(&dispatch, 2, batch);
    lower_bind(&dispatch, 3, y);
    lower_push(&dispatch, &push, sizeof push);
    dispatch.flops = 100.0 * (double)count;
    lower_grid(call->caps, (uint64_t)axes_ceil_div(count, dispatch.specs[0]), dispatch.groups);
    return lower_emit(call, &dispatch);
}
