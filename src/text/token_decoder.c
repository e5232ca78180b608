/* SPDX-License-Identifier: MIT
 *
 * token_decoder.c - the steps of a decoder; see token_decoder.h. How files spell them is in
 * token_decoder_read.c.
 */
#include "token_decoder.h"

#include "normalizer.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 64

static void free_step(struct decode_step *step)
{
    pattern_free(step->pattern);
    free(step->text);
    free(step->word);
}

void token_decoder_free(struct token_decoder *decoder)
{
    for (size_t i = 0; i < decoder->count; i++)
        free_step(&decoder->steps[i]);
    free(decoder->steps);
    memset(decoder, 0, sizeof(*decoder));
}

pum_status token_decoder_add(struct token_decoder *decoder, struct decode_step step,
                             struct fault *fault)
{
    pum_status status = PUM_OK;
    decoder->given = true;
    if (decoder->count == MAX_STEPS)
        status = fault_set(fault, PUM_E_LIMIT, "decoder: more than 64 steps");
    else if (!array_reserve((void **)&decoder->steps, &decoder->room, decoder->count + 1,
                            sizeof(step)))
        status = fault_set(fault, PUM_E_MEMORY, "decoder: out of memory");
    if (status == PUM_OK)
        decoder->steps[decoder->count++] = step;
    else
        free_step(&step);
    return status;
}

pum_status token_decoder_add_text(struct token_decoder *decoder, enum decode_kind kind,
                                  const char *text, bool cleanup, struct fault *fault)
{
    struct decode_step step = {
        .kind = kind, .text = strdup(text), .text_bytes = strlen(text), .cleanup = cleanup};
    if (step.text == NULL)
        return fault_set(fault, PUM_E_MEMORY, "decoder: out of memory");
    return token_decoder_add(decoder, step, fault);
}

/* --- lists of texts --------------------------------------------------------------------------- */

static pum_status append(struct text_list *list, const char *bytes, size_t size,
                         struct fault *fault)
{
    if (size > SIZE_MAX / 4 - list->byte_count ||
        !array_reserve((void **)&list->bytes, &list->byte_room, list->byte_count + size + 1, 1))
        return fault_set(fault, PUM_E_MEMORY, "out of memory while decoding tokens");
    if (size > 0)
        memcpy(list->bytes + list->byte_count, bytes, size);
    list->byte_count += size;
    return PUM_OK;
}

/* What has been appended since the last end becomes a text. */
static pum_status end_text(struct text_list *list, struct fault *fault)
{
    if (!array_reserve((void **)&list->ends, &list->room, list->count + 1, sizeof(*list->ends)))
        return fault_set(fault, PUM_E_MEMORY, "out of memory while decoding tokens");
    list->ends[list->count++] = list->byte_count;
    return PUM_OK;
}

pum_status text_list_add(struct text_list *list, const char *bytes, size_t size,
                         struct fault *fault)
{
    pum_status status = append(list, bytes, size, fault);
    return status == PUM_OK ? end_text(list, fault) : status;
}

void text_list_free(struct text_list *list)
{
    free(list->bytes);
    free(list->ends);
    memset(list, 0, sizeof(*list));
}

static const char *text_at(const struct text_list *list, size_t index, size_t *out_size)
{
    size_t begin = index == 0 ? 0 : list->ends[index - 1];
    *out_size = list->ends[index] - begin;
    return list->bytes == NULL ? "" : list->bytes + begin;
}

/* Bytes that are no UTF-8 become U+FFFD. */
static pum_status append_repaired(struct text_list *list, const char *bytes, size_t size,
                                  struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t at = 0, length; at < size && status == PUM_OK; at += length) {
        bool valid;
        char written[4];
        uint32_t c = utf8_read(bytes + at, size - at, &length, &valid);
        status = append(list, written, utf8_write(c, written), fault);
    }
    return status;
}

/* --- steps: each reads `in` and appends to `out` ---------------------------------------------- */

static pum_status byte_level(const struct text_list *in, struct text_list *out, struct fault *fault)
{
    struct text_list raw = {0};
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size, length, begin = raw.byte_count;
        const char *text = text_at(in, i, &size);
        bool letters = true;
        for (size_t at = 0; at < size && letters && status == PUM_OK; at += length) {
            int byte = letter_byte(utf8_next(text + at, &length));
            char one = (char)byte;
            letters = byte >= 0;
            if (letters)
                status = append(&raw, &one, 1, fault);
        }
        if (!letters) { /* a token of another kind stays as it is */
            raw.byte_count = begin;
            status = append(&raw, text, size, fault);
        }
    }
    if (status == PUM_OK)
        status = append_repaired(out, raw.bytes, raw.byte_count, fault);
    text_list_free(&raw);
    return status == PUM_OK ? end_text(out, fault) : status;
}

/* Replaces every occurrence; the text is the last of `list`, which has not ended yet. */
static pum_status replace_last(struct text_list *list, size_t begin, const char *from,
                               const char *to, struct fault *fault)
{
    size_t from_bytes = strlen(from), to_bytes = strlen(to);
    if (from_bytes == 0 || list->byte_count - begin < from_bytes ||
        memmem(list->bytes + begin, list->byte_count - begin, from, from_bytes) == NULL)
        return PUM_OK;
    struct text_list made = {0};
    pum_status status = PUM_OK;
    size_t at = begin;
    while (status == PUM_OK) {
        const char *hit = memmem(list->bytes + at, list->byte_count - at, from, from_bytes);
        size_t end = hit == NULL ? list->byte_count : (size_t)(hit - list->bytes);
        status = append(&made, list->bytes + at, end - at, fault);
        if (hit == NULL || status != PUM_OK)
            break;
        status = append(&made, to, to_bytes, fault);
        at = end + from_bytes;
    }
    list->byte_count = begin;
    if (status == PUM_OK)
        status = append(list, made.bytes, made.byte_count, fault);
    text_list_free(&made);
    return status;
}

/* English as it was before punctuation and contractions were cut off. */
static pum_status clean_up(struct text_list *list, size_t begin, struct fault *fault)
{
    static const char *const pairs[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    pum_status status = PUM_OK;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && status == PUM_OK; i++)
        status = replace_last(list, begin, pairs[i][0], pairs[i][1], fault);
    return status;
}

static pum_status word_piece(const struct decode_step *step, const struct text_list *in,
                             struct text_list *out, struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size, begin = out->byte_count;
        const char *text = text_at(in, i, &size);
        if (i > 0 && size >= step->text_bytes && memcmp(text, step->text, step->text_bytes) == 0) {
            text += step->text_bytes;
            size -= step->text_bytes;
        } else if (i > 0) {
            status = append(out, " ", 1, fault);
        }
        if (status == PUM_OK)
            status = append(out, text, size, fault);
        if (status == PUM_OK && step->cleanup)
            status = clean_up(out, begin, fault);
        if (status == PUM_OK)
            status = end_text(out, fault);
    }
    return status;
}

static pum_status metaspace(const struct decode_step *step, const struct text_list *in,
                            struct text_list *out, struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size, length;
        const char *text = text_at(in, i, &size);
        for (size_t at = 0; at < size && status == PUM_OK; at += length) {
            bool sign = utf8_next(text + at, &length) == step->character;
            if (!sign)
                status = append(out, text + at, length, fault);
            else if (i > 0 || step->prepend == METASPACE_NEVER)
                status = append(out, " ", 1, fault);
        }
        if (status == PUM_OK)
            status = end_text(out, fault);
    }
    return status;
}

static pum_status bpe(const struct decode_step *step, const struct text_list *in,
                      struct text_list *out, struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size, begin = out->byte_count;
        const char *text = text_at(in, i, &size);
        status = append(out, text, size, fault);
        if (status == PUM_OK)
            status = replace_last(out, begin, step->text, i + 1 == in->count ? "" : " ", fault);
        if (status == PUM_OK)
            status = end_text(out, fault);
    }
    return status;
}

/* The byte of <0x41>; -1: another token. */
static int fallback_byte(const char *text, size_t size)
{
    int value = 0;
    if (size != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    for (int i = 3; i < 5; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* A run of bytes: one text if it is UTF-8, else a U+FFFD for each byte. */
static pum_status flush_bytes(struct text_list *raw, struct text_list *out, struct fault *fault)
{
    bool valid = true;
    pum_status status = PUM_OK;
    if (raw->byte_count == 0)
        return PUM_OK;
    for (size_t at = 0, length; at < raw->byte_count && valid; at += length)
        (void)utf8_read(raw->bytes + at, raw->byte_count - at, &length, &valid);
    if (valid)
        status = text_list_add(out, raw->bytes, raw->byte_count, fault);
    for (size_t i = 0; i < raw->byte_count && !valid && status == PUM_OK; i++)
        status = text_list_add(out, "\xef\xbf\xbd", 3, fault);
    raw->byte_count = 0;
    return status;
}

static pum_status byte_fallback(const struct text_list *in, struct text_list *out,
                                struct fault *fault)
{
    struct text_list raw = {0};
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size;
        const char *text = text_at(in, i, &size);
        int byte = fallback_byte(text, size);
        char one = (char)byte;
        if (byte >= 0) {
            status = append(&raw, &one, 1, fault);
            continue;
        }
        status = flush_bytes(&raw, out, fault);
        if (status == PUM_OK)
            status = text_list_add(out, text, size, fault);
    }
    if (status == PUM_OK)
        status = flush_bytes(&raw, out, fault);
    text_list_free(&raw);
    return status;
}

static pum_status strip(const struct decode_step *step, const struct text_list *in,
                        struct text_list *out, struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t begin = 0, end, length;
        const char *text = text_at(in, i, &end);
        for (int64_t k = 0; k < step->left && begin < end; k++) {
            if (utf8_next(text + begin, &length) != step->character)
                break;
            begin += length;
        }
        for (int64_t k = 0; k < step->right && begin < end; k++) {
            size_t before = utf8_before(text, end);
            if (utf8_next(text + before, &length) != step->character)
                break;
            end = before;
        }
        status = text_list_add(out, text + begin, end - begin, fault);
    }
    return status;
}

static pum_status replace(const struct decode_step *step, const struct text_list *in,
                          struct text_list *out, struct fault *fault)
{
    struct text_work work = {.fault = fault};
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size;
        const char *text = text_at(in, i, &size);
        work.matches.count = 0;
        status = pattern_find(step->pattern, &work, text, size);
        for (size_t k = 0; k < work.matches.count && status == PUM_OK; k++) {
            struct text_match match = work.matches.items[k];
            status = match.hit ? append(out, step->text, step->text_bytes, fault)
                               : append(out, text + match.begin, match.end - match.begin, fault);
        }
        if (status == PUM_OK)
            status = end_text(out, fault);
    }
    pattern_end(&work);
    text_work_free(&work);
    return status;
}

/* Repeated tokens become one, the padding token nothing. */
static pum_status ctc(const struct decode_step *step, const struct text_list *in,
                      struct text_list *out, struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size, before_size = 0, begin = out->byte_count;
        const char *text = text_at(in, i, &size);
        const char *before = i == 0 ? NULL : text_at(in, i - 1, &before_size);
        if (before != NULL && size == before_size && memcmp(text, before, size) == 0)
            continue;
        status = append(out, text, size, fault);
        if (status == PUM_OK)
            status = replace_last(out, begin, step->text, "", fault);
        if (status == PUM_OK && step->cleanup)
            status = clean_up(out, begin, fault);
        if (status == PUM_OK && step->cleanup)
            status = replace_last(out, begin, step->word, " ", fault);
        if (status == PUM_OK && out->byte_count > begin)
            status = end_text(out, fault);
    }
    return status;
}

static pum_status join(const struct text_list *in, struct text_list *out, bool trim,
                       struct fault *fault)
{
    size_t begin = 0, end = in->byte_count, length;
    while (trim && begin < end && char_is_space(utf8_next(in->bytes + begin, &length)))
        begin += length;
    while (trim && begin < end) {
        size_t before = utf8_before(in->bytes, end);
        if (!char_is_space(utf8_next(in->bytes + before, &length)))
            break;
        end = before;
    }
    return text_list_add(out, in->bytes == NULL ? "" : in->bytes + begin, end - begin, fault);
}

static pum_status run_step(const struct decode_step *step, const struct text_list *in,
                           struct text_list *out, struct fault *fault)
{
    switch (step->kind) {
    case DECODE_BYTE_LEVEL:
        return byte_level(in, out, fault);
    case DECODE_WORD_PIECE:
        return word_piece(step, in, out, fault);
    case DECODE_METASPACE:
        return metaspace(step, in, out, fault);
    case DECODE_BPE:
        return bpe(step, in, out, fault);
    case DECODE_BYTE_FALLBACK:
        return byte_fallback(in, out, fault);
    case DECODE_STRIP:
        return strip(step, in, out, fault);
    case DECODE_REPLACE:
        return replace(step, in, out, fault);
    case DECODE_CTC:
        return ctc(step, in, out, fault);
    default:
        return join(in, out, step->kind == DECODE_TRIM, fault);
    }
}

/* Without a decoder, blanks come between tokens. */
static pum_status join_with_blanks(const struct text_list *in, struct text_list *out,
                                   struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < in->count && status == PUM_OK; i++) {
        size_t size;
        const char *text = text_at(in, i, &size);
        if (i > 0)
            status = append(out, " ", 1, fault);
        if (status == PUM_OK)
            status = append(out, text, size, fault);
    }
    return status == PUM_OK ? end_text(out, fault) : status;
}

pum_status token_decoder_run(const struct token_decoder *decoder, struct text_list *list,
                             char **out_text, size_t *out_bytes, struct fault *fault)
{
    struct text_list next = {0};
    pum_status status = PUM_OK;
    *out_text = NULL;
    *out_bytes = 0;
    for (size_t i = 0; i < decoder->count && status == PUM_OK; i++) {
        struct text_list old = *list;
        next.byte_count = next.count = 0;
        status = run_step(&decoder->steps[i], list, &next, fault);
        *list = next;
        next = old;
    }
    if (!decoder->given && status == PUM_OK) {
        next.byte_count = next.count = 0;
        status = join_with_blanks(list, &next, fault);
        struct text_list old = *list;
        *list = next;
        next = old;
    }
    if (status == PUM_OK)
        status = append(list, "", 0, fault); /* room for the NUL */
    if (status == PUM_OK) {
        list->bytes[list->byte_count] = '\0';
        *out_bytes = list->byte_count;
        *out_text = list->bytes;
        list->bytes = NULL;
        list->byte_count = list->byte_room = 0;
    }
    text_list_free(&next);
    return status;
}
