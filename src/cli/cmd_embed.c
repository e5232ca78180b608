/* SPDX-License-Identifier: MIT
 *
 * cmd_embed.c - `pumice embed MODEL TEXT...`: texts as vectors, and how alike they are.
 */
#include "cli_embed.h"
#include "cli_output.h"
#include "cli_table.h"
#include "image/out_file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TEXT_FILE ((size_t)64 << 20)
#define DEFAULT_ROWS 16
#define SHOWN_NUMBERS 5

/* --- What is shown ---------------------------------------------------------------------------- */

static bool print_texts(const struct embedder *e, const char *const *texts)
{
    static const char *const headers[] = {"#", "tokens", "first numbers", "text"};
    struct cli_table table;
    table_begin(&table, "rrll", headers);
    for (int32_t row = 0; row < e->batch.rows; row++) {
        char numbers[32 * SHOWN_NUMBERS] = "";
        size_t used = 0;
        for (int32_t i = 0; i < e->width && i < SHOWN_NUMBERS; i++)
            used += (size_t)snprintf(numbers + used, sizeof(numbers) - used, "%s%8.4f",
                                     i > 0 ? " " : "",
                                     (double)e->vectors[(size_t)row * (size_t)e->width + i]);
        table_cell(&table, "%d", row + 1);
        table_cell(&table, "%d", e->batch.lengths[row]);
        table_cell(&table, "%s%s", numbers, e->width > SHOWN_NUMBERS ? " ..." : "");
        table_cell(&table, "%.60s", texts[row]);
    }
    return table_end(&table, stdout);
}

static bool print_similarity(const struct embedder *e)
{
    struct cli_table table;
    char align[66] = "r";
    int32_t count = e->batch.rows;
    memset(align + 1, 'r', (size_t)count);
    align[count + 1] = '\0';
    printf("\nsimilarity (cosine)\n");
    table_begin(&table, align, NULL);
    table_cell(&table, "%s", "");
    for (int32_t i = 0; i < count; i++)
        table_cell(&table, "%d", i + 1);
    for (int32_t i = 0; i < count; i++) {
        table_cell(&table, "%d", i + 1);
        for (int32_t k = 0; k < count; k++)
            table_cell(&table, "%.4f", embedder_alike(e, i, k));
    }
    return table_end(&table, stdout);
}

static pum_status print_embeddings(struct cli *cli, const struct embedder *e,
                                   const char *const *texts)
{
    printf("%d text%s, %d dimensions, %s%s\n\n", e->batch.rows, e->batch.rows == 1 ? "" : "s",
           e->width, e->way, e->normalize ? ", normalised" : "");
    bool good = print_texts(e, texts);
    if (good && e->batch.rows >= 2 && e->batch.rows <= 64)
        good = print_similarity(e);
    return good ? PUM_OK : fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
}

static json_t *json_embeddings(const struct cli *cli, const struct embedder *e,
                               const char *const *texts)
{
    json_t *items = json_array(), *similarity = json_array();
    for (int32_t row = 0; row < e->batch.rows; row++) {
        json_t *vector = json_array(), *others = json_array();
        for (int32_t i = 0; i < e->width; i++)
            json_array_append_new(
                vector, cli_json_number((double)e->vectors[(size_t)row * (size_t)e->width + i]));
        for (int32_t other = 0; other < e->batch.rows; other++)
            json_array_append_new(others, cli_json_number(embedder_alike(e, row, other)));
        json_array_append_new(items,
                              json_pack("{s:o, s:i, s:b, s:o}", "text", cli_json_text(texts[row]),
                                        "tokens", e->batch.lengths[row], "cut",
                                        (int)e->batch.cut[row], "embedding", vector));
        json_array_append_new(similarity, others);
    }
    return json_pack("{s:o, s:o, s:i, s:s, s:b, s:o, s:o}", "model",
                     cli_json_text(e->network.model.path), "device",
                     cli_json_text(pum_device_get_info(cli->gpu)->name), "dimension", e->width,
                     "pooling", e->way, "normalized", (int)e->normalize, "texts", items,
                     "similarity", similarity);
}

/* As a model of these outputs would be written. */
static pum_status write_files(struct cli *cli, const struct embedder *e, const char *folder)
{
    int64_t rows = e->batch.rows, columns = e->batch.columns;
    size_t cells = (size_t)rows * (size_t)columns * sizeof(int64_t);
    pum_port_info ports[] = {{.name = "embeddings"},
                             {.name = "input_ids"},
                             {.name = "attention_mask"},
                             {.name = "last_hidden_state"}};
    struct cli_result items[] = {
        {0,
         -1,
         {PUM_DTYPE_F32,
          2,
          {rows, e->width},
          e->vectors,
          (size_t)rows * (size_t)e->width * sizeof(float)}},
        {1, -1, {PUM_DTYPE_I64, 2, {rows, columns}, e->batch.ids, cells}},
        {2, -1, {PUM_DTYPE_I64, 2, {rows, columns}, e->batch.attention_mask, cells}},
        {3,
         -1,
         {PUM_DTYPE_F32,
          3,
          {rows, columns, e->hidden_width},
          e->states,
          cells / sizeof(int64_t) * (size_t)e->hidden_width * sizeof(float)}},
    };
    int32_t count = e->states != NULL ? 4 : 3;
    struct cli_model model = {.outputs = ports, .output_count = count};
    return cli_write_results(cli, &model, &(struct cli_results){items, count}, folder);
}

/* --- The command ------------------------------------------------------------------------------ */

/* Lines of a file as texts; empty ones are left out. Texts point into *out_data. */
static pum_status read_lines(struct cli *cli, const char *path, unsigned char **out_data,
                             const char ***texts, int32_t *count)
{
    size_t size, lines = 1;
    pum_status status = in_file_read(path, MAX_TEXT_FILE, out_data, &size, &cli->fault);
    if (status != PUM_OK)
        return status;
    char *text = (char *)*out_data;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    const char **grown = realloc(*texts, ((size_t)*count + lines) * sizeof(*grown));
    if (grown == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    *texts = grown;
    while (text < (char *)*out_data + size) {
        char *end = memchr(text, '\n', (size_t)((char *)*out_data + size - text));
        end = end != NULL ? end : (char *)*out_data + size;
        *end = '\0';
        if (end > text && end[-1] == '\r')
            end[-1] = '\0';
        if (text[0] != '\0')
            grown[(*count)++] = text;
        text = end + 1;
    }
    return PUM_OK;
}

static pum_status embed(struct cli *cli, const char *path, const char *const *texts, int32_t count,
                        const struct embed_options *options)
{
    struct embedder e = {.hidden = -1};
    int32_t most = options->rows > 0 ? (int32_t)options->rows : DEFAULT_ROWS;
    pum_status status = embedder_open(cli, path, options, &e);
    if (status == PUM_OK)
        status = embedder_run(cli, &e, texts, count, most, options->folder != NULL);
    if (status == PUM_OK && options->folder != NULL)
        status = write_files(cli, &e, options->folder);
    if (status == PUM_OK)
        status = cli->json ? cli_print_json(cli, json_embeddings(cli, &e, texts))
                           : print_embeddings(cli, &e, texts);
    embedder_close(&e);
    return status;
}

static pum_status run(struct cli *cli, const struct option_words *words,
                      const struct embed_options *options)
{
    unsigned char *data = NULL;
    int32_t count = words->count - 1;
    const char **texts = malloc(((size_t)count + 1) * sizeof(*texts));
    if (texts == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    memcpy(texts, words->items + 1, (size_t)count * sizeof(*texts));
    pum_status status =
        options->file != NULL ? read_lines(cli, options->file, &data, &texts, &count) : PUM_OK;
    if (status == PUM_OK && count == 0)
        status = fault_set(&cli->fault, PUM_E_ARGUMENT,
                           "embed: give a text, or a file of them "
                           "with --file");
    if (status == PUM_OK)
        status = embed(cli, words->items[0], texts, count, options);
    free(texts);
    free(data);
    return status;
}

static int run_embed(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct embed_options options = {0};
    int code;
    const struct option_row rows[] = {
        {"file", OPTION_TEXT, "FILE", "texts from a file, one a line", &options.file, 0, 0},
        {"pooling", OPTION_TEXT, "WAY", "mean, cls, max or pooler", &options.pooling, 0, 0},
        {"normalize", OPTION_FLAG, NULL, "vectors of length 1", &options.normalize, 0, 0},
        {"output", OPTION_TEXT, "DIR",
         "write embeddings, last_hidden_state, input_ids and attention_mask as .npy",
         &options.folder, 0, 0},
        {"max-length", OPTION_NUMBER, "N", "tokens a text at most", &options.max_length, 1,
         INT32_MAX},
        {"batch", OPTION_NUMBER, "N", "texts at once (16)", &options.rows, 1, 65536},
        {"tokenizer", OPTION_TEXT, "PATH", "folder or file of the tokenizer", &options.tokenizer, 0,
         0},
        {"precision", OPTION_TEXT, "TYPE", "of a folder's model: fp32 or fp16, else as its file",
         &options.precision, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count < 1)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "embed: give a model and texts: pumice %s",
                  command->usage);
    else
        run(&cli, &words, &options);
    return cli_end(&cli);
}

const struct command cmd_embed = {
    .name = "embed",
    .summary = "texts as vectors, and how alike they are",
    .usage = "embed MODEL TEXT... [--pooling mean] [--output DIR]",
    .help = "MODEL is a Hugging Face folder (config.json, model.safetensors, the tokenizer), or\n"
            "an ONNX file with the tokenizer beside it. Many texts go at once, padded, masked.\n"
            "A text's vector is what a sentence-transformers folder says, or the model's output\n"
            "sentence_embedding or text_embeds, or the mean over its tokens' vectors. --pooling\n"
            "cls takes the first token's, --pooling pooler BERT's pooler_output.\n\n"
            "  pumice embed bert-base-uncased \"Hello, my dog is cute\" --output out\n"
            "  pumice embed all-MiniLM-L6-v2 \"a cat\" \"a kitten\" \"a lorry\"\n"
            "  pumice embed model.onnx --file lines.txt --json --normalize > vectors.json\n"
            "  pumice embed clip-vit-base-patch32 \"a photo of a dog\"",
    .run = run_embed,
};
