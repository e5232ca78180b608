/* SPDX-License-Identifier: MIT
 *
 * cmd_classify.c - `pumice classify MODEL IMAGE|TEXT...`: the likeliest classes of pictures, or of
 * texts where the model takes tokens.
 */
#include "cli_picture.h"
#include "cli_table.h"
#include "cli_text.h"
#include "hf/hf_json.h"
#include "hf/hf_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_ROWS 16

struct classify_options {
    struct cli_picture_options picture;
    const char *labels, *tokenizer, *scores, *precision;
    int64_t top, max_length;
};

/* What the numbers of the output become. */
enum score_kind {
    SCORE_AUTO,    /* softmax, unless they are probabilities already */
    SCORE_SOFTMAX, /* one class is right */
    SCORE_SIGMOID, /* any number of classes are */
    SCORE_RAW
};

struct classifier {
    struct cli_network network;
    struct cli_picture_input picture;
    struct preprocess how;
    struct cli_text text;
    bool takes_text;
    struct hf_labels labels;
    enum score_kind kind;
    int32_t output;
    int32_t top;
    json_t *json; /* of all results; NULL: print */
    int32_t printed;
};

/* --- Opening ---------------------------------------------------------------------------------- */

static pum_status take_kind(struct cli *cli, const char *word, enum score_kind *out_kind)
{
    static const char *const names[] = {"auto", "softmax", "sigmoid", "raw"};
    for (size_t i = 0; word != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], word) == 0) {
            *out_kind = (enum score_kind)i;
            return PUM_OK;
        }
    }
    return word == NULL ? PUM_OK
                        : fault_set(&cli->fault, PUM_E_ARGUMENT,
                                    "--scores %s: auto, softmax, sigmoid or raw", word);
}

/* problem_type of config.json: whether classes exclude each other. */
static pum_status kind_of_config(struct cli *cli, const char *folder, enum score_kind *kind)
{
    struct hf_json config;
    const char *problem;
    if (*kind != SCORE_AUTO || !hf_has_file(folder, "config.json"))
        return PUM_OK;
    pum_status status = hf_json_load(&config, folder, "config.json", &cli->fault);
    if (status != PUM_OK)
        return status;
    status = hf_json_text_or(&config, "problem_type", "", &problem, &cli->fault);
    if (status == PUM_OK && strcmp(problem, "multi_label_classification") == 0)
        *kind = SCORE_SIGMOID;
    if (status == PUM_OK && strcmp(problem, "regression") == 0)
        *kind = SCORE_RAW;
    hf_json_free(&config);
    return status;
}

static pum_status read_files(struct cli *cli, const char *path,
                             const struct classify_options *options, struct classifier *c)
{
    char *folder = cli_network_folder(path);
    if (folder == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = take_kind(cli, options->scores, &c->kind);
    if (status == PUM_OK)
        status = options->labels != NULL
                     ? hf_labels_from_file(&c->labels, options->labels, &cli->fault)
                     : hf_labels_from_config(&c->labels, folder, &cli->fault);
    if (status == PUM_OK)
        status = kind_of_config(cli, folder, &c->kind);
    free(folder);
    return status;
}

static pum_status find_output(struct cli *cli, struct classifier *c)
{
    const struct cli_model *model = &c->network.model;
    c->output = cli_network_output(&c->network, "logits");
    if (c->output < 0 && model->arch.family != NULL)
        return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                         "%s is no classifier (by config.json's "
                         "architectures); `pumice embed` gives vectors of texts",
                         model->path);
    c->output = c->output < 0 ? 0 : c->output;
    return PUM_OK;
}

static pum_status open_classifier(struct cli *cli, const char *path,
                                  const struct classify_options *options, struct classifier *c)
{
    struct arch_params params = {0};
    pum_status status = cli_take_precision(cli, options->precision, &params.dtype);
    if (status == PUM_OK)
        status = read_files(cli, path, options, c);
    if (status == PUM_OK)
        status = cli_network_open(cli, &c->network, path, &params);
    if (status == PUM_OK)
        status = find_output(cli, c);
    if (status != PUM_OK)
        return status;
    c->takes_text = cli_text_is_input(&c->network);
    if (c->takes_text)
        return cli_text_open(cli, &c->text, &c->network, options->tokenizer,
                             (int32_t)options->max_length, NULL);
    if (!cli_picture_input_find(&c->network.model, &c->picture) ||
        c->network.model.input_count != 1)
        return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                         "%s: a classifier has one input that "
                         "takes a picture, or input_ids; `pumice info` shows this model's",
                         path);
    return cli_picture_prepare(cli, &c->network.model, &c->picture, CLI_PICTURE_CLASSIFY,
                               &options->picture, &c->how);
}

static void close_classifier(struct classifier *c)
{
    json_decref(c->json);
    hf_labels_free(&c->labels);
    cli_text_close(&c->text);
    cli_network_close(&c->network);
}

/* --- Scores ----------------------------------------------------------------------------------- */

static bool are_probabilities(const float *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!(values[i] >= -1e-6f && values[i] <= 1 + 1e-6f))
            return false;
        sum += (double)values[i];
    }
    return fabs(sum - 1) < 1e-2;
}

static void softmax(float *values, int64_t count)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, (double)values[i]);
    for (int64_t i = 0; i < count; i++)
        sum += exp((double)values[i] - most);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(exp((double)values[i] - most) / sum);
}

/* One number is no choice of classes. */
static void to_scores(enum score_kind kind, float *values, int64_t count)
{
    if (kind == SCORE_AUTO)
        kind = count < 2 || are_probabilities(values, count) ? SCORE_RAW : SCORE_SOFTMAX;
    if (kind == SCORE_SOFTMAX)
        softmax(values, count);
    for (int64_t i = 0; i < count && kind == SCORE_SIGMOID; i++)
        values[i] = (float)(1 / (1 + exp(-(double)values[i])));
}

struct ranked {
    float score;
    int32_t index;
};

static int by_score(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score || isnan(b->score) ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static json_t *json_thing(const struct classifier *c, const char *thing,
                          const struct ranked *ranked, int32_t count)
{
    json_t *classes = json_array();
    for (int32_t i = 0; i < count; i++) {
        const char *name = hf_labels_name(&c->labels, ranked[i].index);
        json_array_append_new(classes,
                              json_pack("{s:i, s:o, s:o}", "class", ranked[i].index, "label",
                                        name != NULL ? cli_json_text(name) : json_null(), "score",
                                        cli_json_number((double)ranked[i].score)));
    }
    return json_pack("{s:o, s:o}", c->takes_text ? "text" : "image", cli_json_text(thing),
                     "classes", classes);
}

static bool print_thing(struct classifier *c, const char *thing, const struct ranked *ranked,
                        int32_t count, bool heading)
{
    struct cli_table table;
    if (heading)
        printf("%s== %.200s ==\n", c->printed > 0 ? "\n" : "", thing);
    c->printed++;
    table_begin(&table, "rl", NULL);
    for (int32_t i = 0; i < count; i++) {
        const char *name = hf_labels_name(&c->labels, ranked[i].index);
        table_cell(&table, "%.4f", (double)ranked[i].score);
        if (name != NULL)
            table_cell(&table, "%s", name);
        else
            table_cell(&table, "class %d", ranked[i].index);
    }
    return table_end(&table, stdout);
}

static pum_status show(struct cli *cli, struct classifier *c, const char *thing, float *values,
                       int64_t count, bool heading)
{
    struct ranked *ranked = malloc(((size_t)count + 1) * sizeof(*ranked));
    if (ranked == NULL || count > INT32_MAX) {
        free(ranked);
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    }
    to_scores(c->kind, values, count);
    for (int32_t i = 0; i < (int32_t)count; i++)
        ranked[i] = (struct ranked){values[i], i};
    qsort(ranked, (size_t)count, sizeof(*ranked), by_score);
    int32_t shown = count < c->top ? (int32_t)count : c->top;
    pum_status status = PUM_OK;
    if (c->json != NULL)
        json_array_append_new(c->json, json_thing(c, thing, ranked, shown));
    else if (!print_thing(c, thing, ranked, shown, heading))
        status = fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    free(ranked);
    return status;
}

/* --- Running ---------------------------------------------------------------------------------- */

/* Runs, and shows each of `rows` things: the output has as many rows, or one that is no axis. */
static pum_status run_and_show(struct cli *cli, struct classifier *c, const char *const *things,
                               int32_t rows, bool heading)
{
    pum_tensor tensor;
    float *values = NULL;
    pum_status status = cli_network_run(cli, &c->network);
    if (status == PUM_OK)
        status = cli_network_floats(cli, &c->network, c->output, &tensor, &values);
    if (status != PUM_OK)
        return status;
    int64_t count = 1;
    for (int32_t i = 0; i < tensor.rank; i++)
        count *= tensor.dims[i];
    bool fits = count > 0 && (rows == 1 || (tensor.rank >= 1 && tensor.dims[0] == rows));
    if (!fits)
        status = fault_set(&cli->fault, PUM_E_SHAPE, "%s: output '%s' has no scores a row",
                           c->network.model.path, c->network.model.outputs[c->output].name);
    for (int32_t i = 0; i < rows && status == PUM_OK; i++)
        status = show(cli, c, things[i], values + i * (count / rows), count / rows, heading);
    free(values);
    return status;
}

static pum_status classify_pictures(struct cli *cli, struct classifier *c, const char *const *paths,
                                    int32_t count)
{
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        struct preprocess_result ready;
        pum_tensor tensor = {0};
        status = cli_picture_read(cli, paths[i], &c->how, &ready, NULL);
        if (status == PUM_OK)
            status = cli_picture_batch(cli, &c->picture, &ready, 1, &tensor);
        if (status == PUM_OK)
            status = cli_network_give(cli, &c->network, c->picture.index, &tensor);
        free(tensor.data);
        preprocess_free(&ready);
        if (status == PUM_OK)
            status = run_and_show(cli, c, &paths[i], 1, count > 1);
    }
    return status;
}

static pum_status classify_texts(struct cli *cli, struct classifier *c, const char *const *texts,
                                 int32_t count)
{
    struct token_batch batch;
    pum_status status = cli_text_encode(cli, &c->text, texts, count, &batch);
    for (int32_t first = 0; first < count && status == PUM_OK;) {
        int32_t rows = cli_text_rows(&c->text, &batch, first, TEXT_ROWS);
        status = cli_text_give(cli, &c->network, &batch, first, rows);
        if (status == PUM_OK)
            status = run_and_show(cli, c, texts + first, rows, count > 1);
        first += rows;
    }
    token_batch_free(&batch);
    return status;
}

static pum_status run(struct cli *cli, const struct option_words *words,
                      const struct classify_options *options)
{
    struct classifier c = {.top = (int32_t)options->top};
    int32_t count = words->count - 1;
    pum_status status = open_classifier(cli, words->items[0], options, &c);
    c.json = cli->json ? json_array() : NULL;
    if (status == PUM_OK)
        status =
            (c.takes_text ? classify_texts : classify_pictures)(cli, &c, words->items + 1, count);
    if (status == PUM_OK && c.json != NULL)
        status = cli_print_json(
            cli, json_pack("{s:o, s:o, s:O}", "model", cli_json_text(words->items[0]), "device",
                           cli_json_text(pum_device_get_info(cli->gpu)->name), "results", c.json));
    close_classifier(&c);
    return status;
}

static int run_classify(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct classify_options options = {.top = 5};
    int code;
    const struct option_row rows[] = {
        {"top", OPTION_NUMBER, "K", "classes to show (5)", &options.top, 1, 1000000},
        {"labels", OPTION_TEXT, "FILE", "names of the classes: one a line, or JSON",
         &options.labels, 0, 0},
        {"scores", OPTION_TEXT, "KIND", "auto, softmax, sigmoid or raw", &options.scores, 0, 0},
        CLI_PICTURE_ROWS(&options.picture),
        {"tokenizer", OPTION_TEXT, "PATH", "folder or file of the tokenizer", &options.tokenizer, 0,
         0},
        {"max-length", OPTION_NUMBER, "N", "tokens a text at most", &options.max_length, 1,
         INT32_MAX},
        {"precision", OPTION_TEXT, "TYPE", "of a folder's model: fp32 or fp16, else as its file",
         &options.precision, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count < 2)
        fault_set(&cli.fault, PUM_E_ARGUMENT,
                  "classify: give a model, and a picture or a text: "
                  "pumice %s",
                  command->usage);
    else
        run(&cli, &words, &options);
    return cli_end(&cli);
}

const struct command cmd_classify = {
    .name = "classify",
    .summary = "the likeliest classes of pictures or texts",
    .usage = "classify MODEL IMAGE|TEXT... [--top K] [--labels FILE]",
    .help = "MODEL is a Hugging Face folder or an ONNX file. Names of classes come from\n"
            "config.json (id2label) or --labels. Pictures are made ready as\n"
            "preprocessor_config.json says; without one as ImageNet's classifiers want them:\n"
            "shorter side to size / 0.875, bilinear, the centre cut out, mean 0.485,0.456,0.406\n"
            "and std 0.229,0.224,0.225.\n"
            "Texts are for models that take input_ids; the tokenizer lies beside the model.\n\n"
            "  pumice classify vit-base-patch16-224 cat.jpg\n"
            "  pumice classify resnet18.onnx *.jpg --labels imagenet.txt --top 3\n"
            "  pumice classify mnist.onnx digit.png --mean 0.1307 --std 0.3081 --fit stretch\n"
            "  pumice classify distilbert-sst2 \"a charming film\" \"a waste of time\" --json",
    .run = run_classify,
};
