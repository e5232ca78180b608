// SPDX-License-Identifier: MIT
//! family  map
//! push    push_map
//! chain
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! spec    3 PRE *
//! kernel  map_x4_f32 store=f32 define=X4 when=long==0,count%4
//! kernel  map_x4_f16 store=f16 needs=f16_storage define=X4 when=long==0,count%4
//! kernel  map_f32 store=f32 when=long==0
//! kernel  map_f16 store=f16 needs=f16_storage when=long==0
//! kernel  map_any_f32 store=f32 define=CHAIN_LONG
//! kernel  map_any_f16 store=f16 needs=f16_storage define=CHAIN_LONG
//
// y[i] = chain(PRE(x[i])): operators of one input, or of one input and a constant. PRE is a step's
// number in push/push_chain.h with parameters a (also the operand) and b; the `any` rows have the
// long ones too (chain_is_long), which cost every pipeline time to compile.
// x, y: flat, the same shape; y may be x. One invocation computes `per` units (elements, or four
// neighbours in the x4 rows) that lie a workgroup apart, so that neighbours are read together.
// Calculates in fp32.
#version 450
#extension GL_GOOGLE_include_directive : require
#define CHAIN_BINDING 2
#include "dtype.glsl"
#include "chain.glsl"
#include "grid.glsl"
#include "push_elementwise.h"

#ifdef X4
#define UNIT T_VEC4
#else
#define UNIT T
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint PRE = 0;
layout(push_constant, std430) uniform Push { push_map p; push_chain chain; };
layout(binding = 0, std430) readonly buffer X { UNIT x[]; };
layout(binding = 1, std430) writeonly buffer Y { UNIT y[]; };

float element(float value, uint index) {
    value = CHAIN_STEP(PRE, value, p.a, p.a, p.b);
    return chain_apply(value, index, 0, 0, chain);
}

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
#ifdef X4
        vec4 value = vec4(x[unit]);
        for (uint k = 0; k < 4; k++)
            value[k] = element(value[k], 4 * unit + k);
#else
        float value = element(float(x[unit]), unit);
#endif
        y[unit] = UNIT(value);
        unit += gl_WorkGroupSize.x;
    }
}
