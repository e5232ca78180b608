/* SPDX-License-Identifier: MIT
 *
 * cmd_detect.c - `pumice detect MODEL IMAGE...`: objects in pictures. What the outputs mean is
 * found out by image/detect.c.
 */
#include "cli_network.h"
#include "cli_output.h"
#include "cli_picture.h"
#include "cli_table.h"
#include "hf/hf_labels.h"
#include "image/detect.h"

#include <stdlib.h>
#include <string.h>

struct detect_options {
    struct cli_picture_options picture;
    const char *labels, *layout, *draw;
    const char *score, *overlap; /* fractions */
    int64_t most;
    bool across;
};

struct detector {
    struct cli_network network;
    struct cli_picture_input input;
    struct preprocess how;
    struct hf_labels labels;
    struct detect_params params;
};

/* --- Words ------------------------------------------------------------------------------------ */

static pum_status take_fraction(struct cli *cli, const char *option, const char *text,
                                float *out_value)
{
    char *end;
    if (text == NULL)
        return PUM_OK;
    *out_value = strtof(text, &end);
    if (end == text || *end != '\0' || !(*out_value > 0 && *out_value <= 1))
        return fault_set(&cli->fault, PUM_E_ARGUMENT, "--%s %s: a number above 0, up to 1", option,
                         text);
    return PUM_OK;
}

static pum_status take_params(struct cli *cli, const struct detect_options *options,
                              struct detect_params *params)
{
    params->most = (int32_t)options->most;
    params->across = options->across;
    pum_status status = take_fraction(cli, "score", options->score, &params->least_score);
    if (status == PUM_OK)
        status = take_fraction(cli, "overlap", options->overlap, &params->overlap);
    if (status == PUM_OK && options->layout != NULL &&
        !detect_layout_find(options->layout, &params->layout))
        status = fault_set(&cli->fault, PUM_E_ARGUMENT,
                           "--layout %s: auto, yolov5, yolov8, rows "
                           "or boxes",
                           options->layout);
    return status;
}

static pum_status load_labels(struct cli *cli, const char *model, const char *file,
                              struct hf_labels *labels)
{
    if (file != NULL)
        return hf_labels_from_file(labels, file, &cli->fault);
    char *folder = cli_network_folder(model);
    if (folder == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = hf_labels_from_config(labels, folder, &cli->fault);
    free(folder);
    return status;
}

static pum_status open_detector(struct cli *cli, const char *path,
                                const struct detect_options *options, struct detector *detector)
{
    pum_status status = take_params(cli, options, &detector->params);
    if (status == PUM_OK)
        status = load_labels(cli, path, options->labels, &detector->labels);
    if (status == PUM_OK)
        status = cli_network_open(cli, &detector->network, path, NULL);
    if (status != PUM_OK)
        return status;
    const struct cli_model *model = &detector->network.model;
    detector->params.label_count = detector->labels.count;
    if (!cli_picture_input_find(model, &detector->input) || model->input_count != 1)
        return fault_set(&cli->fault, PUM_E_UNSUPPORTED,
                         "%s: a detector has one input, and that "
                         "takes a picture; `pumice info` shows this model's",
                         path);
    return cli_picture_prepare(cli, model, &detector->input, CLI_PICTURE_DETECT, &options->picture,
                               &detector->how);
}

static void close_detector(struct detector *detector)
{
    hf_labels_free(&detector->labels);
    cli_network_close(&detector->network);
}

/* --- One picture ------------------------------------------------------------------------------ */

/* Outputs as detect_decode takes them: integers as they are, all else as floats of our own. */
static pum_status take_outputs(struct cli *cli, struct cli_network *network,
                               struct detect_output *outputs, float **values)
{
    for (int32_t i = 0; i < network->model.output_count; i++) {
        pum_tensor *tensor = &outputs[i].tensor;
        outputs[i].name = network->model.outputs[i].name;
        pum_status status = cli_network_floats(cli, network, i, tensor, &values[i]);
        if (status != PUM_OK)
            return status;
        if (tensor->dtype != PUM_DTYPE_I64 && tensor->dtype != PUM_DTYPE_I32) {
            tensor->dtype = PUM_DTYPE_F32;
            tensor->data = values[i];
        }
    }
    return PUM_OK;
}

static pum_status decode(struct cli *cli, struct detector *detector, struct detect_result *result)
{
    struct cli_network *network = &detector->network;
    size_t count = (size_t)network->model.output_count;
    struct detect_output *outputs = calloc(count + 1, sizeof(*outputs));
    float **values = calloc(count + 1, sizeof(*values));
    pum_status status = outputs == NULL || values == NULL
                            ? fault_set(&cli->fault, PUM_E_MEMORY, "out of memory")
                            : take_outputs(cli, network, outputs, values);
    if (status == PUM_OK) {
        status = detect_decode(outputs, (int32_t)count, &detector->params, result, &cli->fault);
        if (status != PUM_OK)
            fault_prefix(&cli->fault, network->model.path);
    }
    for (size_t i = 0; values != NULL && i < count; i++)
        free(values[i]);
    free(values);
    free(outputs);
    return status;
}

static pum_status find_objects(struct cli *cli, struct detector *detector, const char *path,
                               struct image *image, struct detect_result *result)
{
    struct preprocess_result ready;
    pum_tensor tensor = {0};
    pum_status status = cli_picture_read(cli, path, &detector->how, &ready, image);
    if (status == PUM_OK)
        status = cli_picture_batch(cli, &detector->input, &ready, 1, &tensor);
    if (status == PUM_OK)
        status = cli_network_give(cli, &detector->network, 0, &tensor);
    if (status == PUM_OK)
        status = cli_network_run(cli, &detector->network);
    detector->params.picture_width = image->width;
    detector->params.picture_height = image->height;
    detector->params.width = ready.width;
    detector->params.height = ready.height;
    detector->params.place = ready.place;
    if (status == PUM_OK)
        status = decode(cli, detector, result);
    free(tensor.data);
    preprocess_free(&ready);
    return status;
}

/* --- What is shown ---------------------------------------------------------------------------- */

static const char *label_of(const struct detector *detector, int32_t label, char text[32])
{
    const char *name = hf_labels_name(&detector->labels, label);
    if (name != NULL)
        return name;
    snprintf(text, 32, "class %d", label);
    return text;
}

static pum_status draw(struct cli *cli, struct image *image, const struct detect_result *result,
                       const char *out, int32_t number)
{
    static const uint8_t colours[][3] = {{220, 30, 60},  {30, 110, 220}, {20, 160, 70},
                                         {240, 140, 0},  {140, 60, 200}, {0, 170, 180},
                                         {200, 30, 150}, {120, 100, 30}};
    float thickness = (float)(image->width + image->height) / 600;
    thickness = thickness < 1.5f ? 1.5f : thickness;
    for (int32_t i = result->count - 1; i >= 0; i--) {
        const struct detect_box *box = &result->boxes[i];
        const struct image_point corners[4] = {{box->left, box->top},
                                               {box->right - 1, box->top},
                                               {box->right - 1, box->bottom - 1},
                                               {box->left, box->bottom - 1}};
        image_draw_polygon(image, corners, 4, thickness, colours[(uint32_t)box->label % 8]);
    }
    char *path = cli_numbered_path(out, number);
    if (path == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = image_save_png(image, path, &cli->fault);
    free(path);
    return status;
}

static json_t *json_picture(const struct detector *detector, const char *path,
                            const struct image *image, const struct detect_result *result)
{
    json_t *boxes = json_array();
    for (int32_t i = 0; i < result->count; i++) {
        const struct detect_box *box = &result->boxes[i];
        const char *name = hf_labels_name(&detector->labels, box->label);
        json_array_append_new(boxes,
                              json_pack("{s:i, s:o, s:f, s:[ffff]}", "class", box->label, "label",
                                        name != NULL ? cli_json_text(name) : json_null(), "score",
                                        (double)box->score, "box", (double)box->left,
                                        (double)box->top, (double)box->right, (double)box->bottom));
    }
    return json_pack("{s:o, s:i, s:i, s:o}", "image", cli_json_text(path), "width", image->width,
                     "height", image->height, "objects", boxes);
}

static bool print_picture(const struct detector *detector, const char *path,
                          const struct image *image, const struct detect_result *result,
                          int32_t number)
{
    static const char *const headers[] = {"object", "score", "left", "top", "right", "bottom"};
    struct cli_table table;
    char text[32];
    if (number > 0)
        printf("%s== %s ==\n", number > 1 ? "\n" : "", path);
    if (result->count == 0) {
        printf("nothing found in %d x %d pixels\n", image->width, image->height);
        return true;
    }
    table_begin(&table, "lrrrrr", headers);
    for (int32_t i = 0; i < result->count; i++) {
        const struct detect_box *box = &result->boxes[i];
        table_cell(&table, "%s", label_of(detector, box->label, text));
        table_cell(&table, "%.3f", (double)box->score);
        table_cell(&table, "%.1f", (double)box->left);
        table_cell(&table, "%.1f", (double)box->top);
        table_cell(&table, "%.1f", (double)box->right);
        table_cell(&table, "%.1f", (double)box->bottom);
    }
    return table_end(&table, stdout);
}

static pum_status run_one(struct cli *cli, struct detector *detector,
                          const struct detect_options *options, const char *path, int32_t number,
                          json_t *json)
{
    struct image image = {0};
    struct detect_result result = {0};
    pum_status status = find_objects(cli, detector, path, &image, &result);
    if (status == PUM_OK && json != NULL)
        json_array_append_new(json, json_picture(detector, path, &image, &result));
    else if (status == PUM_OK && !print_picture(detector, path, &image, &result, number))
        status = fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    if (status == PUM_OK && cli->verbose)
        fprintf(stderr, "%s: the outputs are taken as %s\n", path,
                detect_layout_name(result.layout));
    if (status == PUM_OK && options->draw != NULL)
        status = draw(cli, &image, &result, options->draw, number);
    detect_free(&result);
    image_free(&image);
    return status;
}

static pum_status run_all(struct cli *cli, const struct option_words *words,
                          const struct detect_options *options)
{
    struct detector detector = {0};
    pum_status status = open_detector(cli, words->items[0], options, &detector);
    json_t *json = cli->json ? json_array() : NULL;
    for (int32_t i = 1; i < words->count && status == PUM_OK; i++)
        status = run_one(cli, &detector, options, words->items[i], words->count > 2 ? i : 0, json);
    if (status == PUM_OK && json != NULL)
        status = cli_print_json(cli, json_pack("{s:o, s:O}", "device",
                                               cli_json_text(pum_device_get_info(cli->gpu)->name),
                                               "images", json));
    json_decref(json);
    close_detector(&detector);
    return status;
}

static int run_detect(const struct command *command, int argc, char **argv)
{
    struct cli cli;
    struct option_words words;
    struct detect_options options = {0};
    int code;
    const struct option_row rows[] = {
        {"labels", OPTION_TEXT, "FILE", "names of the classes: one a line, or JSON",
         &options.labels, 0, 0},
        {"score", OPTION_TEXT, "S", "drop objects below this score (0.25)", &options.score, 0, 0},
        {"overlap", OPTION_TEXT, "S", "boxes that share more are one object (0.45)",
         &options.overlap, 0, 0},
        {"across", OPTION_FLAG, NULL, "one object has one class: suppress across classes",
         &options.across, 0, 0},
        {"most", OPTION_NUMBER, "N", "objects at most (300)", &options.most, 1, 100000},
        {"layout", OPTION_TEXT, "FORM", "auto, yolov5, yolov8, rows or boxes", &options.layout, 0,
         0},
        {"draw", OPTION_TEXT, "OUT.png", "write the picture with the boxes drawn", &options.draw, 0,
         0},
        CLI_PICTURE_ROWS(&options.picture),
    };
    if (!cli_begin(&cli, command, argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &words, &code))
        return code;
    if (words.count < 2)
        fault_set(&cli.fault, PUM_E_ARGUMENT, "detect: give a model and a picture: pumice %s",
                  command->usage);
    else
        run_all(&cli, &words, &options);
    return cli_end(&cli);
}

const struct command cmd_detect = {
    .name = "detect",
    .summary = "find objects in pictures",
    .usage = "detect MODEL IMAGE... [--draw OUT.png] [--labels FILE]",
    .help = "Prints the objects that a detector finds, best first, with their boxes in pixels of\n"
            "the picture. Exports of YOLO v5 to v11, of torchvision and of SSD are known by the\n"
            "shapes of their outputs; --layout says it where they are taken for another. The\n"
            "picture is put whole into the model's input, grey around it, colours as 0..1.\n\n"
            "  pumice detect yolov8n.onnx street.jpg --labels coco.txt --draw boxes.png\n"
            "  pumice detect yolov5s.onnx *.jpg --score 0.5 --json\n"
            "  pumice detect ssd.onnx street.jpg --fit stretch --mean 0.5 --std 0.5\n"
            "  pumice detect rcnn.onnx street.jpg --size 800x600",
    .run = run_detect,
};
