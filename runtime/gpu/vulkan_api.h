/* SPDX-License-Identifier: MIT
 *
 * vulkan_api.h - the one place that includes Vulkan for the GPU room, and its function tables.
 * Device functions come from volk's per-device table; the few instance functions from a small
 * table of our own, so that several instances (of several loaders or drivers) live side by side.
 * volk's own global pointers are never filled: only tables are called. Tests: tests/gpu/.
 */
#ifndef PUM_GPU_VULKAN_API_H
#define PUM_GPU_VULKAN_API_H

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <volk.h>

/* XX(name without vk): functions of an instance. */
#define GPU_INSTANCE_FUNCTION_MAP(XX)                                                              \
    XX(DestroyInstance)                                                                            \
    XX(EnumeratePhysicalDevices)                                                                   \
    XX(EnumerateDeviceExtensionProperties)                                                         \
    XX(GetPhysicalDeviceProperties)                                                                \
    XX(GetPhysicalDeviceProperties2)                                                               \
    XX(GetPhysicalDeviceFeatures2)                                                                 \
    XX(GetPhysicalDeviceMemoryProperties)                                                          \
    XX(GetPhysicalDeviceMemoryProperties2)                                                         \
    XX(GetPhysicalDeviceQueueFamilyProperties)                                                     \
    XX(CreateDevice)                                                                               \
    XX(GetDeviceProcAddr)

/* Functions of VK_EXT_debug_utils; NULL where the extension is missing. */
#define GPU_DEBUG_FUNCTION_MAP(XX)                                                                 \
    XX(SetDebugUtilsObjectNameEXT)                                                                 \
    XX(CmdBeginDebugUtilsLabelEXT)                                                                 \
    XX(CmdEndDebugUtilsLabelEXT)

struct gpu_instance_functions {
#define XX(name) PFN_vk##name vk##name;
    GPU_INSTANCE_FUNCTION_MAP(XX)
    GPU_DEBUG_FUNCTION_MAP(XX)
#undef XX
};

/* Fills volk's table for `device` through this GetDeviceProcAddr and no other. */
void gpu_vulkan_load_device(struct VolkDeviceTable *table, VkDevice device,
                            PFN_vkGetDeviceProcAddr get_proc);

#endif
