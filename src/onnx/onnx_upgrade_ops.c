/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_ops.c - operators whose form changed after opset 17, and those that are a few of
 * Pumice's. (Forms before opset 17: onnx_upgrade.c, onnx_upgrade_more.c.)
 * Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_steps.h"

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

/* --- BatchNormalization ----------------------------------------------------------------------- */

/* The batch's own mean and variance, [c], over all axes but that of channels. */
static pum_status batch_statistics(struct onnx_node *node, pum_value *out_mean,
                                   pum_value *out_variance)
{
    pum_value x = onnx_input(node, 0);
    int32_t rank = onnx_value_rank(node, x), count = 0;
    int64_t axes[PUM_MAX_RANK];

    if (rank < 2)
        return onnx_refuse(node, "training mode needs an input whose number of axes is known");
    for (int32_t i = 0; i < rank; i++)
        if (i != 1)
            axes[count++] = i;
    pum_value list = steps_ints(node, count, axes);
    pum_value mean = steps_2(node, "ReduceMean", x, list);
    pum_value rest = steps_2(node, "Sub", x, mean);
    pum_value square = steps_2(node, "Mul", rest, rest);
    *out_mean = steps_reshape(node, mean, 1, (int64_t[]){-1});
    *out_variance =
        steps_reshape(node, steps_2(node, "ReduceMean", square, list), 1, (int64_t[]){-1});
    return PUM_OK;
}

/* Output = running * momentum + batch's * (1 - momentum). */
static pum_status bind_running(struct onnx_node *node, int32_t output, pum_value running,
                               pum_value own, float momentum)
{
    if (!steps_wants(node, output))
        return PUM_OK;
    return onnx_bind(node, output,
                     steps_2(node, "Add", steps_scale(node, running, momentum),
                             steps_scale(node, own, 1.0f - momentum)));
}

/* From opset 14 on with training_mode the batch's statistics are used, and mixed into the running
 * ones. Before opset 7 is_test says whether they are, but by default it is 0, and models for
 * inference leave it out, too: what is asked for here is inference. Between, outputs beyond the
 * first exist in training only. */
pum_status onnx_up_batch_norm(struct onnx_node *node)
{
    float momentum = onnx_take_float(node, "momentum", 0.9f);
    bool training = onnx_take_int(node, "training_mode", 0) != 0;

    (void)onnx_take_int(node, "is_test", 0);
    if (onnx_take_int(node, "spatial", 1) == 0)
        return onnx_refuse(node, "spatial=0 is not supported");
    if (training && node->input_count == 5) {
        pum_value mean = PUM_NO_VALUE, variance = PUM_NO_VALUE;
        ONNX_TRY(batch_statistics(node, &mean, &variance));
        ONNX_TRY(bind_running(node, 1, onnx_input(node, 3), mean, momentum));
        ONNX_TRY(bind_running(node, 2, onnx_input(node, 4), variance, momentum));
        node->inputs[3] = mean;
        node->inputs[4] = variance;
    }
    node->output_count = 1;
    return onnx_emit(node, "BatchNormalization");
}
