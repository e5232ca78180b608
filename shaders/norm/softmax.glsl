// SPDX-License-Identifier: MIT
//
// softmax.glsl - the three passes of softmax over every step-th element of a row, shared by its
// kernels. Sums go in blocks of 64, so that a long row loses no accuracy. The row must not be
// empty.
#include "push_softmax.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_softmax p; };
layout(binding = 0, std430) readonly buffer X { T x[]; };
layout(binding = 1, std430) writeonly buffer Y { T y[]; };

uint row_base(uint row) {
    uint outer = row / p.inner;
    return outer * p.row_length * p.inner + (row - outer * p.inner);
}

float row_max(uint base, uint first, uint step) {
    float greatest = float(x[base]);
    for (uint k = first; k < p.row_length; k += step)
        greatest = max(greatest, float(x[base + k * p.inner]));
    return greatest;
}

float row_sum(uint base, uint first, uint step, float greatest) {
    float sum = 0.0;
    for (uint k = first; k < p.row_length;) {
        float block = 0.0;
        uint end = min(p.row_length, k + 64 * step);
        for (; k < end; k += step)
            block += exp(float(x[base + k * p.inner]) - greatest);
        sum += block;
    }
    return sum;
}

void row_store(uint base, uint first, uint step, float greatest, float sum) {
    float factor = 1.0 / sum, log_sum = p.log_result != 0 ? math_log(sum) : 0.0;
    for (uint k = first; k < p.row_length; k += step) {
        uint at = base + k * p.inner;
        float v = float(x[at]) - greatest;
        y[at] = T(p.log_result != 0 ? v - log_sum : exp(v) * factor);
    }
}
