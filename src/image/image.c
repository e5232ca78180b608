/* SPDX-License-Identifier: MIT
 *
 * image.c - taking and freeing pictures, choosing the reader by the file's first bytes, quarter
 * turns and drawing. The readers are image_png.c and image_jpeg.c. Tests: tests/image/test_image.c.
 */
#include "image.h"

#include "out_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

pum_status image_create(struct image *image, int32_t width, int32_t height, struct fault *fault)
{
    memset(image, 0, sizeof(*image));
    if (width < 1 || height < 1)
        return fault_set(fault, PUM_E_RANGE, "a picture of %d x %d pixels is empty", width, height);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE ||
        (int64_t)width * height > IMAGE_MAX_PIXELS)
        return fault_set(fault, PUM_E_RANGE,
                         "a picture of %d x %d pixels is too large (limits: %d a side, %d million "
                         "pixels); scale it down first",
                         width, height, IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS / 1000000);
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (rgb == NULL)
        return fault_set(fault, PUM_E_MEMORY, "no memory for a picture of %d x %d pixels", width,
                         height);
    *image = (struct image){.width = width, .height = height, .rgb = rgb};
    return PUM_OK;
}

void image_free(struct image *image)
{
    free(image->rgb);
    memset(image, 0, sizeof(*image));
}

void image_fill(struct image *image, uint8_t r, uint8_t g, uint8_t b)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < count; i++) {
        image->rgb[i * 3] = r;
        image->rgb[i * 3 + 1] = g;
        image->rgb[i * 3 + 2] = b;
    }
}

/* What a file that is neither PNG nor JPEG seems to be, for the message. */
static const char *guess_format(const uint8_t *data, size_t size)
{
    static const struct {
        const char *magic;
        size_t offset, length;
        const char *name;
    } known[] = {
        {"GIF8", 0, 4, "a GIF"},      {"BM", 0, 2, "a BMP"},
        {"WEBP", 8, 4, "a WebP"},     {"II*", 0, 3, "a TIFF"},
        {"MM\0*", 0, 4, "a TIFF"},    {"%PDF", 0, 4, "a PDF"},
        {"ftyp", 4, 4, "an HEIF or AVIF"}, {"<svg", 0, 4, "an SVG"},
        {"\x93NUMPY", 0, 6, "a NumPy"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (size >= known[i].offset + known[i].length &&
            memcmp(data + known[i].offset, known[i].magic, known[i].length) == 0)
            return known[i].name;
    return NULL;
}

pum_status image_decode(struct image *image, const uint8_t *data, size_t size_bytes,
                        const char *name, struct fault *fault)
{
    memset(image, 0, sizeof(*image));
    pum_status status;
    if (size_bytes >= 4 && memcmp(data, "\x89PNG", 4) == 0) {
        status = image_decode_png(image, data, size_bytes, fault);
    } else if (size_bytes >= 2 && data[0] == 0xff && data[1] == 0xd8) {
        status = image_decode_jpeg(image, data, size_bytes, fault);
    } else if (size_bytes == 0) {
        status = fault_set(fault, PUM_E_FORMAT, "the file is empty");
    } else {
        const char *guess = guess_format(data, size_bytes);
        status = fault_set(fault, guess != NULL ? PUM_E_UNSUPPORTED : PUM_E_FORMAT,
                           "%s%s; give a PNG or JPEG picture",
                           guess != NULL ? guess : "this is no picture that is known",
                           guess != NULL ? " file is not read" : "");
    }
    if (status != PUM_OK) {
        image_free(image);
        fault_prefix(fault, name);
    }
    return status;
}

pum_status image_load(struct image *image, const char *path, struct fault *fault)
{
    memset(image, 0, sizeof(*image));
    unsigned char *data;
    size_t size;
    pum_status status = in_file_read(path, IMAGE_MAX_FILE_BYTES, &data, &size, fault);
    if (status != PUM_OK)
        return status;
    status = image_decode(image, data, size, path, fault);
    free(data);
    return status;
}

/* Copies pixel by pixel: out(x, y) = source(ox + x*xx + y*xy, oy + x*yx + y*yy). */
static void remap(const struct image *source, struct image *out, const int32_t origin[2],
                  const int32_t step_x[2], const int32_t step_y[2])
{
    for (int32_t y = 0; y < out->height; y++) {
        uint8_t *to = out->rgb + (size_t)y * (size_t)out->width * 3;
        for (int32_t x = 0; x < out->width; x++, to += 3) {
            int32_t sx = origin[0] + x * step_x[0] + y * step_y[0];
            int32_t sy = origin[1] + x * step_x[1] + y * step_y[1];
            memcpy(to, source->rgb + ((size_t)sy * (size_t)source->width + (size_t)sx) * 3, 3);
        }
    }
}

/* Row k: where the output's first pixel comes from (corner bits: 1 right, 2 bottom), and the source
 * step for a step right and a step down in the output. Index: EXIF orientation - 1. */
static const struct {
    uint8_t corner;
    int8_t right[2], down[2];
} orientations[8] = {
    {0, {1, 0}, {0, 1}},  {1, {-1, 0}, {0, 1}}, {3, {-1, 0}, {0, -1}}, {2, {1, 0}, {0, -1}},
    {0, {0, 1}, {1, 0}},  {2, {0, -1}, {1, 0}}, {3, {0, -1}, {-1, 0}}, {1, {0, 1}, {-1, 0}},
};

static pum_status oriented(const struct image *source, int32_t orientation, struct image *out,
                           struct fault *fault)
{
    bool swap = orientation >= 5;
    pum_status status = image_create(out, swap ? source->height : source->width,
                                     swap ? source->width : source->height, fault);
    if (status != PUM_OK)
        return status;
    int32_t row = orientation - 1;
    int32_t origin[2] = {(orientations[row].corner & 1) != 0 ? source->width - 1 : 0,
                         (orientations[row].corner & 2) != 0 ? source->height - 1 : 0};
    int32_t right[2] = {orientations[row].right[0], orientations[row].right[1]};
    int32_t down[2] = {orientations[row].down[0], orientations[row].down[1]};
    remap(source, out, origin, right, down);
    return PUM_OK;
}

pum_status image_turn(const struct image *source, int32_t quarters, struct image *out,
                      struct fault *fault)
{
    static const int32_t as_exif[4] = {1, 8, 3, 6};
    return oriented(source, as_exif[quarters & 3], out, fault);
}

pum_status image_orient(struct image *image, int32_t orientation, struct fault *fault)
{
    if (orientation <= 1 || orientation > 8)
        return PUM_OK;
    struct image turned;
    pum_status status = oriented(image, orientation, &turned, fault);
    if (status != PUM_OK)
        return status;
    image_free(image);
    *image = turned;
    return PUM_OK;
}

static float distance_to_segment(float px, float py, struct image_point a, struct image_point b)
{
    float dx = b.x - a.x, dy = b.y - a.y;
    float length2 = dx * dx + dy * dy;
    float t = length2 > 0 ? ((px - a.x) * dx + (py - a.y) * dy) / length2 : 0;
    t = fminf(fmaxf(t, 0), 1);
    return hypotf(px - (a.x + t * dx), py - (a.y + t * dy));
}

static void draw_segment(struct image *image, struct image_point a, struct image_point b,
                         float radius, const uint8_t colour[3])
{
    float reach = radius + 1;
    float left = fmaxf(fminf(a.x, b.x) - reach, 0);
    float right = fminf(fmaxf(a.x, b.x) + reach, (float)(image->width - 1));
    float top = fmaxf(fminf(a.y, b.y) - reach, 0);
    float bottom = fminf(fmaxf(a.y, b.y) + reach, (float)(image->height - 1));
    if (!(left <= right && top <= bottom))
        return; /* wholly outside, or not a number */
    for (int32_t y = (int32_t)top; y <= (int32_t)bottom; y++) {
        for (int32_t x = (int32_t)left; x <= (int32_t)right; x++) {
            float cover = radius + 0.5f - distance_to_segment((float)x, (float)y, a, b);
            cover = fminf(fmaxf(cover, 0), 1);
            if (cover <= 0)
                continue;
            uint8_t *pixel = image->rgb + ((size_t)y * (size_t)image->width + (size_t)x) * 3;
            for (int c = 0; c < 3; c++) {
                float from = (float)pixel[c], to = (float)colour[c];
                pixel[c] = (uint8_t)(from + (to - from) * cover + 0.5f);
            }
        }
    }
}

void image_draw_polygon(struct image *image, const struct image_point *points, int32_t count,
                        float thickness, const uint8_t colour[3])
{
    for (int32_t i = 0; i < count; i++)
        draw_segment(image, points[i], points[(i + 1) % count], thickness * 0.5f, colour);
}
