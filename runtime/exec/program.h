/* SPDX-License-Identifier: MIT
 *
 * program.h - a graph that one plan cannot hold: shapes that follow from data, control flow, lists,
 * strings. It is cut into islands (subgraphs that plans can hold: sessions of their own) and steps
 * between them that run on the host. What is a step, and where a value must be known before what
 * uses it can be planned, is found in the first run: a plan that needs a value says so
 * (OP_NEEDS_DATA), the graph is cut there, and the run starts again.
 *
 *     partition.c     graph -> parts          program_step.c  one step by its row's reference
 *     program.c       the run over the parts  control_flow.c  If, Loop, Scan, SequenceMap
 *     sequence.c      lists and optionals     value.c         what passes between parts
 *
 * Tests: tests/exec/test_program.c.
 */
#ifndef PUM_EXEC_PROGRAM_H
#define PUM_EXEC_PROGRAM_H

#include "exec/exec.h"
#include "exec/value.h"

/* Bodies in bodies. */
#define PROGRAM_MAX_DEPTH 24

/* From inside a run: the parts were cut anew, start again. Never leaves the library. */
#define PROGRAM_AGAIN ((pum_status)1002)

/* A node whose input `input` must be known before the node is planned; by the node's first
 * output. */
struct program_cut {
    int32_t node;
    int32_t input;
};

struct program_part {
    struct pum_session *island; /* NULL: a step */
    int32_t *outputs;           /* of an island: the tensors of the program's graph */
    int32_t node;               /* of a step */
    struct exec_program *bodies[2];
};

struct exec_program {
    struct pum_session *session; /* the caller's: device, capabilities, limits, cancelling */
    struct pum_graph *graph;     /* sorted; tensors keep their numbers in the islands */
    bool owns_graph;
    int32_t depth;
    bool *is_step; /* by node */
    struct program_cut *cuts;
    int32_t cut_count, cut_capacity;
    struct program_part *parts;
    int32_t part_count, part_capacity;
    bool built;
    struct exec_value *values; /* by tensor, during a run */
};

/* `graph` is borrowed with depth 0 (the session's), else a body, of which a copy is prepared. */
pum_status program_create(struct pum_session *session, struct pum_graph *graph, int32_t depth,
                          struct exec_program **out_program);
void program_destroy(struct exec_program **program);
/* Whether the graph needs a program for certain (it may turn out later that it does). */
bool program_is_needed(const struct pum_graph *graph);

/* Runs with these inputs (shared); outputs go to outputs[0..output_count). */
pum_status program_run(struct exec_program *program, const struct exec_value *inputs,
                       int32_t input_count, struct exec_value *outputs, int32_t output_count);

/* Cuts the graph into parts by is_step and cuts (partition.c). */
pum_status program_partition(struct exec_program *program);
void program_drop_parts(struct exec_program *program);
bool program_is_cut(const struct exec_program *program, int32_t node, int32_t input);

/* One step (program_step.c): by the row's reference, or one of those below. */
pum_status program_step(struct exec_program *program, struct program_part *part);
/* The value of a node's input during a run; NULL: absent. */
const struct exec_value *program_input(const struct exec_program *program,
                                       const struct graph_node *node, int32_t index);
/* Where an output goes; NULL: unwanted. */
struct exec_value *program_output(struct exec_program *program, const struct graph_node *node,
                                  int32_t index);
/* The one tensor that input `index` must be. */
pum_status program_tensor(const struct exec_program *program, const struct graph_node *node,
                          int32_t index, const struct host_tensor **out_tensor);
/* A scalar integer input, or `absent` where it is not given. */
pum_status program_int(const struct exec_program *program, const struct graph_node *node,
                       int32_t index, int64_t absent, int64_t *out_value);
/* Runs a row's rule and reference on host tensors; makes the outputs. */
pum_status program_row(struct exec_program *program, const struct graph_node *node,
                       const struct host_tensor *inputs, int32_t input_count,
                       struct exec_tensor **outputs, int32_t output_count);
/* PUM_E_CANCELLED after pum_session_cancel. */
pum_status program_check(const struct exec_program *program);

pum_status program_if(struct exec_program *program, struct program_part *part);
pum_status program_loop(struct exec_program *program, struct program_part *part);
pum_status program_scan(struct exec_program *program, struct program_part *part);
pum_status program_sequence_map(struct exec_program *program, struct program_part *part);
/* All tensors of a list stacked along a new axis, or behind each other (sequence.c). */
pum_status program_join(struct exec_program *program, const struct exec_value *list, int64_t axis,
                        bool new_axis, struct exec_value *out);
/* Elements [start, start + size) of `axis`; with drop_axis (size 1) without that axis. A copy, its
 * strings too. NULL after pum_fail. */
struct exec_tensor *program_slice(pum_context *context, const struct host_tensor *from,
                                  int32_t axis, int64_t start, int64_t size, bool drop_axis);
pum_status program_sequence(struct exec_program *program, const struct graph_node *node);

#endif
