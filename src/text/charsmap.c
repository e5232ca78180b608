/* SPDX-License-Identifier: MIT
 *
 * charsmap.c - see charsmap.h. The bytes are: the size of the trie, little-endian; the trie, a
 * double array of 32-bit units (Darts' layout); texts, each with a NUL behind it. A unit holds its
 * label in its lowest byte, in bit 8 whether a value belongs to it, and above that the distance to
 * its children, whose places are found by exclusive or. Every step is checked: the array is
 * hostile.
 *
 * What is replaced is decided as the reference does, which is not what one would expect: a group of
 * characters that is seen as one (a letter and its marks) of less than six bytes becomes what its
 * shortest known beginning maps to; other groups are replaced character by character.
 */
#include "charsmap.h"

#include "unicode_form.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define MAX_GROUP_BYTES 6

struct charsmap {
    uint32_t *units;
    size_t unit_count;
    const char *texts; /* in `bytes` */
    size_t text_bytes;
    unsigned char *bytes;
};

void charsmap_free(struct charsmap *map)
{
    if (map == NULL)
        return;
    free(map->units);
    free(map->bytes);
    free(map);
}

static int base64_value(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Decodes into map->bytes, which has room; false: not base64. */
static bool decode_base64(struct charsmap *map, const char *text, size_t size, size_t *out_size)
{
    uint32_t bits = 0;
    size_t count = 0;
    while (size > 0 && text[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++) {
        int value = base64_value(text[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 > 0)
            map->bytes[count++] = (unsigned char)(bits >> (6 - i % 4 * 2));
    }
    *out_size = count;
    return size % 4 != 1;
}

static uint32_t little_endian(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Divides the decoded bytes; false: they are not such a map. */
static bool divide(struct charsmap *map, size_t size)
{
    if (size < 8)
        return false;
    size_t trie = little_endian(map->bytes);
    if (trie < 4 || trie % 4 != 0 || trie > size - 4)
        return false;
    map->unit_count = trie / 4;
    for (size_t i = 0; i < map->unit_count; i++)
        map->units[i] = little_endian(map->bytes + 4 + i * 4);
    map->texts = (const char *)map->bytes + 4 + trie;
    map->text_bytes = size - 4 - trie;
    bool valid = true;
    for (size_t at = 0, length; at < map->text_bytes && valid; at += length)
        (void)utf8_read(map->texts + at, map->text_bytes - at, &length, &valid);
    return valid;
}

pum_status charsmap_read(const char *base64, size_t size, struct charsmap **out_map,
                         struct fault *fault)
{
    struct charsmap *map = calloc(1, sizeof(*map));
    size_t count = 0;
    *out_map = NULL;
    if (map != NULL) {
        map->bytes = malloc(size + 8);
        map->units = malloc((size / 4 + 2) * sizeof(*map->units));
    }
    pum_status status = PUM_OK;
    if (map == NULL || map->bytes == NULL || map->units == NULL)
        status = fault_set(fault, PUM_E_MEMORY, "normalizer: out of memory");
    else if (!decode_base64(map, base64, size, &count) || !divide(map, count))
        status = fault_set(fault, PUM_E_FORMAT,
                           "normalizer.precompiled_charsmap is no map of SentencePiece");
    if (status == PUM_OK)
        *out_map = map;
    else
        charsmap_free(map);
    return status;
}

/* Distance from a unit to its children. */
static uint32_t distance(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* What the shortest known beginning of the bytes maps to; NULL: none is known. */
static const char *find(const struct charsmap *map, const char *bytes, size_t size,
                        size_t *out_size)
{
    size_t at = distance(map->units[0]);
    for (size_t i = 0; i < size && bytes[i] != '\0'; i++) {
        uint32_t label = (unsigned char)bytes[i];
        at ^= label;
        if (at >= map->unit_count)
            return NULL;
        uint32_t unit = map->units[at];
        if ((unit & (1u << 31 | 0xff)) != label)
            return NULL;
        at ^= distance(unit);
        if ((unit & 1u << 8) == 0)
            continue;
        if (at >= map->unit_count)
            return NULL;
        size_t begin = map->units[at] & 0x7fffffff;
        if (begin >= map->text_bytes || ((unsigned char)map->texts[begin] & 0xc0) == 0x80)
            return NULL;
        const char *end = memchr(map->texts + begin, '\0', map->text_bytes - begin);
        *out_size = end == NULL ? map->text_bytes - begin : (size_t)(end - map->texts) - begin;
        return map->texts + begin;
    }
    return NULL;
}

/* `count` characters become the text. */
static pum_status replace(struct text_work *work, struct formed_list *list, size_t count,
                          const char *text, size_t size)
{
    pum_status status = PUM_OK;
    size_t made = 0;
    for (size_t at = 0, length; at < size && status == PUM_OK; at += length, made++)
        status = formed_add(work, list, utf8_next(text + at, &length), made >= count);
    if (status == PUM_OK && made < count && list->count > 0)
        list->items[list->count - 1].change -= (int32_t)(count - made);
    return status;
}

/* The end of the group of characters that begins at `begin`. */
static size_t group_end(const char *bytes, size_t begin, size_t end)
{
    size_t length;
    utf8proc_int32_t state = 0;
    uint32_t before = utf8_next(bytes + begin, &length);
    for (size_t at = begin + length; at < end; at += length) {
        uint32_t c = utf8_next(bytes + at, &length);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c, &state))
            return at;
        before = c;
    }
    return end;
}

static pum_status run_group(const struct charsmap *map, struct text_work *work,
                            struct formed_list *list, const char *bytes, size_t size,
                            bool *out_modified)
{
    size_t text_size = 0, length;
    const char *text = size < MAX_GROUP_BYTES ? find(map, bytes, size, &text_size) : NULL;
    pum_status status = PUM_OK;
    *out_modified = *out_modified || text != NULL;
    if (text != NULL)
        return replace(work, list, utf8_count(bytes, size), text, text_size);
    for (size_t at = 0; at < size && status == PUM_OK; at += length) {
        uint32_t c = utf8_next(bytes + at, &length);
        text = find(map, bytes + at, length, &text_size);
        *out_modified = *out_modified || text != NULL;
        status =
            text != NULL ? replace(work, list, 1, text, text_size) : formed_add(work, list, c, 0);
    }
    return status;
}

pum_status charsmap_run(struct text_work *work, const struct text_piece *piece, const void *user)
{
    struct formed_list list = {0};
    bool modified = false;
    pum_status status = PUM_OK;
    for (size_t at = piece->begin, end; at < piece->end && status == PUM_OK; at = end) {
        end = group_end(work->now.bytes, at, piece->end);
        status = run_group(user, work, &list, work->now.bytes + at, end - at, &modified);
    }
    if (status == PUM_OK)
        status =
            modified ? formed_place(work, piece, &list) : text_copy(work, piece->begin, piece->end);
    free(list.items);
    return status;
}
