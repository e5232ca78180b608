/* SPDX-License-Identifier: MIT
 *
 * normalizer.c - the steps of a normalizer, and how files spell them; see normalizer.h.
 */
#include "normalizer.h"

#include "char_class.h"
#include "json_read.h"
#include "unicode_form.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 64
#define MAX_NESTING 8

static void free_step(struct normal_step *step)
{
    pattern_free(step->pattern);
    charsmap_free(step->charsmap);
    free(step->text);
}

void normalizer_free(struct normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++)
        free_step(&normalizer->steps[i]);
    free(normalizer->steps);
    memset(normalizer, 0, sizeof(*normalizer));
}

pum_status normalizer_add(struct normalizer *normalizer, struct normal_step step,
                          struct fault *fault)
{
    pum_status status = PUM_OK;
    if (normalizer->count == MAX_STEPS)
        status = fault_set(fault, PUM_E_LIMIT, "normalizer: more than 64 steps");
    else if (!array_reserve((void **)&normalizer->steps, &normalizer->room, normalizer->count + 1,
                            sizeof(step)))
        status = fault_set(fault, PUM_E_MEMORY, "normalizer: out of memory");
    if (status != PUM_OK) {
        free_step(&step);
        return status;
    }
    normalizer->steps[normalizer->count++] = step;
    return PUM_OK;
}

pum_status normalizer_add_bert(struct normalizer *normalizer, bool clean, bool chinese,
                               int strip_accents, bool lower_case, struct fault *fault)
{
    pum_status status = PUM_OK;
    if (clean)
        status = normalizer_add(normalizer, (struct normal_step){.kind = NORMAL_BERT_CLEAN}, fault);
    if (status == PUM_OK && chinese)
        status =
            normalizer_add(normalizer, (struct normal_step){.kind = NORMAL_BERT_CHINESE}, fault);
    if (status == PUM_OK && (strip_accents < 0 ? lower_case : strip_accents > 0)) {
        status = normalizer_add(normalizer, (struct normal_step){.kind = NORMAL_FORM}, fault);
        if (status == PUM_OK)
            status = normalizer_add(
                normalizer,
                (struct normal_step){.kind = NORMAL_DROP, .drop = char_is_nonspacing_mark}, fault);
    }
    if (status == PUM_OK && lower_case)
        status = normalizer_add(normalizer, (struct normal_step){.kind = NORMAL_LOWER}, fault);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

static pum_status read_bert(struct normalizer *normalizer, const json_t *json, struct fault *fault)
{
    bool clean, chinese, strip, lower;
    pum_status status = field_bool(json, "normalizer", "clean_text", true, &clean, fault);
    if (status == PUM_OK)
        status = field_bool(json, "normalizer", "handle_chinese_chars", true, &chinese, fault);
    if (status == PUM_OK)
        status = field_bool(json, "normalizer", "lowercase", true, &lower, fault);
    if (status == PUM_OK)
        status = field_bool(json, "normalizer", "strip_accents", lower, &strip, fault);
    if (status == PUM_OK)
        status = normalizer_add_bert(normalizer, clean, chinese, strip, lower, fault);
    return status;
}

static pum_status read_strip(struct normalizer *normalizer, const json_t *json, struct fault *fault)
{
    struct normal_step step = {.kind = NORMAL_STRIP};
    pum_status status = field_bool(json, "normalizer", "strip_left", true, &step.left, fault);
    if (status == PUM_OK)
        status = field_bool(json, "normalizer", "strip_right", true, &step.right, fault);
    return status == PUM_OK ? normalizer_add(normalizer, step, fault) : status;
}

/* A text of a step: what is put in or before. */
static pum_status read_text(struct normal_step *step, const json_t *json, const char *key,
                            struct fault *fault)
{
    struct json_text text;
    pum_status status = field_text(json, "normalizer", key, "", &text, fault);
    if (status != PUM_OK)
        return status;
    step->text = json_text_copy(text);
    step->text_bytes = text.size;
    return step->text == NULL ? fault_set(fault, PUM_E_MEMORY, "normalizer: out of memory")
                              : PUM_OK;
}

static pum_status read_replace(struct normalizer *normalizer, const json_t *json,
                               struct fault *fault)
{
    struct normal_step step = {.kind = NORMAL_REPLACE};
    pum_status status = pattern_read(json, "normalizer", &step.pattern, fault);
    if (status == PUM_OK)
        status = read_text(&step, json, "content", fault);
    if (status == PUM_OK)
        return normalizer_add(normalizer, step, fault);
    free_step(&step);
    return status;
}

static pum_status read_prepend(struct normalizer *normalizer, const json_t *json,
                               struct fault *fault)
{
    struct normal_step step = {.kind = NORMAL_PREPEND};
    pum_status status = read_text(&step, json, "prepend", fault);
    return status == PUM_OK ? normalizer_add(normalizer, step, fault) : status;
}

static pum_status read_charsmap(struct normalizer *normalizer, const json_t *json,
                                struct fault *fault)
{
    struct normal_step step = {.kind = NORMAL_CHARSMAP};
    struct json_text text;
    pum_status status = field_text(json, "normalizer", "precompiled_charsmap", "", &text, fault);
    if (status == PUM_OK)
        status = charsmap_read(text.bytes, text.size, &step.charsmap, fault);
    return status == PUM_OK ? normalizer_add(normalizer, step, fault) : status;
}

/* Components without fields. */
static const struct {
    const char *name;
    struct normal_step step;
} simple_steps[] = {
    {"NFC", {.kind = NORMAL_FORM, .compose = true}},
    {"NFD", {.kind = NORMAL_FORM}},
    {"NFKC", {.kind = NORMAL_FORM, .compose = true, .compatible = true}},
    {"NFKD", {.kind = NORMAL_FORM, .compatible = true}},
    {"Lowercase", {.kind = NORMAL_LOWER}},
    {"StripAccents", {.kind = NORMAL_DROP, .drop = char_is_mark}},
    {"Nmt", {.kind = NORMAL_NMT}},
    {"ByteLevel", {.kind = NORMAL_BYTE_LEVEL}},
};

static const struct {
    const char *name;
    pum_status (*read)(struct normalizer *normalizer, const json_t *json, struct fault *fault);
} read_steps[] = {
    {"BertNormalizer", read_bert}, {"Bert", read_bert},       {"Strip", read_strip},
    {"Replace", read_replace},     {"Prepend", read_prepend}, {"Precompiled", read_charsmap},
};

static pum_status read_nested(struct normalizer *normalizer, const json_t *json, int depth,
                              struct fault *fault)
{
    const char *type = component_type(json);
    if (!json_is_object(json) || type == NULL || type[0] == '\0')
        return fault_set(fault, PUM_E_FORMAT, "normalizer: a component has no \"type\"");
    if (strcmp(type, "Sequence") == 0) {
        const json_t *list = json_object_get(json, "normalizers");
        if (!json_is_array(list) || depth == MAX_NESTING)
            return fault_set(fault, PUM_E_FORMAT,
                             "normalizer: a Sequence has no list, or they nest too deeply");
        pum_status status = PUM_OK;
        for (size_t i = 0; i < json_array_size(list) && status == PUM_OK; i++)
            status = read_nested(normalizer, json_array_get(list, i), depth + 1, fault);
        return status;
    }
    for (size_t i = 0; i < sizeof(simple_steps) / sizeof(simple_steps[0]); i++)
        if (strcmp(type, simple_steps[i].name) == 0)
            return normalizer_add(normalizer, simple_steps[i].step, fault);
    for (size_t i = 0; i < sizeof(read_steps) / sizeof(read_steps[0]); i++)
        if (strcmp(type, read_steps[i].name) == 0)
            return read_steps[i].read(normalizer, json, fault);
    return fault_set(fault, PUM_E_UNSUPPORTED, "normalizer: '%.100s' is not known here", type);
}

pum_status normalizer_read(struct normalizer *normalizer, const json_t *json, struct fault *fault)
{
    if (json == NULL || json_is_null(json))
        return PUM_OK;
    return read_nested(normalizer, json, 0, fault);
}

/* --- running ---------------------------------------------------------------------------------- */

/* Steps that look at one character after the other. */
static uint32_t nmt_char(uint32_t c)
{
    if ((c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
        c == 0x9f)
        return 0; /* away */
    if (c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
        (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff ||
        c == 0xfffd)
        return ' ';
    return c;
}

static pum_status put_lower(struct text_work *work, uint32_t c, struct origin from)
{
    uint32_t lower[2];
    int count = char_lower(c, lower);
    pum_status status = text_put_char(work, lower[0], from);
    return status == PUM_OK && count == 2 ? text_put_char(work, lower[1], from) : status;
}

static pum_status put_chinese(struct text_work *work, uint32_t c, struct origin from)
{
    if (!char_is_bert_chinese(c))
        return text_put_char(work, c, from);
    char bytes[6] = " ";
    size_t length = utf8_write(c, bytes + 1);
    bytes[length + 1] = ' ';
    return text_put(work, bytes, length + 2, from);
}

static pum_status put_clean(struct text_work *work, uint32_t c, struct origin from)
{
    if (char_is_bert_control(c))
        return PUM_OK;
    return text_put_char(work, char_is_space(c) ? ' ' : c, from);
}

static pum_status put_bytes(struct text_work *work, const char *bytes, size_t length,
                            struct origin from)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < length && status == PUM_OK; i++)
        status = text_put_char(work, byte_letter((unsigned char)bytes[i]), from);
    return status;
}

static pum_status each_char(struct text_work *work, const struct text_piece *piece,
                            const struct normal_step *step)
{
    pum_status status = PUM_OK;
    for (size_t at = piece->begin, length; at < piece->end && status == PUM_OK; at += length) {
        uint32_t c = utf8_next(work->now.bytes + at, &length);
        struct origin from = work->now.origins[at];
        switch (step->kind) {
        case NORMAL_BERT_CLEAN:
            status = put_clean(work, c, from);
            break;
        case NORMAL_BERT_CHINESE:
            status = put_chinese(work, c, from);
            break;
        case NORMAL_LOWER:
            status = put_lower(work, c, from);
            break;
        case NORMAL_BYTE_LEVEL:
            status = put_bytes(work, work->now.bytes + at, length, from);
            break;
        case NORMAL_NMT:
            if (c == 0 || nmt_char(c) != 0)
                status = text_put_char(work, nmt_char(c), from);
            break;
        default:
            if (!step->drop(c))
                status = text_put_char(work, c, from);
            break;
        }
    }
    return status;
}

static pum_status strip(struct text_work *work, const struct text_piece *piece,
                        const struct normal_step *step)
{
    size_t begin = piece->begin, end = piece->end, length;
    while (step->left && begin < end && char_is_space(utf8_next(work->now.bytes + begin, &length)))
        begin += length;
    while (step->right && begin < end) {
        size_t before = utf8_before(work->now.bytes, end);
        if (!char_is_space(utf8_next(work->now.bytes + before, &length)))
            break;
        end = before;
    }
    return text_copy(work, begin, end);
}

static pum_status replace(struct text_work *work, const struct text_piece *piece,
                          const struct normal_step *step)
{
    work->matches.count = 0;
    pum_status status = pattern_find(step->pattern, work, work->now.bytes + piece->begin,
                                     piece->end - piece->begin);
    for (size_t i = 0; i < work->matches.count && status == PUM_OK; i++) {
        struct text_match match = work->matches.items[i];
        size_t end = piece->begin + match.end;
        status = match.hit
                     ? text_put(work, step->text, step->text_bytes, work->now.origins[end - 1])
                     : text_copy(work, piece->begin + match.begin, end);
    }
    return status;
}

static pum_status prepend(struct text_work *work, const struct text_piece *piece,
                          const struct normal_step *step)
{
    if (piece->begin == piece->end)
        return PUM_OK;
    pum_status status =
        text_put(work, step->text, step->text_bytes, work->now.origins[piece->begin]);
    return status == PUM_OK ? text_copy(work, piece->begin, piece->end) : status;
}

static pum_status run_step(struct text_work *work, const struct text_piece *piece, const void *user)
{
    const struct normal_step *step = user;
    switch (step->kind) {
    case NORMAL_FORM:
        return unicode_form(work, piece, step->compose, step->compatible);
    case NORMAL_STRIP:
        return strip(work, piece, step);
    case NORMAL_REPLACE:
        return replace(work, piece, step);
    case NORMAL_CHARSMAP:
        return charsmap_run(work, piece, step->charsmap);
    case NORMAL_PREPEND:
        return prepend(work, piece, step);
    default:
        return each_char(work, piece, step);
    }
}

pum_status normalizer_run(const struct normalizer *normalizer, struct text_work *work)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < normalizer->count && status == PUM_OK; i++)
        status = text_rewrite(work, run_step, &normalizer->steps[i]);
    return status;
}

/* --- GPT-2's letters for bytes ---------------------------------------------------------------- */

static bool shows_itself(uint32_t byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) ||
           (byte >= 0xae && byte <= 0xff);
}

/* Bytes that cannot be printed get the letters from U+0100 on: 0 to 0x20, 0x7f to 0xa0, 0xad. */
uint32_t byte_letter(unsigned char byte)
{
    if (shows_itself(byte))
        return byte;
    if (byte <= 0x20)
        return 0x100u + byte;
    return byte == 0xad ? 0x143u : 0x121u + byte - 0x7fu;
}

int letter_byte(uint32_t letter)
{
    if (letter <= 0xff)
        return shows_itself(letter) ? (int)letter : -1;
    if (letter <= 0x120)
        return (int)(letter - 0x100);
    if (letter <= 0x142)
        return (int)(letter - 0x121 + 0x7f);
    return letter == 0x143 ? 0xad : -1;
}
