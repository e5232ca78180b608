/* SPDX-License-Identifier: MIT
 *
 * topk.c - operators along one axis that keep an order: TopK (a sort of each row, on the host) and
 * CumSum. Tests: tests/ops/test_reduce_norm.c.
 */
#include "ops/axes.h"
#include "../../shaders/push/push_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- TopK ------------------------------------------------------------------------------------- */

pum_status infer_top_k(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    int64_t k;
    int32_t axis, count;
    PUM_TRY(axes_need_number(call, 0));
    PUM_TRY(axes_one(node_int(call->node, "axis", -1), shape.rank, &axis));
    PUM_TRY(axes_input_ints(call, 1, &k, 1, &count));
    if (count != 1)
        return pum_fail(PUM_E_SHAPE, "k (input 1) is not one value");
    if (k < 0 || k > shape.dims[axis])
        return pum_fail(PUM_E_RANGE, "k is %lld, axis %d has %lld entries", (long long)k, axis,
                        (long long)shape.dims[axis]);
    shape.dims[axis] = k;
    PUM_TRY(axes_output(call, 0, call->inputs[0].desc.dtype, &shape));
    return axes_output(call, 1, PUM_DTYPE_I64, &shape);
}

struct top_entry {
    double real;   /* floats */
    int64_t whole; /* integers */
    int64_t index;
};

static int by_index(const struct top_entry *x, const struct top_entry *y)
{
    return (x->index > y->index) - (x->index < y->index);
}

/* Greatest first; equal ones by index; NaN counts as greatest. */
static int greatest_first(const void *a, const void *b)
{
    const struct top_entry *x = a, *y = b;
    bool x_nan = isnan(x->real), y_nan = isnan(y->real);
    if (x_nan != y_nan)
        return x_nan ? -1 : 1;
    if (!x_nan && x->real != y->real)
        return x->real > y->real ? -1 : 1;
    if (x->whole != y->whole)
        return x->whole > y->whole ? -1 : 1;
    return by_index(x, y);
}

static int least_first(const void *a, const void *b)
{
    const struct top_entry *x = a, *y = b;
    bool x_nan = isnan(x->real), y_nan = isnan(y->real);
    if (x_nan != y_nan)
        return x_nan ? 1 : -1;
    if (!x_nan && x->real != y->real)
        return x->real < y->real ? -1 : 1;
    if (x->whole != y->whole)
        return x->whole < y->whole ? -1 : 1;
    return by_index(x, y);
}

static void read_entry(const struct host_tensor *in, int64_t at, struct top_entry *out_entry)
{
    out_entry->real = 0;
    out_entry->whole = 0;
    if (dtype_is_float(in->desc.dtype))
        out_entry->real = tensor_get_f64(in, at);
    else
        out_entry->whole = tensor_get_i64(in, at);
    if (in->desc.dtype == PUM_DTYPE_U64) /* the order of unsigned numbers in signed ones */
        out_entry->whole = (int64_t)((uint64_t)out_entry->whole ^ (uint64_t)1 << 63);
}

pum_status reference_top_k(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    bool largest = node_int(call->node, "largest", 1) != 0;
    size_t bytes = pum_dtype_size(in->desc.dtype);
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", -1), in->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&in->desc.shape, axis);
    int64_t k = tensor_get_i64(&call->inputs[1], 0);
    if (k < 0 || k > view.length)
        return pum_fail(PUM_E_RANGE, "k is %lld of %lld entries", (long long)k,
                        (long long)view.length);
    struct top_entry *entries = pum_alloc(call->context, (size_t)view.length, sizeof *entries);
    if (!entries)
        return PUM_E_MEMORY;
    for (int64_t row = 0; row < view.outer * view.inner; row++) {
        int64_t outer = row / view.inner, inner = row % view.inner;
        int64_t base = outer * view.length * view.inner + inner;
        for (int64_t i = 0; i < view.length; i++) {
            read_entry(in, base + i * view.inner, &entries[i]);
            entries[i].index = i;
        }
        qsort(entries, (size_t)view.length, sizeof *entries,
              largest ? greatest_first : least_first);
        for (int64_t i = 0; i < k; i++) {
            int64_t to = (outer * k + i) * view.inner + inner;
            int64_t from = base + entries[i].index * view.inner;
            if (axes_wants_output(call, 0))
                memcpy((uint8_t *)call->outputs[0].data + (size_t)to * bytes,
                       (const uint8_t *)in->data + (size_t)from * bytes, bytes);
            if (axes_wants_output(call, 1))
                tensor_set_i64(&call->outputs[1], to, entries[i].index);
        }
    }
    pum_free(call->context, entries);
    return PUM_OK;
}
OP_HOST_ONLY(top_k);

/* --- CumSum ----------------------------------------------------------------------------------- */

pum_status infer_cum_sum(struct op_call *call)
{
    PUM_TRY(axes_need_number(call, 0));
    PUM_TRY(axes_need_index(call, 1));
    if (shape_elements(&call->inputs[1].desc.shape) != 1)
        return pum_fail(PUM_E_SHAPE, "axis (input 1) is not one value");
    if (call->inputs[1].data) {
        int32_t axis;
        PUM_TRY(
            axes_one(tensor_get_i64(&call->inputs[1], 0), call->inputs[0].desc.shape.rank, &axis));
    }
    return op_infer_same(call);
}

pum_status reference_cum_sum(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct host_tensor *out = &call->outputs[0];
    bool exclusive = node_int(call->node, "exclusive", 0) != 0;
    bool reverse = node_int(call->node, "reverse", 0) != 0;
    bool is_float = dtype_is_float(in->desc.dtype);
    int32_t axis;
    PUM_TRY(axes_one(tensor_get_i64(&call->inputs[1], 0), in->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&in->desc.shape, axis);
    for (int64_t row = 0; row < view.outer * view.inner; row++) {
        int64_t base = row / view.inner * view.length * view.inner + row % view.inner;
        double sum = 0;
        uint64_t whole = 0;
        for (int64_t i = 0; i < view.length; i++) {
            int64_t at = base + (reverse ? view.length - 1 - i : i) * view.inner;
            double x = is_float ? tensor_get_f64(in, at) : 0;
            uint64_t n = is_float ? 0 : (uint64_t)tensor_get_i64(in, at);
            if (is_float)
                tensor_set_f64(out, at, exclusive ? sum : sum + x);
            else
                tensor_set_i64(out, at, (int64_t)(exclusive ? whole : whole + n));
            sum += x;
            whole += n;
        }
    }
    return PUM_OK;
}
static pum_status lower_cum_sum(struct lower_call *call)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    struct axes_lowered lowered;
    struct lower_dispatch dispatch;
    int32_t axis;
    axes_lowered_call(call, &lowered);
    if (!call->inputs[1].data)
        return pum_fail(PUM_E_UNSUPPORTED, "the axis is not known before the run");
    PUM_TRY(axes_one(tensor_get_i64(&lowered.inputs[1], 0), in->desc.shape.rank, &axis));
    struct axis_view view = axes_view(&in->desc.shape, axis);
    if (in->store == STORE_NONE || in->store != out->store ||
        (in->store == STORE_I32 && in->desc.dtype != PUM_DTYPE_I32))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel adds up %s", pum_dtype_name(in->desc.dtype));
    if (shape_elements(&in->desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    if (shape_elements(&in->desc.shape) == 0)
        return PUM_OK;
    struct push_scan push = {.rows = (uint32_t)(view.outer * view.inner),
                             .row_length = (uint32_t)view.length,
                             .inner = (uint32_t)view.inner,
                             .exclusive = node_int(call->node, "exclusive", 0) != 0,
                             .reverse = node_int(call->node, "reverse", 0) != 0};
    struct axes_rows rows = {push.rows, view.length, view.inner > 1};
    PUM_TRY(axes_rows_begin(call, "scan", in->store, &rows, &dispatch));
    lower_bind(&dispatch, 0, in);
    lower_bind(&dispatch, 1, out);
    lower_push(&dispatch, &push, sizeof push);
    dispatch.flops = (double)shape_elements(&in->desc.shape);
    axes_rows_grid(call, &dispatch, push.rows);
    return lower_emit(call, &dispatch);
}
OP_LOWER(cum_sum, lower_cum_sum);
