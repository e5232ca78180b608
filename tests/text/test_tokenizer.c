/* SPDX-License-Identifier: MIT
 *
 * test_tokenizer.c - the interface: batches and their padding, limits, added tokens and their
 * flags, templates, decoding, many threads on one tokenizer, memory that runs out of nothing.
 */
#include "token_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tokenizer *bert;

/* A tokenizer of single letters; `parts` are more fields of the file. ' stands for ". */
static struct tokenizer *letters(const char *parts)
{
    char json[4096];
    snprintf(json, sizeof(json),
             "{'version':'1.0',%s,'model':{'type':'BPE','unk_token':'?','vocab':{'?':0,'a':1,"
             "'b':2,'c':3,' ':4,'-':5,'A':6},'merges':[]}}",
             parts);
    for (char *c = json; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    return token_open_json(json);
}

static void test_batch(void **state)
{
    (void)state;
    static const struct tokenizer_text texts[] = {
        {.text = "a b c", .text_bytes = 5},
        {.text = "a", .text_bytes = 1, .pair = "b", .pair_bytes = 1},
        {.text = "", .text_bytes = 0},
    };
    struct tokenizer_options options = {.pad_multiple = 4};
    struct token_batch batch;
    struct fault fault = {0};
    assert_int_equal(tokenizer_encode(bert, texts, 3, &options, &batch, &fault), PUM_OK);
    assert_int_equal(batch.rows, 3);
    assert_int_equal(batch.columns, 8);
    static const int32_t lengths[] = {5, 5, 2};
    for (int32_t row = 0; row < 3; row++) {
        assert_int_equal(batch.lengths[row], lengths[row]);
        assert_false(batch.cut[row]);
        for (int32_t i = 0; i < 8; i++) {
            bool inside = i < lengths[row];
            assert_int_equal(batch.attention_mask[row * 8 + i], inside);
            if (inside)
                continue;
            assert_int_equal(batch.ids[row * 8 + i], tokenizer_get_info(bert)->padding);
            assert_int_equal(batch.special_mask[row * 8 + i], 1);
            assert_int_equal(batch.spans[row * 8 + i].source, -1);
        }
    }
    assert_int_equal(batch.type_ids[8 + 2], 0);
    assert_int_equal(batch.type_ids[8 + 3], 1);
    assert_int_equal(batch.spans[8 + 3].source, 1);
    token_batch_free(&batch);
    token_batch_free(&batch);
    assert_int_equal(tokenizer_encode(bert, NULL, 0, NULL, &batch, &fault), PUM_OK);
    assert_int_equal(batch.rows, 0);
    token_batch_free(&batch);
    assert_int_equal(tokenizer_encode(bert, texts, -1, NULL, &batch, &fault), PUM_E_ARGUMENT);
}

static void test_limits(void **state)
{
    (void)state;
    struct token_batch batch;
    struct fault fault = {0};
    struct tokenizer_text text = {.text = "a b c d", .text_bytes = 7};
    struct tokenizer_options options = {.max_length = 4};
    assert_int_equal(tokenizer_encode(bert, &text, 1, &options, &batch, &fault), PUM_OK);
    assert_int_equal(batch.columns, 4);
    assert_true(batch.cut[0]);
    token_batch_free(&batch);
    options.max_length = 2;
    assert_int_equal(tokenizer_encode(bert, &text, 1, &options, &batch, &fault), PUM_OK);
    assert_int_equal(batch.columns, 2);
    token_batch_free(&batch);
    options.max_length = 1;
    assert_int_equal(tokenizer_encode(bert, &text, 1, &options, &batch, &fault), PUM_E_ARGUMENT);
    fault_clear(&fault);
    options = (struct tokenizer_options){.max_length = 4, .truncation = TOKENIZER_ONLY_SECOND};
    assert_int_equal(tokenizer_encode(bert, &text, 1, &options, &batch, &fault), PUM_E_ARGUMENT);
    assert_non_null(strstr(fault.text, "second"));
    fault_clear(&fault);
    /* Left out before the model has seen it: told nevertheless. */
    options = (struct tokenizer_options){.max_length = 2, .plain = true};
    assert_int_equal(tokenizer_encode(bert, &text, 1, &options, &batch, &fault), PUM_OK);
    assert_int_equal(batch.columns, 2);
    assert_true(batch.cut[0]);
    token_batch_free(&batch);
    text.text_bytes = TOKENIZER_MAX_TEXT_BYTES + 1;
    assert_int_equal(tokenizer_encode(bert, &text, 1, NULL, &batch, &fault), PUM_E_LIMIT);
}

static void test_file_limits(void **state)
{
    (void)state;
    struct tokenizer *roberta = token_open_small("roberta_small");
    char text[400];
    memset(text, '.', sizeof(text));
    for (size_t i = 0; i < sizeof(text); i += 2)
        text[i] = 'x';
    struct tokenizer_text texts[] = {{.text = "a", .text_bytes = 1},
                                     {.text = text, .text_bytes = sizeof(text)}};
    struct tokenizer_options options = {.limits_from_file = true};
    struct token_batch batch;
    struct fault fault = {0};
    assert_int_equal(tokenizer_encode(roberta, texts, 2, &options, &batch, &fault), PUM_OK);
    assert_int_equal(batch.columns, 64);
    assert_int_equal(batch.lengths[0], 3);
    assert_int_equal(batch.lengths[1], 64);
    assert_int_equal(batch.ids[63], 1);
    token_batch_free(&batch);
    assert_int_equal(tokenizer_encode(roberta, texts, 2, NULL, &batch, &fault), PUM_OK);
    assert_true(batch.columns > 64);
    token_batch_free(&batch);
    tokenizer_free(&roberta);
}

/* Flags of added tokens; the letters' ids show what was found. */
static void test_added(void **state)
{
    (void)state;
    static const char parts[] =
        "'added_tokens':[{'id':9,'content':'ab','single_word':false,'lstrip':false,'rstrip':false,"
        "'normalized':false,'special':false},{'id':9,'content':'abc','normalized':false},"
        "{'id':9,'content':'-b','lstrip':true,'rstrip':true,'normalized':false},"
        "{'id':9,'content':'cc','single_word':true,'normalized':false},"
        "{'id':9,'content':'AA','normalized':true}],'normalizer':{'type':'Lowercase'}";
    struct tokenizer *t = letters(parts);
    assert_int_equal(tokenizer_id(t, "ab"), 7);
    assert_int_equal(tokenizer_id(t, "AA"), 11);
    assert_string_equal(token_ids(t, "abca", NULL), "8 1"); /* the longest */
    assert_string_equal(token_ids(t, "aab", NULL), "1 7");
    assert_string_equal(token_ids(t, "AB", NULL), "1 2"); /* before the normalizer */
    assert_string_equal(token_ids(t, "a  -b  c", NULL), "1 9 3");
    assert_string_equal(token_ids(t, "-b -b", NULL), "9 9");
    assert_string_equal(token_ids(t, "a cc-", NULL), "1 4 10 5");
    assert_string_equal(token_ids(t, "acc", NULL), "1 3 3");
    assert_string_equal(token_ids(t, "ccb", NULL), "3 3 2");
    assert_string_equal(token_ids(t, "aa Aa", NULL), "11 4 11"); /* as the normalizer makes it */
    const struct tokenizer_info *info = tokenizer_get_info(t);
    assert_int_equal(info->token_count, 12);
    assert_int_equal(info->id_limit, 12);
    assert_int_equal(info->unknown, 0);
    assert_string_equal(info->model, "BPE");
    size_t bytes;
    assert_string_equal(tokenizer_token(t, 8, &bytes), "abc");
    assert_int_equal(bytes, 3);
    assert_null(tokenizer_token(t, 12, &bytes));
    assert_null(tokenizer_token(t, -1, NULL));
    assert_null(tokenizer_token(t, INT64_MAX, NULL));
    tokenizer_free(&t);
    tokenizer_free(&t);
}

static void test_template(void **state)
{
    (void)state;
    static const char parts[] =
        "'post_processor':{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'x','type_id"
        "':3}},{'Sequence':{'id':'A','type_id':1}},{'Sequence':{'id':'A','type_id':2}}],'pair':[{"
        "'Sequence':{'id':'B','type_id':0}},{'Sequence':{'id':'A','type_id':1}}],'special_tokens':{"
        "'x':{'id':'x','ids':[2,3],'tokens':['b','c']}}}";
    struct tokenizer *t = letters(parts);
    struct tokenizer_text text = {.text = "a", .text_bytes = 1, .pair = "-", .pair_bytes = 1};
    struct token_batch batch;
    struct fault fault = {0};
    struct tokenizer_options plain = {.plain = true};
    assert_string_equal(token_ids(t, "a", NULL), "2 3 1 1");
    assert_string_equal(token_ids(t, "a", &plain), "1 1");
    assert_int_equal(tokenizer_encode(t, &text, 1, NULL, &batch, &fault), PUM_OK);
    assert_int_equal(batch.columns, 2);
    assert_int_equal(batch.ids[0], 5);
    assert_int_equal(batch.spans[0].source, 1);
    assert_int_equal(batch.ids[1], 1);
    token_batch_free(&batch);
    tokenizer_free(&t);
}

static void test_broken_text(void **state)
{
    (void)state;
    static const char bytes[] = "a\xf0\x9f\x98"
                                "b\xff\xc3\xa9";
    struct tokenizer *t = letters("'decoder':null");
    struct tokenizer_text text = {.text = bytes, .text_bytes = sizeof(bytes) - 1};
    struct token_batch batch;
    struct fault fault = {0};
    static const struct token_span wanted[] = {
        {0, 1, 0}, {1, 4, 0}, {4, 5, 0}, {5, 6, 0}, {6, 8, 0}};
    assert_int_equal(tokenizer_encode(t, &text, 1, NULL, &batch, &fault), PUM_OK);
    assert_int_equal(batch.columns, 5);
    for (int32_t i = 0; i < 5; i++) {
        assert_int_equal(batch.spans[i].begin, wanted[i].begin);
        assert_int_equal(batch.spans[i].end, wanted[i].end);
        assert_int_equal(tokenizer_characters(bytes, sizeof(bytes) - 1, wanted[i].begin), i);
    }
    token_batch_free(&batch);
    tokenizer_free(&t);
}

static void expect_text(const struct tokenizer *tokenizer, const char *ids_text, bool skip,
                        const char *wanted)
{
    int64_t ids[16];
    size_t count = 0, bytes;
    char *text, *end;
    struct fault fault = {0};
    for (const char *at = ids_text; *at != '\0'; at = end)
        ids[count++] = strtoll(at, &end, 10);
    assert_int_equal(tokenizer_decode(tokenizer, ids, count, skip, &text, &bytes, &fault), PUM_OK);
    assert_string_equal(text, wanted);
    assert_int_equal(bytes, strlen(wanted));
    free(text);
}

static void test_decode(void **state)
{
    (void)state;
    static const char added[] = "'added_tokens':[{'id':7,'content':'<x>','special':true}],";
    char parts[512];
    snprintf(parts, sizeof(parts), "%s'decoder':null", added);
    struct tokenizer *t = letters(parts);
    expect_text(t, "", false, "");
    expect_text(t, "1 7 2", false, "a <x> b");
    expect_text(t, "1 7 2", true, "a b");
    expect_text(t, "1 99 -4 2", false, "a b"); /* no such tokens */
    tokenizer_free(&t);
    snprintf(
        parts, sizeof(parts),
        "%s'decoder':{'type':'Sequence','decoders':[{'type':'Replace','pattern':{'Regex':'b'},"
        "'content':'  bb'},{'type':'Fuse'},{'type':'Strip','content':' ','start':1,'stop':0}]}",
        added);
    t = letters(parts);
    expect_text(t, "2 1 2", false, " bba  bb");
    tokenizer_free(&t);
    snprintf(parts, sizeof(parts),
             "%s'decoder':{'type':'CTC','pad_token':'<x>',"
             "'word_delimiter_token':'-','cleanup':true}",
             added);
    t = letters(parts);
    expect_text(t, "1 1 7 1 5 2 2", false, "aa b");
    tokenizer_free(&t);
    expect_text(bert, token_ids(bert, "Hello, my dog isn't cute.", NULL), true,
                "hello, my dog isn ' t cute.");
}

/* --- threads ---------------------------------------------------------------------------------- */

static void *encode_often(void *user)
{
    char wanted[4096];
    bool *same = user;
    static const char text[] = "Hello, my dog is cute; naïve 中文 [MASK] antidisestablishment";
    struct tokenizer_text input = {.text = text, .text_bytes = sizeof(text) - 1};
    *same = true;
    wanted[0] = '\0';
    for (int i = 0; i < 300; i++) {
        struct token_batch batch;
        char got[4096] = "";
        if (tokenizer_encode(bert, &input, 1, NULL, &batch, NULL) != PUM_OK) {
            *same = false;
            return NULL;
        }
        for (int32_t k = 0; k < batch.columns; k++)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%d ", (int)batch.ids[k]);
        token_batch_free(&batch);
        if (i == 0)
            memcpy(wanted, got, sizeof(got));
        *same = *same && strcmp(wanted, got) == 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool same[4] = {false};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &same[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(same[i]);
    }
}

int main(void)
{
    bert = token_open_small("bert_small");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_file_limits), cmocka_unit_test(test_added),
        cmocka_unit_test(test_template),    cmocka_unit_test(test_broken_text),
        cmocka_unit_test(test_decode),      cmocka_unit_test(test_threads),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tokenizer_free(&bert);
    return failed;
}
