// SPDX-License-Identifier: MIT
//! family  conv
//! push    push_conv
//! chain
//! binding x read
//! binding w read
//! binding bias read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8 | 4
//! spec    3 TILE_M 8 | 24 | 4 | 2 | 1
//! kernel  conv_lanes_f32 store=f32 needs=lanes_wide,subgroup define=LANES
//! kernel  conv_lanes_f16 store=f16 needs=lanes_wide,subgroup,f16_storage define=LANES
//! kernel  conv_direct_f32 store=f32 needs=registers when=direct==1
//! kernel  conv_direct_f16 store=f16 needs=f16_storage,registers when=direct==1
//! kernel  conv_direct_few_f32 store=f32 when=direct==1 most=TILE_M:2
//! kernel  conv_direct_few_f16 store=f16 needs=f16_storage when=direct==1 most=TILE_M:2
//
// y[n, o, z, y, x] = chain(bias[o] + sum over c, kz, ky, kx of w[o, c, kz, ky, kx] x[n, g + c,
// ...]), any stride, dilation, padding and groups: a product of the weights [group_out, taps] and
// the input's windows [taps, pixels] that are never stored; the pixels of all images stand in one
// row, so that small ones fill the lanes too. A workgroup computes TILE_M channels of a group for
// 4*WG_X output pixels; each invocation has four pixels (WG_X apart) of all channels in registers.
// No shared memory, no barrier. LANES, for CPU drivers, whose loads are dear: the
// workgroup is a subgroup, each lane reads its share of the weights and they are handed round by
// shuffles. Nothing is unrolled that need not be, because such drivers compile at first use. fp32
// accumulation, taps in ascending order.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if defined(LANES)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "dtype.glsl"
#include "grid.glsl"
#include "push_chain.h"
#include "push_conv.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 64;
layout(constant_id = 3) const uint TILE_M = 8;
layout(push_constant, std430) uniform Push { push_conv p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer Input { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Weight { T w[]; };
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) writeonly restrict buffer Output { T y[]; };
#define CHAIN_BINDING 4
#include "conv_finish.glsl"

const uint SHARES = (TILE_M + WG_X - 1) / WG_X; // channels whose weights a lane reads for all

// A tap: channel in the group and place in the kernel, counted up.
struct Tap {
    uint c, z, y, x;
};

void advance(inout Tap tap) {
    tap.x++;
    bool carry = tap.x == CONV_W(p.kernel);
    tap.x = carry ? 0 : tap.x;
    tap.y += carry ? 1 : 0;
    carry = tap.y == CONV_H(p.kernel);
    tap.y = carry ? 0 : tap.y;
    tap.z += carry ? 1 : 0;
    carry = tap.z == CONV_D(p.kernel);
    tap.z = carry ? 0 : tap.z;
    tap.c += carry ? 1 : 0;
}

void main() {
    uint group = linear_group(), lane = gl_LocalInvocationID.x;
    uint plane = p.in_d * p.in_h * p.in_w, pixels = p.out_d * p.out_h * p.out_w;
    uint taps = p.group_in * CONV_D(p.kernel) * CONV_H(p.kernel) * CONV_W(p.kernel);
    uint row_tiles = (p.group_out + TILE_M - 1) / TILE_M;
    uint columns = p.batch * pixels, col_tiles = (columns + 4 * WG_X - 1) / (4 * WG_X);
    uint row0 = group % row_tiles * TILE_M;
    uint col0 = group / row_tiles % col_tiles * 4 * WG_X + lane;
    uint part = group / row_tiles / col_tiles; // group of channels
    if (part >= p.groups)
        return;
    uint in_base = part * p.group_in * plane;
    uint first_channel = part * p.group_out;

    int at[4], ys[4], xs[4], zs[4]; // where the windows begin
    [[unroll]] for (uint j = 0; j < 4; j++) {
        uint col = min(col0 + j * WG_X, columns - 1);
        uint image = col / pixels, pixel = col - image * pixels;
        uint row = pixel / p.out_w;
        xs[j] = int((pixel - row * p.out_w) * CONV_W(p.stride)) - int(CONV_W(p.pad));
        ys[j] = int(row % p.out_h * CONV_H(p.stride)) - int(CONV_H(p.pad));
        zs[j] = int(row / p.out_h * CONV_D(p.stride)) - int(CONV_D(p.pad));
        at[j] = (zs[j] * int(p.in_h) + ys[j]) * int(p.in_w) + xs[j] +
                int(image * p.groups * p.group_in * plane);
    }
#if defined(LANES)
    uint shares[SHARES];
    [[unroll]] for (uint q = 0; q < SHARES; q++)
        shares[q] = (first_channel + min(row0 + q * WG_X + lane, p.group_out - 1)) * taps;
#else
    uint rows[TILE_M];
    [[unroll]] for (uint i = 0; i < TILE_M; i++)
        rows[i] = (first_channel + min(row0 + i, p.group_out - 1)) * taps;
#endif

    vec4 sum[TILE_M];
    [[unroll]] for (uint i = 0; i < TILE_M; i++)
        sum[i] = vec4(0.0);
    Tap tap = Tap(0, 0, 0, 0);
    [[dont_unroll]] for (uint t = 0; t < taps; t++) {
        int dz = int(tap.z * CONV_D(p.dilation)), dy = int(tap.y * CONV_H(p.dilation));
        int dx = int(tap.x * CONV_W(p.dilation));
        int base = int(in_base + tap.c * plane) + (dz * int(p.in_h) + dy) * int(p.in_w) + dx;
        vec4 v;
        [[unroll]] for (uint j = 0; j < 4; j++) {
            bool inside = uint(xs[j] + dx) < p.in_w && uint(ys[j] + dy) < p.in_h &&
                          uint(zs[j] + dz) < p.in_d;
            float e = float(x[inside ? base + at[j] : 0]);
            v[j] = inside ? e : 0.0;
        }
        advance(tap);
#if defined(LANES)
        float share[SHARES];
        [[unroll]] for (uint q = 0; q < SHARES; q++)
            share[q] = float(w[shares[q] + t]);
#endif
        [[unroll]] for (uint i = 0; i < TILE_M; i++) {
#if defined(LANES)
            float weight = subgroupShuffle(share[i / WG_X], i % WG_X);
#else
            float weight = float(w[rows[i] + t]);
#endif
            sum[i] += weight * v;
        }
    }

    uint tile_rows = min(TILE_M, p.group_out - row0);
    [[dont_unroll]] for (uint i = 0; i < tile_rows; i++) {
        vec4 v = sum[0];
        [[unroll]] for (uint j = 1; j < TILE_M; j++)
            v = i == j ? sum[j] : v;
        uint row = row0 + i;
        [[dont_unroll]] for (uint j = 0; j < 4; j++) {
            uint col = col0 + j * WG_X;
            if (col < columns) {
                uint image = col / pixels, channels = p.groups * p.group_out;
                uint index = (image * channels + first_channel + row) * pixels + col -
                             image * pixels;
                y[index] = T(conv_finish(component(v, j), index, first_channel + row));
            }
        }
    }
}
