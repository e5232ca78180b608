// SPDX-License-Identifier: MIT
//
// reduce.glsl - what the reduction kernels share: bindings, where an element lies, and the partial
// result over every step-th element of a range. Sums go in blocks of 64 first, so that a long row
// loses no accuracy.
#include "push_reduce.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint OP = 0;
layout(push_constant, std430) uniform Push { push_reduce p; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { T y[]; };

uint kept_offset(uint index) {
    uint offset = 0;
    for (int i = REDUCE_RUNS - 1; i > 0; i--) {
        if (p.kept_dims[i] == 1)
            continue;
        uint next = index / p.kept_dims[i];
        offset += (index - next * p.kept_dims[i]) * p.kept_strides[i];
        index = next;
    }
    return offset + index * p.kept_strides[0];
}

uint reduced_offset(uint index) {
    uint offset = 0;
    for (int i = REDUCE_RUNS - 1; i > 0; i--) {
        if (p.reduced_dims[i - 1] == 1)
            return offset + index * p.reduced_strides[i];
        uint next = index / p.reduced_dims[i];
        offset += (index - next * p.reduced_dims[i]) * p.reduced_strides[i];
        index = next;
    }
    return offset + index * p.reduced_strides[0];
}

// Which pair operation a kind of reduction ends in.
uint pair_of(uint op) {
    return op == REDUCE_MAX ? GROUP_MAX
         : op == REDUCE_MIN ? GROUP_MIN
         : op == REDUCE_PROD ? GROUP_PROD : GROUP_SUM;
}

A element(uint op, uint at, A greatest) {
    A v = A(x[at]);
    if (op == REDUCE_L1)
        return abs(v);
    if (op == REDUCE_SUM_SQUARE)
        return v * v;
#if !defined(STORE_I32)
    if (op == REDUCE_LOG_SUM_EXP)
        return exp(v - greatest);
#endif
    return v;
}

// What changes nothing: for maxima and minima an element of the row itself.
A neutral(uint op, uint at) {
    if (op == REDUCE_MAX || op == REDUCE_MIN)
        return A(x[at]);
    return op == REDUCE_PROD ? A(1) : A(0);
}

A partial(uint op, uint base, uint r, uint step, uint last, A greatest) {
    uint pair = pair_of(op);
    A start = neutral(op, base), total = start;
    bool one_run = p.reduced_dims[REDUCE_RUNS - 2] == 1 && p.reduced_dims[REDUCE_RUNS - 3] == 1 &&
                   p.reduced_dims[0] == 1;
    while (r < last) {
        A block = start;
        uint end = min(last, r + 64 * step);
        if (one_run) {
            uint at = base + r * p.reduced_strides[REDUCE_RUNS - 1];
            for (; r < end; r += step) {
                block = group_pair(pair, block, element(op, at, greatest));
                at += step * p.reduced_strides[REDUCE_RUNS - 1];
            }
        } else {
            for (; r < end; r += step)
                block = group_pair(pair, block, element(op, base + reduced_offset(r), greatest));
        }
        total = group_pair(pair, total, block);
    }
    return total;
}

T finish(A v, A greatest) {
#if defined(STORE_I32)
    return v;
#else
    v *= p.scale;
    if (OP == REDUCE_LOG_SUM_EXP)
        return T(math_log(v) + greatest);
    if (p.finish == REDUCE_FINISH_SQRT)
        v = sqrt(v);
    if (p.finish == REDUCE_FINISH_LOG)
        v = math_log(v);
    return T(v);
#endif
}
