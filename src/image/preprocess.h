/* SPDX-License-Identifier: MIT
 *
 * preprocess.h - from a picture to the numbers that a classifier or detector was trained on:
 * resized in one of the usual ways, cut, scaled, normalised, planar. preprocess_defaults is what
 * most ImageNet classifiers want. Tests: tests/image/test_preprocess.c.
 */
#ifndef PUM_SRC_PREPROCESS_H
#define PUM_SRC_PREPROCESS_H

#include "image.h"

enum preprocess_fit {
    PREPROCESS_STRETCH,   /* to width x height, whatever the proportions */
    PREPROCESS_SHORTEST,  /* the shorter side to `shortest`; then a cut from the centre */
    PREPROCESS_LETTERBOX, /* whole, as large as it fits into width x height, grey around it */
    PREPROCESS_NONE       /* as it is; then a cut from the centre, if width is set */
};

struct preprocess {
    enum preprocess_fit fit;
    int32_t width, height; /* of the result; 0, 0 with SHORTEST and NONE: no cut */
    int32_t shortest;
    int32_t resized_width, resized_height; /* STRETCH to this first, then a cut; 0: no cut */
    enum image_kernel kernel;
    float scale;                 /* of bytes: 1/255 */
    float mean[3], deviation[3]; /* (byte * scale - mean) / deviation */
};

/* Shortest side to size / 0.875, bilinear, the centre, ImageNet's mean and deviation. */
struct preprocess preprocess_defaults(int32_t width, int32_t height);

/* Where the picture lies in the result: x in the picture = (x - left) / scale_x. */
struct preprocess_place {
    float left, top, scale_x, scale_y;
};

/* A picture that was made ready. */
struct preprocess_result {
    int32_t width, height;
    float *values; /* [3, height, width], red first */
    struct preprocess_place place;
};

/* PUM_E_RANGE when the result would be larger than pictures may be. Free with preprocess_free. */
pum_status preprocess_run(const struct preprocess *how, const struct image *image,
                          struct preprocess_result *out_result, struct fault *fault);
void preprocess_free(struct preprocess_result *result);

#endif
