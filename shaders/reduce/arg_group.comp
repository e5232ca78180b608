// SPDX-License-Identifier: MIT
//! family  arg
//! push    push_arg
//! binding x read
//! binding y write
//! spec    0 WG_X 128 | 256 | 64 | 32
//! kernel  arg_group_f32 store=f32
//! kernel  arg_group_f16 store=f16 needs=f16_storage,f16
//! kernel  arg_group_i32 store=i32
//
// y[o, i] = index of the greatest (or least) of x[o, :, i], as arg_lane.comp, one workgroup a row:
// its invocations take every WG_X-th element, then a tree in shared memory (2 KB) keeps the
// better, of equal ones the one that comes first (or last). Exact.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "arg.glsl"

shared A values[256];
shared uint indices[256];

void main() {
    uint row = linear_group();
    if (row >= p.results)
        return;
    uint lane = gl_LocalInvocationID.x;
    uint lanes = min(gl_WorkGroupSize.x, p.row_length);
    if (lane < lanes) {
        A value;
        uint index;
        best_of(row_base(row), lane, gl_WorkGroupSize.x, value, index);
        values[lane] = value;
        indices[lane] = index;
    }
    barrier();
    for (uint half_size = gl_WorkGroupSize.x / 2; half_size > 0; half_size /= 2) {
        uint other = lane + half_size;
        if (lane < half_size && other < lanes) {
            bool later = indices[other] > indices[lane];
            bool take = is_better(values[other], values[lane]) ||
                        (!is_better(values[lane], values[other]) && later == (p.last != 0));
            if (take) {
                values[lane] = values[other];
                indices[lane] = indices[other];
            }
        }
        barrier();
    }
    if (lane == 0)
        y[row] = int(indices[0]);
}
