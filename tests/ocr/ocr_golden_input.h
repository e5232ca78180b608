/* SPDX-License-Identifier: MIT
 *
 * ocr_golden_input.h - the pictures that tools/peers/ocr_cases.mjs makes, the same bits: rows of
 * dark strokes on a light ground, from a seed, by integer arithmetic.
 */
#ifndef PUM_TESTS_OCR_GOLDEN_INPUT_H
#define PUM_TESTS_OCR_GOLDEN_INPUT_H

#include <stdint.h>

/* Fills a float tensor [batch, channels, height, width] with values in -1..1. `dark` is scratch
 * memory of height * width bytes. */
void ocr_golden_input(const int64_t shape[4], uint32_t seed, uint8_t *dark, float *data);

#endif
