/* SPDX-License-Identifier: MIT
 *
 * pre_tokenizer.c - the steps of a pre-tokenizer; see pre_tokenizer.h. How files spell them is in
 * pre_tokenizer_read.c.
 */
#include "pre_tokenizer.h"

#include "normalizer.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 64

/* GPT-2's words: contractions, then letters, numbers and other signs, each with the blank before
 * it; a run of white space leaves its last blank to the word that follows. */
static const char byte_level_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

void pre_tokenizer_free(struct pre_tokenizer *pre)
{
    for (size_t i = 0; i < pre->count; i++)
        pattern_free(pre->steps[i].pattern);
    free(pre->steps);
    memset(pre, 0, sizeof(*pre));
}

pum_status pre_tokenizer_add(struct pre_tokenizer *pre, struct cut_step step, struct fault *fault)
{
    pum_status status = PUM_OK;
    if (pre->count == MAX_STEPS)
        status = fault_set(fault, PUM_E_LIMIT, "pre_tokenizer: more than 64 steps");
    else if (!array_reserve((void **)&pre->steps, &pre->room, pre->count + 1, sizeof(step)))
        status = fault_set(fault, PUM_E_MEMORY, "pre_tokenizer: out of memory");
    if (status == PUM_OK)
        pre->steps[pre->count++] = step;
    else
        pattern_free(step.pattern);
    return status;
}

pum_status pre_tokenizer_add_byte_level(struct pre_tokenizer *pre, bool prefix_space, bool pattern,
                                        struct fault *fault)
{
    struct cut_step step = {
        .kind = CUT_BYTE_LEVEL, .prefix_space = prefix_space, .behavior = SPLIT_ISOLATED};
    pum_status status = PUM_OK;
    if (pattern)
        status = pattern_compile(byte_level_pattern, strlen(byte_level_pattern), true,
                                 "pre_tokenizer", &step.pattern, fault);
    return status == PUM_OK ? pre_tokenizer_add(pre, step, fault) : status;
}

pum_status pre_tokenizer_add_bert(struct pre_tokenizer *pre, struct fault *fault)
{
    struct cut_step spaces = {.kind = CUT_CLASS, .class = char_is_space, .behavior = SPLIT_REMOVED};
    struct cut_step signs = {
        .kind = CUT_CLASS, .class = char_is_punctuation, .behavior = SPLIT_ISOLATED};
    pum_status status = pre_tokenizer_add(pre, spaces, fault);
    return status == PUM_OK ? pre_tokenizer_add(pre, signs, fault) : status;
}

/* --- cutting ---------------------------------------------------------------------------------- */

static bool hits(const struct cut_step *step, uint32_t c)
{
    return step->kind == CUT_CLASS ? step->class(c) : c == step->character;
}

/* Each character that hits is a match of its own. */
static pum_status cut_characters(struct text_work *work, const struct text_piece *piece,
                                 const struct cut_step *step)
{
    const char *bytes = work->now.bytes + piece->begin;
    size_t size = piece->end - piece->begin, before = 0;
    pum_status status = PUM_OK;
    for (size_t at = 0, length; at < size && status == PUM_OK; at += length) {
        if (!hits(step, utf8_next(bytes + at, &length)))
            continue;
        if (before < at)
            status = text_add_match(work, (uint32_t)before, (uint32_t)at, false);
        if (status == PUM_OK)
            status = text_add_match(work, (uint32_t)at, (uint32_t)(at + length), true);
        before = at + length;
    }
    if (status == PUM_OK && before < size)
        status = text_add_match(work, (uint32_t)before, (uint32_t)size, false);
    return status;
}

/* Runs of word characters and of what is neither word nor space; spaces are what "hits". */
static pum_status cut_words(struct text_work *work, const struct text_piece *piece)
{
    const char *bytes = work->now.bytes + piece->begin;
    size_t size = piece->end - piece->begin, before = 0;
    pum_status status = PUM_OK;
    int run = -1;
    for (size_t at = 0, length; at < size && status == PUM_OK; at += length) {
        uint32_t c = utf8_next(bytes + at, &length);
        int kind = char_is_word(c) ? 0 : char_is_space(c) ? 2 : 1;
        if (kind != run && at > 0) {
            status = text_add_match(work, (uint32_t)before, (uint32_t)at, run == 2);
            before = at;
        }
        run = kind;
    }
    return status == PUM_OK && before < size
               ? text_add_match(work, (uint32_t)before, (uint32_t)size, run == 2)
               : status;
}

static pum_status cut_fixed(struct text_work *work, const struct text_piece *piece, int64_t count)
{
    const char *bytes = work->now.bytes + piece->begin;
    size_t size = piece->end - piece->begin, before = 0;
    pum_status status = PUM_OK;
    int64_t characters = 0;
    for (size_t at = 0, length; at < size && status == PUM_OK; at += length) {
        (void)utf8_next(bytes + at, &length);
        if (++characters % count == 0) {
            status = text_add_match(work, (uint32_t)before, (uint32_t)(at + length), false);
            before = at + length;
        }
    }
    return status == PUM_OK && before < size
               ? text_add_match(work, (uint32_t)before, (uint32_t)size, false)
               : status;
}

static pum_status cut_step(struct text_work *work, const struct text_piece *piece, const void *user)
{
    const struct cut_step *step = user;
    switch (step->kind) {
    case CUT_PATTERN:
    case CUT_BYTE_LEVEL:
        return pattern_find(step->pattern, work, work->now.bytes + piece->begin,
                            piece->end - piece->begin);
    case CUT_WORDS:
        return cut_words(work, piece);
    case CUT_FIXED_LENGTH:
        return cut_fixed(work, piece, step->length);
    default:
        return cut_characters(work, piece, step);
    }
}

/* --- rewriting -------------------------------------------------------------------------------- */

/* A blank before a piece that begins with none. */
static pum_status add_blank(struct text_work *work, const struct text_piece *piece,
                            const void *user)
{
    (void)user;
    pum_status status = PUM_OK;
    if (piece->begin < piece->end && work->now.bytes[piece->begin] != ' ')
        status = text_put(work, " ", 1, work->now.origins[piece->begin]);
    return status == PUM_OK ? text_copy(work, piece->begin, piece->end) : status;
}

static pum_status put_letters(struct text_work *work, const struct text_piece *piece,
                              const void *user)
{
    (void)user;
    pum_status status = PUM_OK;
    for (size_t at = piece->begin; at < piece->end && status == PUM_OK; at++)
        status = text_put_char(work, byte_letter((unsigned char)work->now.bytes[at]),
                               work->now.origins[at]);
    return status;
}

/* Blanks to the sign, and one before the text where that is wanted. */
static pum_status put_metaspace(struct text_work *work, const struct text_piece *piece,
                                const void *user)
{
    const struct cut_step *step = user;
    char sign[4];
    size_t length = utf8_write(step->character, sign), size = piece->end - piece->begin;
    const char *bytes = work->now.bytes + piece->begin;
    bool begins =
        size > 0 && (bytes[0] == ' ' || (size >= length && memcmp(bytes, sign, length) == 0));
    bool wanted = step->prepend == METASPACE_ALWAYS ||
                  (step->prepend == METASPACE_FIRST && piece->origin == 0);
    pum_status status = PUM_OK;
    if (wanted && !begins && size > 0)
        status = text_put(work, sign, length, work->now.origins[piece->begin]);
    for (size_t at = piece->begin; at < piece->end && status == PUM_OK; at++)
        status = work->now.bytes[at] == ' ' ? text_put(work, sign, length, work->now.origins[at])
                                            : text_copy(work, at, at + 1);
    return status;
}

static pum_status run_step(const struct cut_step *step, struct text_work *work)
{
    pum_status status = PUM_OK;
    if (step->kind == CUT_BYTE_LEVEL) {
        if (step->prefix_space)
            status = text_rewrite(work, add_blank, NULL);
        if (status == PUM_OK && step->pattern != NULL)
            status = text_split(work, cut_step, step, step->behavior, false);
        return status == PUM_OK ? text_rewrite(work, put_letters, NULL) : status;
    }
    if (step->kind == CUT_METASPACE) {
        status = text_rewrite(work, put_metaspace, step);
        if (status != PUM_OK || !step->cut)
            return status;
    }
    return text_split(work, cut_step, step, step->behavior, step->invert);
}

pum_status pre_tokenizer_run(const struct pre_tokenizer *pre, struct text_work *work)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < pre->count && status == PUM_OK; i++)
        status = run_step(&pre->steps[i], work);
    return status;
}
