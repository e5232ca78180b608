/* SPDX-License-Identifier: MIT
 *
 * torch_case.h - the models of tests/data/torch_models: exports of tools/make_torch_models.py with
 * inputs and PyTorch's outputs. Reading them, running them, comparing. The files are trusted.
 */
#ifndef PUM_TESTS_MODELS_TORCH_CASE_H
#define PUM_TESTS_MODELS_TORCH_CASE_H

#include "hf/safetensors.h"
#include "pumice/pumice_onnx.h"

#define TORCH_MAX_MODELS 64
#define TORCH_NAME_BYTES 48

/* One file, "bert/model_f16". */
struct torch_model {
    char name[TORCH_NAME_BYTES];
    bool half; /* its floats are float16: fed and compared after conversion */
    pum_graph *graph;
    struct safetensors *cases;
    int case_count;
};

/* All of them, sorted; the number goes to *out_count. */
void torch_list(struct torch_model models[TORCH_MAX_MODELS], int *out_count);
/* Reads graph and cases; a failure fails the cmocka test. */
void torch_open(pum_context *context, struct torch_model *model);
void torch_close(struct torch_model *model);

/* Hands the inputs of a case to the session. */
void torch_give(const struct torch_model *model, int number, pum_session *session);
/* Compares all outputs with PyTorch's, integers for equality, floats within 1e-4 (float16: 5e-3) of
 * the largest value of the output. Returns the worst difference in units of that, and prints where
 * it is when it is above 1. A wrong type or shape fails the cmocka test. */
double torch_check(const struct torch_model *model, int number, pum_session *session);

#endif
