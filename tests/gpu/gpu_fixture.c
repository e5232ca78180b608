/* SPDX-License-Identifier: MIT
 *
 * gpu_fixture.c - see gpu_fixture.h. The kernel's GLSL, compiled by
 * `glslc -O --target-env=vulkan1.1` and stripped of names:
 *
 *     layout(local_size_x_id = 0) in;
 *     layout(constant_id = 3) const uint SCALE = 1;
 *     layout(set = 0, binding = 0) readonly buffer X { float x[]; };
 *     layout(set = 0, binding = 1) buffer Y { float y[]; };
 *     layout(push_constant) uniform Push { uint n; float a; uint rounds; };
 *     void main() {
 *         uint i = gl_GlobalInvocationID.x;
 *         if (i >= n) return;
 *         float v = y[i];
 *         for (uint k = 0; k < rounds; ++k) v = a * x[i] + float(SCALE) * v;
 *         y[i] = v;
 *     }
 */
#include "gpu_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint32_t saxpy_code[] = {
    0x07230203, 0x00010300, 0x000d000b, 0x00000055, 0x00000000, 0x00020011, 0x00000001, 0x0006000b,
    0x00000001, 0x4c534c47, 0x6474732e, 0x3035342e, 0x00000000, 0x0003000e, 0x00000000, 0x00000001,
    0x0006000f, 0x00000005, 0x00000004, 0x6e69616d, 0x00000000, 0x0000000b, 0x00060010, 0x00000004,
    0x00000011, 0x00000001, 0x00000001, 0x00000001, 0x00040047, 0x0000000b, 0x0000000b, 0x0000001c,
    0x00050048, 0x00000012, 0x00000000, 0x00000023, 0x00000000, 0x00050048, 0x00000012, 0x00000001,
    0x00000023, 0x00000004, 0x00050048, 0x00000012, 0x00000002, 0x00000023, 0x00000008, 0x00030047,
    0x00000012, 0x00000002, 0x00040047, 0x00000021, 0x00000006, 0x00000004, 0x00050048, 0x00000022,
    0x00000000, 0x00000023, 0x00000000, 0x00030047, 0x00000022, 0x00000002, 0x00040047, 0x00000024,
    0x00000022, 0x00000000, 0x00040047, 0x00000024, 0x00000021, 0x00000001, 0x00040047, 0x00000038,
    0x00000006, 0x00000004, 0x00040048, 0x00000039, 0x00000000, 0x00000018, 0x00050048, 0x00000039,
    0x00000000, 0x00000023, 0x00000000, 0x00030047, 0x00000039, 0x00000002, 0x00040047, 0x0000003b,
    0x00000022, 0x00000000, 0x00040047, 0x0000003b, 0x00000021, 0x00000000, 0x00040047, 0x00000040,
    0x00000001, 0x00000003, 0x00040047, 0x0000004a, 0x00000001, 0x00000000, 0x00040047, 0x0000004c,
    0x0000000b, 0x00000019, 0x00020013, 0x00000002, 0x00030021, 0x00000003, 0x00000002, 0x00040015,
    0x00000006, 0x00000020, 0x00000000, 0x00040017, 0x00000009, 0x00000006, 0x00000003, 0x00040020,
    0x0000000a, 0x00000001, 0x00000009, 0x0004003b, 0x0000000a, 0x0000000b, 0x00000001, 0x0004002b,
    0x00000006, 0x0000000c, 0x00000000, 0x00040020, 0x0000000d, 0x00000001, 0x00000006, 0x00030016,
    0x00000011, 0x00000020, 0x0005001e, 0x00000012, 0x00000006, 0x00000011, 0x00000006, 0x00040020,
    0x00000013, 0x00000009, 0x00000012, 0x0004003b, 0x00000013, 0x00000014, 0x00000009, 0x00040015,
    0x00000015, 0x00000020, 0x00000001, 0x0004002b, 0x00000015, 0x00000016, 0x00000000, 0x00040020,
    0x00000017, 0x00000009, 0x00000006, 0x00020014, 0x0000001a, 0x0003001d, 0x00000021, 0x00000011,
    0x0003001e, 0x00000022, 0x00000021, 0x00040020, 0x00000023, 0x0000000c, 0x00000022, 0x0004003b,
    0x00000023, 0x00000024, 0x0000000c, 0x00040020, 0x00000026, 0x0000000c, 0x00000011, 0x0004002b,
    0x00000015, 0x00000030, 0x00000002, 0x0004002b, 0x00000015, 0x00000034, 0x00000001, 0x00040020,
    0x00000035, 0x00000009, 0x00000011, 0x0003001d, 0x00000038, 0x00000011, 0x0003001e, 0x00000039,
    0x00000038, 0x00040020, 0x0000003a, 0x0000000c, 0x00000039, 0x0004003b, 0x0000003a, 0x0000003b,
    0x0000000c, 0x00040032, 0x00000006, 0x00000040, 0x00000001, 0x00040032, 0x00000006, 0x0000004a,
    0x00000001, 0x0004002b, 0x00000006, 0x0000004b, 0x00000001, 0x00060033, 0x00000009, 0x0000004c,
    0x0000004a, 0x0000004b, 0x0000004b, 0x00050036, 0x00000002, 0x00000004, 0x00000000, 0x00000003,
    0x000200f8, 0x00000005, 0x000300f7, 0x0000004d, 0x00000000, 0x000300fb, 0x0000000c, 0x0000004e,
    0x000200f8, 0x0000004e, 0x00050041, 0x0000000d, 0x0000000e, 0x0000000b, 0x0000000c, 0x0004003d,
    0x00000006, 0x0000000f, 0x0000000e, 0x00050041, 0x00000017, 0x00000018, 0x00000014, 0x00000016,
    0x0004003d, 0x00000006, 0x00000019, 0x00000018, 0x000500ae, 0x0000001a, 0x0000001b, 0x0000000f,
    0x00000019, 0x000300f7, 0x0000001d, 0x00000000, 0x000400fa, 0x0000001b, 0x0000001c, 0x0000001d,
    0x000200f8, 0x0000001c, 0x000200f9, 0x0000004d, 0x000200f8, 0x0000001d, 0x00060041, 0x00000026,
    0x00000027, 0x00000024, 0x00000016, 0x0000000f, 0x0004003d, 0x00000011, 0x00000028, 0x00000027,
    0x000200f9, 0x0000002a, 0x000200f8, 0x0000002a, 0x000700f5, 0x00000011, 0x00000054, 0x00000028,
    0x0000001d, 0x00000044, 0x0000002b, 0x000700f5, 0x00000006, 0x00000053, 0x0000000c, 0x0000001d,
    0x00000046, 0x0000002b, 0x00050041, 0x00000017, 0x00000031, 0x00000014, 0x00000030, 0x0004003d,
    0x00000006, 0x00000032, 0x00000031, 0x000500b0, 0x0000001a, 0x00000033, 0x00000053, 0x00000032,
    0x000400f6, 0x0000002c, 0x0000002b, 0x00000000, 0x000400fa, 0x00000033, 0x0000002b, 0x0000002c,
    0x000200f8, 0x0000002b, 0x00050041, 0x00000035, 0x00000036, 0x00000014, 0x00000034, 0x0004003d,
    0x00000011, 0x00000037, 0x00000036, 0x00060041, 0x00000026, 0x0000003d, 0x0000003b, 0x00000016,
    0x0000000f, 0x0004003d, 0x00000011, 0x0000003e, 0x0000003d, 0x00040070, 0x00000011, 0x00000041,
    0x00000040, 0x00050085, 0x00000011, 0x00000043, 0x00000041, 0x00000054, 0x0008000c, 0x00000011,
    0x00000044, 0x00000001, 0x00000032, 0x00000037, 0x0000003e, 0x00000043, 0x00050080, 0x00000006,
    0x00000046, 0x00000053, 0x00000034, 0x000200f9, 0x0000002a, 0x000200f8, 0x0000002c, 0x0003003e,
    0x00000027, 0x00000054, 0x000200f9, 0x0000004d, 0x000200f8, 0x0000004d, 0x000100fd, 0x00010038,
};

static const uint32_t saxpy_ids[] = {0, 3};

struct gpu_pipeline_params gpu_fixture_saxpy(const uint32_t values[2])
{
    return (struct gpu_pipeline_params){
        .name = "saxpy",
        .code = saxpy_code,
        .code_bytes = sizeof(saxpy_code),
        .binding_count = 2,
        .push_bytes = sizeof(struct saxpy_push),
        .spec_ids = saxpy_ids,
        .spec_values = values,
        .spec_count = 2,
    };
}

static void count_warnings(void *user, pum_log_level level, const char *message)
{
    struct gpu_fixture *f = user;
    if (level <= PUM_LOG_WARNING) {
        f->warning_count += 1;
        snprintf(f->warning, sizeof(f->warning), "%s", message);
    }
}

void gpu_fixture_context(struct gpu_fixture *f, const char *cache_dir)
{
    pum_context_params params = {
        .allocator = counting_allocator(&f->counting),
        .log = count_warnings,
        .log_user = f,
        .cache_dir = cache_dir ? cache_dir : "",
    };
    test_must(pum_context_create(&params, &f->context));
}

void gpu_fixture_open(struct gpu_fixture *f, const pum_device_params *params,
                      const struct gpu_hooks *hooks)
{
    if (gpu_device_open(f->context, params, hooks, &f->device) != PUM_OK) {
        printf("skipped: no device: %s\n", pum_last_error());
        exit(77);
    }
}

void gpu_fixture_open_running(struct gpu_fixture *f, const pum_device_params *params,
                              const struct gpu_hooks *hooks)
{
    gpu_fixture_open(f, params, hooks);
    if (f->device->physical->memory.memoryTypeCount == 0) {
        printf("skipped: %s has no memory, it only compiles\n", f->device->info.name);
        exit(77);
    }
}

void gpu_fixture_close(struct gpu_fixture *f)
{
    pum_device_destroy(&f->device);
    pum_context_destroy(&f->context);
    assert_int_equal(f->counting.held, 0);
}

void gpu_fixture_folder(char path[256])
{
    const char *base = getenv("TMPDIR");
    snprintf(path, 256, "%s/pumice-gpu-XXXXXX", base && base[0] ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

void gpu_fixture_remove_folder(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        char file[600];
        snprintf(file, sizeof(file), "%.300s/%.255s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)unlink(file);
    }
    if (directory)
        closedir(directory);
    (void)rmdir(path);
}
