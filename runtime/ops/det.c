/* SPDX-License-Identifier: MIT
 *
 * det.c - Det: determinants of square matrices, by elimination with row pivots in double.
 * Tests: tests/ops/test_signal.c.
 */
#include "ops/axes.h"

#include <math.h>

pum_status infer_det(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    PUM_TRY(axes_need_float(call, 0));
    if (shape.rank < 2 || shape.dims[shape.rank - 1] != shape.dims[shape.rank - 2]) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "%s is no square matrix", shape_text(&shape, text));
    }
    shape.rank -= 2;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double v = a[i];
        a[i] = b[i];
        b[i] = v;
    }
}

/* Destroys the matrix. */
static double determinant(double *m, int64_t n)
{
    double result = 1;
    for (int64_t c = 0; c < n; c++) {
        int64_t pivot = c;
        for (int64_t r = c + 1; r < n; r++)
            if (fabs(m[r * n + c]) > fabs(m[pivot * n + c]))
                pivot = r;
        if (m[pivot * n + c] == 0)
            return 0;
        if (pivot != c) {
            swap_rows(m + pivot * n, m + c * n, n);
            result = -result;
        }
        result *= m[c * n + c];
        for (int64_t r = c + 1; r < n; r++) {
            double factor = m[r * n + c] / m[c * n + c];
            for (int64_t i = c + 1; i < n; i++)
                m[r * n + i] -= factor * m[c * n + i];
        }
    }
    return result;
}

pum_status reference_det(struct op_call *call)
{
    const struct shape *shape = &call->inputs[0].desc.shape;
    int64_t n = shape->dims[shape->rank - 1], count = shape_elements(&call->outputs[0].desc.shape);
    double *matrix = pum_alloc(call->context, (size_t)(n * n) + 1, sizeof *matrix);
    if (!matrix)
        return PUM_E_MEMORY;
    for (int64_t b = 0; b < count; b++) {
        for (int64_t i = 0; i < n * n; i++)
            matrix[i] = tensor_get_f64(&call->inputs[0], b * n * n + i);
        tensor_set_f64(&call->outputs[0], b, determinant(matrix, n));
    }
    pum_free(call->context, matrix);
    return PUM_OK;
}
OP_HOST_ONLY(det);
