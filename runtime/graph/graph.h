/* SPDX-License-Identifier: MIT
 *
 * graph.h - a network: tensors and nodes in an arena. Knows nothing of Vulkan, and of an operator
 * only its number in the table (ops/ops.inc). The public builder (builder.c), the readers and the
 * passes all work on this. Dims of tensors may be symbols (negative) until shapes are bound; a plan
 * works on a clone whose input shapes are concrete. Tests: tests/graph/.
 */
#ifndef PUM_GRAPH_GRAPH_H
#define PUM_GRAPH_GRAPH_H

#include "base/arena.h"
#include "graph/tensor.h"
#include "pumice/pumice_graph.h"

#define GRAPH_NONE (-1)
/* Bounds on hostile files. */
#define GRAPH_MAX_NODES (1 << 20)
#define GRAPH_MAX_TENSORS (1 << 21)
#define GRAPH_MAX_NODE_INPUTS 4096
#define GRAPH_MAX_PORTS 4096    /* inputs, and outputs */
#define GRAPH_MAX_SYMBOLS 4096
#define GRAPH_MAX_ATTRS 256     /* of one node */
#define GRAPH_MAX_ATTR_VALUES (1 << 24)

struct op_chain;

/* Why inference stopped: a rule asked for the value of an input (op_needs_data). */
#define GRAPH_MAX_LEAVES 16
struct graph_need {
    int32_t tensor; /* first output of the node, in the numbers of the graph it was cloned from */
    int32_t input;  /* whose value; -1: the node can be no part of a plan */
    /* Graph inputs that the value follows from by small tensors alone; 0: not so. */
    int32_t leaves[GRAPH_MAX_LEAVES];
    int32_t leaf_count;
};

struct graph_tensor {
    const char *name;
    struct tensor_desc desc; /* dtype NONE: not inferred yet; rank -1: unknown */
    int32_t rank_hint;       /* the rank where it is known though desc's is -1; -1: unknown */
    const void *data;        /* constant bytes; NULL: computed or input */
    size_t data_bytes;
    int32_t producer;        /* node, or GRAPH_NONE for inputs and constants */
    /* Identity of a constant across clones: the tensor's id in the session's base graph, or -1 for
     * one made while planning. The weight cache is keyed by it. */
    int32_t base_id;
    pum_value_kind kind;     /* as declared, or guessed while building */
    /* Where it came in from an If's body (graph_inline): that node's first output, else
     * GRAPH_NONE. */
    int32_t origin;
};

struct graph_node {
    int32_t op;              /* enum op_kind; -1: removed */
    const char *name;
    const int32_t *inputs;   /* tensor ids, GRAPH_NONE for an absent one */
    int32_t input_count;
    const int32_t *outputs;  /* tensor ids, GRAPH_NONE for an unwanted one */
    int32_t output_count;
    const pum_attr *attrs;   /* in the arena */
    int32_t attr_count;
    const char *fused;       /* names of operators folded into this node, "" at first */
    /* Elementwise steps applied to output 0 (ops/chain.h); their operands are the last
     * chain_inputs of the inputs. */
    const struct op_chain *chain;
    int32_t chain_inputs;
};

struct pum_graph {
    pum_context *context;
    int32_t references;      /* atomic: caller's handle + sessions */
    struct base_arena arena;
    struct graph_tensor *tensors;
    int32_t tensor_count, tensor_capacity;
    struct graph_node *nodes; /* topological order once finished */
    int32_t node_count, node_capacity;
    int32_t *inputs, input_count, input_capacity;
    int32_t *outputs, output_count, output_capacity;
    const char **output_names;
    struct tensor_desc *output_declared; /* what the file says; dtype NONE if nothing */
    const char **symbols;
    int32_t symbol_count, symbol_capacity;
    struct graph_keeper *keepers; /* release callbacks of pum_graph_adopt */
    struct graph_need need;  /* set where inference gave OP_NEEDS_DATA */
    bool finished;
    pum_status status;       /* sticky */
    char error[512];
};

/* Symbols as dims: -1 - index. */
#define GRAPH_SYMBOL_DIM(index) (-1 - (int64_t)(index))
#define GRAPH_DIM_SYMBOL(dim) ((int32_t)(-1 - (dim)))
bool graph_dim_valid(const struct pum_graph *graph, int64_t dim); /* a size or one of its symbols */

/* Keeps the first failure (and this thread's message) in the graph: builder errors are sticky. */
pum_status graph_stick(struct pum_graph *graph, pum_status status);
/* False when a builder function must do nothing: NULL, failed before, or finished (an error, but
 * not a sticky one: the finished graph may be in use). */
bool graph_building(struct pum_graph *graph);

/* --- Making and changing (all return GRAPH_NONE / a failing status after pum_fail) --- */
pum_status graph_create(pum_context *context, struct pum_graph **out_graph);
void graph_reference(struct pum_graph *graph);
void graph_release(struct pum_graph **graph);

/* Adds a tensor; `name` is copied. Data of a constant is borrowed (graph_constant_copy copies). */
int32_t graph_add_tensor(struct pum_graph *graph, const char *name, const struct tensor_desc *desc);
int32_t graph_add_constant(struct pum_graph *graph, const char *name,
                           const struct tensor_desc *desc, const void *data, size_t data_bytes);
int32_t graph_add_constant_copy(struct pum_graph *graph, const char *name,
                                const struct tensor_desc *desc, const void *data,
                                size_t data_bytes);

/* Adds a node between existing tensors (outputs included); copies everything. */
int32_t graph_add_node(struct pum_graph *graph, int32_t op, const char *name,
                       const int32_t *inputs, int32_t input_count, const int32_t *outputs,
                       int32_t output_count, const pum_attr *attrs, int32_t attr_count);

/* Replaces a node's inputs or attributes (copied into the arena). */
pum_status graph_set_inputs(struct pum_graph *graph, int32_t node, const int32_t *inputs,
                            int32_t input_count);
pum_status graph_set_attr(struct pum_graph *graph, int32_t node, const pum_attr *attr);

/* Every use of `from` (inputs of nodes and graph outputs) becomes a use of `to`. */
void graph_replace_uses(struct pum_graph *graph, int32_t from, int32_t to);
void graph_remove_node(struct pum_graph *graph, int32_t node);
/* Adds " Name" to what was folded into a node. */
pum_status graph_note_fused(struct pum_graph *graph, int32_t node, const char *op_name);

/* Drops nodes none of whose outputs is used, and removed ones; keeps order. */
pum_status graph_prune(struct pum_graph *graph);
/* Sorts nodes topologically (stable). PUM_E_FORMAT names a node on a cycle. */
pum_status graph_sort(struct pum_graph *graph);
/* A deep copy of structure; constant data shared (the clone references the original). Sets base_id
 * of constants to their id here where it is not set yet. */
pum_status graph_clone(struct pum_graph *graph, struct pum_graph **out_clone);

/* Puts the body's nodes in place of node `index`, whose inputs from `first_input` on are the body's
 * inputs and whose outputs the body's outputs. The graph must be sorted afterwards. The body must
 * outlive the graph (the node's attribute sees to it). */
pum_status graph_inline(struct pum_graph *graph, int32_t index, const struct pum_graph *body,
                        int32_t first_input);
/* Makes these tensors the graph's inputs (of any type and shape) and outputs. */
pum_status graph_set_ports(struct pum_graph *graph, const int32_t *inputs, int32_t input_count,
                           const int32_t *outputs, int32_t output_count);

/* --- Asking --- */
/* Users of every tensor, as counts: nodes' inputs plus graph outputs. Caller frees. */
pum_status graph_use_counts(const struct pum_graph *graph, int32_t **out_counts);
/* The only node that uses `tensor`, or GRAPH_NONE when there are none, several, or it is an
 * output. Linear; passes that ask often build an index (graph_index). */
int32_t graph_single_user(const struct pum_graph *graph, int32_t tensor);
bool graph_is_output(const struct pum_graph *graph, int32_t tensor);
const struct graph_tensor *graph_input_of(const struct pum_graph *graph,
                                          const struct graph_node *node, int32_t index);

/* --- Attributes of a node --- */
const pum_attr *node_attr(const struct graph_node *node, const char *name);
int64_t node_int(const struct graph_node *node, const char *name, int64_t default_value);
float node_float(const struct graph_node *node, const char *name, float default_value);
const char *node_string(const struct graph_node *node, const char *name,
                        const char *default_value);
const char *const *node_strings(const struct graph_node *node, const char *name,
                                int32_t *out_count);
/* The body of that name, or NULL. */
struct pum_graph *node_graph(const struct graph_node *node, const char *name);
/* NULL and *out_count 0 when absent. */
const int64_t *node_ints(const struct graph_node *node, const char *name, int32_t *out_count);
const float *node_floats(const struct graph_node *node, const char *name, int32_t *out_count);

#endif
