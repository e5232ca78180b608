/* SPDX-License-Identifier: MIT
 *
 * tokenizer_vocab.h - tokenizers from vocabulary files: BERT's vocab.txt; vocab.json and merges.txt
 * of GPT-2, RoBERTa and CLIP. For the files tokenizer*.c alone. Tests:
 * tests/text/test_tokenizer_files.c.
 */
#ifndef PUM_SRC_TEXT_TOKENIZER_VOCAB_H
#define PUM_SRC_TEXT_TOKENIZER_VOCAB_H

#include "tokenizer_parts.h"

/* The small files of a folder; NULL where they are missing. */
struct tokenizer_files {
    json_t *config;      /* tokenizer_config.json */
    json_t *special_map; /* special_tokens_map.json */
    json_t *added;       /* added_tokens.json */
};

/* As json_read_file, of a file in the folder. */
pum_status tokenizer_read_beside(const char *folder, const char *name, bool optional,
                                 json_t **out_json, struct fault *fault);
/* The text of "cls_token" and its like; bytes NULL: the files do not say. */
struct json_text tokenizer_special(const struct tokenizer_files *files, const char *key);

pum_status tokenizer_read_bert(struct tokenizer *tokenizer, const char *folder,
                               const struct tokenizer_files *files, struct fault *fault);
pum_status tokenizer_read_bpe(struct tokenizer *tokenizer, const char *folder,
                              const struct tokenizer_files *files, struct fault *fault);

#endif
