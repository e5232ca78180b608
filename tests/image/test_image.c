/* SPDX-License-Identifier: MIT
 *
 * test_image.c - pictures: every kind of PNG and JPEG, broken ones, resizing, turning, cutting,
 * drawing, and writing that leaves nothing half-done.
 */
#include "image/image.h"

#include "image/out_file.h"
#include "picture_maker.h"

#include <dirent.h>
#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t *pixel(const struct image *image, int32_t x, int32_t y)
{
    return image->rgb + ((size_t)y * (size_t)image->width + (size_t)x) * 3;
}

static void assert_pixel(const struct image *image, int32_t x, int32_t y, int r, int g, int b,
                         int within)
{
    const uint8_t *p = pixel(image, x, y);
    if (abs(p[0] - r) > within || abs(p[1] - g) > within || abs(p[2] - b) > within)
        fail_msg("pixel (%d, %d) is %d %d %d, not %d %d %d", x, y, p[0], p[1], p[2], r, g, b);
}

static struct image decode(struct made_file file)
{
    struct image image;
    struct fault fault = {0};
    pum_status status = image_decode(&image, file.data, file.size, "made", &fault);
    if (status != PUM_OK)
        fail_msg("%s", fault.text);
    free(file.data);
    return image;
}

static void test_png_kinds(void **state)
{
    (void)state;
    static const struct {
        int type, depth;
        bool trns;
        size_t row_bytes;
        uint8_t rows[32]; /* two rows of two pixels */
        uint8_t want[4][3];
    } kinds[] = {
        {PNG_COLOR_TYPE_GRAY, 1, false, 1, {0x40, 0x80},
         {{0, 0, 0}, {255, 255, 255}, {255, 255, 255}, {0, 0, 0}}},
        {PNG_COLOR_TYPE_GRAY, 2, false, 1, {0x10, 0xb0},
         {{0, 0, 0}, {85, 85, 85}, {170, 170, 170}, {255, 255, 255}}},
        {PNG_COLOR_TYPE_GRAY, 4, true, 1, {0x0f, 0x1e},
         {{255, 255, 255}, {255, 255, 255}, {17, 17, 17}, {238, 238, 238}}},
        {PNG_COLOR_TYPE_GRAY, 8, false, 2, {10, 20, 30, 40},
         {{10, 10, 10}, {20, 20, 20}, {30, 30, 30}, {40, 40, 40}}},
        {PNG_COLOR_TYPE_GRAY, 16, false, 4, {10, 0, 20, 0, 30, 0, 255, 255},
         {{10, 10, 10}, {20, 20, 20}, {30, 30, 30}, {255, 255, 255}}},
        {PNG_COLOR_TYPE_PALETTE, 2, false, 1, {0x10, 0xb0},
         {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 8, 7}}},
        {PNG_COLOR_TYPE_PALETTE, 8, true, 2, {0, 1, 2, 3},
         {{255, 255, 255}, {0, 255, 0}, {0, 0, 255}, {9, 8, 7}}},
        {PNG_COLOR_TYPE_RGB, 8, false, 6, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
         {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}}},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, 4, {0, 255, 0, 0, 0, 128, 200, 255},
         {{0, 0, 0}, {255, 255, 255}, {127, 127, 127}, {200, 200, 200}}},
        {PNG_COLOR_TYPE_RGB_ALPHA, 8, false, 8,
         {9, 8, 7, 255, 9, 8, 7, 0, 0, 0, 255, 128, 255, 0, 0, 255},
         {{9, 8, 7}, {255, 255, 255}, {127, 127, 255}, {255, 0, 0}}},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, false, 16,
         {9, 9, 8, 8, 7, 7, 255, 255, 1, 1, 1, 1, 1, 1, 0, 0,
          0, 0, 0, 0, 255, 255, 128, 128, 255, 255, 0, 0, 0, 0, 255, 255},
         {{9, 8, 7}, {255, 255, 255}, {127, 127, 255}, {255, 0, 0}}},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            struct image image =
                decode(make_png(2, 2, kinds[i].type, kinds[i].depth, interlaced != 0, kinds[i].trns,
                                kinds[i].rows, kinds[i].row_bytes));
            assert_int_equal(image.width, 2);
            for (int k = 0; k < 4; k++)
                assert_pixel(&image, k % 2, k / 2, kinds[i].want[k][0], kinds[i].want[k][1],
                             kinds[i].want[k][2], 1);
            image_free(&image);
        }
}

static void test_jpeg(void **state)
{
    (void)state;
    struct image ramp = make_ramp(24, 16);
    for (int cmyk = 0; cmyk < 2; cmyk++) {
        struct image image = decode(make_jpeg(&ramp, 0, cmyk != 0));
        assert_int_equal(image.width, 24);
        assert_pixel(&image, 20, 3, 160, 24, 200, 12);
        image_free(&image);
    }
    /* Where the stored picture's first pixel must lie, for each orientation. */
    static const uint8_t corners[9][3] = {{0},       {0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1},
                                          {1, 0, 0}, {1, 1, 0}, {1, 1, 1}, {1, 0, 1}};
    for (int o = 1; o <= 8; o++) {
        struct image image = decode(make_jpeg(&ramp, o, false));
        assert_int_equal(image.width, corners[o][0] ? 16 : 24);
        int32_t x = corners[o][1] ? image.width - 1 : 0, y = corners[o][2] ? image.height - 1 : 0;
        assert_pixel(&image, x, y, 0, 0, 200, 12);
        image_free(&image);
    }
    image_free(&ramp);
}

static void test_broken(void **state)
{
    (void)state;
    struct image ramp = make_ramp(24, 16), image;
    struct made_file files[2] = {make_png(24, 16, PNG_COLOR_TYPE_RGB, 8, false, false, ramp.rgb,
                                          24 * 3),
                                 make_jpeg(&ramp, 6, false)};
    for (int f = 0; f < 2; f++)
        for (size_t cut = 0; cut + 2 < files[f].size; cut++) {
            struct fault fault = {0};
            /* An exact copy, so that a sanitizer sees a read past the end. */
            uint8_t *part = malloc(cut > 0 ? cut : 1);
            memcpy(part, files[f].data, cut);
            pum_status status = image_decode(&image, part, cut, "cut.file", &fault);
            if (status == PUM_OK)
                fail_msg("file %d cut to %zu of %zu bytes was read", f, cut, files[f].size);
            assert_int_equal(status, PUM_E_FORMAT);
            assert_null(image.rgb);
            assert_int_equal(strncmp(fault.text, "cut.file: ", 10), 0);
            free(part);
        }
    /* A header that promises too much is refused before memory is taken. */
    files[0].data[16] = 0x00, files[0].data[17] = 0x00, files[0].data[18] = 0xff;
    files[0].data[20] = 0x00, files[0].data[21] = 0x00, files[0].data[22] = 0xff;
    struct fault fault = {0};
    assert_int_not_equal(image_decode(&image, files[0].data, files[0].size, "x", &fault), PUM_OK);
    free(files[0].data);
    free(files[1].data);
    image_free(&ramp);
    fault_clear(&fault);
    assert_int_equal(image_decode(&image, (const uint8_t *)"GIF89a...", 9, "x", &fault),
                     PUM_E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "GIF"));
    fault_clear(&fault);
    assert_int_equal(image_load(&image, "/nonexistent/x.png", &fault), PUM_E_FILE);
    fault_clear(&fault);
    assert_int_equal(image_load(&image, "/tmp", &fault), PUM_E_FILE);
}

static void test_resize(void **state)
{
    (void)state;
    struct image ramp = make_ramp(30, 20), same, half, twice, tiny;
    assert_int_equal(image_resize(&ramp, 30, 20, &same, NULL), PUM_OK);
    assert_memory_equal(same.rgb, ramp.rgb, 30 * 20 * 3);
    /* A ramp stays a ramp: pixel i of n lies at (i + 0.5) / n. */
    assert_int_equal(image_resize(&ramp, 60, 40, &twice, NULL), PUM_OK);
    assert_pixel(&twice, 20, 11, (int)(9.75 * 8), (int)(5.25 * 8), 200, 1);
    assert_pixel(&twice, 0, 0, 0, 0, 200, 0);
    assert_pixel(&twice, 59, 39, 29 * 8, 19 * 8, 200, 0);
    assert_int_equal(image_resize(&ramp, 10, 4, &half, NULL), PUM_OK);
    assert_pixel(&half, 4, 2, 13 * 8, 12 * 8, 200, 1);
    assert_int_equal(image_resize(&ramp, 1, 1, &tiny, NULL), PUM_OK);
    assert_pixel(&tiny, 0, 0, (int)(14.5 * 8), (int)(9.5 * 8), 200, 1);
    image_free(&ramp);
    image_free(&same);
    image_free(&half);
    image_free(&twice);
    /* From one pixel, and to nothing. */
    assert_int_equal(image_resize(&tiny, 7, 3, &same, NULL), PUM_OK);
    assert_memory_equal(pixel(&same, 6, 2), tiny.rgb, 3);
    assert_int_equal(image_resize(&tiny, 0, 3, &half, NULL), PUM_E_RANGE);
    assert_int_equal(image_resize(&tiny, 60000, 60000, &half, NULL), PUM_E_RANGE);
    image_free(&same);
    image_free(&tiny);
}

static void test_turn(void **state)
{
    (void)state;
    struct image ramp = make_ramp(7, 4);
    static const int32_t first[4][2] = {{0, 0}, {0, 6}, {6, 3}, {3, 0}}; /* of the source's pixel */
    for (int32_t t = 0; t < 4; t++) {
        struct image turned;
        assert_int_equal(image_turn(&ramp, t, &turned, NULL), PUM_OK);
        assert_int_equal(turned.width, t % 2 ? 4 : 7);
        assert_pixel(&turned, first[t][0], first[t][1], 0, 0, 200, 0);
        image_free(&turned);
    }
    image_free(&ramp);
}

static void test_warp(void **state)
{
    (void)state;
    struct image ramp = make_ramp(30, 20), cut;
    const struct image_point straight[4] = {{5, 4}, {15, 4}, {15, 10}, {5, 10}};
    assert_int_equal(image_warp_quad(&ramp, straight, 10, 6, &cut, NULL), PUM_OK);
    assert_pixel(&cut, 3, 2, 8 * 8, 6 * 8, 200, 1);
    image_free(&cut);
    /* The same upside down: the quad's first corner is the cut's first pixel. */
    const struct image_point turned[4] = {{15, 10}, {5, 10}, {5, 4}, {15, 4}};
    assert_int_equal(image_warp_quad(&ramp, turned, 10, 6, &cut, NULL), PUM_OK);
    assert_pixel(&cut, 3, 2, 12 * 8, 8 * 8, 200, 1);
    image_free(&cut);
    /* A trapezium, points outside, and all in one point: no crash, the corners kept. */
    const struct image_point trapezium[4] = {{-5, -5}, {40, 2}, {35, 30}, {0, 19}};
    assert_int_equal(image_warp_quad(&ramp, trapezium, 12, 9, &cut, NULL), PUM_OK);
    assert_pixel(&cut, 0, 0, 0, 0, 200, 8);
    image_free(&cut);
    const struct image_point point[4] = {{3, 3}, {3, 3}, {3, 3}, {3, 3}};
    assert_int_equal(image_warp_quad(&ramp, point, 5, 5, &cut, NULL), PUM_OK);
    assert_pixel(&cut, 4, 4, 24, 24, 200, 0);
    image_free(&cut);
    image_free(&ramp);
}

static void test_draw(void **state)
{
    (void)state;
    struct image image;
    const uint8_t red[3] = {255, 0, 0};
    const struct image_point square[4] = {{3, 3}, {12, 3}, {12, 8}, {3, 8}};
    const struct image_point wild[3] = {{-1e9f, -1e9f}, {1e9f, 4}, {NAN, 2}};
    assert_int_equal(image_create(&image, 20, 12, NULL), PUM_OK);
    image_fill(&image, 255, 255, 255);
    image_draw_polygon(&image, square, 4, 1, red);
    assert_pixel(&image, 7, 3, 255, 0, 0, 1);
    assert_pixel(&image, 3, 6, 255, 0, 0, 1);
    assert_pixel(&image, 7, 6, 255, 255, 255, 0);
    assert_pixel(&image, 16, 6, 255, 255, 255, 0);
    image_draw_polygon(&image, wild, 3, 2, red);
    image_free(&image);
}

static int32_t files_in(const char *folder)
{
    int32_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void test_save(void **state)
{
    (void)state;
    char folder[] = "/tmp/pumice-image-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    struct image ramp = make_ramp(24, 16), back;
    struct fault fault = {0};
    snprintf(path, sizeof(path), "%s/a.png", folder);
    assert_int_equal(image_save_png(&ramp, path, &fault), PUM_OK);
    assert_int_equal(image_save_png(&ramp, path, &fault), PUM_OK); /* replaces it */
    assert_int_equal(image_load(&back, path, &fault), PUM_OK);
    assert_memory_equal(back.rgb, ramp.rgb, 24 * 16 * 3);
    image_free(&back);
    assert_int_equal(files_in(folder), 1);
    /* A full disk, a missing folder, a folder in its place: an error, and nothing is left. */
    assert_int_equal(image_save_png(&ramp, "/dev/full", &fault), PUM_E_FILE);
    assert_non_null(strstr(fault.text, "No space left"));
    assert_true(fault.machine);
    fault_clear(&fault);
    assert_int_equal(image_save_png(&ramp, folder, &fault), PUM_E_FILE);
    assert_false(fault.machine);
    fault_clear(&fault);
    snprintf(path, sizeof(path), "%s/no/a.png", folder);
    assert_int_equal(image_save_png(&ramp, path, &fault), PUM_E_FILE);
    assert_int_equal(files_in(folder), 1);
    image_free(&ramp);
    snprintf(path, sizeof(path), "%s/a.png", folder);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_kinds), cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_broken),    cmocka_unit_test(test_resize),
        cmocka_unit_test(test_turn),      cmocka_unit_test(test_warp),
        cmocka_unit_test(test_draw),      cmocka_unit_test(test_save),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
