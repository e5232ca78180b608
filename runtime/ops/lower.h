/* SPDX-License-Identifier: MIT
 *
 * lower.h - what a lowering gets and gives. A lowering is pure: from types, shapes, constants and
 * capabilities to dispatch records; it never sees a device. exec turns records into commands.
 * Tests: each op's tests check its records; tests/plan/ the sink.
 */
#ifndef PUM_OPS_LOWER_H
#define PUM_OPS_LOWER_H

#include "ops/chain.h"
#include "ops/kernel.h"

/* A tensor as the plan holds it. */
struct lower_value {
    struct tensor_desc desc; /* dtype NONE: absent */
    enum kernel_store store; /* how it lies on the device */
    int32_t value;           /* the plan's number for it; -1: absent */
    const void *data;        /* constant bytes in desc.dtype (host), or NULL */
};

/* Bytes [offset, offset + bytes) of a value; bytes 0: to its end. The offset must be a multiple of
 * caps->storage_alignment. value -1: a dummy for a binding that the kernel does not touch. */
struct lower_binding {
    int32_t value;
    uint64_t offset;
    uint64_t bytes;
};

struct lower_dispatch {
    const struct kernel_row *row;
    char why[KERNEL_WHY_BYTES];               /* from kernel_pick */
    uint32_t specs[KERNEL_MAX_SPECS];         /* in the order of row->specs */
    struct lower_binding bindings[KERNEL_MAX_BINDINGS];
    uint32_t groups[3];
    uint8_t push[KERNEL_MAX_PUSH_BYTES];
    uint32_t push_bytes;
    double flops;                             /* for the cost model and the profile */
};

/* The plan's side of a lowering. */
struct lower_sink {
    pum_status (*emit)(struct lower_sink *sink, const struct lower_dispatch *dispatch);
    /* A device value that lives through this node only. */
    pum_status (*scratch)(struct lower_sink *sink, uint64_t bytes, int32_t *out_value);
    /* A transformed constant: `pack` fills `bytes` bytes from the constant `source`. Made once a
     * session for each (source constant, key). */
    pum_status (*pack)(struct lower_sink *sink, const struct lower_value *source, const char *key,
                       uint64_t bytes,
                       pum_status (*pack)(void *user, const struct host_tensor *source, void *out),
                       void *user, int32_t *out_value);
    /* The output is the input's bytes (from `offset` on): no dispatch. */
    pum_status (*alias)(struct lower_sink *sink, int32_t output_value, int32_t input_value,
                        uint64_t offset);
    /* The output may take the input's memory if nothing reads the input later: the kernel reads
     * each element before it writes it, in the same invocation, and nowhere else. */
    void (*in_place)(struct lower_sink *sink, int32_t output_value, int32_t input_value);
};

struct lower_call {
    pum_context *context;
    const struct base_caps *caps;
    const struct graph_node *node;
    int32_t input_count; /* without the chain's operands */
    const struct lower_value *inputs;
    int32_t output_count;
    const struct lower_value *outputs; /* value -1: unwanted */
    const struct op_chain *chain;      /* NULL: none */
    const struct lower_value *chain_inputs;
    struct lower_sink *sink;
};

/* --- Helpers (lower.c) --- */

/* Starts a record: picks a row, sets default specs. PUM_E_UNSUPPORTED when no row fits, with the
 * reasons. `numbers` as in kernel_query. */
pum_status lower_begin(const struct lower_call *call, const char *family, enum kernel_store store,
                       const struct kernel_number *numbers, int32_t number_count,
                       struct lower_dispatch *out_dispatch);

/* Copies the push constants; with a chain kernel, `push` is followed by a struct push_chain that
 * lower_chain fills in. Asserts that sizes agree with the row. */
void lower_push(struct lower_dispatch *dispatch, const void *push, size_t bytes);

/* For a chain kernel: the chain's specs, push block and operand bindings (dummies without a chain).
 * `out` is the shape that operand indices count in; row_axis/col_axis: the output axis that the
 * kernel supplies as row/col (operands that vary along that axis alone use it), or -1.
 * Call after lower_push. */
pum_status lower_chain(const struct lower_call *call, struct lower_dispatch *dispatch,
                       const struct shape *out, int32_t row_axis, int32_t col_axis);

void lower_bind(struct lower_dispatch *dispatch, uint32_t binding, const struct lower_value *value);
void lower_bind_range(struct lower_dispatch *dispatch, uint32_t binding, int32_t value,
                      uint64_t offset, uint64_t bytes);

/* Spreads `count` workgroups over x and y (and z), within the device's limits; the shader numbers
 * them with linear_group() of include/grid.glsl. */
void lower_grid(const struct base_caps *caps, uint64_t count, uint32_t groups[3]);

/* Checks ranges, alignment and group counts against the device's limits, then emits. A binding that
 * is too large for the device is PUM_E_UNSUPPORTED: kernels that can split do so before. */
pum_status lower_emit(const struct lower_call *call, const struct lower_dispatch *dispatch);

size_t store_bytes(enum kernel_store store); /* of one element: 4, 2, 4 */
uint64_t lower_bytes(const struct lower_value *value); /* on the device */

/* A constant float scalar among the inputs (any float type, one element, known), or false. */
bool lower_scalar(const struct lower_call *call, int32_t input, float *out_value);

/* Lowering of operators that only rename bytes. */
pum_status lower_alias_input0(struct lower_call *call);

#endif
