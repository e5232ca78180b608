/* SPDX-License-Identifier: MIT
 *
 * onnx_upgrade_ms.c - fused operators of ONNX Runtime's own domain, com.microsoft, as the operators
 * that they were fused from: planning fuses them again, for its own kernels. (Attention and rotary
 * embedding: onnx_upgrade_attention.c; gated activations: onnx_upgrade_more.c.)
 * Tests: tests/onnx/test_onnx_microsoft.c.
 */
#include "onnx_steps.h"

#include <string.h>

/* --- Norms ------------------------------------------------------------------------------------ */

static pum_status bind_norm(struct onnx_node *node, const char *op, pum_value x, pum_value scale,
                            pum_value bias, float epsilon)
{
    pum_attr attr = {.name = "epsilon", .kind = PUM_ATTR_FLOAT, .f = epsilon};
    pum_value inputs[3] = {x, scale, bias};

    return onnx_bind(node, 0, onnx_step(node, op, inputs, bias == PUM_NO_VALUE ? 2 : 3, &attr, 1));
}

/* norm(input + skip + bias); output 3 is the sum. */
static pum_status skip_norm(struct onnx_node *node, const char *op, bool has_beta)
{
    float epsilon = onnx_take_float(node, "epsilon", has_beta ? 1e-12f : 1e-5f);
    pum_value sum = steps_2(node, "Add", onnx_input(node, 0), onnx_input(node, 1));
    pum_value bias = onnx_input(node, has_beta ? 4 : 3);

    if (steps_wants(node, 1) || steps_wants(node, 2))
        return onnx_refuse(node, "mean and deviation as outputs are not supported");
    if (bias != PUM_NO_VALUE)
        sum = steps_2(node, "Add", sum, bias);
    ONNX_TRY(onnx_bind(node, 3, sum));
    return bind_norm(node, op, sum, onnx_input(node, 2),
                     has_beta ? onnx_input(node, 3) : PUM_NO_VALUE, epsilon);
}

pum_status onnx_up_skip_layer_norm(struct onnx_node *node)
{
    return skip_norm(node, "LayerNormalization", true);
}

pum_status onnx_up_skip_rms_norm(struct onnx_node *node)
{
    return skip_norm(node, "RMSNormalization", false);
}

/* SimplifiedLayerNormalization: without mean and bias. */
pum_status onnx_up_rms_norm(struct onnx_node *node)
{
    if (onnx_take_int(node, "stash_type", 1) != 1)
        return onnx_refuse(node, "a stash_type other than float is not supported");
    if (steps_wants(node, 1))
        return onnx_refuse(node, "the deviation as an output is not supported");
    node->output_count = 1;
    return onnx_emit(node, "RMSNormalization");
}

/* Words + positions + segments, normalised. Output 1 counts each row's mask. */
pum_status onnx_up_embed_layer_norm(struct onnx_node *node)
{
    pum_value ids = onnx_input(node, 0), mask = onnx_input(node, 7), places = onnx_input(node, 8);
    float epsilon = onnx_take_float(node, "epsilon", 1e-12f);

    (void)onnx_take_int(node, "mask_index_type", 0);
    if (places == PUM_NO_VALUE)
        places = steps_range(node, steps_size(node, ids, 1));
    pum_value sum = steps_2(node, "Add", steps_gather(node, onnx_input(node, 2), ids, 0),
                            steps_gather(node, onnx_input(node, 3), places, 0));
    if (onnx_input(node, 1) != PUM_NO_VALUE && onnx_input(node, 4) != PUM_NO_VALUE)
        sum = steps_2(node, "Add", sum,
                      steps_gather(node, onnx_input(node, 4), onnx_input(node, 1), 0));
    ONNX_TRY(onnx_bind(node, 2, sum));
    if (steps_wants(node, 1)) {
        pum_attr keep = {.name = "keepdims", .kind = PUM_ATTR_INT, .i = 0};
        pum_value ones = mask != PUM_NO_VALUE ? mask : steps_2(node, "Sub", ids, ids);
        pum_value inputs[2] = {steps_cast(node, ones, PUM_DTYPE_I32),
                               steps_ints(node, 1, (int64_t[]){1})};
        ONNX_TRY(onnx_bind(node, 1, onnx_step(node, "ReduceSum", inputs, 2, &keep, 1)));
    }
    return bind_norm(node, "LayerNormalization", sum, onnx_input(node, 5), onnx_input(node, 6),
                     epsilon);
}

/* --- Products --------------------------------------------------------------------------------- */

/* The first axis behind the batch axes: [m, batch..., k] to [batch..., m, k]. */
static bool batch_first(struct onnx_node *node, int32_t index, const char *attr)
{
    int32_t rank = onnx_value_rank(node, onnx_input(node, index));
    int64_t perm[PUM_MAX_RANK];

    if (onnx_take_int(node, attr, 0) == 0)
        return true;
    if (rank < 2)
        return false;
    for (int32_t i = 0; i < rank - 2; i++)
        perm[i] = i + 1;
    perm[rank - 2] = 0;
    perm[rank - 1] = rank - 1;
    if (rank > 2)
        node->inputs[index] = steps_transpose(node, node->inputs[index], rank, perm);
    return true;
}

/* alpha * (A B), each with its last two axes swapped first where trans says so. */
pum_status onnx_up_fused_matmul(struct onnx_node *node)
{
    float alpha = onnx_take_float(node, "alpha", 1.0f);

    if (node->input_count != 2)
        return onnx_fail(node->reader, PUM_E_FORMAT,
                         "node '%.200s' (FusedMatMul) has %d inputs; "
                         "it takes 2",
                         node->name, node->input_count);
    if (!batch_first(node, 0, "transBatchA") || !batch_first(node, 1, "transBatchB"))
        return onnx_refuse(node, "transBatch of an input whose number of axes is not known");
    if (alpha == 1.0f)
        return onnx_emit(node, "MatMul");
    pum_value product = onnx_step(node, "MatMul", node->inputs, 2, node->attrs, node->attr_count);
    return onnx_bind(node, 0, steps_scale(node, product, alpha));
}

/* Weights of a few bits; a bias is added behind. */
pum_status onnx_up_matmul_nbits(struct onnx_node *node)
{
    pum_value bias = onnx_input(node, 5);
    int32_t count = onnx_input(node, 3) != PUM_NO_VALUE ? 4 : 3;

    (void)onnx_take_int(node, "accuracy_level", 0);
    if (onnx_take_int(node, "weight_prepacked", 0) != 0)
        return onnx_refuse(node, "weights packed for another runtime are not supported");
    if (onnx_input(node, 4) != PUM_NO_VALUE)
        return onnx_refuse(node, "g_idx is not supported");
    pum_value y = onnx_step(node, "MatMulNBits", node->inputs,
                            count < node->input_count ? count : node->input_count, node->attrs,
                            node->attr_count);
    return onnx_bind(node, 0, bias != PUM_NO_VALUE ? steps_2(node, "Add", y, bias) : y);
}

/* x W + bias, then GELU by tanh. */
pum_status onnx_up_gemm_fast_gelu(struct onnx_node *node)
{
    pum_attr tanh = {.name = "approximate", .kind = PUM_ATTR_STRING, .s = "tanh"};
    pum_value y = steps_2(node, "MatMul", onnx_input(node, 0), onnx_input(node, 1));

    if (onnx_input(node, 2) != PUM_NO_VALUE)
        y = steps_2(node, "Add", y, onnx_input(node, 2));
    return onnx_bind(node, 0, onnx_step(node, "Gelu", &y, 1, &tanh, 1));
}

/* --- Convolution and Gemm with an activation -------------------------------------------------- */

/* The operator `name` with up to two parameters, in the order that ONNX Runtime stores them. */
static pum_value activate(struct onnx_node *node, pum_value x, const char *name,
                          const float *parameters, int32_t count)
{
    static const struct {
        const char *op, *names[2];
    } known[] = {{"Relu", {NULL, NULL}},
                 {"Tanh", {NULL, NULL}},
                 {"Sigmoid", {NULL, NULL}},
                 {"LeakyRelu", {"alpha", NULL}},
                 {"HardSigmoid", {"alpha", "beta"}},
                 {"Elu", {"alpha", NULL}},
                 {"Softplus", {NULL, NULL}},
                 {"Softsign", {NULL, NULL}},
                 {"ThresholdedRelu", {"alpha", NULL}},
                 {"HardSwish", {NULL, NULL}},
                 {"Selu", {"alpha", "gamma"}}};
    pum_attr attrs[2];
    int32_t attr_count = 0;

    if (strcmp(name, "Clip") == 0 && count == 2) {
        pum_value limits[3] = {x, onnx_scalar_like(node, parameters[0], x),
                               onnx_scalar_like(node, parameters[1], x)};
        return onnx_step(node, "Clip", limits, 3, NULL, 0);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].op, name) != 0)
            continue;
        for (int32_t k = 0; k < 2 && k < count && known[i].names[k] != NULL; k++)
            attrs[attr_count++] =
                (pum_attr){.name = known[i].names[k], .kind = PUM_ATTR_FLOAT, .f = parameters[k]};
        return onnx_step(node, name, &x, 1, attrs, attr_count);
    }
    (void)onnx_refuse(node, "the activation is not supported");
    return PUM_NO_VALUE;
}

/* Conv, plus input 3 if there is one, then the activation. */
pum_status onnx_up_fused_conv(struct onnx_node *node)
{
    pum_attr name = {.s = ""}, parameters = {.count = 0};
    pum_value added = onnx_input(node, 3);
    bool activates = onnx_take(node, "activation", &name);

    (void)onnx_take(node, "activation_params", &parameters);
    pum_value y =
        onnx_step(node, "Conv", node->inputs, node->input_count < 3 ? node->input_count : 3,
                  node->attrs, node->attr_count);
    if (added != PUM_NO_VALUE)
        y = steps_2(node, "Add", y, added);
    if (activates && name.s[0] != '\0')
        y = activate(node, y, name.s, parameters.floats, parameters.count);
    return onnx_bind(node, 0, y);
}

pum_status onnx_up_fused_gemm(struct onnx_node *node)
{
    pum_attr name = {.s = ""};
    float parameters[2] = {0, 0};
    int32_t count = 0;
    pum_attr parameter;
    bool activates = onnx_take(node, "activation", &name);

    if (onnx_take(node, "activation_alpha", &parameter))
        parameters[count++] = parameter.f;
    if (onnx_take(node, "activation_beta", &parameter))
        parameters[count++] = parameter.f;
    if (onnx_take(node, "activation_gamma", &parameter) && count < 2)
        parameters[count++] = parameter.f;
    pum_value y =
        onnx_step(node, "Gemm", node->inputs, node->input_count, node->attrs, node->attr_count);
    if (activates && name.s[0] != '\0')
        y = activate(node, y, name.s, parameters, count);
    return onnx_bind(node, 0, y);
}

/* --- Sums ------------------------------------------------------------------------------------- */

/* x + bias in two halves of the last axis: the first times GELU of the second. */
pum_status onnx_up_bias_split_gelu(struct onnx_node *node)
{
    pum_value halves[2];
    pum_value sum = steps_2(node, "Add", onnx_input(node, 0), onnx_input(node, 1));

    steps_split(node, sum, -1, 2, NULL, halves);
    return onnx_bind(node, 0, steps_2(node, "Mul", halves[0], steps_1(node, "Gelu", halves[1])));
}

/* x + bias + skip */
pum_status onnx_up_bias_add(struct onnx_node *node)
{
    pum_value sum = steps_2(node, "Add", onnx_input(node, 0), onnx_input(node, 1));

    return onnx_bind(node, 0, steps_2(node, "Add", sum, onnx_input(node, 2)));
}
