// SPDX-License-Identifier: MIT
//
// group.glsl - one value of each invocation of a workgroup combined into one that all get: a tree
// in shared memory, or subgroup arithmetic first (SUBGROUP defined; any subgroup size). `op` is a
// constant. Include after dtype.glsl; the workgroup is one-dimensional, a power of two up to 256.
// All invocations must call it. 1 KB shared memory.
#ifndef GROUP_GLSL
#define GROUP_GLSL
#if defined(SUBGROUP)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif

// gl_WorkGroupSize counts as 1 in code before this.
layout(local_size_x_id = 0) in;

const uint GROUP_SUM = 0;
const uint GROUP_MAX = 1;
const uint GROUP_MIN = 2;
const uint GROUP_PROD = 3;

#if defined(STORE_I32)
#define IS_NAN(v) false
#else
#include "math.glsl"
#define IS_NAN(v) math_is_nan(v)
#endif

A group_pair(uint op, A a, A b) {
    if (op == GROUP_MAX)
        return b > a || IS_NAN(b) ? b : a;
    if (op == GROUP_MIN)
        return b < a || IS_NAN(b) ? b : a;
    return op == GROUP_PROD ? a * b : a + b;
}

#if !defined(GROUP_PAIR_ONLY)
shared A group_values[256];

#if defined(SUBGROUP)
A group_subgroup(uint op, A v) {
    if (op == GROUP_SUM)
        return subgroupAdd(v);
    if (op == GROUP_PROD)
        return subgroupMul(v);
    A result = op == GROUP_MAX ? subgroupMax(v) : subgroupMin(v);
#if !defined(STORE_I32)
    // Maximum and minimum may lose a NaN; a sum does not.
    A poison = subgroupAdd(IS_NAN(v) ? v : A(0));
    if (IS_NAN(poison))
        result = poison;
#endif
    return result;
}

A group_combine(uint op, A v) {
    v = group_subgroup(op, v);
    if (gl_NumSubgroups == 1)
        return v;
    barrier();
    if (subgroupElect())
        group_values[gl_SubgroupID] = v;
    barrier();
    v = group_values[0];
    for (uint i = 1; i < gl_NumSubgroups; i++)
        v = group_pair(op, v, group_values[i]);
    return v;
}
#else
A group_combine(uint op, A v) {
    uint lane = gl_LocalInvocationID.x;
    barrier();
    group_values[lane] = v;
    barrier();
    for (uint half_size = gl_WorkGroupSize.x / 2; half_size > 0; half_size /= 2) {
        if (lane < half_size)
            group_values[lane] = group_pair(op, group_values[lane], group_values[lane + half_size]);
        barrier();
    }
    return group_values[0];
}
#endif
#endif
#endif
