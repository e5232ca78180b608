/* SPDX-License-Identifier: MIT
 *
 * arch_pooling.h - from a vector a token to one a text: the pooling of sentence-transformers
 * folders (modules.json, 1_Pooling/config.json), as part of a graph or as a graph of its own.
 * Tests: tests/arch/test_arch.c, tests/arch/test_arch_pooling.c.
 */
#ifndef PUM_ARCH_POOLING_H
#define PUM_ARCH_POOLING_H

#include "image/fault.h"
#include "pumice/pumice_graph.h"

enum arch_pooling_kind {
    ARCH_POOL_NONE = 0,
    ARCH_POOL_CLS,      /* the first token's vector */
    ARCH_POOL_MEAN,     /* mean over the tokens that are no padding */
    ARCH_POOL_MAX,      /* greatest of each component over them */
    ARCH_POOL_MEAN_SQRT /* sum over them by the root of their number */
};

struct arch_pooling {
    enum arch_pooling_kind kind;
    bool normalize; /* to length 1 */
};

/* What a sentence-transformers folder says. */
struct arch_sentence {
    struct arch_pooling pooling; /* kind NONE: the folder has no modules.json */
    int32_t max_length;          /* tokens that the model was made for; 0: not said */
    char *folder;                /* where the transformer itself is: the folder or one below it */
};

/* Reads modules.json and what it names. A folder without it is fine. PUM_E_UNSUPPORTED names a
 * module or a way of pooling that is not known here. */
pum_status arch_sentence_load(const char *folder, struct arch_sentence *out_sentence,
                              struct fault *fault);
void arch_sentence_free(struct arch_sentence *sentence);

/* hidden [batch, length, width] float32, mask [batch, length] int64 -> [batch, width] */
pum_value arch_pool(pum_graph *graph, struct arch_pooling pooling, pum_value hidden,
                    pum_value mask);

/* The same as a graph: inputs hidden and mask, output sentence_embedding. */
pum_status arch_pooling_graph(pum_context *context, struct arch_pooling pooling,
                              pum_graph **out_graph);

#endif
