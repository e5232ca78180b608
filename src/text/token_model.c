/* SPDX-License-Identifier: MIT
 *
 * token_model.c - vocabularies and their settings; WordPiece and WordLevel. See token_model.h.
 */
#include "token_model.h"

#include <stdlib.h>
#include <string.h>

#define MAX_AFFIX_BYTES 64

void token_model_free(struct token_model *model)
{
    token_table_free(&model->vocab);
    merge_table_free(&model->merges);
    free(model->unknown);
    free(model->prefix);
    free(model->suffix);
    free(model->scores);
    memset(model, 0, sizeof(*model));
}

const char *token_model_name(const struct token_model *model)
{
    static const char *const names[] = {"WordPiece", "BPE", "Unigram", "WordLevel"};
    return names[model->kind];
}

pum_status word_tokens_add(struct word_tokens *tokens, struct text_work *work, int32_t id,
                           size_t begin, size_t end)
{
    if (!array_reserve((void **)&tokens->items, &tokens->room, tokens->count + 1,
                       sizeof(*tokens->items)))
        return text_no_memory(work);
    tokens->items[tokens->count++] = (struct word_token){id, (uint32_t)begin, (uint32_t)end};
    return PUM_OK;
}

/* --- building --------------------------------------------------------------------------------- */

static pum_status table_fault(struct fault *fault, const char *where, enum token_result result)
{
    return fault_set(fault, result == TOKEN_NO_MEMORY ? PUM_E_MEMORY : PUM_E_FORMAT, "%s: %s",
                     where, token_result_text(result));
}

pum_status token_model_read_vocab(struct token_model *model, const json_t *vocab, const char *where,
                                  struct fault *fault)
{
    if (!json_is_object(vocab))
        return fault_set(fault, PUM_E_FORMAT, "%s is no object {token: id}", where);
    void *at = json_object_iter((json_t *)(uintptr_t)vocab);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)vocab, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        int64_t id;
        if (!json_whole(value, &id))
            return fault_set(fault, PUM_E_FORMAT, "%s: '%.100s' has no whole number as its id",
                             where, key);
        enum token_result result =
            id < 0 || id >= TOKEN_MAX_ID
                ? TOKEN_BAD_ID
                : token_table_add(&model->vocab, key, strlen(key), (int32_t)id);
        if (result != TOKEN_OK)
            return table_fault(fault, where, result);
    }
    return PUM_OK;
}

pum_status token_model_set(struct token_model *model, const char *unknown, const char *prefix,
                           const char *suffix, struct fault *fault)
{
    model->prefix_bytes = strlen(prefix);
    model->suffix_bytes = strlen(suffix);
    if (model->prefix_bytes > MAX_AFFIX_BYTES || model->suffix_bytes > MAX_AFFIX_BYTES)
        return fault_set(fault, PUM_E_LIMIT, "model: a prefix or suffix is longer than 64 bytes");
    model->unknown = unknown == NULL ? NULL : strdup(unknown);
    model->prefix = strdup(prefix);
    model->suffix = strdup(suffix);
    if ((unknown != NULL && model->unknown == NULL) || model->prefix == NULL ||
        model->suffix == NULL)
        return fault_set(fault, PUM_E_MEMORY, "model: out of memory");
    model->unknown_id =
        unknown == NULL ? -1 : token_table_find(&model->vocab, unknown, strlen(unknown));
    for (unsigned i = 0; i < 256; i++) {
        static const char digits[] = "0123456789ABCDEF";
        char name[] = "<0x00>";
        name[3] = digits[i >> 4];
        name[4] = digits[i & 15];
        model->byte_ids[i] = token_table_find(&model->vocab, name, 6);
    }
    return PUM_OK;
}

pum_status token_model_add_merge(struct token_model *model, struct json_text left,
                                 struct json_text right, const char *where, struct fault *fault)
{
    struct token_table *vocab = &model->vocab;
    size_t skip = model->prefix_bytes;
    struct merge_entry entry = {.left = token_table_find(vocab, left.bytes, left.size),
                                .right = token_table_find(vocab, right.bytes, right.size),
                                .id = -1,
                                .rank = (uint32_t)model->merges.count};
    if (right.size >= skip && left.size <= TOKEN_MAX_BYTES && right.size <= TOKEN_MAX_BYTES) {
        uint64_t hash = token_hash(TOKEN_HASH_START, left.bytes, left.size);
        hash = token_hash(hash, right.bytes + skip, right.size - skip);
        entry.id = token_table_find_hashed(vocab, hash, left.bytes, left.size, right.bytes + skip,
                                           right.size - skip);
    }
    if (entry.left < 0 || entry.right < 0 || entry.id < 0)
        return fault_set(fault, PUM_E_FORMAT,
                         "%s: the merge '%.60s %.60s' needs a token that the vocabulary does not "
                         "have",
                         where, left.bytes, right.bytes);
    enum token_result result = merge_table_add(&model->merges, &entry);
    return result == TOKEN_OK ? PUM_OK : table_fault(fault, where, result);
}

/* --- running ---------------------------------------------------------------------------------- */

static pum_status add_unknown(const struct token_model *model, struct text_work *work, size_t size,
                              struct word_tokens *tokens)
{
    if (model->unknown_id < 0)
        return fault_set(work->fault, PUM_E_FORMAT,
                         "the text needs the unknown token '%.60s', which the vocabulary does not "
                         "have",
                         model->unknown == NULL ? "" : model->unknown);
    return word_tokens_add(tokens, work, model->unknown_id, 0, size);
}

/* The end of the longest token that begins at `begin`, `begin` itself if there is none. */
static size_t longest_piece(const struct token_model *model, const char *word, size_t size,
                            size_t begin, int32_t *out_id)
{
    size_t prefix = begin > 0 ? model->prefix_bytes : 0, best = begin, length;
    uint64_t hash = token_hash(TOKEN_HASH_START, model->prefix, prefix);
    size_t limit = model->vocab.longest > prefix ? model->vocab.longest - prefix : 0;
    for (size_t at = begin; at < size; at += length) {
        (void)utf8_next(word + at, &length);
        if (at + length - begin > limit)
            break;
        hash = token_hash(hash, word + at, length);
        int32_t id = token_table_find_hashed(&model->vocab, hash, model->prefix, prefix,
                                             word + begin, at + length - begin);
        if (id >= 0) {
            *out_id = id;
            best = at + length;
        }
    }
    return best;
}

static pum_status word_piece_run(const struct token_model *model, struct text_work *work,
                                 const char *word, size_t size, struct word_tokens *tokens)
{
    size_t before = tokens->count;
    if ((int64_t)utf8_count(word, size) > model->max_characters)
        return add_unknown(model, work, size, tokens);
    for (size_t begin = 0, end; begin < size; begin = end) {
        int32_t id = -1;
        end = longest_piece(model, word, size, begin, &id);
        if (id < 0) { /* the whole word is unknown */
            tokens->count = before;
            return add_unknown(model, work, size, tokens);
        }
        pum_status status = word_tokens_add(tokens, work, id, begin, end);
        if (status != PUM_OK)
            return status;
    }
    return PUM_OK;
}

static pum_status word_level_run(const struct token_model *model, struct text_work *work,
                                 const char *word, size_t size, struct word_tokens *tokens)
{
    int32_t id = token_table_find(&model->vocab, word, size);
    return id >= 0 ? word_tokens_add(tokens, work, id, 0, size)
                   : add_unknown(model, work, size, tokens);
}

pum_status token_model_run(const struct token_model *model, struct text_work *work,
                           const char *word, size_t size, struct word_tokens *tokens)
{
    switch (model->kind) {
    case MODEL_WORD_PIECE:
        return word_piece_run(model, work, word, size, tokens);
    case MODEL_BPE:
        return bpe_run(model, work, word, size, tokens);
    case MODEL_UNIGRAM:
        return unigram_run(model, work, word, size, tokens);
    default:
        return word_level_run(model, work, word, size, tokens);
    }
}
