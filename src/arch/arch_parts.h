/* SPDX-License-Identifier: MIT
 *
 * arch_parts.h - what the architectures share: weights by name with their shapes checked, fields of
 * the configuration, layers, masks, the cutting of pictures into patches. Values are the graph's;
 * its errors are sticky, so nothing is checked in between. Tests: tests/arch/test_arch.c.
 */
#ifndef PUM_ARCH_PARTS_H
#define PUM_ARCH_PARTS_H

#include "arch.h"
#include "hf/hf_json.h"
#include "hf/safetensors.h"

#define ARCH_NAME_BYTES 160
#define ARCH_MAX_SIZE 1000000 /* of any width in a configuration */

/* One model in the making. */
struct arch_builder {
    pum_graph *graph;
    const struct safetensors *weights;
    const struct hf_json *config;
    const struct arch_params *params;
    struct arch_model *model;
    struct fault *fault;
    const char *prefix; /* before every name: "bert." in files of classes with heads, else "" */
    pum_dtype dtype;    /* of the weights in the graph, and of what is computed */
};

pum_status arch_build_bert(struct arch_builder *b);
pum_status arch_build_distilbert(struct arch_builder *b);
pum_status arch_build_roberta(struct arch_builder *b);
pum_status arch_build_vit(struct arch_builder *b);
pum_status arch_build_gpt2(struct arch_builder *b);
pum_status arch_build_clip(struct arch_builder *b);

/* --- arch_weights.c --------------------------------------------------------------------------- */

/* Uses `prefix` if the file has prefix + name, else none. */
void arch_find_prefix(struct arch_builder *b, const char *prefix, const char *name);
bool arch_has_weight(const struct arch_builder *b, const char *at, const char *name);

/* Tensor prefix + at + name in the builder's type. dims -1: any size; the real ones are put there.
 * A missing tensor and a shape that does not fit are the graph's errors. */
pum_value arch_weight(struct arch_builder *b, const char *at, const char *name, int32_t rank,
                      int64_t *dims);
/* x W^T + b with NAME.weight [out, in] and NAME.bias, if there is one. */
pum_value arch_linear(struct arch_builder *b, const char *at, const char *name, pum_value x,
                      int64_t in, int64_t out);
/* x W + b with NAME.weight [in, out]: GPT-2's way. */
pum_value arch_conv1d(struct arch_builder *b, const char *at, const char *name, pum_value x,
                      int64_t in, int64_t out);
/* Layer norm with NAME.weight and NAME.bias (or gamma and beta, as in old files). */
pum_value arch_norm(struct arch_builder *b, const char *at, const char *name, pum_value x,
                    int64_t width, float epsilon);
/* NAME.weight [*out_rows, width] */
pum_value arch_table(struct arch_builder *b, const char *at, const char *name, int64_t width,
                     int64_t *out_rows);

/* --- arch_config.c ---------------------------------------------------------------------------- */

enum arch_activation {
    ARCH_GELU,
    ARCH_GELU_TANH,
    ARCH_QUICK_GELU,
    ARCH_RELU,
    ARCH_SILU,
    ARCH_TANH
};

/* What every transformer has. */
struct arch_sizes {
    int32_t width, inner, layers, heads;
    float epsilon;
    enum arch_activation activation;
};

/* Names of these fields in a configuration; a default of 0 or NULL makes a field required. */
struct arch_size_fields {
    const char *width, *inner, *layers, *heads, *epsilon, *activation;
    int32_t default_width, default_inner, default_layers, default_heads;
    float default_epsilon;
    const char *default_activation;
};
extern const struct arch_size_fields arch_bert_fields; /* hidden_size, num_hidden_layers, ... */

pum_status arch_read_sizes(const struct hf_json *config, const struct arch_size_fields *fields,
                           struct arch_sizes *out_sizes, struct fault *fault);

/* Whether the folder's class is `name`, and its head is wanted. */
bool arch_is_class(const struct arch_builder *b, const char *name);

/* --- arch_blocks.c ---------------------------------------------------------------------------- */

/* Names of a layer's parts, below the layer's own. */
struct arch_layer_names {
    const char *layers; /* "encoder.layer.": a number and a dot follow */
    const char *query, *key, *value, *out, *norm_attention, *up, *down, *norm_mlp;
};
extern const struct arch_layer_names arch_bert_names; /* RoBERTa's too */

struct arch_encoder {
    const struct arch_layer_names *names;
    struct arch_sizes sizes;
    bool norm_first; /* norms before attention and MLP (ViT, CLIP), else behind each sum (BERT) */
    bool causal;
};

/* All layers. `mask` is added to the scores, or PUM_NO_VALUE. */
pum_value arch_encode(struct arch_builder *b, const struct arch_encoder *encoder, pum_value x,
                      pum_value mask);
pum_value arch_activate(struct arch_builder *b, enum arch_activation activation, pum_value x);

/* [batch, length] int64 */
pum_value arch_text_input(struct arch_builder *b, const char *name, const char *batch,
                          const char *length);
/* attention_mask [batch, length], 1 for tokens, as what is added to scores: 0, and the type's least
 * number for padding, [batch, 1, 1, length]. */
pum_value arch_padding_mask(struct arch_builder *b, pum_value mask);
/* Rows 0, 1, ... of a table for the tokens of ids [batch, length]. */
pum_value arch_first_rows(struct arch_builder *b, pum_value table, pum_value ids);
/* The first token's vector: [batch, length, width] -> [batch, width] */
pum_value arch_first_token(struct arch_builder *b, pum_value x);

struct arch_patches {
    int32_t height, width, patch, channels; /* of the picture */
    int64_t count;                          /* patches in it */
};
/* image_size (a number or [height, width]), patch_size, num_channels. */
pum_status arch_read_patches(const struct hf_json *config, int32_t default_patch,
                             struct arch_patches *out_patches, struct fault *fault);
/* pixel_values -> [batch, 1 + count, width]: `first` [width] stands before the patches. */
pum_value arch_embed_patches(struct arch_builder *b, const struct arch_patches *patches,
                             const char *projection, pum_value first, int32_t width,
                             const char *batch);

/* Declares an output as float32. */
void arch_output(struct arch_builder *b, const char *name, pum_value value);
/* last_hidden_state, and sentence_embedding if it is wanted. */
void arch_output_hidden(struct arch_builder *b, pum_value hidden, pum_value mask);
/* A scalar of the builder's type. */
pum_value arch_scalar(struct arch_builder *b, float value);

#endif
