/* SPDX-License-Identifier: MIT
 *
 * kernels.c - the kernel table as a device sees it, with the driver's statistics of each compiled
 * row: behind `pumice kernels`. Runs on drivers that can compile but not execute (RADV's null
 * device, no-op shims), so it touches no memory and records nothing. Tests:
 * the compile items of tools/test.
 */
#include "exec/exec.h"

#include <stdio.h>
#include <string.h>

static void needs_text(uint32_t needs, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = 0;
#define XX(id, word, tier, doc)                                                                    \
    if (needs & BASE_CAP_BIT(id) && used < bytes)                                                  \
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? " " : "", word);
    BASE_CAP_MAP(XX)
#undef XX
}

static pum_status compile_row(pum_device *device, const struct kernel_row *row,
                              pum_kernel_info *info)
{
    uint32_t values[KERNEL_MAX_SPECS] = {0};
    struct exec_pipeline_specs specs;
    struct gpu_pipeline_params params;
    struct gpu_pipeline *pipeline;
    kernel_defaults(row, gpu_device_caps(device), values);
    PUM_TRY(exec_pipeline_params(device, row, values, &specs, &params));
    PUM_TRY(gpu_pipelines_get(device, &params, 1, &pipeline));
    info->compiled = true;
    return gpu_pipeline_statistics(pipeline, info->statistics, sizeof info->statistics,
                                   &info->spills);
}

pum_status pum_device_kernels(pum_device *device, bool compile,
                              void (*report)(void *user, const pum_kernel_info *info), void *user)
{
    if (!device || !report)
        return pum_fail(PUM_E_ARGUMENT, "pum_device_kernels: device or report is NULL");
    if (compile)
        gpu_pipelines_statistics(device, true);
    for (int32_t i = 0; i < kernel_row_count; i++) {
        const struct kernel_row *row = &kernel_rows[i];
        char why[KERNEL_WHY_BYTES], needs[256];
        needs_text(row->needs, needs, sizeof needs);
        const char *unusable = kernel_unusable(row, gpu_device_caps(device), why);
        pum_kernel_info info = {.name = row->name,
                                .family = row->family,
                                .needs = needs,
                                .usable = unusable == NULL,
                                .why = unusable ? unusable : ""};
        if (compile && info.usable)
            PUM_TRY(compile_row(device, row, &info));
        report(user, &info);
    }
    return PUM_OK;
}
