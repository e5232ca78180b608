/* SPDX-License-Identifier: MIT
 *
 * cli_embed.h - texts through an encoder: one vector a text, from the model's own output where it
 * has one, else pooled from the vectors of its tokens (arch/arch_pooling.h).
 */
#ifndef PUM_CLI_EMBED_H
#define PUM_CLI_EMBED_H

#include "cli_text.h"

/* NULL and 0: not given. */
struct embed_options {
    const char *pooling, *tokenizer, *folder, *file, *precision;
    int64_t max_length, rows;
    bool normalize;
};

/* Where a text's vector comes from. */
enum embed_source {
    EMBED_OUTPUT, /* an output of the model: one vector a text */
    EMBED_POOLED  /* last_hidden_state, pooled by a graph of its own */
};

struct embedder {
    struct cli_network network;
    struct cli_text text;
    enum embed_source source;
    int32_t output, hidden; /* indices; hidden -1: there is none */
    const char *way;        /* for people: "mean", "pooler_output" */
    struct arch_pooling pooling;
    pum_session *pooler; /* of ONNX models */
    bool normalize;
    struct token_batch batch;
    int32_t width, hidden_width;
    float *vectors; /* [rows, width] */
    float *states;  /* [rows, columns, hidden_width]; NULL: not wanted */
};

/* Opens the model, its tokenizer and what pools. */
pum_status embedder_open(struct cli *cli, const char *path, const struct embed_options *options,
                         struct embedder *e);
void embedder_close(struct embedder *e);

/* Fills batch, vectors and, with_states, states: `most` texts at once. */
pum_status embedder_run(struct cli *cli, struct embedder *e, const char *const *texts,
                        int32_t count, int32_t most, bool with_states);

/* The cosine of the angle between two texts' vectors. */
double embedder_alike(const struct embedder *e, int32_t a, int32_t b);

#endif
