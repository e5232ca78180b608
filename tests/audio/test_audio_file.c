/* SPDX-License-Identifier: MIT
 *
 * test_audio_file.c - sound files as one channel at a wanted rate: what comes out of tones and
 * constants in several forms, and files that are broken, empty or strange. The files are written
 * by libsndfile, or byte by byte where it would not write them.
 */
#include "audio/audio_file.h"

#include <math.h>
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PI 3.14159265358979

static char path[64];

static int setup(void **state)
{
    (void)state;
    strcpy(path, "/tmp/pumice_audio_XXXXXX");
    int file = mkstemp(path);
    return file < 0 || close(file) != 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

/* `frames` frames; channel c is a tone of 300 Hz, (c + 1) / 10 loud. */
static void write_tone(int format, int rate, int channels, int frames)
{
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    SNDFILE *sound = sf_open(path, SFM_WRITE, &info);
    assert_non_null(sound);
    float *frame = calloc((size_t)channels, sizeof *frame);
    for (int i = 0; i < frames; i++) {
        for (int c = 0; c < channels; c++)
            frame[c] = (float)(0.1 * (c + 1) * sin(2 * PI * 300 * i / rate));
        assert_int_equal(sf_writef_float(sound, frame, 1), 1);
    }
    free(frame);
    sf_close(sound);
}

static void write_bytes(const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* Reads all, in pieces of an odd size; gives the number of samples. */
static int64_t read_all(int32_t rate, float *samples, int64_t room)
{
    struct fault fault = {0};
    struct audio_file *file;
    int64_t total = 0, count = 1;
    if (audio_open(path, rate, &file, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    while (count > 0) {
        assert_int_equal(audio_read(file, samples + total, room - total < 777 ? room - total : 777,
                                    &count, &fault),
                         PUM_OK);
        total += count;
    }
    audio_close(&file);
    return total;
}

static void check_tone(int format, int rate, int channels, int frames, int32_t wanted)
{
    static float samples[200000];
    write_tone(format, rate, channels, frames);
    int64_t count = read_all(wanted, samples, 200000);
    int64_t expected = (int64_t)((double)frames * wanted / rate);
    assert_in_range(count, expected - 2, expected + 2);
    double loud = 0.1 * (channels + 1) / 2;
    /* The filter of the rate's change rings at the edges. */
    for (int64_t i = wanted / 50; i < count - wanted / 50; i++) {
        double tone = loud * sin(2 * PI * 300 * (double)i / wanted);
        if (fabs((double)samples[i] - tone) > 2e-3)
            fail_msg("%d Hz, %d channels: sample %lld is %g, not %g", rate, channels, (long long)i,
                     (double)samples[i], tone);
    }
}

static void tones(void **state)
{
    (void)state;
    int wav16 = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
    check_tone(wav16, 16000, 1, 5000, 16000);
    check_tone(wav16, 16000, 3, 5000, 16000);
    check_tone(wav16, 44100, 2, 20000, 16000);
    check_tone(wav16, 48000, 8, 20000, 16000);
    check_tone(wav16, 8000, 1, 5000, 8000);
    check_tone(wav16, 11025, 1, 5000, 16000);
    check_tone(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 96000, 2, 50000, 16000);
    check_tone(SF_FORMAT_WAV | SF_FORMAT_PCM_24, 22050, 1, 9000, 16000);
    check_tone(SF_FORMAT_AIFF | SF_FORMAT_PCM_32, 16000, 2, 5000, 16000);
    check_tone(SF_FORMAT_AU | SF_FORMAT_DOUBLE, 192000, 1, 70000, 16000);
    check_tone(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 32000, 2, 9000, 16000);
}

static void refused_at(int line, pum_status status, const char *part)
{
    struct fault fault = {0};
    struct audio_file *file = NULL;
    static float samples[100000];
    pum_status got = audio_open(path, 16000, &file, &fault);
    for (int64_t count = 1; got == PUM_OK && count > 0;)
        got = audio_read(file, samples, 100000, &count, &fault);
    audio_close(&file);
    if (got != status)
        fail_msg("line %d: %s, not %s: %s", line, pum_status_name(got), pum_status_name(status),
                 fault.text);
    if (!strstr(fault.text, part))
        fail_msg("'%s' does not say '%s'", fault.text, part);
}

#define refused(status, part) refused_at(__LINE__, status, part)

static void put32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* A WAV header that claims what it is told to, and four samples. */
static void write_header(uint32_t channels, uint32_t rate, uint32_t data_bytes)
{
    unsigned char wav[52] = "RIFF....WAVEfmt ";
    put32(wav + 4, 44);
    put32(wav + 16, 16);
    put32(wav + 20, 1 | channels << 16);
    put32(wav + 24, rate);
    put32(wav + 28, rate * channels * 2);
    put32(wav + 32, (channels * 2 & 0xffff) | 16u << 16);
    memcpy(wav + 36, "data", 4);
    put32(wav + 40, data_bytes);
    write_bytes(wav, sizeof wav);
}

static void strange_files(void **state)
{
    (void)state;
    write_bytes("", 0);
    refused(PUM_E_FORMAT, path);
    write_bytes("this is no sound at all, only words", 35);
    refused(PUM_E_FORMAT, path);
    write_bytes("RIFF\xff\xff\xff\xffWAVE", 12);
    refused(PUM_E_FORMAT, path);
    write_header(0, 16000, 8);
    refused(PUM_E_FORMAT, path);
    write_header(1, 16000, 0);
    refused(PUM_E_FORMAT, "no samples");
    write_header(1, 0, 8);
    refused(PUM_E_FORMAT, path);
    write_header(1, 5, 8);
    refused(PUM_E_FORMAT, "cannot be converted");
    write_header(1, 2000000000, 8);
    refused(PUM_E_FORMAT, "cannot be converted");
    write_header(65535, 16000, 8);
    refused(PUM_E_FORMAT, path);
    strcat(path, ".missing");
    refused(PUM_E_FILE, "No such file");
    path[strlen(path) - strlen(".missing")] = '\0';
}

/* A header that promises more than there is gives what there is; no number is refused. */
static void short_and_not_finite(void **state)
{
    (void)state;
    static float samples[1000];
    write_header(1, 16000, 4000000);
    assert_int_equal(read_all(16000, samples, 1000), 4);
    SF_INFO info = {.samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *sound = sf_open(path, SFM_WRITE, &info);
    const float values[3] = {0.5f, 0.25f, NAN};
    assert_int_equal(sf_write_float(sound, values, 3), 3);
    sf_close(sound);
    refused(PUM_E_FORMAT, "frame 2 is no finite number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tones),
        cmocka_unit_test(strange_files),
        cmocka_unit_test(short_and_not_finite),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
