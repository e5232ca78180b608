/* SPDX-License-Identifier: MIT
 *
 * token_bpe.c - byte pair encoding of one word: characters become symbols, then the pair of lowest
 * rank, leftmost first, is merged until none is left. A heap of candidates and linked symbols: a
 * word of n bytes takes n log n. Order and treatment of outdated candidates are the reference's.
 * See token_model.h.
 */
#include "token_model.h"

#include <string.h>

struct symbol {
    int32_t id; /* -1: merged into the one before */
    int32_t before, next;
    uint32_t begin, end;
};

struct candidate {
    uint32_t rank, at;
    int32_t id;
};

/* Symbols lie in work->symbols, candidates in work->heap. */
struct merging {
    struct text_work *work;
    const struct token_model *model;
    struct symbol *symbols;
    struct candidate *heap;
    size_t symbol_count, heap_count;
    /* characters that no token spells, not added yet */
    uint32_t unknown_begin, unknown_end;
    bool unknown;
};

static pum_status add_symbol(struct merging *m, int32_t id, size_t begin, size_t end)
{
    if (m->symbol_count >= INT32_MAX / 2 ||
        !array_reserve(&m->work->symbols, &m->work->symbol_room, m->symbol_count + 1,
                       sizeof(*m->symbols)))
        return text_no_memory(m->work);
    m->symbols = m->work->symbols;
    int32_t at = (int32_t)m->symbol_count++;
    m->symbols[at] = (struct symbol){id, at - 1, -1, (uint32_t)begin, (uint32_t)end};
    if (at > 0)
        m->symbols[at - 1].next = at;
    return PUM_OK;
}

static pum_status flush_unknown(struct merging *m)
{
    if (!m->unknown)
        return PUM_OK;
    m->unknown = false;
    return add_symbol(m, m->model->unknown_id, m->unknown_begin, m->unknown_end);
}

/* A character that is no token: its bytes, the unknown token, or nothing. */
static pum_status add_unspelled(struct merging *m, const char *spelling, size_t size, size_t begin,
                                size_t end)
{
    const struct token_model *model = m->model;
    bool all = model->byte_fallback;
    for (size_t i = 0; i < size && all; i++)
        all = model->byte_ids[(unsigned char)spelling[i]] >= 0;
    pum_status status = PUM_OK;
    if (all) {
        for (size_t i = 0; i < size && status == PUM_OK; i++) {
            size_t at = begin + i < end ? begin + i : end - 1;
            status = add_symbol(m, model->byte_ids[(unsigned char)spelling[i]], at, at + 1);
        }
        return status;
    }
    if (model->unknown == NULL)
        return PUM_OK;
    if (model->unknown_id < 0)
        return fault_set(m->work->fault, PUM_E_FORMAT,
                         "the text needs the unknown token '%.60s', which the vocabulary does not "
                         "have",
                         model->unknown);
    if (m->unknown && model->fuse_unknown) {
        m->unknown_end = (uint32_t)end;
        return PUM_OK;
    }
    status = flush_unknown(m);
    m->unknown = true;
    m->unknown_begin = (uint32_t)begin;
    m->unknown_end = (uint32_t)end;
    return status;
}

/* The characters of the word, each with the model's prefix or suffix, as symbols. */
static pum_status spell(struct merging *m, const char *word, size_t size)
{
    const struct token_model *model = m->model;
    char spelling[4 + 64 + 64];
    pum_status status = PUM_OK;
    for (size_t at = 0, length; at < size && status == PUM_OK; at += length) {
        size_t count = 0;
        (void)utf8_next(word + at, &length);
        if (at > 0 && model->prefix_bytes > 0) {
            memcpy(spelling, model->prefix, model->prefix_bytes);
            count = model->prefix_bytes;
        }
        memcpy(spelling + count, word + at, length);
        count += length;
        if (at + length == size && model->suffix_bytes > 0) {
            memcpy(spelling + count, model->suffix, model->suffix_bytes);
            count += model->suffix_bytes;
        }
        int32_t id = token_table_find(&model->vocab, spelling, count);
        if (id < 0) {
            status = add_unspelled(m, spelling, count, at, at + length);
            continue;
        }
        status = flush_unknown(m);
        if (status == PUM_OK)
            status = add_symbol(m, id, at, at + length);
    }
    return status == PUM_OK ? flush_unknown(m) : status;
}

static bool comes_first(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static pum_status push(struct merging *m, int32_t left)
{
    int32_t right = left < 0 ? -1 : m->symbols[left].next;
    const struct merge_entry *merge =
        right < 0 ? NULL
                  : merge_table_find(&m->model->merges, m->symbols[left].id, m->symbols[right].id);
    if (merge == NULL)
        return PUM_OK;
    if (!array_reserve(&m->work->heap, &m->work->heap_room, m->heap_count + 1, sizeof(*m->heap)))
        return text_no_memory(m->work);
    m->heap = m->work->heap;
    struct candidate added = {merge->rank, (uint32_t)left, merge->id};
    size_t at = m->heap_count++;
    for (size_t up; at > 0; at = up) {
        up = (at - 1) / 2;
        if (!comes_first(&added, &m->heap[up]))
            break;
        m->heap[at] = m->heap[up];
    }
    m->heap[at] = added;
    return PUM_OK;
}

static struct candidate pop(struct merging *m)
{
    struct candidate top = m->heap[0], last = m->heap[--m->heap_count];
    size_t at = 0;
    for (;;) {
        size_t down = at * 2 + 1;
        if (down >= m->heap_count)
            break;
        if (down + 1 < m->heap_count && comes_first(&m->heap[down + 1], &m->heap[down]))
            down++;
        if (!comes_first(&m->heap[down], &last))
            break;
        m->heap[at] = m->heap[down];
        at = down;
    }
    if (m->heap_count > 0)
        m->heap[at] = last;
    return top;
}

static pum_status merge_all(struct merging *m)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i + 1 < m->symbol_count && status == PUM_OK; i++)
        status = push(m, (int32_t)i);
    while (m->heap_count > 0 && status == PUM_OK) {
        struct candidate top = pop(m);
        struct symbol *left = &m->symbols[top.at];
        if (left->id < 0 || left->next < 0)
            continue;
        struct symbol *right = &m->symbols[left->next];
        const struct merge_entry *merge = merge_table_find(&m->model->merges, left->id, right->id);
        if (merge == NULL || merge->id != top.id)
            continue; /* one of the two has changed since */
        left->id = top.id;
        left->end = right->end;
        left->next = right->next;
        right->id = -1;
        if (left->next >= 0)
            m->symbols[left->next].before = (int32_t)top.at;
        status = push(m, left->before);
        if (status == PUM_OK)
            status = push(m, (int32_t)top.at);
    }
    return status;
}

pum_status bpe_run(const struct token_model *model, struct text_work *work, const char *word,
                   size_t size, struct word_tokens *tokens)
{
    struct merging m = {.work = work, .model = model};
    int32_t whole = model->ignore_merges ? token_table_find(&model->vocab, word, size) : -1;
    if (whole >= 0)
        return word_tokens_add(tokens, work, whole, 0, size);
    pum_status status = spell(&m, word, size);
    if (status == PUM_OK)
        status = merge_all(&m);
    for (size_t i = 0; i < m.symbol_count && status == PUM_OK; i++)
        if (m.symbols[i].id >= 0)
            status = word_tokens_add(tokens, work, m.symbols[i].id, m.symbols[i].begin,
                                     m.symbols[i].end);
    return status;
}
