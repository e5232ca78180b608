/* SPDX-License-Identifier: MIT
 *
 * axes.h - what the operators that work along axes share (reductions, norms, movement, gather):
 * resolving axes, looking at a shape as [outer, length, inner], setting a checked output, and
 * asking a lowering's constants with the shape rules' helpers. Tests: tests/ops/test_move.c.
 */
#ifndef PUM_OPS_AXES_H
#define PUM_OPS_AXES_H

#include "ops/lower.h"
#include "ops/op.h"

/* A shape seen along one axis. */
struct axis_view {
    int64_t outer, length, inner;
};

struct axis_view axes_view(const struct shape *shape, int32_t axis);

/* Maps a possibly negative axis into [0, rank); PUM_E_SHAPE "axis 5 of rank 3". */
pum_status axes_one(int64_t axis, int32_t rank, int32_t *out_axis);

/* The same for a list; marks each in mask[0..rank). PUM_E_SHAPE when one is named twice. */
pum_status axes_mask(const int64_t *axes, int32_t count, int32_t rank, bool mask[PUM_MAX_RANK]);

/* The integers of an input of rank 0 or 1; op_needs_data() when its value is not known. */
pum_status axes_input_ints(struct op_call *call, int32_t index, int64_t *values,
                           int32_t max_count, int32_t *out_count);

/* Sets the description of an output after checking that its size can be counted. */
pum_status axes_output(struct op_call *call, int32_t index, enum pum_dtype dtype,
                       const struct shape *shape);

/* PUM_E_TYPE unless input `index` is of a float type. */
pum_status axes_need_float(const struct op_call *call, int32_t index);
/* PUM_E_TYPE when input `index` is bool or strings. */
pum_status axes_need_number(const struct op_call *call, int32_t index);
/* PUM_E_TYPE unless input `index` is int32 or int64. */
pum_status axes_need_index(const struct op_call *call, int32_t index);

/* True when output `index` exists and is wanted (its data is there). */
bool axes_wants_output(const struct op_call *call, int32_t index);

/* A double in an element of any type; what an integer type cannot hold becomes the nearest that it
 * can, NaN becomes 0. */
void axes_store_f64(struct host_tensor *tensor, int64_t index, double value);

/* A lowering seen as a call of the shape rule, so that both read attributes and constant inputs
 * with the same functions. Inputs beyond AXES_LOWERED_INPUTS are left out. */
#define AXES_LOWERED_INPUTS 6
struct axes_lowered {
    struct op_call call;
    struct host_tensor inputs[AXES_LOWERED_INPUTS];
    struct host_tensor outputs[1];
};
void axes_lowered_call(const struct lower_call *lower, struct axes_lowered *out_lowered);

/* The element type that ONNX numbers so (TensorProto.DataType); PUM_DTYPE_NONE if not supported. */
enum pum_dtype axes_onnx_dtype(int64_t number);

/* True when the device prefers kernel rows whose names begin with `prefix` (PUMICE_KERNEL, verify):
 * a lowering that would choose another way for speed then goes the pinned one. */
bool axes_pinned(const struct base_caps *caps, const char *prefix);

/* Families with two kinds of kernels, "<family>_lane_*" (a row of elements an invocation) and
 * "<family>_group_*" (a row a workgroup). */
struct axes_rows {
    int64_t rows, length;
    bool coalesced; /* neighbouring rows lie beside each other in memory */
};

/* Which kind to prefer. */
bool axes_rows_by_lane(const struct base_caps *caps, const char *family,
                       const struct axes_rows *rows);
/* lower_begin with the number "lane", the preferred kind first; sets a lane kernel's workgroup
 * size. */
pum_status axes_rows_begin(const struct lower_call *call, const char *family,
                           enum kernel_store store, const struct axes_rows *rows,
                           struct lower_dispatch *out_dispatch);
/* Spreads `count` rows over the grid, as the picked kind of kernel takes them. */
void axes_rows_grid(const struct lower_call *call, struct lower_dispatch *dispatch, int64_t count);

/* The store of the kernels that move `store`'s elements as bits (shaders/include/bits.glsl). */
static inline enum kernel_store axes_bits(enum kernel_store store)
{
    return store == STORE_F32 ? STORE_I32 : store;
}

static inline bool axes_has_cap(const struct base_caps *caps, enum base_cap cap)
{
    return (caps->bits & (1u << cap)) != 0;
}

static inline int64_t axes_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t axes_max(int64_t a, int64_t b) { return a > b ? a : b; }
/* Rounding down and up for a positive divisor. */
static inline int64_t axes_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
static inline int64_t axes_ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b > 0);
}

#endif
