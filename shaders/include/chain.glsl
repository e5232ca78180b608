// SPDX-License-Identifier: MIT
//
// chain.glsl - the elementwise steps of push/push_chain.h on the device (ops/chain.c has them in
// double). The including shader defines CHAIN_BINDING, the number of its own bindings, and has
//     layout(push_constant) uniform Push { push_xxx p; push_chain chain; };
// and calls chain_apply(x, index, row, col, chain) before it stores x. All codes are
// specialization constants: the driver removes what is not used, all of it when there is no chain.
// Every driver must read all six copies of the steps first, so a step here is short: what needs
// long code (chain_is_long() of ops/chain.h) is computed by chain_long_step, in rows of the map and
// broadcast families that define CHAIN_LONG, and is never fused.
#ifndef CHAIN_GLSL
#define CHAIN_GLSL
#include "math.glsl"
#include "../push/push_chain.h"

layout(constant_id = 16) const uint CHAIN0 = 0;
layout(constant_id = 17) const uint CHAIN1 = 0;
layout(constant_id = 18) const uint CHAIN2 = 0;
layout(constant_id = 19) const uint CHAIN3 = 0;
layout(constant_id = 20) const uint CHAIN4 = 0;
layout(constant_id = 21) const uint CHAIN5 = 0;

layout(std430, binding = CHAIN_BINDING) readonly buffer ChainOperand0 { T e0[]; };
layout(std430, binding = CHAIN_BINDING + 1) readonly buffer ChainOperand1 { T e1[]; };

float chain_min(float x, float o) { return math_nan_or(x, math_nan_or(o, min(x, o))); }
float chain_max(float x, float o) { return math_nan_or(x, math_nan_or(o, max(x, o))); }
float chain_clamp(float x, float lo, float hi) {
    return math_nan_or(x, min(max(x, lo), hi));
}

// max(x, 0) - |x|/2 erfc(|x|/sqrt 2): no cancellation below zero
float chain_gelu_erf(float x) {
    float a = min(abs(x), 14.0);
    return math_nan_or(x, max(x, 0.0) - 0.5 * a * math_erfc_positive(a * 0.707106781));
}

// x/2 (1 + tanh u) = x / (1 + e^(-2u))
float chain_gelu_tanh(float x) {
    return x / (1.0 + exp(-1.59576912 * (x + 0.044715 * x * x * x)));
}

float chain_softplus(float x) {
    return math_nan_or(x, max(x, 0.0) + math_log1p(exp(-abs(x))));
}

// tanh(log(1 + e)) = e(e + 2) / (e(e + 2) + 2)
float chain_mish(float x) {
    float e = exp(min(x, 20.0)), n = e * (e + 2.0);
    return math_nan_or(x, x > 20.0 ? x : x * (n / (n + 2.0)));
}

// One step, `op` a constant; o is the operand.
float chain_step(uint op, float x, float o, float a, float b) {
    switch (op) {
    case CHAIN_ADD: return x + o;
    case CHAIN_SUB: return x - o;
    case CHAIN_RSUB: return o - x;
    case CHAIN_MUL: return x * o;
    case CHAIN_DIV: return x / o;
    case CHAIN_RDIV: return o / x;
    case CHAIN_MIN: return chain_min(x, o);
    case CHAIN_MAX: return chain_max(x, o);
    case CHAIN_PRELU: return x < 0.0 ? x * o : x;
    case CHAIN_AFFINE: return x * a + b;
    case CHAIN_CLIP: return chain_clamp(x, a, b);
    case CHAIN_RELU: return math_nan_or(x, max(x, 0.0));
    case CHAIN_LEAKY_RELU: return x < 0.0 ? x * a : x;
    case CHAIN_ELU: return b * (x < 0.0 ? a * math_expm1(x) : x);
    case CHAIN_CELU: return x < 0.0 ? a * math_expm1(x / a) : x;
    case CHAIN_SIGMOID: return math_nan_or(x, 1.0 / (1.0 + exp(-x)));
    case CHAIN_HARD_SIGMOID: return chain_clamp(a * x + b, 0.0, 1.0);
    case CHAIN_HARD_SWISH: return x * chain_clamp(a * x + b, 0.0, 1.0);
    case CHAIN_SILU: return x / (1.0 + exp(-a * x));
    case CHAIN_GELU_ERF: return chain_gelu_erf(x);
    case CHAIN_GELU_TANH: return chain_gelu_tanh(x);
    case CHAIN_TANH: return math_tanh(x);
    case CHAIN_SOFTPLUS: return chain_softplus(x);
    case CHAIN_SOFTSIGN: return x / (1.0 + abs(x));
    case CHAIN_THRESHOLDED_RELU: return x > a ? x : 0.0;
    case CHAIN_MISH: return chain_mish(x);
    case CHAIN_ABS: return abs(x);
    case CHAIN_NEG: return -x;
    case CHAIN_EXP: return math_nan_or(x, exp(x));
    case CHAIN_SQRT: return sqrt(x);
    case CHAIN_RECIPROCAL: return 1.0 / x;
    case CHAIN_FLOOR: return floor(x);
    case CHAIN_CEIL: return ceil(x);
    case CHAIN_ROUND: return roundEven(x);
    case CHAIN_SIGN: return math_nan_or(x, sign(x));
    }
    return x;
}

#ifdef CHAIN_LONG
// Any step of push/push_chain.h.
float chain_long_step(uint op, float x, float o, float a, float b) {
    switch (op) {
    case CHAIN_POW: return math_pow(x, o);
    case CHAIN_RPOW: return math_pow(o, x);
    case CHAIN_LOG: return math_log(x);
    case CHAIN_ERF: return math_erf(x);
    case CHAIN_SIN: return math_sin(x);
    case CHAIN_COS: return math_cos(x);
    case CHAIN_TAN: return math_tan(x);
    case CHAIN_ASIN: return math_asin(x);
    case CHAIN_ACOS: return math_acos(x);
    case CHAIN_ATAN: return math_atan(x);
    case CHAIN_SINH: return math_sinh(x);
    case CHAIN_COSH: return math_cosh(x);
    case CHAIN_ASINH: return math_asinh(x);
    case CHAIN_ACOSH: return math_acosh(x);
    case CHAIN_ATANH: return math_atanh(x);
    case CHAIN_SHRINK: return x < -a ? x + b : (x > a ? x - b : 0.0);
    }
    return chain_step(op, x, o, a, b);
}
#define CHAIN_STEP chain_long_step
#else
#define CHAIN_STEP chain_step
#endif

#define CHAIN_OP(code) (code & 255u)
#define CHAIN_OPERAND(code) (code >> 8 & 3u)
#define CHAIN_MODE(code) (code >> 10)

// How operand n is indexed: the mode of the first step that uses it. A constant.
uint chain_mode(uint n) {
    return CHAIN_OPERAND(CHAIN0) == n   ? CHAIN_MODE(CHAIN0)
           : CHAIN_OPERAND(CHAIN1) == n ? CHAIN_MODE(CHAIN1)
           : CHAIN_OPERAND(CHAIN2) == n ? CHAIN_MODE(CHAIN2)
           : CHAIN_OPERAND(CHAIN3) == n ? CHAIN_MODE(CHAIN3)
           : CHAIN_OPERAND(CHAIN4) == n ? CHAIN_MODE(CHAIN4)
                                        : CHAIN_MODE(CHAIN5);
}

bool chain_uses(uint n) {
    return CHAIN_OPERAND(CHAIN0) == n || CHAIN_OPERAND(CHAIN1) == n ||
           CHAIN_OPERAND(CHAIN2) == n || CHAIN_OPERAND(CHAIN3) == n ||
           CHAIN_OPERAND(CHAIN4) == n || CHAIN_OPERAND(CHAIN5) == n;
}

uint chain_index(uint mode, uint index, uint row, uint col, uint div, uint mod) {
    switch (mode) {
    case CHAIN_FULL: return index;
    case CHAIN_DIVMOD: return index / div % mod;
    case CHAIN_ROW: return row;
    case CHAIN_COL: return col;
    }
    return 0;
}

float chain_coded(uint code, float x, float o0, float o1, push_chain p, uint k) {
    float a = p.params[2 * k], b = p.params[2 * k + 1];
    float o = CHAIN_OPERAND(code) == 0 ? a : CHAIN_OPERAND(code) == 1 ? o0 : o1;
    return chain_step(CHAIN_OP(code), x, o, a, b);
}

// index: of the output element, as the plan's shape counts it; row, col: see CHAIN_ROW, CHAIN_COL.
float chain_apply(float x, uint index, uint row, uint col, push_chain p) {
    float o0 = 0.0, o1 = 0.0;
    if (chain_uses(1))
        o0 = float(e0[chain_index(chain_mode(1), index, row, col, p.operand_div[0],
                                  p.operand_mod[0])]);
    if (chain_uses(2))
        o1 = float(e1[chain_index(chain_mode(2), index, row, col, p.operand_div[1],
                                  p.operand_mod[1])]);
    x = chain_coded(CHAIN0, x, o0, o1, p, 0);
    x = chain_coded(CHAIN1, x, o0, o1, p, 1);
    x = chain_coded(CHAIN2, x, o0, o1, p, 2);
    x = chain_coded(CHAIN3, x, o0, o1, p, 3);
    x = chain_coded(CHAIN4, x, o0, o1, p, 4);
    return chain_coded(CHAIN5, x, o0, o1, p, 5);
}
#endif
