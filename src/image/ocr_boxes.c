/* SPDX-License-Identifier: MIT
 *
 * ocr_boxes.c - from the detector's probability map to boxes, as the networks' authors define it:
 * pixels above a threshold, joined where they touch; around each group the smallest rectangle; its
 * mean probability as the score; and the rectangle grown, because the network is trained on
 * shrunken text. Groups are found on runs of pixels with union-find.
 * Tests: tests/image/test_ocr_post.c.
 */
#include "ocr_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIXEL_THRESHOLD 0.3f /* of the training's post-processing */
#define BOX_THRESHOLD 0.5f   /* boxes with a lower mean are noise */
#define GROW_RATIO 1.6f      /* distance grown = area * ratio / perimeter */
#define MIN_SIDE 3.0f        /* of a group, in map pixels */
#define MAX_BOXES 1000
#define ROOM_ALONG 0.2f  /* around a cut, in heights of the line: before and behind it */
#define ROOM_ACROSS 0.2f /* above and below it; more lets the next lines in */

struct run {
    int32_t y, first, last; /* pixels first..last of row y */
    int32_t parent;         /* union-find; a root points to itself */
};

struct runs {
    struct run *items;
    int32_t count, room;
};

static bool runs_push(struct runs *runs, struct run run)
{
    if (runs->count == runs->room) {
        if (runs->room > INT32_MAX / 4)
            return false;
        int32_t room = runs->room == 0 ? 1024 : runs->room * 2;
        struct run *grown = realloc(runs->items, (size_t)room * sizeof(*grown));
        if (grown == NULL)
            return false;
        runs->items = grown;
        runs->room = room;
    }
    run.parent = runs->count;
    runs->items[runs->count++] = run;
    return true;
}

static int32_t find_root(struct run *items, int32_t i)
{
    while (items[i].parent != i) {
        items[i].parent = items[items[i].parent].parent;
        i = items[i].parent;
    }
    return i;
}

/* Joins the runs of two rows that touch, corners included. The lower index stays the root. */
static void join_rows(struct run *items, int32_t above, int32_t above_end, int32_t row,
                      int32_t row_end)
{
    while (above < above_end && row < row_end) {
        const struct run *upper = &items[above], *lower = &items[row];
        if (upper->first <= lower->last + 1 && lower->first <= upper->last + 1) {
            int32_t a = find_root(items, above), b = find_root(items, row);
            if (a < b)
                items[b].parent = a;
            else
                items[a].parent = b;
        }
        if (items[above].last < items[row].last)
            above++;
        else
            row++;
    }
}

static bool find_runs(const struct ocr_map *map, struct runs *runs)
{
    int32_t above = 0, above_end = 0;
    for (int32_t y = 0; y < map->height; y++) {
        const float *row = map->values + (size_t)y * (size_t)map->width;
        int32_t start = runs->count;
        for (int32_t x = 0; x < map->width; x++) {
            if (!(row[x] > PIXEL_THRESHOLD))
                continue;
            int32_t first = x;
            while (x + 1 < map->width && row[x + 1] > PIXEL_THRESHOLD)
                x++;
            if (!runs_push(runs, (struct run){.y = y, .first = first, .last = x}))
                return false;
        }
        join_rows(runs->items, above, above_end, start, runs->count);
        above = start;
        above_end = runs->count;
    }
    return true;
}

/* Mean of the map inside a rectangle, by the part of each row that lies within. */
static float mean_inside(const struct ocr_map *map, const struct image_point quad[4])
{
    float top = quad[0].y, bottom = quad[0].y;
    for (int i = 1; i < 4; i++) {
        top = fminf(top, quad[i].y);
        bottom = fmaxf(bottom, quad[i].y);
    }
    double sum = 0;
    int64_t count = 0;
    int32_t y_end = (int32_t)fminf(floorf(bottom), (float)(map->height - 1));
    for (int32_t y = (int32_t)fmaxf(ceilf(top), 0); y <= y_end; y++) {
        float left = INFINITY, right = -INFINITY;
        for (int i = 0; i < 4; i++) {
            struct image_point a = quad[i], b = quad[(i + 1) & 3];
            float fy = (float)y;
            if ((a.y < fy && b.y < fy) || (a.y > fy && b.y > fy))
                continue;
            float t = b.y != a.y ? (fy - a.y) / (b.y - a.y) : 0;
            float x = a.x + (b.x - a.x) * t;
            left = fminf(left, a.y != b.y ? x : fminf(a.x, b.x));
            right = fmaxf(right, a.y != b.y ? x : fmaxf(a.x, b.x));
        }
        int32_t x_end = (int32_t)fminf(floorf(right + 0.01f), (float)(map->width - 1));
        for (int32_t x = (int32_t)fmaxf(ceilf(left - 0.01f), 0); x <= x_end; x++, count++)
            sum += map->values[(size_t)y * (size_t)map->width + (size_t)x];
    }
    return count > 0 ? (float)(sum / (double)count) : 0;
}

static struct image_point to_picture(const struct ocr_map *map, struct image_point p)
{
    float x = (p.x - map->offset_x + 0.5f) / map->scale - 0.5f;
    float y = (p.y - map->offset_y + 0.5f) / map->scale - 0.5f;
    return (struct image_point){fminf(fmaxf(x, 0), (float)(map->picture_width - 1)),
                                fminf(fmaxf(y, 0), (float)(map->picture_height - 1))};
}

/* The box around one group of runs, given the ends of its runs; false where it is noise. */
static bool box_of_group(const struct ocr_map *map, struct image_point *points, int32_t count,
                         struct ocr_box *out_box)
{
    int32_t hull = geo_hull(points, count);
    struct geo_rect rect = geo_min_rect(points, hull);
    if (fminf(rect.width, rect.height) < MIN_SIDE)
        return false;
    struct image_point quad[4];
    geo_corners(&rect, quad);
    float score = mean_inside(map, quad);
    if (!(score >= BOX_THRESHOLD))
        return false;
    float grow = rect.width * rect.height * GROW_RATIO / (2 * (rect.width + rect.height));
    rect.width += 2 * grow;
    rect.height += 2 * grow;
    geo_corners(&rect, quad);
    for (int i = 0; i < 4; i++)
        out_box->quad[i] = to_picture(map, quad[i]);
    out_box->score = score;
    int32_t width, height;
    ocr_cut_size(out_box->quad, &width, &height);
    return width > 2 && height > 2;
}

void ocr_cut_size(const struct image_point quad[4], int32_t *out_width, int32_t *out_height)
{
    float width = fmaxf(geo_distance(quad[0], quad[1]), geo_distance(quad[3], quad[2]));
    float height = fmaxf(geo_distance(quad[0], quad[3]), geo_distance(quad[1], quad[2]));
    *out_width = (int32_t)fmaxf(roundf(width), 1);
    *out_height = (int32_t)fmaxf(roundf(height), 1);
}

/* A box in the axes of a line: how far it lies before or behind it, and how far beside it. */
static struct image_point along_line(struct image_point origin, struct image_point unit,
                                     struct image_point p)
{
    float x = p.x - origin.x, y = p.y - origin.y;
    return (struct image_point){x * unit.x + y * unit.y, y * unit.x - x * unit.y};
}

/* Limits the room before and behind a line of the given length and height to half of the gaps. */
static void respect_neighbour(const struct image_point other[4], struct image_point origin,
                              struct image_point unit, float length, float height,
                              float *before, float *behind)
{
    float low = INFINITY, high = -INFINITY, middle = 0;
    for (int k = 0; k < 4; k++) {
        struct image_point p = along_line(origin, unit, other[k]);
        low = fminf(low, p.x);
        high = fmaxf(high, p.x);
        middle += p.y / 4;
    }
    if (fabsf(middle) > height / 2)
        return; /* another line */
    if ((low + high) / 2 > length / 2)
        *behind = fminf(*behind, fmaxf(low - length, 0) / 2);
    else
        *before = fminf(*before, fmaxf(-high, 0) / 2);
}

void ocr_widen_box(const struct ocr_box *boxes, int32_t count, int32_t index,
                   struct image_point out_quad[4])
{
    const struct image_point *quad = boxes[index].quad;
    int32_t width, height;
    ocr_cut_size(quad, &width, &height);
    /* Corners from the start of the line: a, b along it, c, d back on its other side. */
    int start = height > width ? 1 : 0;
    struct image_point a = quad[start], b = quad[start + 1], c = quad[(start + 2) & 3],
                       d = quad[(start + 3) & 3];
    float length = fmaxf((float)(start ? height : width), 1);
    float across = fmaxf((float)(start ? width : height), 1);
    struct image_point unit = {(b.x - a.x + c.x - d.x) / 2 / length,
                               (b.y - a.y + c.y - d.y) / 2 / length};
    struct image_point down = {(d.x - a.x + c.x - b.x) / 2 / across,
                               (d.y - a.y + c.y - b.y) / 2 / across};
    struct image_point origin = {(a.x + d.x) / 2, (a.y + d.y) / 2};
    float before = across * ROOM_ALONG, behind = before, side = across * ROOM_ACROSS;
    for (int32_t i = 0; i < count; i++)
        if (i != index)
            respect_neighbour(boxes[i].quad, origin, unit, length, across, &before, &behind);
    for (int k = 0; k < 4; k++) {
        int corner = (start + k) & 3; /* 0: a, before and up; 1: b, behind and up; ... */
        float u = k == 0 || k == 3 ? -before : behind, v = k < 2 ? -side : side;
        out_quad[corner].x = quad[corner].x + u * unit.x + v * down.x;
        out_quad[corner].y = quad[corner].y + u * unit.y + v * down.y;
    }
}

/* Run numbers in the order of their groups: heads[root] chains to next[run]. */
static int32_t collect_boxes(const struct ocr_map *map, struct runs *runs, int32_t *next,
                             struct image_point *points, struct ocr_box *boxes)
{
    int32_t count = 0;
    for (int32_t i = 0; i < runs->count; i++)
        next[i] = -1;
    /* Backwards, so that each root's chain runs forwards; a root is its group's lowest run. */
    for (int32_t i = runs->count - 1; i >= 0; i--) {
        int32_t root = find_root(runs->items, i);
        if (root != i) {
            next[i] = next[root];
            next[root] = i;
        }
    }
    for (int32_t i = 0; i < runs->count && count < MAX_BOXES; i++) {
        if (runs->items[i].parent != i)
            continue;
        int32_t used = 0;
        for (int32_t k = i; k >= 0; k = next[k]) {
            const struct run *run = &runs->items[k];
            points[used++] = (struct image_point){(float)run->first, (float)run->y};
            points[used++] = (struct image_point){(float)run->last, (float)run->y};
        }
        if (box_of_group(map, points, used, &boxes[count]))
            count++;
    }
    return count;
}

pum_status ocr_find_boxes(const struct ocr_map *map, struct ocr_box **out_boxes,
                          int32_t *out_count, struct fault *fault)
{
    *out_boxes = NULL;
    *out_count = 0;
    struct runs runs = {0};
    int32_t *next = NULL;
    struct image_point *points = NULL;
    struct ocr_box *boxes = malloc(MAX_BOXES * sizeof(*boxes));
    bool ok = boxes != NULL && find_runs(map, &runs);
    if (ok) {
        next = malloc((size_t)(runs.count + 1) * sizeof(*next));
        points = malloc((size_t)(runs.count + 1) * 2 * sizeof(*points));
        ok = next != NULL && points != NULL;
    }
    if (ok) {
        *out_count = collect_boxes(map, &runs, next, points, boxes);
        *out_boxes = boxes;
    } else {
        free(boxes);
    }
    free(runs.items);
    free(next);
    free(points);
    return ok ? PUM_OK : fault_set(fault, PUM_E_MEMORY, "no memory for the boxes of text");
}
