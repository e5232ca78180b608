/* SPDX-License-Identifier: MIT
 *
 * arch_distilbert.c - DistilBERT (Sanh et al., 2019): BERT with half the layers, without token
 * types and pooler. DistilBertModel and DistilBertForSequenceClassification.
 * Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

static const struct arch_size_fields fields = {
    .width = "dim",
    .inner = "hidden_dim",
    .layers = "n_layers",
    .heads = "n_heads",
    .activation = "activation",
    .default_epsilon = 1e-12f,
    .default_activation = "gelu",
};

static const struct arch_layer_names names = {
    .layers = "transformer.layer.",
    .query = "attention.q_lin",
    .key = "attention.k_lin",
    .value = "attention.v_lin",
    .out = "attention.out_lin",
    .norm_attention = "sa_layer_norm",
    .up = "ffn.lin1",
    .down = "ffn.lin2",
    .norm_mlp = "output_layer_norm",
};

static pum_value embed(struct arch_builder *b, const struct arch_sizes *sizes, pum_value ids)
{
    int64_t rows, positions;
    pum_value words = arch_table(b, "embeddings.", "word_embeddings", sizes->width, &rows);
    pum_value table = arch_table(b, "embeddings.", "position_embeddings", sizes->width, &positions);
    b->model->max_length = (int32_t)positions;
    b->model->vocabulary = (int32_t)rows;
    pum_value sum =
        pum_add(b->graph, pum_embedding(b->graph, words, ids), arch_first_rows(b, table, ids));
    return arch_norm(b, "embeddings.", "LayerNorm", sum, sizes->width, sizes->epsilon);
}

pum_status arch_build_distilbert(struct arch_builder *b)
{
    struct arch_encoder encoder = {.names = &names};
    pum_status status = arch_read_sizes(b->config, &fields, &encoder.sizes, b->fault);
    if (status != PUM_OK)
        return status;
    int32_t width = b->model->width = encoder.sizes.width;
    arch_find_prefix(b, "distilbert.", "embeddings.word_embeddings.weight");
    pum_value ids = arch_text_input(b, "input_ids", "batch", "length");
    pum_value mask = arch_text_input(b, "attention_mask", "batch", "length");
    pum_value x =
        arch_encode(b, &encoder, embed(b, &encoder.sizes, ids), arch_padding_mask(b, mask));
    if (!arch_is_class(b, "DistilBertForSequenceClassification")) {
        arch_output_hidden(b, x, mask);
        return PUM_OK;
    }
    b->prefix = "";
    x = arch_linear(b, "", "pre_classifier", arch_first_token(b, x), width, width);
    arch_output(b, "logits", arch_linear(b, "", "classifier", pum_relu(b->graph, x), width, -1));
    return PUM_OK;
}
