/* SPDX-License-Identifier: MIT
 *
 * test_base.c - the base room: errors, the context and its environment, memory that runs out,
 * arenas, halves, files and threads.
 */
#include "base/arena.h"
#include "base/context.h"
#include "base/file.h"
#include "base/half.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* --- Helpers ---------------------------------------------------------------------------------- */

/* An allocator that fails at call number `fail_at` (from 1; 0: never) and counts what is held. */
struct faulty {
    int calls, fail_at, held;
};

static void *faulty_alloc(void *user, size_t size_bytes)
{
    struct faulty *faulty = user;
    if (++faulty->calls == faulty->fail_at)
        return NULL;
    unsigned char *block = malloc(size_bytes);
    assert_non_null(block);
    memset(block, 0xa5, size_bytes); /* zeroing is the library's task */
    faulty->held++;
    return block;
}

static void *faulty_realloc(void *user, void *block, size_t size_bytes)
{
    struct faulty *faulty = user;
    assert_non_null(block);
    return ++faulty->calls == faulty->fail_at ? NULL : realloc(block, size_bytes);
}

static void faulty_free(void *user, void *block)
{
    struct faulty *faulty = user;
    assert_non_null(block);
    faulty->held--;
    free(block);
}

static pum_context *make_context(struct faulty *faulty)
{
    pum_context_params params = {0};
    pum_context *context;
    params.allocator = (pum_allocator){faulty_alloc, faulty_realloc, faulty_free, faulty};
    assert_int_equal(pum_context_create(&params, &context), PUM_OK);
    return context;
}

static void end_context(pum_context **context, const struct faulty *faulty)
{
    pum_context_destroy(context);
    assert_null(*context);
    assert_int_equal(faulty->held, 0);
}

/* The folder that this program may write in. */
static const char *scratch(void)
{
    static char folder[] = PUM_TEST_BUILD_DIR "/test-base-XXXXXX";
    static bool made;
    if (!made)
        assert_non_null(mkdtemp(folder));
    made = true;
    return folder;
}

static void path_in_scratch(char path[512], const char *name)
{
    (void)snprintf(path, 512, "%s/%s", scratch(), name);
}

static void assert_message_has(const char *part)
{
    if (!strstr(pum_last_error(), part))
        fail_msg("the message is '%s', without '%s'", pum_last_error(), part);
}

/* --- Status ----------------------------------------------------------------------------------- */

static void test_status_names(void **state)
{
    (void)state;
    assert_string_equal(pum_status_name(PUM_OK), "ok");
    assert_string_equal(pum_status_name(PUM_E_DEVICE_MEMORY), "device-memory");
    assert_string_equal(pum_status_name((pum_status)999), "unknown");
    assert_string_equal(pum_version(), "0.1.0");
}

static void test_fail_and_prefix(void **state)
{
    (void)state;
    assert_int_equal(pum_fail(PUM_E_SHAPE, "axis %d of rank %d", 4, 3), PUM_E_SHAPE);
    assert_string_equal(pum_last_error(), "axis 4 of rank 3");
    assert_int_equal(pum_fail_prefix(PUM_E_SHAPE, "node '%s'", "n7"), PUM_E_SHAPE);
    assert_string_equal(pum_last_error(), "node 'n7': axis 4 of rank 3");
    /* a message may quote the one before it */
    (void)pum_fail(PUM_E_FILE, "(%s)", pum_last_error());
    assert_string_equal(pum_last_error(), "(node 'n7': axis 4 of rank 3)");
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    char *text = malloc(100001);
    assert_non_null(text);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    for (int prefix = 0; prefix < 2; prefix++) {
        (void)pum_fail(PUM_E_FORMAT, "%s", prefix ? "end" : text);
        if (prefix)
            (void)pum_fail_prefix(PUM_E_FORMAT, "%s", text);
        size_t length = strlen(pum_last_error());
        assert_in_range(length, 1000, 10000);
        assert_string_equal(pum_last_error() + length - 4, "x...");
    }
    for (int i = 0; i < 5000; i++)
        (void)pum_fail_prefix(PUM_E_FORMAT, "deep");
    assert_string_equal(pum_last_error() + strlen(pum_last_error()) - 3, "...");
    free(text);
}

static void *fail_elsewhere(void *argument)
{
    *(int *)argument = pum_last_error()[0] == '\0';
    (void)pum_fail(PUM_E_FILE, "of another thread");
    return NULL;
}

static void test_messages_are_per_thread(void **state)
{
    (void)state;
    int began_empty = 0;
    pthread_t thread;
    (void)pum_fail(PUM_E_TYPE, "of this thread");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &began_empty), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(began_empty);
    assert_string_equal(pum_last_error(), "of this thread");
}

/* --- Context ---------------------------------------------------------------------------------- */

static void test_context_arguments(void **state)
{
    (void)state;
    pum_context *context = (pum_context *)&context;
    pum_context_params params = {0};
    params.allocator.alloc = faulty_alloc;
    assert_int_equal(pum_context_create(&params, &context), PUM_E_ARGUMENT);
    assert_null(context);
    assert_message_has("1 of its three");
    assert_int_equal(pum_context_create(NULL, NULL), PUM_E_ARGUMENT);
    assert_int_equal(pum_context_create(NULL, &context), PUM_OK);
    pum_context_destroy(&context);
    assert_null(context);
    pum_context_destroy(&context);
    pum_context_destroy(NULL);
}

static void test_context_memory_runs_out(void **state)
{
    (void)state;
    for (int fail_at = 1; fail_at <= 2; fail_at++) {
        struct faulty faulty = {.fail_at = fail_at};
        pum_context_params params = {0};
        pum_context *context;
        params.allocator = (pum_allocator){faulty_alloc, faulty_realloc, faulty_free, &faulty};
        assert_int_equal(pum_context_create(&params, &context), PUM_E_MEMORY);
        assert_null(context);
        assert_message_has("out of host memory");
        assert_int_equal(faulty.held, 0);
    }
}

static void clear_environment(void)
{
#define XX(field, name, doc) unsetenv(name);
    PUM_KNOB_MAP(XX)
#undef XX
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
}

static void test_knobs(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    clear_environment();
    setenv("PUMICE_DEVICE", "radeon", 1);
    setenv("PUMICE_CAPS", "", 1);
    setenv("PUMICE_KERNEL", "a,b", 1);
    setenv("PUMICE_TEST_BREAK_KERNEL", "c", 1);
    pum_context *context = make_context(&faulty);
    setenv("PUMICE_DEVICE", "changed later", 1);
    assert_string_equal(context->knobs.device, "radeon");
    assert_null(context->knobs.caps);
    assert_string_equal(context->knobs.kernel, "a,b");
#ifdef PUM_TEST_HOOKS
    assert_string_equal(context->knobs.broken_kernel, "c");
#else
    assert_null(context->knobs.broken_kernel);
#endif
    end_context(&context, &faulty);
    clear_environment();
}

static void test_cache_folder(void **state)
{
    (void)state;
    static const struct {
        const char *param, *knob, *xdg, *home, *expected;
    } rows[] = {
        {NULL, NULL, NULL, NULL, NULL},
        {NULL, NULL, NULL, "/home/a", "/home/a/.cache/pumice"},
        {NULL, NULL, "/xdg", "/home/a", "/xdg/pumice"},
        {NULL, NULL, "relative", "/home/a", "/home/a/.cache/pumice"},
        {NULL, "/knob", "/xdg", "/home/a", "/knob"},
        {"/param", "/knob", "/xdg", "/home/a", "/param"},
        {"", "/knob", "/xdg", "/home/a", NULL},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(rows); i++) {
        clear_environment();
        if (rows[i].knob)
            setenv("PUMICE_CACHE_DIR", rows[i].knob, 1);
        if (rows[i].xdg)
            setenv("XDG_CACHE_HOME", rows[i].xdg, 1);
        if (rows[i].home)
            setenv("HOME", rows[i].home, 1);
        pum_context_params params = {.cache_dir = rows[i].param};
        pum_context *context;
        assert_int_equal(pum_context_create(&params, &context), PUM_OK);
        if (rows[i].expected)
            assert_string_equal(context->cache_dir, rows[i].expected);
        else
            assert_null(context->cache_dir);
        pum_context_destroy(&context);
    }
    clear_environment();
}

static void test_memory(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    static const size_t counts[][2] = {{SIZE_MAX, 2}, {SIZE_MAX / 2, 4}, {SIZE_MAX, 1},
                                       {1, SIZE_MAX}};
    for (size_t i = 0; i < PUM_COUNT_OF(counts); i++) {
        assert_null(pum_alloc(context, counts[i][0], counts[i][1]));
        assert_message_has("out of host memory");
        assert_null(pum_realloc(context, NULL, counts[i][0], counts[i][1]));
    }
    unsigned char *block = pum_alloc(context, 100, 3);
    for (int i = 0; i < 300; i++)
        assert_int_equal(block[i], 0);
    block[0] = 7;
    block = pum_realloc(context, block, 1000, 1);
    assert_int_equal(block[0], 7);
    faulty.fail_at = faulty.calls + 1;
    assert_null(pum_realloc(context, block, 2000, 1)); /* the old block is kept */
    assert_int_equal(block[0], 7);
    pum_free(context, block);
    pum_free(context, NULL);
    void *empty = pum_alloc(context, 0, 8);
    assert_non_null(empty);
    pum_free(context, empty);
    char *copy = pum_strdup(context, "text");
    assert_string_equal(copy, "text");
    pum_free(context, copy);
    end_context(&context, &faulty);
}

static void test_grow(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    int64_t *items = NULL;
    int32_t capacity = 0;
    for (int32_t count = 0; count < 1000; count++) {
        assert_int_equal(pum_grow(context, &items, &capacity, count, sizeof *items), PUM_OK);
        assert_true(count < capacity);
        items[count] = count;
    }
    for (int32_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    assert_true(faulty.calls < 20);
    faulty.fail_at = faulty.calls + 1;
    int32_t before = capacity;
    assert_int_equal(pum_grow(context, &items, &capacity, capacity, 8), PUM_E_MEMORY);
    assert_int_equal(capacity, before);
    int32_t full = INT32_MAX;
    assert_int_equal(pum_grow(context, &items, &full, INT32_MAX, 8), PUM_E_MEMORY);
    pum_free(context, items);
    end_context(&context, &faulty);
}

static void keep_log(void *user, pum_log_level level, const char *message)
{
    (void)snprintf(user, 64, "%d %s", (int)level, message);
}

static void test_log(void **state)
{
    (void)state;
    char last[64] = "";
    pum_context_params params = {.log = keep_log, .log_user = last};
    pum_context *context;
    assert_int_equal(pum_context_create(&params, &context), PUM_OK);
    pum_log(context, PUM_LOG_INFO, "not wanted");
    assert_string_equal(last, "");
    pum_log(context, PUM_LOG_WARNING, "number %d", 5);
    assert_string_equal(last, "2 number 5");
    pum_log(NULL, PUM_LOG_ERROR, "nobody listens");
    pum_context_destroy(&context);
}

/* --- Arena ------------------------------------------------------------------------------------ */

static void test_arena(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    struct base_arena arena;
    base_arena_init(&arena, context);
    static const size_t counts[][2] = {{SIZE_MAX, 2}, {SIZE_MAX, 1}, {1, SIZE_MAX},
                                       {PTRDIFF_MAX, 1}, {SIZE_MAX / 16, 16}};
    for (size_t i = 0; i < PUM_COUNT_OF(counts); i++) {
        assert_null(base_arena_alloc(&arena, counts[i][0], counts[i][1]));
        assert_message_has("out of host memory");
    }
    unsigned char *blocks[600];
    for (size_t i = 0; i < PUM_COUNT_OF(blocks); i++) {
        blocks[i] = base_arena_alloc(&arena, i * 7, 1);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)i, i * 7);
    }
    for (size_t i = 1; i < PUM_COUNT_OF(blocks); i++) {
        assert_int_equal(blocks[i][0], i & 0xff);
        assert_int_equal(blocks[i][i * 7 - 1], i & 0xff);
    }
    assert_string_equal(base_arena_strdup(&arena, "copy"), "copy");
    assert_string_equal(base_arena_printf(&arena, "%s_%d", "node", 12), "node_12");
    assert_non_null(base_arena_alloc(&arena, 3 << 20, 1)); /* larger than any block */
    base_arena_free(&arena);
    base_arena_free(&arena);
    end_context(&context, &faulty);
}

static void test_arena_memory_runs_out(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    struct base_arena arena;
    base_arena_init(&arena, context);
    assert_non_null(base_arena_alloc(&arena, 100, 1));
    faulty.fail_at = faulty.calls + 1;
    assert_null(base_arena_alloc(&arena, 100000, 1));
    faulty.fail_at = 0;
    assert_non_null(base_arena_alloc(&arena, 100000, 1));
    base_arena_free(&arena);
    end_context(&context, &faulty);
}

/* --- Halves ----------------------------------------------------------------------------------- */

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* binary16 by its definition */
static double half_value(uint16_t half)
{
    int exponent = (half >> 10) & 31, mantissa = half & 1023;
    double value = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
    if (exponent == 31)
        value = mantissa ? (double)NAN : (double)INFINITY;
    return half & 0x8000 ? -value : value;
}

static void test_half_all_values(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t half = (uint16_t)i;
        float value = base_half_to_float(half);
        double expected = half_value(half);
        if (isnan(expected)) {
            assert_true(isnan(value));
            assert_int_equal(base_float_to_half(value), half | 0x200);
            continue;
        }
        assert_true((double)value == expected);
        assert_int_equal(signbit(value) != 0, half >> 15);
        assert_int_equal(base_float_to_half(value), half);
    }
}

/* Between each two neighbours: the middle goes to the even one, what is beside it to the nearer. */
static void test_half_rounding(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7c00; i++) {
        double low = half_value((uint16_t)i);
        double high = i == 0x7bff ? 65536.0 : half_value((uint16_t)(i + 1));
        float middle = (float)((low + high) / 2);
        uint16_t even = (uint16_t)(i & 1 ? i + 1 : i);
        for (int sign = 0; sign < 2; sign++) {
            uint16_t bit = (uint16_t)(sign << 15);
            float factor = sign ? -1.0f : 1.0f;
            assert_int_equal(base_float_to_half(factor * middle), even | bit);
            assert_int_equal(base_float_to_half(factor * nextafterf(middle, 0.0f)), i | bit);
            assert_int_equal(base_float_to_half(factor * nextafterf(middle, 1e9f)), (i + 1) | bit);
        }
    }
    assert_int_equal(base_float_to_half(1e30f), 0x7c00);
    assert_int_equal(base_float_to_half(-INFINITY), 0xfc00);
    assert_int_equal(base_float_to_half(1e-30f), 0);
    uint32_t least_nan = 0x7f800001; /* its payload lies below the bits that are kept */
    float nan_value;
    memcpy(&nan_value, &least_nan, sizeof nan_value);
    assert_int_equal(base_float_to_half(nan_value) & 0x7e00, 0x7e00);
}

static void test_bfloat16(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        float value = base_bfloat16_to_float((uint16_t)i);
        assert_int_equal(bits_of(value), i << 16);
        if (isnan(value))
            assert_int_equal(base_float_to_bfloat16(value), i | 0x40);
        else
            assert_int_equal(base_float_to_bfloat16(value), i);
    }
    assert_int_equal(base_float_to_bfloat16(0x1.01p0f), 0x3f80);        /* tie, to even */
    assert_int_equal(base_float_to_bfloat16(0x1.03p0f), 0x3f82);        /* tie, to even */
    assert_int_equal(base_float_to_bfloat16(0x1.010002p0f), 0x3f81);    /* above it */
    assert_int_equal(base_float_to_bfloat16(0x1.fffffep127f), 0x7f80);  /* to infinity */
}

/* --- Files ------------------------------------------------------------------------------------ */

static int count_entries(void)
{
    char command[600];
    int count = -1;
    (void)snprintf(command, sizeof command, "ls -A '%s' | wc -l", scratch());
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    (void)pclose(pipe);
    return count;
}

static void assert_content(pum_context *context, const char *path, const char *expected)
{
    uint8_t *data;
    size_t size;
    struct base_mapping mapping;
    assert_int_equal(base_file_read(context, path, 1 << 20, &data, &size), PUM_OK);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(data, expected, size);
    pum_free(context, data);
    assert_int_equal(base_file_map(path, &mapping), PUM_OK);
    assert_int_equal(mapping.size_bytes, strlen(expected));
    if (size == 0)
        assert_null(mapping.data);
    else
        assert_memory_equal(mapping.data, expected, size);
    base_file_unmap(&mapping);
    base_file_unmap(&mapping);
}

static void test_files(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    char path[512], link[512];
    path_in_scratch(path, "new/folders/file");
    assert_int_equal(base_file_write_atomic(context, path, "first", 5), PUM_OK);
    assert_content(context, path, "first");
    assert_int_equal(base_file_write_atomic(context, path, "", 0), PUM_OK);
    assert_content(context, path, "");
    path_in_scratch(link, "link");
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(base_file_write_atomic(context, link, "second", 6), PUM_OK);
    struct stat info;
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_content(context, path, "second");
    end_context(&context, &faulty);
}

/* What is no regular file is written through, not replaced. Tried on nodes of the test's own: as
 * root, a mistake here would replace the machine's /dev/null. */
static void test_pipes_and_devices(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    char path[512], got[8] = "";
    struct stat info;
    path_in_scratch(path, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    int pipe = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(pipe >= 0);
    assert_int_equal(base_file_write_atomic(context, path, "x", 1), PUM_OK);
    assert_int_equal(read(pipe, got, sizeof got), 1);
    (void)close(pipe);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));

    /* a device that is always full, like /dev/full */
    path_in_scratch(path, "full");
    int file = -1;
    if (mknod(path, S_IFCHR | 0600, makedev(1, 7)) == 0)
        file = open(path, O_WRONLY);
    if (file < 0) {
        print_message("no device node can be made here: the full device is not tried\n");
    } else {
        (void)close(file);
        assert_int_equal(base_file_write_atomic(context, path, "x", 1), PUM_E_FILE);
        assert_message_has("full: cannot be written: No space left");
        assert_int_equal(stat(path, &info), 0);
        assert_true(S_ISCHR(info.st_mode));
    }
    end_context(&context, &faulty);
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    struct base_mapping mapping;
    uint8_t *data;
    size_t size;
    char path[512];
    path_in_scratch(path, "nothing");
    assert_int_equal(base_file_map(path, &mapping), PUM_E_FILE);
    assert_null(mapping.data);
    assert_message_has("nothing: cannot be opened: No such file");
    assert_int_equal(base_file_read(context, path, 10, &data, &size), PUM_E_FILE);
    assert_null(data);
    assert_int_equal(base_file_map(scratch(), &mapping), PUM_E_FILE);
    assert_message_has("is a folder");
    assert_int_equal(base_file_map("/dev/zero", &mapping), PUM_E_FILE);
    assert_message_has("no regular file");
    assert_int_equal(base_file_read(context, "/dev/zero", 10000, &data, &size), PUM_E_FILE);
    assert_message_has("larger than the 10000 bytes");
    path_in_scratch(path, "ten");
    assert_int_equal(base_file_write_atomic(context, path, "0123456789", 10), PUM_OK);
    assert_int_equal(base_file_read(context, path, 9, &data, &size), PUM_E_FILE);
    assert_message_has("has 10 bytes, 9 are allowed");
    assert_int_equal(base_file_read(context, path, 10, &data, &size), PUM_OK);
    pum_free(context, data);
    faulty.fail_at = faulty.calls + 1;
    assert_int_equal(base_file_read(context, path, 10, &data, &size), PUM_E_MEMORY);
    end_context(&context, &faulty);
}

/* A write that fails half way: the old file stays, nothing is left beside it. */
static void test_full_disk(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    char path[512];
    path_in_scratch(path, "kept");
    assert_int_equal(base_file_write_atomic(context, path, "old", 3), PUM_OK);
    int entries = count_entries();
    struct rlimit limit, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small = limit;
    small.rlim_cur = 1000;
    char *large = calloc(1, 100000);
    assert_non_null(large);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    pum_status status = base_file_write_atomic(context, path, large, 100000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    free(large);
    assert_int_equal(status, PUM_E_FILE);
    assert_message_has("kept: cannot be written: File too large");
    assert_content(context, path, "old");
    assert_int_equal(count_entries(), entries);
    end_context(&context, &faulty);
}

static void test_folders_that_cannot_be_written(void **state)
{
    (void)state;
    struct faulty faulty = {0};
    pum_context *context = make_context(&faulty);
    char path[512], folder[512];
    path_in_scratch(path, "a_file");
    assert_int_equal(base_file_write_atomic(context, path, "x", 1), PUM_OK);
    path_in_scratch(path, "a_file/below");
    assert_int_equal(base_file_write_atomic(context, path, "x", 1), PUM_E_FILE);
    assert_message_has("Not a directory");
    assert_int_equal(base_file_write_atomic(context, scratch(), "x", 1), PUM_E_FILE);
    assert_message_has("is a folder");
    assert_int_equal(base_file_write_atomic(context, "", "x", 1), PUM_E_FILE);
    faulty.fail_at = faulty.calls + 1;
    path_in_scratch(path, "a_file");
    assert_int_equal(base_file_write_atomic(context, path, "x", 1), PUM_E_MEMORY);

    path_in_scratch(folder, "locked");
    path_in_scratch(path, "locked/file");
    assert_int_equal(base_file_write_atomic(context, path, "old", 3), PUM_OK);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(chmod(scratch(), 0755), 0);
    uid_t user = geteuid();
    if (user == 0) /* root may write anywhere: be somebody else for a moment */
        assert_int_equal(seteuid(65534), 0);
    pum_status status = base_file_write_atomic(context, path, "x", 1);
    char message[512];
    (void)snprintf(message, sizeof message, "%s", pum_last_error());
    path_in_scratch(path, "locked/deep/file");
    pum_status deep_status = base_file_write_atomic(context, path, "x", 1);
    if (user == 0)
        assert_int_equal(seteuid(user), 0);
    assert_int_equal(deep_status, PUM_E_FILE);
    assert_message_has("the folder cannot be made: Permission denied");
    assert_int_equal(status, PUM_E_FILE);
    assert_non_null(strstr(message, "Permission denied"));
    path_in_scratch(path, "locked/file");
    assert_content(context, path, "old");
    assert_int_equal(chmod(folder, 0755), 0);
    end_context(&context, &faulty);
}

/* --- Threads ---------------------------------------------------------------------------------- */

struct jobs {
    atomic_int done[1000];
    int fail_from;
};

static pum_status count_job(void *user, int32_t index)
{
    struct jobs *jobs = user;
    atomic_fetch_add(&jobs->done[index], 1);
    if (jobs->fail_from >= 0 && index >= jobs->fail_from)
        return pum_fail(PUM_E_RANGE, "job %d", index);
    return PUM_OK;
}

static void test_parallel_for(void **state)
{
    (void)state;
    static const struct {
        int32_t count, threads;
        int fail_from;
    } rows[] = {{1000, 0, -1}, {1000, 1, -1}, {1000, 16, -1}, {3, 500, -1}, {0, 4, -1},
                {1000, 8, 17}, {1000, 1, 0}, {1000, 64, 999}};
    for (size_t i = 0; i < PUM_COUNT_OF(rows); i++) {
        struct jobs *jobs = calloc(1, sizeof *jobs);
        assert_non_null(jobs);
        jobs->fail_from = rows[i].fail_from;
        pum_status status =
            base_parallel_for(NULL, rows[i].count, rows[i].threads, count_job, jobs);
        for (int32_t k = 0; k < 1000; k++)
            assert_int_equal(jobs->done[k], k < rows[i].count ? 1 : 0);
        if (rows[i].fail_from >= 0) {
            char expected[32];
            (void)snprintf(expected, sizeof expected, "job %d", rows[i].fail_from);
            assert_int_equal(status, PUM_E_RANGE);
            assert_string_equal(pum_last_error(), expected);
        } else {
            assert_int_equal(status, PUM_OK);
        }
        free(jobs);
    }
}

/* Job 0 fails last, and is the one to be reported. */
static pum_status slow_first_job(void *user, int32_t index)
{
    atomic_int *others = user;
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; index == 0 && atomic_load(others) < 3 && i < 5000; i++)
        (void)nanosleep(&moment, NULL);
    atomic_fetch_add(others, 1);
    return pum_fail(PUM_E_RANGE, "job %d", index);
}

static void test_parallel_for_reports_by_index(void **state)
{
    (void)state;
    atomic_int others = 0;
    assert_int_equal(base_parallel_for(NULL, 4, 4, slow_first_job, &others), PUM_E_RANGE);
    assert_string_equal(pum_last_error(), "job 0");
}

struct counter {
    struct base_lock lock;
    int64_t value;
};

static pum_status count_locked(void *user, int32_t index)
{
    (void)index;
    struct counter *counter = user;
    for (int i = 0; i < 1000; i++) {
        base_lock_take(&counter->lock);
        counter->value++;
        base_lock_release(&counter->lock);
    }
    return PUM_OK;
}

static void test_lock_and_clock(void **state)
{
    (void)state;
    struct counter counter = {.value = 0};
    uint64_t before = base_time_ns();
    base_lock_init(&counter.lock);
    assert_int_equal(base_parallel_for(NULL, 50, 8, count_locked, &counter), PUM_OK);
    base_lock_destroy(&counter.lock);
    assert_int_equal(counter.value, 50000);
    assert_true(base_time_ns() > before);
}

static int remove_scratch(void **state)
{
    (void)state;
    char command[600];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scratch());
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_names),
        cmocka_unit_test(test_fail_and_prefix),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_messages_are_per_thread),
        cmocka_unit_test(test_context_arguments),
        cmocka_unit_test(test_context_memory_runs_out),
        cmocka_unit_test(test_knobs),
        cmocka_unit_test(test_cache_folder),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_memory_runs_out),
        cmocka_unit_test(test_half_all_values),
        cmocka_unit_test(test_half_rounding),
        cmocka_unit_test(test_bfloat16),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_pipes_and_devices),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_folders_that_cannot_be_written),
        cmocka_unit_test(test_parallel_for),
        cmocka_unit_test(test_parallel_for_reports_by_index),
        cmocka_unit_test(test_lock_and_clock),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
