/* SPDX-License-Identifier: MIT
 *
 * cli_output.h - what a run gave: summaries, and all outputs as .npy files, all of them or none.
 */
#ifndef PUM_CLI_OUTPUT_H
#define PUM_CLI_OUTPUT_H

#include "cli_model.h"

/* Least, greatest and mean of a tensor's numbers; NaNs are counted apart. */
struct cli_summary {
    double least, greatest, mean;
    uint64_t count, nans;
};
struct cli_summary cli_summarise(const pum_tensor *tensor);

/* Element `index` of a tensor of numbers; NaN for strings. */
double cli_element(const pum_tensor *tensor, size_t index);

/* One tensor that a run gave. Outputs that are lists give one each item; nothing gives none. */
struct cli_result {
    int32_t output;
    int32_t item; /* of a list; -1: the output is the tensor */
    pum_tensor tensor;
};
struct cli_results {
    struct cli_result *items;
    int32_t count;
};
/* Collects them; the tensors' data is the session's. Free the list with free(results->items). */
pum_status cli_collect_results(struct cli *cli, const struct cli_model *model, pum_session *session,
                               struct cli_results *out_results);

/* File name of a result: the output's name with everything but letters, digits, '.', '_' and '-' as
 * '_', a number behind it where an earlier output has the same, the item's number in a list, then
 * ".npy". Free it; NULL: out of memory. */
char *cli_result_name(const struct cli_model *model, const struct cli_result *result);

/* Writes all results into the folder, which is made if need be. */
pum_status cli_write_results(struct cli *cli, const struct cli_model *model,
                             const struct cli_results *results, const char *folder);

#endif
