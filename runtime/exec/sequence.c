/* SPDX-License-Identifier: MIT
 *
 * sequence.c - lists of tensors and optional values. Items are shared, not copied. Tests:
 * tests/exec/test_program.c.
 */
#include "exec/program.h"

#include <string.h>

static pum_status get_list(struct exec_program *program, const struct graph_node *node,
                           const struct exec_value **out_list)
{
    *out_list = program_input(program, node, 0);
    if (!*out_list || (*out_list)->kind != PUM_VALUE_SEQUENCE)
        return pum_fail(PUM_E_TYPE, "input 0 must be a list");
    return PUM_OK;
}

/* A position from input `index`, negative from the end; `most` is the greatest legal one. */
static pum_status get_position(struct exec_program *program, const struct graph_node *node,
                               int32_t index, int32_t count, int32_t most, int64_t absent,
                               int32_t *out_position)
{
    int64_t position;
    PUM_TRY(program_int(program, node, index, absent, &position));
    int64_t from_start = position < 0 ? position + count : position;
    if (from_start < 0 || from_start > most)
        return pum_fail(PUM_E_RANGE, "position %lld is outside a list of %d", (long long)position,
                        count);
    *out_position = (int32_t)from_start;
    return PUM_OK;
}

static pum_status share_item(struct exec_program *program, const struct exec_value *list,
                             int32_t item, struct exec_value *to)
{
    struct exec_tensor *tensor = list->items[item];
    tensor->references++;
    return exec_value_set_tensor(program->session->context, to, tensor);
}

static pum_status construct(struct exec_program *program, const struct graph_node *node,
                            struct exec_value *to)
{
    pum_context *context = program->session->context;
    exec_value_set_empty(context, to, PUM_VALUE_SEQUENCE);
    for (int32_t i = 0; i < node->input_count; i++) {
        const struct host_tensor *tensor;
        PUM_TRY(program_tensor(program, node, i, &tensor));
        struct exec_tensor *item = program_input(program, node, i)->items[0];
        item->references++;
        PUM_TRY(exec_value_insert(context, to, i, item));
    }
    return PUM_OK;
}

static pum_status at(struct exec_program *program, const struct graph_node *node,
                     struct exec_value *to)
{
    const struct exec_value *list;
    int32_t position;
    PUM_TRY(get_list(program, node, &list));
    PUM_TRY(get_position(program, node, 1, list->count, list->count - 1, 0, &position));
    return share_item(program, list, position, to);
}

static pum_status insert(struct exec_program *program, const struct graph_node *node,
                         struct exec_value *to)
{
    const struct exec_value *list;
    const struct host_tensor *tensor;
    int32_t position;
    PUM_TRY(get_list(program, node, &list));
    PUM_TRY(program_tensor(program, node, 1, &tensor));
    PUM_TRY(get_position(program, node, 2, list->count, list->count, list->count, &position));
    PUM_TRY(exec_value_share(program->session->context, to, list));
    struct exec_tensor *item = program_input(program, node, 1)->items[0];
    item->references++;
    return exec_value_insert(program->session->context, to, position, item);
}

static pum_status erase(struct exec_program *program, const struct graph_node *node,
                        struct exec_value *to)
{
    pum_context *context = program->session->context;
    const struct exec_value *list;
    int32_t position;
    PUM_TRY(get_list(program, node, &list));
    PUM_TRY(get_position(program, node, 1, list->count, list->count - 1, -1, &position));
    exec_value_set_empty(context, to, PUM_VALUE_SEQUENCE);
    for (int32_t i = 0; i < list->count; i++) {
        if (i == position)
            continue;
        list->items[i]->references++;
        PUM_TRY(exec_value_insert(context, to, to->count, list->items[i]));
    }
    return PUM_OK;
}

static pum_status set_scalar(struct exec_program *program, enum pum_dtype dtype, int64_t number,
                             struct exec_value *to)
{
    const struct tensor_desc desc = {.dtype = dtype};
    struct exec_tensor *tensor = exec_tensor_new(program->session->context, &desc);
    if (tensor)
        tensor_set_i64(&tensor->host, 0, number);
    return exec_value_set_tensor(program->session->context, to, tensor);
}

static pum_status length(struct exec_program *program, const struct graph_node *node,
                         struct exec_value *to)
{
    const struct exec_value *list;
    PUM_TRY(get_list(program, node, &list));
    return set_scalar(program, PUM_DTYPE_I64, list->count, to);
}

/* --- Joining ---------------------------------------------------------------------------------- */

/* A new axis of size 1, so that stacking is concatenation. */
static pum_status add_axis(struct host_tensor *tensor, int64_t axis)
{
    struct shape *shape = &tensor->desc.shape;
    int32_t place;
    if (shape->rank >= PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "a stacked tensor would have more than %d axes", PUM_MAX_RANK);
    if (!shape_axis(axis, shape->rank + 1, &place))
        return pum_fail(PUM_E_SHAPE, "axis %lld of %d", (long long)axis, shape->rank + 1);
    for (int32_t i = shape->rank; i > place; i--)
        shape->dims[i] = shape->dims[i - 1];
    shape->dims[place] = 1;
    shape->rank++;
    return PUM_OK;
}

pum_status program_join(struct exec_program *program, const struct exec_value *list, int64_t axis,
                        bool new_axis, struct exec_value *out)
{
    pum_context *context = program->session->context;
    if (list->count == 0)
        return pum_fail(PUM_E_SHAPE, "an empty list cannot be joined: its shape is not known");
    struct host_tensor *inputs = pum_alloc(context, (size_t)list->count, sizeof *inputs);
    if (!inputs)
        return PUM_E_MEMORY;
    pum_attr attr = {.name = "axis", .kind = PUM_ATTR_INT, .i = axis};
    const struct graph_node node = {
        .op = OP_CONCAT, .name = "", .attrs = &attr, .attr_count = 1, .fused = ""};
    struct exec_tensor *joined = NULL;
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < list->count && status == PUM_OK; i++) {
        inputs[i] = list->items[i]->host;
        if (new_axis)
            status = add_axis(&inputs[i], axis);
    }
    if (status == PUM_OK)
        status = program_row(program, &node, inputs, list->count, &joined, 1);
    pum_free(context, inputs);
    return status == PUM_OK ? exec_value_set_tensor(context, out, joined) : status;
}

static pum_status concat(struct exec_program *program, const struct graph_node *node,
                         struct exec_value *to)
{
    const struct exec_value *list;
    PUM_TRY(get_list(program, node, &list));
    return program_join(program, list, node_int(node, "axis", 0),
                        node_int(node, "new_axis", 0) != 0, to);
}

/* --- Splitting -------------------------------------------------------------------------------- */

struct cutter {
    struct exec_program *program;
    const struct host_tensor *from;
    int32_t axis;
    bool drop_axis;
    struct exec_value *to;
};

struct exec_tensor *program_slice(pum_context *context, const struct host_tensor *from,
                                  int32_t axis, int64_t start, int64_t size, bool drop_axis)
{
    const struct shape *shape = &from->desc.shape;
    struct tensor_desc desc = from->desc;
    int64_t outer = shape_product(shape, 0, axis);
    int64_t inner = shape_product(shape, axis + 1, shape->rank);
    size_t row = (size_t)inner * pum_dtype_size(desc.dtype);
    desc.shape.dims[axis] = size;
    if (drop_axis) {
        for (int32_t i = axis; i + 1 < desc.shape.rank; i++)
            desc.shape.dims[i] = desc.shape.dims[i + 1];
        desc.shape.rank--;
    }
    struct exec_tensor *part = exec_tensor_new(context, &desc);
    for (int64_t o = 0; part && row > 0 && size > 0 && o < outer; o++)
        memcpy((char *)part->host.data + (size_t)(o * size) * row,
               (const char *)from->data + (size_t)(o * shape->dims[axis] + start) * row,
               (size_t)size * row);
    if (part && desc.dtype == PUM_DTYPE_STRING) { /* the strings are the source's */
        struct exec_tensor *own = exec_tensor_copy(context, &part->host);
        exec_tensor_drop(context, &part);
        part = own;
    }
    return part;
}

static pum_status add_part(struct cutter *cutter, int64_t start, int64_t size)
{
    pum_context *context = cutter->program->session->context;
    return exec_value_insert(
        context, cutter->to, cutter->to->count,
        program_slice(context, cutter->from, cutter->axis, start, size, cutter->drop_axis));
}

static pum_status split_by_list(struct cutter *cutter, const struct host_tensor *sizes)
{
    int64_t total = cutter->from->desc.shape.dims[cutter->axis], at = 0;
    for (int64_t i = 0; i < shape_elements(&sizes->desc.shape); i++) {
        int64_t size = tensor_get_i64(sizes, i);
        if (size < 0 || size > total - at)
            return pum_fail(PUM_E_SHAPE, "part %lld of %lld elements leaves the axis of %lld",
                            (long long)i, (long long)size, (long long)total);
        PUM_TRY(add_part(cutter, at, size));
        at += size;
    }
    if (at != total)
        return pum_fail(PUM_E_SHAPE, "parts have %lld elements, the axis has %lld", (long long)at,
                        (long long)total);
    return PUM_OK;
}

static pum_status split(struct exec_program *program, const struct graph_node *node,
                        struct exec_value *to)
{
    struct cutter cutter = {.program = program, .to = to};
    const struct host_tensor *sizes = NULL;
    int64_t axis = node_int(node, "axis", 0), step = 1;
    PUM_TRY(program_tensor(program, node, 0, &cutter.from));
    if (!shape_axis(axis, cutter.from->desc.shape.rank, &cutter.axis))
        return pum_fail(PUM_E_SHAPE, "axis %lld of %d", (long long)axis,
                        cutter.from->desc.shape.rank);
    exec_value_set_empty(program->session->context, to, PUM_VALUE_SEQUENCE);
    if (program_input(program, node, 1)) {
        PUM_TRY(program_tensor(program, node, 1, &sizes));
        if (!dtype_is_int(sizes->desc.dtype))
            return pum_fail(PUM_E_TYPE, "input 1 must be integers");
        if (sizes->desc.shape.rank > 0)
            return split_by_list(&cutter, sizes);
        step = tensor_get_i64(sizes, 0);
        if (step <= 0)
            return pum_fail(PUM_E_RANGE, "parts of %lld elements", (long long)step);
    } else {
        cutter.drop_axis = node_int(node, "keepdims", 1) == 0;
    }
    int64_t total = cutter.from->desc.shape.dims[cutter.axis];
    for (int64_t start = 0; start < total; start += step)
        PUM_TRY(add_part(&cutter, start, total - start < step ? total - start : step));
    return PUM_OK;
}

/* --- Optionals -------------------------------------------------------------------------------- */

/* An optional with a value is that value. */
static pum_status make_optional(struct exec_program *program, const struct graph_node *node,
                                struct exec_value *to)
{
    const struct exec_value *from = program_input(program, node, 0);
    if (from)
        return exec_value_share(program->session->context, to, from);
    exec_value_set_empty(program->session->context, to, PUM_VALUE_NONE);
    return PUM_OK;
}

static pum_status has_element(struct exec_program *program, const struct graph_node *node,
                              struct exec_value *to)
{
    const struct exec_value *from = program_input(program, node, 0);
    return set_scalar(program, PUM_DTYPE_BOOL, from && from->kind != PUM_VALUE_NONE, to);
}

static pum_status get_element(struct exec_program *program, const struct graph_node *node,
                              struct exec_value *to)
{
    const struct exec_value *from = program_input(program, node, 0);
    if (!from || from->kind == PUM_VALUE_NONE)
        return pum_fail(PUM_E_RANGE, "the optional holds nothing");
    return exec_value_share(program->session->context, to, from);
}

pum_status program_sequence(struct exec_program *program, const struct graph_node *node)
{
    struct exec_value *to = program_output(program, node, 0);
    if (!to)
        return PUM_OK;
    switch (node->op) {
    case OP_SEQUENCECONSTRUCT:
        return construct(program, node, to);
    case OP_SEQUENCEEMPTY:
        exec_value_set_empty(program->session->context, to, PUM_VALUE_SEQUENCE);
        return PUM_OK;
    case OP_SEQUENCEAT:
        return at(program, node, to);
    case OP_SEQUENCEINSERT:
        return insert(program, node, to);
    case OP_SEQUENCEERASE:
        return erase(program, node, to);
    case OP_SEQUENCELENGTH:
        return length(program, node, to);
    case OP_CONCATFROMSEQUENCE:
        return concat(program, node, to);
    case OP_SPLITTOSEQUENCE:
        return split(program, node, to);
    case OP_OPTIONAL:
        return make_optional(program, node, to);
    case OP_OPTIONALHASELEMENT:
        return has_element(program, node, to);
    case OP_OPTIONALGETELEMENT:
        return get_element(program, node, to);
    default:
        return pum_fail(PUM_E_INTERNAL, "%s is no step of a run", op_rows[node->op].name);
    }
}
