// SPDX-License-Identifier: MIT
//! family  conv
//! push    push_conv
//! chain
//! binding x read
//! binding w read
//! binding bias read
//! binding y write
//! kernel  conv_tiled_w4_f32 store=f32 needs=registers when=flat==1,w4==1,tiles>=32,rows>32 define=W4
//! kernel  conv_tiled_w4_f16 store=f16 needs=f16_storage,registers when=flat==1,w4==1,tiles>=32,rows>32 define=W4
//! kernel  conv_tiled_f32 store=f32 needs=registers when=flat==1,tiles>=32,rows>32
//! kernel  conv_tiled_f16 store=f16 needs=f16_storage,registers when=flat==1,tiles>=32,rows>32
//! kernel  conv_tiled_small_f32 store=f32 when=flat==1 define=SMALL
//! kernel  conv_tiled_small_f16 store=f16 needs=f16_storage when=flat==1 define=SMALL
//
// y[n, o, y, x] = chain(bias[o] + sum over c, ky, kx of w[o, c, ky, kx] x[n, g + c, ...]), up to
// two spatial axes, for GPUs: the product of the weights [group_out, taps] and the input's windows
// [taps, pixels], which are gathered slab by slab into shared memory; the pixels of all images are
// one row. A workgroup computes a tile
// of BM channels by BN pixels (64x64 by 128 invocations; SMALL 32x32 by 64), an invocation RM x 4.
// An invocation gathers one pixel's values at half a slab's taps, counting the tap up. W4: weights
// are read in vectors, taps a multiple of four. At most 9 KB shared memory. fp32 accumulation, taps
// in ascending order; outside the input and behind the last tap zeros are read. Blocks of 8x4 need
// many registers: devices with few of them get SMALL.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_chain.h"
#include "push_conv.h"

#if defined(SMALL)
#define BM 32
#define BN 32
#define RM 4
#define BK 8
#else
#define BM 64
#define BN 64
#define RM 8
#define BK 16
#endif
#define GROUP (BM / RM * BN / 4) // 128 or 64: two invocations a pixel
#define PARTS_W (BM * BK / 4 / GROUP)
#define RUN (BK / 2) // taps that an invocation gathers

layout(local_size_x = GROUP) in;
layout(push_constant, std430) uniform Push { push_conv p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer Input { T x[]; };
#if defined(W4)
layout(binding = 1, std430) readonly restrict buffer Weight { T_VEC4 w[]; };
#else
layout(binding = 1, std430) readonly restrict buffer Weight { T w[]; };
#endif
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) writeonly restrict buffer Output { T y[]; };
#define CHAIN_BINDING 4
#include "conv_finish.glsl"

shared vec4 slab_w[BK][BM / 4 + 1];
shared float slab_x[BK][BN + 4];

// A tap: channel in the group and place in the kernel.
struct Tap {
    uint c, y, x;
};

void carry(inout Tap tap) {
    bool over = tap.x >= CONV_W(p.kernel);
    tap.x -= over ? CONV_W(p.kernel) : 0;
    tap.y += over ? 1 : 0;
    over = tap.y >= CONV_H(p.kernel);
    tap.y -= over ? CONV_H(p.kernel) : 0;
    tap.c += over ? 1 : 0;
}

Tap tap_of(uint number) {
    uint row = number / CONV_W(p.kernel);
    return Tap(row / CONV_H(p.kernel), row % CONV_H(p.kernel), number % CONV_W(p.kernel));
}

vec4 weights(uint row, uint t, uint taps) {
#if defined(W4)
    return t < taps ? vec4(w[(row * taps + t) / 4]) : vec4(0.0);
#else
    vec4 v;
    [[unroll]] for (uint u = 0; u < 4; u++)
        v[u] = t + u < taps ? float(w[row * taps + t + u]) : 0.0;
    return v;
#endif
}

void main() {
    uint group = linear_group(), thread = gl_LocalInvocationID.x;
    uint pixels = p.out_h * p.out_w, plane = p.in_h * p.in_w;
    uint taps = p.group_in * CONV_H(p.kernel) * CONV_W(p.kernel);
    uint columns = p.batch * pixels;
    uint row_tiles = (p.group_out + BM - 1) / BM, col_tiles = (columns + BN - 1) / BN;
    uint row0 = group % row_tiles * BM, col0 = group / row_tiles % col_tiles * BN;
    uint part = group / row_tiles / col_tiles; // group of channels
    if (part >= p.groups)
        return;
    uint first_channel = part * p.group_out;

    // The pixel whose values this invocation gathers, and its first tap.
    uint my_image = min(col0 + thread % BN, columns - 1) / pixels;
    uint pixel = min(col0 + thread % BN, columns - 1) - my_image * pixels;
    int in_y = int(pixel / p.out_w * CONV_H(p.stride)) - int(CONV_H(p.pad));
    int in_x = int(pixel % p.out_w * CONV_W(p.stride)) - int(CONV_W(p.pad));
    int in_base = int((my_image * p.groups + part) * p.group_in * plane);
    uint my_tap = thread / BN * RUN;
#if !defined(SMALL)
    Tap tap = tap_of(my_tap), skip = tap_of(RUN);
#endif
    uint my_row = thread / (BN / 4) * RM, my_col = thread % (BN / 4) * 4;

    vec4 next_w[PARTS_W];
    float next_x[RUN];
    vec4 sum[RM];
    [[unroll]] for (uint i = 0; i < RM; i++)
        sum[i] = vec4(0.0);
    for (uint t = 0; t < taps + BK; t += BK) {
        if (t > 0) {
            barrier(); // the slab before has been used
            [[unroll]] for (uint i = 0; i < PARTS_W; i++) {
                uint at = thread + i * GROUP, row = at / (BK / 4), k = at % (BK / 4) * 4;
                [[unroll]] for (uint u = 0; u < 4; u++)
                    slab_w[k + u][row / 4][row % 4] = next_w[i][u];
            }
            [[unroll]] for (uint u = 0; u < RUN; u++)
                slab_x[my_tap + u][thread % BN] = next_x[u];
            barrier();
        }
        if (t < taps) {
            [[unroll]] for (uint i = 0; i < PARTS_W; i++) {
                uint at = thread + i * GROUP, row = row0 + at / (BK / 4);
                next_w[i] = weights(first_channel + min(row, p.group_out - 1),
                                    t + at % (BK / 4) * 4, taps);
            }
#if defined(SMALL)
            Tap tap = tap_of(t + my_tap); // counted anew: fewer registers
#endif
            [[unroll]] for (uint u = 0; u < RUN; u++) {
                int at_y = in_y + int(tap.y * CONV_H(p.dilation));
                int at_x = in_x + int(tap.x * CONV_W(p.dilation));
                bool inside = tap.c < p.group_in && uint(at_y) < p.in_h && uint(at_x) < p.in_w;
                int at = in_base + int(tap.c * plane) + at_y * int(p.in_w) + at_x;
                next_x[u] = inside ? float(x[at]) : 0.0;
                tap.x++;
                carry(tap);
            }
#if !defined(SMALL)
            tap = Tap(tap.c + skip.c, tap.y + skip.y, tap.x + skip.x);
            carry(tap);
#endif
        }
        if (t > 0) {
            [[dont_unroll]] for (uint k = 0; k < BK; k += 4) {
                [[unroll]] for (uint u = 0; u < 4; u++) {
                    vec4 v;
                    [[unroll]] for (uint j = 0; j < 4; j++)
                        v[j] = slab_x[k + u][my_col + j];
                    [[unroll]] for (uint i = 0; i < RM; i += 4) {
                        vec4 weight = slab_w[k + u][(my_row + i) / 4];
                        [[unroll]] for (uint e = 0; e < 4; e++)
                            sum[i + e] += weight[e] * v;
                    }
                }
            }
        }
    }

    [[dont_unroll]] for (uint i = 0; i < RM; i++) {
        vec4 v = sum[0];
        [[unroll]] for (uint j = 1; j < RM; j++)
            v = i == j ? sum[j] : v;
        uint row = row0 + my_row + i;
        [[dont_unroll]] for (uint j = 0; j < 4; j++) {
            uint col = col0 + my_col + j;
            if (row < p.group_out && col < columns) {
                uint image = col / pixels, channels = p.groups * p.group_out;
                uint index = (image * channels + first_channel + row) * pixels + col -
                             image * pixels;
                y[index] = T(conv_finish(component(v, j), index, first_channel + row));
            }
        }
    }
}
