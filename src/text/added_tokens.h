/* SPDX-License-Identifier: MIT
 *
 * added_tokens.h - tokens that are found in a text before anything else is done with it, such as
 * [MASK] or <|endoftext|>, and the flags that say how. Found leftmost, then longest, without
 * overlap. Tests: tests/text/test_tokenizer.c.
 */
#ifndef PUM_SRC_TEXT_ADDED_TOKENS_H
#define PUM_SRC_TEXT_ADDED_TOKENS_H

#include "normalizer.h"
#include "token_table.h"

#define ADDED_TOKEN_MAX_BYTES 1024

struct added_flags {
    bool single_word; /* only where no word goes on to either side */
    bool left, right; /* takes the white space on that side with it */
    bool normalized;  /* looked for after the normalizer, as the normalizer makes it */
    bool special;
};

struct added_token {
    char *text, *normal; /* normal: what is looked for and decoded; often the same pointer */
    size_t text_bytes, normal_bytes;
    int32_t id;
    struct added_flags flags;
};

/* The search: a trie over bytes, whose edges lie in a hash table. */
struct added_trie {
    struct merge_table edges; /* (node, byte) to node */
    int32_t *tokens;          /* a node: index of the token that ends here, -1 */
    size_t node_count, node_room;
    bool first[256]; /* bytes that a token begins with */
};

struct added_tokens {
    struct added_token *items;
    size_t count, room;
    struct token_table by_text; /* text to index */
    struct merge_table by_id;   /* (id, 0) to index */
    struct added_trie raw, normal;
};

/* Adds a token with this id; one with the same text is replaced. `text` is copied. */
pum_status added_tokens_add(struct added_tokens *tokens, const struct normalizer *normalizer,
                            const struct added_token *token, struct fault *fault);
/* Makes the tries and the table of ids; after the last added_tokens_add. */
pum_status added_tokens_finish(struct added_tokens *tokens, struct fault *fault);
void added_tokens_free(struct added_tokens *tokens);

/* NULL: none has this id. */
const struct added_token *added_tokens_by_id(const struct added_tokens *tokens, int64_t id);

/* Cuts the pieces of text at the tokens that are found in them: those that are looked for before
 * the normalizer, or those after it. */
pum_status added_tokens_split(const struct added_tokens *tokens, struct text_work *work,
                              bool normalized);

#endif
