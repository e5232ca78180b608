/* SPDX-License-Identifier: MIT
 *
 * npy.h - NumPy's .npy files: one tensor a file, versions 1, 2 and 3 read, version 1 written.
 * Only what a tensor of Pumice can be: little-endian, C order, the types of pum_dtype; bfloat16,
 * which NumPy does not know, is written as float32. Tests: tests/image/test_npy.c, tests/fuzz.
 */
#ifndef PUM_SRC_NPY_H
#define PUM_SRC_NPY_H

#include "fault.h"
#include "out_file.h"

#define NPY_MAX_BYTES ((size_t)8 << 30)

/* Reads a file into *out_tensor, whose data the caller frees with npy_free. PUM_E_FILE: cannot be
 * read; PUM_E_FORMAT: damaged; PUM_E_UNSUPPORTED: Fortran order, big-endian, a type that tensors
 * cannot have. Messages begin with the path. */
pum_status npy_load(const char *path, pum_tensor *out_tensor, struct fault *fault);

/* The same from memory; the data is copied out. */
pum_status npy_decode(const unsigned char *data, size_t size_bytes, pum_tensor *out_tensor,
                      struct fault *fault);
void npy_free(pum_tensor *tensor);

/* Writes header and data into a file that has begun. */
pum_status npy_write(struct out_file *file, const pum_tensor *tensor, struct fault *fault);

/* Writes a file, whole or not at all. */
pum_status npy_save(const char *path, const pum_tensor *tensor, struct fault *fault);

#endif
