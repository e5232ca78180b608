/* SPDX-License-Identifier: MIT
 *
 * tokenizer.c - a tokenizer's parts put together, its tokens by id and by text, and text from ids.
 * See tokenizer.h; encoding is in tokenizer_encode.c.
 */
#include "tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

struct tokenizer *tokenizer_new(struct fault *fault)
{
    struct tokenizer *tokenizer = calloc(1, sizeof(*tokenizer));
    if (tokenizer == NULL) {
        fault_set(fault, PUM_E_MEMORY, "out of memory");
        return NULL;
    }
    struct tokenizer_info *info = &tokenizer->info;
    info->unknown = info->padding = info->begin = info->end = -1;
    info->separator = info->classify = info->mask = -1;
    tokenizer->limits.pad_id = tokenizer->limits.pad_type = -1;
    return tokenizer;
}

void tokenizer_free(struct tokenizer **tokenizer)
{
    struct tokenizer *t = tokenizer == NULL ? NULL : *tokenizer;
    if (t == NULL)
        return;
    normalizer_free(&t->normalizer);
    pre_tokenizer_free(&t->pre);
    token_model_free(&t->model);
    added_tokens_free(&t->added);
    template_free(&t->form);
    token_decoder_free(&t->decoder);
    free(t);
    *tokenizer = NULL;
}

const struct tokenizer_info *tokenizer_get_info(const struct tokenizer *tokenizer)
{
    return &tokenizer->info;
}

const char *tokenizer_token(const struct tokenizer *tokenizer, int64_t id, size_t *out_bytes)
{
    const struct added_token *added = added_tokens_by_id(&tokenizer->added, id);
    const struct token_entry *entry = token_table_entry(&tokenizer->model.vocab, id);
    const char *text = added != NULL   ? added->text
                       : entry != NULL ? tokenizer->model.vocab.bytes + entry->offset
                                       : NULL;
    if (out_bytes != NULL)
        *out_bytes = added != NULL ? added->text_bytes : entry != NULL ? entry->length : 0;
    return text;
}

static int32_t find_id(const struct tokenizer *tokenizer, const char *text, size_t size)
{
    int32_t index = token_table_find(&tokenizer->added.by_text, text, size);
    return index >= 0 ? tokenizer->added.items[index].id
                      : token_table_find(&tokenizer->model.vocab, text, size);
}

int32_t tokenizer_id(const struct tokenizer *tokenizer, const char *token)
{
    return find_id(tokenizer, token, strlen(token));
}

size_t tokenizer_characters(const char *text, size_t text_bytes, size_t at)
{
    size_t count = 0, length;
    for (size_t i = 0; i < at && i < text_bytes; i += length, count++)
        (void)utf8_read(text + i, text_bytes - i, &length, NULL);
    return count;
}

/* --- added tokens ----------------------------------------------------------------------------- */

int32_t tokenizer_next_id(const struct tokenizer *tokenizer)
{
    int32_t next = (int32_t)tokenizer->model.vocab.count;
    for (size_t i = 0; i < tokenizer->added.count; i++)
        if (tokenizer->added.items[i].id >= next)
            next = tokenizer->added.items[i].id + 1;
    return next;
}

pum_status tokenizer_add_token(struct tokenizer *tokenizer, struct json_text text,
                               struct added_flags flags, int32_t *next_id, struct fault *fault)
{
    if (text.size == 0)
        return PUM_OK;
    struct added_token token = {.text = (char *)(uintptr_t)text.bytes,
                                .text_bytes = text.size,
                                .id = find_id(tokenizer, text.bytes, text.size),
                                .flags = flags};
    if (token.id < 0 && *next_id >= TOKEN_MAX_ID)
        return fault_set(fault, PUM_E_LIMIT, "added_tokens: %s", token_result_text(TOKEN_BAD_ID));
    if (token.id < 0)
        token.id = (*next_id)++;
    return added_tokens_add(&tokenizer->added, &tokenizer->normalizer, &token, fault);
}

pum_status tokenizer_add_json(struct tokenizer *tokenizer, const json_t *token,
                              struct added_flags flags, int32_t *next_id, struct fault *fault)
{
    static const char where[] = "added_tokens";
    struct json_text text;
    if (!json_is_object(token))
        return fault_set(fault, PUM_E_FORMAT, "%s holds something that is no object", where);
    pum_status status = field_text(token, where, "content", "", &text, fault);
    if (status == PUM_OK)
        status = field_bool(token, where, "special", flags.special, &flags.special, fault);
    if (status == PUM_OK)
        status = field_bool(token, where, "normalized", !flags.special, &flags.normalized, fault);
    if (status == PUM_OK)
        status = field_bool(token, where, "single_word", false, &flags.single_word, fault);
    if (status == PUM_OK)
        status = field_bool(token, where, "lstrip", false, &flags.left, fault);
    if (status == PUM_OK)
        status = field_bool(token, where, "rstrip", false, &flags.right, fault);
    return status == PUM_OK ? tokenizer_add_token(tokenizer, text, flags, next_id, fault) : status;
}

/* --- the last step of loading ----------------------------------------------------------------- */

static pum_status check_template(const struct tokenizer *tokenizer,
                                 const struct template_parts *parts, struct fault *fault)
{
    for (size_t i = 0; i < parts->count; i++) {
        int32_t id = parts->items[i].id;
        if (parts->items[i].source < 0 && tokenizer_token(tokenizer, id, NULL) == NULL)
            return fault_set(fault, PUM_E_FORMAT,
                             "post_processor: the special token %d is not in the vocabulary", id);
    }
    return PUM_OK;
}

static int32_t first_of(const struct tokenizer *tokenizer, const char *const *names)
{
    for (; *names != NULL; names++) {
        int32_t id = tokenizer_id(tokenizer, *names);
        if (id >= 0)
            return id;
    }
    return -1;
}

/* Where the files do not name a special token, the usual spellings do. */
static void guess_special(struct tokenizer *tokenizer)
{
    static const char *const names[][4] = {
        {"[PAD]", "<pad>", "<|padding|>", NULL},
        {"<s>", "<|startoftext|>", NULL, NULL},
        {"</s>", "<|endoftext|>", NULL, NULL},
        {"[SEP]", "</s>", NULL, NULL},
        {"[CLS]", "<s>", NULL, NULL},
        {"[MASK]", "<mask>", NULL, NULL},
    };
    struct tokenizer_info *info = &tokenizer->info;
    int32_t *ids[] = {&info->padding,   &info->begin,    &info->end,
                      &info->separator, &info->classify, &info->mask};
    if (info->unknown < 0)
        info->unknown = tokenizer->model.unknown_id;
    if (info->padding < 0 && tokenizer_token(tokenizer, tokenizer->limits.pad_id, NULL) != NULL)
        info->padding = tokenizer->limits.pad_id;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        if (*ids[i] < 0)
            *ids[i] = first_of(tokenizer, names[i]);
}

pum_status tokenizer_finish(struct tokenizer *tokenizer, struct fault *fault)
{
    struct tokenizer_info *info = &tokenizer->info;
    pum_status status = added_tokens_finish(&tokenizer->added, fault);
    if (status == PUM_OK)
        status = check_template(tokenizer, &tokenizer->form.single, fault);
    if (status == PUM_OK)
        status = check_template(tokenizer, &tokenizer->form.pair, fault);
    info->model = token_model_name(&tokenizer->model);
    info->token_count = (int32_t)tokenizer->model.vocab.count;
    info->id_limit = tokenizer->model.vocab.id_limit;
    for (size_t i = 0; i < tokenizer->added.count; i++) {
        const struct added_token *token = &tokenizer->added.items[i];
        info->token_count +=
            token_table_find(&tokenizer->model.vocab, token->text, token->text_bytes) < 0;
        if (token->id >= info->id_limit)
            info->id_limit = token->id + 1;
    }
    guess_special(tokenizer);
    return status;
}

/* --- decoding --------------------------------------------------------------------------------- */

pum_status tokenizer_decode(const struct tokenizer *tokenizer, const int64_t *ids, size_t count,
                            bool skip_special, char **out_text, size_t *out_bytes,
                            struct fault *fault)
{
    struct text_list list = {0};
    pum_status status = PUM_OK;
    *out_text = NULL;
    *out_bytes = 0;
    for (size_t i = 0; i < count && status == PUM_OK; i++) {
        const struct added_token *added = added_tokens_by_id(&tokenizer->added, ids[i]);
        const struct token_entry *entry = token_table_entry(&tokenizer->model.vocab, ids[i]);
        if (added != NULL && !(skip_special && added->flags.special))
            status = text_list_add(&list, added->normal, added->normal_bytes, fault);
        else if (added == NULL && entry != NULL)
            status = text_list_add(&list, tokenizer->model.vocab.bytes + entry->offset,
                                   entry->length, fault);
    }
    if (status == PUM_OK)
        status = token_decoder_run(&tokenizer->decoder, &list, out_text, out_bytes, fault);
    text_list_free(&list);
    return status;
}
