/* SPDX-License-Identifier: MIT
 *
 * test_specialize.c - dead branches out of SPIR-V: every kernel of the table with random values of
 * its specialization constants stays valid (by spirv-val), chains without steps lose most of
 * their code, and what is no SPIR-V is handed through. That results stay right is held by verify.
 */
#include "gpu/specialize.h"

#include "ops/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static pum_context *context;

static int setup(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    return 0;
}

static uint32_t *specialize(const struct kernel_row *row, const uint32_t *values, size_t *words)
{
    uint32_t ids[KERNEL_MAX_SPECS], *out = malloc(row->code_bytes);
    assert_non_null(out);
    for (uint32_t i = 0; i < row->spec_count; i++)
        ids[i] = row->specs[i].id;
    assert_int_equal(gpu_specialize(context, row->code, row->code_bytes / 4, ids, values,
                                    row->spec_count, out, words),
                     PUM_OK);
    return out;
}

/* Values as lowerings give them: legal ones, and chain codes of any step. */
static void choose(const struct kernel_row *row, uint32_t *seed, uint32_t *values)
{
    for (uint32_t i = 0; i < row->spec_count; i++) {
        const struct kernel_spec *spec = &row->specs[i];
        *seed = *seed * 1664525u + 1013904223u;
        if (spec->value_count > 0)
            values[i] = spec->values[(*seed >> 16) % spec->value_count];
        else if (spec->id >= 16)
            values[i] = (*seed >> 16) % 48 | (*seed >> 8 & 1) << 8;
        else
            values[i] = 1 + (*seed >> 16) % 5;
    }
}

static void every_kernel_stays_valid(void **state)
{
    (void)state;
    char path[] = "/tmp/pumice-specialize-XXXXXX", command[256];
    if (system("spirv-val --version > /dev/null 2>&1") != 0) {
        print_message("spirv-val is not here\n");
        skip();
    }
    int file = mkstemp(path);
    assert_true(file >= 0);
    snprintf(command, sizeof command, "spirv-val --target-env vulkan1.1 %s", path);
    uint32_t seed = 1;
    for (int32_t r = 0; r < kernel_row_count; r++) {
        for (int variant = 0; variant < (kernel_rows[r].chain ? 3 : 1); variant++) {
            uint32_t values[KERNEL_MAX_SPECS];
            size_t words;
            choose(&kernel_rows[r], &seed, values);
            uint32_t *code = specialize(&kernel_rows[r], values, &words);
            assert_true(words <= kernel_rows[r].code_bytes / 4);
            assert_int_equal(ftruncate(file, 0), 0);
            assert_int_equal(pwrite(file, code, words * 4, 0), (ssize_t)(words * 4));
            if (system(command) != 0)
                fail_msg("%s is not valid any more", kernel_rows[r].name);
            free(code);
        }
    }
    close(file);
    unlink(path);
}

static void unused_chains_go(void **state)
{
    (void)state;
    int32_t chains = 0;
    for (int32_t r = 0; r < kernel_row_count; r++) {
        const struct kernel_row *row = &kernel_rows[r];
        uint32_t values[KERNEL_MAX_SPECS] = {0};
        size_t words;
        if (!row->chain)
            continue;
        for (uint32_t i = 0; i < row->spec_count; i++)
            values[i] = row->specs[i].value_count > 0 ? row->specs[i].values[0] : 0;
        free(specialize(row, values, &words));
        if (words * 4 > row->code_bytes * 3 / 4)
            fail_msg("%s keeps %zu of %zu words", row->name, words, row->code_bytes / 4);
        chains++;
    }
    assert_true(chains > 10);
}

static void other_words_pass_through(void **state)
{
    (void)state;
    const uint32_t lies[] = {0x07230203, 0x10300, 0, 5, 0, 0x00ff0011, 7};
    uint32_t out[7];
    size_t words;
    assert_int_equal(gpu_specialize(context, lies, 7, NULL, NULL, 0, out, &words), PUM_OK);
    assert_int_equal(words, 7);
    assert_memory_equal(out, lies, sizeof lies);
    assert_int_equal(gpu_specialize(context, lies, 2, NULL, NULL, 0, out, &words), PUM_OK);
    assert_int_equal(words, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_stays_valid),
        cmocka_unit_test(unused_chains_go),
        cmocka_unit_test(other_words_pass_through),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
