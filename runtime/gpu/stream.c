/* SPDX-License-Identifier: MIT
 *
 * stream.c - the device's one queue as a timeline of tickets: submit, wait, ask. A timeline
 * semaphore counts the tickets; where the driver has none, a ring of fences does, which is waited
 * for in short slices so that nobody waits on a fence while another resets it.
 */
#include "gpu/device_internal.h"

#include <inttypes.h>

#define FENCE_SLICE_NS 1000000u

static pum_status init_timeline(struct pum_device *device)
{
    struct gpu_stream *stream = &device->stream;
    bool core = device->physical->api_version >= VK_API_VERSION_1_2;
    stream->wait_semaphores = core ? device->vk.vkWaitSemaphores : device->vk.vkWaitSemaphoresKHR;
    stream->get_counter = core ? device->vk.vkGetSemaphoreCounterValue
                               : device->vk.vkGetSemaphoreCounterValueKHR;
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    PUM_TRY(GPU_VK(device, device->vk.vkCreateSemaphore(device->handle, &info,
                                                        gpu_callbacks(device),
                                                        &stream->timeline)));
    gpu_device_name(device, VK_OBJECT_TYPE_SEMAPHORE, (uint64_t)stream->timeline, "pumice stream");
    return PUM_OK;
}

static pum_status init_fences(struct pum_device *device)
{
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    for (int i = 0; i < GPU_FENCE_RING; ++i)
        if (!device->stream.fences[i])
            PUM_TRY(GPU_VK(device, device->vk.vkCreateFence(device->handle, &info,
                                                            gpu_callbacks(device),
                                                            &device->stream.fences[i])));
    return PUM_OK;
}

pum_status gpu_stream_prepare(struct pum_device *device)
{
    struct gpu_stream *stream = &device->stream;
    pum_status status = PUM_OK;
    base_lock_take(&stream->lock);
    if (!stream->ready) {
        status = device->physical->timeline && !device->hooks.hide_timeline
                     ? init_timeline(device)
                     : init_fences(device);
        stream->ready = status == PUM_OK;
    }
    base_lock_release(&stream->lock);
    return status;
}

void gpu_stream_finish(struct pum_device *device)
{
    struct gpu_stream *stream = &device->stream;
    if (stream->timeline)
        device->vk.vkDestroySemaphore(device->handle, stream->timeline, gpu_callbacks(device));
    for (int i = 0; i < GPU_FENCE_RING; ++i)
        if (stream->fences[i])
            device->vk.vkDestroyFence(device->handle, stream->fences[i], gpu_callbacks(device));
}

static void note_completed(struct gpu_stream *stream, uint64_t ticket)
{
    unsigned long long known = atomic_load(&stream->completed);
    while (known < ticket &&
           !atomic_compare_exchange_weak(&stream->completed, &known, ticket))
        ;
}

/* --- Fences; all with the lock held --- */

/* Waits up to timeout_ns for the fence of a slot; VK_TIMEOUT when it is not reached. */
static VkResult fence_wait(struct pum_device *device, uint32_t slot, uint64_t timeout_ns)
{
    struct gpu_stream *stream = &device->stream;
    VkResult result = device->vk.vkWaitForFences(device->handle, 1, &stream->fences[slot], VK_TRUE,
                                                 timeout_ns);
    if (result == VK_SUCCESS)
        note_completed(stream, stream->fence_tickets[slot]);
    return result;
}

/* Makes the slot of the next ticket free: its earlier ticket must have been reached. */
static pum_status fence_prepare(struct pum_device *device, uint32_t slot)
{
    struct gpu_stream *stream = &device->stream;
    if (stream->fence_tickets[slot] == 0)
        return PUM_OK;
    VkResult result = VK_SUCCESS;
    if (stream->fence_tickets[slot] > atomic_load(&stream->completed))
        result = fence_wait(device, slot, UINT64_MAX);
    PUM_TRY(gpu_device_result(device, result, "vkWaitForFences"));
    return GPU_VK(device, device->vk.vkResetFences(device->handle, 1, &stream->fences[slot]));
}

/* --- Submitting --- */

static pum_status submit_locked(struct pum_device *device, struct gpu_commands *commands,
                                uint64_t ticket)
{
    struct gpu_stream *stream = &device->stream;
    uint32_t slot = (uint32_t)(ticket % GPU_FENCE_RING);
    VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &ticket,
    };
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands->handle,
    };
    VkFence fence = VK_NULL_HANDLE;
    if (stream->timeline) {
        info.pNext = &values;
        info.signalSemaphoreCount = 1;
        info.pSignalSemaphores = &stream->timeline;
    } else {
        PUM_TRY(fence_prepare(device, slot));
        fence = stream->fences[slot];
    }
    /* A fence that was reset but not submitted must not be waited for. */
    stream->fence_tickets[slot] = 0;
    PUM_TRY(GPU_VK(device, device->vk.vkQueueSubmit(device->queue, 1, &info, fence)));
    stream->fence_tickets[slot] = ticket;
    stream->submitted = ticket;
    return PUM_OK;
}

pum_status gpu_submit(struct pum_device *device, struct gpu_commands *commands,
                      uint64_t *out_ticket)
{
    *out_ticket = 0;
    PUM_TRY(gpu_device_status(device));
    if (commands->state != COMMANDS_READY)
        return pum_fail(PUM_E_STATE, "'%s': commands must be recorded and ended before submission",
                        commands->name);
    bool idle = true;
    if (commands->ticket)
        PUM_TRY(gpu_is_done(device, commands->ticket, &idle));
    if (!idle)
        return pum_fail(PUM_E_STATE, "'%s': the commands are still in flight; wait for them first",
                        commands->name);
    base_lock_take(&device->stream.lock);
    uint64_t ticket = device->stream.submitted + 1;
    pum_status status = submit_locked(device, commands, ticket);
    base_lock_release(&device->stream.lock);
    PUM_TRY(status);
    atomic_fetch_add(&device->submissions, 1);
    commands->ticket = ticket;
    *out_ticket = ticket;
    return PUM_OK;
}

/* --- Waiting --- */

static pum_status check_ticket(struct pum_device *device, uint64_t ticket)
{
    base_lock_take(&device->stream.lock);
    uint64_t submitted = device->stream.submitted;
    base_lock_release(&device->stream.lock);
    if (ticket > submitted)
        return pum_fail(PUM_E_ARGUMENT, "ticket %" PRIu64 " was never given; the last is %" PRIu64,
                        ticket, submitted);
    return PUM_OK;
}

/* One slice of waiting: VK_SUCCESS, VK_TIMEOUT, or an error. */
static VkResult fence_slice(struct pum_device *device, uint64_t ticket, uint64_t timeout_ns)
{
    struct gpu_stream *stream = &device->stream;
    VkResult result = VK_SUCCESS;
    base_lock_take(&stream->lock);
    if (atomic_load(&stream->completed) < ticket) {
        /* The slot's ticket is this one: a later one would have waited for this. */
        uint32_t slot = (uint32_t)(ticket % GPU_FENCE_RING);
        result = fence_wait(device, slot, timeout_ns);
    }
    base_lock_release(&stream->lock);
    return result;
}

static VkResult fences_wait(struct pum_device *device, uint64_t ticket, uint64_t timeout_ns)
{
    uint64_t start = base_time_ns();
    for (;;) {
        uint64_t spent = base_time_ns() - start;
        uint64_t left = spent < timeout_ns ? timeout_ns - spent : 0;
        VkResult result =
            fence_slice(device, ticket, left < FENCE_SLICE_NS ? left : FENCE_SLICE_NS);
        if (result != VK_TIMEOUT || left <= FENCE_SLICE_NS)
            return result;
    }
}

pum_status gpu_wait(struct pum_device *device, uint64_t ticket, uint64_t timeout_ns)
{
    struct gpu_stream *stream = &device->stream;
    if (atomic_load(&stream->completed) >= ticket)
        return PUM_OK;
    PUM_TRY(gpu_device_status(device));
    PUM_TRY(check_ticket(device, ticket));
    if (!stream->timeline)
        return gpu_device_result(device, fences_wait(device, ticket, timeout_ns),
                                 "vkWaitForFences");
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &stream->timeline,
        .pValues = &ticket,
    };
    PUM_TRY(gpu_device_result(device, stream->wait_semaphores(device->handle, &info, timeout_ns),
                              "vkWaitSemaphores"));
    note_completed(stream, ticket);
    return PUM_OK;
}

pum_status gpu_is_done(struct pum_device *device, uint64_t ticket, bool *out_done)
{
    struct gpu_stream *stream = &device->stream;
    *out_done = atomic_load(&stream->completed) >= ticket;
    if (*out_done)
        return PUM_OK;
    PUM_TRY(gpu_device_status(device));
    PUM_TRY(check_ticket(device, ticket));
    VkResult result;
    if (stream->timeline) {
        uint64_t value = 0;
        result = stream->get_counter(device->handle, stream->timeline, &value);
        if (result == VK_SUCCESS && value <= INT64_MAX)
            note_completed(stream, value);
    } else {
        result = fence_slice(device, ticket, 0);
        if (result == VK_TIMEOUT)
            result = VK_SUCCESS;
    }
    PUM_TRY(gpu_device_result(device, result, "vkGetSemaphoreCounterValue"));
    *out_done = atomic_load(&stream->completed) >= ticket;
    return PUM_OK;
}
