/* SPDX-License-Identifier: MIT
 *
 * npy_strings.c - see npy_strings.h. What is no Unicode becomes U+FFFD both ways. Tests:
 * tests/image/test_npy.c.
 */
#include "npy_strings.h"

#include "npy.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

static uint32_t read_point(const unsigned char *at)
{
    uint32_t point =
        (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    return point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? REPLACEMENT : point;
}

static size_t put_utf8(uint32_t point, char *to)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xc0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xe0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 0x3f));
        to[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3f));
    to[2] = (char)(0x80 | (point >> 6 & 0x3f));
    to[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* The next code point of UTF-8 text; moves *text behind it. */
static uint32_t next_point(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    int more = at[0] < 0x80             ? 0
               : (at[0] & 0xe0) == 0xc0 ? 1
               : (at[0] & 0xf0) == 0xe0 ? 2
               : (at[0] & 0xf8) == 0xf0 ? 3
                                        : -1;
    uint32_t point = more <= 0 ? at[0] : at[0] & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80)
            more = -1;
        else
            point = point << 6 | (at[i] & 0x3f);
    }
    *text += more < 0 ? 1 : more + 1;
    return more < 0 || point > 0x10ffff ? REPLACEMENT : point;
}

static size_t count_of(const pum_tensor *tensor)
{
    return tensor->size_bytes / sizeof(char *);
}

pum_status npy_strings_decode(const unsigned char *data, size_t size_bytes, size_t width,
                              const pum_tensor *header, pum_tensor *out_tensor, struct fault *fault)
{
    pum_tensor tensor = *header;
    size_t count = count_of(&tensor);
    if (width > 0 && count > NPY_MAX_BYTES / (width * 4 + 1))
        return fault_set(fault, PUM_E_RANGE, "the array is too large");
    if (size_bytes != count * width * 4)
        return fault_set(fault, PUM_E_FORMAT,
                         "the header promises %zu bytes of data, the file has %zu",
                         count * width * 4, size_bytes);
    const char **elements = malloc(tensor.size_bytes + count * (width * 4 + 1) + 1);
    if (elements == NULL)
        return fault_set(fault, PUM_E_MEMORY, "no memory for %zu strings", count);
    char *at = (char *)(elements + count);
    for (size_t i = 0; i < count; i++) {
        elements[i] = at;
        for (size_t k = 0; k < width; k++) {
            uint32_t point = read_point(data + (i * width + k) * 4);
            if (point == 0)
                break;
            at += put_utf8(point, at);
        }
        *at++ = '\0';
    }
    tensor.data = elements;
    *out_tensor = tensor;
    return PUM_OK;
}

size_t npy_strings_width(const pum_tensor *tensor)
{
    size_t width = 1;
    for (size_t i = 0; i < count_of(tensor); i++) {
        size_t points = 0;
        for (const char *text = ((const char *const *)tensor->data)[i]; *text != '\0'; points++)
            (void)next_point(&text);
        width = points > width ? points : width;
    }
    return width;
}

pum_status npy_strings_write(struct out_file *file, const pum_tensor *tensor, size_t width,
                             struct fault *fault)
{
    pum_status status = PUM_OK;
    for (size_t i = 0; i < count_of(tensor) && status == PUM_OK; i++) {
        const char *text = ((const char *const *)tensor->data)[i];
        for (size_t k = 0; k < width && status == PUM_OK; k++) {
            uint32_t point = *text != '\0' ? next_point(&text) : 0;
            const unsigned char bytes[4] = {(unsigned char)point, (unsigned char)(point >> 8),
                                            (unsigned char)(point >> 16), 0};
            status = out_file_write(file, bytes, 4, fault);
        }
    }
    return status;
}
