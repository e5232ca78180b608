/* SPDX-License-Identifier: MIT
 *
 * philox.c - see philox.h. Tests: tests/ops/test_random.c.
 */
#include "ops/philox.h"

#include <math.h>

#define ROUNDS 10

void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c[0], p1 = (uint64_t)0xcd9e8d57u * c[2];
        uint32_t next0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        uint32_t next2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[0] = next0;
        c[1] = (uint32_t)p1;
        c[2] = next2;
        c[3] = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    for (int i = 0; i < 4; i++)
        out[i] = c[i];
}

static void block_of(uint64_t seed, uint64_t index, uint32_t out[4])
{
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    philox_block(counter, key, out);
}

static double unit(uint32_t low, uint32_t high)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double philox_uniform(uint64_t seed, uint64_t index)
{
    uint32_t block[4];
    block_of(seed, index, block);
    return unit(block[0], block[1]);
}

double philox_normal(uint64_t seed, uint64_t index)
{
    uint32_t block[4];
    block_of(seed, index, block);
    double radius = sqrt(-2 * log(1 - unit(block[0], block[1]))); /* 1 - u is not 0 */
    return radius * cos(6.283185307179586476925 * unit(block[2], block[3]));
}
