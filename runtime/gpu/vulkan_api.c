/* SPDX-License-Identifier: MIT
 *
 * vulkan_api.c - volk, built into this file (its header-only mode) so that its table loader can be
 * given our own GetDeviceProcAddr: volkLoadDeviceTable() would use a pointer that all instances in
 * the process share.
 */
#define VK_NO_PROTOTYPES
#define VOLK_IMPLEMENTATION
#include <volk.h>

#include "gpu/vulkan_api.h"

struct load_context {
    VkDevice device;
    PFN_vkGetDeviceProcAddr get_proc;
};

static PFN_vkVoidFunction load_function(void *context, const char *name)
{
    struct load_context *load = context;
    return load->get_proc(load->device, name);
}

void gpu_vulkan_load_device(struct VolkDeviceTable *table, VkDevice device,
                            PFN_vkGetDeviceProcAddr get_proc)
{
    struct load_context load = {device, get_proc};
    volkGenLoadDeviceTable(table, &load, load_function);
}
