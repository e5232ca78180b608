/* SPDX-License-Identifier: MIT
 *
 * test_token_model.c - models on words made for them: the order of merges, prefixes and suffixes,
 * unknown characters in all their ways, and words so long that time must not grow with their
 * square.
 */
#include "token_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A tokenizer.json with only a model; ' stands for ". */
static struct tokenizer *model(const char *text)
{
    char json[4096];
    snprintf(json, sizeof(json), "{\"version\":\"1.0\",\"model\":%s}", text);
    for (char *c = json; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    return token_open_json(json);
}

static void expect(const char *text, const char *word, const char *wanted)
{
    struct tokenizer *tokenizer = model(text);
    assert_string_equal(token_texts(tokenizer, word, NULL), wanted);
    tokenizer_free(&tokenizer);
}

static void test_word_piece(void **state)
{
    (void)state;
    static const char pieces[] = "{'type':'WordPiece','unk_token':'?','continuing_subword_prefix':"
                                 "'##','max_input_chars_per_word':8,'vocab':{'?':0,'un':1,'##aff':"
                                 "2,'##able':3,'a':4,'##é':5,'##b':6,'unaff':7}}";
    expect(pieces, "unaffable", "?"); /* 9 characters */
    expect(pieces, "unaff", "unaff"); /* the longest */
    expect(pieces, "unable", "un ##able");
    expect(pieces, "aéb", "a ##é ##b");
    expect(pieces, "aéx", "?");
    expect(pieces, "aééééééé", "a ##é ##é ##é ##é ##é ##é ##é");
}

static void test_merges(void **state)
{
    (void)state;
    static const char order[] = "{'type':'BPE','vocab':{'a':0,'b':1,'c':2,'ab':3,'bc':4,'abc':5,"
                                "'aa':6},'merges':['b c','a b','a bc','a a']}";
    expect(order, "abc", "abc");  /* bc comes before ab */
    expect(order, "aaa", "aa a"); /* the left of equal ones first */
    expect(order, "aab", "a ab");
    expect(order, "axb", "ab"); /* without an unknown token, such characters vanish */
    static const char pairs[] = "{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},"
                                "'merges':[['a','b']]}";
    expect(pairs, "abba", "ab b a");
    static const char whole[] = "{'type':'BPE','ignore_merges':true,'vocab':{'a':0,'b':1,'ab':2},"
                                "'merges':[]}";
    expect(whole, "ab", "ab");
    expect(whole, "aba", "a b a");
}

static void test_affixes(void **state)
{
    (void)state;
    static const char suffix[] = "{'type':'BPE','end_of_word_suffix':'</w>','vocab':{'a':0,'b':1,"
                                 "'a</w>':2,'b</w>':3,'ab</w>':4},'merges':['a b</w>']}";
    expect(suffix, "ab", "ab</w>");
    expect(suffix, "aba", "a b a</w>");
    static const char prefix[] = "{'type':'BPE','continuing_subword_prefix':'##','vocab':{'a':0,"
                                 "'##b':1,'ab':2,'##a':3},'merges':['a ##b']}";
    expect(prefix, "aba", "ab ##a");
}

static void test_unknown(void **state)
{
    (void)state;
    static const char fused[] = "{'type':'BPE','unk_token':'?','fuse_unk':true,"
                                "'vocab':{'?':0,'a':1},'merges':[]}";
    static const char single[] = "{'type':'BPE','unk_token':'?','fuse_unk':false,"
                                 "'vocab':{'?':0,'a':1},'merges':[]}";
    static const char bytes[] = "{'type':'BPE','unk_token':'?','byte_fallback':true,'vocab':"
                                "{'?':0,'a':1,'<0xC3>':2,'<0xA9>':3},'merges':[]}";
    expect(fused, "xyaz", "? a ?");
    expect(single, "xyaz", "? ? a ?");
    expect(bytes, "aé", "a <0xC3> <0xA9>");
    expect(bytes, "aü", "a ?");
    expect("{'type':'WordLevel','unk_token':'?','vocab':{'?':0,'ab':1}}", "ab", "ab");
    expect("{'type':'WordLevel','unk_token':'?','vocab':{'?':0,'ab':1}}", "abc", "?");
}

static void test_missing_unknown(void **state)
{
    (void)state;
    static const char *const models[] = {
        "{'type':'WordLevel','unk_token':'?','vocab':{'a':0}}",
        "{'type':'WordPiece','unk_token':'?','vocab':{'a':0}}",
        "{'type':'BPE','unk_token':'?','vocab':{'a':0},'merges':[]}",
        "{'type':'Unigram','unk_id':null,'vocab':[['a',-1]]}",
    };
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        struct tokenizer *tokenizer = model(models[i]);
        struct tokenizer_text text = {.text = "b", .text_bytes = 1};
        struct token_batch batch;
        struct fault fault = {0};
        assert_string_equal(token_texts(tokenizer, "a", NULL), "a");
        assert_int_equal(tokenizer_encode(tokenizer, &text, 1, NULL, &batch, &fault), PUM_E_FORMAT);
        assert_non_null(strstr(fault.text, "unknown token"));
        assert_null(batch.ids);
        tokenizer_free(&tokenizer);
    }
}

static void test_unigram(void **state)
{
    (void)state;
    static const char scores[] = "{'type':'Unigram','unk_id':0,'vocab':[['?',0],['a',-1],['b',-1],"
                                 "['ab',-2.5],['abc',-2],['bc',-4]]}";
    expect(scores, "ab", "a b"); /* -2 beats -2.5 */
    expect(scores, "abc", "abc");
    expect(scores, "abca", "abc a");
    expect(scores, "xya", "? a"); /* unknown ones in a row are one */
    expect(scores, "axbx", "a ? b ?");
    static const char bytes[] = "{'type':'Unigram','unk_id':0,'byte_fallback':true,'vocab':"
                                "[['?',0],['a',-1],['<0xC3>',-9],['<0xA9>',-9]]}";
    expect(bytes, "aéa", "a <0xC3> <0xA9> a");
    expect(bytes, "aüa", "a ? a");
}

/* Seconds to encode a word of `count` letters. */
static double long_word(const struct tokenizer *tokenizer, size_t count, const char *letters)
{
    char *word = malloc(count);
    size_t kinds = strlen(letters);
    struct token_batch batch;
    struct fault fault = {0};
    for (size_t i = 0; i < count; i++)
        word[i] = letters[(i * 7 + i / 3) % kinds];
    struct tokenizer_text text = {.text = word, .text_bytes = count};
    clock_t start = clock();
    if (tokenizer_encode(tokenizer, &text, 1, NULL, &batch, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_true(batch.columns > 0);
    token_batch_free(&batch);
    free(word);
    return seconds;
}

static void test_long_words(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = token_open_small("gpt2_small");
    /* Quadratic time would make the second hundreds of times the first. */
    assert_true(long_word(tokenizer, 2000000, "theinandreaton") < 30);
    assert_true(long_word(tokenizer, 2000000, "a") < 30);
    tokenizer_free(&tokenizer);
    tokenizer = token_open_small("unigram_small");
    assert_true(long_word(tokenizer, 1000000, "theinandreaton") < 30);
    tokenizer_free(&tokenizer);
    tokenizer = token_open_small("bert_small");
    assert_true(long_word(tokenizer, 2000000, "a") < 30);
    tokenizer_free(&tokenizer);
    tokenizer = model("{'type':'WordPiece','unk_token':'?','max_input_chars_per_word':100000000,"
                      "'vocab':{'?':0,'a':1,'##a':2,'##aaaa':3}}");
    assert_true(long_word(tokenizer, 2000000, "a") < 30);
    tokenizer_free(&tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_piece),      cmocka_unit_test(test_merges),
        cmocka_unit_test(test_affixes),         cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_missing_unknown), cmocka_unit_test(test_unigram),
        cmocka_unit_test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
