/* SPDX-License-Identifier: MIT
 *
 * pre_tokenizer.h - where a text is cut into words before the model sees them. A sequence of steps,
 * however the file nests them. Tests: tests/text/test_normalizer.c, test_tokenizer_golden.c.
 */
#ifndef PUM_SRC_TEXT_PRE_TOKENIZER_H
#define PUM_SRC_TEXT_PRE_TOKENIZER_H

#include "char_class.h"
#include "pattern.h"

enum cut_kind {
    CUT_CLASS,       /* at characters of a class */
    CUT_CHARACTER,   /* at one character */
    CUT_PATTERN,     /* at what a pattern matches, or does not match */
    CUT_WORDS,       /* words, and runs of what is neither word nor space */
    CUT_BYTE_LEVEL,  /* GPT-2's pattern, then bytes to letters */
    CUT_METASPACE,   /* blanks to a sign, and cut before each */
    CUT_FIXED_LENGTH /* every so many characters */
};

enum metaspace_prepend { METASPACE_ALWAYS, METASPACE_FIRST, METASPACE_NEVER };

struct cut_step {
    enum cut_kind kind;
    char_class *class;
    struct pattern *pattern; /* CUT_PATTERN, CUT_BYTE_LEVEL (NULL: do not cut) */
    enum split_behavior behavior;
    bool invert;
    bool prefix_space; /* CUT_BYTE_LEVEL: a blank before a text that begins with none */
    enum metaspace_prepend prepend;
    bool cut;           /* CUT_METASPACE */
    uint32_t character; /* CUT_CHARACTER, CUT_METASPACE */
    int64_t length;     /* CUT_FIXED_LENGTH */
};

struct pre_tokenizer {
    struct cut_step *steps;
    size_t count, room;
};

/* Appends a step; takes over its pattern, also when it fails. */
pum_status pre_tokenizer_add(struct pre_tokenizer *pre, struct cut_step step, struct fault *fault);
/* GPT-2's step; `pattern`: cut by its pattern. */
pum_status pre_tokenizer_add_byte_level(struct pre_tokenizer *pre, bool prefix_space, bool pattern,
                                        struct fault *fault);
/* BERT's steps: white space away, punctuation alone. */
pum_status pre_tokenizer_add_bert(struct pre_tokenizer *pre, struct fault *fault);
/* Reads the file's "pre_tokenizer", which may be null. */
pum_status pre_tokenizer_read(struct pre_tokenizer *pre, const json_t *json, struct fault *fault);
void pre_tokenizer_free(struct pre_tokenizer *pre);

pum_status pre_tokenizer_run(const struct pre_tokenizer *pre, struct text_work *work);

/* "always", "first", "never", or the older add_prefix_space; also for decoders. */
pum_status metaspace_read(const json_t *json, const char *where, uint32_t *out_character,
                          enum metaspace_prepend *out_prepend, struct fault *fault);

#endif
