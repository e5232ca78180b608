/* SPDX-License-Identifier: MIT
 *
 * builder_guess_program.c - what is known of the results of control flow, sequences and optionals
 * while building: whether a tensor, a list or perhaps nothing, and the element type. Where a result
 * may be several things the answer is PUM_VALUE_NONE, which keeps its users out of plans.
 * Tests: tests/graph/test_builder.c.
 */
#include "ops/builder.h"

#include "ops/axes.h"

struct guess {
    pum_value_kind kind;
    enum pum_dtype dtype;
};

static struct guess guess_of(const struct graph_tensor *tensor)
{
    return tensor == NULL ? (struct guess){PUM_VALUE_NONE, PUM_DTYPE_NONE}
                          : (struct guess){tensor->kind, tensor->desc.dtype};
}

static struct guess guess_input(const struct pum_graph *graph, const struct graph_node *node,
                                int32_t index)
{
    return guess_of(graph_input_of(graph, node, index));
}

/* Output `index` of a body; a body that has none such is planning's to refuse. */
static struct guess guess_body(const struct graph_node *node, const char *attr, int32_t index)
{
    const struct pum_graph *body = node_graph(node, attr);

    if (body == NULL || index >= body->output_count)
        return (struct guess){PUM_VALUE_TENSOR, PUM_DTYPE_NONE};
    return guess_of(&body->tensors[body->outputs[index]]);
}

/* One or the other. */
static struct guess either(struct guess a, struct guess b)
{
    return (struct guess){
        .kind = a.kind == b.kind ? a.kind : PUM_VALUE_NONE,
        .dtype = a.dtype == b.dtype ? a.dtype : PUM_DTYPE_NONE,
    };
}

static struct guess guess_loop(const struct pum_graph *graph, const struct graph_node *node,
                               int32_t output)
{
    const struct pum_graph *body = node_graph(node, "body");
    int64_t captures = node_int(node, "captures", 0);
    struct guess result = guess_body(node, "body", output + 1);

    /* A carried value is the given one if the body never runs. */
    if (body != NULL && output + 2 < body->input_count - captures) {
        struct guess given = guess_input(graph, node, output + 2);
        if (result.dtype == PUM_DTYPE_NONE)
            result.dtype = given.dtype;
        if (result.kind != given.kind)
            result.kind = PUM_VALUE_NONE;
    }
    return result;
}

static struct guess guess_output(const struct pum_graph *graph, const struct graph_node *node,
                                 int32_t output)
{
    struct guess input = guess_input(graph, node, 0);

    switch (node->op) {
    case OP_IF:
        return either(guess_body(node, "then_branch", output),
                      guess_body(node, "else_branch", output));
    case OP_LOOP:
        return guess_loop(graph, node, output);
    case OP_SCAN:
        return guess_body(node, "body", output);
    case OP_SEQUENCEMAP:
        return (struct guess){PUM_VALUE_SEQUENCE, guess_body(node, "body", output).dtype};
    case OP_SEQUENCEEMPTY:
        return (struct guess){PUM_VALUE_SEQUENCE, axes_onnx_dtype(node_int(node, "dtype", 1))};
    case OP_SEQUENCECONSTRUCT:
    case OP_SEQUENCEINSERT:
    case OP_SEQUENCEERASE:
    case OP_SPLITTOSEQUENCE:
        return (struct guess){PUM_VALUE_SEQUENCE, input.dtype};
    case OP_SEQUENCEAT:
    case OP_CONCATFROMSEQUENCE:
        return (struct guess){PUM_VALUE_TENSOR, input.dtype};
    case OP_SEQUENCELENGTH:
        return (struct guess){PUM_VALUE_TENSOR, PUM_DTYPE_I64};
    case OP_OPTIONALHASELEMENT:
        return (struct guess){PUM_VALUE_TENSOR, PUM_DTYPE_BOOL};
    default: /* Optional, OptionalGetElement: a list, or a tensor */
        return (struct guess){input.kind == PUM_VALUE_SEQUENCE && node->op == OP_OPTIONALGETELEMENT
                                  ? PUM_VALUE_SEQUENCE
                                  : PUM_VALUE_NONE,
                              input.dtype};
    }
}

void builder_guess_program(struct pum_graph *graph, const struct graph_node *node)
{
    for (int32_t i = 0; i < node->output_count; i++) {
        struct graph_tensor *output = &graph->tensors[node->outputs[i]];
        struct guess guess = guess_output(graph, node, i);

        output->kind = guess.kind;
        output->desc.dtype = guess.dtype;
        output->rank_hint =
            node->op == OP_SEQUENCELENGTH || node->op == OP_OPTIONALHASELEMENT ? 0 : -1;
    }
}
