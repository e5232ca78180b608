// SPDX-License-Identifier: MIT
//! family  dequantize
//! push    push_quantize
//! chain
//! binding x read
//! binding scale read
//! binding zero read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! kernel  dequantize_bytes_f32 store=f32 when=bytes==1 define=BYTES
//! kernel  dequantize_bytes_f16 store=f16 needs=f16_storage when=bytes==1 define=BYTES
//! kernel  dequantize_f32 store=f32 when=bytes==0
//! kernel  dequantize_f16 store=f16 needs=f16_storage when=bytes==0
//
// y[i] = chain((x[i] - zero[c]) * scale[c]), c the element's entry (push_quant.h). x: integers in
// 32 bits or (BYTES) four to a word, the first in the lowest bits; y: the same shape; scale: of y's
// type. One invocation computes `per` elements that lie a workgroup apart. fp32, rounded once.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_chain.h"
#include "push_quant.h"

#define CHAIN_BINDING 4

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_quantize p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer X { int x[]; };
layout(binding = 1, std430) readonly restrict buffer Scale { T scale[]; };
layout(binding = 2, std430) readonly restrict buffer Zero { int zero[]; };
layout(binding = 3, std430) writeonly restrict buffer Y { T y[]; };
#include "chain.glsl"

int element(uint at) {
#if defined(BYTES)
    int word = x[at / 4], shift = int(at % 4) * 8;
    return p.low < 0 ? bitfieldExtract(word, shift, 8) : (word >> shift) & 255;
#else
    return x[at];
#endif
}

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uint entry = p.entries == 1 ? 0 : unit / p.inner % p.entries;
        int z = p.has_zero != 0 ? zero[entry] : 0;
        precise float v = float(element(unit) - z) * float(scale[entry]);
        y[unit] = T(chain_apply(v, unit, 0, 0, chain));
        unit += gl_WorkGroupSize.x;
    }
}
