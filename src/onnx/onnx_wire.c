/* SPDX-License-Identifier: MIT
 *
 * onnx_wire.c - from the file's bytes to protobuf-c's structs, in two steps. First a slim copy of
 * the message is made that holds only the fields listed below: raw_data stays in the file and a
 * number takes its place (so weights are never copied by parsing), and what is not needed
 * (documentation, training) is left out. The kept messages nest at most MAX_DEPTH deep, graphs at
 * most ONNX_MAX_GRAPHS, whatever the file says. Then protobuf-c unpacks the copy.
 * Tests: tests/onnx/test_onnx_hostile.c.
 */
#include "onnx_reader.h"

#include <string.h>

/* --- What is kept ----------------------------------------------------------------------------- */

enum message { MODEL, OPSET, GRAPH, NODE, ATTR, TENSOR, SEGMENT, ENTRY, VALUE, TYPE, TENSOR_TYPE,
               LIST_TYPE, SHAPE, DIM, SPARSE, FUNCTION, MESSAGE_COUNT };

enum action {
    DROP = 0,
    KEEP,           /* copied as it is */
    DESCEND,        /* a message: filtered in turn */
    DESCEND_GRAPH,  /* a body: filtered in turn, and counted */
    TAKE_RAW,       /* raw_data: its number in reader->raws takes its place */
    TAKE_DEFAULT    /* of a function's attribute: to reader->defaults */
};

#define MAX_FIELD 25
#define MAX_DEPTH (ONNX_MAX_GRAPHS * 3 + 10)

struct rule {
    uint8_t action;
    uint8_t child; /* DESCEND: the message */
};

/* By message and field number of onnx.proto. */
static const struct rule rules[MESSAGE_COUNT][MAX_FIELD + 1] = {
    [MODEL] = {[7] = {DESCEND, GRAPH}, [8] = {DESCEND, OPSET}, [25] = {DESCEND, FUNCTION}},
    [OPSET] = {[1] = {KEEP, 0}, [2] = {KEEP, 0}},
    [GRAPH] = {[1] = {DESCEND, NODE},
               [5] = {DESCEND, TENSOR},
               [11] = {DESCEND, VALUE},
               [12] = {DESCEND, VALUE},
               [15] = {DESCEND, SPARSE}},
    [NODE] = {[1] = {KEEP, 0},
              [2] = {KEEP, 0},
              [3] = {KEEP, 0},
              [4] = {KEEP, 0},
              [5] = {DESCEND, ATTR},
              [7] = {KEEP, 0}},
    [ATTR] = {[1] = {KEEP, 0},
              [2] = {KEEP, 0},
              [3] = {KEEP, 0},
              [4] = {KEEP, 0},
              [5] = {DESCEND, TENSOR},
              [6] = {DESCEND_GRAPH, GRAPH},
              [7] = {KEEP, 0},
              [8] = {KEEP, 0},
              [9] = {KEEP, 0},
              [22] = {DESCEND, SPARSE},
              [20] = {KEEP, 0},
              [21] = {KEEP, 0}},
    [TENSOR] = {[1] = {KEEP, 0},
                [2] = {KEEP, 0},
                [3] = {DESCEND, SEGMENT},
                [4] = {KEEP, 0},
                [5] = {KEEP, 0},
                [6] = {KEEP, 0},
                [7] = {KEEP, 0},
                [8] = {KEEP, 0},
                [9] = {TAKE_RAW, 0},
                [10] = {KEEP, 0},
                [11] = {KEEP, 0},
                [13] = {DESCEND, ENTRY},
                [14] = {KEEP, 0}},
    [ENTRY] = {[1] = {KEEP, 0}, [2] = {KEEP, 0}},
    [VALUE] = {[1] = {KEEP, 0}, [2] = {DESCEND, TYPE}},
    [TYPE] = {[1] = {DESCEND, TENSOR_TYPE}, [4] = {DESCEND, LIST_TYPE}, [9] = {DESCEND, LIST_TYPE}},
    [LIST_TYPE] = {[1] = {DESCEND, TYPE}}, /* a sequence or an optional */
    [TENSOR_TYPE] = {[1] = {KEEP, 0}, [2] = {DESCEND, SHAPE}},
    [SHAPE] = {[1] = {DESCEND, DIM}},
    [DIM] = {[1] = {KEEP, 0}, [2] = {KEEP, 0}},
    [SPARSE] = {[1] = {DESCEND, TENSOR}, [2] = {DESCEND, TENSOR}, [3] = {KEEP, 0}},
    [FUNCTION] = {[1] = {KEEP, 0},
                  [4] = {KEEP, 0},
                  [5] = {KEEP, 0},
                  [6] = {KEEP, 0},
                  [7] = {DESCEND, NODE},
                  [9] = {DESCEND, OPSET},
                  [10] = {KEEP, 0},
                  [11] = {TAKE_DEFAULT, 0}},
};

/* --- Filtering -------------------------------------------------------------------------------- */

/* The varint in front of a filtered message, whose length is known only afterwards. Padded to this
 * many bytes, which the format allows. */
#define LENGTH_BYTES 5

struct filter {
    struct onnx_reader *reader;
    uint8_t *out;
    size_t size, capacity;
    int graphs;       /* bodies around what is being filtered */
    size_t functions; /* begun so far */
};

static pum_status damaged(struct filter *f, size_t at, const char *what)
{
    return onnx_fail(f->reader, PUM_E_FORMAT, "not an ONNX file, or damaged: %s at byte %zu of %zu",
                     what, at, f->reader->size_bytes);
}

static pum_status out_of_memory(struct onnx_reader *reader)
{
    if (reader->memory.capped)
        return onnx_fail(reader, PUM_E_FORMAT, "the file would need more than %zu bytes of memory "
                         "to parse, too much for its size", reader->memory.limit);
    return onnx_fail(reader, PUM_E_MEMORY, "out of memory");
}

static pum_status append(struct filter *f, const void *bytes, size_t count)
{
    if (count > f->capacity - f->size) {
        size_t capacity = f->capacity + count + (f->capacity / 2) + 4096;
        uint8_t *out = onnx_realloc(&f->reader->memory, f->out, capacity);
        if (out == NULL)
            return out_of_memory(f->reader);
        f->out = out;
        f->capacity = capacity;
    }
    memcpy(f->out + f->size, bytes, count);
    f->size += count;
    return PUM_OK;
}

/* Moves *at behind the varint; false if it does not end before `end` or has more than 64 bits. */
static bool read_varint(const uint8_t *data, size_t end, size_t *at, uint64_t *out_value)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 70 && *at < end; shift += 7) {
        uint8_t byte = data[(*at)++];
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if ((byte & 0x80) == 0) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* A field: its bytes are [start, end), its content [body, end). */
struct field {
    uint64_t number;
    uint32_t wire;
    size_t start, body, end;
};

static pum_status read_field(struct filter *f, size_t at, size_t end, struct field *out_field)
{
    const uint8_t *data = f->reader->data;
    struct field field = {.start = at};
    uint64_t tag, length = 0;

    if (!read_varint(data, end, &at, &tag) || at - field.start > 5 || tag >> 3 == 0)
        return damaged(f, field.start, "no field begins");
    field.number = tag >> 3;
    field.wire = (uint32_t)(tag & 7);
    field.body = at;
    switch (field.wire) {
    case WIRE_VARINT:
        if (!read_varint(data, end, &at, &length))
            return damaged(f, field.body, "a number does not end");
        length = 0;
        break;
    case WIRE_64:
        length = 8;
        break;
    case WIRE_32:
        length = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(data, end, &at, &length))
            return damaged(f, field.body, "a length does not end");
        field.body = at;
        break;
    default:
        return damaged(f, field.start, "a field of unknown kind");
    }
    if (length > end - at)
        return damaged(f, field.start, "a field that is longer than what holds it");
    field.end = at + (size_t)length;
    *out_field = field;
    return PUM_OK;
}

static pum_status append_tag(struct filter *f, const struct field *field)
{
    uint8_t tag[2] = {(uint8_t)((field->number << 3 | field->wire) & 0x7f),
                      (uint8_t)(field->number >> 4)};

    if (field->number < 16)
        return append(f, tag, 1);
    tag[0] |= 0x80; /* numbers with a rule need at most two bytes */
    return append(f, tag, 2);
}

static pum_status take_raw(struct filter *f, const struct field *field)
{
    struct onnx_reader *reader = f->reader;

    if (reader->raw_count == reader->raw_capacity) {
        size_t capacity = reader->raw_capacity * 2 + 64;
        struct onnx_raw *raws =
            onnx_realloc(&reader->memory, reader->raws, capacity * sizeof(*raws));
        if (raws == NULL)
            return out_of_memory(reader);
        reader->raws = raws;
        reader->raw_capacity = capacity;
    }
    uint32_t number = (uint32_t)reader->raw_count; /* a file has fewer: each takes two bytes */
    uint8_t length = sizeof(number);
    reader->raws[reader->raw_count++] = (struct onnx_raw){
        .data = reader->data + field->body,
        .size_bytes = field->end - field->body,
    };
    ONNX_TRY(append_tag(f, field));
    ONNX_TRY(append(f, &length, 1));
    return append(f, &number, sizeof(number));
}

static pum_status filter_message(struct filter *f, enum message message, size_t at, size_t end,
                                 int depth);

static pum_status descend(struct filter *f, const struct field *field, enum message child,
                          int depth)
{
    static const uint8_t padding[LENGTH_BYTES] = {0};

    ONNX_TRY(append_tag(f, field));
    ONNX_TRY(append(f, padding, LENGTH_BYTES));
    size_t begin = f->size;
    ONNX_TRY(filter_message(f, child, field->body, field->end, depth + 1));
    uint64_t length = f->size - begin;
    if (length > INT32_MAX)
        return onnx_fail(f->reader, PUM_E_UNSUPPORTED, "the model without its raw weights is above "
                         "2 GiB; use raw or external data");
    for (int i = 0; i < LENGTH_BYTES; i++) {
        uint8_t more = i < LENGTH_BYTES - 1 ? 0x80 : 0;
        f->out[begin - LENGTH_BYTES + (size_t)i] = (uint8_t)((length & 0x7f) | more);
        length >>= 7;
    }
    return PUM_OK;
}

static void *unpack_alloc(void *user, size_t size_bytes)
{
    return onnx_realloc(user, NULL, size_bytes);
}

static void unpack_free(void *user, void *block)
{
    onnx_free(user, block);
}

static ProtobufCAllocator unpack_allocator(struct onnx_reader *reader)
{
    return (ProtobufCAllocator){
        .alloc = unpack_alloc,
        .free = unpack_free,
        .allocator_data = &reader->memory,
    };
}

static pum_status take_default(struct filter *f, const struct field *field, int depth)
{
    struct onnx_reader *reader = f->reader;
    ProtobufCAllocator allocator = unpack_allocator(reader);
    struct filter one = {.reader = reader, .graphs = f->graphs};

    if (reader->default_count == reader->default_capacity) {
        size_t capacity = reader->default_capacity * 2 + 16;
        struct onnx_default *defaults =
            onnx_realloc(&reader->memory, reader->defaults, capacity * sizeof(*defaults));
        if (defaults == NULL)
            return out_of_memory(reader);
        reader->defaults = defaults;
        reader->default_capacity = capacity;
    }
    pum_status status = filter_message(&one, ATTR, field->body, field->end, depth + 1);
    Onnx__AttributeProto *attr =
        status == PUM_OK ? onnx__attribute_proto__unpack(&allocator, one.size, one.out) : NULL;
    onnx_free(&reader->memory, one.out);
    if (status != PUM_OK)
        return status;
    if (attr == NULL)
        return reader->memory.capped ? out_of_memory(reader)
                                     : damaged(f, field->start, "a field has the wrong type");
    reader->defaults[reader->default_count++] = (struct onnx_default){
        .function = f->functions - 1,
        .attr = attr,
    };
    return PUM_OK;
}

static pum_status descend_graph(struct filter *f, const struct field *field, int depth)
{
    f->reader->has_bodies = true;
    if (f->graphs >= ONNX_MAX_GRAPHS)
        return onnx_fail(f->reader, PUM_E_UNSUPPORTED, "graphs nest more than %d deep in the file",
                         ONNX_MAX_GRAPHS);
    f->graphs++;
    pum_status status = descend(f, field, GRAPH, depth);
    f->graphs--;
    return status;
}

static pum_status filter_field(struct filter *f, enum message message, const struct field *field,
                               int depth)
{
    struct rule rule = field->number <= MAX_FIELD ? rules[message][field->number]
                                                  : (struct rule){DROP, 0};
    if (rule.action >= DESCEND && field->wire != WIRE_BYTES)
        return damaged(f, field->start, "a field of the wrong kind");
    switch ((enum action)rule.action) {
    case KEEP:
        return append(f, f->reader->data + field->start, field->end - field->start);
    case DESCEND:
        f->functions += rule.child == FUNCTION;
        return descend(f, field, (enum message)rule.child, depth);
    case DESCEND_GRAPH:
        return descend_graph(f, field, depth);
    case TAKE_RAW:
        return take_raw(f, field);
    case TAKE_DEFAULT:
        return take_default(f, field, depth);
    case DROP:
        break;
    }
    return PUM_OK;
}

static pum_status filter_message(struct filter *f, enum message message, size_t at, size_t end,
                                 int depth)
{
    if (depth > MAX_DEPTH)
        return onnx_fail(f->reader, PUM_E_UNSUPPORTED, "messages nest more than %d deep at byte "
                         "%zu", MAX_DEPTH, at);
    while (at < end) {
        struct field field = {0};
        ONNX_TRY(read_field(f, at, end, &field));
        ONNX_TRY(filter_field(f, message, &field, depth));
        at = field.end;
    }
    return PUM_OK;
}

/* --- Unpacking -------------------------------------------------------------------------------- */

pum_status onnx_parse(struct onnx_reader *reader)
{
    struct filter filter = {.reader = reader};
    ProtobufCAllocator allocator = unpack_allocator(reader);

    if (reader->size_bytes == 0)
        return onnx_fail(reader, PUM_E_FORMAT, "the file is empty");
    pum_status status = filter_message(&filter, MODEL, 0, reader->size_bytes, 0);
    if (status == PUM_OK)
        reader->model = onnx__model_proto__unpack(&allocator, filter.size, filter.out);
    onnx_free(&reader->memory, filter.out);
    if (status != PUM_OK)
        return status;
    if (reader->model == NULL && reader->memory.capped)
        return out_of_memory(reader);
    if (reader->model == NULL)
        return onnx_fail(reader, PUM_E_FORMAT, "not an ONNX file, or damaged: a field has the "
                         "wrong type");
    if (reader->model->graph == NULL)
        return onnx_fail(reader, PUM_E_FORMAT, "not an ONNX file, or damaged: it holds no graph");
    return PUM_OK;
}

void onnx_parse_free(struct onnx_reader *reader)
{
    ProtobufCAllocator allocator = unpack_allocator(reader);

    if (reader->model != NULL)
        onnx__model_proto__free_unpacked(reader->model, &allocator);
    reader->model = NULL;
    for (size_t i = 0; i < reader->default_count; i++)
        onnx__attribute_proto__free_unpacked(reader->defaults[i].attr, &allocator);
    onnx_free(&reader->memory, reader->defaults);
    reader->defaults = NULL;
    onnx_free(&reader->memory, reader->raws);
    reader->raws = NULL;
}
