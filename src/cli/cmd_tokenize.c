/* SPDX-License-Identifier: MIT
 *
 * cmd_tokenize.c - `pumice tokenize TOKENIZER TEXT`: the ids that a language model would read, each
 * with its token and its place in the text; the lines of a file as ids; ids as text. Needs no
 * device.
 */
#include "cli.h"
#include "cli_table.h"
#include "text/tokenizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tokenize_options {
    const char *ids, *pair, *file;
    bool plain;
    int64_t max_length;
};

static struct tokenizer_options encode_options(const struct tokenize_options *options)
{
    return (struct tokenizer_options){.plain = options->plain,
                                      .max_length = (int32_t)options->max_length};
}

static struct tokenizer_text text_of(const char *text, const char *pair)
{
    return (struct tokenizer_text){.text = text,
                                   .text_bytes = strlen(text),
                                   .pair = pair,
                                   .pair_bytes = pair == NULL ? 0 : strlen(pair)};
}

/* A token's text, which may hold anything, as far as a terminal can show it. */
static const char *token_text(const struct tokenizer *tokenizer, int64_t id)
{
    const char *text = tokenizer_token(tokenizer, id, NULL);
    return text == NULL ? "" : text;
}

static pum_status print_table(struct cli *cli, const struct tokenizer *tokenizer,
                              const struct token_batch *batch)
{
    static const char *const headers[] = {"", "id", "token", "type", "bytes"};
    struct cli_table table;
    table_begin(&table, "rrlrl", headers);
    for (int32_t i = 0; i < batch->columns; i++) {
        const struct token_span *span = &batch->spans[i];
        table_cell(&table, "%d", i);
        table_cell(&table, "%lld", (long long)batch->ids[i]);
        table_cell(&table, "%s", token_text(tokenizer, batch->ids[i]));
        table_cell(&table, "%lld", (long long)batch->type_ids[i]);
        if (span->source < 0)
            table_cell(&table, "-");
        else
            table_cell(&table, "%u..%u%s", span->begin, span->end,
                       span->source == 1 ? " of the pair" : "");
    }
    return table_end(&table, stdout) ? PUM_OK
                                     : fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
}

static json_t *json_row(const struct tokenizer *tokenizer, const struct tokenizer_text *text,
                        const struct token_batch *batch)
{
    json_t *ids = json_array(), *tokens = json_array(), *types = json_array();
    json_t *spans = json_array(), *special = json_array(), *characters = json_array();
    for (int32_t i = 0; i < batch->columns; i++) {
        const struct token_span *span = &batch->spans[i];
        const char *source = span->source == 1 ? text->pair : text->text;
        size_t bytes = span->source == 1 ? text->pair_bytes : text->text_bytes;
        json_array_append_new(ids, json_integer(batch->ids[i]));
        json_array_append_new(tokens, cli_json_text(token_text(tokenizer, batch->ids[i])));
        json_array_append_new(types, json_integer(batch->type_ids[i]));
        json_array_append_new(special, json_integer(batch->special_mask[i]));
        json_array_append_new(spans, json_pack("[i, i]", (int)span->begin, (int)span->end));
        json_array_append_new(
            characters, json_pack("[i, i]", (int)tokenizer_characters(source, bytes, span->begin),
                                  (int)tokenizer_characters(source, bytes, span->end)));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "ids", ids, "tokens", tokens,
                     "type_ids", types, "special", special, "bytes", spans, "characters",
                     characters, "cut", batch->cut[0]);
}

static pum_status encode_one(struct cli *cli, const struct tokenizer *tokenizer,
                             const struct tokenize_options *options, const char *text, json_t *json)
{
    struct tokenizer_text input = text_of(text, options->pair);
    struct tokenizer_options how = encode_options(options);
    struct token_batch batch;
    pum_status status = tokenizer_encode(tokenizer, &input, 1, &how, &batch, &cli->fault);
    if (status != PUM_OK)
        return status;
    if (json != NULL)
        json_array_append_new(json, json_row(tokenizer, &input, &batch));
    else
        status = print_table(cli, tokenizer, &batch);
    token_batch_free(&batch);
    return status;
}

static pum_status encode_words(struct cli *cli, const struct tokenizer *tokenizer,
                               const struct tokenize_options *options,
                               const struct option_words *words)
{
    json_t *json = cli->json ? json_array() : NULL;
    pum_status status = PUM_OK;
    for (int32_t i = 1; i < words->count && status == PUM_OK; i++) {
        if (i > 1 && json == NULL)
            printf("\n");
        status = encode_one(cli, tokenizer, options, words->items[i], json);
    }
    if (status == PUM_OK && json != NULL)
        status = cli_print_json(cli, json_incref(json));
    json_decref(json);
    return status;
}

/* --- lines of a file -------------------------------------------------------------------------- */

static pum_status print_line(struct cli *cli, const struct tokenizer *tokenizer,
                             const struct tokenize_options *options, const char *line, size_t size)
{
    struct tokenizer_text input = {.text = line, .text_bytes = size};
    struct tokenizer_options how = encode_options(options);
    struct token_batch batch;
    pum_status status = tokenizer_encode(tokenizer, &input, 1, &how, &batch, &cli->fault);
    if (status != PUM_OK)
        return status;
    for (int32_t i = 0; i < batch.columns; i++)
        printf("%s%lld", i == 0 ? "" : cli->json ? "," : " ", (long long)batch.ids[i]);
    token_batch_free(&batch);
    return PUM_OK;
}

/* Ids a line; with --json a list of lists, written line by line too. */
static pum_status encode_file(struct cli *cli, const struct tokenizer *tokenizer,
                              const struct tokenize_options *options)
{
    FILE *file = strcmp(options->file, "-") == 0 ? stdin : fopen(options->file, "rb");
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t length;
    pum_status status = PUM_OK;
    if (file == NULL)
        return fault_set(&cli->fault, PUM_E_FILE, "cannot read %s: %s", options->file,
                         strerror(errno));
    errno = 0;
    if (cli->json)
        printf("[");
    while (status == PUM_OK && (length = getline(&line, &room, file)) >= 0) {
        size_t size = (size_t)length;
        size -= size > 0 && line[size - 1] == '\n';
        size -= size > 0 && line[size - 1] == '\r';
        if (cli->json)
            printf("%s[", number == 0 ? "" : ",\n");
        status = print_line(cli, tokenizer, options, line, size);
        printf(cli->json ? "]" : "\n");
        number++;
    }
    if (cli->json)
        printf("]\n");
    if (status == PUM_OK && !feof(file))
        status = fault_set(&cli->fault, errno == ENOMEM ? PUM_E_MEMORY : PUM_E_FILE,
                           "cannot read %s: %s", options->file, strerror(errno));
    free(line);
    if (file != stdin)
        fclose(file);
    return status;
}

/* --- ids to text ------------------------------------------------------------------------------ */

/* "1,2 3": numbers with commas or blanks between. */
static pum_status parse_ids(struct cli *cli, const struct tokenizer *tokenizer, const char *text,
                            int64_t **out_ids, size_t *out_count)
{
    size_t count = 0;
    int64_t *ids = malloc((strlen(text) + 1) * sizeof(*ids));
    *out_ids = ids;
    if (ids == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    for (const char *at = text; *at != '\0';) {
        char *end;
        errno = 0;
        long long id = strtoll(at, &end, 10);
        if (end == at || errno != 0 || (*end != '\0' && strchr(", \t\n", *end) == NULL))
            return fault_set(&cli->fault, PUM_E_ARGUMENT,
                             "--ids: '%.40s' is no list of numbers such as 1,2,3", at);
        if (tokenizer_token(tokenizer, id, NULL) == NULL)
            return fault_set(&cli->fault, PUM_E_RANGE,
                             "--ids: no token has the id %lld; the largest is %d", id,
                             tokenizer_get_info(tokenizer)->id_limit - 1);
        ids[count++] = id;
        at = end + strspn(end, ", \t\n");
    }
    *out_count = count;
    return PUM_OK;
}

static pum_status decode_ids(struct cli *cli, const struct tokenizer *tokenizer,
                             const struct tokenize_options *options)
{
    int64_t *ids;
    size_t count = 0, bytes = 0;
    char *text = NULL;
    pum_status status = parse_ids(cli, tokenizer, options->ids, &ids, &count);
    if (status == PUM_OK)
        status =
            tokenizer_decode(tokenizer, ids, count, options->plain, &text, &bytes, &cli->fault);
    if (status == PUM_OK && cli->json) {
        status = cli_print_json(cli, json_pack("{s:o}", "text", json_stringn(text, bytes)));
    } else if (status == PUM_OK) {
        fwrite(text, 1, bytes, stdout);
        printf("\n");
    }
    free(text);
    free(ids);
    return status;
}

static pum_status tokenize(struct cli *cli, const struct tokenize_options *options,
                           const struct option_words *words)
{
    struct tokenizer *tokenizer = NULL;
    int inputs = (words->count > 1) + (options->ids != NULL) + (options->file != NULL);
    if (words->count < 1 || inputs != 1)
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "tokenize: give a tokenizer and then texts, --file or --ids: "
                         "pumice tokenize bert-base-uncased/ \"Hello, my dog is cute\"");
    if (options->pair != NULL && words->count != 2)
        return fault_set(&cli->fault, PUM_E_ARGUMENT, "tokenize: --pair goes with one text");
    pum_status status = tokenizer_load(words->items[0], &tokenizer, &cli->fault);
    if (status == PUM_OK && options->ids != NULL)
        status = decode_ids(cli, tokenizer, options);
    else if (status == PUM_OK && options->file != NULL)
        status = encode_file(cli, tokenizer, options);
    else if (status == PUM_OK)
        status = encode_words(cli, tokenizer, options, words);
    tokenizer_free(&tokenizer);
    return status;
}

static int run_tokenize(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct tokenize_options options = {0};
    int code;
    const struct option_row rows[] = {
        {"pair", OPTION_TEXT, "TEXT", "a second text of the same row", &options.pair, 0, 0},
        {"no-special", OPTION_FLAG, NULL, "without special tokens; with --ids, leave them out",
         &options.plain, 0, 0},
        {"max-length", OPTION_NUMBER, "N", "cut to N tokens, special ones included",
         &options.max_length, 1, INT32_MAX},
        {"file", OPTION_TEXT, "FILE", "the ids of each line, a line each (-: standard input)",
         &options.file, 0, 0},
        {"ids", OPTION_TEXT, "1,2,3", "print the text of these ids", &options.ids, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    tokenize(&cli, &options, &words);
    return cli_end(&cli);
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .summary = "text to the ids that a language model reads, and back",
    .usage = "tokenize FOLDER|tokenizer.json TEXT... [--pair TEXT] [--max-length N] [--json]",
    .help =
        "Prints each token with its id, its type (0, or 1 for the second text) and its bytes in\n"
        "the text. The folder is a Hugging Face model's: tokenizer.json, or vocab.txt (BERT),\n"
        "or vocab.json and merges.txt (GPT-2, RoBERTa, CLIP). Text that is no UTF-8 reads as\n"
        "U+FFFD.\n\n"
        "  pumice tokenize bert-base-uncased/ \"Hello, my dog is cute\"\n"
        "  pumice tokenize gpt2/tokenizer.json \"Hello\" --json\n"
        "  pumice tokenize bert-base-uncased/ --ids 101,7592,102\n"
        "  pumice tokenize gpt2/ --file lines.txt > ids.txt",
    .run = run_tokenize,
};
