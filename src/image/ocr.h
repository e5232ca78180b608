/* SPDX-License-Identifier: MIT
 *
 * ocr.h - reading the text in a picture with the three PP-OCR networks: a detector that paints
 * where text is, a classifier that tells upside-down lines, a recogniser that spells a line.
 * ocr_open makes the sessions, ocr_read gives the lines in the order in which a person reads them.
 * What lies between the networks is in ocr_boxes.c, ocr_order.c and ocr_text.c.
 */
#ifndef PUM_SRC_OCR_H
#define PUM_SRC_OCR_H

#include "image.h"

/* Reads pictures. Threads: External lock. */
struct ocr;

struct ocr_params {
    const char *detector; /* paths of the ONNX files and of the list of characters */
    const char *classifier;
    const char *recogniser;
    const char *dictionary;
    int32_t max_side;    /* the detector sees at most N x 3/4 N pixels; 0: 1280 */
    float min_score;     /* lines that the recogniser trusts less are dropped; 0: 0.5 */
    /* Called now and then on the calling thread; may be NULL. */
    void (*progress)(void *user, const char *what, int32_t done, int32_t total);
    void *progress_user;
};

struct ocr_line {
    struct image_point quad[4]; /* clockwise from the top left of the picture */
    char *text;                 /* UTF-8 */
    float score;                /* mean certainty of the characters, 0..1 */
    float box_score;            /* mean of the detector's map inside the box, 0..1 */
    int32_t angle;              /* how far the text is turned clockwise: 0, 90, 180, 270 */
    int32_t row;                /* lines of equal row stand side by side in one line of text */
};

struct ocr_result {
    struct ocr_line *lines; /* in reading order */
    int32_t count;
    double detect_ms, classify_ms, recognise_ms, total_ms;
};

/* Loads the networks onto a device. Errors name the file. The caller ends it with ocr_close, before
 * the device. */
pum_status ocr_open(pum_context *context, pum_device *device, const struct ocr_params *params,
                    struct ocr **out_ocr, struct fault *fault);
void ocr_close(struct ocr **ocr);

/* Reads one picture. No text is no error: then count is 0. Free with ocr_result_free. */
pum_status ocr_read(struct ocr *ocr, const struct image *image, struct ocr_result *out_result,
                    struct fault *fault);
void ocr_result_free(struct ocr_result *result);

/* The text as a person would copy it, one line a row; "" for no lines. NULL: out of memory. The
 * caller frees it. */
char *ocr_result_text(const struct ocr_result *result);

#endif
