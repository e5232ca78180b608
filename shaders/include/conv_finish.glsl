// SPDX-License-Identifier: MIT
//
// conv_finish.glsl - what every convolution does with a finished sum: bias, then chain. For shaders
// with `Push { push_conv p; push_chain chain; }` and a buffer bias[].
#ifndef CONV_FINISH_GLSL
#define CONV_FINISH_GLSL
#include "chain.glsl"

// A component by a number that is no constant.
float component(vec4 v, uint i) {
    return i < 2 ? (i < 1 ? v.x : v.y) : (i < 3 ? v.z : v.w);
}

float component(vec2 v, uint i) { return i < 1 ? v.x : v.y; }

// v: the sum for element `index` of the output, which lies in output channel `channel`.
float conv_finish(float v, uint index, uint channel) {
    if (p.has_bias != 0)
        v += float(bias[channel]);
    return chain_apply(v, index, channel, index % p.out_w, chain);
}
#endif
