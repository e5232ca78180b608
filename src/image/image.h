/* SPDX-License-Identifier: MIT
 *
 * image.h - pictures for networks: 8-bit RGB in memory, read from PNG or JPEG by content, resized,
 * warped, drawn upon, written as PNG. Everything that a file may hold (grey, palette, 16 bits,
 * transparency, CMYK, EXIF rotation) is turned into upright RGB on white while reading.
 * Not an editor: one format in memory, no colour management. Tests: tests/image/test_image.c.
 */
#ifndef PUM_SRC_IMAGE_H
#define PUM_SRC_IMAGE_H

#include "fault.h"

#include <stddef.h>
#include <stdint.h>

/* Larger pictures are refused, before memory is taken for them. */
#define IMAGE_MAX_SIDE 65500
#define IMAGE_MAX_PIXELS 100000000 /* 300 MB as RGB */
#define IMAGE_MAX_FILE_BYTES ((size_t)512 << 20)

struct image {
    int32_t width, height;
    uint8_t *rgb; /* row-major, 3 bytes a pixel, no padding */
};

struct image_point {
    float x, y; /* in pixels; the centre of the first pixel is (0, 0) */
};

/* Takes memory, not cleared. PUM_E_RANGE for a size below 1 or above the limits. */
pum_status image_create(struct image *image, int32_t width, int32_t height, struct fault *fault);
void image_free(struct image *image);
void image_fill(struct image *image, uint8_t r, uint8_t g, uint8_t b);

/* Reads a PNG or JPEG file. PUM_E_FILE: cannot be read; PUM_E_FORMAT: damaged or truncated;
 * PUM_E_UNSUPPORTED: another format; PUM_E_RANGE: too large. Messages begin with the path. */
pum_status image_load(struct image *image, const char *path, struct fault *fault);

/* The same from memory; `name` is for messages. */
pum_status image_decode(struct image *image, const uint8_t *data, size_t size_bytes,
                        const char *name, struct fault *fault);
pum_status image_decode_png(struct image *image, const uint8_t *data, size_t size_bytes,
                            struct fault *fault);
pum_status image_decode_jpeg(struct image *image, const uint8_t *data, size_t size_bytes,
                             struct fault *fault);

/* Writes a PNG file, whole or not at all. */
pum_status image_save_png(const struct image *image, const char *path, struct fault *fault);

/* Resizes: bilinear with pixel centres at (i + 0.5), and the mean over the covered area along an
 * axis that shrinks to less than half. */
pum_status image_resize(const struct image *source, int32_t width, int32_t height,
                        struct image *out, struct fault *fault);

/* Kernels of image_resample, numbered as Pillow and preprocessor_config.json number them. */
enum image_kernel {
    IMAGE_NEAREST = 0,
    IMAGE_LANCZOS,
    IMAGE_BILINEAR,
    IMAGE_BICUBIC,
    IMAGE_BOX,
    IMAGE_HAMMING
};

/* "bilinear" and so on. */
bool image_kernel_find(const char *name, enum image_kernel *out_kernel);

/* Resizes byte for byte as Pillow's Image.resize does. */
pum_status image_resample(const struct image *source, int32_t width, int32_t height,
                          enum image_kernel kernel, struct image *out, struct fault *fault);

/* Turns anticlockwise by quarters (0..3) into a new picture. */
pum_status image_turn(const struct image *source, int32_t quarters, struct image *out,
                      struct fault *fault);

/* Applies an EXIF orientation, 1..8, in place. */
pum_status image_orient(struct image *image, int32_t orientation, struct fault *fault);

/* Cuts the quadrilateral quad[0..4) (clockwise from the top left, as a reader sees it) out of the
 * picture and straightens it to width x height, bicubic, the border repeated outside. */
pum_status image_warp_quad(const struct image *source, const struct image_point quad[4],
                           int32_t width, int32_t height, struct image *out,
                           struct fault *fault);

/* Draws a closed polygon of smoothed lines; points outside the picture are fine. */
void image_draw_polygon(struct image *image, const struct image_point *points, int32_t count,
                        float thickness, const uint8_t colour[3]);

#endif
