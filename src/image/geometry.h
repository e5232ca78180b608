/* SPDX-License-Identifier: MIT
 *
 * geometry.h - convex hulls and the smallest rotated rectangle around points, for text boxes.
 * Pure functions, no memory taken. Tests: tests/image/test_geometry.c.
 */
#ifndef PUM_SRC_GEOMETRY_H
#define PUM_SRC_GEOMETRY_H

#include "image.h"

/* A rectangle at any angle: `width` lies along (cos, sin), `height` across it. */
struct geo_rect {
    struct image_point centre;
    float cos, sin;
    float width, height;
};

/* Sorts the points and moves those of the convex hull to the front, in order around it; gives their
 * number (1 for equal points, 2 for points on a line). */
int32_t geo_hull(struct image_point *points, int32_t count);

/* The rectangle of least area around a convex hull as geo_hull gives it; count >= 1. */
struct geo_rect geo_min_rect(const struct image_point *hull, int32_t count);

/* Corners, clockwise on the screen from the top left one. */
void geo_corners(const struct geo_rect *rect, struct image_point quad[4]);

float geo_distance(struct image_point a, struct image_point b);

/* Area of a polygon, never negative. */
float geo_area(const struct image_point *points, int32_t count);

#endif
