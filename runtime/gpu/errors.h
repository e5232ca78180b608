/* SPDX-License-Identifier: MIT
 *
 * errors.h - from a VkResult to a pum_status with a message that names the call and the result.
 */
#ifndef PUM_GPU_ERRORS_H
#define PUM_GPU_ERRORS_H

#include "base/status.h"
#include "gpu/vulkan_api.h"

struct pum_device;

/* "VK_ERROR_DEVICE_LOST"; "VkResult" for one that is not known. */
const char *gpu_result_name(VkResult result);

/* PUM_OK for VK_SUCCESS, else pum_fail. `call` is the source of the call, "table->vkFoo(...)". */
pum_status gpu_result(VkResult result, const char *call);

/* The same; a lost device stays lost. */
pum_status gpu_device_result(struct pum_device *device, VkResult result, const char *call);

/* Evaluates a Vulkan call into a pum_status. */
#define GPU_VK(device, call) gpu_device_result((device), (call), #call)

#endif
