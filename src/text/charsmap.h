/* SPDX-License-Identifier: MIT
 *
 * charsmap.h - SentencePiece's compiled normalizer, "precompiled_charsmap": a trie from characters
 * (or what is seen as one) to what replaces them. Tests: tests/text/test_normalizer.c,
 * test_tokenizer_golden.c.
 */
#ifndef PUM_SRC_TEXT_CHARSMAP_H
#define PUM_SRC_TEXT_CHARSMAP_H

#include "text_work.h"

struct charsmap;

/* From base64, as tokenizer.json holds it. */
pum_status charsmap_read(const char *base64, size_t size, struct charsmap **out_map,
                         struct fault *fault);
void charsmap_free(struct charsmap *map);

/* Rewrites one piece: a text_step, `user` is the map. */
pum_status charsmap_run(struct text_work *work, const struct text_piece *piece, const void *user);

#endif
