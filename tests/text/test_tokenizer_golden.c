/* SPDX-License-Identifier: MIT
 *
 * test_tokenizer_golden.c - tokenizers against what the reference answered (the `tokenizers`
 * library; tools/make_tokenizer_goldens): ids, offsets, type ids and decoded text of 5,000 lines,
 * and whole rows for pairs, cut and padded texts. Small tokenizers are in the repository; those of
 * BERT, GPT-2 and CLIP are tried where tools/fetch_tokenizers has put them, and skipped else.
 */
#include "token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct token_lines lines;

static const struct {
    const char *name;
    bool whole; /* not in the repository */
} tokenizers[] = {
    {"bert_small", false},    {"bert_cased_small", false},
    {"gpt2_small", false},    {"clip_small", false},
    {"roberta_small", false}, {"fallback_small", false},
    {"qwen_small", false},    {"words_small", false},
    {"unigram_small", false}, {"bert", true},
    {"gpt2", true},           {"clip", true},
};
enum { TOKENIZER_COUNT = sizeof(tokenizers) / sizeof(tokenizers[0]) };

static struct tokenizer *open_one(const char *name, bool whole)
{
    return whole ? token_open_whole(name) : token_open_small(name);
}

static uint32_t fnv_add(uint32_t hash, uint32_t number)
{
    for (int shift = 0; shift < 32; shift += 8)
        hash = (hash ^ (number >> shift & 255)) * 0x01000193u;
    return hash;
}

static uint32_t fold16(uint32_t hash)
{
    return (hash >> 16 ^ hash) & 0xffff;
}

static uint32_t fold8(uint32_t hash)
{
    return (fold16(hash) >> 8 ^ hash) & 0xff;
}

/* Offsets count characters in the goldens. */
static uint32_t in_characters(const struct token_line *line, uint32_t at)
{
    return (uint32_t)tokenizer_characters(line->bytes, line->size, at);
}

struct record {
    uint32_t ids, places, text;
};

static struct record record_of(const struct tokenizer *tokenizer, const struct token_line *line)
{
    struct tokenizer_text input = {.text = line->bytes, .text_bytes = line->size};
    struct token_batch batch;
    struct fault fault = {0};
    char *decoded;
    size_t decoded_bytes;
    uint32_t ids = 0x811c9dc5u, places = ids, text = ids;
    if (tokenizer_encode(tokenizer, &input, 1, NULL, &batch, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    assert_int_equal(batch.lengths[0], batch.columns);
    for (int32_t i = 0; i < batch.columns; i++) {
        ids = fnv_add(ids, (uint32_t)batch.ids[i]);
        places = fnv_add(places, in_characters(line, batch.spans[i].begin));
        places = fnv_add(places, in_characters(line, batch.spans[i].end));
        places = fnv_add(places, (uint32_t)batch.type_ids[i]);
    }
    if (tokenizer_decode(tokenizer, batch.ids, (size_t)batch.columns, true, &decoded,
                         &decoded_bytes, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    for (size_t i = 0; i < decoded_bytes; i++)
        text = fnv_add(text, (unsigned char)decoded[i]);
    free(decoded);
    token_batch_free(&batch);
    return (struct record){fold16(ids), fold8(places), fold8(text)};
}

static int compare_lines(const char *name, const struct tokenizer *tokenizer)
{
    char file[64];
    size_t size;
    int wrong = 0;
    snprintf(file, sizeof(file), "%s.golden", name);
    unsigned char *golden = token_data(file, &size);
    assert_int_equal(size, lines.count * 4);
    for (size_t i = 0; i < lines.count; i++) {
        struct record got = record_of(tokenizer, &lines.items[i]);
        uint32_t ids = golden[i * 4] | (uint32_t)golden[i * 4 + 1] << 8;
        const char *what = got.ids != ids                    ? "ids"
                           : got.places != golden[i * 4 + 2] ? "offsets or types"
                           : got.text != golden[i * 4 + 3]   ? "decoded text"
                                                             : NULL;
        if (what != NULL && wrong++ < 5)
            printf("%s: line %zu: wrong %s\n", name, i + 1, what);
    }
    free(golden);
    return wrong;
}

static void test_lines(void **state)
{
    (void)state;
    int wrong = 0, missing = 0;
    assert_int_equal(lines.count, 5000);
    for (size_t i = 0; i < TOKENIZER_COUNT; i++) {
        struct tokenizer *tokenizer = open_one(tokenizers[i].name, tokenizers[i].whole);
        missing += tokenizer == NULL;
        if (tokenizer != NULL)
            wrong += compare_lines(tokenizers[i].name, tokenizer);
        tokenizer_free(&tokenizer);
    }
    if (missing > 0)
        printf("%d of %d tokenizers are missing and were not tried\n", missing, TOKENIZER_COUNT);
    assert_int_equal(wrong, 0);
}

/* --- samples ---------------------------------------------------------------------------------- */

/* A row of samples.txt: name, options, first line, second line or -1, five columns or "error". */
struct sample {
    char *name, *words, *columns[5];
    long first, second;
    bool fails;
};

static struct sample parse_sample(char *text)
{
    struct sample sample = {0};
    char *fields[9] = {0}, *rest = text;
    for (int i = 0; i < 9 && rest != NULL; i++)
        fields[i] = strsep(&rest, "\t");
    assert_non_null(fields[4]);
    sample.name = fields[0];
    sample.words = fields[1];
    sample.first = strtol(fields[2], NULL, 10);
    sample.second = strtol(fields[3], NULL, 10);
    sample.fails = strcmp(fields[4], "error") == 0;
    for (int i = 0; i < 5; i++)
        sample.columns[i] = fields[4 + i];
    return sample;
}

static struct tokenizer_options parse_options(const char *words)
{
    struct tokenizer_options options = {0};
    const char *at;
    options.plain = strstr(words, "plain") != NULL;
    if ((at = strstr(words, "max=")) != NULL)
        options.max_length = atoi(at + 4);
    if ((at = strstr(words, "pad=")) != NULL)
        options.pad_to = atoi(at + 4);
    if ((at = strstr(words, "multiple=")) != NULL)
        options.pad_multiple = atoi(at + 9);
    if (strstr(words, "cut=left") != NULL)
        options.cut_side = TOKENIZER_LEFT;
    if (strstr(words, "side=left") != NULL)
        options.pad_side = TOKENIZER_LEFT;
    if (strstr(words, "only=first") != NULL)
        options.truncation = TOKENIZER_ONLY_FIRST;
    if (strstr(words, "only=second") != NULL)
        options.truncation = TOKENIZER_ONLY_SECOND;
    return options;
}

static void put(char *out, size_t room, long long first, long long second)
{
    size_t used = strlen(out);
    const char *comma = used == 0 ? "" : ",";
    if (second < 0)
        snprintf(out + used, room - used, "%s%lld", comma, first);
    else
        snprintf(out + used, room - used, "%s%lld-%lld", comma, first, second);
}

/* Column `kind` of a row as the file writes it. Which id fills up is the caller's affair: 0. */
static void print_column(const struct token_batch *batch, int kind, const struct token_line *texts,
                         char *out, size_t room)
{
    out[0] = '\0';
    for (int32_t i = 0; i < batch->columns; i++) {
        const struct token_span *span = &batch->spans[i];
        const struct token_line *line = &texts[span->source == 1];
        if (kind == 0)
            put(out, room, batch->attention_mask[i] == 0 ? 0 : batch->ids[i], -1);
        else if (kind == 4)
            put(out, room, in_characters(line, span->begin), in_characters(line, span->end));
        else
            put(out, room,
                kind == 1   ? batch->type_ids[i]
                : kind == 2 ? batch->attention_mask[i]
                            : batch->special_mask[i],
                -1);
    }
}

static bool same_sample(const struct tokenizer *tokenizer, const struct sample *sample)
{
    static char got[1 << 16];
    static const char *const names[] = {"ids", "types", "attention", "special", "offsets"};
    struct token_line texts[2] = {lines.items[sample->first], {0}};
    struct tokenizer_options options = parse_options(sample->words);
    struct tokenizer_text input = {.text = texts[0].bytes, .text_bytes = texts[0].size};
    struct token_batch batch;
    struct fault fault = {0};
    bool same = true;
    if (sample->second >= 0) {
        texts[1] = lines.items[sample->second];
        input.pair = texts[1].bytes;
        input.pair_bytes = texts[1].size;
    }
    if (tokenizer_encode(tokenizer, &input, 1, &options, &batch, &fault) != PUM_OK)
        return sample->fails && fault.text[0] != '\0';
    same = !sample->fails;
    for (int kind = 0; kind < 5 && same; kind++) {
        print_column(&batch, kind, texts, got, sizeof(got));
        same = strcmp(got, sample->columns[kind]) == 0;
        if (!same)
            printf("%s '%s' of line %ld: wrong %s\n  wanted %.300s\n  got    %.300s\n",
                   sample->name, sample->words, sample->first + 1, names[kind],
                   sample->columns[kind], got);
    }
    token_batch_free(&batch);
    return same;
}

static void test_samples(void **state)
{
    (void)state;
    size_t size;
    int wrong = 0, tried = 0;
    char *data = (char *)token_data("samples.txt", &size), *rest = data;
    char name[64] = "";
    struct tokenizer *tokenizer = NULL;
    while (rest != NULL && rest[0] != '\0') {
        struct sample sample = parse_sample(strsep(&rest, "\n"));
        if (strcmp(name, sample.name) != 0) {
            tokenizer_free(&tokenizer);
            snprintf(name, sizeof(name), "%s", sample.name);
            tokenizer = open_one(name, strstr(name, "_small") == NULL);
        }
        tried += tokenizer != NULL;
        wrong += tokenizer != NULL && !same_sample(tokenizer, &sample);
    }
    tokenizer_free(&tokenizer);
    free(data);
    assert_true(tried >= 10 * 33);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    lines = token_lines_load();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_samples),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    token_lines_free(&lines);
    return failed;
}
