/* SPDX-License-Identifier: MIT
 *
 * op.h - the operator table. One operator is one row (ops.inc): shape rule, reference, lowering.
 * Semantics are ONNX opset 17's under ONNX's names (readers bring older forms up), plus a few
 * composite operators that passes and the builder make (Gelu, Silu, Attention, ...).
 *
 * The reference is the plain definition, in double (or int64) on the host. It is used to fold what
 * is known before the run, to run a step that has no kernel, and as the truth for tests and verify.
 * Tests: tests/ops/.
 */
#ifndef PUM_OPS_OP_H
#define PUM_OPS_OP_H

#include "graph/graph.h"

enum op_kind {
#define PUM_OP(id, fn, name, min_in, max_in, min_out, max_out, tolerance, doc) OP_##id,
#include "ops/ops.inc"
#undef PUM_OP
    OP_COUNT
};

/* What a shape rule or a reference gets. */
struct op_call {
    pum_context *context;       /* for scratch memory */
    const struct graph_node *node;
    int32_t needs; /* out, with OP_NEEDS_DATA: the input whose value is needed */
    int32_t input_count;
    const struct host_tensor *inputs; /* desc.dtype NONE: absent; data NULL: value unknown */
    int32_t output_count;
    struct host_tensor *outputs; /* infer: fills desc; reference: desc filled, data allocated */
    /* Reference of a row with strings: new strings are put here (inputs' strings may be passed on
     * as they are: the caller copies what lasts). */
    struct base_arena *strings;
    /* Reference of a row that is OP_HOST_RANDOM: another number each time a session runs it. */
    uint64_t random;
};

/* Shape and type rule. Checks everything that the reference and the lowering rely on: counts are
 * checked by the table, the rule checks types, ranks, axes, attribute values. May read inputs' data
 * where a shape depends on it (Reshape, Slice); when it needs data that is not known it returns
 * op_needs_data(): the caller then comes again when the value is known. This serves both shapes
 * that small tensors give (Reshape, Slice) and shapes that follow from the data itself (NonZero,
 * NonMaxSuppression: marked OP_HOST_DYNAMIC): with the data known, every rule gives exact shapes.
 * Errors name the tensor's role and the values: "Softmax: axis 5 of rank 3". */
typedef pum_status (*op_infer_fn)(struct op_call *call);
typedef pum_status (*op_reference_fn)(struct op_call *call);

struct lower_call;
/* Chooses kernels and emits dispatches (ops/lower.h). PUM_E_UNSUPPORTED (with a message that says
 * why) makes the plan run the step on the host by its reference. NULL: always on the host. */
typedef pum_status (*op_lower_fn)(struct lower_call *call);

struct op_lowering {
    op_lower_fn function; /* NULL: always on the host */
    bool chain;           /* accepts a chain of elementwise steps on its output (ops/chain.h) */
    bool dynamic; /* the output's shape follows from the data: a run's own step (exec/program.h) */
    bool random;  /* gives other values each time: never folded; implies dynamic */
    bool program; /* control flow, sequences, optionals: exec/program.c runs it, infer and reference
                   * are not called */
};

/* How exact a kernel must be against the reference (fp32; half types: 2e-3 for all but EXACT). */
enum op_tolerance {
    OP_EXACT,       /* moves or compares: the same bits */
    OP_ELEMENTWISE, /* relative 1e-5 */
    OP_REDUCTION,   /* relative 1e-4 of the largest term */
    OP_PRODUCT,     /* 1e-4 of the sum of absolute products (the reference on absolute inputs) */
    OP_RECURRENCE   /* 1e-5 of the largest result, of 1 at least: what states are rounded to */
};

struct op_row {
    const char *name;           /* "Conv" */
    int32_t min_inputs, max_inputs;   /* max -1: any number */
    int32_t min_outputs, max_outputs;
    enum op_tolerance tolerance;
    const char *doc;
    op_infer_fn infer;
    op_reference_fn reference;
    const struct op_lowering *lowering;
};

extern const struct op_row op_rows[OP_COUNT];

/* -1 if there is no such operator. */
int32_t op_find(const char *name);

/* Runs a row's rule after checking counts; prefixes errors with operator and node name. */
pum_status op_infer(struct op_call *call);
/* Whether the result follows from the input's shape alone (Shape, Size): the reference then needs
 * no data. */
bool op_reads_shape_only(int32_t op);
/* Runs the reference; all inputs' data known, outputs allocated. */
pum_status op_reference(struct op_call *call);

/* The error of a rule that needs a value it does not have: OP_NEEDS_DATA, "the shape of ...
 * depends on the value of input N, which is not known before the run". Never leaves the library. */
#define OP_NEEDS_DATA ((pum_status)1001)
pum_status op_needs_data(struct op_call *call, int32_t input);

/* "Conv: input 1 (int32): expected float32 or float16" */
pum_status op_bad_type(const struct op_call *call, int32_t input, const char *expected);

/* Helpers that most rules share (op_common.c). */
bool op_has_input(const struct op_call *call, int32_t index);
/* Copies an integer tensor of rank 0 or 1 with known data into values; PUM_E_SHAPE if it has more
 * than max_count elements. */
pum_status op_input_ints(struct op_call *call, int32_t index, int64_t *values,
                         int32_t max_count, int32_t *out_count);
/* infer: output 0 = input 0's type and shape. */
pum_status op_infer_same(struct op_call *call);

/* Declares every row's functions: infer_<fn>, reference_<fn>, lowering_<fn>. A row without one does
 * not link. Each family's file says OP_LOWER, OP_LOWER_CHAIN or OP_HOST_ONLY once a row. */
#define PUM_OP(id, fn, name, min_in, max_in, min_out, max_out, tolerance, doc)                     \
    pum_status infer_##fn(struct op_call *call);                                                   \
    pum_status reference_##fn(struct op_call *call);                                               \
    extern const struct op_lowering lowering_##fn;
#include "ops/ops.inc"
#undef PUM_OP
#define OP_LOWER(fn, lower_function)                                                               \
    const struct op_lowering lowering_##fn = {.function = (lower_function)}
#define OP_LOWER_CHAIN(fn, lower_function)                                                         \
    const struct op_lowering lowering_##fn = {.function = (lower_function), .chain = true}
#define OP_HOST_ONLY(fn) const struct op_lowering lowering_##fn = {0}
#define OP_HOST_DYNAMIC(fn) const struct op_lowering lowering_##fn = {.dynamic = true}
#define OP_HOST_RANDOM(fn)                                                                         \
    const struct op_lowering lowering_##fn = {.dynamic = true, .random = true}
#define OP_PROGRAM(fn)                                                                             \
    const struct op_lowering lowering_##fn = {.dynamic = true, .program = true}

#endif
