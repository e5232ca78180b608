/* SPDX-License-Identifier: MIT
 *
 * out_file.h - a file that appears whole or not at all: it is written beside its place under a
 * temporary name, flushed to the disk with every error checked, and only then renamed. Several
 * files that belong together are all finished before the first is published. And the reader of
 * whole files.
 */
#ifndef PUM_SRC_OUT_FILE_H
#define PUM_SRC_OUT_FILE_H

#include "fault.h"

#include <stdio.h>

struct out_file {
    FILE *stream;
    char *path;
    char *temporary; /* NULL: written in place, as to /dev/full or a pipe */
};

/* Opens the temporary file. What already exists and is no regular file (a device, a pipe) is
 * written in place. PUM_E_FILE names the path and the system's reason. */
pum_status out_file_begin(struct out_file *file, const char *path, struct fault *fault);

/* Appends bytes. */
pum_status out_file_write(struct out_file *file, const void *data, size_t size_bytes,
                          struct fault *fault);

/* Flushes and closes; a full disk is an error here. The file is not visible yet. */
pum_status out_file_finish(struct out_file *file, struct fault *fault);

/* Gives the finished file its name. */
pum_status out_file_publish(struct out_file *file, struct fault *fault);

/* Removes what has not been published and frees the struct's strings. Safe in any state. */
void out_file_end(struct out_file *file);

/* Reads a whole file of at most max_bytes; *out_data is freed by the caller, *out_data ends in an
 * extra NUL byte that is not counted. Folders, missing and over-long files are PUM_E_FILE. */
pum_status in_file_read(const char *path, size_t max_bytes, unsigned char **out_data,
                        size_t *out_size_bytes, struct fault *fault);

#endif
