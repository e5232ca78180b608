/* SPDX-License-Identifier: MIT
 *
 * preprocess.c - see preprocess.h. A cut that is larger than the picture has black (bytes of 0)
 * around it, which is normalised like the picture; a letterbox has the grey of 114 that detectors
 * are trained with. Tests: tests/image/test_preprocess.c.
 */
#include "preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LETTERBOX_GREY 114
#define LARGEST_RESULT ((int64_t)IMAGE_MAX_PIXELS)

struct preprocess preprocess_defaults(int32_t width, int32_t height)
{
    int32_t side = width < height ? width : height;
    return (struct preprocess){.fit = PREPROCESS_SHORTEST,
                               .width = width,
                               .height = height,
                               .shortest = (int32_t)((double)side / 0.875 + 0.5),
                               .kernel = IMAGE_BILINEAR,
                               .scale = 1.0f / 255,
                               .mean = {0.485f, 0.456f, 0.406f},
                               .deviation = {0.229f, 0.224f, 0.225f}};
}

static int32_t clamp_side(double side)
{
    return side < 1 ? 1 : side > INT32_MAX ? INT32_MAX : (int32_t)side;
}

/* The size that the picture is resized to. */
static void resized_size(const struct preprocess *how, const struct image *image,
                         int32_t *out_width, int32_t *out_height)
{
    double width = image->width, height = image->height;
    if (how->fit == PREPROCESS_STRETCH) {
        width = how->resized_width > 0 ? how->resized_width : how->width;
        height = how->resized_height > 0 ? how->resized_height : how->height;
    } else if (how->fit == PREPROCESS_SHORTEST) {
        bool upright = image->width <= image->height;
        double longest = (double)how->shortest * (upright ? height / width : width / height);
        /* In whole numbers, as the original divides. */
        int64_t exact = (int64_t)how->shortest * (upright ? image->height : image->width) /
                        (upright ? image->width : image->height);
        longest = fmin(longest, (double)exact);
        width = upright ? how->shortest : longest;
        height = upright ? longest : how->shortest;
    } else if (how->fit == PREPROCESS_LETTERBOX) {
        double scale = fmin(how->width / width, how->height / height);
        width = fmin(round(width * scale), how->width);
        height = fmin(round(height * scale), how->height);
    }
    *out_width = clamp_side(width);
    *out_height = clamp_side(height);
}

/* Copies the picture with its corner at (left, top) of the result, normalised. */
static void place(const struct preprocess *how, const struct image *image, int32_t left,
                  int32_t top, uint8_t around, const struct preprocess_result *result)
{
    size_t plane = (size_t)result->width * (size_t)result->height;
    for (int c = 0; c < 3; c++) {
        float *to = result->values + (size_t)c * plane;
        for (int32_t y = 0; y < result->height; y++) {
            int32_t sy = y - top;
            bool row = sy >= 0 && sy < image->height;
            for (int32_t x = 0; x < result->width; x++, to++) {
                int32_t sx = x - left;
                uint8_t byte = around;
                if (row && sx >= 0 && sx < image->width)
                    byte =
                        image
                            ->rgb[((size_t)sy * (size_t)image->width + (size_t)sx) * 3 + (size_t)c];
                *to = ((float)byte * how->scale - how->mean[c]) / how->deviation[c];
            }
        }
    }
}

/* floor(a / 2), also below 0 */
static int32_t half(int32_t a)
{
    return a >= 0 ? a / 2 : -((1 - a) / 2);
}

static pum_status make_result(const struct preprocess *how, const struct image *resized,
                              struct preprocess_result *result, struct fault *fault)
{
    bool cut = how->width > 0 && how->height > 0;
    result->width = cut ? how->width : resized->width;
    result->height = cut ? how->height : resized->height;
    if ((int64_t)result->width * result->height > LARGEST_RESULT)
        return fault_set(fault, PUM_E_RANGE, "a picture of %d x %d pixels is too large",
                         result->width, result->height);
    result->values =
        malloc((size_t)result->width * (size_t)result->height * 3 * sizeof(*result->values));
    if (result->values == NULL)
        return fault_set(fault, PUM_E_MEMORY, "no memory for a picture of %d x %d pixels",
                         result->width, result->height);
    int32_t left = -half(resized->width - result->width);
    int32_t top = -half(resized->height - result->height);
    place(how, resized, left, top, how->fit == PREPROCESS_LETTERBOX ? LETTERBOX_GREY : 0, result);
    result->place.left = (float)left;
    result->place.top = (float)top;
    return PUM_OK;
}

pum_status preprocess_run(const struct preprocess *how, const struct image *image,
                          struct preprocess_result *out_result, struct fault *fault)
{
    struct image resized = {0};
    int32_t width, height;
    *out_result = (struct preprocess_result){0};
    resized_size(how, image, &width, &height);
    pum_status status = image_resample(image, width, height, how->kernel, &resized, fault);
    if (status == PUM_OK)
        status = make_result(how, &resized, out_result, fault);
    image_free(&resized);
    if (status != PUM_OK)
        preprocess_free(out_result);
    out_result->place.scale_x = (float)((double)width / image->width);
    out_result->place.scale_y = (float)((double)height / image->height);
    return status;
}

void preprocess_free(struct preprocess_result *result)
{
    free(result->values);
    *result = (struct preprocess_result){0};
}
