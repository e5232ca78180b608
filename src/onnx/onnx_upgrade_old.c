/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_old.c - forms of opsets 1 to 6: attributes where inputs are today, and broadcasting
 * that had to be asked for. What was dropped without a trace (consumed_inputs) onnx_node.c leaves
 * out. Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_reader.h"

#include <string.h>

/* The second input fits the first one's axes from `axis` on; today axes are matched from the last
 * one backwards, so it gets axes of size 1 behind its own. */
static pum_status align_second(struct onnx_node *node, int64_t axis)
{
    int32_t rank = onnx_value_rank(node, onnx_input(node, 0));
    int32_t second = onnx_value_rank(node, onnx_input(node, 1));
    int64_t axes[PUM_MAX_RANK];

    if (rank < 0 || second < 0)
        return onnx_refuse(node, "with axis, the number of axes of both inputs must be known");
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis + second > rank)
        return onnx_fail(node->reader, PUM_E_SHAPE,
                         "node '%.200s' (%.100s): axis %lld does not "
                         "fit inputs of %d and %d axes",
                         node->name, node->op->name, (long long)axis, rank, second);
    int32_t behind = rank - (int32_t)axis - second;
    for (int32_t i = 0; i < behind; i++)
        axes[i] = second + i;
    if (behind > 0) {
        pum_value list = pum_ints(node->reader->graph, behind, axes);
        node->inputs[1] =
            onnx_step(node, "Unsqueeze", (pum_value[]){node->inputs[1], list}, 2, NULL, 0);
    }
    return PUM_OK;
}

/* Arithmetic, comparisons and logic. */
pum_status onnx_up_binary(struct onnx_node *node)
{
    pum_attr axis = {0};
    bool broadcast = onnx_take_int(node, "broadcast", 0) != 0;
    bool aligned = onnx_take(node, "axis", &axis);

    if (broadcast && aligned && node->input_count > 1)
        ONNX_TRY(align_second(node, axis.i));
    return onnx_emit(node, node->op->name);
}

/* What is added is broadcast today. */
pum_status onnx_up_gemm(struct onnx_node *node)
{
    (void)onnx_take_int(node, "broadcast", 0);
    return onnx_emit(node, "Gemm");
}

/* The axis may be left out before opset 4. */
pum_status onnx_up_concat(struct onnx_node *node)
{
    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 1};

    if (onnx_take(node, "axis", &axis) || node->reader->opset < 4)
        onnx_give(node, axis);
    return onnx_emit(node, "Concat");
}

pum_status onnx_up_reshape(struct onnx_node *node)
{
    pum_attr shape;

    if (onnx_take(node, "shape", &shape) && onnx_input(node, 1) == PUM_NO_VALUE)
        onnx_set_input(node, 1, pum_ints(node->reader->graph, shape.count, shape.ints));
    return onnx_emit(node, "Reshape");
}

/* LpPool and GlobalLpPool before opset 2: the power is a float. */
pum_status onnx_up_lp_pool(struct onnx_node *node)
{
    pum_attr p;

    if (onnx_take(node, "p", &p)) {
        int64_t power = p.kind == PUM_ATTR_FLOAT ? (int64_t)p.f : p.i;
        if (p.kind == PUM_ATTR_FLOAT && (float)power != p.f)
            return onnx_refuse(node, "a power that is no whole number is not supported");
        onnx_give(node, (pum_attr){.name = "p", .kind = PUM_ATTR_INT, .i = power});
    }
    return onnx_emit(node, node->op->name);
}

/* Before opset 6 one axis is repeated: inputs tiles and axis, both numbers. */
pum_status onnx_up_tile(struct onnx_node *node)
{
    if (node->input_count > 2)
        return onnx_refuse(node, "the form of opset 1, with an axis as input 2, is not supported");
    return onnx_emit(node, "Tile");
}

/* Recurrent layers before opset 7 say whether they give all steps; the outputs tell that, too. */
pum_status onnx_up_recurrent(struct onnx_node *node)
{
    (void)onnx_take_int(node, "output_sequence", 0);
    return onnx_emit(node, node->op->name);
}
