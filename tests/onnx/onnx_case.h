/* SPDX-License-Identifier: MIT
 *
 * onnx_case.h - ONNX's conformance cases as they lie on disk: a model, and data sets of inputs and
 * expected outputs (Debian's libonnx-testdata). Reading them and comparing with them, by ONNX's own
 * rules. The files are trusted.
 */
#ifndef PUM_TESTS_ONNX_CASE_H
#define PUM_TESTS_ONNX_CASE_H

#include "pumice/pumice_onnx.h"

#define CASE_MAX_PORTS 32
#define CASE_WHY_BYTES 400

/* A tensor (count 1), a list, or nothing. */
struct case_value {
    pum_value_kind kind;
    int32_t count;
    pum_tensor *items; /* data of strings: const char * */
};

/* How each input and output of the model is stored. */
struct case_ports {
    pum_value_kind inputs[CASE_MAX_PORTS], outputs[CASE_MAX_PORTS];
    bool input_is_bf16[CASE_MAX_PORTS]; /* NumPy has no bfloat16: stored as uint16 */
    int32_t input_count, output_count;  /* inputs without those that are initializers */
};

struct case_set {
    struct case_value inputs[CASE_MAX_PORTS], outputs[CASE_MAX_PORTS];
    struct case_ports ports;
};

/* Data set `index` of a case's folder. False, with the reason, when there is none or it cannot be
 * read; *out_missing tells the former. */
bool case_read_set(const char *folder, const struct case_ports *ports, int index,
                   struct case_set *out_set, bool *out_missing, char *why);
void case_free_set(struct case_set *set);
bool case_read_ports(const char *folder, struct case_ports *out_ports, char *why);

/* As onnx.backend.test compares: types and shapes equal, floats within rtol 1e-3 and atol 1e-7,
 * anything else equal. `random`: types and shapes only. */
bool case_agree(const struct case_value *got, const struct case_value *wanted, bool random,
                char *why);

#endif
