/* SPDX-License-Identifier: MIT
 *
 * test_pipeline_cache.c - the cache file is written, handed to the driver, and refused when it is
 * damaged, cut, foreign or too long; a folder that cannot be written stops nothing.
 */
#include "gpu_fixture.h"

#include "base/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[256];

/* Opens a device with this cache folder, makes two pipelines, ends it; gives its counters. */
static pum_device_counters use_device(const char *cache_dir, int *out_warnings)
{
    static const uint32_t values[2][2] = {{64, 2}, {32, 3}};
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, cache_dir);
    gpu_fixture_open(&f, NULL, NULL);
    struct gpu_pipeline_params params[2] = {gpu_fixture_saxpy(values[0]),
                                            gpu_fixture_saxpy(values[1])};
    struct gpu_pipeline *pipelines[2];
    test_must(gpu_pipelines_get(f.device, params, 2, pipelines));
    (void)gpu_pipeline_cache_save(f.device);
    pum_device_counters counters;
    pum_device_get_counters(f.device, &counters);
    assert_int_equal(counters.pipelines_created, 2);
    /* Nothing is new since, so nothing is written again. */
    (void)gpu_pipeline_cache_save(f.device);
    pum_device_counters again;
    pum_device_get_counters(f.device, &again);
    assert_int_equal(again.cache_files_written, counters.cache_files_written);
    *out_warnings = f.warning_count;
    gpu_fixture_close(&f);
    return counters;
}

/* The path of the one cache file in the folder; other files are counted in *out_others. */
static void cache_path(char *path, size_t path_bytes, int *out_others)
{
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    int found = 0;
    *out_others = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        size_t length = strlen(entry->d_name);
        if (length > 6 && strcmp(entry->d_name + length - 6, ".cache") == 0) {
            snprintf(path, path_bytes, "%.200s/%.255s", folder, entry->d_name);
            ++found;
        } else {
            ++*out_others;
        }
    }
    closedir(directory);
    assert_int_equal(found, 1);
}

static int setup(void **state)
{
    (void)state;
    gpu_fixture_folder(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gpu_fixture_remove_folder(folder);
    return 0;
}

static void test_written_and_loaded(void **state)
{
    (void)state;
    int warnings, others;
    char path[512];
    pum_device_counters first = use_device(folder, &warnings);
    assert_int_equal(warnings, 0);
    assert_int_equal(first.cache_bytes_loaded, 0);
    assert_int_equal(first.cache_files_written, 1);
    cache_path(path, sizeof(path), &others);
    assert_int_equal(others, 0); /* no temporary file is left */
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    pum_device_counters second = use_device(folder, &warnings);
    assert_int_equal(warnings, 0);
    assert_true(second.cache_bytes_loaded > 0);
    assert_true(second.cache_bytes_loaded < (uint64_t)info.st_size);
}

/* Changes the file; every change must be noticed, and the file be mended. */
static void spoil(const char *path, void (*change)(uint8_t *data, size_t *bytes))
{
    struct gpu_fixture f = {0};
    gpu_fixture_context(&f, NULL);
    uint8_t *data;
    size_t bytes;
    test_must(base_file_read(f.context, path, 1u << 28, &data, &bytes));
    uint8_t *copy = calloc(1, bytes + 1);
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    pum_free(f.context, data);
    change(copy, &bytes);
    test_must(base_file_write_atomic(f.context, path, copy, bytes));
    free(copy);
    gpu_fixture_close(&f);
}

static void flip_first(uint8_t *data, size_t *bytes)
{
    (void)bytes;
    data[0] ^= 1;
}
static void flip_uuid(uint8_t *data, size_t *bytes)
{
    (void)bytes;
    data[20] ^= 1;
}
static void flip_last(uint8_t *data, size_t *bytes)
{
    data[*bytes - 1] ^= 0x80;
}
static void cut_one(uint8_t *data, size_t *bytes)
{
    (void)data;
    *bytes -= 1;
}
static void cut_header(uint8_t *data, size_t *bytes)
{
    (void)data;
    *bytes = 17;
}
static void cut_all(uint8_t *data, size_t *bytes)
{
    (void)data;
    *bytes = 0;
}
static void add_one(uint8_t *data, size_t *bytes)
{
    (void)data;
    *bytes += 1;
}
/* Of another driver, and whole: only its identity differs. */
static void foreign(uint8_t *data, size_t *bytes)
{
    (void)bytes;
    data[16] ^= 0xff;
    uint64_t hash = gpu_hash(GPU_HASH_SEED, data, 48);
    memcpy(data + 48, &hash, sizeof(hash));
}

static void test_damaged(void **state)
{
    (void)state;
    static void (*const changes[])(uint8_t *, size_t *) = {
        flip_first, flip_uuid, flip_last, cut_one, cut_header, cut_all, add_one, foreign,
    };
    int warnings, others;
    char path[512];
    use_device(folder, &warnings);
    cache_path(path, sizeof(path), &others);
    for (size_t i = 0; i < PUM_COUNT_OF(changes); ++i) {
        spoil(path, changes[i]);
        pum_device_counters counters = use_device(folder, &warnings);
        if (counters.cache_bytes_loaded != 0 || warnings != 1 || counters.cache_files_written != 1)
            fail_msg("change %zu: loaded %llu, warnings %d, written %llu", i,
                     (unsigned long long)counters.cache_bytes_loaded, warnings,
                     (unsigned long long)counters.cache_files_written);
        counters = use_device(folder, &warnings);
        assert_true(counters.cache_bytes_loaded > 0);
        assert_int_equal(warnings, 0);
    }
}

static void test_caching_off(void **state)
{
    (void)state;
    int warnings;
    pum_device_counters counters = use_device(NULL, &warnings);
    assert_int_equal(counters.cache_files_written, 0);
    assert_int_equal(warnings, 0);
}

/* A path below a file can be neither read nor written, whoever asks. */
static void test_unwritable(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof(path), "%s/file", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    snprintf(path, sizeof(path), "%s/file/below", folder);
    int warnings;
    pum_device_counters counters = use_device(path, &warnings);
    assert_int_equal(counters.cache_files_written, 0);
    assert_int_equal(warnings, 1);
}

static void test_read_only(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        printf("skipped: the superuser may write everywhere\n");
        skip();
    }
    int warnings;
    assert_int_equal(chmod(folder, 0555), 0);
    pum_device_counters counters = use_device(folder, &warnings);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(counters.cache_files_written, 0);
    assert_int_equal(warnings, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_and_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_caching_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unwritable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
