/* SPDX-License-Identifier: MIT
 *
 * vad_segments.c - see vad_segments.h: first the segments as they are, then the padding, which
 * shares out short pauses between their neighbours.
 */
#include "vad_segments.h"

#include <math.h>
#include <stddef.h>

#define SILENCE_BELOW 0.15f /* the threshold */
#define LEAST_THRESHOLD 0.01f

static int64_t find(const struct vad_track *track, const struct vad_rule *rule,
                    struct vad_segment *segments)
{
    double min_speech = (double)track->rate * rule->min_speech_ms / 1000;
    double min_silence = (double)track->rate * rule->min_silence_ms / 1000;
    float low = fmaxf(rule->threshold - SILENCE_BELOW, LEAST_THRESHOLD);
    int64_t count = 0, start = -1, silence = -1; /* where they began; -1: not in one */
    for (int64_t i = 0; i < track->count; i++) {
        float p = track->probabilities[i];
        int64_t at = i * track->window;
        if (p >= rule->threshold) {
            silence = -1;
            if (start < 0)
                start = at;
        } else if (p < low && start >= 0) {
            if (silence < 0)
                silence = at;
            if ((double)(at - silence) < min_silence)
                continue;
            if ((double)(silence - start) > min_speech)
                segments[count++] = (struct vad_segment){start, silence};
            start = silence = -1;
        }
    }
    if (start >= 0 && (double)(track->samples - start) > min_speech)
        segments[count++] = (struct vad_segment){start, track->samples};
    return count;
}

int64_t vad_find_segments(const struct vad_track *track, const struct vad_rule *rule,
                          struct vad_segment *segments)
{
    int64_t count = find(track, rule, segments);
    double pad = (double)track->rate * rule->pad_ms / 1000;
    for (int64_t i = 0; i < count; i++) {
        struct vad_segment *now = &segments[i], *next = i + 1 < count ? now + 1 : NULL;
        if (i == 0)
            now->start = (int64_t)fmax(0, (double)now->start - pad);
        int64_t pause = next ? next->start - now->end : 0;
        if (next && (double)pause < 2 * pad) {
            now->end += pause / 2;
            next->start -= pause / 2;
        } else {
            now->end = (int64_t)fmin((double)track->samples, (double)now->end + pad);
            if (next)
                next->start = (int64_t)fmax(0, (double)next->start - pad);
        }
    }
    return count;
}
