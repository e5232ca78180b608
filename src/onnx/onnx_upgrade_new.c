/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_new.c - forms of opsets 18 to 20 that the table does not have itself:
 * GroupNormalization's scale by group, reductions of bool. Whatever follows from shapes is written
 * as operators on shapes, which planning computes.
 * Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_reader.h"

/* --- Reductions ------------------------------------------------------------------------------- */

/* The greatest or least of bools, from opset 20: of numbers 0 and 1. */
static pum_status reduce_bool(struct onnx_node *node)
{
    pum_attr to_int = {.name = "to", .kind = PUM_ATTR_INT, .i = onnx_data_type(PUM_DTYPE_I32)};
    pum_attr to_bool = {.name = "to", .kind = PUM_ATTR_INT, .i = onnx_data_type(PUM_DTYPE_BOOL)};

    node->inputs[0] = onnx_step(node, "Cast", node->inputs, 1, &to_int, 1);
    node->inputs[0] = onnx_step(node, node->op->name, node->inputs, node->input_count, node->attrs,
                                node->attr_count);
    node->input_count = 1;
    node->attr_count = 0;
    onnx_give(node, to_bool);
    return onnx_emit(node, "Cast");
}

pum_status onnx_up_reduce_extreme(struct onnx_node *node)
{
    onnx_axes_to_input(node);
    return onnx_value_dtype(node, onnx_input(node, 0)) == PUM_DTYPE_BOOL
               ? reduce_bool(node)
               : onnx_emit(node, node->op->name);
}

/* --- Split ------------------------------------------------------------------------------------ */

/* All outputs count, named or not. */
pum_status onnx_up_split(struct onnx_node *node)
{
    size_t outputs = node->proto->n_output;
    int64_t parts = onnx_take_int(node, "num_outputs", 0);

    onnx_list_to_input(node, "split", 1);
    if (parts != 0 && (size_t)parts != outputs)
        return onnx_fail(node->reader, PUM_E_FORMAT,
                         "node '%.200s' (Split): num_outputs is %lld, "
                         "and there are %zu",
                         node->name, (long long)parts, outputs);
    if (parts != 0)
        onnx_give(node, (pum_attr){.name = "num_outputs", .kind = PUM_ATTR_INT, .i = parts});
    node->output_count = (int32_t)outputs;
    return onnx_emit(node, "Split");
}

/* --- GroupNormalization ----------------------------------------------------------------------- */

/* Each group's value, once for each of its channels: [groups] to [channels]. */
static pum_value spread(struct onnx_node *node, pum_value values, pum_value shape)
{
    pum_graph *graph = node->reader->graph;
    pum_value column = onnx_step(
        node, "Unsqueeze", (pum_value[]){values, pum_ints(graph, 1, (int64_t[]){1})}, 2, NULL, 0);
    pum_value expanded = onnx_step(node, "Expand", (pum_value[]){column, shape}, 2, NULL, 0);
    return onnx_step(node, "Reshape", (pum_value[]){expanded, pum_ints(graph, 1, (int64_t[]){-1})},
                     2, NULL, 0);
}

/* Opset 18: scale and bias have an entry a group; opset 21 and the table: an entry a channel. */
pum_status onnx_up_group_norm(struct onnx_node *node)
{
    pum_graph *graph = node->reader->graph;
    pum_attr groups = {0};
    pum_attr range[2] = {{.name = "start", .kind = PUM_ATTR_INT, .i = 1},
                         {.name = "end", .kind = PUM_ATTR_INT, .i = 2}};
    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 0};

    (void)onnx_take_int(node, "stash_type", 1);
    if (!onnx_take(node, "num_groups", &groups) || node->input_count != 3)
        return onnx_fail(node->reader, PUM_E_FORMAT,
                         "node '%.200s' (GroupNormalization) needs "
                         "num_groups and three inputs",
                         node->name);
    pum_value count = pum_ints(graph, 1, &groups.i);
    pum_value channels = onnx_step(node, "Shape", node->inputs, 1, range, 2);
    pum_value each = onnx_step(node, "Div", (pum_value[]){channels, count}, 2, NULL, 0);
    pum_value shape = onnx_step(node, "Concat", (pum_value[]){count, each}, 2, &axis, 1);
    node->inputs[1] = spread(node, node->inputs[1], shape);
    node->inputs[2] = spread(node, node->inputs[2], shape);
    onnx_give(node, groups);
    return onnx_emit(node, "GroupNormalization");
}
