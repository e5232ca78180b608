// SPDX-License-Identifier: MIT
//! family  move
//! push    push_move
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  move_strided_b32 store=i32
//! kernel  move_strided_f16 store=f16 needs=f16_storage
//
// y[out_offset + sum i*out_stride] = x[in_offset + sum i*in_stride] over up to six dims: Transpose,
// Slice, Expand, Tile, Concat, Split, DepthToSpace. x, y: flat arrays; elements are moved
// as integers of their width (bits.glsl), so every bit pattern survives. One invocation copies up
// to `span` neighbours along the innermost dim; neighbouring invocations take neighbouring chunks.
// No invocation reads or writes outside what the strides say; the tail of a row is cut.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#define MOVE_T B
#include "move.glsl"
