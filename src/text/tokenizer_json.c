/* SPDX-License-Identifier: MIT
 *
 * tokenizer_json.c - tokenizer.json, the one file of the `tokenizers` library, to a tokenizer. See
 * tokenizer_parts.h; each component reads itself.
 */
#include "tokenizer_parts.h"

#include <string.h>

/* What rows may be padded to, because it takes memory. */
#define MAX_PADDING (1 << 20)

/* What a JSON file is that is no tokenizer.json, for the message. */
static const char *kind_of_json(const json_t *json)
{
    if (json_object_get(json, "tokenizer_class") != NULL ||
        json_object_get(json, "added_tokens_decoder") != NULL)
        return "a tokenizer_config.json";
    if (json_object_get(json, "model_type") != NULL ||
        json_object_get(json, "architectures") != NULL)
        return "a model's config.json";
    if (json_object_get(json, "image_mean") != NULL)
        return "a preprocessor_config.json";
    const char *key;
    json_t *value;
    size_t numbers = 0;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) numbers += json_is_number(value);
    return numbers > 0 && numbers == json_object_size(json)
               ? "a vocab.json, which needs its merges.txt beside it"
               : "JSON without a \"model\"";
}

/* A number within 0 to `most`. */
static pum_status read_limited(const json_t *json, const char *where, const char *key, int32_t most,
                               int32_t *out_number, struct fault *fault)
{
    int64_t number;
    pum_status status = field_int(json, where, key, 0, &number, fault);
    if (status == PUM_OK && (number < 0 || number > most))
        status = fault_set(fault, PUM_E_FORMAT, "%s.%s is not within 0 to %d", where, key, most);
    *out_number = status == PUM_OK ? (int32_t)number : 0;
    return status;
}

static pum_status read_side(const json_t *json, const char *where, enum tokenizer_side *out_side,
                            struct fault *fault)
{
    struct json_text side;
    pum_status status = field_text(json, where, "direction", "Right", &side, fault);
    if (status != PUM_OK)
        return status;
    *out_side = strcmp(side.bytes, "Left") == 0 ? TOKENIZER_LEFT : TOKENIZER_RIGHT;
    return PUM_OK;
}

static pum_status read_truncation(struct file_limits *limits, const json_t *json,
                                  struct fault *fault)
{
    static const char where[] = "truncation";
    struct json_text strategy;
    if (json == NULL || json_is_null(json))
        return PUM_OK;
    /* "Very large" lengths stand for none. */
    const json_t *length = json_object_get(json, "max_length");
    double most = json_number_value(length);
    if (!json_is_number(length) || !(most >= 0))
        return fault_set(fault, PUM_E_FORMAT, "truncation.max_length is no length");
    limits->options.max_length = most < TOKEN_MAX_ID ? (int32_t)most : 0;
    pum_status status = read_side(json, where, &limits->options.cut_side, fault);
    if (status == PUM_OK)
        status = field_text(json, where, "strategy", "LongestFirst", &strategy, fault);
    if (status != PUM_OK)
        return status;
    limits->options.truncation = strcmp(strategy.bytes, "OnlyFirst") == 0 ? TOKENIZER_ONLY_FIRST
                                 : strcmp(strategy.bytes, "OnlySecond") == 0
                                     ? TOKENIZER_ONLY_SECOND
                                     : TOKENIZER_LONGEST_FIRST;
    return PUM_OK;
}

static pum_status read_padding(struct file_limits *limits, const json_t *json, struct fault *fault)
{
    static const char where[] = "padding";
    if (json == NULL || json_is_null(json))
        return PUM_OK;
    const json_t *strategy = json_object_get(json, "strategy");
    pum_status status = PUM_OK;
    if (json_is_object(strategy))
        status =
            read_limited(strategy, where, "Fixed", MAX_PADDING, &limits->options.pad_to, fault);
    if (status == PUM_OK)
        status = read_limited(json, where, "pad_to_multiple_of", MAX_PADDING,
                              &limits->options.pad_multiple, fault);
    if (status == PUM_OK)
        status = read_side(json, where, &limits->options.pad_side, fault);
    if (status == PUM_OK)
        status = read_limited(json, where, "pad_id", TOKEN_MAX_ID - 1, &limits->pad_id, fault);
    if (status == PUM_OK)
        status = read_limited(json, where, "pad_type_id", INT32_MAX, &limits->pad_type, fault);
    return status;
}

static pum_status read_added(struct tokenizer *tokenizer, const json_t *json, struct fault *fault)
{
    int32_t next = tokenizer_next_id(tokenizer);
    pum_status status = PUM_OK;
    if (json == NULL || json_is_null(json))
        return PUM_OK;
    if (!json_is_array(json))
        return fault_set(fault, PUM_E_FORMAT, "added_tokens is no list");
    for (size_t i = 0; i < json_array_size(json) && status == PUM_OK; i++)
        status = tokenizer_add_json(tokenizer, json_array_get(json, i), (struct added_flags){0},
                                    &next, fault);
    return status;
}

pum_status tokenizer_finish_decoder(struct tokenizer *tokenizer, struct fault *fault)
{
    struct token_decoder *decoder = &tokenizer->decoder;
    const struct token_model *model = &tokenizer->model;
    if (model->kind != MODEL_BPE || model->suffix_bytes == 0 || decoder->count != 1 ||
        decoder->steps[0].kind != DECODE_BYTE_LEVEL)
        return PUM_OK;
    struct decode_step step = {.kind = DECODE_REPLACE};
    pum_status status =
        pattern_compile(model->suffix, model->suffix_bytes, false, "decoder", &step.pattern, fault);
    if (status != PUM_OK)
        return status;
    step.text = json_text_copy((struct json_text){" ", 1});
    step.text_bytes = 1;
    if (step.text == NULL) {
        pattern_free(step.pattern);
        return fault_set(fault, PUM_E_MEMORY, "decoder: out of memory");
    }
    status = token_decoder_add(decoder, step, fault);
    return status == PUM_OK
               ? token_decoder_add(decoder, (struct decode_step){.kind = DECODE_TRIM}, fault)
               : status;
}

pum_status tokenizer_read_json(struct tokenizer *tokenizer, const json_t *json, struct fault *fault)
{
    const char *version = json_string_value(json_object_get(json, "version"));
    if (!json_is_object(json_object_get(json, "model")))
        return fault_set(fault, PUM_E_FORMAT, "this is no tokenizer.json but %s",
                         kind_of_json(json));
    if (version != NULL && strcmp(version, "1.0") != 0)
        return fault_set(fault, PUM_E_UNSUPPORTED, "version '%.60s' of tokenizer.json; 1.0 is read",
                         version);
    pum_status status = token_model_read(&tokenizer->model, json_object_get(json, "model"), fault);
    if (status == PUM_OK)
        status =
            normalizer_read(&tokenizer->normalizer, json_object_get(json, "normalizer"), fault);
    if (status == PUM_OK)
        status = pre_tokenizer_read(&tokenizer->pre, json_object_get(json, "pre_tokenizer"), fault);
    if (status == PUM_OK)
        status = template_read(&tokenizer->form, json_object_get(json, "post_processor"), fault);
    if (status == PUM_OK)
        status = token_decoder_read(&tokenizer->decoder, json_object_get(json, "decoder"), fault);
    if (status == PUM_OK)
        status = tokenizer_finish_decoder(tokenizer, fault);
    if (status == PUM_OK)
        status = read_truncation(&tokenizer->limits, json_object_get(json, "truncation"), fault);
    if (status == PUM_OK)
        status = read_padding(&tokenizer->limits, json_object_get(json, "padding"), fault);
    if (status == PUM_OK)
        status = read_added(tokenizer, json_object_get(json, "added_tokens"), fault);
    return status;
}

pum_status tokenizer_from_json(const char *json, size_t size_bytes,
                               struct tokenizer **out_tokenizer, struct fault *fault)
{
    json_t *parsed;
    *out_tokenizer = NULL;
    pum_status status = size_bytes > TOKENIZER_MAX_FILE_BYTES
                            ? fault_set(fault, PUM_E_LIMIT, "tokenizer.json: more than 256 MiB")
                            : json_read_object(json, size_bytes, "tokenizer.json", &parsed, fault);
    if (status != PUM_OK)
        return status;
    struct tokenizer *tokenizer = tokenizer_new(fault);
    status = tokenizer == NULL ? PUM_E_MEMORY : tokenizer_read_json(tokenizer, parsed, fault);
    if (status == PUM_OK)
        status = tokenizer_finish(tokenizer, fault);
    json_decref(parsed);
    if (status == PUM_OK)
        *out_tokenizer = tokenizer;
    else
        tokenizer_free(&tokenizer);
    return status;
}
