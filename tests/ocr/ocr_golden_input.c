/* SPDX-License-Identifier: MIT
 *
 * ocr_golden_input.c - see ocr_golden_input.h. Change it together with tools/peers/ocr_cases.mjs,
 * and write the goldens again (tools/make_ocr_goldens).
 */
#include "ocr/ocr_golden_input.h"

#include <string.h>

static uint32_t mix(uint32_t x) {
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static void draw_strokes(uint32_t key, uint32_t width, uint32_t height, uint8_t *dark) {
    uint32_t rows = height / 32 > 0 ? height / 32 : 1;
    uint32_t strokes = width * height / 160 > 6 ? width * height / 160 : 6;
    memset(dark, 0, (size_t)width * height);
    for (uint32_t s = 0; s < strokes; s++) {
        uint32_t a = mix(key + 2 * s), b = mix(key + 2 * s + 1);
        uint32_t x0 = (a >> 1) % width;
        uint32_t y0 = ((a >> 16) % rows) * 32 + 6 + b % 12;
        uint32_t thin_or_long_x = (a & 1) != 0 ? 2 + (b >> 8) % 3 : 6 + (b >> 8) % 9;
        uint32_t thin_or_long_y = (a & 1) != 0 ? 6 + (b >> 16) % 9 : 2 + (b >> 16) % 3;
        for (uint32_t y = y0; y < least(y0 + thin_or_long_y, height); y++)
            for (uint32_t x = x0; x < least(x0 + thin_or_long_x, width); x++)
                dark[y * width + x] = 1;
    }
}

void ocr_golden_input(const int64_t shape[4], uint32_t seed, uint8_t *dark, float *data) {
    uint32_t batch = (uint32_t)shape[0], channels = (uint32_t)shape[1];
    uint32_t height = (uint32_t)shape[2], width = (uint32_t)shape[3];
    uint32_t plane = height * width;
    for (uint32_t n = 0; n < batch; n++) {
        uint32_t key = mix(seed * 1009 + n);
        draw_strokes(key, width, height, dark);
        for (uint32_t c = 0; c < channels; c++) {
            float *to = data + ((size_t)n * channels + c) * plane;
            for (uint32_t i = 0; i < plane; i++) {
                uint32_t noise = mix(key ^ (0x51ed2700u + c * 0x10000000u + i)) & 31;
                to[i] = (float)((dark[i] != 0 ? noise : 255 - noise) / 127.5 - 1.0);
            }
        }
    }
}
