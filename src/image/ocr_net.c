/* SPDX-License-Identifier: MIT
 *
 * ocr_net.c - see ocr_net.h. Checks what the model declares once, when it is opened, so that a
 * wrong file is refused by name and not by a strange text. Tests: tests/cli/test_ocr.sh.
 */
#include "ocr_net.h"

#include <stdlib.h>
#include <string.h>

static pum_status check_ports(const struct ocr_net *net, struct fault *fault)
{
    pum_port_info input, output;
    if (pum_graph_input_count(net->graph) != 1 || pum_graph_output_count(net->graph) != 1)
        return fault_set(fault, PUM_E_UNSUPPORTED,
                         "this is no network of PP-OCR: it has %d inputs, %d outputs, not 1 and 1",
                         pum_graph_input_count(net->graph), pum_graph_output_count(net->graph));
    pum_status status = pum_graph_get_input(net->graph, 0, &input);
    if (status == PUM_OK)
        status = pum_graph_get_output(net->graph, 0, &output);
    if (status != PUM_OK)
        return fault_from_library(fault, status);
    if (input.dtype != PUM_DTYPE_F32 || output.dtype != PUM_DTYPE_F32 || input.rank != 4 ||
        input.dims[1] != 3)
        return fault_set(fault, PUM_E_UNSUPPORTED,
                         "this is no network of PP-OCR: its input is not float32 [n, 3, h, w]");
    return PUM_OK;
}

pum_status ocr_net_open(struct ocr_net *net, pum_context *context, pum_device *device,
                        const char *path, struct fault *fault)
{
    memset(net, 0, sizeof(*net));
    net->path = strdup(path);
    if (net->path == NULL)
        return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", path);
    pum_status status = pum_onnx_open(context, path, NULL, &net->graph);
    if (status != PUM_OK)
        return fault_from_library(fault, status);
    status = check_ports(net, fault);
    if (status == PUM_OK) {
        pum_session_params params = {.max_plans = 16};
        status = pum_session_create(device, net->graph, &params, &net->session);
        fault_from_library(fault, status);
    }
    if (status != PUM_OK)
        fault_prefix(fault, path);
    return status;
}

void ocr_net_close(struct ocr_net *net)
{
    pum_session_destroy(&net->session);
    pum_graph_destroy(&net->graph);
    free(net->input);
    free(net->path);
    memset(net, 0, sizeof(*net));
}

pum_status ocr_net_input(struct ocr_net *net, int32_t width, int32_t height, float **out_input,
                         struct fault *fault)
{
    size_t floats = (size_t)width * (size_t)height * 3;
    if (floats > net->input_floats) {
        free(net->input);
        net->input_floats = 0;
        net->input = malloc(floats * sizeof(float));
        if (net->input == NULL)
            return fault_set(fault, PUM_E_MEMORY, "%s: no memory for its input", net->path);
        net->input_floats = floats;
    }
    *out_input = net->input;
    return PUM_OK;
}

pum_status ocr_net_run(struct ocr_net *net, int32_t width, int32_t height, pum_tensor *out_output,
                       struct fault *fault)
{
    pum_tensor input = {.dtype = PUM_DTYPE_F32,
                        .rank = 4,
                        .dims = {1, 3, height, width},
                        .data = net->input,
                        .size_bytes = (size_t)width * (size_t)height * 3 * sizeof(float)};
    pum_status status = pum_session_set_input(net->session, 0, &input);
    if (status == PUM_OK)
        status = pum_session_run(net->session);
    if (status == PUM_OK)
        status = pum_session_get_output(net->session, 0, out_output);
    if (status != PUM_OK) {
        fault_from_library(fault, status);
        fault_prefix(fault, net->path);
    }
    return status;
}

void ocr_net_place(float *input, int32_t full_width, int32_t full_height, const struct image *image,
                   int32_t left, int32_t top, const float gain[3], const float bias[3])
{
    size_t plane = (size_t)full_width * (size_t)full_height;
    for (int32_t y = 0; y < image->height; y++) {
        const uint8_t *from = image->rgb + (size_t)y * (size_t)image->width * 3;
        float *to = input + (size_t)(top + y) * (size_t)full_width + (size_t)left;
        for (int32_t x = 0; x < image->width; x++, from += 3)
            for (size_t c = 0; c < 3; c++)
                to[c * plane + (size_t)x] = (float)from[2 - c] * gain[c] + bias[c];
    }
}
