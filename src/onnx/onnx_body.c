/* SPDX-License-Identifier: MIT
 *
 * onnx_body.c - If, Loop, Scan and SequenceMap: their bodies become graphs of their own. A body of
 * Pumice sees nothing around it: what it captures is passed, as inputs of the node behind those
 * that ONNX defines, and as inputs of each of the node's bodies in the same order. Constants are no
 * captures: the body gets them itself, with the same bytes, so that it can fold and pack them.
 * Constants of bodies may point at what the outermost graph owns, which holds the bodies.
 * Tests: tests/onnx/test_onnx_body.c, test_onnx_hostile.c.
 */
#include "onnx_reader.h"

#include <stdio.h>
#include <string.h>

/* The captures of a node: names of the scope around, sorted. */
struct captures {
    struct onnx_name **names;
    size_t count;
};

/* --- What is captured ------------------------------------------------------------------------- */

static bool is_constant_node(const struct onnx_reader *reader, const Onnx__NodeProto *node)
{
    if (node->op_type == NULL || strcmp(node->op_type, "Constant") != 0 ||
        !onnx_is_default_domain(node->domain) || onnx_find_function(reader, node) != NULL)
        return false;
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (!onnx_absent(node->attribute[i]->ref_attr_name))
            return false; /* the call that it means is another one */
    }
    return true;
}

/* Where a name comes from in the end: a constant can be made again from there. */
static const struct onnx_name *origin_of(struct onnx_scope *scope, const struct onnx_name *entry,
                                         const struct onnx_scope **out_scope)
{
    *out_scope = scope;
    while (entry->source != NULL) {
        *out_scope = entry->source_scope;
        entry = entry->source;
    }
    return entry;
}

static bool is_constant(const struct onnx_reader *reader, struct onnx_scope *scope,
                        const struct onnx_name *entry)
{
    const struct onnx_scope *where;
    const struct onnx_name *origin = origin_of(scope, entry, &where);

    return origin->initializer != NULL || origin->sparse != NULL ||
           (origin->node >= 0 && is_constant_node(reader, where->nodes[origin->node]));
}

static pum_status make_constant(struct onnx_reader *reader, struct onnx_scope *around,
                                const struct onnx_name *entry, pum_value *out_value)
{
    const struct onnx_scope *where;
    const struct onnx_name *origin = origin_of(around, entry, &where);

    if (origin->initializer != NULL)
        return onnx_constant(reader, origin->initializer, origin->name, out_value);
    if (origin->sparse != NULL)
        return onnx_sparse_constant(reader, origin->sparse, origin->name, out_value);
    return onnx_repeat_constant(reader, where->nodes[origin->node], out_value);
}

/* Adds what one body captures; the list stays sorted and without duplicates, since a name is one
 * entry. */
static pum_status add_captures(struct onnx_node *node, const struct onnx_scope *body,
                               struct captures *captures)
{
    struct onnx_reader *reader = node->reader;
    size_t total = captures->count + body->free_count, merged = 0, i = 0, j = 0;
    struct onnx_name **names = onnx_alloc(&reader->memory, total + 1, sizeof(*names));

    if (names == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    while (i < captures->count || j < body->free_count) {
        int order = i == captures->count    ? 1
                    : j == body->free_count ? -1
                                            : strcmp(captures->names[i]->name, body->free[j]);
        struct onnx_name *entry =
            order <= 0 ? captures->names[i] : onnx_find_name(reader->scope, body->free[j]);
        i += order <= 0;
        j += order >= 0;
        if (entry == NULL)
            continue; /* onnx_order.c has refused it */
        if (entry->absent || (order > 0 && is_constant(reader, reader->scope, entry)))
            continue;
        names[merged++] = entry;
    }
    onnx_free(&reader->memory, captures->names);
    captures->names = names;
    captures->count = merged;
    return PUM_OK;
}

/* --- A body ----------------------------------------------------------------------------------- */

static bool is_formal(const struct onnx_scope *scope, const Onnx__ValueInfoProto *input)
{
    const struct onnx_name *entry = onnx_find_name(scope, input->name);
    return entry == NULL || (entry->initializer == NULL && entry->sparse == NULL);
}

static int32_t count_formals(const struct onnx_scope *scope)
{
    int32_t count = 0;

    for (size_t i = 0; i < scope->proto->n_input && count <= ONNX_MAX_LIST; i++)
        count += is_formal(scope, scope->proto->input[i]);
    return count;
}

/* The element type is taken as declared; shapes may change from one iteration to the next. */
static pum_status add_formal(struct onnx_reader *reader, const Onnx__ValueInfoProto *info)
{
    struct onnx_name *entry = onnx_find_name(reader->scope, info->name);
    struct onnx_port port = {0};

    if (info->type != NULL && info->type->value_case != ONNX__TYPE_PROTO__VALUE__NOT_SET)
        ONNX_TRY(onnx_read_port(reader, info, "input", &port));
    entry->value = pum_input_any(reader->graph, info->name, port.kind, port.dtype);
    return pum_graph_status(reader->graph);
}

static pum_status add_capture(struct onnx_reader *reader, const pum_graph *around,
                              const struct onnx_name *capture, size_t index)
{
    struct onnx_name *entry = onnx_find_name(reader->scope, capture->name);
    const char *name = capture->name;
    char made_up[64];
    pum_port_info info;

    ONNX_TRY(pum_graph_get_value(around, capture->value, &info));
    /* A capture of the other body: passed, but not used here, where the name may mean another. */
    if (entry == NULL || !entry->captured) {
        (void)snprintf(made_up, sizeof(made_up), "(capture %zu of the other body)", index);
        name = made_up;
    }
    pum_value value = pum_input_any(reader->graph, name, info.kind, info.dtype);
    if (name == capture->name)
        entry->value = value;
    return pum_graph_status(reader->graph);
}

static pum_status add_captured_constants(struct onnx_reader *reader, struct onnx_scope *around)
{
    struct onnx_scope *scope = reader->scope;

    for (size_t i = 0; i < scope->free_count; i++) {
        struct onnx_name *entry = onnx_find_name(scope, scope->free[i]);
        struct onnx_name *source = onnx_find_name(around, scope->free[i]);
        if (entry == NULL || source == NULL)
            continue;
        entry->source = source;
        entry->source_scope = around;
        entry->absent = source->absent;
        if (entry->value == PUM_NO_VALUE && !entry->absent)
            ONNX_TRY(make_constant(reader, around, source, &entry->value));
    }
    return PUM_OK;
}

/* One value may be several results; the names of a graph's outputs must differ. */
static bool output_repeats(const Onnx__GraphProto *graph, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(graph->output[i]->name, graph->output[index]->name) == 0)
            return true;
    }
    return false;
}

static pum_status add_results(struct onnx_reader *reader)
{
    const Onnx__GraphProto *graph = reader->scope->proto;
    char made_up[64];

    if (graph->n_output == 0)
        return onnx_fail(reader, PUM_E_FORMAT, "a body without outputs");
    if (graph->n_output > ONNX_MAX_LIST)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "a body with %zu outputs", graph->n_output);
    for (size_t i = 0; i < graph->n_output; i++) {
        const char *name = graph->output[i]->name;
        const struct onnx_name *entry =
            onnx_absent(name) ? NULL : onnx_find_name(reader->scope, name);
        if (entry == NULL || entry->value == PUM_NO_VALUE)
            return onnx_fail(reader, PUM_E_FORMAT, "output '%.200s' is computed by no node",
                             onnx_absent(name) ? "" : name);
        if (output_repeats(graph, i)) {
            (void)snprintf(made_up, sizeof(made_up), "(output %zu, a repeated one)", i);
            name = made_up;
        }
        pum_output(reader->graph, name, entry->value);
    }
    return pum_graph_status(reader->graph);
}

static pum_status fill_body(struct onnx_reader *reader, struct onnx_scope *around,
                            const pum_graph *outer, const struct captures *captures)
{
    const Onnx__GraphProto *proto = reader->scope->proto;

    for (size_t i = 0; i < proto->n_input; i++) {
        if (is_formal(reader->scope, proto->input[i]))
            ONNX_TRY(add_formal(reader, proto->input[i]));
    }
    for (size_t i = 0; i < captures->count; i++)
        ONNX_TRY(add_capture(reader, outer, captures->names[i], i));
    ONNX_TRY(onnx_add_initializers(reader));
    ONNX_TRY(add_captured_constants(reader, around));
    ONNX_TRY(onnx_add_nodes(reader));
    ONNX_TRY(add_results(reader));
    return pum_graph_finish(reader->graph);
}

/* Reads a body into a graph of its own, which the node keeps. */
static pum_status read_body(struct onnx_node *node, struct onnx_body *body,
                            const struct captures *captures)
{
    struct onnx_reader *reader = node->reader;
    pum_graph *outer = reader->graph;
    struct onnx_scope *around = reader->scope;
    pum_graph *graph = NULL;

    if (node->body_count == ONNX_MAX_BODIES)
        return onnx_refuse(node, "too many bodies");
    ONNX_TRY(pum_graph_create(reader->context, &graph));
    node->bodies[node->body_count++] = graph;
    reader->graph = graph;
    reader->scope = &body->scope;
    pum_status status = fill_body(reader, around, outer, captures);
    reader->graph = outer;
    reader->scope = around;
    if (status != PUM_OK)
        return onnx_in_body(reader, status, body->attr, node);
    onnx_give(node, (pum_attr){.name = body->attr, .kind = PUM_ATTR_GRAPH, .graph = graph});
    return PUM_OK;
}

/* --- The node --------------------------------------------------------------------------------- */

static pum_status pass_captures(struct onnx_node *node, int32_t formal_count,
                                const struct captures *captures)
{
    struct onnx_reader *reader = node->reader;
    size_t total = (size_t)formal_count + captures->count;

    if (total > ONNX_MAX_LIST)
        return onnx_refuse(node, "too many inputs and captured values");
    pum_value *inputs =
        onnx_realloc(&reader->memory, node->inputs, (total + ONNX_SPARE_ATTRS) * sizeof(*inputs));
    if (inputs == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
    node->inputs = inputs;
    while (node->input_count < formal_count)
        inputs[node->input_count++] = PUM_NO_VALUE;
    for (size_t i = 0; i < captures->count; i++)
        inputs[node->input_count++] = captures->names[i]->value;
    return PUM_OK;
}

/* Reads all bodies of the node; captures go behind its `formal_count` inputs. */
static pum_status read_bodies(struct onnx_node *node, int32_t formal_count,
                              int32_t *out_capture_count)
{
    struct onnx_reader *reader = node->reader;
    struct captures captures = {0};
    size_t count;
    struct onnx_body *bodies = onnx_bodies_of(reader->scope, node->index, &count);
    pum_status status = PUM_OK;

    for (size_t i = 0; i < count && status == PUM_OK; i++)
        status = add_captures(node, &bodies[i].scope, &captures);
    for (size_t i = 0; i < captures.count && status == PUM_OK; i++) {
        if (captures.names[i]->value == PUM_NO_VALUE)
            status = onnx_no_value(node, captures.names[i]->name);
    }
    if (status == PUM_OK)
        status = pass_captures(node, formal_count, &captures);
    for (size_t i = 0; i < count && status == PUM_OK; i++)
        status = read_body(node, &bodies[i], &captures);
    *out_capture_count = (int32_t)captures.count;
    onnx_free(&reader->memory, captures.names);
    return status;
}

static struct onnx_scope *find_body(const struct onnx_node *node, const char *attr)
{
    size_t count;
    struct onnx_body *bodies = onnx_bodies_of(node->reader->scope, node->index, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(bodies[i].attr, attr) == 0)
            return &bodies[i].scope;
    }
    return NULL;
}

static pum_status missing_body(const struct onnx_node *node, const char *attr)
{
    return onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (%.100s) has no %s", node->name,
                     node->op->name, attr);
}

static pum_status wrong_ports(const struct onnx_node *node, const struct onnx_scope *body)
{
    return onnx_fail(node->reader, PUM_E_FORMAT,
                     "node '%.200s' (%.100s) has %d inputs and %d "
                     "outputs, which does not fit its body with %d inputs and %zu outputs",
                     node->name, node->op->name, node->input_count, node->output_count,
                     count_formals(body), body->proto->n_output);
}

pum_status onnx_up_if(struct onnx_node *node)
{
    static const char *const attrs[] = {"then_branch", "else_branch"};
    int32_t captures;

    for (int i = 0; i < 2; i++) {
        const struct onnx_scope *body = find_body(node, attrs[i]);
        if (body == NULL)
            return missing_body(node, attrs[i]);
        if (node->input_count != 1 || count_formals(body) != 0 ||
            (size_t)node->output_count > body->proto->n_output)
            return wrong_ports(node, body);
    }
    ONNX_TRY(read_bodies(node, 1, &captures));
    return onnx_emit(node, "If");
}

/* The body of Loop, Scan or SequenceMap, whose inputs beside captures are one a node input, and
 * which gives at least `result_count` outputs. */
static pum_status read_one_body(struct onnx_node *node, int32_t least_inputs, int32_t result_count)
{
    const struct onnx_scope *body = find_body(node, "body");
    int32_t captures = 0;

    if (body == NULL)
        return missing_body(node, "body");
    int32_t formals = count_formals(body);
    if (node->input_count > formals || formals < least_inputs ||
        body->proto->n_output < (size_t)result_count)
        return wrong_ports(node, body);
    ONNX_TRY(read_bodies(node, formals, &captures));
    onnx_give(node, (pum_attr){.name = "captures", .kind = PUM_ATTR_INT, .i = captures});
    return PUM_OK;
}

/* Inputs: how often, whether at all, values carried; the body's: number, condition, values. */
pum_status onnx_up_loop(struct onnx_node *node)
{
    const struct onnx_scope *body = find_body(node, "body");
    int32_t carried = body == NULL ? 0 : count_formals(body) - 2;
    int32_t results = carried > node->output_count ? carried : node->output_count;

    ONNX_TRY(read_one_body(node, 2, results + 1));
    return onnx_emit(node, "Loop");
}

pum_status onnx_up_sequence_map(struct onnx_node *node)
{
    ONNX_TRY(read_one_body(node, 1, node->output_count));
    return onnx_emit(node, "SequenceMap");
}

/* --- Scan ------------------------------------------------------------------------------------- */

/* One batch entry of opset 8's Scan: a graph that is the body of a Scan over the batch, and holds
 * the Scan over the sequence. */
static pum_status wrap_scan(struct onnx_node *node, pum_graph *graph, int32_t output_count)
{
    pum_value values[ONNX_MAX_LIST], results[ONNX_MAX_LIST];
    char name[32];

    for (int32_t i = 0; i < node->input_count; i++) {
        (void)snprintf(name, sizeof(name), "in%d", i);
        values[i] =
            pum_input_any(graph, name, PUM_VALUE_TENSOR, onnx_value_dtype(node, node->inputs[i]));
    }
    ONNX_TRY(pum_node(graph,
                      &(pum_node_params){.op = "Scan",
                                         .name = node->name,
                                         .inputs = values,
                                         .input_count = node->input_count,
                                         .attrs = node->attrs,
                                         .attr_count = node->attr_count,
                                         .output_count = output_count},
                      results));
    for (int32_t i = 0; i < output_count; i++) {
        (void)snprintf(name, sizeof(name), "out%d", i);
        pum_output(graph, name, results[i]);
    }
    return pum_graph_finish(graph);
}

/* Opset 8: all tensors have a batch axis in front, and the sequence is axis 1. */
static pum_status scan_8(struct onnx_node *node)
{
    const struct onnx_scope *body = find_body(node, "body");
    pum_attr directions, captures = {0};
    pum_graph *graph = NULL;

    if (node->inputs[0] != PUM_NO_VALUE)
        return onnx_refuse(node, "sequence_lens (opset 8) is not supported");
    node->input_count--;
    memmove(node->inputs, node->inputs + 1, (size_t)node->input_count * sizeof(*node->inputs));
    if (onnx_take(node, "directions", &directions)) {
        directions.name = "scan_input_directions";
        onnx_give(node, directions);
    }
    ONNX_TRY(read_one_body(node, 1, node->output_count));
    int32_t formals = count_formals(body);
    int32_t output_count = (int32_t)body->proto->n_output;
    ONNX_TRY(pum_graph_create(node->reader->context, &graph));
    pum_status status = wrap_scan(node, graph, output_count);
    if (status == PUM_OK) {
        (void)onnx_take(node, "captures", &captures);
        node->attr_count = 0;
        onnx_give(node, captures);
        onnx_give(node, (pum_attr){.name = "num_scan_inputs", .kind = PUM_ATTR_INT, .i = formals});
        onnx_give(node, (pum_attr){.name = "body", .kind = PUM_ATTR_GRAPH, .graph = graph});
        status = onnx_emit(node, "Scan");
    }
    pum_graph_destroy(&graph);
    return status;
}

pum_status onnx_up_scan(struct onnx_node *node)
{
    if (node->reader->opset < 9 && node->input_count > 0)
        return scan_8(node);
    ONNX_TRY(read_one_body(node, 1, node->output_count));
    return onnx_emit(node, "Scan");
}
