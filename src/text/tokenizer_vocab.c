/* SPDX-License-Identifier: MIT
 *
 * tokenizer_vocab.c - see tokenizer_vocab.h. What the classes of the `transformers` library do is
 * put together here from the same parts that tokenizer.json names.
 */
#include "tokenizer_vocab.h"

#include "hf/hf_json.h"
#include "image/out_file.h"

#include <stdlib.h>
#include <string.h>

enum bpe_family { FAMILY_UNKNOWN, FAMILY_GPT2, FAMILY_ROBERTA, FAMILY_CLIP };

/* Calls `each` for every line of a file, without its line end; broken UTF-8 is no vocabulary. */
static pum_status each_line(const char *folder, const char *name,
                            pum_status (*each)(void *user, const char *line, size_t size,
                                               int32_t number, struct fault *fault),
                            void *user, struct fault *fault)
{
    unsigned char *data;
    size_t size;
    char *path = hf_path(folder, name);
    pum_status status = path == NULL
                            ? fault_set(fault, PUM_E_MEMORY, "%s: out of memory", folder)
                            : in_file_read(path, TOKENIZER_MAX_FILE_BYTES, &data, &size, fault);
    free(path);
    if (status != PUM_OK)
        return status;
    const char *text = (const char *)data, *end = text + size;
    bool valid = true;
    for (size_t at = 0, length; at < size && valid; at += length)
        (void)utf8_read(text + at, size - at, &length, &valid);
    if (!valid)
        status = fault_set(fault, PUM_E_FORMAT, "%s: this is no text in UTF-8", name);
    for (int32_t number = 0; text < end && status == PUM_OK; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop == NULL ? end : stop) - text);
        size_t trimmed = length > 0 && text[length - 1] == '\r' ? length - 1 : length;
        status = each(user, text, trimmed, number, fault);
        text += length + 1;
    }
    free(data);
    return status;
}

/* --- BERT ------------------------------------------------------------------------------------- */

static pum_status add_vocab_line(void *user, const char *line, size_t size, int32_t number,
                                 struct fault *fault)
{
    struct token_model *model = user;
    enum token_result result = token_table_add(&model->vocab, line, size, number);
    return result == TOKEN_OK
               ? PUM_OK
               : fault_set(fault, result == TOKEN_NO_MEMORY ? PUM_E_MEMORY : PUM_E_FORMAT,
                           "vocab.txt, line %d: %s", number + 1, token_result_text(result));
}

static const char *special_or(const struct tokenizer_files *files, const char *key,
                              const char *otherwise)
{
    const char *text = tokenizer_special(files, key).bytes;
    return text != NULL ? text : otherwise;
}

/* A special token of the class, which must be in the vocabulary. */
static pum_status need_id(const struct tokenizer *tokenizer, const char *text, int32_t *out_id,
                          struct fault *fault)
{
    *out_id = tokenizer_id(tokenizer, text);
    return *out_id >= 0 ? PUM_OK
                        : fault_set(fault, PUM_E_FORMAT,
                                    "the vocabulary does not have '%.60s'; is it one of another "
                                    "kind of tokenizer?",
                                    text);
}

static pum_status add_special(struct tokenizer *tokenizer, const char *text,
                              struct added_flags flags, struct fault *fault)
{
    int32_t next = tokenizer_next_id(tokenizer);
    flags.special = true;
    return tokenizer_add_token(tokenizer, (struct json_text){text, strlen(text)}, flags, &next,
                               fault);
}

static pum_status read_bert_parts(struct tokenizer *tokenizer, const json_t *config,
                                  struct fault *fault)
{
    static const char where[] = "tokenizer_config.json";
    bool lower, chinese, strip;
    pum_status status = field_bool(config, where, "do_lower_case", true, &lower, fault);
    if (status == PUM_OK)
        status = field_bool(config, where, "tokenize_chinese_chars", true, &chinese, fault);
    if (status == PUM_OK)
        status = field_bool(config, where, "strip_accents", lower, &strip, fault);
    if (status == PUM_OK)
        status = normalizer_add_bert(&tokenizer->normalizer, true, chinese, strip, lower, fault);
    if (status == PUM_OK)
        status = pre_tokenizer_add_bert(&tokenizer->pre, fault);
    if (status == PUM_OK)
        status = token_decoder_add_text(&tokenizer->decoder, DECODE_WORD_PIECE, "##", true, fault);
    return status;
}

/* never_split: words of the vocabulary that are found as they are. */
static pum_status add_never_split(struct tokenizer *tokenizer, const json_t *list,
                                  struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < json_array_size(list) && status == PUM_OK; i++) {
        const json_t *word = json_array_get(list, i);
        struct json_text text = {json_string_value(word), json_string_length(word)};
        int32_t next = 0;
        if (text.bytes != NULL &&
            token_table_find(&tokenizer->model.vocab, text.bytes, text.size) >= 0)
            status = tokenizer_add_token(tokenizer, text, (struct added_flags){.single_word = true},
                                         &next, fault);
    }
    return status;
}

pum_status tokenizer_read_bert(struct tokenizer *tokenizer, const char *folder,
                               const struct tokenizer_files *files, struct fault *fault)
{
    static const char *const special[][2] = {{"unk_token", "[UNK]"},
                                             {"sep_token", "[SEP]"},
                                             {"pad_token", "[PAD]"},
                                             {"cls_token", "[CLS]"},
                                             {"mask_token", "[MASK]"}};
    int32_t begin = -1, separator = -1;
    struct token_model *model = &tokenizer->model;
    model->kind = MODEL_WORD_PIECE;
    model->max_characters = 100;
    pum_status status = each_line(folder, "vocab.txt", add_vocab_line, model, fault);
    if (status == PUM_OK)
        status = token_model_set(model, special_or(files, "unk_token", "[UNK]"), "##", "", fault);
    if (status == PUM_OK)
        status = read_bert_parts(tokenizer, files->config, fault);
    if (status == PUM_OK)
        status = need_id(tokenizer, special_or(files, "cls_token", "[CLS]"), &begin, fault);
    if (status == PUM_OK)
        status = need_id(tokenizer, special_or(files, "sep_token", "[SEP]"), &separator, fault);
    if (status == PUM_OK)
        status = template_set_bert(&tokenizer->form, begin, separator, false, fault);
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]) && status == PUM_OK; i++)
        status = add_special(tokenizer, special_or(files, special[i][0], special[i][1]),
                             (struct added_flags){0}, fault);
    if (status == PUM_OK)
        status = add_never_split(tokenizer, json_object_get(files->config, "never_split"), fault);
    return status;
}

/* --- GPT-2, RoBERTa, CLIP --------------------------------------------------------------------- */

static pum_status add_merge_line(void *user, const char *line, size_t size, int32_t number,
                                 struct fault *fault)
{
    if (size == 0 || (size >= 8 && memcmp(line, "#version", 8) == 0))
        return PUM_OK;
    const char *blank = memchr(line, ' ', size);
    size_t left = blank == NULL ? size : (size_t)(blank - line);
    if (blank == NULL || memchr(blank + 1, ' ', size - left - 1) != NULL)
        return fault_set(fault, PUM_E_FORMAT, "merges.txt, line %d is no pair", number + 1);
    /* Copies, because a message prints both as texts. */
    char *first = json_text_copy((struct json_text){line, left});
    char *second = json_text_copy((struct json_text){blank + 1, size - left - 1});
    pum_status status = first == NULL || second == NULL
                            ? fault_set(fault, PUM_E_MEMORY, "merges.txt: out of memory")
                            : token_model_add_merge(user, (struct json_text){first, left},
                                                    (struct json_text){second, size - left - 1},
                                                    "merges.txt", fault);
    free(first);
    free(second);
    return status;
}

/* Which class made the files: its name, the model's type, or the tokens. */
static pum_status find_family(const struct tokenizer *tokenizer, const char *folder,
                              const struct tokenizer_files *files, enum bpe_family *out_family,
                              struct fault *fault)
{
    static const struct {
        const char *name;
        enum bpe_family family;
    } rows[] = {
        {"GPT2Tokenizer", FAMILY_GPT2},
        {"gpt2", FAMILY_GPT2},
        {"gpt_neo", FAMILY_GPT2},
        {"gptj", FAMILY_GPT2},
        {"RobertaTokenizer", FAMILY_ROBERTA},
        {"roberta", FAMILY_ROBERTA},
        {"BartTokenizer", FAMILY_ROBERTA},
        {"bart", FAMILY_ROBERTA},
        {"LongformerTokenizer", FAMILY_ROBERTA},
        {"longformer", FAMILY_ROBERTA},
        {"CLIPTokenizer", FAMILY_CLIP},
        {"clip", FAMILY_CLIP},
        {"clip_text_model", FAMILY_CLIP},
    };
    json_t *model_config;
    pum_status status = tokenizer_read_beside(folder, "config.json", true, &model_config, fault);
    if (status != PUM_OK)
        return status;
    const char *name = json_string_value(json_object_get(files->config, "tokenizer_class"));
    bool by_class = name != NULL;
    if (name == NULL)
        name = json_string_value(json_object_get(model_config, "model_type"));
    *out_family = FAMILY_UNKNOWN;
    for (size_t i = 0; name != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t length = strlen(rows[i].name);
        if (strncmp(name, rows[i].name, length) == 0 &&
            (name[length] == '\0' || strcmp(name + length, "Fast") == 0))
            *out_family = rows[i].family;
    }
    if (*out_family == FAMILY_UNKNOWN && by_class)
        status = fault_set(fault, PUM_E_UNSUPPORTED,
                           "vocab.json of a '%.60s' is not read here; save the tokenizer as "
                           "tokenizer.json",
                           name);
    else if (*out_family == FAMILY_UNKNOWN)
        *out_family = tokenizer_id(tokenizer, "<|startoftext|>") >= 0 ? FAMILY_CLIP
                      : tokenizer_id(tokenizer, "<s>") >= 0           ? FAMILY_ROBERTA
                                                                      : FAMILY_GPT2;
    json_decref(model_config);
    return status;
}

static pum_status add_gpt2_parts(struct tokenizer *tokenizer, const struct tokenizer_files *files,
                                 struct fault *fault)
{
    bool prefix = false, begin = false;
    const char *text = special_or(files, "bos_token", "<|endoftext|>");
    static const char where[] = "tokenizer_config.json";
    struct token_template *form = &tokenizer->form;
    struct template_part special = {.source = -1};
    pum_status status = field_bool(files->config, where, "add_prefix_space", false, &prefix, fault);
    if (status == PUM_OK)
        status = field_bool(files->config, where, "add_bos_token", false, &begin, fault);
    if (status == PUM_OK)
        status = pre_tokenizer_add_byte_level(&tokenizer->pre, prefix, true, fault);
    if (status == PUM_OK)
        status = add_special(tokenizer, text, (struct added_flags){0}, fault);
    if (status == PUM_OK)
        status = add_special(tokenizer, special_or(files, "eos_token", "<|endoftext|>"),
                             (struct added_flags){0}, fault);
    if (status != PUM_OK || !begin)
        return status == PUM_OK ? template_read(form, NULL, fault) : status;
    special.id = tokenizer_id(tokenizer, text);
    form->given = true;
    struct template_part parts[] = {special, {0, 0, 0}, special, {1, 0, 1}};
    parts[2].type_id = 1;
    for (size_t i = 0; i < 4 && status == PUM_OK; i++) {
        status = template_add(&form->pair, parts[i], fault);
        if (status == PUM_OK && i < 2)
            status = template_add(&form->single, parts[i], fault);
    }
    return status;
}

static pum_status add_roberta_parts(struct tokenizer *tokenizer,
                                    const struct tokenizer_files *files, struct fault *fault)
{
    static const char *const special[][2] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},
                                             {"unk_token", "<unk>"},  {"sep_token", "</s>"},
                                             {"pad_token", "<pad>"},  {"cls_token", "<s>"},
                                             {"mask_token", "<mask>"}};
    static const char where[] = "tokenizer_config.json";
    int32_t begin = -1, separator = -1;
    bool prefix = false, trim = false;
    pum_status status = field_bool(files->config, where, "add_prefix_space", false, &prefix, fault);
    if (status == PUM_OK)
        status = field_bool(files->config, where, "trim_offsets", true, &trim, fault);
    if (status == PUM_OK)
        status = pre_tokenizer_add_byte_level(&tokenizer->pre, prefix, true, fault);
    if (status == PUM_OK)
        status = need_id(tokenizer, special_or(files, "cls_token", "<s>"), &begin, fault);
    if (status == PUM_OK)
        status = need_id(tokenizer, special_or(files, "sep_token", "</s>"), &separator, fault);
    if (status == PUM_OK)
        status = template_set_bert(&tokenizer->form, begin, separator, true, fault);
    tokenizer->form.trim = trim;
    tokenizer->form.trim_keep = prefix;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]) && status == PUM_OK; i++)
        status =
            add_special(tokenizer, special_or(files, special[i][0], special[i][1]),
                        (struct added_flags){.left = strcmp(special[i][1], "<mask>") == 0}, fault);
    return status;
}

static pum_status add_clip_normalizer(struct normalizer *normalizer, struct fault *fault)
{
    struct normal_step spaces = {.kind = NORMAL_REPLACE, .text_bytes = 1};
    pum_status status = normalizer_add(
        normalizer, (struct normal_step){.kind = NORMAL_FORM, .compose = true}, fault);
    if (status == PUM_OK)
        status = pattern_compile("\\s+", 3, true, "normalizer", &spaces.pattern, fault);
    if (status != PUM_OK)
        return status;
    spaces.text = json_text_copy((struct json_text){" ", 1});
    if (spaces.text == NULL) {
        pattern_free(spaces.pattern);
        return fault_set(fault, PUM_E_MEMORY, "normalizer: out of memory");
    }
    status = normalizer_add(normalizer, spaces, fault);
    return status == PUM_OK
               ? normalizer_add(normalizer, (struct normal_step){.kind = NORMAL_LOWER}, fault)
               : status;
}

static pum_status add_clip_parts(struct tokenizer *tokenizer, const struct tokenizer_files *files,
                                 struct fault *fault)
{
    static const char words[] = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
    const char *first = special_or(files, "bos_token", "<|startoftext|>");
    const char *last = special_or(files, "eos_token", "<|endoftext|>");
    int32_t begin, end;
    struct cut_step cut = {.kind = CUT_PATTERN, .behavior = SPLIT_REMOVED, .invert = true};
    pum_status status = add_clip_normalizer(&tokenizer->normalizer, fault);
    if (status == PUM_OK)
        status = pattern_compile(words, strlen(words), true, "pre_tokenizer", &cut.pattern, fault);
    if (status == PUM_OK)
        status = pre_tokenizer_add(&tokenizer->pre, cut, fault);
    if (status == PUM_OK)
        status = pre_tokenizer_add_byte_level(&tokenizer->pre, false, true, fault);
    if (status == PUM_OK)
        status = need_id(tokenizer, first, &begin, fault);
    if (status == PUM_OK)
        status = need_id(tokenizer, last, &end, fault);
    if (status == PUM_OK)
        status = template_set_bert(&tokenizer->form, begin, end, true, fault);
    if (status == PUM_OK)
        status = add_special(tokenizer, first, (struct added_flags){0}, fault);
    if (status == PUM_OK)
        status = add_special(tokenizer, last, (struct added_flags){0}, fault);
    return status;
}

/* The two files of the model. */
static pum_status read_bpe_model(struct tokenizer *tokenizer, const char *folder,
                                 const struct tokenizer_files *files, enum bpe_family *out_family,
                                 struct fault *fault)
{
    json_t *vocab;
    struct token_model *model = &tokenizer->model;
    model->kind = MODEL_BPE;
    pum_status status = tokenizer_read_beside(folder, "vocab.json", false, &vocab, fault);
    if (status != PUM_OK)
        return status;
    status = token_model_read_vocab(model, vocab, "vocab.json", fault);
    json_decref(vocab);
    if (status == PUM_OK)
        status = find_family(tokenizer, folder, files, out_family, fault);
    if (status != PUM_OK)
        return status;
    bool clip = *out_family == FAMILY_CLIP;
    status = token_model_set(model, clip ? special_or(files, "unk_token", "<|endoftext|>") : NULL,
                             "", clip ? "</w>" : "", fault);
    return status == PUM_OK ? each_line(folder, "merges.txt", add_merge_line, model, fault)
                            : status;
}

pum_status tokenizer_read_bpe(struct tokenizer *tokenizer, const char *folder,
                              const struct tokenizer_files *files, struct fault *fault)
{
    enum bpe_family family;
    pum_status status = read_bpe_model(tokenizer, folder, files, &family, fault);
    if (status != PUM_OK)
        return status;
    if (family == FAMILY_CLIP)
        status = add_clip_parts(tokenizer, files, fault);
    else if (family == FAMILY_ROBERTA)
        status = add_roberta_parts(tokenizer, files, fault);
    else
        status = add_gpt2_parts(tokenizer, files, fault);
    if (status == PUM_OK)
        status = token_decoder_add(&tokenizer->decoder,
                                   (struct decode_step){.kind = DECODE_BYTE_LEVEL}, fault);
    return status == PUM_OK ? tokenizer_finish_decoder(tokenizer, fault) : status;
}
