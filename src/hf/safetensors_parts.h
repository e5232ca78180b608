/* SPDX-License-Identifier: MIT
 *
 * safetensors_parts.h - what the two halves of the reader share: safetensors_header.c reads one
 * file's header, safetensors.c puts files together. Tests: tests/hf/test_safetensors.c.
 */
#ifndef PUM_HF_SAFETENSORS_PARTS_H
#define PUM_HF_SAFETENSORS_PARTS_H

#include "mapped_file.h"
#include "safetensors.h"

#include <jansson.h>

/* One file of a set. */
struct st_file {
    char *path;
    struct mapped_file map; /* empty when the bytes are the caller's */
    json_t *header;         /* tensor and type names point into it */
    struct st_tensor *tensors;
    int32_t count;
};

/* Reads and checks the header; fills header, tensors and count. */
pum_status st_read_header(struct st_file *file, const uint8_t *data, size_t size_bytes,
                          struct fault *fault);

#endif
