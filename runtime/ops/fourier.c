/* SPDX-License-Identifier: MIT
 *
 * fourier.c - mixed-radix Fourier transform in double (Cooley and Tukey): one pass for each prime
 * factor of the length, each a set of small transforms over strided values. Plain, for references;
 * what runs on a device is made of MatMul (ops/signal.c). Tests: tests/ops/test_signal.c.
 */
#include "ops/fourier.h"

#include <math.h>
#include <string.h>

static int64_t smallest_factor(int64_t n)
{
    for (int64_t factor = 2; factor * factor <= n; factor++)
        if (n % factor == 0)
            return factor;
    return n;
}

pum_status fourier_open(pum_context *context, int64_t length, bool inverse,
                        struct fourier *out_fourier)
{
    const double turn = (inverse ? 1 : -1) * 6.283185307179586476925;
    *out_fourier = (struct fourier){.context = context, .length = length};
    out_fourier->roots = pum_alloc(context, (size_t)length + 1, 2 * sizeof(struct fourier_value));
    if (!out_fourier->roots)
        return PUM_E_MEMORY;
    out_fourier->spare = out_fourier->roots + length;
    for (int64_t k = 0; k < length; k++) {
        double angle = turn * (double)k / (double)length;
        out_fourier->roots[k] = (struct fourier_value){cos(angle), sin(angle)};
    }
    return PUM_OK;
}

void fourier_close(struct fourier *fourier)
{
    pum_free(fourier->context, fourier->roots);
    fourier->roots = fourier->spare = NULL;
}

static void add_product(struct fourier_value *sum, struct fourier_value a, struct fourier_value b)
{
    sum->re += a.re * b.re - a.im * b.im;
    sum->im += a.re * b.im + a.im * b.re;
}

/* One pass (Stockham's order, so that nothing is shuffled): `done` is the product of the factors
 * before. Entry [factor digit q][rest r][done d] of `from` contributes to entry
 * [rest r][digit k][done d] of `to`. */
static void run_pass(const struct fourier *fourier, int64_t factor, int64_t done,
                     const struct fourier_value *from, struct fourier_value *to)
{
    int64_t length = fourier->length, rest = length / (factor * done);
    for (int64_t r = 0; r < rest; r++)
        for (int64_t k = 0; k < factor; k++)
            for (int64_t d = 0; d < done; d++) {
                struct fourier_value sum = {0, 0};
                /* The frequency among `factor * done` ones is k * done + d. */
                int64_t step = (k * done + d) * rest % length, at = 0;
                for (int64_t q = 0; q < factor; q++) {
                    add_product(&sum, from[(q * rest + r) * done + d], fourier->roots[at]);
                    at += step;
                    at -= at >= length ? length : 0;
                }
                to[(r * factor + k) * done + d] = sum;
            }
}

void fourier_run(const struct fourier *fourier, struct fourier_value *values)
{
    struct fourier_value *from = values, *to = fourier->spare;
    for (int64_t done = 1, left = fourier->length; left > 1;) {
        int64_t factor = smallest_factor(left);
        run_pass(fourier, factor, done, from, to);
        struct fourier_value *swapped = from;
        from = to;
        to = swapped;
        done *= factor;
        left /= factor;
    }
    if (from != values)
        memcpy(values, from, (size_t)fourier->length * sizeof *values);
}
