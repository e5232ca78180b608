/* SPDX-License-Identifier: MIT
 *
 * staging.c - blocking transfers between host memory and buffers: a plain copy where the buffer is
 * mapped, else through a ring of staging chunks, so that the host fills or empties one while the
 * device copies another. The rings are made when first used. Tests: tests/gpu/test_buffers.c.
 */
#include "gpu/device_internal.h"

#include <inttypes.h>
#include <string.h>

/* Chunks begin this small and grow, by powers of two, to GPU_STAGING_BYTES. */
#define SMALLEST_CHUNK (64u << 10)

/* A transfer in pieces; piece i uses chunk i modulo the ring's size. */
struct transfer {
    struct pum_device *device;
    struct gpu_staging *ring;
    struct gpu_buffer *buffer;
    uint64_t offset, bytes;
    bool upload;
};

static pum_status make_chunk(struct transfer *t, struct gpu_staging_chunk *chunk, uint64_t bytes)
{
    if (chunk->buffer && gpu_buffer_size(chunk->buffer) >= bytes)
        return PUM_OK;
    uint64_t room = SMALLEST_CHUNK;
    while (room < bytes)
        room *= 2;
    gpu_buffer_destroy(&chunk->buffer);
    PUM_TRY(gpu_buffer_create(t->device, room,
                              t->upload ? GPU_BUFFER_UPLOAD : GPU_BUFFER_READBACK,
                              t->upload ? "staging upload" : "staging readback", &chunk->buffer));
    if (!chunk->commands)
        PUM_TRY(gpu_commands_create(t->device, 0, 0, 0, "staging", &chunk->commands));
    return PUM_OK;
}

static struct gpu_staging_chunk *piece_chunk(const struct transfer *t, uint64_t piece)
{
    return &t->ring->chunks[piece % GPU_STAGING_CHUNKS];
}

static uint64_t piece_bytes(const struct transfer *t, uint64_t piece)
{
    uint64_t left = t->bytes - piece * GPU_STAGING_BYTES;
    return left < GPU_STAGING_BYTES ? left : GPU_STAGING_BYTES;
}

/* Waits for the chunk's last copy, so that the host may use it. */
static pum_status chunk_wait(const struct transfer *t, struct gpu_staging_chunk *chunk)
{
    if (chunk->ticket)
        PUM_TRY(gpu_wait(t->device, chunk->ticket, UINT64_MAX));
    chunk->ticket = 0;
    return PUM_OK;
}

static pum_status piece_submit(struct transfer *t, uint64_t piece)
{
    struct gpu_staging_chunk *chunk = piece_chunk(t, piece);
    uint64_t bytes = piece_bytes(t, piece);
    struct gpu_range staging = {chunk->buffer, 0, bytes};
    struct gpu_range target = {t->buffer, t->offset + piece * GPU_STAGING_BYTES, bytes};
    PUM_TRY(gpu_commands_begin(chunk->commands));
    gpu_commands_barrier(chunk->commands);
    gpu_commands_copy(chunk->commands, t->upload ? &staging : &target,
                      t->upload ? &target : &staging);
    if (!t->upload)
        gpu_commands_barrier_host(chunk->commands);
    PUM_TRY(gpu_commands_end(chunk->commands));
    return gpu_submit(t->device, chunk->commands, &chunk->ticket);
}

static pum_status upload_piece(struct transfer *t, uint64_t piece, const uint8_t *data)
{
    struct gpu_staging_chunk *chunk = piece_chunk(t, piece);
    uint64_t bytes = piece_bytes(t, piece);
    PUM_TRY(chunk_wait(t, chunk));
    PUM_TRY(make_chunk(t, chunk, bytes));
    memcpy(gpu_buffer_map(chunk->buffer), data + piece * GPU_STAGING_BYTES, (size_t)bytes);
    PUM_TRY(gpu_buffer_flush(chunk->buffer, 0, bytes));
    return piece_submit(t, piece);
}

static pum_status download_start(struct transfer *t, uint64_t piece)
{
    PUM_TRY(make_chunk(t, piece_chunk(t, piece), piece_bytes(t, piece)));
    return piece_submit(t, piece);
}

static pum_status download_piece(struct transfer *t, uint64_t piece, uint8_t *data)
{
    struct gpu_staging_chunk *chunk = piece_chunk(t, piece);
    uint64_t bytes = piece_bytes(t, piece);
    PUM_TRY(chunk_wait(t, chunk));
    PUM_TRY(gpu_buffer_invalidate(chunk->buffer, 0, bytes));
    memcpy(data + piece * GPU_STAGING_BYTES, gpu_buffer_map(chunk->buffer), (size_t)bytes);
    return PUM_OK;
}

/* Also after a failure: no copy may still use the caller's buffer when the transfer returns. */
static pum_status settle(const struct transfer *t, pum_status status)
{
    for (int i = 0; i < GPU_STAGING_CHUNKS; ++i) {
        pum_status waited = chunk_wait(t, &t->ring->chunks[i]);
        if (status == PUM_OK)
            status = waited;
    }
    return status;
}

static pum_status check_transfer(const struct gpu_buffer *buffer, uint64_t offset, uint64_t bytes)
{
    if (offset > buffer->size_bytes || bytes > buffer->size_bytes - offset || bytes > SIZE_MAX)
        return pum_fail(PUM_E_ARGUMENT,
                        "transfer of %" PRIu64 " bytes at %" PRIu64 " of a buffer of %" PRIu64,
                        bytes, offset, buffer->size_bytes);
    return PUM_OK;
}

pum_status gpu_upload(struct pum_device *device, struct gpu_buffer *buffer, uint64_t offset,
                      const void *data, uint64_t bytes)
{
    PUM_TRY(check_transfer(buffer, offset, bytes));
    PUM_TRY(gpu_device_status(device));
    if (bytes == 0)
        return PUM_OK;
    if (buffer->mapped) {
        memcpy((uint8_t *)buffer->mapped + offset, data, (size_t)bytes);
        return gpu_buffer_flush(buffer, offset, bytes);
    }
    struct transfer t = {device, &device->upload, buffer, offset, bytes, true};
    pum_status status = PUM_OK;
    uint64_t pieces = (bytes + GPU_STAGING_BYTES - 1) / GPU_STAGING_BYTES;
    base_lock_take(&device->staging_lock);
    for (uint64_t i = 0; i < pieces && status == PUM_OK; ++i)
        status = upload_piece(&t, i, data);
    status = settle(&t, status);
    base_lock_release(&device->staging_lock);
    return status;
}

pum_status gpu_download(struct pum_device *device, struct gpu_buffer *buffer, uint64_t offset,
                        void *data, uint64_t bytes)
{
    PUM_TRY(check_transfer(buffer, offset, bytes));
    PUM_TRY(gpu_device_status(device));
    if (bytes == 0)
        return PUM_OK;
    if (buffer->mapped) {
        PUM_TRY(gpu_buffer_invalidate(buffer, offset, bytes));
        memcpy(data, (uint8_t *)buffer->mapped + offset, (size_t)bytes);
        return PUM_OK;
    }
    struct transfer t = {device, &device->download, buffer, offset, bytes, false};
    pum_status status = PUM_OK;
    uint64_t pieces = (bytes + GPU_STAGING_BYTES - 1) / GPU_STAGING_BYTES;
    base_lock_take(&device->staging_lock);
    /* The copies run ahead of the host by as many pieces as there are chunks. */
    uint64_t started = 0;
    for (uint64_t i = 0; i < pieces && status == PUM_OK; ++i) {
        while (started < pieces && started < i + GPU_STAGING_CHUNKS && status == PUM_OK)
            status = download_start(&t, started++);
        if (status == PUM_OK)
            status = download_piece(&t, i, data);
    }
    status = settle(&t, status);
    base_lock_release(&device->staging_lock);
    return status;
}

void gpu_staging_finish(struct pum_device *device)
{
    for (int i = 0; i < GPU_STAGING_CHUNKS; ++i) {
        gpu_commands_destroy(&device->upload.chunks[i].commands);
        gpu_buffer_destroy(&device->upload.chunks[i].buffer);
        gpu_commands_destroy(&device->download.chunks[i].commands);
        gpu_buffer_destroy(&device->download.chunks[i].buffer);
    }
}
