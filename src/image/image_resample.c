/* SPDX-License-Identifier: MIT
 *
 * image_resample.c - resizing exactly as the Python imaging library (Pillow) does it: models were
 * trained on its pictures, and their results are compared with what it gives. Each output pixel is
 * a weighted sum over the kernel's support, which is stretched when the picture shrinks; weights
 * are fixed-point numbers of 22 bits, and pixels are rounded to bytes between the passes across and
 * down. Tests: tests/image/test_preprocess.c.
 */
#include "image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_BITS 22

/* --- Kernels ---------------------------------------------------------------------------------- */

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0)
        return 1;
    if (x >= 1)
        return 0;
    x *= M_PI;
    return sin(x) / x * (0.54 + 0.46 * cos(x));
}

/* Keys' cubic with a = -0.5 */
static double bicubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2)
        return ((-0.5 * x + 2.5) * x - 4) * x + 2;
    return 0;
}

static double sinc(double x)
{
    return x == 0 ? 1 : sin(x * M_PI) / (x * M_PI);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct kernel {
    double (*weight)(double x);
    double support;
} kernels[] = {
    [IMAGE_NEAREST] = {NULL, 0},      [IMAGE_LANCZOS] = {lanczos, 3},
    [IMAGE_BILINEAR] = {bilinear, 1}, [IMAGE_BICUBIC] = {bicubic, 2},
    [IMAGE_BOX] = {box, 0.5},         [IMAGE_HAMMING] = {hamming, 1},
};

static const char *const names[] = {
    [IMAGE_NEAREST] = "nearest", [IMAGE_LANCZOS] = "lanczos", [IMAGE_BILINEAR] = "bilinear",
    [IMAGE_BICUBIC] = "bicubic", [IMAGE_BOX] = "box",         [IMAGE_HAMMING] = "hamming",
};

bool image_kernel_find(const char *name, enum image_kernel *out_kernel)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            *out_kernel = (enum image_kernel)i;
            return true;
        }
    }
    return false;
}

/* --- One axis --------------------------------------------------------------------------------- */

struct taps {
    int32_t room;   /* weights of an output pixel */
    int32_t *first; /* first source pixel */
    int32_t *count;
    int32_t *weights; /* room for each output pixel */
};

static void taps_free(struct taps *taps)
{
    free(taps->first);
    free(taps->count);
    free(taps->weights);
}

static void fill_taps(struct taps *taps, const struct kernel *kernel, int32_t i, int32_t from,
                      double scale, double *values)
{
    double stretch = fmax(scale, 1), reach = kernel->support * stretch;
    double centre = (i + 0.5) * scale, sum = 0;
    int32_t first = (int32_t)fmax(centre - reach + 0.5, 0);
    int32_t last = (int32_t)fmin(centre + reach + 0.5, from);
    for (int32_t k = first; k < last; k++)
        sum += values[k - first] = kernel->weight((k - centre + 0.5) / stretch);
    taps->first[i] = first;
    taps->count[i] = last - first;
    int32_t *weights = taps->weights + (size_t)i * (size_t)taps->room;
    for (int32_t k = 0; k < last - first; k++) {
        double weight = (sum != 0 ? values[k] / sum : values[k]) * (1 << WEIGHT_BITS);
        weights[k] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
}

static bool taps_make(struct taps *taps, const struct kernel *kernel, int32_t from, int32_t to)
{
    double scale = (double)from / to;
    *taps = (struct taps){.room = 2 * (int32_t)ceil(kernel->support * fmax(scale, 1)) + 1};
    double *values = malloc((size_t)taps->room * sizeof(*values));
    taps->first = malloc((size_t)to * sizeof(*taps->first));
    taps->count = malloc((size_t)to * sizeof(*taps->count));
    taps->weights = malloc((size_t)to * (size_t)taps->room * sizeof(*taps->weights));
    bool good = values && taps->first && taps->count && taps->weights;
    for (int32_t i = 0; good && i < to; i++)
        fill_taps(taps, kernel, i, from, scale, values);
    free(values);
    return good;
}

/* Sums `count` pixels that lie `step` bytes apart. */
static void weigh(const uint8_t *from, size_t step, const int32_t *weights, int32_t count,
                  uint8_t *to)
{
    for (int c = 0; c < 3; c++) {
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (int32_t k = 0; k < count; k++)
            sum += from[(size_t)k * step + (size_t)c] * weights[k];
        sum >>= WEIGHT_BITS;
        to[c] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

/* Resamples along one axis; the other one keeps its size. */
static void run_pass(const struct image *source, const struct taps *taps, bool down,
                     struct image *out)
{
    size_t row = (size_t)source->width * 3;
    for (int32_t y = 0; y < out->height; y++) {
        uint8_t *to = out->rgb + (size_t)y * (size_t)out->width * 3;
        for (int32_t x = 0; x < out->width; x++, to += 3) {
            int32_t i = down ? y : x;
            size_t at = down ? (size_t)taps->first[i] * row + (size_t)x * 3
                             : (size_t)y * row + (size_t)taps->first[i] * 3;
            weigh(source->rgb + at, down ? row : 3, taps->weights + (size_t)i * (size_t)taps->room,
                  taps->count[i], to);
        }
    }
}

static pum_status resample_axis(const struct image *source, const struct kernel *kernel, bool down,
                                int32_t size, struct image *out, struct fault *fault)
{
    struct taps taps;
    pum_status status =
        image_create(out, down ? source->width : size, down ? size : source->height, fault);
    if (status != PUM_OK)
        return status;
    if (taps_make(&taps, kernel, down ? source->height : source->width, size)) {
        run_pass(source, &taps, down, out);
    } else {
        status = fault_set(fault, PUM_E_MEMORY, "no memory to resize a picture");
        image_free(out);
    }
    taps_free(&taps);
    return status;
}

/* --- The picture ------------------------------------------------------------------------------ */

static void nearest(const struct image *source, struct image *out)
{
    double across = (double)source->width / out->width;
    double down = (double)source->height / out->height;
    for (int32_t y = 0; y < out->height; y++) {
        int32_t from = (int32_t)((y + 0.5) * down);
        const uint8_t *row = source->rgb + (size_t)from * (size_t)source->width * 3;
        uint8_t *to = out->rgb + (size_t)y * (size_t)out->width * 3;
        for (int32_t x = 0; x < out->width; x++)
            memcpy(to + (size_t)x * 3, row + (size_t)((x + 0.5) * across) * 3, 3);
    }
}

static pum_status copy(const struct image *source, struct image *out, struct fault *fault)
{
    pum_status status = image_create(out, source->width, source->height, fault);
    if (status == PUM_OK)
        memcpy(out->rgb, source->rgb, (size_t)source->width * (size_t)source->height * 3);
    return status;
}

pum_status image_resample(const struct image *source, int32_t width, int32_t height,
                          enum image_kernel kernel, struct image *out, struct fault *fault)
{
    struct image across;
    memset(out, 0, sizeof(*out));
    if (width < 1 || height < 1 || (width == source->width && height == source->height))
        return width < 1 || height < 1 ? image_create(out, width, height, fault)
                                       : copy(source, out, fault);
    if (kernel == IMAGE_NEAREST) {
        pum_status status = image_create(out, width, height, fault);
        if (status == PUM_OK)
            nearest(source, out);
        return status;
    }
    if (width == source->width)
        return resample_axis(source, &kernels[kernel], true, height, out, fault);
    if (height == source->height)
        return resample_axis(source, &kernels[kernel], false, width, out, fault);
    pum_status status = resample_axis(source, &kernels[kernel], false, width, &across, fault);
    if (status != PUM_OK)
        return status;
    status = resample_axis(&across, &kernels[kernel], true, height, out, fault);
    image_free(&across);
    return status;
}
