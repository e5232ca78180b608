/* SPDX-License-Identifier: MIT
 *
 * arch_roberta.c - RoBERTa (Liu et al., 2019), and XLM-RoBERTa and CamemBERT, which are built
 * alike: BERT's layers; positions count only tokens that are no padding, from the padding id + 1
 * on; one token type. RobertaModel and RobertaForSequenceClassification.
 * Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

/* (running count of tokens) * (1 for tokens) + padding id */
static pum_value positions_of(struct arch_builder *b, pum_value ids, int64_t padding)
{
    pum_graph *g = b->graph;
    pum_value is_padding = pum_op2(g, "Equal", ids, pum_scalar_i64(g, padding));
    pum_value tokens = pum_cast(g, pum_op1(g, "Not", is_padding), PUM_DTYPE_I32);
    pum_value count = pum_op2(g, "CumSum", tokens, pum_scalar_i64(g, 1));
    pum_value offset = pum_cast(g, pum_scalar_i64(g, padding), PUM_DTYPE_I32);
    return pum_add(g, pum_mul(g, count, tokens), offset);
}

static pum_value embed(struct arch_builder *b, const struct arch_sizes *sizes, pum_value ids,
                       int64_t padding)
{
    pum_graph *g = b->graph;
    int64_t rows, positions, kind_count;
    pum_value words = arch_table(b, "embeddings.", "word_embeddings", sizes->width, &rows);
    pum_value kinds =
        arch_table(b, "embeddings.", "token_type_embeddings", sizes->width, &kind_count);
    pum_value table = arch_table(b, "embeddings.", "position_embeddings", sizes->width, &positions);
    b->model->vocabulary = (int32_t)rows;
    b->model->max_length = positions > padding + 1 ? (int32_t)(positions - padding - 1) : 1;
    pum_value sum = pum_add(g, pum_embedding(g, words, ids),
                            pum_embedding(g, table, positions_of(b, ids, padding)));
    sum = pum_add(g, sum, pum_slice(g, kinds, 0, 0, 1));
    return arch_norm(b, "embeddings.", "LayerNorm", sum, sizes->width, sizes->epsilon);
}

pum_status arch_build_roberta(struct arch_builder *b)
{
    struct arch_encoder encoder = {.names = &arch_bert_names};
    int64_t padding;
    pum_status status = arch_read_sizes(b->config, &arch_bert_fields, &encoder.sizes, b->fault);
    if (status == PUM_OK)
        status = hf_json_int_or(b->config, "pad_token_id", 0, INT32_MAX / 2, 1, &padding, b->fault);
    if (status != PUM_OK)
        return status;
    int32_t width = b->model->width = encoder.sizes.width;
    arch_find_prefix(b, "roberta.", "embeddings.word_embeddings.weight");
    pum_value ids = arch_text_input(b, "input_ids", "batch", "length");
    pum_value mask = arch_text_input(b, "attention_mask", "batch", "length");
    pum_value x = arch_encode(b, &encoder, embed(b, &encoder.sizes, ids, padding),
                              arch_padding_mask(b, mask));
    bool classify = arch_is_class(b, "RobertaForSequenceClassification") ||
                    arch_is_class(b, "XLMRobertaForSequenceClassification") ||
                    arch_is_class(b, "CamembertForSequenceClassification");
    if (classify) {
        b->prefix = "";
        x = arch_linear(b, "classifier.", "dense", arch_first_token(b, x), width, width);
        x = arch_linear(b, "classifier.", "out_proj", pum_tanh(b->graph, x), width, -1);
        arch_output(b, "logits", x);
        return PUM_OK;
    }
    arch_output_hidden(b, x, mask);
    if (arch_has_weight(b, "pooler.", "dense.weight"))
        arch_output(b, "pooler_output",
                    pum_tanh(b->graph, arch_linear(b, "pooler.", "dense", arch_first_token(b, x),
                                                   width, width)));
    return PUM_OK;
}
