/* SPDX-License-Identifier: MIT
 *
 * ocr_parts.h - the steps between the three OCR networks, each a function of its arguments, so that
 * they are tested without a device. Tests: tests/image/test_ocr_post.c.
 */
#ifndef PUM_SRC_OCR_PARTS_H
#define PUM_SRC_OCR_PARTS_H

#include "geometry.h"
#include "image.h"

/* --- ocr_boxes.c: from the detector's map to boxes ------------------------------------------ */

struct ocr_box {
    struct image_point quad[4]; /* in the picture, clockwise from the top left */
    float score;
};

/* How the detector's map lies over the picture: picture = (map - offset + 0.5) / scale - 0.5. */
struct ocr_map {
    const float *values; /* probabilities, row-major */
    int32_t width, height;
    float scale;
    float offset_x, offset_y;
    int32_t picture_width, picture_height;
};

/* Boxes of text, in no particular order; *out_boxes is freed by the caller. */
pum_status ocr_find_boxes(const struct ocr_map *map, struct ocr_box **out_boxes,
                          int32_t *out_count, struct fault *fault);

/* Size of the straightened cut of a box, before any turn. */
void ocr_cut_size(const struct image_point quad[4], int32_t *out_width, int32_t *out_height);

/* Box `index` with room around it: the detector's boxes touch the letters, and a letter or a full
 * stop that is cut is misread. Towards a neighbour in the same line it takes half of the gap at
 * most, so that no letter is read twice. */
void ocr_widen_box(const struct ocr_box *boxes, int32_t count, int32_t index,
                   struct image_point out_quad[4]);

/* --- ocr_order.c: the order of reading ------------------------------------------------------ */

struct ocr_place {
    struct image_point quad[4];
    int32_t index; /* the caller's */
    int32_t row;   /* out */
    /* used by ocr_sort: the upright box on a page that has been turned straight */
    float left, top, right, bottom;
};

/* Sorts boxes into reading order: columns from left to right where there is a clear gutter, within
 * them rows from top to bottom, within these from left to right. `angle` is how far the page is
 * turned clockwise (0, 90, 180, 270); a slight slope of the lines is found and undone. */
pum_status ocr_sort(struct ocr_place *places, int32_t count, int32_t angle, struct fault *fault);

/* --- ocr_text.c: characters ----------------------------------------------------------------- */

struct ocr_dictionary {
    char *text;          /* the file's content, cut into strings */
    const char **words;  /* class 1.. of the recogniser; class 0 is "no character" */
    int32_t count;       /* with the space that follows the last line of the file */
};

pum_status ocr_dictionary_load(const char *path, struct ocr_dictionary *out, struct fault *fault);
void ocr_dictionary_free(struct ocr_dictionary *dictionary);

/* Greedy decoding: the best class of each step, repeats and "no character" dropped; between Latin
 * characters likely spaces are added, and wide punctuation is made plain. *out_text is
 * freed by the caller, *out_score the mean certainty of the characters, 0 for none. */
pum_status ocr_decode(const float *steps, int32_t step_count, int32_t class_count,
                      const struct ocr_dictionary *dictionary, char **out_text, float *out_score,
                      struct fault *fault);

/* A piece of a strip: columns [from, to). */
struct ocr_part {
    int32_t from, to;
    bool space_after; /* a gap as wide as a space follows */
};

/* Cuts a strip that is wider than the recogniser takes into parts of at most max_width, at the
 * widest gap near each part's end, which both neighbours keep. Gives the number of parts, at most
 * `room`. */
int32_t ocr_split_strip(const struct image *strip, int32_t max_width, struct ocr_part *parts,
                        int32_t room);

#endif
