/* SPDX-License-Identifier: MIT
 *
 * string.c - operators that make new strings: StringNormalizer, StringConcat, StringSplit. (Those
 * that move or compare elements take strings as any other type; Cast makes them of numbers.) New
 * text is put into op_call.strings. Letters' cases are ASCII's: what lies beyond is left alone.
 * Tests: tests/ops/test_string.c.
 */
#include "ops/axes.h"
#include "ops/op_loop.h"

#include <string.h>

static pum_status need_string(const struct op_call *call, int32_t index)
{
    if (call->inputs[index].desc.dtype != PUM_DTYPE_STRING)
        return op_bad_type(call, index, "strings");
    return PUM_OK;
}

/* --- StringConcat ----------------------------------------------------------------------------- */

pum_status infer_string_concat(struct op_call *call)
{
    const struct shape *a = &call->inputs[0].desc.shape, *b = &call->inputs[1].desc.shape;
    struct shape shape;
    PUM_TRY(need_string(call, 0));
    PUM_TRY(need_string(call, 1));
    if (!shape_broadcast(a, b, &shape)) {
        char text_a[SHAPE_TEXT_BYTES], text_b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "shapes %s and %s do not broadcast", shape_text(a, text_a),
                        shape_text(b, text_b));
    }
    return axes_output(call, 0, PUM_DTYPE_STRING, &shape);
}

pum_status reference_string_concat(struct op_call *call)
{
    const struct host_tensor *a = &call->inputs[0], *b = &call->inputs[1];
    struct op_loop loop;
    op_loop_begin(&loop, &call->outputs[0].desc.shape);
    op_loop_add(&loop, &a->desc.shape);
    op_loop_add(&loop, &b->desc.shape);
    for (; op_loop_more(&loop); op_loop_next(&loop)) {
        const char *text =
            base_arena_printf(call->strings, "%s%s", tensor_get_string(a, loop.at[0]),
                              tensor_get_string(b, loop.at[1]));
        if (!text)
            return PUM_E_MEMORY;
        tensor_set_string(&call->outputs[0], loop.element, text);
    }
    return PUM_OK;
}
OP_HOST_ONLY(string_concat);

/* --- StringSplit ------------------------------------------------------------------------------ */

struct splitter {
    const char *delimiter; /* "": runs of white space */
    int64_t most;          /* splits; -1: all */
};

static struct splitter read_splitter(const struct graph_node *node)
{
    int64_t most = node_int(node, "maxsplit", -1);
    return (struct splitter){node_string(node, "delimiter", ""), most < 0 ? INT64_MAX : most};
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The part at *text; moves *text behind it, to NULL after the last. False: there is none. */
static bool next_part(const struct splitter *splitter, int64_t done, const char **text,
                      size_t *out_length)
{
    const char *start = *text;
    size_t width = strlen(splitter->delimiter);
    if (!start || (width == 0 && *start == '\0'))
        return false;
    if (done >= splitter->most) {
        *out_length = strlen(start);
        *text = NULL;
        return true;
    }
    const char *end = width > 0 ? strstr(start, splitter->delimiter) : start;
    while (width == 0 && *end != '\0' && !is_space(*end))
        end++;
    *out_length = end ? (size_t)(end - start) : strlen(start);
    *text = end ? end + width : NULL;
    while (width == 0 && is_space(**text))
        (*text)++;
    return true;
}

static const char *begin_parts(const struct splitter *splitter, const char *text)
{
    while (splitter->delimiter[0] == '\0' && is_space(*text))
        text++;
    return text;
}

static int64_t count_parts(const struct splitter *splitter, const char *text)
{
    int64_t count = 0;
    size_t length;
    text = begin_parts(splitter, text);
    while (next_part(splitter, count, &text, &length))
        count++;
    return count;
}

pum_status infer_string_split(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct shape shape = in->desc.shape;
    struct splitter splitter = read_splitter(call->node);
    int64_t count = shape_elements(&shape), most = 0;
    PUM_TRY(need_string(call, 0));
    if (shape.rank == PUM_MAX_RANK)
        return pum_fail(PUM_E_SHAPE, "the input has %d axes already", shape.rank);
    if (count > 0 && !in->data)
        return op_needs_data(call, 0);
    for (int64_t i = 0; i < count; i++)
        most = axes_max(most, count_parts(&splitter, tensor_get_string(in, i)));
    if (call->output_count > 1)
        PUM_TRY(axes_output(call, 1, PUM_DTYPE_I64, &shape));
    shape.dims[shape.rank++] = most;
    return axes_output(call, 0, PUM_DTYPE_STRING, &shape);
}

pum_status reference_string_split(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct splitter splitter = read_splitter(call->node);
    const struct shape *shape = &call->outputs[0].desc.shape;
    int64_t count = shape_elements(&in->desc.shape), most = shape->dims[shape->rank - 1];
    for (int64_t i = 0; i < count; i++) {
        const char *text = begin_parts(&splitter, tensor_get_string(in, i)), *start = text;
        int64_t parts = 0;
        size_t length;
        for (; next_part(&splitter, parts, &text, &length); parts++, start = text) {
            const char *part = base_arena_printf(call->strings, "%.*s", (int)length, start);
            if (!part)
                return PUM_E_MEMORY;
            tensor_set_string(&call->outputs[0], i * most + parts, part);
        }
        for (int64_t k = parts; k < most; k++)
            tensor_set_string(&call->outputs[0], i * most + k, "");
        if (axes_wants_output(call, 1))
            tensor_set_i64(&call->outputs[1], i, parts);
    }
    return PUM_OK;
}
OP_HOST_DYNAMIC(string_split);

/* --- StringNormalizer ------------------------------------------------------------------------- */

enum case_action { CASE_NONE, CASE_LOWER, CASE_UPPER };

static pum_status case_action(const struct graph_node *node, enum case_action *out_action)
{
    static const char *const names[] = {"NONE", "LOWER", "UPPER"};
    const char *name = node_string(node, "case_change_action", "NONE");
    for (int i = 0; i < 3; i++) {
        *out_action = (enum case_action)i;
        if (strcmp(name, names[i]) == 0)
            return PUM_OK;
    }
    return pum_fail(PUM_E_ARGUMENT, "case_change_action is '%s'", name);
}

static char changed(char c, enum case_action action)
{
    if (action == CASE_LOWER && c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return action == CASE_UPPER && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool same_text(const char *a, const char *b, bool exactly)
{
    for (; *a != '\0' && *b != '\0'; a++, b++)
        if (*a != *b && (exactly || changed(*a, CASE_LOWER) != changed(*b, CASE_LOWER)))
            return false;
    return *a == *b;
}

static bool is_stopword(const struct graph_node *node, const char *text)
{
    int32_t count;
    const char *const *words = node_strings(node, "stopwords", &count);
    bool exactly = node_int(node, "is_case_sensitive", 0) != 0;
    for (int32_t i = 0; i < count; i++)
        if (same_text(words[i], text, exactly))
            return true;
    return false;
}

pum_status infer_string_normalizer(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    struct shape shape = in->desc.shape;
    enum case_action action;
    PUM_TRY(need_string(call, 0));
    PUM_TRY(case_action(call->node, &action));
    if (shape.rank != 1 && !(shape.rank == 2 && shape.dims[0] == 1)) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "an input of shape %s, expected [c] or [1,c]",
                        shape_text(&shape, text));
    }
    int64_t count = shape_elements(&shape), kept = 0;
    if (count > 0 && !in->data)
        return op_needs_data(call, 0);
    for (int64_t i = 0; i < count; i++)
        kept += !is_stopword(call->node, tensor_get_string(in, i));
    shape.dims[shape.rank - 1] = kept > 0 ? kept : 1; /* nothing left: one empty string */
    return axes_output(call, 0, PUM_DTYPE_STRING, &shape);
}

pum_status reference_string_normalizer(struct op_call *call)
{
    const struct host_tensor *in = &call->inputs[0];
    int64_t count = shape_elements(&in->desc.shape), to = 0;
    enum case_action action;
    PUM_TRY(case_action(call->node, &action));
    tensor_set_string(&call->outputs[0], 0, "");
    for (int64_t i = 0; i < count; i++) {
        const char *text = tensor_get_string(in, i);
        if (is_stopword(call->node, text))
            continue;
        char *copy = base_arena_strdup(call->strings, text);
        if (!copy)
            return PUM_E_MEMORY;
        for (char *c = copy; *c != '\0'; c++)
            *c = changed(*c, action);
        tensor_set_string(&call->outputs[0], to++, copy);
    }
    return PUM_OK;
}
OP_HOST_DYNAMIC(string_normalizer);
