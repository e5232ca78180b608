/* SPDX-License-Identifier: MIT
 *
 * cli_network.h - a model on a device, for commands that know what its inputs and outputs mean:
 * tensors go in and come out by name.
 */
#ifndef PUM_CLI_NETWORK_H
#define PUM_CLI_NETWORK_H

#include "cli_model.h"

struct cli_network {
    struct cli_model model;
    pum_session *session;
};

/* Opens the model (a part of it, where it is a folder), the device and a session. */
pum_status cli_network_open(struct cli *cli, struct cli_network *network, const char *path,
                            const struct arch_params *params);
void cli_network_close(struct cli_network *network);

/* "fp32" or "fp16" as the type that a folder's model is computed in; NULL: as its file. */
pum_status cli_take_precision(struct cli *cli, const char *word, pum_dtype *out_dtype);

/* The folder whose configuration files belong to the model: a folder itself; an ONNX file's, or the
 * one above where files lie in a folder called onnx. NULL: out of memory. The caller frees it. */
char *cli_network_folder(const char *path);

/* By name; -1: there is none. */
int32_t cli_network_input(const struct cli_network *network, const char *name);
int32_t cli_network_output(const struct cli_network *network, const char *name);

pum_status cli_network_give(struct cli *cli, struct cli_network *network, int32_t input,
                            const pum_tensor *tensor);
pum_status cli_network_run(struct cli *cli, struct cli_network *network);
/* Borrowed until the next run. */
pum_status cli_network_take(struct cli *cli, struct cli_network *network, int32_t output,
                            pum_tensor *out_tensor);
/* An output as floats, freed by the caller; the tensor's data is not theirs. */
pum_status cli_network_floats(struct cli *cli, struct cli_network *network, int32_t output,
                              pum_tensor *out_tensor, float **out_values);

/* JSON knows no NaN and no infinity: null. */
json_t *cli_json_number(double value);

#endif
