/* SPDX-License-Identifier: MIT
 *
 * kernel_table_write.c - the generated source: modules as words, then the rows that point at them.
 * Each push header is included and its struct's size held against what the shaders were compiled
 * with, so that C and GLSL cannot drift apart.
 */
#include "kernel_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void write_modules(FILE *out, const struct table *table)
{
    for (size_t i = 0; i < table->module_count; i++) {
        const struct module *module = &table->modules[i];
        fprintf(out, "static const uint32_t module_%zu[%zu] = {", i, module->word_count);
        for (size_t k = 0; k < module->word_count; k++)
            fprintf(out, "%s0x%xu,", k % 12 ? "" : "\n", module->words[k]);
        fprintf(out, "\n};\n\n");
    }
}

/* sizeof the C struct against the bytes that SPIR-V has for it. */
static void write_push_checks(FILE *out, const struct table *table)
{
    for (size_t i = 0; i < table->front_count; i++) {
        const struct front *front = &table->fronts[i];
        if (!front->push_line || !front->kernel_count)
            continue;
        fprintf(out, "#include \"%s\"\n", front->push_header);
        for (uint32_t k = 0; k < front->kernel_count; k++) {
            const struct front_kernel *kernel = &front->kernels[k];
            bool same = k > 0 && kernel->push_bytes == kernel[-1].push_bytes;
            if (!same)
                fprintf(out,
                        "_Static_assert(sizeof(struct %s)%s == %u,\n"
                        "               \"%s:%d: struct %s has another size in C than in "
                        "kernel %s\");\n",
                        front->push, front->chain ? " + sizeof(struct push_chain)" : "",
                        kernel->push_bytes, front->path, front->push_line, front->push,
                        kernel->name);
        }
    }
    fprintf(out, "\n");
}

/* The greatest value that a row allows of a spec. */
static uint32_t most_of(const struct front_kernel *kernel, const struct front_spec *spec)
{
    for (uint32_t i = 0; kernel && i < kernel->most_count; i++)
        if (strcmp(kernel->mosts[i].name, spec->name) == 0)
            return kernel->mosts[i].value;
    return UINT32_MAX;
}

/* kernel NULL: of all rows without limits of their own. */
static void write_spec_list(FILE *out, const struct front *front, const struct front_kernel *kernel)
{
    for (uint32_t i = 0; i < front->spec_count; i++) {
        const struct front_spec *spec = &front->specs[i];
        uint32_t most = most_of(kernel, spec), count = 0;
        fprintf(out, "    {\"%s\", %u, {", spec->name, spec->id);
        for (uint32_t k = 0; k < spec->value_count; k++)
            if (spec->values[k] <= most)
                fprintf(out, "%s%uu", count++ ? ", " : "", spec->values[k]);
        if (count == 0)
            fprintf(out, "%uu", spec->value_count ? 0 : spec->values[0]);
        fprintf(out, "}, %u},\n", count);
    }
    fprintf(out, "};\n");
}

static void write_specs(FILE *out, const struct front *front, size_t index)
{
    if (!front->spec_count || !front->kernel_count)
        return;
    fprintf(out, "static const struct kernel_spec specs_%zu[] = {\n", index);
    write_spec_list(out, front, NULL);
    for (uint32_t i = 0; i < front->kernel_count; i++) {
        if (front->kernels[i].most_count == 0)
            continue;
        fprintf(out, "static const struct kernel_spec specs_%s[] = {\n", front->kernels[i].name);
        write_spec_list(out, front, &front->kernels[i]);
    }
}

static void write_conditions(FILE *out, const struct front_kernel *kernel)
{
    static const char *const compares[] = {
        [KERNEL_LE] = "KERNEL_LE", [KERNEL_GE] = "KERNEL_GE",
        [KERNEL_EQ] = "KERNEL_EQ", [KERNEL_MULTIPLE] = "KERNEL_MULTIPLE",
        [KERNEL_LT] = "KERNEL_LT", [KERNEL_GT] = "KERNEL_GT"};
    if (!kernel->condition_count)
        return;
    fprintf(out, "static const struct kernel_condition conditions_%s[] = {\n", kernel->name);
    for (uint32_t i = 0; i < kernel->condition_count; i++) {
        const struct front_condition *condition = &kernel->conditions[i];
        fprintf(out, "    {\"%s\", %s, INT64_C(%lld)},\n", condition->key,
                compares[condition->compare], (long long)condition->value);
    }
    fprintf(out, "};\n");
}

static void write_row(FILE *out, const struct table *table, const struct front *front,
                      size_t front_index, const struct front_kernel *kernel)
{
    static const char *const stores[] = {[STORE_NONE] = "STORE_NONE", [STORE_F32] = "STORE_F32",
                                         [STORE_F16] = "STORE_F16", [STORE_I32] = "STORE_I32"};
    uint32_t written = 0;
    for (uint32_t i = 0; i < front->binding_count; i++)
        written |= front->bindings[i].use == FRONT_READ ? 0 : 1u << i;
    fprintf(out, "    {\n        .name = \"%s\", .family = \"%s\", .file = \"%s\",\n",
            kernel->name, front->family, front->path);
    fprintf(out, "        .store = %s, .needs = 0x%xu, .chain = %s,\n", stores[kernel->store],
            kernel->needs, front->chain ? "true" : "false");
    fprintf(out, "        .binding_count = %u, .written = 0x%xu, .push_bytes = %u,\n",
            front->binding_count, written, kernel->push_bytes);
    if (kernel->most_count)
        fprintf(out, "        .specs = specs_%s, .spec_count = %u,\n", kernel->name,
                front->spec_count);
    else if (front->spec_count)
        fprintf(out, "        .specs = specs_%zu, .spec_count = %u,\n", front_index,
                front->spec_count);
    if (kernel->condition_count)
        fprintf(out, "        .conditions = conditions_%s, .condition_count = %u,\n", kernel->name,
                kernel->condition_count);
    fprintf(out, "        .code = module_%zu, .code_bytes = %zu,\n    },\n", kernel->module,
            table->modules[kernel->module].word_count * sizeof(uint32_t));
}

static void write_rows(FILE *out, const struct table *table)
{
    size_t rows = 0;
    for (size_t i = 0; i < table->front_count; i++) {
        const struct front *front = &table->fronts[i];
        rows += front->kernel_count;
        write_specs(out, front, i);
        for (uint32_t k = 0; k < front->kernel_count; k++)
            write_conditions(out, &front->kernels[k]);
    }
    /* C has no empty arrays: an empty table has one unused row. */
    fprintf(out, "\nconst struct kernel_row kernel_rows[] = {\n%s", rows ? "" : "    {0},\n");
    for (size_t i = 0; i < table->front_count; i++) {
        for (uint32_t k = 0; k < table->fronts[i].kernel_count; k++)
            write_row(out, table, &table->fronts[i], i, &table->fronts[i].kernels[k]);
    }
    fprintf(out, "};\n\nconst int32_t kernel_row_count = %zu;\n", rows);
}

bool table_write(const struct table *table, const char *path)
{
    FILE *out = fopen(path, "wb");
    if (out) {
        fprintf(out, "/* Generated by tools/kernel_table.c from shaders/kernels.list; do not edit. "
                     "*/\n#include \"ops/kernel.h\"\n#include \"push_chain.h\"\n\n");
        write_push_checks(out, table);
        write_modules(out, table);
        write_rows(out, table);
        bool failed = ferror(out) != 0;
        failed = fclose(out) != 0 || failed;
        if (!failed)
            return true;
        (void)remove(path);
    }
    report_error(path, 0, "cannot be written: %s", strerror(errno));
    return false;
}
