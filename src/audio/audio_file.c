/* SPDX-License-Identifier: MIT
 *
 * audio_file.c - see audio_file.h. Channels are averaged before the rate is converted: half the
 * work, and the order makes no difference to a linear filter.
 */
#include "audio_file.h"

#include <errno.h>
#include <math.h>
#include <samplerate.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_FRAMES 4096

struct audio_file {
    char *path;
    SNDFILE *sound;
    SRC_STATE *converter; /* NULL: the rate is right */
    double ratio;
    struct audio_info info;
    int64_t position;
    float *block; /* BLOCK_FRAMES frames of all channels */
    float *mono;  /* what of the block is left to convert */
    long mono_at, mono_count;
    bool ended; /* nothing more to read */
};

static pum_status check(const SF_INFO *format, const char *path, int32_t rate, struct fault *fault)
{
    if (format->channels < 1)
        return fault_set(fault, PUM_E_FORMAT, "%s: it has no channels", path);
    if (format->frames == 0)
        return fault_set(fault, PUM_E_FORMAT, "%s: it holds no samples", path);
    if (format->samplerate < 1 || !src_is_valid_ratio((double)rate / (double)format->samplerate))
        return fault_set(fault, PUM_E_FORMAT,
                         "%s: %d samples a second cannot be converted to %d; %d to %d can", path,
                         format->samplerate, rate, rate / 256 + 1, rate * 256);
    return PUM_OK;
}

/* A file that is missing is told apart from one that is broken. */
static pum_status open_sound(const char *path, int32_t rate, SNDFILE **out_sound, SF_INFO *format,
                             struct fault *fault)
{
    memset(format, 0, sizeof(*format));
    *out_sound = NULL;
    if (access(path, R_OK) != 0)
        return fault_set(fault, PUM_E_FILE, "cannot read %s: %s", path, strerror(errno));
    *out_sound = sf_open(path, SFM_READ, format);
    if (*out_sound == NULL)
        return fault_set(fault, PUM_E_FORMAT, "%s: %s", path, sf_strerror(NULL));
    return check(format, path, rate, fault);
}

pum_status audio_look(const char *path, struct audio_info *out_info, struct fault *fault)
{
    SF_INFO format;
    memset(out_info, 0, sizeof(*out_info));
    SNDFILE *sound;
    pum_status status = open_sound(path, 16000, &sound, &format, fault);
    *out_info = (struct audio_info){format.samplerate, format.channels, (int64_t)format.frames};
    if (sound != NULL)
        sf_close(sound);
    return status;
}

static pum_status prepare(struct audio_file *file, const SF_INFO *format, int32_t rate,
                          struct fault *fault)
{
    int error = 0;
    file->info = (struct audio_info){format->samplerate, format->channels, (int64_t)format->frames};
    file->ratio = (double)rate / (double)format->samplerate;
    file->block = malloc(BLOCK_FRAMES * (size_t)format->channels * sizeof(float));
    file->mono = malloc(BLOCK_FRAMES * sizeof(float));
    if (file->block == NULL || file->mono == NULL)
        return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", file->path);
    if (format->samplerate == rate)
        return PUM_OK;
    file->converter = src_new(SRC_SINC_MEDIUM_QUALITY, 1, &error);
    if (file->converter == NULL)
        return fault_set(fault, PUM_E_MEMORY, "%s: %s", file->path, src_strerror(error));
    return PUM_OK;
}

pum_status audio_open(const char *path, int32_t rate, struct audio_file **out_file,
                      struct fault *fault)
{
    SF_INFO format;
    *out_file = NULL;
    struct audio_file *file = calloc(1, sizeof(*file));
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        return fault_set(fault, PUM_E_MEMORY, "%s: out of memory", path);
    }
    pum_status status = open_sound(path, rate, &file->sound, &format, fault);
    if (status == PUM_OK)
        status = prepare(file, &format, rate, fault);
    if (status != PUM_OK)
        audio_close(&file);
    *out_file = file;
    return status;
}

void audio_close(struct audio_file **file_pointer)
{
    struct audio_file *file = *file_pointer;
    if (file == NULL)
        return;
    if (file->sound != NULL)
        sf_close(file->sound);
    if (file->converter != NULL)
        src_delete(file->converter);
    free(file->block);
    free(file->mono);
    free(file->path);
    free(file);
    *file_pointer = NULL;
}

/* Fills mono[] with the next block. */
static pum_status next_block(struct audio_file *file, struct fault *fault)
{
    int32_t channels = file->info.channels;
    sf_count_t frames = sf_readf_float(file->sound, file->block, BLOCK_FRAMES);
    file->mono_at = 0;
    file->mono_count = (long)frames;
    file->ended = frames < BLOCK_FRAMES;
    if (file->ended && sf_error(file->sound) != SF_ERR_NO_ERROR)
        return fault_set(fault, PUM_E_FORMAT, "%s: behind frame %lld: %s", file->path,
                         (long long)(file->position + frames), sf_strerror(file->sound));
    for (sf_count_t i = 0; i < frames; i++) {
        float sum = 0;
        for (int32_t c = 0; c < channels; c++)
            sum += file->block[i * channels + c];
        file->mono[i] = sum / (float)channels;
        if (!isfinite(file->mono[i]))
            return fault_set(fault, PUM_E_FORMAT, "%s: frame %lld is no finite number", file->path,
                             (long long)(file->position + i));
    }
    file->position += frames;
    return PUM_OK;
}

/* Takes samples of mono[] into `samples`; gives how many came out. */
static pum_status take(struct audio_file *file, float *samples, long capacity, long *out_count,
                       struct fault *fault)
{
    long count = file->mono_count - file->mono_at;
    *out_count = 0;
    if (file->converter == NULL) {
        *out_count = count < capacity ? count : capacity;
        memcpy(samples, file->mono + file->mono_at, (size_t)*out_count * sizeof(float));
        file->mono_at += *out_count;
        return PUM_OK;
    }
    SRC_DATA data = {.data_in = file->mono + file->mono_at,
                     .data_out = samples,
                     .input_frames = count,
                     .output_frames = capacity,
                     .end_of_input = file->ended,
                     .src_ratio = file->ratio};
    int error = src_process(file->converter, &data);
    if (error != 0)
        return fault_set(fault, PUM_E_INTERNAL, "%s: %s", file->path, src_strerror(error));
    file->mono_at += data.input_frames_used;
    *out_count = data.output_frames_gen;
    return PUM_OK;
}

pum_status audio_read(struct audio_file *file, float *samples, int64_t capacity, int64_t *out_count,
                      struct fault *fault)
{
    *out_count = 0;
    while (*out_count < capacity) {
        long count;
        if (file->mono_at == file->mono_count && !file->ended) {
            pum_status status = next_block(file, fault);
            if (status != PUM_OK)
                return status;
        }
        pum_status status =
            take(file, samples + *out_count, (long)(capacity - *out_count), &count, fault);
        if (status != PUM_OK)
            return status;
        *out_count += count;
        if (count == 0 && file->ended && file->mono_at == file->mono_count)
            break;
    }
    return PUM_OK;
}

int64_t audio_position(const struct audio_file *file)
{
    return file->position;
}

const struct audio_info *audio_get_info(const struct audio_file *file)
{
    return &file->info;
}
