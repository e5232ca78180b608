// SPDX-License-Identifier: MIT
//! family  quantize
//! push    push_quantize
//! binding x read
//! binding scale read
//! binding zero read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! kernel  quantize_f32 store=f32
//! kernel  quantize_f16 store=f16 needs=f16_storage
//
// y[i] = round(x[i] / scale[c]) + zero[c], halves to even, within [low, high]; c is the element's
// entry (push_quant.h). x: flat; y: the same shape, integers in 32 bits; scale: of x's type. One
// invocation computes `per` elements that lie a workgroup apart. Exact: include/quant.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "quant.glsl"
#include "push_quant.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_quantize p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Scale { T scale[]; };
layout(binding = 2, std430) readonly restrict buffer Zero { int zero[]; };
layout(binding = 3, std430) writeonly restrict buffer Y { int y[]; };

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uint entry = p.entries == 1 ? 0 : unit / p.inner % p.entries;
        int z = p.has_zero != 0 ? zero[entry] : 0;
        y[unit] = quant_round(float(x[unit]), float(scale[entry]), z, p.low, p.high);
        unit += gl_WorkGroupSize.x;
    }
}
