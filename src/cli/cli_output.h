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

/* File name for output `index`: its name with everything but letters, digits, '.', '_' and '-' as
 * '_', a number behind it where an earlier output has the same, then ".npy". Free it; NULL: out of
 * memory. */
char *cli_output_name(const struct cli_model *model, int32_t index);

/* Writes tensors[0..output_count) into the folder, which is made if need be. */
pum_status cli_write_outputs(struct cli *cli, const struct cli_model *model,
                             const pum_tensor *tensors, const char *folder);

#endif
