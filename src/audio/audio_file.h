/* SPDX-License-Identifier: MIT
 *
 * audio_file.h - sound files as one stream of samples: any format that libsndfile reads, any rate
 * and number of channels; channels are averaged, the rate is converted by libsamplerate. Read piece
 * by piece, so that a file may be longer than memory. Tests: tests/audio/test_audio_file.c.
 */
#ifndef PUM_SRC_AUDIO_FILE_H
#define PUM_SRC_AUDIO_FILE_H

#include "image/fault.h"

struct audio_file;

struct audio_info {
    int32_t rate; /* of the file */
    int32_t channels;
    int64_t frames; /* as the file says; 0: unknown */
};

/* Opens a file to be read at `rate` samples a second. PUM_E_FILE: cannot be opened; PUM_E_FORMAT:
 * no sound, or none that can be converted. The caller closes it. */
pum_status audio_open(const char *path, int32_t rate, struct audio_file **out_file,
                      struct fault *fault);

/* Only looks: what the file is. */
pum_status audio_look(const char *path, struct audio_info *out_info, struct fault *fault);

/* Up to `capacity` samples, -1 .. 1; *out_count 0 at the end. PUM_E_FORMAT: a sample that is no
 * finite number, or a file that ends too early. */
pum_status audio_read(struct audio_file *file, float *samples, int64_t capacity, int64_t *out_count,
                      struct fault *fault);

/* Frames of the file read so far, for progress. */
int64_t audio_position(const struct audio_file *file);
const struct audio_info *audio_get_info(const struct audio_file *file);

void audio_close(struct audio_file **file);

#endif
