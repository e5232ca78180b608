/* SPDX-License-Identifier: MIT
 *
 * hf_preprocess.c - see hf_preprocess.h. Older files have bare numbers as sizes; what such a number
 * means depends on the processor that wrote it. Tests: tests/hf/test_hf_vision.c.
 */
#include "hf_preprocess.h"

#include "hf_json.h"

#include <math.h>
#include <string.h>

/* ConvNeXT's way: below this size the picture is resized to more than is cut out of it. */
#define CROP_PCT_BELOW 384

/* {"height", "width"} or one number for both; *out_present false: missing. */
static pum_status read_size(const struct hf_json *json, const char *key, int64_t *out_width,
                            int64_t *out_height, bool *out_present, struct fault *fault)
{
    struct hf_json size;
    const json_t *value = json_object_get(json->object, key);
    *out_present = value != NULL && !json_is_null(value);
    if (!*out_present)
        return PUM_OK;
    if (json_is_integer(value)) {
        pum_status status = hf_json_int(json, key, 1, IMAGE_MAX_SIDE, out_width, fault);
        *out_height = *out_width;
        return status;
    }
    pum_status status = hf_json_child(json, key, true, &size, fault);
    if (status == PUM_OK)
        status = hf_json_int(&size, "height", 1, IMAGE_MAX_SIDE, out_height, fault);
    if (status == PUM_OK)
        status = hf_json_int(&size, "width", 1, IMAGE_MAX_SIDE, out_width, fault);
    hf_json_free(&size);
    return status;
}

/* The shortest side, where the size is meant so; 0: it is not. */
static pum_status read_shortest(const struct hf_json *json, int64_t *out_shortest,
                                struct fault *fault)
{
    struct hf_json size;
    const json_t *value = json_object_get(json->object, "size");
    const char *type = json_string_value(json_object_get(json->object, "image_processor_type"));
    if (type == NULL)
        type = json_string_value(json_object_get(json->object, "feature_extractor_type"));
    *out_shortest = 0;
    if (json_is_integer(value) && type != NULL &&
        (strstr(type, "CLIP") != NULL || strstr(type, "ConvNext") != NULL))
        return hf_json_int(json, "size", 1, IMAGE_MAX_SIDE, out_shortest, fault);
    if (!json_is_object(value) || json_object_get(value, "shortest_edge") == NULL)
        return PUM_OK;
    pum_status status = hf_json_child(json, "size", true, &size, fault);
    if (status == PUM_OK)
        status = hf_json_int(&size, "shortest_edge", 1, IMAGE_MAX_SIDE, out_shortest, fault);
    hf_json_free(&size);
    return status;
}

static pum_status read_fit(const struct hf_json *json, struct preprocess *how, struct fault *fault)
{
    int64_t shortest = 0, width = 0, height = 0;
    bool resize, present = false;
    double part;
    pum_status status = hf_json_bool_or(json, "do_resize", true, &resize, fault);
    how->fit = PREPROCESS_NONE;
    how->width = how->height = 0;
    if (status != PUM_OK || !resize)
        return status;
    status = read_shortest(json, &shortest, fault);
    if (status == PUM_OK && shortest == 0)
        status = read_size(json, "size", &width, &height, &present, fault);
    if (status == PUM_OK && shortest == 0 && !present)
        status = hf_json_missing(json, "size", fault);
    if (status == PUM_OK)
        status = hf_json_number_or(json, "crop_pct", 0, &part, fault);
    if (status != PUM_OK)
        return status;
    how->fit = shortest > 0 ? PREPROCESS_SHORTEST : PREPROCESS_STRETCH;
    how->shortest = (int32_t)shortest;
    how->width = (int32_t)width;
    how->height = (int32_t)height;
    if (part > 0.01 && part <= 1 && shortest > 0) {
        how->width = how->height = (int32_t)shortest;
        if (shortest < CROP_PCT_BELOW)
            how->shortest = (int32_t)((double)shortest / part);
        else
            how->fit = PREPROCESS_STRETCH;
    }
    return PUM_OK;
}

/* A stretch keeps its size beside that of the cut. */
static pum_status read_crop(const struct hf_json *json, struct preprocess *how, struct fault *fault)
{
    int64_t width, height;
    bool crop, present;
    pum_status status = hf_json_bool_or(json, "do_center_crop", false, &crop, fault);
    if (status != PUM_OK || !crop)
        return status;
    status = read_size(json, "crop_size", &width, &height, &present, fault);
    if (status != PUM_OK)
        return status;
    if (!present)
        return hf_json_missing(json, "crop_size", fault);
    if (how->fit == PREPROCESS_STRETCH) {
        how->resized_width = how->width;
        how->resized_height = how->height;
    }
    how->width = (int32_t)width;
    how->height = (int32_t)height;
    return PUM_OK;
}

static pum_status read_numbers(const struct hf_json *json, struct preprocess *how,
                               struct fault *fault)
{
    double mean[3] = {0.5, 0.5, 0.5}, deviation[3] = {0.5, 0.5, 0.5}, factor;
    bool normalize, rescale, present;
    int64_t kernel;
    pum_status status = hf_json_bool_or(json, "do_normalize", true, &normalize, fault);
    if (status == PUM_OK)
        status = hf_json_bool_or(json, "do_rescale", true, &rescale, fault);
    if (status == PUM_OK)
        status = hf_json_number_or(json, "rescale_factor", 1.0 / 255, &factor, fault);
    if (status == PUM_OK)
        status = hf_json_numbers(json, "image_mean", mean, 3, &present, fault);
    if (status == PUM_OK)
        status = hf_json_numbers(json, "image_std", deviation, 3, &present, fault);
    if (status == PUM_OK)
        status = hf_json_int_or(json, "resample", IMAGE_NEAREST, IMAGE_HAMMING, IMAGE_BILINEAR,
                                &kernel, fault);
    if (status != PUM_OK)
        return status;
    how->kernel = (enum image_kernel)kernel;
    how->scale = rescale ? (float)factor : 1;
    for (int c = 0; c < 3; c++) {
        how->mean[c] = normalize ? (float)mean[c] : 0;
        how->deviation[c] = normalize ? (float)deviation[c] : 1;
        if (!(fabsf(how->deviation[c]) > 0))
            return fault_set(fault, PUM_E_FORMAT, "%.500s: field 'image_std' holds a 0",
                             json->place);
    }
    return PUM_OK;
}

pum_status hf_preprocess_load(const char *folder, struct preprocess *how, bool *out_found,
                              struct fault *fault)
{
    struct hf_json json;
    *out_found = hf_has_file(folder, "preprocessor_config.json");
    if (!*out_found)
        return PUM_OK;
    *how = (struct preprocess){0};
    pum_status status = hf_json_load(&json, folder, "preprocessor_config.json", fault);
    if (status == PUM_OK)
        status = read_fit(&json, how, fault);
    if (status == PUM_OK)
        status = read_crop(&json, how, fault);
    if (status == PUM_OK)
        status = read_numbers(&json, how, fault);
    hf_json_free(&json);
    return status;
}
