/* SPDX-License-Identifier: MIT
 *
 * instance.h - the Vulkan loader, one VkInstance with its functions, the allocation callbacks on
 * the context's allocator, and the physical devices as snapshots. Each device has an instance of
 * its own; nothing is shared between them. Tests: tests/gpu/test_device.c.
 */
#ifndef PUM_GPU_INSTANCE_H
#define PUM_GPU_INSTANCE_H

#include "base/thread.h"
#include "gpu/device_plan.h"
#include "gpu/vulkan_api.h"

#include <stdatomic.h>

/* Device extensions that Pumice knows: XX(id, name, minor version of Vulkan 1.x that has it in its
 * core; 99: none). */
#define GPU_EXTENSION_MAP(XX)                                                                      \
    XX(DRIVER_PROPERTIES, "VK_KHR_driver_properties", 2)                                           \
    XX(FLOAT16_INT8, "VK_KHR_shader_float16_int8", 2)                                              \
    XX(STORAGE_8BIT, "VK_KHR_8bit_storage", 2)                                                     \
    XX(TIMELINE, "VK_KHR_timeline_semaphore", 2)                                                   \
    XX(SUBGROUP_SIZE, "VK_EXT_subgroup_size_control", 3)                                           \
    XX(DOT_PRODUCT, "VK_KHR_shader_integer_dot_product", 3)                                        \
    XX(MAINTENANCE4, "VK_KHR_maintenance4", 3)                                                     \
    XX(EXECUTABLE, "VK_KHR_pipeline_executable_properties", 99)                                    \
    XX(MEMORY_BUDGET, "VK_EXT_memory_budget", 99)                                                  \
    XX(PCI_BUS_INFO, "VK_EXT_pci_bus_info", 99)                                                    \
    XX(EXTERNAL_HOST, "VK_EXT_external_memory_host", 99)                                           \
    XX(PORTABILITY, "VK_KHR_portability_subset", 99)

enum gpu_extension {
#define XX(id, name, minor) GPU_EXTENSION_##id,
    GPU_EXTENSION_MAP(XX)
#undef XX
        GPU_EXTENSION_COUNT
};
#define GPU_EXTENSION_BIT(id) (1u << GPU_EXTENSION_##id)

const char *gpu_extension_name(enum gpu_extension extension);

/* Small blocks that a driver gave back, kept to be given again. */
#define GPU_SPARE_BLOCKS 16

/* The driver's host allocations (host_memory.c). Must not move while the driver knows
 * `callbacks`. */
struct gpu_host_memory {
    VkAllocationCallbacks callbacks;
    pum_context *context;
    atomic_ullong block_count; /* taken from the context's allocator so far */
    struct base_lock lock;     /* over the spares */
    void *spares[GPU_SPARE_BLOCKS];
};

void gpu_host_memory_init(struct gpu_host_memory *memory, pum_context *context);
/* Makes small blocks ready, so that the submissions to come need none from the allocator. */
void gpu_host_memory_reserve(struct gpu_host_memory *memory);
void gpu_host_memory_finish(struct gpu_host_memory *memory);

/* For tests: what cannot be had from the drivers at hand. Zero: everything as it is. */
struct gpu_hooks {
    const char *loader;  /* library to load instead of the system's Vulkan loader */
    bool hide_timeline;  /* do without timeline semaphores */
    bool hide_unified;   /* treat device memory as not mappable */
    bool hide_coherent;  /* flush and invalidate even coherent memory */
};

/* A physical device: the snapshot, and what opening it needs. */
struct gpu_physical {
    VkPhysicalDevice handle;
    uint32_t api_version;    /* that may be used: the lower of the device's and the instance's */
    uint32_t listed;         /* GPU_EXTENSION_BIT(...): enabled by name */
    uint32_t available;      /* listed, or part of the core version */
    bool timeline;           /* the feature, not only the extension */
    bool executable_info;
    uint32_t queue_family;
    uint32_t timestamp_bits; /* of that family; 0: none */
    uint8_t driver_uuid[16];
    uint8_t pipeline_cache_uuid[16];
    uint64_t atom_bytes;     /* nonCoherentAtomSize */
    VkPhysicalDeviceMemoryProperties memory;
};

struct gpu_instance {
    pum_context *context;
    struct gpu_host_memory host_memory;
    PFN_vkGetInstanceProcAddr get_proc;
    VkInstance handle;
    uint32_t api_version;    /* that the instance was made with: 1.1 .. 1.3 */
    bool debug_utils;
    struct gpu_instance_functions vk;
    int32_t count;
    struct gpu_physical *physicals; /* one an adapter, same index */
    struct gpu_adapter *adapters;
};

/* PUM_E_NO_LOADER, PUM_E_NO_DEVICE (no driver), PUM_E_MEMORY, PUM_E_DRIVER. `hooks` may be NULL. */
pum_status gpu_instance_create(pum_context *context, const struct gpu_hooks *hooks,
                               struct gpu_instance **out_instance);
void gpu_instance_destroy(struct gpu_instance **instance);

/* Reads one physical device (adapter.c). */
pum_status gpu_adapter_read(struct gpu_instance *instance, VkPhysicalDevice handle,
                            struct gpu_physical *out_physical, struct gpu_adapter *out_adapter);

#endif
