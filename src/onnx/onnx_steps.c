/* SPDX-License-Identifier: MIT
 *
 * onnx_steps.c - see onnx_steps.h. Tests: tests/onnx/test_onnx_microsoft.c.
 */
#include "onnx_steps.h"

pum_value steps_1(struct onnx_node *node, const char *op, pum_value a)
{
    return onnx_step(node, op, &a, 1, NULL, 0);
}

pum_value steps_2(struct onnx_node *node, const char *op, pum_value a, pum_value b)
{
    return onnx_step(node, op, (pum_value[]){a, b}, 2, NULL, 0);
}

pum_value steps_ints(struct onnx_node *node, int32_t count, const int64_t *values)
{
    return pum_ints(node->reader->graph, count, values);
}

pum_value steps_int(struct onnx_node *node, int64_t value)
{
    return pum_constant_copy(node->reader->graph, NULL, PUM_DTYPE_I64, 0, NULL, &value,
                             sizeof(value));
}

pum_value steps_cast(struct onnx_node *node, pum_value x, pum_dtype dtype)
{
    pum_attr to = {.name = "to", .kind = PUM_ATTR_INT, .i = onnx_data_type(dtype)};

    return onnx_value_dtype(node, x) == dtype ? x : onnx_step(node, "Cast", &x, 1, &to, 1);
}

pum_value steps_reshape(struct onnx_node *node, pum_value x, int32_t count, const int64_t *dims)
{
    return steps_2(node, "Reshape", x, steps_ints(node, count, dims));
}

pum_value steps_transpose(struct onnx_node *node, pum_value x, int32_t count, const int64_t *perm)
{
    pum_attr attr = {.name = "perm", .kind = PUM_ATTR_INTS, .ints = perm, .count = count};

    return onnx_step(node, "Transpose", &x, 1, &attr, 1);
}

pum_value steps_unsqueeze(struct onnx_node *node, pum_value x, int64_t axis)
{
    return steps_2(node, "Unsqueeze", x, steps_ints(node, 1, &axis));
}

pum_value steps_concat(struct onnx_node *node, pum_value a, pum_value b, int64_t axis)
{
    pum_attr attr = {.name = "axis", .kind = PUM_ATTR_INT, .i = axis};

    return onnx_step(node, "Concat", (pum_value[]){a, b}, 2, &attr, 1);
}

pum_value steps_gather(struct onnx_node *node, pum_value x, pum_value indices, int64_t axis)
{
    pum_attr attr = {.name = "axis", .kind = PUM_ATTR_INT, .i = axis};

    return onnx_step(node, "Gather", (pum_value[]){x, indices}, 2, &attr, 1);
}

pum_value steps_slice(struct onnx_node *node, pum_value x, int64_t axis, int64_t start, int64_t end,
                      int64_t step)
{
    pum_value inputs[5] = {x, steps_ints(node, 1, &start), steps_ints(node, 1, &end),
                           steps_ints(node, 1, &axis), steps_ints(node, 1, &step)};

    return onnx_step(node, "Slice", inputs, 5, NULL, 0);
}

void steps_split(struct onnx_node *node, pum_value x, int64_t axis, int32_t count,
                 const int64_t *sizes, pum_value *out_parts)
{
    pum_attr attr = {.name = "axis", .kind = PUM_ATTR_INT, .i = axis};
    pum_value inputs[2] = {x, sizes != NULL ? steps_ints(node, count, sizes) : PUM_NO_VALUE};

    for (int32_t i = 0; i < count; i++)
        out_parts[i] = PUM_NO_VALUE;
    (void)pum_node(node->reader->graph,
                   &(pum_node_params){.op = "Split",
                                      .name = node->name,
                                      .inputs = inputs,
                                      .input_count = sizes != NULL ? 2 : 1,
                                      .attrs = &attr,
                                      .attr_count = 1,
                                      .output_count = count},
                   out_parts);
}

pum_value steps_size(struct onnx_node *node, pum_value x, int64_t axis)
{
    return steps_gather(node, steps_1(node, "Shape", x), steps_int(node, axis), 0);
}

pum_value steps_range(struct onnx_node *node, pum_value count)
{
    pum_value inputs[3] = {steps_int(node, 0), count, steps_int(node, 1)};

    return onnx_step(node, "Range", inputs, 3, NULL, 0);
}

pum_value steps_add_scalar(struct onnx_node *node, pum_value x, float value)
{
    return steps_2(node, "Add", x, onnx_scalar_like(node, value, x));
}

pum_value steps_scale(struct onnx_node *node, pum_value x, float value)
{
    return value == 1.0f ? x : steps_2(node, "Mul", x, onnx_scalar_like(node, value, x));
}

int64_t steps_known_size(const struct onnx_node *node, pum_value x, int32_t axis)
{
    pum_port_info info;

    if (x == PUM_NO_VALUE || pum_graph_get_value(node->reader->graph, x, &info) != PUM_OK)
        return -1;
    int32_t at = axis < 0 ? axis + info.rank : axis;
    return at >= 0 && at < info.rank && info.dims[at] >= 0 ? info.dims[at] : -1;
}

bool steps_wants(const struct onnx_node *node, int32_t output)
{
    return (size_t)output < node->proto->n_output && !onnx_absent(node->proto->output[output]);
}
