// SPDX-License-Identifier: MIT
//! family  gather
//! push    push_gather
//! binding x read
//! binding indices read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  gather_rows_b32 store=i32
//! kernel  gather_rows_f16 store=f16 needs=f16_storage
//
// y[o, i, :] = x[o, indices[i], :]. x: [outer, row_count, inner] or, when the table is larger than
// a binding, rows window_first to window_first + window_rows of it; indices: int32, negative ones
// from the end, clamped; y: [outer, index_count, inner]. One invocation copies up to `span`
// neighbours of one row. Exact: bits are moved as integers.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#define GATHER_T B
#include "gather.glsl"
