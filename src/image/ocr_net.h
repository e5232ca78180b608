/* SPDX-License-Identifier: MIT
 *
 * ocr_net.h - one network of the OCR chain: an ONNX file with one float picture
 * [1, 3, height, width] in and one float tensor out. Keeps the input buffer between runs.
 */
#ifndef PUM_SRC_OCR_NET_H
#define PUM_SRC_OCR_NET_H

#include "image.h"
#include "pumice/pumice_onnx.h"

struct ocr_net {
    char *path; /* for messages */
    pum_graph *graph;
    pum_session *session;
    float *input;
    size_t input_floats;
};

pum_status ocr_net_open(struct ocr_net *net, pum_context *context, pum_device *device,
                        const char *path, struct fault *fault);
void ocr_net_close(struct ocr_net *net);

/* Gives the input buffer for a picture of this size, 3 * height * width floats, not cleared. */
pum_status ocr_net_input(struct ocr_net *net, int32_t width, int32_t height, float **out_input,
                         struct fault *fault);

/* Runs on the input buffer; *out_output stays the session's. */
pum_status ocr_net_run(struct ocr_net *net, int32_t width, int32_t height, pum_tensor *out_output,
                       struct fault *fault);

/* Writes a picture into a planar float buffer of full_width x full_height at (left, top), channels
 * in the order blue, green, red: value = byte * gain[c] + bias[c]. */
void ocr_net_place(float *input, int32_t full_width, int32_t full_height, const struct image *image,
                   int32_t left, int32_t top, const float gain[3], const float bias[3]);

#endif
