/* SPDX-License-Identifier: MIT
 *
 * cmd_run.c - `pumice run MODEL`: any model on given or random inputs; outputs as files or a
 * summary, times over repeated runs, and the time of each kernel.
 */
#include "cli_interrupt.h"
#include "cli_model.h"
#include "cli_output.h"
#include "cli_profile.h"
#include "cli_progress.h"
#include "cli_table.h"

#include <stdlib.h>
#include <string.h>

struct run_options {
    struct option_words files, shapes;
    const char *folder;
    int64_t repeat, seed, loop_limit;
    bool profile;
};

struct run_times {
    double first_ms; /* the first run: planning, compiling, running */
    double *ms;      /* repeat timed runs, sorted; NULL: none */
    int64_t count;
};

static int compare_double(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static pum_status run_timed(struct cli *cli, pum_session *session, int64_t repeat,
                            struct run_times *times)
{
    struct cli_progress progress;
    progress_begin(&progress);
    double start = cli_now_ms();
    pum_status status = pum_session_run(session);
    times->first_ms = cli_now_ms() - start;
    if (status == PUM_OK && repeat > 0) {
        times->ms = malloc((size_t)repeat * sizeof(*times->ms));
        if (times->ms == NULL)
            return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    }
    for (int64_t i = 0; i < repeat && status == PUM_OK; i++) {
        progress_show(&progress, "runs", i, repeat);
        start = cli_now_ms();
        status = pum_session_run(session);
        times->ms[times->count++] = cli_now_ms() - start;
    }
    progress_end(&progress);
    if (times->count > 0)
        qsort(times->ms, (size_t)times->count, sizeof(*times->ms), compare_double);
    return fault_from_library(&cli->fault, status);
}

static double median_of(const struct run_times *times)
{
    int64_t n = times->count;
    return n % 2 == 1 ? times->ms[n / 2] : (times->ms[n / 2 - 1] + times->ms[n / 2]) / 2;
}

static void print_times(const struct cli *cli, const struct run_times *times)
{
    printf("%s: first run %.1f ms", pum_device_get_info(cli->gpu)->name, times->first_ms);
    if (times->count > 0)
        printf(" (warm-up); then %lld runs: min %.3f ms, median %.3f ms, max %.3f ms",
               (long long)times->count, times->ms[0], median_of(times),
               times->ms[times->count - 1]);
    putchar('\n');
}

static bool print_outputs(const struct cli_model *model, const struct cli_results *results)
{
    static const char *const headers[] = {"output", "type and shape", "min", "max", "mean", "NaN"};
    struct cli_table table;
    char text[256];
    table_begin(&table, "llrrrr", headers);
    for (int32_t i = 0; i < results->count; i++) {
        const struct cli_result *result = &results->items[i];
        struct cli_summary summary = cli_summarise(&result->tensor);
        if (result->item < 0)
            table_cell(&table, "%s", model->outputs[result->output].name);
        else
            table_cell(&table, "%s[%d]", model->outputs[result->output].name, result->item);
        table_cell(&table, "%s", cli_tensor_text(&result->tensor, text, sizeof(text)));
        table_cell(&table, "%.6g", summary.least);
        table_cell(&table, "%.6g", summary.greatest);
        table_cell(&table, "%.6g", summary.mean);
        table_cell(&table, "%llu", (unsigned long long)summary.nans);
    }
    return table_end(&table, stdout);
}

/* JSON knows no NaN and no infinity: null. */
static json_t *json_number(double value)
{
    json_t *number = json_real(value);
    return number != NULL ? number : json_null();
}

static json_t *json_run(const struct cli *cli, const struct cli_model *model,
                        const struct cli_results *results, const char *folder,
                        const struct run_times *times)
{
    json_t *outputs = json_array();
    for (int32_t i = 0; i < results->count; i++) {
        const struct cli_result *result = &results->items[i];
        const pum_tensor *tensor = &result->tensor;
        struct cli_summary summary = cli_summarise(tensor);
        json_t *output =
            json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:I}", "name",
                      cli_json_text(model->outputs[result->output].name), "type",
                      pum_dtype_name(tensor->dtype), "shape", cli_json_dims(tensor), "min",
                      json_number(summary.least), "max", json_number(summary.greatest), "mean",
                      json_number(summary.mean), "nans", (json_int_t)summary.nans);
        if (result->item >= 0)
            json_object_set_new(output, "item", json_integer(result->item));
        if (folder != NULL) {
            char *name = cli_result_name(model, result), *path = NULL;
            if (name != NULL && asprintf(&path, "%s/%s", folder, name) >= 0) {
                json_object_set_new(output, "file", cli_json_text(path));
                free(path);
            }
            free(name);
        }
        json_array_append_new(outputs, output);
    }
    json_t *json =
        json_pack("{s:o, s:f, s:o}", "device", cli_json_text(pum_device_get_info(cli->gpu)->name),
                  "first_ms", times->first_ms, "outputs", outputs);
    if (json != NULL && times->count > 0)
        json_object_set_new(json, "timing",
                            json_pack("{s:I, s:f, s:f, s:f}", "runs", (json_int_t)times->count,
                                      "min_ms", times->ms[0], "median_ms", median_of(times),
                                      "max_ms", times->ms[times->count - 1]));
    return json;
}

static pum_status report(struct cli *cli, const struct cli_model *model,
                         const struct run_options *options, pum_session *session,
                         const struct cli_results *results, const struct run_times *times)
{
    pum_plan_info plan;
    pum_status status = PUM_OK;
    if (options->profile)
        status = fault_from_library(&cli->fault, pum_session_plan(session, NULL, 0, &plan));
    if (status != PUM_OK)
        return status;
    if (cli->json) {
        json_t *json = json_run(cli, model, results, options->folder, times);
        if (json != NULL && options->profile)
            json_object_set_new(json, "profile", cli_profile_json(&plan));
        return cli_print_json(cli, json);
    }
    bool ok = options->folder != NULL || print_outputs(model, results);
    if (options->profile)
        ok = cli_profile_print(&plan) && ok;
    if (options->repeat > 0 || options->folder == NULL)
        print_times(cli, times);
    return ok ? PUM_OK : fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
}

static pum_status run_session(struct cli *cli, struct cli_model *model,
                              const struct run_options *options)
{
    pum_session *session = NULL;
    struct run_times times = {0};
    struct cli_results results = {0};
    pum_session_params params = {.profile = options->profile,
                                 .random_seed = (uint64_t)options->seed,
                                 .max_loop_iterations = options->loop_limit};
    pum_status status = fault_from_library(
        &cli->fault, pum_session_create(cli->gpu, model->graph, &params, &session));
    if (status == PUM_OK)
        status = cli_model_give(cli, model, session);
    if (status == PUM_OK) {
        cli_interrupt_begin(session);
        status = run_timed(cli, session, options->repeat, &times);
        cli_interrupt_end();
    }
    if (status == PUM_OK)
        status = cli_collect_results(cli, model, session, &results);
    if (status == PUM_OK && options->folder != NULL)
        status = cli_write_results(cli, model, &results, options->folder);
    if (status == PUM_OK)
        status = report(cli, model, options, session, &results, &times);
    pum_session_destroy(&session);
    free(results.items);
    free(times.ms);
    return status;
}

static pum_status run(struct cli *cli, const struct option_words *words,
                      const struct run_options *options)
{
    struct cli_model model = {0};
    struct option_words more = {.count = words->count - 1};
    memcpy(more.items, words->items + 1, sizeof(more.items) - sizeof(more.items[0]));
    pum_status status = cli_model_open(cli, &model, words->items[0]);
    if (status == PUM_OK)
        status = cli_model_take_files(cli, &model, &options->files);
    if (status == PUM_OK) /* words that follow: --input a=1.npy b=2.npy */
        status = cli_model_take_files(cli, &model, &more);
    if (status == PUM_OK)
        status = cli_model_take_shapes(cli, &model, &options->shapes);
    if (status == PUM_OK)
        status = cli_model_check_inputs(cli, &model);
    if (status == PUM_OK)
        status = cli_model_fill_random(cli, &model, (uint64_t)options->seed);
    if (status == PUM_OK)
        status = cli_open_device(cli);
    if (status == PUM_OK)
        status = run_session(cli, &model, options);
    cli_model_close(&model);
    return status;
}

static int run_run(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct run_options options = {.seed = 1};
    int code;
    const struct option_row rows[] = {
        {"input", OPTION_LIST, "NAME=FILE", "a .npy file or a picture; once an input",
         &options.files, 0, 0},
        {"shape", OPTION_LIST, "NAME=1x3x8x8", "random values of this shape instead of a file",
         &options.shapes, 0, 0},
        {"seed", OPTION_NUMBER, "N", "of random values and random operators", &options.seed, 0,
         INT64_MAX},
        {"loop-limit", OPTION_NUMBER, "N", "turns after which a Loop is stopped (1,000,000)",
         &options.loop_limit, 1, INT64_MAX},
        {"output", OPTION_TEXT, "DIR", "write each output to DIR/NAME.npy", &options.folder, 0, 0},
        {"repeat", OPTION_NUMBER, "N", "time N runs, after one that is not counted",
         &options.repeat, 1, 1000000},
        {"profile", OPTION_FLAG, NULL, "print the time of each kernel", &options.profile, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count < 1)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "run: give a model: pumice %s", command->usage);
    else
        run(&cli, &words, &options);
    return cli_end(&cli);
}

const struct command cmd_run = {
    .name = "run",
    .summary = "run an ONNX model",
    .usage = "run MODEL --input NAME=FILE... [--output DIR]",
    .help = "A .npy file must have the type and shape that the model declares (`pumice info`).\n"
            "A PNG or JPEG picture becomes RGB in 0..1 for a float32 input, 0..255 for a\n"
            "uint8 one, at the declared size. With one input the name may be left out. Without\n"
            "--output a summary of each output is printed. An input that is a list takes --input\n"
            "once an item; an optional one may be left out. Ctrl-C ends a run that takes long.\n\n"
            "  pumice run model.onnx --input x=x.npy --output results\n"
            "  pumice run classifier.onnx --input cat.jpg\n"
            "  pumice run model.onnx --shape x=1x3x224x224 --repeat 50\n"
            "  pumice run model.onnx --shape 1x3x224x224 --profile",
    .run = run_run,
};
