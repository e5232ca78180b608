/* SPDX-License-Identifier: MIT
 *
 * cmd_similarity.c - `pumice similarity MODEL IMAGE... --text TEXT...`: which text fits a picture
 * best, by CLIP.
 */
#include "cli_picture.h"
#include "cli_table.h"
#include "cli_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PICTURES_AT_ONCE 8

struct similarity_options {
    struct cli_picture_options picture;
    struct option_words texts;
    const char *tokenizer, *precision;
};

struct matcher {
    struct cli_network network;
    struct cli_picture_input picture;
    struct preprocess how;
    struct cli_text text;
    struct token_batch batch;
    int32_t logits; /* output logits_per_image [images, texts] */
    float *values;  /* [images, texts] */
};

static pum_status open_matcher(struct cli *cli, const char *path,
                               const struct similarity_options *options, struct matcher *m)
{
    struct arch_params params = {0};
    pum_status status = cli_take_precision(cli, options->precision, &params.dtype);
    if (status == PUM_OK)
        status = cli_network_open(cli, &m->network, path, &params);
    if (status != PUM_OK)
        return status;
    const struct cli_model *model = &m->network.model;
    m->logits = cli_network_output(&m->network, "logits_per_image");
    if (m->logits < 0 || !cli_text_is_input(&m->network) ||
        !cli_picture_input_find(model, &m->picture))
        return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                         "%s is no CLIP model: it has no inputs "
                         "input_ids and pixel_values with an output logits_per_image",
                         path);
    status = cli_text_open(cli, &m->text, &m->network, options->tokenizer, 0,
                           model->inputs[m->picture.index].name);
    if (status == PUM_OK)
        status = cli_picture_prepare(cli, model, &m->picture, CLI_PICTURE_CLASSIFY,
                                     &options->picture, &m->how);
    if (status == PUM_OK)
        status =
            cli_text_encode(cli, &m->text, options->texts.items, options->texts.count, &m->batch);
    if (status == PUM_OK && m->text.rows > 0 && m->text.rows != options->texts.count)
        status = fault_set(&cli->fault, PUM_E_ARGUMENT,
                           "%s takes %d text at once; export it with "
                           "a free batch",
                           path, m->text.rows);
    return status;
}

static void close_matcher(struct matcher *m)
{
    free(m->values);
    token_batch_free(&m->batch);
    cli_text_close(&m->text);
    cli_network_close(&m->network);
}

static pum_status take_logits(struct cli *cli, struct matcher *m, int32_t first, int32_t count)
{
    pum_tensor tensor;
    float *values;
    size_t texts = (size_t)m->batch.rows;
    pum_status status = cli_network_floats(cli, &m->network, m->logits, &tensor, &values);
    if (status == PUM_OK &&
        (tensor.rank != 2 || tensor.dims[0] != count || tensor.dims[1] != m->batch.rows))
        status = fault_set(&cli->fault, PUM_E_SHAPE, "%s: logits_per_image is not [images, texts]",
                           m->network.model.path);
    if (status == PUM_OK)
        memcpy(m->values + (size_t)first * texts, values, (size_t)count * texts * sizeof(*values));
    free(values);
    return status;
}

static pum_status run_pictures(struct cli *cli, struct matcher *m, const char *const *paths,
                               int32_t first, int32_t count)
{
    struct preprocess_result ready[PICTURES_AT_ONCE] = {0};
    pum_tensor tensor = {0};
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        status = cli_picture_read(cli, paths[first + i], &m->how, &ready[i], NULL);
        if (status == PUM_OK &&
            (ready[i].width != ready[0].width || ready[i].height != ready[0].height))
            status = fault_set(&cli->fault, PUM_E_SHAPE,
                               "%s has another size than the pictures "
                               "before it; --size N makes them equal",
                               paths[first + i]);
    }
    if (status == PUM_OK)
        status = cli_picture_batch(cli, &m->picture, ready, count, &tensor);
    if (status == PUM_OK)
        status = cli_network_give(cli, &m->network, m->picture.index, &tensor);
    if (status == PUM_OK)
        status = cli_text_give(cli, &m->network, &m->batch, 0, m->batch.rows);
    if (status == PUM_OK)
        status = cli_network_run(cli, &m->network);
    if (status == PUM_OK)
        status = take_logits(cli, m, first, count);
    for (int32_t i = 0; i < count; i++)
        preprocess_free(&ready[i]);
    free(tensor.data);
    return status;
}

/* --- What is shown ---------------------------------------------------------------------------- */

static double probability(const float *logits, int32_t count, int32_t index)
{
    double most = -INFINITY, sum = 0;
    for (int32_t i = 0; i < count; i++)
        most = fmax(most, (double)logits[i]);
    for (int32_t i = 0; i < count; i++)
        sum += exp((double)logits[i] - most);
    return exp((double)logits[index] - most) / sum;
}

static json_t *json_results(const struct cli *cli, const struct matcher *m,
                            const char *const *paths, int32_t count, const char *const *texts)
{
    json_t *images = json_array();
    for (int32_t i = 0; i < count; i++) {
        const float *logits = m->values + (size_t)i * (size_t)m->batch.rows;
        json_t *rows = json_array();
        for (int32_t k = 0; k < m->batch.rows; k++)
            json_array_append_new(
                rows, json_pack("{s:o, s:o, s:o}", "text", cli_json_text(texts[k]), "probability",
                                cli_json_number(probability(logits, m->batch.rows, k)), "logit",
                                cli_json_number((double)logits[k])));
        json_array_append_new(
            images, json_pack("{s:o, s:o}", "image", cli_json_text(paths[i]), "texts", rows));
    }
    return json_pack("{s:o, s:o, s:o}", "model", cli_json_text(m->network.model.path), "device",
                     cli_json_text(pum_device_get_info(cli->gpu)->name), "images", images);
}

static bool print_results(const struct matcher *m, const char *const *paths, int32_t count,
                          const char *const *texts)
{
    static const char *const headers[] = {"probability", "logit", "text"};
    bool good = true;
    for (int32_t i = 0; i < count && good; i++) {
        const float *logits = m->values + (size_t)i * (size_t)m->batch.rows;
        struct cli_table table;
        if (count > 1)
            printf("%s== %s ==\n", i > 0 ? "\n" : "", paths[i]);
        table_begin(&table, "rrl", headers);
        for (int32_t k = 0; k < m->batch.rows; k++) {
            table_cell(&table, "%.4f", probability(logits, m->batch.rows, k));
            table_cell(&table, "%.3f", (double)logits[k]);
            table_cell(&table, "%s", texts[k]);
        }
        good = table_end(&table, stdout);
    }
    return good;
}

static pum_status run(struct cli *cli, const struct option_words *words,
                      const struct similarity_options *options)
{
    struct matcher m = {0};
    const char *const *paths = words->items + 1;
    int32_t count = words->count - 1;
    pum_status status = open_matcher(cli, words->items[0], options, &m);
    if (status == PUM_OK) {
        m.values = calloc((size_t)count * (size_t)m.batch.rows + 1, sizeof(*m.values));
        if (m.values == NULL)
            status = fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    }
    bool single = status == PUM_OK && m.network.model.inputs[m.picture.index].dims[0] == 1;
    for (int32_t first = 0; first < count && status == PUM_OK;) {
        int32_t rows = count - first < PICTURES_AT_ONCE ? count - first : PICTURES_AT_ONCE;
        rows = single ? 1 : rows;
        status = run_pictures(cli, &m, paths, first, rows);
        first += rows;
    }
    if (status == PUM_OK && cli->json)
        status = cli_print_json(cli, json_results(cli, &m, paths, count, options->texts.items));
    else if (status == PUM_OK && !print_results(&m, paths, count, options->texts.items))
        status = fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    close_matcher(&m);
    return status;
}

static int run_similarity(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct similarity_options options = {0};
    int code;
    const struct option_row rows[] = {
        {"text", OPTION_LIST, "TEXT", "a text to compare with; give it again for each",
         &options.texts, 0, 0},
        CLI_PICTURE_ROWS(&options.picture),
        {"tokenizer", OPTION_TEXT, "PATH", "folder or file of the tokenizer", &options.tokenizer, 0,
         0},
        {"precision", OPTION_TEXT, "TYPE", "of a folder's model: fp32 or fp16, else as its file",
         &options.precision, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count < 2 || options.texts.count < 1)
        fault_set(&cli.fault, PUM_E_ARGUMENT,
                  "similarity: give a model, a picture and --text for "
                  "each text: pumice %s",
                  command->usage);
    else
        run(&cli, &words, &options);
    return cli_end(&cli);
}

const struct command cmd_similarity = {
    .name = "similarity",
    .summary = "which text fits a picture best (CLIP)",
    .usage = "similarity MODEL IMAGE... --text TEXT --text TEXT...",
    .help = "MODEL is CLIP: a Hugging Face folder, or an ONNX file with the tokenizer beside it.\n"
            "The logits are CLIP's scaled similarities; the probabilities are their softmax over\n"
            "the texts, so they compare the texts given and say nothing of others.\n\n"
            "  pumice similarity clip-vit-base-patch32 pet.jpg --text \"a cat\" --text \"a dog\"\n"
            "  pumice similarity clip.onnx *.jpg --text day --text night --json",
    .run = run_similarity,
};
