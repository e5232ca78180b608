/* SPDX-License-Identifier: MIT
 *
 * tokenizer_parts.h - what a tokenizer is made of; for the files tokenizer*.c alone.
 */
#ifndef PUM_SRC_TEXT_TOKENIZER_PARTS_H
#define PUM_SRC_TEXT_TOKENIZER_PARTS_H

#include "added_tokens.h"
#include "pre_tokenizer.h"
#include "token_decoder.h"
#include "token_model.h"
#include "token_template.h"
#include "tokenizer.h"

/* "truncation" and "padding" of tokenizer.json. */
struct file_limits {
    struct tokenizer_options options;
    int32_t pad_id, pad_type; /* -1: the file does not say */
};

struct tokenizer {
    struct tokenizer_info info;
    struct normalizer normalizer;
    struct pre_tokenizer pre;
    struct token_model model;
    struct added_tokens added;
    struct token_template form;
    struct token_decoder decoder;
    struct file_limits limits;
};

/* An empty tokenizer; NULL: out of memory, reported. */
struct tokenizer *tokenizer_new(struct fault *fault);

/* Reads the components of a parsed tokenizer.json. */
pum_status tokenizer_read_json(struct tokenizer *tokenizer, const json_t *json,
                               struct fault *fault);

/* CLIP's words end in a mark that its byte-level decoder would print; its tokenizer class turns it
 * into a blank. */
pum_status tokenizer_finish_decoder(struct tokenizer *tokenizer, struct fault *fault);

/* The id that the next token outside of the vocabulary gets. */
int32_t tokenizer_next_id(const struct tokenizer *tokenizer);

/* Adds a token: with the id that it has already, or with *next_id, which then counts up. */
pum_status tokenizer_add_token(struct tokenizer *tokenizer, struct json_text text,
                               struct added_flags flags, int32_t *next_id, struct fault *fault);

/* Adds {"content": ..., "special": ...}; `flags` are the defaults. */
pum_status tokenizer_add_json(struct tokenizer *tokenizer, const json_t *token,
                              struct added_flags flags, int32_t *next_id, struct fault *fault);

/* After the last token: the search, counts, and whether templates name tokens that there are. */
pum_status tokenizer_finish(struct tokenizer *tokenizer, struct fault *fault);

#endif
