/* SPDX-License-Identifier: MIT
 *
 * pipeline_params.c - from a kernel row and its specialization values to what the GPU room builds.
 * In builds with test hooks, PUMICE_TEST_BREAK_KERNEL=<row> spoils that row's code (one arithmetic
 * instruction becomes another), so that tests can see verify find it and quarantine work. Tests:
 * tests/exec/test_verify.c.
 */
#include "exec/exec.h"

#include <string.h>

#ifdef PUM_TEST_HOOKS
/* SPIR-V opcodes, and what each is turned into. */
static const struct {
    uint32_t from, to;
} spoilt_opcodes[] = {
    {133, 129}, /* OpFMul -> OpFAdd */
    {129, 131}, /* OpFAdd -> OpFSub */
    {131, 129}, /* OpFSub -> OpFAdd */
};

/* Changes all instructions of the first kind that `code` has; false when it has none. */
static bool spoil(uint32_t *code, size_t words)
{
    bool done = false;
    for (size_t pass = 0; pass < PUM_COUNT_OF(spoilt_opcodes) && !done; pass++) {
        for (size_t at = 5; at < words;) {
            uint32_t length = code[at] >> 16, opcode = code[at] & 0xffff;
            if (length == 0)
                return false;
            if (opcode == spoilt_opcodes[pass].from) {
                code[at] = length << 16 | spoilt_opcodes[pass].to;
                done = true;
            }
            at += length;
        }
    }
    return done;
}

/* The spoilt copy lives as long as the process: a test's business. */
static pum_status break_code(pum_context *context, struct gpu_pipeline_params *params)
{
    static uint32_t copy[1 << 16];
    if (params->code_bytes > sizeof copy)
        return pum_fail(PUM_E_INTERNAL, "kernel '%s' is too large to break", params->name);
    memcpy(copy, params->code, params->code_bytes);
    if (!spoil(copy, params->code_bytes / 4))
        return pum_fail(PUM_E_INTERNAL, "kernel '%s' has no instruction to break", params->name);
    pum_log(context, PUM_LOG_WARNING, "kernel '%s' is broken on purpose", params->name);
    params->code = copy;
    return PUM_OK;
}
#endif

pum_status exec_pipeline_params(struct pum_device *device, const struct kernel_row *row,
                                const uint32_t *values, struct exec_pipeline_specs *specs,
                                struct gpu_pipeline_params *out_params)
{
    for (uint32_t i = 0; i < row->spec_count; i++)
        specs->ids[i] = row->specs[i].id;
    *out_params = (struct gpu_pipeline_params){.name = row->name,
                                               .code = row->code,
                                               .code_bytes = row->code_bytes,
                                               .binding_count = row->binding_count,
                                               .push_bytes = row->push_bytes,
                                               .spec_ids = specs->ids,
                                               .spec_values = values,
                                               .spec_count = row->spec_count};
#ifdef PUM_TEST_HOOKS
    pum_context *context = gpu_device_context(device);
    if (context->knobs.broken_kernel && strcmp(context->knobs.broken_kernel, row->name) == 0)
        return break_code(context, out_params);
#else
    (void)device;
#endif
    return PUM_OK;
}
