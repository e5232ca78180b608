/* SPDX-License-Identifier: MIT
 *
 * arch_bert.c - BERT (Devlin et al., 2018): BertModel with its pooler, and
 * BertForSequenceClassification. Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

static pum_value embed(struct arch_builder *b, const struct arch_sizes *sizes, pum_value ids,
                       pum_value types)
{
    pum_graph *g = b->graph;
    int64_t rows, positions, kind_count;
    pum_value words = arch_table(b, "embeddings.", "word_embeddings", sizes->width, &rows);
    pum_value kinds =
        arch_table(b, "embeddings.", "token_type_embeddings", sizes->width, &kind_count);
    pum_value table = arch_table(b, "embeddings.", "position_embeddings", sizes->width, &positions);
    b->model->max_length = (int32_t)positions;
    b->model->vocabulary = (int32_t)rows;
    pum_value sum = pum_add(g, pum_embedding(g, words, ids), pum_embedding(g, kinds, types));
    sum = pum_add(g, sum, arch_first_rows(b, table, ids));
    return arch_norm(b, "embeddings.", "LayerNorm", sum, sizes->width, sizes->epsilon);
}

pum_status arch_build_bert(struct arch_builder *b)
{
    struct arch_encoder encoder = {.names = &arch_bert_names};
    pum_status status = arch_read_sizes(b->config, &arch_bert_fields, &encoder.sizes, b->fault);
    if (status != PUM_OK)
        return status;
    int32_t width = b->model->width = encoder.sizes.width;
    arch_find_prefix(b, "bert.", "embeddings.word_embeddings.weight");
    pum_value ids = arch_text_input(b, "input_ids", "batch", "length");
    pum_value mask = arch_text_input(b, "attention_mask", "batch", "length");
    pum_value types = arch_text_input(b, "token_type_ids", "batch", "length");
    pum_value x =
        arch_encode(b, &encoder, embed(b, &encoder.sizes, ids, types), arch_padding_mask(b, mask));
    bool classify = arch_is_class(b, "BertForSequenceClassification");
    pum_value pooled = PUM_NO_VALUE;
    if (classify || arch_has_weight(b, "pooler.", "dense.weight"))
        pooled = pum_tanh(b->graph,
                          arch_linear(b, "pooler.", "dense", arch_first_token(b, x), width, width));
    if (classify) {
        b->prefix = "";
        arch_output(b, "logits", arch_linear(b, "", "classifier", pooled, width, -1));
        return PUM_OK;
    }
    arch_output_hidden(b, x, mask);
    if (pooled != PUM_NO_VALUE)
        arch_output(b, "pooler_output", pooled);
    return PUM_OK;
}
