/* SPDX-License-Identifier: MIT
 *
 * kernel_table.h - the parts of the build's kernel-table tool: front matter (what a shader
 * declares), SPIR-V (what was compiled) and the writer. The tool runs on the machine that builds;
 * it prints every mistake as FILE:LINE: error: TEXT and writes nothing if there was one.
 */
#ifndef PUM_TOOLS_KERNEL_TABLE_H
#define PUM_TOOLS_KERNEL_TABLE_H

#include "ops/kernel.h"

#include "push_chain.h"

#define FRONT_MAX_KERNELS 64
#define FRONT_MAX_CONDITIONS 16
#define FRONT_MAX_MACROS 16
#define FRONT_MAX_MOSTS 4
#define FRONT_NAME_BYTES 96
#define FRONT_MAX_VALUES 8
#define FRONT_CHAIN_BINDINGS CHAIN_MAX_OPERANDS

/* --- What a shader declares (kernel_table_front.c) --- */

enum front_use { FRONT_READ, FRONT_WRITE, FRONT_READWRITE };

struct front_binding {
    char name[FRONT_NAME_BYTES];
    enum front_use use;
    int line;
};

struct front_spec {
    char name[FRONT_NAME_BYTES];
    uint32_t id, values[FRONT_MAX_VALUES], value_count;
    int line;
    bool used; /* some module of the file has it; set by check_kernel */
};

struct front_condition {
    char key[FRONT_NAME_BYTES];
    enum kernel_compare compare;
    int64_t value;
};

/* The greatest value of a spec in one row; greater ones are left out of its list. */
struct front_most {
    char name[FRONT_NAME_BYTES];
    uint32_t value;
};

struct front_kernel {
    char name[FRONT_NAME_BYTES];
    int line;
    enum kernel_store store;
    uint32_t needs;
    struct front_condition conditions[FRONT_MAX_CONDITIONS];
    uint32_t condition_count;
    char macros[FRONT_MAX_MACROS][FRONT_NAME_BYTES];
    uint32_t macro_count;
    struct front_most mosts[FRONT_MAX_MOSTS];
    uint32_t most_count;
    size_t module; /* index of its SPIR-V, set by the driver */
    uint32_t push_bytes;
};

/* One .comp file. The chain's bindings and specs are appended at the end of reading. */
struct front {
    char path[512]; /* "shaders/matmul/matmul_direct.comp" */
    char stem[512]; /* "matmul/matmul_direct" */
    char family[FRONT_NAME_BYTES];
    char push[FRONT_NAME_BYTES]; /* "" for none */
    char push_header[256];       /* the header of shaders/push/ that declares it */
    int push_line, family_line, chain_line;
    bool chain;
    struct front_binding bindings[KERNEL_MAX_BINDINGS];
    uint32_t binding_count;
    struct front_spec specs[KERNEL_MAX_SPECS];
    uint32_t spec_count;
    struct front_kernel kernels[FRONT_MAX_KERNELS];
    uint32_t kernel_count;
};

/* Reads `name` (relative to ROOT/shaders); mistakes are reported. */
void front_read(const char *root, const char *name, struct front *out_front);

/* --- What was compiled (kernel_table_spirv.c) --- */

#define SPIRV_MAX_SPECS 64
#define SPIRV_MAX_CAPABILITIES 64
#define SPIRV_MAX_BINDINGS 64

struct spirv_info {
    struct {
        bool present, readable, writable;
    } bindings[SPIRV_MAX_BINDINGS]; /* by number, descriptor set 0 */
    uint32_t push_bytes;            /* 0: no push constants */
    bool push_ends_in_chain;        /* the last member is laid out as struct push_chain */
    struct {
        uint32_t id, value;
    } specs[SPIRV_MAX_SPECS];
    uint32_t spec_count;
    uint32_t capabilities[SPIRV_MAX_CAPABILITIES];
    uint32_t capability_count;
    /* Each axis of the workgroup: the constant_id that sets it, or -1 and its fixed size. */
    int32_t workgroup_spec[3];
    uint32_t workgroup_size[3];
};

/* Fills *out_info; false with the reason in `why` when the words are no module that the table can
 * describe. */
bool spirv_read(const uint32_t *words, size_t word_count, struct spirv_info *out_info,
                char *why, size_t why_bytes);

/* Reports every difference between a kernel's declaration and its module
 * (kernel_table_check.c). */
void check_kernel(struct front *front, const struct front_kernel *kernel,
                  const struct spirv_info *info);
/* After all kernels of a file: a spec may be absent from some modules (giving it a value there is
 * harmless), not from all. */
void check_specs_used(const struct front *front);

/* --- The table (kernel_table_write.c) --- */

struct module {
    uint32_t *words;
    size_t word_count;
};

struct table {
    struct front *fronts;
    size_t front_count;
    struct module *modules;
    size_t module_count;
};

/* Writes C source to `path`; false after a message. */
bool table_write(const struct table *table, const char *path);

/* --- Shared (kernel_table.c) --- */

/* Prints FILE:LINE: error: TEXT and counts. line 0: the file as a whole. */
void report_error(const char *file, int line, const char *format, ...) PUM_PRINTF(3, 4);
int reported_errors(void);

#endif
