/* SPDX-License-Identifier: MIT
 *
 * pre_tokenizer_read.c - how tokenizer.json spells the steps of a pre-tokenizer; see
 * pre_tokenizer.h.
 */
#include "json_read.h"
#include "pre_tokenizer.h"

#include <string.h>

#define MAX_NESTING 8
#define WHERE "pre_tokenizer"

static pum_status read_behavior(const json_t *json, const char *otherwise,
                                enum split_behavior *out_behavior, struct fault *fault)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    struct json_text text;
    pum_status status = field_text(json, WHERE, "behavior", otherwise, &text, fault);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && status == PUM_OK; i++)
        if (strcmp(text.bytes, names[i]) == 0) {
            *out_behavior = (enum split_behavior)i;
            return PUM_OK;
        }
    return fault_set(fault, PUM_E_UNSUPPORTED, WHERE ".behavior: '%.100s' is not known here",
                     status == PUM_OK ? text.bytes : "");
}

static pum_status read_character(const json_t *json, const char *where, const char *key,
                                 uint32_t *out_character, struct fault *fault)
{
    struct json_text text;
    size_t length = 0;
    pum_status status = field_text(json, where, key, "", &text, fault);
    if (status == PUM_OK && text.size > 0)
        *out_character = utf8_next(text.bytes, &length);
    if (status == PUM_OK && (text.size == 0 || length != text.size))
        status = fault_set(fault, PUM_E_FORMAT, "%s.%s is not one character", where, key);
    return status;
}

static pum_status read_byte_level(struct pre_tokenizer *pre, const json_t *json,
                                  struct fault *fault)
{
    bool prefix_space, pattern;
    pum_status status = field_bool(json, WHERE, "add_prefix_space", true, &prefix_space, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "use_regex", true, &pattern, fault);
    return status == PUM_OK ? pre_tokenizer_add_byte_level(pre, prefix_space, pattern, fault)
                            : status;
}

static pum_status read_split(struct pre_tokenizer *pre, const json_t *json, struct fault *fault)
{
    struct cut_step step = {.kind = CUT_PATTERN};
    pum_status status = read_behavior(json, "", &step.behavior, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "invert", false, &step.invert, fault);
    if (status == PUM_OK)
        status = pattern_read(json, WHERE, &step.pattern, fault);
    return status == PUM_OK ? pre_tokenizer_add(pre, step, fault) : status;
}

static pum_status read_punctuation(struct pre_tokenizer *pre, const json_t *json,
                                   struct fault *fault)
{
    struct cut_step step = {.kind = CUT_CLASS, .class = char_is_punctuation};
    pum_status status = read_behavior(json, "Isolated", &step.behavior, fault);
    return status == PUM_OK ? pre_tokenizer_add(pre, step, fault) : status;
}

static pum_status read_digits(struct pre_tokenizer *pre, const json_t *json, struct fault *fault)
{
    bool single;
    pum_status status = field_bool(json, WHERE, "individual_digits", false, &single, fault);
    struct cut_step step = {.kind = CUT_CLASS,
                            .class = char_is_number,
                            .behavior = single ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS};
    return status == PUM_OK ? pre_tokenizer_add(pre, step, fault) : status;
}

pum_status metaspace_read(const json_t *json, const char *where, uint32_t *out_character,
                          enum metaspace_prepend *out_prepend, struct fault *fault)
{
    struct json_text scheme;
    bool prefix_space;
    *out_prepend = METASPACE_ALWAYS;
    pum_status status = read_character(json, where, "replacement", out_character, fault);
    if (status == PUM_OK)
        status = field_bool(json, where, "add_prefix_space", true, &prefix_space, fault);
    if (status == PUM_OK)
        status = field_text(json, where, "prepend_scheme", prefix_space ? "always" : "never",
                            &scheme, fault);
    if (status != PUM_OK)
        return status;
    if (strcmp(scheme.bytes, "first") == 0)
        *out_prepend = METASPACE_FIRST;
    else if (strcmp(scheme.bytes, "never") == 0)
        *out_prepend = METASPACE_NEVER;
    else if (strcmp(scheme.bytes, "always") != 0)
        status = fault_set(fault, PUM_E_UNSUPPORTED,
                           "%s.prepend_scheme: '%.100s' is not known here", where, scheme.bytes);
    return status;
}

static pum_status read_metaspace(struct pre_tokenizer *pre, const json_t *json, struct fault *fault)
{
    struct cut_step step = {.kind = CUT_METASPACE, .behavior = SPLIT_MERGED_WITH_NEXT};
    pum_status status = metaspace_read(json, WHERE, &step.character, &step.prepend, fault);
    if (status == PUM_OK)
        status = field_bool(json, WHERE, "split", true, &step.cut, fault);
    return status == PUM_OK ? pre_tokenizer_add(pre, step, fault) : status;
}

static pum_status read_delimiter(struct pre_tokenizer *pre, const json_t *json, struct fault *fault)
{
    struct cut_step step = {.kind = CUT_CHARACTER, .behavior = SPLIT_REMOVED};
    pum_status status = read_character(json, WHERE, "delimiter", &step.character, fault);
    return status == PUM_OK ? pre_tokenizer_add(pre, step, fault) : status;
}

static pum_status read_fixed_length(struct pre_tokenizer *pre, const json_t *json,
                                    struct fault *fault)
{
    struct cut_step step = {.kind = CUT_FIXED_LENGTH, .behavior = SPLIT_ISOLATED};
    pum_status status = field_int(json, WHERE, "length", 5, &step.length, fault);
    if (status == PUM_OK && step.length <= 0)
        status = fault_set(fault, PUM_E_FORMAT, WHERE ".length is not positive");
    return status == PUM_OK ? pre_tokenizer_add(pre, step, fault) : status;
}

static pum_status read_bert(struct pre_tokenizer *pre, const json_t *json, struct fault *fault)
{
    (void)json;
    return pre_tokenizer_add_bert(pre, fault);
}

static pum_status read_whitespace(struct pre_tokenizer *pre, const json_t *json,
                                  struct fault *fault)
{
    (void)json;
    struct cut_step step = {.kind = CUT_WORDS, .behavior = SPLIT_REMOVED};
    return pre_tokenizer_add(pre, step, fault);
}

static pum_status read_whitespace_split(struct pre_tokenizer *pre, const json_t *json,
                                        struct fault *fault)
{
    (void)json;
    struct cut_step step = {.kind = CUT_CLASS, .class = char_is_space, .behavior = SPLIT_REMOVED};
    return pre_tokenizer_add(pre, step, fault);
}

static const struct {
    const char *name;
    pum_status (*read)(struct pre_tokenizer *pre, const json_t *json, struct fault *fault);
} readers[] = {
    {"BertPreTokenizer", read_bert},
    {"ByteLevel", read_byte_level},
    {"Split", read_split},
    {"Whitespace", read_whitespace},
    {"WhitespaceSplit", read_whitespace_split},
    {"Punctuation", read_punctuation},
    {"Digits", read_digits},
    {"Metaspace", read_metaspace},
    {"CharDelimiterSplit", read_delimiter},
    {"FixedLength", read_fixed_length},
};

static pum_status read_nested(struct pre_tokenizer *pre, const json_t *json, int depth,
                              struct fault *fault)
{
    const char *type = component_type(json);
    if (!json_is_object(json) || type == NULL || type[0] == '\0')
        return fault_set(fault, PUM_E_FORMAT, WHERE ": a component has no \"type\"");
    if (strcmp(type, "Sequence") == 0) {
        const json_t *list = json_object_get(json, "pretokenizers");
        if (!json_is_array(list) || depth == MAX_NESTING)
            return fault_set(fault, PUM_E_FORMAT,
                             WHERE ": a Sequence has no list, or they nest too deeply");
        pum_status status = PUM_OK;
        for (size_t i = 0; i < json_array_size(list) && status == PUM_OK; i++)
            status = read_nested(pre, json_array_get(list, i), depth + 1, fault);
        return status;
    }
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (strcmp(type, readers[i].name) == 0)
            return readers[i].read(pre, json, fault);
    return fault_set(fault, PUM_E_UNSUPPORTED, WHERE ": '%.100s' is not known here", type);
}

pum_status pre_tokenizer_read(struct pre_tokenizer *pre, const json_t *json, struct fault *fault)
{
    if (json == NULL || json_is_null(json))
        return PUM_OK;
    return read_nested(pre, json, 0, fault);
}
