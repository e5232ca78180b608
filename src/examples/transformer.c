/* SPDX-License-Identifier: MIT
 *
 * transformer.c - an encoder-decoder Transformer (Vaswani et al., 2017) as PyTorch's nn.Transformer
 * is one (post-norm, ReLU), with token embeddings, positions, causal decoder and a final linear
 * layer. Its test: ctest -R example_transformer.
 */
#include "example_weights.h"

#include <math.h>
#include <stdio.h>

static const char help[] =
    "transformer - an encoder-decoder Transformer on a Vulkan device\n"
    "\n"
    "Usage: transformer FOLDER\n"
    "\n"
    "FOLDER holds the parameters under PyTorch's names (weights/transformer.encoder.layers.0.\n"
    "self_attn.in_proj_weight.npy, ...), config.txt with width, heads, encoder_layers,\n"
    "decoder_layers and eps, and cases: caseN/in/{source,target}.npy, int64 [batch, length], and\n"
    "caseN/out/logits.npy [batch, target length, vocab]. Every case is run, and the largest\n"
    "difference from the stored output is printed. Exits 1 when it is too large, 77 without a\n"
    "device.\n"
    "\n"
    "  transformer tests/data/torch/transformer\n"
    "\n"
    "How it works (src/examples/transformer.c):\n"
    "  1. Source and target have lengths of their own, both symbols: one session serves all.\n"
    "  2. PyTorch stores the projections of query, key and value in one matrix, in_proj_weight;\n"
    "     its thirds become three constants that borrow the same memory.\n"
    "  3. attend() is self-attention when both arguments are the same, and attention over the\n"
    "     encoder's result otherwise. `causal` hides later tokens; no mask tensor is needed.\n"
    "PUMICE_DEVICE chooses the device; `pumice devices` lists them.\n";

/* What the functions below share. */
struct model {
    struct example *example;
    pum_graph *g;
    int32_t heads;
    float width, epsilon;
};

static pum_value linear(const struct model *m, pum_value x, const char *prefix, const char *name)
{
    return pum_linear(m->g, x, example_weight(m->example, "%s.%s.weight", prefix, name),
                      example_weight(m->example, "%s.%s.bias", prefix, name));
}

static pum_value norm(const struct model *m, pum_value x, const char *prefix, const char *name)
{
    return pum_layer_norm(m->g, x, example_weight(m->example, "%s.%s.weight", prefix, name),
                          example_weight(m->example, "%s.%s.bias", prefix, name), m->epsilon);
}

/* table[tokens] * sqrt(width) + positions[0 .. length) */
static pum_value embed(const struct model *m, pum_value tokens, const char *table)
{
    pum_graph *g = m->g;
    pum_value x = pum_embedding(g, example_weight(m->example, "%s.weight", table), tokens);
    x = pum_mul(g, x, pum_scalar_f32(g, sqrtf(m->width)));

    /* Slice(data, starts, ends, axes): the end is the tokens' length, part of their Shape. */
    pum_value zero = pum_ints(g, 1, (int64_t[]){0}), one = pum_ints(g, 1, (int64_t[]){1});
    pum_value positions = example_weight(m->example, "positions");
    pum_value length = pum_op2(g, "Gather", pum_op1(g, "Shape", tokens), one);
    pum_value inputs[] = {positions, zero, length, zero}, rows = PUM_NO_VALUE;
    pum_node_params slice = {.op = "Slice", .inputs = inputs, .input_count = 4};
    if (pum_node(g, &slice, &rows) != PUM_OK)
        return PUM_NO_VALUE;
    return pum_add(g, x, rows);
}

/* One third of in_proj: 0 query, 1 key, 2 value. */
static pum_value project(const struct model *m, pum_value x, int32_t third, const char *prefix)
{
    return pum_linear(m->g, x,
                      example_weight_part(m->example, third, 3, "%s.in_proj_weight", prefix),
                      example_weight_part(m->example, third, 3, "%s.in_proj_bias", prefix));
}

static pum_value attend(const struct model *m, pum_value x, pum_value memory, bool causal,
                        const char *prefix)
{
    pum_value mixed = pum_attention(m->g, &(pum_attention_params){
                                              .q = project(m, x, 0, prefix),
                                              .k = project(m, memory, 1, prefix),
                                              .v = project(m, memory, 2, prefix),
                                              .mask = PUM_NO_VALUE,
                                              .heads = m->heads,
                                              .causal = causal,
                                          });
    return linear(m, mixed, prefix, "out_proj");
}

static pum_value feed_forward(const struct model *m, pum_value x, const char *prefix)
{
    return linear(m, pum_relu(m->g, linear(m, x, prefix, "linear1")), prefix, "linear2");
}

static pum_value encode(const struct model *m, pum_value x)
{
    int layers = (int)example_number(m->example, "encoder_layers");
    char prefix[64], attention[80];
    for (int i = 0; i < layers; i++) {
        snprintf(prefix, sizeof prefix, "transformer.encoder.layers.%d", i);
        snprintf(attention, sizeof attention, "%s.self_attn", prefix);
        x = norm(m, pum_add(m->g, x, attend(m, x, x, false, attention)), prefix, "norm1");
        x = norm(m, pum_add(m->g, x, feed_forward(m, x, prefix)), prefix, "norm2");
    }
    return norm(m, x, "transformer.encoder", "norm");
}

static pum_value decode(const struct model *m, pum_value x, pum_value memory)
{
    int layers = (int)example_number(m->example, "decoder_layers");
    char prefix[64], attention[80];
    for (int i = 0; i < layers; i++) {
        snprintf(prefix, sizeof prefix, "transformer.decoder.layers.%d", i);
        snprintf(attention, sizeof attention, "%s.self_attn", prefix);
        x = norm(m, pum_add(m->g, x, attend(m, x, x, true, attention)), prefix, "norm1");
        snprintf(attention, sizeof attention, "%s.multihead_attn", prefix);
        x = norm(m, pum_add(m->g, x, attend(m, x, memory, false, attention)), prefix, "norm2");
        x = norm(m, pum_add(m->g, x, feed_forward(m, x, prefix)), prefix, "norm3");
    }
    return norm(m, x, "transformer.decoder", "norm");
}

static void build(struct example *example)
{
    pum_graph *g = example->graph;
    const struct model m = {example, g, (int32_t)example_number(example, "heads"),
                            (float)example_number(example, "width"),
                            (float)example_number(example, "eps")};
    int64_t batch = PUM_DIM(g, "batch");
    pum_value source = pum_input(g, "source", PUM_DTYPE_I64, 2,
                                 (int64_t[]){batch, PUM_DIM(g, "source_length")});
    pum_value target = pum_input(g, "target", PUM_DTYPE_I64, 2,
                                 (int64_t[]){batch, PUM_DIM(g, "target_length")});
    pum_value memory = encode(&m, embed(&m, source, "source_embedding"));
    pum_value x = decode(&m, embed(&m, target, "target_embedding"), memory);
    pum_output(g, "logits",
               pum_linear(g, x, example_weight(example, "final.weight"),
                          example_weight(example, "final.bias")));
}

int main(int argc, char **argv)
{
    return example_main(argc, argv, help, build);
}
