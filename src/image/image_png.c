/* SPDX-License-Identifier: MIT
 *
 * image_png.c - PNG in and out through libpng. libpng reports errors by longjmp: everything that
 * must survive one lies in a struct outside the frame that calls setjmp.
 * Tests: tests/image/test_image.c, tests/fuzz/fuzz_png.c.
 */
#include "image.h"

#include "out_file.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

struct png_state {
    png_structp png;
    png_infop info;
    const uint8_t *data;
    size_t size, used;
    struct out_file *file;
    struct image *image;
    png_bytep *rows;
    pum_status status; /* set before png_error where it is not a damaged file */
    struct fault *fault;
    jmp_buf jump;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct png_state *state = png_get_error_ptr(png);
    pum_status status = state->status != PUM_OK ? state->status : PUM_E_FORMAT;
    fault_set(state->fault, status, "the PNG file is damaged (%s)", message);
    state->status = status;
    longjmp(state->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    struct png_state *state = png_get_io_ptr(png);
    if (count > state->size - state->used)
        png_error(png, "it ends too early");
    memcpy(to, state->data + state->used, count);
    state->used += count;
}

/* Asks libpng for plain 8-bit RGB on white, whatever the file holds. */
static void ask_for_rgb(png_structp png, png_infop info)
{
    png_color_16 white = {.red = 0xffff, .green = 0xffff, .blue = 0xffff, .gray = 0xffff};
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_byte colour = png_get_color_type(png, info);
    if ((colour & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS) != 0) {
        if (png_get_bit_depth(png, info) != 16)
            white = (png_color_16){.red = 255, .green = 255, .blue = 255, .gray = 255};
        png_set_background_fixed(png, &white, PNG_BACKGROUND_GAMMA_SCREEN, 0, PNG_FP_1);
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static void check_size(struct png_state *state)
{
    png_uint_32 width = png_get_image_width(state->png, state->info);
    png_uint_32 height = png_get_image_height(state->png, state->info);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE) {
        state->status = fault_set(state->fault, PUM_E_RANGE,
                                  "the picture has %u x %u pixels, more than %d a side",
                                  (unsigned)width, (unsigned)height, IMAGE_MAX_SIDE);
        png_error(state->png, "size");
    }
    state->status = image_create(state->image, (int32_t)width, (int32_t)height, state->fault);
    if (state->status != PUM_OK)
        png_error(state->png, "size");
}

static void decode(struct png_state *state)
{
    if (setjmp(state->jump) != 0)
        return;
    state->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, on_error, on_warning);
    state->info = state->png != NULL ? png_create_info_struct(state->png) : NULL;
    if (state->info == NULL) {
        state->status = fault_set(state->fault, PUM_E_MEMORY, "out of memory");
        return;
    }
    png_set_read_fn(state->png, state, read_bytes);
    png_set_user_limits(state->png, 0x7fffffff, 0x7fffffff); /* check_size has the better message */
    png_set_chunk_cache_max(state->png, 64);
    png_set_chunk_malloc_max(state->png, 16 << 20);
    png_set_benign_errors(state->png, 1);
    png_read_info(state->png, state->info);
    check_size(state);
    ask_for_rgb(state->png, state->info);
    if (png_get_rowbytes(state->png, state->info) != (size_t)state->image->width * 3)
        png_error(state->png, "an unexpected pixel layout");
    state->rows = malloc((size_t)state->image->height * sizeof(png_bytep));
    if (state->rows == NULL) {
        state->status = fault_set(state->fault, PUM_E_MEMORY, "out of memory");
        png_error(state->png, "memory");
    }
    for (int32_t y = 0; y < state->image->height; y++)
        state->rows[y] = state->image->rgb + (size_t)y * (size_t)state->image->width * 3;
    png_read_image(state->png, state->rows);
    png_read_end(state->png, NULL);
}

pum_status image_decode_png(struct image *image, const uint8_t *data, size_t size_bytes,
                            struct fault *fault)
{
    memset(image, 0, sizeof(*image));
    struct png_state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        return fault_set(fault, PUM_E_MEMORY, "out of memory");
    state->data = data;
    state->size = size_bytes;
    state->image = image;
    state->fault = fault;
    decode(state);
    pum_status status = state->status;
    png_destroy_read_struct(&state->png, &state->info, NULL);
    free(state->rows);
    free(state);
    if (status != PUM_OK)
        image_free(image);
    return status;
}

static void write_bytes(png_structp png, png_bytep from, size_t count)
{
    struct png_state *state = png_get_io_ptr(png);
    state->status = out_file_write(state->file, from, count, state->fault);
    if (state->status != PUM_OK)
        png_error(png, "write");
}

static void flush_bytes(png_structp png)
{
    (void)png; /* out_file_finish flushes, once */
}

static void encode(struct png_state *state)
{
    if (setjmp(state->jump) != 0)
        return;
    state->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, state, on_error, on_warning);
    state->info = state->png != NULL ? png_create_info_struct(state->png) : NULL;
    if (state->info == NULL) {
        state->status = fault_set(state->fault, PUM_E_MEMORY, "out of memory");
        return;
    }
    const struct image *image = state->image;
    png_set_write_fn(state->png, state, write_bytes, flush_bytes);
    png_set_IHDR(state->png, state->info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(state->png, state->info);
    for (int32_t y = 0; y < image->height; y++)
        png_write_row(state->png, image->rgb + (size_t)y * (size_t)image->width * 3);
    png_write_end(state->png, state->info);
}

pum_status image_save_png(const struct image *image, const char *path, struct fault *fault)
{
    struct out_file file;
    pum_status status = out_file_begin(&file, path, fault);
    struct png_state *state = status == PUM_OK ? calloc(1, sizeof(*state)) : NULL;
    if (status == PUM_OK && state == NULL)
        status = fault_set(fault, PUM_E_MEMORY, "cannot write %s: out of memory", path);
    if (status == PUM_OK) {
        struct image copy = *image;
        state->file = &file;
        state->image = &copy;
        state->fault = fault;
        encode(state);
        status = state->status;
        png_destroy_write_struct(&state->png, &state->info);
    }
    free(state);
    if (status == PUM_OK)
        status = out_file_finish(&file, fault);
    if (status == PUM_OK)
        status = out_file_publish(&file, fault);
    out_file_end(&file);
    return status;
}
