/* SPDX-License-Identifier: MIT
 *
 * verify_compare.c - is a kernel's result right? By the operator's tolerance class; the same rule
 * for every driver. Tests: tests/exec/test_verify.c.
 */
#include "exec/verify.h"

#include <math.h>
#include <stdio.h>

#define ELEMENTWISE_F32 1e-5
#define REDUCTION_F32 1e-4
#define PRODUCT_F32 1e-4
#define RECURRENCE_F32 1e-5
/* Results that are stored in 16 bits: a rounding or two at 2^-11, or 2^-8. */
#define ANY_F16 2e-3
#define ANY_BF16 8e-3
/* Below this, drivers may flush to zero. */
#define SMALLEST_NORMAL 1.2e-38

static double largest_magnitude(const struct host_tensor *tensor)
{
    double largest = 0;
    int64_t count = shape_elements(&tensor->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        double value = fabs(tensor_get_f64(tensor, i));
        if (isfinite(value) && value > largest)
            largest = value;
    }
    return largest;
}

static double tolerance_at(const struct op_row *row, enum pum_dtype dtype, double wanted,
                           double scale, double largest)
{
    double magnitude = fabs(wanted);
    bool half = dtype == PUM_DTYPE_F16 || dtype == PUM_DTYPE_BF16;
    if (half && row->tolerance != OP_EXACT) { /* small results of large sums round with the sum */
        double base = row->tolerance == OP_PRODUCT      ? scale
                      : row->tolerance == OP_RECURRENCE ? fmax(largest, 1)
                                                        : magnitude;
        return (dtype == PUM_DTYPE_F16 ? ANY_F16 : ANY_BF16) *
                   fmax(fmax(base, magnitude), 0.01 * largest) +
               6e-8;
    }
    switch (row->tolerance) {
    case OP_EXACT:
        return 0;
    case OP_ELEMENTWISE:
        return ELEMENTWISE_F32 * fmax(magnitude, 0.1) + SMALLEST_NORMAL;
    case OP_REDUCTION:
        return REDUCTION_F32 * fmax(magnitude, 0.1 * largest) + SMALLEST_NORMAL;
    case OP_PRODUCT:
        return PRODUCT_F32 * fmax(scale, magnitude) + SMALLEST_NORMAL;
    case OP_RECURRENCE:
        return RECURRENCE_F32 * fmax(largest, 1);
    }
    return 0;
}

static double error_ratio(double wanted, double got, double tolerance)
{
    if (isnan(wanted) || isnan(got))
        return isnan(wanted) && isnan(got) ? 0 : INFINITY;
    if (wanted == got)
        return 0;
    if (isinf(wanted) || isinf(got))
        return INFINITY;
    return tolerance > 0 ? fabs(wanted - got) / tolerance : INFINITY;
}

double verify_compare(const struct op_row *row, const struct host_tensor *wanted,
                      const struct host_tensor *scale, const pum_tensor *got, char *detail,
                      size_t detail_bytes)
{
    struct host_tensor result = {wanted->desc, got->data};
    struct shape shape = shape_of(got->rank, got->dims);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (got->dtype != wanted->desc.dtype || !shape_equal(&shape, &wanted->desc.shape)) {
        snprintf(detail, detail_bytes, "gave %s%s, not %s%s", pum_dtype_name(got->dtype),
                 shape_text(&shape, a), pum_dtype_name(wanted->desc.dtype),
                 shape_text(&wanted->desc.shape, b));
        return INFINITY;
    }
    double worst = 0, largest = largest_magnitude(wanted);
    int64_t count = shape_elements(&shape);
    for (int64_t i = 0; i < count; i++) {
        double w = tensor_get_f64(wanted, i), g = tensor_get_f64(&result, i);
        double s = scale->data ? tensor_get_f64(scale, i) : 0;
        double ratio = error_ratio(w, g, tolerance_at(row, got->dtype, w, s, largest));
        if (ratio > worst) {
            worst = ratio;
            if (ratio > 1)
                snprintf(detail, detail_bytes, "element %lld of %s is %.9g, not %.9g", (long long)i,
                         shape_text(&shape, a), g, w);
        }
    }
    return worst;
}
