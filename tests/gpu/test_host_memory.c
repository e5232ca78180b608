/* SPDX-License-Identifier: MIT
 *
 * test_host_memory.c - the allocation callbacks that drivers are given: alignment, contents kept by
 * reallocation, small blocks given again without the allocator. Needs no Vulkan.
 */
#include "gpu_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SCOPE VK_SYSTEM_ALLOCATION_SCOPE_OBJECT

static void test_blocks(void **state)
{
    (void)state;
    static const struct {
        size_t size, alignment;
    } cases[] = {{0, 1},     {1, 1},     {7, 8},       {100, 16}, {4096, 64},
                 {5000, 256}, {3, 4096}, {1u << 20, 8}, {64, 64}};
    struct gpu_fixture f = {0};
    struct gpu_host_memory memory = {0};
    gpu_fixture_context(&f, NULL);
    gpu_host_memory_init(&memory, f.context);
    const VkAllocationCallbacks *c = &memory.callbacks;
    for (int round = 0; round < 3; ++round) {
        uint8_t *blocks[PUM_COUNT_OF(cases)];
        for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i) {
            blocks[i] = c->pfnAllocation(c->pUserData, cases[i].size, cases[i].alignment, SCOPE);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % cases[i].alignment, 0);
            memset(blocks[i], (int)i + 1, cases[i].size);
        }
        for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i) {
            size_t grown = cases[i].size * 2 + 1;
            blocks[i] = c->pfnReallocation(c->pUserData, blocks[i], grown, cases[i].alignment,
                                           SCOPE);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % cases[i].alignment, 0);
            for (size_t b = 0; b < cases[i].size; ++b)
                assert_int_equal(blocks[i][b], i + 1);
            memset(blocks[i], 0xee, grown);
        }
        for (size_t i = 0; i < PUM_COUNT_OF(cases); ++i)
            c->pfnFree(c->pUserData, blocks[i]);
    }
    c->pfnFree(c->pUserData, NULL);
    assert_null(c->pfnAllocation(c->pUserData, SIZE_MAX - 8, 8, SCOPE));
    void *fresh = c->pfnReallocation(c->pUserData, NULL, 10, 8, SCOPE);
    assert_non_null(fresh);
    assert_null(c->pfnReallocation(c->pUserData, fresh, 0, 8, SCOPE));
    gpu_host_memory_finish(&memory);
    gpu_fixture_close(&f);
}

static void test_given_again(void **state)
{
    (void)state;
    struct gpu_fixture f = {0};
    struct gpu_host_memory memory = {0};
    gpu_fixture_context(&f, NULL);
    gpu_host_memory_init(&memory, f.context);
    const VkAllocationCallbacks *c = &memory.callbacks;
    /* More kinds of blocks than are kept, so that old spares make room. */
    for (size_t size = 8; size < 8 + 2 * GPU_SPARE_BLOCKS; ++size)
        c->pfnFree(c->pUserData, c->pfnAllocation(c->pUserData, 16 * size, 8, SCOPE));
    gpu_host_memory_reserve(&memory);
    int64_t calls = f.counting.calls;
    for (int i = 0; i < 100; ++i) {
        void *a = c->pfnAllocation(c->pUserData, 200, 8, SCOPE);
        void *b = c->pfnAllocation(c->pUserData, 300, 8, SCOPE);
        assert_true(a && b && a != b);
        c->pfnFree(c->pUserData, a);
        c->pfnFree(c->pUserData, b);
        gpu_host_memory_reserve(&memory);
    }
    assert_int_equal(f.counting.calls, calls);
    gpu_host_memory_finish(&memory);
    gpu_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_given_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
