/* SPDX-License-Identifier: MIT
 *
 * test_ocr_post.c - what lies between the OCR networks, on made-up maps, boxes and steps: boxes
 * from a probability map, room around them, the order of reading, decoding, cutting long lines.
 */
#include "image/ocr_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAP_WIDTH = 200, MAP_HEIGHT = 120 };

/* Paints a rectangle of text into a map: centre, half sizes, angle in degrees. */
static void paint(float *map, float cx, float cy, float half_w, float half_h, float degrees,
                  float value)
{
    float c = cosf(degrees * 0.0174532925f), s = sinf(degrees * 0.0174532925f);
    for (int y = 0; y < MAP_HEIGHT; y++)
        for (int x = 0; x < MAP_WIDTH; x++) {
            float dx = (float)x - cx, dy = (float)y - cy;
            if (fabsf(dx * c + dy * s) <= half_w && fabsf(dy * c - dx * s) <= half_h)
                map[y * MAP_WIDTH + x] = value;
        }
}

static int32_t find(const float *values, struct ocr_box **boxes)
{
    struct ocr_map map = {.values = values, .width = MAP_WIDTH, .height = MAP_HEIGHT, .scale = 0.5f,
                          .offset_x = 10, .offset_y = 6, .picture_width = 360,
                          .picture_height = 216};
    int32_t count;
    assert_int_equal(ocr_find_boxes(&map, boxes, &count, NULL), PUM_OK);
    return count;
}

static void test_boxes(void **state)
{
    (void)state;
    float *map = calloc(MAP_WIDTH * MAP_HEIGHT, sizeof(float));
    struct ocr_box *boxes;
    assert_int_equal(find(map, &boxes), 0);
    free(boxes);

    paint(map, 70, 30, 40, 5, 0, 0.9f);   /* a line */
    paint(map, 150, 80, 30, 5, 30, 0.8f); /* a sloping one */
    paint(map, 30, 100, 20, 6, 0, 0.4f);  /* too faint on the whole */
    paint(map, 180, 15, 1, 1, 0, 1);      /* a speck */
    assert_int_equal(find(map, &boxes), 2);
    /* 80 x 10 grown by 80 * 10 * 1.6 / 180 = 7.1 on each side; the map is of half size. */
    assert_true(fabsf(boxes[0].quad[0].x - ((70 - 40 - 7.1f - 10 + 0.5f) * 2 - 0.5f)) < 1.5f);
    assert_true(fabsf(boxes[0].quad[2].y - ((30 + 5 + 7.1f - 6 + 0.5f) * 2 - 0.5f)) < 1.5f);
    assert_true(fabsf(boxes[0].score - 0.9f) < 1e-4f);
    struct image_point *q = boxes[1].quad;
    float slope = atan2f(q[1].y - q[0].y, q[1].x - q[0].x) * 57.29578f;
    assert_true(fabsf(slope - 30) < 3);
    free(boxes);

    /* Two that touch at a corner are one; the whole map is a box in the picture; NaN is none. */
    memset(map, 0, MAP_WIDTH * MAP_HEIGHT * sizeof(float));
    paint(map, 50, 50, 10, 5, 0, 1);
    paint(map, 71, 61, 10, 5, 0, 1);
    int32_t count = find(map, &boxes);
    free(boxes);
    assert_true(count <= 1);
    paint(map, 100, 60, 200, 200, 0, 1);
    assert_int_equal(find(map, &boxes), 1);
    for (int k = 0; k < 4; k++) {
        assert_true(boxes[0].quad[k].x >= 0 && boxes[0].quad[k].x <= 359);
        assert_true(boxes[0].quad[k].y >= 0 && boxes[0].quad[k].y <= 215);
    }
    free(boxes);
    paint(map, 100, 60, 200, 200, 0, NAN);
    assert_int_equal(find(map, &boxes), 0);
    free(boxes);
    /* A chessboard: the worst case for groups and runs. */
    for (int i = 0; i < MAP_WIDTH * MAP_HEIGHT; i++)
        map[i] = (float)((i / MAP_WIDTH + i) & 1);
    count = find(map, &boxes);
    assert_true(count <= 1);
    free(boxes);
    free(map);
}

static void set_box(struct image_point quad[4], float left, float top, float right, float bottom)
{
    quad[0] = (struct image_point){left, top};
    quad[1] = (struct image_point){right, top};
    quad[2] = (struct image_point){right, bottom};
    quad[3] = (struct image_point){left, bottom};
}

static void test_widen(void **state)
{
    (void)state;
    struct ocr_box boxes[3];
    struct image_point wide[4];
    set_box(boxes[0].quad, 100, 100, 200, 120);
    set_box(boxes[1].quad, 204, 101, 300, 121); /* close behind it */
    set_box(boxes[2].quad, 100, 130, 200, 150); /* the next line */
    ocr_widen_box(boxes, 3, 0, wide);
    assert_true(fabsf(wide[0].x - 96) < 0.1f && fabsf(wide[0].y - 96) < 0.1f);
    assert_true(fabsf(wide[2].x - 202) < 0.1f && fabsf(wide[2].y - 124) < 0.1f);
    ocr_widen_box(boxes, 3, 1, wide);
    assert_true(fabsf(wide[3].x - 202) < 0.1f && fabsf(wide[1].x - 304) < 0.1f);
    /* A tall line: the room before and behind it is above and below. */
    set_box(boxes[0].quad, 10, 10, 30, 110);
    set_box(boxes[1].quad, 10, 112, 30, 200);
    ocr_widen_box(boxes, 2, 0, wide);
    assert_true(fabsf(wide[0].x - 6) < 0.1f && fabsf(wide[0].y - 6) < 0.1f);
    assert_true(fabsf(wide[2].x - 34) < 0.1f && fabsf(wide[2].y - 111) < 0.1f);
}

/* A page as words "x y width height", in reading order, shuffled before sorting. `rows` are the row
 * numbers that must come out. */
struct page {
    const char *name;
    int32_t count;
    float boxes[16][4];
    int32_t rows[16];
};

static const struct page pages[] = {
    {"lines", 4, {{40, 20, 300, 20}, {40, 60, 280, 20}, {40, 100, 310, 20}, {40, 140, 90, 20}},
     {0, 1, 2, 3}},
    {"words side by side", 5,
     {{40, 20, 100, 20}, {160, 22, 100, 18}, {280, 19, 60, 22}, {40, 60, 50, 20},
      {110, 61, 80, 20}},
     {0, 0, 0, 1, 1}},
    {"two columns", 8,
     {{40, 20, 200, 20}, {40, 60, 190, 20}, {40, 100, 210, 20}, {40, 140, 120, 20},
      {300, 21, 200, 20}, {300, 59, 190, 20}, {300, 102, 205, 20}, {300, 141, 100, 20}},
     {0, 1, 2, 3, 4, 5, 6, 7}},
    {"columns of different pitch", 7,
     {{40, 20, 200, 20}, {40, 52, 190, 20}, {40, 84, 210, 20}, {40, 116, 200, 20},
      {300, 20, 200, 20}, {300, 65, 190, 20}, {300, 110, 205, 20}},
     {0, 1, 2, 3, 4, 5, 6}},
    {"headline, columns, footer", 8,
     {{40, 10, 460, 30}, {40, 60, 200, 20}, {40, 100, 190, 20}, {40, 140, 210, 20},
      {300, 60, 200, 20}, {300, 100, 190, 20}, {300, 140, 205, 20}, {100, 190, 300, 20}},
     {0, 1, 2, 3, 4, 5, 6, 7}},
    {"three columns", 9,
     {{10, 20, 150, 15}, {10, 50, 150, 15}, {10, 80, 140, 15}, {200, 20, 150, 15},
      {200, 50, 150, 15}, {200, 80, 140, 15}, {390, 20, 150, 15}, {390, 50, 150, 15},
      {390, 80, 140, 15}},
     {0, 1, 2, 3, 4, 5, 6, 7, 8}},
    {"a receipt stays in rows", 8,
     {{30, 20, 140, 20}, {300, 20, 50, 20}, {30, 60, 150, 20}, {300, 60, 50, 20},
      {30, 100, 90, 20}, {300, 100, 50, 20}, {30, 140, 70, 20}, {290, 140, 60, 20}},
     {0, 0, 1, 1, 2, 2, 3, 3}},
    {"one line", 1, {{30, 20, 140, 20}}, {0}},
    {"none", 0, {{0}}, {0}},
};

/* Turns a point clockwise about the origin by quarters, then by a slope in degrees. */
static struct image_point place(float x, float y, int32_t angle, float slope)
{
    float c = cosf(slope * 0.0174532925f), s = sinf(slope * 0.0174532925f);
    struct image_point p = {x * c - y * s, x * s + y * c}, q = p;
    if (angle == 90)
        q = (struct image_point){-p.y, p.x};
    if (angle == 180)
        q = (struct image_point){-p.x, -p.y};
    if (angle == 270)
        q = (struct image_point){p.y, -p.x};
    return (struct image_point){q.x + 1000, q.y + 1000};
}

static void sort_page(const struct page *page, int32_t angle, float slope)
{
    struct ocr_place places[16] = {0};
    for (int32_t i = 0; i < page->count; i++) {
        int32_t at = (i * 7 + 3) % page->count; /* shuffled: no page has a multiple of 7 boxes */
        if (page->count == 7)
            at = 6 - i;
        const float *b = page->boxes[i];
        /* Corners clockwise from the top left of the turned picture. */
        int first = angle / 90;
        struct image_point corners[4] = {place(b[0], b[1], angle, slope),
                                         place(b[0] + b[2], b[1], angle, slope),
                                         place(b[0] + b[2], b[1] + b[3], angle, slope),
                                         place(b[0], b[1] + b[3], angle, slope)};
        for (int k = 0; k < 4; k++)
            places[at].quad[(k + first) & 3] = corners[k];
        places[at].index = i;
    }
    assert_int_equal(ocr_sort(places, page->count, angle, NULL), PUM_OK);
    for (int32_t i = 0; i < page->count; i++)
        if (places[i].index != i || places[i].row != page->rows[i])
            fail_msg("%s, turned by %d, slope %g: place %d has box %d, row %d, not row %d",
                     page->name, angle, (double)slope, i, places[i].index, places[i].row,
                     page->rows[i]);
}

static void test_order(void **state)
{
    (void)state;
    static const float slopes[] = {0, 2, -2, 6, -6};
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        for (int32_t angle = 0; angle < 360; angle += 90)
            for (size_t s = 0; s < sizeof(slopes) / sizeof(slopes[0]); s++)
                sort_page(&pages[i], angle, slopes[s]);
}

/* Steps of the classes: blank, a, b, 、wide comma, an ideograph, comma, space. */
static void test_decode(void **state)
{
    (void)state;
    char path[] = "/tmp/pumice-keys-XXXXXX";
    int fd = mkstemp(path);
    static const char keys[] = "a\r\nb\n，\n中\n,\n";
    assert_int_equal(write(fd, keys, sizeof(keys) - 1), sizeof(keys) - 1);
    close(fd);
    struct ocr_dictionary dictionary;
    assert_int_equal(ocr_dictionary_load(path, &dictionary, NULL), PUM_OK);
    assert_int_equal(dictionary.count, 6);
    enum { CLASSES = 7, SPACE = 6 };
    static const struct {
        const char *steps; /* a digit a step: the class; 's' a blank where a space is likely */
        const char *want;
    } cases[] = {
        {"", ""},          {"000", ""},          {"1", "a"},         {"111", "a"},
        {"101", "aa"},     {"0112200", "ab"},    {"16062", "a b"},   {"1s2", "a b"},
        {"6161", "a a"},   {"166", "a"},         {"132", "a,b"},     {"13s2", "a, b"},
        {"1s5", "a,"},     {"4s4", "中中"},      {"434", "中，中"},  {"1s4", "a中"},
        {"1s6s2", "a b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        float steps[16 * CLASSES] = {0};
        int32_t count = (int32_t)strlen(cases[i].steps);
        for (int32_t t = 0; t < count; t++) {
            char c = cases[i].steps[t];
            steps[t * CLASSES + (c == 's' ? 0 : c - '0')] = 0.5f;
            if (c == 's')
                steps[t * CLASSES + SPACE] = 0.2f;
        }
        char *text;
        float score;
        assert_int_equal(ocr_decode(steps, count, CLASSES, &dictionary, &text, &score, NULL),
                         PUM_OK);
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("steps %s: \"%s\", not \"%s\"", cases[i].steps, text, cases[i].want);
        bool none = cases[i].want[0] == '\0';
        assert_true(fabsf(score - (none ? 0 : 0.5f)) < 1e-6f);
        free(text);
    }
    ocr_dictionary_free(&dictionary);
    assert_int_equal(truncate(path, 0), 0);
    struct fault fault = {0};
    assert_int_equal(ocr_dictionary_load(path, &dictionary, &fault), PUM_E_FORMAT);
    unlink(path);
    fault_clear(&fault);
    assert_int_equal(ocr_dictionary_load(path, &dictionary, &fault), PUM_E_FILE);
}

static void test_split(void **state)
{
    (void)state;
    struct image strip;
    struct ocr_part parts[8];
    assert_int_equal(image_create(&strip, 1000, 48, NULL), PUM_OK);
    image_fill(&strip, 255, 255, 255);
    /* Letters: black bars 6 wide every 10; a word gap at 250..270, narrow gaps elsewhere. */
    for (int32_t x = 0; x < 1000; x++)
        for (int32_t y = 10; y < 40; y++)
            if (x % 10 < 6 && !(x >= 250 && x < 270))
                strip.rgb[(y * 1000 + x) * 3 + 1] = 0;
    int32_t count = ocr_split_strip(&strip, 300, parts, 8);
    assert_true(count >= 4);
    /* The word gap is in both parts, 246 where the bar before it ends. */
    assert_true(parts[0].from == 0 && parts[0].to == 270 && parts[0].space_after);
    assert_int_equal(parts[1].from, 246);
    for (int32_t i = 0; i + 1 < count; i++) {
        assert_true(parts[i].to - parts[i].from <= 300 && parts[i + 1].from > parts[i].from);
        assert_true(parts[i].to % 10 == 0 && parts[i + 1].from % 10 == 6); /* not through a bar */
        assert_int_equal(parts[i].space_after, i == 0);
    }
    assert_int_equal(parts[count - 1].to, 1000);
    assert_int_equal(ocr_split_strip(&strip, 1000, parts, 8), 1);
    assert_int_equal(ocr_split_strip(&strip, 100, parts, 3), 3); /* no more room: the rest */
    assert_int_equal(parts[2].to, 1000);
    image_free(&strip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boxes),  cmocka_unit_test(test_widen), cmocka_unit_test(test_order),
        cmocka_unit_test(test_decode), cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
