// SPDX-License-Identifier: MIT
//
// matmul_finish.glsl - what every matrix product does with a finished sum: bias, then chain. For
// shaders with `Push { push_matmul p; push_chain chain; }` and a buffer bias[].
#ifndef MATMUL_FINISH_GLSL
#define MATMUL_FINISH_GLSL
#include "chain.glsl"

// A component by a number that is no constant.
float component(vec4 v, uint i) {
    return i < 2 ? (i < 1 ? v.x : v.y) : (i < 3 ? v.z : v.w);
}

// v: alpha A B at (row, col) of this dispatch's part of a matrix.
float matmul_finish(float v, uint matrix, uint row, uint col) {
    uint all_row = p.row_base + row, all_col = p.index_base % p.ldc + col;
    if ((p.mode & MATMUL_BIAS) != 0) {
        uint at = (p.mode & MATMUL_BIAS_COL) != 0 ? all_col : 0;
        if ((p.mode & MATMUL_BIAS_ROW) != 0)
            at += all_row * ((p.mode & MATMUL_BIAS_COL) != 0 ? p.ldc : 1);
        v += p.beta * float(bias[at]);
    }
    return chain_apply(v, p.index_base + (matrix * p.m + row) * p.ldc + col, all_row, all_col,
                       chain);
}
#endif
