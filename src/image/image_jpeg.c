/* SPDX-License-Identifier: MIT
 *
 * image_jpeg.c - JPEG in through libturbojpeg, with the EXIF orientation applied and CMYK turned
 * into RGB. A file that ends early is an error: half a page would read as a wrong page. Harmless
 * warnings (stray bytes between markers) are not. Tests: tests/image/test_image.c,
 * tests/fuzz/fuzz_jpeg.c.
 */
#include "image.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

static uint32_t read_u16(const uint8_t *at, bool little)
{
    return little ? (uint32_t)at[0] | (uint32_t)at[1] << 8 : (uint32_t)at[0] << 8 | at[1];
}

static uint32_t read_u32(const uint8_t *at, bool little)
{
    return little ? read_u16(at, true) | read_u16(at + 2, true) << 16
                  : read_u16(at, false) << 16 | read_u16(at + 2, false);
}

/* The orientation in a TIFF block, 1 where it says none. */
static int32_t tiff_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 1;
    bool little = tiff[0] == 'I';
    size_t folder = read_u32(tiff + 4, little);
    if (folder > size - 2 || size - folder < 2)
        return 1;
    size_t count = read_u16(tiff + folder, little);
    for (size_t i = 0; i < count; i++) {
        size_t entry = folder + 2 + i * 12;
        if (entry + 12 > size)
            return 1;
        if (read_u16(tiff + entry, little) == 0x0112) {
            uint32_t value = read_u16(tiff + entry + 8, little);
            return value >= 1 && value <= 8 ? (int32_t)value : 1;
        }
    }
    return 1;
}

/* Walks the markers up to the picture's data and looks into the EXIF block. */
static int32_t exif_orientation(const uint8_t *data, size_t size)
{
    size_t at = 2;
    while (at + 4 <= size && data[at] == 0xff) {
        uint8_t marker = data[at + 1];
        if (marker == 0xff) {
            at++;
            continue;
        }
        if (marker == 0xda || marker == 0xd9)
            break;
        size_t length = read_u16(data + at + 2, false);
        if (length < 2 || at + 2 + length > size)
            break;
        if (marker == 0xe1 && length >= 8 && memcmp(data + at + 4, "Exif\0\0", 6) == 0)
            return tiff_orientation(data + at + 10, length - 8);
        at += 2 + length;
    }
    return 1;
}

/* Adobe's CMYK is stored inverted, and the decoder keeps it so: 255 is no ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, struct image *image)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            image->rgb[i * 3 + c] = (uint8_t)(cmyk[i * 4 + c] * cmyk[i * 4 + 3] / 255);
}

/* True where the decoder's complaint means that picture data is missing. */
static bool is_truncated(tjhandle decoder)
{
    return tjGetErrorCode(decoder) == TJERR_FATAL ||
           strstr(tjGetErrorStr2(decoder), "remature end") != NULL;
}

static pum_status decode_pixels(tjhandle decoder, const uint8_t *data, size_t size,
                                struct image *image, int colour_space, struct fault *fault)
{
    bool cmyk = colour_space == TJCS_CMYK || colour_space == TJCS_YCCK;
    uint8_t *pixels = image->rgb;
    if (cmyk) {
        pixels = malloc((size_t)image->width * (size_t)image->height * 4);
        if (pixels == NULL)
            return fault_set(fault, PUM_E_MEMORY, "out of memory");
    }
    int rc = tjDecompress2(decoder, data, (unsigned long)size, pixels, image->width, 0,
                           image->height, cmyk ? TJPF_CMYK : TJPF_RGB, TJFLAG_LIMITSCANS);
    pum_status status = PUM_OK;
    if (rc != 0 && is_truncated(decoder))
        status = fault_set(fault, PUM_E_FORMAT, "the JPEG file is damaged (%s)",
                           tjGetErrorStr2(decoder));
    if (cmyk) {
        if (status == PUM_OK)
            cmyk_to_rgb(pixels, image);
        free(pixels);
    }
    return status;
}

pum_status image_decode_jpeg(struct image *image, const uint8_t *data, size_t size_bytes,
                             struct fault *fault)
{
    memset(image, 0, sizeof(*image));
    tjhandle decoder = tjInitDecompress();
    if (decoder == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    int width = 0, height = 0, subsampling = 0, colour_space = 0;
    pum_status status = PUM_OK;
    int rc = tjDecompressHeader3(decoder, data, (unsigned long)size_bytes, &width, &height,
                                 &subsampling, &colour_space);
    if (width < 1 || height < 1 || (rc != 0 && is_truncated(decoder)))
        status = fault_set(fault, PUM_E_FORMAT, "the JPEG file is damaged (%s)",
                           tjGetErrorStr2(decoder));
    if (status == PUM_OK)
        status = image_create(image, width, height, fault);
    if (status == PUM_OK)
        status = decode_pixels(decoder, data, size_bytes, image, colour_space, fault);
    if (status == PUM_OK)
        status = image_orient(image, exif_orientation(data, size_bytes), fault);
    tjDestroy(decoder);
    if (status != PUM_OK)
        image_free(image);
    return status;
}
