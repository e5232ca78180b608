// SPDX-License-Identifier: MIT
//
// arg.glsl - what the ArgMax kernels share: bindings, the order of candidates, and the best of
// every step-th element of a row. A NaN is never better than another element.
#include "push_arg.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_arg p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { int y[]; };

bool is_better(A a, A b) {
    return p.least != 0 ? a < b : a > b;
}

uint row_base(uint row) {
    uint outer = row / p.inner;
    return outer * p.row_length * p.inner + (row - outer * p.inner);
}

// The best of elements first, first + step, ...; first must lie in the row.
void best_of(uint base, uint first, uint step, out A value, out uint index) {
    index = first;
    value = A(x[base + first * p.inner]);
    for (uint k = first + step; k < p.row_length; k += step) {
        A next = A(x[base + k * p.inner]);
        if (is_better(next, value) || (p.last != 0 && !is_better(value, next))) {
            value = next;
            index = k;
        }
    }
}
