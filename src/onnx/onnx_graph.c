/* SPDX-License-Identifier: MIT
 *
 * onnx_graph.c - the model as a whole: versions, inputs, constants, outputs of the outermost graph.
 * What it shares with bodies (onnx_body.c): reading a declared type, adding initializers.
 * Tests: tests/onnx/test_onnx_file.c, test_onnx_hostile.c.
 */
#include "onnx_reader.h"

#include <string.h>

/* --- Versions --------------------------------------------------------------------------------- */

bool onnx_is_default_domain(const char *domain)
{
    return domain == NULL || domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

int64_t onnx_opset(Onnx__OperatorSetIdProto *const *imports, size_t count)
{
    int64_t opset = 0;

    for (size_t i = 0; i < count; i++) {
        if (onnx_is_default_domain(imports[i]->domain))
            opset = imports[i]->version;
    }
    return opset;
}

pum_status onnx_check_opset(struct onnx_reader *reader, int64_t opset, const char *where)
{
    if (opset < ONNX_MIN_OPSET || opset > ONNX_MAX_OPSET)
        return onnx_fail(reader, PUM_E_UNSUPPORTED,
                         "%.200s uses opset %lld; %d to %d are "
                         "supported (convert it, or export it again)",
                         where, (long long)opset, ONNX_MIN_OPSET, ONNX_MAX_OPSET);
    return PUM_OK;
}

static pum_status check_versions(struct onnx_reader *reader)
{
    const Onnx__ModelProto *model = reader->model;

    reader->opset = onnx_opset(model->opset_import, model->n_opset_import);
    if (reader->opset == 0) {
        /* Allowed if all operators are of other domains; then it is they that are not supported. */
        ONNX_TRY(onnx_check_ops(reader));
        return onnx_fail(reader, PUM_E_FORMAT, "the file does not say which opset it uses");
    }
    return onnx_check_opset(reader, reader->opset, "the file");
}

/* --- Inputs and outputs ----------------------------------------------------------------------- */

static pum_status read_dim(struct onnx_reader *reader, const Onnx__ValueInfoProto *info,
                           const char *what, size_t axis, int64_t *out_dim)
{
    const Onnx__TypeProto__Tensor *tensor = info->type->tensor_type;
    const Onnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[axis];
    const char *symbol = NULL;

    *out_dim = -1;
    if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
        *out_dim = dim->dim_value;
    else if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
        symbol = dim->dim_param;
    /* -1 is how some exporters write "any size". */
    if (*out_dim < -1 || *out_dim > INT32_MAX)
        return onnx_fail(reader, PUM_E_FORMAT, "%s '%.200s': axis %zu has size %lld", what,
                         info->name, axis, (long long)*out_dim);
    if (*out_dim < 0)
        *out_dim = pum_graph_symbol(reader->graph, symbol);
    return PUM_OK;
}

static pum_status read_tensor_type(struct onnx_reader *reader, const Onnx__ValueInfoProto *info,
                                   const char *what, struct onnx_port *port)
{
    const Onnx__TypeProto__Tensor *tensor = info->type->tensor_type;

    port->dtype = onnx_dtype(tensor->elem_type);
    if (tensor->shape == NULL)
        return PUM_OK;
    if (tensor->shape->n_dim > PUM_MAX_RANK)
        return onnx_fail(reader, PUM_E_UNSUPPORTED,
                         "%s '%.200s' has %zu axes; at most %d are "
                         "supported",
                         what, info->name, tensor->shape->n_dim, PUM_MAX_RANK);
    for (size_t i = 0; i < tensor->shape->n_dim; i++)
        ONNX_TRY(read_dim(reader, info, what, i, &port->dims[i]));
    port->rank = (int32_t)tensor->shape->n_dim;
    return pum_graph_status(reader->graph);
}

/* The element type of a list of tensors or of an optional one; NONE if it is something else. */
static pum_dtype element_type(const Onnx__TypeProto *type)
{
    if (type != NULL && type->value_case == ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE &&
        type->sequence_type != NULL)
        type = type->sequence_type->elem_type;
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return PUM_DTYPE_NONE;
    return onnx_dtype(type->tensor_type->elem_type);
}

pum_status onnx_read_port(struct onnx_reader *reader, const Onnx__ValueInfoProto *info,
                          const char *what, struct onnx_port *out_port)
{
    const Onnx__TypeProto *type = info->type;

    *out_port = (struct onnx_port){.rank = -1};
    switch (type == NULL ? ONNX__TYPE_PROTO__VALUE__NOT_SET : type->value_case) {
    case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
        return read_tensor_type(reader, info, what, out_port);
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        out_port->kind = PUM_VALUE_SEQUENCE;
        out_port->dtype = element_type(type);
        return PUM_OK;
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        out_port->kind = PUM_VALUE_NONE;
        out_port->dtype = element_type(type->optional_type->elem_type);
        return PUM_OK;
    default:
        return onnx_fail(reader, PUM_E_UNSUPPORTED,
                         "%s '%.200s' is not declared as a tensor, a "
                         "sequence or an optional",
                         what, info->name);
    }
}

static pum_status add_input(struct onnx_reader *reader, const Onnx__ValueInfoProto *info)
{
    struct onnx_name *entry = onnx_find_name(reader->scope, info->name);
    struct onnx_port port;

    if (entry == NULL || entry->initializer != NULL || entry->sparse != NULL)
        return PUM_OK; /* a constant */
    ONNX_TRY(onnx_read_port(reader, info, "input", &port));
    if (port.kind == PUM_VALUE_TENSOR && port.dtype == PUM_DTYPE_NONE)
        return onnx_fail(reader, PUM_E_UNSUPPORTED,
                         "input '%.200s' has the element type %d of "
                         "ONNX, which is not supported",
                         info->name, info->type->tensor_type->elem_type);
    if (port.kind == PUM_VALUE_TENSOR && port.rank >= 0)
        entry->value = pum_input(reader->graph, info->name, port.dtype, port.rank, port.dims);
    else
        entry->value = pum_input_any(reader->graph, info->name, port.kind, port.dtype);
    return pum_graph_status(reader->graph);
}

pum_status onnx_add_initializers(struct onnx_reader *reader)
{
    const Onnx__GraphProto *graph = reader->scope->proto;

    for (size_t i = 0; i < graph->n_initializer; i++) {
        struct onnx_name *entry = onnx_find_name(reader->scope, graph->initializer[i]->name);
        ONNX_TRY(onnx_constant(reader, entry->initializer, entry->name, &entry->value));
    }
    for (size_t i = 0; i < graph->n_sparse_initializer; i++) {
        const Onnx__SparseTensorProto *sparse = graph->sparse_initializer[i];
        struct onnx_name *entry = onnx_find_name(reader->scope, sparse->values->name);
        ONNX_TRY(onnx_sparse_constant(reader, sparse, entry->name, &entry->value));
    }
    return PUM_OK;
}

static pum_status add_outputs(struct onnx_reader *reader)
{
    const Onnx__GraphProto *graph = reader->scope->proto;
    struct onnx_port port;

    if (graph->n_output == 0)
        return onnx_fail(reader, PUM_E_FORMAT, "the graph declares no output");
    for (size_t i = 0; i < graph->n_output; i++) {
        const Onnx__ValueInfoProto *info = graph->output[i];
        const struct onnx_name *entry =
            onnx_absent(info->name) ? NULL : onnx_find_name(reader->scope, info->name);
        if (entry == NULL || entry->value == PUM_NO_VALUE)
            return onnx_fail(reader, PUM_E_FORMAT, "output '%.200s' is computed by no node",
                             onnx_absent(info->name) ? "" : info->name);
        pum_output(reader->graph, info->name, entry->value);
        ONNX_TRY(pum_graph_status(reader->graph));
        if (info->type == NULL)
            continue;
        ONNX_TRY(onnx_read_port(reader, info, "output", &port));
        if (port.kind == PUM_VALUE_TENSOR && port.dtype != PUM_DTYPE_NONE)
            pum_output_declare(reader->graph, (int32_t)i, port.dtype, port.rank, port.dims);
    }
    return pum_graph_status(reader->graph);
}

/* --- All of it -------------------------------------------------------------------------------- */

static pum_status build(struct onnx_reader *reader)
{
    ONNX_TRY(onnx_scope_open(reader, reader->scope));
    for (size_t i = 0; i < reader->scope->proto->n_input; i++)
        ONNX_TRY(add_input(reader, reader->scope->proto->input[i]));
    ONNX_TRY(onnx_add_initializers(reader));
    ONNX_TRY(onnx_add_nodes(reader));
    ONNX_TRY(add_outputs(reader));
    return pum_graph_finish(reader->graph);
}

pum_status onnx_build(struct onnx_reader *reader)
{
    const Onnx__GraphProto *graph = reader->model->graph;
    struct onnx_scope scope = {
        .proto = graph,
        .nodes = graph->node,
        .node_count = graph->n_node,
    };

    pum_status status = onnx_sort_functions(reader);
    if (status == PUM_OK)
        status = check_versions(reader);
    if (status == PUM_OK)
        status = onnx_check_ops(reader);
    if (status == PUM_OK) {
        scope.opset = reader->opset;
        reader->scope = &scope;
        status = build(reader);
        reader->scope = NULL;
    }
    onnx_scope_close(reader, &scope);
    onnx_functions_free(reader);
    return status;
}
