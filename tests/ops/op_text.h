/* SPDX-License-Identifier: MIT
 *
 * op_text.h - operators tested from text: inputs and attributes as op_case.h writes them, what is
 * expected as another input. Also runs a lowering on made-up capabilities and keeps its records.
 */
#ifndef PUM_TESTS_OP_TEXT_H
#define PUM_TESTS_OP_TEXT_H

#include "ops/lower.h"
#include "ops/op_case.h"

extern pum_context *op_text_context;

int op_text_setup(void **state);
int op_text_teardown(void **state);

/* Output 0 (or all outputs, separated by spaces) of the reference equals the values; floats to
 * 1e-5. */
void op_text_gives(enum op_kind op, const char *inputs, const char *attrs, const char *expected);

/* The shape rule fails so, with `part` in the message. */
void op_text_fails(enum op_kind op, const char *inputs, const char *attrs, pum_status status,
                   const char *part);

/* The reference fails so (the shape rule does not). */
void op_text_reference_fails(enum op_kind op, const char *inputs, const char *attrs,
                             pum_status status, const char *part);

/* The shape rule without the value of input `unknown`. */
void op_text_needs_data(enum op_kind op, const char *inputs, const char *attrs, int32_t unknown);

#define OP_TEXT_MAX_DISPATCHES 300

#define OP_TEXT_MAX_PACKS 8
#define OP_TEXT_PACK_BYTES 1024

/* A constant that was packed; its value is 300 + its number. */
struct op_text_pack {
    char key[64];
    uint64_t bytes;
    uint8_t data[OP_TEXT_PACK_BYTES]; /* the first of them */
};

struct op_text_lowered {
    pum_status status;
    int32_t count;
    struct lower_dispatch dispatches[OP_TEXT_MAX_DISPATCHES];
    int32_t alias_count, scratch_count;
    uint64_t alias_offset;
    int32_t pack_count;
    struct op_text_pack packs[OP_TEXT_MAX_PACKS];
};

/* A device with everything, made up: 64 KiB groups, 128 MiB bindings, offsets of 64 bytes. */
struct base_caps op_text_caps(uint32_t bits);

/* Values of inputs: number i; of outputs: 100 + i. */
void op_text_lower(enum op_kind op, const char *inputs, const char *attrs,
                   const struct base_caps *caps, struct op_text_lowered *out_lowered);

#endif
