/* SPDX-License-Identifier: MIT
 *
 * token_decoder.h - how tokens become text again. A sequence of steps over a list of texts, which
 * is joined at the end. Tests: tests/text/test_tokenizer.c, test_tokenizer_golden.c.
 */
#ifndef PUM_SRC_TEXT_TOKEN_DECODER_H
#define PUM_SRC_TEXT_TOKEN_DECODER_H

#include "pre_tokenizer.h"

enum decode_kind {
    DECODE_BYTE_LEVEL,    /* letters to bytes; all become one text */
    DECODE_WORD_PIECE,    /* blanks before what does not continue a word */
    DECODE_METASPACE,     /* signs to blanks */
    DECODE_BPE,           /* the suffix of a word to a blank */
    DECODE_BYTE_FALLBACK, /* <0x41> to bytes */
    DECODE_FUSE,
    DECODE_STRIP,
    DECODE_REPLACE,
    DECODE_CTC,
    DECODE_TRIM /* blanks away at both ends of the joined text, as CLIPTokenizerFast does */
};

struct decode_step {
    enum decode_kind kind;
    char *text; /* prefix, suffix, content, CTC's padding */
    size_t text_bytes;
    char *word; /* CTC's end of a word */
    bool cleanup;
    uint32_t character;
    enum metaspace_prepend prepend;
    int64_t left, right; /* DECODE_STRIP: characters at most */
    struct pattern *pattern;
};

struct token_decoder {
    struct decode_step *steps;
    size_t count, room;
    bool given; /* else tokens are joined with blanks */
};

/* The texts of tokens, one after the other. */
struct text_list {
    char *bytes;
    size_t byte_count, byte_room;
    size_t *ends;
    size_t count, room;
};

pum_status text_list_add(struct text_list *list, const char *bytes, size_t size,
                         struct fault *fault);
void text_list_free(struct text_list *list);

/* Appends a step; takes over what it points to, also when it fails. */
pum_status token_decoder_add(struct token_decoder *decoder, struct decode_step step,
                             struct fault *fault);
/* A step with one text, which is copied. */
pum_status token_decoder_add_text(struct token_decoder *decoder, enum decode_kind kind,
                                  const char *text, bool cleanup, struct fault *fault);
/* Reads the file's "decoder", which may be null. */
pum_status token_decoder_read(struct token_decoder *decoder, const json_t *json,
                              struct fault *fault);
void token_decoder_free(struct token_decoder *decoder);

/* Makes one text of the list; the result is freed by the caller. */
pum_status token_decoder_run(const struct token_decoder *decoder, struct text_list *list,
                             char **out_text, size_t *out_bytes, struct fault *fault);

#endif
