// SPDX-License-Identifier: MIT
//! family  where
//! push    push_broadcast
//! binding condition read
//! binding a read
//! binding b read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! spec    5 AXES *
//! kernel  where_b32 store=i32 when=axes<=6
//! kernel  where_b16 store=f16 needs=f16_storage when=axes<=6
//! kernel  where_any_b32 store=i32 define=ANY_RANK
//! kernel  where_any_b16 store=f16 needs=f16_storage define=ANY_RANK
//
// y[i] = condition[i] != 0 ? a[i] : b[i], all three broadcast to y as the push table says.
// condition: integers; a, b, y are moved as bits. One invocation moves `per` elements that lie a
// workgroup apart. y may be one of the inputs where that has y's shape. Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#include "grid.glsl"
#include "push_elementwise.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_broadcast p; };
#include "broadcast.glsl"
layout(binding = 0, std430) readonly buffer Condition { int condition[]; };
layout(binding = 1, std430) readonly buffer InA { B a[]; };
layout(binding = 2, std430) readonly buffer InB { B b[]; };
layout(binding = 3, std430) writeonly buffer Y { B y[]; };

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uvec3 at = broadcast_at(unit);
        uint bits;
        if (condition[at.x] != 0)
            bits = uint(a[at.y]);
        else
            bits = uint(b[at.z]);
        y[unit] = B(bits);
        unit += gl_WorkGroupSize.x;
    }
}
