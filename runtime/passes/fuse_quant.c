/* SPDX-License-Identifier: MIT
 *
 * fuse_quant.c - networks in QDQ form (DequantizeLinear, an operator on floats, QuantizeLinear) get
 * the operators on integers that are meant: the same choice as ONNX Runtime's, so that results
 * agree. Constant weights stay 8-bit. Runs once a session, before shapes are known, from the scales
 * and zero points, which must be constants; what does not fit stays as it is and is right, on
 * floats. Tests: tests/passes/test_fuse_quant.c.
 */
#include "passes/fuse_quant.h"
#include "passes/passes.h"

#include <math.h>
#include <string.h>

/* --- How a tensor was quantised --------------------------------------------------------------- */

const struct graph_tensor *quant_constant(const struct match *match, int32_t tensor)
{
    if (tensor < 0 || !match->graph->tensors[tensor].data ||
        match->graph->tensors[tensor].desc.shape.rank < 0)
        return NULL;
    return &match->graph->tensors[tensor];
}

int32_t quant_input(const struct graph_node *node, int32_t index)
{
    return index < node->input_count ? node->inputs[index] : GRAPH_NONE;
}

/* Scale and zero point of a QuantizeLinear or DequantizeLinear. */
static bool read_numbers(const struct match *match, const struct graph_node *node,
                         struct quantized *q)
{
    q->scale = quant_input(node, 1);
    q->zero = quant_input(node, 2);
    q->axis = (int32_t)node_int(node, "axis", 1);
    const struct graph_tensor *scale = quant_constant(match, q->scale);
    const struct graph_tensor *zero = quant_constant(match, q->zero);
    if (!scale || scale->desc.dtype != PUM_DTYPE_F32 || (q->zero >= 0 && !zero) ||
        node_int(node, "block_size", 0) != 0)
        return false;
    q->entries = shape_elements(&scale->desc.shape);
    if (zero)
        q->dtype = zero->desc.dtype;
    return q->entries >= 1 && (!zero || shape_elements(&zero->desc.shape) == q->entries);
}

bool quant_of_input(const struct match *match, int32_t tensor, struct quantized *out_quantized)
{
    const struct graph_node *node = match_producer(match, tensor, OP_DEQUANTIZELINEAR);
    *out_quantized = (struct quantized){.value = GRAPH_NONE};
    if (!node || node->inputs[0] < 0)
        return false;
    out_quantized->value = node->inputs[0];
    out_quantized->dtype = match_desc(match, node->inputs[0])->dtype;
    return read_numbers(match, node, out_quantized) && out_quantized->dtype != PUM_DTYPE_NONE;
}

bool quant_of_output(const struct match *match, const struct graph_node *node,
                     struct quantized *out_quantized)
{
    *out_quantized = (struct quantized){.value = GRAPH_NONE, .dtype = PUM_DTYPE_U8};
    if (node->op != OP_QUANTIZELINEAR || node_int(node, "output_dtype", 0) != 0 ||
        !read_numbers(match, node, out_quantized))
        return false;
    return quant_is_byte(out_quantized->dtype) && out_quantized->entries == 1;
}

float quant_scale_value(const struct match *match, const struct quantized *quantized, int64_t entry)
{
    const float *values = match->graph->tensors[quantized->scale].data;
    return values[quantized->entries == 1 ? 0 : entry];
}

int32_t quant_zero_value(const struct match *match, const struct quantized *quantized,
                         int64_t entry)
{
    if (quantized->zero < 0)
        return 0;
    const struct graph_tensor *zero = &match->graph->tensors[quantized->zero];
    struct host_tensor host = {zero->desc, (void *)(uintptr_t)zero->data};
    return (int32_t)tensor_get_i64(&host, quantized->entries == 1 ? 0 : entry);
}

bool quant_same(const struct match *match, const struct quantized *a, const struct quantized *b)
{
    return a->dtype == b->dtype && a->entries == 1 && b->entries == 1 &&
           quant_scale_value(match, a, 0) == quant_scale_value(match, b, 0) &&
           quant_zero_value(match, a, 0) == quant_zero_value(match, b, 0);
}

int32_t quant_zero_tensor(struct match *match, const struct quantized *quantized)
{
    static const uint8_t none[4] = {0};
    struct tensor_desc desc = {quantized->dtype, {0}};
    if (quantized->zero >= 0)
        return quantized->zero;
    return graph_add_constant_copy(match->graph, "zero", &desc, none,
                                   pum_dtype_size(quantized->dtype));
}

/* --- What stands before a QuantizeLinear ------------------------------------------------------ */

/* Whether clipping to what Relu or Clip leaves changes nothing that the integers can hold. */
static bool is_redundant(const struct match *match, const struct graph_node *node,
                         const struct quantized *y)
{
    double low = 0, high = INFINITY, scale = quant_scale_value(match, y, 0);
    int32_t zero = quant_zero_value(match, y, 0), least = y->dtype == PUM_DTYPE_I8 ? -128 : 0;
    if (node->op == OP_CLIP) {
        low = -INFINITY;
        if ((quant_input(node, 1) >= 0 && !match_scalar(match, node->inputs[1], &low)) ||
            (quant_input(node, 2) >= 0 && !match_scalar(match, node->inputs[2], &high)))
            return false;
    } else if (node->op != OP_RELU) {
        return false;
    }
    return scale > 0 && low <= scale * (least - zero) && high >= scale * (least + 255 - zero);
}

/* The operator whose only user is this QuantizeLinear, perhaps by way of a Relu or Clip that
 * changes nothing; NULL: none. */
static const struct graph_node *target_of(const struct match *match, const struct graph_node *node,
                                          const struct quantized *y)
{
    int32_t tensor = node->inputs[0];
    const struct graph_node *target = match_producer(match, tensor, -1);
    if (target && match_uses(match, tensor) == 1 && is_redundant(match, target, y)) {
        const struct graph_node *before = match_producer(match, target->inputs[0], -1);
        if (before && before->op != OP_DEQUANTIZELINEAR) {
            tensor = target->inputs[0];
            target = before;
        }
    }
    if (!target || match_uses(match, tensor) != 1 || target->output_count != 1)
        return NULL;
    return target;
}

/* Input `index` of the target, quantised with one scale as the result is. */
bool quant_act_input(const struct match *match, const struct quant_site *site, int32_t index,
                     struct quantized *out_quantized)
{
    return quant_of_input(match, quant_input(site->target, index), out_quantized) &&
           out_quantized->entries == 1 && out_quantized->dtype == site->y.dtype;
}

/* The target's attributes go with its inputs; its note says what it was. */
pum_status quant_become(struct match *match, const struct quant_site *site, int32_t op,
                        const int32_t *inputs, int32_t input_count)
{
    const struct graph_node *target = site->target;
    for (int32_t i = 0; i < input_count; i++)
        if (inputs[i] < GRAPH_NONE)
            return PUM_E_MEMORY;
    return match_rewrite(match, site->index, op, inputs, input_count, target->attrs,
                         target->attr_count, op_rows[target->op].name);
}

/* Marks a tensor that could not be made, which `quant_become` reports. */
int32_t quant_made(int32_t tensor)
{
    return tensor >= 0 ? tensor : GRAPH_NONE - 1;
}

/* --- The other operators ---------------------------------------------------------------------- */

static pum_status fuse_binary(struct match *match, const struct quant_site *site, int32_t op)
{
    struct quantized a, b;
    if (!quant_act_input(match, site, 0, &a) || !quant_act_input(match, site, 1, &b))
        return PUM_OK;
    const int32_t inputs[8] = {a.value,
                               a.scale,
                               quant_made(quant_zero_tensor(match, &a)),
                               b.value,
                               b.scale,
                               quant_made(quant_zero_tensor(match, &b)),
                               site->y.scale,
                               quant_made(quant_zero_tensor(match, &site->y))};
    return quant_become(match, site, op, inputs, 8);
}

static pum_status fuse_unary(struct match *match, const struct quant_site *site, int32_t op)
{
    struct quantized x;
    if (!quant_act_input(match, site, 0, &x))
        return PUM_OK;
    const int32_t inputs[5] = {x.value, x.scale, quant_made(quant_zero_tensor(match, &x)),
                               site->y.scale, quant_made(quant_zero_tensor(match, &site->y))};
    return quant_become(match, site, op, inputs, 5);
}

/* Parts of another scale are converted first. */
static pum_status fuse_concat(struct match *match, const struct quant_site *site)
{
    struct pum_graph *graph = match->graph;
    struct quantized part;
    int32_t count = site->target->input_count;
    for (int32_t i = 0; i < count; i++)
        if (!quant_act_input(match, site, i, &part))
            return PUM_OK;
    int32_t *inputs = pum_alloc(graph->context, (size_t)count, sizeof *inputs);
    if (!inputs)
        return PUM_E_MEMORY;
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        /* Nodes may have moved: tables are nodes. */
        struct quant_site now = *site;
        now.target = target_of(match, &graph->nodes[site->index], &site->y);
        (void)quant_act_input(match, &now, i, &part);
        inputs[i] = quant_convert(match, &part, &site->y);
        if (inputs[i] < 0)
            status = PUM_E_MEMORY;
    }
    if (status == PUM_OK) {
        struct quant_site now = *site;
        now.target = target_of(match, &graph->nodes[site->index], &site->y);
        status = quant_become(match, &now, OP_CONCAT, inputs, count);
    }
    pum_free(graph->context, inputs);
    return status;
}

/* Operators that move elements, or choose among them, do so with the integers. */
static pum_status fuse_move(struct match *match, const struct quant_site *site)
{
    const struct graph_node *target = site->target;
    struct quantized x;
    if (!quant_act_input(match, site, 0, &x) || !quant_same(match, &x, &site->y))
        return PUM_OK;
    int32_t *inputs = pum_alloc(match->graph->context, (size_t)target->input_count, sizeof *inputs);
    if (!inputs)
        return PUM_E_MEMORY;
    memcpy(inputs, target->inputs, (size_t)target->input_count * sizeof *inputs);
    inputs[0] = x.value;
    pum_status status = quant_become(match, site, target->op, inputs, target->input_count);
    pum_free(match->graph->context, inputs);
    return status;
}

static bool moves(const struct match *match, const struct quant_site *site)
{
    int32_t op = site->target->op;
    if (op >= OP_RESHAPE && op <= OP_UNSQUEEZE) /* they stand together in the table */
        return true;
    switch (op) {
    case OP_TRANSPOSE:
    case OP_SLICE:
    case OP_EXPAND:
    case OP_TILE:
    case OP_GATHER:
    case OP_GATHERELEMENTS:
    case OP_DEPTHTOSPACE:
    case OP_SPACETODEPTH:
        return true;
    case OP_MAXPOOL:
        return quant_scale_value(match, &site->y, 0) > 0;
    case OP_RESIZE:
        return strcmp(node_string(site->target, "mode", "nearest"), "nearest") == 0 &&
               strcmp(node_string(site->target, "coordinate_transformation_mode", ""),
                      "tf_crop_and_resize") != 0;
    default:
        return false;
    }
}

static pum_status fuse_site(struct match *match, const struct quant_site *site)
{
    switch (site->target->op) {
    case OP_CONV:
        return quant_fuse_conv(match, site);
    case OP_MATMUL:
        return quant_fuse_matmul(match, site);
    case OP_GEMM:
        return quant_fuse_gemm(match, site);
    case OP_ADD:
        return fuse_binary(match, site, OP_QLINEARADD);
    case OP_MUL:
        return fuse_binary(match, site, OP_QLINEARMUL);
    case OP_AVERAGEPOOL:
        return fuse_unary(match, site, OP_QLINEARAVERAGEPOOL);
    case OP_GLOBALAVERAGEPOOL:
        return fuse_unary(match, site, OP_QLINEARGLOBALAVERAGEPOOL);
    case OP_SOFTMAX:
        return fuse_unary(match, site, OP_QLINEARSOFTMAX);
    case OP_CONCAT:
        return fuse_concat(match, site);
    default:
        return moves(match, site) ? fuse_move(match, site) : PUM_OK;
    }
}

static pum_status fuse_quantize(struct match *match, int32_t index)
{
    const struct graph_node *node = &match->graph->nodes[index];
    struct quant_site site = {.index = index};
    bool done;
    if (!quant_of_output(match, node, &site.y) || node->inputs[0] < 0)
        return PUM_OK;
    PUM_TRY(quant_fuse_table(match, index, &done));
    if (done)
        return PUM_OK;
    site.target = target_of(match, &match->graph->nodes[index], &site.y);
    return site.target ? fuse_site(match, &site) : PUM_OK;
}

pum_status pass_fuse_quant(struct pum_graph *graph)
{
    struct match match;
    bool any = false;
    for (int32_t i = 0; i < graph->node_count && !any; i++)
        any = graph->nodes[i].op == OP_DEQUANTIZELINEAR;
    if (!any)
        return PUM_OK;
    /* Some files have weights as floats and quantise them. */
    PUM_TRY(pass_fold_constants_but(graph, OP_DEQUANTIZELINEAR));
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    int32_t count = graph->node_count; /* without the tables that are inserted */
    for (int32_t i = 0; i < count && status == PUM_OK; i++)
        if (graph->nodes[i].op == OP_QUANTIZELINEAR)
            status = fuse_quantize(&match, i);
    for (int32_t i = 0; i < count && status == PUM_OK; i++)
        if (graph->nodes[i].op == OP_MATMUL || graph->nodes[i].op == OP_GEMM)
            status = quant_fuse_float_product(&match, i);
    match_end(&match);
    PUM_TRY(status);
    PUM_TRY(graph_sort(graph));
    return graph_prune(graph);
}
