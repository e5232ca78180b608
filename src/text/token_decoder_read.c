/* SPDX-License-Identifier: MIT
 *
 * token_decoder_read.c - how tokenizer.json spells the steps of a decoder; see token_decoder.h.
 */
#include "json_read.h"
#include "token_decoder.h"

#include <stdlib.h>
#include <string.h>

#define WHERE "decoder"
#define MAX_NESTING 8

/* A step whose one text has a default. */
static pum_status read_text(struct token_decoder *decoder, const json_t *json,
                            enum decode_kind kind, const char *key, const char *otherwise,
                            struct fault *fault)
{
    struct json_text text;
    bool cleanup;
    pum_status status = field_text(json, WHERE, key, otherwise, &text, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "cleanup", true, &cleanup, fault);
    return status == PUM_OK ? token_decoder_add_text(decoder, kind, text.bytes, cleanup, fault)
                            : status;
}

static pum_status read_ctc(struct token_decoder *decoder, const json_t *json, struct fault *fault)
{
    struct json_text word;
    pum_status status = field_text(json, WHERE, "word_delimiter_token", "|", &word, fault);
    if (status == PUM_OK)
        status = read_text(decoder, json, DECODE_CTC, "pad_token", "<pad>", fault);
    if (status != PUM_OK)
        return status;
    struct decode_step *step = &decoder->steps[decoder->count - 1];
    step->word = strdup(word.bytes);
    return step->word == NULL ? fault_set(fault, PUM_E_MEMORY, WHERE ": out of memory") : PUM_OK;
}

static pum_status read_metaspace(struct token_decoder *decoder, const json_t *json,
                                 struct fault *fault)
{
    struct decode_step step = {.kind = DECODE_METASPACE};
    pum_status status = metaspace_read(json, WHERE, &step.character, &step.prepend, fault);
    return status == PUM_OK ? token_decoder_add(decoder, step, fault) : status;
}

static pum_status read_strip(struct token_decoder *decoder, const json_t *json, struct fault *fault)
{
    struct decode_step step = {.kind = DECODE_STRIP};
    struct json_text text;
    size_t length = 0;
    pum_status status = field_text(json, WHERE, "content", "", &text, fault);
    if (status == PUM_OK)
        status = field_int(json, WHERE, "start", 0, &step.left, fault);
    if (status == PUM_OK)
        status = field_int(json, WHERE, "stop", 0, &step.right, fault);
    if (status != PUM_OK)
        return status;
    if (text.size > 0)
        step.character = utf8_next(text.bytes, &length);
    if (text.size == 0 || length != text.size)
        return fault_set(fault, PUM_E_FORMAT, WHERE ".content is not one character");
    return token_decoder_add(decoder, step, fault);
}

static pum_status read_replace(struct token_decoder *decoder, const json_t *json,
                               struct fault *fault)
{
    struct decode_step step = {.kind = DECODE_REPLACE};
    struct json_text text;
    pum_status status = field_text(json, WHERE, "content", "", &text, fault);
    if (status == PUM_OK)
        status = pattern_read(json, WHERE, &step.pattern, fault);
    if (status != PUM_OK)
        return status;
    step.text = json_text_copy(text);
    step.text_bytes = text.size;
    if (step.text == NULL) {
        pattern_free(step.pattern);
        return fault_set(fault, PUM_E_MEMORY, WHERE ": out of memory");
    }
    return token_decoder_add(decoder, step, fault);
}

static pum_status read_one(struct token_decoder *decoder, const json_t *json, const char *type,
                           struct fault *fault)
{
    if (strcmp(type, "ByteLevel") == 0)
        return token_decoder_add(decoder, (struct decode_step){.kind = DECODE_BYTE_LEVEL}, fault);
    if (strcmp(type, "WordPiece") == 0)
        return read_text(decoder, json, DECODE_WORD_PIECE, "prefix", "##", fault);
    if (strcmp(type, "BPEDecoder") == 0)
        return read_text(decoder, json, DECODE_BPE, "suffix", "</w>", fault);
    if (strcmp(type, "ByteFallback") == 0)
        return token_decoder_add(decoder, (struct decode_step){.kind = DECODE_BYTE_FALLBACK},
                                 fault);
    if (strcmp(type, "Fuse") == 0)
        return token_decoder_add(decoder, (struct decode_step){.kind = DECODE_FUSE}, fault);
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(decoder, json, fault);
    if (strcmp(type, "Strip") == 0)
        return read_strip(decoder, json, fault);
    if (strcmp(type, "Replace") == 0)
        return read_replace(decoder, json, fault);
    if (strcmp(type, "CTC") == 0)
        return read_ctc(decoder, json, fault);
    return fault_set(fault, PUM_E_UNSUPPORTED, WHERE ": '%.100s' is not known here", type);
}

static pum_status read_nested(struct token_decoder *decoder, const json_t *json, int depth,
                              struct fault *fault)
{
    const char *type = component_type(json);
    if (!json_is_object(json) || type == NULL || type[0] == '\0')
        return fault_set(fault, PUM_E_FORMAT, WHERE ": a component has no \"type\"");
    if (strcmp(type, "Sequence") != 0)
        return read_one(decoder, json, type, fault);
    const json_t *list = json_object_get(json, "decoders");
    if (!json_is_array(list) || depth == MAX_NESTING)
        return fault_set(fault, PUM_E_FORMAT,
                         WHERE ": a Sequence has no list, or they nest too deeply");
    pum_status status = PUM_OK;
    decoder->given = true;
    for (size_t i = 0; i < json_array_size(list) && status == PUM_OK; i++)
        status = read_nested(decoder, json_array_get(list, i), depth + 1, fault);
    return status;
}

pum_status token_decoder_read(struct token_decoder *decoder, const json_t *json,
                              struct fault *fault)
{
    if (json == NULL || json_is_null(json))
        return PUM_OK;
    return read_nested(decoder, json, 0, fault);
}
