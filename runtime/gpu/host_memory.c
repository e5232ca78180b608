/* SPDX-License-Identifier: MIT
 *
 * host_memory.c - VkAllocationCallbacks on the context's allocator. Drivers take and give back a
 * small block in every submission (Mesa does); a few such blocks are kept and given again, so that
 * a warm submission does not reach the allocator. Tests: tests/gpu/test_host_memory.c.
 */
#include "gpu/instance.h"

#include <string.h>

/* Larger blocks are not kept. Smaller ones are rounded up, so that one can stand for another. */
#define SPARE_BYTES 2048u
#define SPARE_STEP 256u
/* What gpu_host_memory_reserve makes sure of: more than one, since a driver may give the block of
 * one submission back only after it has taken that of the next. */
#define RESERVE_BLOCKS 8
#define RESERVE_BYTES 1024u

/* Lies right before every block handed out. */
struct block_header {
    struct raw_block *raw;
    size_t size_bytes; /* that the driver asked for */
};

/* Begins every piece of memory taken from the context. */
struct raw_block {
    size_t capacity; /* bytes behind this struct */
};

static struct raw_block *take_fresh(struct gpu_host_memory *memory, size_t capacity)
{
    struct raw_block *raw = pum_alloc(memory->context, capacity + sizeof(*raw), 1);
    if (!raw)
        return NULL;
    raw->capacity = capacity;
    atomic_fetch_add_explicit(&memory->block_count, 1, memory_order_relaxed);
    return raw;
}

/* The smallest spare that is large enough, or NULL. */
static struct raw_block *take_spare(struct gpu_host_memory *memory, size_t capacity)
{
    struct raw_block *best = NULL;
    int at = -1;
    base_lock_take(&memory->lock);
    for (int i = 0; i < GPU_SPARE_BLOCKS; ++i) {
        struct raw_block *spare = memory->spares[i];
        if (spare && spare->capacity >= capacity && (!best || spare->capacity < best->capacity)) {
            best = spare;
            at = i;
        }
    }
    if (best)
        memory->spares[at] = NULL;
    base_lock_release(&memory->lock);
    return best;
}

/* Keeps the block if it is small, in place of the smallest one if there is no room: the larger
 * serve more requests. */
static void give_back(struct gpu_host_memory *memory, struct raw_block *raw)
{
    struct raw_block *out = raw;
    if (raw->capacity <= SPARE_BYTES) {
        base_lock_take(&memory->lock);
        int at = 0;
        size_t smallest = SIZE_MAX;
        for (int i = 0; i < GPU_SPARE_BLOCKS; ++i) {
            const struct raw_block *spare = memory->spares[i];
            size_t capacity = spare ? spare->capacity : 0;
            if (capacity < smallest) {
                smallest = capacity;
                at = i;
            }
        }
        if (smallest <= raw->capacity) {
            out = memory->spares[at];
            memory->spares[at] = raw;
        }
        base_lock_release(&memory->lock);
    }
    pum_free(memory->context, out);
}

static struct raw_block *take_block(struct gpu_host_memory *memory, size_t capacity)
{
    if (capacity > SPARE_BYTES)
        return take_fresh(memory, capacity);
    capacity = (capacity + SPARE_STEP - 1) / SPARE_STEP * SPARE_STEP;
    struct raw_block *raw = take_spare(memory, capacity);
    return raw ? raw : take_fresh(memory, capacity);
}

void gpu_host_memory_reserve(struct gpu_host_memory *memory)
{
    int missing = RESERVE_BLOCKS;
    base_lock_take(&memory->lock);
    for (int i = 0; i < GPU_SPARE_BLOCKS; ++i) {
        const struct raw_block *spare = memory->spares[i];
        if (spare && spare->capacity >= RESERVE_BYTES)
            --missing;
    }
    base_lock_release(&memory->lock);
    for (; missing > 0; --missing) {
        struct raw_block *raw = take_fresh(memory, RESERVE_BYTES);
        if (raw)
            give_back(memory, raw);
    }
}

static void *host_alloc(void *user, size_t size, size_t alignment, VkSystemAllocationScope scope)
{
    struct gpu_host_memory *memory = user;
    (void)scope;
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    /* Like malloc, a size of 0 gives a block: drivers take NULL for a failure. */
    size_t extra = alignment + sizeof(struct block_header) + sizeof(struct raw_block);
    if (extra < alignment || size > SIZE_MAX - extra)
        return NULL;
    struct raw_block *raw =
        take_block(memory, size + alignment + sizeof(struct block_header));
    if (!raw)
        return NULL;
    uintptr_t start = (uintptr_t)(raw + 1) + sizeof(struct block_header);
    size_t skip = (size_t)((alignment - start % alignment) % alignment);
    uint8_t *block = (uint8_t *)(raw + 1) + sizeof(struct block_header) + skip;
    struct block_header header = {raw, size};
    memcpy(block - sizeof(header), &header, sizeof(header));
    return block;
}

static void host_free(void *user, void *block)
{
    if (!block)
        return;
    struct block_header header;
    memcpy(&header, (uint8_t *)block - sizeof(header), sizeof(header));
    give_back(user, header.raw);
}

static void *host_realloc(void *user, void *block, size_t size, size_t alignment,
                          VkSystemAllocationScope scope)
{
    if (!block)
        return host_alloc(user, size, alignment, scope);
    if (size == 0) {
        host_free(user, block);
        return NULL;
    }
    struct block_header header;
    memcpy(&header, (uint8_t *)block - sizeof(header), sizeof(header));
    void *grown = host_alloc(user, size, alignment, scope);
    if (!grown)
        return NULL;
    memcpy(grown, block, header.size_bytes < size ? header.size_bytes : size);
    host_free(user, block);
    return grown;
}

void gpu_host_memory_init(struct gpu_host_memory *memory, pum_context *context)
{
    memory->context = context;
    atomic_init(&memory->block_count, 0);
    base_lock_init(&memory->lock);
    memory->callbacks = (VkAllocationCallbacks){
        .pUserData = memory,
        .pfnAllocation = host_alloc,
        .pfnReallocation = host_realloc,
        .pfnFree = host_free,
    };
}

void gpu_host_memory_finish(struct gpu_host_memory *memory)
{
    for (int i = 0; i < GPU_SPARE_BLOCKS; ++i)
        pum_free(memory->context, memory->spares[i]);
    base_lock_destroy(&memory->lock);
}
