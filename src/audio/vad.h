/* SPDX-License-Identifier: MIT
 *
 * vad.h - silero VAD: is there speech? Samples go in as they come, a probability comes out for each
 * step of 32 ms; the network's state is carried along. Knows versions 5 and 6 (a state, and the end
 * of the step before in front of each step) and the older one (h and c). Several steps make a run,
 * which is in flight while the next ones are gathered. Tests: tests/audio/test_vad.c.
 */
#ifndef PUM_SRC_VAD_H
#define PUM_SRC_VAD_H

#include "image/fault.h"

struct vad;

struct vad_params {
    const char *model;   /* file name */
    int32_t sample_rate; /* 16000 or 8000 */
    int32_t steps_a_run; /* 1 for sound that comes as it is spoken; 0: many, for files */
};

/* Opens the network. PUM_E_UNSUPPORTED: the model is no silero VAD. The caller closes it. */
pum_status vad_open(pum_context *context, pum_device *device, const struct vad_params *params,
                    struct vad **out_vad, struct fault *fault);

/* Takes samples, runs what is complete. */
pum_status vad_push(struct vad *vad, const float *samples, int64_t count, struct fault *fault);

/* The last step is filled up with zeros, all is run. After it, vad_push begins a new stream, whose
 * probabilities follow. */
pum_status vad_finish(struct vad *vad, struct fault *fault);

/* All probabilities so far, of runs that have ended; valid until the next call. */
const float *vad_probabilities(const struct vad *vad, int64_t *out_count);

/* Samples a step. */
int32_t vad_window(const struct vad *vad);

void vad_close(struct vad **vad);

#endif
