/* SPDX-License-Identifier: MIT
 *
 * model_path.h - where tests find the models that tools/fetch_models downloads. They are not in
 * the repository: a test that needs them skips, with a reason, where they are missing.
 */
#ifndef PUM_TESTS_SUPPORT_MODEL_PATH_H
#define PUM_TESTS_SUPPORT_MODEL_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the path of a model file, "ch_PP-OCRv4_det_infer.onnx", and returns whether it is there.
 * If not, prints one line that says what to do. */
bool test_model_path(const char *file, char *path, size_t path_bytes);

/* The same of silero VAD, "silero_vad_v5.onnx". */
bool test_vad_model_path(const char *file, char *path, size_t path_bytes);

#endif
