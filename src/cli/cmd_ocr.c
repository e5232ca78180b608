/* SPDX-License-Identifier: MIT
 *
 * cmd_ocr.c - `pumice ocr IMAGE...`: the text in pictures.
 */
#include "cli.h"
#include "cli_knobs.h"
#include "cli_progress.h"
#include "image/ocr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODELS_FOLDER "pumice/models/ocr-models-1.4.2"

struct ocr_options {
    const char *models, *draw;
    bool time;
    int64_t max_side;
};

struct model_paths {
    char *detector, *classifier, *recogniser, *dictionary;
};

static void free_paths(struct model_paths *paths)
{
    free(paths->detector);
    free(paths->classifier);
    free(paths->recogniser);
    free(paths->dictionary);
}

/* The folder of the models: option, environment, cache. The caller frees it. */
static char *models_folder(const struct ocr_options *options)
{
    char *folder = NULL;
    const char *given = options->models != NULL ? options->models
                                                : cli_knob_value(CLI_KNOB_OCR_MODELS);
    const char *cache = cli_knob_value(CLI_KNOB_CACHE_HOME);
    const char *home = cli_knob_value(CLI_KNOB_HOME);
    int rc = given != NULL   ? asprintf(&folder, "%s", given)
             : cache != NULL ? asprintf(&folder, "%s/" MODELS_FOLDER, cache)
                             : asprintf(&folder, "%s/.cache/" MODELS_FOLDER, home ? home : "");
    return rc < 0 ? NULL : folder;
}

/* Packages keep the files in assets/; a folder with the files themselves will do. */
static pum_status find_file(struct cli *cli, const char *folder, const char *name, char **out_path)
{
    static const char *const inner[] = {"", "assets/", "package/assets/"};
    for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
        char *path;
        if (asprintf(&path, "%s/%s%s", folder, inner[i], name) < 0)
            return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
        if (access(path, R_OK) == 0) {
            *out_path = path;
            return PUM_OK;
        }
        free(path);
    }
    cli->hint = "tools/fetch_models gets them; --models DIR or PUMICE_OCR_MODELS tells the folder";
    return fault_set(&cli->fault, PUM_E_FILE, "ocr: no %s in %s", name, folder);
}

static pum_status find_models(struct cli *cli, const struct ocr_options *options,
                              struct model_paths *paths)
{
    char *folder = models_folder(options);
    if (folder == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = find_file(cli, folder, "ch_PP-OCRv4_det_infer.onnx", &paths->detector);
    if (status == PUM_OK)
        status = find_file(cli, folder, "ch_ppocr_mobile_v2.0_cls_infer.onnx", &paths->classifier);
    if (status == PUM_OK)
        status = find_file(cli, folder, "ch_PP-OCRv4_rec_infer.onnx", &paths->recogniser);
    if (status == PUM_OK)
        status = find_file(cli, folder, "ppocr_keys_v1.txt", &paths->dictionary);
    free(folder);
    return status;
}

static json_t *json_picture(const char *path, const struct image *image,
                            const struct ocr_result *result)
{
    json_t *lines = json_array();
    for (int32_t i = 0; i < result->count; i++) {
        const struct ocr_line *line = &result->lines[i];
        json_t *box = json_array();
        for (int k = 0; k < 4; k++)
            json_array_append_new(box, json_pack("[ff]", (double)line->quad[k].x,
                                                 (double)line->quad[k].y));
        json_array_append_new(lines, json_pack("{s:o, s:f, s:f, s:i, s:i, s:o}", "text",
                                               cli_json_text(line->text), "score",
                                               (double)line->score, "box_score",
                                               (double)line->box_score, "angle", line->angle,
                                               "row", line->row, "box", box));
    }
    return json_pack("{s:o, s:i, s:i, s:o, s:f, s:f, s:f, s:f}", "image", cli_json_text(path),
                     "width", image->width, "height", image->height, "lines", lines, "detect_ms",
                     result->detect_ms, "classify_ms", result->classify_ms, "recognise_ms",
                     result->recognise_ms, "total_ms", result->total_ms);
}

static pum_status draw_boxes(struct cli *cli, struct image *image, const struct ocr_result *result,
                             const char *out, int32_t number)
{
    static const uint8_t colours[2][3] = {{220, 30, 60}, {30, 110, 220}};
    float thickness = (float)(image->width + image->height) / 1200;
    thickness = thickness < 1.5f ? 1.5f : thickness;
    for (int32_t i = 0; i < result->count; i++)
        image_draw_polygon(image, result->lines[i].quad, 4, thickness,
                           colours[result->lines[i].row & 1]);
    char *path = cli_numbered_path(out, number);
    if (path == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = image_save_png(image, path, &cli->fault);
    free(path);
    return status;
}

static pum_status read_one(struct cli *cli, struct ocr *ocr, const struct ocr_options *options,
                           const char *path, int32_t number, json_t *json)
{
    struct image image;
    struct ocr_result result = {0};
    pum_status status = image_load(&image, path, &cli->fault);
    if (status == PUM_OK)
        status = ocr_read(ocr, &image, &result, &cli->fault);
    char *text = status == PUM_OK ? ocr_result_text(&result) : NULL;
    if (status == PUM_OK && text == NULL)
        status = fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    if (status == PUM_OK && json != NULL) {
        json_array_append_new(json, json_picture(path, &image, &result));
    } else if (status == PUM_OK) {
        if (number > 0)
            printf("%s== %s ==\n", number > 1 ? "\n" : "", path);
        fputs(text, stdout);
        fflush(stdout);
    }
    if (status == PUM_OK && options->time)
        fprintf(stderr, "%s: %.0f ms on %s: %d lines (finding %.0f, turning %.0f, reading %.0f)\n",
                path, result.total_ms, pum_device_get_info(cli->gpu)->name, result.count,
                result.detect_ms, result.classify_ms, result.recognise_ms);
    if (status == PUM_OK && options->draw != NULL)
        status = draw_boxes(cli, &image, &result, options->draw, number);
    free(text);
    ocr_result_free(&result);
    image_free(&image);
    return status;
}

static void on_progress(void *user, const char *what, int32_t done, int32_t total)
{
    progress_show(user, what, done, total > 1 ? total : 0);
}

/* A picture that cannot be read is told at once, before seconds of loading. */
static pum_status check_pictures(struct cli *cli, const struct option_words *words)
{
    for (int32_t i = 0; i < words->count; i++) {
        if (access(words->items[i], R_OK) != 0)
            return fault_set(&cli->fault, PUM_E_FILE, "cannot read %s: %s", words->items[i],
                             strerror(errno));
    }
    return PUM_OK;
}

static pum_status read_all(struct cli *cli, const struct option_words *words,
                           const struct ocr_options *options)
{
    struct model_paths paths = {0};
    struct cli_progress progress;
    struct ocr *ocr = NULL;
    json_t *json = NULL;
    pum_status status = check_pictures(cli, words);
    if (status == PUM_OK)
        status = find_models(cli, options, &paths);
    if (status == PUM_OK)
        status = cli_open_device(cli);
    double start = cli_now_ms();
    progress_begin(&progress);
    if (status == PUM_OK) {
        struct ocr_params params = {.detector = paths.detector,
                                    .classifier = paths.classifier,
                                    .recogniser = paths.recogniser,
                                    .dictionary = paths.dictionary,
                                    .max_side = (int32_t)options->max_side,
                                    .progress = on_progress,
                                    .progress_user = &progress};
        status = ocr_open(cli->context, cli->gpu, &params, &ocr, &cli->fault);
    }
    if (status == PUM_OK && options->time)
        fprintf(stderr, "networks loaded in %.0f ms\n", cli_now_ms() - start);
    if (status == PUM_OK && cli->json)
        json = json_array();
    for (int32_t i = 0; i < words->count && status == PUM_OK; i++) {
        status = read_one(cli, ocr, options, words->items[i], words->count > 1 ? i + 1 : 0, json);
        progress_end(&progress);
    }
    progress_end(&progress);
    if (status == PUM_OK && json != NULL) {
        const pum_device_info *info = pum_device_get_info(cli->gpu);
        status = cli_print_json(cli, json_pack("{s:o, s:o, s:O}", "device",
                                               cli_json_text(info->name), "driver",
                                               cli_json_text(info->driver), "images", json));
    }
    json_decref(json);
    ocr_close(&ocr);
    free_paths(&paths);
    return status;
}

static int run_ocr(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct ocr_options options = {0};
    int code;
    const struct option_row rows[] = {
        {"models", OPTION_TEXT, "DIR", "folder of the PP-OCRv4 models", &options.models, 0, 0},
        {"draw", OPTION_TEXT, "OUT.png", "write the picture with the boxes drawn", &options.draw, 0,
         0},
        {"time", OPTION_FLAG, NULL, "print device and times on stderr", &options.time, 0, 0},
        {"max-side", OPTION_NUMBER, "N", "find text at N x 3/4 N pixels at most (1280)",
         &options.max_side, 32, 8192},
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count < 1)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "ocr: give a picture: pumice %s", command->usage);
    else
        read_all(&cli, &words, &options);
    return cli_end(&cli);
}

const struct command cmd_ocr = {
    .name = "ocr",
    .summary = "read the text in pictures",
    .usage = "ocr IMAGE... [--draw OUT.png] [--json]",
    .help = "Prints the text of PNG and JPEG pictures in reading order, a line of text a line.\n"
            "Lines may be turned by any angle, pages may be upside down or have columns. For a\n"
            "picture without text nothing is printed. The models are those of\n"
            "`tools/fetch_models`, looked for in --models, $PUMICE_OCR_MODELS and\n"
            "~/.cache/" MODELS_FOLDER ".\n\n"
            "  pumice ocr page.png\n"
            "  pumice ocr photo.jpg --draw boxes.png --time\n"
            "  pumice ocr *.png --json > text.json\n"
            "  pumice ocr scan.png --max-side 2560   small text on a large page",
    .run = run_ocr,
};
