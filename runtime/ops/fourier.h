/* SPDX-License-Identifier: MIT
 *
 * fourier.h - the discrete Fourier transform on the host, of any length. Tests:
 * tests/ops/test_signal.c.
 */
#ifndef PUM_OPS_FOURIER_H
#define PUM_OPS_FOURIER_H

#include "base/context.h"

struct fourier_value {
    double re, im;
};

struct fourier {
    pum_context *context;
    int64_t length;
    struct fourier_value *roots; /* e^(-2 pi i k / length); inverse: conjugated */
    struct fourier_value *spare; /* length */
};

/* PUM_E_MEMORY. Free with fourier_close, also after a failure. */
pum_status fourier_open(pum_context *context, int64_t length, bool inverse,
                        struct fourier *out_fourier);
void fourier_close(struct fourier *fourier);

/* In place, values[0..length). Not scaled. Time: length times the sum of its prime factors. */
void fourier_run(const struct fourier *fourier, struct fourier_value *values);

#endif
