/* SPDX-License-Identifier: MIT
 *
 * onnx_order.c - the nodes of a graph, each behind what it needs: files are usually sorted, but
 * nothing relies on it. A node with bodies needs what they capture, too. No recursion.
 * Tests: tests/onnx/test_onnx_hostile.c, test_onnx_body.c.
 */
#include "onnx_reader.h"

struct sorter {
    uint8_t *state; /* NEW, OPEN, DONE */
    int32_t *stack;
    size_t *next; /* name to look at next, beside each stack entry */
};
enum { NODE_NEW, NODE_OPEN, NODE_DONE };

/* Name `position` of those that a node needs; false behind the last. */
static bool needed_name(const struct onnx_scope *scope, int32_t index, size_t position,
                        const char **out_name)
{
    const Onnx__NodeProto *node = scope->nodes[index];
    size_t count;

    if (position < node->n_input) {
        *out_name = node->input[position];
        return true;
    }
    position -= node->n_input;
    const struct onnx_body *bodies = onnx_bodies_of(scope, index, &count);
    for (size_t i = 0; i < count; i++) {
        if (position < bodies[i].scope.free_count) {
            *out_name = bodies[i].scope.free[position];
            return true;
        }
        position -= bodies[i].scope.free_count;
    }
    return false;
}

/* The next node that must come before the one on top of the stack, or -1. */
static pum_status next_needed(struct onnx_reader *reader, struct sorter *s, size_t top,
                              int32_t *out_node)
{
    const struct onnx_scope *scope = reader->scope;
    const Onnx__NodeProto *node = scope->nodes[s->stack[top]];
    const char *name;

    *out_node = -1;
    while (*out_node < 0 && needed_name(scope, s->stack[top], s->next[top], &name)) {
        s->next[top]++;
        if (onnx_absent(name))
            continue;
        const struct onnx_name *entry = onnx_find_name(scope, name);
        if (entry == NULL)
            return onnx_fail(reader, PUM_E_FORMAT,
                             "node '%.200s' (%.100s): input '%.200s' is "
                             "defined by no graph input, initializer or node",
                             onnx_absent(node->name) ? "unnamed" : node->name, node->op_type, name);
        if (entry->node >= 0 && s->state[entry->node] != NODE_DONE)
            *out_node = entry->node;
    }
    return PUM_OK;
}

static pum_status add_with_needs(struct onnx_reader *reader, struct sorter *s, int32_t root)
{
    size_t depth = 1;

    s->stack[0] = root;
    s->next[0] = 0;
    s->state[root] = NODE_OPEN;
    while (depth > 0) {
        int32_t needed;
        ONNX_TRY(next_needed(reader, s, depth - 1, &needed));
        if (needed < 0) {
            int32_t node = s->stack[--depth];
            s->state[node] = NODE_DONE;
            ONNX_TRY(onnx_add_node(reader, node));
            continue;
        }
        if (s->state[needed] == NODE_OPEN) {
            const Onnx__NodeProto *node = reader->scope->nodes[needed];
            return onnx_fail(reader, PUM_E_FORMAT,
                             "the graph has a cycle through node '%.200s' "
                             "(%.100s, output '%.200s')",
                             onnx_absent(node->name) ? "unnamed" : node->name, node->op_type,
                             node->n_output > 0 ? node->output[0] : "");
        }
        s->state[needed] = NODE_OPEN;
        s->stack[depth] = needed;
        s->next[depth++] = 0;
    }
    return PUM_OK;
}

pum_status onnx_add_nodes(struct onnx_reader *reader)
{
    size_t count = reader->scope->node_count;
    struct sorter s = {
        .state = onnx_alloc(&reader->memory, count, sizeof(*s.state)),
        .stack = onnx_alloc(&reader->memory, count, sizeof(*s.stack)),
        .next = onnx_alloc(&reader->memory, count, sizeof(*s.next)),
    };
    pum_status status = PUM_OK;

    if (s.state == NULL || s.stack == NULL || s.next == NULL)
        status = onnx_fail(reader, PUM_E_MEMORY, "out of memory for %zu nodes", count);
    for (size_t i = 0; i < count && status == PUM_OK; i++) {
        if (s.state[i] == NODE_NEW)
            status = add_with_needs(reader, &s, (int32_t)i);
    }
    onnx_free(&reader->memory, s.state);
    onnx_free(&reader->memory, s.stack);
    onnx_free(&reader->memory, s.next);
    return status;
}
