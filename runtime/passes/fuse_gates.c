/* SPDX-License-Identifier: MIT
 *
 * fuse_gates.c - a product of x with a function of x is one activation. Exporters write GELU, SiLU
 * and hard swish out in many orders, so the product is first flattened into a scalar and two other
 * factors, and only these are looked at. Tests: tests/passes/test_fuse.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

#define GATE_MAX_FACTORS 4

/* scalar * factors[0] * factors[1] ... */
struct product {
    double scalar;
    int32_t factors[GATE_MAX_FACTORS];
    int32_t count;
};

/* Adds `tensor` to the product, going through Mul and division by a scalar where the inner result
 * has no other use. The root itself is always opened. */
static bool product_add(const struct match *match, int32_t tensor, bool root, int32_t depth,
                        struct product *product)
{
    double value;
    if (match_scalar(match, tensor, &value)) {
        product->scalar *= value;
        return true;
    }
    const struct graph_node *node = match_producer(match, tensor, -1);
    bool inner = node && depth > 0 && (root || match_uses(match, tensor) == 1);
    if (inner && node->op == OP_MUL) {
        return product_add(match, node->inputs[0], false, depth - 1, product) &&
               product_add(match, node->inputs[1], false, depth - 1, product);
    }
    if (inner && node->op == OP_DIV && match_scalar(match, node->inputs[1], &value)) {
        product->scalar /= value;
        return product_add(match, node->inputs[0], false, depth - 1, product);
    }
    if (product->count == GATE_MAX_FACTORS)
        return false;
    product->factors[product->count++] = tensor;
    return true;
}

static bool product_of(const struct match *match, int32_t tensor, struct product *product)
{
    *product = (struct product){.scalar = 1};
    return product_add(match, tensor, true, 6, product);
}

/* `tensor` = x * scale with scale near `wanted`. */
static bool is_scaled(const struct match *match, int32_t tensor, int32_t x, double wanted)
{
    struct product product;
    return product_of(match, tensor, &product) && product.count == 1 && product.factors[0] == x &&
           match_near(product.scalar, wanted);
}

/* `tensor` = inner + value, for a scalar value. */
static bool is_sum_with(const struct match *match, int32_t tensor, double value, int32_t *inner)
{
    const struct graph_node *add = match_producer(match, tensor, OP_ADD);
    double found;
    return add && match_with_scalar(match, add, inner, &found) && match_near(found, value);
}

/* 1 + erf(x / sqrt(2)) */
static bool is_erf_gate(const struct match *match, int32_t tensor, int32_t x)
{
    int32_t inner;
    if (!is_sum_with(match, tensor, 1, &inner))
        return false;
    const struct graph_node *erf = match_producer(match, inner, OP_ERF);
    return erf && is_scaled(match, erf->inputs[0], x, 0.70710678);
}

/* x^3 as Pow or as products. */
static bool is_cube(const struct match *match, int32_t tensor, int32_t x, double *scale)
{
    struct product product;
    if (!product_of(match, tensor, &product))
        return false;
    *scale = product.scalar;
    int32_t power = 0;
    for (int32_t i = 0; i < product.count; i++) {
        double exponent;
        const struct graph_node *pow = match_producer(match, product.factors[i], OP_POW);
        if (product.factors[i] == x)
            power += 1;
        else if (pow && pow->inputs[0] == x && match_scalar(match, pow->inputs[1], &exponent) &&
                 (exponent == 2 || exponent == 3))
            power += (int32_t)exponent;
        else
            return false;
    }
    return power == 3;
}

/* 1 + tanh(0.79788 * (x + 0.044715 x^3)) */
static bool is_tanh_gate(const struct match *match, int32_t tensor, int32_t x)
{
    int32_t inner;
    if (!is_sum_with(match, tensor, 1, &inner))
        return false;
    const struct graph_node *tanh = match_producer(match, inner, OP_TANH);
    struct product product;
    if (!tanh || !product_of(match, tanh->inputs[0], &product) ||
        !match_near(product.scalar, 0.7978845608))
        return false;
    double scale;
    int32_t other;
    if (product.count == 1) {
        const struct graph_node *add = match_producer(match, product.factors[0], OP_ADD);
        return add && match_with_tensor(add, x, &other) && is_cube(match, other, x, &scale) &&
               match_near(scale, 0.044715);
    }
    if (product.count != 2)
        return false;
    /* 0.79788 * x * (1 + 0.044715 x^2) */
    int32_t sum = product.factors[0] == x ? product.factors[1] : product.factors[0];
    bool has_x = product.factors[0] == x || product.factors[1] == x;
    struct product square;
    return has_x && is_sum_with(match, sum, 1, &other) && product_of(match, other, &square) &&
           match_near(square.scalar, 0.044715) && square.count == 2 && square.factors[0] == x &&
           square.factors[1] == x;
}

static bool clip_bounds(const struct match *match, const struct graph_node *clip, double *low,
                        double *high)
{
    return clip->input_count == 3 && match_scalar(match, clip->inputs[1], low) &&
           match_scalar(match, clip->inputs[2], high);
}

/* clamp(x + 3, 0, 6), perhaps of relu(x + 3) as PyTorch exports relu6 */
static bool is_relu6_gate(const struct match *match, int32_t tensor, int32_t x)
{
    const struct graph_node *clip = match_producer(match, tensor, OP_CLIP);
    double low, high;
    int32_t inner;
    if (!clip || !clip_bounds(match, clip, &low, &high) || low != 0 || !match_near(high, 6))
        return false;
    const struct graph_node *relu = match_producer(match, clip->inputs[0], OP_RELU);
    int32_t sum = relu ? relu->inputs[0] : clip->inputs[0];
    return is_sum_with(match, sum, 3, &inner) && inner == x;
}

/* What x times `gate` times `scalar` is; -1 if nothing known. *tanh tells the GELU's form. */
static int32_t gate_op(const struct match *match, int32_t x, int32_t gate, double scalar,
                       bool *out_tanh)
{
    *out_tanh = false;
    const struct graph_node *producer = match_producer(match, gate, -1);
    if (!producer)
        return -1;
    if (match_near(scalar, 0.5) && is_erf_gate(match, gate, x))
        return OP_GELU;
    if (match_near(scalar, 0.5) && is_tanh_gate(match, gate, x)) {
        *out_tanh = true;
        return OP_GELU;
    }
    if (match_near(scalar, 1.0 / 6) && is_relu6_gate(match, gate, x))
        return OP_HARDSWISH;
    if (!match_near(scalar, 1) || producer->inputs[0] != x)
        return -1;
    if (producer->op == OP_SIGMOID)
        return OP_SILU;
    if (producer->op == OP_HARDSIGMOID &&
        match_near(node_float(producer, "alpha", 0.2f), 1.0 / 6) &&
        match_near(node_float(producer, "beta", 0.5f), 0.5))
        return OP_HARDSWISH;
    return -1;
}

static pum_status fuse_gate(struct match *match, int32_t index)
{
    struct pum_graph *graph = match->graph;
    int32_t output = graph->nodes[index].outputs[0];
    struct product product;
    if (!product_of(match, output, &product) || product.count != 2)
        return PUM_OK;
    for (int32_t i = 0; i < 2; i++) {
        int32_t x = product.factors[i];
        bool tanh;
        int32_t op = gate_op(match, x, product.factors[1 - i], product.scalar, &tanh);
        const struct tensor_desc *in = match_desc(match, x), *out = match_desc(match, output);
        if (op < 0 || in->dtype != out->dtype || !shape_equal(&in->shape, &out->shape))
            continue;
        pum_attr approximate = {.name = "approximate", .kind = PUM_ATTR_STRING, .s = "tanh"};
        return match_rewrite(match, index, op, &x, 1, &approximate, tanh ? 1 : 0, "pattern");
    }
    return PUM_OK;
}

pum_status pass_fuse_gates(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    /* From the end, so that the outermost product of a pattern is met first. */
    for (int32_t i = graph->node_count - 1; i >= 0 && status == PUM_OK; i--) {
        int32_t op = graph->nodes[i].op;
        if ((op == OP_MUL || op == OP_DIV) && !graph->nodes[i].chain)
            status = fuse_gate(&match, i);
    }
    match_end(&match);
    return status == PUM_OK ? graph_prune(graph) : status;
}
