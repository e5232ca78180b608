/* SPDX-License-Identifier: MIT
 *
 * fuzz_onnx.c - any bytes as an ONNX file: an error or a finished graph, whose ports and operators
 * are then looked at. The context's memory is limited, so that what asks for too much is seen.
 */
#include "pumice/pumice_onnx.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_BYTES ((size_t)64 << 20)

static size_t held;

static void *limited_realloc(void *user, void *block, size_t size)
{
    size_t *old = block == NULL ? NULL : (size_t *)block - 2;
    size_t old_size = old == NULL ? 0 : old[0];
    (void)user;
    if (size > MEMORY_BYTES || held - old_size > MEMORY_BYTES - size)
        return NULL;
    size_t *grown = realloc(old, size + 2 * sizeof(size_t));
    if (grown == NULL)
        return NULL;
    grown[0] = size;
    held += size - old_size;
    return grown + 2;
}

static void *limited_alloc(void *user, size_t size)
{
    return limited_realloc(user, NULL, size);
}

static void limited_free(void *user, void *block)
{
    (void)user;
    if (block == NULL)
        return;
    held -= ((size_t *)block - 2)[0];
    free((size_t *)block - 2);
}

static void count_op(void *user, const char *op, int32_t count)
{
    *(size_t *)user += strlen(op) + (size_t)count;
}

static void look_at(const pum_graph *graph)
{
    pum_graph_stats stats;
    pum_port_info info;
    size_t total = 0;

    pum_graph_get_stats(graph, &stats);
    pum_graph_each_op(graph, count_op, &total);
    for (int32_t i = 0; i < pum_graph_input_count(graph); i++) {
        if (pum_graph_get_input(graph, i, &info) != PUM_OK || info.rank > PUM_MAX_RANK)
            abort();
        for (int32_t axis = 0; axis < info.rank; axis++)
            total += strlen(pum_graph_symbol_name(graph, info.dims[axis]));
    }
    for (int32_t i = 0; i < pum_graph_output_count(graph); i++) {
        if (pum_graph_get_output(graph, i, &info) != PUM_OK || info.rank > PUM_MAX_RANK)
            abort();
    }
    if (pum_graph_output_count(graph) == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pum_context_params params = {.allocator = {.alloc = limited_alloc,
                                               .realloc = limited_realloc,
                                               .free = limited_free},
                                 .cache_dir = ""};
    pum_context *context;
    pum_graph *graph;

    if (pum_context_create(&params, &context) != PUM_OK)
        return 0;
    pum_status status = pum_onnx_read(context, data, size, NULL, &graph);
    if ((status == PUM_OK) != (graph != NULL) ||
        (status != PUM_OK && pum_last_error()[0] == '\0') || status == PUM_E_INTERNAL)
        abort();
    if (graph != NULL)
        look_at(graph);
    pum_graph_destroy(&graph);
    pum_context_destroy(&context);
    if (held != 0)
        abort();
    return 0;
}
