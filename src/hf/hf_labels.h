/* SPDX-License-Identifier: MIT
 *
 * hf_labels.h - names of classes: id2label of config.json, or a text file with one name a line.
 * Tests: tests/hf/test_hf_vision.c.
 */
#ifndef PUM_HF_LABELS_H
#define PUM_HF_LABELS_H

#include "image/fault.h"

struct hf_labels {
    char **names; /* NULL: this class has none */
    int32_t count;
};

/* id2label of FOLDER/config.json; a folder without either gives an empty list. */
pum_status hf_labels_from_config(struct hf_labels *labels, const char *folder, struct fault *fault);
/* A file: one name a line, the first is class 0; or JSON, {"0": "name", ...}, ["name", ...] or a
 * config.json. */
pum_status hf_labels_from_file(struct hf_labels *labels, const char *path, struct fault *fault);
void hf_labels_free(struct hf_labels *labels);

/* The name of a class; NULL: it has none. */
const char *hf_labels_name(const struct hf_labels *labels, int64_t index);

#endif
