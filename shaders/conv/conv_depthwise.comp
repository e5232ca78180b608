// SPDX-License-Identifier: MIT
//! family  conv
//! push    push_conv
//! chain
//! binding x read
//! binding w read
//! binding bias read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8 | 4
//! spec    3 KERNEL_W 3 | 5 | 7
//! spec    4 STRIDE_W 1 | 2
//! spec    5 ROWS 2 | 4 | 1
//! kernel  conv_depthwise_lanes_f32 store=f32 needs=lanes_wide,subgroup when=depthwise==1,lanes==1 define=LANES
//! kernel  conv_depthwise_lanes_f16 store=f16 needs=lanes_wide,subgroup,f16_storage when=depthwise==1,lanes==1 define=LANES
//! kernel  conv_depthwise_f32 store=f32 when=depthwise==1
//! kernel  conv_depthwise_f16 store=f16 needs=f16_storage when=depthwise==1
//
// y[n, o, y, x] = chain(bias[o] + sum over ky, kx of w[o, ky, kx] x[n, o / group_out, ...]): groups
// of one input channel, two spatial axes, no dilation. An invocation computes ROWS rows by four
// neighbouring pixels of one channel; it goes down the input's rows, has the part that its pixels
// see in registers, and uses it for all its rows of the output. No shared memory, no barrier.
// LANES, for CPU drivers: the workgroup is a subgroup with at least as many lanes as the kernel has
// rows; lane ky holds that row of weights. fp32 accumulation, rows of the kernel in ascending
// order.
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
layout(constant_id = 3) const uint KERNEL_W = 3;
layout(constant_id = 4) const uint STRIDE_W = 1;
layout(constant_id = 5) const uint ROWS = 2;
layout(push_constant, std430) uniform Push { push_conv p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer Input { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Weight { T w[]; };
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) writeonly restrict buffer Output { T y[]; };
#define CHAIN_BINDING 4
#include "conv_finish.glsl"

const uint SEEN = 3 * STRIDE_W + KERNEL_W; // input pixels of a row that four outputs see

void main() {
    uint group = linear_group(), lane = gl_LocalInvocationID.x;
    uint kernel_h = CONV_H(p.kernel), stride_h = CONV_H(p.stride);
    uint strips = (p.out_w + 3) / 4, blocks = (p.out_h + ROWS - 1) / ROWS * strips;
    uint groups = (blocks + WG_X - 1) / WG_X;
    uint image = group / groups; // output channel of a batch entry
    if (image >= p.batch * p.groups * p.group_out)
        return;
    uint block = group % groups * WG_X + lane;
    bool wanted = block < blocks;
    block = min(block, blocks - 1);
    uint out_y = block / strips * ROWS, out_x = block % strips * 4;
    uint channel = image % (p.groups * p.group_out);
    int in_base = int(image / p.group_out * p.in_h * p.in_w);
    int in_y = int(out_y * stride_h) - int(CONV_H(p.pad));
    int in_x = int(out_x * STRIDE_W) - int(CONV_W(p.pad));
    uint weights = channel * kernel_h * KERNEL_W;
#if defined(LANES)
    float mine[KERNEL_W];
    [[unroll]] for (uint k = 0; k < KERNEL_W; k++)
        mine[k] = float(w[weights + min(lane, kernel_h - 1) * KERNEL_W + k]);
#endif

    vec4 sum[ROWS];
    [[unroll]] for (uint i = 0; i < ROWS; i++)
        sum[i] = vec4(0.0);
    uint in_rows = kernel_h + (ROWS - 1) * stride_h;
    [[dont_unroll]] for (uint r = 0; r < in_rows; r++) {
        float seen[SEEN];
        bool row_inside = uint(in_y + int(r)) < p.in_h;
        int at = in_base + (in_y + int(r)) * int(p.in_w) + in_x;
        [[unroll]] for (uint i = 0; i < SEEN; i++) {
            bool inside = row_inside && uint(in_x + int(i)) < p.in_w;
            float e = float(x[inside ? at + int(i) : 0]);
            seen[i] = inside ? e : 0.0;
        }
        [[unroll]] for (uint i = 0; i < ROWS; i++) {
            uint ky = r - i * stride_h; // wraps where the row is not in this output's window
            bool used = ky < kernel_h;
            vec4 part = vec4(0.0);
            [[unroll]] for (uint k = 0; k < KERNEL_W; k++) {
#if defined(LANES)
                float weight = subgroupShuffle(mine[k], used ? ky : 0);
#else
                float weight = float(w[weights + (used ? ky : 0) * KERNEL_W + k]);
#endif
                [[unroll]] for (uint j = 0; j < 4; j++)
                    part[j] += weight * seen[j * STRIDE_W + k];
            }
            sum[i] += used ? part : vec4(0.0);
        }
    }

    [[dont_unroll]] for (uint i = 0; i < ROWS; i++) {
        vec4 v = sum[0];
        [[unroll]] for (uint j = 1; j < ROWS; j++)
            v = i == j ? sum[j] : v;
        uint row = out_y + i;
        [[dont_unroll]] for (uint j = 0; j < 4; j++) {
            if (wanted && row < p.out_h && out_x + j < p.out_w) {
                uint index = (image * p.out_h + row) * p.out_w + out_x + j;
                y[index] = T(conv_finish(component(v, j), index, channel));
            }
        }
    }
}
