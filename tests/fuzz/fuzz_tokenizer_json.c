/* SPDX-License-Identifier: MIT
 *
 * fuzz_tokenizer_json.c - feeds bytes to the reader of tokenizer.json. Corpus:
 * tests/fuzz/corpus/tokenizer_json. A tokenizer that was read encodes a text and decodes what came
 * out: ids must be tokens, spans must lie within the text, decoded text must be UTF-8.
 */
#include "text/tokenizer.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Words, marks, blanks, an added token, broken bytes. */
static const char text[] = "ab abc [M] \xc3\xa9"
                           "e\xcc\x81 \xe4\xb8\xad!?\xff  12\n\xf0\x9f\x98";

static void check_text(const char *bytes, size_t count)
{
    for (size_t at = 0, length; at < count; at += length) {
        bool valid;
        (void)utf8_read(bytes + at, count - at, &length, &valid);
        if (!valid)
            abort();
    }
}

static void check_batch(const struct tokenizer *tokenizer, const struct token_batch *batch)
{
    for (int32_t i = 0; i < batch->columns; i++) {
        const struct token_span *span = &batch->spans[i];
        bool there = tokenizer_token(tokenizer, batch->ids[i], NULL) != NULL;
        bool padding = batch->attention_mask[i] == 0;
        if ((!there && !padding) || span->begin > span->end || span->end > sizeof(text) - 1)
            abort();
    }
}

static void use(const struct tokenizer *tokenizer, const struct tokenizer_options *options,
                bool pair)
{
    struct tokenizer_text input = {.text = text, .text_bytes = sizeof(text) - 1};
    struct token_batch batch;
    struct fault fault = {0};
    char *decoded = NULL;
    size_t bytes;
    if (pair) {
        input.pair = text;
        input.pair_bytes = sizeof(text) - 1;
    }
    if (tokenizer_encode(tokenizer, &input, 1, options, &batch, &fault) != PUM_OK) {
        if (fault.text[0] == '\0' || batch.ids != NULL)
            abort();
        return;
    }
    check_batch(tokenizer, &batch);
    if (tokenizer_decode(tokenizer, batch.ids, (size_t)batch.columns, pair, &decoded, &bytes,
                         &fault) == PUM_OK)
        check_text(decoded, bytes);
    free(decoded);
    token_batch_free(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokenizer *tokenizer;
    struct fault fault = {0};
    struct tokenizer_options cut = {.max_length = 5, .cut_side = TOKENIZER_LEFT, .pad_multiple = 4};
    struct tokenizer_options by_file = {.limits_from_file = true, .plain = true};
    pum_status status = tokenizer_from_json((const char *)data, size, &tokenizer, &fault);
    if ((status == PUM_OK) != (tokenizer != NULL) || (status == PUM_OK) != (fault.text[0] == '\0'))
        abort();
    if (status != PUM_OK)
        return 0;
    use(tokenizer, NULL, false);
    use(tokenizer, &cut, true);
    use(tokenizer, &by_file, false);
    tokenizer_free(&tokenizer);
    return 0;
}
