// SPDX-License-Identifier: MIT
//
// quant_dot.glsl - sums of products of signed bytes, four to a word, and what becomes of a finished
// sum. For shaders whose push block has a push_quant_finish `f` (define QUANT_FINISH as its name),
// with buffers params[], zero[], act_scale[]. DOT8: the device's instruction multiplies the words;
// otherwise bytes are taken apart once and used for a whole tile.
#ifndef QUANT_DOT_GLSL
#define QUANT_DOT_GLSL
#include "quant.glsl"
#include "push_quant_product.h"

layout(constant_id = 4) const uint OUTPUT = 0; // QUANT_TO_*
#if !defined(PLAIN)
layout(constant_id = 5) const uint WEIGHT_ZEROS = 0; // some weights' zero point is not 0
#endif

#if defined(DOT8)
// OpSDot on words of four signed bytes.
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019],
                  id = 4450)
int quant_sdot(int a, int b, spirv_literal int packed_format);
#define QUANT_WORD int
int quant_load(int word) { return word; }
int quant_dot(int a, int b) { return quant_sdot(a, b, 0); }
#else
#define QUANT_WORD ivec4
ivec4 quant_load(int word) {
    return ivec4(bitfieldExtract(word, 0, 8), bitfieldExtract(word, 8, 8),
                 bitfieldExtract(word, 16, 8), bitfieldExtract(word, 24, 8));
}
int quant_dot(ivec4 a, ivec4 b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }
#endif
#define QUANT_ONES quant_load(0x01010101)

int quant_act_zero() {
    if ((QUANT_FINISH.flags & QUANT_ACT_ZERO) == 0)
        return QUANT_FINISH.act_zero;
    return zero[0] - ((QUANT_FINISH.flags & QUANT_ACT_UNSIGNED) != 0 ? 128 : 0);
}

// The other operand's only zero point, where there are no params.
int quant_weight_zero() {
    if ((QUANT_FINISH.flags & QUANT_WEIGHT_ZERO) == 0)
        return QUANT_FINISH.weight_zero;
    return params[0] - ((QUANT_FINISH.flags & QUANT_WEIGHT_UNSIGNED) != 0 ? 128 : 0);
}

#if !defined(PLAIN)
// From the sum of products of bytes as they are to that of bytes less their zero points; act_sum:
// the bytes of act added up, if WEIGHT_ZEROS.
int quant_correct(int v, int act_sum, int act_zero, uint channel) {
    v -= act_zero * params[QUANT_PARAMS * channel];
    if (WEIGHT_ZEROS != 0)
        v -= act_sum * params[QUANT_PARAMS * channel + 1];
    return v;
}
#endif

// The result's bits.
int quant_finish(int v, uint channel) {
    bool channels = (QUANT_FINISH.flags & QUANT_CHANNELS) != 0;
    uint at = QUANT_PARAMS * channel;
    bool float_bias = (QUANT_FINISH.flags & QUANT_FLOAT_BIAS) != 0;
    int bias = channels ? params[at + 2] : 0;
    float scale = channels ? intBitsToFloat(params[at + 3]) : QUANT_FINISH.scale;
    v += float_bias ? 0 : bias;
    if (OUTPUT == QUANT_TO_INT)
        return v;
    if (OUTPUT == QUANT_TO_BYTE) {
        precise float q = float(v) * scale;
        return quant_saturate(q, QUANT_FINISH.zero, QUANT_FINISH.low, QUANT_FINISH.high);
    }
    float factor = (QUANT_FINISH.flags & QUANT_ACT_SCALE) != 0 ? act_scale[0]
                                                               : QUANT_FINISH.act_scale;
    precise float both = factor * scale;
    precise float y = float(v) * both;
    if (float_bias)
        y = y + intBitsToFloat(bias);
    return floatBitsToInt(y);
}
#endif
