/* SPDX-License-Identifier: MIT
 *
 * arch_vit.c - ViT (Dosovitskiy et al., 2020): ViTModel with its pooler, if it has one, and
 * ViTForImageClassification. Pictures have the configuration's size. Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

static const struct arch_layer_names names = {
    .layers = "encoder.layer.",
    .query = "attention.attention.query",
    .key = "attention.attention.key",
    .value = "attention.attention.value",
    .out = "attention.output.dense",
    .norm_attention = "layernorm_before",
    .up = "intermediate.dense",
    .down = "output.dense",
    .norm_mlp = "layernorm_after",
};

static pum_value embed(struct arch_builder *b, const struct arch_patches *patches, int32_t width)
{
    pum_value first = arch_weight(b, "embeddings.", "cls_token", 3, (int64_t[]){1, 1, width});
    pum_value x = arch_embed_patches(b, patches, "embeddings.patch_embeddings.projection", first,
                                     width, "batch");
    int64_t dims[] = {1, patches->count + 1, width};
    return pum_add(b->graph, x, arch_weight(b, "embeddings.", "position_embeddings", 3, dims));
}

pum_status arch_build_vit(struct arch_builder *b)
{
    struct arch_encoder encoder = {.names = &names, .norm_first = true};
    struct arch_patches patches;
    pum_status status = arch_read_sizes(b->config, &arch_bert_fields, &encoder.sizes, b->fault);
    if (status == PUM_OK)
        status = arch_read_patches(b->config, 16, &patches, b->fault);
    if (status != PUM_OK)
        return status;
    const struct arch_sizes *sizes = &encoder.sizes;
    b->model->width = sizes->width;
    arch_find_prefix(b, "vit.", "embeddings.cls_token");
    pum_value x = arch_encode(b, &encoder, embed(b, &patches, sizes->width), PUM_NO_VALUE);
    x = arch_norm(b, "", "layernorm", x, sizes->width, sizes->epsilon);
    if (arch_is_class(b, "ViTForImageClassification")) {
        b->prefix = "";
        arch_output(b, "logits",
                    arch_linear(b, "", "classifier", arch_first_token(b, x), sizes->width, -1));
        return PUM_OK;
    }
    arch_output(b, "last_hidden_state", x);
    if (arch_has_weight(b, "pooler.", "dense.weight"))
        arch_output(b, "pooler_output",
                    pum_tanh(b->graph, arch_linear(b, "pooler.", "dense", arch_first_token(b, x),
                                                   sizes->width, -1)));
    return PUM_OK;
}
