/* SPDX-License-Identifier: MIT
 *
 * geometry.c - monotone-chain hull; the smallest rectangle has a side along an edge of the hull, so
 * each edge is tried (hulls of text are short). Tests: tests/image/test_geometry.c.
 */
#include "geometry.h"

#include <math.h>
#include <stdlib.h>

static int compare_points(const void *left, const void *right)
{
    const struct image_point *a = left, *b = right;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return a->y < b->y ? -1 : a->y > b->y;
}

static double cross(struct image_point o, struct image_point a, struct image_point b)
{
    return ((double)a.x - o.x) * ((double)b.y - o.y) - ((double)a.y - o.y) * ((double)b.x - o.x);
}

static void swap_points(struct image_point *a, struct image_point *b)
{
    struct image_point keep = *a;
    *a = *b;
    *b = keep;
}

/* One chain over sorted points: hull points move to the front, the others stay behind them. */
static int32_t half_hull(struct image_point *points, int32_t count)
{
    int32_t used = 0;
    for (int32_t i = 0; i < count; i++) {
        while (used >= 2 && cross(points[used - 2], points[used - 1], points[i]) <= 0)
            used--;
        swap_points(&points[used++], &points[i]);
    }
    return used;
}

int32_t geo_hull(struct image_point *points, int32_t count)
{
    if (count == 0)
        return 0;
    qsort(points, (size_t)count, sizeof(*points), compare_points);
    struct image_point first = points[0], last = points[count - 1];
    if (first.x == last.x && first.y == last.y)
        return 1;
    int32_t lower = half_hull(points, count);
    /* What the first chain left over, with its two ends, makes the second one, backwards. */
    struct image_point *rest = points + lower - 1;
    int32_t rest_count = count - lower + 1;
    qsort(rest, (size_t)rest_count, sizeof(*rest), compare_points);
    for (int32_t i = 0; i < rest_count / 2; i++)
        swap_points(&rest[i], &rest[rest_count - 1 - i]);
    /* It runs from the greatest point to the first, which stands at points[0] and closes it. */
    int32_t upper = half_hull(rest, rest_count);
    while (upper >= 2 && cross(rest[upper - 2], rest[upper - 1], first) <= 0)
        upper--;
    return lower - 1 + upper;
}

struct geo_rect geo_min_rect(const struct image_point *hull, int32_t count)
{
    struct geo_rect best = {.centre = hull[0], .cos = 1, .sin = 0};
    double best_area = -1;
    for (int32_t i = 0; i < count && count > 1; i++) {
        struct image_point a = hull[i], b = hull[(i + 1) % count];
        double length = hypot((double)b.x - a.x, (double)b.y - a.y);
        if (length <= 0)
            continue;
        double c = (b.x - a.x) / length, s = (b.y - a.y) / length;
        double low_u = INFINITY, high_u = -INFINITY, low_v = INFINITY, high_v = -INFINITY;
        for (int32_t k = 0; k < count; k++) {
            double u = hull[k].x * c + hull[k].y * s, v = hull[k].y * c - hull[k].x * s;
            low_u = fmin(low_u, u);
            high_u = fmax(high_u, u);
            low_v = fmin(low_v, v);
            high_v = fmax(high_v, v);
        }
        double area = (high_u - low_u) * (high_v - low_v);
        if (best_area >= 0 && area >= best_area)
            continue;
        best_area = area;
        double u = (low_u + high_u) / 2, v = (low_v + high_v) / 2;
        best.centre = (struct image_point){(float)(u * c - v * s), (float)(u * s + v * c)};
        best.cos = (float)c;
        best.sin = (float)s;
        best.width = (float)(high_u - low_u);
        best.height = (float)(high_v - low_v);
    }
    return best;
}

static int compare_x(const void *left, const void *right)
{
    const struct image_point *a = left, *b = right;
    return a->x < b->x ? -1 : a->x > b->x;
}

void geo_corners(const struct geo_rect *rect, struct image_point quad[4])
{
    float ux = rect->cos * rect->width / 2, uy = rect->sin * rect->width / 2;
    float vx = -rect->sin * rect->height / 2, vy = rect->cos * rect->height / 2;
    float cx = rect->centre.x, cy = rect->centre.y;
    struct image_point corners[4] = {{cx - ux - vx, cy - uy - vy},
                                     {cx + ux - vx, cy + uy - vy},
                                     {cx + ux + vx, cy + uy + vy},
                                     {cx - ux + vx, cy - uy + vy}};
    qsort(corners, 4, sizeof(corners[0]), compare_x);
    int left_top = corners[0].y <= corners[1].y ? 0 : 1;
    int right_top = corners[2].y <= corners[3].y ? 2 : 3;
    quad[0] = corners[left_top];
    quad[1] = corners[right_top];
    quad[2] = corners[5 - right_top];
    quad[3] = corners[1 - left_top];
}

float geo_distance(struct image_point a, struct image_point b)
{
    return hypotf(b.x - a.x, b.y - a.y);
}

float geo_area(const struct image_point *points, int32_t count)
{
    double sum = 0;
    for (int32_t i = 0; i < count; i++) {
        struct image_point a = points[i], b = points[(i + 1) % count];
        sum += (double)a.x * b.y - (double)b.x * a.y;
    }
    return (float)fabs(sum / 2);
}
