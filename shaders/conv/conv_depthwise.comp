// SPDX-License-Identifier: MIT
//! family  conv_depthwise
//! push    push_conv
//! chain
//! binding x read
//! binding w read
//! binding bias read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! spec    3 KERNEL_W *
//! spec    4 STRIDE_W *
//! kernel  conv_depthwise_f32 store=f32 when=kernel_w<=7,stride_w<=3,dilation_w==1
//! kernel  conv_depthwise_f16 store=f16 needs=f16_storage,f16 when=kernel_w<=7,stride_w<=3,dilation_w==1
//
// Depthwise convolution: y[n, o, oh, ow] = chain(bias[o] + sum over kh, kw of
// x[n, o / multiplier, oh*stride - begin + kh*dilation, ow*stride - begin + kw] w[o, kh, kw]), with
// multiplier = group_out. x: [n, groups, in_h, in_w], y: [n, groups*group_out, out_h, out_w].
// One invocation computes four neighbours along ow in fp32: a row of the input is read once for the
// four, kernel width and stride being constants. Tails: neighbours beyond the row are not stored.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_conv.h"

#define CHAIN_BINDING 4
#include "chain.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint KERNEL_W = 3;
layout(constant_id = 4) const uint STRIDE_W = 1;
layout(push_constant, std430) uniform Push { push_conv p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) readonly restrict buffer W { T w[]; };
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) writeonly restrict buffer Y { T y[]; };

const uint WIDTH = 4;
const uint SPAN = (WIDTH - 1) * STRIDE_W + KERNEL_W;

void main() {
    uint id = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (id >= p.count)
        return;
    uint runs = (uint(p.out_w) + WIDTH - 1) / WIDTH;
    uint line = id / runs;
    int ow = int((id - line * runs) * WIDTH);
    uint plane = line / uint(p.out_h);
    int oh = int(line - plane * uint(p.out_h));
    uint o = plane % (p.groups * p.group_out);
    uint x_plane = plane / p.group_out;
    int kernel_h = int(p.kernel_hw & 0xffffu);
    int ih = oh * int(p.stride_hw & 0xffffu) - p.begin_h;
    int iw = ow * int(STRIDE_W) - p.begin_w;
    uint tap = o * uint(kernel_h) * KERNEL_W;

    float first = p.has_bias != 0 ? float(bias[o]) : 0.0;
    vec4 sum = vec4(first);
    for (int kh = 0; kh < kernel_h; kh++) {
        if (ih >= 0 && ih < p.in_h) {
            int row = (int(x_plane) * p.in_h + ih) * p.in_w;
            float v[SPAN];
            [[unroll]] for (uint j = 0; j < SPAN; j++) {
                int at = iw + int(j);
                v[j] = at >= 0 && at < p.in_w ? float(x[row + at]) : 0.0;
            }
            [[unroll]] for (uint kw = 0; kw < KERNEL_W; kw++) {
                float weight = float(w[tap + kw]);
                [[unroll]] for (uint c = 0; c < WIDTH; c++)
                    sum[c] += weight * v[c * STRIDE_W + kw];
            }
        }
        ih += int(p.dilation_hw & 0xffffu);
        tap += KERNEL_W;
    }
    uint index = line * uint(p.out_w) + uint(ow);
    uint wanted = min(WIDTH, uint(p.out_w - ow));
    for (uint c = 0; c < wanted; c++)
        y[index + c] = T(chain_apply(sum[c], index + c, o, 0, chain));
}
