/* SPDX-License-Identifier: MIT
 *
 * kernel_table_front.c - reads the `//!` lines of a shader. The grammar is in shaders/README.md;
 * anything else behind `//!` is an error, so that a typing mistake cannot switch a check off.
 */
#include "kernel_table.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct front *front;
    int line;
};

/* The next word of *at (split at blanks), or NULL. Cuts the text. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t");
    if (*word == '\0')
        return NULL;
    char *end = word + strcspn(word, " \t");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static void fail(const struct reader *reader, const char *text, const char *word)
{
    report_error(reader->front->path, reader->line, "%s '%s'", text, word);
}

static void expect_end(const struct reader *reader, char *rest)
{
    char *word = next_word(&rest);
    if (word)
        fail(reader, "unexpected", word);
}

/* Letters, digits and '_', not beginning with a digit. */
static bool is_name(const char *word)
{
    if (!word || strlen(word) >= FRONT_NAME_BYTES || isdigit((unsigned char)word[0]) || !word[0])
        return false;
    for (; *word; word++) {
        if (!isalnum((unsigned char)*word) && *word != '_')
            return false;
    }
    return true;
}

static bool take_name(const struct reader *reader, const char *word, const char *what,
                      char out_name[FRONT_NAME_BYTES])
{
    if (!is_name(word)) {
        report_error(reader->front->path, reader->line, "%s: a name is needed, not '%s'", what,
                     word ? word : "");
        return false;
    }
    memcpy(out_name, word, strlen(word) + 1);
    return true;
}

static bool take_number(const char *word, int64_t least, int64_t most, int64_t *out_value)
{
    if (!word || (!isdigit((unsigned char)word[0]) && word[0] != '-'))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(word, &end, 10);
    if (errno || *end || value < least || value > most)
        return false;
    *out_value = value;
    return true;
}

/* `family NAME`, `push NAME` */
static void read_single(const struct reader *reader, char *rest, const char *what,
                        char *name, int *line)
{
    if (*line) {
        report_error(reader->front->path, reader->line, "a second '%s' line; the first is line %d",
                     what, *line);
        return;
    }
    if (take_name(reader, next_word(&rest), what, name))
        *line = reader->line;
    expect_end(reader, rest);
}

static void read_chain(const struct reader *reader, char *rest)
{
    if (reader->front->chain)
        report_error(reader->front->path, reader->line, "a second 'chain' line");
    reader->front->chain = true;
    reader->front->chain_line = reader->line;
    expect_end(reader, rest);
}

static void add_binding(const struct reader *reader, const char *name, enum front_use use)
{
    struct front *front = reader->front;
    if (front->binding_count == KERNEL_MAX_BINDINGS) {
        report_error(front->path, reader->line, "more than %d bindings", KERNEL_MAX_BINDINGS);
        return;
    }
    struct front_binding *binding = &front->bindings[front->binding_count++];
    (void)snprintf(binding->name, sizeof binding->name, "%s", name);
    binding->use = use;
    binding->line = reader->line;
}

/* `binding NAME read|write|readwrite` */
static void read_binding(const struct reader *reader, char *rest)
{
    static const char *const uses[] = {"read", "write", "readwrite"};
    char name[FRONT_NAME_BYTES];
    bool named = take_name(reader, next_word(&rest), "binding", name);
    const char *use = next_word(&rest);
    for (int i = 0; use && i < 3; i++) {
        if (strcmp(use, uses[i]) == 0) {
            if (named)
                add_binding(reader, name, (enum front_use)i);
            expect_end(reader, rest);
            return;
        }
    }
    fail(reader, "binding: 'read', 'write' or 'readwrite' is needed, not", use ? use : "");
}

static struct front_spec *add_spec(const struct reader *reader, const char *name, uint32_t id)
{
    struct front *front = reader->front;
    if (front->spec_count == KERNEL_MAX_SPECS) {
        report_error(front->path, reader->line, "more than %d specialization constants",
                     KERNEL_MAX_SPECS);
        return NULL;
    }
    for (uint32_t i = 0; i < front->spec_count; i++) {
        if (front->specs[i].id == id || strcmp(front->specs[i].name, name) == 0)
            report_error(front->path, reader->line,
                         "spec %u %s: line %d declares spec %u %s already", id, name,
                         front->specs[i].line, front->specs[i].id, front->specs[i].name);
    }
    struct front_spec *spec = &front->specs[front->spec_count++];
    (void)snprintf(spec->name, sizeof spec->name, "%s", name);
    spec->id = id;
    spec->line = reader->line;
    return spec;
}

/* `spec ID NAME *`, `spec ID NAME * DEFAULT` or `spec ID NAME V | V | V` */
static void read_spec(const struct reader *reader, char *rest)
{
    int64_t number;
    const char *word = next_word(&rest);
    if (!take_number(word, 0, INT32_MAX, &number)) {
        fail(reader, "spec: a constant_id is needed, not", word ? word : "");
        return;
    }
    char name[FRONT_NAME_BYTES];
    if (!take_name(reader, next_word(&rest), "spec", name))
        return;
    struct front_spec *spec = add_spec(reader, name, (uint32_t)number);
    if (!spec)
        return;
    word = next_word(&rest);
    if (word && strcmp(word, "*") == 0) {
        word = next_word(&rest);
        if (word && !take_number(word, 0, UINT32_MAX, &number))
            fail(reader, "spec: a default is needed behind '*', not", word);
        spec->values[0] = word ? (uint32_t)number : 0;
        expect_end(reader, rest);
        return;
    }
    for (;;) {
        if (!take_number(word, 0, UINT32_MAX, &number)) {
            fail(reader, "spec: '*' or values with '|' between them are needed, not",
                 word ? word : "");
            return;
        }
        if (spec->value_count == FRONT_MAX_VALUES) {
            report_error(reader->front->path, reader->line, "more than %d values",
                         FRONT_MAX_VALUES);
            return;
        }
        spec->values[spec->value_count++] = (uint32_t)number;
        word = next_word(&rest);
        if (!word)
            return;
        if (strcmp(word, "|") != 0) {
            fail(reader, "spec: '|' is needed between values, not", word);
            return;
        }
        word = next_word(&rest);
    }
}

static void read_store(const struct reader *reader, struct front_kernel *kernel, char *word)
{
    static const struct {
        const char *word, *macro;
        enum kernel_store store;
    } stores[] = {{"any", NULL, STORE_NONE},
                  {"f32", "STORE_F32", STORE_F32},
                  {"f16", "STORE_F16", STORE_F16},
                  {"i32", "STORE_I32", STORE_I32}};
    for (size_t i = 0; i < PUM_COUNT_OF(stores); i++) {
        if (strcmp(word, stores[i].word) != 0)
            continue;
        kernel->store = stores[i].store;
        if (!stores[i].macro)
            return;
        /* The store's macro comes first, wherever store= stands. */
        memmove(kernel->macros[1], kernel->macros[0],
                kernel->macro_count * sizeof kernel->macros[0]);
        (void)snprintf(kernel->macros[0], FRONT_NAME_BYTES, "%s", stores[i].macro);
        kernel->macro_count++;
        return;
    }
    fail(reader, "store: f32, f16, i32 or any is needed, not", word);
}

static void read_need(const struct reader *reader, struct front_kernel *kernel, char *word)
{
    static const struct {
        const char *word;
        uint32_t bit;
    } needs[] = {
#define XX(id, word, tier, text) {word, BASE_CAP_BIT(id)},
        BASE_CAP_MAP(XX)
#undef XX
    };
    for (size_t i = 0; i < PUM_COUNT_OF(needs); i++) {
        if (strcmp(word, needs[i].word) == 0) {
            kernel->needs |= needs[i].bit;
            return;
        }
    }
    fail(reader, "needs: runtime/base/caps.h has no capability", word);
}

static void read_condition(const struct reader *reader, struct front_kernel *kernel, char *word)
{
    static const struct {
        const char *text;
        enum kernel_compare compare;
    } compares[] = {{"<=", KERNEL_LE}, {">=", KERNEL_GE}, {"==", KERNEL_EQ},
                    {"%", KERNEL_MULTIPLE}, {"<", KERNEL_LT}, {">", KERNEL_GT}};
    size_t key_bytes = strcspn(word, "<>=%");
    char *compare = word + key_bytes;
    if (kernel->condition_count == FRONT_MAX_CONDITIONS) {
        report_error(reader->front->path, reader->line, "more than %d conditions",
                     FRONT_MAX_CONDITIONS);
        return;
    }
    struct front_condition *condition = &kernel->conditions[kernel->condition_count];
    for (size_t i = 0; i < PUM_COUNT_OF(compares); i++) {
        size_t bytes = strlen(compares[i].text);
        if (strncmp(compare, compares[i].text, bytes) != 0)
            continue;
        (void)snprintf(condition->key, sizeof condition->key, "%.*s", (int)key_bytes, word);
        condition->compare = compares[i].compare;
        if (key_bytes >= FRONT_NAME_BYTES || !is_name(condition->key) ||
            !take_number(compare + bytes, INT64_MIN, INT64_MAX, &condition->value) ||
            (condition->compare == KERNEL_MULTIPLE && condition->value <= 0))
            break;
        kernel->condition_count++;
        return;
    }
    fail(reader, "when: NAME<=NUMBER (or >=, <, >, ==, %) is needed, not", word);
}

static void read_define(const struct reader *reader, struct front_kernel *kernel, char *word)
{
    char name[FRONT_NAME_BYTES];
    size_t name_bytes = strcspn(word, "=");
    (void)snprintf(name, sizeof name, "%.*s", (int)name_bytes, word);
    const char *value = word[name_bytes] ? word + name_bytes + 1 : "1";
    int64_t number;
    if (strlen(word) >= FRONT_NAME_BYTES || !is_name(name) ||
        (!is_name(value) && !take_number(value, INT32_MIN, INT32_MAX, &number))) {
        fail(reader, "define: NAME, NAME=NUMBER or NAME=NAME is needed, not", word);
        return;
    }
    if (kernel->macro_count + 1 >= FRONT_MAX_MACROS) { /* one is the store's */
        report_error(reader->front->path, reader->line, "more than %d macros",
                     FRONT_MAX_MACROS - 1);
        return;
    }
    (void)snprintf(kernel->macros[kernel->macro_count++], FRONT_NAME_BYTES, "%s", word);
}

/* SPEC:VALUE; that there is such a spec with such a value is checked when all lines are read. */
static void read_most(const struct reader *reader, struct front_kernel *kernel, char *word)
{
    char *colon = strchr(word, ':');
    int64_t value = 0;
    if (colon)
        *colon = '\0';
    if (!colon || !is_name(word) || !take_number(colon + 1, 0, UINT32_MAX, &value)) {
        fail(reader, "most: SPEC:VALUE is needed, not", word);
        return;
    }
    if (kernel->most_count == FRONT_MAX_MOSTS) {
        report_error(reader->front->path, reader->line, "more than %d limits", FRONT_MAX_MOSTS);
        return;
    }
    struct front_most *most = &kernel->mosts[kernel->most_count++];
    memcpy(most->name, word, strlen(word) + 1);
    most->value = (uint32_t)value;
}

/* Calls `take` for each part of a list with commas. */
static void read_list(const struct reader *reader, struct front_kernel *kernel, char *list,
                      void (*take)(const struct reader *, struct front_kernel *, char *))
{
    for (;;) {
        char *comma = strchr(list, ',');
        if (comma)
            *comma = '\0';
        take(reader, kernel, list);
        if (!comma)
            return;
        list = comma + 1;
    }
}

/* `kernel NAME store=... needs=... when=... define=... most=...` */
static void read_kernel(const struct reader *reader, char *rest)
{
    static const struct {
        const char *key;
        void (*take)(const struct reader *, struct front_kernel *, char *);
    } fields[] = {{"store", read_store}, {"needs", read_need}, {"when", read_condition},
                  {"define", read_define}, {"most", read_most}};
    struct front *front = reader->front;
    if (front->kernel_count == FRONT_MAX_KERNELS) {
        report_error(front->path, reader->line, "more than %d kernels", FRONT_MAX_KERNELS);
        return;
    }
    struct front_kernel *kernel = &front->kernels[front->kernel_count];
    kernel->line = reader->line;
    if (!take_name(reader, next_word(&rest), "kernel", kernel->name))
        return;
    front->kernel_count++;
    unsigned seen = 0;
    for (char *word = next_word(&rest); word; word = next_word(&rest)) {
        char *value = strchr(word, '=');
        size_t i = 0;
        if (value)
            *value++ = '\0';
        while (i < PUM_COUNT_OF(fields) && strcmp(word, fields[i].key) != 0)
            i++;
        if (!value || i == PUM_COUNT_OF(fields))
            fail(reader, "kernel: store=, needs=, when=, define= or most= is needed, not", word);
        else if (seen & (1u << i))
            fail(reader, "kernel: a second", word);
        else
            read_list(reader, kernel, value, fields[i].take);
        seen |= i < PUM_COUNT_OF(fields) ? 1u << i : 0;
    }
    if (!(seen & 1u))
        fail(reader, "kernel: store= is missing for", kernel->name);
}

static void read_line(const struct reader *reader, char *text)
{
    char *rest = text;
    const char *word = next_word(&rest);
    struct front *front = reader->front;
    if (!word)
        report_error(front->path, reader->line, "nothing behind '//!'");
    else if (strcmp(word, "family") == 0)
        read_single(reader, rest, "family", front->family, &front->family_line);
    else if (strcmp(word, "push") == 0)
        read_single(reader, rest, "push", front->push, &front->push_line);
    else if (strcmp(word, "chain") == 0)
        read_chain(reader, rest);
    else if (strcmp(word, "binding") == 0)
        read_binding(reader, rest);
    else if (strcmp(word, "spec") == 0)
        read_spec(reader, rest);
    else if (strcmp(word, "kernel") == 0)
        read_kernel(reader, rest);
    else
        fail(reader, "shaders/README.md knows no front matter", word);
}

/* What `//! chain` stands for. */
static void append_chain(struct front *front)
{
    const struct reader reader = {front, front->chain_line};
    for (uint32_t i = 0; i < front->binding_count; i++) {
        const char *name = front->bindings[i].name;
        if (name[0] == 'e' && (name[1] == '0' || name[1] == '1') && name[2] == '\0')
            report_error(front->path, front->bindings[i].line,
                         "'//! chain' declares %s already: remove this line", name);
    }
    for (int i = 0; i < FRONT_CHAIN_BINDINGS; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "e%d", i);
        add_binding(&reader, name, FRONT_READ);
    }
    for (uint32_t i = 0; i < CHAIN_MAX_STEPS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "CHAIN%u", i);
        (void)add_spec(&reader, name, CHAIN_SPEC_FIRST + i);
    }
}

/* Whether a header has `struct NAME {`. */
static bool declares_struct(const char *header, const char *name)
{
    char line[1024];
    bool found = false;
    FILE *file = fopen(header, "rb");
    while (file && !found && fgets(line, sizeof line, file)) {
        char *at = line;
        const char *first = next_word(&at), *second = next_word(&at), *third = next_word(&at);
        found = first && second && third && strcmp(first, "struct") == 0 &&
                strcmp(second, name) == 0 && third[0] == '{';
    }
    if (file)
        (void)fclose(file);
    return found;
}

/* Finds the header of shaders/push/ that declares the push struct. */
static void find_push_header(const char *root, struct front *front)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/shaders/push", root);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        size_t bytes = strlen(entry->d_name);
        if (bytes < 3 || bytes >= sizeof front->push_header ||
            strcmp(entry->d_name + bytes - 2, ".h") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/shaders/push/%s", root, entry->d_name);
        if (declares_struct(path, front->push))
            memcpy(front->push_header, entry->d_name, bytes + 1);
    }
    if (folder)
        (void)closedir(folder);
    if (!front->push_header[0])
        report_error(front->path, front->push_line,
                     "no header of shaders/push/ declares 'struct %s {'", front->push);
}

/* Each limit of a row is a value of a spec that lists its values. */
static void check_mosts(const struct front *front, const struct front_kernel *kernel)
{
    for (uint32_t i = 0; i < kernel->most_count; i++) {
        const struct front_most *most = &kernel->mosts[i];
        bool found = false;
        for (uint32_t s = 0; s < front->spec_count; s++) {
            const struct front_spec *spec = &front->specs[s];
            for (uint32_t v = 0; v < spec->value_count && strcmp(spec->name, most->name) == 0; v++)
                found = found || spec->values[v] == most->value;
        }
        if (!found)
            report_error(front->path, kernel->line, "kernel %s: no spec %s with the value %u",
                         kernel->name, most->name, most->value);
    }
}

static void check_whole(const char *root, struct front *front)
{
    if (front->kernel_count && !front->family_line)
        report_error(front->path, 0, "no '//! family' line");
    if (front->push_line)
        find_push_header(root, front);
    for (uint32_t i = 0; i < front->kernel_count; i++)
        check_mosts(front, &front->kernels[i]);
}

void front_read(const char *root, const char *name, struct front *out_front)
{
    *out_front = (struct front){0};
    (void)snprintf(out_front->path, sizeof out_front->path, "shaders/%s", name);
    (void)snprintf(out_front->stem, sizeof out_front->stem, "%s", name);
    char *ending = strrchr(out_front->stem, '.');
    if (!ending || strcmp(ending, ".comp") != 0)
        report_error(out_front->path, 0, "a .comp file is needed");
    else
        *ending = '\0';

    char path[1024], text[1024];
    (void)snprintf(path, sizeof path, "%s/shaders/%s", root, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        report_error(out_front->path, 0, "cannot be read: %s", strerror(errno));
        return;
    }
    struct reader reader = {out_front, 0};
    while (fgets(text, sizeof text, file)) {
        reader.line++;
        size_t bytes = strcspn(text, "\r\n");
        if (bytes == sizeof text - 1)
            report_error(out_front->path, reader.line, "the line is too long");
        text[bytes] = '\0';
        if (strncmp(text, "//!", 3) == 0)
            read_line(&reader, text + 3);
    }
    (void)fclose(file);
    if (out_front->chain)
        append_chain(out_front);
    check_whole(root, out_front);
}
