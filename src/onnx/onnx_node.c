/* SPDX-License-Identifier: MIT
 *
 * onnx_node.c - one node of the file into the graph: its inputs by name, its attributes checked
 * against the operator's list (onnx_ops.c), then the upgrade of its form if there is one. An
 * attribute that is unknown or of the wrong kind is an error: ignoring it would give wrong numbers.
 * Tests: tests/onnx/test_onnx_upgrade.c, test_onnx_hostile.c.
 */
#include "onnx_reader.h"

#include <stdio.h>
#include <string.h>

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

pum_status onnx_refuse(struct onnx_node *node, const char *what)
{
    return onnx_fail(node->reader, PUM_E_UNSUPPORTED, "node '%.200s' (%.100s): %.300s", node->name,
                     node->op->name, what);
}

pum_status onnx_no_value(const struct onnx_node *node, const char *name)
{
    return onnx_fail(node->reader, PUM_E_UNSUPPORTED, "node '%.200s' (%.100s): input '%.200s' is "
                     "an output that exists in training only, or of another domain", node->name,
                     node->op->name, name);
}

#define INNER_MESSAGE_BYTES 4000

pum_status onnx_in_body(struct onnx_reader *reader, pum_status status, const char *body,
                        const struct onnx_node *node)
{
    char inner[INNER_MESSAGE_BYTES];

    (void)snprintf(inner, sizeof(inner), "%s", pum_last_error());
    return onnx_fail(reader, status, "%s (in %.100s of node '%.200s')", inner, body, node->name);
}

/* --- Inputs ----------------------------------------------------------------------------------- */

pum_value onnx_input(const struct onnx_node *node, int32_t index)
{
    return index < node->input_count ? node->inputs[index] : PUM_NO_VALUE;
}

void onnx_set_input(struct onnx_node *node, int32_t index, pum_value value)
{
    while (node->input_count <= index)
        node->inputs[node->input_count++] = PUM_NO_VALUE;
    node->inputs[index] = value;
}

pum_dtype onnx_value_dtype(const struct onnx_node *node, pum_value value)
{
    pum_port_info info;
    if (value == PUM_NO_VALUE ||
        pum_graph_get_value(node->reader->graph, value, &info) != PUM_OK)
        return PUM_DTYPE_NONE;
    return info.dtype;
}

int32_t onnx_value_rank(const struct onnx_node *node, pum_value value)
{
    pum_port_info info;
    if (value == PUM_NO_VALUE ||
        pum_graph_get_value(node->reader->graph, value, &info) != PUM_OK)
        return -1;
    return info.rank;
}

static pum_status read_inputs(struct onnx_node *node)
{
    const Onnx__NodeProto *proto = node->proto;

    for (size_t i = 0; i < proto->n_input; i++) {
        const char *name = text_or_empty(proto->input[i]);
        pum_value value = PUM_NO_VALUE;
        if (name[0] != '\0') {
            const struct onnx_name *entry = onnx_find_name(node->reader->scope, name);
            value = entry != NULL ? entry->value : PUM_NO_VALUE;
            if (value == PUM_NO_VALUE && (entry == NULL || !entry->absent))
                return onnx_no_value(node, name);
        }
        node->inputs[node->input_count++] = value;
    }
    while (node->input_count > 0 && node->inputs[node->input_count - 1] == PUM_NO_VALUE)
        node->input_count--;
    return PUM_OK;
}

/* --- Attributes ------------------------------------------------------------------------------- */

bool onnx_take(struct onnx_node *node, const char *name, pum_attr *out_attr)
{
    for (int32_t i = 0; i < node->attr_count; i++) {
        if (strcmp(node->attrs[i].name, name) != 0)
            continue;
        *out_attr = node->attrs[i];
        node->attrs[i] = node->attrs[--node->attr_count];
        return true;
    }
    return false;
}

int64_t onnx_take_int(struct onnx_node *node, const char *name, int64_t default_value)
{
    pum_attr attr;
    return onnx_take(node, name, &attr) ? attr.i : default_value;
}

float onnx_take_float(struct onnx_node *node, const char *name, float default_value)
{
    pum_attr attr;
    return onnx_take(node, name, &attr) ? attr.f : default_value;
}

void onnx_give(struct onnx_node *node, pum_attr attr)
{
    node->attrs[node->attr_count++] = attr;
}

/* The kind letters that the operator's list has for an attribute; NULL if it is not listed. */
static const char *listed_kinds(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *word = list; *word != '\0'; word += strcspn(word, " "), word += *word == ' ') {
        if (strncmp(word, name, length) == 0 && word[length] == ':')
            return word + length + 1;
    }
    return NULL;
}

static bool is_listed(const char *kinds, char kind)
{
    return memchr(kinds, kind, strcspn(kinds, " ")) != NULL;
}

/* Files before the type field existed leave it out: then the field that is set tells. */
static char stored_kind(const Onnx__AttributeProto *attr)
{
    switch (attr->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return 'i';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return 'f';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        return 's';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return 'I';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return 'F';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
        return 'S';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return 't';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR:
        return 'p';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
        return 'g';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTO:
        return 'y';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED:
        return attr->has_i              ? 'i'
               : attr->has_f            ? 'f'
               : attr->has_s            ? 's'
               : attr->n_ints > 0       ? 'I'
               : attr->n_floats > 0     ? 'F'
               : attr->n_strings > 0    ? 'S'
               : attr->g != NULL        ? 'g'
               : attr->t != NULL        ? 't'
                                        : '?';
    default:
        return '?';
    }
}

/* Room for the strings of all attributes: pointers of lists first, then text. */
struct strings {
    const char **pointers;
    char *text;
};

static pum_status strings_room(struct onnx_node *node, struct strings *out_strings)
{
    const Onnx__NodeProto *proto = node->proto;
    size_t pointers = 1, bytes = 1;

    for (size_t i = 0; i < proto->n_attribute; i++) {
        const Onnx__AttributeProto *attr =
            onnx_resolve_attr(node->reader->scope->call, proto->attribute[i]);
        if (attr == NULL)
            continue;
        bytes += attr->s.len + 1;
        pointers += attr->n_strings;
        for (size_t j = 0; j < attr->n_strings; j++)
            bytes += attr->strings[j].len + 1;
    }
    /* Sizes within a file's: no overflow. */
    out_strings->pointers = onnx_alloc(&node->reader->memory,
                                       pointers * sizeof(char *) + bytes, 1);
    out_strings->text = (char *)(out_strings->pointers + pointers);
    return out_strings->pointers == NULL ? onnx_fail(node->reader, PUM_E_MEMORY, "out of memory")
                                         : PUM_OK;
}

/* A NUL-terminated copy behind the others. */
static const char *keep_text(const ProtobufCBinaryData *bytes, struct strings *strings)
{
    char *start = strings->text;

    if (bytes->len > 0)
        memcpy(start, bytes->data, bytes->len);
    start[bytes->len] = '\0';
    strings->text += bytes->len + 1;
    return start;
}

static const char *const *keep_list(const Onnx__AttributeProto *from, struct strings *strings)
{
    const char **start = strings->pointers;

    for (size_t i = 0; i < from->n_strings; i++)
        start[i] = keep_text(&from->strings[i], strings);
    strings->pointers += from->n_strings;
    return start;
}

static pum_status wrong_type(const struct onnx_node *node, const char *name)
{
    return onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (%.100s): attribute '%.100s' has "
                     "the wrong type", node->name, node->op->name, name);
}

static pum_status holds_nothing(const struct onnx_node *node, const char *name)
{
    return onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (%.100s): attribute '%.100s' holds "
                     "no tensor or graph", node->name, node->op->name, name);
}

/* An attribute of a plain kind: what pum_attr can hold. */
static void keep_attr(struct onnx_node *node, const Onnx__AttributeProto *from, const char *name,
                      char kind, struct strings *strings)
{
    pum_attr to = {.name = name};

    switch (kind) {
    case 'i':
        to.kind = PUM_ATTR_INT;
        to.i = from->i;
        break;
    case 'f':
        to.kind = PUM_ATTR_FLOAT;
        to.f = from->f;
        break;
    case 's':
        to.kind = PUM_ATTR_STRING;
        to.s = keep_text(&from->s, strings);
        break;
    case 'I':
        to.kind = PUM_ATTR_INTS;
        to.ints = from->ints;
        to.count = (int32_t)from->n_ints;
        break;
    case 'F':
        to.kind = PUM_ATTR_FLOATS;
        to.floats = from->floats;
        to.count = (int32_t)from->n_floats;
        break;
    default:
        to.kind = PUM_ATTR_STRINGS;
        to.strings = keep_list(from, strings);
        to.count = (int32_t)from->n_strings;
        break;
    }
    onnx_give(node, to);
}

static pum_status convert_attr(struct onnx_node *node, const Onnx__AttributeProto *proto,
                               struct strings *strings)
{
    const char *name = text_or_empty(proto->name);
    const char *listed = listed_kinds(node->op->attrs, name);

    /* How results could share memory with inputs, long ago. */
    if (listed == NULL && node->reader->opset < 6 && strcmp(name, "consumed_inputs") == 0)
        return PUM_OK;
    if (listed == NULL)
        return onnx_fail(node->reader, PUM_E_UNSUPPORTED, "node '%.200s' (%.100s): attribute "
                         "'%.100s' is not supported", node->name, node->op->name, name);
    const Onnx__AttributeProto *from = onnx_resolve_attr(node->reader->scope->call, proto);
    if (from == NULL && node->reader->scope->call == NULL)
        return onnx_refuse(node, "an attribute refers to a function's attribute");
    if (from == NULL)
        return PUM_OK; /* the function's caller leaves it out */
    char kind = stored_kind(from);
    /* An empty list leaves no trace but the type. */
    if (kind == '?' && strchr("IFS", listed[0]) != NULL &&
        from->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        kind = listed[0];
    if (!is_listed(listed, kind))
        return wrong_type(node, name);
    if (from->n_ints > INT32_MAX || from->n_floats > INT32_MAX || from->n_strings > INT32_MAX)
        return onnx_refuse(node, "an attribute has too many numbers");
    switch (kind) {
    case 't':
        node->tensor = from->t;
        return from->t != NULL ? PUM_OK : holds_nothing(node, name);
    case 'p':
        node->sparse = from->sparse_tensor;
        return from->sparse_tensor != NULL ? PUM_OK : holds_nothing(node, name);
    case 'g': /* onnx_body.c reads it, where it stands */
        return proto->g != NULL ? PUM_OK : holds_nothing(node, name);
    case 'y':
        return PUM_OK;
    default:
        keep_attr(node, from, name, kind, strings);
        return PUM_OK;
    }
}

static pum_status read_attrs(struct onnx_node *node, struct strings *strings)
{
    const Onnx__NodeProto *proto = node->proto;

    for (size_t i = 0; i < proto->n_attribute; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(text_or_empty(proto->attribute[i]->name),
                       text_or_empty(proto->attribute[j]->name)) == 0)
                return onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (%.100s): attribute "
                                 "'%.100s' is given twice", node->name, node->op->name,
                                 text_or_empty(proto->attribute[i]->name));
        }
        ONNX_TRY(convert_attr(node, proto->attribute[i], strings));
    }
    return PUM_OK;
}

/* --- Into the graph --------------------------------------------------------------------------- */

pum_value onnx_scalar_like(struct onnx_node *node, float value, pum_value like)
{
    pum_dtype dtype = onnx_value_dtype(node, like);
    pum_value scalar = pum_scalar_f32(node->reader->graph, value);

    if (dtype == PUM_DTYPE_NONE || dtype == PUM_DTYPE_F32)
        return scalar;
    pum_attr to = {.name = "to", .kind = PUM_ATTR_INT, .i = onnx_data_type(dtype)};
    return onnx_step(node, "Cast", &scalar, 1, &to, 1);
}

pum_value onnx_step(struct onnx_node *node, const char *op, const pum_value *inputs,
                    int32_t input_count, const pum_attr *attrs, int32_t attr_count)
{
    pum_value value = PUM_NO_VALUE;
    (void)pum_node(node->reader->graph,
                   &(pum_node_params){.op = op,
                                      .name = node->name,
                                      .inputs = inputs,
                                      .input_count = input_count,
                                      .attrs = attrs,
                                      .attr_count = attr_count},
                   &value);
    return value;
}

pum_status onnx_bind(struct onnx_node *node, int32_t output, pum_value value)
{
    if (value == PUM_NO_VALUE)
        return pum_graph_status(node->reader->graph);
    if (node->result != NULL) {
        *node->result = value;
        return PUM_OK;
    }
    if (output >= 0 && (size_t)output < node->proto->n_output) {
        const char *name = text_or_empty(node->proto->output[output]);
        struct onnx_name *entry =
            name[0] == '\0' ? NULL : onnx_find_name(node->reader->scope, name);
        if (entry != NULL)
            entry->value = value;
    }
    return PUM_OK;
}

pum_status onnx_emit(struct onnx_node *node, const char *op)
{
    struct onnx_reader *reader = node->reader;
    int32_t count = node->output_count > 0 ? node->output_count : 1;
    pum_value *values = onnx_alloc(&reader->memory, (size_t)count, sizeof(*values));
    const char **names = onnx_alloc(&reader->memory, (size_t)count, sizeof(*names));
    pum_status status;

    if (values == NULL || names == NULL) {
        status = onnx_fail(reader, PUM_E_MEMORY, "out of memory");
        goto done;
    }
    for (int32_t i = 0; i < count && (size_t)i < node->proto->n_output; i++)
        names[i] = node->proto->output[i];
    status = pum_node(reader->graph,
                      &(pum_node_params){.op = op,
                                         .name = node->name,
                                         .inputs = node->inputs,
                                         .input_count = node->input_count,
                                         .attrs = node->attrs,
                                         .attr_count = node->attr_count,
                                         .output_count = count,
                                         .output_names = names},
                      values);
    for (int32_t i = 0; i < count && status == PUM_OK; i++)
        status = onnx_bind(node, i, values[i]);
done:
    onnx_free(&reader->memory, values);
    onnx_free(&reader->memory, names);
    return status;
}

static pum_status convert(struct onnx_node *node, struct strings *strings)
{
    ONNX_TRY(read_inputs(node));
    ONNX_TRY(read_attrs(node, strings));
    if (node->op->upgrade != NULL)
        return node->op->upgrade(node);
    return onnx_emit(node, node->op->target != NULL ? node->op->target : node->op->name);
}

static const char *node_label(const Onnx__NodeProto *proto, char *buffer, size_t size,
                              int32_t index)
{
    if (text_or_empty(proto->name)[0] != '\0')
        return proto->name;
    if (proto->n_output > 0 && text_or_empty(proto->output[0])[0] != '\0')
        return proto->output[0];
    (void)snprintf(buffer, size, "%.60s_%d", text_or_empty(proto->op_type), index);
    return buffer;
}

static pum_status check_size(struct onnx_reader *reader, const Onnx__NodeProto *proto,
                             const char *label)
{
    if (proto->n_input > ONNX_MAX_LIST || proto->n_output > ONNX_MAX_LIST ||
        proto->n_attribute > ONNX_MAX_ATTRS)
        return onnx_fail(reader, PUM_E_UNSUPPORTED, "node '%.200s' (%.100s): too many inputs, "
                         "outputs or attributes", label, proto->op_type);
    return PUM_OK;
}

static pum_status add_node(struct onnx_node *node)
{
    struct onnx_memory *memory = &node->reader->memory;
    const Onnx__NodeProto *proto = node->proto;
    struct strings strings = {0};

    for (size_t i = 0; i < proto->n_output; i++) {
        if (text_or_empty(proto->output[i])[0] != '\0')
            node->output_count = (int32_t)i + 1;
    }
    node->inputs = onnx_alloc(memory, proto->n_input + ONNX_SPARE_ATTRS, sizeof(*node->inputs));
    node->attrs = onnx_alloc(memory, proto->n_attribute + ONNX_SPARE_ATTRS, sizeof(*node->attrs));
    pum_status status = node->inputs == NULL || node->attrs == NULL
                            ? onnx_fail(node->reader, PUM_E_MEMORY, "out of memory")
                            : strings_room(node, &strings);
    const char **room = strings.pointers;
    if (status == PUM_OK)
        status = convert(node, &strings);
    for (int32_t i = 0; i < node->body_count; i++)
        pum_graph_destroy(&node->bodies[i]);
    onnx_free(memory, node->inputs);
    onnx_free(memory, node->attrs);
    onnx_free(memory, (void *)room);
    return status;
}

pum_status onnx_add_node(struct onnx_reader *reader, int32_t index)
{
    const Onnx__NodeProto *proto = reader->scope->nodes[index];
    const struct onnx_function *function = onnx_find_function(reader, proto);
    char label[80];
    struct onnx_node node = {
        .reader = reader,
        .proto = proto,
        .op = onnx_find_op(proto->domain, proto->op_type),
        .name = node_label(proto, label, sizeof(label), index),
        .index = index,
    };

    ONNX_TRY(check_size(reader, proto, node.name));
    if (function != NULL)
        return onnx_call_function(reader, proto, function, node.name);
    if (node.op == NULL)
        return onnx_fail(reader, PUM_E_INTERNAL, "node '%.200s' was not checked", node.name);
    return add_node(&node);
}

pum_status onnx_repeat_constant(struct onnx_reader *reader, const Onnx__NodeProto *proto,
                                pum_value *out_value)
{
    struct onnx_node node = {
        .reader = reader,
        .proto = proto,
        .op = onnx_find_op(proto->domain, proto->op_type),
        .name = text_or_empty(proto->name),
        .index = -1,
        .result = out_value,
    };

    *out_value = PUM_NO_VALUE;
    return add_node(&node);
}
