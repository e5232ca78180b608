/* SPDX-License-Identifier: MIT
 *
 * cli_input.c - files and random values as input tensors; see cli_model.h. A .npy file must have
 * exactly the declared type and shape: converting silently would hide mistakes. A picture becomes
 * RGB in 0..1 (or 0..255 for uint8) at the declared size.
 */
#include "cli_model.h"
#include "cli_picture.h"
#include "image/image.h"
#include "image/npy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static pum_status check_npy(struct cli *cli, const struct cli_model *model,
                            const pum_port_info *port, const pum_tensor *tensor, const char *path)
{
    char wants[256], has[256];
    cli_port_text(model, port, wants, sizeof(wants));
    cli_tensor_text(tensor, has, sizeof(has));
    if (port->dtype != PUM_DTYPE_NONE && tensor->dtype != port->dtype)
        return fault_set(&cli->fault, PUM_E_TYPE,
                         "%s: input '%s' is %s, the file has %s; save a.astype(np.%s)", path,
                         port->name, wants, has, pum_dtype_name(port->dtype));
    bool fits = port->rank < 0 || port->rank == tensor->rank;
    for (int32_t i = 0; fits && i < port->rank; i++)
        fits = port->dims[i] < 0 || port->dims[i] == tensor->dims[i];
    if (!fits)
        return fault_set(&cli->fault, PUM_E_SHAPE, "%s: input '%s' is %s, the file has %s", path,
                         port->name, wants, has);
    return PUM_OK;
}

/* The size to resize to: what is declared; a free side keeps the proportions. */
static void picture_size(const pum_port_info *port, const struct cli_picture_layout *layout,
                         const struct image *image, int32_t *out_width, int32_t *out_height)
{
    int64_t width = port->dims[layout->width], height = port->dims[layout->height];
    double ratio = (double)image->width / image->height;
    if (width < 0 && height < 0) {
        width = image->width;
        height = image->height;
    } else if (width < 0) {
        width = (int64_t)fmin(fmax(round((double)height * ratio), 1), INT32_MAX);
    } else if (height < 0) {
        height = (int64_t)fmin(fmax(round((double)width / ratio), 1), INT32_MAX);
    }
    *out_width = (int32_t)(width < INT32_MAX ? width : INT32_MAX);
    *out_height = (int32_t)(height < INT32_MAX ? height : INT32_MAX);
}

static void store_pixels(const struct image *image, const struct cli_picture_layout *layout,
                         pum_tensor *tensor)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    size_t channels = (size_t)layout->channels;
    bool last = layout->channel == layout->width + 1;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = image->rgb + i * 3;
        for (size_t c = 0; c < channels; c++) {
            float value = channels == 3
                              ? (float)p[c]
                              : 0.299f * (float)p[0] + 0.587f * (float)p[1] + 0.114f * (float)p[2];
            size_t at = last ? i * channels + c : c * count + i;
            if (tensor->dtype == PUM_DTYPE_F32)
                ((float *)tensor->data)[at] = value / 255;
            else
                ((uint8_t *)tensor->data)[at] = (uint8_t)(value + 0.5f);
        }
    }
}

pum_status cli_picture_tensor(struct cli *cli, const struct cli_model *model,
                              const pum_port_info *port, const char *path, pum_tensor *out_tensor)
{
    char wants[256];
    struct cli_picture_layout layout;
    cli_port_text(model, port, wants, sizeof(wants));
    if (port->dtype != PUM_DTYPE_F32 && port->dtype != PUM_DTYPE_U8)
        return fault_set(&cli->fault, PUM_E_TYPE,
                         "%s: a picture fits a float32 or uint8 input, '%s' is %s; give a .npy",
                         path, port->name, wants);
    if (!cli_picture_layout_find(port, &layout))
        return fault_set(&cli->fault, PUM_E_SHAPE,
                         "%s: a picture does not fit input '%s', %s; give a .npy file", path,
                         port->name, wants);
    struct image image, sized;
    pum_status status = image_load(&image, path, &cli->fault);
    if (status != PUM_OK)
        return status;
    int32_t width, height;
    picture_size(port, &layout, &image, &width, &height);
    status = image_resize(&image, width, height, &sized, &cli->fault);
    image_free(&image);
    if (status != PUM_OK)
        return status;
    pum_tensor tensor = {.dtype = port->dtype, .rank = port->rank, .dims = {1}};
    tensor.dims[layout.channel] = layout.channels;
    tensor.dims[layout.height] = height;
    tensor.dims[layout.width] = width;
    tensor.size_bytes =
        (size_t)width * (size_t)height * (size_t)layout.channels * pum_dtype_size(port->dtype);
    tensor.data = malloc(tensor.size_bytes);
    if (tensor.data != NULL)
        store_pixels(&sized, &layout, &tensor);
    else
        status = fault_set(&cli->fault, PUM_E_MEMORY, "%s: out of memory", path);
    image_free(&sized);
    *out_tensor = tensor;
    return status;
}

static bool is_npy(const char *path)
{
    char magic[6] = {0};
    FILE *stream = fopen(path, "rb");
    size_t length = strlen(path);
    size_t got = stream != NULL ? fread(magic, 1, sizeof(magic), stream) : 0;
    if (stream != NULL)
        fclose(stream);
    if (got == sizeof(magic) && memcmp(magic, "\x93NUMPY", 6) == 0)
        return true;
    return length > 4 && strcmp(path + length - 4, ".npy") == 0;
}

/* Takes the tensor over, also on failure. */
static pum_status add_item(struct cli *cli, struct cli_list *list, pum_tensor *tensor)
{
    pum_tensor *items = realloc(list->items, ((size_t)list->count + 1) * sizeof(*items));
    if (items == NULL) {
        free(tensor->data);
        return fault_set(&cli->fault, PUM_E_MEMORY, "out of memory");
    }
    list->items = items;
    items[list->count++] = *tensor;
    return PUM_OK;
}

pum_status cli_model_take_files(struct cli *cli, struct cli_model *model,
                                const struct option_words *words)
{
    for (int32_t i = 0; i < words->count; i++) {
        int32_t index;
        const char *path;
        pum_status status = cli_model_find_input(cli, model, words->items[i], &index, &path);
        if (status != PUM_OK)
            return status;
        const pum_port_info *port = &model->inputs[index];
        if (port->kind != PUM_VALUE_SEQUENCE && model->tensors[index].dtype != PUM_DTYPE_NONE)
            return fault_set(&cli->fault, PUM_E_ARGUMENT, "input '%s' is given twice", port->name);
        pum_tensor tensor = {0};
        if (is_npy(path)) {
            status = npy_load(path, &tensor, &cli->fault);
            if (status == PUM_OK)
                status = check_npy(cli, model, port, &tensor, path);
        } else {
            status = cli_picture_tensor(cli, model, port, path, &tensor);
        }
        if (status != PUM_OK) {
            free(tensor.data);
            return status;
        }
        if (port->kind == PUM_VALUE_SEQUENCE)
            status = add_item(cli, &model->lists[index], &tensor);
        else
            model->tensors[index] = tensor;
        if (status != PUM_OK)
            return status;
    }
    return PUM_OK;
}

/* splitmix64: small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill_floats(pum_tensor *tensor, uint64_t *state)
{
    size_t count = tensor->size_bytes / pum_dtype_size(tensor->dtype);
    for (size_t i = 0; i < count; i++) {
        double value = (double)(next_random(state) >> 11) * 0x1p-52 - 1;
        if (tensor->dtype == PUM_DTYPE_F32) {
            ((float *)tensor->data)[i] = (float)value;
        } else if (tensor->dtype == PUM_DTYPE_F64) {
            ((double *)tensor->data)[i] = value;
        } else {
            /* 16 bits: sign and mantissa at random, the exponent that means [0.5, 1) */
            uint16_t bits = (uint16_t)next_random(state);
            ((uint16_t *)tensor->data)[i] = tensor->dtype == PUM_DTYPE_F16
                                                ? (uint16_t)((bits & 0x83ff) | 0x3800)
                                                : (uint16_t)((bits & 0x807f) | 0x3f00);
        }
    }
}

static void fill_integers(pum_tensor *tensor, uint64_t *state)
{
    size_t size = pum_dtype_size(tensor->dtype);
    memset(tensor->data, 0, tensor->size_bytes);
    for (size_t at = 0; at + size <= tensor->size_bytes; at += size)
        ((uint8_t *)tensor->data)[at] = (uint8_t)(next_random(state) & 1); /* little-endian */
}

pum_status cli_model_fill_random(struct cli *cli, struct cli_model *model, uint64_t seed)
{
    for (int32_t i = 0; i < model->input_count; i++) {
        pum_tensor *tensor = &model->tensors[i];
        if (tensor->dtype == PUM_DTYPE_NONE || tensor->data != NULL)
            continue;
        tensor->data = malloc(tensor->size_bytes > 0 ? tensor->size_bytes : 1);
        if (tensor->data == NULL)
            return fault_set(&cli->fault, PUM_E_MEMORY, "no memory for input '%s', %zu bytes",
                             model->inputs[i].name, tensor->size_bytes);
        uint64_t state = seed + (uint64_t)i;
        bool floats = tensor->dtype == PUM_DTYPE_F32 || tensor->dtype == PUM_DTYPE_F64 ||
                      tensor->dtype == PUM_DTYPE_F16 || tensor->dtype == PUM_DTYPE_BF16;
        if (tensor->dtype == PUM_DTYPE_STRING) /* NULL is "" */
            memset(tensor->data, 0, tensor->size_bytes);
        else if (floats)
            fill_floats(tensor, &state);
        else
            fill_integers(tensor, &state);
    }
    return PUM_OK;
}
