/* SPDX-License-Identifier: MIT
 *
 * file.h - files as the rest sees them: map one read-only, read a small one, replace one atomically
 * (write beside it, flush, rename), so that a full disk or a crash never leaves half a file.
 * Every failure names the path and the system's reason. Tests: tests/base/test_base.c.
 */
#ifndef PUM_BASE_FILE_H
#define PUM_BASE_FILE_H

#include "base/context.h"

struct base_mapping {
    const uint8_t *data; /* NULL for an empty file */
    size_t size_bytes;
};

/* Maps a regular file read-only. PUM_E_FILE names the path and why. */
pum_status base_file_map(const char *path, struct base_mapping *out_mapping);
void base_file_unmap(struct base_mapping *mapping);

/* Reads a whole file of at most max_bytes; *out_data is freed with pum_free. */
pum_status base_file_read(pum_context *context, const char *path, size_t max_bytes,
                          uint8_t **out_data, size_t *out_size_bytes);

/* Replaces `path`; makes missing folders. On failure the old file is untouched. */
pum_status base_file_write_atomic(pum_context *context, const char *path, const void *data,
                                  size_t size_bytes);

#endif
