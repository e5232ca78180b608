// SPDX-License-Identifier: MIT
//! family  cast
//! push    push_cast
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! kernel  cast_f32_i32 store=f32 define=TO_I32 when=to==3
//! kernel  cast_f16_i32 store=f16 needs=f16_storage define=TO_I32 when=to==3
//! kernel  cast_i32_i32 store=i32 define=TO_I32 when=to==3
//! kernel  cast_f32_f32 store=f32 define=TO_F32 when=to==1
//! kernel  cast_f16_f32 store=f16 needs=f16_storage define=TO_F32 when=to==1
//! kernel  cast_i32_f32 store=i32 define=TO_F32 when=to==1
//! kernel  cast_f32_f16 store=f32 needs=f16_storage define=TO_F16 when=to==2
//! kernel  cast_i32_f16 store=i32 needs=f16_storage define=TO_F16 when=to==2
//
// y[i] = x[i] in another type; `to` is enum kernel_store. What happens to values on the way is the
// mode CAST_* of push/push_elementwise.h. Rounding to 16-bit floats is to nearest even, written out
// since the device's own may differ. One invocation converts `per` elements that lie a workgroup
// apart. Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#if defined(TO_F16)
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#endif
#include "dtype.glsl"
#include "grid.glsl"
#include "math.glsl"
#include "push_elementwise.h"

#if defined(TO_I32)
#define R int
#elif defined(TO_F16)
#define R float16_t
#else
#define R float
#endif

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_cast p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { R y[]; };

float round_half(float v) {
    uint bits = floatBitsToUint(v), a = bits & 0x7fffffffu, sign_bit = bits & 0x80000000u;
    if (a > 0x7f800000u)
        return v;
    if (a >= 0x477ff000u) // 65520 and above
        return uintBitsToFloat(sign_bit | 0x7f800000u);
    if (a < 0x38800000u) { // float16's subnormals: multiples of 2^-24
        float steps = roundEven(uintBitsToFloat(a) * 16777216.0);
        return uintBitsToFloat(sign_bit | floatBitsToUint(steps * 5.9604644775390625e-8));
    }
    return uintBitsToFloat((bits + 0xfffu + (bits >> 13 & 1u)) & 0xffffe000u);
}

float round_bfloat(float v) {
    uint bits = floatBitsToUint(v);
    if (math_is_nan(v))
        return v;
    return uintBitsToFloat((bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u);
}

#if defined(TO_I32)
// By bits: a driver may take a subnormal number for zero.
bool is_zero(float v) {
    return floatBitsToUint(v) << 1 == 0u;
}

bool is_zero(int v) {
    return v == 0;
}

int clamp_to(float v) {
    if (math_is_nan(v))
        return 0;
    if (v >= float(p.high))
        return p.high;
    return v <= float(p.low) ? p.low : int(v);
}

int clamp_to(int v) {
    return clamp(v, p.low, p.high);
}

int convert(A v) {
    if (p.mode == CAST_BOOL)
        return is_zero(v) ? 0 : 1;
    if (p.mode == CAST_CLAMP)
        return clamp_to(v);
    int whole = int(v);
    if (p.mode != CAST_WRAP)
        return whole;
    return p.high != 0 ? whole << p.low >> p.low : int(uint(whole) << p.low >> p.low);
}
#else
float convert(A v) {
    float value = float(v);
    if (p.mode == CAST_HALF)
        value = round_half(value);
    else if (p.mode == CAST_BFLOAT)
        value = round_bfloat(value);
    return value;
}
#endif

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        y[unit] = R(convert(A(x[unit])));
        unit += gl_WorkGroupSize.x;
    }
}
