/* SPDX-License-Identifier: MIT
 *
 * cmd_kernels.c - `pumice kernels`: the kernel table as this device sees it, and with --compile
 * what its compiler says of each.
 */
#include "cli.h"
#include "cli_progress.h"
#include "cli_table.h"

struct kernels_run {
    struct cli_progress progress;
    struct cli_table table;
    json_t *json; /* NULL: a table */
    bool compile;
    int32_t rows, usable, spilling;
};

static void on_kernel(void *user, const pum_kernel_info *info)
{
    struct kernels_run *run = user;
    run->rows++;
    run->usable += info->usable;
    run->spilling += info->usable && info->spills;
    progress_show(&run->progress, "kernels", run->rows, 0);
    if (run->json != NULL) {
        json_array_append_new(
            run->json, json_pack("{s:o, s:o, s:o, s:b, s:o, s:b, s:b, s:o}", "name",
                                 cli_json_text(info->name), "family", cli_json_text(info->family),
                                 "needs", cli_json_text(info->needs), "usable", info->usable, "why",
                                 cli_json_text(info->why), "compiled", info->compiled, "spills",
                                 info->spills, "statistics", cli_json_text(info->statistics)));
        return;
    }
    table_cell(&run->table, "%s", info->name);
    table_cell(&run->table, "%s", info->family);
    table_cell(&run->table, "%s", info->needs[0] != '\0' ? info->needs : "-");
    table_cell(&run->table, "%s", info->usable ? "yes" : "no");
    if (run->compile)
        table_cell(&run->table, "%s", !info->compiled ? "" : info->spills ? "SPILLS" : "ok");
    table_cell(&run->table, "%s", info->usable ? info->statistics : info->why);
}

static pum_status kernels(struct cli *cli, bool compile, bool fail_on_spill)
{
    static const char *const plain[] = {"kernel", "family", "needs", "usable", "remarks"};
    static const char *const compiled[] = {"kernel", "family",   "needs",
                                           "usable", "compiled", "remarks"};
    pum_status status = cli_open_device(cli);
    if (status != PUM_OK)
        return status;
    struct kernels_run run = {.json = cli->json ? json_array() : NULL, .compile = compile};
    progress_begin(&run.progress);
    if (run.json == NULL)
        table_begin(&run.table, compile ? "llllll" : "lllll", compile ? compiled : plain);
    status = pum_device_kernels(cli->gpu, compile, on_kernel, &run);
    progress_end(&run.progress);
    const pum_device_info *info = pum_device_get_info(cli->gpu);
    if (run.json != NULL) {
        cli_print_json(cli, json_pack("{s:o, s:o, s:i, s:o}", "device", cli_json_text(info->name),
                                      "driver", cli_json_text(info->driver), "spilling",
                                      run.spilling, "kernels", run.json));
    } else {
        if (!table_end(&run.table, stdout))
            fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
        printf("\n%s: %d kernels, %d usable", info->name, run.rows, run.usable);
        printf(compile ? ", %d spill registers\n" : "\n", run.spilling);
    }
    if (status != PUM_OK)
        return fault_from_library(&cli->fault, status);
    if (fail_on_spill && run.spilling > 0)
        return fault_set(&cli->fault, PUM_E_DRIVER, "%d usable kernels spill registers",
                         run.spilling);
    return cli->fault.status;
}

static int run_kernels(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    bool compile = false, fail_on_spill = false;
    int code;
    const struct option_row rows[] = {
        {"compile", OPTION_FLAG, NULL, "build each one and print the driver's statistics", &compile,
         0, 0},
        {"fail-on-spill", OPTION_FLAG, NULL, "with --compile: exit 1 if a usable one spills",
         &fail_on_spill, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count > 0)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "kernels: '%s': no arguments are taken",
                  words.items[0]);
    else
        kernels(&cli, compile || fail_on_spill, fail_on_spill);
    return cli_end(&cli);
}

const struct command cmd_kernels = {
    .name = "kernels",
    .summary = "list the kernels, and which of them this device can use",
    .usage = "kernels [--compile] [--fail-on-spill]",
    .help = "  pumice kernels\n"
            "  pumice kernels --caps tier0\n"
            "  pumice kernels --compile --json > statistics.json",
    .run = run_kernels,
};
