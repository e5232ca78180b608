/* SPDX-License-Identifier: MIT
 *
 * cli_text.c - see cli_text.h. Tests: tests/cli/test_texts.py.
 */
#include "cli_text.h"

#include "hf/hf_json.h"

#include <stdlib.h>
#include <string.h>

/* The inputs that are filled from a batch. */
enum text_source { TEXT_IDS, TEXT_MASK, TEXT_TYPES, TEXT_POSITIONS, TEXT_NONE };

static enum text_source source_of(const pum_port_info *port)
{
    static const char *const names[] = {
        [TEXT_IDS] = "input_ids",
        [TEXT_MASK] = "attention_mask",
        [TEXT_TYPES] = "token_type_ids",
        [TEXT_POSITIONS] = "position_ids",
    };
    if (port->dtype != PUM_DTYPE_I64 && port->dtype != PUM_DTYPE_I32)
        return TEXT_NONE;
    for (int i = TEXT_IDS; i < TEXT_NONE; i++)
        if (strcmp(port->name, names[i]) == 0)
            return (enum text_source)i;
    return TEXT_NONE;
}

bool cli_text_is_input(const struct cli_network *network)
{
    int32_t index = cli_network_input(network, "input_ids");
    return index >= 0 && source_of(&network->model.inputs[index]) == TEXT_IDS;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static pum_status check_inputs(struct cli *cli, const struct cli_network *network,
                               const char *other)
{
    const struct cli_model *model = &network->model;
    if (!cli_text_is_input(network))
        return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                         "%s takes no text: it has no input "
                         "'input_ids' of whole numbers",
                         model->path);
    for (int32_t i = 0; i < model->input_count; i++) {
        const pum_port_info *port = &model->inputs[i];
        if (source_of(port) == TEXT_NONE && (other == NULL || strcmp(port->name, other) != 0))
            return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                             "%s has an input '%s', which is none "
                             "of input_ids, attention_mask, token_type_ids and position_ids; "
                             "`pumice run` takes any input",
                             model->path, port->name);
        if (source_of(port) != TEXT_NONE && port->rank != 2)
            return fault_set(&cli->fault, PUM_E_SHAPE, "%s: input '%s' is not [batch, length]",
                             model->path, port->name);
    }
    return PUM_OK;
}

static void limit(int32_t *length, int64_t most)
{
    if (most > 0 && most <= INT32_MAX && (*length == 0 || most < *length))
        *length = (int32_t)most;
}

/* max_position_embeddings of an ONNX model's config.json, if there is one. */
static pum_status limit_by_config(struct cli *cli, const char *folder, int32_t *length)
{
    struct hf_json config;
    int64_t positions = 0, padding = 0;
    const char *type;
    if (!hf_has_file(folder, "config.json"))
        return PUM_OK;
    pum_status status = hf_json_load(&config, folder, "config.json", &cli->fault);
    if (status != PUM_OK)
        return status;
    status = hf_json_text_or(&config, "model_type", "", &type, &cli->fault);
    if (status == PUM_OK)
        status = hf_json_int_or(&config, "max_position_embeddings", 0, INT32_MAX, 0, &positions,
                                &cli->fault);
    if (status == PUM_OK && strstr(type, "roberta") != NULL) /* positions begin behind padding */
        status = hf_json_int_or(&config, "pad_token_id", 0, INT32_MAX, 1, &padding, &cli->fault);
    if (status == PUM_OK && strstr(type, "roberta") != NULL && positions > padding + 1)
        positions -= padding + 1;
    if (status == PUM_OK)
        limit(length, positions);
    hf_json_free(&config);
    return status;
}

pum_status cli_text_open(struct cli *cli, struct cli_text *text, const struct cli_network *network,
                         const char *tokenizer, int32_t max_length, const char *other)
{
    const struct cli_model *model = &network->model;
    *text = (struct cli_text){0};
    pum_status status = check_inputs(cli, network, other);
    if (status != PUM_OK)
        return status;
    char *folder = cli_network_folder(model->path);
    if (folder == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    status = tokenizer_load(tokenizer != NULL ? tokenizer : folder, &text->tokenizer, &cli->fault);
    if (status == PUM_E_FILE && tokenizer == NULL)
        cli->hint = "--tokenizer PATH tells where tokenizer.json or the vocabulary is";
    if (status == PUM_OK && model->arch.family == NULL)
        status = limit_by_config(cli, folder, &text->max_length);
    free(folder);
    if (status != PUM_OK)
        return status;
    const int64_t *dims = model->inputs[cli_network_input(network, "input_ids")].dims;
    text->vocabulary = model->arch.vocabulary;
    text->rows = dims[0] > 0 ? (int32_t)dims[0] : 0;
    text->length = dims[1] > 0 && dims[1] <= INT32_MAX ? (int32_t)dims[1] : 0;
    if (text->rows > 1)
        return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                         "%s takes exactly %d texts at once; "
                         "export it with a free batch, or one of 1",
                         model->path, text->rows);
    limit(&text->max_length, model->arch.max_length);
    limit(&text->max_length, text->length);
    limit(&text->max_length, tokenizer_get_info(text->tokenizer)->max_length);
    limit(&text->max_length, max_length);
    return PUM_OK;
}

void cli_text_close(struct cli_text *text)
{
    tokenizer_free(&text->tokenizer);
}

/* --- Encoding --------------------------------------------------------------------------------- */

/* Ids beyond the model's table of words come from another model's tokenizer. */
static pum_status check_ids(struct cli *cli, const struct cli_text *text,
                            const struct token_batch *batch)
{
    size_t cells = (size_t)batch->rows * (size_t)batch->columns;
    for (size_t i = 0; i < cells && text->vocabulary > 0; i++)
        if (batch->ids[i] >= text->vocabulary)
            return fault_set(&cli->fault, PUM_E_ARGUMENT,
                             "the tokenizer is not this model's: it "
                             "gives the token %lld, the model knows %d",
                             (long long)batch->ids[i], text->vocabulary);
    return PUM_OK;
}

pum_status cli_text_encode(struct cli *cli, const struct cli_text *text, const char *const *texts,
                           int32_t count, struct token_batch *out_batch)
{
    struct tokenizer_text *items = calloc((size_t)count + 1, sizeof(*items));
    const struct tokenizer_options options = {.max_length = text->max_length,
                                              .pad_to = text->length};
    *out_batch = (struct token_batch){0};
    if (items == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    for (int32_t i = 0; i < count; i++) {
        items[i].text = texts[i];
        items[i].text_bytes = strlen(texts[i]);
    }
    pum_status status =
        tokenizer_encode(text->tokenizer, items, count, &options, out_batch, &cli->fault);
    free(items);
    for (int32_t i = 0; i < count && status == PUM_OK; i++)
        if (out_batch->cut[i])
            fprintf(stderr, "pumice: text %d has more than %d tokens; the rest is left out\n",
                    i + 1, text->max_length);
    if (status == PUM_OK && count > 0 && out_batch->columns == 0)
        status = fault_set(&cli->fault, PUM_E_ARGUMENT, "the texts give no tokens at all");
    return status == PUM_OK ? check_ids(cli, text, out_batch) : status;
}

int32_t cli_text_rows(const struct cli_text *text, const struct token_batch *batch, int32_t first,
                      int32_t most)
{
    int32_t rows = text->rows > 0 ? text->rows : most;
    return rows < batch->rows - first ? rows : batch->rows - first;
}

static int64_t value_of(const struct token_batch *batch, enum text_source source, size_t index)
{
    switch (source) {
    case TEXT_IDS:
        return batch->ids[index];
    case TEXT_MASK:
        return batch->attention_mask[index];
    case TEXT_TYPES:
        return batch->type_ids[index];
    default:
        return (int64_t)(index % (size_t)batch->columns);
    }
}

static pum_status give_one(struct cli *cli, struct cli_network *network, int32_t input,
                           enum text_source source, const struct token_batch *batch, int32_t first,
                           int32_t count)
{
    size_t columns = (size_t)batch->columns, cells = (size_t)count * columns;
    pum_tensor tensor = {
        .dtype = network->model.inputs[input].dtype, .rank = 2, .dims = {count, batch->columns}};
    tensor.size_bytes = cells * pum_dtype_size(tensor.dtype);
    tensor.data = malloc(tensor.size_bytes + 1);
    if (tensor.data == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    for (size_t i = 0; i < cells; i++) {
        int64_t value = value_of(batch, source, (size_t)first * columns + i);
        if (tensor.dtype == PUM_DTYPE_I64)
            ((int64_t *)tensor.data)[i] = value;
        else
            ((int32_t *)tensor.data)[i] = (int32_t)value;
    }
    pum_status status = cli_network_give(cli, network, input, &tensor);
    free(tensor.data);
    return status;
}

pum_status cli_text_give(struct cli *cli, struct cli_network *network,
                         const struct token_batch *batch, int32_t first, int32_t count)
{
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < network->model.input_count && status == PUM_OK; i++) {
        enum text_source source = source_of(&network->model.inputs[i]);
        if (source != TEXT_NONE)
            status = give_one(cli, network, i, source, batch, first, count);
    }
    return status;
}
