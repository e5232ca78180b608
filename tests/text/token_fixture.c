/* SPDX-License-Identifier: MIT
 *
 * token_fixture.c - see token_fixture.h.
 */
#include "token_fixture.h"

#include "image/out_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA PUM_TEST_SOURCE_DIR "/tests/data/tokenizers/"
#define FOLDER "pumice/models/tokenizers-1"

unsigned char *token_data(const char *name, size_t *out_size)
{
    char path[512];
    unsigned char *data;
    struct fault fault = {0};
    snprintf(path, sizeof(path), DATA "%s", name);
    if (in_file_read(path, (size_t)1 << 24, &data, out_size, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    return data;
}

static void unescape(struct token_line *line, const char *text, size_t size)
{
    line->bytes = malloc(size + 1);
    assert_non_null(line->bytes);
    for (size_t i = 0; i < size; i++) {
        unsigned byte = (unsigned char)text[i];
        if (text[i] == '\\' && i + 3 < size && sscanf(text + i, "\\x%2x", &byte) == 1)
            i += 3;
        line->bytes[line->size++] = (char)byte;
    }
    line->bytes[line->size] = '\0';
}

struct token_lines token_lines_load(void)
{
    struct token_lines lines = {0};
    size_t size, room = 8192;
    char *data = (char *)token_data("lines.txt", &size), *end = data + size;
    lines.items = calloc(room, sizeof(*lines.items));
    assert_non_null(lines.items);
    for (char *at = data, *stop; at < end && lines.count < room; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(stop);
        unescape(&lines.items[lines.count++], at, (size_t)(stop - at));
    }
    free(data);
    return lines;
}

void token_lines_free(struct token_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i].bytes);
    free(lines->items);
    memset(lines, 0, sizeof(*lines));
}

struct tokenizer *token_open_small(const char *name)
{
    char path[512];
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    snprintf(path, sizeof(path), DATA "%s", name);
    if (tokenizer_load(path, &tokenizer, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    return tokenizer;
}

struct tokenizer *token_open_whole(const char *name)
{
    char path[512];
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache != NULL && cache[0] != '\0')
        snprintf(path, sizeof(path), "%s/" FOLDER "/%s", cache, name);
    else
        snprintf(path, sizeof(path), "%s/.cache/" FOLDER "/%s", home == NULL ? "" : home, name);
    if (access(path, R_OK) != 0) {
        printf("no tokenizer %s: run tools/fetch_tokenizers\n", path);
        return NULL;
    }
    if (tokenizer_load(path, &tokenizer, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    return tokenizer;
}

struct tokenizer *token_open_json(const char *json)
{
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    if (tokenizer_from_json(json, strlen(json), &tokenizer, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    return tokenizer;
}

static const char *joined(const struct tokenizer *tokenizer, const char *text,
                          const struct tokenizer_options *options, bool as_text)
{
    static char rooms[4][4096];
    static unsigned next;
    char *room = rooms[next++ % 4];
    size_t used = 0;
    struct fault fault = {0};
    struct token_batch batch;
    struct tokenizer_text input = {.text = text, .text_bytes = strlen(text)};
    if (tokenizer_encode(tokenizer, &input, 1, options, &batch, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    room[0] = '\0';
    for (int32_t i = 0; i < batch.columns && used < sizeof(rooms[0]); i++) {
        const char *blank = i == 0 ? "" : " ";
        size_t left = sizeof(rooms[0]) - used;
        int length = as_text
                         ? snprintf(room + used, left, "%s%s", blank,
                                    tokenizer_token(tokenizer, batch.ids[i], NULL))
                         : snprintf(room + used, left, "%s%lld", blank, (long long)batch.ids[i]);
        used += (size_t)length;
    }
    token_batch_free(&batch);
    return room;
}

const char *token_ids(const struct tokenizer *tokenizer, const char *text,
                      const struct tokenizer_options *options)
{
    return joined(tokenizer, text, options, false);
}

const char *token_texts(const struct tokenizer *tokenizer, const char *text,
                        const struct tokenizer_options *options)
{
    return joined(tokenizer, text, options, true);
}
