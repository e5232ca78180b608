/* SPDX-License-Identifier: MIT
 *
 * test_device.c - see test_device.h.
 */
#include "support/test_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Threads of the pipeline builder allocate at the same time. */
static bool fails_now(struct counting *counting)
{
    int64_t call = __atomic_add_fetch(&counting->calls, 1, __ATOMIC_RELAXED);
    return call == counting->fail_at;
}

/* A block begins with its size, and as much again for the alignment of what follows. */
#define HEAD_BYTES (2 * sizeof(size_t))

static void count(struct counting *counting, int64_t blocks, int64_t bytes)
{
    __atomic_add_fetch(&counting->held, blocks, __ATOMIC_RELAXED);
    __atomic_add_fetch(&counting->held_bytes, bytes, __ATOMIC_RELAXED);
}

static void *counting_realloc(void *user, void *block, size_t bytes)
{
    struct counting *counting = user;
    size_t *head = block ? (size_t *)block - 2 : NULL, old = head ? head[0] : 0;
    if (fails_now(counting))
        return NULL;
    head = realloc(head, HEAD_BYTES + bytes);
    if (!head)
        return NULL;
    head[0] = bytes;
    count(counting, block ? 0 : 1, (int64_t)bytes - (int64_t)old);
    return head + 2;
}

static void *counting_alloc(void *user, size_t bytes)
{
    return counting_realloc(user, NULL, bytes);
}

static void counting_free(void *user, void *block)
{
    size_t *head = block ? (size_t *)block - 2 : NULL;
    if (head)
        count(user, -1, -(int64_t)head[0]);
    free(head);
}

pum_allocator counting_allocator(struct counting *counting)
{
    return (pum_allocator){counting_alloc, counting_realloc, counting_free, counting};
}

pum_device *test_device_open(pum_context *context)
{
    pum_device *device;
    if (pum_device_open(context, NULL, &device) != PUM_OK) {
        printf("skipped: no device: %s\n", pum_last_error());
        exit(77);
    }
    return device;
}

void test_must(pum_status status)
{
    if (status != PUM_OK)
        fail_msg("%s: %s", pum_status_name(status), pum_last_error());
}

void counted_device_open(struct counted_device *counted)
{
    pum_context_params params = {.allocator = counting_allocator(&counted->counting),
                                 .cache_dir = ""};
    test_must(pum_context_create(&params, &counted->context));
    counted->device = test_device_open(counted->context);
}

int counted_device_close(struct counted_device *counted)
{
    pum_device_destroy(&counted->device);
    pum_context_destroy(&counted->context);
    return counted->counting.held == 0 ? 0 : -1;
}
