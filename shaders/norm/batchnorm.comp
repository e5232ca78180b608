// SPDX-License-Identifier: MIT
//! family  batchnorm
//! push    push_batchnorm
//! chain
//! binding x read
//! binding scale read
//! binding bias read
//! binding mean read
//! binding variance read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  batchnorm_f32 store=f32
//! kernel  batchnorm_f16 store=f16 needs=f16_storage
//
// y[n, c, i] = (x[n, c, i] - mean[c]) / sqrt(variance[c] + epsilon) * scale[c] + bias[c].
// x, y: [n, channels, inner]; the rest: [channels]. One invocation computes up to `span`
// neighbours of one channel, in fp32. May run in place.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_batchnorm.h"

#define CHAIN_BINDING 6
#include "chain.glsl"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_batchnorm p; push_chain chain; };
layout(binding = 0, std430) readonly buffer X { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Scale { T scale[]; };
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) readonly restrict buffer Mean { T mean[]; };
layout(binding = 4, std430) readonly restrict buffer Variance { T variance[]; };
layout(binding = 5, std430) writeonly buffer Y { T y[]; };

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint plane = index / p.chunks;
    uint first = (index - plane * p.chunks) * p.span, last = min(first + p.span, p.inner);
    uint c = plane % p.channels;
    float factor = float(scale[c]) / sqrt(float(variance[c]) + p.epsilon);
    float center = float(mean[c]), offset = float(bias[c]);
    for (uint i = first; i < last; i++) {
        uint at = plane * p.inner + i;
        float v = (float(x[at]) - center) * factor + offset;
        y[at] = T(chain_apply(v, at, c, i, chain));
    }
}
