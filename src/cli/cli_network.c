/* SPDX-License-Identifier: MIT
 *
 * cli_network.c - see cli_network.h. Tests: tests/cli/test_pictures.py, tests/cli/test_texts.py.
 */
#include "cli_network.h"

#include "cli_interrupt.h"
#include "cli_output.h"

#include <stdlib.h>
#include <string.h>

pum_status cli_network_open(struct cli *cli, struct cli_network *network, const char *path,
                            const struct arch_params *params)
{
    *network = (struct cli_network){0};
    pum_status status = cli_model_open_part(cli, &network->model, path, params);
    if (status == PUM_OK)
        status = cli_open_device(cli);
    if (status == PUM_OK)
        status = fault_from_library(&cli->fault, pum_session_create(cli->gpu, network->model.graph,
                                                                    NULL, &network->session));
    return status;
}

void cli_network_close(struct cli_network *network)
{
    pum_session_destroy(&network->session);
    cli_model_close(&network->model);
}

pum_status cli_take_precision(struct cli *cli, const char *word, pum_dtype *out_dtype)
{
    *out_dtype = PUM_DTYPE_NONE;
    if (word != NULL && strcmp(word, "fp32") == 0)
        *out_dtype = PUM_DTYPE_F32;
    else if (word != NULL && strcmp(word, "fp16") == 0)
        *out_dtype = PUM_DTYPE_F16;
    else if (word != NULL)
        return fault_set(&cli->fault, PUM_E_ARGUMENT, "--precision %s: fp32 or fp16", word);
    return PUM_OK;
}

char *cli_network_folder(const char *path)
{
    if (cli_is_folder(path))
        return strdup(path);
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *folder = length == 0 ? strdup(".") : strndup(path, length);
    size_t end = folder != NULL ? strlen(folder) : 0;
    if (end > 5 && strcmp(folder + end - 5, "/onnx") == 0)
        folder[end - 5] = '\0';
    else if (end == 4 && strcmp(folder, "onnx") == 0)
        strcpy(folder, ".");
    return folder;
}

static int32_t find_port(const pum_port_info *ports, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(ports[i].name, name) == 0)
            return i;
    return -1;
}

int32_t cli_network_input(const struct cli_network *network, const char *name)
{
    return find_port(network->model.inputs, network->model.input_count, name);
}

int32_t cli_network_output(const struct cli_network *network, const char *name)
{
    return find_port(network->model.outputs, network->model.output_count, name);
}

pum_status cli_network_give(struct cli *cli, struct cli_network *network, int32_t input,
                            const pum_tensor *tensor)
{
    return fault_from_library(&cli->fault, pum_session_set_input(network->session, input, tensor));
}

pum_status cli_network_run(struct cli *cli, struct cli_network *network)
{
    cli_interrupt_begin(network->session);
    pum_status status = pum_session_run(network->session);
    cli_interrupt_end();
    return fault_from_library(&cli->fault, status);
}

pum_status cli_network_take(struct cli *cli, struct cli_network *network, int32_t output,
                            pum_tensor *out_tensor)
{
    return fault_from_library(&cli->fault,
                              pum_session_get_output(network->session, output, out_tensor));
}

pum_status cli_network_floats(struct cli *cli, struct cli_network *network, int32_t output,
                              pum_tensor *out_tensor, float **out_values)
{
    *out_values = NULL;
    pum_status status = cli_network_take(cli, network, output, out_tensor);
    if (status != PUM_OK)
        return status;
    size_t size = pum_dtype_size(out_tensor->dtype);
    size_t count = size > 0 ? out_tensor->size_bytes / size : 0;
    float *values = malloc((count + 1) * sizeof(*values));
    if (values == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        values[i] = (float)cli_element(out_tensor, i);
    *out_values = values;
    return PUM_OK;
}

json_t *cli_json_number(double value)
{
    json_t *number = json_real(value);
    return number != NULL ? number : json_null();
}
