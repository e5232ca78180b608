/* SPDX-License-Identifier: MIT
 *
 * pattern.h - the patterns of tokenizer files: a fixed text, or a regular expression of Oniguruma's
 * dialect run by PCRE2. The two differ in what \s and \w are; patterns are rewritten for that.
 * Every search has a limit of steps, so that a hostile pattern ends in an error.
 * Tests: tests/text/test_pattern.c.
 */
#ifndef PUM_SRC_TEXT_PATTERN_H
#define PUM_SRC_TEXT_PATTERN_H

#include "text_work.h"

#include <jansson.h>

struct pattern;

/* A regular expression, or a text that is searched for as it is. `where` names the place in the
 * file for messages. PUM_E_UNSUPPORTED: PCRE2 cannot compile it, with its reason. */
pum_status pattern_compile(const char *text, size_t size, bool regular, const char *where,
                           struct pattern **out_pattern, struct fault *fault);
/* The field "pattern" of a component: {"String": text} or {"Regex": expression}. */
pum_status pattern_read(const json_t *object, const char *where, struct pattern **out_pattern,
                        struct fault *fault);
void pattern_free(struct pattern *pattern);

/* Appends to work->matches the matches in bytes[0..size) and what lies between them. */
pum_status pattern_find(const struct pattern *pattern, struct text_work *work, const char *bytes,
                        size_t size);

/* Ends what pattern_find keeps in work->pattern_data. */
void pattern_end(struct text_work *work);

#endif
