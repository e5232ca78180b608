/* SPDX-License-Identifier: MIT
 *
 * value.h - values of a run outside of plans: tensors on the host, lists of them, nothing. Tensors
 * are shared by counting references (within one session: no atomics) and never change once made.
 * Tests: tests/exec/test_program.c.
 */
#ifndef PUM_EXEC_VALUE_H
#define PUM_EXEC_VALUE_H

#include "graph/tensor.h"

struct exec_tensor {
    int32_t references;
    bool borrowed; /* the data is somebody else's, who keeps it for the run */
    struct host_tensor host;
};

struct exec_value {
    bool set;
    pum_value_kind kind;
    int32_t count; /* 1 for a tensor, 0 for nothing */
    int32_t capacity;
    struct exec_tensor **items;
};

/* Zeroed data of the desc's size. NULL after pum_fail. */
struct exec_tensor *exec_tensor_new(pum_context *context, const struct tensor_desc *desc);
/* The data stays the caller's. */
struct exec_tensor *exec_tensor_borrow(pum_context *context, const struct host_tensor *host);
/* A copy, the strings included (they lie behind the elements in one block). */
struct exec_tensor *exec_tensor_copy(pum_context *context, const struct host_tensor *host);
void exec_tensor_drop(pum_context *context, struct exec_tensor **tensor);

void exec_value_clear(pum_context *context, struct exec_value *value);
/* Takes over one reference to `tensor` (also on failure; NULL gives PUM_E_MEMORY). Replaces what
 * `value` held. */
pum_status exec_value_set_tensor(pum_context *context, struct exec_value *value,
                                 struct exec_tensor *tensor);
/* An empty list, or nothing. */
void exec_value_set_empty(pum_context *context, struct exec_value *value, pum_value_kind kind);
/* Adds to a list at `position`; takes over the reference. */
pum_status exec_value_insert(pum_context *context, struct exec_value *value, int32_t position,
                             struct exec_tensor *tensor);
/* `to` shares what `from` holds. They may be the same. */
pum_status exec_value_share(pum_context *context, struct exec_value *to,
                            const struct exec_value *from);
/* The tensor of a value that is one, or NULL. */
const struct host_tensor *exec_value_tensor(const struct exec_value *value);

#endif
