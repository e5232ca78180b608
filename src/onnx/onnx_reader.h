/* SPDX-License-Identifier: MIT
 *
 * onnx_reader.h - what the files of the ONNX reader share. A file goes through four stages:
 *     onnx_file.c    map it                      onnx_wire.c   keep only what is needed of it
 *     onnx_graph.c   versions, inputs, outputs   onnx_ops.c    which operators, which attributes
 *     onnx_scope.c   names, and where they are   onnx_order.c  nodes, inputs first
 *     onnx_body.c    bodies of If, Loop, ...     onnx_function.c  functions of the file's own
 *     onnx_node.c    one node                    onnx_upgrade*.c  other forms to the table's
 *     onnx_tensor.c  constants                   onnx_external.c  constants in other files
 * The reader sees Pumice through its public headers only. Nothing in a file is trusted: every
 * length is checked where it is read, and memory for parsing is capped by the file's size.
 * Tests: tests/onnx/, tests/fuzz/fuzz_onnx.c.
 */
#ifndef PUM_ONNX_READER_H
#define PUM_ONNX_READER_H

#include "pumice/pumice_onnx.h"

#include "onnx.pb-c.h"

#define ONNX_MIN_OPSET 1
#define ONNX_MAX_OPSET 20
#define ONNX_MAX_LIST 4096       /* inputs or outputs of a node */
#define ONNX_MAX_ATTRS 64        /* attributes of a node */
#define ONNX_SPARE_ATTRS 8       /* that an upgrade may add */
#define ONNX_MAX_NAME_BYTES 65535
#define ONNX_MAX_GRAPHS 16       /* bodies inside bodies */
#define ONNX_MAX_CALLS 32        /* functions inside functions */
#define ONNX_MAX_BODIES 2        /* of one node */
/* Nodes that calls of functions may add up to; functions that call functions multiply. */
#define ONNX_MAX_CALLED_NODES (1 << 20)

#if defined(__GNUC__)
#define ONNX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define ONNX_PRINTF(fmt, args)
#endif

#define ONNX_TRY(expr)                                                                             \
    do {                                                                                           \
        pum_status onnx_try_status_ = (expr);                                                      \
        if (onnx_try_status_ != PUM_OK)                                                            \
            return onnx_try_status_;                                                               \
    } while (0)

/* Memory that lives during reading only. It comes from malloc, not from the context, whose
 * allocator is not public; the cap keeps a small file from asking for a lot. */
struct onnx_memory {
    size_t used, limit;
    bool capped; /* the limit was hit */
};
void *onnx_alloc(struct onnx_memory *memory, size_t count, size_t element_bytes); /* zeroed */
void *onnx_realloc(struct onnx_memory *memory, void *block, size_t size_bytes);
void onnx_free(struct onnx_memory *memory, void *block);

/* The raw_data of a tensor, left where it lies in the file; or its copy, once one was made that
 * several graphs share. */
struct onnx_raw {
    const uint8_t *data;
    size_t size_bytes;
    bool copied; /* the copy is aligned and belongs to the outermost graph */
};

/* A file mapped read-only. If another program shortens it meanwhile, reading it is a fault of the
 * system's (SIGBUS), as for every program that maps files. */
struct onnx_mapping {
    uint8_t *data; /* NULL: empty or not mapped */
    size_t size_bytes;
};

/* A tensor name of a scope. */
struct onnx_name {
    const char *name;
    pum_value value;  /* in the scope's graph; PUM_NO_VALUE until it is made */
    int32_t node;     /* that computes it, or -1 */
    const Onnx__TensorProto *initializer;
    const Onnx__SparseTensorProto *sparse;
    const Onnx__ValueInfoProto *input;
    bool captured;    /* comes from around the body */
    bool absent;      /* an optional input of a function that the call leaves out */
    struct onnx_name *source; /* what it is around the body, or where the function is called */
    struct onnx_scope *source_scope;
};

/* A graph of the file, or one call of a function: nodes that see the same names. A body's scope
 * also has the names that it captures. */
struct onnx_scope {
    const Onnx__GraphProto *proto; /* NULL: a function's */
    Onnx__NodeProto **nodes;
    size_t node_count;
    int64_t opset;
    struct onnx_name *names; /* sorted */
    size_t name_count;
    const char **free;       /* sorted: names that it uses and does not define */
    size_t free_count;
    struct onnx_body *bodies; /* by node */
    size_t body_count;
    const struct onnx_call *call; /* whose attributes its nodes may refer to; NULL: none */
};

/* A subgraph attribute. */
struct onnx_body {
    int32_t node;
    const char *attr;
    struct onnx_scope scope;
};

/* A function of the file's own. */
struct onnx_function {
    const Onnx__FunctionProto *proto;
    Onnx__AttributeProto **defaults; /* of attributes that a call leaves out */
    size_t default_count;
};

/* A function's default of an attribute, as onnx_wire.c finds it: not every onnx.proto has a place
 * for it. */
struct onnx_default {
    size_t function; /* position in the model */
    Onnx__AttributeProto *attr;
};

/* A function being read where it is called. */
struct onnx_call {
    const Onnx__NodeProto *node;
    const struct onnx_function *function;
    const struct onnx_call *caller; /* of the scope that holds the node */
    int32_t depth;
};

struct onnx_external;

struct onnx_reader {
    pum_context *context;
    pum_graph *root;     /* owns whatever constants point at */
    pum_graph *graph;    /* that nodes go into: the root, or a body */
    struct onnx_scope *scope;
    const char *folder;  /* of the model, resolved; NULL when read from memory */
    struct onnx_memory memory;
    const uint8_t *data; /* the file */
    size_t size_bytes;
    bool lasting;        /* the file's bytes outlive the reader: constants may point at them */
    bool points_at_file; /* some constant does */
    struct onnx_raw *raws;
    size_t raw_count, raw_capacity;
    bool has_bodies;
    Onnx__ModelProto *model;
    int64_t opset;       /* of the scope in work */
    struct onnx_function *functions; /* sorted */
    struct onnx_default *defaults;
    size_t default_count, default_capacity;
    Onnx__AttributeProto **default_attrs; /* by function */
    size_t called_nodes;
    struct onnx_external *externals;
};

/* One node on its way into the graph. Upgrades change inputs and attrs, then emit. */
struct onnx_node {
    struct onnx_reader *reader;
    const Onnx__NodeProto *proto;
    const struct onnx_op *op;
    const char *name;
    pum_value *inputs; /* room for input_count + ONNX_SPARE_ATTRS */
    int32_t input_count;
    pum_attr *attrs;   /* room for attr_count + ONNX_SPARE_ATTRS */
    int32_t attr_count;
    const Onnx__TensorProto *tensor; /* the tensor attribute, or NULL */
    const Onnx__SparseTensorProto *sparse;
    int32_t output_count;            /* last named one, plus one */
    int32_t index;                   /* in its scope; -1: a constant made once more in a body */
    pum_value *result;               /* such a constant's value goes here, not to a name */
    pum_graph *bodies[ONNX_MAX_BODIES];
    int32_t body_count;
};

/* One operator that the reader takes. */
struct onnx_op {
    const char *name;
    /* "axis:i mode:s": i f s I F S as pum_attr_kind, t a tensor, p a sparse one, g a body, y a type
     * (which is not looked at). */
    const char *attrs;
    const char *target; /* name in Pumice's table; NULL: the same */
    pum_status (*upgrade)(struct onnx_node *node); /* NULL: emit as it is */
};

/* --- onnx_file.c --- */
pum_status onnx_map(struct onnx_reader *reader, const char *path, uint64_t max_bytes,
                    struct onnx_mapping *out_mapping);
void onnx_unmap(struct onnx_mapping *mapping);
/* Lets the system take back the pages of bytes that were copied and are not needed again. */
void onnx_forget_pages(const void *data, size_t size_bytes);
/* Keeps the message in the graph. Text of the file goes in with a precision: "%.200s". */
pum_status onnx_fail(struct onnx_reader *reader, pum_status status, const char *format, ...)
    ONNX_PRINTF(3, 4);

/* --- onnx_wire.c: bytes to reader->model --- */
pum_status onnx_parse(struct onnx_reader *reader);
void onnx_parse_free(struct onnx_reader *reader);

/* --- onnx_graph.c --- */
pum_status onnx_build(struct onnx_reader *reader);
bool onnx_is_default_domain(const char *domain);
/* The default domain's version in a list; 0: not in it. */
int64_t onnx_opset(Onnx__OperatorSetIdProto *const *imports, size_t count);
pum_status onnx_check_opset(struct onnx_reader *reader, int64_t opset, const char *where);
/* What a file says of an input or output. */
struct onnx_port {
    pum_value_kind kind;
    pum_dtype dtype;   /* NONE: not said */
    int32_t rank;      /* -1: not said */
    int64_t dims[PUM_MAX_RANK];
};
pum_status onnx_read_port(struct onnx_reader *reader, const Onnx__ValueInfoProto *info,
                          const char *what, struct onnx_port *out_port);
/* The scope's own constants, into reader->graph. */
pum_status onnx_add_initializers(struct onnx_reader *reader);

/* --- onnx_scope.c --- */
/* The names of a graph and of all bodies in it. Closed with onnx_scope_close whether it fails or
 * not. */
pum_status onnx_scope_open(struct onnx_reader *reader, struct onnx_scope *scope);
void onnx_scope_close(struct onnx_reader *reader, struct onnx_scope *scope);
struct onnx_name *onnx_find_name(const struct onnx_scope *scope, const char *name);
/* The first body of node `index`, and how many follow each other. */
struct onnx_body *onnx_bodies_of(const struct onnx_scope *scope, int32_t index,
                                 size_t *out_count);
bool onnx_absent(const char *name); /* NULL or "" */

/* --- onnx_order.c --- */
/* All nodes of reader->scope, into reader->graph. */
pum_status onnx_add_nodes(struct onnx_reader *reader);

/* --- onnx_body.c: control flow --- */
pum_status onnx_up_if(struct onnx_node *node);
pum_status onnx_up_loop(struct onnx_node *node);
pum_status onnx_up_scan(struct onnx_node *node);
pum_status onnx_up_sequence_map(struct onnx_node *node);

/* --- onnx_function.c --- */
pum_status onnx_sort_functions(struct onnx_reader *reader);
void onnx_functions_free(struct onnx_reader *reader);
const struct onnx_function *onnx_find_function(const struct onnx_reader *reader,
                                               const Onnx__NodeProto *node);
pum_status onnx_call_function(struct onnx_reader *reader, const Onnx__NodeProto *node,
                              const struct onnx_function *function, const char *label);
/* What an attribute of a function's node stands for; NULL: the call does not have it. */
const Onnx__AttributeProto *onnx_resolve_attr(const struct onnx_call *call,
                                              const Onnx__AttributeProto *attr);

/* --- onnx_ops.c --- */
const struct onnx_op *onnx_find_op(const char *domain, const char *name);
/* One error for all operators that are not supported. */
pum_status onnx_check_ops(struct onnx_reader *reader);

/* --- onnx_tensor.c, onnx_external.c --- */
pum_dtype onnx_dtype(int32_t data_type); /* PUM_DTYPE_NONE: not supported */
int32_t onnx_data_type(pum_dtype dtype);
struct onnx_data {
    pum_dtype dtype;
    int32_t rank;
    int64_t dims[PUM_MAX_RANK];
    const void *data;
    size_t size_bytes;
    bool lasting;  /* data outlives the reader */
    struct onnx_raw *raw; /* data is this raw_data */
    bool in_file;  /* data lies in a mapping: its pages can be forgotten */
    void *scratch; /* freed by onnx_data_free */
};
pum_status onnx_decode(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                       const char *name, struct onnx_data *out_data);
void onnx_data_free(struct onnx_reader *reader, struct onnx_data *data);
pum_status onnx_constant(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                         const char *name, pum_value *out_value);
pum_status onnx_sparse_constant(struct onnx_reader *reader, const Onnx__SparseTensorProto *sparse,
                                const char *name, pum_value *out_value);
pum_status onnx_external_data(struct onnx_reader *reader, const Onnx__TensorProto *tensor,
                              const char *name, size_t size_bytes, struct onnx_raw *out_raw);
void onnx_external_free(struct onnx_reader *reader);

/* --- onnx_node.c --- */
pum_status onnx_add_node(struct onnx_reader *reader, int32_t index);
/* A Constant node of another scope, once more, in reader->graph. */
pum_status onnx_repeat_constant(struct onnx_reader *reader, const Onnx__NodeProto *proto,
                                pum_value *out_value);
pum_value onnx_input(const struct onnx_node *node, int32_t index);
void onnx_set_input(struct onnx_node *node, int32_t index, pum_value value);
/* Takes an attribute out of the node. */
bool onnx_take(struct onnx_node *node, const char *name, pum_attr *out_attr);
int64_t onnx_take_int(struct onnx_node *node, const char *name, int64_t default_value);
float onnx_take_float(struct onnx_node *node, const char *name, float default_value);
void onnx_give(struct onnx_node *node, pum_attr attr);
/* What is known of a value: PUM_DTYPE_NONE, -1. */
pum_dtype onnx_value_dtype(const struct onnx_node *node, pum_value value);
int32_t onnx_value_rank(const struct onnx_node *node, pum_value value);
/* A scalar in the type of `like` (float32 where that is not known). */
pum_value onnx_scalar_like(struct onnx_node *node, float value, pum_value like);
/* A node between: one output. */
pum_value onnx_step(struct onnx_node *node, const char *op, const pum_value *inputs,
                    int32_t input_count, const pum_attr *attrs, int32_t attr_count);
/* The last node: the file's outputs are this operator's. */
pum_status onnx_emit(struct onnx_node *node, const char *op);
/* An output of the file's node is this value. */
pum_status onnx_bind(struct onnx_node *node, int32_t output, pum_value value);
pum_status onnx_refuse(struct onnx_node *node, const char *what);
/* The error of an input that is not there in inference. */
pum_status onnx_no_value(const struct onnx_node *node, const char *name);
/* Says in which body of the node an error happened. */
pum_status onnx_in_body(struct onnx_reader *reader, pum_status status, const char *body,
                        const struct onnx_node *node);

/* A list attribute becomes an input, unless that input is there. */
void onnx_list_to_input(struct onnx_node *node, const char *name, int32_t index);
void onnx_axes_to_input(struct onnx_node *node); /* "axes", input 1 */

/* --- onnx_upgrade*.c: one function a changed form --- */
pum_status onnx_up_axes(struct onnx_node *node);
pum_status onnx_up_batch_norm(struct onnx_node *node);
pum_status onnx_up_bias_gelu(struct onnx_node *node);
pum_status onnx_up_binary(struct onnx_node *node);
pum_status onnx_up_cast(struct onnx_node *node);
pum_status onnx_up_cast_like(struct onnx_node *node);
pum_status onnx_up_clip(struct onnx_node *node);
pum_status onnx_up_concat(struct onnx_node *node);
pum_status onnx_up_constant(struct onnx_node *node);
pum_status onnx_up_constant_of_shape(struct onnx_node *node);
pum_status onnx_up_dft(struct onnx_node *node);
pum_status onnx_up_dropout(struct onnx_node *node);
pum_status onnx_up_dynamic_quantize_matmul(struct onnx_node *node);
pum_status onnx_up_fast_gelu(struct onnx_node *node);
pum_status onnx_up_fused_matmul(struct onnx_node *node);
pum_status onnx_up_gemm(struct onnx_node *node);
pum_status onnx_up_group_norm(struct onnx_node *node);
pum_status onnx_up_layer_norm(struct onnx_node *node);
pum_status onnx_up_lp_pool(struct onnx_node *node);
pum_status onnx_up_pad(struct onnx_node *node);
pum_status onnx_up_prelu(struct onnx_node *node);
pum_status onnx_up_qlinear_concat(struct onnx_node *node);
pum_status onnx_up_quick_gelu(struct onnx_node *node);
pum_status onnx_up_recurrent(struct onnx_node *node);
pum_status onnx_up_reduce_extreme(struct onnx_node *node);
pum_status onnx_up_reshape(struct onnx_node *node);
pum_status onnx_up_resize(struct onnx_node *node);
pum_status onnx_up_roi_align(struct onnx_node *node);
pum_status onnx_up_slice(struct onnx_node *node);
pum_status onnx_up_softmax(struct onnx_node *node);
pum_status onnx_up_split(struct onnx_node *node);
pum_status onnx_up_tile(struct onnx_node *node);
pum_status onnx_up_top_k(struct onnx_node *node);
pum_status onnx_up_upsample(struct onnx_node *node);

/* --- onnx_upgrade_ms.c, onnx_upgrade_attention.c: com.microsoft --- */
pum_status onnx_up_attention(struct onnx_node *node);
pum_status onnx_up_bias_add(struct onnx_node *node);
pum_status onnx_up_bias_split_gelu(struct onnx_node *node);
pum_status onnx_up_embed_layer_norm(struct onnx_node *node);
pum_status onnx_up_fused_conv(struct onnx_node *node);
pum_status onnx_up_fused_gemm(struct onnx_node *node);
pum_status onnx_up_gemm_fast_gelu(struct onnx_node *node);
pum_status onnx_up_group_query_attention(struct onnx_node *node);
pum_status onnx_up_matmul_nbits(struct onnx_node *node);
pum_status onnx_up_multi_head_attention(struct onnx_node *node);
pum_status onnx_up_rms_norm(struct onnx_node *node);
pum_status onnx_up_rotary_embedding(struct onnx_node *node);
pum_status onnx_up_skip_layer_norm(struct onnx_node *node);
pum_status onnx_up_skip_rms_norm(struct onnx_node *node);

#endif
