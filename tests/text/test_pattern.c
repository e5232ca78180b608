/* SPDX-License-Identifier: MIT
 *
 * test_pattern.c - patterns of tokenizer files: what they match, how Oniguruma's dialect is
 * rewritten, what is refused, and that a hostile one ends.
 */
#include "text/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* "(ab)c(d)": matches in brackets. "!" and the status where the search fails. */
static const char *found(const char *pattern, bool regular, const char *text)
{
    static char out[4096];
    struct fault fault = {0};
    struct text_work work = {.fault = &fault};
    struct pattern *compiled;
    size_t used = 0;
    if (pattern_compile(pattern, strlen(pattern), regular, "test", &compiled, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    pum_status status = pattern_find(compiled, &work, text, strlen(text));
    size_t before = 0;
    out[0] = '\0';
    for (size_t i = 0; i < work.matches.count && status == PUM_OK; i++) {
        struct text_match match = work.matches.items[i];
        assert_int_equal(match.begin, before); /* they cover the text */
        before = match.end;
        used += (size_t)snprintf(out + used, sizeof(out) - used, match.hit ? "(%.*s)" : "%.*s",
                                 (int)(match.end - match.begin), text + match.begin);
    }
    if (status == PUM_OK)
        assert_int_equal(before, strlen(text));
    else
        snprintf(out, sizeof(out), "!%s", pum_status_name(status));
    pattern_end(&work);
    text_work_free(&work);
    pattern_free(compiled);
    return out;
}

static void test_matches(void **state)
{
    (void)state;
    assert_string_equal(found("b+", true, "abbcb"), "a(bb)c(b)");
    assert_string_equal(found("b+", false, "ab+b+"), "a(b+)(b+)");
    assert_string_equal(found(".", false, "a.b"), "a(.)b");
    assert_string_equal(found("", false, "ab"), "ab");
    assert_string_equal(found("b", true, ""), "");
    assert_string_equal(found("\\p{L}+|\\p{N}", true, "añ12ж!"), "(añ)(1)(2)(ж)!");
    assert_string_equal(found("(?i:ß|k)", true, "K k"), "(K) (k)");
    /* Empty matches cut, and do not stand still. */
    assert_string_equal(found("x*", true, "axxb"), "a(xx)b");
    /* Oniguruma's ^ and $ are those of lines. */
    assert_string_equal(found("^a|b$", true, "ab\nab"), "(a)(b)\n(a)(b)");
}

static void test_dialect(void **state)
{
    (void)state;
    /* U+180E is no space since Unicode 6.3, U+0085 is one. */
    assert_string_equal(found("\\s+", true, "a\xe1\xa0\x8e\xc2\x85 b"),
                        "a\xe1\xa0\x8e(\xc2\x85 )b");
    assert_string_equal(found("[^\\s\\w]+", true, "a\xe1\xa0\x8e-\xc2\x85"),
                        "a(\xe1\xa0\x8e-)\xc2\x85");
    assert_string_equal(found("\\S+", true, " a\xe1\xa0\x8e "), " (a\xe1\xa0\x8e) ");
    /* Marks and connectors belong to words, halves do not. */
    assert_string_equal(found("\\w+", true, "e\xcc\x81_‿½"), "(e\xcc\x81_‿)½");
    assert_string_equal(found("\\h+", true, "xaf0g"), "x(af0)g");
    assert_string_equal(found("[]a]+", true, "b]a["), "b(]a)[");
    assert_string_equal(found("[[:punct:]x]+", true, "a!x1"), "a(!x)1");
    assert_string_equal(found("[\\[\\]]+", true, "a[]b"), "a([])b");
    assert_string_equal(found("a{1,2}b", true, "aaab"), "a(aab)");
    assert_string_equal(found("\\x{61}+", true, "baa"), "b(aa)");
}

static void refuse(const char *pattern, pum_status status, const char *says)
{
    struct fault fault = {0};
    struct pattern *compiled;
    assert_int_equal(
        pattern_compile(pattern, strlen(pattern), true, "pre_tokenizer", &compiled, &fault),
        status);
    assert_null(compiled);
    assert_non_null(strstr(fault.text, "pre_tokenizer"));
    assert_non_null(strstr(fault.text, says));
}

static void test_refused(void **state)
{
    (void)state;
    refuse("(a", PUM_E_UNSUPPORTED, "(a");
    refuse("\\p{NoSuchScript}", PUM_E_UNSUPPORTED, "NoSuchScript");
    refuse("[a[bc]]", PUM_E_UNSUPPORTED, "within a class");
    refuse("[a&&b]", PUM_E_UNSUPPORTED, "intersection");
    refuse("\\p{N}{1,3}+", PUM_E_UNSUPPORTED, "interval");
    refuse("\\C", PUM_E_UNSUPPORTED, "\\C");
    struct fault fault = {0};
    struct pattern *compiled;
    assert_int_equal(pattern_compile("a\0b", 3, true, "x", &compiled, &fault), PUM_E_FORMAT);
}

static void test_hostile(void **state)
{
    (void)state;
    char text[64];
    memset(text, 'a', 40);
    text[40] = '\0';
    clock_t start = clock();
    assert_string_equal(found("(a|a)*[bc]", true, text), "!limit");
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_dialect),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
