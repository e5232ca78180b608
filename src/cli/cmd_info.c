/* SPDX-License-Identifier: MIT
 *
 * cmd_info.c - `pumice info MODEL`: what a model takes and gives, what it is made of, and whether
 * it fits into the chosen device. The first two need no device.
 */
#include "cli_model.h"
#include "cli_table.h"

#include <string.h>

struct info_options {
    struct option_words shapes;
    char guessed[512]; /* symbolic dimensions that were made up */
};

static void op_to_table(void *user, const char *op, int32_t count)
{
    table_cell(user, "  %s", op);
    table_cell(user, "%d", count);
}

static void op_to_json(void *user, const char *op, int32_t count)
{
    json_object_set_new(user, op, json_integer(count));
}

static bool print_ports(const struct cli_model *model, const char *title,
                        const pum_port_info *ports, int32_t count)
{
    struct cli_table table;
    char text[256];
    printf("%s\n", title);
    table_begin(&table, "ll", NULL);
    for (int32_t i = 0; i < count; i++) {
        table_cell(&table, "  %s", ports[i].name);
        table_cell(&table, "%s", cli_port_text(model, &ports[i], text, sizeof(text)));
    }
    return table_end(&table, stdout);
}

static pum_status print_graph(struct cli *cli, const struct cli_model *model)
{
    struct cli_table table;
    pum_graph_stats stats;
    char bytes[32];
    pum_graph_get_stats(model->graph, &stats);
    bool ok = print_ports(model, "inputs", model->inputs, model->input_count) &&
              print_ports(model, "outputs", model->outputs, model->output_count);
    printf("operators, %d nodes\n", stats.node_count);
    table_begin(&table, "lr", NULL);
    pum_graph_each_op(model->graph, op_to_table, &table);
    ok = table_end(&table, stdout) && ok;
    printf("parameters\n  %llu, %s\n", (unsigned long long)stats.parameter_count,
           cli_bytes(stats.parameter_bytes, bytes));
    return ok ? PUM_OK : fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
}

static json_t *json_graph(const struct cli_model *model)
{
    pum_graph_stats stats;
    pum_graph_get_stats(model->graph, &stats);
    json_t *inputs = json_array(), *outputs = json_array(), *ops = json_object();
    for (int32_t i = 0; i < model->input_count; i++)
        json_array_append_new(inputs, cli_json_port(model, &model->inputs[i]));
    for (int32_t i = 0; i < model->output_count; i++)
        json_array_append_new(outputs, cli_json_port(model, &model->outputs[i]));
    pum_graph_each_op(model->graph, op_to_json, ops);
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:I, s:I}", "model", cli_json_text(model->path),
                     "inputs", inputs, "outputs", outputs, "operators", ops, "nodes",
                     stats.node_count, "parameters", (json_int_t)stats.parameter_count,
                     "parameter_bytes", (json_int_t)stats.parameter_bytes);
}

/* The memory of the device that is its own, or all of it where nothing is. */
static uint64_t available_memory(const pum_device_info *info)
{
    uint64_t best = 0;
    for (uint32_t i = 0; i < info->heap_count; i++)
        if (info->heaps[i].device_local && info->heaps[i].available_bytes > best)
            best = info->heaps[i].available_bytes;
    for (uint32_t i = 0; i < info->heap_count && best == 0; i++)
        best = info->heaps[i].available_bytes;
    return best;
}

static pum_status make_plan(struct cli *cli, struct cli_model *model, pum_session **session,
                            pum_plan_info *plan)
{
    pum_status status = fault_from_library(
        &cli->fault, pum_session_create(cli->gpu, model->graph, &CLI_PLAN_PARAMS, session));
    return status == PUM_OK ? cli_model_plan(cli, model, *session, plan) : status;
}

static void print_memory(const struct cli *cli, const struct cli_model *model,
                         const struct info_options *options, const pum_plan_info *plan)
{
    const pum_device_info *info = pum_device_get_info(cli->gpu);
    uint64_t need = plan->weight_bytes + plan->activation_peak_bytes + plan->staging_bytes;
    uint64_t have = available_memory(info);
    char a[32], b[32], c[32], d[32], e[32], text[256];
    printf("memory on %s", info->name);
    const char *comma = ", for ";
    for (int32_t i = 0; i < model->input_count; i++) {
        if (model->tensors[i].dtype == PUM_DTYPE_NONE)
            continue;
        printf("%s%s %s", comma, model->inputs[i].name,
               cli_tensor_text(&model->tensors[i], text, sizeof(text)));
        comma = ", ";
    }
    printf("\n  %s: weights %s, activations %s, staging %s\n", cli_bytes(need, a),
           cli_bytes(plan->weight_bytes, b), cli_bytes(plan->activation_peak_bytes, c),
           cli_bytes(plan->staging_bytes, d));
    printf("  %s: %s available\n", need <= have ? "it fits" : "it does not fit",
           cli_bytes(have, e));
    if (options->guessed[0] != '\0')
        printf("  (made up for this: %s; --shape sets them)\n", options->guessed);
}

static json_t *json_memory(const struct cli *cli, const struct cli_model *model,
                           const struct info_options *options, const pum_plan_info *plan)
{
    const pum_device_info *info = pum_device_get_info(cli->gpu);
    uint64_t need = plan->weight_bytes + plan->activation_peak_bytes + plan->staging_bytes;
    uint64_t have = available_memory(info);
    json_t *shapes = json_object();
    for (int32_t i = 0; i < model->input_count; i++)
        json_object_set_new(shapes, model->inputs[i].name, cli_json_dims(&model->tensors[i]));
    return json_pack(
        "{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:b}", "device", cli_json_text(info->name),
        "shapes", shapes, "made_up", cli_json_text(options->guessed), "weight_bytes",
        (json_int_t)plan->weight_bytes, "activation_bytes", (json_int_t)plan->activation_peak_bytes,
        "staging_bytes", (json_int_t)plan->staging_bytes, "total_bytes", (json_int_t)need,
        "available_bytes", (json_int_t)have, "fits", need <= have);
}

static pum_status info(struct cli *cli, const char *path, struct info_options *options)
{
    struct cli_model model = {0};
    pum_session *session = NULL;
    pum_plan_info plan;
    json_t *json = NULL;
    pum_status status = cli_model_open(cli, &model, path);
    if (status == PUM_OK)
        status = cli_model_take_shapes(cli, &model, &options->shapes);
    if (status == PUM_OK)
        status = cli_model_guess_shapes(cli, &model, options->guessed, sizeof(options->guessed));
    if (status != PUM_OK)
        goto end;
    if (cli->json)
        json = json_graph(&model);
    else
        status = print_graph(cli, &model);
    if (status != PUM_OK)
        goto end;
    status = cli_open_device(cli);
    if (status != PUM_OK && cli->device == NULL && cli_exit_code(&cli->fault) == CLI_MACHINE) {
        /* What the model is has been told; that there is no device is news, not a failure. */
        if (cli->json)
            json_object_set_new(json, "no_device", cli_json_text(cli->fault.text));
        else
            printf("memory\n  unknown without a device: %s\n", cli->fault.text);
        fault_clear(&cli->fault);
        status = PUM_OK;
    } else if (status == PUM_OK) {
        status = make_plan(cli, &model, &session, &plan);
        if (status == PUM_OK && cli->json)
            json_object_set_new(json, "memory", json_memory(cli, &model, options, &plan));
        else if (status == PUM_OK)
            print_memory(cli, &model, options, &plan);
    }
    if (status == PUM_OK && cli->json) {
        status = cli_print_json(cli, json);
        json = NULL;
    }
end:
    json_decref(json);
    pum_session_destroy(&session);
    cli_model_close(&model);
    return status;
}

static int run_info(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct info_options options = {0};
    int code;
    const struct option_row rows[] = {
        {"shape", OPTION_LIST, "NAME=1x3x8x8", "shape of an input, for the memory", &options.shapes,
         0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count != 1)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "info: give one model: pumice %s", command->usage);
    else
        info(&cli, words.items[0], &options);
    return cli_end(&cli);
}

const struct command cmd_info = {
    .name = "info",
    .summary = "show a model's inputs, outputs, operators and memory",
    .usage = "info MODEL [--shape NAME=1x3x224x224]...",
    .help = "The memory depends on the shapes of the inputs. Where the model leaves a size open\n"
            "and no --shape sets it, one item, pictures of 224 x 224 and sequences of 64 are\n"
            "taken, and that is said. Without a device all but the memory is printed.\n\n"
            "  pumice info model.onnx\n"
            "  pumice info detector.onnx --shape 1x3x960x960\n"
            "  pumice info model.onnx --json | jq .operators",
    .run = run_info,
};
