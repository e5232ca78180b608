// SPDX-License-Identifier: MIT
//! family  lstm
//! push    push_rnn
//! binding x read
//! binding r read
//! binding bias read
//! binding lengths read
//! binding initial_h read
//! binding y write
//! binding y_h write
//! binding state readwrite
//! binding initial_c read
//! binding peephole read
//! binding y_c write
//! spec    0 WG_X 128 | 256 | 64 | 32 | 16 | 8 | 4
//! spec    3 ROWS 1 | 4
//! spec    4 SLICES 1 | 2 | 4 | 8
//! spec    5 LINES * 32
//! spec    6 UNITS * 128
//! spec    7 ACT_F *
//! spec    8 ACT_G *
//! spec    9 ACT_H *
//! kernel  lstm_f32 store=f32
//! kernel  lstm_f16 store=f16 needs=f16_storage
//
// LSTM: i = f(x_i + h R_i + P_i c), f likewise, c = f c + i g(x_c + h R_c), o = f(x_o + h R_o +
// P_o c) with the new c, h = o h(c). Gates in the order i o f c, peepholes i o f. x is the input's
// product with W. A workgroup takes ROWS sequences and UNITS hidden units of one direction, an
// invocation every so many-th unit with its four gates, as rnn.glsl says; layouts: push_rnn.h.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define GATES 4
#include "dtype.glsl"
#include "grid.glsl"
#include "rnn.glsl"

layout(constant_id = 8) const uint ACT_G = 0;
layout(constant_id = 9) const uint ACT_H = 0;
layout(binding = 8, std430) readonly buffer InitialC { T initial_c[]; };
layout(binding = 9, std430) readonly restrict buffer Peephole { T peephole[]; };
layout(binding = 10, std430) writeonly buffer YC { T y_c[]; };

void load_c() {
    for (uint at = gl_LocalInvocationID.x; at < ROWS * UNITS; at += WG_X) {
        uint i = at / UNITS, unit = unit0 + at - i * UNITS, row = row_of(i);
        float v = 0.0;
        if (unit < p.hidden) {
            if (!has(RNN_FIRST))
                v = state[state_at(2, row) + unit];
            else if (has(RNN_HAS_INITIAL_C))
                v = float(initial_c[edge_at(row) + unit]);
        }
        c_values[at] = v;
    }
}

void store_c(uint i, moment m, uint unit, uint local, bool last, float c) {
    c_values[i * UNITS + local] = c;
    if (!row_exists(i))
        return;
    if (last && !has(RNN_LAST))
        state[state_at(2, row_of(i)) + unit] = c;
    if ((m.ends || last && has(RNN_LAST)) && has(RNN_WANTS_Y_C))
        y_c[edge_at(m.row) + unit] = T(row_is_empty(m.row) ? 0.0 : c);
}

float peep(uint g, uint unit, float c) {
    return has(RNN_HAS_PEEPHOLE) ? float(peephole[(direction * 3 + g) * p.hidden + unit]) * c : 0.0;
}

void finish(uint i, uint s, uint now, uint unit, uint local, float sums[GATES], bool last) {
    moment m = moment_of(i, s);
    [[unroll]] for (uint g = 0; g < GATES; g++)
        sums[g] = with_biases(sums[g] + from_input(m, g, unit), g, unit);
    float c = c_values[i * UNITS + local], h = old_h(i, now, unit);
    if (m.inside) {
        float in_gate = activate(ACT_F, 0, clipped(sums[0] + peep(0, unit, c)));
        float forget = has(RNN_INPUT_FORGET)
                           ? 1.0 - in_gate
                           : activate(ACT_F, 0, clipped(sums[2] + peep(2, unit, c)));
        c = forget * c + in_gate * activate(ACT_G, 1, clipped(sums[3]));
        float out_gate = activate(ACT_F, 0, clipped(sums[1] + peep(1, unit, c)));
        h = out_gate * activate(ACT_H, 2, c);
    }
    store_c(i, m, unit, local, last, c);
    store_h(i, m, unit, ROWS * LINES - now, last, h);
}

void main() {
    rnn_begin();
    if (direction >= p.direction + p.directions)
        return;
    uint lane = gl_LocalInvocationID.x % LANES, slice = gl_LocalInvocationID.x / LANES;
    load_h();
    load_c();
    barrier();
    for (uint n = 0; n < p.count; n++) {
        uint now = (n & 1) * ROWS * LINES;
        for (uint base = 0; base < UNITS; base += LANES) {
            uint local = base + lane, unit = min(unit0 + local, p.hidden - 1);
            float acc[SUMS];
            [[unroll]] for (uint g = 0; g < SUMS; g++)
                acc[g] = 0.0;
            RNN_RECUR(h_lines, now, 0, GATES, unit, slice, acc)
            add_slices(0, GATES, acc);
            if (slice == 0 && local < UNITS && unit0 + local < p.hidden) {
                [[unroll]] for (uint i = 0; i < ROWS; i++) {
                    float sums[GATES];
                    [[unroll]] for (uint g = 0; g < GATES; g++)
                        sums[g] = acc[g * ROWS + i];
                    finish(i, p.first + n, now, unit, local, sums, n == p.count - 1);
                }
            }
        }
        barrier();
    }
}
