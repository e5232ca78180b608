/* SPDX-License-Identifier: MIT
 *
 * weights.c - constants on the device: uploaded once, in a few large buffers, straight from where
 * they lie (the mapped file) when host and device elements are the same. Tests:
 * tests/exec/test_session.c.
 */
#include "exec/exec.h"

#include "plan/store.h"

#include <string.h>

#define WEIGHT_ALIGNMENT 256u
/* Elements converted at a time when the device holds another type than the file. */
#define CONVERT_CHUNK (1 << 20)

static uint64_t aligned(const struct exec_weights *weights, uint64_t bytes)
{
    uint64_t alignment = gpu_device_caps(weights->device)->storage_alignment;
    if (alignment < WEIGHT_ALIGNMENT)
        alignment = WEIGHT_ALIGNMENT;
    if (bytes == 0)
        bytes = 1;
    return (bytes + alignment - 1) & ~(alignment - 1);
}

static const struct exec_weight *find(const struct exec_weights *weights, int32_t base_id,
                                      const char *key)
{
    for (int32_t i = 0; i < weights->count; i++) {
        const struct exec_weight *item = &weights->items[i];
        bool same_key = item->key && key ? strcmp(item->key, key) == 0 : item->key == key;
        if (item->base_id == base_id && same_key)
            return item;
    }
    return NULL;
}

bool exec_weights_has(void *weights, int32_t base_id, const char *key)
{
    return find(weights, base_id, key) != NULL;
}

static bool is_ours(const struct plan_weight *weight, bool own)
{
    return (weight->base_id < 0) == own;
}

/* A plan's own weights are not shared, so each is new; the session's are new when not there yet and
 * not listed earlier in this plan. */
static bool is_new(const struct exec_weights *weights, const struct plan *plan, int32_t index,
                   bool own)
{
    const struct plan_weight *weight = &plan->weights[index];
    if (!is_ours(weight, own))
        return false;
    return own || !find(weights, weight->base_id, weight->key);
}

static pum_status upload_converted(struct exec_weights *weights, const struct plan_weight *weight,
                                   const struct gpu_range *range)
{
    pum_context *context = gpu_device_context(weights->device);
    size_t from_size = pum_dtype_size(weight->desc.dtype), to_size = store_bytes(weight->store);
    int64_t count = shape_elements(&weight->desc.shape);
    int64_t chunk = count < CONVERT_CHUNK ? count : CONVERT_CHUNK;
    void *temporary = pum_alloc(context, (size_t)(chunk > 0 ? chunk : 1), to_size);
    if (!temporary)
        return PUM_E_MEMORY;
    pum_status status = PUM_OK;
    for (int64_t at = 0; at < count && status == PUM_OK; at += chunk) {
        int64_t now = count - at < chunk ? count - at : chunk;
        status = store_pack(weight->desc.dtype, weight->store,
                            (const char *)weight->data + (size_t)at * from_size, temporary, now);
        if (status == PUM_OK)
            status =
                gpu_upload(weights->device, range->buffer, range->offset + (uint64_t)at * to_size,
                           temporary, (uint64_t)now * to_size);
    }
    pum_free(context, temporary);
    return status;
}

static bool same_elements(const struct plan_weight *weight)
{
    return (weight->desc.dtype == PUM_DTYPE_F32 && weight->store == STORE_F32) ||
           (weight->desc.dtype == PUM_DTYPE_F16 && weight->store == STORE_F16) ||
           (weight->desc.dtype == PUM_DTYPE_I32 && weight->store == STORE_I32);
}

static pum_status upload(struct exec_weights *weights, struct plan_weight *weight,
                         const struct gpu_range *range)
{
    if (weight->bytes == 0)
        return PUM_OK;
    if (weight->packed)
        return gpu_upload(weights->device, range->buffer, range->offset, weight->packed,
                          weight->bytes);
    if (!weight->data)
        return pum_fail(PUM_E_INTERNAL, "a packed weight is gone");
    if (same_elements(weight))
        return gpu_upload(weights->device, range->buffer, range->offset, weight->data,
                          weight->bytes);
    return upload_converted(weights, weight, range);
}

static pum_status add_buffer(struct exec_weights *weights, uint64_t bytes)
{
    pum_context *context = gpu_device_context(weights->device);
    PUM_TRY(pum_grow(context, &weights->buffers, &weights->buffer_capacity, weights->buffer_count,
                     sizeof *weights->buffers));
    PUM_TRY(gpu_buffer_create(weights->device, bytes, GPU_BUFFER_DEVICE, "weights",
                              &weights->buffers[weights->buffer_count]));
    weights->buffer_count++;
    return PUM_OK;
}

/* The bytes that fit into the next buffer, from weight `first` on. */
static uint64_t next_buffer_bytes(const struct exec_weights *weights, const struct plan *plan,
                                  int32_t first, bool own)
{
    uint64_t total = 0, limit = gpu_device_caps(weights->device)->max_buffer_bytes;
    for (int32_t i = first; i < plan->weight_count; i++) {
        if (!is_new(weights, plan, i, own))
            continue;
        uint64_t bytes = aligned(weights, plan->weights[i].bytes);
        if (total > 0 && total + bytes > limit)
            break;
        total += bytes;
    }
    return total;
}

static pum_status remember(struct exec_weights *weights, const struct plan_weight *weight,
                           const struct gpu_range *range)
{
    pum_context *context = gpu_device_context(weights->device);
    PUM_TRY(pum_grow(context, &weights->items, &weights->capacity, weights->count,
                     sizeof *weights->items));
    struct exec_weight item = {.base_id = weight->base_id, .range = *range};
    if (weight->key && !(item.key = pum_strdup(context, weight->key)))
        return PUM_E_MEMORY;
    weights->items[weights->count++] = item;
    return PUM_OK;
}

pum_status exec_weights_add(struct exec_weights *weights, struct plan *plan, bool own,
                            struct gpu_range *ranges, void (*progress)(void *user, float fraction),
                            void *progress_user)
{
    uint64_t at = 0, room = 0, done = 0;
    for (int32_t i = 0; i < plan->weight_count; i++) {
        struct plan_weight *weight = &plan->weights[i];
        if (!is_ours(weight, own))
            continue;
        if (is_new(weights, plan, i, own)) {
            uint64_t bytes = aligned(weights, weight->bytes);
            if (at + bytes > room) {
                room = next_buffer_bytes(weights, plan, i, own);
                PUM_TRY(add_buffer(weights, room));
                at = 0;
            }
            ranges[i] = (struct gpu_range){weights->buffers[weights->buffer_count - 1], at,
                                           weight->bytes ? weight->bytes : 4};
            PUM_TRY(upload(weights, weight, &ranges[i]));
            PUM_TRY(remember(weights, weight, &ranges[i]));
            at += bytes;
            done += weight->bytes;
            if (progress && plan->weight_bytes > 0)
                progress(progress_user, (float)done / (float)plan->weight_bytes);
        } else {
            ranges[i] = find(weights, weight->base_id, weight->key)->range;
        }
        pum_free(gpu_device_context(weights->device), weight->packed);
        weight->packed = NULL;
    }
    return PUM_OK;
}

void exec_weights_free(struct exec_weights *weights)
{
    if (!weights->device)
        return;
    pum_context *context = gpu_device_context(weights->device);
    for (int32_t i = 0; i < weights->count; i++)
        pum_free(context, weights->items[i].key);
    for (int32_t i = 0; i < weights->buffer_count; i++)
        gpu_buffer_destroy(&weights->buffers[i]);
    pum_free(context, weights->items);
    pum_free(context, weights->buffers);
    *weights = (struct exec_weights){0};
}
