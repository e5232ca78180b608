/* SPDX-License-Identifier: MIT
 *
 * signal.h - DFT and STFT made concrete for their inputs, shared by their rules and references
 * (signal.c) and by the pass that turns them into products (passes/expand_signal.c).
 * Tests: tests/ops/test_signal.c.
 */
#ifndef PUM_OPS_SIGNAL_H
#define PUM_OPS_SIGNAL_H

#include "ops/op.h"

struct dft {
    int32_t axis;
    int64_t length;     /* of the transform: the signal is cut or padded with zeros */
    int64_t out;        /* entries of the axis in the output */
    bool inverse, half; /* half: onesided */
    bool to_real;       /* onesided and inverse: from half a spectrum to a real signal */
};

pum_status signal_read_dft(struct op_call *call, struct dft *out_dft);

struct stft {
    int64_t step, length, frames, bins;
};

pum_status signal_read_stft(struct op_call *call, struct stft *out_stft);

#endif
