/* SPDX-License-Identifier: MIT
 *
 * quant_product.h - products of 8-bit operands as dispatches, for the quantised matrix products and
 * convolutions: operands packed four bytes to a word (constants once a session, activations by a
 * dispatch), the numbers of each output channel, and what becomes of a sum. "act" is the operand
 * with one zero point, the weights are the other. Tests: tests/ops/test_quant_product.c.
 */
#ifndef PUM_OPS_QUANT_PRODUCT_H
#define PUM_OPS_QUANT_PRODUCT_H

#include "ops/lower.h"
#include "ops/op.h"

#include "../../shaders/push/push_quant_product.h"

/* Bytes as [outer, axis, inner], of which the axis is packed: element (o, a, i) is element
 * o * stride[0] + a * stride[1] + i * stride[2] of the value. The words lie as
 * [outer, quant_words(axis), inner]. */
struct quant_view {
    int64_t outer, axis, inner;
    int64_t stride[3];
};

static inline int64_t quant_words(int64_t axis)
{
    return axis / 4 + (axis % 4 != 0);
}

/* A packed operand: a value of the plan and its size. */
struct quant_packed {
    int32_t value;
    uint64_t bytes;
};

/* What an operator says of a product beside its geometry. All known before the run but what is said
 * otherwise; NULL (or desc.dtype NONE): absent. */
struct quant_rule {
    uint32_t output; /* QUANT_TO_* */
    enum pum_dtype act_dtype, weight_dtype, out_dtype;
    const struct lower_value *act_zero;    /* may be a value of the run */
    const struct lower_value *act_scale;   /* QUANT_TO_FLOAT: may be a value of the run */
    const struct lower_value *weight_zero; /* of one value: may be a value of the run if the weights
                                            * are */
    const struct lower_value *weight_scale, *bias, *out_scale, *out_zero;
    float alpha;
};

/* The rule in the form of the kernels. */
struct quant_finish {
    uint32_t output;
    bool subtract;     /* the weights are values of the run: zero points are taken off them */
    bool weight_zeros; /* some constant weights' zero point is not 0 */
    struct push_quant_finish push;
    struct quant_packed params; /* value -1: none */
    int32_t zero, act_scale;    /* values, or -1 */
};

/* Whether a value's elements can be read here. */
bool quant_known(const struct lower_value *value);
bool quant_present(const struct lower_value *value);

/* Packs activations by a dispatch; behind the axis' end lies the zero point. */
pum_status quant_pack_act(const struct lower_call *call, const struct lower_value *value,
                          enum pum_dtype dtype, const struct lower_value *zero,
                          const struct quant_view *view, struct quant_packed *out_packed);
/* Packs constant weights, named `key` (which says what the view is). The channel of element
 * (o, a, i) is o, or with `inner_channels` o * inner + i. */
pum_status quant_pack_weights(const struct lower_call *call, const struct lower_value *value,
                              const struct lower_value *zero, const char *key,
                              const struct quant_view *view, bool inner_channels,
                              struct quant_packed *out_packed);
/* Fills in the finish; with constant weights, packs the numbers of their channels. */
pum_status quant_make_finish(const struct lower_call *call, const struct quant_rule *rule,
                             const struct lower_value *weights, const struct quant_view *view,
                             bool inner_channels, struct quant_finish *out_finish);
/* Sets the specs and bindings of a dispatch that the finish asks for; params is binding `first`,
 * zero and act_scale follow. */
void quant_bind_finish(struct lower_dispatch *dispatch, const struct quant_finish *finish,
                       uint32_t first);

/* Y[i] = finish(A[(i / a_div) % a_mod] B[(i / b_div) % b_mod]); strides in words. */
struct quant_problem {
    int64_t m, n, words, batch;
    int64_t a_row, a_step, b_col, b_step;
    int64_t a_div, a_mod, b_div, b_mod;
    struct quant_packed a, b;
    bool rows; /* the weights are A, so that channels are rows */
    const struct lower_value *y;
};
pum_status quant_product_lower(const struct lower_call *call, const struct quant_problem *problem,
                               const struct quant_finish *finish);

#endif
