// SPDX-License-Identifier: MIT
//! family  gather
//! push    push_gather
//! binding x read
//! binding indices read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! kernel  gather_vec4_b32 store=i32 when=vec4==1
//
// y[o, i, :] = x[o, indices[i], :] as gather_rows.comp, in steps of four 32-bit elements, for inner
// runs that are multiples of four (the lowering then counts in fours). One invocation copies up to
// `span` neighbouring vectors of one row. Exact: bits are moved as integers.
#version 450
#extension GL_GOOGLE_include_directive : require
#define GATHER_T ivec4
#include "gather.glsl"
