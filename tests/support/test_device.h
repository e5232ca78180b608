/* SPDX-License-Identifier: MIT
 *
 * test_device.h - the device that a test runs on: what the environment (VK_DRIVER_FILES,
 * PUMICE_DEVICE, PUMICE_CAPS) leads to. Without one the test is skipped, with the reason.
 */
#ifndef PUM_TESTS_TEST_DEVICE_H
#define PUM_TESTS_TEST_DEVICE_H

#include "pumice/pumice.h"

#include <stdint.h>

/* Counts host allocations; give it to a context. */
struct counting {
    int64_t calls, held, fail_at; /* fail_at: the call (from 1) that fails; 0: none */
    int64_t held_bytes;
};
pum_allocator counting_allocator(struct counting *counting);

/* Opens the device; prints why and exits with 77 when there is none. */
pum_device *test_device_open(pum_context *context);
/* A context that counts and a device without caches, for tests of what a run allocates. */
struct counted_device {
    struct counting counting;
    pum_context *context;
    pum_device *device;
};
void counted_device_open(struct counted_device *counted);
/* 0, or -1 when something is still held: what a cmocka teardown returns. */
int counted_device_close(struct counted_device *counted);
/* Fails the cmocka test with the last error unless status is PUM_OK. */
void test_must(pum_status status);

#endif
