// SPDX-License-Identifier: MIT
//
// quant.glsl - rounding to integers exactly as the host does it. Vulkan lets a division be wrong by
// 2.5 units of the last place, which moves a quotient across a half: so quotients that lie near one
// are corrected by their exact remainder. Products and sums are exact to the last place on every
// device; `precise` keeps them apart.
#ifndef QUANT_GLSL
#define QUANT_GLSL
#include "math.glsl"

// v = high + low, 12 bits each (Veltkamp): products of such parts are exact.
vec2 quant_split(float v) {
    precise float c = v * 4097.0;
    precise float d = c - v;
    precise float high = c - d;
    precise float low = v - high;
    return vec2(high, low);
}

// a b - product, exact where nothing overflows or vanishes (Dekker).
float quant_product_rest(float a, float b, float product) {
    vec2 x = quant_split(a), y = quant_split(b);
    precise float r = x.x * y.x - product;
    r = r + x.x * y.y;
    r = r + x.y * y.x;
    r = r + x.y * y.y;
    return r;
}

// a / b as IEEE 754 rounds it: a quotient that is nearly right, corrected by its remainder.
float quant_divide(float a, float b) {
    precise float q = a / b;
    precise float product = q * b;
    precise float rest = a - product;
    rest = rest - quant_product_rest(q, b, product);
    precise float result = q + rest / b;
    // Infinite, NaN, or so large or small that the parts leave the range.
    float size = abs(product);
    bool safe = abs(q) < 1e30 && abs(b) < 1e30 && abs(b) > 1e-30 && size < 1e30 && size > 1e-25;
    return safe ? result : q;
}

// The whole number nearest to x / scale, halves to even, plus zero, within [low, high]; NaN gives
// low.
int quant_round(float x, float scale, int zero, int low, int high) {
    float most = float(high - zero), least = float(low - zero);
    float q = x / scale;
    if (q >= most + 1.0)
        return high;
    if (!(q > least - 1.0))
        return low;
    float r = roundEven(q);
    if (abs(q - r) > 0.5 - (1e-6 + 1e-6 * abs(q)))
        r = roundEven(quant_divide(x, scale));
    return clamp(int(r) + zero, low, high);
}

// The same of a value that needs no division.
int quant_saturate(float v, int zero, int low, int high) {
    float most = float(high - zero), least = float(low - zero);
    v = v > least ? v : least;
    return int(roundEven(min(v, most))) + zero;
}
#endif
