/* SPDX-License-Identifier: MIT
 *
 * cli_model.c - opening a model, naming its ports, and shapes from words or by guess; see
 * cli_model.h. Files become tensors in cli_input.c.
 */
#include "cli_model.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static pum_status read_ports(struct cli *cli, struct cli_model *model)
{
    model->input_count = pum_graph_input_count(model->graph);
    model->output_count = pum_graph_output_count(model->graph);
    model->inputs = calloc((size_t)model->input_count + 1, sizeof(*model->inputs));
    model->outputs = calloc((size_t)model->output_count + 1, sizeof(*model->outputs));
    model->tensors = calloc((size_t)model->input_count + 1, sizeof(*model->tensors));
    model->lists = calloc((size_t)model->input_count + 1, sizeof(*model->lists));
    if (model->inputs == NULL || model->outputs == NULL || model->tensors == NULL ||
        model->lists == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "%s: out of memory", model->path);
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < model->input_count && status == PUM_OK; i++)
        status = pum_graph_get_input(model->graph, i, &model->inputs[i]);
    for (int32_t i = 0; i < model->output_count && status == PUM_OK; i++)
        status = pum_graph_get_output(model->graph, i, &model->outputs[i]);
    return fault_from_library(&cli->fault, status);
}

bool cli_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* A folder is Hugging Face's; any other path an ONNX file. */
static pum_status open_graph(struct cli *cli, struct cli_model *model,
                             const struct arch_params *params)
{
    if (!cli_is_folder(model->path))
        return fault_from_library(
            &cli->fault, pum_onnx_open(cli->context, model->path, NULL, &model->graph));
    pum_status status = arch_open(cli->context, model->path, params, &model->arch, &cli->fault);
    model->graph = model->arch.graph;
    model->arch.graph = NULL;
    return status;
}

pum_status cli_model_open(struct cli *cli, struct cli_model *model, const char *path)
{
    return cli_model_open_part(cli, model, path, NULL);
}

pum_status cli_model_open_part(struct cli *cli, struct cli_model *model, const char *path,
                               const struct arch_params *params)
{
    memset(model, 0, sizeof(*model));
    model->path = path;
    pum_status status = cli_open_context(cli);
    if (status == PUM_OK)
        status = open_graph(cli, model, params);
    if (status == PUM_OK)
        status = read_ports(cli, model);
    return status;
}

void cli_model_close(struct cli_model *model)
{
    for (int32_t i = 0; i < model->input_count && model->tensors != NULL; i++)
        free(model->tensors[i].data);
    for (int32_t i = 0; i < model->input_count && model->lists != NULL; i++) {
        for (int32_t k = 0; k < model->lists[i].count; k++)
            free(model->lists[i].items[k].data);
        free(model->lists[i].items);
    }
    free(model->lists);
    free(model->inputs);
    free(model->outputs);
    free(model->tensors);
    pum_graph_destroy(&model->graph);
    memset(model, 0, sizeof(*model));
}

/* Appends within room; text that is too long is cut. */
static void append(char *text, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t room, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, room - used, format, args);
    va_end(args);
}

const char *cli_port_text(const struct cli_model *model, const pum_port_info *port, char *text,
                          size_t room)
{
    text[0] = '\0';
    if (port->kind != PUM_VALUE_TENSOR)
        append(text, room, port->kind == PUM_VALUE_SEQUENCE ? "list of " : "optional ");
    append(text, room, "%s [", port->dtype == PUM_DTYPE_NONE ? "any" : pum_dtype_name(port->dtype));
    for (int32_t i = 0; i < port->rank; i++) {
        if (port->dims[i] < 0)
            append(text, room, "%s%s", i > 0 ? ", " : "",
                   pum_graph_symbol_name(model->graph, port->dims[i]));
        else
            append(text, room, "%s%lld", i > 0 ? ", " : "", (long long)port->dims[i]);
    }
    append(text, room, port->rank < 0 ? "...]" : "]");
    return text;
}

const char *cli_tensor_text(const pum_tensor *tensor, char *text, size_t room)
{
    text[0] = '\0';
    append(text, room, "%s [", pum_dtype_name(tensor->dtype));
    for (int32_t i = 0; i < tensor->rank; i++)
        append(text, room, "%s%lld", i > 0 ? ", " : "", (long long)tensor->dims[i]);
    append(text, room, "]");
    return text;
}

/* "x float32 [...], y int64 [...]" for messages. */
static void list_inputs(const struct cli_model *model, char *text, size_t room)
{
    char port[256];
    text[0] = '\0';
    for (int32_t i = 0; i < model->input_count; i++)
        append(text, room, "%s'%s' %s", i > 0 ? ", " : "", model->inputs[i].name,
               cli_port_text(model, &model->inputs[i], port, sizeof(port)));
}

pum_status cli_model_find_input(struct cli *cli, const struct cli_model *model, const char *word,
                                int32_t *out_index, const char **out_rest)
{
    char list[640];
    /* Names may hold '='; the longest name that fits is meant. */
    int32_t best = -1;
    size_t best_length = 0;
    for (int32_t i = 0; i < model->input_count; i++) {
        size_t length = strlen(model->inputs[i].name);
        if (strncmp(word, model->inputs[i].name, length) == 0 && word[length] == '=' &&
            (best < 0 || length > best_length)) {
            best = i;
            best_length = length;
        }
    }
    if (best >= 0) {
        *out_index = best;
        *out_rest = word + best_length + 1;
        return PUM_OK;
    }
    const char *equals = strchr(word, '=');
    if (equals == NULL && model->input_count == 1) {
        *out_index = 0;
        *out_rest = word;
        return PUM_OK;
    }
    list_inputs(model, list, sizeof(list));
    if (equals == NULL)
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "'%s': the model has %d inputs; say which with NAME=...: %s", word,
                         model->input_count, list);
    return fault_set(&cli->fault, PUM_E_ARGUMENT, "the model has no input '%.*s'; it has %s",
                     (int)(equals - word < 200 ? equals - word : 200), word, list);
}

static pum_status set_size(struct cli *cli, const pum_port_info *port, pum_tensor *tensor)
{
    uint64_t bytes = pum_dtype_size(port->dtype);
    for (int32_t i = 0; i < tensor->rank; i++) {
        uint64_t dim = (uint64_t)tensor->dims[i];
        if (dim != 0 && bytes > (UINT64_C(1) << 40) / dim)
            return fault_set(&cli->fault, PUM_E_RANGE, "input '%s' would be larger than 1 TiB",
                             port->name);
        bytes *= dim;
    }
    tensor->dtype = port->dtype;
    tensor->size_bytes = (size_t)bytes;
    return PUM_OK;
}

static bool parse_dims(const char *text, pum_tensor *tensor)
{
    tensor->rank = 0;
    if (strcmp(text, "scalar") == 0)
        return true;
    for (;;) {
        char *end;
        if (*text < '0' || *text > '9' || tensor->rank == PUM_MAX_RANK)
            return false;
        long long dim = strtoll(text, &end, 10);
        if (dim > INT32_MAX)
            return false;
        tensor->dims[tensor->rank++] = dim;
        if (*end == '\0')
            return true;
        if (*end != 'x' && *end != ',')
            return false;
        text = end + 1;
    }
}

static pum_status check_dims(struct cli *cli, const struct cli_model *model,
                             const pum_port_info *port, const pum_tensor *tensor, const char *word)
{
    char wants[256];
    bool fits = port->rank < 0 || port->rank == tensor->rank;
    for (int32_t i = 0; fits && i < port->rank; i++)
        fits = port->dims[i] < 0 || port->dims[i] == tensor->dims[i];
    if (fits)
        return PUM_OK;
    return fault_set(&cli->fault, PUM_E_SHAPE, "%s: input '%s' is %s", word, port->name,
                     cli_port_text(model, port, wants, sizeof(wants)));
}

pum_status cli_model_take_shapes(struct cli *cli, struct cli_model *model,
                                 const struct option_words *words)
{
    for (int32_t i = 0; i < words->count; i++) {
        int32_t index;
        const char *rest;
        pum_status status = cli_model_find_input(cli, model, words->items[i], &index, &rest);
        if (status != PUM_OK)
            return status;
        pum_tensor tensor = {0};
        if (!parse_dims(rest, &tensor))
            return fault_set(&cli->fault, PUM_E_ARGUMENT,
                             "--shape %s: a shape looks like 1x3x224x224 (at most %d sizes)",
                             words->items[i], PUM_MAX_RANK);
        status = check_dims(cli, model, &model->inputs[index], &tensor, words->items[i]);
        if (status == PUM_OK)
            status = set_size(cli, &model->inputs[index], &tensor);
        if (status != PUM_OK)
            return status;
        if (model->tensors[index].dtype != PUM_DTYPE_NONE)
            return fault_set(&cli->fault, PUM_E_ARGUMENT, "input '%s' is given twice",
                             model->inputs[index].name);
        model->tensors[index] = tensor;
    }
    return PUM_OK;
}

/* A symbol that a given input has already bound; -1: none. */
static int64_t bound_symbol(const struct cli_model *model, int64_t symbol)
{
    for (int32_t i = 0; i < model->input_count; i++)
        for (int32_t k = 0; model->tensors[i].dtype != PUM_DTYPE_NONE && k < model->inputs[i].rank;
             k++)
            if (model->inputs[i].dims[k] == symbol)
                return model->tensors[i].dims[k];
    return -1;
}

/* One item, pictures of 224 x 224, sequences of 64. */
static int64_t guess_dim(const pum_port_info *port, int32_t axis)
{
    if (axis == 0)
        return 1;
    if (port->rank != 4)
        return 64;
    bool channels_last = port->dims[3] == 1 || port->dims[3] == 3;
    return axis == (channels_last ? 3 : 1) ? 3 : 224;
}

pum_status cli_model_guess_shapes(struct cli *cli, struct cli_model *model, char *text, size_t room)
{
    text[0] = '\0';
    for (int32_t i = 0; i < model->input_count; i++) {
        const pum_port_info *port = &model->inputs[i];
        if (model->tensors[i].dtype != PUM_DTYPE_NONE || port->kind != PUM_VALUE_TENSOR)
            continue;
        if (port->rank < 0)
            return fault_set(&cli->fault, PUM_E_ARGUMENT,
                             "the model does not tell the shape of '%s'; give --shape", port->name);
        pum_tensor tensor = {.rank = port->rank};
        for (int32_t k = 0; k < port->rank; k++) {
            tensor.dims[k] = port->dims[k];
            if (port->dims[k] >= 0)
                continue;
            tensor.dims[k] = bound_symbol(model, port->dims[k]);
            if (tensor.dims[k] >= 0)
                continue;
            tensor.dims[k] = guess_dim(port, k);
            append(text, room, "%s%s=%lld", text[0] != '\0' ? " " : "",
                   pum_graph_symbol_name(model->graph, port->dims[k]), (long long)tensor.dims[k]);
        }
        pum_status status = set_size(cli, port, &tensor);
        if (status != PUM_OK)
            return status;
        model->tensors[i] = tensor;
    }
    return PUM_OK;
}

pum_status cli_model_check_inputs(struct cli *cli, const struct cli_model *model)
{
    for (int32_t i = 0; i < model->input_count; i++) {
        if (model->tensors[i].dtype != PUM_DTYPE_NONE || model->inputs[i].kind != PUM_VALUE_TENSOR)
            continue;
        char list[640];
        list_inputs(model, list, sizeof(list));
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "%s: input '%s' is missing; give --input NAME=FILE (or --shape "
                         "NAME=1x3x8x8 for random values) for each of: %s",
                         model->path, model->inputs[i].name, list);
    }
    return PUM_OK;
}

static pum_status give_input(const struct cli_model *model, int32_t index, pum_session *session)
{
    if (model->tensors[index].dtype != PUM_DTYPE_NONE)
        return pum_session_set_input(session, index, &model->tensors[index]);
    if (model->inputs[index].kind == PUM_VALUE_SEQUENCE)
        return pum_session_set_sequence(session, index, model->lists[index].items,
                                        model->lists[index].count);
    return pum_session_set_none(session, index);
}

pum_status cli_model_give(struct cli *cli, const struct cli_model *model, pum_session *session)
{
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < model->input_count && status == PUM_OK; i++)
        status = give_input(model, i, session);
    return fault_from_library(&cli->fault, status);
}

pum_status cli_model_plan(struct cli *cli, struct cli_model *model, pum_session *session,
                          pum_plan_info *out_plan)
{
    pum_status status = pum_session_plan(session, model->tensors, model->input_count, out_plan);
    if (status != PUM_E_STATE)
        return fault_from_library(&cli->fault, status);
    status = cli_model_fill_random(cli, model, 1);
    if (status == PUM_OK)
        status = cli_model_give(cli, model, session);
    if (status != PUM_OK)
        return status;
    status = pum_session_run(session);
    if (status == PUM_OK || status == PUM_E_LIMIT) /* random values may loop for ever */
        status = pum_session_plan(session, NULL, 0, out_plan);
    return fault_from_library(&cli->fault, status);
}

json_t *cli_json_port(const struct cli_model *model, const pum_port_info *port)
{
    static const char *const kinds[] = {"tensor", "list", "optional"};
    json_t *dims = json_array();
    for (int32_t i = 0; i < port->rank; i++)
        json_array_append_new(dims, port->dims[i] < 0 ? cli_json_text(pum_graph_symbol_name(
                                                            model->graph, port->dims[i]))
                                                      : json_integer(port->dims[i]));
    return json_pack("{s:o, s:s, s:s, s:o}", "name", cli_json_text(port->name), "kind",
                     kinds[port->kind], "type", pum_dtype_name(port->dtype), "shape", dims);
}

json_t *cli_json_dims(const pum_tensor *tensor)
{
    json_t *dims = json_array();
    for (int32_t i = 0; i < tensor->rank; i++)
        json_array_append_new(dims, json_integer(tensor->dims[i]));
    return dims;
}
