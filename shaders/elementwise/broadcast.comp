// SPDX-License-Identifier: MIT
//! family  broadcast
//! push    push_broadcast
//! chain
//! binding a read
//! binding b read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! spec    3 OP *
//! spec    4 SPLAT 0 | 1 | 2 | 3
//! spec    5 AXES *
//! kernel  broadcast_x4_f32 store=f32 define=X4 when=axes<=6,long==0,inner%4
//! kernel  broadcast_x4_f16 store=f16 needs=f16_storage define=X4 when=axes<=6,long==0,inner%4
//! kernel  broadcast_f32 store=f32 when=axes<=6,long==0
//! kernel  broadcast_f16 store=f16 needs=f16_storage when=axes<=6,long==0
//! kernel  broadcast_any_f32 store=f32 define=ANY_RANK,CHAIN_LONG
//! kernel  broadcast_any_f16 store=f16 needs=f16_storage define=ANY_RANK,CHAIN_LONG
//
// y[i] = chain(a[i] OP b[i]), a and b broadcast to y as the push table says. OP is a step's number
// in push/push_chain.h, a the running value and b the operand; the `any` rows have any rank and the
// long steps too (chain_is_long: Pow). a, b, y: flat, row-major; y may be a or b where that has y's
// shape. One invocation computes `per` units (elements, or four neighbours along the innermost axis
// in the x4 rows) that lie a workgroup apart. SPLAT (x4 rows): 1: a, 2: b does not vary along the
// innermost axis. Calculates in fp32.
#version 450
#extension GL_GOOGLE_include_directive : require
#define CHAIN_BINDING 3
#include "dtype.glsl"
#include "chain.glsl"
#include "grid.glsl"
#include "push_elementwise.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint OP = 0;
layout(constant_id = 4) const uint SPLAT = 0;
layout(push_constant, std430) uniform Push { push_broadcast p; push_chain chain; };
#include "broadcast.glsl"
layout(binding = 0, std430) readonly buffer A1 { T a[]; };
layout(binding = 1, std430) readonly buffer B1 { T b[]; };
#ifdef X4
layout(binding = 0, std430) readonly buffer A4 { T_VEC4 a4[]; };
layout(binding = 1, std430) readonly buffer B4 { T_VEC4 b4[]; };
layout(binding = 2, std430) writeonly buffer Y { T_VEC4 y[]; };
#else
layout(binding = 2, std430) writeonly buffer Y { T y[]; };
#endif

float element(float x, float o, uint index) {
    return chain_apply(CHAIN_STEP(OP, x, o, 0.0, 0.0), index, 0, 0, chain);
}

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uvec3 at = broadcast_at(unit);
#ifdef X4
        vec4 x, o;
        if ((SPLAT & 1u) != 0u)
            x = vec4(float(a[at.x]));
        else
            x = vec4(a4[at.x]);
        if ((SPLAT & 2u) != 0u)
            o = vec4(float(b[at.y]));
        else
            o = vec4(b4[at.y]);
        for (uint k = 0; k < 4; k++)
            x[k] = element(x[k], o[k], 4 * unit + k);
        y[unit] = T_VEC4(x);
#else
        y[unit] = T(element(float(a[at.x]), float(b[at.y]), unit));
#endif
        unit += gl_WorkGroupSize.x;
    }
}
