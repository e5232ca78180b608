/* SPDX-License-Identifier: MIT
 *
 * half.c - binary16 and bfloat16 to and from float by bit arithmetic alone: no compiler type, no
 * instruction, the same on every host. Narrowing rounds to nearest, ties to even; a NaN stays a NaN
 * (made quiet, the upper payload kept). Tests: tests/base/test_base.c.
 */
#include "base/half.h"

#include <string.h>

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float base_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu;
    uint32_t mantissa = half & 0x3ffu;
    if (exponent == 31) /* infinity, NaN */
        return bits_float(sign | 0x7f800000u | (mantissa << 13));
    if (exponent == 0) {
        /* mantissa * 2^-24 is exact in float */
        float magnitude = (float)mantissa * 0x1p-24f;
        return bits_float(sign | float_bits(magnitude));
    }
    return bits_float(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t base_float_to_half(float value)
{
    uint32_t bits = float_bits(value);
    uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN */
        return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude >= 0x38800000u) {
        /* Normal: rebias, then round away 13 bits; a carry rightly moves into the exponent. */
        uint32_t rebiased = magnitude - (112u << 23);
        return (uint16_t)(sign | ((rebiased + 0xfffu + ((rebiased >> 13) & 1u)) >> 13));
    }
    if (magnitude <= 0x33000000u) /* 2^-25 and below round to zero */
        return (uint16_t)sign;
    /* Subnormal: the mantissa with its hidden bit, shifted to units of 2^-24. */
    uint32_t exponent = magnitude >> 23;
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    uint32_t shift = 126 - exponent;
    uint32_t rest = mantissa & ((1u << shift) - 1);
    uint32_t middle = 1u << (shift - 1);
    uint32_t result = mantissa >> shift;
    result += rest > middle || (rest == middle && (result & 1u));
    return (uint16_t)(sign | result);
}

float base_bfloat16_to_float(uint16_t bits)
{
    return bits_float((uint32_t)bits << 16);
}

uint16_t base_float_to_bfloat16(float value)
{
    uint32_t bits = float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
