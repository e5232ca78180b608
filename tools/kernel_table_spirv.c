/* SPDX-License-Identifier: MIT
 *
 * kernel_table_spirv.c - what a compiled shader shows to the outside: bindings of set 0 and how
 * they are used, the size of the push constants, specialization constants with their defaults,
 * workgroup size, capabilities. A reader of just these parts of SPIR-V, by its specification;
 * instructions are looked up by walking the module, which is short.
 */
#include "kernel_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    OP_EXECUTION_MODE = 16,
    OP_CAPABILITY = 17,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_VECTOR = 23,
    OP_TYPE_MATRIX = 24,
    OP_TYPE_ARRAY = 28,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT = 43,
    OP_CONSTANT_COMPOSITE = 44,
    OP_SPEC_CONSTANT_TRUE = 48,
    OP_SPEC_CONSTANT_FALSE = 49,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_MEMBER_DECORATE = 72,
    OP_EXECUTION_MODE_ID = 331
};

enum {
    DECORATION_SPEC_ID = 1,
    DECORATION_ARRAY_STRIDE = 6,
    DECORATION_MATRIX_STRIDE = 7,
    DECORATION_BUILT_IN = 11,
    DECORATION_NON_WRITABLE = 24,
    DECORATION_NON_READABLE = 25,
    DECORATION_BINDING = 33,
    DECORATION_DESCRIPTOR_SET = 34,
    DECORATION_OFFSET = 35
};

enum { STORAGE_UNIFORM = 2, STORAGE_PUSH_CONSTANT = 9, STORAGE_STORAGE_BUFFER = 12 };
enum { MODE_LOCAL_SIZE = 17, MODE_LOCAL_SIZE_ID = 38, BUILT_IN_WORKGROUP_SIZE = 25 };

#define SPIRV_MAGIC 0x07230203u
#define HEADER_WORDS 5
#define MAX_DEPTH 8

struct spirv {
    const uint32_t *words;
    size_t count;
    struct spirv_info *info;
    char *why;
    size_t why_bytes;
};

/* An instruction: its words (the first is opcode and length) and how many they are. */
struct instruction {
    const uint32_t *words;
    uint32_t op, count;
};

static bool refuse(const struct spirv *spirv, const char *format, ...) PUM_PRINTF(2, 3);

static bool refuse(const struct spirv *spirv, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(spirv->why, spirv->why_bytes, format, args);
    va_end(args);
    return false;
}

/* Steps through the module; *at begins at 0. spirv_read has checked the lengths. */
static bool next_instruction(const struct spirv *spirv, size_t *at, struct instruction *out)
{
    if (*at == 0)
        *at = HEADER_WORDS;
    if (*at >= spirv->count)
        return false;
    out->words = spirv->words + *at;
    out->op = out->words[0] & 0xffffu;
    out->count = out->words[0] >> 16;
    *at += out->count;
    return true;
}

/* Where an instruction that defines something names its result. */
static uint32_t result_word(uint32_t op)
{
    switch (op) {
    case OP_TYPE_INT: case OP_TYPE_FLOAT: case OP_TYPE_VECTOR: case OP_TYPE_MATRIX:
    case OP_TYPE_ARRAY: case OP_TYPE_STRUCT: case OP_TYPE_POINTER:
        return 1;
    case OP_CONSTANT: case OP_CONSTANT_COMPOSITE: case OP_SPEC_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_FALSE: case OP_SPEC_CONSTANT: case OP_SPEC_CONSTANT_COMPOSITE:
    case OP_VARIABLE:
        return 2;
    default:
        return 0;
    }
}

/* Least number of words of what is read, so that operands can be taken blindly. */
static uint32_t least_words(uint32_t op)
{
    switch (op) {
    case OP_CAPABILITY: case OP_TYPE_STRUCT:
        return 2;
    case OP_TYPE_FLOAT: case OP_DECORATE: case OP_EXECUTION_MODE: case OP_EXECUTION_MODE_ID:
    case OP_CONSTANT_COMPOSITE: case OP_SPEC_CONSTANT_COMPOSITE: case OP_SPEC_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_FALSE:
        return 3;
    case OP_TYPE_INT: case OP_TYPE_VECTOR: case OP_TYPE_MATRIX: case OP_TYPE_ARRAY:
    case OP_TYPE_POINTER: case OP_CONSTANT: case OP_SPEC_CONSTANT: case OP_VARIABLE:
    case OP_MEMBER_DECORATE:
        return 4;
    default:
        return 1;
    }
}

static bool find_definition(const struct spirv *spirv, uint32_t id, struct instruction *out)
{
    size_t at = 0;
    while (next_instruction(spirv, &at, out)) {
        uint32_t word = result_word(out->op);
        if (word && out->words[word] == id)
            return true;
    }
    return false;
}

/* The decoration of an id (member < 0) or a struct's member; *out_value is its literal, if any. */
static bool find_decoration(const struct spirv *spirv, uint32_t id, int64_t member,
                            uint32_t decoration, uint32_t *out_value)
{
    size_t at = 0;
    struct instruction instruction;
    while (next_instruction(spirv, &at, &instruction)) {
        const uint32_t *words = instruction.words;
        uint32_t literal;
        if (member < 0) {
            if (instruction.op != OP_DECORATE || words[1] != id || words[2] != decoration)
                continue;
            literal = 3;
        } else {
            if (instruction.op != OP_MEMBER_DECORATE || words[1] != id || words[2] != member ||
                words[3] != decoration)
                continue;
            literal = 4;
        }
        *out_value = instruction.count > literal ? words[literal] : 0;
        return true;
    }
    return false;
}

static bool is_decorated(const struct spirv *spirv, uint32_t id, int64_t member,
                         uint32_t decoration)
{
    uint32_t ignored;
    return find_decoration(spirv, id, member, decoration, &ignored);
}

static bool constant_value(const struct spirv *spirv, uint32_t id, uint32_t *out_value)
{
    struct instruction definition;
    if (!find_definition(spirv, id, &definition) ||
        (definition.op != OP_CONSTANT && definition.op != OP_SPEC_CONSTANT))
        return false;
    *out_value = definition.words[3];
    return true;
}

/* Bytes that a type takes in a block; false for what has no fixed size. */
static bool type_bytes(const struct spirv *spirv, uint32_t id, int depth, uint32_t *out_bytes)
{
    struct instruction type;
    uint32_t part, stride, count;
    if (depth > MAX_DEPTH || !find_definition(spirv, id, &type))
        return false;
    switch (type.op) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
        *out_bytes = type.words[2] / 8;
        return true;
    case OP_TYPE_VECTOR:
        if (!type_bytes(spirv, type.words[2], depth + 1, &part))
            return false;
        *out_bytes = part * type.words[3];
        return true;
    case OP_TYPE_ARRAY:
        if (!constant_value(spirv, type.words[3], &count) ||
            !find_decoration(spirv, id, -1, DECORATION_ARRAY_STRIDE, &stride))
            return false;
        *out_bytes = count * stride;
        return true;
    case OP_TYPE_STRUCT:
        *out_bytes = 0;
        for (uint32_t i = 0; i + 2 < type.count; i++) {
            uint32_t offset;
            if (!find_decoration(spirv, id, i, DECORATION_OFFSET, &offset) ||
                !type_bytes(spirv, type.words[2 + i], depth + 1, &part))
                return false;
            if (offset + part > *out_bytes)
                *out_bytes = offset + part;
        }
        return true;
    default:
        return false;
    }
}

/* Whether a struct's last member is a struct with the offsets of push_chain's three arrays. */
static bool ends_in_chain(const struct spirv *spirv, uint32_t struct_id, uint32_t bytes)
{
    static const uint32_t offsets[] = {offsetof(struct push_chain, params),
                                       offsetof(struct push_chain, operand_div),
                                       offsetof(struct push_chain, operand_mod)};
    struct instruction outer, inner;
    uint32_t offset, size;
    if (!find_definition(spirv, struct_id, &outer) || outer.count < 3)
        return false;
    uint32_t last = outer.count - 3;
    uint32_t type = outer.words[2 + last];
    if (!find_decoration(spirv, struct_id, last, DECORATION_OFFSET, &offset) ||
        !find_definition(spirv, type, &inner) || inner.op != OP_TYPE_STRUCT ||
        !type_bytes(spirv, type, 0, &size))
        return false;
    if (size != sizeof(struct push_chain) || offset + size != bytes ||
        inner.count != 2 + PUM_COUNT_OF(offsets))
        return false;
    for (uint32_t i = 0; i < PUM_COUNT_OF(offsets); i++) {
        if (!find_decoration(spirv, type, i, DECORATION_OFFSET, &offset) || offset != offsets[i])
            return false;
    }
    return true;
}

static bool read_push(const struct spirv *spirv, uint32_t type)
{
    struct spirv_info *info = spirv->info;
    if (info->push_bytes)
        return refuse(spirv, "two push-constant blocks");
    if (!type_bytes(spirv, type, 0, &info->push_bytes))
        return refuse(spirv, "a push-constant block of a type whose size is not known");
    info->push_ends_in_chain = ends_in_chain(spirv, type, info->push_bytes);
    return true;
}

/* A block is read-only when it, or each of its members, is. */
static bool block_has(const struct spirv *spirv, uint32_t variable, uint32_t type,
                      uint32_t decoration)
{
    struct instruction definition;
    if (is_decorated(spirv, variable, -1, decoration))
        return true;
    if (!find_definition(spirv, type, &definition) || definition.count < 3)
        return false;
    for (uint32_t i = 0; i + 2 < definition.count; i++) {
        if (!is_decorated(spirv, type, i, decoration))
            return false;
    }
    return true;
}

/* Two variables may show one binding under two types; it is written if either is. */
static bool read_buffer(const struct spirv *spirv, uint32_t variable, uint32_t type)
{
    struct instruction definition;
    uint32_t set, binding;
    if (!find_definition(spirv, type, &definition) || definition.op != OP_TYPE_STRUCT)
        return refuse(spirv, "a binding that is no buffer block");
    if (!find_decoration(spirv, variable, -1, DECORATION_DESCRIPTOR_SET, &set) || set != 0)
        return refuse(spirv, "a binding outside descriptor set 0");
    if (!find_decoration(spirv, variable, -1, DECORATION_BINDING, &binding) ||
        binding >= SPIRV_MAX_BINDINGS)
        return refuse(spirv, "a buffer without a binding below %d", SPIRV_MAX_BINDINGS);
    struct spirv_info *info = spirv->info;
    info->bindings[binding].present = true;
    if (!block_has(spirv, variable, type, DECORATION_NON_WRITABLE))
        info->bindings[binding].writable = true;
    if (!block_has(spirv, variable, type, DECORATION_NON_READABLE))
        info->bindings[binding].readable = true;
    return true;
}

static bool read_variable(const struct spirv *spirv, const struct instruction *variable)
{
    struct instruction pointer;
    uint32_t storage = variable->words[3];
    if (!find_definition(spirv, variable->words[1], &pointer) || pointer.op != OP_TYPE_POINTER)
        return refuse(spirv, "a variable whose type is no pointer");
    switch (storage) {
    case STORAGE_PUSH_CONSTANT:
        return read_push(spirv, pointer.words[3]);
    case STORAGE_STORAGE_BUFFER:
        return read_buffer(spirv, variable->words[2], pointer.words[3]);
    case STORAGE_UNIFORM:
        return refuse(spirv, "a uniform buffer; kernels use storage buffers only");
    default:
        return true;
    }
}

static bool read_spec(const struct spirv *spirv, const struct instruction *constant)
{
    struct spirv_info *info = spirv->info;
    uint32_t id;
    if (!find_decoration(spirv, constant->words[2], -1, DECORATION_SPEC_ID, &id))
        return true;
    if (info->spec_count == SPIRV_MAX_SPECS || constant->count > 4)
        return refuse(spirv, "spec %u: more than %d, or wider than 32 bits", id, SPIRV_MAX_SPECS);
    uint32_t value = constant->op == OP_SPEC_CONSTANT ? constant->words[3]
                                                      : constant->op == OP_SPEC_CONSTANT_TRUE;
    info->specs[info->spec_count].id = id;
    info->specs[info->spec_count].value = value;
    info->spec_count++;
    return true;
}

/* An axis of the workgroup is a constant, or a specialization constant with an id. */
static bool read_axis(const struct spirv *spirv, int axis, uint32_t id)
{
    uint32_t spec;
    if (find_decoration(spirv, id, -1, DECORATION_SPEC_ID, &spec))
        spirv->info->workgroup_spec[axis] = (int32_t)spec;
    if (!constant_value(spirv, id, &spirv->info->workgroup_size[axis]))
        return refuse(spirv, "the workgroup size is no constant");
    return true;
}

static bool read_workgroup(const struct spirv *spirv, const struct instruction *instruction)
{
    const uint32_t *words = instruction->words;
    uint32_t built_in;
    bool ids = false;
    if (instruction->op == OP_EXECUTION_MODE && words[2] == MODE_LOCAL_SIZE) {
        if (instruction->count < 6)
            return refuse(spirv, "a workgroup of less than three sizes");
        for (int axis = 0; axis < 3; axis++) {
            if (spirv->info->workgroup_size[axis] == 0)
                spirv->info->workgroup_size[axis] = words[3 + axis];
        }
    } else if (instruction->op == OP_EXECUTION_MODE_ID && words[2] == MODE_LOCAL_SIZE_ID) {
        ids = true;
    } else if (instruction->op == OP_CONSTANT_COMPOSITE ||
               instruction->op == OP_SPEC_CONSTANT_COMPOSITE) {
        ids = find_decoration(spirv, words[2], -1, DECORATION_BUILT_IN, &built_in) &&
              built_in == BUILT_IN_WORKGROUP_SIZE;
    }
    if (!ids)
        return true;
    if (instruction->count < 6)
        return refuse(spirv, "a workgroup of less than three sizes");
    for (int axis = 0; axis < 3; axis++) {
        if (!read_axis(spirv, axis, words[3 + axis]))
            return false;
    }
    return true;
}

static bool read_instruction(const struct spirv *spirv, const struct instruction *instruction)
{
    struct spirv_info *info = spirv->info;
    switch (instruction->op) {
    case OP_CAPABILITY:
        if (info->capability_count == SPIRV_MAX_CAPABILITIES)
            return refuse(spirv, "more than %d capabilities", SPIRV_MAX_CAPABILITIES);
        info->capabilities[info->capability_count++] = instruction->words[1];
        return true;
    case OP_VARIABLE:
        return read_variable(spirv, instruction);
    case OP_SPEC_CONSTANT:
    case OP_SPEC_CONSTANT_TRUE:
    case OP_SPEC_CONSTANT_FALSE:
        return read_spec(spirv, instruction);
    case OP_EXECUTION_MODE:
    case OP_EXECUTION_MODE_ID:
    case OP_CONSTANT_COMPOSITE:
    case OP_SPEC_CONSTANT_COMPOSITE:
        return read_workgroup(spirv, instruction);
    default:
        return true;
    }
}

bool spirv_read(const uint32_t *words, size_t word_count, struct spirv_info *out_info, char *why,
                size_t why_bytes)
{
    *out_info = (struct spirv_info){.workgroup_spec = {-1, -1, -1}};
    const struct spirv spirv = {words, word_count, out_info, why, why_bytes};
    if (word_count < HEADER_WORDS || words[0] != SPIRV_MAGIC)
        return refuse(&spirv, "no SPIR-V module of this machine's byte order");
    for (size_t at = HEADER_WORDS; at < word_count; at += words[at] >> 16) {
        uint32_t count = words[at] >> 16;
        if (count < least_words(words[at] & 0xffffu) || count > word_count - at)
            return refuse(&spirv, "a damaged SPIR-V module (word %zu)", at);
    }
    size_t at = 0;
    struct instruction instruction;
    while (next_instruction(&spirv, &at, &instruction)) {
        if (!read_instruction(&spirv, &instruction))
            return false;
    }
    return true;
}
