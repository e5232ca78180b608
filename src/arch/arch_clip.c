/* SPDX-License-Identifier: MIT
 *
 * arch_clip.c - CLIP (Radford et al., 2021): a causal text tower that is read at its end token, a
 * ViT, a projection behind each, and logit_scale. Either tower alone, or both with the similarities
 * between all texts and all pictures. Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

static const struct arch_layer_names text_names = {
    .layers = "text_model.encoder.layers.",
    .query = "self_attn.q_proj",
    .key = "self_attn.k_proj",
    .value = "self_attn.v_proj",
    .out = "self_attn.out_proj",
    .norm_attention = "layer_norm1",
    .up = "mlp.fc1",
    .down = "mlp.fc2",
    .norm_mlp = "layer_norm2",
};

/* The nested configurations leave out what equals these. */
static const struct arch_size_fields text_fields = {
    .width = "hidden_size",
    .inner = "intermediate_size",
    .layers = "num_hidden_layers",
    .heads = "num_attention_heads",
    .epsilon = "layer_norm_eps",
    .activation = "hidden_act",
    .default_width = 512,
    .default_inner = 2048,
    .default_layers = 12,
    .default_heads = 8,
    .default_epsilon = 1e-5f,
    .default_activation = "quick_gelu",
};

/* Files of before the end token was written down: it is the highest id there. */
#define OLD_END_TOKEN 2

static pum_value node_on_axis(pum_graph *g, const char *op, const pum_value *inputs, int32_t count,
                              const char *attr, int64_t value)
{
    pum_attr attrs = {.name = attr, .kind = PUM_ATTR_INT, .i = value};
    pum_value out = PUM_NO_VALUE;
    (void)pum_node(
        g,
        &(pum_node_params){
            .op = op, .inputs = inputs, .input_count = count, .attrs = &attrs, .attr_count = 1},
        &out);
    return out;
}

/* x [batch, length, width] at the first end token of each row -> [batch, width] */
static pum_value at_end_token(struct arch_builder *b, pum_value x, pum_value ids, int64_t end)
{
    pum_graph *g = b->graph;
    if (end != OLD_END_TOKEN)
        ids = pum_cast(g, pum_op2(g, "Equal", ids, pum_scalar_i64(g, end)), PUM_DTYPE_I32);
    pum_value place = node_on_axis(g, "ArgMax", &ids, 1, "axis", 1); /* [batch, 1] */
    return node_on_axis(g, "GatherND", (pum_value[]){x, place}, 2, "batch_dims", 1);
}

struct tower {
    pum_value hidden, pooled, embedding; /* the embedding is not normalised */
};

static pum_status build_text(struct arch_builder *b, const struct hf_json *config,
                             const char *batch, struct tower *out_tower)
{
    struct arch_encoder encoder = {.names = &text_names, .norm_first = true, .causal = true};
    pum_graph *g = b->graph;
    int64_t end, rows, positions;
    pum_status status = arch_read_sizes(config, &text_fields, &encoder.sizes, b->fault);
    if (status == PUM_OK)
        status = hf_json_int_or(config, "eos_token_id", 0, INT32_MAX, 49407, &end, b->fault);
    if (status != PUM_OK)
        return status;
    const struct arch_sizes *sizes = &encoder.sizes;
    const char *at = "text_model.embeddings.";
    pum_value ids = arch_text_input(b, "input_ids", batch, "length");
    pum_value mask = arch_text_input(b, "attention_mask", batch, "length");
    pum_value words = arch_table(b, at, "token_embedding", sizes->width, &rows);
    pum_value table = arch_table(b, at, "position_embedding", sizes->width, &positions);
    b->model->max_length = (int32_t)positions;
    b->model->vocabulary = (int32_t)rows;
    b->model->width = sizes->width;
    pum_value x = pum_add(g, pum_embedding(g, words, ids), arch_first_rows(b, table, ids));
    x = arch_encode(b, &encoder, x, arch_padding_mask(b, mask));
    x = arch_norm(b, "text_model.", "final_layer_norm", x, sizes->width, sizes->epsilon);
    out_tower->hidden = x;
    out_tower->pooled = at_end_token(b, x, ids, end);
    out_tower->embedding =
        arch_linear(b, "", "text_projection", out_tower->pooled, sizes->width, -1);
    return PUM_OK;
}

static pum_status build_vision(struct arch_builder *b, const struct hf_json *config,
                               const char *batch, struct tower *out_tower)
{
    struct arch_layer_names names = text_names;
    struct arch_size_fields fields = text_fields;
    struct arch_patches patches;
    names.layers = "vision_model.encoder.layers.";
    fields.default_width = 768;
    fields.default_inner = 3072;
    fields.default_heads = 12;
    struct arch_encoder encoder = {.names = &names, .norm_first = true};
    pum_status status = arch_read_sizes(config, &fields, &encoder.sizes, b->fault);
    if (status == PUM_OK)
        status = arch_read_patches(config, 32, &patches, b->fault);
    if (status != PUM_OK)
        return status;
    int32_t width = encoder.sizes.width;
    float epsilon = encoder.sizes.epsilon;
    const char *at = "vision_model.embeddings.";
    int64_t rows = patches.count + 1;
    pum_value first = arch_weight(b, at, "class_embedding", 1, (int64_t[]){width});
    pum_value x = arch_embed_patches(b, &patches, "vision_model.embeddings.patch_embedding", first,
                                     width, batch);
    x = pum_add(b->graph, x,
                arch_weight(b, at, "position_embedding.weight", 2, (int64_t[]){rows, width}));
    x = arch_norm(b, "vision_model.", "pre_layrnorm", x, width, epsilon); /* its real name */
    out_tower->hidden = arch_encode(b, &encoder, x, PUM_NO_VALUE);
    out_tower->pooled = arch_norm(b, "vision_model.", "post_layernorm",
                                  arch_first_token(b, out_tower->hidden), width, epsilon);
    out_tower->embedding = arch_linear(b, "", "visual_projection", out_tower->pooled, width, -1);
    if (b->model->width == 0)
        b->model->width = width;
    return PUM_OK;
}

static void output_tower(struct arch_builder *b, const struct tower *tower, const char *embedding)
{
    arch_output(b, "last_hidden_state", tower->hidden);
    arch_output(b, "pooler_output", tower->pooled);
    arch_output(b, embedding, tower->embedding);
}

/* Similarities are computed in float32: they are scaled by about 100. */
static void output_both(struct arch_builder *b, const struct tower *text,
                        const struct tower *vision)
{
    pum_graph *g = b->graph;
    pum_value scale = pum_cast(g, arch_weight(b, "", "logit_scale", 0, NULL), PUM_DTYPE_F32);
    pum_value texts = pum_normalize(g, pum_cast(g, text->embedding, PUM_DTYPE_F32), -1);
    pum_value images = pum_normalize(g, pum_cast(g, vision->embedding, PUM_DTYPE_F32), -1);
    pum_value per_text =
        pum_mul(g, pum_linear(g, texts, images, PUM_NO_VALUE), pum_op1(g, "Exp", scale));
    pum_output(g, "logits_per_image", pum_transpose(g, per_text, 2, (int64_t[]){1, 0}));
    pum_output(g, "logits_per_text", per_text);
    pum_output(g, "text_embeds", texts);
    pum_output(g, "image_embeds", images);
}

pum_status arch_build_clip(struct arch_builder *b)
{
    struct tower text = {0}, vision = {0};
    struct hf_json text_config = {0}, vision_config = {0};
    enum arch_part part = b->params->part;
    if (part == ARCH_BASE)
        return fault_set(b->fault, PUM_E_ARGUMENT, "%.500s: CLIP is two models: say which one",
                         b->config->place);
    pum_status status =
        hf_json_child(b->config, "text_config", part != ARCH_VISION, &text_config, b->fault);
    if (status == PUM_OK)
        status =
            hf_json_child(b->config, "vision_config", part != ARCH_TEXT, &vision_config, b->fault);
    if (status == PUM_OK && part != ARCH_VISION)
        status = build_text(b, &text_config, part == ARCH_TEXT ? "batch" : "texts", &text);
    if (status == PUM_OK && part != ARCH_TEXT)
        status = build_vision(b, &vision_config, part == ARCH_VISION ? "batch" : "images", &vision);
    hf_json_free(&text_config);
    hf_json_free(&vision_config);
    if (status != PUM_OK)
        return status;
    if (part == ARCH_TEXT)
        output_tower(b, &text, "text_embeds");
    else if (part == ARCH_VISION)
        output_tower(b, &vision, "image_embeds");
    else
        output_both(b, &text, &vision);
    return PUM_OK;
}
