/* SPDX-License-Identifier: MIT
 *
 * arch_blocks.c - the pieces that transformers are made of. Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

#include <float.h>
#include <stdio.h>

#define LEAST_F16 (-65504.0f) /* of float16; infinity would make rows of padding NaN */

const struct arch_layer_names arch_bert_names = {
    .layers = "encoder.layer.",
    .query = "attention.self.query",
    .key = "attention.self.key",
    .value = "attention.self.value",
    .out = "attention.output.dense",
    .norm_attention = "attention.output.LayerNorm",
    .up = "intermediate.dense",
    .down = "output.dense",
    .norm_mlp = "output.LayerNorm",
};

pum_value arch_scalar(struct arch_builder *b, float value)
{
    pum_value scalar = pum_scalar_f32(b->graph, value);
    return b->dtype == PUM_DTYPE_F32 ? scalar : pum_cast(b->graph, scalar, b->dtype);
}

/* --- Layers ----------------------------------------------------------------------------------- */

pum_value arch_activate(struct arch_builder *b, enum arch_activation activation, pum_value x)
{
    pum_graph *g = b->graph;
    switch (activation) {
    case ARCH_GELU:
        return pum_gelu(g, x);
    case ARCH_GELU_TANH:
        return pum_gelu_tanh(g, x);
    case ARCH_QUICK_GELU:
        return pum_mul(g, x, pum_sigmoid(g, pum_mul(g, x, arch_scalar(b, 1.702f))));
    case ARCH_RELU:
        return pum_relu(g, x);
    case ARCH_SILU:
        return pum_mul(g, x, pum_sigmoid(g, x));
    case ARCH_TANH:
        return pum_tanh(g, x);
    }
    return PUM_NO_VALUE;
}

static pum_value attend(struct arch_builder *b, const struct arch_encoder *encoder, const char *at,
                        pum_value x, pum_value mask)
{
    const struct arch_layer_names *names = encoder->names;
    int64_t width = encoder->sizes.width;
    pum_attention_params params = {
        .q = arch_linear(b, at, names->query, x, width, width),
        .k = arch_linear(b, at, names->key, x, width, width),
        .v = arch_linear(b, at, names->value, x, width, width),
        .mask = mask,
        .heads = encoder->sizes.heads,
        .causal = encoder->causal,
    };
    return arch_linear(b, at, names->out, pum_attention(b->graph, &params), width, width);
}

static pum_value layer(struct arch_builder *b, const struct arch_encoder *encoder, int32_t number,
                       pum_value x, pum_value mask)
{
    const struct arch_layer_names *names = encoder->names;
    const struct arch_sizes *sizes = &encoder->sizes;
    char at[ARCH_NAME_BYTES];
    snprintf(at, sizeof(at), "%s%d.", names->layers, number);
    pum_value y = x;
    if (encoder->norm_first)
        y = arch_norm(b, at, names->norm_attention, y, sizes->width, sizes->epsilon);
    x = pum_add(b->graph, attend(b, encoder, at, y, mask), x);
    if (!encoder->norm_first)
        x = arch_norm(b, at, names->norm_attention, x, sizes->width, sizes->epsilon);
    y = x;
    if (encoder->norm_first)
        y = arch_norm(b, at, names->norm_mlp, y, sizes->width, sizes->epsilon);
    y = arch_activate(b, sizes->activation,
                      arch_linear(b, at, names->up, y, sizes->width, sizes->inner));
    x = pum_add(b->graph, arch_linear(b, at, names->down, y, sizes->inner, sizes->width), x);
    return encoder->norm_first ? x
                               : arch_norm(b, at, names->norm_mlp, x, sizes->width, sizes->epsilon);
}

pum_value arch_encode(struct arch_builder *b, const struct arch_encoder *encoder, pum_value x,
                      pum_value mask)
{
    /* A hostile configuration must not keep us here when its first layer is missing already. */
    for (int32_t i = 0; i < encoder->sizes.layers && pum_graph_status(b->graph) == PUM_OK; i++)
        x = layer(b, encoder, i, x, mask);
    return x;
}

/* --- Text ------------------------------------------------------------------------------------- */

pum_value arch_text_input(struct arch_builder *b, const char *name, const char *batch,
                          const char *length)
{
    int64_t dims[] = {PUM_DIM(b->graph, batch), PUM_DIM(b->graph, length)};
    return pum_input(b->graph, name, PUM_DTYPE_I64, 2, dims);
}

pum_value arch_padding_mask(struct arch_builder *b, pum_value mask)
{
    pum_graph *g = b->graph;
    float least = b->dtype == PUM_DTYPE_F16 ? LEAST_F16 : -FLT_MAX;
    pum_value tokens = pum_unsqueeze(g, pum_cast(g, mask, b->dtype), 2, (int64_t[]){1, 2});
    return pum_mul(g, pum_sub(g, arch_scalar(b, 1), tokens), arch_scalar(b, least));
}

pum_value arch_first_rows(struct arch_builder *b, pum_value table, pum_value ids)
{
    return pum_slice_dynamic(b->graph, table, 0, pum_ints(b->graph, 1, (int64_t[]){0}),
                             pum_size_of(b->graph, ids, 1));
}

pum_value arch_first_token(struct arch_builder *b, pum_value x)
{
    return pum_gather(b->graph, x, 1, pum_scalar_i64(b->graph, 0));
}

/* --- Pictures --------------------------------------------------------------------------------- */

pum_value arch_embed_patches(struct arch_builder *b, const struct arch_patches *patches,
                             const char *projection, pum_value first, int32_t width,
                             const char *batch)
{
    pum_graph *g = b->graph;
    char weight[ARCH_NAME_BYTES], bias[ARCH_NAME_BYTES];
    int64_t dims[] = {PUM_DIM(g, batch), patches->channels, patches->height, patches->width};
    int64_t kernel[] = {width, patches->channels, patches->patch, patches->patch};
    snprintf(weight, sizeof(weight), "%s.weight", projection);
    snprintf(bias, sizeof(bias), "%s.bias", projection);
    pum_value pixels = pum_input(g, "pixel_values", PUM_DTYPE_F32, 4, dims);
    pum_value x = pum_conv(
        g, &(pum_conv_params){
               .x = b->dtype == PUM_DTYPE_F32 ? pixels : pum_cast(g, pixels, b->dtype),
               .w = arch_weight(b, "", weight, 4, kernel),
               .b = arch_has_weight(b, "", bias) ? arch_weight(b, "", bias, 1, (int64_t[]){width})
                                                 : PUM_NO_VALUE,
               .stride = {patches->patch, patches->patch}});
    x = pum_transpose(g, pum_reshape(g, x, 3, (int64_t[]){0, width, patches->count}), 3,
                      (int64_t[]){0, 2, 1});
    pum_value shape = pum_concat(
        g, 0, 2, (pum_value[]){pum_size_of(g, pixels, 0), pum_ints(g, 2, (int64_t[]){1, width})});
    pum_value rows = pum_expand(g, pum_reshape(g, first, 3, (int64_t[]){1, 1, width}), shape);
    b->model->image_height = patches->height;
    b->model->image_width = patches->width;
    return pum_concat(g, 1, 2, (pum_value[]){rows, x});
}

/* --- Outputs ---------------------------------------------------------------------------------- */

static pum_value as_float(struct arch_builder *b, pum_value value)
{
    return b->dtype == PUM_DTYPE_F32 ? value : pum_cast(b->graph, value, PUM_DTYPE_F32);
}

void arch_output(struct arch_builder *b, const char *name, pum_value value)
{
    pum_output(b->graph, name, as_float(b, value));
}

void arch_output_hidden(struct arch_builder *b, pum_value hidden, pum_value mask)
{
    hidden = as_float(b, hidden);
    pum_output(b->graph, "last_hidden_state", hidden);
    if (b->params->pooling.kind != ARCH_POOL_NONE)
        pum_output(b->graph, "sentence_embedding",
                   arch_pool(b->graph, b->params->pooling, hidden, mask));
}
