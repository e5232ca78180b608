/* SPDX-License-Identifier: MIT
 *
 * instance.c - finds the Vulkan loader at run time (nothing links to it), makes an instance and
 * lists its devices. Pumice never enables a layer: those of the environment come by themselves.
 * The loader stays loaded for the process: drivers do not all survive being unloaded.
 */
#include "gpu/instance.h"

#include "gpu/errors.h"

#include <dlfcn.h>
#include <string.h>

#define DRIVER_ADVICE                                                                              \
    "install one (Debian and Ubuntu: mesa-vulkan-drivers, which also has a software driver; or "   \
    "the GPU vendor's own), and check VK_DRIVER_FILES if it is set"

const char *gpu_extension_name(enum gpu_extension extension)
{
    static const char *const names[] = {
#define XX(id, name, minor) name,
        GPU_EXTENSION_MAP(XX)
#undef XX
    };
    return names[extension];
}

/* --- The loader --- */

static pum_status loader_open(struct gpu_instance *instance, const char *name)
{
    const char *names[] = {name ? name : "libvulkan.so.1", name ? NULL : "libvulkan.so"};
    const char *why = "not found";
    for (size_t i = 0; i < PUM_COUNT_OF(names) && names[i]; ++i) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (library) {
            /* POSIX has it that a function pointer fits; ISO C knows no such cast. */
            void *symbol = dlsym(library, "vkGetInstanceProcAddr");
            memcpy(&instance->get_proc, &symbol, sizeof(symbol));
            if (instance->get_proc)
                return PUM_OK;
            dlclose(library);
            return pum_fail(PUM_E_NO_LOADER, "%s is no Vulkan loader: it has no "
                            "vkGetInstanceProcAddr; reinstall libvulkan1", names[i]);
        }
        if (i == 0) {
            const char *text = dlerror();
            why = text ? text : why;
        }
    }
    return pum_fail(PUM_E_NO_LOADER,
                    "no Vulkan loader (%s): install it (Debian and Ubuntu: apt-get install "
                    "libvulkan1 mesa-vulkan-drivers; Fedora: vulkan-loader; Arch: "
                    "vulkan-icd-loader)", why);
}

#define LOADER_FUNCTION(instance, name) ((PFN_##name)(instance)->get_proc(NULL, #name))

static pum_status loader_version(struct gpu_instance *instance)
{
    PFN_vkEnumerateInstanceVersion version =
        LOADER_FUNCTION(instance, vkEnumerateInstanceVersion);
    uint32_t api = VK_API_VERSION_1_0;
    if (version)
        PUM_TRY(gpu_result(version(&api), "vkEnumerateInstanceVersion"));
    if (api < VK_API_VERSION_1_1)
        return pum_fail(PUM_E_NO_LOADER, "the Vulkan loader is of version 1.0; 1.1 is needed: "
                        "install a newer libvulkan1");
    uint32_t minor = VK_API_VERSION_MINOR(api);
    instance->api_version = api >= VK_API_VERSION_1_3 ? VK_API_VERSION_1_3
                                                      : VK_MAKE_API_VERSION(0, 1, minor, 0);
    return PUM_OK;
}

static pum_status find_extensions(struct gpu_instance *instance, bool *out_debug_utils,
                                  bool *out_portability)
{
    PFN_vkEnumerateInstanceExtensionProperties enumerate =
        LOADER_FUNCTION(instance, vkEnumerateInstanceExtensionProperties);
    *out_debug_utils = *out_portability = false;
    uint32_t count = 0;
    if (!enumerate || enumerate(NULL, &count, NULL) != VK_SUCCESS || count == 0)
        return PUM_OK;
    VkExtensionProperties *list = pum_alloc(instance->context, count, sizeof(*list));
    if (!list)
        return PUM_E_MEMORY;
    if (enumerate(NULL, &count, list) >= VK_SUCCESS) {
        for (uint32_t i = 0; i < count; ++i) {
            if (strcmp(list[i].extensionName, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) == 0)
                *out_debug_utils = true;
            if (strcmp(list[i].extensionName, "VK_KHR_portability_enumeration") == 0)
                *out_portability = true;
        }
    }
    pum_free(instance->context, list);
    return PUM_OK;
}

/* --- The instance --- */

static pum_status load_functions(struct gpu_instance *instance)
{
    PFN_vkVoidFunction got;
#define XX(name)                                                                                   \
    got = instance->get_proc(instance->handle, "vk" #name);                                        \
    if (!got)                                                                                      \
        return pum_fail(PUM_E_DRIVER, "the Vulkan loader has no vk" #name);                        \
    instance->vk.vk##name = (PFN_vk##name)got;
    GPU_INSTANCE_FUNCTION_MAP(XX)
#undef XX
    if (instance->debug_utils) {
#define XX(name)                                                                                   \
    instance->vk.vk##name = (PFN_vk##name)instance->get_proc(instance->handle, "vk" #name);        \
    if (!instance->vk.vk##name)                                                                    \
        instance->debug_utils = false;
        GPU_DEBUG_FUNCTION_MAP(XX)
#undef XX
    }
    return PUM_OK;
}

static pum_status create_handle(struct gpu_instance *instance)
{
    bool portability;
    PUM_TRY(loader_version(instance));
    PUM_TRY(find_extensions(instance, &instance->debug_utils, &portability));
    PFN_vkCreateInstance create = LOADER_FUNCTION(instance, vkCreateInstance);
    if (!create)
        return pum_fail(PUM_E_NO_LOADER, "the Vulkan loader has no vkCreateInstance; reinstall it");

    const char *extensions[2];
    uint32_t extension_count = 0;
    if (instance->debug_utils)
        extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    if (portability)
        extensions[extension_count++] = "VK_KHR_portability_enumeration";
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pEngineName = "pumice",
        .engineVersion = VK_MAKE_API_VERSION(0, PUM_VERSION_MAJOR, PUM_VERSION_MINOR,
                                             PUM_VERSION_PATCH),
        .apiVersion = instance->api_version,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .flags = portability ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
        .pApplicationInfo = &application,
        .enabledExtensionCount = extension_count,
        .ppEnabledExtensionNames = extensions,
    };
    VkResult result = create(&info, &instance->host_memory.callbacks, &instance->handle);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
        return pum_fail(PUM_E_NO_DEVICE, "no Vulkan driver: " DRIVER_ADVICE);
    PUM_TRY(gpu_result(result, "vkCreateInstance"));
    return load_functions(instance);
}

static pum_status list_physicals(struct gpu_instance *instance)
{
    uint32_t count = 0;
    VkResult result = instance->vk.vkEnumeratePhysicalDevices(instance->handle, &count, NULL);
    /* Loaders give INITIALIZATION_FAILED when no driver finds a device. */
    if (result == VK_ERROR_INITIALIZATION_FAILED || (result == VK_SUCCESS && count == 0))
        return pum_fail(PUM_E_NO_DEVICE,
                        "there are Vulkan drivers, but none finds a device: " DRIVER_ADVICE);
    PUM_TRY(gpu_result(result, "vkEnumeratePhysicalDevices"));

    VkPhysicalDevice *handles = pum_alloc(instance->context, count, sizeof(VkPhysicalDevice));
    instance->physicals = pum_alloc(instance->context, count, sizeof(*instance->physicals));
    instance->adapters = pum_alloc(instance->context, count, sizeof(*instance->adapters));
    pum_status status = PUM_E_MEMORY;
    if (!handles || !instance->physicals || !instance->adapters)
        goto done;
    result = instance->vk.vkEnumeratePhysicalDevices(instance->handle, &count, handles);
    status = result == VK_INCOMPLETE ? PUM_OK : gpu_result(result, "vkEnumeratePhysicalDevices");
    for (uint32_t i = 0; i < count && status == PUM_OK; ++i) {
        status = gpu_adapter_read(instance, handles[i], &instance->physicals[i],
                                  &instance->adapters[i]);
        instance->count = (int32_t)i + 1;
    }
done:
    pum_free(instance->context, handles);
    return status;
}

pum_status gpu_instance_create(pum_context *context, const struct gpu_hooks *hooks,
                               struct gpu_instance **out_instance)
{
    *out_instance = NULL;
    struct gpu_instance *instance = pum_alloc(context, 1, sizeof(*instance));
    if (!instance)
        return PUM_E_MEMORY;
    instance->context = context;
    gpu_host_memory_init(&instance->host_memory, context);
    pum_status status;
    PUM_TRY_GOTO(loader_open(instance, hooks ? hooks->loader : NULL), fail);
    PUM_TRY_GOTO(create_handle(instance), fail);
    PUM_TRY_GOTO(list_physicals(instance), fail);
    *out_instance = instance;
    return PUM_OK;
fail:
    gpu_instance_destroy(&instance);
    return status;
}

void gpu_instance_destroy(struct gpu_instance **instance_pointer)
{
    struct gpu_instance *instance = instance_pointer ? *instance_pointer : NULL;
    if (!instance)
        return;
    *instance_pointer = NULL;
    if (instance->handle && instance->vk.vkDestroyInstance)
        instance->vk.vkDestroyInstance(instance->handle, &instance->host_memory.callbacks);
    gpu_host_memory_finish(&instance->host_memory);
    pum_free(instance->context, instance->physicals);
    pum_free(instance->context, instance->adapters);
    pum_free(instance->context, instance);
}
