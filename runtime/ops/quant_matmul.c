/* SPDX-License-Identifier: MIT
 *
 * quant_matmul.c - matrix products of 8-bit operands: MatMulInteger, QLinearMatMul, and ONNX
 * Runtime's MatMulIntegerToFloat and QGemm. They differ in where their inputs stand and in what
 * becomes of the 32-bit sums, so that one rule, one reference and one lowering serve all.
 * Tests: tests/ops/test_quant_product.c, cases_quantize.inc.
 */
#include "ops/axes.h"
#include "ops/product.h"
#include "ops/quant_product.h"
#include "ops/quantize.h"

#include <stdio.h>
#include <string.h>

/* Which input is what; -1: the operator has none. */
struct roles {
    int32_t b;
    int32_t a_scale, a_zero, b_scale, b_zero;
    int32_t bias, y_scale, y_zero;
    bool to_float; /* the result is float32, where there is no y_scale */
};

static const struct roles integer_roles = {.b = 1,
                                           .a_scale = -1,
                                           .a_zero = 2,
                                           .b_scale = -1,
                                           .b_zero = 3,
                                           .bias = -1,
                                           .y_scale = -1,
                                           .y_zero = -1};
static const struct roles linear_roles = {.b = 3,
                                          .a_scale = 1,
                                          .a_zero = 2,
                                          .b_scale = 4,
                                          .b_zero = 5,
                                          .bias = -1,
                                          .y_scale = 6,
                                          .y_zero = 7};
static const struct roles float_roles = {.b = 1,
                                         .a_scale = 2,
                                         .a_zero = 4,
                                         .b_scale = 3,
                                         .b_zero = 5,
                                         .bias = 6,
                                         .y_scale = -1,
                                         .y_zero = -1,
                                         .to_float = true};
static const struct roles gemm_roles = {.b = 3,
                                        .a_scale = 1,
                                        .a_zero = 2,
                                        .b_scale = 4,
                                        .b_zero = 5,
                                        .bias = 6,
                                        .y_scale = 7,
                                        .y_zero = 8,
                                        .to_float = true};

static bool has(const struct op_call *call, int32_t input)
{
    return input >= 0 && op_has_input(call, input);
}

static uint32_t output_of(const struct op_call *call, const struct roles *roles)
{
    if (has(call, roles->y_scale))
        return QUANT_TO_BYTE;
    return roles->to_float ? QUANT_TO_FLOAT : QUANT_TO_INT;
}

/* --- Shape rule ------------------------------------------------------------------------------- */

/* Input `input`, if there is one: of this type, with one value or `count`. */
static pum_status check_numbers(const struct op_call *call, int32_t input, enum pum_dtype dtype,
                                int64_t count)
{
    if (!has(call, input))
        return PUM_OK;
    const struct tensor_desc *desc = &call->inputs[input].desc;
    int64_t own = shape_elements(&desc->shape);
    if (desc->dtype != dtype)
        return op_bad_type(call, input, pum_dtype_name(dtype));
    if (own != 1 && own != count)
        return pum_fail(PUM_E_SHAPE, "input %d has %lld values, expected 1 or %lld", input,
                        (long long)own, (long long)count);
    return PUM_OK;
}

static pum_status check_sides(const struct op_call *call, const struct roles *roles,
                              const struct product *product)
{
    enum pum_dtype a = call->inputs[0].desc.dtype, b = call->inputs[roles->b].desc.dtype;
    enum pum_dtype bias = output_of(call, roles) == QUANT_TO_FLOAT && roles != &gemm_roles
                              ? PUM_DTYPE_F32
                              : PUM_DTYPE_I32;
    if (!quant_is_byte(a))
        return op_bad_type(call, 0, "int8 or uint8");
    if (!quant_is_byte(b))
        return op_bad_type(call, roles->b, "int8 or uint8");
    PUM_TRY(check_numbers(call, roles->a_scale, PUM_DTYPE_F32, product->m));
    PUM_TRY(check_numbers(call, roles->a_zero, a, product->m));
    PUM_TRY(check_numbers(call, roles->b_scale, PUM_DTYPE_F32, product->n));
    PUM_TRY(check_numbers(call, roles->b_zero, b, product->n));
    PUM_TRY(check_numbers(call, roles->bias, bias, product->n));
    PUM_TRY(check_numbers(call, roles->y_scale, PUM_DTYPE_F32, 1));
    if (has(call, roles->y_zero) && !quant_is_byte(call->inputs[roles->y_zero].desc.dtype))
        return op_bad_type(call, roles->y_zero, "int8 or uint8");
    return has(call, roles->y_zero)
               ? check_numbers(call, roles->y_zero, call->inputs[roles->y_zero].desc.dtype, 1)
               : PUM_OK;
}

static pum_status infer_any(struct op_call *call, const struct roles *roles)
{
    struct product product;
    enum pum_dtype dtype = PUM_DTYPE_I32;
    PUM_TRY(product_read(call->node, &call->inputs[0].desc.shape,
                         &call->inputs[roles->b].desc.shape, &product));
    if (product.batch.rank + 2 > PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "more than %d axes", PUM_MAX_RANK);
    PUM_TRY(check_sides(call, roles, &product));
    if (output_of(call, roles) == QUANT_TO_FLOAT)
        dtype = PUM_DTYPE_F32;
    else if (output_of(call, roles) == QUANT_TO_BYTE)
        dtype = call->inputs[has(call, roles->y_zero) ? roles->y_zero : 0].desc.dtype;
    struct shape out = product_shape(&product);
    return axes_output(call, 0, dtype, &out);
}

/* --- Reference -------------------------------------------------------------------------------- */

/* Entry `index` of an input of one value or many. */
static int64_t entry_of(const struct op_call *call, int32_t input, int64_t index)
{
    return shape_elements(&call->inputs[input].desc.shape) == 1 ? 0 : index;
}

static int32_t zero_of(const struct op_call *call, int32_t input, int64_t index)
{
    return has(call, input) ? quant_zero_at(call, input, entry_of(call, input, index)) : 0;
}

static float scale_of(const struct op_call *call, int32_t input, int64_t index)
{
    return has(call, input) ? quant_scale_at(call, input, entry_of(call, input, index)) : 1;
}

/* The sum of element (row, col), in 32 bits that wrap. */
static int32_t sum_at(const struct op_call *call, const struct roles *roles,
                      const struct product *p, int64_t a, int64_t b, int64_t row, int64_t col)
{
    int32_t za = zero_of(call, roles->a_zero, row), zb = zero_of(call, roles->b_zero, col);
    int64_t sum = 0;
    for (int64_t k = 0; k < p->k; k++) {
        int64_t at_a = a + (p->trans_a ? k * p->m + row : row * p->k + k);
        int64_t at_b = b + (p->trans_b ? col * p->k + k : k * p->n + col);
        sum += (tensor_get_i64(&call->inputs[0], at_a) - za) *
               (tensor_get_i64(&call->inputs[roles->b], at_b) - zb);
    }
    return (int32_t)(uint32_t)(uint64_t)sum;
}

static void finish_at(const struct op_call *call, const struct roles *roles, uint32_t output,
                      int32_t sum, int64_t at, int64_t row, int64_t col)
{
    struct host_tensor *y = &call->outputs[0];
    int32_t low, high;
    float scale = node_float(call->node, "alpha", 1) * scale_of(call, roles->a_scale, row);
    scale *= scale_of(call, roles->b_scale, col);
    bool whole = has(call, roles->bias) && call->inputs[roles->bias].desc.dtype == PUM_DTYPE_I32;
    if (whole)
        sum += zero_of(call, roles->bias, col);
    if (output == QUANT_TO_INT) {
        tensor_set_i64(y, at, sum);
    } else if (output == QUANT_TO_FLOAT) {
        float value = (float)sum * scale;
        if (has(call, roles->bias) && !whole)
            value += scale_of(call, roles->bias, col);
        tensor_set_f64(y, at, value);
    } else if (quant_range(y->desc.dtype, &low, &high)) {
        scale /= scale_of(call, roles->y_scale, 0);
        tensor_set_i64(
            y, at, quant_saturate((float)sum * scale, zero_of(call, roles->y_zero, 0), low, high));
    }
}

static pum_status reference_any(struct op_call *call, const struct roles *roles)
{
    struct product p;
    PUM_TRY(product_read(call->node, &call->inputs[0].desc.shape,
                         &call->inputs[roles->b].desc.shape, &p));
    uint32_t output = output_of(call, roles);
    int64_t count = shape_elements(&p.batch);
    for (int64_t i = 0; i < count; i++) {
        int64_t a = product_matrix(&p.batch, &p.batch_a, i) * p.m * p.k;
        int64_t b = product_matrix(&p.batch, &p.batch_b, i) * p.k * p.n;
        for (int64_t row = 0; row < p.m; row++)
            for (int64_t col = 0; col < p.n; col++)
                finish_at(call, roles, output, sum_at(call, roles, &p, a, b, row, col),
                          (i * p.m + row) * p.n + col, row, col);
    }
    return PUM_OK;
}

/* --- Lowering --------------------------------------------------------------------------------- */

static const struct lower_value *input_or_null(const struct lower_call *call, int32_t input)
{
    return input >= 0 && input < call->input_count && quant_present(&call->inputs[input])
               ? &call->inputs[input]
               : NULL;
}

static void make_rule(const struct lower_call *call, const struct roles *roles,
                      struct quant_rule *rule)
{
    *rule = (struct quant_rule){.output = QUANT_TO_INT,
                                .act_dtype = call->inputs[0].desc.dtype,
                                .weight_dtype = call->inputs[roles->b].desc.dtype,
                                .out_dtype = call->outputs[0].desc.dtype,
                                .act_zero = input_or_null(call, roles->a_zero),
                                .act_scale = input_or_null(call, roles->a_scale),
                                .weight_zero = input_or_null(call, roles->b_zero),
                                .weight_scale = input_or_null(call, roles->b_scale),
                                .bias = input_or_null(call, roles->bias),
                                .out_scale = input_or_null(call, roles->y_scale),
                                .out_zero = input_or_null(call, roles->y_zero),
                                .alpha = node_float(call->node, "alpha", 1)};
    if (rule->out_scale)
        rule->output = QUANT_TO_BYTE;
    else if (roles->to_float)
        rule->output = QUANT_TO_FLOAT;
}

/* Both operands packed along k. */
static pum_status pack_sides(const struct lower_call *call, const struct roles *roles,
                             const struct product *p, const struct quant_rule *rule,
                             struct quant_problem *q, struct quant_view *view_b)
{
    const struct lower_value *a = &call->inputs[0], *b = &call->inputs[roles->b];
    int64_t words = quant_words(p->k);
    int64_t batch_a = shape_elements(&p->batch_a), batch_b = shape_elements(&p->batch_b);
    struct quant_view view_a = {.outer = batch_a * p->m, .axis = p->k, .inner = 1};
    if (p->trans_a) /* [k, m]: words [k / 4, m] */
        view_a = (struct quant_view){.outer = batch_a, .axis = p->k, .inner = p->m};
    q->a_row = p->trans_a ? 1 : words;
    q->a_step = p->trans_a ? p->m : 1;
    PUM_TRY(quant_pack_act(call, a, rule->act_dtype, rule->act_zero, &view_a, &q->a));
    *view_b =
        (struct quant_view){.outer = batch_b,
                            .axis = p->k,
                            .inner = p->n,
                            .stride = {p->k * p->n, p->trans_b ? 1 : p->n, p->trans_b ? p->k : 1}};
    q->b_col = 1;
    q->b_step = p->n;
    if (b->data)
        return quant_pack_weights(call, b, rule->weight_zero, p->trans_b ? "quant nk" : "quant kn",
                                  view_b, true, &q->b);
    if (p->trans_b) { /* packed as it lies */
        *view_b = (struct quant_view){.outer = batch_b * p->n, .axis = p->k, .inner = 1};
        q->b_col = words;
        q->b_step = 1;
    }
    return quant_pack_act(call, b, rule->weight_dtype, rule->weight_zero, view_b, &q->b);
}

static pum_status lower_any(struct lower_call *call, const struct roles *roles)
{
    const struct lower_value *y = &call->outputs[0];
    struct quant_finish finish;
    struct quant_problem q = {.y = y};
    struct quant_view view_b;
    struct quant_rule rule;
    struct product p;
    PUM_TRY(product_read(call->node, &call->inputs[0].desc.shape,
                         &call->inputs[roles->b].desc.shape, &p));
    if (shape_elements(&y->desc.shape) == 0)
        return PUM_OK;
    if (p.k == 0 || call->caps->subgroup_size == 0)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for a product of nothing");
    if (!product_rule(&p.batch, &p.batch_a, &q.a_div, &q.a_mod) ||
        !product_rule(&p.batch, &p.batch_b, &q.b_div, &q.b_mod))
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel broadcasts separate batch axes");
    make_rule(call, roles, &rule);
    q.m = p.m;
    q.n = p.n;
    q.words = quant_words(p.k);
    q.batch = shape_elements(&p.batch);
    PUM_TRY(pack_sides(call, roles, &p, &rule, &q, &view_b));
    PUM_TRY(quant_make_finish(call, &rule, &call->inputs[roles->b], &view_b, true, &finish));
    return quant_product_lower(call, &q, &finish);
}

/* --- Rows of the table ------------------------------------------------------------------------ */

pum_status infer_mat_mul_integer(struct op_call *call)
{
    return infer_any(call, &integer_roles);
}

pum_status reference_mat_mul_integer(struct op_call *call)
{
    return reference_any(call, &integer_roles);
}

static pum_status lower_mat_mul_integer(struct lower_call *call)
{
    return lower_any(call, &integer_roles);
}
OP_LOWER(mat_mul_integer, lower_mat_mul_integer);

pum_status infer_qlinear_mat_mul(struct op_call *call)
{
    return infer_any(call, &linear_roles);
}

pum_status reference_qlinear_mat_mul(struct op_call *call)
{
    return reference_any(call, &linear_roles);
}

static pum_status lower_qlinear_mat_mul(struct lower_call *call)
{
    return lower_any(call, &linear_roles);
}
OP_LOWER(qlinear_mat_mul, lower_qlinear_mat_mul);

pum_status infer_mat_mul_integer_to_float(struct op_call *call)
{
    return infer_any(call, &float_roles);
}

pum_status reference_mat_mul_integer_to_float(struct op_call *call)
{
    return reference_any(call, &float_roles);
}

static pum_status lower_mat_mul_integer_to_float(struct lower_call *call)
{
    return lower_any(call, &float_roles);
}
OP_LOWER(mat_mul_integer_to_float, lower_mat_mul_integer_to_float);

pum_status infer_qgemm(struct op_call *call)
{
    for (int32_t i = 0; i < 4; i += 3)
        if (call->inputs[i].desc.shape.rank != 2)
            return pum_fail(PUM_E_SHAPE, "input %d has %d axes, expected 2", i,
                            call->inputs[i].desc.shape.rank);
    return infer_any(call, &gemm_roles);
}

pum_status reference_qgemm(struct op_call *call)
{
    return reference_any(call, &gemm_roles);
}

static pum_status lower_qgemm(struct lower_call *call)
{
    return lower_any(call, &gemm_roles);
}
OP_LOWER(qgemm, lower_qgemm);
