// SPDX-License-Identifier: MIT
//! family  quant_conv_plain
//! push    push_quant_conv
//! binding x read
//! binding w read
//! binding params read
//! binding zero read
//! binding act_scale read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8 | 4
//! spec    4 OUTPUT 0 | 1 | 2
//! kernel  quant_conv_plain_i32 store=i32 define=PLAIN
//
// As quant_conv.comp, for groups of few channels (depthwise), where four channels would not fill a
// word: x: integers in 32 bits as they are, [n, c, plane]; w: each output channel's taps one behind
// the other, four to a word, [out, words]. One channel a workgroup, so that its weights are the
// same for all invocations; each has four pixels, WG_X apart. Zero points are taken off each
// factor.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "grid.glsl"
#include "push_quant_product.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 64;
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

void main() {
    uint group = linear_group(), lane = gl_LocalInvocationID.x;
    uint plane = p.in_d * p.in_h * p.in_w, pixels = p.out_d * p.out_h * p.out_w;
    uint kernel = CONV_D(p.kernel) * CONV_H(p.kernel) * CONV_W(p.kernel);
    uint words = (p.group_in * kernel + 3) / 4;
    uint col_tiles = (pixels + 4 * WG_X - 1) / (4 * WG_X);
    uint col0 = group % col_tiles * 4 * WG_X + lane, image = group / col_tiles;
    if (image >= p.batch * p.groups * p.group_out)
        return;
    uint channel = image % (p.groups * p.group_out);
    int in_base = int(image / p.group_out * p.group_in * plane);
    // Factors as they lie on the device less their zero points.
    int x_zero = quant_act_zero() +
                 ((QUANT_FINISH.flags & QUANT_ACT_UNSIGNED) != 0 ? 128 : 0);
    int w_zero = params[QUANT_PARAMS * channel + 1];

    int ys[4], xs[4], zs[4]; // where the windows begin
    [[unroll]] for (uint j = 0; j < 4; j++) {
        uint pixel = min(col0 + j * WG_X, pixels - 1);
        uint row = pixel / p.out_w;
        xs[j] = int((pixel - row * p.out_w) * CONV_W(p.stride)) - int(CONV_W(p.pad));
        ys[j] = int(row % p.out_h * CONV_H(p.stride)) - int(CONV_H(p.pad));
        zs[j] = int(row / p.out_h * CONV_D(p.stride)) - int(CONV_D(p.pad));
    }

    ivec4 sum = ivec4(0);
    uint number = 0;
    int word = 0;
    for (uint c = 0; c < p.group_in; c++)
        for (uint z = 0; z < CONV_D(p.kernel); z++)
            for (uint row = 0; row < CONV_H(p.kernel); row++)
                [[dont_unroll]] for (uint col = 0; col < CONV_W(p.kernel); col++) {
                    if (number % 4 == 0)
                        word = w[channel * words + number / 4];
                    int weight = bitfieldExtract(word, int(number % 4) * 8, 8) - w_zero;
                    number++;
                    [[unroll]] for (uint j = 0; j < 4; j++) {
                        ivec3 at = ivec3(xs[j], ys[j], zs[j]) +
                                   ivec3(col * CONV_W(p.dilation), row * CONV_H(p.dilation),
                                         z * CONV_D(p.dilation));
                        bool inside = uint(at.x) < p.in_w && uint(at.y) < p.in_h &&
                                      uint(at.z) < p.in_d;
                        int place = in_base + int(c * plane) +
                                    (at.z * int(p.in_h) + at.y) * int(p.in_w) + at.x;
                        int v = x[inside ? place : 0] - x_zero;
                        sum[j] += inside ? weight * v : 0;
                    }
                }

    [[dont_unroll]] for (uint j = 0; j < 4; j++) {
        uint pixel = col0 + j * WG_X;
        int s = j < 2 ? (j < 1 ? sum.x : sum.y) : (j < 3 ? sum.z : sum.w);
        if (pixel < pixels)
            y[image * pixels + pixel] = quant_finish(s, channel);
    }
}
