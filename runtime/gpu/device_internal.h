/* SPDX-License-Identifier: MIT
 *
 * device_internal.h - the structs that the files of the GPU room share. Nothing outside the room
 * includes it. Locks: `pipeline_lock` guards the pipeline table, `queue_lock` the queue and its
 * tickets, `staging_lock` the staging ring, `list_lock` the quarantine list; never nested but
 * staging before queue.
 */
#ifndef PUM_GPU_DEVICE_INTERNAL_H
#define PUM_GPU_DEVICE_INTERNAL_H

#include "base/thread.h"
#include "gpu/errors.h"
#include "gpu/gpu.h"
#include "gpu/instance.h"

/* Bindings that a pipeline may have. */
#define GPU_MAX_BINDINGS 32
/* Submissions in flight where fences stand in for a timeline semaphore. */
#define GPU_FENCE_RING 16
#define GPU_STAGING_CHUNKS 3
#define GPU_STAGING_BYTES (16u << 20)

struct gpu_staging_chunk {
    struct gpu_buffer *buffer;
    struct gpu_commands *commands;
    uint64_t ticket; /* 0: never used */
};

/* One ring a direction, made when first used. */
struct gpu_staging {
    struct gpu_staging_chunk chunks[GPU_STAGING_CHUNKS];
};

struct gpu_stream {
    struct base_lock lock;
    bool ready;
    VkSemaphore timeline;          /* VK_NULL_HANDLE: the fences are used */
    PFN_vkWaitSemaphores wait_semaphores;
    PFN_vkGetSemaphoreCounterValue get_counter;
    VkFence fences[GPU_FENCE_RING];
    uint64_t fence_tickets[GPU_FENCE_RING]; /* the last ticket that uses the fence */
    uint64_t submitted;            /* last ticket given */
    atomic_ullong completed;       /* highest ticket known to be reached */
};

struct gpu_pipeline_table {
    struct base_lock lock;
    struct gpu_pipeline **items;
    int32_t count, capacity;
    VkDescriptorSetLayout set_layouts[GPU_MAX_BINDINGS + 1];
    bool capture_statistics;
};

struct gpu_cache_file {
    VkPipelineCache handle;
    uint64_t known_hash;       /* of the payload that was read or written last; 0: none */
    uint64_t saved_pipelines;  /* counters.pipelines_created at the last save */
};

struct gpu_kernel_lists {
    struct base_lock lock;
    /* Every array that caps.quarantined has pointed to: readers may still hold an old one. */
    char ***arrays;
    int32_t array_count, array_capacity;
    char **pinned;
};

struct pum_device {
    pum_context *context;
    struct gpu_instance *instance;
    const struct gpu_physical *physical; /* in the instance */
    struct gpu_hooks hooks;
    struct base_caps caps;
    pum_device_info info;
    VkDevice handle;
    struct VolkDeviceTable vk;
    VkQueue queue;
    atomic_bool lost;
    uint32_t budget_ms;
    float timestamp_period;
    uint32_t fail_allocation;
    struct gpu_stream stream;
    struct gpu_pipeline_table pipelines;
    struct gpu_cache_file cache;
    struct gpu_kernel_lists lists;
    struct base_lock staging_lock;
    struct gpu_staging upload, download;
    atomic_ullong allocation_attempts, allocations, allocated_bytes;
    atomic_ullong pipelines_created, submissions, cache_bytes_loaded, cache_files_written;
};

static inline const VkAllocationCallbacks *gpu_callbacks(const struct pum_device *device)
{
    return &device->instance->host_memory.callbacks;
}

struct gpu_buffer {
    struct pum_device *device;
    VkBuffer handle;
    VkDeviceMemory memory;
    uint64_t size_bytes;       /* asked for */
    uint64_t allocated_bytes;
    void *mapped;
    bool coherent;
};

struct gpu_pipeline {
    struct pum_device *device;
    char *name;
    VkPipeline handle;
    VkPipelineLayout layout;
    bool capture;              /* made with statistics */
    uint64_t hash;
    /* The key: */
    const uint32_t *code;
    size_t code_bytes;
    uint32_t binding_count, push_bytes, subgroup_size, spec_count;
    uint32_t *specs;           /* ids, then values */
};

struct gpu_commands {
    struct pum_device *device;
    VkCommandPool pool;
    VkCommandBuffer handle;
    VkDescriptorPool descriptors;
    VkQueryPool queries;
    int32_t max_dispatches, max_bindings, max_timestamps;
    int32_t dispatch_count, binding_count;
    const struct gpu_pipeline *bound;
    char *name;
    enum { COMMANDS_EMPTY, COMMANDS_RECORDING, COMMANDS_READY } state;
    uint64_t ticket;           /* of the last submission */
};

/* --- device.c --- */
pum_status gpu_device_open(pum_context *context, const pum_device_params *params,
                           const struct gpu_hooks *hooks, pum_device **out_device);
/* Gives an object a name for debuggers and layers, where VK_EXT_debug_utils is there. */
void gpu_device_name(struct pum_device *device, VkObjectType type, uint64_t handle,
                     const char *name);

/* --- stream.c --- */
/* Makes the semaphore or the fences, once; before anything is recorded, since drivers that only
 * compile have neither. */
pum_status gpu_stream_prepare(struct pum_device *device);
void gpu_stream_finish(struct pum_device *device);

/* --- staging.c --- */
void gpu_staging_finish(struct pum_device *device);

/* --- pipeline.c --- */
void gpu_pipelines_finish(struct pum_device *device);

/* --- pipeline_cache.c --- */
pum_status gpu_pipeline_cache_init(struct pum_device *device);
void gpu_pipeline_cache_finish(struct pum_device *device);
/* "FOLDER/KIND-...SUFFIX", named after the device and its driver, and the library; freed with
 * pum_free. NULL if caching is off (then *out_status is PUM_OK) or memory is out. */
char *gpu_cache_path(struct pum_device *device, const char *kind, const char *suffix,
                     pum_status *out_status);
uint64_t gpu_hash(uint64_t seed, const void *data, size_t size_bytes);
#define GPU_HASH_SEED 0xcbf29ce484222325u

/* --- kernel_lists.c --- */
pum_status gpu_kernel_lists_init(struct pum_device *device);
void gpu_kernel_lists_finish(struct pum_device *device);

#endif
