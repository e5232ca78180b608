// SPDX-License-Identifier: MIT
//! family  gru
//! push    push_rnn
//! binding x read
//! binding r read
//! binding bias read
//! binding lengths read
//! binding initial_h read
//! binding y write
//! binding y_h write
//! binding state readwrite
//! spec    0 WG_X 128 | 256 | 64 | 32 | 16 | 8 | 4
//! spec    3 ROWS 1 | 4
//! spec    4 SLICES 1 | 2 | 4 | 8
//! spec    5 LINES * 32
//! spec    6 UNITS * 128
//! spec    7 ACT_F *
//! spec    8 ACT_G *
//! spec    9 LINEAR 0 | 1
//! kernel  gru_f32 store=f32
//! kernel  gru_f16 store=f16 needs=f16_storage
//
// GRU: z = f(x_z + h R_z), r = f(x_r + h R_r), n = g(x_n + (r h) R_n), or with LINEAR
// g(x_n + r (h R_n)); h = (1 - z) n + z h. Gates in the order z r n. Without LINEAR, n needs the r
// of all units: a second barrier, or, where units are shared out, a second dispatch a step. x is
// the input's product with W. A workgroup takes ROWS sequences and UNITS hidden units of one
// direction, an invocation every so many-th unit, as rnn.glsl says; layouts: push_rnn.h.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define GATES 3
#include "dtype.glsl"
#include "grid.glsl"
#include "rnn.glsl"

layout(constant_id = 8) const uint ACT_G = 0;
layout(constant_id = 9) const uint LINEAR = 0;

shared vec4 reset_lines[LINEAR != 0 ? 1 : ROWS * LINES]; // r h

// What the first of two dispatches left: r h of all units, z of these.
void load_gates() {
    for (uint at = gl_LocalInvocationID.x; at < ROWS * 4 * p.lines; at += WG_X) {
        uint i = at / (4 * p.lines), k = at - i * 4 * p.lines;
        reset_lines[i * LINES + k / 4][k & 3] =
            k < p.hidden && has(RNN_OUTPUT) ? state[state_at(3, row_of(i)) + k] : 0.0;
    }
    for (uint at = gl_LocalInvocationID.x; at < ROWS * UNITS && has(RNN_OUTPUT); at += WG_X) {
        uint i = at / UNITS, unit = min(unit0 + at - i * UNITS, p.hidden - 1);
        c_values[at] = state[state_at(2, row_of(i)) + unit];
    }
}

float gate(uint g, moment m, uint unit, float own) {
    return activate(ACT_F, 0,
                    clipped(with_biases(own + from_input(m, g, unit), g, unit)));
}

// z and r: kept for the second half.
void finish_gates(uint i, uint s, uint now, uint unit, uint local, float own_z, float own_r) {
    moment m = moment_of(i, s);
    float z = gate(0, m, unit, own_z), reset = gate(1, m, unit, own_r) * old_h(i, now, unit);
    c_values[i * UNITS + local] = z;
    reset_lines[i * LINES + unit / 4][unit & 3] = reset;
    if (has(RNN_GATES) && row_exists(i)) {
        state[state_at(2, row_of(i)) + unit] = z;
        state[state_at(3, row_of(i)) + unit] = reset;
    }
}

void finish(uint i, uint s, uint now, uint unit, float z, float own, bool last) {
    moment m = moment_of(i, s);
    float h = old_h(i, now, unit);
    if (m.inside) {
        float v = activate(ACT_G, 1, clipped(from_input(m, 2, unit) + own));
        h = (1.0 - z) * v + z * h;
    }
    store_h(i, m, unit, ROWS * LINES - now, last, h);
}

// From the state's products with all three gates.
void finish_linear(uint i, uint s, uint now, uint unit, float own_z, float own_r, float own,
                   bool last) {
    moment m = moment_of(i, s);
    if (has(RNN_HAS_BIAS | RNN_HAS_RESET_BIAS))
        own += bias_of(1, 2, unit);
    own *= gate(1, m, unit, own_r);
    if (has(RNN_HAS_BIAS))
        own += bias_of(0, 2, unit);
    finish(i, s, now, unit, gate(0, m, unit, own_z), own, last);
}

void step_linear(uint s, uint now, uint lane, uint slice, bool last) {
    for (uint base = 0; base < UNITS; base += LANES) {
        uint local = base + lane, unit = min(unit0 + local, p.hidden - 1);
        float acc[SUMS];
        [[unroll]] for (uint g = 0; g < SUMS; g++)
            acc[g] = 0.0;
        RNN_RECUR(h_lines, now, 0, GATES, unit, slice, acc)
        add_slices(0, GATES, acc);
        if (slice == 0 && local < UNITS && unit0 + local < p.hidden) {
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                finish_linear(i, s, now, unit, acc[i], acc[ROWS + i], acc[2 * ROWS + i], last);
        }
    }
}

void step_gates(uint s, uint now, uint lane, uint slice) {
    for (uint base = 0; base < UNITS; base += LANES) {
        uint local = base + lane, unit = min(unit0 + local, p.hidden - 1);
        float acc[SUMS];
        [[unroll]] for (uint g = 0; g < SUMS; g++)
            acc[g] = 0.0;
        RNN_RECUR(h_lines, now, 0, 2, unit, slice, acc)
        add_slices(0, 2, acc);
        if (slice == 0 && local < UNITS && unit0 + local < p.hidden) {
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                finish_gates(i, s, now, unit, local, acc[i], acc[ROWS + i]);
        }
    }
}

void step_output(uint s, uint now, uint lane, uint slice, bool last) {
    for (uint base = 0; base < UNITS; base += LANES) {
        uint local = base + lane, unit = min(unit0 + local, p.hidden - 1);
        float acc[SUMS];
        [[unroll]] for (uint g = 0; g < SUMS; g++)
            acc[g] = 0.0;
        RNN_RECUR(reset_lines, 0, 2, 1, unit, slice, acc)
        add_slices(2, 1, acc);
        if (slice == 0 && local < UNITS && unit0 + local < p.hidden) {
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                finish(i, s, now, unit, c_values[i * UNITS + local],
                       with_biases(acc[2 * ROWS + i], 2, unit), last);
        }
    }
}

void main() {
    rnn_begin();
    if (direction >= p.direction + p.directions)
        return;
    uint lane = gl_LocalInvocationID.x % LANES, slice = gl_LocalInvocationID.x / LANES;
    load_h();
    if (LINEAR == 0)
        load_gates();
    barrier();
    for (uint n = 0; n < p.count; n++) {
        uint now = (n & 1) * ROWS * LINES, s = p.first + n;
        bool last = n == p.count - 1;
        if (LINEAR != 0) {
            step_linear(s, now, lane, slice, last);
        } else {
            if (!has(RNN_OUTPUT))
                step_gates(s, now, lane, slice);
            barrier();
            if (!has(RNN_GATES))
                step_output(s, now, lane, slice, last);
        }
        barrier();
    }
}
