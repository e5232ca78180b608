/* SPDX-License-Identifier: MIT
 *
 * matmul_lower.h - matrix products as dispatches, for MatMul, Gemm and the convolutions that are
 * one. Chooses a kernel row and cuts what the device cannot bind at once: by matrices, rows,
 * columns (B stored transposed) or along k, adding up. Tests: tests/ops/test_matmul.c.
 */
#ifndef PUM_OPS_MATMUL_LOWER_H
#define PUM_OPS_MATMUL_LOWER_H

#include "ops/lower.h"

/* Y[i] = alpha A[(i / a_div) % a_mod] B[(i / b_div) % b_mod] + beta bias, i in [0, batch). */
struct matmul_problem {
    int64_t m, n, k, batch;
    int64_t a_div, a_mod, b_div, b_mod;
    bool trans_a, trans_b; /* A lies as [k, m], B as [n, k] */
    const struct lower_value *a, *b, *y;
    const struct lower_value *bias; /* NULL: none */
    bool bias_row, bias_col;        /* along which axes it varies */
    float alpha, beta;
    /* For the chain: the output's shape and which of its axes are row and column, or -1. */
    struct shape out;
    int32_t row_axis, col_axis;
};

/* Emits the dispatches. PUM_E_UNSUPPORTED: no kernel for the types or sizes. */
pum_status matmul_lower(const struct lower_call *call, const struct matmul_problem *problem);

#endif
