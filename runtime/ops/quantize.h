/* SPDX-License-Identifier: MIT
 *
 * quantize.h - what the quantised operators share: integer ranges, scales and zero points per
 * tensor or along an axis, and rounding as ONNX Runtime's CPU provider does it (float32 arithmetic,
 * halves to even, saturating). Tests: tests/ops/test_quantize.c.
 */
#ifndef PUM_OPS_QUANTIZE_H
#define PUM_OPS_QUANTIZE_H

#include "ops/op.h"

/* The values of an integer type of at most 16 bits, or of int32; false for any other. */
bool quant_range(enum pum_dtype dtype, int32_t *out_low, int32_t *out_high);
bool quant_is_byte(enum pum_dtype dtype); /* int8, uint8 */

/* Element i of a tensor has entry (i / inner) % entries of its scales and zero points. */
struct quant_axis {
    int64_t inner, entries;
};

/* Checks inputs `scale` (a float type; one value, or one for each entry of axis `axis` of `shape`)
 * and `zero` (absent, or `dtype` and as many values as there are scales). axis < 0: one value. */
pum_status quant_check(const struct op_call *call, int32_t scale, int32_t zero,
                       enum pum_dtype dtype, const struct shape *shape, int32_t axis,
                       struct quant_axis *out_axis);

/* PUM_E_ARGUMENT unless the node has at least `count` inputs (optional ones stand between). */
pum_status quant_need_inputs(const struct op_call *call, int32_t count);

/* Entry of a scale as float32, and of an optional zero point (0 when absent). */
float quant_scale_at(const struct op_call *call, int32_t input, int64_t entry);
int32_t quant_zero_at(const struct op_call *call, int32_t input, int64_t entry);

/* round(value / scale) + zero within [low, high]; NaN gives low. */
int32_t quant_round(float value, float scale, int32_t zero, int32_t low, int32_t high);
/* round(value) + zero within [low, high]. */
int32_t quant_saturate(float value, int32_t zero, int32_t low, int32_t high);

struct lower_call;
/* The device's part of MaxPool of integers. */
pum_status quant_lower_max_pool(struct lower_call *call);

#endif
