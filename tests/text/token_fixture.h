/* SPDX-License-Identifier: MIT
 *
 * token_fixture.h - what the tests of tokenizers share: the lines of tests/data/tokenizers, and
 * where the tokenizers are: small ones there, whole ones where tools/fetch_tokenizers puts them.
 */
#ifndef PUM_TESTS_TOKEN_FIXTURE_H
#define PUM_TESTS_TOKEN_FIXTURE_H

#include "text/tokenizer.h"

struct token_line {
    char *bytes; /* a NUL follows */
    size_t size;
};

struct token_lines {
    struct token_line *items;
    size_t count;
};

/* Reads tests/data/tokenizers/lines.txt and turns \xNN into bytes. Fails the test without it. */
struct token_lines token_lines_load(void);
void token_lines_free(struct token_lines *lines);

/* The bytes of a file of tests/data/tokenizers; the caller frees them. */
unsigned char *token_data(const char *name, size_t *out_size);

/* Opens tests/data/tokenizers/NAME. Fails the test if it does not load. */
struct tokenizer *token_open_small(const char *name);
/* Opens a whole one; NULL, with a line that says what to do, where it has not been fetched. */
struct tokenizer *token_open_whole(const char *name);

/* A tokenizer from the text of a tokenizer.json; fails the test if it does not load. */
struct tokenizer *token_open_json(const char *json);

/* "1 2 3": the ids of a text. Kept until the next call but three. */
const char *token_ids(const struct tokenizer *tokenizer, const char *text,
                      const struct tokenizer_options *options);
/* "[CLS] un ##do [SEP]": the same as tokens. */
const char *token_texts(const struct tokenizer *tokenizer, const char *text,
                        const struct tokenizer_options *options);

#endif
