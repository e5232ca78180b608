/* SPDX-License-Identifier: MIT
 *
 * arch.h - a Hugging Face folder (config.json and safetensors) as a graph: BERT, DistilBERT,
 * RoBERTa, ViT, GPT-2 and CLIP. Ports have the names that ONNX exports of these models use; integer
 * inputs are int64, all else is float32 whatever the weights are. Batch and length are symbols.
 * Tests: tests/arch/test_arch.c.
 */
#ifndef PUM_ARCH_ARCH_H
#define PUM_ARCH_ARCH_H

#include "arch_pooling.h"

/* Which part of the model. */
enum arch_part {
    /* What the folder's class computes: logits of a classifier or of GPT-2; last_hidden_state (and
     * pooler_output) of a plain encoder; all of CLIP's outputs. */
    ARCH_WHOLE = 0,
    ARCH_BASE, /* without its head: last_hidden_state, and pooler_output where there is a pooler */
    /* CLIP: input_ids, attention_mask -> last_hidden_state, pooler_output, text_embeds */
    ARCH_TEXT,
    ARCH_VISION /* CLIP: pixel_values -> last_hidden_state, pooler_output, image_embeds */
};

/* Zero: the whole model in the precision of its file. */
struct arch_params {
    enum arch_part part;
    /* Weights and computation: PUM_DTYPE_F32 or F16. NONE: as most of the weights are (bfloat16 and
     * double: F32). Devices without float16 compute in float32 either way. */
    pum_dtype dtype;
    /* GPT-2: past_key_values.N.{key,value} [batch, heads, past, head_dim] go in, present.N.* (past
     * and the new tokens) come out; attention_mask covers both; position_ids is an input. */
    bool cache;
    bool last_token; /* GPT-2: logits of the last token alone, [batch, 1, vocabulary] */
    /* Text encoders, with ARCH_BASE: one more output "sentence_embedding". */
    struct arch_pooling pooling;
};

/* A built model. */
struct arch_model {
    pum_graph *graph;
    const char *family;                /* config.json's model_type, as known here: "bert" */
    int32_t width;                     /* of last_hidden_state */
    int32_t max_length;                /* tokens at most; 0: takes no text */
    int32_t vocabulary;                /* token ids are below this */
    int32_t image_height, image_width; /* of pixel_values; 0: takes no picture */
};

/* Builds the model of a folder. Errors say what in which file: PUM_E_FILE, PUM_E_FORMAT (a missing
 * field or tensor, a shape that does not fit the configuration), PUM_E_UNSUPPORTED (an architecture
 * or option that is not known here), PUM_E_ARGUMENT (a part that the model does not have). */
pum_status arch_open(pum_context *context, const char *folder, const struct arch_params *params,
                     struct arch_model *out_model, struct fault *fault);
void arch_close(struct arch_model *model);

#endif
