/* SPDX-License-Identifier: MIT
 *
 * detect.c - see detect.h. Nothing of the outputs is trusted: coordinates that are no numbers are
 * dropped, boxes are cut at the picture's edges. Tests: tests/image/test_detect.c.
 */
#include "detect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SCORE 0.25f
#define DEFAULT_OVERLAP 0.45f
#define DEFAULT_MOST 300
/* Candidates for suppression, which takes the square of their number. */
#define MOST_CANDIDATES 30000
/* Ready boxes are few; a list of candidates of one class has thousands of rows. */
#define MOST_READY_ROWS 1000

static const char *const layout_names[] = {
    [DETECT_AUTO] = "auto", [DETECT_YOLO_V5] = "yolov5", [DETECT_YOLO_V8] = "yolov8",
    [DETECT_ROWS] = "rows", [DETECT_BOXES] = "boxes",
};

bool detect_layout_find(const char *name, enum detect_layout *out_layout)
{
    for (size_t i = 0; i < sizeof(layout_names) / sizeof(layout_names[0]); i++) {
        if (strcmp(layout_names[i], name) == 0) {
            *out_layout = (enum detect_layout)i;
            return true;
        }
    }
    return false;
}

const char *detect_layout_name(enum detect_layout layout)
{
    return layout_names[layout];
}

/* --- Suppression ------------------------------------------------------------------------------ */

float detect_overlap(const struct detect_box *a, const struct detect_box *b)
{
    float width = fminf(a->right, b->right) - fmaxf(a->left, b->left);
    float height = fminf(a->bottom, b->bottom) - fmaxf(a->top, b->top);
    if (!(width > 0 && height > 0))
        return 0;
    float common = width * height;
    float both = (a->right - a->left) * (a->bottom - a->top) +
                 (b->right - b->left) * (b->bottom - b->top) - common;
    return both > 0 ? common / both : 0;
}

/* By score, then by place, so that the order does not depend on the sort. */
static int by_score(const void *left, const void *right)
{
    const struct detect_box *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->top != b->top)
        return a->top < b->top ? -1 : 1;
    if (a->left != b->left)
        return a->left < b->left ? -1 : 1;
    return (a->label > b->label) - (a->label < b->label);
}

int32_t detect_suppress(struct detect_box *boxes, int32_t count, float overlap, bool across,
                        int32_t most)
{
    int32_t kept = 0;
    if (count == 0) /* there may be no list at all */
        return 0;
    qsort(boxes, (size_t)count, sizeof(*boxes), by_score);
    for (int32_t i = 0; i < count && kept < most; i++) {
        bool good = true;
        for (int32_t k = 0; good && k < kept; k++)
            good = (!across && boxes[k].label != boxes[i].label) ||
                   detect_overlap(&boxes[k], &boxes[i]) <= overlap;
        if (good)
            boxes[kept++] = boxes[i];
    }
    return kept;
}

/* --- Candidates ------------------------------------------------------------------------------- */

struct candidates {
    const struct detect_params *params;
    float least_score;
    struct detect_box *boxes;
    int32_t count, room;
    bool failed; /* out of memory */
};

/* From the network's pixels to the picture's; boxes that are none are dropped. */
static void add_box(struct candidates *list, float left, float top, float right, float bottom,
                    float score, int32_t label)
{
    const struct detect_params *p = list->params;
    const struct preprocess_place *place = &p->place;
    if (!(score >= list->least_score) || list->failed || !isfinite(left) || !isfinite(top) ||
        !isfinite(right) || !isfinite(bottom))
        return;
    struct detect_box box = {
        .left = fmaxf((left - place->left) / place->scale_x, 0),
        .top = fmaxf((top - place->top) / place->scale_y, 0),
        .right = fminf((right - place->left) / place->scale_x, (float)p->picture_width),
        .bottom = fminf((bottom - place->top) / place->scale_y, (float)p->picture_height),
        .score = score,
        .label = label,
    };
    if (!(box.right > box.left && box.bottom > box.top))
        return;
    if (list->count == list->room) {
        int32_t room = list->room == 0 ? 256 : list->room * 2;
        struct detect_box *grown = realloc(list->boxes, (size_t)room * sizeof(*grown));
        if (grown == NULL) {
            list->failed = true;
            return;
        }
        list->boxes = grown;
        list->room = room;
    }
    list->boxes[list->count++] = box;
}

/* A tensor of n rows; leading axes of size 1 are dropped. */
struct table {
    const float *values;
    int64_t rows, columns;
    int64_t row_step, column_step;
};

static bool as_table(const pum_tensor *tensor, struct table *out_table)
{
    int32_t first = 0;
    while (first < tensor->rank - 2 && tensor->dims[first] == 1)
        first++;
    if (tensor->dtype != PUM_DTYPE_F32 || tensor->rank - first != 2)
        return false;
    *out_table = (struct table){tensor->data, tensor->dims[first], tensor->dims[first + 1],
                                tensor->dims[first + 1], 1};
    return true;
}

static struct table turned(const struct table *table)
{
    return (struct table){table->values, table->columns, table->rows, table->column_step,
                          table->row_step};
}

static float at(const struct table *table, int64_t row, int64_t column)
{
    return table->values[row * table->row_step + column * table->column_step];
}

/* Columns: centre x, centre y, width, height, [objectness,] scores. */
static void add_yolo(struct candidates *list, const struct table *table, bool objectness)
{
    int64_t first = objectness ? 5 : 4;
    for (int64_t i = 0; i < table->rows; i++) {
        float sure = objectness ? at(table, i, 4) : 1;
        int64_t best = first;
        if (!(sure >= list->least_score))
            continue;
        for (int64_t k = first + 1; k < table->columns; k++)
            if (at(table, i, k) > at(table, i, best))
                best = k;
        float score = best < table->columns ? sure * at(table, i, best) : sure;
        float x = at(table, i, 0), y = at(table, i, 1);
        float half_width = at(table, i, 2) / 2, half_height = at(table, i, 3) / 2;
        add_box(list, x - half_width, y - half_height, x + half_width, y + half_height, score,
                (int32_t)(best - first));
    }
}

/* A label that came as a float. */
static int32_t whole(float value)
{
    return value >= 0 && value < 1e6f ? (int32_t)(value + 0.5f) : 0;
}

/* [left, top, right, bottom, score, class] or [picture, left, ..., class, score] */
static void add_rows(struct candidates *list, const struct table *table)
{
    int64_t first = table->columns == 7 ? 1 : 0;
    for (int64_t i = 0; i < table->rows; i++) {
        float a = at(table, i, first + 4), b = at(table, i, first + 5);
        float score = first == 1 ? b : a, label = first == 1 ? a : b;
        add_box(list, at(table, i, first), at(table, i, first + 1), at(table, i, first + 2),
                at(table, i, first + 3), score, whole(label));
    }
}

/* --- Boxes, scores and labels apart ----------------------------------------------------------- */

struct apart {
    struct table boxes, scores;
    const pum_tensor *labels;
    bool scores_by_class; /* scores is [n, classes], class 0 the background */
    bool rows_first;      /* boxes are top, left, bottom, right */
    bool relative;        /* coordinates are parts of the picture's sides */
};

static bool has_word(const char *name, const char *word)
{
    size_t length = strlen(word);
    for (; *name != '\0'; name++)
        if (strncasecmp(name, word, length) == 0)
            return true;
    return false;
}

/* [n] or [1, n] as a column */
static bool as_column(const pum_tensor *tensor, struct table *out_table)
{
    int64_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    if (tensor->dtype != PUM_DTYPE_F32 || tensor->rank < 1 ||
        tensor->dims[tensor->rank - 1] != count)
        return false;
    *out_table = (struct table){tensor->data, count, 1, 1, 0};
    return true;
}

static double label_at(const pum_tensor *labels, int64_t index)
{
    if (labels->dtype == PUM_DTYPE_I64)
        return (double)((const int64_t *)labels->data)[index];
    if (labels->dtype == PUM_DTYPE_I32)
        return (double)((const int32_t *)labels->data)[index];
    return (double)((const float *)labels->data)[index];
}

static int64_t elements(const pum_tensor *tensor)
{
    int64_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

static bool can_be_labels(const struct detect_output *output, int64_t count)
{
    const pum_tensor *tensor = &output->tensor;
    bool integer = tensor->dtype == PUM_DTYPE_I64 || tensor->dtype == PUM_DTYPE_I32;
    bool named = has_word(output->name, "label") || has_word(output->name, "class");
    return elements(tensor) == count && tensor->rank >= 1 &&
           (integer || (tensor->dtype == PUM_DTYPE_F32 && named));
}

/* Finds which output is what; false: these are no such outputs. */
static bool find_apart(const struct detect_output *outputs, int32_t count, struct apart *apart)
{
    struct table table;
    *apart = (struct apart){0};
    for (int32_t i = 0; i < count && apart->boxes.values == NULL; i++) {
        if (as_table(&outputs[i].tensor, &table) && table.columns == 4 &&
            !has_word(outputs[i].name, "score")) {
            apart->boxes = table;
            apart->rows_first = has_word(outputs[i].name, "detection_boxes");
        }
    }
    if (apart->boxes.columns != 4)
        return false;
    for (int32_t i = 0; i < count; i++) {
        const struct detect_output *output = &outputs[i];
        if (can_be_labels(output, apart->boxes.rows))
            apart->labels = &output->tensor;
        else if (as_column(&output->tensor, &table) && table.rows == apart->boxes.rows &&
                 apart->scores.columns != 1)
            apart->scores = table;
        else if (as_table(&output->tensor, &table) && table.rows == apart->boxes.rows &&
                 table.columns > 1 && table.values != apart->boxes.values &&
                 apart->scores.columns == 0)
            apart->scores = table;
    }
    apart->scores_by_class = apart->scores.columns > 1;
    return apart->scores.columns > 0 && (apart->labels != NULL || apart->scores_by_class);
}

static void add_apart(struct candidates *list, struct apart *apart)
{
    const struct detect_params *p = list->params;
    float most = 0;
    for (int64_t i = 0; i < apart->boxes.rows; i++)
        for (int64_t k = 0; k < 4; k++)
            most = fmaxf(most, at(&apart->boxes, i, k));
    apart->relative = most <= 1.5f;
    float width = apart->relative ? (float)p->width : 1;
    float height = apart->relative ? (float)p->height : 1;
    int x = apart->rows_first ? 1 : 0, y = 1 - x;
    for (int64_t i = 0; i < apart->boxes.rows; i++) {
        int64_t best = apart->scores_by_class ? 1 : 0;
        for (int64_t k = best + 1; k < apart->scores.columns; k++)
            if (at(&apart->scores, i, k) > at(&apart->scores, i, best))
                best = k;
        double label = apart->scores_by_class ? (double)best : label_at(apart->labels, i);
        add_box(list, at(&apart->boxes, i, x) * width, at(&apart->boxes, i, y) * height,
                at(&apart->boxes, i, x + 2) * width, at(&apart->boxes, i, y + 2) * height,
                at(&apart->scores, i, best), whole((float)label));
    }
}

/* --- Telling apart ---------------------------------------------------------------------------- */

/* The table with candidates as rows: there are more of them than of columns. */
static enum detect_layout guess_layout(const struct detect_output *outputs, int32_t count,
                                       int32_t label_count, struct apart *apart)
{
    struct table table;
    if (count > 1 && find_apart(outputs, count, apart))
        return DETECT_BOXES;
    if (!as_table(&outputs[0].tensor, &table))
        return DETECT_AUTO;
    if ((table.columns == 6 || table.columns == 7) && table.rows <= MOST_READY_ROWS &&
        label_count + 5 != table.columns)
        return DETECT_ROWS;
    bool across = table.columns > table.rows;
    int64_t columns = across ? table.rows : table.columns;
    if (columns < 5)
        return DETECT_AUTO;
    if (label_count > 0 && columns == label_count + 4)
        return DETECT_YOLO_V8;
    if (label_count > 0 && columns == label_count + 5)
        return DETECT_YOLO_V5;
    return across ? DETECT_YOLO_V8 : DETECT_YOLO_V5;
}

static pum_status refuse(const struct detect_output *outputs, int32_t count, struct fault *fault)
{
    char text[600] = "";
    size_t used = 0;
    for (int32_t i = 0; i < count && used < sizeof(text) - 1; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s'%.60s' %s [", i > 0 ? ", " : "",
                             outputs[i].name, pum_dtype_name(outputs[i].tensor.dtype));
        for (int32_t k = 0; k < outputs[i].tensor.rank && used < sizeof(text) - 1; k++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lld", k > 0 ? ", " : "",
                                     (long long)outputs[i].tensor.dims[k]);
        if (used < sizeof(text) - 1)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "]");
    }
    return fault_set(fault, PUM_E_UNSUPPORTED,
                     "these outputs are none that a known detector "
                     "gives: %s",
                     text);
}

static bool add_candidates(struct candidates *list, const struct detect_output *outputs,
                           int32_t count, enum detect_layout layout, struct apart *apart)
{
    struct table table;
    if (layout == DETECT_BOXES) {
        if (apart->scores.columns == 0 && !find_apart(outputs, count, apart))
            return false;
        add_apart(list, apart);
        return true;
    }
    if (layout == DETECT_AUTO || !as_table(&outputs[0].tensor, &table))
        return false;
    if (layout == DETECT_ROWS) {
        if (table.columns != 6 && table.columns != 7)
            return false;
        add_rows(list, &table);
        return true;
    }
    if (table.columns > table.rows)
        table = turned(&table);
    if (table.columns < 5)
        return false;
    add_yolo(list, &table, layout == DETECT_YOLO_V5);
    return true;
}

pum_status detect_decode(const struct detect_output *outputs, int32_t count,
                         const struct detect_params *params, struct detect_result *out_result,
                         struct fault *fault)
{
    struct apart apart = {0};
    struct candidates list = {.params = params,
                              .least_score =
                                  params->least_score > 0 ? params->least_score : DEFAULT_SCORE};
    enum detect_layout layout = params->layout;
    *out_result = (struct detect_result){0};
    if (layout == DETECT_AUTO && count > 0)
        layout = guess_layout(outputs, count, params->label_count, &apart);
    bool known = count > 0 && add_candidates(&list, outputs, count, layout, &apart);
    if (!known || list.failed) {
        free(list.boxes);
        return known ? fault_set(fault, PUM_E_MEMORY, "no memory for the boxes")
                     : refuse(outputs, count, fault);
    }
    if (list.count > MOST_CANDIDATES) {
        qsort(list.boxes, (size_t)list.count, sizeof(*list.boxes), by_score);
        list.count = MOST_CANDIDATES;
    }
    out_result->boxes = list.boxes;
    out_result->layout = layout;
    out_result->count = detect_suppress(
        list.boxes, list.count, params->overlap > 0 ? params->overlap : DEFAULT_OVERLAP,
        params->across, params->most > 0 ? params->most : DEFAULT_MOST);
    return PUM_OK;
}

void detect_free(struct detect_result *result)
{
    free(result->boxes);
    *result = (struct detect_result){0};
}
