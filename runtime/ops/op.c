/* SPDX-License-Identifier: MIT
 *
 * op.c - the operator table built from ops.inc, and the two doors through which every shape rule
 * and reference is called: counts are checked here once, and errors get the node's name. What an
 * operator means stands in its family's file. Tests: tests/ops/test_op_table.c.
 */
#include "ops/op.h"

#include <string.h>

const struct op_row op_rows[OP_COUNT] = {
#define PUM_OP(id, fn, text, min_in, max_in, min_out, max_out, tolerance_class, doc_text)          \
    [OP_##id] = {.name = (text),                                                                   \
                 .min_inputs = (min_in),                                                           \
                 .max_inputs = (max_in),                                                           \
                 .min_outputs = (min_out),                                                         \
                 .max_outputs = (max_out),                                                         \
                 .tolerance = OP_##tolerance_class,                                                \
                 .doc = (doc_text),                                                                \
                 .infer = infer_##fn,                                                              \
                 .reference = reference_##fn,                                                      \
                 .lowering = &lowering_##fn},
#include "ops/ops.inc"
#undef PUM_OP
};

int32_t op_find(const char *name)
{
    for (int32_t i = 0; i < OP_COUNT; i++)
        if (strcmp(op_rows[i].name, name) == 0)
            return i;
    return -1;
}

static pum_status check_count(int32_t count, int32_t least, int32_t most, const char *what)
{
    if (count >= least && (most < 0 || count <= most))
        return PUM_OK;
    if (most < 0)
        return pum_fail(PUM_E_ARGUMENT, "%d %s, takes at least %d", count, what, least);
    if (least == most)
        return pum_fail(PUM_E_ARGUMENT, "%d %s, takes %d", count, what, least);
    return pum_fail(PUM_E_ARGUMENT, "%d %s, takes %d to %d", count, what, least, most);
}

/* The row of a call, and everything about counts and shapes that no rule should have to check. */
static pum_status check_call(const struct op_call *call, const struct op_row **out_row)
{
    int32_t op = call->node->op;
    *out_row = NULL;
    if (op < 0 || op >= OP_COUNT)
        return pum_fail(PUM_E_UNSUPPORTED, "operator number %d is not in the table", op);
    const struct op_row *row = &op_rows[op];
    *out_row = row;
    PUM_TRY(check_count(call->input_count, row->min_inputs, row->max_inputs, "inputs"));
    PUM_TRY(check_count(call->output_count, row->min_outputs, row->max_outputs, "outputs"));
    for (int32_t i = 0; i < row->min_inputs; i++)
        if (!op_has_input(call, i))
            return pum_fail(PUM_E_ARGUMENT, "input %d is required", i);
    for (int32_t i = 0; i < call->input_count; i++) {
        size_t bytes;
        if (op_has_input(call, i) && !tensor_bytes(&call->inputs[i].desc, &bytes))
            return pum_fail(PUM_E_SHAPE, "the shape of input %d has no valid size", i);
    }
    return PUM_OK;
}

static pum_status name_node(pum_status status, const struct op_call *call)
{
    int32_t op = call->node->op;
    const char *op_name = op >= 0 && op < OP_COUNT ? op_rows[op].name : "?";
    const char *name = call->node->name;
    if (status == PUM_OK)
        return status;
    return pum_fail_prefix(status, "%s node '%s'", op_name, name && name[0] ? name : "unnamed");
}

static pum_status infer_checked(struct op_call *call)
{
    const struct op_row *row;
    PUM_TRY(check_call(call, &row));
    PUM_TRY(row->infer(call));
    for (int32_t i = 0; i < call->output_count; i++) {
        const struct tensor_desc *desc = &call->outputs[i].desc;
        size_t bytes;
        if (desc->dtype == PUM_DTYPE_NONE)
            continue;
        if (desc->shape.rank < 0 || desc->shape.rank > PUM_MAX_RANK)
            return pum_fail(PUM_E_SHAPE, "output %d would have %d axes, at most %d are supported",
                            i, desc->shape.rank, PUM_MAX_RANK);
        if (!tensor_bytes(desc, &bytes))
            return pum_fail(PUM_E_SHAPE, "output %d would be too large", i);
    }
    return PUM_OK;
}

bool op_reads_shape_only(int32_t op)
{
    return op == OP_SHAPE || op == OP_SIZE;
}

static pum_status reference_checked(struct op_call *call)
{
    const struct op_row *row;
    PUM_TRY(check_call(call, &row));
    bool reads_data = !op_reads_shape_only(call->node->op);
    for (int32_t i = 0; reads_data && i < call->input_count; i++)
        if (op_has_input(call, i) && !call->inputs[i].data &&
            shape_elements(&call->inputs[i].desc.shape) > 0)
            return pum_fail(PUM_E_INTERNAL, "the reference was called without data of input %d",
                            i);
    for (int32_t i = 0; i < call->output_count; i++)
        if (call->outputs[i].desc.dtype == PUM_DTYPE_STRING && !call->strings)
            return pum_fail(PUM_E_INTERNAL, "the reference was called without room for strings");
    return row->reference(call);
}

pum_status op_infer(struct op_call *call)
{
    return name_node(infer_checked(call), call);
}

pum_status op_reference(struct op_call *call)
{
    return name_node(reference_checked(call), call);
}

int32_t pum_op_count(void)
{
    return OP_COUNT;
}

pum_status pum_op_get_info(int32_t index, pum_op_info *out_info)
{
    if (!out_info)
        return pum_fail(PUM_E_ARGUMENT, "pum_op_get_info: out_info is NULL");
    memset(out_info, 0, sizeof(*out_info));
    if (index < 0 || index >= OP_COUNT)
        return pum_fail(PUM_E_ARGUMENT, "pum_op_get_info: index %d is outside [0, %d)", index,
                        OP_COUNT);
    const struct op_row *row = &op_rows[index];
    out_info->name = row->name;
    out_info->doc = row->doc;
    out_info->min_inputs = row->min_inputs;
    out_info->max_inputs = row->max_inputs;
    out_info->min_outputs = row->min_outputs;
    out_info->max_outputs = row->max_outputs;
    out_info->on_device = row->lowering->function != NULL;
    return PUM_OK;
}
