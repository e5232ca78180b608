/* SPDX-License-Identifier: MIT
 *
 * philox.h - the generator behind all random operators: Philox4x32-10 (Salmon, Moraes, Dror, Shaw:
 * "Parallel random numbers: as easy as 1, 2, 3", 2011). It has no state: value number i is a
 * function of the seed and i. Tests: tests/ops/test_random.c, with the paper's known answers.
 */
#ifndef PUM_OPS_PHILOX_H
#define PUM_OPS_PHILOX_H

#include <stdint.h>

/* The block of four numbers that counter and key give. */
void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Uniform in [0, 1), 53 bits. */
double philox_uniform(uint64_t seed, uint64_t index);
/* Mean 0, variance 1 (Box and Muller). */
double philox_normal(uint64_t seed, uint64_t index);

#endif
