/* SPDX-License-Identifier: MIT
 *
 * token_table.h - a vocabulary: spelling to id and id to spelling; and pairs of ids to what they
 * merge into. Hash tables with open addressing. The hash of a spelling grows byte by byte, so that
 * all beginnings of a word are looked up in one walk. Files are hostile: a table whose entries
 * collide beyond chance refuses more. Tests: tests/text/test_token_table.c.
 */
#ifndef PUM_SRC_TEXT_TOKEN_TABLE_H
#define PUM_SRC_TEXT_TOKEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_MAX_ID ((int32_t)1 << 24)
#define TOKEN_MAX_BYTES ((size_t)1 << 16)

struct token_entry {
    uint64_t hash;
    uint32_t offset, length; /* in `bytes`; a NUL follows */
    int32_t id;
};

struct token_table {
    struct token_entry *entries;
    uint32_t count;
    size_t entry_room;
    char *bytes;
    size_t byte_count, byte_room;
    uint32_t *slots; /* entry + 1; 0: free */
    size_t slot_count;
    uint32_t *by_id; /* entry + 1, of the first token with that id */
    size_t id_room;
    int32_t id_limit; /* the largest id + 1 */
    uint32_t longest; /* bytes of the longest token */
};

enum token_result { TOKEN_OK, TOKEN_NO_MEMORY, TOKEN_TOO_LONG, TOKEN_BAD_ID, TOKEN_COLLIDES };

#define TOKEN_HASH_START 0xcbf29ce484222325u

static inline uint64_t token_hash_byte(uint64_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * 0x100000001b3u;
}

static inline uint64_t token_hash(uint64_t hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = token_hash_byte(hash, bytes[i]);
    return hash;
}

/* Adds a token; one that is there gets the new id. */
enum token_result token_table_add(struct token_table *table, const char *bytes, size_t size,
                                  int32_t id);
/* What went wrong, as a part of a sentence. */
const char *token_result_text(enum token_result result);

/* The id, or -1. */
int32_t token_table_find(const struct token_table *table, const char *bytes, size_t size);
/* The same, of what hashes to `hash` and consists of two parts (either may be empty). */
int32_t token_table_find_hashed(const struct token_table *table, uint64_t hash, const char *first,
                                size_t first_size, const char *second, size_t second_size);
/* NULL if no token has the id. */
const struct token_entry *token_table_entry(const struct token_table *table, int64_t id);
void token_table_free(struct token_table *table);

struct merge_entry {
    int32_t left, right;
    int32_t id;    /* of the token that they become */
    uint32_t rank; /* lower ones are merged first */
};

struct merge_table {
    struct merge_entry *slots; /* id -1: free */
    size_t slot_count, count;
};

/* Adds a pair; one that is there gets the new rank and id. */
enum token_result merge_table_add(struct merge_table *table, const struct merge_entry *entry);
/* NULL: the two do not merge. */
const struct merge_entry *merge_table_find(const struct merge_table *table, int32_t left,
                                           int32_t right);
void merge_table_free(struct merge_table *table);

#endif
