// SPDX-License-Identifier: MIT
//! family  im2col
//! push    push_im2col
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  im2col_f32 store=f32
//! kernel  im2col_f16 store=f16 needs=f16_storage,f16
//
// y[n, (i, kh, kw), (oh, ow)] = x[n, i, oh*stride - begin + kh*dilation, ow*stride - begin +
// kw*dilation], 0 outside: the right-hand matrix of a convolution done as a matrix product.
// x: [n, channels, in_h, in_w], y: [n, channels*kernel_h*kernel_w, out_h*out_w].
// One invocation writes one output row's ow for ow in a run of RUN.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_im2col.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_im2col p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { T y[]; };

const uint RUN = 4;

void main() {
    uint id = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (id >= p.count)
        return;
    uint runs = (uint(p.out_w) + RUN - 1) / RUN;
    uint line = id / runs; // of [n, i, kh, kw, oh]
    int ow = int((id - line * runs) * RUN);
    uint row = line / uint(p.out_h);
    int oh = int(line - row * uint(p.out_h));
    uint plane = row / uint(p.kernel_h * p.kernel_w);
    int tap = int(row - plane * uint(p.kernel_h * p.kernel_w));
    int kh = tap / p.kernel_w, kw = tap - kh * p.kernel_w;
    int ih = oh * p.stride_h - p.begin_h + kh * p.dilation_h;
    int iw = ow * p.stride_w - p.begin_w + kw * p.dilation_w;
    int base = (int(plane) * p.in_h + ih) * p.in_w;
    bool inside = ih >= 0 && ih < p.in_h;
    uint to = line * uint(p.out_w) + uint(ow);
    uint wanted = min(RUN, uint(p.out_w - ow));
    for (uint c = 0; c < wanted; c++) {
        T v = T(0);
        if (inside && iw >= 0 && iw < p.in_w)
            v = x[base + iw];
        y[to + c] = v;
        iw += p.stride_w;
    }
}
