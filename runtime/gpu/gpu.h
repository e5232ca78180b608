/* SPDX-License-Identifier: MIT
 *
 * gpu.h - the GPU room's face. The only room that calls Vulkan; nothing here shows a Vulkan type.
 * Works in buffers, pipelines, recorded commands and tickets; knows nothing of tensors or
 * operators. One instance and one set of function tables a device (volk's per-device tables), no
 * global state. Every object is made from a device and destroyed before it.
 * Threads: all functions are safe on different objects; buffers and commands by one thread at a
 * time; submissions of one device are ordered by an internal lock. Tests: tests/gpu/.
 */
#ifndef PUM_GPU_GPU_H
#define PUM_GPU_GPU_H

#include "base/caps.h"
#include "base/context.h"

/* The struct behind the public handle; gpu/device_internal.h has its fields. */
struct pum_device;

/* --- Device (the public pum_device_* functions are implemented here too) --- */
const struct base_caps *gpu_device_caps(const struct pum_device *device);
pum_context *gpu_device_context(const struct pum_device *device);
uint32_t gpu_device_budget_ms(const struct pum_device *device);
float gpu_device_timestamp_period(const struct pum_device *device); /* 0: no timestamps */
/* PUM_OK, or the sticky error of a lost device. */
pum_status gpu_device_status(const struct pum_device *device);
/* Adds a kernel row to the quarantine list of this driver version: now (caps->quarantined) and in
 * the cache folder. Rows already there are read when the device is opened. */
pum_status gpu_device_quarantine(struct pum_device *device, const char *kernel);

/* --- Buffers: device memory. `host` picks memory that the host can map. --- */
enum gpu_buffer_kind {
    GPU_BUFFER_DEVICE,   /* device local; mapped too where memory is unified */
    GPU_BUFFER_UPLOAD,   /* host visible, written by the host, read by copies and kernels */
    GPU_BUFFER_READBACK  /* host visible and cached, read by the host */
};
struct gpu_buffer;

/* PUM_E_DEVICE_MEMORY says how much was asked for and what the heap has. size 0 is made 4. */
pum_status gpu_buffer_create(struct pum_device *device, uint64_t size_bytes,
                             enum gpu_buffer_kind kind, const char *name,
                             struct gpu_buffer **out_buffer);
void gpu_buffer_destroy(struct gpu_buffer **buffer);
uint64_t gpu_buffer_size(const struct gpu_buffer *buffer);
/* Persistently mapped pointer; NULL when the host cannot see it. */
void *gpu_buffer_map(const struct gpu_buffer *buffer);
/* After the host wrote / before it reads a mapped range (no-op on coherent memory). */
pum_status gpu_buffer_flush(struct gpu_buffer *buffer, uint64_t offset, uint64_t bytes);
pum_status gpu_buffer_invalidate(struct gpu_buffer *buffer, uint64_t offset, uint64_t bytes);

/* Blocking transfer through the staging ring (or straight into mapped memory). For weights. */
pum_status gpu_upload(struct pum_device *device, struct gpu_buffer *buffer, uint64_t offset,
                      const void *data, uint64_t bytes);
pum_status gpu_download(struct pum_device *device, struct gpu_buffer *buffer, uint64_t offset,
                        void *data, uint64_t bytes);

/* --- Pipelines --- */
struct gpu_pipeline;

struct gpu_pipeline_params {
    const char *name;         /* kernel row; also the object's debug name */
    const uint32_t *code;     /* SPIR-V; must live as long as the device (static tables do) */
    size_t code_bytes;
    uint32_t binding_count;
    uint32_t push_bytes;
    const uint32_t *spec_ids; /* constant ids and their values */
    const uint32_t *spec_values;
    uint32_t spec_count;
    uint32_t subgroup_size;   /* required size, 0: none; needs BASE_CAP_SUBGROUP_SIZE */
};

/* Gives pipelines for all params: from the device's table (same code, specs and size), else built
 * on several threads. They belong to the device. On failure none is given, and the error names
 * the kernel. */
pum_status gpu_pipelines_get(struct pum_device *device, const struct gpu_pipeline_params *params,
                             int32_t count, struct gpu_pipeline **out_pipelines);

/* The driver's statistics of a pipeline as "name value, ..."; "" where it gives none (asked for by
 * gpu_pipelines_statistics(true) before the pipelines are made). *out_spills: register spills or
 * scratch memory are reported. */
void gpu_pipelines_statistics(struct pum_device *device, bool capture);
pum_status gpu_pipeline_statistics(struct gpu_pipeline *pipeline, char *text, size_t text_bytes,
                                   bool *out_spills);

/* Writes the pipeline cache file now (also done at destroy). Failure is logged, not fatal. */
pum_status gpu_pipeline_cache_save(struct pum_device *device);

/* --- Commands: recorded once, submitted often --- */
struct gpu_commands;

struct gpu_range {
    struct gpu_buffer *buffer;
    uint64_t offset, bytes; /* offset: a multiple of caps->storage_alignment; bytes > 0 */
};

/* Room for max_dispatches descriptor sets of up to max_bindings each (sum) and max_timestamps. */
pum_status gpu_commands_create(struct pum_device *device, int32_t max_dispatches,
                               int32_t max_bindings, int32_t max_timestamps, const char *name,
                               struct gpu_commands **out_commands);
void gpu_commands_destroy(struct gpu_commands **commands);

/* Begin (again: drops what was recorded), record, end. Not while a submission is in flight. */
pum_status gpu_commands_begin(struct gpu_commands *commands);
/* Binds `ranges` (one a binding of the pipeline) and dispatches groups from base on. */
pum_status gpu_commands_dispatch(struct gpu_commands *commands, struct gpu_pipeline *pipeline,
                                 const struct gpu_range *ranges, const void *push,
                                 const uint32_t base[3], const uint32_t groups[3],
                                 const char *label);
/* Everything before (shader writes, transfers) happens before everything after, earlier
 * submissions included: a recording that uses what those wrote begins with a barrier. What the host
 * wrote before the submission is seen without one. */
void gpu_commands_barrier(struct gpu_commands *commands);
/* Shader and transfer writes before become visible to the host after the wait. */
void gpu_commands_barrier_host(struct gpu_commands *commands);
void gpu_commands_copy(struct gpu_commands *commands, const struct gpu_range *from,
                       const struct gpu_range *to);
/* Writes timestamp `index` when everything before has finished. */
void gpu_commands_timestamp(struct gpu_commands *commands, int32_t index);
pum_status gpu_commands_end(struct gpu_commands *commands);
/* Reads [first, first + count) in ticks; the submission has finished. */
pum_status gpu_commands_read_timestamps(struct gpu_commands *commands, int32_t first,
                                        int32_t count, uint64_t *out_ticks);

/* --- Stream: one timeline a device --- */

/* Submits; *out_ticket is reached when everything up to here has finished. Allocates nothing. */
pum_status gpu_submit(struct pum_device *device, struct gpu_commands *commands,
                      uint64_t *out_ticket);
/* PUM_E_TIMEOUT when not reached in time; PUM_E_DEVICE_LOST is sticky. */
pum_status gpu_wait(struct pum_device *device, uint64_t ticket, uint64_t timeout_ns);
pum_status gpu_is_done(struct pum_device *device, uint64_t ticket, bool *out_done);

#endif
