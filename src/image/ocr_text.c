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
#define LIKELY_SPACE 0.03f /* between letters of one word it stays below 0.001 */

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

/* One character that the recogniser saw. */
struct token {
    const char *word;
    float score;
    float space; /* how likely a space stands before it, 0..1 */
};

static int32_t best_class(const float *values, int32_t count)
{
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

/* Characters of scripts that put no spaces between words. */
static bool is_ideograph(const char *word)
{
    const unsigned char *c = (const unsigned char *)word;
    return c[0] >= 0xe3 && c[0] <= 0xed; /* U+3000 to U+DFFF */
}

static int32_t find_tokens(const float *steps, int32_t step_count, int32_t class_count,
                           const struct ocr_dictionary *dictionary, struct token *tokens)
{
    int32_t count = 0, previous = 0;
    float space = 0; /* the likeliest since the last character */
    for (int32_t t = 0; t < step_count; t++) {
        const float *values = steps + (size_t)t * (size_t)class_count;
        int32_t best = best_class(values, class_count);
        float here = values[class_count - 1];
        bool repeats = best != 0 && best == previous;
        previous = best;
        if (repeats)
            continue; /* still the last character */
        space = here > space ? here : space;
        if (best != 0 && best <= dictionary->count) {
            tokens[count++] = (struct token){dictionary->words[best - 1], values[best], space};
            space = 0;
        }
    }
    return count;
}

/* The plain form of the wide punctuation that the network mixes into Latin text. */
static const char *plain_form(const char *word)
{
    static const char *const forms[][2] = {
        {"，", ","}, {"。", "."}, {"！", "!"}, {"？", "?"},
        {"：", ":"}, {"；", ";"}, {"（", "("}, {"）", ")"},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(word, forms[i][0]) == 0)
            return forms[i][1];
    return word;
}

/* Writes the tokens as text; the network is timid about spaces, so between
 * Latin characters a likely one counts as well. */
static void write_tokens(struct token *tokens, int32_t count, char *text)
{
    bool latin = true;
    for (int32_t i = 0; i < count; i++)
        latin = latin && !is_ideograph(plain_form(tokens[i].word));
    size_t used = 0;
    for (int32_t i = 0; i < count; i++) {
        const char *word = latin ? plain_form(tokens[i].word) : tokens[i].word;
        bool after_space = used == 0 || text[used - 1] == ' ';
        bool is_space = strcmp(word, " ") == 0;
        if (after_space && is_space)
            continue;
        bool closes = strchr(",.;:!?)]}", word[0]) != NULL; /* no space comes before these */
        if (!after_space && !is_space && !closes && tokens[i].space > LIKELY_SPACE &&
            !is_ideograph(word) && !is_ideograph(tokens[i - 1].word))
            text[used++] = ' ';
        size_t length = strlen(word);
        memcpy(text + used, word, length);
        used += length;
    }
    while (used > 0 && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
}

pum_status ocr_decode(const float *steps, int32_t step_count, int32_t class_count,
                      const struct ocr_dictionary *dictionary, char **out_text, float *out_score,
                      struct fault *fault)
{
    *out_text = NULL;
    *out_score = 0;
    struct token *tokens = malloc((size_t)(step_count + 1) * sizeof(*tokens));
    int32_t count = 0;
    size_t room = 1;
    double sum = 0;
    if (tokens != NULL)
        count = find_tokens(steps, step_count, class_count, dictionary, tokens);
    for (int32_t i = 0; i < count; i++) {
        room += strlen(tokens[i].word) + 1;
        sum += tokens[i].score;
    }
    char *text = tokens != NULL ? malloc(room) : NULL;
    if (text != NULL) {
        write_tokens(tokens, count, text);
        *out_text = text;
        *out_score = count > 0 ? (float)(sum / count) : 0;
    }
    free(tokens);
    return text != NULL ? PUM_OK
                        : fault_set(fault, PUM_E_MEMORY, "no memory for a line of text");
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

int32_t ocr_split_strip(const struct image *strip, int32_t max_width, struct ocr_part *parts,
                        int32_t room)
{
    int32_t count = 0, start = 0;
    while (strip->width - start > max_width && count + 1 < room) {
        /* Look through the last third of the part for its widest gap, else the faintest column. */
        int32_t gap_end = start + max_width, best_gap = 0, gap = 0, faintest = 256;
        for (int32_t x = start + max_width * 2 / 3; x < start + max_width; x++) {
            int32_t contrast = column_contrast(strip, x);
            gap = contrast < 48 ? gap + 1 : 0;
            if (gap > best_gap) {
                best_gap = gap;
                gap_end = x + 1;
            } else if (best_gap == 0 && contrast < faintest) {
                faintest = contrast;
                gap_end = x;
            }
        }
        parts[count++] = (struct ocr_part){start, gap_end, best_gap * 5 >= strip->height};
        start = gap_end - best_gap;
    }
    parts[count] = (struct ocr_part){start, strip->width, false};
    return count + 1;
}
