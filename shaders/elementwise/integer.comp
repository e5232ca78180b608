// SPDX-License-Identifier: MIT
//! family  integer
//! push    push_broadcast
//! binding a read
//! binding b read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 256 | 8
//! spec    3 OP *
//! spec    5 AXES *
//! kernel  integer_i32 store=i32 when=axes<=6
//! kernel  integer_any_i32 store=i32 define=ANY_RANK
//
// y[i] = a[i] OP b[i] on integers and bool (0 or 1), a and b broadcast to y as the push table says.
// OP is INTEGER_* of push/push_elementwise.h; those of one operand take it as a and b. y may be a
// or b where that has y's shape. One invocation computes `per` elements that lie a workgroup apart.
// Exact; int32 wraps as two's complement does. Division is written out where GLSL leaves it
// undefined.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "push_elementwise.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint OP = 0;
layout(push_constant, std430) uniform Push { push_broadcast p; };
#include "broadcast.glsl"
layout(binding = 0, std430) readonly buffer InA { int a[]; };
layout(binding = 1, std430) readonly buffer InB { int b[]; };
layout(binding = 2, std430) writeonly buffer Y { int y[]; };

uint magnitude(int v) {
    return v < 0 ? uint(-(v + 1)) + 1u : uint(v);
}

int with_sign(uint v, bool negative) {
    return negative ? int(0u - v) : int(v);
}

int divide(int x, int o) {
    return o == 0 ? 0 : with_sign(magnitude(x) / magnitude(o), (x < 0) != (o < 0));
}

int remainder(int x, int o) {
    return o == 0 ? 0 : with_sign(magnitude(x) % magnitude(o), x < 0);
}

int modulo(int x, int o) {
    int r = remainder(x, o);
    return r != 0 && (r < 0) != (o < 0) ? r + o : r;
}

int power(int x, int o) {
    if (o < 0) {
        int odd_sign = (o & 1) != 0 ? -1 : 1;
        return x == 1 ? 1 : (x == -1 ? odd_sign : 0);
    }
    int y = 1;
    for (int i = 0; i < 31; i++) {
        y = (o & 1) != 0 ? y * x : y;
        x *= x;
        o >>= 1;
    }
    return y;
}

int compute(int x, int o) {
    switch (OP) {
    case INTEGER_ADD: return x + o;
    case INTEGER_SUB: return x - o;
    case INTEGER_MUL: return x * o;
    case INTEGER_DIV: return divide(x, o);
    case INTEGER_FMOD: return remainder(x, o);
    case INTEGER_MOD: return modulo(x, o);
    case INTEGER_POW: return power(x, o);
    case INTEGER_MIN: return min(x, o);
    case INTEGER_MAX: return max(x, o);
    case INTEGER_AND: return x & o;
    case INTEGER_OR: return x | o;
    case INTEGER_XOR: return x ^ o;
    case INTEGER_EQUAL: return int(x == o);
    case INTEGER_GREATER: return int(x > o);
    case INTEGER_GREATER_OR_EQUAL: return int(x >= o);
    case INTEGER_LESS: return int(x < o);
    case INTEGER_LESS_OR_EQUAL: return int(x <= o);
    case INTEGER_ABS: return x < 0 ? -x : x;
    case INTEGER_NEG: return -x;
    case INTEGER_SIGN: return sign(x);
    case INTEGER_NOT: return int(x == 0);
    case INTEGER_RELU: return max(x, 0);
    case INTEGER_INVERT: return ~x;
    case INTEGER_SHIFT_RIGHT: return o < 0 || o > 31 ? 0 : x >> o;
    }
    return x;
}

void main() {
    uint unit = linear_group() * gl_WorkGroupSize.x * p.per + gl_LocalInvocationID.x;
    for (uint n = 0; n < p.per && unit < p.count; n++) {
        uvec3 at = broadcast_at(unit);
        y[unit] = compute(a[at.x], b[at.y]);
        unit += gl_WorkGroupSize.x;
    }
}
