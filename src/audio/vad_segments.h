/* SPDX-License-Identifier: MIT
 *
 * vad_segments.h - probabilities of speech, one a step, to segments of speech, as silero's own
 * get_speech_timestamps defines them: speech begins where a probability reaches the threshold and
 * ends where it stays below the lower threshold for long enough; short pieces are dropped, the rest
 * is padded. Pure. Tests: tests/audio/test_vad_segments.c.
 */
#ifndef PUM_SRC_VAD_SEGMENTS_H
#define PUM_SRC_VAD_SEGMENTS_H

#include <stdint.h>

struct vad_rule {
    float threshold; /* speech from here on; below threshold - 0.15 (0.01 at least): silence */
    double min_speech_ms;
    double min_silence_ms;
    double pad_ms; /* added on both sides */
};
#define VAD_RULE_DEFAULTS                                                                          \
    {                                                                                              \
        0.5f, 250, 100, 30                                                                         \
    }

struct vad_segment {
    int64_t start, end; /* samples; end is the first one behind it */
};

/* What the segments are made from. */
struct vad_track {
    const float *probabilities;
    int64_t count;
    int64_t window; /* samples a step */
    int64_t rate;
    int64_t samples; /* in all: the last step may be padded */
};

/* Writes segments in order; there are at most (track->count + 1) / 2. Gives their number. */
int64_t vad_find_segments(const struct vad_track *track, const struct vad_rule *rule,
                          struct vad_segment *segments);

#endif
