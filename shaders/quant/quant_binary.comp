// SPDX-License-Identifier: MIT
//! family  quant_binary
//! push    push_quant_binary
//! binding a read
//! binding b read
//! binding table read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! spec    3 OP *
//! spec    5 AXES *
//! kernel  quant_binary_i32 store=i32 when=axes<=6
//! kernel  quant_binary_any_i32 store=i32 define=ANY_RANK
//
// Sum and product of 8-bit tensors, each with scale and zero point, broadcast to y; the rounding
// of every step is that of ONNX Runtime's CPU provider.
//   QUANT_ADD  y = round(a * scale + table[b - b_zero]): the table has what b and all zero points
//              contribute, as floats. The product and the sum are rounded once, as a fused
//              multiply-add does: scale comes in two parts, whose products with eight bits are
//              exact, and the sum's rounding error is found again (Knuth).
//   QUANT_MUL  y = round((a - a_zero) (b - b_zero) * scale + y_zero)
// Halves to even, within [low, high]. One invocation computes `per` elements that lie a workgroup
// apart.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "push_quant.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint OP = 0;
layout(push_constant, std430) uniform Push { push_quant_binary all; };
#define p all.broadcast
#include "broadcast.glsl"
#undef p
layout(binding = 0, std430) readonly restrict buffer InA { int a[]; };
layout(binding = 1, std430) readonly restrict buffer InB { int b[]; };
layout(binding = 2, std430) readonly restrict buffer Table { float table[]; };
layout(binding = 3, std430) writeonly restrict buffer Y { int y[]; };

float sum(float v, float t) {
    precise float high = v * all.scale, low = v * all.scale_rest;
    precise float s = t + high;
    precise float back = s - t;
    precise float rest_t = t - (s - back), rest_high = high - back;
    precise float rest = rest_t + rest_high + low;
    precise float result = s + rest;
    return result;
}

float product(int u, int v) {
    precise float s = float((u - all.a_zero) * (v - all.b_zero)) * all.scale;
    precise float result = s + float(all.y_zero);
    return result;
}

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * all.broadcast.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < all.broadcast.per && unit < all.broadcast.count; n++) {
        uvec3 at = broadcast_at(unit);
        float v;
        if (OP == QUANT_ADD)
            v = sum(float(a[at.x]), table[b[at.y] - all.b_zero]);
        else
            v = product(a[at.x], b[at.y]);
        y[unit] = int(roundEven(clamp(v, float(all.low), float(all.high))));
        unit += gl_WorkGroupSize.x;
    }
}
