// SPDX-License-Identifier: MIT
//! family  quant_conv
//! push    push_quant_conv
//! binding x read
//! binding w read
//! binding params read
//! binding zero read
//! binding act_scale read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8 | 4
//! spec    3 TILE_M 16 | 8 | 4 | 2 | 1
//! spec    4 OUTPUT 0 | 1 | 2
//! spec    5 WEIGHT_ZEROS 0 | 1
//! kernel  quant_conv_lanes_i32 store=i32 needs=lanes_wide,subgroup define=LANES
//! kernel  quant_conv_dot8_i32 store=i32 needs=dot8,registers define=DOT8 most=TILE_M:8
//! kernel  quant_conv_dot8_few_i32 store=i32 needs=dot8 define=DOT8 most=TILE_M:2
//! kernel  quant_conv_i32 store=i32 needs=registers most=TILE_M:8
//! kernel  quant_conv_few_i32 store=i32 most=TILE_M:1
//
// y[n, o, z, y, x] = finish(sum over c, kz, ky, kx of w[o, c, ...] x[n, g + c, ...]) on bytes: a
// word holds four channels (x: [n * groups, words, in plane], w: [out, words, taps]), so that a
// window is gathered once for four of them. Outside the input lies the zero point. Any stride,
// dilation, padding and groups. A workgroup computes TILE_M channels of a group for 4*WG_X output
// pixels; each invocation has four pixels (WG_X apart) of all channels in registers. LANES, for CPU
// drivers: the workgroup is a subgroup, each lane reads its share of the weights and they are
// handed round by shuffles. Sums in 32 bits, exact; push_quant_product.h says what finishing is.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if defined(LANES)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#if defined(DOT8)
#extension GL_EXT_spirv_intrinsics : require
#endif
#include "grid.glsl"
#include "push_quant_product.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 64;
layout(constant_id = 3) const uint TILE_M = 16;
layout(push_constant, std430) uniform Push { push_quant_conv all; };
layout(binding = 0, std430) readonly restrict buffer Input { int x[]; };
layout(binding = 1, std430) readonly restrict buffer Weight { int w[]; };
layout(binding = 2, std430) readonly restrict buffer Params { int params[]; };
layout(binding = 3, std430) readonly restrict buffer Zero { int zero[]; };
layout(binding = 4, std430) readonly restrict buffer ActScale { float act_scale[]; };
layout(binding = 5, std430) writeonly restrict buffer Output { int y[]; };
#define QUANT_FINISH all.finish
#include "quant_dot.glsl"
#define p all.conv

const uint SHARES = (TILE_M + WG_X - 1) / WG_X; // channels whose weights a lane reads for all

// A tap: word of the group's channels and place in the kernel, counted up.
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

int component(ivec4 v, uint i) {
    return i < 2 ? (i < 1 ? v.x : v.y) : (i < 3 ? v.z : v.w);
}

void main() {
    uint group = linear_group(), lane = gl_LocalInvocationID.x;
    uint plane = p.in_d * p.in_h * p.in_w, pixels = p.out_d * p.out_h * p.out_w;
    uint taps = p.group_in * CONV_D(p.kernel) * CONV_H(p.kernel) * CONV_W(p.kernel);
    uint row_tiles = (p.group_out + TILE_M - 1) / TILE_M;
    uint col_tiles = (pixels + 4 * WG_X - 1) / (4 * WG_X);
    uint row0 = group % row_tiles * TILE_M;
    uint col0 = group / row_tiles % col_tiles * 4 * WG_X + lane;
    uint image = group / row_tiles / col_tiles; // of a group
    if (image >= p.batch * p.groups)
        return;
    uint in_base = image * p.group_in * plane;
    uint first_channel = image % p.groups * p.group_out;
    int act_zero = quant_act_zero(), outside = (act_zero & 255) * 0x01010101;

    int at[4], ys[4], xs[4], zs[4]; // where the windows begin
    [[unroll]] for (uint j = 0; j < 4; j++) {
        uint pixel = min(col0 + j * WG_X, pixels - 1);
        uint row = pixel / p.out_w;
        xs[j] = int((pixel - row * p.out_w) * CONV_W(p.stride)) - int(CONV_W(p.pad));
        ys[j] = int(row % p.out_h * CONV_H(p.stride)) - int(CONV_H(p.pad));
        zs[j] = int(row / p.out_h * CONV_D(p.stride)) - int(CONV_D(p.pad));
        at[j] = (zs[j] * int(p.in_h) + ys[j]) * int(p.in_w) + xs[j];
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

    ivec4 sum[TILE_M], act_sum = ivec4(0);
    [[unroll]] for (uint i = 0; i < TILE_M; i++)
        sum[i] = ivec4(0);
    Tap tap = Tap(0, 0, 0, 0);
    [[dont_unroll]] for (uint t = 0; t < taps; t++) {
        int dz = int(tap.z * CONV_D(p.dilation)), dy = int(tap.y * CONV_H(p.dilation));
        int dx = int(tap.x * CONV_W(p.dilation));
        int base = int(in_base + tap.c * plane) + (dz * int(p.in_h) + dy) * int(p.in_w) + dx;
        QUANT_WORD v[4];
        [[unroll]] for (uint j = 0; j < 4; j++) {
            bool inside = uint(xs[j] + dx) < p.in_w && uint(ys[j] + dy) < p.in_h &&
                          uint(zs[j] + dz) < p.in_d;
            int word = x[inside ? base + at[j] : 0];
            v[j] = quant_load(inside ? word : outside);
            if (WEIGHT_ZEROS != 0)
                act_sum[j] += quant_dot(v[j], QUANT_ONES);
        }
        advance(tap);
#if defined(LANES)
        int share[SHARES];
        [[unroll]] for (uint q = 0; q < SHARES; q++)
            share[q] = w[shares[q] + t];
#endif
        [[unroll]] for (uint i = 0; i < TILE_M; i++) {
#if defined(LANES)
            int word = subgroupShuffle(share[i / WG_X], i % WG_X);
#else
            int word = w[rows[i] + t];
#endif
            QUANT_WORD weight = quant_load(word);
            [[unroll]] for (uint j = 0; j < 4; j++)
                sum[i][j] += quant_dot(weight, v[j]);
        }
    }

    uint tile_rows = min(TILE_M, p.group_out - row0);
    [[dont_unroll]] for (uint i = 0; i < tile_rows; i++) {
        ivec4 v = sum[0];
        [[unroll]] for (uint j = 1; j < TILE_M; j++)
            v = i == j ? sum[j] : v;
        uint channel = first_channel + row0 + i;
        [[dont_unroll]] for (uint j = 0; j < 4; j++) {
            uint pixel = col0 + j * WG_X;
            if (pixel < pixels) {
                int s = quant_correct(component(v, j), component(act_sum, j), act_zero, channel);
                y[(image * p.group_out + row0 + i) * pixels + pixel] = quant_finish(s, channel);
            }
        }
    }
}
