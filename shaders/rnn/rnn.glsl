// SPDX-License-Identifier: MIT
//
// rnn.glsl - what the kernels of RNN, GRU and LSTM share: bindings, where things lie, the product
// of the state with the recurrence weights, activations. The including shader defines GATES.
//
// A workgroup takes ROWS rows of the batch (sequences) in one direction, and UNITS of the hidden
// units. With UNITS = 4 LINES, all units, it walks any number of steps, h (two copies by turns) and
// c in shared memory, one barrier a step; with fewer, a dispatch is one step, and h goes through
// `state`. The WG_X invocations are SLICES slices of lanes: a lane takes every so many-th unit with
// all its gates and rows, a slice every SLICES-th vector of four along k; slices are added up in
// shared memory. Accumulates in fp32, states between steps are fp32. Shared memory: ROWS * (16
// COPIES LINES + 4 UNITS) bytes, a GRU 16 ROWS LINES more, with slices 4 GATES ROWS WG_X more.
#ifndef RNN_GLSL
#define RNN_GLSL
#include "math.glsl"
#include "push_rnn.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint WG_X = 128;
layout(constant_id = 3) const uint ROWS = 1;
layout(constant_id = 4) const uint SLICES = 1;
layout(constant_id = 5) const uint LINES = 32;
layout(constant_id = 6) const uint UNITS = 128;
layout(constant_id = 7) const uint ACT_F = 0;
layout(push_constant, std430) uniform Push { push_rnn p; };

layout(binding = 0, std430) readonly buffer InputProducts { T x[]; };
layout(binding = 1, std430) readonly restrict buffer Recurrence { T_VEC4 r[]; };
layout(binding = 2, std430) readonly restrict buffer Bias { T b[]; };
layout(binding = 3, std430) readonly restrict buffer Lengths { int lengths[]; };
layout(binding = 4, std430) readonly buffer InitialH { T initial_h[]; };
layout(binding = 5, std430) writeonly buffer Y { T y[]; };
layout(binding = 6, std430) writeonly buffer YH { T y_h[]; };
layout(binding = 7, std430) buffer State { float state[]; };

const uint COPIES = UNITS >= 4 * LINES ? 2 : 1; // of h: one to read, one to write
shared vec4 h_lines[COPIES * ROWS * LINES];
shared float c_values[ROWS * UNITS]; // c of an LSTM, z of a GRU
shared float parts[SLICES > 1 ? GATES * ROWS * WG_X : 1];

const uint LANES = WG_X / SLICES;
const uint SUMS = GATES * ROWS;

// Set once by rnn_begin().
uint direction, row0, unit0;

bool has(uint flag) { return (p.flags & flag) != 0; }

float activate(uint kind, uint which, float v) {
    float alpha = p.alpha[which], beta = p.beta[which];
    switch (kind) {
    case RNN_SIGMOID: return math_nan_or(v, 1.0 / (1.0 + exp(-v)));
    case RNN_RELU: return math_nan_or(v, max(v, 0.0));
    case RNN_AFFINE: return alpha * v + beta;
    case RNN_LEAKY_RELU: return v < 0.0 ? alpha * v : v;
    case RNN_THRESHOLDED_RELU: return v >= alpha ? v : 0.0;
    case RNN_SCALED_TANH: return alpha * math_tanh(beta * v);
    case RNN_HARD_SIGMOID: return math_nan_or(v, min(max(alpha * v + beta, 0.0), 1.0));
    case RNN_ELU: return v < 0.0 ? alpha * math_expm1(v) : v;
    case RNN_SOFTSIGN: return v / (1.0 + abs(v));
    case RNN_SOFTPLUS: return math_nan_or(v, max(v, 0.0) + math_log1p(exp(-abs(v))));
    }
    return math_tanh(v);
}

float clipped(float v) {
    return has(RNN_HAS_CLIP) ? math_nan_or(v, clamp(v, -p.clip, p.clip)) : v;
}

// --- Where things lie ---

uint row_of(uint i) { return min(row0 + i, p.batch - 1); } // RNN_ROWS_FOLLOW: always 0
bool row_exists(uint i) { return row0 + i < p.batch; }
uint state_at(uint place, uint row) {
    return place * p.place + (direction * p.batch + row) * 4 * p.lines;
}
uint edge_at(uint row) { return row * p.state_row + direction * p.state_direction; }

// A row's place in time.
struct moment {
    uint row, step; // step: of x and y
    bool inside;    // not behind the end of its sequence
    bool ends;      // RNN_ROWS_FOLLOW: its row's last step
};

moment moment_of(uint i, uint s) {
    moment m;
    if (has(RNN_ROWS_FOLLOW)) {
        m.row = s / p.steps;
        m.step = s - m.row * p.steps;
        m.ends = m.step == p.steps - 1;
        m.inside = true;
        return m;
    }
    m.row = row_of(i);
    uint len = p.steps;
    if (has(RNN_HAS_LENGTHS))
        len = uint(clamp(lengths[m.row], 0, int(p.steps)));
    m.inside = s < len;
    bool backward = (p.backward >> direction & 1u) != 0;
    m.step = backward && m.inside ? len - 1 - s : s;
    m.ends = false;
    return m;
}

bool row_is_empty(uint row) { return has(RNN_HAS_LENGTHS) && lengths[row] <= 0; }

// --- Products ---

// acc[g * ROWS + i] += gate first + g of `unit` for row i: recurrence weights by the vectors of
// lines[] that begin at `source`. `gates` and `first` are constants.
#define RNN_RECUR(lines_name, source, first, gates, unit, slice, acc)                              \
    {                                                                                              \
        uint at = direction * GATES * p.hidden * p.lines + (first) * p.r_gate +                    \
                  (unit) * p.r_unit + (slice) * p.r_line;                                          \
        for (uint line = (slice); line < p.lines; line += SLICES) {                                \
            vec4 w[gates];                                                                         \
            [[unroll]] for (uint g = 0; g < (gates); g++)                                          \
                w[g] = vec4(r[at + g * p.r_gate]);                                                 \
            [[unroll]] for (uint i = 0; i < ROWS; i++) {                                           \
                vec4 h = lines_name[(source) + i * LINES + line];                                  \
                [[unroll]] for (uint g = 0; g < (gates); g++)                                      \
                    acc[((first) + g) * ROWS + i] += dot(w[g], h);                                 \
            }                                                                                      \
            at += SLICES * p.r_line;                                                               \
        }                                                                                          \
    }

// Adds up the slices' parts of gates first .. first + gates; all invocations call it.
void add_slices(uint first, uint gates, inout float acc[SUMS]) {
    if (SLICES == 1)
        return;
    uint thread = gl_LocalInvocationID.x;
    [[unroll]] for (uint g = 0; g < SUMS; g++)
        if (g / ROWS >= first && g / ROWS < first + gates)
            parts[g * WG_X + thread] = acc[g];
    barrier();
    if (thread < LANES) {
        [[unroll]] for (uint g = 0; g < SUMS; g++)
            if (g / ROWS >= first && g / ROWS < first + gates) {
                float sum = 0.0;
                for (uint slice = 0; slice < SLICES; slice++)
                    sum += parts[g * WG_X + slice * LANES + thread];
                acc[g] = sum;
            }
    }
    barrier();
}

// What gate g of a unit gets from the input.
float from_input(moment m, uint g, uint unit) {
    return float(x[m.row * p.x_row + m.step * p.x_step + direction * p.x_direction +
                   g * p.hidden + unit]);
}

// Gate g's bias: of the input's product (part 0), of the state's (part 1).
float bias_of(uint part, uint g, uint unit) {
    return float(b[((direction * 2 + part) * GATES + g) * p.hidden + unit]);
}

float with_biases(float v, uint g, uint unit) {
    return has(RNN_HAS_BIAS) ? v + bias_of(0, g, unit) + bias_of(1, g, unit) : v;
}

// --- States ---

void rnn_begin() {
    uint group = linear_group(), tiles = (p.hidden + UNITS - 1) / UNITS;
    uint row_tiles = has(RNN_ROWS_FOLLOW) ? 1 : (p.batch + ROWS - 1) / ROWS;
    unit0 = group % tiles * UNITS;
    row0 = group / tiles % row_tiles * ROWS;
    direction = p.direction + group / tiles / row_tiles;
}

void load_h() {
    for (uint at = gl_LocalInvocationID.x; at < ROWS * 4 * p.lines; at += WG_X) {
        uint i = at / (4 * p.lines), k = at - i * 4 * p.lines, row = row_of(i);
        float v = 0.0;
        if (k < p.hidden) {
            if (!has(RNN_FIRST))
                v = state[state_at(has(RNN_ODD) ? 1 : 0, row) + k];
            else if (has(RNN_HAS_INITIAL_H))
                v = float(initial_h[edge_at(row) + k]);
        }
        h_lines[i * LINES + k / 4][k & 3] = v;
        if (COPIES == 2)
            h_lines[(ROWS + i) * LINES + k / 4][k & 3] = v; // beyond hidden: zeros
    }
}

float old_h(uint i, uint now, uint unit) { return h_lines[now + i * LINES + unit / 4][unit & 3]; }

// The new h of row i: to the output, and to where the next step, the next dispatch or the caller
// finds it. `next` is the first line of the other copy.
void store_h(uint i, moment m, uint unit, uint next, bool last, float h) {
    if (COPIES == 2)
        h_lines[next + i * LINES + unit / 4][unit & 3] = h;
    if (!row_exists(i))
        return;
    if (has(RNN_WANTS_Y))
        y[m.row * p.y_row + m.step * p.y_step + direction * p.y_direction + unit] =
            T(m.inside ? h : 0.0);
    if (last && !has(RNN_LAST))
        state[state_at(has(RNN_ODD) ? 0 : 1, row_of(i)) + unit] = h;
    if ((m.ends || last && has(RNN_LAST)) && has(RNN_WANTS_Y_H))
        y_h[edge_at(m.row) + unit] = T(row_is_empty(m.row) ? 0.0 : h);
}
#endif
