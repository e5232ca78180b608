/* SPDX-License-Identifier: MIT
 *
 * tokenizer_folder.c - a Hugging Face folder to a tokenizer: which of its files is read, and what
 * the small ones beside it add (special tokens, the longest input). See tokenizer.h; vocabulary
 * files without a tokenizer.json are in tokenizer_vocab.c.
 */
#include "hf/hf_json.h"
#include "tokenizer_vocab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Lengths above this are the "very large integer" that stands for none. */
#define MAX_MODEL_LENGTH (1 << 24)

pum_status tokenizer_read_beside(const char *folder, const char *name, bool optional,
                                 json_t **out_json, struct fault *fault)
{
    char *path = hf_path(folder, name);
    *out_json = NULL;
    pum_status status = path == NULL ? fault_set(fault, PUM_E_MEMORY, "%s: out of memory", folder)
                                     : json_read_file(path, optional, out_json, fault);
    free(path);
    return status;
}

struct json_text tokenizer_special(const struct tokenizer_files *files, const char *key)
{
    const json_t *sources[] = {files->config, files->special_map};
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(sources[i], key);
        if (json_is_object(value))
            value = json_object_get(value, "content");
        if (json_is_string(value))
            return (struct json_text){json_string_value(value), json_string_length(value)};
    }
    return (struct json_text){NULL, 0};
}

/* --- what the small files add ----------------------------------------------------------------- */

static void name_special(struct tokenizer *tokenizer, const struct tokenizer_files *files)
{
    struct tokenizer_info *info = &tokenizer->info;
    const struct {
        const char *key;
        int32_t *id;
    } rows[] = {
        {"unk_token", &info->unknown},   {"pad_token", &info->padding},
        {"bos_token", &info->begin},     {"eos_token", &info->end},
        {"sep_token", &info->separator}, {"cls_token", &info->classify},
        {"mask_token", &info->mask},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_text text = tokenizer_special(files, rows[i].key);
        if (text.bytes != NULL)
            *rows[i].id = tokenizer_id(tokenizer, text.bytes);
    }
    const json_t *length = json_object_get(files->config, "model_max_length");
    if (json_is_number(length) && json_number_value(length) > 0 &&
        json_number_value(length) <= MAX_MODEL_LENGTH)
        info->max_length = (int32_t)json_number_value(length);
}

/* Tokens of {id: {"content": ...}} in the order of their ids. */
struct numbered {
    int64_t id;
    const json_t *token;
};

static int by_id(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* tokenizer_config.json's added_tokens_decoder: those that are not there yet. */
static pum_status add_configured(struct tokenizer *tokenizer, const json_t *map,
                                 struct fault *fault)
{
    size_t count = json_object_size(map), used = 0;
    int32_t next = tokenizer_next_id(tokenizer);
    const char *key;
    json_t *value;
    pum_status status = PUM_OK;
    struct numbered *list = malloc((count + 1) * sizeof(*list));
    if (list == NULL)
        return fault_set(fault, PUM_E_MEMORY, "tokenizer_config.json: out of memory");
    json_object_foreach((json_t *)(uintptr_t)map, key, value) list[used++] =
        (struct numbered){strtoll(key, NULL, 10), value};
    qsort(list, used, sizeof(*list), by_id);
    for (size_t i = 0; i < used && status == PUM_OK; i++) {
        const char *text = json_string_value(json_object_get(list[i].token, "content"));
        if (text == NULL || token_table_find(&tokenizer->added.by_text, text, strlen(text)) < 0)
            status =
                tokenizer_add_json(tokenizer, list[i].token, (struct added_flags){0}, &next, fault);
    }
    free(list);
    return status;
}

/* added_tokens.json, of older folders: {text: id}. */
static pum_status add_listed(struct tokenizer *tokenizer, const json_t *map, struct fault *fault)
{
    size_t count = json_object_size(map), used = 0;
    int32_t next = tokenizer_next_id(tokenizer);
    const char *key;
    json_t *value;
    pum_status status = PUM_OK;
    struct numbered *list = malloc((count + 1) * sizeof(*list));
    if (list == NULL)
        return fault_set(fault, PUM_E_MEMORY, "added_tokens.json: out of memory");
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        (void)json_whole(value, &list[used].id);
        list[used++].token = json_string(key);
    }
    qsort(list, used, sizeof(*list), by_id);
    for (size_t i = 0; i < used; i++) {
        const json_t *text = list[i].token;
        struct json_text content = {json_string_value(text), json_string_length(text)};
        if (status == PUM_OK && content.bytes != NULL &&
            token_table_find(&tokenizer->added.by_text, content.bytes, content.size) < 0)
            status = tokenizer_add_token(tokenizer, content,
                                         (struct added_flags){.normalized = true}, &next, fault);
        json_decref((json_t *)(uintptr_t)text);
    }
    free(list);
    return status;
}

static pum_status apply_files(struct tokenizer *tokenizer, const struct tokenizer_files *files,
                              struct fault *fault)
{
    pum_status status =
        add_configured(tokenizer, json_object_get(files->config, "added_tokens_decoder"), fault);
    if (status == PUM_OK)
        status = add_listed(tokenizer, files->added, fault);
    if (status == PUM_OK)
        name_special(tokenizer, files);
    return status == PUM_OK ? tokenizer_finish(tokenizer, fault) : status;
}

/* --- loading ---------------------------------------------------------------------------------- */

static pum_status nothing_found(const char *folder, struct fault *fault)
{
    static const char *const others[] = {"tokenizer.model", "spiece.model",
                                         "sentencepiece.bpe.model"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (hf_has_file(folder, others[i]))
            return fault_set(fault, PUM_E_UNSUPPORTED,
                             "%s: %s alone is not read here; save the tokenizer as tokenizer.json "
                             "(AutoTokenizer's save_pretrained does)",
                             folder, others[i]);
    return fault_set(fault, PUM_E_FILE,
                     "%s: there is no tokenizer.json, no vocab.txt, and no vocab.json with "
                     "merges.txt",
                     folder);
}

static pum_status load_json(struct tokenizer *tokenizer, const char *folder, struct fault *fault)
{
    json_t *json;
    pum_status status = tokenizer_read_beside(folder, "tokenizer.json", false, &json, fault);
    if (status != PUM_OK)
        return status;
    status = tokenizer_read_json(tokenizer, json, fault);
    json_decref(json);
    return status;
}

static pum_status load_main(struct tokenizer *tokenizer, const char *folder, const char *name,
                            const struct tokenizer_files *files, struct fault *fault)
{
    if (strcmp(name, "vocab.txt") == 0)
        return tokenizer_read_bert(tokenizer, folder, files, fault);
    if (strcmp(name, "vocab.json") == 0 || strcmp(name, "merges.txt") == 0)
        return tokenizer_read_bpe(tokenizer, folder, files, fault);
    return load_json(tokenizer, folder, fault);
}

/* The folder's tokenizer, read from its file `name` and what lies beside that. */
static pum_status load_folder(struct tokenizer *tokenizer, const char *folder, const char *name,
                              struct fault *fault)
{
    struct tokenizer_files files = {0};
    pum_status status =
        tokenizer_read_beside(folder, "tokenizer_config.json", true, &files.config, fault);
    if (status == PUM_OK)
        status = tokenizer_read_beside(folder, "special_tokens_map.json", true, &files.special_map,
                                       fault);
    if (status == PUM_OK)
        status = tokenizer_read_beside(folder, "added_tokens.json", true, &files.added, fault);
    if (status == PUM_OK) {
        status = load_main(tokenizer, folder, name, &files, fault);
        if (status == PUM_OK)
            status = apply_files(tokenizer, &files, fault);
        if (status != PUM_OK)
            fault_prefix(fault, folder);
    }
    json_decref(files.config);
    json_decref(files.special_map);
    json_decref(files.added);
    return status;
}

/* One file whose name is none of the known ones: by what it holds. */
static pum_status load_file(struct tokenizer *tokenizer, const char *path, struct fault *fault)
{
    json_t *json;
    pum_status status = json_read_file(path, false, &json, fault);
    if (status != PUM_OK)
        return status;
    status = tokenizer_read_json(tokenizer, json, fault);
    if (status == PUM_OK)
        status = tokenizer_finish(tokenizer, fault);
    json_decref(json);
    if (status != PUM_OK)
        fault_prefix(fault, path);
    return status;
}

static pum_status load_path(struct tokenizer *tokenizer, const char *path, struct fault *fault)
{
    static const char *const known[] = {"tokenizer.json", "vocab.txt", "vocab.json"};
    struct stat info;
    if (stat(path, &info) != 0)
        return fault_set(fault, PUM_E_FILE, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (hf_has_file(path, known[i]))
                return load_folder(tokenizer, path, known[i], fault);
        return nothing_found(path, fault);
    }
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    bool is_known = strcmp(name, "merges.txt") == 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        is_known = is_known || strcmp(name, known[i]) == 0;
    if (!is_known)
        return load_file(tokenizer, path, fault);
    char *folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(name - path));
    if (folder == NULL)
        return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", path);
    pum_status status = load_folder(tokenizer, folder, name, fault);
    free(folder);
    return status;
}

pum_status tokenizer_load(const char *path, struct tokenizer **out_tokenizer, struct fault *fault)
{
    struct tokenizer *tokenizer = tokenizer_new(fault);
    *out_tokenizer = NULL;
    if (tokenizer == NULL)
        return PUM_E_MEMORY;
    pum_status status = load_path(tokenizer, path, fault);
    if (status == PUM_OK)
        *out_tokenizer = tokenizer;
    else
        tokenizer_free(&tokenizer);
    return status;
}
