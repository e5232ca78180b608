/* SPDX-License-Identifier: MIT
 *
 * commands.c - a recording: one primary command buffer with a pool of its own (so that recordings
 * are made on several threads), descriptor sets and timestamps of known number. Recording may
 * allocate in the driver; submitting does not. Tests: tests/gpu/test_commands.c.
 */
#include "gpu/device_internal.h"

#include <inttypes.h>

static pum_status create_pool(struct gpu_commands *c)
{
    struct pum_device *device = c->device;
    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = device->physical->queue_family,
    };
    PUM_TRY(GPU_VK(device, device->vk.vkCreateCommandPool(device->handle, &pool,
                                                          gpu_callbacks(device), &c->pool)));
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = c->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    PUM_TRY(GPU_VK(device, device->vk.vkAllocateCommandBuffers(device->handle, &info,
                                                               &c->handle)));
    gpu_device_name(device, VK_OBJECT_TYPE_COMMAND_BUFFER, (uint64_t)(uintptr_t)c->handle,
                    c->name);
    return PUM_OK;
}

static pum_status create_descriptors(struct gpu_commands *c)
{
    struct pum_device *device = c->device;
    VkDescriptorPoolSize size = {
        .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .descriptorCount = (uint32_t)c->max_bindings,
    };
    VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = (uint32_t)c->max_dispatches,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    return GPU_VK(device, device->vk.vkCreateDescriptorPool(device->handle, &info,
                                                            gpu_callbacks(device),
                                                            &c->descriptors));
}

static pum_status create_queries(struct gpu_commands *c)
{
    struct pum_device *device = c->device;
    VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = (uint32_t)c->max_timestamps,
    };
    return GPU_VK(device, device->vk.vkCreateQueryPool(device->handle, &info,
                                                       gpu_callbacks(device), &c->queries));
}

pum_status gpu_commands_create(struct pum_device *device, int32_t max_dispatches,
                               int32_t max_bindings, int32_t max_timestamps, const char *name,
                               struct gpu_commands **out_commands)
{
    *out_commands = NULL;
    if (max_dispatches < 0 || max_bindings < 0 || max_timestamps < 0)
        return pum_fail(PUM_E_ARGUMENT, "commands with a negative room");
    PUM_TRY(gpu_device_status(device));
    PUM_TRY(gpu_stream_prepare(device));
    struct gpu_commands *c = pum_alloc(device->context, 1, sizeof(*c));
    if (!c)
        return PUM_E_MEMORY;
    c->device = device;
    c->max_dispatches = max_dispatches;
    c->max_bindings = max_bindings;
    c->max_timestamps = device->timestamp_period > 0.0f ? max_timestamps : 0;
    pum_status status = PUM_E_MEMORY;
    c->name = pum_strdup(device->context, name ? name : "commands");
    if (!c->name)
        goto fail;
    PUM_TRY_GOTO(create_pool(c), fail);
    if (max_dispatches > 0 && max_bindings > 0)
        PUM_TRY_GOTO(create_descriptors(c), fail);
    if (c->max_timestamps > 0)
        PUM_TRY_GOTO(create_queries(c), fail);
    *out_commands = c;
    return PUM_OK;
fail:
    gpu_commands_destroy(&c);
    return status;
}

void gpu_commands_destroy(struct gpu_commands **commands)
{
    struct gpu_commands *c = commands ? *commands : NULL;
    if (!c)
        return;
    *commands = NULL;
    struct pum_device *device = c->device;
    if (c->queries)
        device->vk.vkDestroyQueryPool(device->handle, c->queries, gpu_callbacks(device));
    if (c->descriptors)
        device->vk.vkDestroyDescriptorPool(device->handle, c->descriptors, gpu_callbacks(device));
    if (c->pool)
        device->vk.vkDestroyCommandPool(device->handle, c->pool, gpu_callbacks(device));
    pum_free(device->context, c->name);
    pum_free(device->context, c);
}

pum_status gpu_commands_begin(struct gpu_commands *c)
{
    struct pum_device *device = c->device;
    bool idle = true;
    if (c->ticket)
        PUM_TRY(gpu_is_done(device, c->ticket, &idle));
    if (!idle)
        return pum_fail(PUM_E_STATE, "'%s': the commands are in flight; wait before recording",
                        c->name);
    c->state = COMMANDS_EMPTY;
    c->dispatch_count = c->binding_count = 0;
    c->bound = NULL;
    PUM_TRY(GPU_VK(device, device->vk.vkResetCommandPool(device->handle, c->pool, 0)));
    if (c->descriptors)
        PUM_TRY(GPU_VK(device, device->vk.vkResetDescriptorPool(device->handle, c->descriptors,
                                                                0)));
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    PUM_TRY(GPU_VK(device, device->vk.vkBeginCommandBuffer(c->handle, &info)));
    c->state = COMMANDS_RECORDING;
    if (c->queries)
        device->vk.vkCmdResetQueryPool(c->handle, c->queries, 0, (uint32_t)c->max_timestamps);
    return PUM_OK;
}

pum_status gpu_commands_end(struct gpu_commands *c)
{
    struct pum_device *device = c->device;
    if (c->state != COMMANDS_RECORDING)
        return pum_fail(PUM_E_STATE, "'%s': nothing is being recorded", c->name);
    c->state = COMMANDS_EMPTY;
    PUM_TRY(GPU_VK(device, device->vk.vkEndCommandBuffer(c->handle)));
    c->state = COMMANDS_READY;
    gpu_host_memory_reserve(&device->instance->host_memory);
    return PUM_OK;
}

/* --- Dispatches --- */

static pum_status check_dispatch(const struct gpu_commands *c, const struct gpu_pipeline *pipeline,
                                 const struct gpu_range *ranges, const uint32_t base[3],
                                 const uint32_t groups[3])
{
    const struct base_caps *caps = &c->device->caps;
    if (c->state != COMMANDS_RECORDING)
        return pum_fail(PUM_E_STATE, "%s: dispatch outside of a recording", pipeline->name);
    if (c->dispatch_count >= c->max_dispatches ||
        (int64_t)c->binding_count + pipeline->binding_count > c->max_bindings)
        return pum_fail(PUM_E_INTERNAL, "%s: '%s' has room for %d dispatches and %d bindings",
                        pipeline->name, c->name, c->max_dispatches, c->max_bindings);
    for (int i = 0; i < 3; ++i)
        if ((uint64_t)base[i] + groups[i] > caps->max_workgroup_count[i])
            return pum_fail(PUM_E_RANGE, "%s: workgroups %u + %u on axis %d; the device allows %u",
                            pipeline->name, base[i], groups[i], i, caps->max_workgroup_count[i]);
    for (uint32_t i = 0; i < pipeline->binding_count; ++i) {
        const struct gpu_range *r = &ranges[i];
        uint64_t size = r->buffer ? r->buffer->size_bytes : 0;
        if (!r->buffer || r->bytes == 0 || r->offset % caps->storage_alignment != 0 ||
            r->bytes > caps->max_storage_range || r->offset > size || r->bytes > size - r->offset)
            return pum_fail(PUM_E_ARGUMENT,
                            "%s: binding %u (offset %" PRIu64 ", %" PRIu64 " bytes of %" PRIu64
                            ") does not fit its buffer, the alignment %u or the range limit "
                            "%" PRIu64, pipeline->name, i, r->offset, r->bytes, size,
                            caps->storage_alignment, caps->max_storage_range);
    }
    return PUM_OK;
}

static pum_status bind_ranges(struct gpu_commands *c, const struct gpu_pipeline *pipeline,
                              const struct gpu_range *ranges)
{
    struct pum_device *device = c->device;
    uint32_t count = pipeline->binding_count;
    if (count == 0)
        return PUM_OK;
    VkDescriptorSetAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = c->descriptors,
        .descriptorSetCount = 1,
        .pSetLayouts = &device->pipelines.set_layouts[count],
    };
    VkDescriptorSet set;
    PUM_TRY(GPU_VK(device, device->vk.vkAllocateDescriptorSets(device->handle, &allocate, &set)));
    VkDescriptorBufferInfo buffers[GPU_MAX_BINDINGS];
    VkWriteDescriptorSet writes[GPU_MAX_BINDINGS];
    for (uint32_t i = 0; i < count; ++i) {
        buffers[i] = (VkDescriptorBufferInfo){ranges[i].buffer->handle, ranges[i].offset,
                                              ranges[i].bytes};
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &buffers[i],
        };
    }
    device->vk.vkUpdateDescriptorSets(device->handle, count, writes, 0, NULL);
    device->vk.vkCmdBindDescriptorSets(c->handle, VK_PIPELINE_BIND_POINT_COMPUTE,
                                       pipeline->layout, 0, 1, &set, 0, NULL);
    return PUM_OK;
}

static void label_begin(struct gpu_commands *c, const char *label)
{
    const struct gpu_instance *instance = c->device->instance;
    if (!instance->debug_utils || !label)
        return;
    VkDebugUtilsLabelEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
        .pLabelName = label,
    };
    instance->vk.vkCmdBeginDebugUtilsLabelEXT(c->handle, &info);
}

static void label_end(struct gpu_commands *c, const char *label)
{
    const struct gpu_instance *instance = c->device->instance;
    if (instance->debug_utils && label)
        instance->vk.vkCmdEndDebugUtilsLabelEXT(c->handle);
}

pum_status gpu_commands_dispatch(struct gpu_commands *c, struct gpu_pipeline *pipeline,
                                 const struct gpu_range *ranges, const void *push,
                                 const uint32_t base[3], const uint32_t groups[3],
                                 const char *label)
{
    PUM_TRY(check_dispatch(c, pipeline, ranges, base, groups));
    if (groups[0] == 0 || groups[1] == 0 || groups[2] == 0)
        return PUM_OK;
    const struct VolkDeviceTable *vk = &c->device->vk;
    PUM_TRY(bind_ranges(c, pipeline, ranges));
    if (c->bound != pipeline)
        vk->vkCmdBindPipeline(c->handle, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    c->bound = pipeline;
    if (pipeline->push_bytes > 0)
        vk->vkCmdPushConstants(c->handle, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                               pipeline->push_bytes, push);
    label_begin(c, label);
    if (base[0] | base[1] | base[2])
        vk->vkCmdDispatchBase(c->handle, base[0], base[1], base[2], groups[0], groups[1],
                              groups[2]);
    else
        vk->vkCmdDispatch(c->handle, groups[0], groups[1], groups[2]);
    label_end(c, label);
    c->dispatch_count += 1;
    c->binding_count += (int32_t)pipeline->binding_count;
    return PUM_OK;
}

/* --- Order, copies, time --- */

/* What the host wrote before a submission is visible to it by the submission itself. */
void gpu_commands_barrier(struct gpu_commands *c)
{
    const VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    c->device->vk.vkCmdPipelineBarrier(c->handle, stages, stages, 0, 1, &barrier, 0, NULL, 0,
                                       NULL);
}

void gpu_commands_barrier_host(struct gpu_commands *c)
{
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT,
    };
    c->device->vk.vkCmdPipelineBarrier(
        c->handle, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
        VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
}

void gpu_commands_copy(struct gpu_commands *c, const struct gpu_range *from,
                       const struct gpu_range *to)
{
    VkBufferCopy region = {
        .srcOffset = from->offset,
        .dstOffset = to->offset,
        .size = from->bytes < to->bytes ? from->bytes : to->bytes,
    };
    if (region.size > 0)
        c->device->vk.vkCmdCopyBuffer(c->handle, from->buffer->handle, to->buffer->handle, 1,
                                      &region);
}

void gpu_commands_timestamp(struct gpu_commands *c, int32_t index)
{
    if (index >= 0 && index < c->max_timestamps)
        c->device->vk.vkCmdWriteTimestamp(c->handle, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                          c->queries, (uint32_t)index);
}

pum_status gpu_commands_read_timestamps(struct gpu_commands *c, int32_t first, int32_t count,
                                        uint64_t *out_ticks)
{
    struct pum_device *device = c->device;
    if (first < 0 || count < 0 || count > c->max_timestamps - first)
        return pum_fail(c->queries ? PUM_E_ARGUMENT : PUM_E_UNSUPPORTED,
                        "'%s': timestamps %d to %d of %d", c->name, first, first + count,
                        c->max_timestamps);
    if (count == 0)
        return PUM_OK;
    PUM_TRY(GPU_VK(device, device->vk.vkGetQueryPoolResults(
                               device->handle, c->queries, (uint32_t)first, (uint32_t)count,
                               (size_t)count * sizeof(uint64_t), out_ticks, sizeof(uint64_t),
                               VK_QUERY_RESULT_64_BIT)));
    uint32_t bits = device->physical->timestamp_bits;
    for (int32_t i = 0; i < count && bits < 64; ++i)
        out_ticks[i] &= (UINT64_C(1) << bits) - 1;
    return PUM_OK;
}
