/* SPDX-License-Identifier: MIT
 *
 * unicode_form.h - Unicode's normal forms of a piece of text, and what they share with
 * SentencePiece's maps: characters of a new text that tell in whose place they stand.
 * Tests: tests/text/test_normalizer.c.
 */
#ifndef PUM_SRC_TEXT_UNICODE_FORM_H
#define PUM_SRC_TEXT_UNICODE_FORM_H

#include "text_work.h"

/* A character of the new text. `change`: 1 if it was added behind the one before, 0 if it stands in
 * the place of one, -n if it stands for n more. */
struct formed {
    uint32_t c;
    int32_t change;
    uint8_t class; /* Unicode's canonical combining class */
};

struct formed_list {
    struct formed *items; /* the caller frees them */
    size_t count, room;
};

pum_status formed_add(struct text_work *work, struct formed_list *list, uint32_t c, int32_t change);

/* Appends the characters to `next`, each with the origin of the one in whose place it stands. */
pum_status formed_place(struct text_work *work, const struct text_piece *piece,
                        const struct formed_list *list);

/* NFD, NFKD (compatible), NFC, NFKC (compose_too) of a piece. */
pum_status unicode_form(struct text_work *work, const struct text_piece *piece, bool compose_too,
                        bool compatible);

#endif
