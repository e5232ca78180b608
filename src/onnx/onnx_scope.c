/* SPDX-License-Identifier: MIT
 *
 * onnx_scope.c - which names a graph of the file defines, and which it takes from around it. Names
 * stand in sorted arrays, so no file can make looking one up slow. Bodies are opened with the graph
 * that holds them, before anything is built: what a body captures decides the order of the nodes
 * around it. Recursion goes as deep as bodies nest, which onnx_wire.c bounds.
 * Tests: tests/onnx/test_onnx_file.c, test_onnx_body.c, test_onnx_hostile.c.
 */
#include "onnx_reader.h"

#include <stdlib.h>
#include <string.h>

bool onnx_absent(const char *name)
{
    return name == NULL || name[0] == '\0';
}

static pum_status out_of_memory(struct onnx_reader *reader)
{
    return onnx_fail(reader, PUM_E_MEMORY, "out of memory for tensor names");
}

/* --- Names ------------------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct onnx_name *)a)->name, ((const struct onnx_name *)b)->name);
}

struct onnx_name *onnx_find_name(const struct onnx_scope *scope, const char *name)
{
    struct onnx_name key = {.name = name};
    return scope->name_count == 0
               ? NULL
               : bsearch(&key, scope->names, scope->name_count, sizeof(key), compare_names);
}

static pum_status collect(struct onnx_reader *reader, struct onnx_scope *scope,
                          const struct onnx_name *entry, const char *what)
{
    if (onnx_absent(entry->name))
        return onnx_fail(reader, PUM_E_FORMAT, "%s without a name", what);
    if (strlen(entry->name) > ONNX_MAX_NAME_BYTES)
        return onnx_fail(reader, PUM_E_FORMAT, "a name of more than %d bytes: '%.100s...'",
                         ONNX_MAX_NAME_BYTES, entry->name);
    scope->names[scope->name_count] = *entry;
    scope->names[scope->name_count++].value = PUM_NO_VALUE;
    return PUM_OK;
}

static pum_status collect_sources(struct onnx_reader *reader, struct onnx_scope *scope)
{
    const Onnx__GraphProto *graph = scope->proto;

    for (size_t i = 0; i < graph->n_initializer; i++) {
        struct onnx_name entry = {.node = -1, .initializer = graph->initializer[i]};
        entry.name = entry.initializer->name;
        ONNX_TRY(collect(reader, scope, &entry, "an initializer"));
    }
    for (size_t i = 0; i < graph->n_sparse_initializer; i++) {
        struct onnx_name entry = {.node = -1, .sparse = graph->sparse_initializer[i]};
        entry.name = entry.sparse->values != NULL ? entry.sparse->values->name : NULL;
        ONNX_TRY(collect(reader, scope, &entry, "a sparse initializer"));
    }
    for (size_t i = 0; i < graph->n_input; i++) {
        struct onnx_name entry = {.node = -1, .input = graph->input[i]};
        entry.name = entry.input->name;
        ONNX_TRY(collect(reader, scope, &entry, "a graph input"));
    }
    return PUM_OK;
}

static pum_status collect_all(struct onnx_reader *reader, struct onnx_scope *scope)
{
    const Onnx__GraphProto *graph = scope->proto;
    const Onnx__FunctionProto *function = graph == NULL ? scope->call->function->proto : NULL;
    size_t total = graph != NULL
                       ? graph->n_initializer + graph->n_sparse_initializer + graph->n_input
                       : function->n_input;

    for (size_t i = 0; i < scope->node_count; i++)
        total += scope->nodes[i]->n_output;
    scope->names = onnx_alloc(&reader->memory, total, sizeof(*scope->names));
    if (scope->names == NULL)
        return out_of_memory(reader);
    if (graph != NULL)
        ONNX_TRY(collect_sources(reader, scope));
    for (size_t i = 0; function != NULL && i < function->n_input; i++) {
        struct onnx_name entry = {.name = function->input[i], .node = -1};
        ONNX_TRY(collect(reader, scope, &entry, "a function's input"));
    }
    for (size_t i = 0; i < scope->node_count; i++) {
        const Onnx__NodeProto *node = scope->nodes[i];
        for (size_t j = 0; j < node->n_output; j++) {
            struct onnx_name entry = {.name = node->output[j], .node = (int32_t)i};
            if (!onnx_absent(entry.name))
                ONNX_TRY(collect(reader, scope, &entry, "a node output"));
        }
    }
    return PUM_OK;
}

static bool is_constant(const struct onnx_name *entry)
{
    return entry->initializer != NULL || entry->sparse != NULL;
}

/* Sorts, and joins an input with the initializer of its name (which makes it a constant). Any other
 * name that comes twice is an error. */
static pum_status sort_names(struct onnx_reader *reader, struct onnx_scope *scope)
{
    size_t kept = 0;

    if (scope->name_count > 0)
        qsort(scope->names, scope->name_count, sizeof(*scope->names), compare_names);
    for (size_t i = 0; i < scope->name_count; i++) {
        struct onnx_name *entry = &scope->names[i];
        struct onnx_name *last = kept > 0 ? &scope->names[kept - 1] : NULL;
        if (last == NULL || strcmp(last->name, entry->name) != 0) {
            scope->names[kept++] = *entry;
            continue;
        }
        bool joins = (is_constant(last) && last->input == NULL && entry->input != NULL) ||
                     (last->input != NULL && !is_constant(last) && is_constant(entry));
        if (!joins)
            return onnx_fail(reader, PUM_E_FORMAT, "tensor '%.200s' is defined more than once",
                             entry->name);
        if (entry->input != NULL) {
            last->input = entry->input;
        } else {
            last->initializer = entry->initializer;
            last->sparse = entry->sparse;
        }
    }
    scope->name_count = kept;
    return PUM_OK;
}

/* --- Bodies ----------------------------------------------------------------------------------- */

static pum_status open_scope(struct onnx_reader *reader, struct onnx_scope *scope, bool is_body);

static bool has_body(const Onnx__AttributeProto *attr)
{
    return attr->g != NULL;
}

static size_t count_bodies(const struct onnx_scope *scope)
{
    size_t count = 0;

    for (size_t i = 0; i < scope->node_count; i++) {
        const Onnx__NodeProto *node = scope->nodes[i];
        for (size_t j = 0; j < node->n_attribute; j++)
            count += has_body(node->attribute[j]);
    }
    return count;
}

static pum_status open_bodies(struct onnx_reader *reader, struct onnx_scope *scope)
{
    size_t count = reader->has_bodies ? count_bodies(scope) : 0;

    if (count == 0)
        return PUM_OK;
    scope->bodies = onnx_alloc(&reader->memory, count, sizeof(*scope->bodies));
    if (scope->bodies == NULL)
        return out_of_memory(reader);
    for (size_t i = 0; i < scope->node_count; i++) {
        const Onnx__NodeProto *node = scope->nodes[i];
        for (size_t j = 0; j < node->n_attribute; j++) {
            if (!has_body(node->attribute[j]))
                continue;
            struct onnx_body *body = &scope->bodies[scope->body_count++];
            *body = (struct onnx_body){
                .node = (int32_t)i,
                .attr = node->attribute[j]->name != NULL ? node->attribute[j]->name : "",
                .scope = {.proto = node->attribute[j]->g,
                          .opset = scope->opset,
                          .call = scope->call},
            };
            body->scope.nodes = body->scope.proto->node;
            body->scope.node_count = body->scope.proto->n_node;
            ONNX_TRY(open_scope(reader, &body->scope, true));
        }
    }
    return PUM_OK;
}

struct onnx_body *onnx_bodies_of(const struct onnx_scope *scope, int32_t index, size_t *out_count)
{
    size_t low = 0, high = scope->body_count, count = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (scope->bodies[middle].node < index)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + count < scope->body_count && scope->bodies[low + count].node == index)
        count++;
    *out_count = count;
    return count > 0 ? &scope->bodies[low] : NULL;
}

/* --- Names from around ------------------------------------------------------------------------ */

struct free_names {
    struct onnx_reader *reader;
    const struct onnx_scope *scope;
    const char **names;
    size_t count, capacity;
};

static pum_status use(struct free_names *f, const char *name)
{
    if (onnx_absent(name) || onnx_find_name(f->scope, name) != NULL)
        return PUM_OK;
    if (f->count == f->capacity) {
        size_t capacity = f->capacity * 2 + 16;
        const char **names =
            onnx_realloc(&f->reader->memory, f->names, capacity * sizeof(*f->names));
        if (names == NULL)
            return out_of_memory(f->reader);
        f->names = names;
        f->capacity = capacity;
    }
    f->names[f->count++] = name;
    return PUM_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_free(struct free_names *f)
{
    size_t kept = 0;

    if (f->count > 0)
        qsort(f->names, f->count, sizeof(*f->names), compare_texts);
    for (size_t i = 0; i < f->count; i++) {
        if (kept == 0 || strcmp(f->names[kept - 1], f->names[i]) != 0)
            f->names[kept++] = f->names[i];
    }
    f->count = kept;
}

static pum_status use_all(struct free_names *f)
{
    const struct onnx_scope *scope = f->scope;

    for (size_t i = 0; i < scope->node_count; i++) {
        for (size_t j = 0; j < scope->nodes[i]->n_input; j++)
            ONNX_TRY(use(f, scope->nodes[i]->input[j]));
    }
    for (size_t i = 0; i < scope->body_count; i++) {
        for (size_t j = 0; j < scope->bodies[i].scope.free_count; j++)
            ONNX_TRY(use(f, scope->bodies[i].scope.free[j]));
    }
    for (size_t i = 0; scope->proto != NULL && i < scope->proto->n_output; i++)
        ONNX_TRY(use(f, scope->proto->output[i]->name));
    return PUM_OK;
}

/* The names that a body takes from around it become names of its own. */
static pum_status add_captured(struct onnx_reader *reader, struct onnx_scope *scope)
{
    size_t total = scope->name_count + scope->free_count;
    struct onnx_name *names =
        onnx_realloc(&reader->memory, scope->names, total * sizeof(*names) + 1);

    if (names == NULL)
        return out_of_memory(reader);
    scope->names = names;
    for (size_t i = 0; i < scope->free_count; i++) {
        names[scope->name_count++] = (struct onnx_name){
            .name = scope->free[i],
            .value = PUM_NO_VALUE,
            .node = -1,
            .captured = true,
        };
    }
    if (total > 0)
        qsort(names, total, sizeof(*names), compare_names);
    return PUM_OK;
}

static pum_status open_scope(struct onnx_reader *reader, struct onnx_scope *scope, bool is_body)
{
    if (scope->node_count > INT32_MAX)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "too many nodes");
    ONNX_TRY(collect_all(reader, scope));
    ONNX_TRY(sort_names(reader, scope));
    ONNX_TRY(open_bodies(reader, scope));
    if (!is_body)
        return PUM_OK;
    struct free_names f = {.reader = reader, .scope = scope};
    pum_status status = use_all(&f);
    sort_free(&f);
    scope->free = f.names;
    scope->free_count = f.count;
    return status == PUM_OK ? add_captured(reader, scope) : status;
}

pum_status onnx_scope_open(struct onnx_reader *reader, struct onnx_scope *scope)
{
    return open_scope(reader, scope, false);
}

void onnx_scope_close(struct onnx_reader *reader, struct onnx_scope *scope)
{
    for (size_t i = 0; i < scope->body_count; i++)
        onnx_scope_close(reader, &scope->bodies[i].scope);
    onnx_free(&reader->memory, scope->bodies);
    onnx_free(&reader->memory, scope->names);
    onnx_free(&reader->memory, (void *)scope->free);
    scope->bodies = NULL;
    scope->names = NULL;
    scope->free = NULL;
    scope->body_count = scope->name_count = scope->free_count = 0;
}
