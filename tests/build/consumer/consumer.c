/* SPDX-License-Identifier: MIT
 *
 * consumer.c - a host program that has functions named like Vulkan's, volk's and Pumice's internal
 * ones: linking must not mix them up.
 */
#include <pumice/pumice.h>
#include <pumice/pumice_graph.h>
#include <pumice/pumice_onnx.h>

#include <stdio.h>
#include <string.h>

int vkCreateInstance = 1, vkCreateDevice = 2, volkInitialize = 3;
int kernel_row_count = 4, pum_alloc = 5;

int main(void)
{
    pum_context_params params = {.cache_dir = ""};
    pum_context *context = NULL;
    pum_graph *graph = NULL;
    if (pum_context_create(&params, &context) != PUM_OK ||
        pum_graph_create(context, &graph) != PUM_OK) {
        printf("%s\n", pum_last_error());
        return 1;
    }
    pum_value x = pum_input(graph, "x", PUM_DTYPE_F32, 1, (int64_t[]){3});
    pum_output(graph, "y", pum_relu(graph, x));
    pum_status status = pum_graph_finish(graph);
    pum_graph_destroy(&graph);
    /* no such file: only that the reader is there and fails in order */
    pum_status read_status = pum_onnx_open(context, "/nonexistent/model.onnx", NULL, &graph);
    pum_device_info *infos = NULL;
    int32_t count = 0;
    pum_status list_status = pum_device_list(context, NULL, &infos, &count);
    pum_device_list_free(context, &infos);
    pum_context_destroy(&context);
    printf("pumice %s: graph %s, reader %s, devices %s\n", pum_version(), pum_status_name(status),
           pum_status_name(read_status), pum_status_name(list_status));
    int own = vkCreateInstance + vkCreateDevice + volkInitialize + kernel_row_count + pum_alloc;
    return status == PUM_OK && read_status == PUM_E_FILE && own == 15 ? 0 : 1;
}
