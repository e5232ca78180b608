/* SPDX-License-Identifier: MIT
 *
 * cli_output.c - see cli_output.h. Every file is written and flushed under a temporary name before
 * the first one gets its own, so a full disk leaves nothing behind. Tests: tests/cli/test_cli.sh.
 */
#include "cli_output.h"

#include "image/npy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static double half_to_double(uint16_t bits)
{
    double sign = (bits & 0x8000) != 0 ? -1 : 1;
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    if (exponent == 31)
        return mantissa != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, -24);
    return sign * ldexp(1024 + mantissa, exponent - 25);
}

double cli_element(const pum_tensor *tensor, size_t i)
{
    const void *data = tensor->data;
    uint32_t wide;
    float value;
    switch (tensor->dtype) {
    case PUM_DTYPE_F32:
        return ((const float *)data)[i];
    case PUM_DTYPE_F64:
        return ((const double *)data)[i];
    case PUM_DTYPE_F16:
        return half_to_double(((const uint16_t *)data)[i]);
    case PUM_DTYPE_BF16:
        wide = (uint32_t)((const uint16_t *)data)[i] << 16;
        memcpy(&value, &wide, sizeof(value));
        return value;
    case PUM_DTYPE_I8:
        return ((const int8_t *)data)[i];
    case PUM_DTYPE_I16:
        return ((const int16_t *)data)[i];
    case PUM_DTYPE_I32:
        return ((const int32_t *)data)[i];
    case PUM_DTYPE_I64:
        return (double)((const int64_t *)data)[i];
    case PUM_DTYPE_U8:
    case PUM_DTYPE_BOOL:
        return ((const uint8_t *)data)[i];
    case PUM_DTYPE_U16:
        return ((const uint16_t *)data)[i];
    case PUM_DTYPE_U32:
        return ((const uint32_t *)data)[i];
    case PUM_DTYPE_U64:
        return (double)((const uint64_t *)data)[i];
    case PUM_DTYPE_NONE:
    case PUM_DTYPE_STRING:
    case PUM_DTYPE_COUNT:
        break;
    }
    return NAN;
}

struct cli_summary cli_summarise(const pum_tensor *tensor)
{
    struct cli_summary summary = {.least = INFINITY, .greatest = -INFINITY};
    size_t size = pum_dtype_size(tensor->dtype);
    double sum = 0;
    summary.count = size > 0 ? tensor->size_bytes / size : 0;
    for (size_t i = 0; i < summary.count; i++) {
        double value = cli_element(tensor, i);
        if (isnan(value)) {
            summary.nans++;
            continue;
        }
        summary.least = fmin(summary.least, value);
        summary.greatest = fmax(summary.greatest, value);
        sum += value;
    }
    uint64_t numbers = summary.count - summary.nans;
    summary.mean = numbers > 0 ? sum / (double)numbers : NAN;
    if (numbers == 0)
        summary.least = summary.greatest = NAN;
    return summary;
}

#define MAX_NAME 200

static void clean_name(const char *name, char text[MAX_NAME + 1])
{
    size_t used = 0;
    for (; name[used] != '\0' && used < MAX_NAME; used++) {
        char c = name[used];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '_' || c == '-';
        text[used] = plain ? c : '_';
    }
    text[used] = '\0';
    if (used == 0)
        strcpy(text, "output");
}

/* True where an output before `index` was given this name without a number, or the number makes it
 * another output's own name. */
static bool is_taken(const struct cli_model *model, int32_t index, const char *name)
{
    char other[MAX_NAME + 1];
    for (int32_t i = 0; i < model->output_count; i++) {
        if (i == index)
            continue;
        clean_name(model->outputs[i].name, other);
        if (strcmp(other, name) == 0)
            return true;
    }
    return false;
}

char *cli_result_name(const struct cli_model *model, const struct cli_result *result)
{
    int32_t index = result->output;
    char name[MAX_NAME + 1], other[MAX_NAME + 1], numbered[MAX_NAME + 32];
    clean_name(model->outputs[index].name, name);
    int32_t twins_before = 0;
    for (int32_t i = 0; i < index; i++) {
        clean_name(model->outputs[i].name, other);
        twins_before += strcmp(other, name) == 0;
    }
    snprintf(numbered, sizeof(numbered), "%s", name);
    /* The n-th twin takes the n-th number that is no output's own name. */
    for (int32_t number = 2, left = twins_before; left > 0; number++) {
        snprintf(numbered, sizeof(numbered), "%s-%d", name, number);
        left -= !is_taken(model, index, numbered);
    }
    char *file = NULL;
    int used = result->item < 0 ? asprintf(&file, "%s.npy", numbered)
                                : asprintf(&file, "%s_%d.npy", numbered, result->item);
    return used < 0 ? NULL : file;
}

/* Makes the folder and its parents; *out_made tells whether the last one is new. */
static pum_status make_folder(struct cli *cli, const char *folder, bool *out_made)
{
    *out_made = false;
    char *path = strdup(folder);
    if (path == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = PUM_OK;
    for (char *c = path + 1;; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        char keep = *c;
        *c = '\0';
        *out_made = mkdir(path, 0777) == 0;
        struct stat info;
        int code = errno;
        if (!*out_made && !(stat(path, &info) == 0 && S_ISDIR(info.st_mode))) {
            cli->fault.machine = code == ENOSPC || code == EDQUOT || code == EIO;
            status = fault_set(&cli->fault, PUM_E_FILE, "cannot make the folder %s: %s", path,
                               strerror(code == EEXIST ? ENOTDIR : code));
        }
        *c = keep;
        if (keep == '\0' || status != PUM_OK)
            break;
    }
    free(path);
    return status;
}

static pum_status write_one(struct cli *cli, const struct cli_model *model,
                            const struct cli_result *result, const char *folder,
                            struct out_file *file)
{
    char *name = cli_result_name(model, result), *path = NULL;
    if (name == NULL || asprintf(&path, "%s/%s", folder, name) < 0) {
        free(name);
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    }
    pum_status status = out_file_begin(file, path, &cli->fault);
    if (status == PUM_OK)
        status = npy_write(file, &result->tensor, &cli->fault);
    if (status == PUM_OK)
        status = out_file_finish(file, &cli->fault);
    free(name);
    free(path);
    return status;
}

pum_status cli_write_results(struct cli *cli, const struct cli_model *model,
                             const struct cli_results *results, const char *folder)
{
    bool made = false;
    struct out_file *files = calloc((size_t)results->count + 1, sizeof(*files));
    if (files == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = make_folder(cli, folder, &made);
    for (int32_t i = 0; i < results->count && status == PUM_OK; i++)
        status = write_one(cli, model, &results->items[i], folder, &files[i]);
    for (int32_t i = 0; i < results->count && status == PUM_OK; i++)
        status = out_file_publish(&files[i], &cli->fault);
    for (int32_t i = 0; i < results->count; i++)
        out_file_end(&files[i]);
    if (status != PUM_OK && made)
        rmdir(folder); /* only if it is empty */
    free(files);
    return status;
}

static pum_status add_result(struct cli *cli, struct cli_results *results, int32_t output,
                             int32_t item, const pum_tensor *tensor)
{
    struct cli_result *items =
        realloc(results->items, ((size_t)results->count + 1) * sizeof(*items));
    if (items == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    results->items = items;
    items[results->count++] = (struct cli_result){output, item, *tensor};
    return PUM_OK;
}

pum_status cli_collect_results(struct cli *cli, const struct cli_model *model, pum_session *session,
                               struct cli_results *out_results)
{
    pum_status status = PUM_OK;
    *out_results = (struct cli_results){0};
    for (int32_t i = 0; i < model->output_count && status == PUM_OK; i++) {
        pum_value_kind kind;
        int32_t count;
        status =
            fault_from_library(&cli->fault, pum_session_get_output_kind(session, i, &kind, &count));
        for (int32_t k = 0; status == PUM_OK && k < count; k++) {
            pum_tensor tensor;
            status = fault_from_library(&cli->fault,
                                        pum_session_get_output_item(session, i, k, &tensor));
            if (status == PUM_OK)
                status =
                    add_result(cli, out_results, i, kind == PUM_VALUE_SEQUENCE ? k : -1, &tensor);
        }
    }
    return status;
}
