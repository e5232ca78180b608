/* SPDX-License-Identifier: MIT
 *
 * utf8.h - UTF-8 as bytes of unknown origin: what is no UTF-8 reads as U+FFFD, one for each longest
 * part that could have begun a character (the rule of the Unicode standard and of the WHATWG). And
 * arrays that grow. Tests: tests/text/test_utf8.c.
 */
#ifndef PUM_SRC_TEXT_UTF8_H
#define PUM_SRC_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffdu

/* The character at bytes[0..size), size > 0; *out_length becomes the bytes that it takes up, at
 * least 1. *out_valid (may be NULL) is false where U+FFFD stands for broken bytes. */
uint32_t utf8_read(const char *bytes, size_t size, size_t *out_length, bool *out_valid);

/* The character at the start of bytes that are known to be valid. */
uint32_t utf8_next(const char *bytes, size_t *out_length);

/* Where the character that ends at bytes[end] begins; the bytes are valid, end > 0. */
size_t utf8_before(const char *bytes, size_t end);

/* Writes a character; gives its length, 1 to 4. */
size_t utf8_write(uint32_t c, char out[4]);

/* How many characters valid bytes hold. */
size_t utf8_count(const char *bytes, size_t size);

/* Makes room for `need` elements in a malloc'd array; false: out of memory, nothing has changed. */
bool array_reserve(void **array, size_t *room, size_t need, size_t element_bytes);

#endif
