// SPDX-License-Identifier: MIT
//! family  compare
//! push    push_broadcast
//! binding a read
//! binding b read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! spec    3 OP *
//! spec    5 AXES *
//! kernel  compare_f32 store=f32 when=axes<=6
//! kernel  compare_f16 store=f16 needs=f16_storage when=axes<=6
//! kernel  compare_any_f32 store=f32 define=ANY_RANK
//! kernel  compare_any_f16 store=f16 needs=f16_storage define=ANY_RANK
//
// y[i] = a[i] OP b[i] ? 1 : 0, a and b floats broadcast to y as the push table says, y integers. OP
// is COMPARE_* of push/push_elementwise.h; those of one operand take it as a and b. One invocation
// computes `per` elements that lie a workgroup apart. NaN equals nothing. Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "math.glsl"
#include "push_elementwise.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint OP = 0;
layout(push_constant, std430) uniform Push { push_broadcast p; };
#include "broadcast.glsl"
layout(binding = 0, std430) readonly restrict buffer InA { T a[]; };
layout(binding = 1, std430) readonly restrict buffer InB { T b[]; };
layout(binding = 2, std430) writeonly restrict buffer Y { int y[]; };

bool holds(float x, float o) {
    bool inf = math_is_inf(x), ordered = !math_is_nan(x) && !math_is_nan(o);
    switch (OP) {
    case COMPARE_EQUAL: return ordered && x == o;
    case COMPARE_GREATER: return ordered && x > o;
    case COMPARE_GREATER_OR_EQUAL: return ordered && x >= o;
    case COMPARE_LESS: return ordered && x < o;
    case COMPARE_LESS_OR_EQUAL: return ordered && x <= o;
    case COMPARE_NAN: return math_is_nan(x);
    case COMPARE_INF: return inf;
    case COMPARE_POSITIVE_INF: return inf && !math_is_negative(x);
    case COMPARE_NEGATIVE_INF: return inf && math_is_negative(x);
    }
    return false;
}

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uvec3 at = broadcast_at(unit);
        y[unit] = int(holds(float(a[at.x]), float(b[at.y])));
        unit += gl_WorkGroupSize.x;
    }
}
