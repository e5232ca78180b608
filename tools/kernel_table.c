/* SPDX-License-Identifier: MIT
 *
 * kernel_table.c - makes the C table of kernels (runtime/ops/kernel.h) out of shaders/kernels.list,
 * the front matter of the shaders it names, and their compiled SPIR-V; fails when these differ.
 *     kernel_table ROOT MODULES OUTPUT.c
 * ROOT holds shaders/; MODULES holds one SPIR-V file for each distinct set of macros of a shader,
 * FAMILY/KERNEL[.MACRO...].spv ('=' of a macro becomes '-'). Tests: tests/tools/.
 */
#include "kernel_table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int error_count;

void report_error(const char *file, int line, const char *format, ...)
{
    va_list args;
    if (line > 0)
        fprintf(stderr, "%s:%d: error: ", file, line);
    else
        fprintf(stderr, "%s: error: ", file);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    error_count++;
}

int reported_errors(void)
{
    return error_count;
}

/* Room for one more; ends the tool when there is no memory. */
static void *grow(void *items, size_t count, size_t item_bytes)
{
    void *grown = realloc(items, (count + 1) * item_bytes);
    if (!grown) {
        fprintf(stderr, "kernel_table: out of memory\n");
        exit(1);
    }
    return grown;
}

static void read_list(const char *root, struct table *table)
{
    char path[1024], line[512];
    (void)snprintf(path, sizeof path, "%s/shaders/kernels.list", root);
    FILE *file = fopen(path, "rb");
    if (!file) {
        report_error(path, 0, "cannot be read: %s", strerror(errno));
        return;
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "#\r\n")] = '\0';
        char *name = line + strspn(line, " \t");
        for (size_t bytes = strlen(name); bytes && strchr(" \t", name[bytes - 1]); bytes--)
            name[bytes - 1] = '\0';
        if (!*name)
            continue;
        table->fronts = grow(table->fronts, table->front_count, sizeof *table->fronts);
        front_read(root, name, &table->fronts[table->front_count++]);
    }
    (void)fclose(file);
}

/* A kernel's name stands in the C source, in messages and in pins: it must be the only one. */
static void check_names(const struct table *table)
{
    for (size_t i = 0; i < table->front_count; i++) {
        for (uint32_t k = 0; k < table->fronts[i].kernel_count; k++) {
            const struct front_kernel *kernel = &table->fronts[i].kernels[k];
            for (size_t j = 0; j <= i; j++) {
                const struct front *other = &table->fronts[j];
                uint32_t end = j == i ? k : other->kernel_count;
                for (uint32_t m = 0; m < end; m++) {
                    if (strcmp(other->kernels[m].name, kernel->name) == 0)
                        report_error(table->fronts[i].path, kernel->line,
                                     "kernel %s: %s:%d has the same name", kernel->name,
                                     other->path, other->kernels[m].line);
                }
            }
        }
    }
}

static void module_path(const char *folder, const struct front *front,
                        const struct front_kernel *kernel, char *path, size_t path_bytes)
{
    int used = snprintf(path, path_bytes, "%s/%s", folder, front->stem);
    for (uint32_t i = 0; i < kernel->macro_count && used > 0 && (size_t)used < path_bytes; i++)
        used += snprintf(path + used, path_bytes - (size_t)used, ".%s", kernel->macros[i]);
    if (used > 0 && (size_t)used < path_bytes)
        (void)snprintf(path + used, path_bytes - (size_t)used, ".spv");
    for (char *equals = strchr(path + strlen(folder), '='); equals; equals = strchr(equals, '='))
        *equals = '-';
}

/* The words of a file; false with errno set. */
static bool read_words(const char *path, struct module *out_module)
{
    *out_module = (struct module){0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    bool ok = fseek(file, 0, SEEK_END) == 0;
    long bytes = ok ? ftell(file) : -1;
    ok = bytes >= 0 && fseek(file, 0, SEEK_SET) == 0;
    if (ok) {
        out_module->word_count = (size_t)bytes / sizeof(uint32_t);
        out_module->words = grow(NULL, out_module->word_count, sizeof(uint32_t));
        ok = fread(out_module->words, sizeof(uint32_t), out_module->word_count, file) ==
             out_module->word_count;
    }
    (void)fclose(file);
    if (!ok)
        free(out_module->words);
    return ok;
}

/* Adds a module, or finds the same one; its index. Takes the words. */
static size_t add_module(struct table *table, struct module module)
{
    for (size_t i = 0; i < table->module_count; i++) {
        const struct module *other = &table->modules[i];
        if (other->word_count == module.word_count &&
            memcmp(other->words, module.words, module.word_count * sizeof(uint32_t)) == 0) {
            free(module.words);
            return i;
        }
    }
    table->modules = grow(table->modules, table->module_count, sizeof *table->modules);
    table->modules[table->module_count] = module;
    return table->module_count++;
}

static void read_module(struct table *table, const char *folder, struct front *front,
                        struct front_kernel *kernel)
{
    char path[2048], why[256];
    struct module module;
    struct spirv_info info;
    module_path(folder, front, kernel, path, sizeof path);
    if (!read_words(path, &module)) {
        report_error(front->path, kernel->line, "kernel %s: %s cannot be read: %s", kernel->name,
                     path, strerror(errno));
        return;
    }
    if (spirv_read(module.words, module.word_count, &info, why, sizeof why)) {
        check_kernel(front, kernel, &info);
        kernel->push_bytes = info.push_bytes;
    } else {
        report_error(front->path, kernel->line, "kernel %s: %s: %s", kernel->name, path, why);
    }
    kernel->module = add_module(table, module);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: kernel_table ROOT MODULES OUTPUT.c\n");
        return 2;
    }
    struct table table = {0};
    read_list(argv[1], &table);
    check_names(&table);
    size_t sound = reported_errors() ? 0 : table.front_count;
    for (size_t i = 0; i < sound; i++) {
        struct front *front = &table.fronts[i];
        for (uint32_t k = 0; k < front->kernel_count; k++)
            read_module(&table, argv[2], front, &front->kernels[k]);
        check_specs_used(front);
    }
    bool ok = !reported_errors() && table_write(&table, argv[3]);
    for (size_t i = 0; i < table.module_count; i++)
        free(table.modules[i].words);
    free(table.modules);
    free(table.fronts);
    return ok ? 0 : 1;
}
