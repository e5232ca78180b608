// SPDX-License-Identifier: MIT
//! family  quant_softmax
//! push    push_quant_softmax
//! binding x read
//! binding table read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8
//! kernel  quant_softmax_i32 store=i32
//
// Softmax of 8-bit rows: table[i] is the exponential of the value i below the row's greatest, as a
// float; y = round(table * scale / sum of the row's) + y_zero. Sums in fp32 in the row's order,
// divisions rounded as IEEE 754 says, so that all is as ONNX Runtime's CPU provider has it. One
// invocation a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quant.glsl"
#include "push_quant.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_quant_softmax p; };
layout(binding = 0, std430) readonly restrict buffer X { int x[]; };
layout(binding = 1, std430) readonly restrict buffer Table { float table[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { int y[]; };

void main() {
    uint row = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (row >= p.rows)
        return;
    uint base = row / p.inner * p.inner * p.entries + row % p.inner;
    int most = x[base];
    for (uint i = 1; i < p.entries; i++)
        most = max(most, x[base + i * p.inner]);
    precise float sum = 0.0;
    for (uint i = 0; i < p.entries; i++)
        sum = sum + table[most - x[base + i * p.inner]];
    for (uint i = 0; i < p.entries; i++) {
        uint at = base + i * p.inner;
        precise float part = table[most - x[at]] * p.scale;
        y[at] = clamp(int(roundEven(quant_divide(part, sum))) + p.y_zero, p.low, p.high);
    }
}
