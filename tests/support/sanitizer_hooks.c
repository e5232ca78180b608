/* SPDX-License-Identifier: MIT
 *
 * sanitizer_hooks.c - linked into the programs of a build with AddressSanitizer, so that its leak
 * report is about Pumice. Vulkan drivers keep memory of their own when they are unloaded; a leak
 * can be laid at a driver's door only while the driver is loaded, so unloading is switched off and
 * leaks from within drivers, and what they load, are left out. Leaks of Pumice stay in.
 */
#define SEEN_BY_LIBRARIES __attribute__((visibility("default")))

SEEN_BY_LIBRARIES int dlclose(void *handle);
SEEN_BY_LIBRARIES const char *__lsan_default_suppressions(void);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

const char *__lsan_default_suppressions(void)
{
    return "leak:libvulkan_\n"     /* Mesa's drivers */
           "leak:libvk_swiftshader\n"
           "leak:libVkLayer_\n"    /* validation */
           "leak:libLLVM\n"
           "leak:libgallium\n";
}
