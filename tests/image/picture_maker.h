/* SPDX-License-Identifier: MIT
 *
 * picture_maker.h - PNG and JPEG files in memory, of every kind that the readers must take.
 */
#ifndef PUM_TESTS_PICTURE_MAKER_H
#define PUM_TESTS_PICTURE_MAKER_H

#include "image/image.h"

struct made_file {
    uint8_t *data;
    size_t size;
};

/* A PNG file of libpng's colour type and depth; `rows` holds the packed samples of each row. `trns`
 * adds a transparent colour: the palette's entry 0, or grey level 0, or black. */
struct made_file make_png(int32_t width, int32_t height, int colour_type, int depth,
                          bool interlaced, bool trns, const uint8_t *rows, size_t row_bytes);

/* A JPEG file; orientation 1..8 adds an EXIF block, 0 none. CMYK where `cmyk` is set. */
struct made_file make_jpeg(const struct image *image, int orientation, bool cmyk);

/* A picture in which each pixel tells its place: red = x * 8, green = y * 8, blue = 200. */
struct image make_ramp(int32_t width, int32_t height);

#endif
