/* SPDX-License-Identifier: MIT
 *
 * detect.h - from the outputs of a detector to boxes. The usual exports are told apart by the
 * shapes and names of their outputs:
 *   YOLO v8 and its kin   [1, 4 + classes, n]: centre x, centre y, width, height, scores
 *   YOLO v5 and its kin   [1, n, 5 + classes]: the same with an objectness before the scores
 *   ready boxes           [1, n, 6]: left, top, right, bottom, score, class; [n, 7] with the
 *                         picture's number in front
 *   three outputs         boxes [n, 4], scores [n] and labels [n] (torchvision, SSD exports)
 *   two outputs           boxes [1, n, 4] and scores [1, n, classes] with a background class 0
 * Pure functions of tensors in host memory. Tests: tests/image/test_detect.c.
 */
#ifndef PUM_SRC_DETECT_H
#define PUM_SRC_DETECT_H

#include "preprocess.h"

enum detect_layout {
    DETECT_AUTO = 0,
    DETECT_YOLO_V5,
    DETECT_YOLO_V8,
    DETECT_ROWS, /* [n, 6] or [n, 7] */
    DETECT_BOXES /* boxes, scores and perhaps labels apart */
};

/* "yolov5", "yolov8", "rows", "boxes", "auto" */
bool detect_layout_find(const char *name, enum detect_layout *out_layout);
const char *detect_layout_name(enum detect_layout layout);

struct detect_box {
    float left, top, right, bottom; /* in pixels of the picture */
    float score;
    int32_t label;
};

/* One output of the network. */
struct detect_output {
    const char *name;
    pum_tensor tensor; /* float32, or int32 or int64 for labels */
};

struct detect_params {
    enum detect_layout layout;
    float least_score;   /* 0: 0.25 */
    float overlap;       /* boxes of one class that overlap more are one; 0: 0.45 */
    int32_t most;        /* boxes at most; 0: 300 */
    bool across;         /* boxes of different classes, too, are one */
    int32_t label_count; /* known classes; 0: unknown. Settles which YOLO it is */
    /* The picture's size, the network's, and where the first lies in the second. */
    int32_t picture_width, picture_height, width, height;
    struct preprocess_place place;
};

struct detect_result {
    struct detect_box *boxes; /* by score, best first */
    int32_t count;
    enum detect_layout layout; /* what the outputs were taken for */
};

/* PUM_E_UNSUPPORTED: the outputs are none of these, with their shapes. Free with detect_free. */
pum_status detect_decode(const struct detect_output *outputs, int32_t count,
                         const struct detect_params *params, struct detect_result *out_result,
                         struct fault *fault);
void detect_free(struct detect_result *result);

/* Sorts boxes by score and drops those that overlap a better one; gives how many are left. */
int32_t detect_suppress(struct detect_box *boxes, int32_t count, float overlap, bool across,
                        int32_t most);

/* Area in common over area of both. */
float detect_overlap(const struct detect_box *a, const struct detect_box *b);

#endif
