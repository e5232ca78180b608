/* SPDX-License-Identifier: MIT
 *
 * pipeline_statistics.c - what the driver tells of a compiled kernel, through
 * VK_KHR_pipeline_executable_properties: instructions, registers, spills. Names differ by driver;
 * all are passed on, and those that mean spilled registers are recognised by their words.
 */
#include "gpu/device_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct report {
    char *text;
    size_t text_bytes, used;
    bool spills;
};

void gpu_pipelines_statistics(struct pum_device *device, bool capture)
{
    base_lock_take(&device->pipelines.lock);
    device->pipelines.capture_statistics = capture && device->physical->executable_info;
    base_lock_release(&device->pipelines.lock);
}

static bool starts_with_word(const char *text, const char *word)
{
    for (; *word; ++text, ++word)
        if (tolower((unsigned char)*text) != *word)
            return false;
    return true;
}

static bool mentions(const char *text, const char *word)
{
    for (; *text; ++text)
        if (starts_with_word(text, word))
            return true;
    return false;
}

/* "Spilled VGPRs", "Spill count", "Fill count", "Scratch size", "STP Count" (Adreno's stores to
 * private memory) and "LDP Count". */
static bool means_spill(const char *name)
{
    return mentions(name, "spill") || mentions(name, "scratch") || mentions(name, "fill count") ||
           starts_with_word(name, "stp count") || starts_with_word(name, "ldp count");
}

static void report_add(struct report *report, const VkPipelineExecutableStatisticKHR *statistic)
{
    char value[48];
    bool positive = false;
    switch (statistic->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        positive = statistic->value.b32;
        snprintf(value, sizeof(value), "%s", positive ? "yes" : "no");
        break;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        positive = statistic->value.i64 > 0;
        snprintf(value, sizeof(value), "%" PRId64, statistic->value.i64);
        break;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
        positive = statistic->value.u64 > 0;
        snprintf(value, sizeof(value), "%" PRIu64, statistic->value.u64);
        break;
    default:
        positive = statistic->value.f64 > 0;
        snprintf(value, sizeof(value), "%.6g", statistic->value.f64);
    }
    if (positive && means_spill(statistic->name))
        report->spills = true;
    if (report->used < report->text_bytes)
        report->used += (size_t)snprintf(report->text + report->used,
                                         report->text_bytes - report->used, "%s%s %s",
                                         report->used ? ", " : "", statistic->name, value);
}

/* Statistics of one executable of the pipeline (compute has one; some drivers list variants). */
static pum_status report_executable(struct gpu_pipeline *pipeline, uint32_t index,
                                    struct report *report)
{
    struct pum_device *device = pipeline->device;
    VkPipelineExecutableInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
        .pipeline = pipeline->handle,
        .executableIndex = index,
    };
    uint32_t count = 0;
    PUM_TRY(GPU_VK(device, device->vk.vkGetPipelineExecutableStatisticsKHR(device->handle, &info,
                                                                           &count, NULL)));
    VkPipelineExecutableStatisticKHR *list = pum_alloc(device->context, count, sizeof(*list));
    if (!list)
        return PUM_E_MEMORY;
    for (uint32_t i = 0; i < count; ++i)
        list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    pum_status status = GPU_VK(device, device->vk.vkGetPipelineExecutableStatisticsKHR(
                                           device->handle, &info, &count, list));
    for (uint32_t i = 0; i < count && status == PUM_OK; ++i)
        report_add(report, &list[i]);
    pum_free(device->context, list);
    return status;
}

pum_status gpu_pipeline_statistics(struct gpu_pipeline *pipeline, char *text, size_t text_bytes,
                                   bool *out_spills)
{
    struct pum_device *device = pipeline->device;
    *out_spills = false;
    if (text_bytes > 0)
        text[0] = '\0';
    if (!pipeline->capture || text_bytes == 0)
        return PUM_OK;
    VkPipelineInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR,
        .pipeline = pipeline->handle,
    };
    uint32_t count = 0;
    PUM_TRY(GPU_VK(device, device->vk.vkGetPipelineExecutablePropertiesKHR(device->handle, &info,
                                                                           &count, NULL)));
    struct report report = {.text = text, .text_bytes = text_bytes};
    for (uint32_t i = 0; i < count; ++i)
        PUM_TRY(report_executable(pipeline, i, &report));
    *out_spills = report.spills;
    return PUM_OK;
}
