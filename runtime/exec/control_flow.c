/* SPDX-License-Identifier: MIT
 *
 * control_flow.c - If, Loop, Scan and SequenceMap by running their bodies: programs of their own,
 * made once and kept with the step, so that a body's plans are replayed turn by turn. Semantics:
 * ONNX opset 17 (Loop-16, Scan-16, SequenceMap-17). Tests: tests/exec/test_program.c.
 */
#include "exec/program.h"

#include <string.h>

static pum_status body_program(struct exec_program *program, struct program_part *part,
                               int32_t slot, const char *name, struct exec_program **out_body)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    struct pum_graph *body = node_graph(node, name);
    if (!body)
        return pum_fail(PUM_E_FORMAT, "attribute '%s' is missing or no graph", name);
    if (!part->bodies[slot])
        PUM_TRY(program_create(program->session, body, program->depth + 1, &part->bodies[slot]));
    *out_body = part->bodies[slot];
    return PUM_OK;
}

/* Values of a turn: what goes into the body and what comes out. */
struct turn {
    pum_context *context;
    struct exec_program *body;
    struct exec_value *in, *out;
    int32_t in_count, out_count;
};

static pum_status turn_open(struct turn *turn, pum_context *context, struct exec_program *body)
{
    *turn = (struct turn){.context = context,
                          .body = body,
                          .in_count = body->graph->input_count,
                          .out_count = body->graph->output_count};
    turn->in = pum_alloc(context, (size_t)turn->in_count + 1, sizeof *turn->in);
    turn->out = pum_alloc(context, (size_t)turn->out_count + 1, sizeof *turn->out);
    return turn->in && turn->out ? PUM_OK : PUM_E_MEMORY;
}

static void turn_close(struct turn *turn)
{
    for (int32_t i = 0; turn->in && i < turn->in_count; i++)
        exec_value_clear(turn->context, &turn->in[i]);
    for (int32_t i = 0; turn->out && i < turn->out_count; i++)
        exec_value_clear(turn->context, &turn->out[i]);
    pum_free(turn->context, turn->in);
    pum_free(turn->context, turn->out);
}

static pum_status turn_run(struct turn *turn)
{
    PUM_TRY(program_check(turn->body));
    return program_run(turn->body, turn->in, turn->in_count, turn->out, turn->out_count);
}

static pum_status set_int(struct turn *turn, struct exec_value *value, enum pum_dtype dtype,
                          int64_t number)
{
    const struct tensor_desc desc = {.dtype = dtype};
    struct exec_tensor *tensor = exec_tensor_new(turn->context, &desc);
    if (tensor)
        tensor_set_i64(&tensor->host, 0, number);
    return exec_value_set_tensor(turn->context, value, tensor);
}

/* An absent input is passed on as nothing. */
static pum_status pass(struct exec_program *program, const struct graph_node *node, int32_t input,
                       struct exec_value *to)
{
    pum_context *context = program->session->context;
    const struct exec_value *from = program_input(program, node, input);
    if (from)
        return exec_value_share(context, to, from);
    exec_value_set_empty(context, to, PUM_VALUE_NONE);
    return PUM_OK;
}

static pum_status give(struct exec_program *program, const struct graph_node *node, int32_t output,
                       const struct exec_value *from)
{
    struct exec_value *to = program_output(program, node, output);
    return to ? exec_value_share(program->session->context, to, from) : PUM_OK;
}

/* --- If --- */

pum_status program_if(struct exec_program *program, struct program_part *part)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    struct exec_program *body;
    struct turn turn = {0};
    int64_t condition;
    pum_status status;
    PUM_TRY(program_int(program, node, 0, 0, &condition));
    PUM_TRY(body_program(program, part, condition ? 0 : 1,
                         condition ? "then_branch" : "else_branch", &body));
    PUM_TRY_GOTO(turn_open(&turn, program->session->context, body), end);
    if (turn.in_count != node->input_count - 1 || turn.out_count < node->output_count) {
        status = pum_fail(PUM_E_FORMAT, "a branch takes %d values and gives %d; %d and %d fit",
                          turn.in_count, turn.out_count, node->input_count - 1, node->output_count);
        goto end;
    }
    for (int32_t i = 0; i < turn.in_count; i++)
        PUM_TRY_GOTO(pass(program, node, 1 + i, &turn.in[i]), end);
    PUM_TRY_GOTO(turn_run(&turn), end);
    for (int32_t i = 0; i < node->output_count; i++)
        PUM_TRY_GOTO(give(program, node, i, &turn.out[i]), end);
end:
    turn_close(&turn);
    return status;
}

/* --- What loops collect --- */

struct collector {
    struct exec_value *lists; /* one a scan output: a tensor a turn */
    int32_t count;
    size_t bytes;
};

static pum_status collector_open(struct collector *collector, pum_context *context, int32_t count)
{
    collector->count = count;
    collector->lists = pum_alloc(context, (size_t)count + 1, sizeof *collector->lists);
    if (!collector->lists)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < count; i++)
        exec_value_set_empty(context, &collector->lists[i], PUM_VALUE_SEQUENCE);
    return PUM_OK;
}

static void collector_close(struct collector *collector, pum_context *context)
{
    for (int32_t i = 0; collector->lists && i < collector->count; i++)
        exec_value_clear(context, &collector->lists[i]);
    pum_free(context, collector->lists);
}

static pum_status collect(struct collector *collector, pum_context *context, int32_t index,
                          const struct exec_value *value, bool at_front)
{
    struct exec_value *list = &collector->lists[index];
    if (!exec_value_tensor(value))
        return pum_fail(PUM_E_TYPE, "scan output %d of the body is no tensor", index);
    size_t bytes = 0;
    (void)tensor_bytes(&value->items[0]->host.desc, &bytes);
    collector->bytes += bytes;
    if (collector->bytes > context->largest_block / 2)
        return pum_fail(PUM_E_LIMIT, "what the turns give adds up to more than %zu MiB",
                        context->largest_block >> 21);
    value->items[0]->references++;
    return exec_value_insert(context, list, at_front ? 0 : list->count, value->items[0]);
}

/* Without a turn there is nothing to stack: an empty tensor of the type that the body declares. */
static pum_status empty_stack(pum_context *context, const struct pum_graph *body, int32_t output,
                              struct exec_value *out)
{
    struct tensor_desc desc = body->output_declared[output];
    const struct graph_tensor *tensor = &body->tensors[body->outputs[output]];
    if (desc.dtype == PUM_DTYPE_NONE)
        desc.dtype = tensor->desc.dtype == PUM_DTYPE_NONE ? PUM_DTYPE_F32 : tensor->desc.dtype;
    if (desc.shape.rank < 0)
        desc.shape = tensor->desc.shape;
    int32_t rank = desc.shape.rank < 0 ? 0 : desc.shape.rank;
    if (rank >= PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "a stacked output would have more than %d axes", PUM_MAX_RANK);
    for (int32_t i = rank; i > 0; i--)
        desc.shape.dims[i] = desc.shape.dims[i - 1] < 0 ? 0 : desc.shape.dims[i - 1];
    desc.shape.dims[0] = 0;
    desc.shape.rank = rank + 1;
    return exec_value_set_tensor(context, out, exec_tensor_new(context, &desc));
}

static pum_status give_stack(struct exec_program *program, const struct graph_node *node,
                             int32_t output, struct collector *collector, int32_t index,
                             int64_t axis, const struct pum_graph *body, int32_t body_output)
{
    struct exec_value *to = program_output(program, node, output);
    if (!to)
        return PUM_OK;
    if (collector->lists[index].count == 0)
        return empty_stack(program->session->context, body, body_output, to);
    return program_join(program, &collector->lists[index], axis, true, to);
}

/* --- Loop --- */

struct loop {
    struct exec_program *program;
    const struct graph_node *node;
    struct turn turn;
    struct collector scans;
    int64_t most, limit;
    bool condition;
    int32_t carried, captures;
};

static pum_status loop_prepare(struct loop *loop, struct exec_program *body)
{
    struct exec_program *program = loop->program;
    const struct graph_node *node = loop->node;
    int64_t condition;
    PUM_TRY(program_int(program, node, 0, INT64_MAX, &loop->most));
    PUM_TRY(program_int(program, node, 1, 1, &condition));
    loop->condition = condition != 0;
    loop->limit = program->session->max_loop_iterations;
    loop->captures = (int32_t)node_int(node, "captures", 0);
    loop->carried = node->input_count - 2 - loop->captures;
    PUM_TRY(turn_open(&loop->turn, program->session->context, body));
    int32_t scans = loop->turn.out_count - 1 - loop->carried;
    if (loop->captures < 0 || loop->carried < 0 || scans < 0 ||
        loop->turn.in_count != 2 + loop->carried + loop->captures ||
        node->output_count > loop->carried + scans)
        return pum_fail(PUM_E_FORMAT,
                        "the body takes %d values and gives %d, which does not fit %d carried "
                        "values and %d outputs",
                        loop->turn.in_count, loop->turn.out_count, loop->carried,
                        node->output_count);
    PUM_TRY(collector_open(&loop->scans, program->session->context, scans));
    for (int32_t i = 0; i < loop->carried + loop->captures; i++)
        PUM_TRY(pass(program, node, 2 + i, &loop->turn.in[2 + i]));
    return PUM_OK;
}

static pum_status read_condition(const struct exec_value *value, bool *out_condition)
{
    const struct host_tensor *tensor = exec_value_tensor(value);
    if (!tensor || shape_elements(&tensor->desc.shape) != 1 ||
        tensor->desc.dtype == PUM_DTYPE_STRING)
        return pum_fail(PUM_E_TYPE, "the body's condition is not one bool");
    *out_condition = tensor_get_i64(tensor, 0) != 0;
    return PUM_OK;
}

static pum_status loop_turn(struct loop *loop, int64_t iteration)
{
    struct turn *turn = &loop->turn;
    if (iteration >= loop->limit)
        return pum_fail(PUM_E_LIMIT,
                        "the loop did not end after %lld turns, the session's limit "
                        "(max_loop_iterations)",
                        (long long)loop->limit);
    PUM_TRY(set_int(turn, &turn->in[0], PUM_DTYPE_I64, iteration));
    PUM_TRY(set_int(turn, &turn->in[1], PUM_DTYPE_BOOL, loop->condition));
    PUM_TRY(turn_run(turn));
    PUM_TRY(read_condition(&turn->out[0], &loop->condition));
    for (int32_t i = 0; i < loop->carried; i++)
        PUM_TRY(exec_value_share(turn->context, &turn->in[2 + i], &turn->out[1 + i]));
    for (int32_t i = 0; i < loop->scans.count; i++)
        PUM_TRY(collect(&loop->scans, turn->context, i, &turn->out[1 + loop->carried + i], false));
    return PUM_OK;
}

pum_status program_loop(struct exec_program *program, struct program_part *part)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    struct loop loop = {.program = program, .node = node};
    struct exec_program *body;
    pum_status status;
    PUM_TRY(body_program(program, part, 0, "body", &body));
    PUM_TRY_GOTO(loop_prepare(&loop, body), end);
    for (int64_t i = 0; i < loop.most && loop.condition; i++)
        PUM_TRY_GOTO(loop_turn(&loop, i), end);
    for (int32_t i = 0; i < node->output_count; i++) {
        if (i < loop.carried)
            status = give(program, node, i, &loop.turn.in[2 + i]);
        else
            status =
                give_stack(program, node, i, &loop.scans, i - loop.carried, 0, body->graph, 1 + i);
        if (status != PUM_OK)
            goto end;
    }
end:
    turn_close(&loop.turn);
    collector_close(&loop.scans, program->session->context);
    return status;
}

/* --- Scan --- */

struct scan {
    struct exec_program *program;
    const struct graph_node *node;
    struct turn turn;
    struct collector outs;
    int32_t states, scans, captures;
    int64_t length;
};

static int64_t list_at(const struct graph_node *node, const char *name, int32_t index)
{
    int32_t count;
    const int64_t *values = node_ints(node, name, &count);
    return index < count ? values[index] : 0;
}

static pum_status scan_axis(struct scan *scan, int32_t index, const struct host_tensor *tensor,
                            int32_t *out_axis)
{
    int64_t axis = list_at(scan->node, "scan_input_axes", index);
    if (!shape_axis(axis, tensor->desc.shape.rank, out_axis))
        return pum_fail(PUM_E_SHAPE, "scan input %d: axis %lld of %d", index, (long long)axis,
                        tensor->desc.shape.rank);
    return PUM_OK;
}

static pum_status scan_prepare(struct scan *scan, struct exec_program *body)
{
    const struct graph_node *node = scan->node;
    scan->scans = (int32_t)node_int(node, "num_scan_inputs", 0);
    scan->captures = (int32_t)node_int(node, "captures", 0);
    scan->states = node->input_count - scan->scans - scan->captures;
    PUM_TRY(turn_open(&scan->turn, scan->program->session->context, body));
    int32_t outs = scan->turn.out_count - scan->states;
    if (scan->scans < 1 || scan->captures < 0 || scan->states < 0 || outs < 0 ||
        scan->turn.in_count != node->input_count || node->output_count > scan->turn.out_count)
        return pum_fail(PUM_E_FORMAT,
                        "the body takes %d values and gives %d, which does not fit %d inputs, %d "
                        "of them scanned, and %d outputs",
                        scan->turn.in_count, scan->turn.out_count, node->input_count, scan->scans,
                        node->output_count);
    PUM_TRY(collector_open(&scan->outs, scan->turn.context, outs));
    scan->length = -1;
    for (int32_t i = 0; i < scan->scans; i++) {
        const struct host_tensor *tensor;
        int32_t axis;
        PUM_TRY(program_tensor(scan->program, node, scan->states + i, &tensor));
        PUM_TRY(scan_axis(scan, i, tensor, &axis));
        if (scan->length >= 0 && scan->length != tensor->desc.shape.dims[axis])
            return pum_fail(PUM_E_SHAPE, "scan inputs have %lld and %lld slices",
                            (long long)scan->length, (long long)tensor->desc.shape.dims[axis]);
        scan->length = tensor->desc.shape.dims[axis];
    }
    for (int32_t i = 0; i < node->input_count; i++) {
        if (i < scan->states || i >= scan->states + scan->scans)
            PUM_TRY(pass(scan->program, node, i, &scan->turn.in[i]));
    }
    return PUM_OK;
}

static pum_status scan_turn(struct scan *scan, int64_t iteration)
{
    struct turn *turn = &scan->turn;
    for (int32_t i = 0; i < scan->scans; i++) {
        const struct host_tensor *tensor;
        int32_t axis;
        PUM_TRY(program_tensor(scan->program, scan->node, scan->states + i, &tensor));
        PUM_TRY(scan_axis(scan, i, tensor, &axis));
        bool backwards = list_at(scan->node, "scan_input_directions", i) != 0;
        int64_t at = backwards ? scan->length - 1 - iteration : iteration;
        PUM_TRY(exec_value_set_tensor(turn->context, &turn->in[scan->states + i],
                                      program_slice(turn->context, tensor, axis, at, 1, true)));
    }
    PUM_TRY(turn_run(turn));
    for (int32_t i = 0; i < scan->states; i++)
        PUM_TRY(exec_value_share(turn->context, &turn->in[i], &turn->out[i]));
    for (int32_t i = 0; i < scan->outs.count; i++)
        PUM_TRY(collect(&scan->outs, turn->context, i, &turn->out[scan->states + i],
                        list_at(scan->node, "scan_output_directions", i) != 0));
    return PUM_OK;
}

pum_status program_scan(struct exec_program *program, struct program_part *part)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    struct scan scan = {.program = program, .node = node};
    struct exec_program *body;
    pum_status status;
    PUM_TRY(body_program(program, part, 0, "body", &body));
    PUM_TRY_GOTO(scan_prepare(&scan, body), end);
    for (int64_t i = 0; i < scan.length; i++)
        PUM_TRY_GOTO(scan_turn(&scan, i), end);
    for (int32_t i = 0; i < node->output_count; i++) {
        if (i < scan.states)
            status = give(program, node, i, &scan.turn.in[i]);
        else
            status = give_stack(program, node, i, &scan.outs, i - scan.states,
                                list_at(node, "scan_output_axes", i - scan.states), body->graph, i);
        if (status != PUM_OK)
            goto end;
    }
end:
    turn_close(&scan.turn);
    collector_close(&scan.outs, program->session->context);
    return status;
}

/* --- SequenceMap --- */

/* The i-th item of a list; a tensor as it is. */
static pum_status map_input(struct exec_program *program, const struct graph_node *node,
                            int32_t input, bool mapped, int32_t item, struct exec_value *to)
{
    const struct exec_value *from = program_input(program, node, input);
    pum_context *context = program->session->context;
    if (!from || !mapped || from->kind != PUM_VALUE_SEQUENCE)
        return pass(program, node, input, to);
    if (item >= from->count)
        return pum_fail(PUM_E_SHAPE, "input %d has %d items, fewer than the first list", input,
                        from->count);
    from->items[item]->references++;
    return exec_value_set_tensor(context, to, from->items[item]);
}

pum_status program_sequence_map(struct exec_program *program, struct program_part *part)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    const struct exec_value *first = program_input(program, node, 0);
    pum_context *context = program->session->context;
    int32_t captures = (int32_t)node_int(node, "captures", 0);
    struct exec_program *body;
    struct turn turn = {0};
    struct collector outs = {0};
    pum_status status;
    if (!first || first->kind != PUM_VALUE_SEQUENCE)
        return pum_fail(PUM_E_TYPE, "input 0 must be a list");
    PUM_TRY(body_program(program, part, 0, "body", &body));
    PUM_TRY_GOTO(turn_open(&turn, context, body), end);
    PUM_TRY_GOTO(collector_open(&outs, context, node->output_count), end);
    if (turn.in_count != node->input_count || turn.out_count < node->output_count) {
        status = pum_fail(PUM_E_FORMAT, "the body takes %d values and gives %d; %d and %d fit",
                          turn.in_count, turn.out_count, node->input_count, node->output_count);
        goto end;
    }
    for (int32_t item = 0; item < first->count; item++) {
        for (int32_t i = 0; i < turn.in_count; i++)
            PUM_TRY_GOTO(
                map_input(program, node, i, i < node->input_count - captures, item, &turn.in[i]),
                end);
        PUM_TRY_GOTO(turn_run(&turn), end);
        for (int32_t i = 0; i < node->output_count; i++)
            PUM_TRY_GOTO(collect(&outs, context, i, &turn.out[i], false), end);
    }
    for (int32_t i = 0; i < node->output_count; i++)
        PUM_TRY_GOTO(give(program, node, i, &outs.lists[i]), end);
end:
    turn_close(&turn);
    collector_close(&outs, context);
    return status;
}
