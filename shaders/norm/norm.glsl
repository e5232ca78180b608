// SPDX-License-Identifier: MIT
//
// norm.glsl - the passes of a normalisation over every step-th element of a row, shared by its
// kernels: the mean, the variance around it (two passes: stable), the result. Sums go in blocks of
// 64.
#include "push_norm.h"

#define CHAIN_BINDING 4
#include "chain.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint MODE = 0;
layout(push_constant, std430) uniform Push { push_norm p; push_chain chain; };
layout(binding = 0, std430) readonly buffer X { T x[]; };
layout(binding = 1, std430) readonly buffer Scale { T scale[]; };
layout(binding = 2, std430) readonly buffer Bias { T bias[]; };
layout(binding = 3, std430) writeonly buffer Y { T y[]; };

float row_sum(uint base, uint first, uint step) {
    float sum = 0.0;
    for (uint k = first; k < p.row_length;) {
        float block = 0.0;
        uint end = min(p.row_length, k + 64 * step);
        for (; k < end; k += step)
            block += float(x[base + k]);
        sum += block;
    }
    return sum;
}

float row_squares(uint base, uint first, uint step, float mean) {
    float sum = 0.0;
    for (uint k = first; k < p.row_length;) {
        float block = 0.0;
        uint end = min(p.row_length, k + 64 * step);
        for (; k < end; k += step) {
            float v = float(x[base + k]) - mean;
            block += v * v;
        }
        sum += block;
    }
    return sum;
}

void row_store(uint row, uint first, uint step, float mean, float squares) {
    float factor = 1.0 / sqrt(squares / float(p.row_length) + p.epsilon);
    uint base = row * p.row_length, parameter = row % p.groups * p.per_group;
    for (uint k = first; k < p.row_length; k += step) {
        uint at = parameter + (p.repeat == 1 ? k : k / p.repeat);
        float v = (float(x[base + k]) - mean) * factor * float(scale[at]);
        if (p.has_bias != 0)
            v += float(bias[at]);
        y[base + k] = T(chain_apply(v, base + k, row, k, chain));
    }
}
