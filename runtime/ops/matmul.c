/* SPDX-License-Identifier: MIT
 *
 * matmul.c - MatMul (NumPy's rules, with optional bias and transposes) and Gemm: shape rules,
 * references, and what matmul_lower.c is asked for.
 * Tests: tests/ops/test_matmul.c.
 */
#include "ops/axes.h"
#include "ops/matmul_lower.h"
#include "ops/product.h"

#include <string.h>

/* An addend must broadcast to the last two axes [m, n] and not enlarge them. */
static pum_status check_addend(const struct op_call *call, int64_t m, int64_t n)
{
    if (!op_has_input(call, 2))
        return PUM_OK;
    char text[SHAPE_TEXT_BYTES];
    const struct shape *shape = &call->inputs[2].desc.shape;
    int64_t sides[2] = {m, n};
    bool fits = shape->rank <= 2;
    for (int32_t i = 0; fits && i < shape->rank; i++)
        fits = shape->dims[i] == 1 || shape->dims[i] == sides[2 - shape->rank + i];
    if (!fits)
        return pum_fail(PUM_E_SHAPE, "input 2 of shape %s does not broadcast to [%lld,%lld]",
                        shape_text(shape, text), (long long)m, (long long)n);
    if (call->inputs[2].desc.dtype != call->inputs[0].desc.dtype)
        return op_bad_type(call, 2, pum_dtype_name(call->inputs[0].desc.dtype));
    return PUM_OK;
}

static pum_status check_types(const struct op_call *call)
{
    enum pum_dtype dtype = call->inputs[0].desc.dtype;
    if (!dtype_is_float(dtype) && !dtype_is_int(dtype))
        return op_bad_type(call, 0, "a float or integer type");
    if (call->inputs[1].desc.dtype != dtype)
        return op_bad_type(call, 1, pum_dtype_name(dtype));
    return PUM_OK;
}

pum_status infer_matmul(struct op_call *call)
{
    struct product product;
    PUM_TRY(check_types(call));
    PUM_TRY(product_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                        &product));
    if (product.batch.rank + 2 > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "more than %d axes", PUM_MAX_RANK);
    PUM_TRY(check_addend(call, product.vector_a ? 1 : product.m, product.vector_b ? 1 : product.n));
    struct shape out = product_shape(&product);
    return axes_output(call, 0, call->inputs[0].desc.dtype, &out);
}

pum_status infer_gemm(struct op_call *call)
{
    struct product product;
    PUM_TRY(check_types(call));
    for (int32_t i = 0; i < 2; i++)
        if (call->inputs[i].desc.shape.rank != 2)
            return pum_fail(PUM_E_SHAPE, "input %d has %d axes, expected 2", i,
                            call->inputs[i].desc.shape.rank);
    PUM_TRY(product_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                        &product));
    PUM_TRY(check_addend(call, product.m, product.n));
    struct shape out = product_shape(&product);
    return axes_output(call, 0, call->inputs[0].desc.dtype, &out);
}

/* --- Reference -------------------------------------------------------------------------------- */

static double addend_at(const struct host_tensor *addend, int64_t row, int64_t column)
{
    const struct shape *shape = &addend->desc.shape;
    int64_t width = shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
    int64_t index = width > 1 ? column : 0;
    if (shape->rank > 1 && shape->dims[0] > 1)
        index += row * width;
    return tensor_get_f64(addend, index);
}

static void multiply_f64(const struct op_call *call, const struct product *product, int64_t a,
                         int64_t b, int64_t y, double alpha, double beta)
{
    const struct host_tensor *in = call->inputs;
    int64_t a_row = product->trans_a ? 1 : product->k, a_step = product->trans_a ? product->m : 1;
    int64_t b_col = product->trans_b ? product->k : 1, b_step = product->trans_b ? 1 : product->n;
    for (int64_t row = 0; row < product->m; row++)
        for (int64_t col = 0; col < product->n; col++) {
            double sum = 0;
            for (int64_t k = 0; k < product->k; k++)
                sum += tensor_get_f64(&in[0], a + row * a_row + k * a_step) *
                       tensor_get_f64(&in[1], b + col * b_col + k * b_step);
            sum *= alpha;
            if (op_has_input(call, 2))
                sum += beta * addend_at(&in[2], row, col);
            tensor_set_f64(&call->outputs[0], y + row * product->n + col, sum);
        }
}

/* Integers: in 64 bits, wrapping, then cut to the type. alpha and beta are 1. */
static void multiply_i64(const struct op_call *call, const struct product *product, int64_t a,
                         int64_t b, int64_t y)
{
    const struct host_tensor *in = call->inputs;
    int64_t a_row = product->trans_a ? 1 : product->k, a_step = product->trans_a ? product->m : 1;
    int64_t b_col = product->trans_b ? product->k : 1, b_step = product->trans_b ? 1 : product->n;
    for (int64_t row = 0; row < product->m; row++)
        for (int64_t col = 0; col < product->n; col++) {
            uint64_t sum = 0;
            for (int64_t k = 0; k < product->k; k++)
                sum += (uint64_t)tensor_get_i64(&in[0], a + row * a_row + k * a_step) *
                       (uint64_t)tensor_get_i64(&in[1], b + col * b_col + k * b_step);
            if (op_has_input(call, 2))
                sum += (uint64_t)(int64_t)addend_at(&in[2], row, col);
            tensor_set_i64(&call->outputs[0], y + row * product->n + col, (int64_t)sum);
        }
}

static pum_status reference_product(struct op_call *call, double alpha, double beta)
{
    struct product product;
    PUM_TRY(product_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                        &product));
    bool whole = dtype_is_int(call->inputs[0].desc.dtype) && alpha == 1 && beta == 1;
    int64_t count = shape_elements(&product.batch);
    for (int64_t i = 0; i < count; i++) {
        int64_t a = product_matrix(&product.batch, &product.batch_a, i) * product.m * product.k;
        int64_t b = product_matrix(&product.batch, &product.batch_b, i) * product.k * product.n;
        int64_t y = i * product.m * product.n;
        if (whole)
            multiply_i64(call, &product, a, b, y);
        else
            multiply_f64(call, &product, a, b, y, alpha, beta);
    }
    return PUM_OK;
}

pum_status reference_matmul(struct op_call *call)
{
    return reference_product(call, 1, 1);
}

pum_status reference_gemm(struct op_call *call)
{
    return reference_product(call, node_float(call->node, "alpha", 1),
                             node_float(call->node, "beta", 1));
}

/* --- Lowering --------------------------------------------------------------------------------- */

static pum_status lower_product(struct lower_call *call, float alpha, float beta)
{
    struct product product;
    const struct shape *out = &call->outputs[0].desc.shape;
    PUM_TRY(product_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                        &product));
    struct matmul_problem problem = {
        .m = product.m,
        .n = product.n,
        .k = product.k,
        .batch = shape_elements(&product.batch),
        .trans_a = product.trans_a,
        .trans_b = product.trans_b,
        .a = &call->inputs[0],
        .b = &call->inputs[1],
        .y = &call->outputs[0],
        .alpha = alpha,
        .beta = beta,
        .out = *out,
        .col_axis = product.vector_b ? -1 : out->rank - 1,
        .row_axis = product.vector_a ? -1 : out->rank - (product.vector_b ? 1 : 2),
    };
    if (!product_rule(&product.batch, &product.batch_a, &problem.a_div, &problem.a_mod) ||
        !product_rule(&product.batch, &product.batch_b, &problem.b_div, &problem.b_mod))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel broadcasts separate batch axes");
    if (call->input_count > 2 && call->inputs[2].desc.dtype != PUM_DTYPE_NONE) {
        const struct shape *bias = &call->inputs[2].desc.shape;
        problem.bias = &call->inputs[2];
        problem.bias_col = bias->rank > 0 && bias->dims[bias->rank - 1] > 1;
        problem.bias_row = bias->rank > 1 && bias->dims[0] > 1;
    }
    return matmul_lower(call, &problem);
}

static pum_status lower_matmul(struct lower_call *call)
{
    return lower_product(call, 1, 1);
}
OP_LOWER_CHAIN(matmul, lower_matmul);

static pum_status lower_gemm(struct lower_call *call)
{
    return lower_product(call, node_float(call->node, "alpha", 1),
                         node_float(call->node, "beta", 1));
}
OP_LOWER_CHAIN(gemm, lower_gemm);
