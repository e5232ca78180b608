// SPDX-License-Identifier: MIT
//! family  quant_pool
//! push    push_quant_pool
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! spec    3 MODE *
//! kernel  quant_pool_i32 store=i32
//
// The greatest integer of each window, or the mean of a window of 8-bit elements with scale and
// zero point: x_scale * (x - x_zero) added up in fp32 row by row, divided by the number of elements
// and by y_scale, rounded to even after y_zero has been added. Layout as pool.comp: one invocation
// computes one element. Every division is rounded as IEEE 754 says (include/quant.glsl).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quant.glsl"
#include "push_quant.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint MODE = 0;
layout(push_constant, std430) uniform Push { push_quant_pool p; };
layout(binding = 0, std430) readonly restrict buffer X { int x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { int y[]; };

// The first and the end of the window's steps that lie in [0, size).
ivec2 span(int at, int size, int kernel, int dilation) {
    int first = at >= 0 ? 0 : (-at + dilation - 1) / dilation;
    int room = size - 1 - at;
    return ivec2(first, room < 0 ? 0 : min(kernel, room / dilation + 1));
}

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint row = index / p.out_w;
    uint plane = row / p.out_h;
    int h = int(row - plane * p.out_h) * p.stride_h - p.begin_h;
    int w = int(index - row * p.out_w) * p.stride_w - p.begin_w;
    ivec2 hs = span(h, p.in_h, p.kernel_h, p.dilation_h);
    ivec2 ws = span(w, p.in_w, p.kernel_w, p.dilation_w);
    int base = int(plane) * p.in_h * p.in_w;

    int most = -2147483647 - 1;
    precise float total = 0.0;
    for (int kh = hs.x; kh < hs.y; kh++) {
        int at = base + (h + kh * p.dilation_h) * p.in_w + w;
        for (int kw = ws.x; kw < ws.y; kw++) {
            int e = x[at + kw * p.dilation_w];
            most = max(most, e);
            precise float value = p.x_scale * float(e - p.x_zero);
            total = total + value;
        }
    }
    if (MODE == QUANT_POOL_MAX) {
        y[index] = most;
        return;
    }
    int elements = MODE == QUANT_POOL_AVERAGE_PADDED ? p.kernel_h * p.kernel_w
                                                     : max((hs.y - hs.x) * (ws.y - ws.x), 1);
    precise float v = quant_divide(quant_divide(total, float(elements)), p.y_scale) +
                      float(p.y_zero);
    y[index] = int(roundEven(clamp(v, float(p.low), float(p.high))));
}
