/* SPDX-License-Identifier: MIT
 *
 * builder_guess.c - what can be said of a node's results while some input shapes are unknown: the
 * element type, the rank, and for Shape the number of axes. Readers need these to bring old forms
 * up (the type of a limit, the last axis); planning does not: it infers everything from real
 * shapes. Here stand the operators whose result differs from input 0 in type or rank; a test holds
 * every operator's cases against its shape rule. Tests: tests/graph/test_builder.c.
 */
#include "ops/builder.h"

#include "ops/axes.h"

#include <string.h>

#define UNKNOWN_RANK (-1)

/* --- Type ------------------------------------------------------------------------------------- */

static enum pum_dtype input_dtype(const struct pum_graph *graph, const struct graph_node *node,
                                  int32_t index)
{
    const struct graph_tensor *tensor = graph_input_of(graph, node, index);
    return tensor == NULL ? PUM_DTYPE_NONE : tensor->desc.dtype;
}

static enum pum_dtype first_dtype(const struct pum_graph *graph, const struct graph_node *node)
{
    /* Comparisons stand together in the table. */
    if (node->op >= OP_EQUAL && node->op <= OP_LESSOREQUAL)
        return PUM_DTYPE_BOOL;
    switch (node->op) {
    case OP_ISNAN:
    case OP_ISINF:
        return PUM_DTYPE_BOOL;
    case OP_SHAPE:
    case OP_SIZE:
    case OP_ARGMAX:
    case OP_ARGMIN:
    case OP_NONZERO:
    case OP_NONMAXSUPPRESSION:
        return PUM_DTYPE_I64;
    case OP_CAST:
        return axes_onnx_dtype(node_int(node, "to", 0));
    case OP_CONSTANTOFSHAPE:
        return axes_onnx_dtype(node_int(node, "value_dtype", 1));
    case OP_EYELIKE:
        if (node_attr(node, "dtype") != NULL)
            return axes_onnx_dtype(node_int(node, "dtype", 0));
        return input_dtype(graph, node, 0);
    case OP_TFIDFVECTORIZER:
        return PUM_DTYPE_F32;
    case OP_QUANTIZELINEAR:
        if (graph_input_of(graph, node, 2) != NULL)
            return input_dtype(graph, node, 2);
        return axes_onnx_dtype(node_int(node, "output_dtype", 2));
    case OP_DYNAMICQUANTIZELINEAR:
        return PUM_DTYPE_U8;
    case OP_CONVINTEGER:
    case OP_MATMULINTEGER:
        return PUM_DTYPE_I32;
    case OP_MATMULINTEGERTOFLOAT:
        return PUM_DTYPE_F32;
    case OP_QGEMM:
        return graph_input_of(graph, node, 7) ? input_dtype(graph, node, 8) : PUM_DTYPE_F32;
    case OP_QLINEARCONV:
    case OP_QLINEARMATMUL:
        return input_dtype(graph, node, 7);
    case OP_DEQUANTIZELINEAR:
        return input_dtype(graph, node, 1);
    case OP_HANNWINDOW:
    case OP_HAMMINGWINDOW:
    case OP_BLACKMANWINDOW:
    case OP_MELWEIGHTMATRIX:
        return axes_onnx_dtype(node_int(node, "output_datatype", 1));
    case OP_RANDOMNORMAL:
    case OP_RANDOMUNIFORM:
        return axes_onnx_dtype(node_int(node, "dtype", 1));
    case OP_MULTINOMIAL:
        return axes_onnx_dtype(node_int(node, "dtype", 6));
    case OP_RANDOMNORMALLIKE:
    case OP_RANDOMUNIFORMLIKE:
    case OP_BERNOULLI:
        if (node_attr(node, "dtype") != NULL)
            return axes_onnx_dtype(node_int(node, "dtype", 0));
        return input_dtype(graph, node, 0);
    case OP_WHERE:
    case OP_LOOKUP:
        return input_dtype(graph, node, 1);
    case OP_ONEHOT:
        return input_dtype(graph, node, 2);
    default:
        return input_dtype(graph, node, 0);
    }
}

static enum pum_dtype later_dtype(const struct graph_node *node, enum pum_dtype first)
{
    switch (node->op) {
    case OP_SPLIT:
    case OP_SOFTMAXCROSSENTROPYLOSS:
        return first;
    case OP_TOPK:
    case OP_MAXPOOL:
    case OP_UNIQUE:
    case OP_STRINGSPLIT:
        return PUM_DTYPE_I64;
    case OP_DROPOUT:
        return PUM_DTYPE_BOOL;
    default:
        return PUM_DTYPE_NONE;
    }
}

/* --- Rank ------------------------------------------------------------------------------------- */

static int32_t input_rank(const struct pum_graph *graph, const struct graph_node *node,
                          int32_t index)
{
    const struct graph_tensor *tensor = graph_input_of(graph, node, index);
    return tensor == NULL ? UNKNOWN_RANK : tensor->rank_hint;
}

/* The number of elements of an input that lists axes or sizes; -1: unknown. */
static int32_t list_length(const struct pum_graph *graph, const struct graph_node *node,
                           int32_t index)
{
    const struct graph_tensor *tensor = graph_input_of(graph, node, index);

    if (tensor == NULL || tensor->desc.shape.rank != 1 || tensor->desc.shape.dims[0] < 0 ||
        tensor->desc.shape.dims[0] > PUM_MAX_RANK)
        return UNKNOWN_RANK;
    return (int32_t)tensor->desc.shape.dims[0];
}

static int32_t broadcast_rank(const struct pum_graph *graph, const struct graph_node *node)
{
    int32_t rank = 0;
    for (int32_t i = 0; i < node->input_count; i++) {
        int32_t other = input_rank(graph, node, i);
        if (other == UNKNOWN_RANK)
            return UNKNOWN_RANK;
        rank = other > rank ? other : rank;
    }
    return rank;
}

/* a + b where both are known. */
static int32_t plus(int32_t a, int32_t b, int32_t change)
{
    return a == UNKNOWN_RANK || b == UNKNOWN_RANK ? UNKNOWN_RANK : a + b + change;
}

static int32_t reduced_rank(const struct pum_graph *graph, const struct graph_node *node)
{
    int32_t rank = input_rank(graph, node, 0);

    if (node_int(node, "keepdims", 1) != 0 || rank == UNKNOWN_RANK)
        return rank;
    if (node->op == OP_ARGMAX || node->op == OP_ARGMIN)
        return rank - 1;
    int32_t axes = list_length(graph, node, 1);
    if (graph_input_of(graph, node, 1) == NULL)
        return node_int(node, "noop_with_empty_axes", 0) != 0 ? rank : 0;
    return axes < 1 ? UNKNOWN_RANK : rank - axes; /* an empty list means all, or none */
}

static int32_t matmul_rank(int32_t a, int32_t b)
{
    if (a == UNKNOWN_RANK || b == UNKNOWN_RANK)
        return UNKNOWN_RANK;
    if (a == 1 || b == 1)
        return a + b - 2;
    return a > b ? a : b;
}

static int32_t expanded_rank(int32_t rank, int32_t length)
{
    if (rank == UNKNOWN_RANK || length == UNKNOWN_RANK)
        return UNKNOWN_RANK;
    return rank > length ? rank : length;
}

static int32_t first_rank(const struct pum_graph *graph, const struct graph_node *node)
{
    int32_t rank = input_rank(graph, node, 0);
    int32_t second = input_rank(graph, node, 1);
    int32_t length = list_length(graph, node, 1);

    /* Families stand together in the table. */
    if (node->op >= OP_ADD && node->op <= OP_WHERE && node->op != OP_BITWISENOT)
        return broadcast_rank(graph, node);
    if (node->op >= OP_REDUCESUM && node->op <= OP_ARGMIN)
        return reduced_rank(graph, node);
    switch (node->op) {
    case OP_SHAPE:
    case OP_RANGE:
    case OP_HANNWINDOW:
    case OP_HAMMINGWINDOW:
    case OP_BLACKMANWINDOW:
        return 1;
    case OP_RANDOMNORMAL:
    case OP_RANDOMUNIFORM:
        (void)node_ints(node, "shape", &length);
        return length;
    case OP_NEGATIVELOGLIKELIHOODLOSS:
    case OP_SOFTMAXCROSSENTROPYLOSS:
        return second >= 0 && strcmp(node_string(node, "reduction", "mean"), "none") != 0 ? 0
                                                                                         : second;
    case OP_STRINGCONCAT:
        return broadcast_rank(graph, node);
    case OP_RNN:
    case OP_GRU:
    case OP_LSTM:
    case OP_STFT:
    case OP_ROIALIGN:
    case OP_MAXROIPOOL:
        return 4;
    case OP_AFFINEGRID:
        return list_length(graph, node, 1);
    case OP_COL2IM:
        return plus(list_length(graph, node, 1), 2, 0);
    case OP_DET:
        return plus(rank, 0, -2);
    case OP_SIZE:
        return 0;
    case OP_GEMM:
    case OP_FLATTEN:
    case OP_NONZERO:
    case OP_NONMAXSUPPRESSION:
    case OP_MELWEIGHTMATRIX:
    case OP_MULTINOMIAL:
        return 2;
    case OP_COMPRESS:
    case OP_UNIQUE:
        return node_attr(node, "axis") == NULL ? 1 : rank;
    case OP_MATMUL:
    case OP_MATMULINTEGER:
    case OP_MATMULINTEGERTOFLOAT:
        return matmul_rank(rank, second);
    case OP_QLINEARADD:
    case OP_QLINEARMUL:
        return expanded_rank(rank, input_rank(graph, node, 3));
    case OP_QLINEARMATMUL:
        return matmul_rank(rank, input_rank(graph, node, 3));
    case OP_RESHAPE:
        return length;
    case OP_CONSTANTOFSHAPE:
        return list_length(graph, node, 0);
    case OP_EXPAND:
        return expanded_rank(rank, length);
    case OP_SQUEEZE:
        return length == UNKNOWN_RANK ? UNKNOWN_RANK : plus(rank, 0, -length);
    case OP_UNSQUEEZE:
        return plus(rank, length, 0);
    case OP_GATHER:
        return plus(rank, second, -1);
    case OP_ONEHOT:
    case OP_STRINGSPLIT:
        return plus(rank, 1, 0);
    case OP_GATHERND:
    case OP_EINSUM:
        return UNKNOWN_RANK;
    default:
        return rank;
    }
}

/* Shape of a tensor of known rank is a list of known length; Reshape to plain sizes is known. */
static void guess_shape(const struct pum_graph *graph, const struct graph_node *node,
                        struct graph_tensor *output)
{
    const struct graph_tensor *list = graph_input_of(graph, node, 1);

    if (node->op == OP_SIZE)
        output->desc.shape = (struct shape){0};
    if (node->op == OP_SHAPE && input_rank(graph, node, 0) != UNKNOWN_RANK &&
        node_attr(node, "start") == NULL && node_attr(node, "end") == NULL) {
        int64_t length = input_rank(graph, node, 0);
        output->desc.shape = shape_of(1, &length);
    }
    if (node->op == OP_RESHAPE && list != NULL && list->data != NULL &&
        list->desc.dtype == PUM_DTYPE_I64 && output->rank_hint != UNKNOWN_RANK) {
        struct shape shape = shape_of(output->rank_hint, list->data);
        int64_t count;
        for (int32_t i = 0; i < shape.rank; i++) {
            if (shape.dims[i] < 1)
                return;
        }
        if (shape_count(&shape, &count))
            output->desc.shape = shape;
    }
}

void builder_guess(struct pum_graph *graph, const struct graph_node *node)
{
    enum pum_dtype dtype = first_dtype(graph, node);
    int32_t rank = first_rank(graph, node);

    if (op_rows[node->op].lowering->program) {
        builder_guess_program(graph, node);
        return;
    }
    if (node->op == OP_IDENTITY && graph_input_of(graph, node, 0) != NULL) /* also of lists */
        graph->tensors[node->outputs[0]].kind = graph_input_of(graph, node, 0)->kind;
    for (int32_t i = 0; i < node->output_count; i++) {
        struct graph_tensor *output = &graph->tensors[node->outputs[i]];
        bool like_first = i == 0 || node->op == OP_SPLIT || node->op == OP_TOPK ||
                          node->op == OP_MAXPOOL || node->op == OP_DROPOUT;
        output->desc.dtype = i == 0 ? dtype : later_dtype(node, dtype);
        output->rank_hint = like_first && rank <= PUM_MAX_RANK ? rank : UNKNOWN_RANK;
        if (node->op == OP_UNIQUE && i > 0)
            output->rank_hint = 1;
        if (output->rank_hint < 0)
            output->rank_hint = UNKNOWN_RANK;
        if (i == 0)
            guess_shape(graph, node, output);
    }
}
