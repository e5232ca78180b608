/* SPDX-License-Identifier: MIT
 *
 * token_model_read.c - how tokenizer.json spells a model; see token_model.h. Older files leave out
 * "type"; the fields tell.
 */
#include "token_model.h"

#include <stdlib.h>
#include <string.h>

#define WHERE "model"

static pum_status read_word_piece(struct token_model *model, const json_t *json,
                                  struct fault *fault)
{
    struct json_text unknown, prefix;
    pum_status status =
        token_model_read_vocab(model, json_object_get(json, "vocab"), WHERE ".vocab", fault);
    if (status == PUM_OK)
        status = field_text(json, WHERE, "unk_token", "[UNK]", &unknown, fault);
    if (status == PUM_OK)
        status = field_text(json, WHERE, "continuing_subword_prefix", "##", &prefix, fault);
    if (status == PUM_OK)
        status =
            field_int(json, WHERE, "max_input_chars_per_word", 100, &model->max_characters, fault);
    return status == PUM_OK ? token_model_set(model, unknown.bytes, prefix.bytes, "", fault)
                            : status;
}

static pum_status read_word_level(struct token_model *model, const json_t *json,
                                  struct fault *fault)
{
    struct json_text unknown;
    pum_status status =
        token_model_read_vocab(model, json_object_get(json, "vocab"), WHERE ".vocab", fault);
    if (status == PUM_OK)
        status = field_text(json, WHERE, "unk_token", "<unk>", &unknown, fault);
    return status == PUM_OK ? token_model_set(model, unknown.bytes, "", "", fault) : status;
}

static struct json_text text_of(const json_t *string)
{
    return (struct json_text){json_string_value(string), json_string_length(string)};
}

/* A merge is "left right" or ["left", "right"]. */
static pum_status read_merge(struct token_model *model, const json_t *json, struct fault *fault)
{
    struct json_text left, right;
    if (json_is_string(json)) {
        left = text_of(json);
        if (strncmp(left.bytes, "#version", 8) == 0)
            return PUM_OK;
        const char *blank = memchr(left.bytes, ' ', left.size);
        if (blank == NULL)
            return fault_set(fault, PUM_E_FORMAT, WHERE ".merges: '%.100s' is no pair", left.bytes);
        right.bytes = blank + 1;
        right.size = left.size - (size_t)(right.bytes - left.bytes);
        left.size = (size_t)(blank - left.bytes);
        if (memchr(right.bytes, ' ', right.size) != NULL)
            return fault_set(fault, PUM_E_FORMAT, WHERE ".merges: '%.100s' is no pair", left.bytes);
    } else if (json_array_size(json) == 2 && json_is_string(json_array_get(json, 0)) &&
               json_is_string(json_array_get(json, 1))) {
        left = text_of(json_array_get(json, 0));
        right = text_of(json_array_get(json, 1));
    } else {
        return fault_set(fault, PUM_E_FORMAT, WHERE ".merges holds something that is no pair");
    }
    return token_model_add_merge(model, left, right, WHERE ".merges", fault);
}

static pum_status read_bpe(struct token_model *model, const json_t *json, struct fault *fault)
{
    struct json_text unknown, prefix, suffix;
    pum_status status =
        token_model_read_vocab(model, json_object_get(json, "vocab"), WHERE ".vocab", fault);
    if (status == PUM_OK)
        status = field_text(json, WHERE, "unk_token", NULL, &unknown, fault);
    if (status == PUM_OK)
        status = field_text(json, WHERE, "continuing_subword_prefix", "", &prefix, fault);
    if (status == PUM_OK)
        status = field_text(json, WHERE, "end_of_word_suffix", "", &suffix, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "fuse_unk", false, &model->fuse_unknown, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "byte_fallback", false, &model->byte_fallback, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "ignore_merges", false, &model->ignore_merges, fault);
    if (status == PUM_OK)
        status = token_model_set(model, unknown.bytes, prefix.bytes, suffix.bytes, fault);
    const json_t *merges = json_object_get(json, "merges");
    if (status == PUM_OK && !json_is_array(merges))
        status = fault_set(fault, PUM_E_FORMAT, WHERE ".merges is no list");
    for (size_t i = 0; status == PUM_OK && i < json_array_size(merges); i++)
        status = read_merge(model, json_array_get(merges, i), fault);
    return status;
}

static bool find_kind(const json_t *json, enum model_kind *out_kind)
{
    static const char *const names[] = {"WordPiece", "BPE", "Unigram", "WordLevel"};
    const char *type = component_type(json);
    for (size_t i = 0; type != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(type, names[i]) == 0) {
            *out_kind = (enum model_kind)i;
            return true;
        }
    if (type == NULL || type[0] != '\0')
        return false;
    *out_kind = json_object_get(json, "merges") != NULL                     ? MODEL_BPE
                : json_object_get(json, "max_input_chars_per_word") != NULL ? MODEL_WORD_PIECE
                : json_is_array(json_object_get(json, "vocab"))             ? MODEL_UNIGRAM
                                                                            : MODEL_WORD_LEVEL;
    return true;
}

pum_status token_model_read(struct token_model *model, const json_t *json, struct fault *fault)
{
    if (!json_is_object(json))
        return fault_set(fault, PUM_E_FORMAT, WHERE " is missing: this is no tokenizer.json");
    if (!find_kind(json, &model->kind)) {
        const char *type = component_type(json);
        return fault_set(fault, PUM_E_UNSUPPORTED, WHERE ": '%.100s' is not known here",
                         type == NULL ? "(no text)" : type);
    }
    switch (model->kind) {
    case MODEL_WORD_PIECE:
        return read_word_piece(model, json, fault);
    case MODEL_BPE:
        return read_bpe(model, json, fault);
    case MODEL_UNIGRAM:
        return unigram_read(model, json, fault);
    default:
        return read_word_level(model, json, fault);
    }
}
