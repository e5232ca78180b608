/* SPDX-License-Identifier: MIT
 *
 * model_maker.c - see model_maker.h.
 */
#include "model_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct maker_block {
    struct maker_block *next;
    max_align_t data[];
};

void *maker_alloc(struct maker *maker, size_t bytes)
{
    struct maker_block *block = calloc(1, sizeof(*block) + bytes + 1);
    assert_non_null(block);
    block->next = maker->blocks;
    maker->blocks = block;
    return block->data;
}

static void *copy(struct maker *maker, const void *data, size_t bytes)
{
    void *block = maker_alloc(maker, bytes);
    if (bytes > 0)
        memcpy(block, data, bytes);
    return block;
}

static char *text(struct maker *maker, const char *value)
{
    return copy(maker, value, strlen(value));
}

void maker_free(struct maker *maker)
{
    while (maker->blocks != NULL) {
        struct maker_block *next = maker->blocks->next;
        free(maker->blocks);
        maker->blocks = next;
    }
}

#define NEW(maker, type, INIT)                                                                     \
    ((type *)copy(maker, &(const type)INIT, sizeof(type)))
#define ROOM(maker, list, count)                                                                   \
    do {                                                                                           \
        assert_true((count) < MAKER_MAX);                                                          \
        if ((list) == NULL)                                                                        \
            (list) = maker_alloc(maker, MAKER_MAX * sizeof(void *));                               \
    } while (0)

void maker_init(struct maker *maker, int64_t opset)
{
    maker->blocks = NULL;
    maker->model = (Onnx__ModelProto)ONNX__MODEL_PROTO__INIT;
    maker->graph = (Onnx__GraphProto)ONNX__GRAPH_PROTO__INIT;
    maker->model.graph = &maker->graph;
    maker->into = &maker->graph;
    maker->model.has_ir_version = 1;
    maker->model.ir_version = 8;
    if (opset != 0)
        maker_import(maker, "", opset);
}

void maker_import(struct maker *maker, const char *domain, int64_t version)
{
    Onnx__OperatorSetIdProto *import =
        NEW(maker, Onnx__OperatorSetIdProto, ONNX__OPERATOR_SET_ID_PROTO__INIT);
    import->domain = text(maker, domain);
    import->has_version = 1;
    import->version = version;
    ROOM(maker, maker->model.opset_import, maker->model.n_opset_import);
    maker->model.opset_import[maker->model.n_opset_import++] = import;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

static char **split(struct maker *maker, const char *names, size_t *out_count)
{
    char **list = maker_alloc(maker, MAKER_MAX * sizeof(*list));

    *out_count = 0;
    while (*names != '\0') {
        size_t length = strcspn(names, " ");
        char *name = copy(maker, names, length);
        assert_true(*out_count < MAKER_MAX);
        list[(*out_count)++] = strcmp(name, "-") == 0 ? text(maker, "") : name;
        names += length;
        names += *names == ' ';
    }
    return list;
}

Onnx__NodeProto *maker_node(struct maker *maker, const char *op, const char *inputs,
                            const char *outputs)
{
    Onnx__NodeProto *node = NEW(maker, Onnx__NodeProto, ONNX__NODE_PROTO__INIT);
    node->op_type = text(maker, op);
    node->input = split(maker, inputs, &node->n_input);
    node->output = split(maker, outputs, &node->n_output);
    ROOM(maker, maker->into->node, maker->into->n_node);
    maker->into->node[maker->into->n_node++] = node;
    return node;
}

Onnx__AttributeProto *maker_attr(struct maker *maker, Onnx__NodeProto *node, const char *name,
                                 int type)
{
    Onnx__AttributeProto *attr = NEW(maker, Onnx__AttributeProto, ONNX__ATTRIBUTE_PROTO__INIT);
    attr->name = text(maker, name);
    attr->has_type = 1;
    attr->type = (Onnx__AttributeProto__AttributeType)type;
    ROOM(maker, node->attribute, node->n_attribute);
    node->attribute[node->n_attribute++] = attr;
    return attr;
}

void maker_int(struct maker *maker, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attr =
        maker_attr(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attr->has_i = 1;
    attr->i = value;
}

void maker_float(struct maker *maker, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attr =
        maker_attr(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attr->has_f = 1;
    attr->f = value;
}

void maker_string(struct maker *maker, Onnx__NodeProto *node, const char *name, const char *value)
{
    Onnx__AttributeProto *attr =
        maker_attr(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    attr->has_s = 1;
    attr->s.len = strlen(value);
    attr->s.data = (uint8_t *)text(maker, value);
}

void maker_ints(struct maker *maker, Onnx__NodeProto *node, const char *name, int32_t count,
                const int64_t *values)
{
    Onnx__AttributeProto *attr =
        maker_attr(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attr->n_ints = (size_t)count;
    attr->ints = copy(maker, values, (size_t)count * sizeof(*values));
}

void maker_floats(struct maker *maker, Onnx__NodeProto *node, const char *name, int32_t count,
                  const float *values)
{
    Onnx__AttributeProto *attr =
        maker_attr(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    attr->n_floats = (size_t)count;
    attr->floats = copy(maker, values, (size_t)count * sizeof(*values));
}

void maker_tensor(struct maker *maker, Onnx__NodeProto *node, const char *name,
                  Onnx__TensorProto *tensor)
{
    maker_attr(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t = tensor;
}

void maker_begin_body(struct maker *maker, Onnx__NodeProto *node, const char *name)
{
    Onnx__AttributeProto *attr =
        maker_attr(maker, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
    attr->g = NEW(maker, Onnx__GraphProto, ONNX__GRAPH_PROTO__INIT);
    attr->g->name = text(maker, name);
    maker->into = attr->g;
}

void maker_end_body(struct maker *maker, Onnx__GraphProto *around)
{
    maker->into = around != NULL ? around : &maker->graph;
}

Onnx__FunctionProto *maker_function(struct maker *maker, const char *domain, const char *name,
                                    const char *inputs, const char *outputs)
{
    Onnx__FunctionProto *function =
        NEW(maker, Onnx__FunctionProto, ONNX__FUNCTION_PROTO__INIT);
    function->name = text(maker, name);
    function->domain = text(maker, domain);
    function->input = split(maker, inputs, &function->n_input);
    function->output = split(maker, outputs, &function->n_output);
    ROOM(maker, maker->model.functions, maker->model.n_functions);
    maker->model.functions[maker->model.n_functions++] = function;
    return function;
}

void maker_function_node(struct maker *maker, Onnx__FunctionProto *function)
{
    ROOM(maker, function->node, function->n_node);
    function->node[function->n_node++] = maker->into->node[--maker->into->n_node];
}

void maker_reference(struct maker *maker, Onnx__NodeProto *node, const char *name, int type,
                     const char *outer_name)
{
    maker_attr(maker, node, name, type)->ref_attr_name = text(maker, outer_name);
}

/* --- Tensors ---------------------------------------------------------------------------------- */

Onnx__TensorProto *maker_bare(struct maker *maker, const char *name, int type, int32_t rank,
                              const int64_t *dims)
{
    Onnx__TensorProto *tensor = NEW(maker, Onnx__TensorProto, ONNX__TENSOR_PROTO__INIT);
    tensor->name = text(maker, name);
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->n_dims = (size_t)rank;
    tensor->dims = copy(maker, dims, (size_t)rank * sizeof(*dims));
    return tensor;
}

Onnx__TensorProto *maker_raw(struct maker *maker, const char *name, int type, int32_t rank,
                             const int64_t *dims, const void *data, size_t bytes)
{
    Onnx__TensorProto *tensor = maker_bare(maker, name, type, rank, dims);
    tensor->has_raw_data = 1;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = copy(maker, data, bytes);
    return tensor;
}

void maker_initializer(struct maker *maker, Onnx__TensorProto *tensor)
{
    ROOM(maker, maker->into->initializer, maker->into->n_initializer);
    maker->into->initializer[maker->into->n_initializer++] = tensor;
}

void maker_f32(struct maker *maker, const char *name, int32_t rank, const int64_t *dims,
               const float *values)
{
    size_t count = 1;
    for (int32_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    maker_initializer(maker, maker_raw(maker, name, T_F32, rank, dims, values, count * 4));
}

void maker_i64(struct maker *maker, const char *name, int32_t count, const int64_t *values)
{
    int64_t dim = count;
    maker_initializer(maker,
                      maker_raw(maker, name, T_I64, 1, &dim, values, (size_t)count * 8));
}

void maker_external(struct maker *maker, Onnx__TensorProto *tensor, const char *key,
                    const char *value)
{
    Onnx__StringStringEntryProto *entry =
        NEW(maker, Onnx__StringStringEntryProto, ONNX__STRING_STRING_ENTRY_PROTO__INIT);
    entry->key = text(maker, key);
    entry->value = text(maker, value);
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    ROOM(maker, tensor->external_data, tensor->n_external_data);
    tensor->external_data[tensor->n_external_data++] = entry;
}

Onnx__TensorProto *maker_texts(struct maker *maker, const char *name, int32_t count,
                               const char *const *texts)
{
    int64_t dim = count;
    Onnx__TensorProto *tensor = maker_bare(maker, name, T_STRING, 1, &dim);
    tensor->n_string_data = (size_t)count;
    tensor->string_data = maker_alloc(maker, (size_t)count * sizeof(*tensor->string_data));
    for (int32_t i = 0; i < count; i++) {
        tensor->string_data[i].len = strlen(texts[i]);
        tensor->string_data[i].data = (uint8_t *)text(maker, texts[i]);
    }
    return tensor;
}

Onnx__SparseTensorProto *maker_sparse(struct maker *maker, Onnx__TensorProto *values,
                                      Onnx__TensorProto *indices, int32_t rank,
                                      const int64_t *dims)
{
    Onnx__SparseTensorProto *sparse =
        NEW(maker, Onnx__SparseTensorProto, ONNX__SPARSE_TENSOR_PROTO__INIT);
    sparse->values = values;
    sparse->indices = indices;
    sparse->n_dims = (size_t)rank;
    sparse->dims = copy(maker, dims, (size_t)rank * sizeof(*dims));
    return sparse;
}

void maker_sparse_initializer(struct maker *maker, Onnx__SparseTensorProto *sparse)
{
    ROOM(maker, maker->into->sparse_initializer, maker->into->n_sparse_initializer);
    maker->into->sparse_initializer[maker->into->n_sparse_initializer++] = sparse;
}

/* --- Inputs and outputs ----------------------------------------------------------------------- */

Onnx__ValueInfoProto *maker_value(struct maker *maker, const char *name, int type, int32_t rank,
                                  const int64_t *dims)
{
    Onnx__ValueInfoProto *value = NEW(maker, Onnx__ValueInfoProto, ONNX__VALUE_INFO_PROTO__INIT);
    Onnx__TypeProto__Tensor *tensor =
        NEW(maker, Onnx__TypeProto__Tensor, ONNX__TYPE_PROTO__TENSOR__INIT);
    Onnx__TensorShapeProto *shape =
        NEW(maker, Onnx__TensorShapeProto, ONNX__TENSOR_SHAPE_PROTO__INIT);

    value->name = text(maker, name);
    value->type = NEW(maker, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);
    value->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    value->type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = type;
    tensor->shape = rank < 0 ? NULL : shape;
    for (int32_t i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim =
            NEW(maker, Onnx__TensorShapeProto__Dimension,
                ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT);
        if (dims[i] >= 0) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = dims[i];
        }
        ROOM(maker, shape->dim, shape->n_dim);
        shape->dim[shape->n_dim++] = dim;
    }
    return value;
}

Onnx__ValueInfoProto *maker_list(struct maker *maker, const char *name, int type, bool optional)
{
    Onnx__ValueInfoProto *value = maker_value(maker, name, type, -1, NULL);
    Onnx__TypeProto *outer = NEW(maker, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);

    if (optional) {
        outer->value_case = ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
        outer->optional_type =
            NEW(maker, Onnx__TypeProto__Optional, ONNX__TYPE_PROTO__OPTIONAL__INIT);
        outer->optional_type->elem_type = value->type;
    } else {
        outer->value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
        outer->sequence_type =
            NEW(maker, Onnx__TypeProto__Sequence, ONNX__TYPE_PROTO__SEQUENCE__INIT);
        outer->sequence_type->elem_type = value->type;
    }
    value->type = outer;
    return value;
}

void maker_input(struct maker *maker, Onnx__ValueInfoProto *value)
{
    ROOM(maker, maker->into->input, maker->into->n_input);
    maker->into->input[maker->into->n_input++] = value;
}

void maker_output(struct maker *maker, Onnx__ValueInfoProto *value)
{
    ROOM(maker, maker->into->output, maker->into->n_output);
    maker->into->output[maker->into->n_output++] = value;
}

/* --- Out -------------------------------------------------------------------------------------- */

const uint8_t *maker_pack(struct maker *maker, size_t *out_bytes)
{
    *out_bytes = onnx__model_proto__get_packed_size(&maker->model);
    uint8_t *bytes = maker_alloc(maker, *out_bytes);
    (void)onnx__model_proto__pack(&maker->model, bytes);
    return bytes;
}

void maker_write(struct maker *maker, const char *path)
{
    size_t size;
    const uint8_t *bytes = maker_pack(maker, &size);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

pum_status maker_read(struct maker *maker, pum_context *context, pum_graph **out_graph)
{
    size_t size;
    const uint8_t *bytes = maker_pack(maker, &size);
    /* Exactly as long as the file, so that a sanitizer sees the first byte beyond. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    pum_status status = pum_onnx_read(context, exact, size, NULL, out_graph);
    free(exact);
    return status;
}
