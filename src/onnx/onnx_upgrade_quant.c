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

/* Inputs: y's scale and zero point, then x, scale and zero point of each part. A part is taken to
 * y's scale first; one that has it already stays as it is. */
pum_status onnx_up_qlinear_concat(struct onnx_node *node)
{
    pum_value scale = onnx_input(node, 0), zero = onnx_input(node, 1);
    int32_t parts = (node->input_count - 2) / 3;

    if (node->input_count < 5 || node->input_count % 3 != 2)
        return onnx_fail(node->reader, PUM_E_FORMAT,
                         "node '%.200s' (QLinearConcat) has %d inputs; "
                         "it takes 2 and 3 for each part",
                         node->name, node->input_count);
    for (int32_t i = 0; i < parts; i++) {
        pum_value part[3] = {node->inputs[2 + 3 * i], node->inputs[3 + 3 * i],
                             node->inputs[4 + 3 * i]};
        pum_value same = part[0];
        if (part[1] != scale || part[2] != zero) {
            pum_value real = onnx_step(node, "DequantizeLinear", part, 3, NULL, 0);
            same = onnx_step(node, "QuantizeLinear", (pum_value[]){real, scale, zero}, 3, NULL, 0);
        }
        node->inputs[i] = same;
    }
    node->input_count = parts;
    return onnx_emit(node, "Concat");
}
