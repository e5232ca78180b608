/* SPDX-License-Identifier: MIT
 *
 * arch.c - from a folder to a finished graph: which architecture it is, the weights, their type.
 * Tests: tests/arch/test_arch.c, tests/arch/test_arch_folders.c.
 */
#include "arch_parts.h"

#include <string.h>

static const struct {
    const char *model_type;
    pum_status (*build)(struct arch_builder *b);
} families[] = {
    {"bert", arch_build_bert},         {"distilbert", arch_build_distilbert},
    {"roberta", arch_build_roberta},   {"xlm-roberta", arch_build_roberta},
    {"camembert", arch_build_roberta}, {"vit", arch_build_vit},
    {"gpt2", arch_build_gpt2},         {"clip", arch_build_clip},
};

/* The type of most of the weights, as far as networks are computed in it. */
static pum_dtype common_dtype(const struct safetensors *weights)
{
    uint64_t bytes[PUM_DTYPE_COUNT] = {0};
    for (int32_t i = 0; i < safetensors_count(weights); i++) {
        const struct st_tensor *tensor = safetensors_at(weights, i);
        bytes[tensor->dtype] += tensor->size_bytes;
    }
    uint64_t others =
        bytes[PUM_DTYPE_F32] > bytes[PUM_DTYPE_BF16] ? bytes[PUM_DTYPE_F32] : bytes[PUM_DTYPE_BF16];
    return bytes[PUM_DTYPE_F16] > others ? PUM_DTYPE_F16 : PUM_DTYPE_F32;
}

static pum_status find_family(const struct hf_json *config, size_t *out_index, struct fault *fault)
{
    const char *type;
    pum_status status = hf_json_text_or(config, "model_type", NULL, &type, fault);
    if (status == PUM_OK && type == NULL)
        status = hf_json_missing(config, "model_type", fault);
    if (status != PUM_OK)
        return status;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (strcmp(families[i].model_type, type) == 0) {
            *out_index = i;
            return PUM_OK;
        }
    }
    return fault_set(fault, PUM_E_UNSUPPORTED,
                     "%.500s: model_type '%.60s' is not known here "
                     "(bert, distilbert, roberta, xlm-roberta, camembert, vit, gpt2 and clip are); "
                     "export the model to ONNX instead",
                     config->place, type);
}

static pum_status build(struct arch_builder *b, struct safetensors *weights, size_t family)
{
    bool clip = strcmp(families[family].model_type, "clip") == 0;
    if (!clip && (b->params->part == ARCH_TEXT || b->params->part == ARCH_VISION))
        return fault_set(b->fault, PUM_E_ARGUMENT,
                         "%.500s: this is no CLIP model: it has no "
                         "towers",
                         b->config->place);
    pum_status status = safetensors_adopt(weights, b->graph, b->fault);
    if (status == PUM_OK)
        status = families[family].build(b);
    if (status == PUM_OK)
        status = fault_from_library(b->fault, pum_graph_finish(b->graph));
    return status;
}

static pum_status open_with(pum_context *context, const struct hf_json *config,
                            struct safetensors *weights, const struct arch_params *params,
                            struct arch_model *model, struct fault *fault)
{
    struct arch_builder b = {.weights = weights,
                             .config = config,
                             .params = params,
                             .model = model,
                             .fault = fault,
                             .prefix = "",
                             .dtype = params->dtype};
    size_t family = 0;
    if (b.dtype == PUM_DTYPE_NONE)
        b.dtype = common_dtype(weights);
    if (b.dtype != PUM_DTYPE_F32 && b.dtype != PUM_DTYPE_F16)
        return fault_set(fault, PUM_E_ARGUMENT, "models are computed in float32 or float16, not %s",
                         pum_dtype_name(b.dtype));
    pum_status status = find_family(config, &family, fault);
    if (status == PUM_OK)
        status = fault_from_library(fault, pum_graph_create(context, &model->graph));
    if (status != PUM_OK)
        return status;
    b.graph = model->graph;
    model->family = families[family].model_type;
    return build(&b, weights, family);
}

pum_status arch_open(pum_context *context, const char *folder, const struct arch_params *params,
                     struct arch_model *out_model, struct fault *fault)
{
    static const struct arch_params defaults = {0};
    struct hf_json config;
    struct safetensors *weights = NULL;
    *out_model = (struct arch_model){0};
    pum_status status = hf_json_load(&config, folder, "config.json", fault);
    if (status == PUM_OK)
        status = safetensors_open(folder, &weights, fault);
    if (status == PUM_OK)
        status = open_with(context, &config, weights, params != NULL ? params : &defaults,
                           out_model, fault);
    safetensors_close(&weights);
    hf_json_free(&config);
    if (status != PUM_OK)
        arch_close(out_model);
    return status;
}

void arch_close(struct arch_model *model)
{
    pum_graph_destroy(&model->graph);
    *model = (struct arch_model){0};
}
