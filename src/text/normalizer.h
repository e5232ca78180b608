/* SPDX-License-Identifier: MIT
 *
 * normalizer.h - what is done to a text before it is cut into words: cleaning, Unicode's normal
 * forms, lower case, accents, replacing. A sequence of steps, however the file nests them.
 * Tests: tests/text/test_normalizer.c, test_tokenizer_golden.c.
 */
#ifndef PUM_SRC_TEXT_NORMALIZER_H
#define PUM_SRC_TEXT_NORMALIZER_H

#include "charsmap.h"
#include "pattern.h"

enum normal_kind {
    NORMAL_BERT_CLEAN,   /* control characters away, white space to blanks */
    NORMAL_BERT_CHINESE, /* blanks around each Chinese character */
    NORMAL_FORM,         /* NFC, NFD, NFKC, NFKD */
    NORMAL_DROP,         /* characters of a class away */
    NORMAL_LOWER,
    NORMAL_STRIP,
    NORMAL_REPLACE,
    NORMAL_PREPEND,
    NORMAL_BYTE_LEVEL, /* bytes to GPT-2's letters */
    NORMAL_CHARSMAP,   /* SentencePiece's compiled map */
    NORMAL_NMT         /* SentencePiece's cleaning */
};

struct normal_step {
    enum normal_kind kind;
    bool compose, compatible; /* of a form */
    bool left, right;         /* of stripping */
    bool (*drop)(uint32_t c);
    struct pattern *pattern;
    char *text; /* put in or before */
    size_t text_bytes;
    struct charsmap *charsmap;
};

struct normalizer {
    struct normal_step *steps;
    size_t count, room;
};

/* Appends a step; takes over what it points to, also when it fails. */
pum_status normalizer_add(struct normalizer *normalizer, struct normal_step step,
                          struct fault *fault);
/* BERT's four steps. strip_accents < 0: as lower_case. */
pum_status normalizer_add_bert(struct normalizer *normalizer, bool clean, bool chinese,
                               int strip_accents, bool lower_case, struct fault *fault);
/* Reads the file's "normalizer", which may be null. */
pum_status normalizer_read(struct normalizer *normalizer, const json_t *json, struct fault *fault);
void normalizer_free(struct normalizer *normalizer);

/* Rewrites all pieces of text. */
pum_status normalizer_run(const struct normalizer *normalizer, struct text_work *work);

/* GPT-2's letter for a byte, 0x21 to 0x143, and the byte of a letter (-1: it is none). */
uint32_t byte_letter(unsigned char byte);
int letter_byte(uint32_t letter);

#endif
