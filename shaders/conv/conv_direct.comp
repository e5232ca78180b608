// SPDX-License-Identifier: MIT
//! family  conv_direct
//! push    push_conv
//! chain
//! binding x read
//! binding w read
//! binding bias read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  conv_direct_packed_f32 store=f32 when=packed==1,transposed==0 define=PACKED
//! kernel  conv_direct_packed_f16 store=f16 needs=f16_storage,f16 when=packed==1,transposed==0 define=PACKED
//! kernel  conv_direct_f32 store=f32 when=transposed==0
//! kernel  conv_direct_f16 store=f16 needs=f16_storage,f16 when=transposed==0
//! kernel  conv_transpose_packed_f32 store=f32 when=packed==1,transposed==1 define=PACKED,TRANSPOSED
//! kernel  conv_transpose_packed_f16 store=f16 needs=f16_storage,f16 when=packed==1,transposed==1 define=PACKED,TRANSPOSED
//! kernel  conv_transpose_f32 store=f32 when=transposed==1 define=TRANSPOSED
//! kernel  conv_transpose_f16 store=f16 needs=f16_storage,f16 when=transposed==1 define=TRANSPOSED
//
// y[n, o, oh, ow] = chain(bias[o] + sum of x[n, i, ih, iw] w[o, i, kh, kw]) with ih = oh*stride -
// begin + kh*dilation; TRANSPOSED: the taps with oh = ih*stride - begin + kh*dilation, w[i, o, kh, kw].
// x: [n, groups*group_in, in_h, in_w], y: [n, groups*group_out, out_h, out_w]. PACKED weights lie as
// [group][tap][i][o], o padded to a multiple of 4, read as vectors.
// One invocation computes one position of four output channels of a group, in fp32, tap by tap and
// input channel by input channel. Tails: channels beyond the group are computed and not stored.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_conv.h"

#define CHAIN_BINDING 4
#include "chain.glsl"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_conv p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
#if defined(PACKED)
layout(binding = 1, std430) readonly restrict buffer W { T_VEC4 w[]; };
#else
layout(binding = 1, std430) readonly restrict buffer W { T w[]; };
#endif
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) writeonly restrict buffer Y { T y[]; };

// The four weights of output channels o.. of `group` for a tap and an input channel.
vec4 weights(uint group, uint tap, uint taps, uint i, uint o) {
#if defined(PACKED)
    return vec4(w[((group * taps + tap) * p.group_in + i) * ((p.group_out + 3) / 4) + o / 4]);
#else
    vec4 v = vec4(0.0);
    for (uint c = 0; c < min(4u, p.group_out - o); c++)
#if defined(TRANSPOSED)
        v[c] = float(w[((group * p.group_in + i) * p.group_out + o + c) * taps + tap]);
#else
        v[c] = float(w[((group * p.group_out + o + c) * p.group_in + i) * taps + tap]);
#endif
    return v;
#endif
}

// The input position that a tap reads for an output position, or -1.
int source(int position, int tap, int begin, int stride, int dilation, int size) {
#if defined(TRANSPOSED)
    int t = position + begin - tap * dilation;
    int s = t / stride;
    return t < 0 || s * stride != t || s >= size ? -1 : s;
#else
    int s = position * stride - begin + tap * dilation;
    return s < 0 || s >= size ? -1 : s;
#endif
}

void main() {
    uint id = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (id >= p.count)
        return;
    uint out_plane = uint(p.out_h * p.out_w), in_plane = uint(p.in_h * p.in_w);
    uint blocks = (p.group_out + 3) / 4;
    uint position = id % out_plane;
    uint rest = id / out_plane;
    uint o = rest % blocks * 4;
    rest /= blocks;
    uint group = rest % p.groups;
    uint sample_index = rest / p.groups;
    int oh = int(position / uint(p.out_w)), ow = int(position % uint(p.out_w));
    int kernel_h = int(p.kernel_hw & 0xffffu), kernel_w = int(p.kernel_hw >> 16);
    uint taps = uint(kernel_h * kernel_w);
    uint x_base = (sample_index * p.groups + group) * p.group_in * in_plane;

    vec4 sum = vec4(0.0);
    for (int kh = 0; kh < kernel_h; kh++) {
        int ih = source(oh, kh, p.begin_h, int(p.stride_hw & 0xffffu),
                        int(p.dilation_hw & 0xffffu), p.in_h);
        if (ih < 0)
            continue;
        for (int kw = 0; kw < kernel_w; kw++) {
            int iw = source(ow, kw, p.begin_w, int(p.stride_hw >> 16), int(p.dilation_hw >> 16),
                            p.in_w);
            if (iw < 0)
                continue;
            uint at = x_base + uint(ih * p.in_w + iw);
            uint tap = uint(kh * kernel_w + kw);
            for (uint i = 0; i < p.group_in; i++) {
                sum += float(x[at]) * weights(group, tap, taps, i, o);
                at += in_plane;
            }
        }
    }
    uint row = group * p.group_out + o;
    uint index = (sample_index * p.groups * p.group_out + row) * out_plane + position;
    uint wanted = min(4u, p.group_out - o);
    for (uint c = 0; c < wanted; c++) {
        float v = sum[c];
        if (p.has_bias != 0)
            v += float(bias[row + c]);
        y[index] = T(chain_apply(v, index, row + c, 0, chain));
        index += out_plane;
    }
}
