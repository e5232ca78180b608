/* SPDX-License-Identifier: MIT
 *
 * test_normalizer.c - steps of normalizers and of cutting, each alone: the new text, and for every
 * byte the part of the old one that it came from.
 */
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fault fault;

/* Parses {"type": ...}; ' stands for ". */
static json_t *parse(const char *text)
{
    char copy[1024];
    json_error_t error;
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    json_t *json = json_loads(copy, 0, &error);
    if (json == NULL)
        fail_msg("%s", error.text);
    return json;
}

static void print_work(const struct text_work *work, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < work->pieces.count; i++) {
        const struct text_piece *piece = &work->pieces.items[i];
        used += (size_t)snprintf(out + used, room - used, "%s%.*s", i == 0 ? "" : "|",
                                 (int)(piece->end - piece->begin), work->now.bytes + piece->begin);
    }
}

/* "new text" of a text after a normalizer; with `origins` also "begin-end" of each byte. */
static const char *normal(const char *json_text, const char *text, bool origins)
{
    static char out[4096];
    struct text_work work = {.fault = &fault};
    struct normalizer normalizer = {0};
    json_t *json = parse(json_text);
    fault_clear(&fault);
    pum_status status = normalizer_read(&normalizer, json, &fault);
    if (status == PUM_OK)
        status = text_begin(&work, text, strlen(text));
    if (status == PUM_OK)
        status = normalizer_run(&normalizer, &work);
    if (status != PUM_OK)
        fail_msg("%s", fault.text);
    print_work(&work, out, sizeof(out));
    size_t used = strlen(out);
    for (size_t i = 0; i < work.now.count && origins; i++)
        used += (size_t)snprintf(out + used, sizeof(out) - used, " %u-%u",
                                 work.now.origins[i].begin, work.now.origins[i].end);
    pattern_end(&work);
    text_work_free(&work);
    normalizer_free(&normalizer);
    json_decref(json);
    return out;
}

/* "piece|piece" of a text after a pre-tokenizer. */
static const char *pieces(const char *json_text, const char *text)
{
    static char out[4096];
    struct text_work work = {.fault = &fault};
    struct pre_tokenizer pre = {0};
    json_t *json = parse(json_text);
    fault_clear(&fault);
    pum_status status = pre_tokenizer_read(&pre, json, &fault);
    if (status == PUM_OK)
        status = text_begin(&work, text, strlen(text));
    if (status == PUM_OK)
        status = pre_tokenizer_run(&pre, &work);
    if (status != PUM_OK)
        fail_msg("%s", fault.text);
    print_work(&work, out, sizeof(out));
    pattern_end(&work);
    text_work_free(&work);
    pre_tokenizer_free(&pre);
    json_decref(json);
    return out;
}

static void test_forms(void **state)
{
    (void)state;
    assert_string_equal(normal("{'type':'NFD'}", "é", true), "e\xcc\x81 0-2 0-2 0-2");
    assert_string_equal(normal("{'type':'NFC'}", "e\xcc\x81x", true), "éx 0-1 0-1 3-4");
    assert_string_equal(normal("{'type':'NFKC'}", "ﬁ²", true), "fi2 0-3 0-3 3-5");
    assert_string_equal(normal("{'type':'NFKD'}", "Å", false), "A\xcc\x8a");
    assert_string_equal(normal("{'type':'NFC'}", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", false),
                        "한");
    assert_string_equal(normal("{'type':'NFD'}", "한", false),
                        "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab");
    /* A composition that Unicode excludes, and one that a mark of the same class blocks. */
    assert_string_equal(normal("{'type':'NFC'}", "\xe0\xa4\x95\xe0\xa4\xbc", false),
                        "\xe0\xa4\x95\xe0\xa4\xbc");
    assert_string_equal(normal("{'type':'NFC'}", "a\xcc\x88\xcc\x81", false), "ä\xcc\x81");
    assert_string_equal(normal("{'type':'NFC'}", "a\xcc\xa3\xcc\x81", false), "ạ\xcc\x81");
    /* Marks come in the order of their classes; the place keeps its origin. */
    assert_string_equal(normal("{'type':'NFD'}", "a\xcc\x81\xcc\xa3", true),
                        "a\xcc\xa3\xcc\x81 0-1 1-3 1-3 3-5 3-5");
}

/* A run of marks longer than any sorting by insertion could bear. */
static void test_many_marks(void **state)
{
    (void)state;
    enum { COUNT = 300000 };
    struct text_work work = {.fault = &fault};
    struct normalizer normalizer = {0};
    char *text = malloc(COUNT * 4);
    fault_clear(&fault);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + i * 4, "\xcc\x81\xcc\xa3", 4);
    json_t *json = parse("{'type':'NFC'}");
    assert_int_equal(normalizer_read(&normalizer, json, &fault), PUM_OK);
    assert_int_equal(text_begin(&work, text, COUNT * 4), PUM_OK);
    assert_int_equal(normalizer_run(&normalizer, &work), PUM_OK);
    assert_int_equal(work.now.count, COUNT * 4);
    for (size_t i = 0; i < COUNT * 2; i++)
        assert_memory_equal(work.now.bytes + i * 2, i < COUNT ? "\xcc\xa3" : "\xcc\x81", 2);
    json_decref(json);
    free(text);
    text_work_free(&work);
    normalizer_free(&normalizer);
}

static void test_bert(void **state)
{
    (void)state;
    static const char all[] = "{'type':'BertNormalizer','clean_text':true,"
                              "'handle_chinese_chars':true,'strip_accents':null,'lowercase':true}";
    assert_string_equal(normal(all, "Ünï\tÇ\x01\xe2\x80\x8b!", false), "uni c!");
    assert_string_equal(normal(all, "a中b", true), "a 中 b 0-1 1-4 1-4 1-4 1-4 1-4 4-5");
    assert_string_equal(normal(all, "İ", false), "i");
    assert_string_equal(normal(all,
                               "\xff"
                               "a\xc3",
                               true),
                        "a 1-2");
    static const char cased[] = "{'type':'BertNormalizer','clean_text':false,"
                                "'handle_chinese_chars':false,'lowercase':false}";
    assert_string_equal(normal(cased, "Ü\x01中", false), "Ü\x01中");
    static const char accents[] = "{'type':'BertNormalizer','strip_accents':true,"
                                  "'lowercase':false}";
    assert_string_equal(normal(accents, "É", false), "E");
}

static void test_other_steps(void **state)
{
    (void)state;
    assert_string_equal(normal("{'type':'Lowercase'}", "İA", true), "i\xcc\x87"
                                                                    "a 0-2 0-2 0-2 2-3");
    assert_string_equal(
        normal("{'type':'Strip','strip_left':true,'strip_right':false}", "\xe3\x80\x80 a ", true),
        "a  4-5 5-6");
    assert_string_equal(
        normal("{'type':'Replace','pattern':{'Regex':'x+'},'content':'é'}", "axxb", true),
        "aéb 0-1 2-3 2-3 3-4");
    assert_string_equal(normal("{'type':'Prepend','prepend':'__'}", "ab", true),
                        "__ab 0-1 0-1 0-1 1-2");
    assert_string_equal(normal("{'type':'Prepend','prepend':'_'}", "", true), "");
    assert_string_equal(normal("{'type':'StripAccents'}", "e\xcc\x81", true), "e 0-1");
    assert_string_equal(normal("{'type':'ByteLevel'}", " é\xad", false), "ĠÃ©ï¿½");
    assert_string_equal(normal("{'type':'Nmt'}",
                               "a\x01\xe2\x80\x8b\xef\xbb\xbf"
                               "b",
                               false),
                        "a  b");
    assert_string_equal(normal("{'type':'Sequence','normalizers':[{'type':'Lowercase'},"
                               "{'type':'Sequence','normalizers':[{'type':'NFD'}]}]}",
                               "É", false),
                        "e\xcc\x81");
}

/* Reads a map from its bytes, whose count is a multiple of 3. */
static pum_status read_map(const unsigned char *bytes, size_t size, struct charsmap **out_map)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[1024];
    size_t count = 0;
    uint32_t bits = 0;
    fault_clear(&fault);
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | bytes[i];
        if (i % 3 == 2)
            for (int k = 18; k >= 0; k -= 6)
                text[count++] = digits[bits >> k & 63];
    }
    return charsmap_read(text, count, out_map, &fault);
}

/* One piece through a map. */
static const char *mapped(const struct charsmap *map, const char *text)
{
    static char out[256];
    struct text_work work = {.fault = &fault};
    fault_clear(&fault);
    if (text_begin(&work, text, strlen(text)) != PUM_OK ||
        text_rewrite(&work, charsmap_run, map) != PUM_OK)
        fail_msg("%s", fault.text);
    print_work(&work, out, sizeof(out));
    text_work_free(&work);
    return out;
}

static void test_charsmap(void **state)
{
    (void)state;
    /* Units: the root, whose children lie at 4 ^ byte: 'A' is 0x45; its value lies at 0x45 ^ 0x44.
     * 81 units, then the texts; the last bytes make the size a multiple of 3. */
    unsigned char bytes[4 + 81 * 4 + 8] = {0};
    struct charsmap *map;
    size_t size = sizeof(bytes);
    assert_int_equal(size % 3, 0);
    bytes[0] = 81 * 4 & 255;
    bytes[1] = 81 * 4 >> 8;
    bytes[4 + 1] = 4 << 2;                         /* distance 4, in bits 10 and up */
    bytes[4 + 0x45 * 4] = 'A';                     /* the label */
    bytes[4 + 0x45 * 4 + 1] = 1;                   /* a value */
    bytes[4 + 0x45 * 4 + 1] |= (0x44 << 2) & 0xff; /* distance 0x44 */
    bytes[4 + 0x45 * 4 + 2] = 0x44 >> 6;
    bytes[4 + 1 * 4 + 3] = 0x80;
    memcpy(bytes + 4 + 81 * 4, "xyz\0\xc3\xa9\0", 7);
    assert_int_equal(read_map(bytes, size, &map), PUM_OK);
    assert_string_equal(mapped(map, "aAAb"), "axyzxyzb");
    assert_string_equal(mapped(map, "A\xcc\x81"), "xyz"); /* seen as one with its mark */
    assert_string_equal(mapped(map, "A\xcc\x81\xcc\x81"), "xyz");
    assert_string_equal(mapped(map, "A\xe2\x83\x9d\xcc\x81"),
                        "xyz\xe2\x83\x9d\xcc\x81"); /* six bytes are too many for that */
    assert_string_equal(mapped(map, "b\xf0\x9f\x98\x80"), "b\xf0\x9f\x98\x80");
    charsmap_free(map);
    bytes[4 + 1 * 4] = 5; /* a value that points into a character */
    assert_int_equal(read_map(bytes, size, &map), PUM_OK);
    assert_string_equal(mapped(map, "A"), "A");
    charsmap_free(map);
    bytes[4 + 1 * 4 + 1] = 0xff; /* beyond the texts */
    assert_int_equal(read_map(bytes, size, &map), PUM_OK);
    assert_string_equal(mapped(map, "A"), "A");
    charsmap_free(map);
    bytes[4 + 0x45 * 4 + 2] = 0xff; /* beyond the trie */
    assert_int_equal(read_map(bytes, size, &map), PUM_OK);
    assert_string_equal(mapped(map, "A"), "A");
    charsmap_free(map);
    bytes[1] = 0xff; /* a trie that is longer than all */
    assert_int_equal(read_map(bytes, size, &map), PUM_E_FORMAT);
    assert_null(map);
    assert_int_equal(charsmap_read("!!!!", 4, &map, &fault), PUM_E_FORMAT);
    assert_int_equal(charsmap_read("", 0, &map, &fault), PUM_E_FORMAT);
    assert_int_equal(charsmap_read("AAAAA", 5, &map, &fault), PUM_E_FORMAT);
}

static void test_letters(void **state)
{
    (void)state;
    bool seen[0x150] = {false};
    for (unsigned byte = 0; byte < 256; byte++) {
        uint32_t letter = byte_letter((unsigned char)byte);
        assert_true(letter < 0x144 && !seen[letter]);
        seen[letter] = true;
        assert_int_equal(letter_byte(letter), byte);
    }
    for (uint32_t letter = 0; letter < 0x200; letter++)
        assert_true((letter_byte(letter) >= 0) == (letter < 0x150 && seen[letter]));
    assert_int_equal(byte_letter(' '), 0x120);
    assert_int_equal(byte_letter('\n'), 0x10a);
}

static void test_cuts(void **state)
{
    (void)state;
    static const char dash[] = "{'type':'Split','pattern':{'String':'-'},'behavior':'%s',"
                               "'invert':%s}";
    static const struct {
        const char *behavior, *invert, *wanted;
    } rows[] = {
        {"Removed", "false", "the|final|countdown"},
        {"Isolated", "false", "the|-|final|-|-|countdown"},
        {"MergedWithPrevious", "false", "the-|final-|-|countdown"},
        {"MergedWithNext", "false", "the|-final|-|-countdown"},
        {"Contiguous", "false", "the|-|final|--|countdown"},
        {"Removed", "true", "-|-|-"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char json[256];
        snprintf(json, sizeof(json), dash, rows[i].behavior, rows[i].invert);
        assert_string_equal(pieces(json, "the-final--countdown"), rows[i].wanted);
    }
    assert_string_equal(pieces("{'type':'BertPreTokenizer'}", " a,b\xe3\x80\x82 $c  "),
                        "a|,|b|。|$|c");
    assert_string_equal(pieces("{'type':'Whitespace'}", "a_b!? c"), "a_b|!?|c");
    assert_string_equal(pieces("{'type':'WhitespaceSplit'}", " a!\n b "), "a!|b");
    assert_string_equal(pieces("{'type':'Digits','individual_digits':true}", "a12b"), "a|1|2|b");
    assert_string_equal(pieces("{'type':'Digits','individual_digits':false}", "a12b"), "a|12|b");
    assert_string_equal(pieces("{'type':'Punctuation'}", "a!?b"), "a|!|?|b");
    assert_string_equal(pieces("{'type':'CharDelimiterSplit','delimiter':'é'}", "aébéé"), "a|b");
    assert_string_equal(pieces("{'type':'FixedLength','length':2}", "aéiou"), "aé|io|u");
}

static void test_byte_level(void **state)
{
    (void)state;
    static const char plain[] = "{'type':'ByteLevel','add_prefix_space':false}";
    static const char prefixed[] = "{'type':'ByteLevel','add_prefix_space':true}";
    assert_string_equal(pieces(plain, "I'll see 12  dogs \n x"), "I|'ll|Ġsee|Ġ12|Ġ|Ġdogs|ĠĊ|Ġx");
    assert_string_equal(pieces(prefixed, "a"), "Ġa");
    assert_string_equal(pieces(prefixed, " a"), "Ġa");
    assert_string_equal(
        pieces("{'type':'ByteLevel','use_regex':false,'add_prefix_space':false}", "a b"), "aĠb");
}

static void test_metaspace(void **state)
{
    (void)state;
    assert_string_equal(
        pieces("{'type':'Metaspace','replacement':'▁','prepend_scheme':'always'}", "a  b"),
        "▁a|▁|▁b");
    assert_string_equal(
        pieces("{'type':'Metaspace','replacement':'▁','prepend_scheme':'never'}", "a b"), "a|▁b");
    assert_string_equal(
        pieces("{'type':'Metaspace','replacement':'▁','add_prefix_space':false}", "a b"), "a|▁b");
    assert_string_equal(pieces("{'type':'Metaspace','replacement':'_','split':false}", " a b"),
                        "_a_b");
    assert_string_equal(pieces("{'type':'Sequence','pretokenizers':[{'type':'WhitespaceSplit'},"
                               "{'type':'Metaspace','replacement':'▁','prepend_scheme':'first'}]}",
                               "a b"),
                        "▁a|b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),     cmocka_unit_test(test_many_marks),
        cmocka_unit_test(test_bert),      cmocka_unit_test(test_other_steps),
        cmocka_unit_test(test_charsmap),  cmocka_unit_test(test_letters),
        cmocka_unit_test(test_cuts),      cmocka_unit_test(test_byte_level),
        cmocka_unit_test(test_metaspace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
