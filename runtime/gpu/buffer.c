/* SPDX-License-Identifier: MIT
 *
 * buffer.c - buffers: one VkBuffer on one VkDeviceMemory each, since the planner makes few and
 * large ones. The memory type is the best of those allowed; where its heap is full the next one is
 * tried. Tests: tests/gpu/test_buffers.c.
 */
#include "gpu/device_internal.h"

#include <inttypes.h>
#include <string.h>

#define USAGE                                                                                      \
    (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |                       \
     VK_BUFFER_USAGE_TRANSFER_DST_BIT)

/* Memory of these kinds needs features that are not enabled, or cannot back a buffer. */
#define NEVER                                                                                      \
    (VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT |                  \
     VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD)

#define MIB(bytes) ((double)(bytes) / 1048576.0)

/* How good a type is for a kind of buffer; negative: not usable at all. */
static int type_score(VkMemoryPropertyFlags flags, enum gpu_buffer_kind kind, bool unified)
{
    bool local = flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    bool visible = flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    bool coherent = flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    bool cached = flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    if (flags & NEVER)
        return -1;
    switch (kind) {
    case GPU_BUFFER_DEVICE:
        if (unified)
            return local * 8 + visible * 4 + coherent * 2 + cached;
        return local * 8 + !visible;
    case GPU_BUFFER_UPLOAD:
        /* Not device-local: the small mappable part of a card's memory is precious. */
        return visible ? coherent * 8 + (unified ? local : !local) * 4 + !cached : -1;
    default:
        return visible ? cached * 8 + coherent * 4 + (unified ? local : !local) : -1;
    }
}

/* Fills `order` with the usable types, best first; equals in the driver's order. */
static uint32_t order_types(const struct pum_device *device, uint32_t allowed,
                            enum gpu_buffer_kind kind, uint32_t order[VK_MAX_MEMORY_TYPES])
{
    const VkPhysicalDeviceMemoryProperties *memory = &device->physical->memory;
    int scores[VK_MAX_MEMORY_TYPES];
    uint32_t count = 0;
    for (uint32_t type = 0; type < memory->memoryTypeCount; ++type) {
        int score = type_score(memory->memoryTypes[type].propertyFlags, kind,
                               device->caps.unified);
        if (!(allowed & (1u << type)) || score < 0)
            continue;
        uint32_t at = count++;
        for (; at > 0 && scores[at - 1] < score; --at) {
            scores[at] = scores[at - 1];
            order[at] = order[at - 1];
        }
        scores[at] = score;
        order[at] = type;
    }
    return count;
}

static pum_status fail_memory(const struct pum_device *device, uint64_t bytes, uint32_t type,
                              const char *name)
{
    const VkPhysicalDeviceMemoryProperties *memory = &device->physical->memory;
    uint32_t heap = memory->memoryTypes[type].heapIndex;
    uint64_t size = memory->memoryHeaps[heap].size, available = size;
    if (device->physical->listed & GPU_EXTENSION_BIT(MEMORY_BUDGET)) {
        VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
        VkPhysicalDeviceMemoryProperties2 now = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &budget};
        device->instance->vk.vkGetPhysicalDeviceMemoryProperties2(device->physical->handle, &now);
        available = budget.heapBudget[heap] > budget.heapUsage[heap]
                        ? budget.heapBudget[heap] - budget.heapUsage[heap]
                        : 0;
    }
    return pum_fail(PUM_E_DEVICE_MEMORY,
                    "out of device memory: %.1f MiB for '%s' cannot be had; heap %u has %.1f MiB, "
                    "of which %.1f MiB are said to be free, and %.1f MiB are in use here: close "
                    "other programs, or use a smaller model, batch or picture",
                    MIB(bytes), name, heap, MIB(size), MIB(available),
                    MIB(atomic_load(&device->allocated_bytes)));
}

static pum_status allocate(struct gpu_buffer *buffer, const VkMemoryRequirements *needs,
                           enum gpu_buffer_kind kind, const char *name, uint32_t *out_type)
{
    struct pum_device *device = buffer->device;
    uint32_t order[VK_MAX_MEMORY_TYPES];
    uint32_t count = order_types(device, needs->memoryTypeBits, kind, order);
    if (count == 0)
        return pum_fail(PUM_E_DEVICE_MEMORY, "'%s': %s has no memory of the kind that is needed%s",
                        name, device->info.name,
                        device->physical->memory.memoryTypeCount == 0
                            ? ": it lists none at all, it only compiles"
                            : "");
    bool injected = atomic_fetch_add(&device->allocation_attempts, 1) + 1 ==
                    device->fail_allocation;
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    uint32_t i = 0;
    for (; i < count && !injected; ++i) {
        VkMemoryAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize = needs->size,
            .memoryTypeIndex = order[i],
        };
        result = device->vk.vkAllocateMemory(device->handle, &info, gpu_callbacks(device),
                                             &buffer->memory);
        if (result == VK_SUCCESS)
            break;
        buffer->memory = VK_NULL_HANDLE;
        if (result != VK_ERROR_OUT_OF_DEVICE_MEMORY)
            return pum_fail_prefix(gpu_device_result(device, result, "vkAllocateMemory"),
                                   "%.1f MiB for '%s'", MIB(needs->size), name);
    }
    if (result != VK_SUCCESS)
        return fail_memory(device, needs->size, order[0], name);
    if (i > 0)
        pum_log(device->context, PUM_LOG_WARNING,
                "%.1f MiB for '%s' lie in memory of the second choice: the best heap is full",
                MIB(needs->size), name);
    buffer->allocated_bytes = needs->size;
    atomic_fetch_add(&device->allocations, 1);
    atomic_fetch_add(&device->allocated_bytes, needs->size);
    *out_type = order[i];
    return PUM_OK;
}

static pum_status check_size(const struct pum_device *device, uint64_t bytes, const char *name)
{
    if (bytes <= device->caps.max_buffer_bytes)
        return PUM_OK;
    return pum_fail(PUM_E_DEVICE_MEMORY,
                    "'%s' needs %.1f MiB in one buffer; %s allows %.1f MiB in one allocation", name,
                    MIB(bytes), device->info.name, MIB(device->caps.max_buffer_bytes));
}

static pum_status map(struct gpu_buffer *buffer, enum gpu_buffer_kind kind, uint32_t type)
{
    struct pum_device *device = buffer->device;
    VkMemoryPropertyFlags flags = device->physical->memory.memoryTypes[type].propertyFlags;
    buffer->coherent = (flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0 &&
                       !device->hooks.hide_coherent;
    if (!(flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) ||
        (kind == GPU_BUFFER_DEVICE && !device->caps.unified))
        return PUM_OK;
    return GPU_VK(device, device->vk.vkMapMemory(device->handle, buffer->memory, 0, VK_WHOLE_SIZE,
                                                 0, &buffer->mapped));
}

static pum_status create(struct gpu_buffer *buffer, enum gpu_buffer_kind kind, const char *name)
{
    struct pum_device *device = buffer->device;
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = (buffer->size_bytes + 3) & ~(uint64_t)3,
        .usage = USAGE,
    };
    PUM_TRY(check_size(device, info.size, name));
    PUM_TRY(GPU_VK(device, device->vk.vkCreateBuffer(device->handle, &info, gpu_callbacks(device),
                                                     &buffer->handle)));
    gpu_device_name(device, VK_OBJECT_TYPE_BUFFER, (uint64_t)buffer->handle, name);
    VkMemoryRequirements needs;
    device->vk.vkGetBufferMemoryRequirements(device->handle, buffer->handle, &needs);
    PUM_TRY(check_size(device, needs.size, name));
    uint32_t type = 0;
    PUM_TRY(allocate(buffer, &needs, kind, name, &type));
    PUM_TRY(GPU_VK(device, device->vk.vkBindBufferMemory(device->handle, buffer->handle,
                                                         buffer->memory, 0)));
    return map(buffer, kind, type);
}

pum_status gpu_buffer_create(struct pum_device *device, uint64_t size_bytes,
                             enum gpu_buffer_kind kind, const char *name,
                             struct gpu_buffer **out_buffer)
{
    *out_buffer = NULL;
    PUM_TRY(gpu_device_status(device));
    PUM_TRY(check_size(device, size_bytes, name ? name : "buffer"));
    struct gpu_buffer *buffer = pum_alloc(device->context, 1, sizeof(*buffer));
    if (!buffer)
        return PUM_E_MEMORY;
    buffer->device = device;
    buffer->size_bytes = size_bytes ? size_bytes : 4;
    pum_status status = create(buffer, kind, name ? name : "buffer");
    if (status != PUM_OK) {
        gpu_buffer_destroy(&buffer);
        return status;
    }
    *out_buffer = buffer;
    return PUM_OK;
}

void gpu_buffer_destroy(struct gpu_buffer **buffer_pointer)
{
    struct gpu_buffer *buffer = buffer_pointer ? *buffer_pointer : NULL;
    if (!buffer)
        return;
    *buffer_pointer = NULL;
    struct pum_device *device = buffer->device;
    if (buffer->handle)
        device->vk.vkDestroyBuffer(device->handle, buffer->handle, gpu_callbacks(device));
    if (buffer->memory) {
        /* Freeing unmaps. */
        device->vk.vkFreeMemory(device->handle, buffer->memory, gpu_callbacks(device));
        atomic_fetch_sub(&device->allocated_bytes, buffer->allocated_bytes);
    }
    pum_free(device->context, buffer);
}

uint64_t gpu_buffer_size(const struct gpu_buffer *buffer)
{
    return buffer->size_bytes;
}

void *gpu_buffer_map(const struct gpu_buffer *buffer)
{
    return buffer->mapped;
}

/* The range as Vulkan wants it: whole atoms of non-coherent memory, up to the end at most. */
static VkMappedMemoryRange atoms(const struct gpu_buffer *buffer, uint64_t offset, uint64_t bytes)
{
    uint64_t atom = buffer->device->physical->atom_bytes;
    uint64_t start = offset - offset % atom;
    uint64_t end = offset + bytes;
    end += (atom - end % atom) % atom;
    return (VkMappedMemoryRange){
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
        .memory = buffer->memory,
        .offset = start,
        .size = end >= buffer->allocated_bytes ? VK_WHOLE_SIZE : end - start,
    };
}

static pum_status check_range(const struct gpu_buffer *buffer, uint64_t offset, uint64_t bytes)
{
    if (offset <= buffer->size_bytes && bytes <= buffer->size_bytes - offset)
        return PUM_OK;
    return pum_fail(PUM_E_ARGUMENT,
                    "bytes %" PRIu64 " to %" PRIu64 "+%" PRIu64 " lie outside a buffer of %" PRIu64
                    " bytes", offset, offset, bytes, buffer->size_bytes);
}

pum_status gpu_buffer_flush(struct gpu_buffer *buffer, uint64_t offset, uint64_t bytes)
{
    PUM_TRY(check_range(buffer, offset, bytes));
    if (!buffer->mapped || buffer->coherent || bytes == 0)
        return PUM_OK;
    VkMappedMemoryRange range = atoms(buffer, offset, bytes);
    struct pum_device *device = buffer->device;
    return GPU_VK(device, device->vk.vkFlushMappedMemoryRanges(device->handle, 1, &range));
}

pum_status gpu_buffer_invalidate(struct gpu_buffer *buffer, uint64_t offset, uint64_t bytes)
{
    PUM_TRY(check_range(buffer, offset, bytes));
    if (!buffer->mapped || buffer->coherent || bytes == 0)
        return PUM_OK;
    VkMappedMemoryRange range = atoms(buffer, offset, bytes);
    struct pum_device *device = buffer->device;
    return GPU_VK(device, device->vk.vkInvalidateMappedMemoryRanges(device->handle, 1, &range));
}
