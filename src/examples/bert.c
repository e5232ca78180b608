/* SPDX-License-Identifier: MIT
 *
 * bert.c - a BERT-shaped encoder (Devlin et al., 2018): embeddings, post-norm layers of attention
 * and exact GELU, a padding mask, the pooler. Its test: ctest -R example_bert.
 */
#include "example_weights.h"

#include <stdio.h>

static const char help[] =
    "bert - a BERT encoder on a Vulkan device\n"
    "\n"
    "Usage: bert FOLDER\n"
    "\n"
    "FOLDER holds the parameters under the names of BERT's files (weights/embeddings.\n"
    "word_embeddings.weight.npy, ...), config.txt with heads, layers and eps, and cases:\n"
    "caseN/in/{input_ids,token_type_ids,attention_mask}.npy, int64 [batch, length], and\n"
    "caseN/out/{last_hidden_state,pooler_output}.npy. Every case is run, and the largest\n"
    "difference from the stored outputs is printed. Exits 1 when it is too large, 77 without\n"
    "a device.\n"
    "\n"
    "  bert tests/data/torch/bert\n"
    "\n"
    "How it works (src/examples/bert.c):\n"
    "  1. `batch` and `length` are symbols: one graph and one session serve every size, and each\n"
    "     size is planned once.\n"
    "  2. The first `length` rows of the position table are a Slice whose end is the input's own\n"
    "     Shape. Operators without a shorthand are added by pum_node under their ONNX names.\n"
    "  3. attention_mask (1 token, 0 padding) becomes (1 - mask) * -10000, which pum_attention\n"
    "     adds to the scores: [batch, 1, 1, length], broadcast over heads and queries.\n"
    "PUMICE_DEVICE chooses the device; `pumice devices` lists them.\n";

/* What the functions below share. */
struct bert {
    struct example *example;
    pum_graph *g;
    int32_t heads;
    float epsilon;
};

/* An operator by its ONNX name, with one attribute at most. */
static pum_value node(pum_graph *g, const char *op, const pum_value *inputs, int32_t count,
                      const pum_attr *attr)
{
    pum_value out = PUM_NO_VALUE;
    pum_node_params params = {.op = op, .inputs = inputs, .input_count = count, .attrs = attr,
                              .attr_count = attr ? 1 : 0};
    return pum_node(g, &params, &out) == PUM_OK ? out : PUM_NO_VALUE;
}

static pum_value linear(const struct bert *bert, pum_value x, const char *name)
{
    return pum_linear(bert->g, x, example_weight(bert->example, "%s.weight", name),
                      example_weight(bert->example, "%s.bias", name));
}

static pum_value norm(const struct bert *bert, pum_value x, const char *name)
{
    return pum_layer_norm(bert->g, x, example_weight(bert->example, "%s.weight", name),
                          example_weight(bert->example, "%s.bias", name), bert->epsilon);
}

/* embeddings of words, types and the first `length` positions, summed */
static pum_value embed(const struct bert *bert, pum_value ids, pum_value types)
{
    pum_graph *g = bert->g;
    pum_value words = example_weight(bert->example, "embeddings.word_embeddings.weight");
    pum_value kinds = example_weight(bert->example, "embeddings.token_type_embeddings.weight");
    pum_value table = example_weight(bert->example, "embeddings.position_embeddings.weight");
    pum_value length = node(g, "Slice",
                            (pum_value[]){pum_op1(g, "Shape", ids), pum_ints(g, 1, (int64_t[]){1}),
                                          pum_ints(g, 1, (int64_t[]){2})}, 3, NULL);
    pum_value places = node(g, "Slice",
                            (pum_value[]){table, pum_ints(g, 1, (int64_t[]){0}), length,
                                          pum_ints(g, 1, (int64_t[]){0})}, 4, NULL);
    pum_value sum = pum_add(g, pum_embedding(g, words, ids), pum_embedding(g, kinds, types));
    return norm(bert, pum_add(g, sum, places), "embeddings.LayerNorm");
}

/* (1 - mask) * -10000 as [batch, 1, 1, length] */
static pum_value additive_mask(pum_graph *g, pum_value mask)
{
    pum_attr to_float = {.name = "to", .kind = PUM_ATTR_INT, .i = 1 /* ONNX's number of float32 */};
    pum_value ones = node(g, "Cast", &mask, 1, &to_float);
    ones = node(g, "Unsqueeze", (pum_value[]){ones, pum_ints(g, 2, (int64_t[]){1, 2})}, 2, NULL);
    pum_value padding = pum_op2(g, "Sub", pum_scalar_f32(g, 1), ones);
    return pum_mul(g, padding, pum_scalar_f32(g, -10000));
}

static pum_value layer(const struct bert *bert, int number, pum_value x, pum_value mask)
{
    pum_graph *g = bert->g;
    char prefix[64], name[128];
#define NAMED(part) (snprintf(name, sizeof name, "%s.%s", prefix, part), name)
    snprintf(prefix, sizeof prefix, "encoder.layer.%d", number);
    pum_value mixed = pum_attention(g, &(pum_attention_params){
                                           .q = linear(bert, x, NAMED("attention.self.query")),
                                           .k = linear(bert, x, NAMED("attention.self.key")),
                                           .v = linear(bert, x, NAMED("attention.self.value")),
                                           .mask = mask,
                                           .heads = bert->heads,
                                       });
    mixed = linear(bert, mixed, NAMED("attention.output.dense"));
    x = norm(bert, pum_add(g, mixed, x), NAMED("attention.output.LayerNorm"));
    pum_value inner = pum_gelu(g, linear(bert, x, NAMED("intermediate.dense")));
    inner = linear(bert, inner, NAMED("output.dense"));
    return norm(bert, pum_add(g, inner, x), NAMED("output.LayerNorm"));
#undef NAMED
}

static void build(struct example *example)
{
    pum_graph *g = example->graph;
    const struct bert bert = {example, g, (int32_t)example_number(example, "heads"),
                              (float)example_number(example, "eps")};
    int64_t dims[] = {PUM_DIM(g, "batch"), PUM_DIM(g, "length")};
    pum_value ids = pum_input(g, "input_ids", PUM_DTYPE_I64, 2, dims);
    pum_value types = pum_input(g, "token_type_ids", PUM_DTYPE_I64, 2, dims);
    pum_value mask = additive_mask(g, pum_input(g, "attention_mask", PUM_DTYPE_I64, 2, dims));
    pum_value x = embed(&bert, ids, types);
    int layers = (int)example_number(example, "layers");
    for (int i = 0; i < layers; i++)
        x = layer(&bert, i, x, mask);
    pum_output(g, "last_hidden_state", x);

    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 1};
    pum_value zero = pum_constant_copy(g, NULL, PUM_DTYPE_I64, 0, NULL, &(int64_t){0}, 8);
    pum_value first = node(g, "Gather", (pum_value[]){x, zero}, 2, &axis); /* [batch, width] */
    pum_output(g, "pooler_output", pum_op1(g, "Tanh", linear(&bert, first, "pooler.dense")));
}

int main(int argc, char **argv)
{
    return example_main(argc, argv, help, build);
}
