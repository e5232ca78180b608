/* SPDX-License-Identifier: MIT
 *
 * char_class.h - the classes of characters that tokenizers split and clean by, each as the
 * tokenizers library defines it; the tables are utf8proc's. Tests: tests/text/test_utf8.c.
 */
#ifndef PUM_SRC_TEXT_CHAR_CLASS_H
#define PUM_SRC_TEXT_CHAR_CLASS_H

#include <stdbool.h>
#include <stdint.h>

typedef bool char_class(uint32_t c);

/* Unicode's White_Space: separators, tab to carriage return, U+0085. */
bool char_is_space(uint32_t c);
/* What BERT throws away: NUL, U+FFFD, control, format and private characters, but not tab, line
 * feed and carriage return. Unassigned characters stay. */
bool char_is_bert_control(uint32_t c);
/* ASCII's punctuation and symbols, and Unicode's category P. */
bool char_is_punctuation(uint32_t c);
/* Category N. */
bool char_is_number(uint32_t c);
/* The blocks that BERT takes for Chinese: each of their characters is a word. */
bool char_is_bert_chinese(uint32_t c);
/* Category Mn. */
bool char_is_nonspacing_mark(uint32_t c);
/* Category M. */
bool char_is_mark(uint32_t c);
/* \w of regular expressions: alphabetic, marks, decimal digits, connectors, joiners. */
bool char_is_word(uint32_t c);

/* Lower case; gives the number of characters, 1 or 2 (U+0130). */
int char_lower(uint32_t c, uint32_t out[2]);

#endif
