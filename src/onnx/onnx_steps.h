/* SPDX-License-Identifier: MIT
 *
 * onnx_steps.h - shorthand for upgrades that write one node of the file as many of Pumice's. All
 * give PUM_NO_VALUE after an error, which the graph keeps.
 */
#ifndef PUM_ONNX_STEPS_H
#define PUM_ONNX_STEPS_H

#include "onnx_reader.h"

#define STEPS_REST INT64_MAX /* an end of a slice: all that is left */

pum_value steps_1(struct onnx_node *node, const char *op, pum_value a);
pum_value steps_2(struct onnx_node *node, const char *op, pum_value a, pum_value b);
pum_value steps_ints(struct onnx_node *node, int32_t count, const int64_t *values);
/* One integer, rank 0. */
pum_value steps_int(struct onnx_node *node, int64_t value);
pum_value steps_cast(struct onnx_node *node, pum_value x, pum_dtype dtype);
pum_value steps_reshape(struct onnx_node *node, pum_value x, int32_t count, const int64_t *dims);
pum_value steps_transpose(struct onnx_node *node, pum_value x, int32_t count, const int64_t *perm);
pum_value steps_unsqueeze(struct onnx_node *node, pum_value x, int64_t axis);
pum_value steps_concat(struct onnx_node *node, pum_value a, pum_value b, int64_t axis);
pum_value steps_gather(struct onnx_node *node, pum_value x, pum_value indices, int64_t axis);
/* [start, end) of one axis, every `step`-th. */
pum_value steps_slice(struct onnx_node *node, pum_value x, int64_t axis, int64_t start, int64_t end,
                      int64_t step);
/* Equal parts along an axis, or parts of `sizes` where that is not NULL. */
void steps_split(struct onnx_node *node, pum_value x, int64_t axis, int32_t count,
                 const int64_t *sizes, pum_value *out_parts);
/* The size of one axis as an int64 scalar. */
pum_value steps_size(struct onnx_node *node, pum_value x, int64_t axis);
/* 0, 1, ... as int64; `count` is a scalar. */
pum_value steps_range(struct onnx_node *node, pum_value count);
/* x + value, x * value in x's type. */
pum_value steps_add_scalar(struct onnx_node *node, pum_value x, float value);
pum_value steps_scale(struct onnx_node *node, pum_value x, float value);
/* A size that is known while reading, or -1. */
int64_t steps_known_size(const struct onnx_node *node, pum_value x, int32_t axis);
/* Whether the file wants an output. */
bool steps_wants(const struct onnx_node *node, int32_t output);

#endif
