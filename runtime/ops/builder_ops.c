/* SPDX-License-Identifier: MIT
 *
 * builder_ops.c - the builder's shorthand: each function is one pum_node, or the few nodes that its
 * comment in pumice_graph.h stands for. Errors are sticky, so nothing is checked between the nodes.
 * Tests: tests/graph/test_builder.c.
 */
#include "graph/graph.h"
#include "ops/axes.h"

/* ONNX numbers its element types below this. */
#define ONNX_TYPE_NUMBERS 32

static pum_attr attr_int(const char *name, int64_t value)
{
    return (pum_attr){.name = name, .kind = PUM_ATTR_INT, .i = value};
}

static pum_attr attr_float(const char *name, float value)
{
    return (pum_attr){.name = name, .kind = PUM_ATTR_FLOAT, .f = value};
}

static pum_attr attr_ints(const char *name, const int64_t *values, int32_t count)
{
    return (pum_attr){.name = name, .kind = PUM_ATTR_INTS, .ints = values, .count = count};
}

/* One output; an absent last input is left out. */
static pum_value node_of(pum_graph *graph, const char *op, const pum_value *inputs,
                         int32_t input_count, const pum_attr *attrs, int32_t attr_count)
{
    pum_value value = PUM_NO_VALUE;

    while (input_count > 1 && inputs[input_count - 1] <= 0)
        input_count--;
    (void)pum_node(graph,
                   &(pum_node_params){.op = op,
                                      .inputs = inputs,
                                      .input_count = input_count,
                                      .attrs = attrs,
                                      .attr_count = attr_count},
                   &value);
    return value;
}

pum_value pum_op1(pum_graph *graph, const char *op, pum_value a)
{
    return node_of(graph, op, &a, 1, NULL, 0);
}

pum_value pum_op2(pum_graph *graph, const char *op, pum_value a, pum_value b)
{
    pum_value value = PUM_NO_VALUE;
    (void)pum_node(graph,
                   &(pum_node_params){.op = op, .inputs = (pum_value[]){a, b}, .input_count = 2},
                   &value);
    return value;
}

pum_value pum_add(pum_graph *graph, pum_value a, pum_value b)
{
    return pum_op2(graph, "Add", a, b);
}

pum_value pum_sub(pum_graph *graph, pum_value a, pum_value b)
{
    return pum_op2(graph, "Sub", a, b);
}

pum_value pum_mul(pum_graph *graph, pum_value a, pum_value b)
{
    return pum_op2(graph, "Mul", a, b);
}

pum_value pum_div(pum_graph *graph, pum_value a, pum_value b)
{
    return pum_op2(graph, "Div", a, b);
}

pum_value pum_relu(pum_graph *graph, pum_value a)
{
    return pum_op1(graph, "Relu", a);
}

pum_value pum_gelu(pum_graph *graph, pum_value a)
{
    return pum_op1(graph, "Gelu", a);
}

pum_value pum_gelu_tanh(pum_graph *graph, pum_value a)
{
    pum_attr attr = {.name = "approximate", .kind = PUM_ATTR_STRING, .s = "tanh"};
    return node_of(graph, "Gelu", &a, 1, &attr, 1);
}

pum_value pum_tanh(pum_graph *graph, pum_value a)
{
    return pum_op1(graph, "Tanh", a);
}

pum_value pum_sigmoid(pum_graph *graph, pum_value a)
{
    return pum_op1(graph, "Sigmoid", a);
}

pum_value pum_cast(pum_graph *graph, pum_value x, pum_dtype dtype)
{
    int64_t number = 1;

    while (number < ONNX_TYPE_NUMBERS && axes_onnx_dtype(number) != dtype)
        number++;
    pum_attr attr = attr_int("to", number);
    return node_of(graph, "Cast", &x, 1, &attr, 1);
}

pum_value pum_matmul(pum_graph *graph, pum_value a, pum_value b)
{
    return pum_op2(graph, "MatMul", a, b);
}

pum_value pum_linear(pum_graph *graph, pum_value x, pum_value w, pum_value b)
{
    pum_attr transposed = attr_int("transB", 1);
    return node_of(graph, "MatMul", (pum_value[]){x, w, b}, 3, &transposed, 1);
}

pum_value pum_softmax(pum_graph *graph, pum_value x, int32_t axis)
{
    pum_attr attr = attr_int("axis", axis);
    return node_of(graph, "Softmax", &x, 1, &attr, 1);
}

pum_value pum_layer_norm(pum_graph *graph, pum_value x, pum_value scale, pum_value bias,
                         float epsilon)
{
    pum_attr attrs[] = {attr_int("axis", -1), attr_float("epsilon", epsilon)};
    return node_of(graph, "LayerNormalization", (pum_value[]){x, scale, bias}, 3, attrs, 2);
}

pum_value pum_embedding(pum_graph *graph, pum_value table, pum_value ids)
{
    return pum_op2(graph, "Gather", table, ids);
}

pum_value pum_reshape(pum_graph *graph, pum_value x, int32_t rank, const int64_t *dims)
{
    return pum_op2(graph, "Reshape", x, pum_ints(graph, rank, dims));
}

pum_value pum_transpose(pum_graph *graph, pum_value x, int32_t rank, const int64_t *perm)
{
    pum_attr attr = attr_ints("perm", perm, rank);
    return node_of(graph, "Transpose", &x, 1, &attr, 1);
}

/* --- Axes ------------------------------------------------------------------------------------- */

pum_value pum_unsqueeze(pum_graph *graph, pum_value x, int32_t count, const int64_t *axes)
{
    return pum_op2(graph, "Unsqueeze", x, pum_ints(graph, count, axes));
}

pum_value pum_slice_dynamic(pum_graph *graph, pum_value x, int64_t axis, pum_value start,
                            pum_value end)
{
    pum_value inputs[] = {x, start, end, pum_ints(graph, 1, &axis)};
    return node_of(graph, "Slice", inputs, 4, NULL, 0);
}

pum_value pum_slice(pum_graph *graph, pum_value x, int64_t axis, int64_t start, int64_t end)
{
    return pum_slice_dynamic(graph, x, axis, pum_ints(graph, 1, &start), pum_ints(graph, 1, &end));
}

pum_value pum_concat(pum_graph *graph, int64_t axis, int32_t count, const pum_value *values)
{
    pum_attr attr = attr_int("axis", axis);
    pum_value value = PUM_NO_VALUE;
    (void)pum_node(graph,
                   &(pum_node_params){.op = "Concat",
                                      .inputs = values,
                                      .input_count = count,
                                      .attrs = &attr,
                                      .attr_count = 1},
                   &value);
    return value;
}

pum_value pum_gather(pum_graph *graph, pum_value x, int64_t axis, pum_value indices)
{
    pum_attr attr = attr_int("axis", axis);
    return node_of(graph, "Gather", (pum_value[]){x, indices}, 2, &attr, 1);
}

pum_value pum_shape_of(pum_graph *graph, pum_value x)
{
    return pum_op1(graph, "Shape", x);
}

pum_value pum_size_of(pum_graph *graph, pum_value x, int64_t axis)
{
    pum_attr attrs[] = {attr_int("start", axis), attr_int("end", axis + 1)};
    return node_of(graph, "Shape", &x, 1, attrs, 2);
}

pum_value pum_expand(pum_graph *graph, pum_value x, pum_value shape)
{
    return pum_op2(graph, "Expand", x, shape);
}

pum_value pum_reduce_sum(pum_graph *graph, pum_value x, int64_t axis, bool keep)
{
    pum_attr attr = attr_int("keepdims", keep);
    return node_of(graph, "ReduceSum", (pum_value[]){x, pum_ints(graph, 1, &axis)}, 2, &attr, 1);
}

pum_value pum_normalize(pum_graph *graph, pum_value x, int64_t axis)
{
    pum_attr keep = attr_int("keepdims", 1);
    pum_value axes[] = {x, pum_ints(graph, 1, &axis)};
    pum_value length = node_of(graph, "ReduceL2", axes, 2, &keep, 1);
    return pum_div(graph, x, pum_op2(graph, "Max", length, pum_scalar_f32(graph, 1e-12f)));
}

/* --- Attention -------------------------------------------------------------------------------- */

static const int64_t swap_heads[] = {0, 2, 1, 3};

/* [batch, len, heads*dim] -> [batch, heads, len, dim]; dims may be symbols, hence 0 and -1. */
static pum_value split_heads(pum_graph *graph, pum_value x, int32_t heads)
{
    pum_value parts = pum_reshape(graph, x, 4, (int64_t[]){0, 0, heads, -1});
    return pum_transpose(graph, parts, 4, swap_heads);
}

pum_value pum_attention(pum_graph *graph, const pum_attention_params *params)
{
    pum_attr attrs[2];
    int32_t attr_count = 0;

    if (!graph_building(graph))
        return PUM_NO_VALUE;
    if (params == NULL) {
        graph_stick(graph, pum_fail(PUM_E_ARGUMENT, "pum_attention: params is NULL"));
        return PUM_NO_VALUE;
    }
    int32_t kv_heads = params->kv_heads == 0 ? params->heads : params->kv_heads;
    if (params->heads < 1 || kv_heads < 1 || params->heads % kv_heads != 0) {
        graph_stick(graph, pum_fail(PUM_E_ARGUMENT, "pum_attention: %d heads over %d kv_heads; the "
                                    "first must be a positive multiple of the second",
                                    params->heads, kv_heads));
        return PUM_NO_VALUE;
    }
    pum_value inputs[] = {
        split_heads(graph, params->q, params->heads),
        params->heads_apart ? params->k : split_heads(graph, params->k, kv_heads),
        params->heads_apart ? params->v : split_heads(graph, params->v, kv_heads),
        params->mask,
    };
    if (params->scale != 0)
        attrs[attr_count++] = attr_float("scale", params->scale);
    if (params->causal)
        attrs[attr_count++] = attr_int("causal", 1);
    pum_value mixed = node_of(graph, "Attention", inputs, 4, attrs, attr_count);
    pum_value back = pum_transpose(graph, mixed, 4, swap_heads);
    return pum_reshape(graph, back, 3, (int64_t[]){0, 0, -1});
}

/* --- Convolution and pooling ------------------------------------------------------------------ */

pum_value pum_conv(pum_graph *graph, const pum_conv_params *params)
{
    int64_t strides[3], dilations[3], pads[6];
    pum_port_info weight;

    if (!graph_building(graph))
        return PUM_NO_VALUE;
    if (params == NULL || pum_graph_get_value(graph, params->w, &weight) != PUM_OK ||
        weight.rank < 3 || weight.rank > 5) {
        graph_stick(graph, pum_fail(PUM_E_ARGUMENT, "pum_conv: the weight's rank must be known and "
                                    "3, 4 or 5"));
        return PUM_NO_VALUE;
    }
    int32_t axes = weight.rank - 2;
    for (int32_t i = 0; i < axes; i++) {
        strides[i] = params->stride[i] == 0 ? 1 : params->stride[i];
        dilations[i] = params->dilation[i] == 0 ? 1 : params->dilation[i];
        pads[i] = pads[axes + i] = params->pad[i];
    }
    pum_attr attrs[] = {
        attr_ints("strides", strides, axes),
        attr_ints("dilations", dilations, axes),
        attr_ints("pads", pads, 2 * axes),
        attr_int("group", params->groups == 0 ? 1 : params->groups),
    };
    return node_of(graph, "Conv", (pum_value[]){params->x, params->w, params->b}, 3, attrs, 4);
}

pum_value pum_max_pool(pum_graph *graph, pum_value x, int32_t kernel, int32_t stride, int32_t pad)
{
    int64_t kernels[] = {kernel, kernel}, strides[] = {stride, stride};
    int64_t pads[] = {pad, pad, pad, pad};
    pum_attr attrs[] = {
        attr_ints("kernel_shape", kernels, 2),
        attr_ints("strides", strides, 2),
        attr_ints("pads", pads, 4),
    };
    return node_of(graph, "MaxPool", &x, 1, attrs, 3);
}
