/* SPDX-License-Identifier: MIT
 *
 * npy_strings.h - the elements of .npy files with strings: NumPy writes each as a fixed number of
 * UTF-32 code points, filled up with zeros; tensors hold NUL-terminated UTF-8. Tests:
 * tests/image/test_npy.c.
 */
#ifndef PUM_SRC_NPY_STRINGS_H
#define PUM_SRC_NPY_STRINGS_H

#include "fault.h"
#include "out_file.h"

#define NPY_MAX_STRING ((size_t)1 << 20) /* code points */

/* `header` has the shape; *out_tensor gets elements and strings in one block. */
pum_status npy_strings_decode(const unsigned char *data, size_t size_bytes, size_t width,
                              const pum_tensor *header, pum_tensor *out_tensor,
                              struct fault *fault);
/* Code points of the longest string, at least 1. */
size_t npy_strings_width(const pum_tensor *tensor);
pum_status npy_strings_write(struct out_file *file, const pum_tensor *tensor, size_t width,
                             struct fault *fault);

#endif
