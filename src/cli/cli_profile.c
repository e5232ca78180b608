/* SPDX-License-Identifier: MIT
 *
 * cli_profile.c - see cli_profile.h.
 */
#include "cli_profile.h"

#include "cli_table.h"

#include <stdlib.h>
#include <string.h>

/* Steps of one kernel for one operator. */
struct profile_row {
    const char *kernel, *op;
    int32_t count;
    double ns, flops, bytes;
};

static int compare_rows(const void *left, const void *right)
{
    double a = ((const struct profile_row *)left)->ns, b = ((const struct profile_row *)right)->ns;
    return a > b ? -1 : a < b;
}

static struct profile_row *sum_up(const pum_plan_info *plan, int32_t *out_count, double *out_ns)
{
    struct profile_row *rows = calloc((size_t)plan->step_count + 1, sizeof(*rows));
    *out_count = 0;
    *out_ns = 0;
    for (int32_t i = 0; i < plan->step_count && rows != NULL; i++) {
        const pum_step_info *step = &plan->steps[i];
        const char *kernel = step->kind == PUM_STEP_HOST ? "host: reference" : step->kernel;
        int32_t k = 0;
        while (k < *out_count && (strcmp(rows[k].kernel, kernel) != 0 ||
                                  strcmp(rows[k].op, step->op) != 0))
            k++;
        rows[k].kernel = kernel;
        rows[k].op = step->op;
        rows[k].count++;
        rows[k].ns += step->time_ns;
        rows[k].flops += step->flops;
        rows[k].bytes += (double)(step->read_bytes + step->write_bytes);
        *out_ns += step->time_ns;
        *out_count += k == *out_count;
    }
    if (rows != NULL)
        qsort(rows, (size_t)*out_count, sizeof(*rows), compare_rows);
    return rows;
}

bool cli_profile_print(const pum_plan_info *plan)
{
    static const char *const headers[] = {"kernel", "operator", "steps",   "ms",
                                          "share",  "GFLOP/s",  "GB/s"};
    int32_t count;
    double total;
    struct cli_table table;
    struct profile_row *rows = sum_up(plan, &count, &total);
    if (rows == NULL)
        return false;
    table_begin(&table, "llrrrrr", headers);
    for (int32_t i = 0; i < count; i++) {
        const struct profile_row *row = &rows[i];
        table_cell(&table, "%s", row->kernel);
        table_cell(&table, "%s", row->op);
        table_cell(&table, "%d", row->count);
        table_cell(&table, "%.3f", row->ns * 1e-6);
        table_cell(&table, "%.1f %%", total > 0 ? row->ns / total * 100 : 0);
        table_cell(&table, "%.2f", row->ns > 0 ? row->flops / row->ns : 0);
        table_cell(&table, "%.2f", row->ns > 0 ? row->bytes / row->ns : 0);
    }
    free(rows);
    bool ok = table_end(&table, stdout);
    printf("all steps: %.3f ms%s\n", total * 1e-6,
           total > 0 ? "" : " (this device has no timestamps)");
    return ok;
}

json_t *cli_profile_json(const pum_plan_info *plan)
{
    int32_t count;
    double total;
    struct profile_row *rows = sum_up(plan, &count, &total);
    if (rows == NULL)
        return NULL;
    json_t *array = json_array();
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:i, s:f, s:f, s:f}", "kernel",
                                        cli_json_text(rows[i].kernel), "op",
                                        cli_json_text(rows[i].op), "steps", rows[i].count, "ms",
                                        rows[i].ns * 1e-6, "flops", rows[i].flops, "bytes",
                                        rows[i].bytes));
    free(rows);
    return json_pack("{s:f, s:o}", "total_ms", total * 1e-6, "kernels", array);
}
