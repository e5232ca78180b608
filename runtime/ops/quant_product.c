/* SPDX-License-Identifier: MIT
 *
 * quant_product.c - see quant_product.h. Sums of raw bytes are corrected for zero points at the
 * end: sum (a - za)(w - zw) = sum a w - za sum (w - zw) - zw sum a, where the second sum is a
 * constant of the channel; only weights that are not constant have their zero points taken off
 * while they are multiplied. Tests: tests/ops/test_quant_product.c.
 */
#include "ops/quant_product.h"

#include "ops/axes.h"
#include "ops/elementwise.h"
#include "ops/quantize.h"

#include <stdio.h>
#include <string.h>

/* Old CPU drivers (Mesa 22) leave a shader's loops after 65535 iterations in all. */
#define WIDE_MOST_WORDS 60000

bool quant_present(const struct lower_value *value)
{
    return value && value->desc.dtype != PUM_DTYPE_NONE;
}

bool quant_known(const struct lower_value *value)
{
    return quant_present(value) && value->data;
}

static int64_t count_of(const struct lower_value *value)
{
    return quant_present(value) ? shape_elements(&value->desc.shape) : 0;
}

static struct host_tensor host_of(const struct lower_value *value)
{
    return (struct host_tensor){value->desc, (void *)(uintptr_t)value->data}; /* only read */
}

/* Element `index` of a known value; the first if it has one; `otherwise` if it is absent. */
static double number_at(const struct lower_value *value, int64_t index, double otherwise)
{
    if (!quant_present(value))
        return otherwise;
    struct host_tensor host = host_of(value);
    int64_t count = count_of(value);
    return tensor_get_f64(&host, count == 1 ? 0 : index % count);
}

static int32_t zero_at(const struct lower_value *zero, int64_t channel, enum pum_dtype dtype)
{
    return (int32_t)number_at(zero, channel, 0) - (dtype == PUM_DTYPE_U8 ? 128 : 0);
}

/* --- Packing ---------------------------------------------------------------------------------- */

pum_status quant_pack_act(const struct lower_call *call, const struct lower_value *value,
                          enum pum_dtype dtype, const struct lower_value *zero,
                          const struct quant_view *view, struct quant_packed *out_packed)
{
    struct lower_dispatch dispatch;
    uint64_t count = (uint64_t)(view->outer * quant_words(view->axis) * view->inner);
    if (value->store != STORE_I32)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel packs %s", pum_dtype_name(dtype));
    if (count > UINT32_MAX || shape_elements(&value->desc.shape) > (int64_t)UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^32 elements");
    PUM_TRY(lower_begin(call, "quant_pack", STORE_I32, NULL, 0, &dispatch));
    bool dynamic = quant_present(zero) && !zero->data;
    struct push_quant_pack push = {.count = (uint32_t)count,
                                   .per = elementwise_grid(call, &dispatch, count),
                                   .axis = (uint32_t)view->axis,
                                   .inner = (uint32_t)view->inner,
                                   .flip = dtype == PUM_DTYPE_U8 ? 128 : 0,
                                   .fill = dynamic ? 0 : zero_at(zero, 0, dtype),
                                   .has_zero = dynamic};
    out_packed->bytes = count * 4;
    PUM_TRY(call->sink->scratch(call->sink, out_packed->bytes, &out_packed->value));
    lower_push(&dispatch, &push, sizeof push);
    lower_bind(&dispatch, 0, value);
    if (dynamic)
        lower_bind(&dispatch, 1, zero);
    lower_bind_range(&dispatch, 2, out_packed->value, 0, out_packed->bytes);
    return lower_emit(call, &dispatch);
}

struct pack_weights {
    struct quant_view view;
    const struct lower_value *zero;
    bool inner_channels;
};

static pum_status pack_words(void *user, const struct host_tensor *source, void *out)
{
    const struct pack_weights *work = user;
    const struct quant_view *view = &work->view;
    enum pum_dtype dtype = source->desc.dtype;
    const uint8_t *from = source->data;
    uint8_t *to = out, flip = dtype == PUM_DTYPE_U8 ? 128 : 0;
    for (int64_t o = 0; o < view->outer; o++)
        for (int64_t w = 0; w < quant_words(view->axis); w++)
            for (int64_t i = 0; i < view->inner; i++)
                for (int64_t a = 4 * w; a < 4 * w + 4; a++) {
                    int64_t channel = work->inner_channels ? o * view->inner + i : o;
                    int64_t at = o * view->stride[0] + a * view->stride[1] + i * view->stride[2];
                    *to++ = a < view->axis ? from[at] ^ flip
                                           : (uint8_t)zero_at(work->zero, channel, dtype);
                }
    return PUM_OK;
}

/* FNV-1a. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_value(uint64_t hash, const struct lower_value *value)
{
    size_t bytes = 0;
    if (quant_known(value) && tensor_bytes(&value->desc, &bytes))
        hash = hash_bytes(hash, value->data, bytes);
    return hash_bytes(hash, &bytes, sizeof bytes);
}

#define HASH_START 0xcbf29ce484222325u

pum_status quant_pack_weights(const struct lower_call *call, const struct lower_value *value,
                              const struct lower_value *zero, const char *key,
                              const struct quant_view *view, bool inner_channels,
                              struct quant_packed *out_packed)
{
    struct pack_weights work = {*view, zero, inner_channels};
    char name[96];
    snprintf(name, sizeof name, "%s %016llx", key,
             (unsigned long long)hash_value(HASH_START, zero));
    out_packed->bytes = (uint64_t)(view->outer * quant_words(view->axis) * view->inner) * 4;
    return call->sink->pack(call->sink, value, name, out_packed->bytes, pack_words, &work,
                            &out_packed->value);
}

/* --- The numbers of the channels -------------------------------------------------------------- */

struct pack_params {
    struct quant_view view;
    bool inner_channels;
    const struct quant_rule *rule;
};

/* What a sum is multiplied by, in ONNX Runtime's order of float32 operations. */
static float scale_at(const struct quant_rule *rule, int64_t channel)
{
    float weight = (float)number_at(rule->weight_scale, channel, 1);
    if (rule->output == QUANT_TO_FLOAT)
        return weight;
    float scale = rule->alpha * (float)number_at(rule->act_scale, 0, 1);
    scale *= weight;
    return scale / (float)number_at(rule->out_scale, 0, 1);
}

static int32_t float_bits(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool float_bias(const struct quant_rule *rule)
{
    return quant_present(rule->bias) && rule->bias->desc.dtype == PUM_DTYPE_F32;
}

static pum_status pack_channels(void *user, const struct host_tensor *source, void *out)
{
    const struct pack_params *work = user;
    const struct quant_view *view = &work->view;
    const struct quant_rule *rule = work->rule;
    enum pum_dtype dtype = source->desc.dtype;
    const uint8_t *from = source->data;
    uint8_t flip = dtype == PUM_DTYPE_U8 ? 128 : 0;
    int64_t inner = work->inner_channels ? view->inner : 1;
    int64_t others = work->inner_channels ? 1 : view->inner;
    int32_t *to = out;
    for (int64_t c = 0; c < view->outer * inner; c++, to += QUANT_PARAMS) {
        int32_t zero = zero_at(rule->weight_zero, c, dtype);
        uint32_t sum = 0;
        for (int64_t a = 0; a < view->axis; a++)
            for (int64_t i = 0; i < others; i++) {
                int64_t at = c / inner * view->stride[0] + a * view->stride[1] +
                             (c % inner + i) * view->stride[2];
                sum += (uint32_t)((int8_t)(from[at] ^ flip) - zero);
            }
        to[0] = (int32_t)sum;
        to[1] = zero;
        double bias = number_at(rule->bias, c, 0);
        to[2] = float_bias(rule) ? float_bits((float)bias) : (int32_t)bias;
        to[3] = float_bits(scale_at(rule, c));
    }
    return PUM_OK;
}

static bool has_zeros(const struct quant_rule *rule)
{
    int64_t count = count_of(rule->weight_zero);
    bool any = count == 0 && rule->weight_dtype == PUM_DTYPE_U8;
    for (int64_t i = 0; i < count && !any; i++)
        any = zero_at(rule->weight_zero, i, rule->weight_dtype) != 0;
    return any;
}

static pum_status pack_params(const struct lower_call *call, const struct quant_rule *rule,
                              const struct lower_value *weights, const struct quant_view *view,
                              bool inner_channels, struct quant_finish *finish)
{
    struct pack_params work = {*view, inner_channels, rule};
    char name[96];
    uint64_t hash = hash_bytes(HASH_START, &rule->alpha, sizeof rule->alpha);
    const struct lower_value *values[] = {rule->weight_zero, rule->weight_scale, rule->bias,
                                          rule->out_scale};
    for (size_t i = 0; i < PUM_COUNT_OF(values); i++)
        hash = hash_value(hash, values[i]);
    if (rule->output == QUANT_TO_BYTE)
        hash = hash_value(hash, rule->act_scale);
    snprintf(name, sizeof name, "quant params %u %d %016llx", rule->output, inner_channels,
             (unsigned long long)hash);
    int64_t channels = view->outer * (inner_channels ? view->inner : 1);
    finish->params.bytes = (uint64_t)channels * QUANT_PARAMS * 4;
    finish->push.flags |= QUANT_CHANNELS | (float_bias(rule) ? QUANT_FLOAT_BIAS : 0);
    finish->weight_zeros = has_zeros(rule);
    return call->sink->pack(call->sink, weights, name, finish->params.bytes, pack_channels, &work,
                            &finish->params.value);
}

/* --- The finish ------------------------------------------------------------------------------- */

static pum_status need_known(const struct lower_value *value, const char *what)
{
    if (quant_present(value) && !value->data)
        return pum_fail(PUM_E_UNSUPPORTED, "%s is not known before the run", what);
    return PUM_OK;
}

/* Weights of the run: one zero point, one scale, no bias. */
static pum_status finish_subtract(const struct quant_rule *rule, struct quant_finish *finish)
{
    const struct lower_value *zero = rule->weight_zero;
    finish->subtract = true;
    if (quant_present(rule->bias) || count_of(rule->weight_scale) > 1 || count_of(zero) > 1)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel takes scales or a bias by channel with "
                                           "weights that are not constant");
    if (rule->weight_dtype == PUM_DTYPE_U8)
        finish->push.flags |= QUANT_WEIGHT_UNSIGNED;
    finish->push.scale = scale_at(rule, 0);
    if (quant_present(zero) && !zero->data) {
        finish->push.flags |= QUANT_WEIGHT_ZERO;
        finish->params = (struct quant_packed){zero->value, 4};
    } else {
        finish->push.weight_zero = zero_at(zero, 0, rule->weight_dtype);
    }
    return PUM_OK;
}

static pum_status finish_act(const struct quant_rule *rule, struct quant_finish *finish)
{
    struct push_quant_finish *push = &finish->push;
    if (count_of(rule->act_zero) > 1 || count_of(rule->act_scale) > 1)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel takes scales of rows");
    if (rule->act_dtype == PUM_DTYPE_U8)
        push->flags |= QUANT_ACT_UNSIGNED;
    if (quant_present(rule->act_zero) && !rule->act_zero->data) {
        push->flags |= QUANT_ACT_ZERO;
        finish->zero = rule->act_zero->value;
    } else {
        push->act_zero = zero_at(rule->act_zero, 0, rule->act_dtype);
    }
    push->act_scale = 1;
    if (rule->output != QUANT_TO_FLOAT)
        return need_known(rule->act_scale, "the scale of input 0");
    if (quant_present(rule->act_scale) && !rule->act_scale->data) {
        if (rule->act_scale->store != STORE_F32 || rule->alpha != 1)
            return pum_fail(PUM_E_UNSUPPORTED, "no kernel for this scale of the run");
        push->flags |= QUANT_ACT_SCALE;
        finish->act_scale = rule->act_scale->value;
    } else {
        push->act_scale = rule->alpha * (float)number_at(rule->act_scale, 0, 1);
    }
    return PUM_OK;
}

pum_status quant_make_finish(const struct lower_call *call, const struct quant_rule *rule,
                             const struct lower_value *weights, const struct quant_view *view,
                             bool inner_channels, struct quant_finish *out_finish)
{
    struct push_quant_finish *push = &out_finish->push;
    *out_finish = (struct quant_finish){
        .output = rule->output, .params.value = -1, .zero = -1, .act_scale = -1};
    PUM_TRY(need_known(rule->weight_scale, "the weights' scale"));
    PUM_TRY(need_known(rule->bias, "the bias"));
    PUM_TRY(need_known(rule->out_scale, "the output's scale"));
    PUM_TRY(need_known(rule->out_zero, "the output's zero point"));
    push->zero = (int32_t)number_at(rule->out_zero, 0, 0);
    if (rule->output == QUANT_TO_BYTE && !quant_range(rule->out_dtype, &push->low, &push->high))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel gives %s", pum_dtype_name(rule->out_dtype));
    PUM_TRY(finish_act(rule, out_finish));
    if (!weights->data)
        return finish_subtract(rule, out_finish);
    PUM_TRY(need_known(rule->weight_zero, "the weights' zero point"));
    return pack_params(call, rule, weights, view, inner_channels, out_finish);
}

void quant_bind_finish(struct lower_dispatch *dispatch, const struct quant_finish *finish,
                       uint32_t first)
{
    kernel_set_spec(dispatch->row, dispatch->specs, "OUTPUT", finish->output);
    if (finish->params.value >= 0)
        lower_bind_range(dispatch, first, finish->params.value, 0, finish->params.bytes);
    if (finish->zero >= 0)
        lower_bind_range(dispatch, first + 1, finish->zero, 0, 4);
    if (finish->act_scale >= 0)
        lower_bind_range(dispatch, first + 2, finish->act_scale, 0, 4);
}

/* --- The product ------------------------------------------------------------------------------ */

/* Rows of a tile: at most the row's default. */
static uint32_t tile_rows(const struct lower_dispatch *dispatch, int64_t m)
{
    int64_t most = kernel_get_spec(dispatch->row, dispatch->specs, "TILE_M");
    return (uint32_t)axes_min(most, m >= 12 ? 16 : m > 4 ? 8 : m > 2 ? 4 : m);
}

pum_status quant_product_lower(const struct lower_call *call, const struct quant_problem *problem,
                               const struct quant_finish *finish)
{
    const struct quant_problem *q = problem;
    struct lower_dispatch dispatch;
    bool wide = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE);
    if (q->m > INT32_MAX || q->n > INT32_MAX || q->batch > INT32_MAX ||
        shape_elements(&q->y->desc.shape) > (int64_t)UINT32_MAX || q->a.bytes / 4 > UINT32_MAX ||
        q->b.bytes / 4 > UINT32_MAX || (wide && q->words > WIDE_MOST_WORDS))
        return pum_fail(PUM_E_UNSUPPORTED, "a product of %lld by %lld by %lld is too large",
                        (long long)q->m, (long long)q->n, (long long)q->words * 4);
    const struct kernel_number numbers[] = {{"subtract", finish->subtract}};
    PUM_TRY(lower_begin(call, "quant_product", STORE_I32, numbers, 1, &dispatch));
    struct push_quant_product push = {.m = (uint32_t)q->m,
                                      .n = (uint32_t)q->n,
                                      .k = (uint32_t)q->words,
                                      .batch = (uint32_t)q->batch,
                                      .a_row = (uint32_t)q->a_row,
                                      .a_step = (uint32_t)q->a_step,
                                      .b_col = (uint32_t)q->b_col,
                                      .b_step = (uint32_t)q->b_step,
                                      .a_div = (uint32_t)q->a_div,
                                      .a_mod = (uint32_t)q->a_mod,
                                      .b_div = (uint32_t)q->b_div,
                                      .b_mod = (uint32_t)q->b_mod,
                                      .finish = finish->push};
    uint32_t rows = tile_rows(&dispatch, q->m);
    if (wide)
        kernel_set_spec(dispatch.row, dispatch.specs, "WG_X", call->caps->subgroup_size);
    kernel_set_spec(dispatch.row, dispatch.specs, "TILE_M", rows);
    kernel_set_spec(dispatch.row, dispatch.specs, "WEIGHT_ZEROS", finish->weight_zeros);
    kernel_set_spec(dispatch.row, dispatch.specs, "ROWS", q->rows);
    kernel_set_spec(dispatch.row, dispatch.specs, "SUBTRACT", finish->subtract);
    lower_push(&dispatch, &push, sizeof push);
    lower_bind_range(&dispatch, 0, q->a.value, 0, q->a.bytes);
    lower_bind_range(&dispatch, 1, q->b.value, 0, q->b.bytes);
    quant_bind_finish(&dispatch, finish, 2);
    lower_bind(&dispatch, 5, q->y);
    int64_t columns = 4 * (int64_t)kernel_get_spec(dispatch.row, dispatch.specs, "WG_X");
    lower_grid(call->caps,
               (uint64_t)axes_ceil_div(q->m, rows) * (uint64_t)axes_ceil_div(q->n, columns) *
                   (uint64_t)q->batch,
               dispatch.groups);
    dispatch.flops = 8.0 * (double)q->m * (double)q->n * (double)q->words * (double)q->batch;
    return lower_emit(call, &dispatch);
}
