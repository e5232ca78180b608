/* SPDX-License-Identifier: MIT
 *
 * reduce.c - the Reduce* operators over any set of axes, and the global pools, which are the same
 * over all spatial axes. The input is seen as kept and reduced runs of axes with strides (no
 * transpose). Lowering is reduce_lower.c; ArgMax and ArgMin are in arg.c, CumSum and TopK in
 * topk.c. Tests: tests/ops/test_reduce_norm.c.
 */
#include "ops/reduce.h"

#include "ops/axes.h"

#include <math.h>
#include <string.h>

/* --- Which axes ------------------------------------------------------------------------------- */

/* The axes to reduce; *out_noop when the input is to be given back. */
static pum_status reduce_mask(struct op_call *call, bool mask[PUM_MAX_RANK], bool *out_noop)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    int64_t axes[PUM_MAX_RANK];
    int32_t count = 0;
    *out_noop = false;
    if (op_has_input(call, 1))
        PUM_TRY(axes_input_ints(call, 1, axes, PUM_MAX_RANK, &count));
    PUM_TRY(axes_mask(axes, count, shape->rank, mask));
    if (count > 0)
        return PUM_OK;
    *out_noop = node_int(call->node, "noop_with_empty_axes", 0) != 0;
    for (int32_t i = 0; i < shape->rank; i++)
        mask[i] = !*out_noop;
    return PUM_OK;
}

static void global_mask(const struct shape *shape, bool mask[PUM_MAX_RANK])
{
    for (int32_t i = 0; i < PUM_MAX_RANK; i++)
        mask[i] = i >= 2 && i < shape->rank;
}

static pum_status infer_reduce(struct op_call *call)
{
    const struct shape *from = &call->inputs[0].desc.shape;
    struct shape shape = {0};
    bool mask[PUM_MAX_RANK], noop;
    bool keep = node_int(call->node, "keepdims", 1) != 0;
    bool compares = call->node->op == OP_REDUCEMAX || call->node->op == OP_REDUCEMIN;
    if (!compares || call->inputs[0].desc.dtype != PUM_DTYPE_BOOL)
        PUM_TRY(axes_need_number(call, 0));
    PUM_TRY(reduce_mask(call, mask, &noop));
    for (int32_t i = 0; i < from->rank; i++) {
        if (!mask[i])
            shape.dims[shape.rank++] = from->dims[i];
        else if (keep)
            shape.dims[shape.rank++] = 1;
    }
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static pum_status infer_global(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    PUM_TRY(axes_need_float(call, 0));
    if (shape.rank < 2)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected [n, c, ...]", shape.rank);
    for (int32_t i = 2; i < shape.rank; i++)
        shape.dims[i] = 1;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

void reduce_view_make(const struct shape *shape, const bool mask[PUM_MAX_RANK],
                      struct reduce_view *out_view)
{
    int64_t strides[PUM_MAX_RANK];
    int32_t last = -1; /* 0: the last run is kept, 1: reduced */
    memset(out_view, 0, sizeof *out_view);
    shape_strides(shape, strides);
    out_view->results = out_view->length = 1;
    for (int32_t i = 0; i < shape->rank; i++) {
        struct reduce_runs *runs = mask[i] ? &out_view->reduced : &out_view->kept;
        *(mask[i] ? &out_view->length : &out_view->results) *= shape->dims[i];
        if (shape->dims[i] == 1)
            continue;
        if (last == (mask[i] ? 1 : 0)) {
            runs->dims[runs->count - 1] *= shape->dims[i];
        } else {
            runs->dims[runs->count++] = shape->dims[i];
            last = mask[i] ? 1 : 0;
        }
        runs->strides[runs->count - 1] = strides[i];
    }
}

/* --- Reference -------------------------------------------------------------------------------- */

/* Running state of one result: floats in double, integers in 64 bits modulo 2^64. */
struct reduce_state {
    double sum;
    uint64_t whole;
    double greatest; /* LOGSUMEXP: subtracted before exp */
};

static int64_t run_offset(const struct reduce_runs *runs, int64_t index)
{
    int64_t offset = 0;
    for (int32_t i = runs->count - 1; i >= 0; i--) {
        offset += index % runs->dims[i] * runs->strides[i];
        index /= runs->dims[i];
    }
    return offset;
}

static double float_step(enum reduce_kind kind, double state, double x, double greatest)
{
    switch (kind) {
    case REDUCE_KIND_MAX:
        return x > state || isnan(x) ? x : state;
    case REDUCE_KIND_MIN:
        return x < state || isnan(x) ? x : state;
    case REDUCE_KIND_PROD:
        return state * x;
    case REDUCE_KIND_L1:
        return state + fabs(x);
    case REDUCE_KIND_L2:
    case REDUCE_KIND_SUM_SQUARE:
        return state + x * x;
    case REDUCE_KIND_LOG_SUM_EXP:
        return state + exp(x - greatest);
    default:
        return state + x;
    }
}

static double float_first(enum reduce_kind kind)
{
    switch (kind) {
    case REDUCE_KIND_MAX:
        return -INFINITY;
    case REDUCE_KIND_MIN:
        return INFINITY;
    case REDUCE_KIND_PROD:
        return 1;
    default:
        return 0;
    }
}

static double float_finish(enum reduce_kind kind, double state, double length, double greatest)
{
    switch (kind) {
    case REDUCE_KIND_MEAN:
        return state / length;
    case REDUCE_KIND_L2:
        return sqrt(state);
    case REDUCE_KIND_LOG_SUM:
        return log(state);
    case REDUCE_KIND_LOG_SUM_EXP:
        return log(state) + greatest;
    default:
        return state;
    }
}

static double reduce_float(const struct host_tensor *in, const struct reduce_view *view,
                           enum reduce_kind kind, int64_t base)
{
    const struct reduce_runs *runs = &view->reduced;
    int64_t inner = runs->count > 0 ? runs->dims[runs->count - 1] : 1;
    int64_t stride = runs->count > 0 ? runs->strides[runs->count - 1] : 0;
    double state = float_first(kind), greatest = 0;
    if (kind == REDUCE_KIND_LOG_SUM_EXP) {
        greatest = reduce_float(in, view, REDUCE_KIND_MAX, base);
        if (isinf(greatest))
            greatest = 0;
    }
    for (int64_t r = 0; r < view->length; r += inner) {
        int64_t at = base + run_offset(runs, r);
        for (int64_t i = 0; i < inner; i++)
            state = float_step(kind, state, tensor_get_f64(in, at + i * stride), greatest);
    }
    return float_finish(kind, state, (double)view->length, greatest);
}

static bool int_less(enum pum_dtype dtype, int64_t a, int64_t b)
{
    return dtype == PUM_DTYPE_U64 ? (uint64_t)a < (uint64_t)b : a < b;
}

/* The result of nothing: what every other value of the type is greater, or less, than. */
static int64_t int_first(enum pum_dtype dtype, enum reduce_kind kind)
{
    int bits = dtype == PUM_DTYPE_BOOL ? 1 : (int)pum_dtype_size(dtype) * 8;
    bool has_sign = dtype_is_int(dtype) && !dtype_is_unsigned(dtype);
    uint64_t most = UINT64_MAX >> (64 - bits + has_sign);
    if (kind == REDUCE_KIND_MAX)
        return has_sign ? -(int64_t)most - 1 : 0;
    return kind == REDUCE_KIND_MIN ? (int64_t)most : kind == REDUCE_KIND_PROD;
}

/* Integers whose result is an integer exactly. */
static int64_t reduce_int(const struct host_tensor *in, const struct reduce_view *view,
                          enum reduce_kind kind, int64_t base)
{
    enum pum_dtype dtype = in->desc.dtype;
    uint64_t state = (uint64_t)int_first(dtype, kind);
    for (int64_t r = 0; r < view->length; r++) {
        int64_t x = tensor_get_i64(in, base + run_offset(&view->reduced, r));
        switch (kind) {
        case REDUCE_KIND_MAX:
            if (int_less(dtype, (int64_t)state, x))
                state = (uint64_t)x;
            break;
        case REDUCE_KIND_MIN:
            if (int_less(dtype, x, (int64_t)state))
                state = (uint64_t)x;
            break;
        case REDUCE_KIND_PROD:
            state *= (uint64_t)x;
            break;
        case REDUCE_KIND_L1:
            state += !dtype_is_unsigned(dtype) && x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
            break;
        case REDUCE_KIND_SUM_SQUARE:
            state += (uint64_t)x * (uint64_t)x;
            break;
        default:
            state += (uint64_t)x;
            break;
        }
    }
    if (kind == REDUCE_KIND_MEAN && view->length > 0)
        return dtype == PUM_DTYPE_U64 ? (int64_t)(state / (uint64_t)view->length)
                                      : (int64_t)state / view->length;
    return (int64_t)state;
}

static pum_status run_reduce(struct op_call *call, const bool mask[PUM_MAX_RANK],
                             enum reduce_kind kind)
{
    const struct host_tensor *in = &call->inputs[0];
    struct reduce_view view;
    bool exact = !dtype_is_float(in->desc.dtype) && kind != REDUCE_KIND_L2 &&
                 kind != REDUCE_KIND_LOG_SUM && kind != REDUCE_KIND_LOG_SUM_EXP;
    reduce_view_make(&in->desc.shape, mask, &view);
    for (int64_t i = 0; i < view.results; i++) {
        int64_t base = run_offset(&view.kept, i);
        if (exact)
            tensor_set_i64(&call->outputs[0], i, reduce_int(in, &view, kind, base));
        else
            axes_store_f64(&call->outputs[0], i, reduce_float(in, &view, kind, base));
    }
    return PUM_OK;
}

static pum_status reference_reduce(struct op_call *call, enum reduce_kind kind)
{
    bool mask[PUM_MAX_RANK], noop;
    size_t bytes;
    PUM_TRY(reduce_mask(call, mask, &noop));
    if (!noop)
        return run_reduce(call, mask, kind);
    if (tensor_bytes(&call->inputs[0].desc, &bytes) && bytes > 0)
        memcpy(call->outputs[0].data, call->inputs[0].data, bytes);
    return PUM_OK;
}

static pum_status reference_global(struct op_call *call, enum reduce_kind kind)
{
    bool mask[PUM_MAX_RANK];
    global_mask(&call->inputs[0].desc.shape, mask);
    return run_reduce(call, mask, kind);
}

/* --- Rows of the table ------------------------------------------------------------------------ */

static pum_status lower_axes(struct lower_call *call, enum reduce_kind kind)
{
    struct axes_lowered lowered;
    bool mask[PUM_MAX_RANK], noop;
    axes_lowered_call(call, &lowered);
    PUM_TRY(reduce_mask(&lowered.call, mask, &noop));
    if (noop)
        return lower_alias_input0(call);
    return reduce_lower(call, mask, kind);
}

static pum_status lower_global(struct lower_call *call, enum reduce_kind kind)
{
    bool mask[PUM_MAX_RANK];
    global_mask(&call->inputs[0].desc.shape, mask);
    return reduce_lower(call, mask, kind);
}

/* The functions of one operator: its shape rule, reference and lowering over `how` (reduce or
 * global: which axes) with `kind`. */
#define REDUCE_ROW(fn, how, kind, lower_how)                                                       \
    pum_status infer_##fn(struct op_call *call) { return infer_##how(call); }                      \
    pum_status reference_##fn(struct op_call *call) { return reference_##how(call, kind); }        \
    static pum_status lower_##fn(struct lower_call *call) { return lower_how(call, kind); }        \
    OP_LOWER(fn, lower_##fn)

REDUCE_ROW(reduce_sum, reduce, REDUCE_KIND_SUM, lower_axes);
REDUCE_ROW(reduce_mean, reduce, REDUCE_KIND_MEAN, lower_axes);
REDUCE_ROW(reduce_max, reduce, REDUCE_KIND_MAX, lower_axes);
REDUCE_ROW(reduce_min, reduce, REDUCE_KIND_MIN, lower_axes);
REDUCE_ROW(reduce_prod, reduce, REDUCE_KIND_PROD, lower_axes);
REDUCE_ROW(reduce_l1, reduce, REDUCE_KIND_L1, lower_axes);
REDUCE_ROW(reduce_l2, reduce, REDUCE_KIND_L2, lower_axes);
REDUCE_ROW(reduce_sum_square, reduce, REDUCE_KIND_SUM_SQUARE, lower_axes);
REDUCE_ROW(reduce_log_sum, reduce, REDUCE_KIND_LOG_SUM, lower_axes);
REDUCE_ROW(reduce_log_sum_exp, reduce, REDUCE_KIND_LOG_SUM_EXP, lower_axes);
REDUCE_ROW(global_average_pool, global, REDUCE_KIND_MEAN, lower_global);
REDUCE_ROW(global_max_pool, global, REDUCE_KIND_MAX, lower_global);

/* GlobalLpPool: p 1 and 2 are reductions, what is above is the host's. */
pum_status infer_global_lp_pool(struct op_call *call)
{
    int64_t p = node_int(call->node, "p", 2);
    if (p < 1)
        return pum_fail(PUM_E_RANGE, "p is %lld", (long long)p);
    return infer_global(call);
}

static enum reduce_kind lp_kind(const struct graph_node *node)
{
    return node_int(node, "p", 2) == 1 ? REDUCE_KIND_L1 : REDUCE_KIND_L2;
}

pum_status reference_global_lp_pool(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    double p = (double)node_int(call->node, "p", 2);
    int64_t count = shape_elements(&call->outputs[0].desc.shape);
    int64_t plane = shape_product(&in->desc.shape, 2, in->desc.shape.rank);
    if (p <= 2)
        return reference_global(call, lp_kind(call->node));
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int64_t k = 0; k < plane; k++)
            sum += pow(fabs(tensor_get_f64(in, i * plane + k)), p);
        tensor_set_f64(&call->outputs[0], i, pow(sum, 1 / p));
    }
    return PUM_OK;
}

static pum_status lower_global_lp_pool(struct lower_call *call)
{
    if (node_int(call->node, "p", 2) > 2)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for this p");
    return lower_global(call, lp_kind(call->node));
}
OP_LOWER(global_lp_pool, lower_global_lp_pool);
