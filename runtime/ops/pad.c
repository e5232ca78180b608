/* SPDX-License-Identifier: MIT
 *
 * pad.c - Pad (every mode, negative pads too), Trilu and ReverseSequence: movement that looks at
 * where an element is. Tests: tests/ops/test_move.c.
 */
#include "ops/axes.h"
#include "../../shaders/push/push_pad.h"
#include "../../shaders/push/push_trilu.h"

#include <string.h>

/* --- Pad -------------------------------------------------------------------------------------- */

struct pad_plan {
    uint32_t mode;                 /* PAD_* */
    int64_t begin[PUM_MAX_RANK];   /* may be negative */
    int64_t end[PUM_MAX_RANK];
};

static pum_status pad_mode(const struct graph_node *node, uint32_t *out_mode)
{
    static const struct {
        const char *name;
        uint32_t mode;
    } modes[] = {{"constant", PAD_CONSTANT},
                 {"reflect", PAD_REFLECT},
                 {"edge", PAD_EDGE},
                 {"wrap", PAD_WRAP}};
    const char *name = node_string(node, "mode", "constant");
    for (size_t i = 0; i < PUM_COUNT_OF(modes); i++) {
        *out_mode = modes[i].mode;
        if (strcmp(name, modes[i].name) == 0)
            return PUM_OK;
    }
    return pum_fail(PUM_E_ARGUMENT, "mode '%s', expected constant, reflect, edge or wrap", name);
}

static pum_status pad_plan(struct op_call *call, struct pad_plan *out_plan)
{
    int32_t rank = call->inputs[0].desc.shape.rank, count, axis_count = rank;
    int64_t pads[2 * PUM_MAX_RANK], axes[PUM_MAX_RANK];
    bool mask[PUM_MAX_RANK];
    memset(out_plan, 0, sizeof *out_plan);
    PUM_TRY(pad_mode(call->node, &out_plan->mode));
    PUM_TRY(axes_input_ints(call, 1, pads, 2 * PUM_MAX_RANK, &count));
    for (int32_t i = 0; i < rank; i++)
        axes[i] = i;
    if (op_has_input(call, 3))
        PUM_TRY(axes_input_ints(call, 3, axes, PUM_MAX_RANK, &axis_count));
    PUM_TRY(axes_mask(axes, axis_count, rank, mask));
    if (count != 2 * axis_count)
        return pum_fail(PUM_E_SHAPE, "%d pads for %d axes, expected two an axis", count,
                        axis_count);
    for (int32_t i = 0; i < axis_count; i++) {
        int32_t axis;
        PUM_TRY(axes_one(axes[i], rank, &axis));
        out_plan->begin[axis] = pads[i];
        out_plan->end[axis] = pads[axis_count + i];
    }
    return PUM_OK;
}

pum_status infer_pad(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    struct pad_plan plan;
    PUM_TRY(pad_plan(call, &plan));
    if (op_has_input(call, 2)) {
        if (call->inputs[2].desc.dtype != call->inputs[0].desc.dtype)
            return op_bad_type(call, 2, "the type of input 0");
        if (shape_elements(&call->inputs[2].desc.shape) != 1)
            return pum_fail(PUM_E_SHAPE, "the value (input 2) is not one element");
    }
    for (int32_t i = 0; i < shape.rank; i++) {
        int64_t dim = shape.dims[i], padded;
        if (__builtin_add_overflow(dim, plan.begin[i], &padded) ||
            __builtin_add_overflow(padded, plan.end[i], &padded) || padded < 0 ||
            plan.begin[i] < -dim || plan.end[i] < -dim)
            return pum_fail(PUM_E_SHAPE, "pads %lld and %lld on axis %d of size %lld",
                            (long long)plan.begin[i], (long long)plan.end[i], i, (long long)dim);
        if (dim == 0 && padded > 0 && plan.mode != PAD_CONSTANT)
            return pum_fail(PUM_E_SHAPE, "axis %d is empty: there is nothing to pad it with", i);
        shape.dims[i] = padded;
    }
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* The input position that output position `at` shows, or -1 for the constant. */
static int64_t pad_source(uint32_t mode, int64_t at, int64_t begin, int64_t dim)
{
    int64_t from = at - begin, period;
    if (from >= 0 && from < dim)
        return from;
    switch (mode) {
    case PAD_EDGE:
        return from < 0 ? 0 : dim - 1;
    case PAD_WRAP:
        return from - axes_floor_div(from, dim) * dim;
    case PAD_REFLECT:
        period = dim > 1 ? 2 * (dim - 1) : 1;
        from -= axes_floor_div(from, period) * period;
        return from < dim ? from : period - from;
    default:
        return -1;
    }
}

pum_status reference_pad(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct host_tensor *out = &call->outputs[0];
    const struct shape *shape = &out->desc.shape;
    size_t bytes = pum_dtype_size(in->desc.dtype);
    int64_t strides[PUM_MAX_RANK], count = shape_elements(shape);
    struct pad_plan plan;
    PUM_TRY(pad_plan(call, &plan));
    const uint8_t *value = op_has_input(call, 2) ? call->inputs[2].data : NULL;
    const uint8_t zero[8] = {0};
    shape_strides(&in->desc.shape, strides);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, from = 0;
        for (int32_t axis = shape->rank - 1; axis >= 0 && from >= 0; axis--) {
            int64_t at = pad_source(plan.mode, rest % shape->dims[axis], plan.begin[axis],
                                    in->desc.shape.dims[axis]);
            rest /= shape->dims[axis];
            from = at < 0 ? -1 : from + at * strides[axis];
        }
        const uint8_t *source = value ? value : zero;
        if (from >= 0)
            source = (const uint8_t *)in->data + (size_t)from * bytes;
        memcpy((uint8_t *)out->data + (size_t)i * bytes, source, bytes);
    }
    return PUM_OK;
}

/* Joins an axis without pads into the padded axis before it, as far as that changes nothing, and
 * fills the push constants; false when more than PAD_MAX_RANK axes are left. */
static bool pad_push(const struct pad_plan *plan, const struct shape *in, const struct shape *out,
                     struct push_pad *push)
{
    uint32_t rank = 0;
    for (int32_t i = 0; i < in->rank; i++) {
        bool plain = plan->begin[i] == 0 && plan->end[i] == 0;
        bool joins = rank > 0 && plain &&
                     (plan->mode == PAD_CONSTANT ||
                      (push->begin[rank - 1] == 0 &&
                       push->in_dims[rank - 1] == push->out_dims[rank - 1]));
        if (joins) {
            push->in_dims[rank - 1] *= (uint32_t)in->dims[i];
            push->out_dims[rank - 1] *= (uint32_t)out->dims[i];
            push->begin[rank - 1] *= (int32_t)in->dims[i];
            continue;
        }
        if (rank == PAD_MAX_RANK)
            return false;
        push->in_dims[rank] = (uint32_t)in->dims[i];
        push->out_dims[rank] = (uint32_t)out->dims[i];
        push->begin[rank++] = (int32_t)plan->begin[i];
    }
    push->rank = rank;
    push->mode = plan->mode;
    push->count = (uint32_t)shape_elements(out);
    return true;
}

static pum_status lower_pad(struct lower_call *call)
{
    struct axes_lowered lowered;
    struct pad_plan plan;
    struct push_pad push = {0};
    struct lower_dispatch dispatch;
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    axes_lowered_call(call, &lowered);
    PUM_TRY(pad_plan(&lowered.call, &plan));
    enum kernel_store store = axes_bits(in->store);
    if (store == STORE_NONE || out->store != in->store)
        return pum_fail(PUM_E_UNSUPPORTED, "elements have no place on the device");
    if (shape_elements(&in->desc.shape) >= 1 << 30 || shape_elements(&out->desc.shape) >= 1 << 30)
        return pum_fail(PUM_E_UNSUPPORTED, "2^30 elements or more");
    if (!pad_push(&plan, &in->desc.shape, &out->desc.shape, &push))
        return pum_fail(PUM_E_UNSUPPORTED, "more than %d separately padded axes", PAD_MAX_RANK);
    PUM_TRY(lower_begin(call, "pad", store, NULL, 0, &dispatch));
    push.has_value = op_has_input(&lowered.call, 2) && call->inputs[2].store == in->store;
    if (op_has_input(&lowered.call, 2) && !push.has_value)
        return pum_fail(PUM_E_UNSUPPORTED, "the value lies in another element type");
    lower_bind(&dispatch, 0, in);
    if (push.has_value)
        lower_bind(&dispatch, 1, &call->inputs[2]);
    lower_bind(&dispatch, 2, out);
    lower_push(&dispatch, &push, sizeof push);
    lower_grid(call->caps, (uint64_t)axes_ceil_div(push.count, dispatch.specs[0]),
               dispatch.groups);
    return lower_emit(call, &dispatch);
}
OP_LOWER(pad, lower_pad);

/* --- ReverseSequence -------------------------------------------------------------------------- */

pum_status infer_reverse_sequence(struct op_call *call)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    const struct shape *lengths = &call->inputs[1].desc.shape;
    int64_t batch = node_int(call->node, "batch_axis", 1);
    int64_t time = node_int(call->node, "time_axis", 0);
    PUM_TRY(axes_need_index(call, 1));
    if (shape->rank < 2)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected 2 or more", shape->rank);
    if (!((batch == 0 && time == 1) || (batch == 1 && time == 0)))
        return pum_fail(PUM_E_ARGUMENT, "batch_axis %lld and time_axis %lld, expected 0 and 1",
                        (long long)batch, (long long)time);
    if (lengths->rank != 1 || lengths->dims[0] != shape->dims[batch])
        return pum_fail(PUM_E_SHAPE, "sequence_lens does not have %lld entries",
                        (long long)shape->dims[batch]);
    return op_infer_same(call);
}

pum_status reference_reverse_sequence(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    const struct shape *shape = &in->desc.shape;
    int64_t time_axis = node_int(call->node, "time_axis", 0);
    int64_t times = shape->dims[time_axis], batches = shape->dims[1 - time_axis];
    int64_t inner = shape_product(shape, 2, shape->rank);
    size_t bytes = (size_t)inner * pum_dtype_size(in->desc.dtype);
    for (int64_t b = 0; b < batches; b++) {
        int64_t length = tensor_get_i64(&call->inputs[1], b);
        if (length < 0 || length > times)
            return pum_fail(PUM_E_RANGE, "sequence length %lld of at most %lld", (long long)length,
                            (long long)times);
        for (int64_t t = 0; t < times; t++) {
            int64_t from = t < length ? length - 1 - t : t;
            int64_t to_row = time_axis == 0 ? t * batches + b : b * times + t;
            int64_t from_row = time_axis == 0 ? from * batches + b : b * times + from;
            if (bytes > 0)
                memcpy((uint8_t *)call->outputs[0].data + (size_t)to_row * bytes,
                       (const uint8_t *)in->data + (size_t)from_row * bytes, bytes);
        }
    }
    return PUM_OK;
}
OP_HOST_ONLY(reverse_sequence);

/* --- Trilu ------------------------------------------------------------------------------------ */

pum_status infer_trilu(struct op_call *call)
{
    if (call->inputs[0].desc.shape.rank < 2)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected 2 or more",
                        call->inputs[0].desc.shape.rank);
    if (op_has_input(call, 1)) {
        PUM_TRY(axes_need_index(call, 1));
        if (shape_elements(&call->inputs[1].desc.shape) != 1)
            return pum_fail(PUM_E_SHAPE, "k (input 1) is not one value");
    }
    return op_infer_same(call);
}

/* The first diagonal, clamped to where it stops mattering so that c - r - k cannot overflow. */
static int64_t trilu_k(const struct op_call *call, const struct shape *shape)
{
    int64_t rows = shape->dims[shape->rank - 2], columns = shape->dims[shape->rank - 1];
    int64_t k = op_has_input(call, 1) ? tensor_get_i64(&call->inputs[1], 0) : 0;
    return axes_max(axes_min(k, columns + 1), -(rows + 1));
}

pum_status reference_trilu(struct op_call *call)
{
    const struct shape *shape = &call->outputs[0].desc.shape;
    int64_t rows = shape->dims[shape->rank - 2], columns = shape->dims[shape->rank - 1];
    int64_t count = shape_elements(shape), k = trilu_k(call, shape);
    bool upper = node_int(call->node, "upper", 1) != 0;
    size_t bytes = pum_dtype_size(call->outputs[0].desc.dtype);
    for (int64_t i = 0; i < count; i++) {
        int64_t diagonal = i % columns - i / columns % rows;
        uint8_t *to = (uint8_t *)call->outputs[0].data + (size_t)i * bytes;
        if (upper ? diagonal >= k : diagonal <= k)
            memcpy(to, (const uint8_t *)call->inputs[0].data + (size_t)i * bytes, bytes);
        else
            memset(to, 0, bytes);
    }
    return PUM_OK;
}

static pum_status lower_trilu(struct lower_call *call)
{
    struct axes_lowered lowered;
    struct lower_dispatch dispatch;
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    const struct shape *shape = &in->desc.shape;
    int64_t count = shape_elements(shape);
    enum kernel_store store = axes_bits(in->store);
    axes_lowered_call(call, &lowered);
    if (store == STORE_NONE || out->store != in->store)
        return pum_fail(PUM_E_UNSUPPORTED, "elements have no place on the device");
    if (op_has_input(&lowered.call, 1) && !call->inputs[1].data)
        return pum_fail(PUM_E_UNSUPPORTED, "k (input 1) is not a constant");
    if (count > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    struct push_trilu push = {.count = (uint32_t)count,
                              .rows = (uint32_t)shape->dims[shape->rank - 2],
                              .columns = (uint32_t)shape->dims[shape->rank - 1],
                              .k = (int32_t)trilu_k(&lowered.call, shape),
                              .upper = node_int(call->node, "upper", 1) != 0};
    PUM_TRY(lower_begin(call, "trilu", store, NULL, 0, &dispatch));
    lower_bind(&dispatch, 0, in);
    lower_bind(&dispatch, 1, out);
    lower_push(&dispatch, &push, sizeof push);
    lower_grid(call->caps, (uint64_t)axes_ceil_div(count, dispatch.specs[0]), dispatch.groups);
    call->sink->in_place(call->sink, out->value, in->value);
    return lower_emit(call, &dispatch);
}
OP_LOWER(trilu, lower_trilu);
