/* SPDX-License-Identifier: MIT
 *
 * cli_picture.c - see cli_picture.h. Tests: tests/cli/test_pictures.py.
 */
#include "cli_picture.h"

#include "hf/hf_preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLASSIFY_SIDE 224 /* where neither the model nor the user says */
#define DETECT_SIDE 640

bool cli_picture_layout_find(const pum_port_info *port, struct cli_picture_layout *out_layout)
{
    if (port->rank != 3 && port->rank != 4)
        return false;
    if (port->rank == 4 && port->dims[0] > 1)
        return false; /* a batch of pictures */
    int32_t first = port->rank - 3;
    int64_t front = port->dims[first], back = port->dims[first + 2];
    bool front_fits = front == 1 || front == 3, back_fits = back == 1 || back == 3;
    if (!front_fits && !back_fits && front >= 0)
        return false;
    bool channels_last = back_fits && !front_fits;
    *out_layout = channels_last
                      ? (struct cli_picture_layout){first + 2, first, first + 1, (int32_t)back}
                      : (struct cli_picture_layout){first, first + 1, first + 2,
                                                    front_fits ? (int32_t)front : 3};
    return true;
}

/* --- The input -------------------------------------------------------------------------------- */

static int32_t side_of(int64_t dim)
{
    return dim > 0 && dim <= INT32_MAX ? (int32_t)dim : 0;
}

bool cli_picture_input_find(const struct cli_model *model, struct cli_picture_input *out_input)
{
    int32_t found = 0;
    for (int32_t i = 0; i < model->input_count; i++) {
        const pum_port_info *port = &model->inputs[i];
        struct cli_picture_layout layout;
        bool numbers = port->dtype == PUM_DTYPE_F32 || port->dtype == PUM_DTYPE_F16 ||
                       port->dtype == PUM_DTYPE_U8;
        if (!numbers || !cli_picture_layout_find(port, &layout))
            continue;
        if (found == 0 || strcmp(port->name, "pixel_values") == 0)
            *out_input = (struct cli_picture_input){.index = i,
                                                    .dtype = port->dtype,
                                                    .rank = port->rank,
                                                    .layout = layout,
                                                    .width = side_of(port->dims[layout.width]),
                                                    .height = side_of(port->dims[layout.height])};
        found++;
        if (strcmp(port->name, "pixel_values") == 0)
            return true;
    }
    return found == 1;
}

/* --- How -------------------------------------------------------------------------------------- */

/* "224" or "320x240" */
static bool parse_size(const char *text, int32_t *out_width, int32_t *out_height)
{
    char *end;
    long width = strtol(text, &end, 10), height = width;
    if (end == text || text[0] < '0' || text[0] > '9')
        return false;
    if (*end == 'x') {
        const char *rest = end + 1;
        height = strtol(rest, &end, 10);
        if (end == rest || rest[0] < '0' || rest[0] > '9')
            return false;
    }
    *out_width = (int32_t)width;
    *out_height = (int32_t)height;
    return *end == '\0' && width >= 1 && height >= 1 && width <= IMAGE_MAX_SIDE &&
           height <= IMAGE_MAX_SIDE;
}

/* "0.5,0.4,0.3", or one number for all three */
static bool parse_colours(const char *text, float out_values[3])
{
    int count = 0;
    for (; count < 3; count++) {
        char *end;
        out_values[count] = strtof(text, &end);
        if (end == text || !isfinite(out_values[count]))
            return false;
        text = end;
        if (*text == '\0')
            break;
        if (*text++ != ',')
            return false;
    }
    if (count == 0)
        out_values[1] = out_values[2] = out_values[0];
    return count == 0 || count == 2;
}

/* crop: ImageNet's way; cover: the shorter side is the size itself. */
static bool take_fit(const char *word, struct preprocess *how)
{
    int32_t side = how->width < how->height ? how->width : how->height;
    how->resized_width = how->resized_height = 0;
    if (strcmp(word, "crop") == 0 || strcmp(word, "cover") == 0) {
        how->fit = PREPROCESS_SHORTEST;
        how->shortest = word[1] == 'r' ? preprocess_defaults(side, side).shortest : side;
    } else if (strcmp(word, "stretch") == 0) {
        how->fit = PREPROCESS_STRETCH;
    } else if (strcmp(word, "letterbox") == 0) {
        how->fit = PREPROCESS_LETTERBOX;
    } else {
        how->fit = PREPROCESS_NONE;
    }
    return how->fit != PREPROCESS_NONE || strcmp(word, "none") == 0;
}

static pum_status take_options(struct cli *cli, const struct cli_picture_options *options,
                               struct preprocess *how)
{
    if (options->size != NULL) {
        int32_t before = how->width < how->height ? how->width : how->height;
        if (!parse_size(options->size, &how->width, &how->height))
            return fault_set(&cli->fault, PUM_E_ARGUMENT,
                             "--size %s: a size looks like 224 or "
                             "320x240",
                             options->size);
        int32_t side = how->width < how->height ? how->width : how->height;
        if (how->fit == PREPROCESS_SHORTEST && before > 0)
            how->shortest = (int32_t)((int64_t)how->shortest * side / before);
        how->resized_width = how->resized_height = 0;
    }
    if (options->fit != NULL && !take_fit(options->fit, how))
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "--fit %s: crop, cover, stretch, letterbox "
                         "or none",
                         options->fit);
    if (options->resample != NULL && !image_kernel_find(options->resample, &how->kernel))
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "--resample %s: bilinear, bicubic, lanczos, "
                         "nearest, box or hamming",
                         options->resample);
    if (options->mean != NULL && !parse_colours(options->mean, how->mean))
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "--mean %s: one number or three, like "
                         "0.485,0.456,0.406",
                         options->mean);
    if (options->deviation != NULL && !parse_colours(options->deviation, how->deviation))
        return fault_set(&cli->fault, PUM_E_ARGUMENT,
                         "--std %s: one number or three, like "
                         "0.229,0.224,0.225",
                         options->deviation);
    for (int c = 0; c < 3; c++)
        if (how->deviation[c] == 0)
            return fault_set(&cli->fault, PUM_E_ARGUMENT, "--std %s: nothing can be divided by 0",
                             options->deviation);
    return PUM_OK;
}

/* Bytes for uint8 inputs; 0..1 for detectors and grey pictures; ImageNet's numbers else. */
static struct preprocess start_from(const struct cli_picture_input *input, enum cli_picture_use use)
{
    bool detect = use == CLI_PICTURE_DETECT;
    int32_t side = detect ? DETECT_SIDE : CLASSIFY_SIDE;
    struct preprocess how = preprocess_defaults(input->width > 0 ? input->width : side,
                                                input->height > 0 ? input->height : side);
    bool bytes = input->dtype == PUM_DTYPE_U8;
    if (detect)
        how.fit = PREPROCESS_LETTERBOX;
    if (bytes)
        how.scale = 1;
    for (int c = 0; c < 3 && (detect || bytes || input->layout.channels == 1); c++) {
        how.mean[c] = 0;
        how.deviation[c] = 1;
    }
    return how;
}

pum_status cli_picture_prepare(struct cli *cli, const struct cli_model *model,
                               const struct cli_picture_input *input, enum cli_picture_use use,
                               const struct cli_picture_options *options,
                               struct preprocess *out_how)
{
    bool found = false;
    *out_how = start_from(input, use);
    char *folder = cli_network_folder(model->path);
    if (folder == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    pum_status status = PUM_OK;
    if (use == CLI_PICTURE_CLASSIFY && input->dtype != PUM_DTYPE_U8)
        status = hf_preprocess_load(folder, out_how, &found, &cli->fault);
    free(folder);
    if (status == PUM_OK)
        status = take_options(cli, options, out_how);
    if (status != PUM_OK)
        return status;
    if ((input->width > 0 && out_how->width > 0 && out_how->width != input->width) ||
        (input->height > 0 && out_how->height > 0 && out_how->height != input->height))
        return fault_set(&cli->fault, PUM_E_SHAPE,
                         "%s takes pictures of %d x %d pixels, not of "
                         "%d x %d",
                         model->path, input->width, input->height, out_how->width, out_how->height);
    return PUM_OK;
}

/* --- Pictures --------------------------------------------------------------------------------- */

pum_status cli_picture_read(struct cli *cli, const char *path, const struct preprocess *how,
                            struct preprocess_result *out_result, struct image *out_image)
{
    struct image image;
    *out_result = (struct preprocess_result){0};
    if (out_image != NULL)
        *out_image = (struct image){0};
    pum_status status = image_load(&image, path, &cli->fault);
    if (status != PUM_OK)
        return status;
    status = preprocess_run(how, &image, out_result, &cli->fault);
    if (status != PUM_OK)
        fault_prefix(&cli->fault, path);
    if (status == PUM_OK && out_image != NULL)
        *out_image = image;
    else
        image_free(&image);
    return status;
}

/* Rounds to nearest, halves to even. */
static uint16_t to_half(float value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    float size = fabsf(value);
    int exponent;
    if (!(size < 65520))
        return (uint16_t)(sign | 0x7c00);
    (void)frexpf(size, &exponent);
    int shift = exponent - 11 < -24 ? -24 : exponent - 11;
    uint32_t mantissa = (uint32_t)lrintf(ldexpf(size, -shift)); /* 11 bits, or fewer if tiny */
    if (mantissa >= 2048) {
        mantissa /= 2;
        shift++;
    }
    return (uint16_t)(sign | (mantissa >= 1024 ? (uint32_t)(shift + 25) << 10 | (mantissa & 1023)
                                               : mantissa));
}

static void put(const pum_tensor *tensor, size_t at, float value)
{
    if (tensor->dtype == PUM_DTYPE_F32)
        ((float *)tensor->data)[at] = value;
    else if (tensor->dtype == PUM_DTYPE_F16)
        ((uint16_t *)tensor->data)[at] = to_half(value);
    else
        ((uint8_t *)tensor->data)[at] = (uint8_t)(fminf(fmaxf(value, 0), 255) + 0.5f);
}

static void place(const struct cli_picture_input *input, const struct preprocess_result *result,
                  size_t first, pum_tensor *tensor)
{
    size_t plane = (size_t)result->width * (size_t)result->height;
    size_t channels = (size_t)input->layout.channels;
    bool last = input->layout.channel > input->layout.width;
    for (size_t i = 0; i < plane; i++) {
        const float *v = result->values + i;
        for (size_t c = 0; c < channels; c++) {
            float value = channels == 3 ? v[c * plane]
                                        : 0.299f * v[0] + 0.587f * v[plane] + 0.114f * v[2 * plane];
            put(tensor, first + (last ? i * channels + c : c * plane + i), value);
        }
    }
}

pum_status cli_picture_batch(struct cli *cli, const struct cli_picture_input *input,
                             const struct preprocess_result *results, int32_t count,
                             pum_tensor *out_tensor)
{
    const struct preprocess_result *one = &results[0];
    size_t each = (size_t)one->width * (size_t)one->height * (size_t)input->layout.channels;
    pum_tensor tensor = {.dtype = input->dtype, .rank = input->rank, .dims = {count}};
    tensor.dims[input->layout.channel] = input->layout.channels;
    tensor.dims[input->layout.height] = one->height;
    tensor.dims[input->layout.width] = one->width;
    tensor.size_bytes = each * (size_t)count * pum_dtype_size(input->dtype);
    tensor.data = malloc(tensor.size_bytes);
    *out_tensor = tensor;
    if (tensor.data == NULL)
        return fault_set(&cli->fault, PUM_E_MEMORY, "no memory for %d pictures", count);
    for (int32_t i = 0; i < count; i++)
        place(input, &results[i], (size_t)i * each, &tensor);
    return PUM_OK;
}
