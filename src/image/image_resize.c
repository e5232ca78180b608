/* SPDX-License-Identifier: MIT
 *
 * image_resize.c - resizing and perspective cutting. Resizing is separable: each axis has a table
 * of taps (first pixel, weights), two for bilinear, more for the mean over an area; source rows are
 * resampled sideways once each and kept in a small ring. Tests: tests/image/test_image.c.
 */
#include "image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct axis {
    int32_t taps;     /* per output pixel; unused ones weigh 0 */
    int32_t *first;   /* first source pixel, never decreasing; first + taps <= size */
    float *weights;   /* taps for each output pixel */
};

static void axis_free(struct axis *axis)
{
    free(axis->first);
    free(axis->weights);
    memset(axis, 0, sizeof(*axis));
}

static void fill_linear(struct axis *axis, int32_t i, int32_t from, double scale)
{
    double centre = fmin(fmax((i + 0.5) * scale - 0.5, 0), from - 1);
    int32_t first = (int32_t)centre;
    if (first + axis->taps > from)
        first = from - axis->taps;
    axis->first[i] = first;
    float *w = axis->weights + (size_t)i * (size_t)axis->taps;
    for (int32_t t = 0; t < axis->taps; t++)
        w[t] = (float)fmax(0, 1 - fabs(centre - (first + t)));
}

static void fill_area(struct axis *axis, int32_t i, int32_t from, double scale)
{
    double low = i * scale, high = (i + 1) * scale;
    int32_t first = (int32_t)low;
    if (first + axis->taps > from)
        first = from - axis->taps;
    axis->first[i] = first;
    float *w = axis->weights + (size_t)i * (size_t)axis->taps;
    for (int32_t t = 0; t < axis->taps; t++) {
        double cover = fmin(high, first + t + 1.0) - fmax(low, first + t);
        w[t] = (float)(fmax(cover, 0) / (high - low));
    }
}

static bool axis_make(struct axis *axis, int32_t from, int32_t to)
{
    double scale = (double)from / to;
    bool area = scale > 2;
    int32_t taps = area ? (int32_t)ceil(scale) + 1 : 2;
    axis->taps = taps < from ? taps : from;
    axis->first = malloc((size_t)to * sizeof(*axis->first));
    axis->weights = calloc((size_t)to * (size_t)axis->taps, sizeof(*axis->weights));
    if (axis->first == NULL || axis->weights == NULL) {
        axis_free(axis);
        return false;
    }
    for (int32_t i = 0; i < to; i++) {
        if (area)
            fill_area(axis, i, from, scale);
        else
            fill_linear(axis, i, from, scale);
    }
    return true;
}

static void resample_row(const uint8_t *row, const struct axis *axis, int32_t width, float *out)
{
    for (int32_t x = 0; x < width; x++) {
        const uint8_t *from = row + (size_t)axis->first[x] * 3;
        const float *w = axis->weights + (size_t)x * (size_t)axis->taps;
        float r = 0, g = 0, b = 0;
        for (int32_t t = 0; t < axis->taps; t++, from += 3) {
            r += w[t] * (float)from[0];
            g += w[t] * (float)from[1];
            b += w[t] * (float)from[2];
        }
        out[x * 3] = r;
        out[x * 3 + 1] = g;
        out[x * 3 + 2] = b;
    }
}

static void resample(const struct image *source, const struct axis *across, const struct axis *down,
                     float *ring, float *sum, struct image *out)
{
    size_t row_floats = (size_t)out->width * 3;
    int32_t next = 0; /* source rows below this one are in the ring, or gone */
    for (int32_t y = 0; y < out->height; y++) {
        int32_t first = down->first[y];
        const float *w = down->weights + (size_t)y * (size_t)down->taps;
        memset(sum, 0, row_floats * sizeof(float));
        if (next < first)
            next = first;
        for (int32_t t = 0; t < down->taps; t++) {
            float *row = ring + (size_t)((first + t) % down->taps) * row_floats;
            if (first + t >= next) {
                resample_row(source->rgb + (size_t)(first + t) * (size_t)source->width * 3, across,
                             out->width, row);
                next = first + t + 1;
            }
            for (size_t i = 0; i < row_floats; i++)
                sum[i] += w[t] * row[i];
        }
        uint8_t *to = out->rgb + (size_t)y * row_floats;
        for (size_t i = 0; i < row_floats; i++)
            to[i] = (uint8_t)fminf(sum[i] + 0.5f, 255);
    }
}

pum_status image_resize(const struct image *source, int32_t width, int32_t height,
                        struct image *out, struct fault *fault)
{
    struct axis across = {0}, down = {0};
    float *rows = NULL;
    pum_status status = image_create(out, width, height, fault);
    if (status != PUM_OK)
        return status;
    if (axis_make(&across, source->width, width) && axis_make(&down, source->height, height))
        rows = malloc((size_t)(down.taps + 1) * (size_t)width * 3 * sizeof(float));
    if (rows == NULL) {
        status = fault_set(fault, PUM_E_MEMORY, "no memory to resize a picture to %d x %d", width,
                           height);
        image_free(out);
    } else {
        resample(source, &across, &down, rows + (size_t)width * 3, rows, out);
    }
    axis_free(&across);
    axis_free(&down);
    free(rows);
    return status;
}

/* Coefficients of the map from the unit square to a quadrilateral (Heckbert's closed form):
 * x = (a u + b v + c) / (g u + h v + 1), y = (d u + e v + f) / (g u + h v + 1). */
struct projection {
    double a, b, c, d, e, f, g, h;
};

static struct projection square_to_quad(const struct image_point q[4])
{
    double dx1 = q[1].x - q[2].x, dx2 = q[3].x - q[2].x, sx = q[0].x - q[1].x + q[2].x - q[3].x;
    double dy1 = q[1].y - q[2].y, dy2 = q[3].y - q[2].y, sy = q[0].y - q[1].y + q[2].y - q[3].y;
    double det = dx1 * dy2 - dx2 * dy1;
    struct projection p = {.c = q[0].x, .f = q[0].y};
    if (fabs(det) > 1e-12) {
        p.g = (sx * dy2 - dx2 * sy) / det;
        p.h = (dx1 * sy - sx * dy1) / det;
    }
    p.a = q[1].x - q[0].x + p.g * q[1].x;
    p.b = q[3].x - q[0].x + p.h * q[3].x;
    p.d = q[1].y - q[0].y + p.g * q[1].y;
    p.e = q[3].y - q[0].y + p.h * q[3].y;
    return p;
}

static int32_t clamp_index(int32_t value, int32_t size)
{
    return value < 0 ? 0 : value >= size ? size - 1 : value;
}

/* Keys' cubic kernel with a = -0.75, as the OCR networks' training pipeline cut its lines. */
static void cubic_weights(float t, float w[4])
{
    const float a = -0.75f;
    float far = t + 1;
    w[0] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
    w[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    float back = 1 - t;
    w[2] = ((a + 2) * back - (a + 3)) * back * back + 1;
    w[3] = 1 - w[0] - w[1] - w[2];
}

static void sample_cubic(const struct image *source, float x, float y, uint8_t out[3])
{
    x = fminf(fmaxf(x, -2), (float)source->width + 1);
    y = fminf(fmaxf(y, -2), (float)source->height + 1);
    int32_t left = (int32_t)floorf(x), top = (int32_t)floorf(y);
    float wx[4], wy[4], sum[3] = {0, 0, 0};
    cubic_weights(x - (float)left, wx);
    cubic_weights(y - (float)top, wy);
    for (int32_t j = 0; j < 4; j++) {
        int32_t sy = clamp_index(top - 1 + j, source->height);
        const uint8_t *row = source->rgb + (size_t)sy * (size_t)source->width * 3;
        for (int32_t i = 0; i < 4; i++) {
            const uint8_t *pixel = row + (size_t)clamp_index(left - 1 + i, source->width) * 3;
            float w = wx[i] * wy[j];
            for (int c = 0; c < 3; c++)
                sum[c] += w * (float)pixel[c];
        }
    }
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)fminf(fmaxf(sum[c] + 0.5f, 0), 255);
}

pum_status image_warp_quad(const struct image *source, const struct image_point quad[4],
                           int32_t width, int32_t height, struct image *out, struct fault *fault)
{
    pum_status status = image_create(out, width, height, fault);
    if (status != PUM_OK)
        return status;
    struct projection p = square_to_quad(quad);
    for (int32_t y = 0; y < height; y++) {
        double v = (double)y / height;
        uint8_t *to = out->rgb + (size_t)y * (size_t)width * 3;
        for (int32_t x = 0; x < width; x++, to += 3) {
            double u = (double)x / width;
            double w = p.g * u + p.h * v + 1;
            w = fabs(w) > 1e-9 ? w : 1e-9;
            double sx = (p.a * u + p.b * v + p.c) / w, sy = (p.d * u + p.e * v + p.f) / w;
            sample_cubic(source, isfinite(sx) ? (float)sx : 0, isfinite(sy) ? (float)sy : 0, to);
        }
    }
    return PUM_OK;
}
