/* SPDX-License-Identifier: MIT
 *
 * expand_einsum.c - Einsum over floats as ReduceSum, Transpose, Reshape, MatMul and Mul: two inputs
 * are joined at a time, from the left. Shared labels that nothing needs any more are a product's
 * inner axes, those that are needed its batch axes. An equation that does not go through this way
 * (a diagonal, a broadcast sum, more axes than there are) stays as it is, and is the host's.
 * Tests: tests/ops/test_einsum.c.
 */
#include "ops/einsum.h"
#include "passes/match.h"
#include "passes/passes.h"

#include <string.h>

struct operand {
    int32_t tensor;
    struct shape shape;
    struct einsum_term term;
};

struct expansion {
    struct match *match;
    bool dry; /* only looks whether it goes through */
    enum pum_dtype dtype;
    struct einsum einsum;
    int32_t operand_count;
    struct operand operands[EINSUM_MAX_TERMS];
};

/* Labels of a join, in order of the output as far as they are in it. */
struct labels {
    int32_t count;
    int32_t label[2 * PUM_MAX_RANK];
};

#define NOT_THIS_WAY PUM_E_UNSUPPORTED /* never leaves the pass */

static bool has_label(const struct einsum_term *term, int32_t label)
{
    for (int32_t i = 0; i < term->count; i++)
        if (term->labels[i] == label)
            return true;
    return false;
}

static int64_t size_of(const struct operand *operand, int32_t label)
{
    for (int32_t i = 0; i < operand->term.count; i++)
        if (operand->term.labels[i] == label)
            return operand->shape.dims[i];
    return 1;
}

/* Whether the output or an operand from `first` on needs a label. */
static bool is_needed(const struct expansion *e, int32_t label, int32_t first)
{
    bool needed = has_label(&e->einsum.out, label);
    for (int32_t i = first; i < e->operand_count && !needed; i++)
        needed = has_label(&e->operands[i].term, label);
    return needed;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

/* operand = op(operand, second) with this shape. */
static pum_status emit(struct expansion *e, struct operand *operand, int32_t op, int32_t second,
                       const pum_attr *attr, const struct shape *shape)
{
    const int32_t inputs[2] = {operand->tensor, second};
    struct tensor_desc desc = {e->dtype, *shape};
    operand->shape = *shape;
    if (e->dry)
        return PUM_OK;
    operand->tensor = match_insert(e->match, op, "einsum", inputs, second >= 0 ? 2 : 1, attr,
                                   attr ? 1 : 0, &desc);
    return operand->tensor >= 0 ? PUM_OK : PUM_E_MEMORY;
}

static pum_status add_ints(const struct expansion *e, const int64_t *values, int32_t count,
                           int32_t *out_tensor)
{
    struct tensor_desc desc = {PUM_DTYPE_I64, {.rank = 1, .dims = {count}}};
    *out_tensor = 0;
    if (e->dry)
        return PUM_OK;
    *out_tensor = graph_add_constant_copy(e->match->graph, "einsum", &desc, values,
                                          (size_t)count * sizeof *values);
    return *out_tensor >= 0 ? PUM_OK : PUM_E_MEMORY;
}

static pum_status reshape(struct expansion *e, struct operand *operand, const struct shape *shape)
{
    int32_t dims;
    if (shape_equal(&operand->shape, shape))
        return PUM_OK;
    PUM_TRY(add_ints(e, shape->dims, shape->rank, &dims));
    return emit(e, operand, OP_RESHAPE, dims, NULL, shape);
}

static pum_status transpose(struct expansion *e, struct operand *operand, const int64_t *perm)
{
    struct shape shape = {.rank = operand->shape.rank};
    bool same = true;
    for (int32_t i = 0; i < shape.rank; i++) {
        shape.dims[i] = operand->shape.dims[perm[i]];
        same = same && perm[i] == i;
    }
    pum_attr attr = {.name = "perm", .kind = PUM_ATTR_INTS, .ints = perm, .count = shape.rank};
    return same ? PUM_OK : emit(e, operand, OP_TRANSPOSE, -1, &attr, &shape);
}

/* Axes in the order of `labels`, which are all that the operand has. */
static pum_status order_axes(struct expansion *e, struct operand *operand,
                             const struct labels *labels)
{
    int64_t perm[PUM_MAX_RANK];
    struct einsum_term term = {0};
    for (int32_t i = 0; i < labels->count; i++)
        for (int32_t k = 0; k < operand->term.count; k++)
            if (operand->term.labels[k] == labels->label[i]) {
                perm[term.count] = k;
                term.labels[term.count++] = labels->label[i];
            }
    PUM_TRY(transpose(e, operand, perm));
    operand->term = term;
    return PUM_OK;
}

static bool in_order(const struct operand *operand, const struct labels *labels)
{
    bool same = operand->term.count == labels->count;
    for (int32_t i = 0; i < labels->count && same; i++)
        same = operand->term.labels[i] == labels->label[i];
    return same;
}

/* Sums over what nothing else needs. */
static pum_status sum_out(struct expansion *e, int32_t index)
{
    struct operand *operand = &e->operands[index];
    struct einsum_term term = {0};
    struct shape shape = {0};
    int64_t axes[PUM_MAX_RANK];
    int32_t count = 0, list;
    for (int32_t i = 0; i < operand->term.count; i++) {
        int32_t label = operand->term.labels[i];
        bool needed = has_label(&e->einsum.out, label);
        for (int32_t k = 0; k < e->operand_count && !needed; k++)
            needed = k != index && has_label(&e->operands[k].term, label);
        if (!needed) {
            axes[count++] = i;
            continue;
        }
        shape.dims[shape.rank++] = operand->shape.dims[i];
        term.labels[term.count++] = label;
    }
    if (count == 0)
        return PUM_OK;
    pum_attr attr = {.name = "keepdims", .kind = PUM_ATTR_INT, .i = 0};
    PUM_TRY(add_ints(e, axes, count, &list));
    operand->term = term;
    return emit(e, operand, OP_REDUCESUM, list, &attr, &shape);
}

/* --- Two operands become one ------------------------------------------------------------------ */

enum part { PART_BATCH, PART_A, PART_B, PART_INNER };

static void collect(const struct expansion *e, enum part part, struct labels *labels)
{
    const struct einsum_term *a = &e->operands[0].term, *b = &e->operands[1].term;
    const struct einsum_term *const sources[] = {&e->einsum.out, a, b};
    bool seen[EINSUM_LABELS] = {false};
    for (int32_t s = 0; s < 3; s++)
        for (int32_t i = 0; i < sources[s]->count; i++) {
            int32_t label = sources[s]->labels[i];
            bool in_a = has_label(a, label), in_b = has_label(b, label);
            enum part own = in_a && in_b ? is_needed(e, label, 2) ? PART_BATCH : PART_INNER
                            : in_a       ? PART_A
                                         : PART_B;
            if ((!in_a && !in_b) || seen[label] || own != part)
                continue;
            seen[label] = true;
            labels->label[labels->count++] = label;
        }
}

/* The operand as matrices [batch..., rows, columns]; `flipped`: they lie as [columns, rows], and
 * are read so. */
static pum_status as_matrices(struct expansion *e, struct operand *operand,
                              const struct labels *batch, const struct labels *rows,
                              const struct labels *columns)
{
    struct labels straight = *batch, flipped = *batch;
    struct shape shape = {.rank = batch->count + 2};
    int64_t sizes[2] = {1, 1}, perm[PUM_MAX_RANK];
    for (int32_t i = 0; i < rows->count; i++)
        sizes[0] *= size_of(operand, rows->label[i]);
    for (int32_t i = 0; i < columns->count; i++)
        sizes[1] *= size_of(operand, columns->label[i]);
    for (int32_t i = 0; i < rows->count; i++)
        straight.label[straight.count++] = rows->label[i];
    for (int32_t i = 0; i < columns->count; i++)
        straight.label[straight.count++] = flipped.label[flipped.count++] = columns->label[i];
    for (int32_t i = 0; i < rows->count; i++)
        flipped.label[flipped.count++] = rows->label[i];
    bool flips = !in_order(operand, &straight) && in_order(operand, &flipped);
    for (int32_t i = 0; i < batch->count; i++)
        shape.dims[i] = size_of(operand, batch->label[i]);
    shape.dims[shape.rank - 2] = sizes[flips];
    shape.dims[shape.rank - 1] = sizes[!flips];
    for (int32_t i = 0; i < shape.rank; i++)
        perm[i] = i;
    if (!flips)
        PUM_TRY(order_axes(e, operand, &straight));
    PUM_TRY(reshape(e, operand, &shape));
    if (!flips)
        return PUM_OK;
    perm[shape.rank - 2] = shape.rank - 1;
    perm[shape.rank - 1] = shape.rank - 2;
    return transpose(e, operand, perm);
}

static pum_status multiply_matrices(struct expansion *e, const struct labels parts[4],
                                    struct operand *out)
{
    struct operand a = e->operands[0], b = e->operands[1];
    struct shape shape = {.rank = parts[PART_BATCH].count + 2}, full = {0};
    const enum part order[] = {PART_BATCH, PART_A, PART_B};
    out->term.count = 0;
    for (int32_t p = 0; p < 3; p++)
        for (int32_t i = 0; i < parts[order[p]].count; i++) {
            int32_t label = parts[order[p]].label[i];
            int64_t in_a = size_of(&a, label), in_b = size_of(&b, label);
            out->term.labels[out->term.count++] = label;
            full.dims[full.rank++] = in_a > in_b ? in_a : in_b;
        }
    PUM_TRY(as_matrices(e, &a, &parts[PART_BATCH], &parts[PART_A], &parts[PART_INNER]));
    PUM_TRY(as_matrices(e, &b, &parts[PART_BATCH], &parts[PART_INNER], &parts[PART_B]));
    for (int32_t i = 0; i < parts[PART_BATCH].count; i++)
        shape.dims[i] = full.dims[i];
    shape.dims[shape.rank - 2] = a.shape.dims[shape.rank - 2];
    shape.dims[shape.rank - 1] = b.shape.dims[shape.rank - 1];
    out->tensor = a.tensor;
    PUM_TRY(emit(e, out, OP_MATMUL, b.tensor, NULL, &shape));
    return reshape(e, out, &full);
}

/* The operand with its axes in the order of `labels`, and 1 where it has none. */
static pum_status aligned(struct expansion *e, struct operand *operand, const struct labels *labels)
{
    struct shape shape = {.rank = labels->count};
    for (int32_t i = 0; i < labels->count; i++)
        shape.dims[i] = size_of(operand, labels->label[i]);
    PUM_TRY(order_axes(e, operand, labels));
    return reshape(e, operand, &shape);
}

static pum_status multiply_elements(struct expansion *e, const struct labels *all,
                                    struct operand *out)
{
    struct operand a = e->operands[0], b = e->operands[1];
    struct shape shape = {.rank = all->count};
    out->term.count = all->count;
    for (int32_t i = 0; i < all->count; i++) {
        int64_t in_a = size_of(&a, all->label[i]), in_b = size_of(&b, all->label[i]);
        out->term.labels[i] = all->label[i];
        shape.dims[i] = in_a > in_b ? in_a : in_b;
    }
    PUM_TRY(aligned(e, &a, all));
    PUM_TRY(aligned(e, &b, all));
    out->tensor = a.tensor;
    return emit(e, out, OP_MUL, b.tensor, NULL, &shape);
}

/* Operands 0 and 1 become operand 0. */
static pum_status join(struct expansion *e)
{
    struct labels parts[4] = {{0}}, all = {0};
    struct operand out = {0};
    for (int32_t p = PART_BATCH; p <= PART_INNER; p++)
        collect(e, (enum part)p, &parts[p]);
    for (int32_t p = PART_BATCH; p <= PART_B; p++)
        for (int32_t i = 0; i < parts[p].count; i++)
            all.label[all.count++] = parts[p].label[i];
    if (all.count > PUM_MAX_RANK || parts[PART_BATCH].count + 2 > PUM_MAX_RANK)
        return NOT_THIS_WAY;
    if (parts[PART_INNER].count > 0)
        PUM_TRY(multiply_matrices(e, parts, &out));
    else
        PUM_TRY(multiply_elements(e, &all, &out));
    e->operands[0] = out;
    e->operand_count--;
    memmove(&e->operands[1], &e->operands[2],
            (size_t)(e->operand_count - 1) * sizeof e->operands[0]);
    return PUM_OK;
}

/* --- The pass --------------------------------------------------------------------------------- */

static pum_status run(struct expansion *e)
{
    struct labels out = {.count = e->einsum.out.count};
    for (int32_t i = 0; i < out.count; i++)
        out.label[i] = e->einsum.out.labels[i];
    for (int32_t i = 0; i < e->operand_count; i++)
        PUM_TRY(sum_out(e, i));
    while (e->operand_count > 1)
        PUM_TRY(join(e));
    return order_axes(e, &e->operands[0], &out);
}

/* A label twice in one term, an empty axis, or a sum over axes of 1 and of more. */
static bool is_odd(const struct expansion *e)
{
    for (int32_t t = 0; t < e->operand_count; t++) {
        const struct operand *operand = &e->operands[t];
        for (int32_t i = 0; i < operand->term.count; i++) {
            int32_t label = operand->term.labels[i];
            for (int32_t k = 0; k < i; k++)
                if (operand->term.labels[k] == label)
                    return true;
            int64_t size = operand->shape.dims[i];
            if (size == 0 || (!has_label(&e->einsum.out, label) && size != e->einsum.sizes[label]))
                return true;
        }
    }
    return false;
}

static bool begin(struct match *match, const struct graph_node *node, bool dry, struct expansion *e)
{
    struct shape shapes[EINSUM_MAX_TERMS];
    *e = (struct expansion){.match = match, .dry = dry, .operand_count = node->input_count};
    if (node->input_count > EINSUM_MAX_TERMS)
        return false;
    e->dtype = match_desc(match, node->inputs[0])->dtype;
    for (int32_t i = 0; i < node->input_count; i++)
        shapes[i] = match_desc(match, node->inputs[i])->shape;
    if (!dtype_is_float(e->dtype) || einsum_read(node_string(node, "equation", ""), shapes,
                                                 node->input_count, &e->einsum) != PUM_OK)
        return false;
    for (int32_t i = 0; i < node->input_count; i++)
        e->operands[i] = (struct operand){node->inputs[i], shapes[i], e->einsum.terms[i]};
    return !is_odd(e);
}

static pum_status expand(struct match *match, int32_t index)
{
    struct expansion e;
    if (!begin(match, &match->graph->nodes[index], true, &e) || run(&e) != PUM_OK)
        return PUM_OK;
    (void)begin(match, &match->graph->nodes[index], false, &e);
    PUM_TRY(run(&e));
    const struct graph_node *node = &match->graph->nodes[index];
    int32_t result = e.operands[0].tensor;
    if (result == node->inputs[0])
        return match_rewrite(match, index, OP_IDENTITY, &result, 1, NULL, 0, "Einsum");
    match_replace(match, node->outputs[0], result);
    match_remove(match, index);
    return PUM_OK;
}

pum_status pass_expand_einsum(struct pum_graph *graph)
{
    struct match match;
    int32_t found = 0, count = graph->node_count;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        if (graph->nodes[i].op != OP_EINSUM)
            continue;
        status = expand(&match, i);
        found++;
    }
    match_end(&match);
    return status == PUM_OK && found > 0 ? graph_sort(graph) : status;
}
