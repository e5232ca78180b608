/* SPDX-License-Identifier: MIT
 *
 * device.c - opens and ends a device, lists what there is, and answers questions about it. Enables
 * the features that the device's capabilities (after the mask) stand for, and no others. Touches
 * neither memory nor command buffers, so that drivers that only compile can be opened.
 */
#include "gpu/device_internal.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_BUDGET_MS 100

/* --- Making the VkDevice --- */

struct enabled {
    VkPhysicalDeviceFeatures2 head;
    VkPhysicalDevice16BitStorageFeatures storage16;
    VkPhysicalDevice8BitStorageFeatures storage8;
    VkPhysicalDeviceShaderFloat16Int8Features float16;
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_size;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable;
    const char *names[GPU_EXTENSION_COUNT];
    uint32_t name_count;
};

static void use_extension(const struct pum_device *device, struct enabled *e,
                          enum gpu_extension extension)
{
    if (device->physical->listed & (1u << extension))
        e->names[e->name_count++] = gpu_extension_name(extension);
}

static void use_feature(struct enabled *e, void *item, VkStructureType type)
{
    VkBaseOutStructure *next = item;
    next->sType = type;
    next->pNext = e->head.pNext;
    e->head.pNext = next;
}

static void choose_features(const struct pum_device *device, struct enabled *e)
{
    const struct base_caps *caps = &device->caps;
    e->head.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    use_extension(device, e, GPU_EXTENSION_PORTABILITY);
    use_extension(device, e, GPU_EXTENSION_MEMORY_BUDGET);
    if (caps->bits & BASE_CAP_BIT(EXTERNAL_HOST))
        use_extension(device, e, GPU_EXTENSION_EXTERNAL_HOST);
    if (caps->bits & BASE_CAP_BIT(F16_STORAGE)) {
        e->storage16.storageBuffer16BitAccess = VK_TRUE;
        use_feature(e, &e->storage16, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES);
    }
    if (caps->bits & BASE_CAP_BIT(I8_STORAGE)) {
        e->storage8.storageBuffer8BitAccess = VK_TRUE;
        use_feature(e, &e->storage8, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES);
        use_extension(device, e, GPU_EXTENSION_STORAGE_8BIT);
    }
    if (caps->bits & BASE_CAP_BIT(F16)) {
        e->float16.shaderFloat16 = VK_TRUE;
        use_feature(e, &e->float16,
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES);
        use_extension(device, e, GPU_EXTENSION_FLOAT16_INT8);
    }
    if (caps->bits & BASE_CAP_BIT(DOT8)) {
        e->dot.shaderIntegerDotProduct = VK_TRUE;
        use_feature(e, &e->dot,
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES);
        use_extension(device, e, GPU_EXTENSION_DOT_PRODUCT);
    }
    if (caps->bits & BASE_CAP_BIT(SUBGROUP_SIZE)) {
        e->subgroup_size.subgroupSizeControl = VK_TRUE;
        use_feature(e, &e->subgroup_size,
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES);
        use_extension(device, e, GPU_EXTENSION_SUBGROUP_SIZE);
    }
    if (device->physical->timeline && !device->hooks.hide_timeline) {
        e->timeline.timelineSemaphore = VK_TRUE;
        use_feature(e, &e->timeline,
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES);
        use_extension(device, e, GPU_EXTENSION_TIMELINE);
    }
    if (device->physical->executable_info) {
        e->executable.pipelineExecutableInfo = VK_TRUE;
        use_feature(e, &e->executable,
                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR);
        use_extension(device, e, GPU_EXTENSION_EXECUTABLE);
    }
}

static pum_status create_handle(struct pum_device *device)
{
    struct gpu_instance *instance = device->instance;
    struct enabled e;
    memset(&e, 0, sizeof(e));
    choose_features(device, &e);
    float priority = 0.5f;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = device->physical->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &e.head,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = e.name_count,
        .ppEnabledExtensionNames = e.names,
    };
    VkResult result = instance->vk.vkCreateDevice(device->physical->handle, &info,
                                                  gpu_callbacks(device), &device->handle);
    if (result != VK_SUCCESS) {
        device->handle = VK_NULL_HANDLE;
        return pum_fail_prefix(gpu_result(result, "vkCreateDevice"), "%s", device->info.name);
    }
    gpu_vulkan_load_device(&device->vk, device->handle, instance->vk.vkGetDeviceProcAddr);
    device->vk.vkGetDeviceQueue(device->handle, queue.queueFamilyIndex, 0, &device->queue);
    gpu_device_name(device, VK_OBJECT_TYPE_QUEUE, (uint64_t)(uintptr_t)device->queue, "pumice");
    return PUM_OK;
}

void gpu_device_name(struct pum_device *device, VkObjectType type, uint64_t handle,
                     const char *name)
{
    const struct gpu_instance *instance = device->instance;
    if (!instance->debug_utils || !name)
        return;
    VkDebugUtilsObjectNameInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = type,
        .objectHandle = handle,
        .pObjectName = name,
    };
    (void)instance->vk.vkSetDebugUtilsObjectNameEXT(device->handle, &info);
}

/* --- Choosing --- */

static const char *first_set(const char *a, const char *b)
{
    return a && a[0] ? a : b;
}

/* An instance whose adapters have been judged; *out_index as gpu_plan_choose gives it. */
static pum_status survey(pum_context *context, const pum_device_params *params,
                         const struct gpu_hooks *hooks, struct gpu_mask *out_mask,
                         struct gpu_instance **out_instance, int32_t *out_index)
{
    const char *caps = first_set(params ? params->caps : NULL, context->knobs.caps);
    const char *select = first_set(params ? params->select : NULL, context->knobs.device);
    PUM_TRY(gpu_plan_mask(caps, out_mask));
    PUM_TRY(gpu_instance_create(context, hooks, out_instance));
    *out_index = gpu_plan_choose((*out_instance)->adapters, (*out_instance)->count, select,
                                 out_mask);
    return PUM_OK;
}

static pum_status fail_none(const struct gpu_instance *instance, const char *select)
{
    char list[768];
    size_t used = 0;
    list[0] = '\0';
    for (int32_t i = 0; i < instance->count && used < sizeof(list); ++i) {
        const pum_device_info *info = &instance->adapters[i].info;
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s %d: %.80s (%.160s)",
                                 i ? ";" : "", i, info->name, info->reason);
    }
    return pum_fail(PUM_E_NO_DEVICE, "no usable Vulkan device%s%.64s%s; there is%s",
                    select ? " fits '" : "", select ? select : "", select ? "'" : "", list);
}

pum_status pum_device_list(pum_context *context, const pum_device_params *params,
                           pum_device_info **out_infos, int32_t *out_count)
{
    if (out_infos)
        *out_infos = NULL;
    if (out_count)
        *out_count = 0;
    if (!context || !out_infos || !out_count)
        return pum_fail(PUM_E_ARGUMENT, "pum_device_list: an argument is NULL");
    struct gpu_mask mask;
    struct gpu_instance *instance;
    int32_t chosen;
    PUM_TRY(survey(context, params, NULL, &mask, &instance, &chosen));
    pum_device_info *infos = pum_alloc(context, (size_t)instance->count, sizeof(*infos));
    if (infos) {
        for (int32_t i = 0; i < instance->count; ++i)
            infos[i] = instance->adapters[i].info;
        *out_infos = infos;
        *out_count = instance->count;
    }
    gpu_instance_destroy(&instance);
    return infos ? PUM_OK : PUM_E_MEMORY;
}

void pum_device_list_free(pum_context *context, pum_device_info **infos)
{
    if (!context || !infos)
        return;
    pum_free(context, *infos);
    *infos = NULL;
}

/* --- Opening and ending --- */

static void init_locks(struct pum_device *device)
{
    base_lock_init(&device->staging_lock);
    base_lock_init(&device->stream.lock);
    base_lock_init(&device->pipelines.lock);
    base_lock_init(&device->lists.lock);
}

static void take_params(struct pum_device *device, const pum_device_params *params,
                        const struct gpu_hooks *hooks)
{
    if (hooks)
        device->hooks = *hooks;
    device->budget_ms = params && params->time_budget_ms ? params->time_budget_ms
                                                         : DEFAULT_BUDGET_MS;
    device->fail_allocation = params ? params->fail_allocation : 0;
}

static void take_adapter(struct pum_device *device, int32_t index, const struct gpu_mask *mask)
{
    const struct gpu_adapter *adapter = &device->instance->adapters[index];
    device->physical = &device->instance->physicals[index];
    device->info = adapter->info;
    device->timestamp_period = adapter->info.timestamp_period_ns;
    gpu_plan_caps(adapter, mask, &device->caps);
    if (device->hooks.hide_unified)
        device->caps.unified = false;
}

pum_status gpu_device_open(pum_context *context, const pum_device_params *params,
                           const struct gpu_hooks *hooks, pum_device **out_device)
{
    if (out_device)
        *out_device = NULL;
    if (!context || !out_device)
        return pum_fail(PUM_E_ARGUMENT, "pum_device_open: an argument is NULL");
    struct pum_device *device = pum_alloc(context, 1, sizeof(*device));
    if (!device)
        return PUM_E_MEMORY;
    device->context = context;
    init_locks(device);
    take_params(device, params, hooks);

    pum_status status;
    struct gpu_mask mask;
    int32_t index;
    PUM_TRY_GOTO(survey(context, params, hooks, &mask, &device->instance, &index), fail);
    if (index < 0) {
        status = fail_none(device->instance,
                           first_set(params ? params->select : NULL, context->knobs.device));
        goto fail;
    }
    take_adapter(device, index, &mask);
    PUM_TRY_GOTO(create_handle(device), fail);
    PUM_TRY_GOTO(gpu_kernel_lists_init(device), fail);
    PUM_TRY_GOTO(gpu_pipeline_cache_init(device), fail);
    pum_log(context, PUM_LOG_INFO, "device %d: %s, %s, tier %d (%s)", index, device->info.name,
            device->info.driver, device->caps.tier, device->info.capabilities);
    *out_device = device;
    return PUM_OK;
fail:
    pum_device_destroy(&device);
    return status;
}

pum_status pum_device_open(pum_context *context, const pum_device_params *params,
                           pum_device **out_device)
{
    return gpu_device_open(context, params, NULL, out_device);
}

void pum_device_destroy(pum_device **device_pointer)
{
    struct pum_device *device = device_pointer ? *device_pointer : NULL;
    if (!device)
        return;
    *device_pointer = NULL;
    if (device->handle) {
        if (atomic_load(&device->submissions) > 0)
            (void)device->vk.vkDeviceWaitIdle(device->handle);
        gpu_staging_finish(device);
        gpu_pipeline_cache_finish(device);
        gpu_pipelines_finish(device);
        gpu_stream_finish(device);
        device->vk.vkDestroyDevice(device->handle, gpu_callbacks(device));
    }
    gpu_kernel_lists_finish(device);
    gpu_instance_destroy(&device->instance);
    base_lock_destroy(&device->staging_lock);
    base_lock_destroy(&device->stream.lock);
    base_lock_destroy(&device->pipelines.lock);
    base_lock_destroy(&device->lists.lock);
    pum_free(device->context, device);
}

/* --- Questions --- */

const pum_device_info *pum_device_get_info(const pum_device *device)
{
    return device ? &device->info : NULL;
}

void pum_device_get_counters(const pum_device *device, pum_device_counters *out_counters)
{
    if (!out_counters)
        return;
    *out_counters = (pum_device_counters){0};
    if (!device)
        return;
    *out_counters = (pum_device_counters){
        .driver_allocations = atomic_load(&device->instance->host_memory.block_count),
        .memory_allocations = atomic_load(&device->allocations),
        .memory_bytes = atomic_load(&device->allocated_bytes),
        .pipelines_created = atomic_load(&device->pipelines_created),
        .submissions = atomic_load(&device->submissions),
        .cache_bytes_loaded = atomic_load(&device->cache_bytes_loaded),
        .cache_files_written = atomic_load(&device->cache_files_written),
    };
}

const struct base_caps *gpu_device_caps(const struct pum_device *device)
{
    return &device->caps;
}

pum_context *gpu_device_context(const struct pum_device *device)
{
    return device->context;
}

uint32_t gpu_device_budget_ms(const struct pum_device *device)
{
    return device->budget_ms;
}

float gpu_device_timestamp_period(const struct pum_device *device)
{
    return device->timestamp_period;
}

pum_status gpu_device_status(const struct pum_device *device)
{
    if (atomic_load(&device->lost))
        return pum_fail(PUM_E_DEVICE_LOST, "the device was lost earlier; open it anew");
    return PUM_OK;
}
