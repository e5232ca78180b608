/* SPDX-License-Identifier: MIT
 *
 * cmd_vad.c - `pumice vad AUDIO`: where in a sound there is speech.
 */
#include "audio/audio_file.h"
#include "audio/vad.h"
#include "audio/vad_segments.h"
#include "cli.h"
#include "cli_knobs.h"
#include "cli_progress.h"
#include "cli_table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODELS_FOLDER "pumice/models/silero-vad-0.0.31"
#define DEFAULT_MODEL "v6"
#define BLOCK_SAMPLES 16384

struct vad_options {
    const char *model;
    bool probabilities, time;
    int64_t min_speech_ms, min_silence_ms, pad_ms, steps;
    double threshold;
};

/* What is found in one file. */
struct vad_result {
    struct audio_info info;
    int64_t rate, window, samples; /* as the network hears it */
    const float *probabilities;    /* the network's */
    int64_t probability_count;
    struct vad_segment *segments;
    int64_t segment_count;
    double total_ms;
};

/* --- The model -------------------------------------------------------------------------------- */

/* "v5" is a file in the folder of models; what has a slash or an ending is a path. */
static bool is_version(const char *model)
{
    return strchr(model, '/') == NULL && strchr(model, '.') == NULL;
}

/* The caller frees the path. */
static pum_status find_model(struct cli *cli, const struct vad_options *options, char **out_path)
{
    const char *model = options->model != NULL ? options->model : DEFAULT_MODEL;
    const char *given = cli_knob_value(CLI_KNOB_VAD_MODELS);
    const char *cache = cli_knob_value(CLI_KNOB_CACHE_HOME);
    const char *home = cli_knob_value(CLI_KNOB_HOME);
    int rc;
    if (!is_version(model))
        rc = asprintf(out_path, "%s", model);
    else if (given != NULL)
        rc = asprintf(out_path, "%s/silero_vad_%s.onnx", given, model);
    else if (cache != NULL)
        rc = asprintf(out_path, "%s/" MODELS_FOLDER "/silero_vad_%s.onnx", cache, model);
    else
        rc = asprintf(out_path, "%s/.cache/" MODELS_FOLDER "/silero_vad_%s.onnx",
                      home != NULL ? home : "", model);
    if (rc < 0) {
        *out_path = NULL;
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    }
    if (access(*out_path, R_OK) == 0)
        return PUM_OK;
    cli->hint = "tools/fetch_models gets v5, v6 and legacy; --model FILE takes any other";
    return fault_set(&cli->fault, PUM_E_FILE, "vad: no model %s", *out_path);
}

/* --- Listening -------------------------------------------------------------------------------- */

static pum_status listen(struct cli *cli, struct vad *vad, struct audio_file *file,
                         struct vad_result *result)
{
    struct cli_progress progress;
    const struct audio_info *info = audio_get_info(file);
    pum_status status = PUM_OK;
    int64_t count = 1;
    float *block = malloc(BLOCK_SAMPLES * sizeof(float));
    if (block == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    progress_begin(&progress);
    while (count > 0 && status == PUM_OK) {
        status = audio_read(file, block, BLOCK_SAMPLES, &count, &cli->fault);
        if (status == PUM_OK)
            status = vad_push(vad, block, count, &cli->fault);
        result->samples += count;
        progress_show(&progress, "listening", audio_position(file) / info->rate,
                      info->frames / info->rate);
    }
    if (status == PUM_OK)
        status = vad_finish(vad, &cli->fault);
    progress_end(&progress);
    free(block);
    return status;
}

static pum_status find_segments(struct cli *cli, const struct vad_options *options,
                                struct vad_result *result)
{
    const struct vad_track track = {.probabilities = result->probabilities,
                                    .count = result->probability_count,
                                    .window = result->window,
                                    .rate = result->rate,
                                    .samples = result->samples};
    const struct vad_rule rule = {.threshold = (float)options->threshold,
                                  .min_speech_ms = (double)options->min_speech_ms,
                                  .min_silence_ms = (double)options->min_silence_ms,
                                  .pad_ms = (double)options->pad_ms};
    size_t most = (size_t)(track.count + 1) / 2 + 1;
    result->segments = malloc(most * sizeof(*result->segments));
    if (result->segments == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    result->segment_count = vad_find_segments(&track, &rule, result->segments);
    return PUM_OK;
}

/* --- Telling ---------------------------------------------------------------------------------- */

static double seconds(const struct vad_result *result, int64_t samples)
{
    return (double)samples / (double)result->rate;
}

static pum_status print_table(struct cli *cli, const struct vad_result *result)
{
    static const char *const headers[] = {"start s", "end s", "length s"};
    struct cli_table table;
    if (result->segment_count == 0) {
        puts("no speech");
        return PUM_OK;
    }
    table_begin(&table, "rrr", headers);
    for (int64_t i = 0; i < result->segment_count; i++) {
        const struct vad_segment *s = &result->segments[i];
        table_cell(&table, "%.3f", seconds(result, s->start));
        table_cell(&table, "%.3f", seconds(result, s->end));
        table_cell(&table, "%.3f", seconds(result, s->end - s->start));
    }
    return table_end(&table, stdout) ? PUM_OK
                                     : fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
}

static pum_status print_json(struct cli *cli, const char *path, const struct vad_options *options,
                             const struct vad_result *result)
{
    const pum_device_info *device = pum_device_get_info(cli->gpu);
    json_t *segments = json_array();
    for (int64_t i = 0; i < result->segment_count; i++)
        json_array_append_new(segments, json_pack("{s:f, s:f}", "start",
                                                  seconds(result, result->segments[i].start), "end",
                                                  seconds(result, result->segments[i].end)));
    json_t *all = json_pack(
        "{s:o, s:o, s:o, s:i, s:i, s:f, s:f, s:f, s:o}", "device", cli_json_text(device->name),
        "driver", cli_json_text(device->driver), "audio", cli_json_text(path), "sample_rate",
        result->info.rate, "channels", result->info.channels, "seconds",
        seconds(result, result->samples), "step", seconds(result, result->window), "total_ms",
        result->total_ms, "segments", segments);
    if (options->probabilities && all != NULL) {
        json_t *list = json_array();
        for (int64_t i = 0; i < result->probability_count; i++)
            json_array_append_new(list, json_real((double)result->probabilities[i]));
        json_object_set_new(all, "probabilities", list);
    }
    return cli_print_json(cli, all);
}

static pum_status tell(struct cli *cli, const char *path, const struct vad_options *options,
                       const struct vad_result *result)
{
    if (options->time)
        fprintf(stderr, "%.2f s of sound in %.0f ms on %s: %.0f times real time, %.3f ms a step\n",
                seconds(result, result->samples), result->total_ms,
                pum_device_get_info(cli->gpu)->name,
                1000 * seconds(result, result->samples) / result->total_ms,
                result->total_ms / (double)result->probability_count);
    return cli->json ? print_json(cli, path, options, result) : print_table(cli, result);
}

/* --- The command ------------------------------------------------------------------------------ */

static pum_status detect(struct cli *cli, const char *path, const struct vad_options *options)
{
    struct vad_result result = {0};
    struct audio_file *file = NULL;
    struct vad *vad = NULL;
    char *model = NULL;
    pum_status status = audio_look(path, &result.info, &cli->fault);
    if (status == PUM_OK)
        status = find_model(cli, options, &model);
    if (status == PUM_OK)
        status = cli_open_device(cli);
    result.rate = result.info.rate == 8000 ? 8000 : 16000;
    const struct vad_params params = {model, (int32_t)result.rate, (int32_t)options->steps};
    if (status == PUM_OK)
        status = vad_open(cli->context, cli->gpu, &params, &vad, &cli->fault);
    if (status == PUM_OK)
        status = audio_open(path, (int32_t)result.rate, &file, &cli->fault);
    double start = cli_now_ms();
    if (status == PUM_OK)
        status = listen(cli, vad, file, &result);
    if (status == PUM_OK) {
        result.total_ms = cli_now_ms() - start;
        result.window = vad_window(vad);
        result.probabilities = vad_probabilities(vad, &result.probability_count);
        status = find_segments(cli, options, &result);
    }
    if (status == PUM_OK)
        status = tell(cli, path, options, &result);
    free(result.segments);
    audio_close(&file);
    vad_close(&vad);
    free(model);
    return status;
}

static int run_vad(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    const struct vad_rule rule = VAD_RULE_DEFAULTS;
    struct vad_options options = {.threshold = (double)rule.threshold,
                                  .min_speech_ms = (int64_t)rule.min_speech_ms,
                                  .min_silence_ms = (int64_t)rule.min_silence_ms,
                                  .pad_ms = (int64_t)rule.pad_ms};
    int code;
    const struct option_row rows[] = {
        {"model", OPTION_TEXT, "MODEL", "v5, v6, legacy, or an ONNX file (" DEFAULT_MODEL ")",
         &options.model, 0, 0},
        {"threshold", OPTION_DECIMAL, "P", "speech from this probability on (0.5)",
         &options.threshold, 0, 1},
        {"min-speech-ms", OPTION_NUMBER, "MS", "drop shorter segments (250)",
         &options.min_speech_ms, 0, 3600000},
        {"min-silence-ms", OPTION_NUMBER, "MS", "shorter pauses end no segment (100)",
         &options.min_silence_ms, 0, 3600000},
        {"pad-ms", OPTION_NUMBER, "MS", "add on both sides of a segment (30)", &options.pad_ms, 0,
         3600000},
        {"probabilities", OPTION_FLAG, NULL, "with --json: the probability of each step",
         &options.probabilities, 0, 0},
        {"steps", OPTION_NUMBER, "N", "steps a run; 1: as sound that arrives (64)", &options.steps,
         1, 1024},
        {"time", OPTION_FLAG, NULL, "print device and time on stderr", &options.time, 0, 0},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count != 1)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "vad: give one sound file: pumice %s",
                  command->usage);
    else if (options.probabilities && !cli.json)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "vad: --probabilities goes with --json");
    else
        detect(&cli, words.items[0], &options);
    return cli_end(&cli);
}

const struct command cmd_vad = {
    .name = "vad",
    .summary = "find the speech in a sound",
    .usage = "vad AUDIO [--threshold P] [--json]",
    .help = "Prints the segments of a sound file in which somebody speaks, by silero VAD: WAV,\n"
            "FLAC, Ogg and what else libsndfile reads, with any sampling rate and number of\n"
            "channels (they are mixed to one). Speech begins where the probability of a step of\n"
            "32 ms reaches the threshold, and ends where it stays 0.15 below it for\n"
            "--min-silence-ms. The models are those of `tools/fetch_models`, looked for in\n"
            "$PUMICE_VAD_MODELS and\n"
            "~/.cache/" MODELS_FOLDER ".\n\n"
            "  pumice vad talk.wav\n"
            "  pumice vad talk.flac --threshold 0.3 --min-silence-ms 500 --time\n"
            "  pumice vad phone.wav --json --probabilities > talk.json",
    .run = run_vad,
};
