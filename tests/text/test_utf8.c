/* SPDX-License-Identifier: MIT
 *
 * test_utf8.c - reading UTF-8 that may be broken, and the classes of characters.
 */
#include "text/char_class.h"
#include "text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Reads all of a text; gives the characters with '?' for a broken part, and lengths as digits. */
static void read_all(const char *bytes, size_t size, char *kinds, char *lengths)
{
    size_t count = 0, length;
    for (size_t at = 0; at < size; at += length, count++) {
        bool valid;
        uint32_t c = utf8_read(bytes + at, size - at, &length, &valid);
        assert_true(length >= 1 && at + length <= size);
        assert_true(valid || c == UTF8_REPLACEMENT);
        kinds[count] = valid ? 'c' : '?';
        lengths[count] = (char)('0' + length);
    }
    kinds[count] = lengths[count] = '\0';
}

static void test_broken(void **state)
{
    (void)state;
    /* The examples of the Unicode standard, and the ends of the ranges. */
    static const struct {
        const char *bytes, *kinds, *lengths;
    } cases[] = {
        {"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "cccc", "1234"},
        {"\x80\xbf", "??", "11"},
        {"\xc0\xaf\xc1\xbf", "????", "1111"},
        {"\xe0\x80\xaf\xe0\xa0\x80", "???c", "1113"},
        {"\xed\xa0\x80\xed\x9f\xbf", "???c", "1113"},
        {"\xf0\x80\x80\x80\xf0\x90\x80\x80", "????c", "11114"},
        {"\xf4\x8f\xbf\xbf\xf4\x90\x80\x80", "c????", "41111"},
        {"\xf5\xff", "??", "11"},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
         "A",
         "????c", "21321"},
        {"\xf0\x9f\x98", "?", "3"},
        {"\xe2\x82", "?", "2"},
        {"\xc3", "?", "1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char kinds[32], lengths[32];
        size_t size = strlen(cases[i].bytes);
        char *exact = malloc(size); /* so that a sanitizer sees a byte beyond */
        memcpy(exact, cases[i].bytes, size);
        read_all(exact, size, kinds, lengths);
        free(exact);
        assert_string_equal(kinds, cases[i].kinds);
        assert_string_equal(lengths, cases[i].lengths);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 97) {
        char bytes[4];
        size_t length = utf8_write(c, bytes), read;
        bool valid, surrogate = c >= 0xd800 && c < 0xe000;
        assert_int_equal(utf8_read(bytes, length, &read, &valid), surrogate ? 0xfffd : c);
        assert_true(valid != surrogate);
        if (surrogate)
            continue;
        assert_int_equal(read, length);
        assert_int_equal(utf8_next(bytes, &read), c);
        assert_int_equal(utf8_before(bytes, length), 0);
        assert_int_equal(utf8_count(bytes, length), 1);
    }
}

static void test_classes(void **state)
{
    (void)state;
    static const uint32_t spaces[] = {' ', '\t', '\n', 0xb, 0xc, '\r', 0x85, 0xa0, 0x1680, 0x2028};
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
        assert_true(char_is_space(spaces[i]));
    assert_false(char_is_space(0x180e) || char_is_space(0x200b) || char_is_space(0xfeff));
    assert_true(char_is_bert_control(0) && char_is_bert_control(0x200d) &&
                char_is_bert_control(0xe000) && char_is_bert_control(0xfffd));
    assert_false(char_is_bert_control('\t') || char_is_bert_control('\n') ||
                 char_is_bert_control('a') || char_is_bert_control(0x378));
    assert_true(char_is_punctuation('$') && char_is_punctuation('`') && char_is_punctuation(0xab) &&
                char_is_punctuation(0x3002));
    assert_false(char_is_punctuation(0x20ac) || char_is_punctuation('a'));
    assert_true(char_is_bert_chinese(0x4e00) && char_is_bert_chinese(0x20000));
    assert_false(char_is_bert_chinese(0x3042) || char_is_bert_chinese(0xac00));
    assert_true(char_is_word('_') && char_is_word(0x301) && char_is_word(0x24b6) &&
                char_is_word(0x200d));
    assert_false(char_is_word('-') || char_is_word(0xbd));
    assert_true(char_is_number(0xbd) && char_is_number(0x2167) && !char_is_number('a'));
    assert_true(char_is_mark(0x903) && !char_is_nonspacing_mark(0x903));
}

static void test_lower(void **state)
{
    (void)state;
    uint32_t out[2];
    assert_int_equal(char_lower('Q', out), 1);
    assert_int_equal(out[0], 'q');
    assert_int_equal(char_lower(0x130, out), 2);
    assert_int_equal(out[0], 'i');
    assert_int_equal(out[1], 0x307);
    assert_int_equal(char_lower(0x1e9e, out), 1);
    assert_int_equal(out[0], 0xdf);
    assert_int_equal(char_lower(0x3a3, out), 1);
    assert_int_equal(out[0], 0x3c3);
}

static void test_reserve(void **state)
{
    (void)state;
    void *array = NULL;
    size_t room = 0;
    assert_true(array_reserve(&array, &room, 1, 8));
    assert_true(room >= 1);
    size_t before = room;
    assert_false(array_reserve(&array, &room, SIZE_MAX / 4, 8));
    assert_false(array_reserve(&array, &room, SIZE_MAX, 1));
    assert_int_equal(room, before);
    free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken),  cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_lower),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
