/* SPDX-License-Identifier: MIT
 *
 * cmd_explain.c - `pumice explain MODEL`: the plan for one set of shapes: each step's kernel and
 * why it was taken, what was fused into it, and where the bytes go.
 */
#include "cli_model.h"
#include "cli_table.h"

struct explain_options {
    struct option_words shapes;
    bool why;
    char guessed[512];
};

static const char *step_kernel(const pum_step_info *step)
{
    return step->kind == PUM_STEP_HOST ? "host: reference" : step->kernel;
}

static bool print_steps(const pum_plan_info *plan, bool why)
{
    static const char *const headers[] = {"#",      "operator", "kernel", "groups", "reads",
                                          "writes", "wait",     "fused",  "node"};
    struct cli_table table;
    char bytes[32];
    table_begin(&table, "rlllrrlll", headers);
    for (int32_t i = 0; i < plan->step_count; i++) {
        const pum_step_info *step = &plan->steps[i];
        table_cell(&table, "%d", i);
        table_cell(&table, "%s", step->op);
        table_cell(&table, "%s", step_kernel(step));
        if (step->kind == PUM_STEP_DISPATCH)
            table_cell(&table, "%ux%ux%u", step->groups[0], step->groups[1], step->groups[2]);
        else
            table_cell(&table, "-");
        table_cell(&table, "%s", cli_bytes(step->read_bytes, bytes));
        table_cell(&table, "%s", cli_bytes(step->write_bytes, bytes));
        table_cell(&table, "%s", step->barrier_before ? "yes" : "");
        table_cell(&table, "%s", step->fused);
        table_cell(&table, "%s", step->node);
    }
    bool ok = table_end(&table, stdout);
    if (!why)
        return ok;
    puts("\nwhy these kernels");
    table_begin(&table, "rll", NULL);
    for (int32_t i = 0; i < plan->step_count; i++) {
        table_cell(&table, "%d", i);
        table_cell(&table, "%s", step_kernel(&plan->steps[i]));
        table_cell(&table, "%s", plan->steps[i].why);
    }
    return table_end(&table, stdout) && ok;
}

static double peak_ratio(const pum_plan_info *plan)
{
    return plan->activation_bound_bytes > 0
               ? (double)plan->activation_peak_bytes / (double)plan->activation_bound_bytes
               : 1;
}

static void print_totals(const struct cli *cli, const struct cli_model *model,
                         const struct explain_options *options, const pum_plan_info *plan)
{
    char a[32], b[32], c[32], text[256];
    double flops = 0;
    int32_t fused = 0;
    for (int32_t i = 0; i < plan->step_count; i++) {
        flops += plan->steps[i].flops;
        fused += plan->steps[i].fused[0] != '\0';
    }
    printf("\ndevice       %s\n", pum_device_get_info(cli->gpu)->name);
    for (int32_t i = 0; i < model->input_count; i++)
        printf("input        %s %s\n", model->inputs[i].name,
               cli_tensor_text(&model->tensors[i], text, sizeof(text)));
    if (options->guessed[0] != '\0')
        printf("made up      %s; --shape sets them\n", options->guessed);
    printf("steps        %d: %d on the device (%d with others fused into them), %d on the host\n",
           plan->step_count, plan->dispatch_count, fused, plan->host_step_count);
    printf("pipelines    %d\nbarriers     %d\nsubmissions  %d\narithmetic   %.3f GFLOP\n",
           plan->pipeline_count, plan->barrier_count, plan->submission_count, flops * 1e-9);
    printf("weights      %s\nactivations  %s at the peak, %.3f times the largest live set of %s\n",
           cli_bytes(plan->weight_bytes, a), cli_bytes(plan->activation_peak_bytes, b),
           peak_ratio(plan), cli_bytes(plan->activation_bound_bytes, c));
    printf("staging      %s\n", cli_bytes(plan->staging_bytes, a));
}

static json_t *json_step(const pum_step_info *step)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:[iii], s:I, s:I, s:f, s:b}", "kind",
                     step->kind == PUM_STEP_HOST ? "host" : "dispatch", "op",
                     cli_json_text(step->op), "node", cli_json_text(step->node), "kernel",
                     cli_json_text(step->kernel), "fused", cli_json_text(step->fused), "why",
                     cli_json_text(step->why), "groups", step->groups[0], step->groups[1],
                     step->groups[2], "read_bytes", (json_int_t)step->read_bytes, "write_bytes",
                     (json_int_t)step->write_bytes, "flops", step->flops, "barrier_before",
                     step->barrier_before);
}

static json_t *json_plan(const struct cli *cli, const struct cli_model *model,
                         const struct explain_options *options, const pum_plan_info *plan)
{
    json_t *steps = json_array(), *shapes = json_object();
    for (int32_t i = 0; i < plan->step_count; i++)
        json_array_append_new(steps, json_step(&plan->steps[i]));
    for (int32_t i = 0; i < model->input_count; i++)
        json_object_set_new(shapes, model->inputs[i].name, cli_json_dims(&model->tensors[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:f, s:I, s:i, s:i, s:i, s:i, s:i}",
                     "device", cli_json_text(pum_device_get_info(cli->gpu)->name), "shapes", shapes,
                     "made_up", cli_json_text(options->guessed), "steps", steps, "weight_bytes",
                     (json_int_t)plan->weight_bytes, "activation_peak_bytes",
                     (json_int_t)plan->activation_peak_bytes, "activation_bound_bytes",
                     (json_int_t)plan->activation_bound_bytes, "activation_ratio", peak_ratio(plan),
                     "staging_bytes", (json_int_t)plan->staging_bytes, "dispatches",
                     plan->dispatch_count, "host_steps", plan->host_step_count, "barriers",
                     plan->barrier_count, "submissions", plan->submission_count, "pipelines",
                     plan->pipeline_count);
}

static pum_status explain(struct cli *cli, const char *path, struct explain_options *options)
{
    struct cli_model model = {0};
    pum_session *session = NULL;
    pum_plan_info plan;
    pum_status status = cli_model_open(cli, &model, path);
    if (status == PUM_OK)
        status = cli_model_take_shapes(cli, &model, &options->shapes);
    if (status == PUM_OK)
        status = cli_model_guess_shapes(cli, &model, options->guessed, sizeof(options->guessed));
    if (status == PUM_OK)
        status = cli_open_device(cli);
    if (status == PUM_OK)
        status = fault_from_library(
            &cli->fault, pum_session_create(cli->gpu, model.graph, &CLI_PLAN_PARAMS, &session));
    if (status == PUM_OK)
        status = cli_model_plan(cli, &model, session, &plan);
    if (status == PUM_OK && cli->json) {
        status = cli_print_json(cli, json_plan(cli, &model, options, &plan));
    } else if (status == PUM_OK) {
        if (!print_steps(&plan, options->why))
            status = fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
        print_totals(cli, &model, options, &plan);
    }
    pum_session_destroy(&session);
    cli_model_close(&model);
    return status;
}

static int run_explain(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct explain_options options = {0};
    int code;
    const struct option_row rows[] = {
        {"shape", OPTION_LIST, "NAME=1x3x8x8", "shape of an input", &options.shapes, 0, 0},
        {"why", OPTION_FLAG, NULL, "also why each kernel was taken", &options.why, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count != 1)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "explain: give one model: pumice %s", command->usage);
    else
        explain(&cli, words.items[0], &options);
    return cli_end(&cli);
}

const struct command cmd_explain = {
    .name = "explain",
    .summary = "show the plan: kernels, fusions, memory",
    .usage = "explain MODEL [--shape NAME=1x3x224x224]... [--why]",
    .help = "Each line is a step: the operator of the model, the kernel chosen for it, its grid,\n"
            "the bytes it reads and writes, whether it waits for earlier steps, and what was\n"
            "fused into it. Sizes that the model leaves open are made up as in `pumice info`.\n\n"
            "  pumice explain model.onnx\n"
            "  pumice explain recogniser.onnx --shape 1x3x48x320 --why",
    .run = run_explain,
};
