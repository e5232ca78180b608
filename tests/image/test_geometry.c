/* SPDX-License-Identifier: MIT
 *
 * test_geometry.c - hulls and smallest rectangles, against rectangles whose place is known.
 */
#include "image/geometry.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static bool near(float a, float b)
{
    return fabsf(a - b) < 1e-3f * (1 + fabsf(b));
}

static void test_hull(void **state)
{
    (void)state;
    struct image_point points[] = {{0, 0}, {2, 2}, {4, 0}, {1, 1}, {4, 4}, {0, 4}, {2, 0},
                                   {4, 4}, {0, 0}, {0, 2}, {3, 1}, {2, 4}};
    int32_t count = geo_hull(points, 12);
    assert_int_equal(count, 4);
    assert_true(near(geo_area(points, count), 16));
    struct image_point line[] = {{3, 3}, {1, 1}, {2, 2}, {5, 5}};
    assert_int_equal(geo_hull(line, 4), 2);
    struct image_point same[] = {{3, 3}, {3, 3}};
    assert_int_equal(geo_hull(same, 2), 1);
    assert_int_equal(geo_hull(same, 0), 0);
    /* Random points: every one lies inside the hull, and the hull turns one way only. */
    srand(7);
    for (int round = 0; round < 50; round++) {
        struct image_point cloud[60], kept[60];
        for (int i = 0; i < 60; i++)
            kept[i] = cloud[i] = (struct image_point){(float)(rand() % 20), (float)(rand() % 20)};
        int32_t n = geo_hull(cloud, 60);
        for (int32_t e = 0; e < n; e++) {
            struct image_point a = cloud[e], b = cloud[(e + 1) % n];
            for (int i = 0; i < 60; i++)
                assert_true((b.x - a.x) * (kept[i].y - a.y) - (b.y - a.y) * (kept[i].x - a.x) >= 0);
        }
    }
}

static void test_min_rect(void **state)
{
    (void)state;
    for (int degrees = -85; degrees <= 85; degrees += 17) {
        float angle = (float)degrees * 0.0174532925f, c = cosf(angle), s = sinf(angle);
        struct image_point points[200];
        int32_t count = 0;
        for (int i = 0; i <= 40; i++)
            for (int j = 0; j <= 4; j++) {
                if (count == 200)
                    continue;
                float u = (float)i * 2.5f, v = (float)j * 2.5f;
                points[count++] = (struct image_point){50 + u * c - v * s, 60 + u * s + v * c};
            }
        points[count - 1] = (struct image_point){50 + 100 * c - 10 * s, 60 + 100 * s + 10 * c};
        struct geo_rect rect = geo_min_rect(points, geo_hull(points, count));
        assert_true(near(fmaxf(rect.width, rect.height), 100));
        assert_true(near(fminf(rect.width, rect.height), 10));
        struct image_point quad[4];
        geo_corners(&rect, quad);
        assert_true(near(geo_area(quad, 4), 1000));
        /* Clockwise from the top left: the left corners are left of the right ones. */
        assert_true(quad[0].x <= quad[1].x && quad[3].x <= quad[2].x);
        assert_true(quad[0].y <= quad[3].y && quad[1].y <= quad[2].y);
        float turn = (quad[1].x - quad[0].x) * (quad[2].y - quad[1].y) -
                     (quad[1].y - quad[0].y) * (quad[2].x - quad[1].x);
        assert_true(turn > 0);
    }
    struct image_point one = {3, 4}, two[2] = {{0, 0}, {6, 8}};
    struct geo_rect rect = geo_min_rect(&one, 1);
    assert_true(rect.width == 0 && rect.centre.x == 3);
    rect = geo_min_rect(two, 2);
    assert_true(near(rect.width, 10) && near(rect.height, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hull),
        cmocka_unit_test(test_min_rect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
