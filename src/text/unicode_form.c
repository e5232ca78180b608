/* SPDX-License-Identifier: MIT
 *
 * unicode_form.c - NFC, NFD, NFKC and NFKD of a piece of text, with the origin of every byte: which
 * is why utf8proc is asked for single decompositions and compositions only. The order of marks and
 * what blocks a composition are Unicode's (UAX #15); where marks change places, an origin belongs
 * to the place, as in the reference. See unicode_form.h.
 */
#include "unicode_form.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define MAX_DECOMPOSED 32 /* the longest is 18: U+FDFA */

static uint8_t combining_class(uint32_t c)
{
    return c < 0x300 ? 0 : (uint8_t)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

pum_status formed_add(struct text_work *work, struct formed_list *list, uint32_t c, int32_t change)
{
    if (!array_reserve((void **)&list->items, &list->room, list->count + 1, sizeof(*list->items)))
        return text_no_memory(work);
    list->items[list->count++] = (struct formed){c, change, 0};
    return PUM_OK;
}

/* Marks behind a starter in the order of their classes; equal ones stay as they are. Longer runs
 * than any language has are sorted by counting. */
static bool order_marks(struct formed *items, size_t count)
{
    if (count <= 32) {
        for (size_t i = 1; i < count; i++) {
            struct formed item = items[i];
            size_t k = i;
            for (; k > 0 && items[k - 1].class > item.class; k--)
                items[k] = items[k - 1];
            items[k] = item;
        }
        return true;
    }
    struct formed *sorted = malloc(count * sizeof(*sorted));
    size_t starts[257] = {0};
    if (sorted == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        starts[items[i].class + 1]++;
    for (size_t i = 1; i < 257; i++)
        starts[i] += starts[i - 1];
    for (size_t i = 0; i < count; i++)
        sorted[starts[items[i].class]++] = items[i];
    memcpy(items, sorted, count * sizeof(*sorted));
    free(sorted);
    return true;
}

static pum_status decompose(struct text_work *work, const struct text_piece *piece, bool compatible,
                            struct formed_list *list)
{
    utf8proc_option_t options = (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                    (compatible ? UTF8PROC_COMPAT : 0));
    size_t marks = 0; /* where the run of marks that is not in order yet begins */
    for (size_t at = piece->begin, length; at < piece->end; at += length) {
        utf8proc_int32_t parts[MAX_DECOMPOSED];
        int boundary = 0;
        uint32_t c = utf8_next(work->now.bytes + at, &length);
        utf8proc_ssize_t count = 1;
        parts[0] = (utf8proc_int32_t)c;
        if (c >= 0xa0)
            count = utf8proc_decompose_char((utf8proc_int32_t)c, parts, MAX_DECOMPOSED, options,
                                            &boundary);
        if (count < 0 || count > MAX_DECOMPOSED) {
            count = 1;
            parts[0] = (utf8proc_int32_t)c;
        }
        if (!array_reserve((void **)&list->items, &list->room, list->count + (size_t)count,
                           sizeof(*list->items)))
            return text_no_memory(work);
        for (utf8proc_ssize_t i = 0; i < count; i++) {
            uint8_t class = combining_class((uint32_t)parts[i]);
            if (class == 0) {
                if (list->count > marks && !order_marks(list->items + marks, list->count - marks))
                    return text_no_memory(work);
                marks = list->count + 1;
            }
            list->items[list->count++] = (struct formed){(uint32_t)parts[i], i > 0, class};
        }
    }
    if (marks < list->count && !order_marks(list->items + marks, list->count - marks))
        return text_no_memory(work);
    return PUM_OK;
}

/* 0: the two do not compose. */
static uint32_t compose_pair(uint32_t first, uint32_t second)
{
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)first, (utf8proc_int32_t)second};
    if (second < 0x300)
        return 0;
    utf8proc_ssize_t count =
        utf8proc_normalize_utf32(pair, 2, (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    return count == 1 ? (uint32_t)pair[0] : 0;
}

/* Composes in place. */
static void compose(struct formed_list *list)
{
    struct formed *items = list->items;
    size_t count = 0, starter = SIZE_MAX;
    for (size_t i = 0; i < list->count; i++) {
        struct formed item = items[i];
        if (starter != SIZE_MAX) {
            /* Blocked by what stands between: a mark of the same or a higher class. */
            bool adjacent = count == starter + 1;
            bool open = adjacent || (items[count - 1].class < item.class && item.class != 0);
            uint32_t composed = open ? compose_pair(items[starter].c, item.c) : 0;
            if (composed != 0) {
                items[starter].c = composed;
                items[starter].change += item.change - 1;
                continue;
            }
        }
        if (item.class == 0)
            starter = count;
        items[count++] = item;
    }
    list->count = count;
}

pum_status formed_place(struct text_work *work, const struct text_piece *piece,
                        const struct formed_list *list)
{
    pum_status status = PUM_OK;
    size_t at = piece->begin, length;
    for (size_t i = 0; i < list->count && status == PUM_OK; i++) {
        int32_t change = list->items[i].change;
        struct origin from = {piece->origin, piece->origin};
        if (change <= 0 && at < piece->end)
            from = work->now.origins[at];
        else if (at > piece->begin)
            from = work->now.origins[at - 1];
        for (; change <= 0 && at < piece->end; change++) {
            (void)utf8_next(work->now.bytes + at, &length);
            at += length;
        }
        status = text_put_char(work, list->items[i].c, from);
    }
    return status;
}

pum_status unicode_form(struct text_work *work, const struct text_piece *piece, bool compose_too,
                        bool compatible)
{
    bool plain = true; /* below U+00A0 nothing changes */
    for (size_t i = piece->begin; i < piece->end && plain; i++)
        plain = (unsigned char)work->now.bytes[i] < 0x80;
    if (plain)
        return text_copy(work, piece->begin, piece->end);
    struct formed_list list = {0};
    pum_status status = decompose(work, piece, compatible, &list);
    if (status == PUM_OK && compose_too)
        compose(&list);
    if (status == PUM_OK)
        status = formed_place(work, piece, &list);
    free(list.items);
    return status;
}
