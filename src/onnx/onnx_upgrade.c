/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade.c - nodes written for opsets 7 to 16 in the form of opset 17, which Pumice's table
 * speaks: attributes that became inputs, changed defaults, and Softmax's old meaning. (Values that
 * became operators, and ONNX Runtime's operators: onnx_upgrade_more.c.) The forms are told apart by
 * what a node has; the opset decides only where the same node means two things.
 * Tests: tests/onnx/test_onnx_upgrade.c.
 */
#include "onnx_reader.h"

#include <string.h>

static pum_attr int_attr(const char *name, int64_t value)
{
    return (pum_attr){.name = name, .kind = PUM_ATTR_INT, .i = value};
}

/* A list attribute becomes an input, unless that input is there. */
void onnx_list_to_input(struct onnx_node *node, const char *name, int32_t index)
{
    pum_attr list;

    if (onnx_take(node, name, &list) && onnx_input(node, index) == PUM_NO_VALUE && list.count > 0)
        onnx_set_input(node, index, pum_ints(node->reader->graph, list.count, list.ints));
}

/* Squeeze and Unsqueeze before opset 13, ReduceSum before 13, the other reductions before 18. */
void onnx_axes_to_input(struct onnx_node *node)
{
    onnx_list_to_input(node, "axes", 1);
}

pum_status onnx_up_axes(struct onnx_node *node)
{
    onnx_axes_to_input(node);
    return onnx_emit(node, node->op->name);
}

/* Before opset 11 the limits are attributes. */
pum_status onnx_up_clip(struct onnx_node *node)
{
    static const char *const names[] = {"min", "max"};
    pum_attr limit;

    for (int32_t i = 0; i < 2; i++) {
        if (onnx_take(node, names[i], &limit) && onnx_input(node, i + 1) == PUM_NO_VALUE)
            onnx_set_input(node, i + 1, onnx_scalar_like(node, limit.f, onnx_input(node, 0)));
    }
    return onnx_emit(node, "Clip");
}

/* Before opset 10 starts, ends and axes are attributes. */
pum_status onnx_up_slice(struct onnx_node *node)
{
    onnx_list_to_input(node, "starts", 1);
    onnx_list_to_input(node, "ends", 2);
    onnx_list_to_input(node, "axes", 3);
    return onnx_emit(node, "Slice");
}

/* Before opset 11 pads and value are attributes; in opset 1 by another name. */
pum_status onnx_up_pad(struct onnx_node *node)
{
    pum_attr value;

    onnx_list_to_input(node, "pads", 1);
    onnx_list_to_input(node, "paddings", 1);
    if (onnx_take(node, "value", &value) && value.f != 0 && onnx_input(node, 2) == PUM_NO_VALUE)
        onnx_set_input(node, 2, onnx_scalar_like(node, value.f, onnx_input(node, 0)));
    return onnx_emit(node, "Pad");
}

/* Before opset 7 the slope is a number, or a list with one a channel (axis 1). */
pum_status onnx_up_prelu(struct onnx_node *node)
{
    int32_t rank = onnx_value_rank(node, onnx_input(node, 0));
    pum_value slope = onnx_input(node, 1);
    int64_t axes[PUM_MAX_RANK];

    if (node->reader->opset < 7 && onnx_value_rank(node, slope) == 1 && rank != 2) {
        if (rank < 0)
            return onnx_refuse(node, "the number of axes of the input is not known");
        for (int32_t i = 0; i + 2 < rank; i++)
            axes[i] = i + 1;
        pum_value list = pum_ints(node->reader->graph, rank > 2 ? rank - 2 : 0, axes);
        if (rank > 2)
            node->inputs[1] =
                onnx_step(node, "Unsqueeze", (pum_value[]){slope, list}, 2, NULL, 0);
    }
    return onnx_emit(node, "PRelu");
}

/* Before opset 10 k is an attribute. Both outputs are made, whichever the file wants. */
pum_status onnx_up_top_k(struct onnx_node *node)
{
    pum_attr k;

    if (onnx_take(node, "k", &k) && onnx_input(node, 1) == PUM_NO_VALUE)
        onnx_set_input(node, 1, pum_ints(node->reader->graph, 1, &k.i));
    node->output_count = 2;
    return onnx_emit(node, "TopK");
}

/* In inference, the input itself. Before opset 10 the mask has the input's type. */
pum_status onnx_up_dropout(struct onnx_node *node)
{
    pum_value x = onnx_input(node, 0);
    pum_dtype dtype = onnx_value_dtype(node, x);
    bool float_mask = node->reader->opset < 10 && node->output_count > 1;
    pum_attr to = int_attr("to", onnx_data_type(dtype));
    pum_value outputs[2] = {PUM_NO_VALUE, PUM_NO_VALUE};

    if (float_mask && dtype == PUM_DTYPE_NONE)
        return onnx_refuse(node, "the mask's type is not known");
    /* Ratio, seed and training_mode mean nothing here: Pumice only infers. */
    node->attr_count = 0;
    if (node->input_count > 1)
        node->input_count = 1;
    if (!float_mask)
        return onnx_emit(node, "Dropout");
    (void)pum_node(node->reader->graph,
                   &(pum_node_params){.op = "Dropout",
                                      .name = node->name,
                                      .inputs = node->inputs,
                                      .input_count = node->input_count,
                                      .output_count = 2},
                   outputs);
    ONNX_TRY(onnx_bind(node, 0, outputs[0]));
    return onnx_bind(node, 1, onnx_step(node, "Cast", &outputs[1], 1, &to, 1));
}

/* Before opset 13 the axes from `axis` on are one: the input is flattened to two axes, and its
 * shape restored afterwards. With axis the last one that is the same as today's meaning. */
pum_status onnx_up_softmax(struct onnx_node *node)
{
    bool old = node->reader->opset < 13;
    int64_t axis = onnx_take_int(node, "axis", old ? 1 : -1);
    pum_value x = onnx_input(node, 0);
    int32_t rank = onnx_value_rank(node, x);
    pum_attr split = int_attr("axis", axis);
    pum_attr last = int_attr("axis", -1);

    if (!old || axis == -1 || (rank > 0 && axis == rank - 1)) {
        onnx_give(node, split);
        return onnx_emit(node, node->op->name);
    }
    if (node->input_count < 1)
        return onnx_emit(node, node->op->name); /* the builder says what is wrong */
    pum_value flat = onnx_step(node, "Flatten", &x, 1, &split, 1);
    pum_value result = onnx_step(node, node->op->name, &flat, 1, &last, 1);
    pum_value shape = onnx_step(node, "Shape", &x, 1, NULL, 0);
    node->inputs[0] = result;
    onnx_set_input(node, 1, shape);
    return onnx_emit(node, "Reshape");
}

/* stash_type says in which type the mean is stored: float, which is what is done. */
pum_status onnx_up_layer_norm(struct onnx_node *node)
{
    if (onnx_take_int(node, "stash_type", 1) != 1)
        return onnx_refuse(node, "a stash_type other than float is not supported");
    return onnx_emit(node, "LayerNormalization");
}

/* --- Resize ----------------------------------------------------------------------------------- */

static pum_attr text_attr(const char *name, const char *value)
{
    return (pum_attr){.name = name, .kind = PUM_ATTR_STRING, .s = value};
}

/* Gives the attributes that opset 10's Resize and Upsample mean. */
static pum_status old_mode(struct onnx_node *node)
{
    pum_attr mode;
    const char *name = "nearest";

    if (onnx_take(node, "mode", &mode))
        name = mode.s;
    if (strcmp(name, "nearest") != 0 && strcmp(name, "linear") != 0 &&
        strcmp(name, "bilinear") != 0)
        return onnx_refuse(node, "only the modes nearest and linear are supported");
    onnx_give(node, text_attr("mode", strcmp(name, "nearest") == 0 ? "nearest" : "linear"));
    onnx_give(node, text_attr("coordinate_transformation_mode", "asymmetric"));
    return PUM_OK;
}

static bool is_empty(const struct onnx_node *node, pum_value value)
{
    pum_port_info info;

    return value != PUM_NO_VALUE &&
           pum_graph_get_value(node->reader->graph, value, &info) == PUM_OK && info.rank == 1 &&
           info.dims[0] == 0;
}

/* Opset 1: two factors; 7: scales are an attribute; 9: input 1. Sizes only grow, so rounding down
 * is nearest. */
pum_status onnx_up_upsample(struct onnx_node *node)
{
    pum_graph *graph = node->reader->graph;
    pum_attr scales;
    pum_value x = onnx_input(node, 0);
    pum_value factors = onnx_input(node, 1);

    if (node->reader->opset < 7) {
        int64_t count = 4;
        float two[4] = {1, 1, onnx_take_float(node, "height_scale", 1),
                        onnx_take_float(node, "width_scale", 1)};
        factors = pum_constant_copy(graph, NULL, PUM_DTYPE_F32, 1, &count, two, sizeof(two));
    }
    if (onnx_take(node, "scales", &scales)) {
        int64_t count = scales.count;
        factors = pum_constant_copy(graph, NULL, PUM_DTYPE_F32, 1, &count, scales.floats,
                                    (size_t)count * sizeof(float));
    }
    ONNX_TRY(old_mode(node));
    onnx_give(node, text_attr("nearest_mode", "floor"));
    node->input_count = 0;
    onnx_set_input(node, 0, x);
    onnx_set_input(node, 1, PUM_NO_VALUE);
    onnx_set_input(node, 2, factors);
    return onnx_emit(node, "Resize");
}

/* Opset 10: no roi, and where the size shrinks, nearest rounds up (elsewhere down). That is today's
 * operator twice, once for the axes that grow, once for those that shrink. */
static pum_status resize_10(struct onnx_node *node)
{
    pum_value x = onnx_input(node, 0), scales = onnx_input(node, 1);

    ONNX_TRY(old_mode(node));
    pum_value one = pum_scalar_f32(node->reader->graph, 1.0f);
    pum_value grow = onnx_step(node, "Max", (pum_value[]){scales, one}, 2, NULL, 0);
    pum_value shrink = onnx_step(node, "Min", (pum_value[]){scales, one}, 2, NULL, 0);
    onnx_give(node, text_attr("nearest_mode", "floor"));
    pum_value grown = onnx_step(node, "Resize", (pum_value[]){x, PUM_NO_VALUE, grow}, 3,
                                node->attrs, node->attr_count);
    pum_attr floor_mode;
    (void)onnx_take(node, "nearest_mode", &floor_mode);
    onnx_give(node, text_attr("nearest_mode", "ceil"));
    node->input_count = 0;
    onnx_set_input(node, 0, grown);
    onnx_set_input(node, 1, PUM_NO_VALUE);
    onnx_set_input(node, 2, shrink);
    return onnx_emit(node, "Resize");
}

/* Opsets 11 and 12 write an input that is not used as an empty tensor. */
pum_status onnx_up_resize(struct onnx_node *node)
{
    if (node->reader->opset < 11)
        return node->input_count == 2 ? resize_10(node) : onnx_emit(node, "Resize");
    for (int32_t i = 1; i < node->input_count; i++) {
        if (is_empty(node, node->inputs[i]))
            node->inputs[i] = PUM_NO_VALUE;
    }
    while (node->input_count > 1 && node->inputs[node->input_count - 1] == PUM_NO_VALUE)
        node->input_count--;
    return onnx_emit(node, "Resize");
}
