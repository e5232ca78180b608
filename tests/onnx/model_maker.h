/* SPDX-License-Identifier: MIT
 *
 * model_maker.h - ONNX files made in memory, for tests of the reader. Everything that a maker gives
 * lives until maker_free. Names are lists separated by spaces, "-" for an absent one.
 */
#ifndef PUM_TESTS_ONNX_MODEL_MAKER_H
#define PUM_TESTS_ONNX_MODEL_MAKER_H

#include "graph/graph.h"
#include "pumice/pumice_onnx.h"

#include "onnx.pb-c.h"

#define MAKER_MAX 64 /* nodes, initializers, inputs, outputs; attributes of a node */

enum { T_F32 = 1, T_U8, T_I8, T_U16, T_I16, T_I32, T_I64, T_STRING, T_BOOL, T_F16, T_F64, T_U32,
       T_U64, T_COMPLEX64, T_COMPLEX128, T_BF16 };

struct maker {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__GraphProto *into; /* what is made goes there: the graph, or a body */
    struct maker_block *blocks;
};

void maker_init(struct maker *maker, int64_t opset);
void maker_free(struct maker *maker);
void *maker_alloc(struct maker *maker, size_t bytes);
void maker_import(struct maker *maker, const char *domain, int64_t version);

Onnx__NodeProto *maker_node(struct maker *maker, const char *op, const char *inputs,
                            const char *outputs);
Onnx__AttributeProto *maker_attr(struct maker *maker, Onnx__NodeProto *node, const char *name,
                                 int type);
void maker_int(struct maker *maker, Onnx__NodeProto *node, const char *name, int64_t value);
void maker_float(struct maker *maker, Onnx__NodeProto *node, const char *name, float value);
void maker_string(struct maker *maker, Onnx__NodeProto *node, const char *name, const char *value);
void maker_ints(struct maker *maker, Onnx__NodeProto *node, const char *name, int32_t count,
                const int64_t *values);
void maker_floats(struct maker *maker, Onnx__NodeProto *node, const char *name, int32_t count,
                  const float *values);
void maker_tensor(struct maker *maker, Onnx__NodeProto *node, const char *name,
                  Onnx__TensorProto *tensor);

/* What follows goes into a body, until its end (around NULL: back into the outermost graph). */
void maker_begin_body(struct maker *maker, Onnx__NodeProto *node, const char *name);
void maker_end_body(struct maker *maker, Onnx__GraphProto *around);

Onnx__FunctionProto *maker_function(struct maker *maker, const char *domain, const char *name,
                                    const char *inputs, const char *outputs);
/* Moves the node made last into the function. */
void maker_function_node(struct maker *maker, Onnx__FunctionProto *function);
void maker_reference(struct maker *maker, Onnx__NodeProto *node, const char *name, int type,
                     const char *outer_name);

/* A tensor without data; with raw_data; an initializer of either kind (NULL data: without). */
Onnx__TensorProto *maker_bare(struct maker *maker, const char *name, int type, int32_t rank,
                              const int64_t *dims);
Onnx__TensorProto *maker_raw(struct maker *maker, const char *name, int type, int32_t rank,
                             const int64_t *dims, const void *data, size_t bytes);
void maker_initializer(struct maker *maker, Onnx__TensorProto *tensor);
/* Float and int64 initializers. */
void maker_f32(struct maker *maker, const char *name, int32_t rank, const int64_t *dims,
               const float *values);
void maker_i64(struct maker *maker, const char *name, int32_t count, const int64_t *values);
Onnx__TensorProto *maker_texts(struct maker *maker, const char *name, int32_t count,
                               const char *const *texts);
Onnx__SparseTensorProto *maker_sparse(struct maker *maker, Onnx__TensorProto *values,
                                      Onnx__TensorProto *indices, int32_t rank,
                                      const int64_t *dims);
void maker_sparse_initializer(struct maker *maker, Onnx__SparseTensorProto *sparse);
void maker_external(struct maker *maker, Onnx__TensorProto *tensor, const char *key,
                    const char *value);

/* dims below 0 are left open. */
Onnx__ValueInfoProto *maker_value(struct maker *maker, const char *name, int type, int32_t rank,
                                  const int64_t *dims);
/* A sequence, or an optional tensor. */
Onnx__ValueInfoProto *maker_list(struct maker *maker, const char *name, int type, bool optional);
void maker_input(struct maker *maker, Onnx__ValueInfoProto *value);
void maker_output(struct maker *maker, Onnx__ValueInfoProto *value);

const uint8_t *maker_pack(struct maker *maker, size_t *out_bytes);
void maker_write(struct maker *maker, const char *path);
pum_status maker_read(struct maker *maker, pum_context *context, pum_graph **out_graph);
/* Reads and computes the model, without inputs; an output's values, as floats. Frees the maker. */
void maker_expect(struct maker *maker, pum_context *context, int32_t output, int32_t count,
                  const float *values);
/* The model must be refused with a message that holds `part`. Frees the maker. */
void maker_expect_error(struct maker *maker, pum_context *context, pum_status status,
                        const char *part);

#endif
