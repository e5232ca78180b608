/* SPDX-License-Identifier: MIT
 *
 * cmd_ops.c - `pumice ops`: the operators, printed from the library's table. docs/operators.md is
 * the output of `pumice ops --markdown`, and a test holds it to that.
 */
#include "cli.h"
#include "cli_table.h"

#include <pumice/pumice_graph.h>

static void range_text(char text[32], int32_t least, int32_t most)
{
    if (most < 0)
        snprintf(text, 32, "%d..", least);
    else if (least == most)
        snprintf(text, 32, "%d", least);
    else
        snprintf(text, 32, "%d..%d", least, most);
}

static void print_markdown_row(const pum_op_info *info)
{
    char inputs[32], outputs[32];
    range_text(inputs, info->min_inputs, info->max_inputs);
    range_text(outputs, info->min_outputs, info->max_outputs);
    printf("| %s | %s | %s | %s | ", info->name, inputs, outputs,
           info->on_device ? "device" : "host");
    for (const char *c = info->doc; *c != '\0'; c++)
        printf(*c == '|' ? "\\%c" : "%c", *c);
    puts(" |");
}

static pum_status ops(struct cli *cli, bool markdown)
{
    static const char *const headers[] = {"operator", "inputs", "outputs", "runs on", "meaning"};
    struct cli_table table;
    json_t *json = cli->json ? json_array() : NULL;
    bool in_table = !markdown && json == NULL;
    if (in_table)
        table_begin(&table, "lllll", headers);
    if (markdown)
        puts("# Operators\n\nPrinted from the operator table by `pumice ops --markdown`. The "
             "meaning is that of ONNX opset 17.\n\"host\": no kernel; such a step runs on the CPU "
             "by its reference.\n\n| operator | inputs | outputs | runs on | meaning |\n"
             "|---|---|---|---|---|");
    for (int32_t i = 0; i < pum_op_count(); i++) {
        pum_op_info info;
        pum_status status = fault_from_library(&cli->fault, pum_op_get_info(i, &info));
        if (status != PUM_OK)
            break;
        char inputs[32], outputs[32];
        range_text(inputs, info.min_inputs, info.max_inputs);
        range_text(outputs, info.min_outputs, info.max_outputs);
        if (json != NULL) {
            json_array_append_new(
                json, json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", info.name, "inputs", inputs,
                                "outputs", outputs, "on_device", info.on_device, "doc", info.doc));
        } else if (markdown) {
            print_markdown_row(&info);
        } else {
            table_cell(&table, "%s", info.name);
            table_cell(&table, "%s", inputs);
            table_cell(&table, "%s", outputs);
            table_cell(&table, "%s", info.on_device ? "device" : "host");
            table_cell(&table, "%s", info.doc);
        }
    }
    if (json != NULL)
        return cli_print_json(cli, json);
    if (in_table && !table_end(&table, stdout))
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    return cli->fault.status;
}

static int run_ops(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    bool markdown = false;
    int code;
    const struct option_row rows[] = {
        {"markdown", OPTION_FLAG, NULL, "as docs/operators.md", &markdown, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count > 0)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "ops: '%s': no arguments are taken", words.items[0]);
    else
        ops(&cli, markdown);
    return cli_end(&cli);
}

const struct command cmd_ops = {
    .name = "ops",
    .summary = "list the operators that models may use",
    .usage = "ops [--markdown]",
    .help = "  pumice ops\n  pumice ops --markdown > docs/operators.md",
    .run = run_ops,
};
