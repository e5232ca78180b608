// SPDX-License-Identifier: MIT
//
// math.glsl - functions that Vulkan's own precision rules leave too loose (log near 1, sin, tan,
// asin, tanh and sinh near 0) or that GLSL lacks (erf, pow of a negative base), each with a
// relative error below 1e-5, mostly 3e-7, wherever the result is a normal number. Polynomials are
// minimax fits of the remainders named beside them. NaN goes through. exp (which may lose a NaN),
// sqrt and division are the driver's. sin, cos and tan are that exact up to arguments of about 100,
// then to 1e-7 absolute up to 1e5; beyond they are the driver's too.
#ifndef MATH_GLSL
#define MATH_GLSL

#define MATH_INF uintBitsToFloat(0x7f800000u)
#define MATH_NAN uintBitsToFloat(0x7fc00000u)

// By bits: comparisons with itself may be optimised away.
bool math_is_nan(float x) { return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u; }
bool math_is_inf(float x) { return (floatBitsToUint(x) & 0x7fffffffu) == 0x7f800000u; }
bool math_is_negative(float x) { return floatBitsToUint(x) >> 31 != 0u; }
float math_nan_or(float x, float y) { return math_is_nan(x) ? x : y; }

// log(1 + f) for f in [-0.294, 0.415]: f - f^2/2 + f^3 P(f)
float math_log1p_small(float f) {
    float p = -0.0764603764;
    p = p * f + 0.127790883;
    p = p * f - 0.131641984;
    p = p * f + 0.141996995;
    p = p * f - 0.166227639;
    p = p * f + 0.200012922;
    p = p * f - 0.250008374;
    p = p * f + 0.333333313;
    return f + f * f * (f * p - 0.5);
}

// x = 2^exponent * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); x positive and finite.
float math_split(float x, out float exponent) {
    float scale = 0.0;
    if (x < 1.17549435e-38) {
        x *= 8388608.0;
        scale = -23.0;
    }
    uint bits = floatBitsToUint(x) - 0x3f3504f3u;
    exponent = float(int(bits) >> 23) + scale;
    return uintBitsToFloat((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0;
}

float math_log(float x) {
    float exponent;
    float f = math_split(x, exponent);
    float y = exponent * 0.693359375 + (exponent * -2.12194440e-4 + math_log1p_small(f));
    y = x == 0.0 ? -MATH_INF : y;
    y = x < 0.0 ? MATH_NAN : y;
    return math_is_nan(x) || x == MATH_INF ? x : y;
}

float math_log2(float x) { // x positive and finite
    float exponent;
    float f = math_split(x, exponent);
    return exponent + math_log1p_small(f) * 1.44269504;
}

// log(1 + u) for u in [0, 1]: u P(u)
float math_log1p(float u) {
    float p = -0.00324398093;
    p = p * u + 0.0198512617;
    p = p * u - 0.0569591597;
    p = p * u + 0.106036171;
    p = p * u - 0.153055698;
    p = p * u + 0.196759313;
    p = p * u - 0.249541327;
    p = p * u + 0.333299637;
    p = p * u - 0.499999017;
    return u * (p * u + 1.0);
}

// e^x - 1: x + x^2 P(x) near 0
float math_expm1(float x) {
    float p = 0.000199928952;
    p = p * x + 0.0013997457;
    p = p * x + 0.008333073;
    p = p * x + 0.0416653156;
    p = p * x + 0.166666687;
    p = p * x + 0.50000006;
    return abs(x) < 0.5 ? x + x * x * p : exp(x) - 1.0;
}

// x + x^3 P(x^2) near 0
float math_tanh(float x) {
    float s = x * x;
    float p = -0.00571703678;
    p = p * s + 0.0206505787;
    p = p * s - 0.0537434965;
    p = p * s + 0.133314908;
    p = p * s - 0.333332837;
    float y = 1.0 - 2.0 / (exp(2.0 * abs(x)) + 1.0);
    y = x < 0.0 ? -y : y;
    return math_nan_or(x, abs(x) < 0.625 ? x + x * s * p : y);
}

float math_sinh(float x) {
    float s = x * x;
    float p = 2.81743974e-06;
    p = p * s + 0.000198360663;
    p = p * s + 0.00833335053;
    p = p * s + 0.166666672;
    float h = exp(0.5 * abs(x)); // halved, so that it overflows where the result does
    float y = 0.5 * h * h - 0.5 / (h * h);
    y = x < 0.0 ? -y : y;
    return math_nan_or(x, abs(x) < 1.0 ? x + x * s * p : y);
}

float math_cosh(float x) {
    float h = exp(0.5 * abs(x));
    return math_nan_or(x, 0.5 * h * h + 0.5 / (h * h));
}

// log(1 + u), u not negative
float math_log1p_any(float u) { return u <= 1.0 ? math_log1p(u) : math_log(1.0 + u); }

// Above 1e8 the root of x^2 +- 1 is |x|, and x^2 might overflow.
float math_asinh(float x) {
    float a = abs(x);
    float y = a > 1e8 ? math_log(a) + 0.693147181
                      : math_log1p_any(a + a * a / (1.0 + sqrt(1.0 + a * a)));
    return math_nan_or(x, x < 0.0 ? -y : y);
}

float math_acosh(float x) {
    float t = x - 1.0;
    float y = x > 1e8 ? math_log(x) + 0.693147181 : math_log1p_any(t + sqrt(t * (t + 2.0)));
    return x < 1.0 ? MATH_NAN : math_nan_or(x, y);
}

float math_atanh(float x) {
    float a = abs(x);
    float y = a == 1.0 ? MATH_INF : 0.5 * math_log1p_any(2.0 * a / (1.0 - a));
    y = x < 0.0 ? -y : y;
    return a > 1.0 ? MATH_NAN : math_nan_or(x, y);
}

// sin and cos of r in [-pi/4, pi/4]: r + r^3 P(r^2), 1 - r^2/2 + r^4 P(r^2)
float math_sin_small(float r) {
    float s = r * r;
    return r + r * s * ((-0.000195090615 * s + 0.00833211839) * s - 0.166666538);
}

float math_cos_small(float r) {
    float s = r * r;
    return 1.0 + s * (s * ((2.44292114e-05 * s - 0.00138872885) * s + 0.0416666456) - 0.5);
}

// x = r + quarter * pi/2. The three parts of pi/2 have few bits: the products are exact.
float math_reduce(float x, out int quarter) {
    float n = roundEven(x * 0.636619772);
    quarter = int(n);
    precise float r = x - n * 1.5703125;
    r = r - n * 4.8351288e-4;
    r = r - n * 3.13855e-7;
    r = r - n * 6.077e-11;
    return r;
}

float math_sin(float x) {
    int quarter;
    float r = math_reduce(x, quarter);
    float y = (quarter & 1) == 0 ? math_sin_small(r) : math_cos_small(r);
    y = (quarter & 2) == 0 ? y : -y;
    return math_is_inf(x) ? MATH_NAN : math_nan_or(x, abs(x) > 1e5 ? sin(x) : y);
}

float math_cos(float x) {
    int quarter;
    float r = math_reduce(x, quarter);
    float y = (quarter & 1) == 0 ? math_cos_small(r) : math_sin_small(r);
    y = ((quarter + 1) & 2) == 0 ? y : -y;
    return math_is_inf(x) ? MATH_NAN : math_nan_or(x, abs(x) > 1e5 ? cos(x) : y);
}

float math_tan(float x) {
    return math_sin(x) / math_cos(x);
}

// x in [0, 1/2], s = x^2: x + x^3 P(s)
float math_asin_small(float x, float s) {
    float p = 0.0375651866;
    p = p * s + 0.0144026149;
    p = p * s + 0.0318176076;
    p = p * s + 0.0445157215;
    p = p * s + 0.0750051066;
    p = p * s + 0.166666597;
    return x + x * s * p;
}

float math_asin(float x) {
    float a = abs(x), half_way = 0.5 - 0.5 * a;
    float y = a < 0.5 ? math_asin_small(a, a * a)
                      : 1.57079633 - 2.0 * math_asin_small(sqrt(half_way), half_way);
    y = a > 1.0 ? MATH_NAN : y;
    return math_nan_or(x, x < 0.0 ? -y : y);
}

float math_acos(float x) {
    float a = abs(x), half_way = 0.5 - 0.5 * a;
    float large = 2.0 * math_asin_small(sqrt(half_way), half_way);
    large = x < 0.0 ? 3.14159265 - large : large;
    float small = math_asin_small(a, a * a);
    small = 1.57079633 - (x < 0.0 ? -small : small);
    return math_nan_or(x, a > 1.0 ? MATH_NAN : (a < 0.5 ? small : large));
}

// t + t^3 P(t^2) for t in [0, 1]; beyond 1 by atan(a) = pi/2 - atan(1/a)
float math_atan(float x) {
    float a = abs(x), t = a > 1.0 ? 1.0 / a : a, s = t * t;
    float p = -0.00182718458;
    p = p * s + 0.0110643152;
    p = p * s - 0.0314554684;
    p = p * s + 0.0582343191;
    p = p * s - 0.084194459;
    p = p * s + 0.109575719;
    p = p * s - 0.142652452;
    p = p * s + 0.199986383;
    p = p * s - 0.333333015;
    float y = t + t * s * p;
    y = a > 1.0 ? 1.57079633 - y : y;
    return math_nan_or(x, x < 0.0 ? -y : y);
}

// erfc(z) for z in [0, 10], where it becomes 0: e^(-z^2) u P(u), u = 1/(1 + z/2)
float math_erfc_positive(float z) {
    float u = 1.0 / (1.0 + 0.5 * z);
    float p = 0.0359553844;
    p = p * u - 0.192150369;
    p = p * u + 0.384324014;
    p = p * u - 0.293940932;
    p = p * u - 0.0178172141;
    p = p * u + 0.0327888206;
    p = p * u + 0.0559851453;
    p = p * u + 0.185285971;
    p = p * u + 0.245233446;
    p = p * u + 0.282246977;
    p = p * u + 0.282088757;
    return exp(-z * z) * u * p;
}

// x P(x^2) near 0
float math_erf(float x) {
    float s = x * x;
    float p = -0.000676109572;
    p = p * s + 0.00511598168;
    p = p * s - 0.0268354341;
    p = p * s + 0.112833932;
    p = p * s - 0.3761262;
    p = p * s + 1.12837911;
    float y = 1.0 - math_erfc_positive(min(abs(x), 10.0));
    y = x < 0.0 ? -y : y;
    return math_nan_or(x, abs(x) < 0.75 ? x * p : y);
}

// a^n for a >= 0 and a whole n of at most 63: products, so that small powers are right to the bit
// where a product is.
float math_power(float a, uint n) {
    float y = 1.0;
    for (int i = 0; i < 6; i++) {
        y = (n & 1u) != 0u ? y * a : y;
        a *= a;
        n >>= 1;
    }
    return y;
}

// As pow of C, signed zeros and infinities included.
float math_pow(float x, float o) {
    float a = abs(x), n = abs(o);
    bool whole = floor(n) == n;
    bool odd = whole && n < 16777216.0 && (uint(min(n, 16777215.0)) & 1u) != 0u;
    float y;
    if (whole && n < 64.0) {
        y = math_power(a, uint(n));
        y = o < 0.0 ? 1.0 / y : y;
    } else if (a == 0.0 || a == MATH_INF) {
        y = (a == 0.0) == (o < 0.0) ? MATH_INF : 0.0;
    } else {
        y = a == 1.0 ? 1.0 : exp2(o * math_log2(a));
    }
    if (math_is_negative(x))
        y = whole || a == 0.0 || a == MATH_INF ? (odd ? -y : y) : MATH_NAN;
    if (math_is_nan(o))
        y = o;
    if (math_is_nan(x))
        y = x;
    return o == 0.0 || x == 1.0 ? 1.0 : y;
}
#endif
