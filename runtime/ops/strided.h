/* SPDX-License-Identifier: MIT
 *
 * strided.h - one description of "elements to other places" that Transpose, Slice, Expand, Tile,
 * Concat, Split and DepthToSpace are turned into:
 * y[out + sum i*out_stride] = x[in + sum i*in_stride]. Their references run it on the host, their
 * lowerings emit it as dispatches. Tests: tests/ops/test_move.c.
 */
#ifndef PUM_OPS_STRIDED_H
#define PUM_OPS_STRIDED_H

#include "ops/lower.h"

#define STRIDED_MAX_RANK (2 * PUM_MAX_RANK) /* Tile needs two dims an axis */

/* Offsets and strides in elements; in_strides may be zero (repeat) or negative (reverse). */
struct strided_copy {
    int32_t rank;
    int64_t dims[STRIDED_MAX_RANK];
    int64_t in_strides[STRIDED_MAX_RANK];
    int64_t out_strides[STRIDED_MAX_RANK];
    int64_t in_offset, out_offset;
};

/* The copy that reads a row-major tensor of `dims` in the axis order `perm` into a dense output. */
void strided_permute(int32_t rank, const int64_t *dims, const int32_t *perm,
                     struct strided_copy *out_copy);

/* Drops axes of size 1 and joins neighbours that are one run on both sides. */
void strided_collapse(struct strided_copy *copy);

/* Runs it on the host for elements of element_bytes (1, 2, 4 or 8). */
void strided_run(const struct strided_copy *copy, size_t element_bytes, const void *in, void *out);

/* Emits it: as an alias where `may_alias` says that the copy fills the whole output and input bytes
 * lie there already, else as one or more dispatches (split where a binding would see more than the
 * device allows). PUM_E_UNSUPPORTED when input and output do not lie in the same store. */
pum_status strided_lower(struct lower_call *call, const struct strided_copy *copy,
                         const struct lower_value *input, const struct lower_value *output,
                         bool may_alias);

#endif
