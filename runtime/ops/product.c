/* SPDX-License-Identifier: MIT
 *
 * product.c - see product.h. Tests: tests/ops/test_matmul.c.
 */
#include "ops/product.h"

#include <string.h>

static pum_status read_sides(const struct shape *a, const struct shape *b, struct product *product)
{
    char text_a[SHAPE_TEXT_BYTES], text_b[SHAPE_TEXT_BYTES];
    if (a->rank < 1 || b->rank < 1)
        return pum_fail(PUM_E_SHAPE, "a scalar cannot be multiplied as a matrix");
    product->vector_a = a->rank == 1;
    product->vector_b = b->rank == 1;
    product->trans_a = product->trans_a && !product->vector_a;
    product->trans_b = product->trans_b && !product->vector_b;
    int64_t rows = product->vector_a ? 1 : a->dims[a->rank - 2], columns = a->dims[a->rank - 1];
    product->m = product->trans_a ? columns : rows;
    product->k = product->trans_a ? rows : columns;
    rows = b->dims[product->vector_b ? 0 : b->rank - 2];
    columns = product->vector_b ? 1 : b->dims[b->rank - 1];
    product->n = product->trans_b ? rows : columns;
    if ((product->trans_b ? columns : rows) != product->k)
        return pum_fail(PUM_E_SHAPE, "%s%s by %s%s: inner sizes differ", shape_text(a, text_a),
                        product->trans_a ? " transposed" : "", shape_text(b, text_b),
                        product->trans_b ? " transposed" : "");
    product->batch_a = shape_of(product->vector_a ? 0 : a->rank - 2, a->dims);
    product->batch_b = shape_of(product->vector_b ? 0 : b->rank - 2, b->dims);
    if (!shape_broadcast(&product->batch_a, &product->batch_b, &product->batch))
        return pum_fail(PUM_E_SHAPE, "%s by %s: axes in front do not broadcast",
                        shape_text(a, text_a), shape_text(b, text_b));
    return PUM_OK;
}

struct shape product_shape(const struct product *product)
{
    struct shape out = product->batch;
    if (!product->vector_a)
        out.dims[out.rank++] = product->m;
    if (!product->vector_b)
        out.dims[out.rank++] = product->n;
    return out;
}

pum_status product_read(const struct graph_node *node, const struct shape *a, const struct shape *b,
                        struct product *out_product)
{
    memset(out_product, 0, sizeof *out_product);
    out_product->trans_a = node_int(node, "transA", 0) != 0;
    out_product->trans_b = node_int(node, "transB", 0) != 0;
    return read_sides(a, b, out_product);
}

int64_t product_matrix(const struct shape *batch, const struct shape *own, int64_t index)
{
    int64_t result = 0, stride = 1;
    for (int32_t axis = batch->rank - 1; axis >= 0; axis--) {
        int64_t at = index % batch->dims[axis];
        int32_t from = axis - (batch->rank - own->rank);
        index /= batch->dims[axis];
        if (from >= 0) {
            result += own->dims[from] == 1 ? 0 : at * stride;
            stride *= own->dims[from];
        }
    }
    return result;
}

bool product_rule(const struct shape *batch, const struct shape *own, int64_t *out_div,
                  int64_t *out_mod)
{
    int32_t state = 0; /* from the right: 0 before the run, 1 in it, 2 behind it */
    *out_div = *out_mod = 1;
    for (int32_t axis = batch->rank - 1; axis >= 0; axis--) {
        int32_t from = axis - (batch->rank - own->rank);
        if (batch->dims[axis] == 1)
            continue;
        bool varies = from >= 0 && own->dims[from] > 1;
        if (varies && state == 2)
            return false;
        if (varies)
            *out_mod *= batch->dims[axis];
        else if (state == 0)
            *out_div *= batch->dims[axis];
        state = varies ? 1 : state == 1 ? 2 : state;
    }
    return true;
}
