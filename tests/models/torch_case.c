/* SPDX-License-Identifier: MIT
 *
 * torch_case.c - see torch_case.h.
 */
#include "torch_case.h"

#include "base/half.h"
#include "support/test_device.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA PUM_TEST_SOURCE_DIR "/tests/data/torch_models/"
#define TOLERANCE 1e-4
#define HALF_TOLERANCE 5e-3

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct torch_model *)a)->name, ((const struct torch_model *)b)->name);
}

static bool is_there(const char *folder, const char *file)
{
    char path[512];
    (void)snprintf(path, sizeof(path), DATA "%s/%s.onnx", folder, file);
    FILE *handle = fopen(path, "rb");
    if (handle != NULL)
        (void)fclose(handle);
    return handle != NULL;
}

void torch_list(struct torch_model models[TORCH_MAX_MODELS], int *out_count)
{
    static const char *const files[] = {"model", "model_f16"};
    DIR *folder = opendir(DATA);

    *out_count = 0;
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        for (int half = 0; half < 2 && *out_count < TORCH_MAX_MODELS; half++) {
            struct torch_model model = {.half = half == 1};
            if (entry->d_name[0] == '.' || strlen(entry->d_name) + 12 > sizeof(model.name) ||
                !is_there(entry->d_name, files[half]))
                continue;
            (void)snprintf(model.name, sizeof(model.name), "%.30s/%s", entry->d_name, files[half]);
            models[(*out_count)++] = model;
        }
    }
    if (folder != NULL)
        (void)closedir(folder);
    qsort(models, (size_t)*out_count, sizeof(*models), by_name);
}

static const struct st_tensor *stored(const struct torch_model *model, int number, const char *side,
                                      const char *name)
{
    char full[128];
    (void)snprintf(full, sizeof(full), "%d/%s/%s", number, side, name);
    return safetensors_find(model->cases, full);
}

static int count_cases(const struct torch_model *model)
{
    int count = 0;
    for (int32_t i = 0; i < safetensors_count(model->cases); i++) {
        int number = atoi(safetensors_at(model->cases, i)->name);
        count = number >= count ? number + 1 : count;
    }
    return count;
}

void torch_open(pum_context *context, struct torch_model *model)
{
    char path[512];
    struct fault fault = {0};
    (void)snprintf(path, sizeof(path), DATA "%.*s/cases.safetensors",
                   (int)strcspn(model->name, "/"), model->name);
    if (safetensors_open(path, &model->cases, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    (void)snprintf(path, sizeof(path), DATA "%s.onnx", model->name);
    test_must(pum_onnx_open(context, path, NULL, &model->graph));
    model->case_count = count_cases(model);
    assert_true(model->case_count > 0);
}

void torch_close(struct torch_model *model)
{
    pum_graph_destroy(&model->graph);
    safetensors_close(&model->cases);
}

static double half_at(const void *data, size_t index)
{
    uint16_t bits;
    memcpy(&bits, (const char *)data + index * sizeof(bits), sizeof(bits));
    return base_half_to_float(bits);
}

static double float_at(const void *data, size_t index)
{
    float value;
    memcpy(&value, (const char *)data + index * sizeof(value), sizeof(value));
    return value;
}

/* A stored input as floats of the type that the graph wants: float16 values, or bytes of 1/64. */
static void *converted(const struct st_tensor *given, pum_dtype dtype, size_t *out_bytes)
{
    size_t count = given->size_bytes / pum_dtype_size(given->dtype);
    size_t size = pum_dtype_size(dtype);
    char *data = malloc(count * size + 1);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++) {
        float value = given->dtype == PUM_DTYPE_I8 ? (float)(int8_t)given->data[i] / 64
                                                   : (float)half_at(given->data, i);
        uint16_t half = base_float_to_half(value);
        memcpy(data + i * size, dtype == PUM_DTYPE_F16 ? (void *)&half : (void *)&value, size);
    }
    *out_bytes = count * size;
    return data;
}

void torch_give(const struct torch_model *model, int number, pum_session *session)
{
    for (int32_t i = 0; i < pum_graph_input_count(model->graph); i++) {
        pum_port_info port;
        test_must(pum_graph_get_input(model->graph, i, &port));
        const struct st_tensor *given = stored(model, number, "in", port.name);
        if (given == NULL)
            fail_msg("%s: no input '%s' is stored for case %d", model->name, port.name, number);
        pum_tensor tensor = {.dtype = port.dtype,
                             .rank = given->rank,
                             .data = (void *)(uintptr_t)given->data,
                             .size_bytes = given->size_bytes};
        memcpy(tensor.dims, given->dims, sizeof(tensor.dims));
        void *floats = NULL;
        if (port.dtype == PUM_DTYPE_F16 || port.dtype == PUM_DTYPE_F32)
            tensor.data = floats = converted(given, port.dtype, &tensor.size_bytes);
        test_must(pum_session_set_input(session, i, &tensor));
        free(floats);
    }
}

/* What PyTorch computed in float32 may come as float16. */
static void check_kind(const struct torch_model *model, int number, const pum_port_info *port,
                       const pum_tensor *got, const struct st_tensor *wanted)
{
    pum_dtype dtype = model->half && wanted->dtype == PUM_DTYPE_F32 ? PUM_DTYPE_F16 : wanted->dtype;
    bool same = got->rank == wanted->rank && got->dtype == dtype;
    for (int32_t i = 0; same && i < got->rank; i++)
        same = got->dims[i] == wanted->dims[i];
    if (!same)
        fail_msg("%s case %d: output '%s' is %s of rank %d, first size %lld; PyTorch's is %s of "
                 "rank %d, first size %lld",
                 model->name, number, port->name, pum_dtype_name(got->dtype), got->rank,
                 (long long)(got->rank > 0 ? got->dims[0] : 1), pum_dtype_name(dtype), wanted->rank,
                 (long long)(wanted->rank > 0 ? wanted->dims[0] : 1));
}

static double compare_floats(const struct torch_model *model, int number, const char *name,
                             const pum_tensor *got, const struct st_tensor *wanted)
{
    size_t count = wanted->size_bytes / sizeof(float), at = 0;
    double range = 1e-6, worst = 0;
    for (size_t i = 0; i < count; i++)
        range = fmax(range, fabs(float_at(wanted->data, i)));
    double allowed = range * (model->half ? HALF_TOLERANCE : TOLERANCE);
    for (size_t i = 0; i < count; i++) {
        double value = model->half ? half_at(got->data, i) : float_at(got->data, i);
        double units = fabs(value - float_at(wanted->data, i)) / allowed;
        if (!(units <= worst)) { /* NaN counts */
            worst = isnan(units) ? INFINITY : units;
            at = i;
        }
    }
    if (!(worst <= 1))
        print_error("%s case %d: output '%s', element %zu of %zu: %.8g, PyTorch %.8g; that is %.3g "
                    "tolerances of %.3g\n",
                    model->name, number, name, at, count,
                    model->half ? half_at(got->data, at) : float_at(got->data, at),
                    float_at(wanted->data, at), worst, allowed);
    return worst;
}

double torch_check(const struct torch_model *model, int number, pum_session *session)
{
    double worst = 0;
    for (int32_t i = 0; i < pum_graph_output_count(model->graph); i++) {
        pum_port_info port;
        pum_tensor got;
        test_must(pum_graph_get_output(model->graph, i, &port));
        test_must(pum_session_get_output(session, i, &got));
        const struct st_tensor *wanted = stored(model, number, "out", port.name);
        if (wanted == NULL)
            fail_msg("%s: no output '%s' is stored for case %d", model->name, port.name, number);
        check_kind(model, number, &port, &got, wanted);
        if (wanted->dtype == PUM_DTYPE_F32) {
            worst = fmax(worst, compare_floats(model, number, port.name, &got, wanted));
        } else if (memcmp(got.data, wanted->data, wanted->size_bytes) != 0) {
            print_error("%s case %d: output '%s' differs\n", model->name, number, port.name);
            worst = INFINITY;
        }
    }
    return worst;
}
