/* SPDX-License-Identifier: MIT
 *
 * specialize.c - dead branches out of SPIR-V (see specialize.h). Three walks over the words: values
 * of integer and boolean expressions of constants; control flow, with decided branches replaced;
 * writing without dead blocks. A decided switch keeps its merge instruction and its default alone,
 * since blocks within may leave it from anywhere; a decided selection becomes a plain branch, since
 * only its own arms meet at its merge. So the structure rules of SPIR-V hold as before. Tests:
 * tests/gpu/test_specialize.c.
 */
#include "gpu/specialize.h"

#include <string.h>

/* The opcodes that matter here (SPIR-V specification 1.6, section 3.42). */
enum {
    OP_NAME = 5,
    OP_MEMBER_NAME = 6,
    OP_TYPE_INT = 21,
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT_FALSE = 42,
    OP_CONSTANT = 43,
    OP_SPEC_CONSTANT_TRUE = 48,
    OP_SPEC_CONSTANT_FALSE = 49,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_OP = 52,
    OP_FUNCTION = 54,
    OP_FUNCTION_END = 56,
    OP_STORE = 62,
    OP_COPY_MEMORY = 63,
    OP_DECORATE = 71,
    OP_CONTROL_BARRIER = 224,
    OP_MEMORY_BARRIER = 225,
    OP_ATOMIC_STORE = 228,
    OP_PHI = 245,
    OP_LOOP_MERGE = 246,
    OP_SELECTION_MERGE = 247,
    OP_LABEL = 248,
    OP_BRANCH = 249,
    OP_BRANCH_CONDITIONAL = 250,
    OP_SWITCH = 251,
    OP_UNREACHABLE = 255,
    DECORATION_SPEC_ID = 1
};

struct id_info {
    bool known;         /* value is that of a 32-bit integer or bool constant expression */
    bool live;          /* label: reached */
    bool kept;          /* label: nothing reaches it, but a live merge instruction names it */
    bool removed;       /* defined in a dead block */
    uint32_t value;
    uint32_t spec_id;   /* plus one; 0: none */
    uint32_t block;     /* label: word offset of its OpLabel */
    uint32_t end;       /* label: word offset of its terminator */
    uint32_t decided;   /* label: the target of its decided branch, else 0 */
};

struct module {
    const uint32_t *code;
    size_t words;
    struct id_info *ids;
    uint32_t bound;
    bool strange;
};

static uint32_t opcode_at(const struct module *m, size_t at)
{
    return m->code[at] & 0xffff;
}

static uint32_t length_at(const struct module *m, size_t at)
{
    return m->code[at] >> 16;
}

/* Whether the instructions fill the module exactly. */
static bool is_well_formed(const struct module *m)
{
    if (m->words < 5 || m->code[0] != 0x07230203 || m->bound == 0 || m->bound > 1u << 20)
        return false;
    for (size_t at = 5; at < m->words; at += length_at(m, at)) {
        if (length_at(m, at) == 0 || length_at(m, at) > m->words - at)
            return false;
    }
    return true;
}

static struct id_info *info_of(struct module *m, uint32_t id)
{
    if (id >= m->bound) {
        m->strange = true;
        id = 0;
    }
    return &m->ids[id];
}

/* --- Values of constant expressions --- */

/* The result of a two-operand operation on 32-bit integers or bools; false when not known here. */
static bool fold_binary(uint32_t opcode, uint32_t a, uint32_t b, uint32_t *out)
{
    int32_t sa = (int32_t)a, sb = (int32_t)b;
    switch (opcode) {
    case 128: *out = a + b; return true;
    case 130: *out = a - b; return true;
    case 132: *out = a * b; return true;
    case 134: *out = b ? a / b : 0; return b != 0;
    case 137: *out = b ? a % b : 0; return b != 0;
    case 164: *out = (a != 0) == (b != 0); return true;
    case 165: *out = (a != 0) != (b != 0); return true;
    case 166: *out = a || b; return true;
    case 167: *out = a && b; return true;
    case 170: *out = a == b; return true;
    case 171: *out = a != b; return true;
    case 172: *out = a > b; return true;
    case 173: *out = sa > sb; return true;
    case 174: *out = a >= b; return true;
    case 175: *out = sa >= sb; return true;
    case 176: *out = a < b; return true;
    case 177: *out = sa < sb; return true;
    case 178: *out = a <= b; return true;
    case 179: *out = sa <= sb; return true;
    case 194: *out = b < 32 ? a >> b : 0; return b < 32;
    case 196: *out = b < 32 ? a << b : 0; return b < 32;
    case 197: *out = a | b; return true;
    case 198: *out = a ^ b; return true;
    case 199: *out = a & b; return true;
    default: return false;
    }
}

/* An instruction `opcode result operands...` whose operands begin at word `from`. */
static void fold(struct module *m, uint32_t opcode, uint32_t result, size_t from, uint32_t count)
{
    struct id_info *r = info_of(m, result);
    if (count == 2) {
        const struct id_info *a = info_of(m, m->code[from]), *b = info_of(m, m->code[from + 1]);
        r->known = a->known && b->known && fold_binary(opcode, a->value, b->value, &r->value);
    } else if (count == 1 && opcode == 168) { /* OpLogicalNot */
        const struct id_info *a = info_of(m, m->code[from]);
        r->known = a->known;
        r->value = !a->value;
    } else if (count == 3 && opcode == 169) { /* OpSelect */
        const struct id_info *c = info_of(m, m->code[from]);
        const struct id_info *chosen = info_of(m, m->code[from + (c->value ? 1 : 2)]);
        r->known = c->known && chosen->known;
        r->value = chosen->value;
    }
}

static uint32_t given(const struct id_info *info, uint32_t otherwise, const uint32_t *spec_ids,
                      const uint32_t *spec_values, uint32_t spec_count)
{
    for (uint32_t i = 0; i < spec_count && info->spec_id; i++) {
        if (spec_ids[i] + 1 == info->spec_id)
            return spec_values[i];
    }
    return otherwise;
}

/* Opcodes whose values fold() knows, all of the form: type, result, operands. */
static bool is_foldable(uint32_t opcode)
{
    return opcode >= 128 && opcode <= 199;
}

static void find_values(struct module *m, const uint32_t *spec_ids, const uint32_t *spec_values,
                        uint32_t spec_count)
{
    for (size_t at = 5; at < m->words; at += length_at(m, at)) {
        const uint32_t *w = m->code + at;
        uint32_t opcode = opcode_at(m, at), length = length_at(m, at);
        if (opcode == OP_DECORATE && length == 4 && w[2] == DECORATION_SPEC_ID) {
            info_of(m, w[1])->spec_id = w[3] + 1;
        } else if (opcode == OP_TYPE_INT && length == 4 && w[2] == 32) {
            info_of(m, w[1])->block = UINT32_MAX; /* marks a 32-bit integer type */
        } else if ((opcode == OP_CONSTANT || opcode == OP_SPEC_CONSTANT) && length == 4 &&
                   info_of(m, w[1])->block == UINT32_MAX) {
            struct id_info *info = info_of(m, w[2]);
            info->known = true;
            info->value = opcode == OP_CONSTANT
                              ? w[3]
                              : given(info, w[3], spec_ids, spec_values, spec_count);
        } else if ((opcode >= OP_SPEC_CONSTANT_TRUE && opcode <= OP_SPEC_CONSTANT_FALSE) ||
                   opcode == OP_CONSTANT_TRUE || opcode == OP_CONSTANT_FALSE) {
            struct id_info *info = info_of(m, w[2]);
            bool value = opcode == OP_CONSTANT_TRUE || opcode == OP_SPEC_CONSTANT_TRUE;
            info->known = true;
            info->value = given(info, value, spec_ids, spec_values, spec_count) != 0;
        } else if (opcode == OP_SPEC_CONSTANT_OP && length > 4) {
            fold(m, w[3], w[2], at + 4, length - 4);
        } else if (is_foldable(opcode) && length > 3) {
            fold(m, opcode, w[2], at + 3, length - 3);
        }
    }
}

/* --- Control flow --- */

/* The target of a switch for a selector's value. */
static uint32_t switch_target(const uint32_t *w, uint32_t length, uint32_t value)
{
    for (uint32_t i = 3; i + 1 < length; i += 2) {
        if (w[i] == value)
            return w[i + 1];
    }
    return w[2];
}

/* Finds blocks and decides their branches. A conditional branch is decided only behind a selection
 * merge: without one it leaves a loop or a switch, and the structure rests on it. */
static void find_blocks(struct module *m)
{
    uint32_t label = 0;
    bool selection = false;
    for (size_t at = 5; at < m->words && !m->strange; at += length_at(m, at)) {
        const uint32_t *w = m->code + at;
        uint32_t opcode = opcode_at(m, at), length = length_at(m, at);
        if (opcode == OP_LABEL) {
            label = w[1];
            selection = false;
            info_of(m, label)->block = (uint32_t)at;
            info_of(m, label)->decided = 0;
        } else if (opcode == OP_SELECTION_MERGE) {
            selection = true;
        } else if (opcode >= OP_BRANCH && opcode <= OP_UNREACHABLE) {
            struct id_info *block = info_of(m, label);
            block->end = (uint32_t)at;
            const struct id_info *on = length > 1 ? info_of(m, w[1]) : NULL;
            if (opcode == OP_SWITCH && selection && on->known)
                block->decided = switch_target(w, length, on->value);
            else if (opcode == OP_BRANCH_CONDITIONAL && selection && on->known)
                block->decided = on->value ? w[2] : w[3];
        }
    }
}

/* Calls visit for each label that the block can go to. */
static void each_target(struct module *m, uint32_t label,
                        void (*visit)(struct module *m, uint32_t target, void *user), void *user)
{
    const struct id_info *block = info_of(m, label);
    const uint32_t *w = m->code + block->end;
    uint32_t length = length_at(m, block->end);
    switch (opcode_at(m, block->end)) {
    case OP_BRANCH:
        visit(m, w[1], user);
        break;
    case OP_BRANCH_CONDITIONAL:
    case OP_SWITCH:
        if (block->decided) {
            visit(m, block->decided, user);
            break;
        }
        visit(m, w[2], user);
        if (opcode_at(m, block->end) == OP_BRANCH_CONDITIONAL)
            visit(m, w[3], user);
        else
            for (uint32_t i = 4; i < length; i += 2)
                visit(m, w[i], user);
        break;
    default:
        break;
    }
}

struct label_stack {
    uint32_t *labels;
    uint32_t count, capacity;
};

static void push_label(struct module *m, uint32_t target, void *user)
{
    struct label_stack *stack = user;
    struct id_info *info = info_of(m, target);
    if (info->live || m->strange)
        return;
    info->live = true;
    if (stack->count == stack->capacity)
        m->strange = true;
    else
        stack->labels[stack->count++] = target;
}

/* Marks what is reached from each function's first block. */
static pum_status find_live(pum_context *context, struct module *m)
{
    struct label_stack stack = {.capacity = m->bound};
    stack.labels = pum_alloc(context, m->bound, sizeof *stack.labels);
    if (!stack.labels)
        return PUM_E_MEMORY;
    bool first = false;
    for (size_t at = 5; at < m->words; at += length_at(m, at)) {
        if (opcode_at(m, at) == OP_FUNCTION)
            first = true;
        if (opcode_at(m, at) == OP_LABEL && first) {
            first = false;
            push_label(m, m->code[at + 1], &stack);
        }
    }
    while (stack.count > 0 && !m->strange)
        each_target(m, stack.labels[--stack.count], push_label, &stack);
    pum_free(context, stack.labels);
    return PUM_OK;
}

/* Whether the block ends in a decided selection, which loses its merge. */
static bool is_plain(struct module *m, uint32_t label)
{
    const struct id_info *block = info_of(m, label);
    return block->decided && opcode_at(m, block->end) == OP_BRANCH_CONDITIONAL;
}

/* Dead blocks that live merge instructions name are kept, empty. A dead continue block of a live
 * loop would need a branch back: such modules are left alone. */
static void find_kept(struct module *m)
{
    uint32_t label = 0;
    for (size_t at = 5; at < m->words; at += length_at(m, at)) {
        uint32_t opcode = opcode_at(m, at);
        if (opcode == OP_LABEL)
            label = m->code[at + 1];
        if ((opcode != OP_SELECTION_MERGE && opcode != OP_LOOP_MERGE) ||
            !info_of(m, label)->live || is_plain(m, label))
            continue;
        struct id_info *merge = info_of(m, m->code[at + 1]);
        merge->kept = !merge->live;
        if (opcode == OP_LOOP_MERGE && !info_of(m, m->code[at + 2])->live)
            m->strange = true;
    }
}

/* --- Writing --- */

struct edge {
    uint32_t to;
    bool found;
};

static void match_target(struct module *m, uint32_t target, void *user)
{
    struct edge *edge = user;
    (void)m;
    edge->found = edge->found || target == edge->to;
}

static bool has_edge(struct module *m, uint32_t from, uint32_t to)
{
    struct edge edge = {.to = to};
    if (info_of(m, from)->live)
        each_target(m, from, match_target, &edge);
    return edge.found;
}

/* A phi without the blocks that no longer come here. */
static size_t write_phi(struct module *m, const uint32_t *w, uint32_t length, uint32_t label,
                        uint32_t *out)
{
    uint32_t used = 3;
    memcpy(out, w, 3 * sizeof *out);
    for (uint32_t i = 3; i + 1 < length; i += 2) {
        if (!has_edge(m, w[i + 1], label))
            continue;
        out[used++] = w[i];
        out[used++] = w[i + 1];
    }
    out[0] = used << 16 | OP_PHI;
    return used;
}

static size_t write_decided(const uint32_t *w, uint32_t target, uint32_t *out)
{
    if ((w[0] & 0xffff) == OP_BRANCH_CONDITIONAL) {
        out[0] = 2u << 16 | OP_BRANCH;
        out[1] = target;
        return 2;
    }
    out[0] = 3u << 16 | OP_SWITCH;
    out[1] = w[1];
    out[2] = target;
    return 3;
}

/* Whether an instruction within a block has the form: type, result, ... */
static bool has_result(uint32_t opcode)
{
    return opcode != OP_STORE && opcode != OP_COPY_MEMORY && opcode != OP_CONTROL_BARRIER &&
           opcode != OP_MEMORY_BARRIER && opcode != OP_ATOMIC_STORE && opcode != OP_LOOP_MERGE &&
           opcode != OP_SELECTION_MERGE && !(opcode >= OP_BRANCH && opcode <= OP_UNREACHABLE);
}

/* Ids of dead blocks, so that their names and decorations go too. */
static void find_removed(struct module *m)
{
    bool dead = false;
    for (size_t at = 5; at < m->words; at += length_at(m, at)) {
        const uint32_t *w = m->code + at;
        uint32_t opcode = opcode_at(m, at);
        if (opcode == OP_LABEL) {
            dead = !info_of(m, w[1])->live;
            info_of(m, w[1])->removed = dead && !info_of(m, w[1])->kept;
        } else if (opcode == OP_FUNCTION_END) {
            dead = false;
        } else if (dead && length_at(m, at) > 2 && has_result(opcode)) {
            info_of(m, w[2])->removed = true;
        }
    }
}

static bool names_removed(struct module *m, size_t at)
{
    uint32_t opcode = opcode_at(m, at);
    return (opcode == OP_NAME || opcode == OP_MEMBER_NAME || opcode == OP_DECORATE) &&
           info_of(m, m->code[at + 1])->removed;
}

static size_t write_module(struct module *m, uint32_t *out)
{
    size_t used = 5;
    uint32_t label = 0;
    bool dead = false;
    memcpy(out, m->code, 5 * sizeof *out);
    for (size_t at = 5; at < m->words; at += length_at(m, at)) {
        const uint32_t *w = m->code + at;
        uint32_t opcode = opcode_at(m, at), length = length_at(m, at);
        if (opcode == OP_LABEL) {
            label = w[1];
            dead = !info_of(m, label)->live;
            if (dead && info_of(m, label)->kept) {
                out[used++] = w[0];
                out[used++] = w[1];
                out[used++] = 1u << 16 | OP_UNREACHABLE;
            }
        }
        if (opcode == OP_FUNCTION_END) {
            dead = false;
            label = 0;
        }
        if (dead || names_removed(m, at))
            continue;
        if (opcode == OP_SELECTION_MERGE && is_plain(m, label))
            continue;
        if (opcode == OP_PHI) {
            used += write_phi(m, w, length, label, out + used);
        } else if (label && info_of(m, label)->decided && info_of(m, label)->end == at) {
            used += write_decided(w, info_of(m, label)->decided, out + used);
        } else {
            memcpy(out + used, w, length * sizeof *out);
            used += length;
        }
    }
    return used;
}

pum_status gpu_specialize(pum_context *context, const uint32_t *code, size_t words,
                          const uint32_t *spec_ids, const uint32_t *spec_values,
                          uint32_t spec_count, uint32_t *out, size_t *out_words)
{
    struct module m = {.code = code, .words = words, .bound = words > 3 ? code[3] : 0};
    memcpy(out, code, words * sizeof *out);
    *out_words = words;
    if (!is_well_formed(&m))
        return PUM_OK;
    m.ids = pum_alloc(context, m.bound, sizeof *m.ids);
    if (!m.ids)
        return PUM_E_MEMORY;
    find_values(&m, spec_ids, spec_values, spec_count);
    find_blocks(&m);
    pum_status status = m.strange ? PUM_OK : find_live(context, &m);
    if (status == PUM_OK && !m.strange) {
        find_kept(&m);
        find_removed(&m);
    }
    if (status == PUM_OK && !m.strange)
        *out_words = write_module(&m, out);
    pum_free(context, m.ids);
    return status;
}
