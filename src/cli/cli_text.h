/* SPDX-License-Identifier: MIT
 *
 * cli_text.h - texts for language models: the tokenizer that belongs to a model, how long its texts
 * may be, and the inputs of a run (input_ids, attention_mask, token_type_ids, position_ids) filled
 * from encoded texts.
 */
#ifndef PUM_CLI_TEXT_H
#define PUM_CLI_TEXT_H

#include "cli_network.h"
#include "text/tokenizer.h"

struct cli_text {
    struct tokenizer *tokenizer;
    int32_t max_length; /* tokens at most; 0: any number */
    int32_t length;     /* that the model's inputs are fixed to; 0: any */
    int32_t rows;       /* texts that a run takes; 0: any number */
    int32_t vocabulary; /* the model's ids are below this; 0: not known */
};

/* Whether the model takes tokens. */
bool cli_text_is_input(const struct cli_network *network);

/* Loads the tokenizer (a folder or file; NULL: the model's own) and finds the limits: the model's,
 * the tokenizer's, and `max_length` where it is above 0. Fails if the model has inputs that are no
 * text; `other`, if not NULL, is allowed beside it. */
pum_status cli_text_open(struct cli *cli, struct cli_text *text, const struct cli_network *network,
                         const char *tokenizer, int32_t max_length, const char *other);
void cli_text_close(struct cli_text *text);

/* Encodes texts, padded to the longest; tells on stderr which were cut. */
pum_status cli_text_encode(struct cli *cli, const struct cli_text *text, const char *const *texts,
                           int32_t count, struct token_batch *out_batch);

/* How many rows, from `first` on, go into the next run: at most `most`. */
int32_t cli_text_rows(const struct cli_text *text, const struct token_batch *batch, int32_t first,
                      int32_t most);

/* Gives rows [first, first + count) of a batch. */
pum_status cli_text_give(struct cli *cli, struct cli_network *network,
                         const struct token_batch *batch, int32_t first, int32_t count);

#endif
