/* SPDX-License-Identifier: MIT
 *
 * resize.h - Resize made concrete for one input shape, shared by its rule (resize.c), reference
 * (resize_run.c) and lowering (resize_lower.c). Tests: tests/ops/test_gather_resize.c.
 */
#ifndef PUM_OPS_RESIZE_H
#define PUM_OPS_RESIZE_H

#include "ops/lower.h"
#include "../../shaders/push/push_resize.h"

/* Output position x shows input coordinate (x * num + add) / den, exactly, when `exact`; else
 * x * factor + offset. Exact fractions keep kernels, reference and other runtimes from falling on
 * different sides of a half. */
struct resize_axis {
    int64_t in, out;
    bool exact;
    int64_t num, add, den;
    double factor, offset;
    double scale; /* as given: how far antialias reaches */
};

struct resize_plan {
    int32_t rank;
    uint32_t mode;       /* RESIZE_NEAREST ... */
    uint32_t rounding;   /* RESIZE_FLOOR ... of nearest */
    bool exclude_outside;
    bool extrapolates;   /* tf_crop_and_resize: coordinates outside give extrapolation_value */
    bool antialias;      /* where an axis shrinks */
    double cubic_a, extrapolation_value;
    int32_t given_count; /* axes that roi, scales and sizes speak of */
    int32_t given[PUM_MAX_RANK];
    struct resize_axis axes[PUM_MAX_RANK];
};

/* Reads attributes, roi, scales or sizes. op_needs_data() when they are not known. */
pum_status resize_plan(struct op_call *call, struct resize_plan *out_plan);

/* True when an axis shows its input unchanged. */
bool resize_is_identity(const struct resize_axis *axis);

pum_status resize_lower(struct lower_call *call);

#endif
