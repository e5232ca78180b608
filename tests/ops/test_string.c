/* SPDX-License-Identifier: MIT
 *
 * test_string.c - operators on strings: those that make new ones, Cast to and from numbers, and
 * those that move and compare elements of any type.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <locale.h>

static void concats(void **state)
{
    (void)state;
    op_text_gives(OP_STRINGCONCAT, "str[2,1]={a,b} str[2]={1,}", "", "str[2,2]={a1,a,b1,b}");
    op_text_fails(OP_STRINGCONCAT, "str[2] i32[2]", "", PUM_E_TYPE, "input 1");
    op_text_fails(OP_STRINGCONCAT, "str[2] str[3]", "", PUM_E_SHAPE, "broadcast");
}

static void splits(void **state)
{
    (void)state;
    op_text_gives(OP_STRINGSPLIT, "str[2]={~hello~~world~,x}", "outputs=2",
                  "str[2,2]={hello,world,x,} i64[2]={2,1}");
    op_text_gives(OP_STRINGSPLIT, "str[1]={a~b~c~}", "maxsplit=1", "str[1,2]={a,b~c~}");
    op_text_gives(OP_STRINGSPLIT, "str[2]={a::::b,}", "delimiter=:: outputs=2",
                  "str[2,3]={a,,b,,,} i64[2]={3,1}");
    op_text_gives(OP_STRINGSPLIT, "str[1]={a;b;c}", "delimiter=; maxsplit=1 outputs=2",
                  "str[1,2]={a,b;c} i64[1]={2}");
    op_text_gives(OP_STRINGSPLIT, "str[2]={,~}", "outputs=2", "str[2,0]={} i64[2]={0,0}");
    op_text_needs_data(OP_STRINGSPLIT, "str[2]", "", 0);
}

static void normalizes(void **state)
{
    (void)state;
    op_text_gives(OP_STRINGNORMALIZER, "str[3]={Monday,tuesday,MONDAY}",
                  "stopwords={monday} case_change_action=UPPER", "str[1]={TUESDAY}");
    op_text_gives(OP_STRINGNORMALIZER, "str[1,3]={Monday,Tuesday,monday}",
                  "stopwords={monday} is_case_sensitive=1 case_change_action=LOWER",
                  "str[1,2]={monday,tuesday}");
    op_text_gives(OP_STRINGNORMALIZER, "str[1]={a}", "stopwords={a}", "str[1]={}");
    op_text_gives(OP_STRINGNORMALIZER, "str[2]={a,B}", "", "str[2]={a,B}");
    op_text_fails(OP_STRINGNORMALIZER, "str[2,2]", "", PUM_E_SHAPE, "[2,2]");
    op_text_fails(OP_STRINGNORMALIZER, "str[2]", "case_change_action=TITLE", PUM_E_ARGUMENT,
                  "TITLE");
}

#define POOL "ngram_counts=[0,4] ngram_indexes=[0,1,2,3,4,5,6] pool_int64s=[2,3,5,4,5,6,7,8,6,7] "

/* The examples of ONNX's specification. */
static void counts_grams(void **state)
{
    (void)state;
    const char *row = "i32[12]={1,1,3,3,3,7,8,6,7,5,6,8}";
    op_text_gives(OP_TFIDFVECTORIZER, row,
                  POOL "mode=TF min_gram_length=2 max_gram_length=2 max_skip_count=0",
                  "f32[7]={0,0,0,0,1,1,1}");
    op_text_gives(OP_TFIDFVECTORIZER, row,
                  POOL "mode=TF min_gram_length=2 max_gram_length=2 max_skip_count=5",
                  "f32[7]={0,0,0,0,1,3,1}");
    op_text_gives(OP_TFIDFVECTORIZER, row,
                  POOL "mode=TF min_gram_length=1 max_gram_length=2 max_skip_count=5",
                  "f32[7]={0,3,1,0,1,3,1}");
    op_text_gives(OP_TFIDFVECTORIZER, "str[2,3]={a,b,a,b,c,b}",
                  "mode=TFIDF min_gram_length=1 max_gram_length=2 ngram_counts=[0,2] "
                  "ngram_indexes=[2,0,1] pool_strings={a,c,a,b} weights=[0.5,2.0,3.0]",
                  "f32[2,3]={0,3,1,2,0,0}");
    op_text_gives(OP_TFIDFVECTORIZER, "str[3]={a,b,a}",
                  "mode=IDF min_gram_length=1 max_gram_length=1 ngram_counts=[0] "
                  "ngram_indexes=[0] pool_strings={a} weights=[0.5]",
                  "f32[1]={0.5}");
    op_text_fails(OP_TFIDFVECTORIZER, "str[3]", POOL "mode=TF min_gram_length=1 max_gram_length=1",
                  PUM_E_TYPE, "int32 or int64");
    op_text_fails(OP_TFIDFVECTORIZER, "i32[3]",
                  "mode=TF min_gram_length=1 max_gram_length=2 ngram_counts=[0,3] "
                  "ngram_indexes=[0] pool_int64s=[1,2]",
                  PUM_E_ARGUMENT, "ngram_counts");
}

static void casts(void **state)
{
    (void)state;
    op_text_gives(OP_CAST, "str[5]={1.5,-INF,nan,1e-3,+2}", "to=1",
                  "f32[5]={1.5,-inf,nan,0.001,2}");
    op_text_gives(OP_CAST, "str[3]={-7,1e3,2.0}", "to=7", "i64[3]={-7,1000,2}");
    op_text_gives(OP_CAST, "str[1]={18446744073709551615}", "to=13", "u64[1]={-1}");
    op_text_gives(OP_CAST, "f32[5]={0.1,-2,nan,inf,1.00000012}", "to=8",
                  "str[5]={0.1,-2,NaN,INF,1.0000001}");
    op_text_gives(OP_CAST, "f64[2]={0.1,1e300}", "to=8", "str[2]={0.1,1e+300}");
    op_text_gives(OP_CAST, "u64[1]={-1}", "to=8", "str[1]={18446744073709551615}");
    op_text_gives(OP_CAST, "bool[2]={1,0}", "to=8", "str[2]={1,0}");
    op_text_reference_fails(OP_CAST, "str[1]={abc}", "to=1", PUM_E_RANGE, "'abc'");
    op_text_reference_fails(OP_CAST, "str[1]={}", "to=1", PUM_E_RANGE, "''");
    op_text_reference_fails(OP_CAST, "str[1]={300}", "to=3", PUM_E_RANGE, "'300'");
    op_text_reference_fails(OP_CAST, "str[1]={1x}", "to=7", PUM_E_RANGE, "'1x'");
}

static void moves(void **state)
{
    (void)state;
    op_text_gives(OP_EQUAL, "str[3]={a,b,c} str[]={b}", "", "bool[3]={0,1,0}");
    op_text_gives(OP_WHERE, "bool[2]={1,0} str[2]={a,b} str[]={z}", "", "str[2]={a,z}");
    op_text_gives(OP_CONCAT, "str[1]={a} str[2]={b,c}", "axis=0", "str[3]={a,b,c}");
    op_text_gives(OP_GATHER, "str[3]={a,b,c} i64[2]={-1,0}", "", "str[2]={c,a}");
    op_text_gives(OP_PAD, "str[1]={a} i64[2]={1,1} str[]={-}", "", "str[3]={-,a,-}");
    op_text_gives(OP_TRANSPOSE, "str[2,2]={a,b,c,d}", "", "str[2,2]={a,c,b,d}");
    op_text_fails(OP_LESS, "str[2] str[2]", "", PUM_E_TYPE, "string");
    op_text_fails(OP_ADD, "str[2] str[2]", "", PUM_E_TYPE, "string");
    op_text_fails(OP_AND, "str[2] str[2]", "", PUM_E_TYPE, "string");
    op_text_fails(OP_REDUCESUM, "str[2]", "", PUM_E_TYPE, "string");
    op_text_fails(OP_TOPK, "str[2] i64[]={1}", "", PUM_E_TYPE, "string");
    op_text_fails(OP_ARGMAX, "str[2]", "", PUM_E_TYPE, "string");
    op_text_fails(OP_CUMSUM, "str[2] i64[]={0}", "", PUM_E_TYPE, "string");
    op_text_fails(OP_RANGE, "str[] str[] str[]", "", PUM_E_TYPE, "string");
    op_text_fails(OP_SCATTERND, "str[4] i64[1,1]={0} str[1]", "reduction=add", PUM_E_TYPE,
                  "string");
    op_text_fails(OP_RESIZE, "str[2] - f32[1]={2}", "mode=linear", PUM_E_TYPE, "string");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concats),      cmocka_unit_test(splits), cmocka_unit_test(normalizes),
        cmocka_unit_test(counts_grams), cmocka_unit_test(casts),  cmocka_unit_test(moves),
    };
    /* A locale with a comma for a point, where there is one: numbers must not follow it. */
    (void)setlocale(LC_NUMERIC, "de_DE.UTF-8");
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
