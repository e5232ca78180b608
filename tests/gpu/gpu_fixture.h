/* SPDX-License-Identifier: MIT
 *
 * gpu_fixture.h - what the tests of the GPU room share: a context that counts allocations and
 * warnings, the device of the environment, and one small kernel, y = a*x + SCALE*y, repeated.
 */
#ifndef PUM_TESTS_GPU_FIXTURE_H
#define PUM_TESTS_GPU_FIXTURE_H

#include "gpu/device_internal.h"
#include "support/test_device.h"

struct gpu_fixture {
    struct counting counting;
    pum_context *context;
    pum_device *device;
    int warning_count;
    char warning[512]; /* the last */
};

struct saxpy_push {
    uint32_t n;
    float a;
    uint32_t rounds;
};

/* The kernel with values[0] invocations a workgroup and SCALE values[1]. */
struct gpu_pipeline_params gpu_fixture_saxpy(const uint32_t values[2]);

/* `cache_dir` NULL: no caching. */
void gpu_fixture_context(struct gpu_fixture *f, const char *cache_dir);
/* Opens the device; exits with 77 and the reason where there is none. */
void gpu_fixture_open(struct gpu_fixture *f, const pum_device_params *params,
                      const struct gpu_hooks *hooks);
/* The same for tests that run work: exits with 77 where the driver only compiles. */
void gpu_fixture_open_running(struct gpu_fixture *f, const pum_device_params *params,
                              const struct gpu_hooks *hooks);
/* Ends both and checks that every host allocation was freed. */
void gpu_fixture_close(struct gpu_fixture *f);
/* A fresh folder; and its end, with the files in it. */
void gpu_fixture_folder(char path[256]);
void gpu_fixture_remove_folder(const char *path);

#endif
