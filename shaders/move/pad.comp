// SPDX-License-Identifier: MIT
//! family  pad
//! push    push_pad
//! binding x read
//! binding value read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  pad_b32 store=i32
//! kernel  pad_f16 store=f16 needs=f16_storage
//
// y[i] = x[i - begin], and outside of x the constant (value[0], or 0), the mirrored, the nearest or
// the wrapped element, as the mode says. x: in_dims, y: out_dims, row-major, up to six axes after
// joining those without pads; value: one element. One invocation writes one element. Exact: bits
// are moved as integers. A negative begin cuts.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#include "grid.glsl"
#include "push_pad.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_pad p; };
layout(binding = 0, std430) readonly restrict buffer X { B x[]; };
layout(binding = 1, std430) readonly restrict buffer Value { B value[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { B y[]; };

int source(int at, int dim) {
    if (at >= 0 && at < dim)
        return at;
    if (p.mode == PAD_EDGE)
        return at < 0 ? 0 : dim - 1;
    int period = p.mode == PAD_WRAP ? dim : max(2 * (dim - 1), 1);
    at -= (at / period) * period;
    if (at < 0)
        at += period;
    return at < dim ? at : period - at;
}

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint rest = index, from = 0, stride = 1;
    bool inside = true;
    for (uint i = p.rank; i > 0; i--) {
        uint next = rest / p.out_dims[i - 1];
        int at = int(rest - next * p.out_dims[i - 1]) - p.begin[i - 1];
        int dim = int(p.in_dims[i - 1]);
        rest = next;
        if (p.mode == PAD_CONSTANT)
            inside = inside && at >= 0 && at < dim;
        else
            at = source(at, dim);
        from += uint(at) * stride;
        stride *= uint(dim);
    }
    uint result = 0;
    if (inside)
        result = uint(x[from]);
    else if (p.has_value != 0)
        result = uint(value[0]);
    y[index] = B(result);
}
