/* SPDX-License-Identifier: MIT
 *
 * passes.c - which passes run when, and the binding of concrete input shapes (see passes.h).
 * Tests: tests/passes/.
 */
#include "passes/passes.h"

#include <string.h>

pum_status passes_load(struct pum_graph *graph)
{
    PUM_TRY(pass_fuse_quant(graph)); /* first: small weights must not become floats */
    PUM_TRY(pass_fold_constants(graph));
    return pass_fold_conv(graph);
}

/* A dimension that the graph fixes must agree; equal symbols must be given equal sizes. */
static pum_status bind_shape(struct pum_graph *graph, int32_t input, const struct shape *shape,
                             int64_t *symbols)
{
    const struct graph_tensor *tensor = &graph->tensors[graph->inputs[input]];
    const struct shape *declared = &tensor->desc.shape;
    char wanted[SHAPE_TEXT_BYTES], given[SHAPE_TEXT_BYTES];
    if (declared->rank < 0)
        return PUM_OK;
    bool same = declared->rank == shape->rank;
    for (int32_t i = 0; same && i < shape->rank; i++) {
        if (declared->dims[i] >= 0)
            same = declared->dims[i] == shape->dims[i];
    }
    if (!same)
        return pum_fail(PUM_E_SHAPE, "input '%s' must have shape %s (? is free), not %s",
                        tensor->name, shape_text(declared, wanted), shape_text(shape, given));
    for (int32_t i = 0; i < shape->rank; i++) {
        if (declared->dims[i] >= 0)
            continue;
        int64_t *size = &symbols[GRAPH_DIM_SYMBOL(declared->dims[i])];
        if (*size >= 0 && *size != shape->dims[i])
            return pum_fail(PUM_E_SHAPE,
                            "input '%s', axis %d: '%s' is %lld here and %lld in another input",
                            tensor->name, i, graph->symbols[GRAPH_DIM_SYMBOL(declared->dims[i])],
                            (long long)shape->dims[i], (long long)*size);
        *size = shape->dims[i];
    }
    return PUM_OK;
}

/* The input becomes a constant. */
static pum_status bind_value(struct pum_graph *graph, int32_t input, const void *value)
{
    struct graph_tensor *tensor = &graph->tensors[graph->inputs[input]];
    (void)tensor_bytes(&tensor->desc, &tensor->data_bytes);
    void *copy = base_arena_alloc(&graph->arena, tensor->data_bytes + 1, 1);
    if (!copy)
        return PUM_E_MEMORY;
    if (tensor->data_bytes > 0)
        memcpy(copy, value, tensor->data_bytes);
    tensor->data = copy;
    return PUM_OK;
}

static pum_status bind_inputs(struct pum_graph *graph, const struct tensor_desc *inputs)
{
    int64_t *symbols = pum_alloc(graph->context, (size_t)graph->symbol_count, sizeof *symbols);
    if (!symbols)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < graph->symbol_count; i++)
        symbols[i] = -1;
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->input_count && status == PUM_OK; i++) {
        struct tensor_desc *desc = &graph->tensors[graph->inputs[i]].desc;
        size_t bytes;
        if (desc->dtype != PUM_DTYPE_NONE && desc->dtype != inputs[i].dtype)
            status = pum_fail(PUM_E_TYPE, "input '%s' must be %s, not %s",
                              graph->tensors[graph->inputs[i]].name, pum_dtype_name(desc->dtype),
                              pum_dtype_name(inputs[i].dtype));
        else if (shape_has_symbol(&inputs[i].shape) || !tensor_bytes(&inputs[i], &bytes))
            status = pum_fail(PUM_E_SHAPE, "input '%s': the shape given is not a legal one",
                              graph->tensors[graph->inputs[i]].name);
        else
            status = bind_shape(graph, i, &inputs[i].shape, symbols);
        if (status == PUM_OK)
            *desc = inputs[i];
    }
    pum_free(graph->context, symbols);
    return status;
}

pum_status passes_bind(struct pum_graph *graph, const struct tensor_desc *inputs,
                       const void *const *values)
{
    PUM_TRY(bind_inputs(graph, inputs));
    for (int32_t i = 0; values && i < graph->input_count; i++) {
        if (values[i])
            PUM_TRY(bind_value(graph, i, values[i]));
    }
    PUM_TRY(pass_infer(graph));
    PUM_TRY(pass_expand_einsum(graph));
    PUM_TRY(pass_expand_signal(graph));
    PUM_TRY(pass_merge_equal(graph));
    PUM_TRY(pass_drop_identities(graph));
    PUM_TRY(pass_fuse_gates(graph));
    PUM_TRY(pass_fuse_norms(graph));
    PUM_TRY(pass_fuse_group_norms(graph));
    PUM_TRY(pass_fuse_matmul(graph));
    PUM_TRY(pass_fuse_attention(graph));
    PUM_TRY(pass_merge_equal(graph)); /* the masks that it made, one a layer */
    PUM_TRY(pass_square_powers(graph));
    return pass_fuse_chains(graph);
}
