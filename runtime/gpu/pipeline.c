/* SPDX-License-Identifier: MIT
 *
 * pipeline.c - the device's table of compute pipelines. A pipeline is known by its code's address,
 * specialization constants, bindings, push constants and subgroup size; what is not in the table
 * is built on several threads. Layouts are shared. Tests: tests/gpu/test_pipelines.c.
 */
#include "gpu/device_internal.h"
#include "gpu/specialize.h"

#include <stdio.h>
#include <string.h>

/* --- The key --- */

static uint64_t params_hash(const struct gpu_pipeline_params *p)
{
    uint64_t numbers[] = {(uint64_t)(uintptr_t)p->code, p->code_bytes,    p->binding_count,
                          p->push_bytes,                p->subgroup_size, p->spec_count};
    uint64_t hash = gpu_hash(GPU_HASH_SEED, numbers, sizeof(numbers));
    hash = gpu_hash(hash, p->spec_ids, p->spec_count * sizeof(uint32_t));
    return gpu_hash(hash, p->spec_values, p->spec_count * sizeof(uint32_t));
}

static bool same_key(const struct gpu_pipeline *a, const struct gpu_pipeline_params *p)
{
    size_t bytes = p->spec_count * sizeof(uint32_t);
    return a->code == p->code && a->code_bytes == p->code_bytes &&
           a->binding_count == p->binding_count && a->push_bytes == p->push_bytes &&
           a->subgroup_size == p->subgroup_size && a->spec_count == p->spec_count &&
           (bytes == 0 || (memcmp(a->specs, p->spec_ids, bytes) == 0 &&
                           memcmp(a->specs + p->spec_count, p->spec_values, bytes) == 0));
}

static struct gpu_pipeline *find(const struct gpu_pipeline_table *table,
                                 const struct gpu_pipeline_params *p, uint64_t hash)
{
    for (int32_t i = 0; i < table->count; ++i)
        if (table->items[i]->hash == hash && same_key(table->items[i], p) &&
            (!table->capture_statistics || table->items[i]->capture))
            return table->items[i];
    return NULL;
}

static pum_status check_params(const struct pum_device *device,
                               const struct gpu_pipeline_params *p)
{
    const struct base_caps *caps = &device->caps;
    if (!p->code || p->code_bytes < 20 || p->code_bytes % 4 != 0)
        return pum_fail(PUM_E_ARGUMENT, "kernel %s: no SPIR-V", p->name);
    if (p->binding_count > GPU_MAX_BINDINGS || p->binding_count > caps->max_storage_buffers)
        return pum_fail(PUM_E_UNSUPPORTED, "kernel %s has %u bindings; %s allows %u", p->name,
                        p->binding_count, device->info.name, caps->max_storage_buffers);
    if (p->push_bytes > caps->max_push_bytes || p->push_bytes % 4 != 0)
        return pum_fail(PUM_E_UNSUPPORTED, "kernel %s has %u bytes of push constants; %s allows %u",
                        p->name, p->push_bytes, device->info.name, caps->max_push_bytes);
    if (p->subgroup_size != 0 && (!(caps->bits & BASE_CAP_BIT(SUBGROUP_SIZE)) ||
                                  p->subgroup_size < caps->subgroup_size_min ||
                                  p->subgroup_size > caps->subgroup_size_max))
        return pum_fail(PUM_E_UNSUPPORTED, "kernel %s asks for a subgroup size of %u; %s has no "
                        "such size", p->name, p->subgroup_size, device->info.name);
    return PUM_OK;
}

/* --- Layouts --- */

static pum_status set_layout(struct pum_device *device, uint32_t count,
                             VkDescriptorSetLayout *out_layout)
{
    VkDescriptorSetLayout *layout = &device->pipelines.set_layouts[count];
    if (!*layout) {
        VkDescriptorSetLayoutBinding bindings[GPU_MAX_BINDINGS];
        for (uint32_t i = 0; i < count; ++i)
            bindings[i] = (VkDescriptorSetLayoutBinding){
                .binding = i,
                .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                .descriptorCount = 1,
                .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
            };
        VkDescriptorSetLayoutCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
            .bindingCount = count,
            .pBindings = bindings,
        };
        PUM_TRY(GPU_VK(device, device->vk.vkCreateDescriptorSetLayout(
                                   device->handle, &info, gpu_callbacks(device), layout)));
    }
    *out_layout = *layout;
    return PUM_OK;
}

static pum_status pipeline_layout(struct gpu_pipeline *pipeline)
{
    struct pum_device *device = pipeline->device;
    VkDescriptorSetLayout set;
    PUM_TRY(set_layout(device, pipeline->binding_count, &set));
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, pipeline->push_bytes};
    VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &set,
        .pushConstantRangeCount = pipeline->push_bytes > 0,
        .pPushConstantRanges = &push,
    };
    return GPU_VK(device, device->vk.vkCreatePipelineLayout(
                              device->handle, &info, gpu_callbacks(device), &pipeline->layout));
}

/* --- Building --- */

static void pipeline_free(struct gpu_pipeline *pipeline)
{
    struct pum_device *device = pipeline->device;
    if (pipeline->handle)
        device->vk.vkDestroyPipeline(device->handle, pipeline->handle, gpu_callbacks(device));
    if (pipeline->layout)
        device->vk.vkDestroyPipelineLayout(device->handle, pipeline->layout,
                                           gpu_callbacks(device));
    pum_free(device->context, pipeline->specs);
    pum_free(device->context, pipeline->name);
    pum_free(device->context, pipeline);
}

/* Adds an entry without a VkPipeline to the table. */
static pum_status pipeline_add(struct pum_device *device, const struct gpu_pipeline_params *p,
                               uint64_t hash, struct gpu_pipeline **out_pipeline)
{
    struct gpu_pipeline_table *table = &device->pipelines;
    PUM_TRY(check_params(device, p));
    PUM_TRY(pum_grow(device->context, &table->items, &table->capacity, table->count,
                     sizeof(*table->items)));
    struct gpu_pipeline *pipeline = pum_alloc(device->context, 1, sizeof(*pipeline));
    if (!pipeline)
        return PUM_E_MEMORY;
    *pipeline = (struct gpu_pipeline){
        .device = device,
        .hash = hash,
        .capture = table->capture_statistics,
        .code = p->code,
        .code_bytes = p->code_bytes,
        .binding_count = p->binding_count,
        .push_bytes = p->push_bytes,
        .subgroup_size = p->subgroup_size,
        .spec_count = p->spec_count,
    };
    pum_status status = PUM_E_MEMORY;
    pipeline->name = pum_strdup(device->context, p->name ? p->name : "kernel");
    pipeline->specs = pum_alloc(device->context, p->spec_count, 2 * sizeof(uint32_t));
    if (!pipeline->name || !pipeline->specs)
        goto fail;
    if (p->spec_count > 0) {
        memcpy(pipeline->specs, p->spec_ids, p->spec_count * sizeof(uint32_t));
        memcpy(pipeline->specs + p->spec_count, p->spec_values, p->spec_count * sizeof(uint32_t));
    }
    PUM_TRY_GOTO(pipeline_layout(pipeline), fail);
    table->items[table->count++] = pipeline;
    *out_pipeline = pipeline;
    return PUM_OK;
fail:
    pipeline_free(pipeline);
    return status;
}

static pum_status create_module(struct gpu_pipeline *pipeline, VkShaderModule *out_module)
{
    struct pum_device *device = pipeline->device;
    size_t words = pipeline->code_bytes / sizeof(uint32_t);
    uint32_t *code = pum_alloc(device->context, words, sizeof(*code));
    if (!code)
        return PUM_E_MEMORY;
    pum_status status =
        gpu_specialize(device->context, pipeline->code, words, pipeline->specs,
                       pipeline->specs + pipeline->spec_count, pipeline->spec_count, code, &words);
    VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = words * sizeof(*code),
        .pCode = code,
    };
    if (status == PUM_OK)
        status = GPU_VK(device, device->vk.vkCreateShaderModule(
                                    device->handle, &info, gpu_callbacks(device), out_module));
    pum_free(device->context, code);
    return status;
}

static pum_status create_pipeline(struct gpu_pipeline *pipeline, VkShaderModule module,
                                  const VkSpecializationInfo *specialization)
{
    struct pum_device *device = pipeline->device;
    bool sizes = (device->caps.bits & BASE_CAP_BIT(SUBGROUP_SIZE)) != 0;
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo size = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = pipeline->subgroup_size,
    };
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT |
                 (pipeline->capture ? VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR : 0u),
        .stage =
            {
                .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .pNext = pipeline->subgroup_size ? &size : NULL,
                /* Without a required size the driver may pick one; then gl_SubgroupSize must be
                 * the one that it picked, not a constant. */
                .flags = sizes && !pipeline->subgroup_size
                             ? VK_PIPELINE_SHADER_STAGE_CREATE_ALLOW_VARYING_SUBGROUP_SIZE_BIT
                             : 0u,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module,
                .pName = "main",
                .pSpecializationInfo = specialization,
            },
        .layout = pipeline->layout,
        .basePipelineIndex = -1,
    };
    return GPU_VK(device, device->vk.vkCreateComputePipelines(
                              device->handle, device->cache.handle, 1, &info,
                              gpu_callbacks(device), &pipeline->handle));
}

static pum_status build(struct gpu_pipeline *pipeline)
{
    struct pum_device *device = pipeline->device;
    uint32_t count = pipeline->spec_count;
    VkSpecializationMapEntry *entries = pum_alloc(device->context, count, sizeof(*entries));
    if (!entries)
        return PUM_E_MEMORY;
    for (uint32_t i = 0; i < count; ++i)
        entries[i] = (VkSpecializationMapEntry){
            .constantID = pipeline->specs[i],
            .offset = i * (uint32_t)sizeof(uint32_t),
            .size = sizeof(uint32_t),
        };
    VkSpecializationInfo specialization = {
        .mapEntryCount = count,
        .pMapEntries = entries,
        .dataSize = count * sizeof(uint32_t),
        .pData = pipeline->specs + count,
    };
    VkShaderModule module = VK_NULL_HANDLE;
    pum_status status = create_module(pipeline, &module);
    if (status == PUM_OK)
        status = create_pipeline(pipeline, module, count ? &specialization : NULL);
    if (module)
        device->vk.vkDestroyShaderModule(device->handle, module, gpu_callbacks(device));
    pum_free(device->context, entries);
    if (status != PUM_OK) {
        pipeline->handle = VK_NULL_HANDLE;
        return pum_fail_prefix(status, "kernel %s", pipeline->name);
    }
    gpu_device_name(device, VK_OBJECT_TYPE_PIPELINE, (uint64_t)pipeline->handle, pipeline->name);
    atomic_fetch_add(&device->pipelines_created, 1);
    return PUM_OK;
}

static pum_status build_job(void *user, int32_t index)
{
    struct gpu_pipeline **fresh = user;
    return build(fresh[index]);
}

/* Takes entries that were not built out of the table. */
static void drop_unbuilt(struct gpu_pipeline_table *table)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < table->count; ++i) {
        if (table->items[i]->handle)
            table->items[kept++] = table->items[i];
        else
            pipeline_free(table->items[i]);
    }
    table->count = kept;
}

static pum_status get_locked(struct pum_device *device, const struct gpu_pipeline_params *params,
                             int32_t count, struct gpu_pipeline **out_pipelines)
{
    struct gpu_pipeline_table *table = &device->pipelines;
    int32_t known = table->count;
    for (int32_t i = 0; i < count; ++i) {
        uint64_t hash = params_hash(&params[i]);
        out_pipelines[i] = find(table, &params[i], hash);
        if (!out_pipelines[i])
            PUM_TRY(pipeline_add(device, &params[i], hash, &out_pipelines[i]));
    }
    if (table->count == known)
        return PUM_OK;
    return base_parallel_for(device->context, table->count - known, 0, build_job,
                             table->items + known);
}

pum_status gpu_pipelines_get(struct pum_device *device, const struct gpu_pipeline_params *params,
                             int32_t count, struct gpu_pipeline **out_pipelines)
{
    PUM_TRY(gpu_device_status(device));
    base_lock_take(&device->pipelines.lock);
    pum_status status = get_locked(device, params, count, out_pipelines);
    if (status != PUM_OK) {
        drop_unbuilt(&device->pipelines);
        for (int32_t i = 0; i < count; ++i)
            out_pipelines[i] = NULL;
    }
    base_lock_release(&device->pipelines.lock);
    return status;
}

void gpu_pipelines_finish(struct pum_device *device)
{
    struct gpu_pipeline_table *table = &device->pipelines;
    for (int32_t i = 0; i < table->count; ++i)
        pipeline_free(table->items[i]);
    pum_free(device->context, table->items);
    table->items = NULL;
    table->count = table->capacity = 0;
    for (uint32_t i = 0; i <= GPU_MAX_BINDINGS; ++i)
        if (table->set_layouts[i])
            device->vk.vkDestroyDescriptorSetLayout(device->handle, table->set_layouts[i],
                                                    gpu_callbacks(device));
}
