/* SPDX-License-Identifier: MIT
 *
 * lower.c - what every lowering does the same way: start a record with a kernel row, bind, spread
 * workgroups over the grid, apply a chain, check against the device's limits, emit. Pure: the sink
 * is the plan's. Tests: tests/ops/test_elementwise_lower.c.
 */
#include "ops/lower.h"

#include <assert.h>
#include <string.h>

size_t store_bytes(enum kernel_store store)
{
    switch (store) {
    case STORE_F32:
    case STORE_I32:
        return 4;
    case STORE_F16:
        return 2;
    case STORE_NONE:
        break;
    }
    return 0;
}

uint64_t lower_bytes(const struct lower_value *value)
{
    uint64_t bytes = (uint64_t)shape_elements(&value->desc.shape) * store_bytes(value->store);
    return (bytes + 3) & ~(uint64_t)3;
}

pum_status lower_begin(const struct lower_call *call, const char *family, enum kernel_store store,
                       const struct kernel_number *numbers, int32_t number_count,
                       struct lower_dispatch *out_dispatch)
{
    struct kernel_query query = {.family = family,
                                 .store = store,
                                 .chain = call->chain != NULL,
                                 .numbers = numbers,
                                 .number_count = number_count};
    memset(out_dispatch, 0, sizeof(*out_dispatch));
    out_dispatch->row = kernel_pick(call->caps, &query, out_dispatch->why);
    if (!out_dispatch->row)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel fits: %s", out_dispatch->why);
    kernel_defaults(out_dispatch->row, call->caps, out_dispatch->specs);
    for (uint32_t i = 0; i < out_dispatch->row->binding_count; i++)
        out_dispatch->bindings[i].value = -1;
    return PUM_OK;
}

void lower_push(struct lower_dispatch *dispatch, const void *push, size_t bytes)
{
    size_t all = bytes + (dispatch->row->chain ? sizeof(struct push_chain) : 0);
    assert(all == dispatch->row->push_bytes && all <= KERNEL_MAX_PUSH_BYTES);
    memcpy(dispatch->push, push, bytes);
    dispatch->push_bytes = (uint32_t)all;
}

/* The output axis other than which an operand is 1 everywhere, or -1. */
static int32_t only_axis(const struct shape *out, const struct shape *operand)
{
    int32_t only = -1;
    for (int32_t from = 0; from < operand->rank; from++) {
        if (operand->dims[from] == 1)
            continue;
        if (only >= 0)
            return -1;
        only = from + out->rank - operand->rank;
    }
    return only;
}

/* How operand `index` of the chain is read; PUM_E_UNSUPPORTED when it cannot be. */
static pum_status operand_mode(const struct lower_call *call, const struct kernel_row *row,
                               const struct shape *out, const int32_t axes[2], int32_t index,
                               uint32_t *out_mode, struct push_chain *push)
{
    const struct lower_value *value = &call->chain_inputs[index];
    if (row->store != STORE_NONE && value->store != row->store)
        return pum_fail(PUM_E_UNSUPPORTED, "%s: fused operand %d lies in another element type",
                        row->name, index);
    if (!chain_operand_mode(out, &value->desc.shape, out_mode, &push->operand_div[index],
                            &push->operand_mod[index])) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_UNSUPPORTED, "%s: fused operand %d of shape %s cannot be indexed",
                        row->name, index, shape_text(&value->desc.shape, text));
    }
    if (*out_mode == CHAIN_DIVMOD) {
        int32_t axis = only_axis(out, &value->desc.shape);
        if (axis >= 0 && axis == axes[0])
            *out_mode = CHAIN_ROW;
        else if (axis >= 0 && axis == axes[1])
            *out_mode = CHAIN_COL;
    }
    return PUM_OK;
}

pum_status lower_chain(const struct lower_call *call, struct lower_dispatch *dispatch,
                       const struct shape *out, int32_t row_axis, int32_t col_axis)
{
    const struct kernel_row *row = dispatch->row;
    const struct op_chain *chain = call->chain;
    const int32_t axes[2] = {row_axis, col_axis};
    struct push_chain push = {.operand_div = {1, 1}, .operand_mod = {1, 1}};
    uint32_t modes[CHAIN_MAX_OPERANDS] = {CHAIN_ONE, CHAIN_ONE};

    if (!row->chain) {
        assert(!chain);
        return PUM_OK;
    }
    assert(dispatch->push_bytes == row->push_bytes);
    for (int32_t i = 0; chain && i < chain->operand_count; i++) {
        PUM_TRY(operand_mode(call, row, out, axes, i, &modes[i], &push));
        lower_bind(dispatch, row->binding_count - CHAIN_MAX_OPERANDS + (uint32_t)i,
                   &call->chain_inputs[i]);
    }
    for (uint32_t i = 0; i < row->spec_count; i++)
        if (row->specs[i].id >= CHAIN_SPEC_FIRST &&
            row->specs[i].id < CHAIN_SPEC_FIRST + CHAIN_MAX_STEPS)
            dispatch->specs[i] = 0;
    for (int32_t i = 0; chain && i < chain->step_count; i++) {
        const struct op_chain_step *step = &chain->steps[i];
        uint32_t mode = step->operand > 0 ? modes[step->operand - 1] : 0;
        push.params[2 * i] = step->a;
        push.params[2 * i + 1] = step->b;
        for (uint32_t k = 0; k < row->spec_count; k++)
            if (row->specs[k].id == CHAIN_SPEC_FIRST + (uint32_t)i)
                dispatch->specs[k] = CHAIN_CODE(step->op, (uint32_t)step->operand, mode);
    }
    memcpy(dispatch->push + row->push_bytes - sizeof(push), &push, sizeof(push));
    return PUM_OK;
}

void lower_bind(struct lower_dispatch *dispatch, uint32_t binding, const struct lower_value *value)
{
    lower_bind_range(dispatch, binding, value->value, 0, 0);
}

void lower_bind_range(struct lower_dispatch *dispatch, uint32_t binding, int32_t value,
                      uint64_t offset, uint64_t bytes)
{
    assert(binding < dispatch->row->binding_count);
    dispatch->bindings[binding] =
        (struct lower_binding){.value = value, .offset = offset, .bytes = bytes};
}

/* The number of parts of at most `most` into which `count` is cut. */
static uint64_t parts(uint64_t count, uint64_t most)
{
    return count / most + (count % most != 0);
}

void lower_grid(const struct base_caps *caps, uint64_t count, uint32_t groups[3])
{
    groups[0] = groups[1] = groups[2] = 0;
    if (count == 0)
        return;
    uint64_t x = caps->max_workgroup_count[0], y = caps->max_workgroup_count[1];
    uint64_t layers = parts(count, x);
    uint64_t z = parts(layers, y);
    y = parts(layers, z);
    x = parts(count, y * z);
    groups[0] = (uint32_t)x;
    groups[1] = (uint32_t)y;
    groups[2] = (uint32_t)(z > UINT32_MAX ? UINT32_MAX : z); /* lower_emit refuses it */
}

/* Bytes of a value of this call; 0 if it is none of them (scratch, packed: the sink checks). */
static uint64_t value_bytes(const struct lower_call *call, int32_t value)
{
    for (int32_t i = 0; i < call->output_count; i++)
        if (call->outputs[i].value == value)
            return lower_bytes(&call->outputs[i]);
    for (int32_t i = 0; i < call->input_count; i++)
        if (call->inputs[i].value == value)
            return lower_bytes(&call->inputs[i]);
    for (int32_t i = 0; call->chain && i < call->chain->operand_count; i++)
        if (call->chain_inputs[i].value == value)
            return lower_bytes(&call->chain_inputs[i]);
    return 0;
}

pum_status lower_emit(const struct lower_call *call, const struct lower_dispatch *dispatch)
{
    const struct base_caps *caps = call->caps;
    const char *name = dispatch->row->name;
    if (dispatch->groups[0] == 0 || dispatch->groups[1] == 0 || dispatch->groups[2] == 0)
        return PUM_OK; /* nothing to compute */
    for (int axis = 0; axis < 3; axis++)
        if (dispatch->groups[axis] > caps->max_workgroup_count[axis])
            return pum_fail(PUM_E_UNSUPPORTED, "%s: %u workgroups on axis %d, the device takes %u",
                            name, dispatch->groups[axis], axis, caps->max_workgroup_count[axis]);
    for (uint32_t i = 0; i < dispatch->row->binding_count; i++) {
        const struct lower_binding *binding = &dispatch->bindings[i];
        if (binding->value < 0)
            continue;
        if (caps->storage_alignment > 0 && binding->offset % caps->storage_alignment != 0)
            return pum_fail(PUM_E_INTERNAL, "%s: binding %u at offset %llu, not a multiple of %u",
                            name, i, (unsigned long long)binding->offset, caps->storage_alignment);
        uint64_t whole = value_bytes(call, binding->value);
        uint64_t bytes = binding->bytes;
        if (bytes == 0 && whole > binding->offset)
            bytes = whole - binding->offset;
        if (bytes > caps->max_storage_range)
            return pum_fail(PUM_E_UNSUPPORTED,
                            "%s: binding %u has %llu bytes, the device binds at most %llu", name, i,
                            (unsigned long long)bytes, (unsigned long long)caps->max_storage_range);
    }
    return call->sink->emit(call->sink, dispatch);
}

bool lower_scalar(const struct lower_call *call, int32_t input, float *out_value)
{
    *out_value = 0;
    if (input < 0 || input >= call->input_count)
        return false;
    const struct lower_value *value = &call->inputs[input];
    if (!dtype_is_float(value->desc.dtype) || !value->data ||
        shape_elements(&value->desc.shape) != 1)
        return false;
    /* Only read through this. */
    struct host_tensor tensor = {.desc = value->desc, .data = (void *)(uintptr_t)value->data};
    *out_value = (float)tensor_get_f64(&tensor, 0);
    return true;
}

pum_status lower_alias_input0(struct lower_call *call)
{
    return call->sink->alias(call->sink, call->outputs[0].value, call->inputs[0].value, 0);
}
