// SPDX-License-Identifier: MIT
//
// bits.glsl - elements as bits, for kernels that only move them: B is the stored type, integers of
// 32 (floats and integers alike) or 16 bits, so that no bit pattern is touched on the way.
// Calculate with uint(b) and store B(u).
#ifndef BITS_GLSL
#define BITS_GLSL
#if defined(STORE_F16)
#extension GL_EXT_shader_16bit_storage : require
#define B uint16_t
#else
#define B int
#endif
#endif
