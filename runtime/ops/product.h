/* SPDX-License-Identifier: MIT
 *
 * product.h - the sides of a matrix product by NumPy's rules, read from two shapes: for every
 * operator that multiplies matrices. Tests: tests/ops/test_matmul.c.
 */
#ifndef PUM_OPS_PRODUCT_H
#define PUM_OPS_PRODUCT_H

#include "graph/graph.h"

/* A product as matrices: sides, and the batch shapes in front. */
struct product {
    int64_t m, n, k;
    bool trans_a, trans_b;
    bool vector_a, vector_b; /* an operand of one axis, whose side the output lacks */
    struct shape batch_a, batch_b, batch;
};

/* Attributes transA and transB of `node`, and the shapes. PUM_E_SHAPE says what does not fit. */
pum_status product_read(const struct graph_node *node, const struct shape *a, const struct shape *b,
                        struct product *out_product);
struct shape product_shape(const struct product *product);

/* The matrix of an operand with batch axes `own` that matrix `index` of `batch` uses. */
int64_t product_matrix(const struct shape *batch, const struct shape *own, int64_t index);
/* An operand's matrix as (i / div) % mod of the batch: possible when the axes along which it varies
 * stand together. */
bool product_rule(const struct shape *batch, const struct shape *own, int64_t *out_div,
                  int64_t *out_mod);

#endif
