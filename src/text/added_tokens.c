/* SPDX-License-Identifier: MIT
 *
 * added_tokens.c - see added_tokens.h.
 */
#include "added_tokens.h"

#include "char_class.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ADDED 1000000

static void free_token(struct added_token *token)
{
    if (token->normal != token->text)
        free(token->normal);
    free(token->text);
}

static void free_trie(struct added_trie *trie)
{
    merge_table_free(&trie->edges);
    free(trie->tokens);
    memset(trie, 0, sizeof(*trie));
}

void added_tokens_free(struct added_tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++)
        free_token(&tokens->items[i]);
    free(tokens->items);
    token_table_free(&tokens->by_text);
    merge_table_free(&tokens->by_id);
    free_trie(&tokens->raw);
    free_trie(&tokens->normal);
    memset(tokens, 0, sizeof(*tokens));
}

static char *copy_bytes(const char *bytes, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

/* What the normalizer makes of a token's text. */
static pum_status normalize(const struct normalizer *normalizer, struct added_token *token,
                            struct fault *fault)
{
    struct text_work work = {.fault = fault};
    pum_status status = text_begin(&work, token->text, token->text_bytes);
    if (status == PUM_OK)
        status = normalizer_run(normalizer, &work);
    if (status == PUM_OK && work.now.count > 0 &&
        (work.now.count != token->text_bytes ||
         memcmp(work.now.bytes, token->text, token->text_bytes) != 0)) {
        token->normal = copy_bytes(work.now.bytes, work.now.count);
        token->normal_bytes = work.now.count;
        if (token->normal == NULL)
            status = fault_set(fault, PUM_E_MEMORY, "added_tokens: out of memory");
    }
    pattern_end(&work);
    text_work_free(&work);
    return status;
}

pum_status added_tokens_add(struct added_tokens *tokens, const struct normalizer *normalizer,
                            const struct added_token *token, struct fault *fault)
{
    if (token->text_bytes == 0)
        return PUM_OK;
    if (token->text_bytes > ADDED_TOKEN_MAX_BYTES || tokens->count == MAX_ADDED)
        return fault_set(fault, PUM_E_LIMIT,
                         "added_tokens: one is longer than 1024 bytes, or they are more than a "
                         "million");
    struct added_token added = *token;
    added.text = copy_bytes(token->text, token->text_bytes);
    added.normal = added.text;
    added.normal_bytes = added.text_bytes;
    pum_status status = added.text == NULL
                            ? fault_set(fault, PUM_E_MEMORY, "added_tokens: out of memory")
                        : added.flags.normalized ? normalize(normalizer, &added, fault)
                                                 : PUM_OK;
    int32_t index = token_table_find(&tokens->by_text, token->text, token->text_bytes);
    if (status == PUM_OK && index < 0) {
        enum token_result result = token_table_add(&tokens->by_text, token->text, token->text_bytes,
                                                   (int32_t)tokens->count);
        if (result != TOKEN_OK)
            status = fault_set(fault, result == TOKEN_NO_MEMORY ? PUM_E_MEMORY : PUM_E_LIMIT,
                               "added_tokens: %s", token_result_text(result));
        else if (!array_reserve((void **)&tokens->items, &tokens->room, tokens->count + 1,
                                sizeof(*tokens->items)))
            status = fault_set(fault, PUM_E_MEMORY, "added_tokens: out of memory");
        else
            tokens->items[tokens->count++] = added;
    } else if (status == PUM_OK) {
        free_token(&tokens->items[index]);
        tokens->items[index] = added;
    }
    if (status != PUM_OK)
        free_token(&added);
    return status;
}

const struct added_token *added_tokens_by_id(const struct added_tokens *tokens, int64_t id)
{
    if (id < 0 || id >= TOKEN_MAX_ID)
        return NULL;
    const struct merge_entry *entry = merge_table_find(&tokens->by_id, (int32_t)id, 0);
    return entry == NULL ? NULL : &tokens->items[entry->id];
}

/* --- the tries -------------------------------------------------------------------------------- */

static enum token_result new_node(struct added_trie *trie)
{
    if (trie->node_count >= (size_t)INT32_MAX)
        return TOKEN_TOO_LONG;
    if (!array_reserve((void **)&trie->tokens, &trie->node_room, trie->node_count + 1,
                       sizeof(*trie->tokens)))
        return TOKEN_NO_MEMORY;
    trie->tokens[trie->node_count++] = -1;
    return TOKEN_OK;
}

static enum token_result insert(struct added_trie *trie, const char *bytes, size_t size,
                                int32_t token)
{
    enum token_result result = trie->node_count == 0 ? new_node(trie) : TOKEN_OK;
    int32_t node = 0;
    for (size_t i = 0; i < size && result == TOKEN_OK; i++) {
        int32_t byte = (unsigned char)bytes[i];
        const struct merge_entry *edge = merge_table_find(&trie->edges, node, byte);
        int32_t next = edge != NULL ? edge->id : (int32_t)trie->node_count;
        if (edge == NULL) {
            struct merge_entry added = {.left = node, .right = byte, .id = next};
            result = new_node(trie);
            if (result == TOKEN_OK)
                result = merge_table_add(&trie->edges, &added);
        }
        node = next;
    }
    if (result == TOKEN_OK) {
        trie->first[(unsigned char)bytes[0]] = true;
        trie->tokens[node] = token;
    }
    return result;
}

pum_status added_tokens_finish(struct added_tokens *tokens, struct fault *fault)
{
    free_trie(&tokens->raw);
    free_trie(&tokens->normal);
    merge_table_free(&tokens->by_id);
    for (size_t i = 0; i < tokens->count; i++) {
        const struct added_token *token = &tokens->items[i];
        enum token_result result = insert(token->flags.normalized ? &tokens->normal : &tokens->raw,
                                          token->normal, token->normal_bytes, (int32_t)i);
        struct merge_entry entry = {.left = token->id, .id = (int32_t)i};
        if (result == TOKEN_OK)
            result = merge_table_add(&tokens->by_id, &entry);
        if (result != TOKEN_OK)
            return fault_set(fault, result == TOKEN_NO_MEMORY ? PUM_E_MEMORY : PUM_E_LIMIT,
                             "added_tokens: %s", token_result_text(result));
    }
    return PUM_OK;
}

/* The longest token that begins at bytes[at]; -1: none. */
static int32_t longest_at(const struct added_trie *trie, const char *bytes, size_t at, size_t end,
                          size_t *out_end)
{
    int32_t node = 0, token = -1;
    while (at < end) {
        const struct merge_entry *edge =
            merge_table_find(&trie->edges, node, (unsigned char)bytes[at++]);
        if (edge == NULL)
            break;
        node = edge->id;
        if (trie->tokens[node] >= 0) {
            token = trie->tokens[node];
            *out_end = at;
        }
    }
    return token;
}

static bool word_goes_on(const char *bytes, size_t begin, size_t end, size_t first, size_t after)
{
    size_t length;
    if (first > begin && char_is_word(utf8_next(bytes + utf8_before(bytes, first), &length)))
        return true;
    return after < end && char_is_word(utf8_next(bytes + after, &length));
}

/* Cuts one piece. */
static pum_status split_piece(const struct added_tokens *tokens, const struct added_trie *trie,
                              struct text_work *work, const struct text_piece *piece)
{
    const char *bytes = work->now.bytes;
    size_t before = piece->begin, at = piece->begin, length;
    pum_status status = PUM_OK;
    while (at < piece->end && status == PUM_OK) {
        size_t first = at, after = at;
        int32_t index = trie->first[(unsigned char)bytes[at]]
                            ? longest_at(trie, bytes, at, piece->end, &after)
                            : -1;
        if (index < 0) {
            at++;
            continue;
        }
        at = after; /* the search goes on here, whatever becomes of the token */
        const struct added_token *token = &tokens->items[index];
        if (token->flags.single_word && word_goes_on(bytes, piece->begin, piece->end, first, after))
            continue;
        while (token->flags.left && first > before) {
            size_t space = utf8_before(bytes, first);
            if (!char_is_space(utf8_next(bytes + space, &length)))
                break;
            first = space;
        }
        while (token->flags.right && after < piece->end &&
               char_is_space(utf8_next(bytes + after, &length)))
            after += length;
        if (before < first)
            status = text_add_piece(work, (uint32_t)before, (uint32_t)first, -1);
        if (status == PUM_OK)
            status = text_add_piece(work, (uint32_t)first, (uint32_t)after, token->id);
        before = after;
    }
    if (status == PUM_OK && before < piece->end)
        status = text_add_piece(work, (uint32_t)before, piece->end, -1);
    return status;
}

pum_status added_tokens_split(const struct added_tokens *tokens, struct text_work *work,
                              bool normalized)
{
    const struct added_trie *trie = normalized ? &tokens->normal : &tokens->raw;
    pum_status status = PUM_OK;
    work->next_pieces.count = 0;
    for (size_t i = 0; i < work->pieces.count && status == PUM_OK; i++) {
        struct text_piece piece = work->pieces.items[i];
        if (piece.token >= 0 || trie->node_count == 0)
            status = text_add_piece(work, piece.begin, piece.end, piece.token);
        else
            status = split_piece(tokens, trie, work, &piece);
    }
    text_swap_pieces(work);
    return status;
}
