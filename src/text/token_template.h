/* SPDX-License-Identifier: MIT
 *
 * token_template.h - what is put around and between the texts of a row: special tokens and type
 * ids; and offsets without the blanks that byte-level words begin with. BERT's and RoBERTa's forms
 * are templates too. Tests: tests/text/test_tokenizer.c, test_tokenizer_golden.c.
 */
#ifndef PUM_SRC_TEXT_TOKEN_TEMPLATE_H
#define PUM_SRC_TEXT_TOKEN_TEMPLATE_H

#include "json_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct template_part {
    int32_t source; /* 0: the text, 1: its pair, -1: a special token */
    int32_t id;     /* of the special token */
    int32_t type_id;
};

struct template_parts {
    struct template_part *items;
    size_t count, room;
    int32_t special_count;
};

struct token_template {
    struct template_parts single, pair;
    bool given;     /* by the file */
    bool trim;      /* offsets without blanks */
    bool trim_keep; /* the one blank that add_prefix_space put first stays */
};

pum_status template_add(struct template_parts *parts, struct template_part part,
                        struct fault *fault);
/* [CLS] text [SEP] pair [SEP]; RoBERTa: all types 0, and a second separator before the pair. */
pum_status template_set_bert(struct token_template *form, int32_t begin, int32_t separator,
                             bool roberta, struct fault *fault);
/* Reads the file's "post_processor", which may be null. */
pum_status template_read(struct token_template *form, const json_t *json, struct fault *fault);
void template_free(struct token_template *form);

#endif
