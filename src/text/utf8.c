/* SPDX-License-Identifier: MIT
 *
 * utf8.c - see utf8.h.
 */
#include "utf8.h"

#include <stdlib.h>

/* Bytes that a lead byte announces, and the range of the second byte (the standard's table 3-7:
 * overlong forms, surrogates and what is above U+10FFFF end after the lead byte). */
static size_t announced(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *low = 0xa0;
        else if (lead == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *low = 0x90;
        else if (lead == 0xf4)
            *high = 0x8f;
        return 4;
    }
    return 0;
}

uint32_t utf8_read(const char *bytes, size_t size, size_t *out_length, bool *out_valid)
{
    const unsigned char *b = (const unsigned char *)bytes;
    unsigned char low, high;
    *out_length = 1;
    if (out_valid != NULL)
        *out_valid = true;
    if (b[0] < 0x80)
        return b[0];
    size_t length = announced(b[0], &low, &high), have = 1;
    uint32_t c = length == 0 ? 0 : b[0] & (0x7fu >> length);
    while (have < length && have < size && b[have] >= low && b[have] <= high) {
        c = c << 6 | (b[have++] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    *out_length = have;
    if (length != 0 && have == length)
        return c;
    if (out_valid != NULL)
        *out_valid = false;
    return UTF8_REPLACEMENT;
}

uint32_t utf8_next(const char *bytes, size_t *out_length)
{
    const unsigned char *b = (const unsigned char *)bytes;
    if (b[0] < 0x80) {
        *out_length = 1;
        return b[0];
    }
    if (b[0] < 0xe0) {
        *out_length = 2;
        return (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
    }
    if (b[0] < 0xf0) {
        *out_length = 3;
        return (b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
    }
    *out_length = 4;
    return (b[0] & 7u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
}

size_t utf8_before(const char *bytes, size_t end)
{
    do
        end--;
    while (end > 0 && ((unsigned char)bytes[end] & 0xc0) == 0x80);
    return end;
}

size_t utf8_write(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t utf8_count(const char *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)bytes[i] & 0xc0) != 0x80;
    return count;
}

bool array_reserve(void **array, size_t *room, size_t need, size_t element_bytes)
{
    if (need <= *room)
        return true;
    size_t grown = *room < 16 ? 16 : *room;
    while (grown < need) {
        if (grown > SIZE_MAX / 2)
            return false;
        grown *= 2;
    }
    if (grown > SIZE_MAX / element_bytes)
        return false;
    void *moved = realloc(*array, grown * element_bytes);
    if (moved == NULL)
        return false;
    *array = moved;
    *room = grown;
    return true;
}
