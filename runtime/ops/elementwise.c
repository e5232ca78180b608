/* SPDX-License-Identifier: MIT
 *
 * elementwise.c - lowering of the elementwise kernel families: joins axes, fills the broadcast
 * table, sizes the grid, splits what is too large. Which operator means what stands in unary.c,
 * binary.c and cast.c. Tests: tests/ops/test_elementwise_lower.c.
 */
#include "ops/elementwise.h"

#include "push_elementwise.h"

#include <string.h>

/* --- Types ------------------------------------------------------------------------------------ */

static const char *types_text(uint32_t types)
{
    switch (types) {
    case ELEMENTWISE_FLOAT: return "a float type";
    case ELEMENTWISE_INT: return "an integer type";
    case ELEMENTWISE_BOOL: return "bool";
    case ELEMENTWISE_NUMBER: return "a float or integer type";
    default: return "another type";
    }
}

pum_status elementwise_check(const struct op_call *call, int32_t input, uint32_t types)
{
    enum pum_dtype dtype = call->inputs[input].desc.dtype;
    uint32_t kind = dtype_is_float(dtype)          ? ELEMENTWISE_FLOAT
                    : dtype_is_int(dtype)          ? ELEMENTWISE_INT
                    : dtype == PUM_DTYPE_STRING    ? ELEMENTWISE_STRING
                                                   : ELEMENTWISE_BOOL;
    return kind & types ? PUM_OK : op_bad_type(call, input, types_text(types));
}

pum_status elementwise_check_same(const struct op_call *call, int32_t a, int32_t b)
{
    if (call->inputs[a].desc.dtype == call->inputs[b].desc.dtype)
        return PUM_OK;
    return pum_fail(PUM_E_TYPE, "inputs %d (%s) and %d (%s) are not of the same type", a,
                    pum_dtype_name(call->inputs[a].desc.dtype), b,
                    pum_dtype_name(call->inputs[b].desc.dtype));
}

pum_status elementwise_infer_same(struct op_call *call, uint32_t types)
{
    PUM_TRY(elementwise_check(call, 0, types));
    return op_infer_same(call);
}

pum_status elementwise_infer_broadcast(struct op_call *call, uint32_t types)
{
    struct shape shape = call->inputs[0].desc.shape;
    PUM_TRY(elementwise_check(call, 0, types));
    for (int32_t i = 1; i < call->input_count; i++) {
        struct shape before = shape;
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        if (!op_has_input(call, i))
            return pum_fail(PUM_E_ARGUMENT, "input %d is required", i);
        PUM_TRY(elementwise_check_same(call, 0, i));
        if (!shape_broadcast(&before, &call->inputs[i].desc.shape, &shape))
            return pum_fail(PUM_E_SHAPE, "shapes %s and %s (input %d) do not broadcast",
                            shape_text(&before, a), shape_text(&call->inputs[i].desc.shape, b), i);
    }
    call->outputs[0].desc.dtype = call->inputs[0].desc.dtype;
    call->outputs[0].desc.shape = shape;
    return PUM_OK;
}

bool elementwise_integer_fits(enum pum_dtype dtype, bool moves)
{
    switch (dtype) {
    case PUM_DTYPE_I32:
        return true;
    case PUM_DTYPE_I8:
    case PUM_DTYPE_I16:
    case PUM_DTYPE_I64:
    case PUM_DTYPE_U8:
    case PUM_DTYPE_U16:
    case PUM_DTYPE_BOOL:
        return moves;
    default:
        return false;
    }
}

/* --- Grid ------------------------------------------------------------------------------------- */

uint32_t elementwise_unit(const struct kernel_row *row)
{
    for (uint32_t i = 0; i < row->condition_count; i++)
        if (row->conditions[i].compare == KERNEL_MULTIPLE)
            return (uint32_t)row->conditions[i].value;
    return 1;
}

/* A CPU driver runs a workgroup's subgroups one after the other: one subgroup walks through memory
 * in order, several jump about (three times slower). It pays for each workgroup and gains from long
 * loops. A GPU needs many invocations. */
#define WIDTH_LANES_WIDE 8
#define PER_LANES_WIDE 128
#define PER_GPU 4
#define GPU_LARGE (1u << 20) /* units from which on a GPU is full anyway */

uint32_t elementwise_grid(const struct lower_call *call, struct lower_dispatch *dispatch,
                          uint64_t units)
{
    uint64_t per = units >= GPU_LARGE ? PER_GPU : 1;
    bool lanes_wide = call->caps->bits & BASE_CAP_BIT(LANES_WIDE);
    if (lanes_wide)
        kernel_set_spec(dispatch->row, dispatch->specs, "WG_X", WIDTH_LANES_WIDE);
    uint64_t width = kernel_get_spec(dispatch->row, dispatch->specs, "WG_X");
    if (lanes_wide) {
        per = units / (width * 16); /* some workgroups for each core first */
        per = per < 1 ? 1 : per > PER_LANES_WIDE ? PER_LANES_WIDE : per;
    }
    lower_grid(call->caps, (units + width * per - 1) / (width * per), dispatch->groups);
    return (uint32_t)per;
}

/* --- map -------------------------------------------------------------------------------------- */

/* One part: elements [first, first + count) of x and the output; `part` false: all of them. */
static pum_status map_part(const struct lower_call *call, const struct op_chain_step *step,
                           const struct lower_value *x, uint64_t first, uint64_t count, bool part)
{
    const struct lower_value *out = &call->outputs[0];
    const struct kernel_number numbers[] = {{"count", (int64_t)count},
                                            {"long", chain_is_long(step->op)}};
    uint64_t size = store_bytes(x->store);
    struct lower_dispatch dispatch;
    PUM_TRY(lower_begin(call, "map", x->store, numbers, 2, &dispatch));
    uint64_t units = count / elementwise_unit(dispatch.row);
    if (units > UINT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "%llu elements are too many for one kernel",
                        (unsigned long long)count);
    struct push_map push = {.count = (uint32_t)units,
                            .per = elementwise_grid(call, &dispatch, units),
                            .a = step->a,
                            .b = step->b};
    kernel_set_spec(dispatch.row, dispatch.specs, "PRE", step->op);
    lower_push(&dispatch, &push, sizeof(push));
    PUM_TRY(lower_chain(call, &dispatch, &out->desc.shape, -1, -1));
    lower_bind_range(&dispatch, 0, x->value, first * size, part ? count * size : 0);
    lower_bind_range(&dispatch, 1, out->value, first * size, part ? count * size : 0);
    for (int32_t i = 0; part && call->chain && i < call->chain->operand_count; i++)
        if (shape_equal(&call->chain_inputs[i].desc.shape, &out->desc.shape))
            lower_bind_range(&dispatch, 2 + (uint32_t)i, call->chain_inputs[i].value, first * size,
                             count * size);
        else if (shape_elements(&call->chain_inputs[i].desc.shape) != 1)
            return pum_fail(PUM_E_UNSUPPORTED,
                            "the output is too large for one binding and a fused operand is "
                            "broadcast to it");
    dispatch.flops = (double)count;
    return lower_emit(call, &dispatch);
}

pum_status elementwise_map(const struct lower_call *call, const struct op_chain_step *step,
                           const struct lower_value *x)
{
    const struct lower_value *out = &call->outputs[0];
    uint64_t count = (uint64_t)shape_elements(&out->desc.shape);
    uint64_t most = call->caps->max_storage_range, align = call->caps->storage_alignment;
    if ((x->store != STORE_F32 && x->store != STORE_F16) || x->store != out->store)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel from %s to %s",
                        pum_dtype_name(x->desc.dtype), pum_dtype_name(out->desc.dtype));
    if (count == 0)
        return PUM_OK;
    if (x->value != out->value)
        call->sink->in_place(call->sink, out->value, x->value);
    if (lower_bytes(out) <= most)
        return map_part(call, step, x, 0, count, false);
    align = align < 64 ? 64 : align;
    uint64_t elements = most / align * align / store_bytes(x->store);
    for (uint64_t first = 0; first < count; first += elements) {
        uint64_t rest = count - first;
        PUM_TRY(map_part(call, step, x, first, rest < elements ? rest : elements, true));
    }
    return PUM_OK;
}

/* --- broadcast -------------------------------------------------------------------------------- */

/* The output's axes, innermost first, without those of size 1, neighbours joined that every operand
 * either varies along or not. Bit k of a mask: operand k varies. At least one axis. */
struct joined_axes {
    uint32_t count;
    int64_t dims[PUM_MAX_RANK];
    uint32_t masks[PUM_MAX_RANK];
};

static void join_axes(const struct shape *out, const struct elementwise *work,
                      struct joined_axes *axes)
{
    memset(axes, 0, sizeof(*axes));
    for (int32_t axis = out->rank - 1; axis >= 0; axis--) {
        uint32_t mask = 0;
        if (out->dims[axis] == 1)
            continue;
        for (int32_t k = 0; k < work->operand_count; k++) {
            const struct shape *shape = &work->operands[k]->desc.shape;
            int32_t from = axis - (out->rank - shape->rank);
            if (from >= 0 && shape->dims[from] != 1)
                mask |= 1u << k;
        }
        if (axes->count > 0 && axes->masks[axes->count - 1] == mask) {
            axes->dims[axes->count - 1] *= out->dims[axis];
            continue;
        }
        axes->dims[axes->count] = out->dims[axis];
        axes->masks[axes->count++] = mask;
    }
    if (axes->count == 0) {
        axes->dims[0] = 1;
        axes->count = 1;
    }
}

/* floor(n / d) = (high32(n * multiplier) + n) >> shift for n below 2^31. */
static void division(uint32_t d, uint32_t *multiplier, uint32_t *shift)
{
    *shift = 0;
    while (((uint64_t)1 << *shift) < d)
        (*shift)++;
    *multiplier = (uint32_t)(((((uint64_t)1 << *shift) - d) << 32) / d + 1);
}

static bool has_condition(const struct kernel_row *row, const char *key)
{
    for (uint32_t i = 0; i < row->condition_count; i++)
        if (strcmp(row->conditions[i].key, key) == 0)
            return true;
    return false;
}

/* Fills masks and table; `unit` elements of the innermost axis are one. */
static void fill_table(const struct joined_axes *axes, uint32_t unit, bool fast,
                       struct push_broadcast *push)
{
    for (uint32_t i = 0; i < axes->count; i++) {
        for (uint32_t k = 0; k < 3; k++)
            push->masks |= (axes->masks[i] >> k & 1u) << (8 * k + i);
        if (i + 1 == axes->count)
            break;
        push->table[i] = (uint32_t)(i == 0 ? axes->dims[i] / unit : axes->dims[i]);
        if (fast) {
            uint32_t shift;
            division(push->table[i], &push->table[5 + i], &shift);
            push->table[10] |= shift << (6 * i);
        }
    }
}

pum_status elementwise_broadcast_begin(const struct lower_call *call,
                                       const struct elementwise *work,
                                       struct lower_dispatch *out_dispatch,
                                       struct push_broadcast *out_push)
{
    const struct lower_value *out = &call->outputs[0];
    struct joined_axes axes;
    uint64_t count = (uint64_t)shape_elements(&out->desc.shape);
    memset(out_push, 0, sizeof *out_push);
    out_dispatch->row = NULL;
    if (count == 0)
        return PUM_OK;
    join_axes(&out->desc.shape, work, &axes);
    const struct kernel_number numbers[] = {
        {"axes", axes.count},
        {"inner", axes.dims[0]},
        {"long", strcmp(work->family, "broadcast") == 0 && chain_is_long((uint32_t)work->op)}};
    PUM_TRY(lower_begin(call, work->family, work->store, numbers, 3, out_dispatch));
    uint32_t unit = elementwise_unit(out_dispatch->row);
    bool fast = has_condition(out_dispatch->row, "axes");
    uint64_t units = count / unit;
    if (units > (fast ? INT32_MAX : UINT32_MAX))
        return pum_fail(PUM_E_UNSUPPORTED, "%llu elements are too many for one kernel",
                        (unsigned long long)count);
    fill_table(&axes, unit, fast, out_push);
    out_push->count = (uint32_t)units;
    out_push->per = elementwise_grid(call, out_dispatch, units);
    if (work->op >= 0)
        kernel_set_spec(out_dispatch->row, out_dispatch->specs, "OP", (uint32_t)work->op);
    if (unit > 1)
        kernel_set_spec(out_dispatch->row, out_dispatch->specs, "SPLAT", ~axes.masks[0] & 3u);
    kernel_set_spec(out_dispatch->row, out_dispatch->specs, "AXES", axes.count);
    for (int32_t k = 0; k < work->operand_count; k++)
        lower_bind(out_dispatch, (uint32_t)k, work->operands[k]);
    out_dispatch->flops = (double)count;
    return PUM_OK;
}

pum_status elementwise_broadcast(const struct lower_call *call, const struct elementwise *work)
{
    const struct lower_value *out = &call->outputs[0];
    int64_t count = shape_elements(&out->desc.shape);
    struct lower_dispatch dispatch;
    struct push_broadcast push;
    PUM_TRY(elementwise_broadcast_begin(call, work, &dispatch, &push));
    if (!dispatch.row)
        return PUM_OK;
    lower_push(&dispatch, &push, sizeof(push));
    PUM_TRY(lower_chain(call, &dispatch, &out->desc.shape, -1, -1));
    for (int32_t k = 0; k < work->operand_count; k++)
        if (!work->keep_operands && work->operands[k]->store == out->store &&
            work->operands[k]->value != out->value &&
            shape_elements(&work->operands[k]->desc.shape) == count)
            call->sink->in_place(call->sink, out->value, work->operands[k]->value);
    lower_bind(&dispatch, (uint32_t)work->operand_count, out);
    return lower_emit(call, &dispatch);
}

pum_status elementwise_integer(const struct lower_call *call, uint32_t op,
                               const struct lower_value *a, const struct lower_value *b)
{
    struct elementwise work = {.family = "integer",
                               .store = STORE_I32,
                               .op = op,
                               .operand_count = 2,
                               .operands = {a, b}};
    return elementwise_broadcast(call, &work);
}
