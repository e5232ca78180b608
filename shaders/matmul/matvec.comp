// SPDX-License-Identifier: MIT
//! family  matmul
//! push    push_matmul
//! chain
//! binding a read
//! binding b read
//! binding bias read
//! binding y readwrite
//! spec    0 WG_X 128 | 64
//! spec    3 ACCUMULATE 0 | 1
//! kernel  matvec_rows_f32 store=f32 when=m==1,bt4==1 define=ROWS
//! kernel  matvec_rows_f16 store=f16 needs=f16_storage when=m==1,bt4==1 define=ROWS
//! kernel  matvec_columns_f32 store=f32 when=m==1,trans_b==0
//! kernel  matvec_columns_f16 store=f16 needs=f16_storage when=m==1,trans_b==0
//
// Y = chain(alpha A B + beta bias) where A is one row, for GPUs: bound by the reading of B. A: [k].
// ROWS: B is [n, k], k a multiple of four; a workgroup computes two columns, its invocations take
// vectors of four along k in turn and are added up in shared memory. Otherwise B is [k, n]; a
// workgroup computes 32 neighbouring columns, each by WG_X/32 invocations that take every such row
// of B. fp32 accumulation. ACCUMULATE 1 adds to Y what was there.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_chain.h"
#include "push_matmul.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 128;
layout(constant_id = 3) const uint ACCUMULATE = 0;
layout(push_constant, std430) uniform Push { push_matmul p; push_chain chain; };
#if defined(ROWS)
#define COLUMNS 2
layout(binding = 0, std430) readonly restrict buffer MatrixA { T_VEC4 a[]; };
layout(binding = 1, std430) readonly restrict buffer MatrixB { T_VEC4 b[]; };
#else
#define COLUMNS 32
layout(binding = 0, std430) readonly restrict buffer MatrixA { T a[]; };
layout(binding = 1, std430) readonly restrict buffer MatrixB { T b[]; };
#endif
layout(binding = 2, std430) readonly restrict buffer Bias { T bias[]; };
layout(binding = 3, std430) restrict buffer MatrixY { T y[]; };
#define CHAIN_BINDING 4
#include "matmul_finish.glsl"

#if defined(ROWS)
shared float parts[COLUMNS * WG_X];
#else
shared float parts[WG_X];
#endif

// Adds up what `count` invocations, `stride` apart, left in parts[] from `first` on.
void add_up(uint first, uint mine, uint count, uint stride) {
    for (uint half_count = count / 2; half_count > 0; half_count /= 2) {
        barrier();
        if (mine < half_count)
            parts[first + mine * stride] += parts[first + (mine + half_count) * stride];
    }
    barrier();
}

void store(uint matrix, uint col, float v) {
    uint at = matrix * p.ldc + p.index_base % p.ldc + col;
    v *= p.alpha;
    if (ACCUMULATE != 0)
        v += float(y[at]);
    y[at] = T(matmul_finish(v, matrix, 0, col));
}

void main() {
    uint group = linear_group(), thread = gl_LocalInvocationID.x;
    uint col_tiles = (p.n + COLUMNS - 1) / COLUMNS;
    uint col0 = group % col_tiles * COLUMNS, matrix = group / col_tiles;
    if (matrix >= p.batch)
        return;
    uint a_base = matrix / p.a_div % p.a_mod * p.k;
    uint b_base = matrix / p.b_div % p.b_mod * p.k * p.n;
#if defined(ROWS)
    float sum[COLUMNS];
    uint at[COLUMNS];
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        sum[j] = 0.0;
        at[j] = (b_base + min(col0 + j, p.n - 1) * p.ldb) / 4;
    }
    for (uint t = thread; t < p.k / 4; t += WG_X) {
        vec4 x = vec4(a[a_base / 4 + t]);
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            sum[j] += dot(x, vec4(b[at[j] + t]));
    }
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        parts[j * WG_X + thread] = sum[j];
        add_up(j * WG_X, thread, WG_X, 1);
    }
    if (thread < COLUMNS && col0 + thread < p.n)
        store(matrix, col0 + thread, parts[thread * WG_X]);
#else
    uint lane = thread % COLUMNS, slice = thread / COLUMNS, slices = WG_X / COLUMNS;
    uint at = b_base + min(col0 + lane, p.n - 1);
    float sum = 0.0;
    for (uint t = slice; t < p.k; t += slices)
        sum += float(a[a_base + t]) * float(b[at + t * p.ldb]);
    parts[thread] = sum;
    add_up(lane, slice, slices, COLUMNS);
    if (slice == 0 && col0 + lane < p.n)
        store(matrix, col0 + lane, parts[lane]);
#endif
}
