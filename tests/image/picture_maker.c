/* SPDX-License-Identifier: MIT
 *
 * picture_maker.c - see picture_maker.h.
 */
#include "picture_maker.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

static void append(struct made_file *file, const void *data, size_t size)
{
    file->data = realloc(file->data, file->size + size + 1);
    if (file->data == NULL)
        abort();
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

static void write_bytes(png_structp png, png_bytep data, size_t size)
{
    append(png_get_io_ptr(png), data, size);
}

static void flush_bytes(png_structp png)
{
    (void)png;
}

struct made_file make_png(int32_t width, int32_t height, int colour_type, int depth,
                          bool interlaced, bool trns, const uint8_t *rows, size_t row_bytes)
{
    struct made_file file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[4] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 8, 7}};
    png_byte alpha[1] = {0};
    png_color_16 colour = {0};
    png_set_write_fn(png, &file, write_bytes, flush_bytes);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, colour_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (colour_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 4);
    if (trns)
        png_set_tRNS(png, info, alpha, 1, &colour);
    png_write_info(png, info);
    png_bytep pointers[64];
    for (int32_t y = 0; y < height; y++)
        pointers[y] = (png_bytep)(uintptr_t)(rows + (size_t)y * row_bytes);
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return file;
}

/* EXIF with one entry, the orientation, in big-endian order. */
static void append_exif(struct made_file *file, int orientation)
{
    const uint8_t block[] = {0xff, 0xe1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M',
                             0,    42,   0,    0,  0,   8,   0,   1,   1, 0x12, 0, 3,
                             0,    0,    0,    1,  0,   (uint8_t)orientation, 0, 0, 0, 0, 0, 0};
    append(file, block, sizeof(block));
}

struct made_file make_jpeg(const struct image *image, int orientation, bool cmyk)
{
    struct made_file file = {0};
    unsigned char *data = NULL;
    unsigned long size = 0;
    tjhandle encoder = tjInitCompress();
    size_t count = (size_t)image->width * (size_t)image->height;
    uint8_t *ink = calloc(count, 4);
    for (size_t i = 0; cmyk && i < count; i++) {
        memcpy(ink + i * 4, image->rgb + i * 3, 3); /* inverted, as Adobe stores it */
        ink[i * 4 + 3] = 255;
    }
    if (tjCompress2(encoder, cmyk ? ink : image->rgb, image->width, 0, image->height,
                    cmyk ? TJPF_CMYK : TJPF_RGB, &data, &size, TJSAMP_444, 98, 0) != 0)
        abort();
    append(&file, data, 2);
    if (orientation != 0)
        append_exif(&file, orientation);
    append(&file, data + 2, size - 2);
    tjFree(data);
    tjDestroy(encoder);
    free(ink);
    return file;
}

struct image make_ramp(int32_t width, int32_t height)
{
    struct image image;
    if (image_create(&image, width, height, NULL) != PUM_OK)
        abort();
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            uint8_t *p = image.rgb + ((size_t)y * (size_t)width + (size_t)x) * 3;
            p[0] = (uint8_t)(x * 8);
            p[1] = (uint8_t)(y * 8);
            p[2] = 200;
        }
    return image;
}
