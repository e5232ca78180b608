/* SPDX-License-Identifier: MIT
 *
 * fuzz_tokenize.c - feeds texts to four kinds of tokenizers. Corpus: tests/fuzz/corpus/tokenize.
 * The first byte chooses the tokenizer and the options, the rest is the text. Spans must lie within
 * it in order (but for marks, which may change places), and a byte-level tokenizer must give the
 * text back.
 */
#include "text/tokenizer.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS(name) PUM_TEST_SOURCE_DIR "/tests/data/tokenizers/" name

static const char *const paths[] = {PARTS("bert_small"), PARTS("gpt2_small"), PARTS("clip_small"),
                                    PARTS("unigram_small")};
enum { KINDS = sizeof(paths) / sizeof(paths[0]), BYTE_LEVEL = 1 };

static const struct tokenizer *kind(int index)
{
    static struct tokenizer *opened[KINDS];
    struct fault fault = {0};
    if (opened[index] == NULL && tokenizer_load(paths[index], &opened[index], &fault) != PUM_OK)
        abort();
    return opened[index];
}

/* The text as it reads, broken parts as U+FFFD, against what was decoded. */
static void check_same(const char *text, size_t size, const char *decoded, size_t bytes)
{
    size_t at = 0, length;
    for (size_t i = 0; i < size; i += length) {
        char written[4];
        size_t count = utf8_write(utf8_read(text + i, size - i, &length, NULL), written);
        if (at + count > bytes || memcmp(decoded + at, written, count) != 0)
            abort();
        at += count;
    }
    if (at != bytes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int index = data[0] % KINDS;
    const struct tokenizer *tokenizer = kind(index);
    struct tokenizer_options options = {.plain = (data[0] & 16) != 0};
    struct tokenizer_text text = {.text = (const char *)data + 1, .text_bytes = size - 1};
    struct token_batch batch;
    struct fault fault = {0};
    char *decoded;
    size_t bytes;
    if ((data[0] & 32) != 0)
        options.max_length = 9;
    if ((data[0] & 64) != 0) {
        text.pair = text.text + text.text_bytes / 2;
        text.pair_bytes = text.text_bytes - text.text_bytes / 2;
        text.text_bytes /= 2;
    }
    if (tokenizer_encode(tokenizer, &text, 1, &options, &batch, &fault) != PUM_OK)
        abort();
    if (options.max_length > 0 && batch.columns > options.max_length)
        abort();
    for (int32_t i = 0; i < batch.columns; i++) {
        const struct token_span *span = &batch.spans[i];
        size_t end = span->source == 1 ? text.pair_bytes : text.text_bytes;
        if (span->begin > span->end || span->end > end ||
            tokenizer_token(tokenizer, batch.ids[i], NULL) == NULL)
            abort();
    }
    if (tokenizer_decode(tokenizer, batch.ids, (size_t)batch.columns, false, &decoded, &bytes,
                         &fault) != PUM_OK)
        abort();
    if (index == BYTE_LEVEL && options.max_length == 0 && text.pair == NULL)
        check_same(text.text, text.text_bytes, decoded, bytes);
    free(decoded);
    token_batch_free(&batch);
    return 0;
}
