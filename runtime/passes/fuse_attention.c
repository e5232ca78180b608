/* SPDX-License-Identifier: MIT
 *
 * fuse_attention.c - MatMul, scale, mask, Softmax, MatMul become one Attention. The mask is added,
 * or it is a Where that puts a number in place of scores, GPT-2's triangle among these. Runs after
 * fuse_matmul (transposes are flags by then). Rank 4 [batch, heads, length, dim]; rank 3
 * [batch*heads, length, dim], as PyTorch's bmm gives it, is reshaped around. Tests:
 * tests/passes/test_fuse.c, test_fuse_exports.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

struct attention_parts {
    int32_t q, k, v, mask;
    double scale;
    bool k_transposed; /* k is [.., dim, length] */
    bool hides;        /* a constant triangle hides later keys, whose scores are `hidden` */
    double hidden;
    /* Where(mask, ..): the mask is a condition, `filling` takes the score's place where it is true,
     * or where it is false. */
    bool fills, fills_where_true;
    int32_t filling;
};

/* Takes a scalar factor off a tensor: Mul or Div by a constant, with no other use. */
static int32_t without_scale(const struct match *match, int32_t tensor, double *scale)
{
    const struct graph_node *node = match_producer(match, tensor, -1);
    double value;
    int32_t other;
    if (!node || match_uses(match, tensor) != 1)
        return tensor;
    bool same = false;
    if (node->op == OP_MUL && match_with_scalar(match, node, &other, &value)) {
        *scale *= value;
        same = true;
    } else if (node->op == OP_DIV && match_scalar(match, node->inputs[1], &value) && value != 0) {
        other = node->inputs[0];
        *scale /= value;
        same = true;
    }
    return same && shape_equal(&match_desc(match, other)->shape, &match_desc(match, tensor)->shape)
               ? other
               : tensor;
}

/* q k^T with scales, from the tensor of scores. */
static bool match_scores(const struct match *match, int32_t scores, struct attention_parts *parts)
{
    int32_t product = without_scale(match, scores, &parts->scale);
    const struct graph_node *matmul = match_producer(match, product, OP_MATMUL);
    if (!matmul || match_uses(match, product) != 1 || matmul->input_count > 2 ||
        node_int(matmul, "transA", 0))
        return false;
    parts->k_transposed = !node_int(matmul, "transB", 0);
    parts->q = without_scale(match, matmul->inputs[0], &parts->scale);
    parts->k = without_scale(match, matmul->inputs[1], &parts->scale);
    return true;
}

/* A condition [1.., queries, keys] that is known, and true (or only false: `seen`) for the keys
 * that a causal query sees. */
static bool is_triangle(const struct match *match, int32_t tensor, const struct shape *scores,
                        bool seen)
{
    const struct graph_tensor *condition = &match->graph->tensors[tensor];
    const struct shape *shape = &condition->desc.shape;
    const uint8_t *flags = condition->data;
    int64_t queries = scores->dims[scores->rank - 2], keys = scores->dims[scores->rank - 1];
    if (!flags || shape->rank < 2 || shape->dims[shape->rank - 2] != queries ||
        shape->dims[shape->rank - 1] != keys || shape_elements(shape) != queries * keys)
        return false;
    for (int64_t i = 0; i < queries * keys; i++) {
        if ((flags[i] != 0) != ((i % keys <= i / keys + keys - queries) == seen))
            return false;
    }
    return true;
}

/* Where(condition, scores, number) or the other way round. */
static bool match_where(const struct match *match, int32_t scores, bool triangle_only,
                        struct attention_parts *parts)
{
    const struct graph_node *where = match_producer(match, scores, OP_WHERE);
    if (!where || match_uses(match, scores) != 1)
        return false;
    for (int32_t i = 1; i < 3; i++) {
        double number;
        int32_t kept = where->inputs[i], filling = where->inputs[3 - i];
        const struct shape *shape = &match_desc(match, scores)->shape;
        parts->scale = 1;
        if (!match_scalar(match, filling, &number) ||
            !shape_equal(shape, &match_desc(match, kept)->shape) ||
            !match_scores(match, kept, parts))
            continue;
        parts->hides = is_triangle(match, where->inputs[0], shape, i == 1);
        parts->hidden = number;
        if (parts->hides)
            return true;
        parts->fills = true;
        parts->fills_where_true = i == 2;
        parts->filling = filling;
        parts->mask = where->inputs[0];
        return !triangle_only && number != 0;
    }
    return false;
}

static bool match_parts(const struct match *match, const struct graph_node *output,
                        struct attention_parts *parts)
{
    const struct graph_node *softmax = match_producer(match, output->inputs[0], OP_SOFTMAX);
    if (!softmax || match_uses(match, output->inputs[0]) != 1 || output->input_count > 2 ||
        node_int(output, "transA", 0) || node_int(output, "transB", 0))
        return false;
    int32_t rank = match_desc(match, output->inputs[0])->shape.rank, axis;
    if ((rank != 3 && rank != 4) || !shape_axis(node_int(softmax, "axis", -1), rank, &axis) ||
        axis != rank - 1)
        return false;
    *parts = (struct attention_parts){.v = output->inputs[1], .mask = GRAPH_NONE, .scale = 1};
    int32_t scores = softmax->inputs[0];
    if (match_uses(match, scores) != 1)
        return false;
    if (match_scores(match, scores, parts) || match_where(match, scores, false, parts))
        return true;
    const struct graph_node *add = match_producer(match, scores, OP_ADD);
    for (int32_t i = 0; add && i < 2; i++) {
        *parts = (struct attention_parts){
            .v = output->inputs[1], .mask = add->inputs[1 - i], .scale = 1};
        if (match_scores(match, add->inputs[i], parts) ||
            match_where(match, add->inputs[i], true, parts))
            return true;
    }
    return false;
}

/* Ranks, batch axes and types as the Attention row wants them: no broadcast between q, k and v. */
static bool shapes_fit(const struct match *match, const struct graph_node *output,
                       const struct attention_parts *parts)
{
    const struct tensor_desc *q = match_desc(match, parts->q), *k = match_desc(match, parts->k);
    const struct tensor_desc *v = match_desc(match, parts->v);
    int32_t rank = q->shape.rank;
    if (rank != match_desc(match, output->inputs[0])->shape.rank || k->shape.rank != rank ||
        v->shape.rank != rank || k->dtype != q->dtype || v->dtype != q->dtype)
        return false;
    if (q->dtype != PUM_DTYPE_F32 && q->dtype != PUM_DTYPE_F16)
        return false;
    for (int32_t i = 0; i < rank - 2; i++) {
        if (q->shape.dims[i] != k->shape.dims[i] || q->shape.dims[i] != v->shape.dims[i])
            return false;
    }
    if (parts->mask < 0)
        return true;
    const struct tensor_desc *mask = match_desc(match, parts->mask);
    struct shape scores = match_desc(match, output->inputs[0])->shape, both;
    return (mask->dtype == q->dtype || parts->fills) &&
           shape_broadcast(&scores, &mask->shape, &both) && shape_equal(&scores, &both);
}

/* Heads that several of q's share, repeated for each: [b, heads, l, d] -> [b, heads, 1, l, d] ->
 * [b, heads, n, l, d] -> [b, heads * n, l, d]. The tensor before it, or GRAPH_NONE. */
static int32_t without_repeat(const struct match *match, int32_t tensor)
{
    const struct graph_node *join = match_producer(match, tensor, OP_RESHAPE);
    const struct graph_node *expand =
        join ? match_producer(match, join->inputs[0], OP_EXPAND) : NULL;
    const struct graph_node *apart = expand ? match_producer(match, expand->inputs[0], -1) : NULL;
    if (!apart || (apart->op != OP_UNSQUEEZE && apart->op != OP_RESHAPE))
        return GRAPH_NONE;
    const struct shape *one = &match_desc(match, apart->inputs[0])->shape;
    const struct shape *many = &match_desc(match, join->inputs[0])->shape;
    const struct shape *all = &match_desc(match, tensor)->shape;
    if (one->rank != 4 || many->rank != 5 || all->rank != 4)
        return GRAPH_NONE;
    const struct shape single = {5, {one->dims[0], one->dims[1], 1, one->dims[2], one->dims[3]}};
    const struct shape repeated = {
        5, {one->dims[0], one->dims[1], many->dims[2], one->dims[2], one->dims[3]}};
    if (!shape_equal(&match_desc(match, expand->inputs[0])->shape, &single) ||
        !shape_equal(many, &repeated) || all->dims[0] != one->dims[0] ||
        all->dims[1] != one->dims[1] * many->dims[2] || all->dims[2] != one->dims[2])
        return GRAPH_NONE;
    return apart->inputs[0];
}

/* The condition of a Where as the mask that Attention wants: the filling, and 0 where the score
 * stays. */
static int32_t filling_mask(struct match *match, const struct attention_parts *parts)
{
    const struct tensor_desc desc = {match_desc(match, parts->q)->dtype,
                                     match_desc(match, parts->mask)->shape};
    const struct tensor_desc scalar = {desc.dtype, {0}};
    const uint32_t none = 0; /* of two or four bytes */
    int32_t zero =
        graph_add_constant_copy(match->graph, "zero", &scalar, &none, pum_dtype_size(desc.dtype));
    int32_t inputs[3] = {parts->mask, parts->fills_where_true ? parts->filling : zero,
                         parts->fills_where_true ? zero : parts->filling};
    struct shape chosen;
    /* A filling of more axes would make the mask one of more axes. */
    if (zero < 0 ||
        !shape_broadcast(&desc.shape, &match_desc(match, parts->filling)->shape, &chosen))
        return GRAPH_NONE;
    const struct tensor_desc mask = {desc.dtype, chosen};
    return match_insert(match, OP_WHERE, "attention", inputs, 3, NULL, 0, &mask);
}

/* A tensor seen under another shape. */
static int32_t reshaped(struct match *match, int32_t tensor, const struct shape *shape)
{
    struct tensor_desc list = {PUM_DTYPE_I64, shape_of(1, (int64_t[]){shape->rank})};
    int32_t dims = graph_add_constant_copy(match->graph, "shape", &list, shape->dims,
                                           (size_t)shape->rank * sizeof(int64_t));
    struct tensor_desc desc = {match_desc(match, tensor)->dtype, *shape};
    return dims < 0 ? GRAPH_NONE
                    : match_insert(match, OP_RESHAPE, "attention", (int32_t[]){tensor, dims}, 2,
                                   NULL, 0, &desc);
}

/* [a, l, d] -> [a, 1, l, d]; a mask of fewer axes gets leading ones first. */
static int32_t with_head_axis(struct match *match, int32_t tensor)
{
    struct shape old = match_desc(match, tensor)->shape, shape = {.rank = 4};
    for (int32_t i = 0; i < 4; i++)
        shape.dims[i] = 1;
    for (int32_t i = 0; i < old.rank; i++) {
        int32_t place = 3 - (old.rank - 1 - i);
        shape.dims[place == 1 ? 0 : place] = old.dims[i];
    }
    return reshaped(match, tensor, &shape);
}

static pum_status fuse_attention(struct match *match, int32_t index)
{
    struct pum_graph *graph = match->graph;
    struct attention_parts parts;
    if (!match_parts(match, &graph->nodes[index], &parts) ||
        !shapes_fit(match, &graph->nodes[index], &parts))
        return PUM_OK;
    int32_t k = without_repeat(match, parts.k), v = without_repeat(match, parts.v);
    if (k >= 0 && v >= 0 &&
        match_desc(match, k)->shape.dims[1] == match_desc(match, v)->shape.dims[1]) {
        parts.k = k;
        parts.v = v;
    }
    if (parts.fills && (parts.mask = filling_mask(match, &parts)) < 0)
        return PUM_E_MEMORY;
    int32_t inputs[4] = {parts.q, parts.k, parts.v, parts.mask};
    int32_t count = parts.mask >= 0 ? 4 : 3;
    pum_attr attrs[5] = {
        {.name = "scale", .kind = PUM_ATTR_FLOAT, .f = (float)parts.scale},
        {.name = "k_transposed", .kind = PUM_ATTR_INT, .i = parts.k_transposed},
        {.name = "mask_replaces", .kind = PUM_ATTR_INT, .i = parts.fills},
        {.name = "causal", .kind = PUM_ATTR_INT, .i = 1},
        {.name = "hidden", .kind = PUM_ATTR_FLOAT, .f = (float)parts.hidden},
    };
    int32_t attr_count = parts.hides ? 5 : 3;
    if (match_desc(match, parts.q)->shape.rank == 4)
        return match_rewrite(match, index, OP_ATTENTION, inputs, count, attrs, attr_count,
                             "pattern");
    for (int32_t i = 0; i < count; i++) {
        inputs[i] = with_head_axis(match, inputs[i]);
        if (inputs[i] < 0)
            return PUM_E_MEMORY;
    }
    struct tensor_desc out = *match_desc(match, graph->nodes[index].outputs[0]);
    struct tensor_desc wide = out;
    wide.shape = (struct shape){4, {out.shape.dims[0], 1, out.shape.dims[1], out.shape.dims[2]}};
    int32_t result = match_insert(match, OP_ATTENTION, graph->nodes[index].name, inputs, count,
                                  attrs, attr_count, &wide);
    struct tensor_desc list = {PUM_DTYPE_I64, shape_of(1, (int64_t[]){3})};
    int32_t dims =
        graph_add_constant_copy(graph, "shape", &list, out.shape.dims, 3 * sizeof(int64_t));
    if (result < 0 || dims < 0)
        return PUM_E_MEMORY;
    return match_rewrite(match, index, OP_RESHAPE, (int32_t[]){result, dims}, 2, NULL, 0, NULL);
}

pum_status pass_fuse_attention(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    int32_t count = graph->node_count;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        if (graph->nodes[i].op == OP_MATMUL && !graph->nodes[i].chain)
            status = fuse_attention(&match, i);
    }
    match_end(&match);
    if (status == PUM_OK)
        status = graph_sort(graph);
    return status == PUM_OK ? graph_prune(graph) : status;
}
