/* SPDX-License-Identifier: MIT
 *
 * pipeline_cache.c - the driver's VkPipelineCache in one file of the context's cache folder. The
 * file has a header of our own (device, driver, size, checksum), so that a damaged or foreign file
 * never reaches the driver: it is ignored with a warning, and written anew. No failure here stops
 * any work. Tests: tests/gpu/test_pipeline_cache.c.
 */
#include "gpu/device_internal.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE_BYTES (256u << 20)
#define FILE_MAGIC "PUMCACHE"
#define FILE_VERSION 1u

struct file_header {
    char magic[8];
    uint32_t version;
    uint32_t driver_version;
    uint8_t pipeline_cache_uuid[16];
    uint64_t payload_bytes;
    uint64_t payload_hash;
    uint64_t header_hash; /* of all fields above */
};

/* FNV-1a. */
uint64_t gpu_hash(uint64_t seed, const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size_bytes; ++i)
        seed = (seed ^ bytes[i]) * 0x100000001b3u;
    return seed;
}

char *gpu_cache_path(struct pum_device *device, const char *kind, const char *suffix,
                     pum_status *out_status)
{
    *out_status = PUM_OK;
    const char *folder = device->context->cache_dir;
    if (!folder)
        return NULL;
    /* The driver's text tells builds apart that share a version number. */
    const pum_device_info *info = &device->info;
    uint64_t driver = gpu_hash(GPU_HASH_SEED, device->physical->driver_uuid, 16);
    driver = gpu_hash(driver, info->driver, strlen(info->driver));
    driver = gpu_hash(driver, info->name, strlen(info->name));
    driver = gpu_hash(driver, &info->driver_version, sizeof(info->driver_version));
    char name[128];
    snprintf(name, sizeof(name), "%s-%04x-%04x-%016" PRIx64 "-%s%s", kind, info->vendor_id,
             info->device_id, driver, pum_version(), suffix);
    size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = pum_alloc(device->context, bytes, 1);
    if (!path) {
        *out_status = PUM_E_MEMORY;
        return NULL;
    }
    snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

static struct file_header make_header(const struct pum_device *device, const void *payload,
                                      size_t payload_bytes)
{
    struct file_header header;
    memset(&header, 0, sizeof(header));
    memcpy(header.magic, FILE_MAGIC, sizeof(header.magic));
    header.version = FILE_VERSION;
    header.driver_version = device->info.driver_version;
    memcpy(header.pipeline_cache_uuid, device->physical->pipeline_cache_uuid,
           sizeof(header.pipeline_cache_uuid));
    header.payload_bytes = payload_bytes;
    header.payload_hash = gpu_hash(GPU_HASH_SEED, payload, payload_bytes);
    header.header_hash =
        gpu_hash(GPU_HASH_SEED, &header, offsetof(struct file_header, header_hash));
    return header;
}

/* --- Reading --- */

/* What is wrong with a file; NULL if nothing is. */
static const char *find_fault(const struct pum_device *device, const uint8_t *file,
                              size_t file_bytes)
{
    struct file_header header;
    if (file_bytes < sizeof(header))
        return "it is truncated";
    memcpy(&header, file, sizeof(header));
    if (memcmp(header.magic, FILE_MAGIC, sizeof(header.magic)) != 0)
        return "it is no pipeline cache";
    if (header.version != FILE_VERSION)
        return "it is of another version";
    if (header.header_hash !=
        gpu_hash(GPU_HASH_SEED, &header, offsetof(struct file_header, header_hash)))
        return "its header is damaged";
    if (header.payload_bytes != file_bytes - sizeof(header))
        return header.payload_bytes > file_bytes - sizeof(header) ? "it is truncated"
                                                                  : "it is too long";
    if (header.driver_version != device->info.driver_version ||
        memcmp(header.pipeline_cache_uuid, device->physical->pipeline_cache_uuid,
               sizeof(header.pipeline_cache_uuid)) != 0)
        return "it was written by another driver";
    if (header.payload_hash !=
        gpu_hash(GPU_HASH_SEED, file + sizeof(header), file_bytes - sizeof(header)))
        return "its content is damaged";
    return NULL;
}

/* Reads the file if it is there and good; *out_file is NULL otherwise. */
static void read_file(struct pum_device *device, const char *path, uint8_t **out_file,
                      size_t *out_bytes)
{
    pum_context *context = device->context;
    *out_file = NULL;
    *out_bytes = 0;
    if (access(path, F_OK) != 0) {
        pum_log(context, PUM_LOG_DEBUG, "no pipeline cache yet: %s", path);
        return;
    }
    uint8_t *file;
    size_t bytes;
    if (base_file_read(context, path, MAX_FILE_BYTES, &file, &bytes) != PUM_OK) {
        pum_log(context, PUM_LOG_WARNING, "pipeline cache is ignored: %s", pum_last_error());
        return;
    }
    const char *fault = find_fault(device, file, bytes);
    if (fault) {
        pum_log(context, PUM_LOG_WARNING, "pipeline cache %s is ignored: %s", path, fault);
        pum_free(context, file);
        return;
    }
    *out_file = file;
    *out_bytes = bytes;
}

static VkResult create_cache(struct pum_device *device, const void *data, size_t bytes)
{
    VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = bytes,
        .pInitialData = data,
    };
    VkResult result = device->vk.vkCreatePipelineCache(device->handle, &info,
                                                       gpu_callbacks(device),
                                                       &device->cache.handle);
    if (result != VK_SUCCESS)
        device->cache.handle = VK_NULL_HANDLE;
    return result;
}

pum_status gpu_pipeline_cache_init(struct pum_device *device)
{
    pum_status status;
    char *path = gpu_cache_path(device, "pipelines", ".cache", &status);
    PUM_TRY(status);
    uint8_t *file = NULL;
    size_t bytes = 0;
    if (path)
        read_file(device, path, &file, &bytes);
    pum_free(device->context, path);
    if (file) {
        size_t payload = bytes - sizeof(struct file_header);
        const uint8_t *data = file + sizeof(struct file_header);
        if (create_cache(device, data, payload) == VK_SUCCESS) {
            device->cache.known_hash = gpu_hash(GPU_HASH_SEED, data, payload);
            atomic_store(&device->cache_bytes_loaded, payload);
        } else {
            pum_log(device->context, PUM_LOG_WARNING, "the driver refuses its pipeline cache");
        }
        pum_free(device->context, file);
    }
    if (!device->cache.handle)
        return GPU_VK(device, create_cache(device, NULL, 0));
    return PUM_OK;
}

/* --- Writing --- */

/* The file's content, header included; the payload begins behind the header. */
static pum_status fetch(struct pum_device *device, uint8_t **out_file, size_t *out_bytes)
{
    *out_file = NULL;
    size_t payload = 0;
    PUM_TRY(GPU_VK(device, device->vk.vkGetPipelineCacheData(device->handle, device->cache.handle,
                                                             &payload, NULL)));
    if (payload > MAX_FILE_BYTES - sizeof(struct file_header))
        return pum_fail(PUM_E_UNSUPPORTED, "the driver's pipeline cache has %zu bytes", payload);
    uint8_t *file = pum_alloc(device->context, sizeof(struct file_header) + payload, 1);
    if (!file)
        return PUM_E_MEMORY;
    /* VK_INCOMPLETE: it grew meanwhile; what was given is whole in itself. */
    uint8_t *data = file + sizeof(struct file_header);
    VkResult result = device->vk.vkGetPipelineCacheData(device->handle, device->cache.handle,
                                                        &payload, data);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
        pum_free(device->context, file);
        return gpu_device_result(device, result, "vkGetPipelineCacheData");
    }
    struct file_header header = make_header(device, data, payload);
    memcpy(file, &header, sizeof(header));
    *out_file = file;
    *out_bytes = sizeof(header) + payload;
    return PUM_OK;
}

static pum_status write_file(struct pum_device *device, const uint8_t *file, size_t bytes)
{
    size_t payload = bytes - sizeof(struct file_header);
    uint64_t hash = gpu_hash(GPU_HASH_SEED, file + sizeof(struct file_header), payload);
    if (payload == 0 || hash == device->cache.known_hash)
        return PUM_OK;
    pum_status status;
    char *path = gpu_cache_path(device, "pipelines", ".cache", &status);
    if (!path)
        return status;
    status = base_file_write_atomic(device->context, path, file, bytes);
    if (status == PUM_OK) {
        device->cache.known_hash = hash;
        atomic_fetch_add(&device->cache_files_written, 1);
        pum_log(device->context, PUM_LOG_DEBUG, "wrote %zu bytes: %s", bytes, path);
    }
    pum_free(device->context, path);
    return status;
}

pum_status gpu_pipeline_cache_save(struct pum_device *device)
{
    if (!device->cache.handle || !device->context->cache_dir)
        return PUM_OK;
    base_lock_take(&device->pipelines.lock);
    pum_status status = PUM_OK;
    uint64_t created = atomic_load(&device->pipelines_created);
    if (created != device->cache.saved_pipelines && !atomic_load(&device->lost)) {
        uint8_t *file;
        size_t bytes = 0;
        status = fetch(device, &file, &bytes);
        if (status == PUM_OK)
            status = write_file(device, file, bytes);
        pum_free(device->context, file);
        device->cache.saved_pipelines = created;
    }
    base_lock_release(&device->pipelines.lock);
    if (status != PUM_OK)
        pum_log(device->context, PUM_LOG_WARNING, "the pipeline cache is not kept: %s",
                pum_last_error());
    return status;
}

void gpu_pipeline_cache_finish(struct pum_device *device)
{
    (void)gpu_pipeline_cache_save(device);
    if (device->cache.handle)
        device->vk.vkDestroyPipelineCache(device->handle, device->cache.handle,
                                          gpu_callbacks(device));
    device->cache.handle = VK_NULL_HANDLE;
}
