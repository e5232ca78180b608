/* SPDX-License-Identifier: MIT
 *
 * test_token_table.c - vocabularies and merges as hash tables.
 */
#include "text/token_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_many(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct token_table table = {0};
    char text[32];
    for (int32_t i = 0; i < COUNT; i++) {
        int length = snprintf(text, sizeof(text), "t%d", i);
        assert_int_equal(token_table_add(&table, text, (size_t)length, COUNT - 1 - i), TOKEN_OK);
    }
    assert_int_equal(table.count, COUNT);
    assert_int_equal(table.id_limit, COUNT);
    assert_int_equal(table.longest, 6);
    for (int32_t i = 0; i < COUNT; i++) {
        int length = snprintf(text, sizeof(text), "t%d", i);
        assert_int_equal(token_table_find(&table, text, (size_t)length), COUNT - 1 - i);
        const struct token_entry *entry = token_table_entry(&table, COUNT - 1 - i);
        assert_non_null(entry);
        assert_string_equal(table.bytes + entry->offset, text);
    }
    assert_int_equal(token_table_find(&table, "t", 1), -1);
    assert_int_equal(token_table_find(&table, "t50000", 6), -1);
    assert_null(token_table_entry(&table, COUNT));
    assert_null(token_table_entry(&table, -1));
    token_table_free(&table);
}

static void test_odd_tokens(void **state)
{
    (void)state;
    struct token_table table = {0};
    assert_int_equal(token_table_find(&table, "a", 1), -1);
    assert_int_equal(token_table_add(&table, "", 0, 3), TOKEN_OK);
    assert_int_equal(token_table_add(&table, "a\0b", 3, 5), TOKEN_OK);
    assert_int_equal(token_table_add(&table, "a", 1, 5), TOKEN_OK); /* the same id */
    assert_int_equal(token_table_find(&table, NULL, 0), 3);
    assert_int_equal(token_table_find(&table, "a\0b", 3), 5);
    assert_int_equal(token_table_entry(&table, 5)->length, 3);      /* the first with it */
    assert_int_equal(token_table_add(&table, "a", 1, 7), TOKEN_OK); /* a new id */
    assert_int_equal(token_table_find(&table, "a", 1), 7);
    assert_int_equal(table.count, 3);
    assert_int_equal(token_table_add(&table, "", 0, 4), TOKEN_OK);
    assert_non_null(token_table_entry(&table, 3)); /* the old id still has its spelling */
    assert_int_equal(token_table_find(&table, "", 0), 4);
    /* Two parts, as a prefix and a piece of a word. */
    uint64_t hash = token_hash(token_hash(TOKEN_HASH_START, "a\0", 2), "b", 1);
    assert_int_equal(token_table_find_hashed(&table, hash, "a\0", 2, "b", 1), 5);
    assert_int_equal(token_table_find_hashed(&table, hash, "a\0", 2, "c", 1), -1);
    token_table_free(&table);
}

static void test_limits(void **state)
{
    (void)state;
    struct token_table table = {0};
    char *text = calloc(1, TOKEN_MAX_BYTES + 1);
    assert_int_equal(token_table_add(&table, text, TOKEN_MAX_BYTES + 1, 0), TOKEN_TOO_LONG);
    assert_int_equal(token_table_add(&table, text, TOKEN_MAX_BYTES, 0), TOKEN_OK);
    assert_int_equal(token_table_add(&table, "a", 1, -1), TOKEN_BAD_ID);
    assert_int_equal(token_table_add(&table, "a", 1, TOKEN_MAX_ID), TOKEN_BAD_ID);
    assert_int_equal(table.count, 1);
    free(text);
    token_table_free(&table);
}

static void test_merges(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct merge_table table = {0};
    assert_null(merge_table_find(&table, 1, 2));
    for (int32_t i = 0; i < COUNT; i++)
        for (int32_t k = 0; k < 40; k++) {
            struct merge_entry entry = {
                .left = i, .right = k, .id = i * 40 + k, .rank = (uint32_t)k};
            assert_int_equal(merge_table_add(&table, &entry), TOKEN_OK);
        }
    assert_int_equal(table.count, COUNT * 40);
    for (int32_t i = 0; i < COUNT; i++)
        for (int32_t k = 0; k < 40; k++)
            assert_int_equal(merge_table_find(&table, i, k)->id, i * 40 + k);
    assert_null(merge_table_find(&table, 40, 300));
    struct merge_entry again = {.left = 7, .right = 8, .id = 1, .rank = 9};
    assert_int_equal(merge_table_add(&table, &again), TOKEN_OK);
    assert_int_equal(table.count, COUNT * 40);
    assert_int_equal(merge_table_find(&table, 7, 8)->rank, 9);
    merge_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_odd_tokens),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_merges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
