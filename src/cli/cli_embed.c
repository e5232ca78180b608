/* SPDX-License-Identifier: MIT
 *
 * cli_embed.c - see cli_embed.h. Tests: tests/cli/test_texts.py.
 */
#include "cli_embed.h"

#include "hf/hf_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- What to do ------------------------------------------------------------------------------- */

static bool find_pooling(const char *word, enum arch_pooling_kind *out_kind)
{
    static const struct {
        const char *word;
        enum arch_pooling_kind kind;
    } rows[] = {
        {"mean", ARCH_POOL_MEAN},
        {"cls", ARCH_POOL_CLS},
        {"max", ARCH_POOL_MAX},
        {"pooler", ARCH_POOL_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].word, word) == 0) {
            *out_kind = rows[i].kind;
            return true;
        }
    }
    return false;
}

static const char *pooling_name(enum arch_pooling_kind kind)
{
    static const char *const names[] = {
        [ARCH_POOL_NONE] = "none",
        [ARCH_POOL_CLS] = "cls",
        [ARCH_POOL_MEAN] = "mean",
        [ARCH_POOL_MAX] = "max",
        [ARCH_POOL_MEAN_SQRT] = "mean by root of length",
    };
    return names[kind];
}

static bool is_clip(const char *folder)
{
    struct hf_json config;
    const char *type = NULL;
    struct fault ignored = {0};
    if (!hf_has_file(folder, "config.json") ||
        hf_json_load(&config, folder, "config.json", &ignored) != PUM_OK)
        return false;
    bool clip = hf_json_text_or(&config, "model_type", "", &type, &ignored) == PUM_OK &&
                strcmp(type, "clip") == 0;
    hf_json_free(&config);
    return clip;
}

/* The output that holds a vector a text already, by what exporters call it. */
static void find_output(struct embedder *e)
{
    static const char *const names[] = {"sentence_embedding", "text_embeds"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        e->output = cli_network_output(&e->network, names[i]);
        if (e->output >= 0) {
            e->source = EMBED_OUTPUT;
            e->way = names[i];
            return;
        }
    }
}

/* last_hidden_state by its name, else the first output of three axes. */
static void find_hidden(struct embedder *e)
{
    const struct cli_model *model = &e->network.model;
    e->hidden = cli_network_output(&e->network, "last_hidden_state");
    for (int32_t i = 0; i < model->output_count && e->hidden < 0; i++)
        if (model->outputs[i].rank == 3)
            e->hidden = i;
}

static pum_status choose_source(struct cli *cli, const struct embed_options *options,
                                struct embedder *e)
{
    bool pooler = options->pooling != NULL && strcmp(options->pooling, "pooler") == 0;
    find_hidden(e);
    e->output = -1;
    if (pooler) {
        e->output = cli_network_output(&e->network, "pooler_output");
        e->source = EMBED_OUTPUT;
        e->way = "pooler_output";
        if (e->output < 0)
            return fault_set(&cli->fault, PUM_E_ARGUMENT, "--pooling pooler: %s has no pooler",
                             e->network.model.path);
        return PUM_OK;
    }
    /* A folder's graph was built with its pooling. */
    bool folder = e->network.model.arch.family != NULL;
    if (folder || (options->pooling == NULL && e->pooling.kind == ARCH_POOL_NONE))
        find_output(e);
    if (folder && e->pooling.kind != ARCH_POOL_NONE)
        e->way = pooling_name(e->pooling.kind);
    if (e->output >= 0)
        return PUM_OK;
    if (e->hidden < 0)
        return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                         "%s has no output last_hidden_state, "
                         "sentence_embedding or text_embeds: it is no encoder of texts",
                         e->network.model.path);
    if (e->pooling.kind == ARCH_POOL_NONE)
        e->pooling.kind = ARCH_POOL_MEAN;
    e->source = EMBED_POOLED;
    e->way = pooling_name(e->pooling.kind);
    return PUM_OK;
}

/* The pooling as a session; it takes the first one's states. */
static pum_status open_pooler(struct cli *cli, struct embedder *e)
{
    pum_graph *graph;
    struct arch_pooling pooling = {.kind = e->pooling.kind}; /* normalised at the end */
    pum_status status =
        fault_from_library(&cli->fault, arch_pooling_graph(cli->context, pooling, &graph));
    if (status == PUM_OK)
        status =
            fault_from_library(&cli->fault, pum_session_create(cli->gpu, graph, NULL, &e->pooler));
    pum_graph_destroy(&graph);
    return status;
}

/* A folder pools by its own graph, but for CLIP, which has a vector a text in any case. */
static void choose_part(const char *folder, const struct embed_options *options, struct embedder *e,
                        struct arch_params *params)
{
    bool pooler = options->pooling != NULL && strcmp(options->pooling, "pooler") == 0;
    if (is_clip(folder)) {
        params->part = ARCH_TEXT;
        e->pooling.kind = ARCH_POOL_NONE;
    } else if (!pooler) {
        if (e->pooling.kind == ARCH_POOL_NONE)
            e->pooling.kind = ARCH_POOL_MEAN;
        params->pooling.kind = e->pooling.kind;
    }
}

pum_status embedder_open(struct cli *cli, const char *path, const struct embed_options *options,
                         struct embedder *e)
{
    struct arch_params params = {.part = ARCH_BASE};
    struct arch_sentence sentence = {0};
    pum_status status = cli_take_precision(cli, options->precision, &params.dtype);
    if (status == PUM_OK && options->pooling != NULL &&
        !find_pooling(options->pooling, &e->pooling.kind))
        status = fault_set(&cli->fault, PUM_E_ARGUMENT, "--pooling %s: mean, cls, max or pooler",
                           options->pooling);
    char *folder = cli_network_folder(path);
    if (status == PUM_OK && folder == NULL)
        status = fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    if (status == PUM_OK)
        status = arch_sentence_load(folder, &sentence, &cli->fault);
    if (status == PUM_OK && options->pooling == NULL)
        e->pooling.kind = sentence.pooling.kind;
    e->normalize = options->normalize || sentence.pooling.normalize;
    const char *model = status == PUM_OK && cli_is_folder(path) ? sentence.folder : path;
    if (status == PUM_OK && cli_is_folder(model))
        choose_part(model, options, e, &params);
    if (status == PUM_OK)
        status = cli_network_open(cli, &e->network, model, &params);
    if (status == PUM_OK)
        status = choose_source(cli, options, e);
    if (status == PUM_OK && e->source == EMBED_POOLED)
        status = open_pooler(cli, e);
    int32_t length = options->max_length > 0 ? (int32_t)options->max_length : sentence.max_length;
    if (status == PUM_OK)
        status = cli_text_open(cli, &e->text, &e->network, options->tokenizer, length, NULL);
    e->network.model.path = path; /* what `model` points to ends here */
    arch_sentence_free(&sentence);
    free(folder);
    return status;
}

void embedder_close(struct embedder *e)
{
    free(e->vectors);
    free(e->states);
    token_batch_free(&e->batch);
    pum_session_destroy(&e->pooler);
    cli_text_close(&e->text);
    cli_network_close(&e->network);
}

/* --- Running ---------------------------------------------------------------------------------- */

static bool fits(const pum_tensor *tensor, int32_t rank, int64_t rows)
{
    return tensor->rank == rank && tensor->dims[0] == rows && tensor->dims[rank - 1] > 0 &&
           tensor->dims[rank - 1] <= INT32_MAX;
}

static pum_status wrong_shape(struct cli *cli, const struct embedder *e, int32_t output,
                              const char *expected)
{
    return fault_set(&cli->fault, PUM_E_SHAPE, "%s: output '%s' is not %s", e->network.model.path,
                     e->network.model.outputs[output].name, expected);
}

/* Pools states [rows, columns, width] of rows from `first` on. */
static pum_status pool(struct cli *cli, struct embedder *e, const pum_tensor *shape, float *values,
                       int32_t first, int32_t rows, pum_tensor *out_tensor)
{
    pum_tensor states = *shape;
    pum_tensor mask = {.dtype = PUM_DTYPE_I64, .rank = 2, .dims = {rows, e->batch.columns}};
    states.dtype = PUM_DTYPE_F32;
    states.data = values;
    states.size_bytes =
        (size_t)rows * (size_t)shape->dims[1] * (size_t)shape->dims[2] * sizeof(float);
    mask.data = e->batch.attention_mask + (size_t)first * (size_t)e->batch.columns;
    mask.size_bytes = (size_t)rows * (size_t)e->batch.columns * sizeof(int64_t);
    pum_status status = pum_session_set_input(e->pooler, 0, &states);
    if (status == PUM_OK)
        status = pum_session_set_input(e->pooler, 1, &mask);
    if (status == PUM_OK)
        status = pum_session_run(e->pooler);
    if (status == PUM_OK)
        status = pum_session_get_output(e->pooler, 0, out_tensor);
    return fault_from_library(&cli->fault, status);
}

static pum_status keep(struct cli *cli, float **all, int32_t *width, const float *values,
                       int64_t new_width, size_t each, size_t first, size_t rows, size_t total)
{
    if (*all == NULL) {
        *all = calloc(total * each * (size_t)new_width + 1, sizeof(**all));
        *width = (int32_t)new_width;
    }
    if (*all == NULL || *width != new_width)
        return fault_set(&cli->fault, *all == NULL ? PUM_E_MEMORY : PUM_E_SHAPE,
                         *all == NULL ? "out of memory" : "the vectors change their size");
    size_t row = each * (size_t)new_width;
    memcpy(*all + first * row, values, rows * row * sizeof(**all));
    return PUM_OK;
}

/* One run's rows: their states, if they are wanted or pooled, and their vectors. */
static pum_status take_rows(struct cli *cli, struct embedder *e, bool with_states, int32_t first,
                            int32_t rows)
{
    pum_tensor shape, tensor;
    float *values = NULL;
    pum_status status = PUM_OK;
    if (e->hidden >= 0 && (with_states || e->source == EMBED_POOLED))
        status = cli_network_floats(cli, &e->network, e->hidden, &shape, &values);
    if (status == PUM_OK && values != NULL &&
        (!fits(&shape, 3, rows) || shape.dims[1] != e->batch.columns))
        status = wrong_shape(cli, e, e->hidden, "[batch, length, width]");
    if (status == PUM_OK && values != NULL && with_states)
        status = keep(cli, &e->states, &e->hidden_width, values, shape.dims[2],
                      (size_t)e->batch.columns, (size_t)first, (size_t)rows, (size_t)e->batch.rows);
    if (status == PUM_OK && e->source == EMBED_POOLED) {
        status = pool(cli, e, &shape, values, first, rows, &tensor);
        if (status == PUM_OK)
            status = keep(cli, &e->vectors, &e->width, tensor.data, tensor.dims[1], 1,
                          (size_t)first, (size_t)rows, (size_t)e->batch.rows);
    }
    free(values);
    if (status != PUM_OK || e->source == EMBED_POOLED)
        return status;
    status = cli_network_floats(cli, &e->network, e->output, &tensor, &values);
    if (status == PUM_OK && !fits(&tensor, 2, rows))
        status = wrong_shape(cli, e, e->output, "[batch, width]");
    if (status == PUM_OK)
        status = keep(cli, &e->vectors, &e->width, values, tensor.dims[1], 1, (size_t)first,
                      (size_t)rows, (size_t)e->batch.rows);
    free(values);
    return status;
}

static double length_of(const float *vector, int32_t width)
{
    double sum = 0;
    for (int32_t i = 0; i < width; i++)
        sum += (double)vector[i] * (double)vector[i];
    return sqrt(sum);
}

static void normalize(const struct embedder *e)
{
    for (int32_t row = 0; row < e->batch.rows; row++) {
        float *vector = e->vectors + (size_t)row * (size_t)e->width;
        double length = fmax(length_of(vector, e->width), 1e-12);
        for (int32_t i = 0; i < e->width; i++)
            vector[i] = (float)((double)vector[i] / length);
    }
}

pum_status embedder_run(struct cli *cli, struct embedder *e, const char *const *texts,
                        int32_t count, int32_t most, bool with_states)
{
    pum_status status = cli_text_encode(cli, &e->text, texts, count, &e->batch);
    for (int32_t first = 0; first < count && status == PUM_OK;) {
        int32_t rows = cli_text_rows(&e->text, &e->batch, first, most);
        status = cli_text_give(cli, &e->network, &e->batch, first, rows);
        if (status == PUM_OK)
            status = cli_network_run(cli, &e->network);
        if (status == PUM_OK)
            status = take_rows(cli, e, with_states, first, rows);
        first += rows;
    }
    if (status == PUM_OK && e->normalize)
        normalize(e);
    return status;
}

double embedder_alike(const struct embedder *e, int32_t a, int32_t b)
{
    const float *x = e->vectors + (size_t)a * (size_t)e->width;
    const float *y = e->vectors + (size_t)b * (size_t)e->width;
    double sum = 0, lengths = length_of(x, e->width) * length_of(y, e->width);
    for (int32_t i = 0; i < e->width; i++)
        sum += (double)x[i] * (double)y[i];
    return lengths > 0 ? sum / lengths : 0;
}
