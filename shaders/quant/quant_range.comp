// SPDX-License-Identifier: MIT
//! family  quant_range
//! push    push_quant_range
//! binding x read
//! binding part readwrite
//! binding scale write
//! binding zero write
//! spec    0 WG_X 64 | 32 | 16 | 8
//! spec    3 LAST 0 | 1
//! kernel  quant_range_f32 store=f32
//
// The scale and zero point that let eight bits hold all of x and zero: scale = (most - least) /
// 255, zero = round(-least / scale). Two dispatches: in the first each of `partials` invocations
// leaves the least and the greatest of every so many-th element in part[]; in the LAST, a single
// workgroup, they are brought together in shared memory and the first invocation writes both
// numbers. x without a range gives scale 1.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quant.glsl"
#include "push_quant.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 64;
layout(constant_id = 3) const uint LAST = 0;
layout(push_constant, std430) uniform Push { push_quant_range p; };
layout(binding = 0, std430) readonly restrict buffer X { float x[]; };
layout(binding = 1, std430) restrict buffer Part { vec2 part[]; };
layout(binding = 2, std430) writeonly restrict buffer Scale { float scale[]; };
layout(binding = 3, std430) writeonly restrict buffer Zero { int zero[]; };

shared vec2 ends[WG_X];

vec2 widen(vec2 range, vec2 other) { return vec2(min(range.x, other.x), max(range.y, other.y)); }

void write(vec2 range) {
    precise float span = range.y - range.x;
    float s = span == 0.0 ? 1.0 : quant_divide(span, 255.0);
    precise float at = 0.0 - quant_divide(range.x, s);
    scale[0] = s;
    zero[0] = int(roundEven(clamp(at, 0.0, 255.0)));
}

void main() {
    uint thread = gl_LocalInvocationID.x, id = linear_group() * WG_X + thread;
    vec2 range = vec2(0.0);
    if (LAST == 0) {
        for (uint i = id; i < p.count; i += p.partials)
            range = widen(range, vec2(x[i]));
        if (id < p.partials)
            part[id] = range;
        return;
    }
    for (uint i = thread; i < p.partials; i += WG_X)
        range = widen(range, part[i]);
    ends[thread] = range;
    for (uint half_count = WG_X / 2; half_count > 0; half_count /= 2) {
        barrier();
        if (thread < half_count)
            ends[thread] = widen(ends[thread], ends[thread + half_count]);
    }
    if (thread == 0 && gl_WorkGroupID == uvec3(0))
        write(ends[0]);
}
