/* SPDX-License-Identifier: MIT
 *
 * adapter.c - reads a physical device into a snapshot (struct gpu_adapter) that policy works on,
 * and into the few Vulkan facts that opening it needs. Decides nothing. Structures are chained
 * only where the device's version or extensions have them.
 */
#include "gpu/errors.h"
#include "gpu/instance.h"

#include <stdio.h>
#include <string.h>

struct properties {
    VkPhysicalDeviceProperties2 head;
    VkPhysicalDeviceIDProperties id;
    VkPhysicalDeviceSubgroupProperties subgroup;
    VkPhysicalDeviceMaintenance3Properties maintenance3;
    VkPhysicalDeviceDriverProperties driver;
    VkPhysicalDeviceSubgroupSizeControlProperties subgroup_size;
    VkPhysicalDeviceMaintenance4Properties maintenance4;
    VkPhysicalDevicePCIBusInfoPropertiesEXT pci;
};

struct features {
    VkPhysicalDeviceFeatures2 head;
    VkPhysicalDevice16BitStorageFeatures storage16;
    VkPhysicalDevice8BitStorageFeatures storage8;
    VkPhysicalDeviceShaderFloat16Int8Features float16;
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_size;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable;
};

/* Puts `item` behind the head of a chain. */
static void chain(void *head, void *item, VkStructureType type)
{
    VkBaseOutStructure *first = head;
    VkBaseOutStructure *next = item;
    next->sType = type;
    next->pNext = first->pNext;
    first->pNext = next;
}

static bool has(const struct gpu_physical *p, uint32_t bit)
{
    return (p->available & bit) != 0;
}

static pum_status read_extensions(struct gpu_instance *instance, struct gpu_physical *p)
{
    uint32_t count = 0;
    PUM_TRY(gpu_result(instance->vk.vkEnumerateDeviceExtensionProperties(p->handle, NULL, &count,
                                                                         NULL),
                       "vkEnumerateDeviceExtensionProperties"));
    VkExtensionProperties *list = pum_alloc(instance->context, count, sizeof(*list));
    if (!list)
        return PUM_E_MEMORY;
    VkResult result =
        instance->vk.vkEnumerateDeviceExtensionProperties(p->handle, NULL, &count, list);
    for (uint32_t i = 0; i < count; ++i)
        for (int e = 0; e < GPU_EXTENSION_COUNT; ++e)
            if (strcmp(list[i].extensionName, gpu_extension_name((enum gpu_extension)e)) == 0)
                p->listed |= 1u << e;
    pum_free(instance->context, list);

    static const uint32_t core_minor[] = {
#define XX(id, name, minor) minor,
        GPU_EXTENSION_MAP(XX)
#undef XX
    };
    p->available = p->listed;
    for (int e = 0; e < GPU_EXTENSION_COUNT; ++e)
        if (VK_API_VERSION_MINOR(p->api_version) >= core_minor[e])
            p->available |= 1u << e;
    return result == VK_INCOMPLETE ? PUM_OK
                                   : gpu_result(result, "vkEnumerateDeviceExtensionProperties");
}

static void read_limits(const VkPhysicalDeviceProperties *properties, struct gpu_physical *p,
                        pum_device_info *info)
{
    const VkPhysicalDeviceLimits *limits = &properties->limits;
    snprintf(info->name, sizeof(info->name), "%s", properties->deviceName);
    info->vendor_id = properties->vendorID;
    info->device_id = properties->deviceID;
    info->driver_version = properties->driverVersion;
    info->api_version = properties->apiVersion;
    switch (properties->deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        info->kind = PUM_DEVICE_INTEGRATED;
        break;
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        info->kind = PUM_DEVICE_DISCRETE;
        break;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        info->kind = PUM_DEVICE_VIRTUAL;
        break;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        info->kind = PUM_DEVICE_CPU;
        break;
    default:
        info->kind = PUM_DEVICE_OTHER;
    }
    info->max_workgroup_invocations = limits->maxComputeWorkGroupInvocations;
    memcpy(info->max_workgroup_size, limits->maxComputeWorkGroupSize,
           sizeof(info->max_workgroup_size));
    memcpy(info->max_workgroup_count, limits->maxComputeWorkGroupCount,
           sizeof(info->max_workgroup_count));
    info->shared_memory_bytes = limits->maxComputeSharedMemorySize;
    info->max_storage_buffers = limits->maxPerStageDescriptorStorageBuffers;
    if (info->max_storage_buffers > limits->maxDescriptorSetStorageBuffers)
        info->max_storage_buffers = limits->maxDescriptorSetStorageBuffers;
    if (info->max_storage_buffers > limits->maxPerStageResources)
        info->max_storage_buffers = limits->maxPerStageResources;
    info->max_push_bytes = limits->maxPushConstantsSize;
    info->max_storage_range_bytes = limits->maxStorageBufferRange;
    info->max_allocation_bytes = UINT64_MAX;
    info->storage_alignment_bytes = limits->minStorageBufferOffsetAlignment < 4
                                        ? 4
                                        : (uint32_t)limits->minStorageBufferOffsetAlignment;
    info->timestamp_period_ns = p->timestamp_bits ? limits->timestampPeriod : 0.0f;
    p->atom_bytes = limits->nonCoherentAtomSize ? limits->nonCoherentAtomSize : 1;
    memcpy(p->pipeline_cache_uuid, properties->pipelineCacheUUID, sizeof(p->pipeline_cache_uuid));
    snprintf(info->driver, sizeof(info->driver), "version %u.%u.%u",
             VK_API_VERSION_MAJOR(info->driver_version), VK_API_VERSION_MINOR(info->driver_version),
             VK_API_VERSION_PATCH(info->driver_version));
}

static pum_status read_queues(struct gpu_instance *instance, struct gpu_physical *p,
                              struct gpu_adapter *a)
{
    uint32_t count = 0;
    instance->vk.vkGetPhysicalDeviceQueueFamilyProperties(p->handle, &count, NULL);
    VkQueueFamilyProperties *families = pum_alloc(instance->context, count, sizeof(*families));
    if (!families)
        return PUM_E_MEMORY;
    instance->vk.vkGetPhysicalDeviceQueueFamilyProperties(p->handle, &count, families);
    /* The first that computes: every such family can copy as well. */
    for (uint32_t i = 0; i < count && !a->has_compute; ++i) {
        if (families[i].queueCount > 0 && (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)) {
            a->has_compute = true;
            p->queue_family = i;
            p->timestamp_bits = families[i].timestampValidBits;
        }
    }
    pum_free(instance->context, families);
    return PUM_OK;
}

static void read_memory(struct gpu_instance *instance, struct gpu_physical *p,
                        struct gpu_adapter *a)
{
    instance->vk.vkGetPhysicalDeviceMemoryProperties(p->handle, &p->memory);
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {0};
    VkPhysicalDeviceMemoryProperties2 memory = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    /* Drivers that only compile have no heaps, and do not survive being asked for their budget. */
    bool budget_known = has(p, GPU_EXTENSION_BIT(MEMORY_BUDGET)) && p->memory.memoryHeapCount > 0;
    if (budget_known) {
        chain(&memory, &budget, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
        instance->vk.vkGetPhysicalDeviceMemoryProperties2(p->handle, &memory);
    }

    pum_device_info *info = &a->info;
    info->heap_count = p->memory.memoryHeapCount;
    if (info->heap_count > PUM_MAX_HEAPS)
        info->heap_count = PUM_MAX_HEAPS;
    bool mappable[PUM_MAX_HEAPS] = {false};
    for (uint32_t i = 0; i < p->memory.memoryTypeCount; ++i) {
        const VkMemoryType *type = &p->memory.memoryTypes[i];
        if (type->heapIndex < info->heap_count &&
            (type->propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)) {
            info->heaps[type->heapIndex].host_visible = true;
            if (type->propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT)
                mappable[type->heapIndex] = true;
        }
    }
    bool all_mappable = info->heap_count > 0;
    for (uint32_t i = 0; i < info->heap_count; ++i) {
        uint64_t size = p->memory.memoryHeaps[i].size, free_bytes = size;
        if (budget_known)
            free_bytes = budget.heapBudget[i] > budget.heapUsage[i]
                             ? budget.heapBudget[i] - budget.heapUsage[i]
                             : 0;
        info->heaps[i].size_bytes = size;
        info->heaps[i].available_bytes = free_bytes;
        info->heaps[i].device_local =
            (p->memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0;
        if (info->heaps[i].device_local && !mappable[i])
            all_mappable = false;
    }
    /* A discrete card's memory, even if all of it can be mapped, lies behind a bus. */
    a->unified = all_mappable &&
                 (info->kind == PUM_DEVICE_INTEGRATED || info->kind == PUM_DEVICE_CPU);
}

static void write_uuid(const uint8_t uuid[16], char text[37])
{
    char *at = text;
    for (int i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", uuid[i]);
    }
}

static void take_properties(const struct properties *q, struct gpu_physical *p,
                            struct gpu_adapter *a)
{
    pum_device_info *info = &a->info;
    memcpy(a->uuid, q->id.deviceUUID, sizeof(a->uuid));
    memcpy(p->driver_uuid, q->id.driverUUID, sizeof(p->driver_uuid));
    info->max_allocation_bytes = q->maintenance3.maxMemoryAllocationSize;
    if (has(p, GPU_EXTENSION_BIT(MAINTENANCE4)) &&
        q->maintenance4.maxBufferSize < info->max_allocation_bytes)
        info->max_allocation_bytes = q->maintenance4.maxBufferSize;

    info->subgroup_size = q->subgroup.subgroupSize;
    info->subgroup_size_min = info->subgroup_size_max = q->subgroup.subgroupSize;
    a->subgroup_compute = (q->subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    VkSubgroupFeatureFlags operations = q->subgroup.supportedOperations;
    a->subgroup_basic = (operations & VK_SUBGROUP_FEATURE_BASIC_BIT) != 0;
    a->subgroup_arithmetic = (operations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT) != 0;
    a->subgroup_shuffle = (operations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT) != 0;
    a->subgroup_shuffle_relative = (operations & VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT) != 0;
    if (has(p, GPU_EXTENSION_BIT(SUBGROUP_SIZE))) {
        info->subgroup_size_min = q->subgroup_size.minSubgroupSize;
        info->subgroup_size_max = q->subgroup_size.maxSubgroupSize;
        a->subgroup_size_control = (q->subgroup_size.requiredSubgroupSizeStages &
                                    VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    }
    if (has(p, GPU_EXTENSION_BIT(DRIVER_PROPERTIES))) {
        a->driver_id = q->driver.driverID;
        /* Shortened rather than refused: each part is at most 255 bytes. */
        snprintf(info->driver, sizeof(info->driver), "%.120s%s%.120s", q->driver.driverName,
                 q->driver.driverInfo[0] ? " " : "", q->driver.driverInfo);
    }
    if (has(p, GPU_EXTENSION_BIT(PCI_BUS_INFO))) {
        a->pci_known = true;
        a->pci[0] = q->pci.pciDomain;
        a->pci[1] = q->pci.pciBus;
        a->pci[2] = q->pci.pciDevice;
        a->pci[3] = q->pci.pciFunction;
    }
    a->external_host = has(p, GPU_EXTENSION_BIT(EXTERNAL_HOST));
}

static void read_properties(struct gpu_instance *instance, struct gpu_physical *p,
                            struct gpu_adapter *a)
{
    struct properties q;
    memset(&q, 0, sizeof(q));
    q.head.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    chain(&q.head, &q.id, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES);
    chain(&q.head, &q.subgroup, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES);
    chain(&q.head, &q.maintenance3, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES);
    if (has(p, GPU_EXTENSION_BIT(DRIVER_PROPERTIES)))
        chain(&q.head, &q.driver, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES);
    if (has(p, GPU_EXTENSION_BIT(SUBGROUP_SIZE)))
        chain(&q.head, &q.subgroup_size,
              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES);
    if (has(p, GPU_EXTENSION_BIT(MAINTENANCE4)))
        chain(&q.head, &q.maintenance4,
              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES);
    if (has(p, GPU_EXTENSION_BIT(PCI_BUS_INFO)))
        chain(&q.head, &q.pci, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT);
    instance->vk.vkGetPhysicalDeviceProperties2(p->handle, &q.head);
    take_properties(&q, p, a);
}

static void read_features(struct gpu_instance *instance, struct gpu_physical *p,
                          struct gpu_adapter *a)
{
    struct features f;
    memset(&f, 0, sizeof(f));
    f.head.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    chain(&f.head, &f.storage16, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES);
    if (has(p, GPU_EXTENSION_BIT(STORAGE_8BIT)))
        chain(&f.head, &f.storage8, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES);
    if (has(p, GPU_EXTENSION_BIT(FLOAT16_INT8)))
        chain(&f.head, &f.float16,
              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES);
    if (has(p, GPU_EXTENSION_BIT(TIMELINE)))
        chain(&f.head, &f.timeline,
              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES);
    if (has(p, GPU_EXTENSION_BIT(SUBGROUP_SIZE)))
        chain(&f.head, &f.subgroup_size,
              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES);
    if (has(p, GPU_EXTENSION_BIT(DOT_PRODUCT)))
        chain(&f.head, &f.dot,
              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES);
    if (has(p, GPU_EXTENSION_BIT(EXECUTABLE)))
        chain(&f.head, &f.executable,
              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR);
    instance->vk.vkGetPhysicalDeviceFeatures2(p->handle, &f.head);

    a->f16_storage = f.storage16.storageBuffer16BitAccess;
    a->i8_storage = f.storage8.storageBuffer8BitAccess;
    a->f16 = f.float16.shaderFloat16;
    a->dot8 = f.dot.shaderIntegerDotProduct;
    a->subgroup_size_control = a->subgroup_size_control && f.subgroup_size.subgroupSizeControl;
    p->timeline = f.timeline.timelineSemaphore;
    p->executable_info = f.executable.pipelineExecutableInfo;
}

pum_status gpu_adapter_read(struct gpu_instance *instance, VkPhysicalDevice handle,
                            struct gpu_physical *out_physical, struct gpu_adapter *out_adapter)
{
    struct gpu_physical *p = out_physical;
    struct gpu_adapter *a = out_adapter;
    *p = (struct gpu_physical){.handle = handle};
    *a = (struct gpu_adapter){0};
    VkPhysicalDeviceProperties basic;
    instance->vk.vkGetPhysicalDeviceProperties(handle, &basic);
    p->api_version = basic.apiVersion < instance->api_version ? basic.apiVersion
                                                              : instance->api_version;
    PUM_TRY(read_queues(instance, p, a));
    read_limits(&basic, p, &a->info);
    /* A device of Vulkan 1.0 has none of the later queries; it is listed and not used. */
    bool modern = p->api_version >= VK_API_VERSION_1_1;
    if (modern) {
        PUM_TRY(read_extensions(instance, p));
        read_properties(instance, p, a);
        read_features(instance, p, a);
    }
    read_memory(instance, p, a);
    write_uuid(a->uuid, a->info.uuid);
    return PUM_OK;
}
