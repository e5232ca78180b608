/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_ops.c - operators whose form changed after opset 17, and those that are a few of
 * Pumice's. (Forms before opset 17: onnx_upgrade.c, onnx_upgrade_more.c.)
 * Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_reader.h"

/* Before opset 20 the axis is an attribute, and its default the first one behind the batch. */
pum_status onnx_up_dft(struct onnx_node *node)
{
    int64_t axis = onnx_take_int(node, "axis", 1);

    if (node->reader->opset < 20 && onnx_input(node, 2) == PUM_NO_VALUE)
        onnx_set_input(node, 2, pum_ints(node->reader->graph, 1, &axis));
    return onnx_emit(node, "DFT");
}

/* Before opset 16 regions are not moved by half an element. */
pum_status onnx_up_roi_align(struct onnx_node *node)
{
    if (node->reader->opset < 16)
        onnx_give(node, (pum_attr){.name = "coordinate_transformation_mode",
                                   .kind = PUM_ATTR_STRING,
                                   .s = "output_half_pixel"});
    return onnx_emit(node, "RoiAlign");
}
