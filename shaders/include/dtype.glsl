// SPDX-License-Identifier: MIT
//
// dtype.glsl - how an element lies in a buffer. The build defines one of STORE_F32, STORE_F16,
// STORE_I32 from the kernel line's `store=`. T is the stored type, A the type to calculate in.
#ifndef DTYPE_GLSL
#define DTYPE_GLSL
#if defined(STORE_F16)
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define T float16_t
#define A float
#define T_VEC4 f16vec4
#define A_VEC4 vec4
#elif defined(STORE_I32)
#define T int
#define A int
#define T_VEC4 ivec4
#define A_VEC4 ivec4
#else
#define T float
#define A float
#define T_VEC4 vec4
#define A_VEC4 vec4
#endif
#endif
