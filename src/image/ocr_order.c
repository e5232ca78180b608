/* SPDX-License-Identifier: MIT
 *
 * ocr_order.c - the order in which a person reads the boxes of a page. The page is first turned
 * upright and straight; then split, again and again, at the clearest vertical gutter with prose on
 * both sides (boxes that span it, such as a headline, cut the page into bands); what has no gutter
 * is read row by row. Tables and receipts, whose cells are short, stay in rows.
 * Tests: tests/image/test_ocr_post.c.
 */
#include "ocr_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PROSE_ASPECT 4.0f   /* lines of a column are at least this many times wider than high */
#define GUTTER_HEIGHTS 0.7f /* a gutter is at least this wide, in heights of a line */
#define SPANNING_SHARE 0.34f /* at most this share of the boxes lies across a gutter */

struct order {
    struct ocr_place *scratch; /* as many as places */
    float *values;             /* likewise */
    int32_t next_row;
};

static int compare_float(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    return a < b ? -1 : a > b;
}

static float median(float *values, int32_t count)
{
    qsort(values, (size_t)count, sizeof(*values), compare_float);
    return count > 0 ? values[count / 2] : 0;
}

static struct image_point turn_point(struct image_point p, int32_t angle)
{
    switch (angle) {
    case 90:
        return (struct image_point){p.y, -p.x};
    case 180:
        return (struct image_point){-p.x, -p.y};
    case 270:
        return (struct image_point){-p.y, p.x};
    default:
        return p;
    }
}

/* The slope of the page's lines, from boxes long enough to show one. */
static float find_slope(const struct ocr_place *places, int32_t count, int32_t angle, float *values)
{
    int32_t used = 0;
    for (int32_t i = 0; i < count; i++) {
        struct image_point p[4];
        for (int k = 0; k < 4; k++)
            p[k] = turn_point(places[i].quad[k], angle);
        /* of the two directions of sides, the longer is the line's */
        float ux = p[1].x - p[0].x + p[2].x - p[3].x, uy = p[1].y - p[0].y + p[2].y - p[3].y;
        float vx = p[3].x - p[0].x + p[2].x - p[1].x, vy = p[3].y - p[0].y + p[2].y - p[1].y;
        bool along_u = hypotf(ux, uy) >= hypotf(vx, vy);
        float longer = fmaxf(hypotf(ux, uy), hypotf(vx, vy));
        float shorter = fminf(hypotf(ux, uy), hypotf(vx, vy));
        float slope = along_u ? atan2f(uy, ux) : atan2f(vy, vx);
        const float half_turn = 3.14159265f;
        if (slope > half_turn / 2)
            slope -= half_turn;
        if (slope < -half_turn / 2)
            slope += half_turn;
        if (longer >= 2.5f * shorter && fabsf(slope) < half_turn / 4)
            values[used++] = slope;
    }
    return median(values, used);
}

static void straighten(struct ocr_place *place, int32_t angle, float slope)
{
    float c = cosf(slope), s = sinf(slope);
    float x = 0, y = 0, wide[4], high[4];
    for (int k = 0; k < 4; k++) {
        struct image_point p = turn_point(place->quad[k], angle);
        wide[k] = p.x * c + p.y * s;
        high[k] = p.y * c - p.x * s;
        x += wide[k] / 4;
        y += high[k] / 4;
    }
    /* Half the mean extent: a box at a small angle to the page is not taken for a higher one. */
    float half_w = 0, half_h = 0;
    for (int k = 0; k < 4; k++) {
        half_w += fabsf(wide[k] - x) / 4;
        half_h += fabsf(high[k] - y) / 4;
    }
    place->left = x - half_w;
    place->right = x + half_w;
    place->top = y - half_h;
    place->bottom = y + half_h;
}

static float middle(const struct ocr_place *place)
{
    return (place->top + place->bottom) / 2;
}

static int compare_middle(const void *left, const void *right)
{
    float a = middle(left), b = middle(right);
    return a < b ? -1 : a > b;
}

static int compare_left(const void *left, const void *right)
{
    const struct ocr_place *a = left, *b = right;
    return a->left < b->left ? -1 : a->left > b->left;
}

/* Rows from top to bottom: a box belongs to the row that it overlaps by half of the lower one. */
static void order_rows(struct order *order, struct ocr_place *places, int32_t count)
{
    qsort(places, (size_t)count, sizeof(*places), compare_middle);
    for (int32_t start = 0; start < count;) {
        float top = places[start].top, bottom = places[start].bottom;
        int32_t end = start + 1;
        for (; end < count; end++) {
            float overlap = fminf(bottom, places[end].bottom) - fmaxf(top, places[end].top);
            float lower = fminf(bottom - top, places[end].bottom - places[end].top);
            if (overlap < 0.5f * lower)
                break;
            /* the row follows its boxes, half way, so that a slope does not break it */
            top += (places[end].top - top) / 2;
            bottom += (places[end].bottom - bottom) / 2;
        }
        qsort(places + start, (size_t)(end - start), sizeof(*places), compare_left);
        for (int32_t i = start; i < end; i++)
            places[i].row = order->next_row;
        order->next_row++;
        start = end;
    }
}

struct gutter {
    float x;
    float width;
    int32_t spanning;
};

/* One side of a gutter: whether it reads like a column of prose, and where it lies. */
struct side {
    int32_t count;
    float top, bottom;
    float aspect; /* median width by height */
    float height; /* mean of the boxes */
};

static struct side look_at_side(const struct ocr_place *places, int32_t count, bool left, float x,
                                float *values)
{
    struct side side = {.top = INFINITY, .bottom = -INFINITY};
    for (int32_t i = 0; i < count; i++) {
        const struct ocr_place *p = &places[i];
        if (left ? p->right > x : p->left < x)
            continue;
        side.top = fminf(side.top, p->top);
        side.bottom = fmaxf(side.bottom, p->bottom);
        side.height += p->bottom - p->top;
        values[side.count++] = (p->right - p->left) / fmaxf(p->bottom - p->top, 1);
    }
    side.aspect = median(values, side.count);
    side.height /= (float)(side.count > 0 ? side.count : 1);
    return side;
}

static bool sides_are_columns(const struct ocr_place *places, int32_t count, float x, float *values)
{
    struct side left = look_at_side(places, count, true, x, values);
    struct side right = look_at_side(places, count, false, x, values);
    if (left.count < 2 || right.count < 2)
        return false;
    if (left.bottom - left.top < 1.6f * left.height ||
        right.bottom - right.top < 1.6f * right.height)
        return false; /* one row */
    if (left.aspect < PROSE_ASPECT || right.aspect < PROSE_ASPECT)
        return false;
    float overlap = fminf(left.bottom, right.bottom) - fmaxf(left.top, right.top);
    float lower = fminf(left.bottom - left.top, right.bottom - right.top);
    return overlap > 0.3f * lower;
}

/* The free space to the right of x: the nearest left edge of a box that is not across x. */
static struct gutter measure_gutter(const struct ocr_place *places, int32_t count, float x)
{
    struct gutter gutter = {.x = x, .width = INFINITY};
    for (int32_t i = 0; i < count; i++) {
        if (places[i].left >= x)
            gutter.width = fminf(gutter.width, places[i].left - x);
        else if (places[i].right > x)
            gutter.spanning++;
    }
    return gutter;
}

static bool find_gutter(const struct ocr_place *places, int32_t count, float *values,
                        struct gutter *out_gutter)
{
    if (count < 4)
        return false;
    for (int32_t i = 0; i < count; i++)
        values[i] = places[i].bottom - places[i].top;
    float height = median(values, count);
    bool found = false;
    for (int32_t i = 0; i < count; i++) {
        struct gutter g = measure_gutter(places, count, places[i].right);
        if (!isfinite(g.width) || g.width < GUTTER_HEIGHTS * height)
            continue;
        if ((float)g.spanning > SPANNING_SHARE * (float)count)
            continue;
        if (found && (g.spanning > out_gutter->spanning ||
                      (g.spanning == out_gutter->spanning && g.width <= out_gutter->width)))
            continue;
        if (!sides_are_columns(places, count, g.x + g.width / 2, values))
            continue;
        *out_gutter = g;
        found = true;
    }
    return found;
}

/* Moves the boxes that `take` wants to the front, the order kept; gives their number. */
static int32_t split(struct order *order, struct ocr_place *places, int32_t count, float x,
                     bool left)
{
    int32_t front = 0, back = 0;
    for (int32_t i = 0; i < count; i++) {
        bool want = left ? places[i].right <= x : places[i].left < x && places[i].right > x;
        if (want)
            places[front++] = places[i];
        else
            order->scratch[back++] = places[i];
    }
    memcpy(places + front, order->scratch, (size_t)back * sizeof(*places));
    return front;
}

static void order_block(struct order *order, struct ocr_place *places, int32_t count, int depth);

/* A band of the page without boxes across x: its left part, then its right part. */
static void order_band(struct order *order, struct ocr_place *places, int32_t count, float x,
                       int depth)
{
    if (count == 0)
        return;
    if (!sides_are_columns(places, count, x, order->values)) {
        order_rows(order, places, count);
        return;
    }
    int32_t left = split(order, places, count, x, true);
    order_block(order, places, left, depth + 1);
    order_block(order, places + left, count - left, depth + 1);
}

static void order_block(struct order *order, struct ocr_place *places, int32_t count, int depth)
{
    struct gutter gutter = {0};
    if (depth > 8 || !find_gutter(places, count, order->values, &gutter)) {
        order_rows(order, places, count);
        return;
    }
    float x = gutter.x + gutter.width / 2;
    int32_t spanning = split(order, places, count, x, false);
    qsort(places, (size_t)spanning, sizeof(*places), compare_middle);
    /* Bands lie between the spanning boxes; each of those is moved down to its place. */
    int32_t done = 0;
    for (int32_t s = 0; s < spanning; s++) {
        struct ocr_place across = places[done];
        int32_t rest = spanning - s - 1, above = 0, back = 0;
        struct ocr_place *band = places + done;
        struct ocr_place *pool = band + 1 + rest; /* boxes not across, not yet placed */
        int32_t pool_count = count - done - 1 - rest;
        memcpy(order->scratch, band + 1, (size_t)rest * sizeof(*places));
        struct ocr_place *later = order->scratch + rest;
        for (int32_t i = 0; i < pool_count; i++) {
            if (middle(&pool[i]) < middle(&across))
                band[above++] = pool[i];
            else
                later[back++] = pool[i];
        }
        band[above] = across;
        memcpy(band + above + 1, order->scratch, (size_t)(rest + back) * sizeof(*places));
        order_band(order, band, above, x, depth);
        order_rows(order, band + above, 1);
        done += above + 1;
    }
    order_band(order, places + done, count - done, x, depth);
}

pum_status ocr_sort(struct ocr_place *places, int32_t count, int32_t angle, struct fault *fault)
{
    if (count <= 0)
        return PUM_OK;
    struct order order = {.scratch = malloc((size_t)count * sizeof(*order.scratch)),
                          .values = malloc((size_t)count * sizeof(*order.values))};
    pum_status status = PUM_OK;
    if (order.scratch != NULL && order.values != NULL) {
        float slope = find_slope(places, count, angle, order.values);
        for (int32_t i = 0; i < count; i++)
            straighten(&places[i], angle, slope);
        order_block(&order, places, count, 0);
    } else {
        status = fault_set(fault, PUM_E_MEMORY, "no memory to order the lines");
    }
    free(order.scratch);
    free(order.values);
    return status;
}
