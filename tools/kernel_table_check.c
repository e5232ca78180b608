/* SPDX-License-Identifier: MIT
 *
 * kernel_table_check.c - holds a kernel's declaration against its compiled module. What differs is
 * reported at the line that declares it.
 */
#include "kernel_table.h"

#include <stdio.h>
#include <string.h>

/* Invocations that every device has in a workgroup. */
#define LEAST_INVOCATIONS 128

/* What a SPIR-V capability asks of a device; a capability not listed here is not allowed. */
static const struct {
    uint32_t capability;
    const char *name;
    uint32_t needs; /* 0: every device has it */
    const char *advice;
} capability_needs[] = {
    {0, "Matrix", 0, ""},
    {1, "Shader", 0, ""},
    {9, "Float16", BASE_CAP_BIT(F16),
     "convert where elements are loaded and stored (no T in functions), or add needs=f16"},
    {61, "GroupNonUniform", BASE_CAP_BIT(SUBGROUP), "add needs=subgroup"},
    {63, "GroupNonUniformArithmetic", BASE_CAP_BIT(SUBGROUP), "add needs=subgroup"},
    {65, "GroupNonUniformShuffle", BASE_CAP_BIT(SUBGROUP), "add needs=subgroup"},
    {66, "GroupNonUniformShuffleRelative", BASE_CAP_BIT(SUBGROUP), "add needs=subgroup"},
    {4433, "StorageBuffer16BitAccess", BASE_CAP_BIT(F16_STORAGE), "add needs=f16_storage"},
    {4448, "StorageBuffer8BitAccess", BASE_CAP_BIT(I8_STORAGE), "add needs=i8_storage"},
    {6016, "DotProductInputAll", BASE_CAP_BIT(DOT8), "add needs=dot8"},
    {6018, "DotProductInput4x8BitPacked", BASE_CAP_BIT(DOT8), "add needs=dot8"},
    {6019, "DotProduct", BASE_CAP_BIT(DOT8), "add needs=dot8"},
};

static void check_capabilities(const struct front *front, const struct front_kernel *kernel,
                               const struct spirv_info *info)
{
    for (uint32_t i = 0; i < info->capability_count; i++) {
        size_t k = 0;
        while (k < PUM_COUNT_OF(capability_needs) &&
               capability_needs[k].capability != info->capabilities[i])
            k++;
        if (k == PUM_COUNT_OF(capability_needs))
            report_error(front->path, kernel->line,
                         "kernel %s: its SPIR-V uses capability %u, for which runtime/base/caps.h "
                         "has no word", kernel->name, info->capabilities[i]);
        else if (capability_needs[k].needs && !(kernel->needs & capability_needs[k].needs))
            report_error(front->path, kernel->line,
                         "kernel %s: its SPIR-V uses capability %s; %s", kernel->name,
                         capability_needs[k].name, capability_needs[k].advice);
    }
}

static void check_bindings(const struct front *front, const struct front_kernel *kernel,
                           const struct spirv_info *info)
{
    for (uint32_t i = 0; i < SPIRV_MAX_BINDINGS; i++) {
        bool present = info->bindings[i].present;
        if (i >= front->binding_count) {
            if (present)
                report_error(front->path, kernel->line,
                             "kernel %s: its SPIR-V has binding %u, %u are declared", kernel->name,
                             i, front->binding_count);
            continue;
        }
        const struct front_binding *binding = &front->bindings[i];
        const char *problem = NULL;
        if (!present)
            problem = "is not in its SPIR-V (missing, or never used)";
        else if (binding->use == FRONT_READ && info->bindings[i].writable)
            problem = "is declared 'read', but is not readonly in the shader";
        else if (binding->use != FRONT_READ && !info->bindings[i].writable)
            problem = "is declared as written, but is readonly in the shader";
        else if (binding->use == FRONT_READWRITE && !info->bindings[i].readable)
            problem = "is declared 'readwrite', but is writeonly in the shader";
        if (problem)
            report_error(front->path, binding->line, "kernel %s: binding %u %s %s", kernel->name, i,
                         binding->name, problem);
    }
}

static void check_push(const struct front *front, const struct front_kernel *kernel,
                       const struct spirv_info *info)
{
    int line = front->push_line ? front->push_line : kernel->line;
    uint32_t bytes = info->push_bytes;
    uint32_t chain_bytes = front->chain ? (uint32_t)sizeof(struct push_chain) : 0;
    if (bytes > KERNEL_MAX_PUSH_BYTES)
        report_error(front->path, line, "kernel %s: %u bytes of push constants, %d are allowed",
                     kernel->name, bytes, KERNEL_MAX_PUSH_BYTES);
    if (bytes % 4 != 0)
        report_error(front->path, line,
                     "kernel %s: %u bytes of push constants are no multiple of 4", kernel->name,
                     bytes);
    if (front->chain && !info->push_ends_in_chain)
        report_error(front->path, front->chain_line,
                     "kernel %s: its push constants do not end in a struct push_chain",
                     kernel->name);
    else if (front->push_line && bytes <= chain_bytes)
        report_error(front->path, line,
                     "kernel %s: 'push %s' is declared, but its SPIR-V has no such push constants",
                     kernel->name, front->push);
    else if (!front->push_line && bytes > chain_bytes)
        report_error(front->path, line,
                     "kernel %s: its SPIR-V has %u bytes of push constants, but no 'push' line "
                     "declares them", kernel->name, bytes - chain_bytes);
}

/* The default of the module must be the first legal value; a workgroup size is always given. */
static void check_spec_value(const struct front *front, const struct front_kernel *kernel,
                             const struct front_spec *spec, uint32_t value)
{
    bool of_chain = front->chain && spec->id >= CHAIN_SPEC_FIRST &&
                    spec->id < CHAIN_SPEC_FIRST + CHAIN_MAX_STEPS;
    if (of_chain && value != CHAIN_NONE)
        report_error(front->path, spec->line,
                     "kernel %s: spec %u %s has the default %u in its SPIR-V, not CHAIN_NONE",
                     kernel->name, spec->id, spec->name, value);
    bool has_default = spec->value_count > 0 || spec->values[0] != 0;
    if (spec->id > 2 && has_default && value != spec->values[0])
        report_error(front->path, spec->line,
                     "kernel %s: spec %u %s has the default %u in its SPIR-V, the first value "
                     "declared is %u", kernel->name, spec->id, spec->name, value, spec->values[0]);
}

static void check_specs(struct front *front, const struct front_kernel *kernel,
                        const struct spirv_info *info)
{
    for (uint32_t i = 0; i < info->spec_count; i++) {
        uint32_t k = 0;
        while (k < front->spec_count && front->specs[k].id != info->specs[i].id)
            k++;
        if (k == front->spec_count) {
            report_error(front->path, kernel->line,
                         "kernel %s: its SPIR-V has constant_id %u, which no 'spec' line declares",
                         kernel->name, info->specs[i].id);
            continue;
        }
        front->specs[k].used = true;
        check_spec_value(front, kernel, &front->specs[k], info->specs[i].value);
    }
}

/* Invocations that a kernel's conditions ask of the device. */
static int64_t asked_invocations(const struct front_kernel *kernel)
{
    int64_t asked = LEAST_INVOCATIONS;
    for (uint32_t i = 0; i < kernel->condition_count; i++) {
        const struct front_condition *condition = &kernel->conditions[i];
        if (strcmp(condition->key, "invocations") == 0 && condition->compare == KERNEL_GE)
            asked = condition->value;
    }
    return asked;
}

static void check_workgroup(const struct front *front, const struct front_kernel *kernel,
                            const struct spirv_info *info)
{
    uint64_t fixed = 1;
    for (int axis = 0; axis < 3; axis++) {
        int32_t spec = info->workgroup_spec[axis];
        if (spec < 0)
            fixed *= info->workgroup_size[axis];
        else if (spec != axis)
            report_error(front->path, kernel->line,
                         "kernel %s: constant_id %d sets axis %d of the workgroup; that is id %d's",
                         kernel->name, spec, axis, axis);
    }
    for (uint32_t i = 0; i < front->spec_count; i++) {
        const struct front_spec *spec = &front->specs[i];
        if (spec->id < 3 && info->workgroup_spec[spec->id] != (int32_t)spec->id)
            report_error(front->path, spec->line,
                         "kernel %s: ids 0 to 2 are the workgroup's size; spec %u %s does not set "
                         "axis %u", kernel->name, spec->id, spec->name, spec->id);
    }
    if ((int64_t)fixed > asked_invocations(kernel))
        report_error(front->path, kernel->line,
                     "kernel %s: a fixed workgroup of %llu invocations; every device has only %d, "
                     "add when=invocations>=%llu or make it a spec", kernel->name,
                     (unsigned long long)fixed, LEAST_INVOCATIONS, (unsigned long long)fixed);
}

void check_specs_used(const struct front *front)
{
    for (uint32_t i = 0; i < front->spec_count && front->kernel_count; i++) {
        if (!front->specs[i].used)
            report_error(front->path, front->specs[i].line,
                         "spec %u %s is in no SPIR-V of this file (missing, or never used)",
                         front->specs[i].id, front->specs[i].name);
    }
}

void check_kernel(struct front *front, const struct front_kernel *kernel,
                  const struct spirv_info *info)
{
    check_capabilities(front, kernel, info);
    check_bindings(front, kernel, info);
    check_push(front, kernel, info);
    check_specs(front, kernel, info);
    check_workgroup(front, kernel, info);
}
