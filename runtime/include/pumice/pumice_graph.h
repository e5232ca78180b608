/* SPDX-License-Identifier: MIT
 *
 * pumice_graph.h - build a network by hand.
 *
 * A graph is a list of operators between tensors ("values"). Building never touches a device:
 *
 *     pum_graph *g;
 *     pum_graph_create(context, &g);
 *     pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){PUM_DIM(g, "batch"), 784});
 *     pum_value w = pum_constant_f32(g, "w", 2, (int64_t[]){784, 10}, weights);
 *     pum_value y = pum_softmax(g, pum_matmul(g, x, w), -1);
 *     pum_output(g, "y", y);
 *     pum_status status = pum_graph_finish(g);
 *
 * Errors are sticky: after the first mistake every builder function returns PUM_NO_VALUE and does
 * nothing, and pum_graph_finish returns the status, with a message that names the node. So a
 * network can be written without a check on each line.
 */
#ifndef PUMICE_PUMICE_GRAPH_H
#define PUMICE_PUMICE_GRAPH_H

#include "pumice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor of a graph, from 1. Zero or negative: none. */
typedef int32_t pum_value;
#define PUM_NO_VALUE ((pum_value)-1)

/* Makes an empty graph. Errors: PUM_E_ARGUMENT, PUM_E_MEMORY. Threads: Safe.
 * Ownership: the caller destroys it; sessions made from it keep what they need. */
PUM_API PUM_NODISCARD pum_status pum_graph_create(pum_context *context, pum_graph **out_graph);

/* Drops the caller's handle. Errors: none. Threads: External lock on the graph. */
PUM_API void pum_graph_destroy(pum_graph **graph);

/* Checks the graph (cycles, missing inputs, unknown operators, attributes) and freezes it.
 * Errors: the first error of building, else PUM_E_FORMAT, PUM_E_UNSUPPORTED, PUM_E_SHAPE,
 * PUM_E_TYPE. Threads: External lock on the graph. */
PUM_API PUM_NODISCARD pum_status pum_graph_finish(pum_graph *graph);

/* The first error so far, PUM_OK if none. Errors: that one. Threads: External lock. */
PUM_API pum_status pum_graph_status(const pum_graph *graph);

/* For readers and other makers of graphs: reports an error of the caller's own as if a builder
 * function had failed with it; pum_last_error() is then `message`. Gives `status` back.
 * Errors: that one, sticky. Threads: External lock on the graph. */
PUM_API pum_status pum_graph_fail(pum_graph *graph, pum_status status, const char *message);

/* Hands the graph something to release when its last user ends: a mapped weight file.
 * `release` is called once, also when this call fails. Errors: PUM_E_MEMORY.
 * Threads: External lock on the graph; `release` may run on any thread. */
PUM_API PUM_NODISCARD pum_status pum_graph_adopt(pum_graph *graph, void (*release)(void *user),
                                                 void *user);

/* A named symbolic dimension, for use in the dims of an input; equal names are the same dimension.
 * NULL or "" gives a new one that equals no other.
 * Errors: sticky PUM_E_MEMORY, PUM_E_UNSUPPORTED (too many). Threads: External lock.
 * The value is negative; its sizes are bound when a session gets its inputs. */
PUM_API int64_t pum_graph_symbol(pum_graph *graph, const char *name);
#define PUM_DIM(graph, name) pum_graph_symbol(graph, name)

/* Declares an input. Shapes: dims[0..rank), each a size or a symbol. Names must be unique.
 * Errors: sticky PUM_E_ARGUMENT, PUM_E_MEMORY. Threads: External lock on the graph. */
PUM_API pum_value pum_input(pum_graph *graph, const char *name, pum_dtype dtype, int32_t rank,
                            const int64_t *dims);

/* Declares an input whose type and shape are those of whatever it is given: the inputs of bodies
 * (If, Loop, Scan, SequenceMap), and lists of tensors. `dtype` may be PUM_DTYPE_NONE (unknown).
 *
 * A body sees nothing of the graph around it. What it needs from there is passed: the node's inputs
 * behind those that ONNX defines are the inputs of each body behind those that ONNX defines (an If
 * node's inputs are the condition and then what both of its bodies take).
 * Loop, Scan and SequenceMap have an attribute "captures" with the number of such inputs.
 * Errors: sticky PUM_E_ARGUMENT, PUM_E_MEMORY. Threads: External lock on the graph. */
PUM_API pum_value pum_input_any(pum_graph *graph, const char *name, pum_value_kind kind,
                                pum_dtype dtype);

/* A constant whose data stays the caller's and must outlive the graph and its sessions
 * (see pum_graph_adopt). `size_bytes` must equal the shape's size.
 * Errors: sticky PUM_E_ARGUMENT, PUM_E_MEMORY. Threads: External lock on the graph. */
PUM_API pum_value pum_constant(pum_graph *graph, const char *name, pum_dtype dtype, int32_t rank,
                               const int64_t *dims, const void *data, size_t size_bytes);

/* A constant whose data is copied into the graph. Errors, Threads: as pum_constant. */
PUM_API pum_value pum_constant_copy(pum_graph *graph, const char *name, pum_dtype dtype,
                                    int32_t rank, const int64_t *dims, const void *data,
                                    size_t size_bytes);

/* A float constant, borrowed; the size follows from the shape. As pum_constant.
 * Errors: sticky. Threads: External lock on the graph. */
PUM_API pum_value pum_constant_f32(pum_graph *graph, const char *name, int32_t rank,
                                   const int64_t *dims, const float *data);

/* A float scalar, copied. Errors: sticky. Threads: External lock on the graph. */
PUM_API pum_value pum_scalar_f32(pum_graph *graph, float value);

/* An int64 scalar, copied: an index. Errors: sticky. Threads: External lock on the graph. */
PUM_API pum_value pum_scalar_i64(pum_graph *graph, int64_t value);

/* A list of integers as an int64 tensor [count], copied: shapes, axes, pads.
 * Errors: sticky. Threads: External lock on the graph. */
PUM_API pum_value pum_ints(pum_graph *graph, int32_t count, const int64_t *values);

/* Declares an output. Errors: sticky PUM_E_ARGUMENT. Threads: External lock on the graph. */
PUM_API void pum_output(pum_graph *graph, const char *name, pum_value value);

/* --- Any operator ------------------------------------------------------------------------- */

typedef enum pum_attr_kind {
    PUM_ATTR_INT = 1,
    PUM_ATTR_FLOAT,
    PUM_ATTR_STRING,
    PUM_ATTR_INTS,
    PUM_ATTR_FLOATS,
    PUM_ATTR_STRINGS,
    PUM_ATTR_GRAPH /* the body of If, Loop, Scan, SequenceMap: a finished graph */
} pum_attr_kind;

/* One attribute; the field of its kind is read. */
typedef struct pum_attr {
    const char *name;
    pum_attr_kind kind;
    int64_t i;
    float f;
    const char *s;
    const int64_t *ints;
    const float *floats;
    const char *const *strings;
    int32_t count;    /* of ints, floats or strings */
    pum_graph *graph; /* referenced by the node: the caller keeps and destroys its own handle */
} pum_attr;

typedef struct pum_node_params {
    const char *op;   /* as docs/operators.md lists it, "Conv"; semantics are ONNX opset 17's */
    const char *name; /* for messages; NULL: made up */
    const pum_value *inputs; /* PUM_NO_VALUE or 0: this optional input is absent */
    int32_t input_count;
    const pum_attr *attrs;
    int32_t attr_count;
    int32_t output_count; /* 0: 1 */
    /* Names of the outputs for messages; NULL, or NULL entries: made up. */
    const char *const *output_names;
} pum_node_params;

/* Adds a node. Outputs' values go to out_values[0..output_count). Everything is copied.
 * With all input shapes known, shapes are checked here; else when a session plans.
 * Errors (sticky, and returned): PUM_E_UNSUPPORTED (no such operator), PUM_E_ARGUMENT,
 * PUM_E_SHAPE, PUM_E_TYPE, PUM_E_MEMORY. Threads: External lock on the graph. */
PUM_API pum_status pum_node(pum_graph *graph, const pum_node_params *params,
                            pum_value *out_values);

/* The common case: one output, no attributes. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_op1(pum_graph *graph, const char *op, pum_value a);
/* Two inputs. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_op2(pum_graph *graph, const char *op, pum_value a, pum_value b);

/* --- Shorthand ------------------------------------------------------------------------------
 * All: Errors: sticky. Threads: External lock on the graph. */

/* a + b, broadcast as NumPy does. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_add(pum_graph *graph, pum_value a, pum_value b);
/* a - b, broadcast. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_sub(pum_graph *graph, pum_value a, pum_value b);
/* a * b, broadcast. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_mul(pum_graph *graph, pum_value a, pum_value b);
/* a / b, broadcast. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_div(pum_graph *graph, pum_value a, pum_value b);
/* max(a, 0). Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_relu(pum_graph *graph, pum_value a);
/* The exact (erf) GELU. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_gelu(pum_graph *graph, pum_value a);
/* GELU's tanh approximation ("gelu_new"). Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_gelu_tanh(pum_graph *graph, pum_value a);
/* Hyperbolic tangent. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_tanh(pum_graph *graph, pum_value a);
/* 1 / (1 + e^-a). Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_sigmoid(pum_graph *graph, pum_value a);
/* Another element type. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_cast(pum_graph *graph, pum_value x, pum_dtype dtype);
/* Matrix product over the last two axes, batch axes broadcast. Errors: sticky. Threads: External
 * lock. Shapes: [..., m, k] x [..., k, n] -> [..., m, n]. */
PUM_API pum_value pum_matmul(pum_graph *graph, pum_value a, pum_value b);
/* x W^T + b as PyTorch's Linear stores it; `b` may be PUM_NO_VALUE. Errors: sticky. Threads:
 * External lock. Shapes: x [..., in], w [out, in], b [out] -> [..., out]. */
PUM_API pum_value pum_linear(pum_graph *graph, pum_value x, pum_value w, pum_value b);
/* Softmax along `axis` (negative: from the end). Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_softmax(pum_graph *graph, pum_value x, int32_t axis);
/* Normalises the last axis; `scale`, `bias` [dim], bias may be PUM_NO_VALUE. Errors: sticky.
 * Threads: External lock. */
PUM_API pum_value pum_layer_norm(pum_graph *graph, pum_value x, pum_value scale, pum_value bias,
                                 float epsilon);
/* Rows of `table` [count, dim] chosen by `ids` [...] -> [..., dim]. Errors: sticky. Threads:
 * External lock. */
PUM_API pum_value pum_embedding(pum_graph *graph, pum_value table, pum_value ids);
/* New shape; -1: what is left, 0: copied from the input. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_reshape(pum_graph *graph, pum_value x, int32_t rank, const int64_t *dims);
/* Axes in a new order. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_transpose(pum_graph *graph, pum_value x, int32_t rank, const int64_t *perm);
/* New axes of size 1 at these places of the result. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_unsqueeze(pum_graph *graph, pum_value x, int32_t count, const int64_t *axes);
/* Entries start, start+1, ... below end of one axis; negative: from the end; end INT64_MAX: all
 * that follow. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_slice(pum_graph *graph, pum_value x, int64_t axis, int64_t start,
                            int64_t end);
/* The same with start and end as int64 tensors [1], for lengths that come with a run's inputs.
 * Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_slice_dynamic(pum_graph *graph, pum_value x, int64_t axis, pum_value start,
                                    pum_value end);
/* Tensors behind each other along an axis. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_concat(pum_graph *graph, int64_t axis, int32_t count,
                             const pum_value *values);
/* Entries of an axis chosen by int32 or int64 indices, whose axes take its place; a scalar index
 * removes it. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_gather(pum_graph *graph, pum_value x, int64_t axis, pum_value indices);
/* Size of one axis (from 0) as an int64 tensor [1]. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_size_of(pum_graph *graph, pum_value x, int64_t axis);
/* All sizes as an int64 tensor [rank]. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_shape_of(pum_graph *graph, pum_value x);
/* Broadcast to a shape, an int64 tensor. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_expand(pum_graph *graph, pum_value x, pum_value shape);
/* Sum over one axis, which stays with size 1 if `keep`. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_reduce_sum(pum_graph *graph, pum_value x, int64_t axis, bool keep);
/* x over its Euclidean length (at least 1e-12) along one axis. Errors: sticky. Threads: External
 * lock. */
PUM_API pum_value pum_normalize(pum_graph *graph, pum_value x, int64_t axis);

typedef struct pum_attention_params {
    pum_value q, k, v;  /* [batch, q_len, heads*head_dim], [batch, kv_len, kv_heads*head_dim] */
    pum_value mask;     /* added to the scores before softmax: broadcastable to
                           [batch, heads, q_len, kv_len]; PUM_NO_VALUE: none */
    int32_t heads;
    int32_t kv_heads;   /* 0: heads; otherwise heads must be a multiple */
    float scale;        /* 0: 1/sqrt(head_dim) */
    bool causal;        /* query i sees keys j <= i + (kv_len - q_len) */
    bool heads_apart;   /* k and v are [batch, kv_heads, kv_len, head_dim]: a cache of them */
} pum_attention_params;
/* Scaled dot-product attention with heads -> [batch, q_len, heads*head_dim].
 * Errors: sticky. Threads: External lock on the graph. */
PUM_API pum_value pum_attention(pum_graph *graph, const pum_attention_params *params);

typedef struct pum_conv_params {
    pum_value x, w, b;  /* [n, c, spatial...], [out, c/groups, kernel...], [out] or PUM_NO_VALUE */
    int32_t stride[3];  /* 0: 1 */
    int32_t pad[3];     /* on both sides */
    int32_t dilation[3];/* 0: 1 */
    int32_t groups;     /* 0: 1 */
} pum_conv_params;
/* Convolution; 1 to 3 spatial axes by the weight's rank, which must be known.
 * Errors: sticky. Threads: External lock on the graph. */
PUM_API pum_value pum_conv(pum_graph *graph, const pum_conv_params *params);
/* Max pooling over 2 axes with square windows. Errors: sticky. Threads: External lock. */
PUM_API pum_value pum_max_pool(pum_graph *graph, pum_value x, int32_t kernel, int32_t stride,
                               int32_t pad);

/* --- Looking at a graph ----------------------------------------------------------------------- */

/* A declared input or output. Symbolic dims are negative: pum_graph_symbol_name has the names. */
typedef struct pum_port_info {
    const char *name;
    pum_dtype dtype;
    int32_t rank; /* -1: known only after planning */
    int64_t dims[PUM_MAX_RANK];
    pum_value_kind kind; /* of inputs as declared; PUM_VALUE_NONE: an optional */
} pum_port_info;

/* Number of inputs that a session must be given. Errors: none. Threads: Safe when finished. */
PUM_API int32_t pum_graph_input_count(const pum_graph *graph);
/* Number of outputs. Errors: none. Threads: Safe when finished. */
PUM_API int32_t pum_graph_output_count(const pum_graph *graph);
/* An input by index. Errors: PUM_E_ARGUMENT (index). Threads: Safe when finished.
 * Ownership: strings borrowed from the graph. */
PUM_API PUM_NODISCARD pum_status pum_graph_get_input(const pum_graph *graph, int32_t index,
                                                     pum_port_info *out_info);
/* An output by index. Errors: PUM_E_ARGUMENT (index). Threads: Safe when finished.
 * Ownership: strings borrowed from the graph. */
PUM_API PUM_NODISCARD pum_status pum_graph_get_output(const pum_graph *graph, int32_t index,
                                                      pum_port_info *out_info);
/* What is known of any value while building; a type or rank not known yet is PUM_DTYPE_NONE or -1,
 * a dim not known yet is negative. Errors: PUM_E_ARGUMENT (no such value). Threads: External lock.
 * Ownership: strings borrowed from the graph. */
PUM_API PUM_NODISCARD pum_status pum_graph_get_value(const pum_graph *graph, pum_value value,
                                                     pum_port_info *out_info);
/* Declares what a file says of an output's shape (for pum_graph_get_output and a final check).
 * Errors: sticky. Threads: External lock on the graph. */
PUM_API void pum_output_declare(pum_graph *graph, int32_t index, pum_dtype dtype, int32_t rank,
                                const int64_t *dims);
/* Name of a symbolic dimension. Errors: none; "?" if unknown. Threads: Safe when finished. */
PUM_API const char *pum_graph_symbol_name(const pum_graph *graph, int64_t dim);

/* Totals of a graph and the bodies in it, for `pumice info`. */
typedef struct pum_graph_stats {
    int32_t node_count;
    uint64_t parameter_count;  /* elements of constants of rank >= 1 that nodes use */
    uint64_t parameter_bytes;
} pum_graph_stats;
/* Counts. Errors: none. Threads: Safe when finished. */
PUM_API void pum_graph_get_stats(const pum_graph *graph, pum_graph_stats *out_stats);
/* Calls `report` once for each kind of operator in use, in bodies too, in order of first use.
 * Errors: none. Threads: Safe when finished. */
PUM_API void pum_graph_each_op(const pum_graph *graph,
                               void (*report)(void *user, const char *op, int32_t count),
                               void *user);

/* --- Operators -------------------------------------------------------------------------------- */

/* What the operator table says of one operator. Ownership: static strings. */
typedef struct pum_op_info {
    const char *name;
    const char *doc;
    int32_t min_inputs, max_inputs, min_outputs, max_outputs; /* max -1: any number */
    bool on_device; /* has kernels; else it runs on the host by its reference */
} pum_op_info;
/* Number of operators in the table. Errors: none. Threads: Safe. */
PUM_API int32_t pum_op_count(void);
/* An operator by index. Errors: PUM_E_ARGUMENT (index). Threads: Safe. */
PUM_API PUM_NODISCARD pum_status pum_op_get_info(int32_t index, pum_op_info *out_info);

#ifdef __cplusplus
}
#endif
#endif
