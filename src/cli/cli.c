/* SPDX-License-Identifier: MIT
 *
 * cli.c - see cli.h. The map from a status to an exit code and the hints stand here only.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void cli_complain(const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "pumice: %s\n", text);
}

static void on_log(void *user, pum_log_level level, const char *message)
{
    (void)user;
    static const char *const names[] = {"", "error: ", "warning: ", "", "debug: "};
    cli_complain("%s%s", level >= 1 && level <= 4 ? names[level] : "", message);
}

static void print_command_help(const struct command *command, const struct option_row *rows,
                               size_t count, size_t own)
{
    printf("pumice %s - %s\n\nUsage: pumice %s\n\n%s\n", command->name, command->summary,
           command->usage, command->help);
    if (own > 0) {
        puts("\nOptions:");
        option_print_help(stdout, rows, own);
    }
    puts("\nOptions of every command:");
    option_print_help(stdout, rows + own, count - own);
}

bool cli_begin(struct cli *cli, const struct command *command, int argc, char **argv,
               const struct option_row *rows, size_t row_count, struct option_words *words,
               int *out_exit)
{
    memset(cli, 0, sizeof(*cli));
    memset(words, 0, sizeof(*words));
    const struct option_row common[] = {
        {"device", OPTION_TEXT, "WHICH", "index, part of the name, or UUID; see pumice devices",
         &cli->device, 0, 0},
        {"caps", OPTION_TEXT, "MASK", "tier0..tier2, or abilities to do without: -f16,-subgroup",
         &cli->caps, 0, 0},
        {"cache-dir", OPTION_TEXT, "DIR", "folder of the pipeline cache; \"\" switches it off",
         &cli->cache_dir, 0, 0},
        {"json", OPTION_FLAG, NULL, "print JSON", &cli->json, 0, 0},
        {"verbose", OPTION_FLAG, NULL, "tell more on stderr", &cli->verbose, 0, 0},
        {"help", OPTION_FLAG, NULL, "print this help", &cli->help, 0, 0},
    };
    enum { COMMON = sizeof(common) / sizeof(common[0]) };
    struct option_row all[32 + COMMON];
    if (row_count > 0)
        memcpy(all, rows, row_count * sizeof(*rows));
    memcpy(all + row_count, common, sizeof(common));
    pum_status status =
        option_parse(argc, argv, all, row_count + COMMON, words, &cli->fault);
    if (status != PUM_OK) {
        cli_complain("%s: %s", command->name, cli->fault.text);
        *out_exit = CLI_USER;
        return false;
    }
    if (cli->help) {
        print_command_help(command, all, row_count + COMMON, row_count);
        *out_exit = CLI_OK;
        return false;
    }
    return true;
}

pum_status cli_open_context(struct cli *cli)
{
    if (cli->context != NULL)
        return PUM_OK;
    pum_context_params params = {.log = on_log,
                                 .log_level = cli->verbose ? PUM_LOG_DEBUG : PUM_LOG_WARNING,
                                 .cache_dir = cli->cache_dir};
    return fault_from_library(&cli->fault, pum_context_create(&params, &cli->context));
}

pum_device_params cli_device_params(const struct cli *cli)
{
    return (pum_device_params){.select = cli->device, .caps = cli->caps};
}

pum_status cli_open_device(struct cli *cli)
{
    pum_status status = cli_open_context(cli);
    if (status != PUM_OK)
        return status;
    pum_device_params params = cli_device_params(cli);
    status = pum_device_open(cli->context, &params, &cli->gpu);
    if (status == PUM_OK)
        return PUM_OK;
    fault_from_library(&cli->fault, status);
    /* A name that fits no device is the user's slip where there are devices at all. */
    if (status == PUM_E_NO_DEVICE && cli->device != NULL) {
        pum_device_info *infos;
        int32_t count;
        if (pum_device_list(cli->context, NULL, &infos, &count) == PUM_OK) {
            if (count > 0)
                cli->fault.status = PUM_E_ARGUMENT;
            pum_device_list_free(cli->context, &infos);
            cli->hint = "`pumice devices` lists them";
        }
    }
    return cli->fault.status;
}

int cli_exit_code(const struct fault *fault)
{
    if (fault->machine)
        return CLI_MACHINE;
    switch (fault->status) {
    case PUM_OK:
        return CLI_OK;
    case PUM_E_ARGUMENT:
    case PUM_E_FILE:
    case PUM_E_FORMAT:
    case PUM_E_UNSUPPORTED:
    case PUM_E_SHAPE:
    case PUM_E_TYPE:
    case PUM_E_RANGE:
    case PUM_E_LIMIT:
        return CLI_USER;
    case PUM_E_CANCELLED:
        return CLI_INTERRUPTED;
    default:
        return CLI_MACHINE;
    }
}

/* What to do, for failures whose message comes from below and speaks of Vulkan only. */
static const char *hint_for(const struct cli *cli)
{
    if (cli->hint != NULL)
        return cli->hint;
    switch (cli->fault.status) {
    case PUM_E_LIMIT:
        return "a loop that is meant to run longer: --loop-limit N";
    case PUM_E_NO_LOADER:
        return "install the Vulkan loader (Debian, Ubuntu: apt-get install libvulkan1)";
    case PUM_E_NO_DEVICE:
        return "install a Vulkan driver (Debian, Ubuntu: apt-get install mesa-vulkan-drivers)";
    case PUM_E_DEVICE_MEMORY:
        return "`pumice info` shows what a model needs; try smaller shapes or another --device";
    default:
        return NULL;
    }
}

int cli_end(struct cli *cli)
{
    int code = cli_exit_code(&cli->fault);
    if (code != CLI_OK) {
        cli_complain("%s", cli->fault.text);
        const char *hint = hint_for(cli);
        if (hint != NULL)
            fprintf(stderr, "  %s\n", hint);
    }
    pum_device_destroy(&cli->gpu);
    pum_context_destroy(&cli->context);
    return code;
}

pum_status cli_print_json(struct cli *cli, json_t *value)
{
    if (value == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "no memory for the JSON output");
    int rc = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    json_decref(value);
    if (rc != 0 && !ferror(stdout)) /* main reports a stdout that cannot be written */
        return fault_set(&cli->fault, PUM_E_MEMORY, "no memory for the JSON output");
    putchar('\n');
    return PUM_OK;
}

json_t *cli_json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    char *copy = strdup(text);
    if (copy == NULL)
        return NULL;
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

const char *cli_bytes(uint64_t bytes, char text[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(text, 32, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

char *cli_numbered_path(const char *path, int32_t number)
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    bool has_ending = dot != NULL && (slash == NULL || dot > slash);
    size_t stem = has_ending ? (size_t)(dot - path) : strlen(path);
    char *numbered;
    if (number == 0)
        return strdup(path);
    return asprintf(&numbered, "%.*s-%d%s", (int)stem, path, number, path + stem) < 0 ? NULL
                                                                                     : numbered;
}

double cli_now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}
