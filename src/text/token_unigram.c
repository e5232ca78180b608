/* SPDX-License-Identifier: MIT
 *
 * token_unigram.c - SentencePiece's unigram model: every token has a score, and a word becomes the
 * tokens whose scores add up highest. One pass over the word keeps the best way to each of its
 * bytes. Ties go to the way that was found first, as in the reference. See token_model.h.
 */
#include "token_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHERE "model"
#define UNKNOWN_PENALTY 10.0

/* The best way to a byte: its last token, and where that began. */
struct way {
    double score;
    uint32_t begin;
    int32_t id; /* -1: no way yet */
};

static pum_status read_scores(struct token_model *model, const json_t *vocab, struct fault *fault)
{
    size_t count = json_array_size(vocab);
    model->scores = calloc(count == 0 ? 1 : count, sizeof(*model->scores));
    if (model->scores == NULL)
        return fault_set(fault, PUM_E_MEMORY, WHERE ": out of memory");
    model->lowest_score = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(vocab, i);
        const json_t *text = json_array_get(entry, 0), *score = json_array_get(entry, 1);
        if (json_array_size(entry) != 2 || !json_is_string(text) || !json_is_number(score))
            return fault_set(fault, PUM_E_FORMAT, WHERE ".vocab: entry %zu is no [token, score]",
                             i);
        model->scores[i] = json_number_value(score);
        if (model->scores[i] < model->lowest_score)
            model->lowest_score = model->scores[i];
        enum token_result result = token_table_add(&model->vocab, json_string_value(text),
                                                   json_string_length(text), (int32_t)i);
        if (result != TOKEN_OK)
            return fault_set(fault, result == TOKEN_NO_MEMORY ? PUM_E_MEMORY : PUM_E_FORMAT,
                             WHERE ".vocab: %s", token_result_text(result));
    }
    return PUM_OK;
}

pum_status unigram_read(struct token_model *model, const json_t *json, struct fault *fault)
{
    int64_t unknown;
    const json_t *vocab = json_object_get(json, "vocab");
    if (!json_is_array(vocab) || json_array_size(vocab) >= (size_t)TOKEN_MAX_ID)
        return fault_set(fault, PUM_E_FORMAT, WHERE ".vocab is no list of [token, score]");
    pum_status status = read_scores(model, vocab, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "byte_fallback", false, &model->byte_fallback, fault);
    if (status == PUM_OK)
        status = field_int(json, WHERE, "unk_id", -1, &unknown, fault);
    if (status == PUM_OK && (unknown < -1 || unknown >= (int64_t)json_array_size(vocab)))
        status = fault_set(fault, PUM_E_FORMAT, WHERE ".unk_id is not in the vocabulary");
    if (status == PUM_OK)
        status = token_model_set(model, NULL, "", "", fault);
    if (status == PUM_OK)
        model->unknown_id = (int32_t)unknown;
    return status;
}

static void try_way(struct way *way, double score, size_t begin, int32_t id)
{
    if (way->id < 0 || score > way->score)
        *way = (struct way){score, (uint32_t)begin, id};
}

static pum_status no_unknown(const struct text_work *work)
{
    return fault_set(work->fault, PUM_E_FORMAT,
                     "the text needs an unknown token, and the tokenizer's model names none");
}

/* Fills ways[1..size]. */
static pum_status find_ways(const struct token_model *model, struct text_work *work,
                            const char *word, size_t size, struct way *ways)
{
    double unknown_score = model->lowest_score - UNKNOWN_PENALTY;
    for (size_t begin = 0, first; begin < size; begin += first) {
        uint64_t hash = TOKEN_HASH_START;
        bool single = false;
        double score = ways[begin].score;
        (void)utf8_next(word + begin, &first);
        for (size_t at = begin, length; at < size; at += length) {
            (void)utf8_next(word + at, &length);
            size_t end = at + length;
            if (end - begin > model->vocab.longest)
                break;
            hash = token_hash(hash, word + at, length);
            int32_t id =
                token_table_find_hashed(&model->vocab, hash, word + begin, end - begin, NULL, 0);
            if (id < 0)
                continue;
            try_way(&ways[end], score + model->scores[id], begin, id);
            single = single || end == begin + first;
        }
        if (!single) {
            if (model->unknown_id < 0)
                return no_unknown(work);
            try_way(&ways[begin + first], score + unknown_score, begin, model->unknown_id);
        }
    }
    return PUM_OK;
}

/* One run of unknown characters: its text may be a token after all, or bytes. */
static pum_status add_run(const struct token_model *model, struct text_work *work, const char *word,
                          struct word_token run, struct word_tokens *tokens)
{
    size_t size = run.end - run.begin;
    const unsigned char *bytes = (const unsigned char *)word + run.begin;
    int32_t id = token_table_find(&model->vocab, word + run.begin, size);
    bool all = id < 0 && model->byte_fallback;
    for (size_t i = 0; i < size && all; i++)
        all = model->byte_ids[bytes[i]] >= 0;
    if (!all)
        return word_tokens_add(tokens, work, id < 0 ? model->unknown_id : id, run.begin, run.end);
    pum_status status = PUM_OK;
    for (size_t i = 0; i < size && status == PUM_OK; i++)
        status = word_tokens_add(tokens, work, model->byte_ids[bytes[i]], run.begin, run.end);
    return status;
}

/* Appends the tokens of the best way, runs of unknown characters as one. */
static pum_status collect(const struct token_model *model, struct text_work *work, const char *word,
                          size_t size, struct way *ways, struct word_tokens *tokens)
{
    /* ways[end].begin points back; turn the links of the chosen way around. */
    uint32_t end = (uint32_t)size, after = UINT32_MAX;
    int32_t after_id = -1;
    while (end > 0) {
        uint32_t begin = ways[end].begin;
        int32_t id = ways[end].id;
        ways[end].begin = after; /* where the next token ends */
        ways[end].id = after_id;
        after = end;
        after_id = id;
        end = begin;
    }
    pum_status status = PUM_OK;
    uint32_t begin = 0;
    while (after != UINT32_MAX && status == PUM_OK) {
        struct word_token token = {after_id, begin, after};
        struct way next = ways[after];
        while (token.id == model->unknown_id && next.id == model->unknown_id &&
               next.begin != UINT32_MAX && token.id >= 0) {
            token.end = next.begin;
            next = ways[next.begin];
        }
        status = token.id == model->unknown_id
                     ? add_run(model, work, word, token, tokens)
                     : word_tokens_add(tokens, work, token.id, token.begin, token.end);
        begin = token.end;
        after = next.begin;
        after_id = next.id;
    }
    return status;
}

pum_status unigram_run(const struct token_model *model, struct text_work *work, const char *word,
                       size_t size, struct word_tokens *tokens)
{
    if (size == 0)
        return PUM_OK;
    if (!array_reserve(&work->symbols, &work->symbol_room, size + 1, sizeof(struct way)))
        return text_no_memory(work);
    struct way *ways = work->symbols;
    for (size_t i = 0; i <= size; i++)
        ways[i] = (struct way){0, 0, -1};
    pum_status status = find_ways(model, work, word, size, ways);
    return status == PUM_OK ? collect(model, work, word, size, ways, tokens) : status;
}
