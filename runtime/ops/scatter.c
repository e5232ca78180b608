/* SPDX-License-Identifier: MIT
 *
 * scatter.c - ScatterElements and ScatterND: a copy of the data with updates put, or reduced, at
 * indices. Updates are applied in order. Kernels only put; reductions, whose result would depend on
 * the order of equal indices, are the host's. Tests: tests/ops/test_gather_resize.c.
 */
#include "ops/axes.h"
#include "ops/gather.h"

#include <string.h>

enum scatter_kind { SCATTER_NONE, SCATTER_ADD, SCATTER_MUL, SCATTER_MIN, SCATTER_MAX };

static pum_status scatter_kind(const struct graph_node *node, enum scatter_kind *out_kind)
{
    static const char *const names[] = {"none", "add", "mul", "min", "max"};
    const char *name = node_string(node, "reduction", "none");
    *out_kind = SCATTER_NONE;
    for (size_t i = 0; i < PUM_COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *out_kind = (enum scatter_kind)i;
        return PUM_OK;
    }
    return pum_fail(PUM_E_ARGUMENT, "reduction is '%s'", name);
}

static void put_float(struct host_tensor *out, int64_t to, double v, enum scatter_kind kind)
{
    double old = tensor_get_f64(out, to);
    if (kind == SCATTER_ADD)
        v = old + v;
    else if (kind == SCATTER_MUL)
        v = old * v;
    else if (kind == SCATTER_MIN)
        v = old < v ? old : v;
    else
        v = old > v ? old : v;
    tensor_set_f64(out, to, v);
}

static void put_int(struct host_tensor *out, int64_t to, int64_t v, enum scatter_kind kind)
{
    int64_t old = tensor_get_i64(out, to);
    bool less = out->desc.dtype == PUM_DTYPE_U64 ? (uint64_t)old < (uint64_t)v : old < v;
    if (kind == SCATTER_ADD)
        v = (int64_t)((uint64_t)old + (uint64_t)v);
    else if (kind == SCATTER_MUL)
        v = (int64_t)((uint64_t)old * (uint64_t)v);
    else if (kind == SCATTER_MIN)
        v = less ? old : v;
    else
        v = less ? v : old;
    tensor_set_i64(out, to, v);
}

/* Puts `count` updates from `from` on at `to` on. */
static void put(struct host_tensor *out, int64_t to, const struct host_tensor *updates,
                int64_t from, int64_t count, enum scatter_kind kind)
{
    size_t bytes = pum_dtype_size(out->desc.dtype);
    if (kind == SCATTER_NONE) {
        memcpy((uint8_t *)out->data + (size_t)to * bytes,
               (const uint8_t *)updates->data + (size_t)from * bytes, (size_t)count * bytes);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (dtype_is_float(out->desc.dtype))
            put_float(out, to + i, tensor_get_f64(updates, from + i), kind);
        else
            put_int(out, to + i, tensor_get_i64(updates, from + i), kind);
    }
}

static pum_status copy_data(struct op_call *call)
{
    size_t bytes;
    if (tensor_bytes(&call->inputs[0].desc, &bytes) && bytes > 0)
        memcpy(call->outputs[0].data, call->inputs[0].data, bytes);
    return PUM_OK;
}

static pum_status check_updates(const struct op_call *call, const struct shape *expected)
{
    enum scatter_kind kind;
    PUM_TRY(scatter_kind(call->node, &kind));
    if (kind != SCATTER_NONE && call->inputs[0].desc.dtype == PUM_DTYPE_STRING)
        return op_bad_type(call, 0, "a number to reduce");
    if (call->inputs[2].desc.dtype != call->inputs[0].desc.dtype)
        return op_bad_type(call, 2, "the type of input 0");
    if (!shape_equal(&call->inputs[2].desc.shape, expected)) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "updates of shape %s, expected %s",
                        shape_text(&call->inputs[2].desc.shape, a), shape_text(expected, b));
    }
    return PUM_OK;
}

static bool reduces(const struct graph_node *node)
{
    return strcmp(node_string(node, "reduction", "none"), "none") != 0;
}

/* --- ScatterElements -------------------------------------------------------------------------- */

pum_status infer_scatter_elements(struct op_call *call)
{
    int32_t axis;
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), call->inputs[0].desc.shape.rank, &axis));
    PUM_TRY(gather_check_elements(call, axis));
    PUM_TRY(check_updates(call, &call->inputs[1].desc.shape));
    return op_infer_same(call);
}

pum_status reference_scatter_elements(struct op_call *call)
{
    const struct host_tensor *indices = &call->inputs[1];
    const struct shape *data = &call->inputs[0].desc.shape;
    int64_t count = shape_elements(&indices->desc.shape);
    enum scatter_kind kind;
    struct strided_copy copy;
    int32_t axis;
    PUM_TRY(scatter_kind(call->node, &kind));
    PUM_TRY(axes_one(node_int(call->node, "axis", 0), data->rank, &axis));
    gather_elements_copy(data, &indices->desc.shape, axis, &copy);
    struct axis_view view = axes_view(data, axis);
    PUM_TRY(copy_data(call));
    for (int64_t i = 0; i < count; i++) {
        int64_t index;
        PUM_TRY(gather_index(indices, i, view.length, &index));
        put(&call->outputs[0], gather_elements_base(&copy, i) + index * view.inner,
            &call->inputs[2], i, 1, kind);
    }
    return PUM_OK;
}

static pum_status lower_scatter_elements(struct lower_call *call)
{
    if (reduces(call->node))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel reduces while scattering");
    return scatter_elements_lower(call);
}
OP_LOWER(scatter_elements, lower_scatter_elements);

/* --- ScatterND -------------------------------------------------------------------------------- */

pum_status infer_scatter_nd(struct op_call *call)
{
    const struct shape *data = &call->inputs[0].desc.shape;
    const struct shape *indices = &call->inputs[1].desc.shape;
    struct gather_tuples plan;
    struct shape expected = {0};
    if (call->inputs[1].desc.dtype != PUM_DTYPE_I64)
        return op_bad_type(call, 1, "int64");
    PUM_TRY(gather_tuples_plan(data, indices, 0, &plan));
    expected.rank = indices->rank - 1 + plan.inner_rank;
    if (expected.rank > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "updates would have %d axes", expected.rank);
    for (int32_t i = 0; i < indices->rank - 1; i++)
        expected.dims[i] = indices->dims[i];
    for (int32_t i = 0; i < plan.inner_rank; i++)
        expected.dims[indices->rank - 1 + i] = data->dims[data->rank - plan.inner_rank + i];
    PUM_TRY(check_updates(call, &expected));
    return op_infer_same(call);
}

pum_status reference_scatter_nd(struct op_call *call)
{
    const struct host_tensor *indices = &call->inputs[1];
    struct gather_tuples plan;
    enum scatter_kind kind;
    PUM_TRY(scatter_kind(call->node, &kind));
    PUM_TRY(gather_tuples_plan(&call->inputs[0].desc.shape, &indices->desc.shape, 0, &plan));
    PUM_TRY(copy_data(call));
    if (plan.inner == 0)
        return PUM_OK;
    for (int64_t i = 0; i < plan.tuples; i++) {
        int64_t offset;
        PUM_TRY(gather_tuple(indices, i, &plan, &offset));
        put(&call->outputs[0], offset, &call->inputs[2], i * plan.inner, plan.inner, kind);
    }
    return PUM_OK;
}

static pum_status lower_scatter_nd(struct lower_call *call)
{
    if (reduces(call->node))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel reduces while scattering");
    return scatter_nd_lower(call);
}
OP_LOWER(scatter_nd, lower_scatter_nd);
