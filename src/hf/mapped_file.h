/* SPDX-License-Identifier: MIT
 *
 * mapped_file.h - a regular file mapped read-only, so that large weights are read by the system as
 * they are needed and never copied. Tests: tests/hf/test_safetensors.c.
 */
#ifndef PUM_HF_MAPPED_FILE_H
#define PUM_HF_MAPPED_FILE_H

#include "image/fault.h"

#include <stddef.h>
#include <stdint.h>

struct mapped_file {
    const uint8_t *data; /* NULL for an empty file */
    size_t size_bytes;
};

/* PUM_E_FILE with the path and the system's reason. */
pum_status mapped_file_open(struct mapped_file *file, const char *path, struct fault *fault);
/* Safe on a zeroed struct. */
void mapped_file_close(struct mapped_file *file);

#endif
