/* SPDX-License-Identifier: MIT
 *
 * onnx_function.c - functions that a file defines for itself. A node that names one is replaced by
 * the function's nodes: its inputs are the node's values, its nodes' attributes may be the call's.
 * A call reads the function anew. How deep and how much is bounded, for functions that call each
 * other multiply. Tests: tests/onnx/test_onnx_body.c, test_onnx_hostile.c.
 */
#include "onnx_reader.h"

#include <stdlib.h>
#include <string.h>

/* --- Finding ---------------------------------------------------------------------------------- */

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static const char *plain_domain(const char *domain)
{
    return onnx_is_default_domain(domain) ? "" : domain;
}

static int compare(const char *domain_a, const char *name_a, const char *domain_b,
                   const char *name_b)
{
    int order = strcmp(text_or_empty(name_a), text_or_empty(name_b));
    return order != 0 ? order : strcmp(plain_domain(domain_a), plain_domain(domain_b));
}

static int compare_functions(const void *a, const void *b)
{
    const Onnx__FunctionProto *left = ((const struct onnx_function *)a)->proto;
    const Onnx__FunctionProto *right = ((const struct onnx_function *)b)->proto;
    return compare(left->domain, left->name, right->domain, right->name);
}

static int compare_call(const void *node_pointer, const void *function_pointer)
{
    const Onnx__NodeProto *node = node_pointer;
    const Onnx__FunctionProto *proto = ((const struct onnx_function *)function_pointer)->proto;
    return compare(node->domain, node->op_type, proto->domain, proto->name);
}

/* The defaults come in the order of the functions. */
static pum_status spread_defaults(struct onnx_reader *reader)
{
    size_t next = 0;

    for (size_t i = 0; i < reader->default_count; i++)
        reader->default_attrs[i] = reader->defaults[i].attr;
    for (size_t i = 0; i < reader->model->n_functions; i++) {
        struct onnx_function *function = &reader->functions[i];
        *function = (struct onnx_function){
            .proto = reader->model->functions[i],
            .defaults = &reader->default_attrs[next],
        };
        while (next < reader->default_count && reader->defaults[next].function == i) {
            function->default_count++;
            next++;
        }
        if (function->default_count > ONNX_MAX_ATTRS)
            return onnx_fail(reader, PUM_E_UNSUPPORTED,
                             "the function '%.200s' has more than %d "
                             "attributes",
                             text_or_empty(function->proto->name), ONNX_MAX_ATTRS);
    }
    return PUM_OK;
}

pum_status onnx_sort_functions(struct onnx_reader *reader)
{
    size_t count = reader->model->n_functions;

    if (count == 0)
        return PUM_OK;
    reader->functions = onnx_alloc(&reader->memory, count, sizeof(*reader->functions));
    reader->default_attrs =
        onnx_alloc(&reader->memory, reader->default_count + 1, sizeof(Onnx__AttributeProto *));
    if (reader->functions == NULL || reader->default_attrs == NULL)
        return onnx_fail(reader, PUM_E_MEMORY, "out of memory for %zu functions", count);
    ONNX_TRY(spread_defaults(reader));
    qsort(reader->functions, count, sizeof(*reader->functions), compare_functions);
    for (size_t i = 1; i < count; i++) {
        if (compare_functions(&reader->functions[i - 1], &reader->functions[i]) == 0)
            return onnx_fail(reader, PUM_E_FORMAT, "the function '%.200s' is defined twice",
                             text_or_empty(reader->functions[i].proto->name));
    }
    return PUM_OK;
}

void onnx_functions_free(struct onnx_reader *reader)
{
    onnx_free(&reader->memory, reader->functions);
    onnx_free(&reader->memory, reader->default_attrs);
    reader->functions = NULL;
    reader->default_attrs = NULL;
}

const struct onnx_function *onnx_find_function(const struct onnx_reader *reader,
                                               const Onnx__NodeProto *node)
{
    if (reader->functions == NULL)
        return NULL;
    return bsearch(node, reader->functions, reader->model->n_functions, sizeof(*reader->functions),
                   compare_call);
}

/* --- Attributes ------------------------------------------------------------------------------- */

static const Onnx__AttributeProto *attr_of(Onnx__AttributeProto *const *attrs, size_t count,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text_or_empty(attrs[i]->name), name) == 0)
            return attrs[i];
    }
    return NULL;
}

const Onnx__AttributeProto *onnx_resolve_attr(const struct onnx_call *call,
                                              const Onnx__AttributeProto *attr)
{
    const Onnx__AttributeProto *otherwise = NULL;

    /* A call's attribute may be its caller's in turn. What is said further out holds. */
    while (attr != NULL && !onnx_absent(attr->ref_attr_name)) {
        if (call == NULL)
            return NULL;
        const char *name = attr->ref_attr_name;
        const Onnx__AttributeProto *own =
            attr_of(call->function->defaults, call->function->default_count, name);
        otherwise = own != NULL ? own : otherwise;
        attr = attr_of(call->node->attribute, call->node->n_attribute, name);
        call = call->caller;
    }
    return attr != NULL ? attr : otherwise;
}

/* --- Calling ---------------------------------------------------------------------------------- */

/* The call's values become the function's inputs. `around` is the scope of the call. */
static pum_status bind_inputs(struct onnx_reader *reader, struct onnx_scope *around,
                              struct onnx_scope *scope, const char *label)
{
    const struct onnx_call *call = scope->call;
    const Onnx__FunctionProto *function = call->function->proto;

    for (size_t i = 0; i < function->n_input; i++) {
        struct onnx_name *entry = onnx_find_name(scope, function->input[i]);
        const char *given = i < call->node->n_input ? call->node->input[i] : NULL;
        if (entry == NULL)
            return onnx_fail(reader, PUM_E_INTERNAL, "an input of a function was lost");
        if (onnx_absent(given)) {
            entry->absent = true;
            continue;
        }
        struct onnx_name *source = onnx_find_name(around, given);
        if (source == NULL || (source->value == PUM_NO_VALUE && !source->absent))
            return onnx_fail(reader, PUM_E_UNSUPPORTED,
                             "node '%.200s' (%.100s): input '%.200s' "
                             "has no value",
                             label, call->node->op_type, given);
        entry->value = source->value;
        entry->absent = source->absent;
        entry->source = source;
        entry->source_scope = around;
    }
    return PUM_OK;
}

static pum_status bind_outputs(struct onnx_reader *reader, struct onnx_scope *around,
                               const struct onnx_scope *scope, const char *label)
{
    const struct onnx_call *call = scope->call;
    const Onnx__FunctionProto *function = call->function->proto;

    for (size_t i = 0; i < call->node->n_output; i++) {
        if (onnx_absent(call->node->output[i]))
            continue;
        const char *name = i < function->n_output ? function->output[i] : NULL;
        const struct onnx_name *result = onnx_absent(name) ? NULL : onnx_find_name(scope, name);
        struct onnx_name *entry = onnx_find_name(around, call->node->output[i]);
        if (result == NULL || result->value == PUM_NO_VALUE || entry == NULL)
            return onnx_fail(reader, PUM_E_FORMAT,
                             "node '%.200s' (%.100s): output %zu is computed "
                             "by no node of the function",
                             label, call->node->op_type, i);
        entry->value = result->value;
    }
    return PUM_OK;
}

static pum_status check_call(struct onnx_reader *reader, const struct onnx_call *call,
                             const char *label)
{
    const Onnx__FunctionProto *function = call->function->proto;

    if (call->depth > ONNX_MAX_CALLS)
        return onnx_fail(reader, PUM_E_UNSUPPORTED,
                         "node '%.200s' (%.100s): functions call each "
                         "other more than %d deep, perhaps without end",
                         label, call->node->op_type, ONNX_MAX_CALLS);
    reader->called_nodes += function->n_node + 1;
    if (reader->called_nodes > ONNX_MAX_CALLED_NODES || function->n_node > ONNX_MAX_CALLED_NODES)
        return onnx_fail(reader, PUM_E_UNSUPPORTED,
                         "node '%.200s' (%.100s): with all functions "
                         "written out the file has more than %d nodes",
                         label, call->node->op_type, ONNX_MAX_CALLED_NODES);
    if (call->node->n_input > function->n_input)
        return onnx_fail(reader, PUM_E_FORMAT,
                         "node '%.200s' (%.100s) has %zu inputs; its "
                         "function takes %zu",
                         label, call->node->op_type, call->node->n_input, function->n_input);
    return PUM_OK;
}

pum_status onnx_call_function(struct onnx_reader *reader, const Onnx__NodeProto *node,
                              const struct onnx_function *function, const char *label)
{
    const Onnx__FunctionProto *proto = function->proto;
    struct onnx_scope *around = reader->scope;
    struct onnx_call call = {
        .node = node,
        .function = function,
        .caller = around->call,
        .depth = around->call != NULL ? around->call->depth + 1 : 1,
    };
    struct onnx_scope scope = {
        .nodes = proto->node,
        .node_count = proto->n_node,
        .opset = onnx_opset(proto->opset_import, proto->n_opset_import),
        .call = &call,
    };

    if (scope.opset == 0)
        scope.opset = around->opset;
    ONNX_TRY(check_call(reader, &call, label));
    ONNX_TRY(onnx_check_opset(reader, scope.opset, "a function"));
    pum_status status = onnx_scope_open(reader, &scope);
    if (status == PUM_OK)
        status = bind_inputs(reader, around, &scope, label);
    if (status == PUM_OK) {
        reader->scope = &scope;
        reader->opset = scope.opset;
        status = onnx_add_nodes(reader);
        reader->scope = around;
        reader->opset = around->opset;
    }
    if (status == PUM_OK)
        status = bind_outputs(reader, around, &scope, label);
    onnx_scope_close(reader, &scope);
    return status;
}
