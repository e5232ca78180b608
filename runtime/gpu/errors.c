/* SPDX-License-Identifier: MIT
 *
 * errors.c - every VkResult mapped once (GPU_RESULT_MAP). A lost device is remembered by the
 * device, so that all later work on it fails the same way.
 */
#include "gpu/errors.h"

#include "gpu/device_internal.h"

#include <ctype.h>
#include <string.h>

/* XX(VkResult, status, what to do) */
#define GPU_RESULT_MAP(XX)                                                                         \
    XX(VK_NOT_READY, PUM_E_STATE, "the work has not finished")                                     \
    XX(VK_TIMEOUT, PUM_E_TIMEOUT, "still at work; wait again")                                     \
    XX(VK_INCOMPLETE, PUM_E_DRIVER, "the driver's list changed meanwhile; try again")              \
    XX(VK_ERROR_OUT_OF_HOST_MEMORY, PUM_E_MEMORY, "free host memory")                              \
    XX(VK_ERROR_OUT_OF_DEVICE_MEMORY, PUM_E_DEVICE_MEMORY, "free device memory")                   \
    XX(VK_ERROR_INITIALIZATION_FAILED, PUM_E_DRIVER, "the driver could not start; see its log")    \
    XX(VK_ERROR_DEVICE_LOST, PUM_E_DEVICE_LOST, "open the device anew; the system log may say why")\
    XX(VK_ERROR_MEMORY_MAP_FAILED, PUM_E_DEVICE_MEMORY, "the memory cannot be mapped")             \
    XX(VK_ERROR_LAYER_NOT_PRESENT, PUM_E_DRIVER, "check VK_INSTANCE_LAYERS and VK_LAYER_PATH")     \
    XX(VK_ERROR_EXTENSION_NOT_PRESENT, PUM_E_DRIVER, "the driver took back an extension it listed")\
    XX(VK_ERROR_FEATURE_NOT_PRESENT, PUM_E_DRIVER, "the driver took back a feature it listed")     \
    XX(VK_ERROR_INCOMPATIBLE_DRIVER, PUM_E_NO_DEVICE, "install a Vulkan driver")                   \
    XX(VK_ERROR_TOO_MANY_OBJECTS, PUM_E_DEVICE_MEMORY, "the driver is out of objects")             \
    XX(VK_ERROR_FRAGMENTED_POOL, PUM_E_DEVICE_MEMORY, "a descriptor pool is fragmented")           \
    XX(VK_ERROR_OUT_OF_POOL_MEMORY, PUM_E_DEVICE_MEMORY, "a descriptor pool is used up")           \
    XX(VK_ERROR_INVALID_SHADER_NV, PUM_E_DRIVER, "the driver refuses the shader")                  \
    XX(VK_ERROR_UNKNOWN, PUM_E_DRIVER, "the driver does not say why")

const char *gpu_result_name(VkResult result)
{
    switch (result) {
    case VK_SUCCESS:
        return "VK_SUCCESS";
#define XX(id, status, advice)                                                                     \
    case id:                                                                                       \
        return #id;
        GPU_RESULT_MAP(XX)
#undef XX
    default:
        return "VkResult";
    }
}

static pum_status result_status(VkResult result, const char **out_advice)
{
    switch (result) {
#define XX(id, status, advice)                                                                     \
    case id:                                                                                       \
        *out_advice = advice;                                                                      \
        return status;
        GPU_RESULT_MAP(XX)
#undef XX
    default:
        *out_advice = "a result that Pumice does not know";
        return PUM_E_DRIVER;
    }
}

pum_status gpu_result(VkResult result, const char *call)
{
    if (result == VK_SUCCESS)
        return PUM_OK;
    /* "device->table.vkFoo(a, b)" is shown as "vkFoo". */
    const char *end = strchr(call, '(');
    if (!end)
        end = call + strlen(call);
    const char *start = end;
    while (start > call && (isalnum((unsigned char)start[-1]) || start[-1] == '_'))
        --start;
    const char *advice;
    pum_status status = result_status(result, &advice);
    return pum_fail(status, "%.*s gave %s (%d): %s", (int)(end - start), start,
                    gpu_result_name(result), result, advice);
}

pum_status gpu_device_result(struct pum_device *device, VkResult result, const char *call)
{
    if (result == VK_ERROR_DEVICE_LOST)
        atomic_store(&device->lost, true);
    return gpu_result(result, call);
}
