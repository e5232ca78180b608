/* SPDX-License-Identifier: MIT
 *
 * tokenizer.h - text to the numbers that language models read, and back. A tokenizer is read from a
 * Hugging Face folder or file and then never changes: any number of threads may use one.
 *
 * Ids are those of the `tokenizers` library for the same files. Text is bytes: what is no UTF-8
 * reads as U+FFFD, one for each longest part that could have begun a character. Offsets are bytes
 * of the text as it was given, before that. Randomness in a file (dropout) is ignored.
 * Tests: tests/text, against recorded answers of the reference.
 */
#ifndef PUM_SRC_TEXT_TOKENIZER_H
#define PUM_SRC_TEXT_TOKENIZER_H

#include "image/fault.h"

/* Larger files and longer texts are refused (PUM_E_LIMIT). */
#define TOKENIZER_MAX_FILE_BYTES ((size_t)256 << 20)
#define TOKENIZER_MAX_TEXT_BYTES ((size_t)16 << 20)

struct tokenizer;

/* What a loaded tokenizer is. Ids are -1 and texts NULL where the files name none. */
struct tokenizer_info {
    const char *model;   /* "WordPiece", "BPE", "Unigram", "WordLevel" */
    int32_t token_count; /* entries, added ones too; the largest id + 1 may be more */
    int32_t id_limit;    /* the largest id + 1 */
    int32_t max_length;  /* tokenizer_config.json's model_max_length; 0: none or "very large" */
    int32_t unknown, padding, begin, end, separator, classify, mask; /* ids */
};

/* Reads a folder (tokenizer.json; else vocab.txt; else vocab.json and merges.txt; with
 * tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json where they
 * are), or one of these files by its path. PUM_E_FILE: missing; PUM_E_FORMAT: damaged, or a file of
 * another kind; PUM_E_UNSUPPORTED names the component that is not known here; PUM_E_LIMIT. */
pum_status tokenizer_load(const char *path, struct tokenizer **out_tokenizer, struct fault *fault);

/* The same from the bytes of a tokenizer.json. */
pum_status tokenizer_from_json(const char *json, size_t size_bytes,
                               struct tokenizer **out_tokenizer, struct fault *fault);
void tokenizer_free(struct tokenizer **tokenizer);

const struct tokenizer_info *tokenizer_get_info(const struct tokenizer *tokenizer);

/* A token's text as the vocabulary spells it, NUL-terminated, *out_bytes without the NUL (may be
 * NULL); NULL for an id that no token has. Lives as long as the tokenizer. */
const char *tokenizer_token(const struct tokenizer *tokenizer, int64_t id, size_t *out_bytes);

/* The id of a token's exact spelling, -1 if there is none. */
int32_t tokenizer_id(const struct tokenizer *tokenizer, const char *token);

enum tokenizer_truncation {
    TOKENIZER_LONGEST_FIRST = 0, /* the longer of a pair gives way */
    TOKENIZER_ONLY_FIRST,        /* PUM_E_ARGUMENT when that text cannot give enough */
    TOKENIZER_ONLY_SECOND
};

enum tokenizer_side { TOKENIZER_RIGHT = 0, TOKENIZER_LEFT };

/* Zero: with special tokens, of any length; rows of a batch padded to its longest. */
struct tokenizer_options {
    bool plain;            /* without the special tokens around the text */
    bool limits_from_file; /* truncation and padding as tokenizer.json says, not as below */
    int32_t max_length;    /* tokens at most, special ones included; 0: any number */
    enum tokenizer_truncation truncation;
    enum tokenizer_side cut_side; /* the side that loses tokens */
    int32_t pad_to;               /* at least this many columns */
    int32_t pad_multiple;         /* columns are a multiple of this; 0: any number */
    enum tokenizer_side pad_side; /* the side that padding is put on */
};

/* One text, or a pair of texts that become one row. */
struct tokenizer_text {
    const char *text, *pair; /* pair NULL: one text */
    size_t text_bytes, pair_bytes;
};

struct token_span {
    uint32_t begin, end; /* bytes of that text; 0, 0 for special tokens and padding */
    int32_t source;      /* 0: text, 1: pair, -1: neither */
};

/* rows x columns, row-major, int64 as exported models take them. */
struct token_batch {
    int32_t rows, columns;
    int64_t *ids, *type_ids;
    int64_t *attention_mask; /* 0 for padding */
    int64_t *special_mask;   /* 1 for special tokens and padding */
    struct token_span *spans;
    int32_t *lengths; /* a row: tokens without padding */
    bool *cut;        /* a row: tokens were left out for max_length */
};

/* Encodes `count` texts. Without a text the batch has no rows; free it with token_batch_free, which
 * takes a zeroed one too. PUM_E_ARGUMENT: max_length has no room for the special tokens, or the
 * strategy cannot reach it; PUM_E_LIMIT: a text is too long, or a pattern too slow on it. */
pum_status tokenizer_encode(const struct tokenizer *tokenizer, const struct tokenizer_text *texts,
                            int32_t count, const struct tokenizer_options *options,
                            struct token_batch *out_batch, struct fault *fault);
void token_batch_free(struct token_batch *batch);

/* Ids to text (valid UTF-8, NUL-terminated, freed by the caller). Ids that no token has give
 * nothing; with skip_special neither do special tokens. */
pum_status tokenizer_decode(const struct tokenizer *tokenizer, const int64_t *ids, size_t count,
                            bool skip_special, char **out_text, size_t *out_bytes,
                            struct fault *fault);

/* How many characters lie before byte `at` of a text; for offsets in characters. Broken bytes count
 * as the U+FFFD that they read as. */
size_t tokenizer_characters(const char *text, size_t text_bytes, size_t at);

#endif
