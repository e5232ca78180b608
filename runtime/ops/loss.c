/* SPDX-License-Identifier: MIT
 *
 * loss.c - NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: how far scores [n, c, ...] are
 * from the classes that they should have, with weights for classes and one class number that does
 * not count. Tests: tests/ops/test_loss.c.
 */
#include "ops/axes.h"

#include <math.h>
#include <string.h>

enum reduction { REDUCTION_NONE, REDUCTION_SUM, REDUCTION_MEAN };

static pum_status read_reduction(const struct graph_node *node, enum reduction *out_reduction)
{
    static const char *const names[] = {"none", "sum", "mean"};
    const char *name = node_string(node, "reduction", "mean");
    for (int i = 0; i < 3; i++) {
        *out_reduction = (enum reduction)i;
        if (strcmp(name, names[i]) == 0)
            return PUM_OK;
    }
    return pum_fail(PUM_E_ARGUMENT, "reduction is '%s'", name);
}

static pum_status infer_loss(struct op_call *call)
{
    const struct shape *scores = &call->inputs[0].desc.shape;
    const struct shape *target = &call->inputs[1].desc.shape;
    struct shape shape = {0};
    enum reduction reduction;
    PUM_TRY(axes_need_float(call, 0));
    PUM_TRY(axes_need_index(call, 1));
    PUM_TRY(read_reduction(call->node, &reduction));
    bool fits = scores->rank >= 2 && target->rank == scores->rank - 1;
    for (int32_t i = 0; i < target->rank && fits; i++)
        fits = target->dims[i] == scores->dims[i == 0 ? 0 : i + 1];
    if (!fits) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "scores %s and classes %s, expected [n,c,...] and [n,...]",
                        shape_text(scores, a), shape_text(target, b));
    }
    if (op_has_input(call, 2)) {
        PUM_TRY(axes_need_float(call, 2));
        if (call->inputs[2].desc.shape.rank != 1 ||
            call->inputs[2].desc.shape.dims[0] != scores->dims[1])
            return pum_fail(PUM_E_SHAPE, "weights (input 2) are not one number a class");
    }
    if (reduction == REDUCTION_NONE)
        shape = *target;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* Where a row of classes begins, how far its elements are apart, and its greatest element with the
 * logarithm of the sum of exponentials (0 where scores are logarithms already). */
static double log_sum(const struct host_tensor *in, int64_t base, int64_t stride, int64_t classes)
{
    double greatest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++)
        greatest = fmax(greatest, tensor_get_f64(in, base + c * stride));
    if (isinf(greatest))
        return greatest;
    for (int64_t c = 0; c < classes; c++)
        sum += exp(tensor_get_f64(in, base + c * stride) - greatest);
    return greatest + log(sum);
}

/* The loss of one element and its weight; both 0 where its class is the one ignored. */
static pum_status element_loss(const struct op_call *call, int64_t i, const struct axis_view *view,
                               bool softmax, double *out_loss, double *out_weight)
{
    const struct host_tensor *scores = &call->inputs[0];
    int64_t target = tensor_get_i64(&call->inputs[1], i);
    int64_t base = i / view->inner * view->length * view->inner + i % view->inner;
    *out_loss = *out_weight = 0;
    if (node_attr(call->node, "ignore_index") && target == node_int(call->node, "ignore_index", 0))
        return PUM_OK;
    if (target < 0 || target >= view->length)
        return pum_fail(PUM_E_RANGE, "class %lld at position %lld, there are %lld",
                        (long long)target, (long long)i, (long long)view->length);
    double score = tensor_get_f64(scores, base + target * view->inner);
    if (softmax)
        score -= log_sum(scores, base, view->inner, view->length);
    *out_weight = op_has_input(call, 2) ? tensor_get_f64(&call->inputs[2], target) : 1;
    *out_loss = -score * *out_weight;
    return PUM_OK;
}

static pum_status reference_loss(struct op_call *call, bool softmax)
{
    struct axis_view view = axes_view(&call->inputs[0].desc.shape, 1);
    int64_t count = shape_elements(&call->inputs[1].desc.shape);
    double sum = 0, weights = 0;
    enum reduction reduction;
    PUM_TRY(read_reduction(call->node, &reduction));
    for (int64_t i = 0; i < count; i++) {
        double loss, weight;
        PUM_TRY(element_loss(call, i, &view, softmax, &loss, &weight));
        if (reduction == REDUCTION_NONE)
            tensor_set_f64(&call->outputs[0], i, loss);
        sum += loss;
        weights += weight;
    }
    if (reduction != REDUCTION_NONE)
        tensor_set_f64(&call->outputs[0], 0, reduction == REDUCTION_MEAN ? sum / weights : sum);
    return PUM_OK;
}

pum_status infer_negative_log_likelihood_loss(struct op_call *call)
{
    return infer_loss(call);
}

pum_status reference_negative_log_likelihood_loss(struct op_call *call)
{
    return reference_loss(call, false);
}
OP_HOST_ONLY(negative_log_likelihood_loss);

pum_status infer_softmax_cross_entropy_loss(struct op_call *call)
{
    PUM_TRY(infer_loss(call));
    if (call->output_count > 1)
        call->outputs[1].desc = call->inputs[0].desc;
    return PUM_OK;
}

pum_status reference_softmax_cross_entropy_loss(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct axis_view view = axes_view(&in->desc.shape, 1);
    for (int64_t row = 0; axes_wants_output(call, 1) && row < view.outer * view.inner; row++) {
        int64_t base = row / view.inner * view.length * view.inner + row % view.inner;
        double all = log_sum(in, base, view.inner, view.length);
        for (int64_t c = 0; c < view.length; c++)
            tensor_set_f64(&call->outputs[1], base + c * view.inner,
                           tensor_get_f64(in, base + c * view.inner) - all);
    }
    return reference_loss(call, true);
}
OP_HOST_ONLY(softmax_cross_entropy_loss);
