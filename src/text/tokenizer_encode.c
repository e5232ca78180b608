/* SPDX-License-Identifier: MIT
 *
 * tokenizer_encode.c - texts to a batch of ids: each text is cut at added tokens, normalized, cut
 * into words, and its words into tokens; then rows are cut to length, put into the template and
 * padded. See tokenizer.h.
 */
#include "tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#define LETTER_FOR_BLANK 0x120u
/* Cells of a batch; each takes 44 bytes. */
#define MAX_CELLS (INT64_C(1) << 26)

/* A token of one text. lead, trail: white space that its text begins and ends with. */
struct row_token {
    int32_t id;
    uint32_t begin, end;
    uint32_t lead, trail;
};

struct row_tokens {
    struct row_token *items;
    size_t count, room;
};

/* A token in its place in a row. */
struct placed {
    int32_t id, type_id;
    struct token_span span;
};

struct encoding {
    const struct tokenizer *tokenizer;
    struct tokenizer_options options;
    struct text_work work;
    struct word_tokens word;
    struct row_tokens tokens[2]; /* of the text and its pair */
    struct placed *placed;       /* all rows, one after the other */
    size_t placed_count, placed_room;
    int32_t longest;
    bool stopped; /* pieces of this row were left out, the limit being reached */
    struct fault *fault;
};

/* --- one text --------------------------------------------------------------------------------- */

static bool is_blank(uint32_t c)
{
    return c == LETTER_FOR_BLANK || char_is_space(c);
}

static void count_blanks(const char *text, size_t size, uint32_t *out_lead, uint32_t *out_trail)
{
    size_t begin = 0, end = size, length;
    *out_lead = *out_trail = 0;
    while (begin < size && is_blank(utf8_next(text + begin, &length))) {
        begin += length;
        ++*out_lead;
    }
    while (end > 0) {
        size_t before = utf8_before(text, end);
        if (!is_blank(utf8_next(text + before, &length)))
            break;
        end = before;
        ++*out_trail;
    }
}

static pum_status add_token(struct encoding *e, struct row_tokens *tokens, struct row_token token)
{
    if (!array_reserve((void **)&tokens->items, &tokens->room, tokens->count + 1,
                       sizeof(*tokens->items)))
        return text_no_memory(&e->work);
    tokens->items[tokens->count++] = token;
    return PUM_OK;
}

/* The tokens of one piece, with the parts of the original text that they come from. */
static pum_status encode_piece(struct encoding *e, const struct text_piece *piece,
                               struct row_tokens *tokens)
{
    const struct tokenizer *t = e->tokenizer;
    const struct origin *origins = e->work.now.origins + piece->begin;
    const char *bytes = e->work.now.bytes + piece->begin;
    size_t size = piece->end - piece->begin;
    bool trim = t->form.trim;
    e->word.count = 0;
    pum_status status = piece->token >= 0
                            ? word_tokens_add(&e->word, &e->work, piece->token, 0, size)
                            : token_model_run(&t->model, &e->work, bytes, size, &e->word);
    for (size_t i = 0; i < e->word.count && status == PUM_OK; i++) {
        struct word_token word = e->word.items[i];
        struct row_token token = {
            .id = word.id, .begin = origins[word.begin].begin, .end = origins[word.end - 1].end};
        const struct token_entry *entry = token_table_entry(&t->model.vocab, word.id);
        if (trim && piece->token >= 0)
            count_blanks(bytes, size, &token.lead, &token.trail);
        else if (trim && entry != NULL)
            count_blanks(t->model.vocab.bytes + entry->offset, entry->length, &token.lead,
                         &token.trail);
        status = add_token(e, tokens, token);
    }
    return status;
}

/* Pieces from the left until `limit` tokens are there; added tokens alone do not end it, as in the
 * reference. */
static pum_status encode_from_left(struct encoding *e, struct row_tokens *tokens, size_t limit)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < e->work.pieces.count && status == PUM_OK; i++) {
        struct text_piece piece = e->work.pieces.items[i];
        status = encode_piece(e, &piece, tokens);
        if (piece.token < 0 && tokens->count >= limit) {
            e->stopped = e->stopped || i + 1 < e->work.pieces.count;
            break;
        }
    }
    return status;
}

static void reverse(struct row_token *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct row_token item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

static pum_status encode_from_right(struct encoding *e, struct row_tokens *tokens, size_t limit)
{
    pum_status status = PUM_OK;
    for (size_t i = e->work.pieces.count; i > 0 && status == PUM_OK; i--) {
        struct text_piece piece = e->work.pieces.items[i - 1];
        size_t before = tokens->count;
        status = encode_piece(e, &piece, tokens);
        if (tokens->count > before)
            reverse(tokens->items + before, tokens->count - before);
        if (piece.token < 0 && tokens->count >= limit) {
            e->stopped = e->stopped || i > 1;
            break;
        }
    }
    if (tokens->count > 0)
        reverse(tokens->items, tokens->count);
    return status;
}

static pum_status encode_text(struct encoding *e, const char *text, size_t size, int source)
{
    const struct tokenizer *t = e->tokenizer;
    struct row_tokens *tokens = &e->tokens[source];
    tokens->count = 0;
    if (size > TOKENIZER_MAX_TEXT_BYTES)
        return fault_set(e->fault, PUM_E_LIMIT,
                         "a text of %zu bytes; at most 16 MiB can be encoded: split it", size);
    pum_status status = text_begin(&e->work, text, size);
    if (status == PUM_OK)
        status = added_tokens_split(&t->added, &e->work, false);
    if (status == PUM_OK)
        status = normalizer_run(&t->normalizer, &e->work);
    if (status == PUM_OK)
        status = added_tokens_split(&t->added, &e->work, true);
    if (status == PUM_OK)
        status = pre_tokenizer_run(&t->pre, &e->work);
    if (status != PUM_OK)
        return status;
    bool limited = e->options.max_length > 0 &&
                   !(e->options.truncation == TOKENIZER_ONLY_SECOND && source == 0);
    size_t limit = limited ? (size_t)e->options.max_length : SIZE_MAX;
    return e->options.cut_side == TOKENIZER_LEFT ? encode_from_right(e, tokens, limit)
                                                 : encode_from_left(e, tokens, limit);
}

/* --- cutting ---------------------------------------------------------------------------------- */

static void cut_tokens(const struct encoding *e, struct row_tokens *tokens, size_t count)
{
    if (count >= tokens->count)
        return;
    if (e->options.cut_side == TOKENIZER_LEFT)
        memmove(tokens->items, tokens->items + tokens->count - count,
                count * sizeof(*tokens->items));
    tokens->count = count;
}

/* The longer of the two gives way until both are equal; then both. */
static void cut_longest(struct encoding *e, size_t room)
{
    size_t first = e->tokens[0].count, second = e->tokens[1].count;
    bool swap = first > second;
    size_t shorter = swap ? second : first, longer;
    if (shorter > room)
        longer = shorter;
    else
        longer = shorter > room - shorter ? shorter : room - shorter;
    if (shorter + longer > room) {
        shorter = room / 2;
        longer = room - shorter;
    }
    cut_tokens(e, &e->tokens[0], swap ? longer : shorter);
    cut_tokens(e, &e->tokens[1], swap ? shorter : longer);
}

static pum_status cut_row(struct encoding *e, const struct template_parts *parts, bool has_pair,
                          bool *out_cut)
{
    size_t special = e->options.plain ? 0 : (size_t)parts->special_count;
    size_t most = (size_t)e->options.max_length;
    size_t count = e->tokens[0].count + (has_pair ? e->tokens[1].count : 0);
    *out_cut = e->stopped;
    if (most == 0)
        return PUM_OK;
    if (most < special)
        return fault_set(e->fault, PUM_E_ARGUMENT,
                         "a length of %zu has no room for the %zu special tokens", most, special);
    size_t room = most - special;
    if (count <= room)
        return PUM_OK;
    *out_cut = true;
    if (e->options.truncation == TOKENIZER_LONGEST_FIRST) {
        if (has_pair)
            cut_longest(e, room);
        else
            cut_tokens(e, &e->tokens[0], room);
        return PUM_OK;
    }
    int source = e->options.truncation == TOKENIZER_ONLY_SECOND;
    if (source == 1 && !has_pair)
        return fault_set(e->fault, PUM_E_ARGUMENT,
                         "only the second text may be cut, and there is none");
    size_t excess = count - room;
    if (e->tokens[source].count <= excess)
        return fault_set(e->fault, PUM_E_ARGUMENT,
                         "a length of %zu cannot be reached by cutting the %s text alone", most,
                         source == 0 ? "first" : "second");
    cut_tokens(e, &e->tokens[source], e->tokens[source].count - excess);
    return PUM_OK;
}

/* --- placing ---------------------------------------------------------------------------------- */

/* Moves `count` characters on from `at`, at most to `end`. */
static uint32_t skip_characters(const char *text, size_t text_bytes, uint32_t at, uint32_t end,
                                uint32_t count)
{
    size_t length;
    for (; count > 0 && at < end; count--) {
        (void)utf8_read(text + at, text_bytes - at, &length, NULL);
        at += (uint32_t)length;
    }
    return at < end ? at : end;
}

/* Offsets without white space; what add_prefix_space has put first was never in the text. */
static void trim_span(const struct token_template *form, const char *text, size_t text_bytes,
                      bool first, struct row_token *token)
{
    uint32_t lead = token->lead;
    if (lead > 0) {
        if ((first || token->begin == 0) && form->trim_keep && lead == 1)
            lead = 0;
        token->begin = skip_characters(text, text_bytes, token->begin, token->end, lead);
    }
    if (token->trail > 0) {
        uint32_t count = 0;
        for (uint32_t at = token->begin; at < token->end; count++)
            at = skip_characters(text, text_bytes, at, token->end, 1);
        token->end = count <= token->trail ? token->begin
                                           : skip_characters(text, text_bytes, token->begin,
                                                             token->end, count - token->trail);
    }
}

static pum_status place(struct encoding *e, int32_t id, int32_t type_id, struct token_span span)
{
    if (!array_reserve((void **)&e->placed, &e->placed_room, e->placed_count + 1,
                       sizeof(*e->placed)))
        return text_no_memory(&e->work);
    e->placed[e->placed_count++] = (struct placed){id, type_id, span};
    return PUM_OK;
}

static pum_status place_text(struct encoding *e, const struct tokenizer_text *text, int32_t source,
                             int32_t type_id)
{
    pum_status status = PUM_OK;
    const struct row_tokens *tokens = &e->tokens[source];
    for (size_t i = 0; i < tokens->count && status == PUM_OK; i++) {
        struct row_token token = tokens->items[i];
        if (e->tokenizer->form.trim)
            trim_span(&e->tokenizer->form, source == 0 ? text->text : text->pair,
                      source == 0 ? text->text_bytes : text->pair_bytes, i == 0, &token);
        status = place(e, token.id, type_id, (struct token_span){token.begin, token.end, source});
    }
    return status;
}

static pum_status encode_row(struct encoding *e, const struct tokenizer_text *text,
                             int32_t *out_length, bool *out_cut)
{
    bool has_pair = text->pair != NULL;
    const struct template_parts *parts =
        has_pair ? &e->tokenizer->form.pair : &e->tokenizer->form.single;
    size_t before = e->placed_count;
    e->stopped = false;
    pum_status status = encode_text(e, text->text, text->text_bytes, 0);
    if (status == PUM_OK && has_pair)
        status = encode_text(e, text->pair, text->pair_bytes, 1);
    if (status == PUM_OK)
        status = cut_row(e, parts, has_pair, out_cut);
    for (size_t i = 0; i < parts->count && status == PUM_OK; i++) {
        const struct template_part *part = &parts->items[i];
        if (part->source >= 0)
            status = place_text(e, text, part->source, part->type_id);
        else if (!e->options.plain)
            status = place(e, part->id, part->type_id, (struct token_span){0, 0, -1});
    }
    size_t length = e->placed_count - before;
    if (status == PUM_OK && length > INT32_MAX / 2)
        status = fault_set(e->fault, PUM_E_LIMIT, "a row of more than 2^30 tokens");
    *out_length = (int32_t)length;
    if (status == PUM_OK && *out_length > e->longest)
        e->longest = *out_length;
    return status;
}

/* --- the batch -------------------------------------------------------------------------------- */

static pum_status choose_columns(const struct encoding *e, struct token_batch *batch)
{
    int64_t columns = e->longest, multiple = e->options.pad_multiple;
    if (columns < e->options.pad_to)
        columns = e->options.pad_to;
    if (multiple > 0)
        columns = (columns + multiple - 1) / multiple * multiple;
    if (columns * batch->rows > MAX_CELLS)
        return fault_set(e->fault, PUM_E_LIMIT,
                         "a batch of %d rows and %lld columns is too large; encode fewer texts "
                         "at a time, or cut them",
                         batch->rows, (long long)columns);
    batch->columns = (int32_t)columns;
    return PUM_OK;
}

static pum_status allocate(const struct encoding *e, struct token_batch *batch)
{
    pum_status status = choose_columns(e, batch);
    if (status != PUM_OK)
        return status;
    size_t cells = (size_t)batch->rows * (size_t)batch->columns;
    cells += cells == 0;
    batch->ids = calloc(cells, sizeof(*batch->ids));
    batch->type_ids = calloc(cells, sizeof(*batch->type_ids));
    batch->attention_mask = calloc(cells, sizeof(*batch->attention_mask));
    batch->special_mask = calloc(cells, sizeof(*batch->special_mask));
    batch->spans = calloc(cells, sizeof(*batch->spans));
    if (batch->ids == NULL || batch->type_ids == NULL || batch->attention_mask == NULL ||
        batch->special_mask == NULL || batch->spans == NULL)
        return text_no_memory(&e->work);
    return PUM_OK;
}

/* Any id serves where the attention mask is 0; models without padding use their end token. */
static int32_t padding_id(const struct tokenizer *tokenizer)
{
    const struct tokenizer_info *info = &tokenizer->info;
    return info->padding >= 0 ? info->padding : info->end >= 0 ? info->end : 0;
}

static void fill(const struct encoding *e, struct token_batch *batch)
{
    const struct placed *placed = e->placed;
    const struct file_limits *limits = &e->tokenizer->limits;
    bool by_file = e->options.limits_from_file;
    int32_t pad = by_file && limits->pad_id >= 0 ? limits->pad_id : padding_id(e->tokenizer);
    int32_t pad_type = by_file && limits->pad_type >= 0 ? limits->pad_type : 0;
    for (int32_t row = 0; row < batch->rows; row++) {
        int32_t length = batch->lengths[row];
        int32_t before = e->options.pad_side == TOKENIZER_LEFT ? batch->columns - length : 0;
        size_t first = (size_t)row * (size_t)batch->columns;
        for (int32_t column = 0; column < batch->columns; column++) {
            size_t cell = first + (size_t)column;
            if (column < before || column >= before + length) {
                batch->ids[cell] = pad;
                batch->type_ids[cell] = pad_type;
                batch->special_mask[cell] = 1;
                batch->spans[cell].source = -1;
                continue;
            }
            batch->ids[cell] = placed->id;
            batch->type_ids[cell] = placed->type_id;
            batch->attention_mask[cell] = 1;
            batch->special_mask[cell] = placed->span.source < 0;
            batch->spans[cell] = placed++->span;
        }
    }
}

static void end_encoding(struct encoding *e)
{
    pattern_end(&e->work);
    text_work_free(&e->work);
    free(e->word.items);
    free(e->tokens[0].items);
    free(e->tokens[1].items);
    free(e->placed);
}

/* The options that hold: the caller's, or the file's. */
static struct tokenizer_options chosen_options(const struct tokenizer *tokenizer,
                                               const struct tokenizer_options *options)
{
    struct tokenizer_options chosen = options == NULL ? (struct tokenizer_options){0} : *options;
    if (!chosen.limits_from_file)
        return chosen;
    struct tokenizer_options by_file = tokenizer->limits.options;
    by_file.plain = chosen.plain;
    by_file.limits_from_file = true;
    return by_file;
}

pum_status tokenizer_encode(const struct tokenizer *tokenizer, const struct tokenizer_text *texts,
                            int32_t count, const struct tokenizer_options *options,
                            struct token_batch *out_batch, struct fault *fault)
{
    struct encoding e = {.tokenizer = tokenizer,
                         .options = chosen_options(tokenizer, options),
                         .work = {.fault = fault},
                         .fault = fault};
    struct token_batch batch = {.rows = count < 0 ? 0 : count};
    memset(out_batch, 0, sizeof(*out_batch));
    if (count < 0 || e.options.max_length < 0 || e.options.pad_to < 0 || e.options.pad_multiple < 0)
        return fault_set(fault, PUM_E_ARGUMENT, "encoding: a count or a length is negative");
    batch.lengths = calloc((size_t)batch.rows + 1, sizeof(*batch.lengths));
    batch.cut = calloc((size_t)batch.rows + 1, sizeof(*batch.cut));
    pum_status status =
        batch.lengths == NULL || batch.cut == NULL ? text_no_memory(&e.work) : PUM_OK;
    for (int32_t i = 0; i < batch.rows && status == PUM_OK; i++)
        status = encode_row(&e, &texts[i], &batch.lengths[i], &batch.cut[i]);
    if (status == PUM_OK)
        status = allocate(&e, &batch);
    if (status == PUM_OK)
        fill(&e, &batch);
    end_encoding(&e);
    if (status == PUM_OK)
        *out_batch = batch;
    else
        token_batch_free(&batch);
    return status;
}

void token_batch_free(struct token_batch *batch)
{
    free(batch->ids);
    free(batch->type_ids);
    free(batch->attention_mask);
    free(batch->special_mask);
    free(batch->spans);
    free(batch->lengths);
    free(batch->cut);
    memset(batch, 0, sizeof(*batch));
}
