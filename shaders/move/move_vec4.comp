// SPDX-License-Identifier: MIT
//! family  move
//! push    push_move
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  move_vec4_b32 store=i32 when=vec4==1
//
// y[out_offset + sum i*out_stride] = x[in_offset + sum i*in_stride] in steps of four 32-bit
// elements: the quick row of the strided copy (move_strided.comp), for inner runs that are
// contiguous on both sides and everything divisible by four (the lowering then counts in fours).
// One invocation copies up to `span` neighbouring vectors. Exact: bits are moved as integers.
#version 450
#extension GL_GOOGLE_include_directive : require
#define MOVE_T ivec4
#include "move.glsl"
