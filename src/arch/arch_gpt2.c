/* SPDX-License-Identifier: MIT
 *
 * arch_gpt2.c - GPT-2 (Radford et al., 2019): GPT2Model and GPT2LMHeadModel, whose output layer is
 * the table of words unless the file has one of its own. With a cache, keys and values of earlier
 * tokens are inputs, and those of all tokens are outputs. Tests: tests/arch/test_arch.c.
 */
#include "arch_parts.h"

#include <math.h>
#include <stdio.h>

static const struct arch_size_fields fields = {
    .width = "n_embd",
    .inner = "n_inner",
    .layers = "n_layer",
    .heads = "n_head",
    .epsilon = "layer_norm_epsilon",
    .activation = "activation_function",
    .default_inner = -1, /* four times the width */
    .default_epsilon = 1e-5f,
    .default_activation = "gelu_new",
};

struct gpt2 {
    struct arch_builder *b;
    struct arch_sizes sizes;
    pum_value mask; /* additive */
    bool scale_by_layer;
};

/* The keys (or values) of this step behind those of earlier ones; all of them are an output. */
static pum_value with_past(const struct gpt2 *gpt2, int32_t layer, const char *kind, pum_value x)
{
    struct arch_builder *b = gpt2->b;
    pum_graph *g = b->graph;
    int32_t heads = gpt2->sizes.heads;
    int64_t dims[] = {PUM_DIM(g, "batch"), heads, PUM_DIM(g, "past"), gpt2->sizes.width / heads};
    char name[64];
    snprintf(name, sizeof(name), "past_key_values.%d.%s", layer, kind);
    pum_value past = pum_input(g, name, PUM_DTYPE_F32, 4, dims);
    if (b->dtype != PUM_DTYPE_F32)
        past = pum_cast(g, past, b->dtype);
    x = pum_reshape(g, x, 4, (int64_t[]){0, 0, heads, gpt2->sizes.width / heads});
    x = pum_transpose(g, x, 4, (int64_t[]){0, 2, 1, 3});
    x = pum_concat(g, 2, 2, (pum_value[]){past, x});
    snprintf(name, sizeof(name), "present.%d.%s", layer, kind);
    arch_output(b, name, x);
    return x;
}

static pum_value attend(const struct gpt2 *gpt2, int32_t layer, const char *at, pum_value x)
{
    struct arch_builder *b = gpt2->b;
    int32_t width = gpt2->sizes.width;
    pum_value all = arch_conv1d(b, at, "attn.c_attn", x, width, 3 * width);
    pum_attention_params params = {
        .q = pum_slice(b->graph, all, 2, 0, width),
        .k = pum_slice(b->graph, all, 2, width, 2 * width),
        .v = pum_slice(b->graph, all, 2, 2 * width, 3 * width),
        .mask = gpt2->mask,
        .heads = gpt2->sizes.heads,
        .causal = true,
    };
    if (b->params->cache) {
        params.k = with_past(gpt2, layer, "key", params.k);
        params.v = with_past(gpt2, layer, "value", params.v);
        params.heads_apart = true;
    }
    if (gpt2->scale_by_layer)
        params.scale = 1 / (sqrtf((float)(width / gpt2->sizes.heads)) * (float)(layer + 1));
    return arch_conv1d(b, at, "attn.c_proj", pum_attention(b->graph, &params), width, width);
}

static pum_value layer_of(const struct gpt2 *gpt2, int32_t layer, pum_value x)
{
    struct arch_builder *b = gpt2->b;
    const struct arch_sizes *sizes = &gpt2->sizes;
    char at[ARCH_NAME_BYTES];
    snprintf(at, sizeof(at), "h.%d.", layer);
    pum_value y = arch_norm(b, at, "ln_1", x, sizes->width, sizes->epsilon);
    x = pum_add(b->graph, attend(gpt2, layer, at, y), x);
    y = arch_norm(b, at, "ln_2", x, sizes->width, sizes->epsilon);
    y = arch_activate(b, sizes->activation,
                      arch_conv1d(b, at, "mlp.c_fc", y, sizes->width, sizes->inner));
    return pum_add(b->graph, arch_conv1d(b, at, "mlp.c_proj", y, sizes->inner, sizes->width), x);
}

static pum_status read_options(struct arch_builder *b, struct gpt2 *gpt2)
{
    bool scaled = true;
    pum_status status = arch_read_sizes(b->config, &fields, &gpt2->sizes, b->fault);
    if (status == PUM_OK && gpt2->sizes.inner < 0)
        gpt2->sizes.inner = 4 * gpt2->sizes.width;
    if (status == PUM_OK)
        status = hf_json_bool_or(b->config, "scale_attn_weights", true, &scaled, b->fault);
    if (status == PUM_OK && !scaled)
        return fault_set(b->fault, PUM_E_UNSUPPORTED,
                         "%.500s: scale_attn_weights false is not "
                         "supported",
                         b->config->place);
    if (status == PUM_OK)
        status = hf_json_bool_or(b->config, "scale_attn_by_inverse_layer_idx", false,
                                 &gpt2->scale_by_layer, b->fault);
    return status;
}

static void add_head(struct arch_builder *b, pum_value x, pum_value words, int32_t width)
{
    if (b->params->last_token)
        x = pum_slice(b->graph, x, 1, -1, INT64_MAX);
    b->prefix = "";
    if (arch_has_weight(b, "", "lm_head.weight"))
        words = arch_weight(b, "", "lm_head.weight", 2, (int64_t[]){-1, width});
    arch_output(b, "logits", pum_linear(b->graph, x, words, PUM_NO_VALUE));
}

pum_status arch_build_gpt2(struct arch_builder *b)
{
    struct gpt2 gpt2 = {.b = b};
    int64_t rows, positions;
    pum_status status = read_options(b, &gpt2);
    if (status != PUM_OK)
        return status;
    const struct arch_sizes *sizes = &gpt2.sizes;
    b->model->width = sizes->width;
    arch_find_prefix(b, "transformer.", "wte.weight");
    pum_value words = arch_table(b, "", "wte", sizes->width, &rows);
    pum_value table = arch_table(b, "", "wpe", sizes->width, &positions);
    b->model->max_length = (int32_t)positions;
    b->model->vocabulary = (int32_t)rows;
    pum_value ids = arch_text_input(b, "input_ids", "batch", "length");
    gpt2.mask =
        arch_text_input(b, "attention_mask", "batch", b->params->cache ? "total" : "length");
    pum_value mask = gpt2.mask;
    gpt2.mask = arch_padding_mask(b, mask);
    pum_value places =
        b->params->cache
            ? pum_embedding(b->graph, table, arch_text_input(b, "position_ids", "batch", "length"))
            : arch_first_rows(b, table, ids);
    pum_value x = pum_add(b->graph, pum_embedding(b->graph, words, ids), places);
    bool head = arch_is_class(b, "GPT2LMHeadModel");
    for (int32_t i = 0; i < sizes->layers && pum_graph_status(b->graph) == PUM_OK; i++)
        x = layer_of(&gpt2, i, x);
    x = arch_norm(b, "", "ln_f", x, sizes->width, sizes->epsilon);
    if (head)
        add_head(b, x, words, sizes->width);
    else
        arch_output_hidden(b, x, mask);
    return PUM_OK;
}
