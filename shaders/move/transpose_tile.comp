// SPDX-License-Identifier: MIT
//! family  move
//! push    push_transpose
//! binding x read
//! binding y write
//! spec    0 WG_X 128 | 64 | 32
//! kernel  transpose_tile_b32 store=i32 when=tile==1
//! kernel  transpose_tile_f16 store=f16 when=tile==1 needs=f16_storage
//
// y[b, column, row] = x[b, row, column]: matrices (with up to four batch dims, any strides) turned
// over through a 32 x 32 tile in shared memory, so that reads follow the input's contiguous dim and
// writes the output's. One workgroup moves one tile; its invocations run along the tile's rows when
// reading and along its columns when writing. Tiles at the edges are cut. 4.1 KB shared memory.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "bits.glsl"
#include "grid.glsl"
#include "push_transpose.h"

layout(local_size_x_id = 0) in;
layout(push_constant, std430) uniform Push { push_transpose p; };
layout(binding = 0, std430) readonly restrict buffer X { B x[]; };
layout(binding = 1, std430) writeonly restrict buffer Y { B y[]; };

shared uint tile[TRANSPOSE_TILE * (TRANSPOSE_TILE + 1)];

void main() {
    uint group = linear_group();
    if (group >= p.groups)
        return;
    uint lane = gl_LocalInvocationID.x;
    uint tile_x = group % p.tiles_x;
    uint rest = group / p.tiles_x;
    uint tile_y = rest % p.tiles_y;
    rest /= p.tiles_y;
    uint from = p.in_offset, to = p.out_offset;
    for (uint i = p.rank; i > 0; i--) {
        uint at = rest % p.dims[i - 1];
        rest /= p.dims[i - 1];
        from += at * p.in_strides[i - 1];
        to += at * p.out_strides[i - 1];
    }
    uint column0 = tile_x * TRANSPOSE_TILE, row0 = tile_y * TRANSPOSE_TILE;
    for (uint i = lane; i < TRANSPOSE_TILE * TRANSPOSE_TILE; i += gl_WorkGroupSize.x) {
        uint r = i / TRANSPOSE_TILE, c = i % TRANSPOSE_TILE;
        if (row0 + r < p.rows && column0 + c < p.columns)
            tile[r * (TRANSPOSE_TILE + 1) + c] =
                uint(x[from + (row0 + r) * p.in_row + column0 + c]);
    }
    barrier();
    for (uint i = lane; i < TRANSPOSE_TILE * TRANSPOSE_TILE; i += gl_WorkGroupSize.x) {
        uint c = i / TRANSPOSE_TILE, r = i % TRANSPOSE_TILE;
        if (row0 + r < p.rows && column0 + c < p.columns)
            y[to + (column0 + c) * p.out_column + row0 + r] =
                B(tile[r * (TRANSPOSE_TILE + 1) + c]);
    }
}
