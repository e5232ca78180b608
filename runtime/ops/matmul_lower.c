/* SPDX-License-Identifier: MIT
 *
 * matmul_lower.c - see matmul_lower.h. One dispatch does it unless a matrix is larger than what the
 * device binds at once. Which row is quick where is said by the rows' conditions; this file gives
 * them the numbers and knows only how large a tile each row computes.
 * Tests: tests/ops/test_matmul.c.
 */
#include "ops/matmul_lower.h"

#include "ops/axes.h"
#include "../../shaders/push/push_matmul.h"

#include <string.h>

/* Old CPU drivers (Mesa 22) leave a shader's loops after 65535 iterations in all: longer sums are
 * cut along k. */
#define WIDE_MOST_K 32768

/* What one dispatch computes: rows, columns and k of each matrix, matrices of the batch. */
struct part {
    int64_t m0, m, n0, n, k0, k;
    int64_t first, count;
    int64_t a_matrix, b_matrix; /* the first ones, when the batch is cut */
    bool cut_batch;
};

/* Rows and columns that a workgroup computes, by the beginning of the row's name. */
static const struct tile {
    const char *prefix;
    int64_t rows, columns;
} tiles[] = {
    {"matvec_rows_", 1, 2},          {"matvec_columns_", 1, 32},
    {"matmul_tiled_large_", 128, 64}, {"matmul_tiled_small_", 32, 32},
    {"matmul_tiled_", 64, 64},
};

static bool has_spec(const struct kernel_row *row, const char *name)
{
    for (uint32_t i = 0; i < row->spec_count; i++)
        if (strcmp(row->specs[i].name, name) == 0)
            return true;
    return false;
}

static void set_spec_if(struct lower_dispatch *dispatch, const char *name, uint32_t value)
{
    if (has_spec(dispatch->row, name))
        kernel_set_spec(dispatch->row, dispatch->specs, name, value);
}

/* Sets the tile specs of a row and counts its workgroups. */
static uint64_t count_groups(const struct lower_call *call, struct lower_dispatch *dispatch,
                             const struct part *part)
{
    int64_t rows = 1, columns = 1;
    if (has_spec(dispatch->row, "TILE_M")) { /* matmul_direct: a workgroup is a subgroup */
        rows = part->m >= 12 ? 16 : part->m > 4 ? 8 : part->m > 2 ? 4 : part->m;
        columns = 4 * (int64_t)call->caps->subgroup_size;
        kernel_set_spec(dispatch->row, dispatch->specs, "TILE_M", (uint32_t)rows);
        kernel_set_spec(dispatch->row, dispatch->specs, "WG_X", call->caps->subgroup_size);
    }
    for (size_t i = 0; rows == 1 && columns == 1 && i < PUM_COUNT_OF(tiles); i++)
        if (strncmp(dispatch->row->name, tiles[i].prefix, strlen(tiles[i].prefix)) == 0) {
            rows = tiles[i].rows;
            columns = tiles[i].columns;
        }
    return (uint64_t)axes_ceil_div(part->m, rows) * (uint64_t)axes_ceil_div(part->n, columns) *
           (uint64_t)part->count;
}

static pum_status begin(const struct lower_call *call, const struct matmul_problem *problem,
                        const struct part *part, struct lower_dispatch *out_dispatch)
{
    bool ta = problem->trans_a, tb = problem->trans_b;
    bool k4 = part->k % 4 == 0 && problem->k % 4 == 0;
    bool m4 = part->m % 4 == 0 && problem->m % 4 == 0;
    bool n4 = part->n % 4 == 0 && problem->n % 4 == 0;
    const struct kernel_number numbers[] = {
        {"m", part->m},
        {"n", part->n},
        {"k", part->k},
        {"trans_b", tb},
        {"bn4", !tb && n4},
        {"bt4", tb && k4},
        {"vec", (ta ? m4 : k4) && (tb ? k4 : n4)},
        {"tiles", axes_ceil_div(part->m, 64) * axes_ceil_div(part->n, 64) * part->count},
    };
    return lower_begin(call, "matmul", problem->y->store, numbers, PUM_COUNT_OF(numbers),
                       out_dispatch);
}

/* Binds `rows` rows of `width` elements, `ld` apart, from element `first` on. */
static void bind_rows(struct lower_dispatch *dispatch, uint32_t binding,
                      const struct lower_value *value, int64_t first, int64_t rows, int64_t width,
                      int64_t ld)
{
    uint64_t bytes = store_bytes(value->store);
    uint64_t length = (uint64_t)((rows - 1) * ld + width) * bytes;
    if (rows > 0 && width > 0)
        lower_bind_range(dispatch, binding, value->value, (uint64_t)first * bytes,
                         (length + 3) & ~(uint64_t)3);
}

static void bind_operands(struct lower_dispatch *dispatch, const struct matmul_problem *problem,
                          const struct part *part)
{
    const struct matmul_problem *q = problem;
    int64_t a = q->m * q->k, b = q->k * q->n, y = q->m * q->n;
    int64_t lda = q->trans_a ? q->m : q->k, ldb = q->trans_b ? q->k : q->n;
    if (!part->cut_batch) {
        bind_rows(dispatch, 0, q->a, 0, q->a_mod, a, a);
        bind_rows(dispatch, 1, q->b, 0, q->b_mod, b, b);
        bind_rows(dispatch, 3, q->y, 0, q->batch, y, y);
    } else {
        int64_t rows = q->trans_a ? part->k : part->m, width = q->trans_a ? part->m : part->k;
        int64_t at = q->trans_a ? part->k0 * lda + part->m0 : part->m0 * lda + part->k0;
        bind_rows(dispatch, 0, q->a, part->a_matrix * a + at, rows, width, lda);
        rows = q->trans_b ? part->n : part->k;
        width = q->trans_b ? part->k : part->n;
        at = q->trans_b ? part->n0 * ldb + part->k0 : part->k0 * ldb + part->n0;
        bind_rows(dispatch, 1, q->b, part->b_matrix * b + at, rows, width, ldb);
        bind_rows(dispatch, 3, q->y, part->first * y + part->m0 * q->n, part->m, q->n, q->n);
    }
    if (q->bias)
        lower_bind(dispatch, 2, q->bias);
}

static pum_status emit_part(const struct lower_call *call, const struct matmul_problem *problem,
                            const struct part *part)
{
    struct lower_call last_of_k = *call;
    struct lower_dispatch dispatch;
    bool last = part->k0 + part->k >= problem->k;
    if (!last)
        last_of_k.chain = NULL;
    PUM_TRY(begin(&last_of_k, problem, part, &dispatch));
    struct push_matmul push = {
        .m = (uint32_t)part->m,
        .n = (uint32_t)part->n,
        .k = (uint32_t)part->k,
        .batch = (uint32_t)part->count,
        .lda = (uint32_t)(problem->trans_a ? problem->m : problem->k),
        .ldb = (uint32_t)(problem->trans_b ? problem->k : problem->n),
        .ldc = (uint32_t)problem->n,
        .a_div = part->cut_batch ? 1 : (uint32_t)problem->a_div,
        .a_mod = part->cut_batch ? 1 : (uint32_t)problem->a_mod,
        .b_div = part->cut_batch ? 1 : (uint32_t)problem->b_div,
        .b_mod = part->cut_batch ? 1 : (uint32_t)problem->b_mod,
        .alpha = problem->alpha,
        .beta = problem->beta,
        .index_base = (uint32_t)((part->first * problem->m + part->m0) * problem->n + part->n0),
        .row_base = (uint32_t)part->m0,
    };
    push.mode = (problem->trans_a ? MATMUL_TRANS_A : 0) | (problem->trans_b ? MATMUL_TRANS_B : 0);
    if (problem->bias && last)
        push.mode |= MATMUL_BIAS | (problem->bias_row ? MATMUL_BIAS_ROW : 0) |
                     (problem->bias_col ? MATMUL_BIAS_COL : 0);
    bind_operands(&dispatch, problem, part);
    lower_push(&dispatch, &push, sizeof push);
    PUM_TRY(lower_chain(&last_of_k, &dispatch, &problem->out, problem->row_axis,
                        problem->col_axis));
    set_spec_if(&dispatch, "ACCUMULATE", part->k0 > 0);
    set_spec_if(&dispatch, "TRANS_A", problem->trans_a);
    set_spec_if(&dispatch, "TRANS_B", problem->trans_b);
    lower_grid(call->caps, count_groups(call, &dispatch, part), dispatch.groups);
    dispatch.flops = 2.0 * (double)part->m * (double)part->n * (double)part->k *
                     (double)part->count;
    return lower_emit(&last_of_k, &dispatch);
}

/* The greatest part, at most `most`, of `whole` rows of `row_elems` elements that can be bound; a
 * multiple of what alignment asks for. */
static int64_t part_size(const struct lower_call *call, int64_t whole, int64_t row_elems,
                         uint64_t elem_bytes, int64_t most)
{
    uint64_t range = call->caps->max_storage_range;
    uint64_t alignment = call->caps->storage_alignment > 16 ? call->caps->storage_alignment : 16;
    int64_t step = (int64_t)(alignment / elem_bytes);
    int64_t fit = (int64_t)(range / elem_bytes) / axes_max(row_elems, 1);
    if (fit >= whole)
        return most;
    return axes_min(most, fit / step * step);
}

static bool aligned(const struct lower_call *call, const struct matmul_problem *problem,
                    const struct part *part)
{
    uint64_t bytes = store_bytes(problem->y->store);
    uint64_t alignment = call->caps->storage_alignment > 0 ? call->caps->storage_alignment : 1;
    uint64_t a = (uint64_t)(part->a_matrix * problem->m * problem->k) * bytes;
    uint64_t b = (uint64_t)(part->b_matrix * problem->k * problem->n) * bytes;
    uint64_t y = (uint64_t)(part->first * problem->m * problem->n) * bytes;
    return a % alignment == 0 && b % alignment == 0 && y % alignment == 0;
}

/* One matrix, in as many parts as its sides need. */
static pum_status emit_cut(const struct lower_call *call, const struct matmul_problem *problem,
                           int64_t matrix)
{
    const struct matmul_problem *q = problem;
    uint64_t bytes = store_bytes(q->y->store);
    int64_t rows = part_size(call, q->m, q->n, bytes, q->m), columns = q->n, depth = q->k;
    if (q->trans_a)
        depth = part_size(call, q->k, q->m, bytes, depth);
    else
        rows = part_size(call, q->m, q->k, bytes, rows);
    if (q->trans_b)
        columns = part_size(call, q->n, q->k, bytes, columns);
    else
        depth = part_size(call, q->k, q->n, bytes, depth);
    if (axes_has_cap(call->caps, BASE_CAP_LANES_WIDE))
        depth = axes_min(depth, WIDE_MOST_K);
    struct part part = {.first = matrix,
                        .count = 1,
                        .a_matrix = matrix / q->a_div % q->a_mod,
                        .b_matrix = matrix / q->b_div % q->b_mod,
                        .cut_batch = true};
    if (rows < 1 || columns < 1 || (depth < 1 && q->k > 0) || !aligned(call, q, &part))
        return pum_fail(PUM_E_UNSUPPORTED,
                        "a product of [%lld,%lld] by [%lld,%lld] cannot be cut to bindings of %llu "
                        "bytes",
                        (long long)q->m, (long long)q->k, (long long)q->k, (long long)q->n,
                        (unsigned long long)call->caps->max_storage_range);
    for (part.m0 = 0; part.m0 < q->m; part.m0 += rows)
        for (part.n0 = 0; part.n0 < q->n; part.n0 += columns) {
            part.m = axes_min(rows, q->m - part.m0);
            part.n = axes_min(columns, q->n - part.n0);
            part.k0 = 0;
            do {
                part.k = axes_min(depth, q->k - part.k0);
                PUM_TRY(emit_part(call, q, &part));
                part.k0 += axes_max(part.k, 1);
            } while (part.k0 < q->k);
        }
    return PUM_OK;
}

/* The transposed problem: for one column, so that it becomes one row. */
static struct matmul_problem transposed(const struct matmul_problem *problem)
{
    struct matmul_problem result = *problem;
    result.m = problem->n;
    result.n = problem->m;
    result.a = problem->b;
    result.b = problem->a;
    result.a_div = problem->b_div;
    result.a_mod = problem->b_mod;
    result.b_div = problem->a_div;
    result.b_mod = problem->a_mod;
    result.trans_a = !problem->trans_b;
    result.trans_b = !problem->trans_a;
    result.bias_row = problem->bias_col;
    result.bias_col = problem->bias_row;
    result.row_axis = problem->col_axis;
    result.col_axis = problem->row_axis;
    return result;
}

/* Makes the problem simpler where it can be: many small products with one B become one. */
static struct matmul_problem simplified(const struct matmul_problem *problem)
{
    struct matmul_problem result = *problem;
    if (result.n == 1 && result.m > 1)
        result = transposed(&result);
    if (result.m == 1) /* a row is stored alike either way */
        result.trans_a = false;
    if (result.n == 1)
        result.trans_b = true;
    if (result.batch > 1 && result.b_mod == 1 && result.a_div == 1 &&
        result.a_mod == result.batch && !result.trans_a && !result.bias_row) {
        result.m *= result.batch;
        result.batch = result.a_mod = 1;
        result.row_axis = -1;
    }
    return result;
}

static pum_status check_values(const struct lower_call *call, const struct matmul_problem *problem)
{
    enum kernel_store store = problem->y->store;
    if (store != STORE_F32 && store != STORE_F16)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s",
                        pum_dtype_name(problem->y->desc.dtype));
    if (problem->a->store != store || problem->b->store != store ||
        (problem->bias && problem->bias->store != store))
        return pum_fail(PUM_E_UNSUPPORTED, "operands lie in different element types");
    if (shape_elements(&problem->out) > (int64_t)UINT32_MAX || problem->m > INT32_MAX ||
        problem->n > INT32_MAX || problem->k > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^32 results");
    return call->caps->subgroup_size > 0 ? PUM_OK
                                         : pum_fail(PUM_E_UNSUPPORTED, "no subgroup size known");
}

pum_status matmul_lower(const struct lower_call *call, const struct matmul_problem *problem)
{
    PUM_TRY(check_values(call, problem));
    struct matmul_problem q = simplified(problem);
    uint64_t range = call->caps->max_storage_range;
    if (q.m == 0 || q.n == 0 || q.batch == 0)
        return PUM_OK;
    bool too_long = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE) && q.k > WIDE_MOST_K;
    if (!too_long && lower_bytes(q.a) <= range && lower_bytes(q.b) <= range &&
        lower_bytes(q.y) <= range) {
        struct part whole = {.m = q.m, .n = q.n, .k = q.k, .count = q.batch};
        return emit_part(call, &q, &whole);
    }
    for (int64_t matrix = 0; matrix < q.batch; matrix++)
        PUM_TRY(emit_cut(call, &q, matrix));
    return PUM_OK;
}
