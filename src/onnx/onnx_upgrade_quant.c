/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_quant.c - quantised operators of ONNX Runtime's domain that are several of Pumice's.
 * Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_reader.h"

/* A in 8 bits by its own range, times B, as floats: inputs A, B, scale, zero point and bias. */
pum_status onnx_up_dynamic_quantize_matmul(struct onnx_node *node)
{
    pum_value a = onnx_input(node, 0), quantized[3] = {PUM_NO_VALUE, PUM_NO_VALUE, PUM_NO_VALUE};
    pum_value scale = onnx_input(node, 2), zero = onnx_input(node, 3), bias = onnx_input(node, 4);

    (void)pum_node(node->reader->graph,
                   &(pum_node_params){.op = "DynamicQuantizeLinear",
                                      .name = node->name,
                                      .inputs = &a,
                                      .input_count = 1,
                                      .output_count = 3},
                   quantized);
    onnx_set_input(node, 0, quantized[0]);
    onnx_set_input(node, 2, quantized[1]);
    onnx_set_input(node, 3, scale);
    onnx_set_input(node, 4, quantized[2]);
    onnx_set_input(node, 5, zero);
    onnx_set_input(node, 6, bias);
    return onnx_emit(node, "MatMulIntegerToFloat");
}
