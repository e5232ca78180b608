/* SPDX-License-Identifier: MIT
 *
 * ocr_text.c - from the recogniser's steps to characters, and where to cut a line that is too long
 * for it. Tests: tests/image/test_ocr_post.c.
 */
#include "ocr_parts.h"
#include "out_file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DICTIONARY_BYTES ((size_t)16 << 20)

/* Cuts the text into lines in place; gives their number, or counts only where words is NULL. */
static int32_t cut_lines(char *text, size_t size, const char **words)
{
    int32_t count = 0;
    for (size_t at = 0; at < size;) {
        char *end = memchr(text + at, '\n', size - at);
        size_t next = end != NULL ? (size_t)(end - text) : size;
        if (words != NULL) {
            text[next] = '\0';
            if (next > at && text[next - 1] == '\r')
                text[next - 1] = '\0';
            words[count] = text + at;
        }
        count++;
        at = next + 1;
    }
    return count;
}

pum_status ocr_dictionary_load(const char *path, struct ocr_dictionary *out, struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    unsigned char *data;
    size_t size;
    pum_status status = in_file_read(path, MAX_DICTIONARY_BYTES, &data, &size, fault);
    if (status != PUM_OK)
        return status;
    out->text = (char *)data;
    if (size == 0 || memchr(data, 0, size) != NULL) {
        ocr_dictionary_free(out);
        return fault_set(fault, PUM_E_FORMAT,
                         "%s: this is no list of characters (one a line, as UTF-8)", path);
    }
    int32_t lines = cut_lines(out->text, size, NULL);
    out->words = malloc((size_t)(lines + 1) * sizeof(*out->words));
    if (out->words == NULL) {
        ocr_dictionary_free(out);
        return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", path);
    }
    cut_lines(out->text, size, out->words);
    out->words[lines] = " ";
    out->count = lines + 1;
    return PUM_OK;
}

void ocr_dictionary_free(struct ocr_dictionary *dictionary)
{
    free(dictionary->text);
    free(dictionary->words);
    memset(dictionary, 0, sizeof(*dictionary));
}

static int32_t best_class(const float *values, int32_t count)
{
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

pum_status ocr_decode(const float *steps, int32_t step_count, int32_t class_count,
                      const struct ocr_dictionary *dictionary, char **out_text, float *out_score,
                      struct fault *fault)
{
    *out_text = NULL;
    *out_score = 0;
    size_t used = 0, room = 64;
    char *text = malloc(room);
    double sum = 0;
    int32_t kept = 0, previous = 0;
    for (int32_t t = 0; t < step_count && text != NULL; t++) {
        const float *values = steps + (size_t)t * (size_t)class_count;
        int32_t best = best_class(values, class_count);
        bool keep = best != 0 && best != previous && best <= dictionary->count;
        previous = best;
        if (!keep)
            continue;
        const char *word = dictionary->words[best - 1];
        size_t length = strlen(word);
        if (used + length + 1 > room) {
            room = (used + length + 1) * 2;
            char *grown = realloc(text, room);
            if (grown == NULL)
                free(text);
            text = grown;
            if (text == NULL)
                break;
        }
        memcpy(text + used, word, length);
        used += length;
        sum += values[best];
        kept++;
    }
    if (text == NULL)
        return fault_set(fault, PUM_E_MEMORY, "no memory for a line of text");
    text[used] = '\0';
    *out_text = text;
    *out_score = kept > 0 ? (float)(sum / kept) : 0;
    return PUM_OK;
}

/* How much a column of the strip varies from top to bottom: about 0 between characters. */
static int32_t column_contrast(const struct image *strip, int32_t x)
{
    int32_t low = 255, high = 0;
    for (int32_t y = 0; y < strip->height; y++) {
        int32_t green = strip->rgb[((size_t)y * (size_t)strip->width + (size_t)x) * 3 + 1];
        low = green < low ? green : low;
        high = green > high ? green : high;
    }
    return high - low;
}

int32_t ocr_split_strip(const struct image *strip, int32_t max_width, int32_t *cuts,
                        bool *space_after, int32_t room)
{
    int32_t count = 0, start = 0;
    while (strip->width - start > max_width && count + 1 < room) {
        /* Look through the last third of the piece for the middle of its widest empty gap. */
        int32_t best_x = start + max_width, best_gap = 0, gap = 0, faintest = 256;
        for (int32_t x = start + max_width * 2 / 3; x < start + max_width; x++) {
            int32_t contrast = column_contrast(strip, x);
            gap = contrast < 48 ? gap + 1 : 0;
            if (gap > best_gap) {
                best_gap = gap;
                best_x = x - gap / 2;
            } else if (best_gap == 0 && contrast < faintest) {
                faintest = contrast;
                best_x = x;
            }
        }
        cuts[count] = best_x;
        space_after[count] = best_gap * 5 >= strip->height;
        count++;
        start = best_x;
    }
    cuts[count] = strip->width;
    space_after[count] = false;
    return count + 1;
}
