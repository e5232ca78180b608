/* SPDX-License-Identifier: MIT
 *
 * text_work.c - see text_work.h.
 */
#include "text_work.h"

#include <stdlib.h>
#include <string.h>

static void free_buffer(struct text_buffer *buffer)
{
    free(buffer->bytes);
    free(buffer->origins);
    memset(buffer, 0, sizeof(*buffer));
}

void text_work_free(struct text_work *work)
{
    free_buffer(&work->now);
    free_buffer(&work->next);
    free(work->pieces.items);
    free(work->next_pieces.items);
    free(work->matches.items);
    free(work->symbols);
    free(work->heap);
}

pum_status text_no_memory(const struct text_work *work)
{
    return fault_set(work->fault, PUM_E_MEMORY, "out of memory while encoding a text");
}

pum_status text_put(struct text_work *work, const char *bytes, size_t size, struct origin from)
{
    struct text_buffer *next = &work->next;
    if (size > UINT32_MAX / 2 - next->count)
        return fault_set(work->fault, PUM_E_LIMIT,
                         "a text grows beyond 2 GiB by the tokenizer's normalizer; split it");
    size_t need = next->count + size;
    if (!array_reserve((void **)&next->bytes, &next->byte_room, need, 1) ||
        !array_reserve((void **)&next->origins, &next->origin_room, need, sizeof(*next->origins)))
        return text_no_memory(work);
    for (size_t i = 0; i < size; i++) {
        next->bytes[next->count + i] = bytes[i];
        next->origins[next->count + i] = from;
    }
    next->count = need;
    return PUM_OK;
}

pum_status text_put_char(struct text_work *work, uint32_t c, struct origin from)
{
    char bytes[4];
    return text_put(work, bytes, utf8_write(c, bytes), from);
}

pum_status text_copy(struct text_work *work, size_t begin, size_t end)
{
    struct text_buffer *next = &work->next;
    if (end <= begin)
        return PUM_OK;
    size_t size = end - begin, need = next->count + size;
    if (need > UINT32_MAX / 2 || !array_reserve((void **)&next->bytes, &next->byte_room, need, 1) ||
        !array_reserve((void **)&next->origins, &next->origin_room, need, sizeof(*next->origins)))
        return text_no_memory(work);
    memcpy(next->bytes + next->count, work->now.bytes + begin, size);
    memcpy(next->origins + next->count, work->now.origins + begin, size * sizeof(*next->origins));
    next->count = need;
    return PUM_OK;
}

void text_swap(struct text_work *work)
{
    struct text_buffer old = work->now;
    work->now = work->next;
    work->next = old;
    work->next.count = 0;
}

pum_status text_begin(struct text_work *work, const char *text, size_t size)
{
    pum_status status = PUM_OK;
    work->next.count = 0;
    work->pieces.count = 0;
    for (size_t at = 0, length; at < size && status == PUM_OK; at += length) {
        bool valid;
        (void)utf8_read(text + at, size - at, &length, &valid);
        struct origin from = {(uint32_t)at, (uint32_t)(at + length)};
        status = valid ? text_put(work, text + at, length, from)
                       : text_put_char(work, UTF8_REPLACEMENT, from);
    }
    text_swap(work);
    if (status != PUM_OK || size == 0)
        return status;
    if (!array_reserve((void **)&work->pieces.items, &work->pieces.room, 1,
                       sizeof(*work->pieces.items)))
        return text_no_memory(work);
    work->pieces.items[work->pieces.count++] =
        (struct text_piece){.begin = 0, .end = (uint32_t)work->now.count, .token = -1};
    return PUM_OK;
}

pum_status text_rewrite(struct text_work *work, text_step *step, const void *user)
{
    work->next.count = 0;
    for (size_t i = 0; i < work->pieces.count; i++) {
        struct text_piece *piece = &work->pieces.items[i];
        uint32_t begin = (uint32_t)work->next.count;
        pum_status status =
            piece->token >= 0 ? text_copy(work, piece->begin, piece->end) : step(work, piece, user);
        if (status != PUM_OK)
            return status;
        piece->begin = begin;
        piece->end = (uint32_t)work->next.count;
    }
    text_swap(work);
    return PUM_OK;
}

pum_status text_add_match(struct text_work *work, uint32_t begin, uint32_t end, bool hit)
{
    struct match_list *list = &work->matches;
    if (!array_reserve((void **)&list->items, &list->room, list->count + 1, sizeof(*list->items)))
        return text_no_memory(work);
    list->items[list->count++] = (struct text_match){begin, end, hit};
    return PUM_OK;
}

pum_status text_add_piece(struct text_work *work, uint32_t begin, uint32_t end, int32_t token)
{
    struct piece_list *list = &work->next_pieces;
    if (begin == end)
        return PUM_OK;
    if (!array_reserve((void **)&list->items, &list->room, list->count + 1, sizeof(*list->items)))
        return text_no_memory(work);
    list->items[list->count++] =
        (struct text_piece){begin, end, work->now.origins[begin].begin, token};
    return PUM_OK;
}

void text_swap_pieces(struct text_work *work)
{
    struct piece_list old = work->pieces;
    work->pieces = work->next_pieces;
    work->next_pieces = old;
    work->next_pieces.count = 0;
}

/* Joins matches in place so that each that is left becomes a piece. `hit` means "leave out". */
static void join_matches(struct match_list *list, enum split_behavior behavior)
{
    struct text_match *items = list->items;
    size_t count = 0;
    bool before = false; /* whether the last one was a hit */
    for (size_t i = 0; i < list->count; i++) {
        struct text_match match = items[i];
        bool join = false;
        if (behavior == SPLIT_CONTIGUOUS)
            join = match.hit == before;
        else if (behavior == SPLIT_MERGED_WITH_PREVIOUS)
            join = match.hit && !before;
        before = match.hit;
        if (join && count > 0) {
            items[count - 1].end = match.end;
        } else {
            match.hit = false;
            items[count++] = match;
        }
    }
    list->count = count;
}

/* A hit joins what comes after it, unless that is a hit too. */
static void join_next(struct match_list *list)
{
    struct text_match *items = list->items;
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct text_match match = items[i];
        if (match.hit && i + 1 < list->count && !items[i + 1].hit)
            match.end = items[++i].end;
        match.hit = false;
        items[count++] = match;
    }
    list->count = count;
}

pum_status text_split(struct text_work *work, text_step *step, const void *user,
                      enum split_behavior behavior, bool invert)
{
    pum_status status = PUM_OK;
    work->next_pieces.count = 0;
    for (size_t i = 0; i < work->pieces.count && status == PUM_OK; i++) {
        struct text_piece piece = work->pieces.items[i];
        if (piece.token >= 0) {
            status = text_add_piece(work, piece.begin, piece.end, piece.token);
            continue;
        }
        struct match_list *list = &work->matches;
        list->count = 0;
        status = step(work, &piece, user);
        for (size_t k = 0; k < list->count && invert; k++)
            list->items[k].hit = !list->items[k].hit;
        if (behavior == SPLIT_MERGED_WITH_NEXT)
            join_next(list);
        else if (behavior != SPLIT_REMOVED)
            join_matches(list, behavior);
        for (size_t k = 0; k < list->count && status == PUM_OK; k++)
            if (!list->items[k].hit)
                status = text_add_piece(work, piece.begin + list->items[k].begin,
                                        piece.begin + list->items[k].end, -1);
    }
    text_swap_pieces(work);
    return status;
}
