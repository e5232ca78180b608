/* SPDX-License-Identifier: MIT
 *
 * lrn.c - normalisations that are rare enough to run on the host: LRN (over neighbouring channels),
 * LpNormalization (along one axis) and MeanVarianceNormalization (over any axes).
 * Tests: tests/ops/test_reduce_norm.c.
 */
#include "ops/axes.h"
#include "ops/reduce.h"

#include <math.h>

/* --- LRN -------------------------------------------------------------------------------------- */

pum_status infer_lrn(struct op_call *call)
{
    PUM_TRY(axes_need_float(call, 0));
    if (call->inputs[0].desc.shape.rank < 2)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected [n, c, ...]",
                        call->inputs[0].desc.shape.rank);
    if (node_int(call->node, "size", 0) < 1)
        return pum_fail(PUM_E_RANGE, "size is %lld", (long long)node_int(call->node, "size", 0));
    return op_infer_same(call);
}

pum_status reference_lrn(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    const struct shape *shape = &in->desc.shape;
    int64_t channels = shape->dims[1], inner = shape_product(shape, 2, shape->rank);
    int64_t size = node_int(call->node, "size", 1), count = shape_elements(shape);
    int64_t before = axes_min((size - 1) / 2, channels), after = axes_min(size / 2, channels);
    double alpha = node_float(call->node, "alpha", 1e-4f);
    double beta = node_float(call->node, "beta", 0.75f);
    double bias = node_float(call->node, "bias", 1.0f);
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i / inner % channels;
        int64_t first = axes_max(c - before, 0), last = axes_min(c + after, channels - 1);
        double squares = 0;
        for (int64_t k = first; k <= last; k++) {
            double v = tensor_get_f64(in, i + (k - c) * inner);
            squares += v * v;
        }
        tensor_set_f64(&call->outputs[0], i, tensor_get_f64(in, i) /
                                                 pow(bias + alpha / (double)size * squares, beta));
    }
    return PUM_OK;
}
OP_HOST_ONLY(lrn);

/* --- LpNormalization -------------------------------------------------------------------------- */

pum_status infer_lp_normalization(struct op_call *call)
{
    int64_t p = node_int(call->node, "p", 2);
    int32_t axis;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(axes_one(node_int(call->node, "axis", -1), call->inputs[0].desc.shape.rank, &axis));
    if (p != 1 && p != 2)
        return pum_fail(PUM_E_RANGE, "p is %lld, expected 1 or 2", (long long)p);
    return op_infer_same(call);
}

pum_status reference_lp_normalization(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    bool absolute = node_int(call->node, "p", 2) == 1;
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", -1), in->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&in->desc.shape, axis);
    for (int64_t row = 0; row < view.outer * view.inner; row++) {
        int64_t base = row / view.inner * view.length * view.inner + row % view.inner;
        double sum = 0;
        for (int64_t k = 0; k < view.length; k++) {
            double v = tensor_get_f64(in, base + k * view.inner);
            sum += absolute ? fabs(v) : v * v;
        }
        double norm = absolute ? sum : sqrt(sum);
        for (int64_t k = 0; k < view.length; k++) {
            int64_t at = base + k * view.inner;
            double v = tensor_get_f64(in, at);
            tensor_set_f64(&call->outputs[0], at, norm == 0 ? v : v / norm);
        }
    }
    return PUM_OK;
}
OP_HOST_ONLY(lp_normalization);

/* --- MeanVarianceNormalization ---------------------------------------------------------------- */

static pum_status mvn_mask(const struct op_call *call, bool mask[PUM_MAX_RANK])
{
    static const int64_t usual[] = {0, 2, 3};
    int32_t count;
    const int64_t *axes = node_ints(call->node, "axes", &count);
    return axes_mask(axes ? axes : usual, axes ? count : 3, call->inputs[0].desc.shape.rank, mask);
}

pum_status infer_mean_variance_normalization(struct op_call *call)
{
    bool mask[PUM_MAX_RANK];
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(mvn_mask(call, mask));
    return op_infer_same(call);
}

/* Which of the statistics element `index` belongs to: its position along the axes that stay. */
static int64_t kept_position(const struct shape *shape, const bool mask[PUM_MAX_RANK],
                             int64_t index)
{
    int64_t at = 0, stride = 1;
    for (int32_t i = shape->rank - 1; i >= 0; i--) {
        if (!mask[i]) {
            at += index % shape->dims[i] * stride;
            stride *= shape->dims[i];
        }
        index /= shape->dims[i];
    }
    return at;
}

pum_status reference_mean_variance_normalization(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    const struct shape *shape = &in->desc.shape;
    int64_t count = shape_elements(shape);
    bool mask[PUM_MAX_RANK];
    struct reduce_view view;
    PUM_TRY(mvn_mask(call, mask));
    reduce_view_make(shape, mask, &view);
    double *mean = pum_alloc(call->context, (size_t)view.results, 2 * sizeof *mean);
    if (!mean)
        return PUM_E_MEMORY;
    double *variance = mean + view.results, length = (double)view.length;
    for (int64_t i = 0; i < count; i++)
        mean[kept_position(shape, mask, i)] += tensor_get_f64(in, i) / length;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = kept_position(shape, mask, i);
        double v = tensor_get_f64(in, i) - mean[at];
        variance[at] += v * v / length;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t at = kept_position(shape, mask, i);
        tensor_set_f64(&call->outputs[0], i,
                       (tensor_get_f64(in, i) - mean[at]) / (sqrt(variance[at]) + 1e-9));
    }
    pum_free(call->context, mean);
    return PUM_OK;
}
OP_HOST_ONLY(mean_variance_normalization);
