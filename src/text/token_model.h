/* SPDX-License-Identifier: MIT
 *
 * token_model.h - what makes tokens of a word: WordPiece, BPE, Unigram, WordLevel. A model is read
 * once and then never changes; what it needs while it works lies in the text_work.
 * Tests: tests/text/test_token_model.c, test_tokenizer_golden.c.
 */
#ifndef PUM_SRC_TEXT_TOKEN_MODEL_H
#define PUM_SRC_TEXT_TOKEN_MODEL_H

#include "json_read.h"
#include "text_work.h"
#include "token_table.h"

enum model_kind { MODEL_WORD_PIECE, MODEL_BPE, MODEL_UNIGRAM, MODEL_WORD_LEVEL };

struct token_model {
    enum model_kind kind;
    struct token_table vocab;
    char *unknown;      /* the unknown token's text; NULL: there is none */
    int32_t unknown_id; /* -1: not in the vocabulary */
    char *prefix;       /* of what continues a word; "" */
    char *suffix;       /* of what ends a word (BPE); "" */
    size_t prefix_bytes, suffix_bytes;
    int64_t max_characters; /* WordPiece: longer words are unknown */
    struct merge_table merges;
    bool fuse_unknown, byte_fallback, ignore_merges;
    int32_t byte_ids[256]; /* of <0x00> to <0xFF>; -1 */
    double *scores;        /* Unigram: by id */
    double lowest_score;
};

/* A token and its bytes within the word. */
struct word_token {
    int32_t id;
    uint32_t begin, end;
};

struct word_tokens {
    struct word_token *items;
    size_t count, room;
};

pum_status word_tokens_add(struct word_tokens *tokens, struct text_work *work, int32_t id,
                           size_t begin, size_t end);

/* Reads the file's "model". */
pum_status token_model_read(struct token_model *model, const json_t *json, struct fault *fault);
void token_model_free(struct token_model *model);
const char *token_model_name(const struct token_model *model);

/* A vocabulary {token: id}, as in "model.vocab" and vocab.json. */
pum_status token_model_read_vocab(struct token_model *model, const json_t *vocab, const char *where,
                                  struct fault *fault);
/* A pair that merges; both and what they become must be in the vocabulary. After
 * token_model_set. */
pum_status token_model_add_merge(struct token_model *model, struct json_text left,
                                 struct json_text right, const char *where, struct fault *fault);
/* Copies the texts (unknown may be NULL) and looks up their ids; after the vocabulary. */
pum_status token_model_set(struct token_model *model, const char *unknown, const char *prefix,
                           const char *suffix, struct fault *fault);

/* Appends the tokens of a word. */
pum_status token_model_run(const struct token_model *model, struct text_work *work,
                           const char *word, size_t size, struct word_tokens *tokens);

pum_status bpe_run(const struct token_model *model, struct text_work *work, const char *word,
                   size_t size, struct word_tokens *tokens);
pum_status unigram_read(struct token_model *model, const json_t *json, struct fault *fault);
pum_status unigram_run(const struct token_model *model, struct text_work *work, const char *word,
                       size_t size, struct word_tokens *tokens);

#endif
