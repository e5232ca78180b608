// SPDX-License-Identifier: MIT
//! family  pool
//! push    push_pool
//! chain
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! spec    3 MODE *
//! kernel  pool_f32 store=f32
//! kernel  pool_f16 store=f16 needs=f16_storage
//
// y[p, oh, ow] = max, mean or p-norm of x[p, oh*stride - begin + kh*dilation, ...] over the
// window's elements that lie in the input. x: [planes, in_h, in_w], y: [planes, out_h, out_w]; one
// spatial axis is in_h = 1. One invocation computes one element in fp32, row by row of the window.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_pool.h"

#define CHAIN_BINDING 2
#include "chain.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint MODE = 0;
layout(push_constant, std430) uniform Push { push_pool p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { T y[]; };

// How many steps of the window from `at` on lie before `size`.
int steps(int at, int size, int kernel, int dilation) {
    int room = size - 1 - at;
    if (room < 0)
        return 0;
    return min(kernel, dilation == 1 ? room + 1 : room / dilation + 1);
}

// The first and the end of the window's steps that lie in [0, size).
ivec2 span(int at, int size, int kernel, int dilation) {
    int first = at >= 0 ? 0 : dilation == 1 ? -at : (-at + dilation - 1) / dilation;
    return ivec2(first, steps(at, size, kernel, dilation));
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

    bool first = true;
    float v = 0.0;
    for (int kh = hs.x; kh < hs.y; kh++) {
        int at = base + (h + kh * p.dilation_h) * p.in_w + w;
        for (int kw = ws.x; kw < ws.y; kw++) {
            float e = float(x[at + kw * p.dilation_w]);
            if (MODE == POOL_MAX)
                v = first || e > v || math_is_nan(e) ? e : v;
            else if (MODE == POOL_LP1)
                v += abs(e);
            else if (MODE == POOL_LP2)
                v += e * e;
            else
                v += e;
            first = false;
        }
    }
    if (MODE == POOL_LP2)
        v = sqrt(v);
    if (MODE == POOL_AVERAGE)
        v /= float(max((hs.y - hs.x) * (ws.y - ws.x), 1));
    if (MODE == POOL_AVERAGE_PADDED) {
        int end_h = p.in_h + int(p.end_hw & 0xffffu), end_w = p.in_w + int(p.end_hw >> 16);
        v /= float(max(steps(h, end_h, p.kernel_h, p.dilation_h) *
                           steps(w, end_w, p.kernel_w, p.dilation_w), 1));
    }
    y[index] = T(chain_apply(v, index, plane, index - row * p.out_w, chain));
}
