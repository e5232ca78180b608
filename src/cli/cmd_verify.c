/* SPDX-License-Identifier: MIT
 *
 * cmd_verify.c - `pumice verify`: every kernel that this device could use against its reference.
 */
#include "cli.h"
#include "cli_progress.h"
#include "cli_table.h"

#include <string.h>

struct verify_run {
    struct cli_progress progress;
    struct cli_table table;
    json_t *json; /* NULL: a table */
    int32_t kernels, failed, skipped;
    int64_t cases;
};

static const char *verdict(const pum_verify_result *result)
{
    return result->skipped ? "skipped" : result->failed_count > 0 ? "FAILED" : "ok";
}

static void on_result(void *user, const pum_verify_result *result)
{
    struct verify_run *run = user;
    run->kernels++;
    run->failed += result->failed_count > 0;
    run->skipped += result->skipped;
    run->cases += result->case_count;
    progress_show(&run->progress, "kernels verified", run->kernels, 0);
    if (run->json != NULL) {
        json_array_append_new(
            run->json,
            json_pack("{s:o, s:o, s:i, s:i, s:f, s:o, s:b, s:b}", "kernel",
                      cli_json_text(result->kernel), "op", cli_json_text(result->op), "cases",
                      result->case_count, "failed", result->failed_count, "worst_error",
                      result->worst_error, "detail", cli_json_text(result->detail), "skipped",
                      result->skipped, "quarantined", result->quarantined));
        return;
    }
    table_cell(&run->table, "%s", result->kernel);
    table_cell(&run->table, "%s", result->op);
    table_cell(&run->table, "%d", result->case_count);
    table_cell(&run->table, "%d", result->failed_count);
    table_cell(&run->table, result->skipped ? "-" : "%.3f", result->worst_error);
    table_cell(&run->table, "%s", verdict(result));
    table_cell(&run->table, "%s%s", result->quarantined ? "quarantined; " : "", result->detail);
}

static pum_status verify(struct cli *cli, const char *filter, int64_t seed, bool quarantine)
{
    static const char *const headers[] = {"kernel", "operator", "cases",  "failed",
                                          "error",  "verdict",  "detail"};
    struct verify_run run = {.json = cli->json ? json_array() : NULL};
    int32_t failed = 0;
    pum_status status = cli_open_device(cli);
    if (status != PUM_OK) {
        json_decref(run.json);
        return status;
    }
    progress_begin(&run.progress);
    if (run.json == NULL)
        table_begin(&run.table, "llrrrll", headers);
    pum_verify_params params = {.kernel_filter = filter,
                                .seed = (uint64_t)seed,
                                .quarantine = quarantine,
                                .report = on_result,
                                .report_user = &run};
    status = pum_device_verify(cli->gpu, &params, &failed);
    progress_end(&run.progress);
    const pum_device_info *info = pum_device_get_info(cli->gpu);
    if (run.json != NULL) {
        pum_status printed = cli_print_json(
            cli, json_pack("{s:o, s:o, s:i, s:o}", "device", cli_json_text(info->name), "driver",
                           cli_json_text(info->driver), "failed", failed, "kernels", run.json));
        status = status != PUM_OK ? status : printed;
    } else {
        if (!table_end(&run.table, stdout))
            fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
        printf("\n%s, %s\n%d kernels, %lld cases, %d failed, %d skipped; the error is in units of "
               "the tolerance\n",
               info->name, info->driver, run.kernels, (long long)run.cases, run.failed,
               run.skipped);
    }
    if (status != PUM_OK)
        return fault_from_library(&cli->fault, status);
    if (failed > 0)
        return fault_set(&cli->fault, PUM_E_DRIVER,
                         "%d kernels give wrong results on this driver%s", failed,
                         quarantine ? "; they are quarantined, and `run` avoids them"
                                    : "; without --no-quarantine they would be avoided");
    if (run.kernels == 0 && filter != NULL)
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "no kernel's name contains '%s'; `pumice kernels` lists them", filter);
    return cli->fault.status;
}

static int run_verify(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    const char *filter = NULL;
    int64_t seed = 0;
    bool keep_out = false;
    int code;
    const struct option_row rows[] = {
        {"kernel", OPTION_TEXT, "PART", "only kernels whose name contains this", &filter, 0, 0},
        {"seed", OPTION_NUMBER, "N", "of the random values", &seed, 0, INT64_MAX},
        {"no-quarantine", OPTION_FLAG, NULL, "do not remember failures", &keep_out, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count > 0)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "verify: '%s': no arguments are taken",
                  words.items[0]);
    else
        verify(&cli, filter, seed, !keep_out);
    return cli_end(&cli);
}

const struct command cmd_verify = {
    .name = "verify",
    .summary = "check every kernel on this device against its reference",
    .usage = "verify [--kernel PART] [--seed N] [--no-quarantine]",
    .help = "Runs each kernel variant that this device could use over random and edge shapes and\n"
            "values. A variant that fails is quarantined for this driver version: other commands\n"
            "then use the next one. Exits 1 when something failed.\n\n"
            "  pumice verify\n"
            "  pumice verify --kernel matmul --seed 7",
    .run = run_verify,
};
