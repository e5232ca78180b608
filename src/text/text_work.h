/* SPDX-License-Identifier: MIT
 *
 * text_work.h - a text on its way to tokens: its bytes as they are now, for each byte the part of
 * the original text that it came from, and the pieces that it has been cut into. A step (a
 * normalizer, a splitter) reads `now` piece by piece and writes `next`; bytes are always valid
 * UTF-8. One thread's; a tokenizer itself never changes. Tests: tests/text/test_normalizer.c.
 */
#ifndef PUM_SRC_TEXT_TEXT_WORK_H
#define PUM_SRC_TEXT_TEXT_WORK_H

#include "image/fault.h"
#include "utf8.h"

struct origin {
    uint32_t begin, end; /* bytes of the original text */
};

struct text_buffer {
    char *bytes;
    struct origin *origins; /* one a byte */
    size_t count, byte_room, origin_room;
};

/* A part of the buffer: text, or an added token that was found in it. */
struct text_piece {
    uint32_t begin, end;
    uint32_t origin; /* where it began in the original text when it was cut out */
    int32_t token;   /* id, -1: text */
};

struct piece_list {
    struct text_piece *items;
    size_t count, room;
};

/* A part of a piece that a pattern matched, or that lies between matches; in bytes from the
 * piece's begin. */
struct text_match {
    uint32_t begin, end;
    bool hit;
};

struct match_list {
    struct text_match *items;
    size_t count, room;
};

struct text_work {
    struct text_buffer now, next;
    struct piece_list pieces, next_pieces;
    struct match_list matches;
    void *pattern_data; /* pattern.c's */
    void *symbols;      /* the model's, kept between words */
    size_t symbol_room;
    void *heap;
    size_t heap_room;
    struct fault *fault;
};

void text_work_free(struct text_work *work);
/* PUM_E_MEMORY with a message. */
pum_status text_no_memory(const struct text_work *work);

/* The original text becomes one piece; an empty text none. */
pum_status text_begin(struct text_work *work, const char *text, size_t size);

/* Appends bytes that all come from `from` to `next`. */
pum_status text_put(struct text_work *work, const char *bytes, size_t size, struct origin from);
pum_status text_put_char(struct text_work *work, uint32_t c, struct origin from);
/* Appends bytes [begin, end) of `now` with their origins. */
pum_status text_copy(struct text_work *work, size_t begin, size_t end);

/* Ends a step that has rewritten all pieces: `next` becomes `now`. `piece_ends` are in pieces. */
void text_swap(struct text_work *work);

/* Rewrites every piece of text by `step`, which appends the piece's new bytes to `next`. */
typedef pum_status text_step(struct text_work *work, const struct text_piece *piece,
                             const void *user);
pum_status text_rewrite(struct text_work *work, text_step *step, const void *user);

/* Appends a match; the matches of a piece cover it, in order. */
pum_status text_add_match(struct text_work *work, uint32_t begin, uint32_t end, bool hit);

/* What becomes of what a pattern matched. */
enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS
};

/* Cuts every piece of text: `step` appends its matches, which then become pieces. Empty pieces
 * vanish. `invert`: what lies between matches counts as matched. */
pum_status text_split(struct text_work *work, text_step *step, const void *user,
                      enum split_behavior behavior, bool invert);

/* Appends a piece to next_pieces, unless it is empty. */
pum_status text_add_piece(struct text_work *work, uint32_t begin, uint32_t end, int32_t token);
/* next_pieces becomes pieces. */
void text_swap_pieces(struct text_work *work);

#endif
