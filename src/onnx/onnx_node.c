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
            const struct onnx_name *entry = onnx_find_name(node->reader, name);
            value = entry != NULL ? entry->value : PUM_NO_VALUE;
            if (value == PUM_NO_VALUE)
                return onnx_fail(node->reader, PUM_E_UNSUPPORTED, "node '%.200s' (%.100s): input "
                                 "'%.200s' is an output that exists in training only, or of "
                                 "another domain", node->name, node->op->name, name);
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

/* The kind letter that the operator's list has for an attribute; 0 if it is not listed. */
static char listed_kind(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *word = list; *word != '\0'; word += strcspn(word, " "), word += *word == ' ') {
        if (strncmp(word, name, length) == 0 && word[length] == ':')
            return word[length + 1];
    }
    return 0;
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
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return 't';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED:
        return attr->has_i              ? 'i'
               : attr->has_f            ? 'f'
               : attr->has_s            ? 's'
               : attr->n_ints > 0       ? 'I'
               : attr->n_floats > 0     ? 'F'
               : attr->t != NULL        ? 't'
                                        : '?';
    default:
        return '?';
    }
}

/* A NUL-terminated copy behind the others; `text` has room for all of them. */
static const char *keep_text(const ProtobufCBinaryData *bytes, char **text)
{
    char *start = *text;

    if (bytes->len > 0)
        memcpy(start, bytes->data, bytes->len);
    start[bytes->len] = '\0';
    *text += bytes->len + 1;
    return start;
}

static pum_status convert_attr(struct onnx_node *node, const Onnx__AttributeProto *from,
                               char **text)
{
    const char *name = text_or_empty(from->name);
    char kind = stored_kind(from);
    char listed = listed_kind(node->op->attrs, name);
    pum_attr to = {.name = name};

    if (listed == 0)
        return onnx_fail(node->reader, PUM_E_UNSUPPORTED, "node '%.200s' (%.100s): attribute "
                         "'%.100s' is not supported", node->name, node->op->name, name);
    if (from->ref_attr_name != NULL && from->ref_attr_name[0] != '\0')
        return onnx_refuse(node, "an attribute refers to a function's attribute");
    /* An empty list leaves no trace but the type. */
    if (kind == '?' && (listed == 'I' || listed == 'F') &&
        from->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        kind = listed;
    if (kind != listed)
        return onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (%.100s): attribute '%.100s' "
                         "has the wrong type", node->name, node->op->name, name);
    if (from->n_ints > INT32_MAX || from->n_floats > INT32_MAX)
        return onnx_refuse(node, "an attribute has too many numbers");
    switch (kind) {
    case 't':
        if (from->t == NULL)
            return onnx_fail(node->reader, PUM_E_FORMAT, "node '%.200s' (%.100s): attribute "
                             "'%.100s' holds no tensor", node->name, node->op->name, name);
        node->tensor = from->t;
        return PUM_OK;
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
        to.s = keep_text(&from->s, text);
        break;
    case 'I':
        to.kind = PUM_ATTR_INTS;
        to.ints = from->ints;
        to.count = (int32_t)from->n_ints;
        break;
    default:
        to.kind = PUM_ATTR_FLOATS;
        to.floats = from->floats;
        to.count = (int32_t)from->n_floats;
        break;
    }
    onnx_give(node, to);
    return PUM_OK;
}

static pum_status read_attrs(struct onnx_node *node, char *text)
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
        ONNX_TRY(convert_attr(node, proto->attribute[i], &text));
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
    if (output >= 0 && (size_t)output < node->proto->n_output) {
        const char *name = text_or_empty(node->proto->output[output]);
        struct onnx_name *entry = name[0] == '\0' ? NULL : onnx_find_name(node->reader, name);
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

static pum_status convert(struct onnx_node *node, char *text)
{
    ONNX_TRY(read_inputs(node));
    ONNX_TRY(read_attrs(node, text));
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
    (void)snprintf(buffer, size, "%.60s_%d", proto->op_type, index);
    return buffer;
}

pum_status onnx_add_node(struct onnx_reader *reader, int32_t index)
{
    const Onnx__NodeProto *proto = reader->model->graph->node[index];
    char label[80];
    size_t text_bytes = 1;
    struct onnx_node node = {
        .reader = reader,
        .proto = proto,
        .op = onnx_find_op(proto->domain, proto->op_type),
        .name = node_label(proto, label, sizeof(label), index),
    };

    if (node.op == NULL)
        return onnx_fail(reader, PUM_E_INTERNAL, "node '%.200s' was not checked", node.name);
    if (proto->n_input > ONNX_MAX_LIST || proto->n_output > ONNX_MAX_LIST ||
        proto->n_attribute > ONNX_MAX_ATTRS)
        return onnx_refuse(&node, "too many inputs, outputs or attributes");
    for (size_t i = 0; i < proto->n_attribute; i++)
        text_bytes += proto->attribute[i]->s.len + 1;
    for (size_t i = 0; i < proto->n_output; i++) {
        if (text_or_empty(proto->output[i])[0] != '\0')
            node.output_count = (int32_t)i + 1;
    }
    node.inputs = onnx_alloc(&reader->memory, proto->n_input + ONNX_SPARE_ATTRS,
                             sizeof(*node.inputs));
    node.attrs = onnx_alloc(&reader->memory, proto->n_attribute + ONNX_SPARE_ATTRS,
                            sizeof(*node.attrs));
    char *text = onnx_alloc(&reader->memory, text_bytes, 1);
    pum_status status = node.inputs == NULL || node.attrs == NULL || text == NULL
                            ? onnx_fail(reader, PUM_E_MEMORY, "out of memory")
                            : convert(&node, text);
    onnx_free(&reader->memory, node.inputs);
    onnx_free(&reader->memory, node.attrs);
    onnx_free(&reader->memory, text);
    return status;
}
