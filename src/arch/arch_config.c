/* SPDX-License-Identifier: MIT
 *
 * arch_config.c - the sizes of a transformer out of its configuration. Top-level configurations are
 * written in full, so a missing size is an error; nested ones leave out what equals the default.
 * Tests: tests/arch/test_arch_folders.c.
 */
#include "arch_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct arch_size_fields arch_bert_fields = {
    .width = "hidden_size",
    .inner = "intermediate_size",
    .layers = "num_hidden_layers",
    .heads = "num_attention_heads",
    .epsilon = "layer_norm_eps",
    .activation = "hidden_act",
    .default_epsilon = 1e-12f,
    .default_activation = "gelu",
};

static pum_status read_size(const struct hf_json *config, const char *key, int32_t otherwise,
                            int32_t *out_size, struct fault *fault)
{
    int64_t value;
    pum_status status =
        otherwise == 0 ? hf_json_int(config, key, 1, ARCH_MAX_SIZE, &value, fault)
                       : hf_json_int_or(config, key, 1, ARCH_MAX_SIZE, otherwise, &value, fault);
    *out_size = (int32_t)value;
    return status;
}

static pum_status read_activation(const struct hf_json *config,
                                  const struct arch_size_fields *fields,
                                  enum arch_activation *out_activation, struct fault *fault)
{
    static const struct {
        const char *name;
        enum arch_activation activation;
    } known[] = {
        {"gelu", ARCH_GELU},
        {"gelu_new", ARCH_GELU_TANH},
        {"gelu_fast", ARCH_GELU_TANH},
        {"gelu_pytorch_tanh", ARCH_GELU_TANH},
        {"quick_gelu", ARCH_QUICK_GELU},
        {"relu", ARCH_RELU},
        {"silu", ARCH_SILU},
        {"swish", ARCH_SILU},
        {"tanh", ARCH_TANH},
    };
    const char *name;
    pum_status status =
        hf_json_text_or(config, fields->activation, fields->default_activation, &name, fault);
    if (status != PUM_OK)
        return status;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            *out_activation = known[i].activation;
            return PUM_OK;
        }
    }
    return fault_set(fault, PUM_E_UNSUPPORTED,
                     "%.500s: field '%s' is '%.60s'; known are gelu, "
                     "gelu_new, quick_gelu, relu, silu and tanh",
                     config->place, fields->activation, name);
}

pum_status arch_read_sizes(const struct hf_json *config, const struct arch_size_fields *fields,
                           struct arch_sizes *out_sizes, struct fault *fault)
{
    double epsilon = (double)fields->default_epsilon;
    *out_sizes = (struct arch_sizes){0};
    pum_status status =
        read_size(config, fields->width, fields->default_width, &out_sizes->width, fault);
    if (status == PUM_OK)
        status =
            read_size(config, fields->layers, fields->default_layers, &out_sizes->layers, fault);
    if (status == PUM_OK)
        status = read_size(config, fields->heads, fields->default_heads, &out_sizes->heads, fault);
    if (status == PUM_OK && out_sizes->width % out_sizes->heads != 0)
        return fault_set(fault, PUM_E_FORMAT, "%.500s: field '%s' is %d, no multiple of '%s', %d",
                         config->place, fields->width, out_sizes->width, fields->heads,
                         out_sizes->heads);
    if (status == PUM_OK)
        status = read_size(config, fields->inner, fields->default_inner, &out_sizes->inner, fault);
    if (status == PUM_OK && fields->epsilon != NULL)
        status = hf_json_number_or(config, fields->epsilon, epsilon, &epsilon, fault);
    if (status == PUM_OK && !(epsilon >= 0 && epsilon < 1))
        return fault_set(fault, PUM_E_FORMAT,
                         "%.500s: field '%s' is %g; expected a small positive "
                         "number",
                         config->place, fields->epsilon, epsilon);
    out_sizes->epsilon = (float)epsilon;
    if (status == PUM_OK)
        status = read_activation(config, fields, &out_sizes->activation, fault);
    return status;
}

bool arch_is_class(const struct arch_builder *b, const char *name)
{
    const json_t *classes = json_object_get(b->config->object, "architectures");
    const char *first = json_string_value(json_array_get(classes, 0));
    return b->params->part == ARCH_WHOLE && first != NULL && strcmp(first, name) == 0;
}

pum_status arch_read_patches(const struct hf_json *config, int32_t default_patch,
                             struct arch_patches *out_patches, struct fault *fault)
{
    double size[2] = {0, 0};
    bool present;
    int64_t patch, channels, side = 224;
    if (json_is_array(json_object_get(config->object, "image_size"))) {
        pum_status status = hf_json_numbers(config, "image_size", size, 2, &present, fault);
        if (status != PUM_OK)
            return status;
    } else {
        pum_status status =
            hf_json_int_or(config, "image_size", 1, ARCH_MAX_SIZE, 224, &side, fault);
        if (status != PUM_OK)
            return status;
        size[0] = size[1] = (double)side;
    }
    pum_status status =
        hf_json_int_or(config, "patch_size", 1, ARCH_MAX_SIZE, default_patch, &patch, fault);
    if (status == PUM_OK)
        status = hf_json_int_or(config, "num_channels", 1, 64, 3, &channels, fault);
    if (status != PUM_OK)
        return status;
    for (int i = 0; i < 2; i++)
        if (!(size[i] >= (double)patch && size[i] <= ARCH_MAX_SIZE) || floor(size[i]) != size[i])
            return fault_set(fault, PUM_E_FORMAT,
                             "%.500s: field 'image_size' has a side of %g; "
                             "expected a whole number that is not below 'patch_size', %lld",
                             config->place, size[i], (long long)patch);
    *out_patches = (struct arch_patches){.height = (int32_t)size[0],
                                         .width = (int32_t)size[1],
                                         .patch = (int32_t)patch,
                                         .channels = (int32_t)channels};
    out_patches->count = (int64_t)(out_patches->height / out_patches->patch) *
                         (out_patches->width / out_patches->patch);
    return PUM_OK;
}
