/* SPDX-License-Identifier: MIT
 *
 * push_matmul.h - push constants of the matrix products: Y = alpha A B + beta bias, for a batch of
 * matrices. 64 bytes, so that the chain's block fits behind it in 128.
 */
#ifndef PUSH_MATMUL_H
#define PUSH_MATMUL_H
#include "push_types.h"

/* Bits of mode. */
#define MATMUL_BIAS 1     /* there is a bias */
#define MATMUL_BIAS_ROW 2 /* it varies with the row */
#define MATMUL_BIAS_COL 4 /* it varies with the column */
#define MATMUL_TRANS_A 8  /* A is stored [k, m] */
#define MATMUL_TRANS_B 16 /* B is stored [n, k] */

struct push_matmul {
    push_uint m, n, k;      /* of this dispatch */
    push_uint batch;        /* matrices of Y in this dispatch */
    push_uint lda, ldb, ldc; /* elements from one stored row to the next */
    /* The matrix of A that belongs to matrix i of Y: (i / a_div) % a_mod; B likewise. Matrices lie
     * behind each other, m*k and k*n elements. */
    push_uint a_div, a_mod, b_div, b_mod;
    push_uint mode;         /* MATMUL_... */
    push_float alpha, beta;
    /* Where this dispatch begins in the whole Y, for bias and chain: the index of its first
     * element, and its first row. index_base % ldc is the first column; Y is bound from its row
     * on. */
    push_uint index_base, row_base;
};
#endif
