// SPDX-License-Identifier: MIT
//! family  rnn
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
//! kernel  rnn_f32 store=f32
//! kernel  rnn_f16 store=f16 needs=f16_storage
//
// RNN: h = f(x + h R). x is the input's product with W. A workgroup takes ROWS sequences and UNITS
// hidden units of one direction, an invocation every so many-th unit, as rnn.glsl says; layouts:
// push_rnn.h.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define GATES 1
#include "dtype.glsl"
#include "grid.glsl"
#include "rnn.glsl"

void finish(uint i, uint s, uint now, uint unit, float sum, bool last) {
    moment m = moment_of(i, s);
    float v = with_biases(sum + from_input(m, 0, unit), 0, unit);
    float h = m.inside ? activate(ACT_F, 0, clipped(v)) : old_h(i, now, unit);
    store_h(i, m, unit, ROWS * LINES - now, last, h);
}

void main() {
    rnn_begin();
    if (direction >= p.direction + p.directions)
        return;
    uint lane = gl_LocalInvocationID.x % LANES, slice = gl_LocalInvocationID.x / LANES;
    load_h();
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
                [[unroll]] for (uint i = 0; i < ROWS; i++)
                    finish(i, p.first + n, now, unit, acc[i], n == p.count - 1);
            }
        }
        barrier();
    }
}
