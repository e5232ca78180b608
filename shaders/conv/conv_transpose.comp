// SPDX-License-Identifier: MIT
//! family  conv_transpose
//! push    push_conv
//! chain
//! binding x read
//! binding w read
//! binding bias read
//! binding y write
//! spec    0 WG_X 64 | 32 | 16 | 8 | 4
//! spec    3 TILE_M 8 | 24 | 4 | 2 | 1
//! kernel  conv_transpose_lanes_f32 store=f32 needs=lanes_wide,subgroup define=LANES
//! kernel  conv_transpose_lanes_f16 store=f16 needs=lanes_wide,subgroup,f16_storage define=LANES
//! kernel  conv_transpose_f32 store=f32 needs=registers
//! kernel  conv_transpose_f16 store=f16 needs=f16_storage,registers
//! kernel  conv_transpose_few_f32 store=f32 most=TILE_M:4 define=FEW
//! kernel  conv_transpose_few_f16 store=f16 needs=f16_storage most=TILE_M:4 define=FEW
//
// y[n, o, out] = chain(bias[o] + sum over c, k with stride*i = out + pad - k*dilation of w[g + c,
// o, k] x[n, g + c, i]): the transposed convolution in gather form. Outputs of one phase (out
// modulo stride) use the same taps: a workgroup computes TILE_M channels of a group for 4*WG_X
// outputs of one phase; each invocation has four of all channels in registers. No shared memory, no
// barrier. LANES, for CPU drivers: the workgroup is a subgroup, each lane reads its share of the
// weights and they are handed round by shuffles. fp32 accumulation.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if defined(LANES)
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "dtype.glsl"
#include "grid.glsl"
#include "push_chain.h"
#include "push_conv.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 64;
layout(constant_id = 3) const uint TILE_M = 8;
layout(push_constant, std430) uniform Push { push_conv p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer Input { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Weight { T w[]; };
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) writeonly restrict buffer Output { T y[]; };
#define CHAIN_BINDING 4
#include "conv_finish.glsl"

// Columns of an invocation: four, or two where registers are FEW.
#if defined(FEW)
#define COLUMNS 2
#define VEC vec2
#define IVEC ivec2
#define BVEC bvec2
#else
#define COLUMNS 4
#define VEC vec4
#define IVEC ivec4
#define BVEC bvec4
#endif

const uint SHARES = (TILE_M + WG_X - 1) / WG_X; // channels whose weights a lane reads for all

int floor_divide(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

uvec3 unpack(uint word) { return uvec3(CONV_W(word), CONV_H(word), CONV_D(word)); }

void main() {
    uint group = linear_group(), lane = gl_LocalInvocationID.x;
    uvec3 kernel = unpack(p.kernel), stride = unpack(p.stride), dilation = unpack(p.dilation);
    uvec3 pad = unpack(p.pad);
    uvec3 size = uvec3(p.in_w, p.in_h, p.in_d), out_size = uvec3(p.out_w, p.out_h, p.out_d);
    uvec3 places = (out_size + stride - 1) / stride; // of a phase, at most
    uint pixels = places.x * places.y * places.z, phases = stride.x * stride.y * stride.z;
    uint plane = size.x * size.y * size.z, out_plane = out_size.x * out_size.y * out_size.z;
    uint kernel_taps = kernel.x * kernel.y * kernel.z;

    uint row_tiles = (p.group_out + TILE_M - 1) / TILE_M;
    uint col_tiles = (pixels + COLUMNS * WG_X - 1) / (COLUMNS * WG_X);
    uint row0 = group % row_tiles * TILE_M;
    uint col0 = group / row_tiles % col_tiles * COLUMNS * WG_X + lane;
    uint phase_number = group / row_tiles / col_tiles % phases;
    uint image = group / row_tiles / col_tiles / phases; // of a group
    if (image >= p.batch * p.groups)
        return;
    uint first_in = image % p.groups * p.group_in;
    uvec3 phase = uvec3(phase_number % stride.x, phase_number / stride.x % stride.y,
                        phase_number / stride.x / stride.y);

    ivec3 place[COLUMNS];
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        uint pixel = min(col0 + j * WG_X, pixels - 1);
        place[j] = ivec3(pixel % places.x, pixel / places.x % places.y,
                         pixel / places.x / places.y);
    }
#if defined(LANES)
    uint shares[SHARES];
    [[unroll]] for (uint q = 0; q < SHARES; q++)
        shares[q] = min(row0 + q * WG_X + lane, p.group_out - 1) * kernel_taps;
#endif

    VEC sum[TILE_M];
    [[unroll]] for (uint i = 0; i < TILE_M; i++)
        sum[i] = VEC(0.0);
    for (uint tap = 0; tap < kernel_taps; tap++) {
        uvec3 k = uvec3(tap % kernel.x, tap / kernel.x % kernel.y, tap / kernel.x / kernel.y);
        ivec3 shift = ivec3(phase + pad) - ivec3(k * dilation);
        // The input's place is place + shift / stride, if that is whole.
        ivec3 whole = ivec3(floor_divide(shift.x, int(stride.x)),
                            floor_divide(shift.y, int(stride.y)),
                            floor_divide(shift.z, int(stride.z)));
        bool hit = whole * ivec3(stride) == shift;
        IVEC at;
        BVEC inside;
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
            ivec3 i = place[j] + whole;
            inside[j] = hit && all(lessThan(uvec3(i), size));
            at[j] = inside[j] ? int(image * p.group_in * plane) +
                                    (i.z * int(size.y) + i.y) * int(size.x) + i.x
                              : 0;
        }
        uint c_end = hit ? p.group_in : 0;
        for (uint c = 0; c < c_end; c++) {
            uint weights = (first_in + c) * p.group_out * kernel_taps + tap;
            VEC v;
            [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
                float e = float(x[at[j] + int(inside[j] ? c * plane : 0)]);
                v[j] = inside[j] ? e : 0.0;
            }
#if defined(LANES)
            float mine[SHARES];
            [[unroll]] for (uint q = 0; q < SHARES; q++)
                mine[q] = float(w[weights + shares[q]]);
#endif
            [[unroll]] for (uint i = 0; i < TILE_M; i++) {
#if defined(LANES)
                float weight = subgroupShuffle(mine[i / WG_X], i % WG_X);
#else
                float weight =
                    float(w[weights + min(row0 + i, p.group_out - 1) * kernel_taps]);
#endif
                sum[i] += weight * v;
            }
        }
    }

    uint tile_rows = min(TILE_M, p.group_out - row0);
    [[dont_unroll]] for (uint i = 0; i < tile_rows; i++) {
        VEC v = sum[0];
        [[unroll]] for (uint j = 1; j < TILE_M; j++)
            v = i == j ? sum[j] : v;
        uint row = row0 + i;
        [[dont_unroll]] for (uint j = 0; j < COLUMNS; j++) {
            uint pixel = col0 + j * WG_X;
            uvec3 at = uvec3(pixel % places.x, pixel / places.x % places.y,
                             pixel / places.x / places.y) * stride + phase;
            if (pixel < pixels && all(lessThan(at, out_size))) {
                uint index = (image * p.group_out + row) * out_plane +
                             (at.z * out_size.y + at.y) * out_size.x + at.x;
                y[index] = T(conv_finish(component(v, j), index,
                                         image % p.groups * p.group_out + row));
            }
        }
    }
}
