/* SPDX-License-Identifier: MIT
 *
 * half.h - 16-bit floats on the host: IEEE binary16 and bfloat16, round to nearest even, with
 * infinities, NaNs and subnormals. Tests: tests/base/test_base.c (all 65536 values).
 */
#ifndef PUM_BASE_HALF_H
#define PUM_BASE_HALF_H

#include <stdint.h>

float base_half_to_float(uint16_t half);
uint16_t base_float_to_half(float value);
float base_bfloat16_to_float(uint16_t bits);
uint16_t base_float_to_bfloat16(float value);

#endif
