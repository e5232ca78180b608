/* SPDX-License-Identifier: MIT
 *
 * token_table.c - see token_table.h. Tables are at most half full; a search of more than MAX_PROBES
 * steps does not happen by chance and ends the loading of the file.
 */
#include "token_table.h"

#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PROBES 1024

static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    return hash;
}

/* The slot of the token, or the free one where it belongs; slot_count if it is too far. */
static size_t find_slot(const struct token_table *table, uint64_t hash, const char *first,
                        size_t first_size, const char *second, size_t second_size)
{
    size_t mask = table->slot_count - 1, slot = (size_t)mix(hash) & mask;
    for (int probes = 0; probes < MAX_PROBES; probes++, slot = (slot + 1) & mask) {
        if (table->slots[slot] == 0)
            return slot;
        const struct token_entry *entry = &table->entries[table->slots[slot] - 1];
        if (entry->hash != hash || entry->length != first_size + second_size)
            continue;
        const char *bytes = table->bytes + entry->offset;
        if ((first_size == 0 || memcmp(bytes, first, first_size) == 0) &&
            (second_size == 0 || memcmp(bytes + first_size, second, second_size) == 0))
            return slot;
    }
    return table->slot_count;
}

static enum token_result grow_slots(struct token_table *table)
{
    if ((size_t)table->count + 1 <= table->slot_count / 2)
        return TOKEN_OK;
    size_t count = table->slot_count == 0 ? 64 : table->slot_count * 2;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (slots == NULL)
        return TOKEN_NO_MEMORY;
    free(table->slots);
    table->slots = slots;
    table->slot_count = count;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct token_entry *entry = &table->entries[i];
        size_t slot =
            find_slot(table, entry->hash, table->bytes + entry->offset, entry->length, NULL, 0);
        if (slot == count)
            return TOKEN_COLLIDES;
        slots[slot] = i + 1;
    }
    return TOKEN_OK;
}

static enum token_result name_id(struct token_table *table, int32_t id, uint32_t entry)
{
    size_t room = table->id_room;
    if (!array_reserve((void **)&table->by_id, &table->id_room, (size_t)id + 1,
                       sizeof(*table->by_id)))
        return TOKEN_NO_MEMORY;
    for (size_t i = room; i < table->id_room; i++)
        table->by_id[i] = 0;
    if (table->by_id[id] == 0)
        table->by_id[id] = entry + 1;
    if (id >= table->id_limit)
        table->id_limit = id + 1;
    return TOKEN_OK;
}

enum token_result token_table_add(struct token_table *table, const char *bytes, size_t size,
                                  int32_t id)
{
    if (size > TOKEN_MAX_BYTES || table->byte_count > UINT32_MAX - size - 1)
        return TOKEN_TOO_LONG;
    if (id < 0 || id >= TOKEN_MAX_ID || table->count >= (uint32_t)TOKEN_MAX_ID)
        return TOKEN_BAD_ID;
    enum token_result result = grow_slots(table);
    if (result != TOKEN_OK)
        return result;
    uint64_t hash = token_hash(TOKEN_HASH_START, bytes, size);
    size_t slot = find_slot(table, hash, bytes, size, NULL, 0);
    if (slot == table->slot_count)
        return TOKEN_COLLIDES;
    if (table->slots[slot] != 0) {
        uint32_t entry = table->slots[slot] - 1;
        table->entries[entry].id = id; /* the old id keeps its spelling */
        return name_id(table, id, entry);
    }
    if (!array_reserve((void **)&table->entries, &table->entry_room, (size_t)table->count + 1,
                       sizeof(*table->entries)) ||
        !array_reserve((void **)&table->bytes, &table->byte_room, table->byte_count + size + 1, 1))
        return TOKEN_NO_MEMORY;
    result = name_id(table, id, table->count);
    if (result != TOKEN_OK)
        return result;
    table->entries[table->count] = (struct token_entry){
        .hash = hash, .offset = (uint32_t)table->byte_count, .length = (uint32_t)size, .id = id};
    if (size > 0)
        memcpy(table->bytes + table->byte_count, bytes, size);
    table->bytes[table->byte_count + size] = '\0';
    table->byte_count += size + 1;
    table->slots[slot] = ++table->count;
    if (size > table->longest)
        table->longest = (uint32_t)size;
    return TOKEN_OK;
}

const char *token_result_text(enum token_result result)
{
    switch (result) {
    case TOKEN_OK:
        return "no error";
    case TOKEN_NO_MEMORY:
        return "out of memory";
    case TOKEN_TOO_LONG:
        return "a token is longer than 65536 bytes, or all of them are longer than 4 GiB";
    case TOKEN_BAD_ID:
        return "an id is not within 0 to 16777215";
    case TOKEN_COLLIDES:
        break;
    }
    return "tokens were made to collide";
}

int32_t token_table_find_hashed(const struct token_table *table, uint64_t hash, const char *first,
                                size_t first_size, const char *second, size_t second_size)
{
    if (table->count == 0)
        return -1;
    size_t slot = find_slot(table, hash, first, first_size, second, second_size);
    if (slot == table->slot_count || table->slots[slot] == 0)
        return -1;
    return table->entries[table->slots[slot] - 1].id;
}

int32_t token_table_find(const struct token_table *table, const char *bytes, size_t size)
{
    return token_table_find_hashed(table, token_hash(TOKEN_HASH_START, bytes, size), bytes, size,
                                   NULL, 0);
}

const struct token_entry *token_table_entry(const struct token_table *table, int64_t id)
{
    if (id < 0 || id >= table->id_limit || table->by_id[id] == 0)
        return NULL;
    return &table->entries[table->by_id[id] - 1];
}

void token_table_free(struct token_table *table)
{
    free(table->entries);
    free(table->bytes);
    free(table->slots);
    free(table->by_id);
    memset(table, 0, sizeof(*table));
}

static size_t merge_slot(const struct merge_table *table, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t mask = table->slot_count - 1, slot = (size_t)mix(key * 0x9e3779b97f4a7c15u) & mask;
    for (int probes = 0; probes < MAX_PROBES; probes++, slot = (slot + 1) & mask) {
        const struct merge_entry *entry = &table->slots[slot];
        if (entry->id < 0 || (entry->left == left && entry->right == right))
            return slot;
    }
    return table->slot_count;
}

static enum token_result grow_merges(struct merge_table *table)
{
    if (table->count + 1 <= table->slot_count / 2)
        return TOKEN_OK;
    struct merge_table grown = {.slot_count = table->slot_count == 0 ? 64 : table->slot_count * 2};
    grown.slots = calloc(grown.slot_count, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return TOKEN_NO_MEMORY;
    for (size_t i = 0; i < grown.slot_count; i++)
        grown.slots[i].id = -1;
    for (size_t i = 0; i < table->slot_count; i++) {
        const struct merge_entry *entry = &table->slots[i];
        if (entry->id < 0)
            continue;
        size_t slot = merge_slot(&grown, entry->left, entry->right);
        if (slot == grown.slot_count) {
            free(grown.slots);
            return TOKEN_COLLIDES;
        }
        grown.slots[slot] = *entry;
    }
    grown.count = table->count;
    free(table->slots);
    *table = grown;
    return TOKEN_OK;
}

enum token_result merge_table_add(struct merge_table *table, const struct merge_entry *entry)
{
    enum token_result result = grow_merges(table);
    if (result != TOKEN_OK)
        return result;
    size_t slot = merge_slot(table, entry->left, entry->right);
    if (slot == table->slot_count)
        return TOKEN_COLLIDES;
    table->count += table->slots[slot].id < 0;
    table->slots[slot] = *entry;
    return TOKEN_OK;
}

const struct merge_entry *merge_table_find(const struct merge_table *table, int32_t left,
                                           int32_t right)
{
    if (table->count == 0)
        return NULL;
    size_t slot = merge_slot(table, left, right);
    if (slot == table->slot_count || table->slots[slot].id < 0)
        return NULL;
    return &table->slots[slot];
}

void merge_table_free(struct merge_table *table)
{
    free(table->slots);
    memset(table, 0, sizeof(*table));
}
