/* SPDX-License-Identifier: MIT
 *
 * pattern.c - see pattern.h.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATTERN_BYTES 65536
/* A step costs some nanoseconds. A real pattern takes up to one a byte of the longest text. */
#define MAX_MATCH_STEPS 20000000u
#define MAX_MATCH_KIBIBYTES 32768u

struct pattern {
    pcre2_code *code; /* NULL: `text` is searched for */
    pcre2_match_context *limits;
    char *where;
    size_t size;
    char text[];
};

struct rewriting {
    char *out;
    size_t count, room;
    bool failed;
    const char *unknown; /* what is not rewritten */
};

static void emit(struct rewriting *r, const char *text, size_t size)
{
    if (r->failed || !array_reserve((void **)&r->out, &r->room, r->count + size, 1)) {
        r->failed = true;
        return;
    }
    memcpy(r->out + r->count, text, size);
    r->count += size;
}

/* What stands for an escape outside or inside of a class; NULL: the same as in PCRE2. A negated one
 * cannot be spelled inside of a class, and stays PCRE2's own there. */
static const char *escape_for(char letter, bool in_class)
{
    static const char word[] = "[\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}]";
    switch (letter) {
    case 's':
        return in_class ? "\\t-\\r\\x{85}\\p{Z}" : "[\\t-\\r\\x{85}\\p{Z}]";
    case 'S':
        return in_class ? NULL : "[^\\t-\\r\\x{85}\\p{Z}]";
    case 'w':
        return in_class ? "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}" : word;
    case 'W':
        return in_class ? NULL : "[^\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}]";
    case 'h':
        return in_class ? "0-9a-fA-F" : "[0-9a-fA-F]";
    case 'H':
        return in_class ? NULL : "[^0-9a-fA-F]";
    default:
        return NULL;
    }
}

/* The rest of a class after its '['; gives the index of the last byte that was taken. */
static size_t rewrite_class(struct rewriting *r, const char *text, size_t size, size_t i)
{
    emit(r, "[", 1);
    if (i + 1 < size && text[i + 1] == '^')
        emit(r, text + ++i, 1);
    if (i + 1 < size && text[i + 1] == ']') /* stands for itself in the first place */
        emit(r, "\\]", (size_t)(++i, 2));
    for (i++; i < size; i++) {
        if (text[i] == '\\' && i + 1 < size) {
            const char *instead = escape_for(text[i + 1], true);
            emit(r, instead != NULL ? instead : text + i,
                 instead != NULL ? strlen(instead) : (size_t)2);
            i++;
        } else if (text[i] == '[' && i + 1 < size && text[i + 1] == ':') {
            const char *end = memmem(text + i, size - i, ":]", 2);
            size_t length = end == NULL ? 1 : (size_t)(end - (text + i)) + 2;
            emit(r, text + i, length);
            i += length - 1;
        } else if (text[i] == '[') {
            r->unknown = "a class within a class";
            return size;
        } else if (text[i] == '&' && i + 1 < size && text[i + 1] == '&') {
            r->unknown = "the intersection of classes";
            return size;
        } else {
            emit(r, text + i, 1);
            if (text[i] == ']')
                return i;
        }
    }
    return size;
}

/* Whether text[0..end) ends in an interval such as {1,3}. */
static bool ends_in_interval(const char *text, size_t end)
{
    size_t at = end - 1;
    if (end < 3 || text[at] != '}')
        return false;
    while (at > 0 && ((text[at - 1] >= '0' && text[at - 1] <= '9') || text[at - 1] == ','))
        at--;
    if (at == 0 || at == end - 1 || text[at - 1] != '{')
        return false;
    return at < 3 || text[at - 2] != 'x' || text[at - 3] != '\\';
}

/* Oniguruma's dialect to PCRE2's. */
static void rewrite_pattern(struct rewriting *r, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\' && i + 1 < size) {
            const char *instead = escape_for(text[i + 1], false);
            emit(r, instead != NULL ? instead : text + i,
                 instead != NULL ? strlen(instead) : (size_t)2);
            i++;
        } else if (text[i] == '[') {
            i = rewrite_class(r, text, size, i);
        } else {
            if (text[i] == '+' && i > 0 && ends_in_interval(text, i))
                r->unknown = "a repeated interval, {}+";
            emit(r, text + i, 1);
        }
    }
}

static pum_status compile_code(struct pattern *pattern, struct fault *fault)
{
    struct rewriting r = {0};
    rewrite_pattern(&r, pattern->text, pattern->size);
    pattern->limits = pcre2_match_context_create(NULL);
    pcre2_compile_context *dialect = pcre2_compile_context_create(NULL);
    pum_status status = PUM_OK;
    if (r.failed || pattern->limits == NULL || dialect == NULL)
        status = fault_set(fault, PUM_E_MEMORY, "%s: out of memory", pattern->where);
    else if (r.unknown != NULL)
        status = fault_set(fault, PUM_E_UNSUPPORTED, "%s: the pattern '%.200s' uses %s",
                           pattern->where, pattern->text, r.unknown);
    int code = 0;
    PCRE2_SIZE at;
    if (status == PUM_OK) {
        pcre2_set_newline(dialect, PCRE2_NEWLINE_LF);
        pattern->code = pcre2_compile(
            (PCRE2_SPTR)(r.count == 0 ? "" : r.out), r.count,
            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &at, dialect);
    }
    pcre2_compile_context_free(dialect);
    free(r.out);
    if (status != PUM_OK)
        return status;
    if (pattern->code == NULL) {
        char reason[200] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason));
        return fault_set(fault, PUM_E_UNSUPPORTED, "%s: the pattern '%.200s' cannot be used: %s",
                         pattern->where, pattern->text, reason);
    }
    pcre2_set_match_limit(pattern->limits, MAX_MATCH_STEPS);
    pcre2_set_heap_limit(pattern->limits, MAX_MATCH_KIBIBYTES);
    pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE); /* without it, it is only slower */
    return PUM_OK;
}

pum_status pattern_compile(const char *text, size_t size, bool regular, const char *where,
                           struct pattern **out_pattern, struct fault *fault)
{
    *out_pattern = NULL;
    if (size > MAX_PATTERN_BYTES || memchr(text, '\0', size) != NULL)
        return fault_set(fault, PUM_E_FORMAT,
                         "%s: a pattern is longer than 65536 bytes or has a NUL in it", where);
    struct pattern *pattern = calloc(1, sizeof(*pattern) + size + 1);
    if (pattern == NULL)
        return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", where);
    memcpy(pattern->text, text, size);
    pattern->size = size;
    pattern->where = strdup(where);
    pum_status status = pattern->where == NULL
                            ? fault_set(fault, PUM_E_MEMORY, "%s: out of memory", where)
                        : regular ? compile_code(pattern, fault)
                                  : PUM_OK;
    if (status == PUM_OK)
        *out_pattern = pattern;
    else
        pattern_free(pattern);
    return status;
}

pum_status pattern_read(const json_t *object, const char *where, struct pattern **out_pattern,
                        struct fault *fault)
{
    const json_t *pattern = json_object_get(object, "pattern");
    const json_t *regular = json_object_get(pattern, "Regex");
    const json_t *text = regular != NULL ? regular : json_object_get(pattern, "String");
    *out_pattern = NULL;
    if (!json_is_string(text))
        return fault_set(fault, PUM_E_FORMAT,
                         "%s.pattern is neither {\"String\": ...} nor {\"Regex\": ...}", where);
    return pattern_compile(json_string_value(text), json_string_length(text), regular != NULL,
                           where, out_pattern, fault);
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    free(pattern->where);
    free(pattern);
}

void pattern_end(struct text_work *work)
{
    pcre2_match_data_free(work->pattern_data);
    work->pattern_data = NULL;
}

static pum_status find_text(const struct pattern *pattern, struct text_work *work,
                            const char *bytes, size_t size)
{
    pum_status status = PUM_OK;
    size_t before = 0;
    const char *hit;
    while (status == PUM_OK && pattern->size > 0 &&
           (hit = memmem(bytes + before, size - before, pattern->text, pattern->size)) != NULL) {
        size_t begin = (size_t)(hit - bytes);
        if (begin > before)
            status = text_add_match(work, (uint32_t)before, (uint32_t)begin, false);
        before = begin + pattern->size;
        if (status == PUM_OK)
            status = text_add_match(work, (uint32_t)begin, (uint32_t)before, true);
    }
    if (status == PUM_OK && before < size)
        status = text_add_match(work, (uint32_t)before, (uint32_t)size, false);
    return status;
}

/* The next match at or after `at`; *out_found false: there is none. */
static pum_status next_match(const struct pattern *pattern, struct text_work *work,
                             const char *bytes, size_t size, size_t at, bool *out_found)
{
    int code = pcre2_match(pattern->code, (PCRE2_SPTR)bytes, size, at, PCRE2_NO_UTF_CHECK,
                           work->pattern_data, pattern->limits);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
        code = pcre2_match(pattern->code, (PCRE2_SPTR)bytes, size, at,
                           PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, work->pattern_data, pattern->limits);
    *out_found = code >= 0;
    if (code >= 0 || code == PCRE2_ERROR_NOMATCH)
        return PUM_OK;
    char reason[200] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason));
    return fault_set(work->fault, code == PCRE2_ERROR_NOMEMORY ? PUM_E_MEMORY : PUM_E_LIMIT,
                     "%s: the pattern '%.200s' is too slow on this text: %s", pattern->where,
                     pattern->text, reason);
}

static pum_status find_regular(const struct pattern *pattern, struct text_work *work,
                               const char *bytes, size_t size)
{
    pum_status status = PUM_OK;
    size_t before = 0, at = 0;
    bool found = true;
    if (work->pattern_data == NULL)
        work->pattern_data = pcre2_match_data_create(1, NULL);
    if (work->pattern_data == NULL)
        return text_no_memory(work);
    while (at < size && status == PUM_OK) {
        status = next_match(pattern, work, bytes, size, at, &found);
        if (status != PUM_OK || !found)
            break;
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(work->pattern_data);
        size_t begin = ends[0] > before ? ends[0] : before, end = ends[1];
        if (end <= begin) { /* an empty match cuts nothing off */
            size_t length = 1;
            if (begin < size)
                (void)utf8_next(bytes + begin, &length);
            at = begin + length;
            if (begin > before && begin < size)
                status = text_add_match(work, (uint32_t)before, (uint32_t)begin, false);
            if (begin < size)
                before = begin;
            continue;
        }
        if (begin > before)
            status = text_add_match(work, (uint32_t)before, (uint32_t)begin, false);
        if (status == PUM_OK)
            status = text_add_match(work, (uint32_t)begin, (uint32_t)end, true);
        before = at = end;
    }
    if (status == PUM_OK && before < size)
        status = text_add_match(work, (uint32_t)before, (uint32_t)size, false);
    return status;
}

pum_status pattern_find(const struct pattern *pattern, struct text_work *work, const char *bytes,
                        size_t size)
{
    return pattern->code == NULL ? find_text(pattern, work, bytes, size)
                                 : find_regular(pattern, work, bytes, size);
}
