// SPDX-License-Identifier: MIT
//! family  resize
//! push    push_resize
//! chain
//! binding x read
//! binding y write
//! spec    0 WG_X 64 | 32 | 128 | 8
//! spec    3 MODE *
//! kernel  resize_x4_f32 store=f32 when=x4==1 define=X4
//! kernel  resize_x4_f16 store=f16 when=x4==1 needs=f16_storage define=X4
//! kernel  resize_x4_i32 store=i32 when=x4==1 define=X4
//! kernel  resize_f32 store=f32
//! kernel  resize_f16 store=f16 needs=f16_storage
//! kernel  resize_i32 store=i32
//
// y[o, r, c, i] = x at row (r * num_h + add_h) / den_h and column (c * num_w + add_w) / den_w:
// nearest, linear or cubic. x: [outer, in_h, in_w, inner], y: [outer, out_h, out_w, inner].
// Coordinates are integers with a remainder, so that no rounding moves an element; positions
// outside are clamped (cubic may leave them out). One invocation computes up to `span` neighbours
// along out_w in fp32 (integers: nearest only, of at most 16 bits, which fp32 holds); the column's
// coordinate is carried from one to the next.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "dtype.glsl"
#include "grid.glsl"
#include "push_resize.h"

#define CHAIN_BINDING 2
#include "chain.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 3) const uint MODE = 0;
layout(push_constant, std430) uniform Push { push_resize p; push_chain chain; };
layout(binding = 0, std430) readonly restrict buffer X { T x[]; };
#ifdef X4
#define UNIT 4
layout(binding = 1, std430) writeonly restrict buffer Y { T_VEC4 y[]; };
#else
#define UNIT 1
layout(binding = 1, std430) writeonly restrict buffer Y { T y[]; };
#endif

int floor_div(int a, int b) {
    int q = a / b;
    return q * b > a ? q - 1 : q;
}

int nearest(int whole, int rest, int den, int size) {
    uint rounding = p.rounding & 3;
    bool up = rounding == RESIZE_CEIL ? rest > 0
            : rounding == RESIZE_PREFER_FLOOR ? 2 * rest > den
            : rounding == RESIZE_PREFER_CEIL ? 2 * rest >= den : false;
    return clamp(up ? whole + 1 : whole, 0, size - 1);
}

float cubic_weight(float d) {
    float a = p.cubic_a;
    d = abs(d);
    return d <= 1.0 ? ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
                    : ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
}

// Weights of the elements whole - 1 to whole + 2.
vec4 cubic_weights(int whole, float part, int size) {
    vec4 w = vec4(cubic_weight(part + 1.0), cubic_weight(part), cubic_weight(1.0 - part),
                  cubic_weight(2.0 - part));
    if ((p.rounding & 4) != 0) {
        for (int i = 0; i < 4; i++)
            w[i] = whole - 1 + i < 0 || whole - 1 + i >= size ? 0.0 : w[i];
        float sum = w.x + w.y + w.z + w.w;
        w /= sum != 0.0 ? sum : 1.0;
    }
    return w;
}

float element(int plane, int row, int column, uint i) {
    row = clamp(row, 0, p.in_h - 1);
    column = clamp(column, 0, p.in_w - 1);
    return float(x[uint((plane * p.in_h + row) * p.in_w + column) * p.inner + i]);
}

// A weight of 0 leaves its element out, were it infinite.
float blend(float a, float b, float part) {
    return part == 0.0 ? a : a * (1.0 - part) + b * part;
}

float linear(int plane, int row, float row_part, int column, float column_part, uint i) {
    float top = blend(element(plane, row, column, i), element(plane, row, column + 1, i),
                      column_part);
    float bottom = blend(element(plane, row + 1, column, i),
                         element(plane, row + 1, column + 1, i), column_part);
    return blend(top, bottom, row_part);
}

float cubic(int plane, int row, vec4 row_weights, int column, vec4 column_weights, uint i) {
    float sum = 0.0;
    for (int r = 0; r < 4; r++) {
        float line = 0.0;
        for (int c = 0; c < 4; c++)
            line += column_weights[c] * element(plane, row - 1 + r, column - 1 + c, i);
        sum += row_weights[r] * line;
    }
    return sum;
}

void main() {
    uint index = linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (index >= p.count)
        return;
    uint rest = p.inner == 1 ? index : index / p.inner;
    uint i = index - rest * p.inner;
    uint chunks = (p.out_w + p.span - 1) / p.span;
    uint line = rest / chunks;
    uint first = (rest - line * chunks) * p.span, last = min(first + p.span, p.out_w);
    int plane = int(line / p.out_h);

    int v = int(line - uint(plane) * p.out_h) * p.num_h + p.add_h;
    int row = floor_div(v, p.den_h), row_rest = v - row * p.den_h;
    float row_part = float(row_rest) / float(p.den_h);
    vec4 row_weights = vec4(0.0);
    if (MODE == RESIZE_NEAREST)
        row = nearest(row, row_rest, p.den_h, p.in_h);
    if (MODE == RESIZE_CUBIC)
        row_weights = cubic_weights(row, row_part, p.in_h);

    uint row_base = uint((plane * p.in_h + row) * p.in_w) * p.inner + i;

    v = int(first) * p.num_w + p.add_w;
    int column = floor_div(v, p.den_w), column_rest = v - column * p.den_w;
    float part_w = 1.0 / float(p.den_w);
    int step = p.num_w / p.den_w, step_rest = p.num_w - step * p.den_w;
    for (uint c = first; c < last; c += UNIT) {
        uint at = (line * p.out_w + c) * p.inner + i;
        float results[UNIT];
        for (uint k = 0; k < UNIT; k++) {
            float result, column_part = float(column_rest) * part_w;
            if (MODE == RESIZE_NEAREST)
                result = float(x[row_base +
                                 nearest(column, column_rest, p.den_w, p.in_w) * p.inner]);
            else if (MODE == RESIZE_LINEAR)
                result = linear(plane, row, row_part, column, column_part, i);
            else
                result = cubic(plane, row, row_weights, column,
                               cubic_weights(column, column_part, p.in_w), i);
            results[k] = chain_apply(result, at + k, 0, c + k, chain);
            column += step;
            column_rest += step_rest;
            if (column_rest >= p.den_w) {
                column_rest -= p.den_w;
                column++;
            }
        }
#ifdef X4
        y[at / 4] = T_VEC4(vec4(results[0], results[1], results[2], results[3]));
#else
        y[at] = T(results[0]);
#endif
    }
}
