/* SPDX-License-Identifier: MIT
 *
 * attention.c - shape rule and reference of Attention: softmax(q k^T * scale + mask) v, a row at a
 * time in double. A row whose keys are all masked (-inf) gives NaN, as the plain definition does.
 * Tests: tests/ops/test_attention.c.
 */
#include "ops/attention.h"

#include "ops/axes.h"

#include <math.h>

pum_status attention_read(const struct graph_node *node, const struct shape *q,
                          const struct shape *k, const struct shape *v, struct attention *out)
{
    bool transposed = node_int(node, "k_transposed", 0) != 0;
    if (q->rank != 4 || k->rank != 4 || v->rank != 4)
        return pum_fail(PUM_E_SHAPE, "q, k and v have ranks %d, %d and %d, expected 4", q->rank,
                        k->rank, v->rank);
    *out = (struct attention){.batch = q->dims[0],
                              .heads = q->dims[1],
                              .kv_heads = k->dims[1],
                              .q_len = q->dims[2],
                              .kv_len = k->dims[transposed ? 3 : 2],
                              .dim = q->dims[3],
                              .v_dim = v->dims[3],
                              .k_transposed = transposed,
                              .causal = node_int(node, "causal", 0) != 0,
                              .hides = node_attr(node, "hidden") != NULL,
                              .replaces = node_int(node, "mask_replaces", 0) != 0,
                              .hidden = (double)node_float(node, "hidden", 0)};
    double scale = (double)node_float(node, "scale", 0);
    out->scale = scale != 0 ? scale : 1 / sqrt((double)(out->dim > 0 ? out->dim : 1));
    if (k->dims[0] != out->batch || v->dims[0] != out->batch || v->dims[1] != out->kv_heads ||
        v->dims[2] != out->kv_len || k->dims[transposed ? 2 : 3] != out->dim)
        return pum_fail(PUM_E_SHAPE, "q, k and v do not fit together");
    if (out->kv_heads < 1 ? out->heads != 0 : out->heads % out->kv_heads != 0)
        return pum_fail(PUM_E_SHAPE, "%lld heads are no multiple of %lld key-value heads",
                        (long long)out->heads, (long long)out->kv_heads);
    return PUM_OK;
}

pum_status infer_attention(struct op_call *call)
{
    const struct tensor_desc *q = &call->inputs[0].desc;
    struct attention a;
    if (q->dtype != PUM_DTYPE_F32 && q->dtype != PUM_DTYPE_F16 && q->dtype != PUM_DTYPE_F64)
        return op_bad_type(call, 0, "float32, float16 or double");
    for (int32_t i = 1; i < call->input_count; i++) {
        if (op_has_input(call, i) && call->inputs[i].desc.dtype != q->dtype)
            return op_bad_type(call, i, "the type of q");
    }
    PUM_TRY(attention_read(call->node, &q->shape, &call->inputs[1].desc.shape,
                           &call->inputs[2].desc.shape, &a));
    const struct shape scores = {4, {a.batch, a.heads, a.q_len, a.kv_len}};
    struct shape both;
    if (op_has_input(call, 3) && (!shape_broadcast(&scores, &call->inputs[3].desc.shape, &both) ||
                                  !shape_equal(&scores, &both)))
        return pum_fail(PUM_E_SHAPE, "the mask does not broadcast to the scores");
    const struct shape shape = {4, {a.batch, a.heads, a.q_len, a.v_dim}};
    return axes_output(call, 0, q->dtype, &shape);
}

void attention_mask_strides(const struct shape *mask, int64_t strides[4])
{
    int64_t stride = 1;
    for (int32_t i = 3; i >= 0; i--) {
        int32_t axis = mask->rank - 4 + i;
        bool varies = axis >= 0 && mask->dims[axis] != 1;
        strides[i] = varies ? stride : 0;
        if (axis >= 0)
            stride *= mask->dims[axis];
    }
}

/* The scores of one query row, then their exponentials; gives their sum. */
static double weigh_keys(const struct op_call *call, const struct attention *a, int64_t b,
                         int64_t h, int64_t row, double *weights)
{
    const struct host_tensor *q = &call->inputs[0], *k = &call->inputs[1];
    int64_t strides[4] = {0};
    bool masked = op_has_input(call, 3);
    if (masked)
        attention_mask_strides(&call->inputs[3].desc.shape, strides);
    int64_t head = b * a->kv_heads + h / (a->heads / a->kv_heads);
    int64_t q_at = ((b * a->heads + h) * a->q_len + row) * a->dim;
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < a->kv_len; j++) {
        double score = 0;
        for (int64_t d = 0; d < a->dim; d++) {
            int64_t k_at = a->k_transposed ? (head * a->dim + d) * a->kv_len + j
                                           : (head * a->kv_len + j) * a->dim + d;
            score += tensor_get_f64(q, q_at + d) * tensor_get_f64(k, k_at);
        }
        bool seen = !a->causal || j <= row + a->kv_len - a->q_len;
        score = seen || !a->hides ? score * a->scale : a->hidden;
        if (masked) {
            double value = tensor_get_f64(&call->inputs[3], b * strides[0] + h * strides[1] +
                                                                row * strides[2] + j * strides[3]);
            if (!a->replaces)
                score += value;
            else if (value != 0)
                score = value;
        }
        if (!seen && !a->hides)
            score = -INFINITY;
        weights[j] = score;
        if (score > most || isnan(score))
            most = score;
    }
    for (int64_t j = 0; j < a->kv_len; j++)
        sum += weights[j] = exp(weights[j] - most);
    return sum;
}

pum_status reference_attention(struct op_call *call)
{
    struct attention a;
    PUM_TRY(attention_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                           &call->inputs[2].desc.shape, &a));
    double *weights = pum_alloc(call->context, (size_t)a.kv_len, sizeof *weights);
    if (!weights)
        return PUM_E_MEMORY;
    for (int64_t r = 0; r < a.batch * a.heads * a.q_len; r++) {
        int64_t row = r % a.q_len, h = r / a.q_len % a.heads, b = r / a.q_len / a.heads;
        double sum = weigh_keys(call, &a, b, h, row, weights);
        int64_t head = b * a.kv_heads + h / (a.heads / a.kv_heads);
        for (int64_t d = 0; d < a.v_dim; d++) {
            double value = 0;
            for (int64_t j = 0; j < a.kv_len; j++)
                value += weights[j] *
                         tensor_get_f64(&call->inputs[2], (head * a.kv_len + j) * a.v_dim + d);
            tensor_set_f64(&call->outputs[0], r * a.v_dim + d, value / sum);
        }
    }
    pum_free(call->context, weights);
    return PUM_OK;
}
