/* SPDX-License-Identifier: MIT
 *
 * test_arch.c - each folder of tests/data/arch, each part of it, on the device: outputs equal
 * PyTorch's (cases.safetensors, by tools/make_arch_goldens.py) in several batch sizes and lengths,
 * through one session a part.
 */
#include "support/test_device.h"

#include "arch/arch.h"
#include "hf/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DATA PUM_TEST_SOURCE_DIR "/tests/data/arch/"

static pum_context *context;
static pum_device *device;

struct row {
    const char *folder;
    const char *cases; /* of which part */
    struct arch_params params;
    double tolerance; /* times the larger of 1 and the value */
};

#define F32_TOLERANCE 1e-4
#define HALF_TOLERANCE 5e-3

static const struct row rows[] = {
    {"bert", "base", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"bert", "base", {.part = ARCH_BASE}, F32_TOLERANCE},
    {"bert", "base", {.dtype = PUM_DTYPE_F16}, 2e-2}, /* weights are rounded here, not there */
    {"bert_f16", "base", {.part = ARCH_WHOLE}, HALF_TOLERANCE},
    {"bert_f16", "base", {.dtype = PUM_DTYPE_F32}, F32_TOLERANCE},
    {"bert_classify", "base", {.part = ARCH_BASE}, F32_TOLERANCE},
    {"bert_classify", "whole", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"minilm", "base", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"minilm",
     "sentence",
     {.part = ARCH_BASE, .pooling = {.kind = ARCH_POOL_MEAN, .normalize = true}},
     F32_TOLERANCE},
    {"distilbert_bf16", "base", {.part = ARCH_BASE}, F32_TOLERANCE},
    {"distilbert_bf16", "whole", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"roberta", "base", {.part = ARCH_BASE}, F32_TOLERANCE},
    {"roberta", "whole", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"roberta_f16", "base", {.part = ARCH_BASE}, HALF_TOLERANCE},
    {"roberta_f16", "whole", {.part = ARCH_WHOLE}, HALF_TOLERANCE},
    {"vit", "base", {.part = ARCH_BASE}, F32_TOLERANCE},
    {"vit", "whole", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"vit_f16", "base", {.part = ARCH_BASE}, HALF_TOLERANCE},
    {"vit_f16", "whole", {.part = ARCH_WHOLE}, HALF_TOLERANCE},
    {"gpt2", "base", {.part = ARCH_BASE}, F32_TOLERANCE},
    {"gpt2", "whole", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"gpt2", "last", {.last_token = true}, F32_TOLERANCE},
    {"gpt2", "cache", {.cache = true}, F32_TOLERANCE},
    {"gpt2_f16", "last", {.last_token = true}, HALF_TOLERANCE},
    {"gpt2_f16", "cache", {.cache = true}, HALF_TOLERANCE},
    {"clip", "text", {.part = ARCH_TEXT}, F32_TOLERANCE},
    {"clip", "vision", {.part = ARCH_VISION}, F32_TOLERANCE},
    {"clip", "whole", {.part = ARCH_WHOLE}, F32_TOLERANCE},
    {"clip_f16", "text", {.part = ARCH_TEXT}, HALF_TOLERANCE},
    {"clip_f16", "vision", {.part = ARCH_VISION}, HALF_TOLERANCE},
    {"clip_f16", "whole", {.part = ARCH_WHOLE}, HALF_TOLERANCE},
};

static const struct st_tensor *stored(const struct safetensors *cases, const struct row *row,
                                      int number, const char *side, const char *name)
{
    char full[128];
    (void)snprintf(full, sizeof(full), "%s/%d/%s/%s", row->cases, number, side, name);
    return safetensors_find(cases, full);
}

static void give_inputs(const struct row *row, const struct safetensors *cases, int number,
                        const pum_graph *graph, pum_session *session)
{
    for (int32_t i = 0; i < pum_graph_input_count(graph); i++) {
        pum_port_info port;
        test_must(pum_graph_get_input(graph, i, &port));
        const struct st_tensor *given = stored(cases, row, number, "in", port.name);
        if (given == NULL)
            fail_msg("%s has no input %s for case %d", row->folder, port.name, number);
        pum_tensor tensor = {.dtype = given->dtype,
                             .rank = given->rank,
                             .data = (void *)(uintptr_t)given->data,
                             .size_bytes = given->size_bytes};
        memcpy(tensor.dims, given->dims, sizeof(tensor.dims));
        test_must(pum_session_set_input(session, i, &tensor));
    }
}

/* The largest difference in units of the tolerance. */
static double compare(const struct row *row, const char *name, const pum_tensor *got,
                      const struct st_tensor *expected)
{
    double worst = 0;
    bool fits = got->dtype == PUM_DTYPE_F32 && got->rank == expected->rank;
    for (int32_t i = 0; fits && i < got->rank; i++)
        fits = got->dims[i] == expected->dims[i];
    if (!fits || got->size_bytes != expected->size_bytes)
        fail_msg("%s/%s: %s has another shape than PyTorch's", row->folder, row->cases, name);
    for (size_t i = 0; i < got->size_bytes / sizeof(float); i++) {
        float a, b;
        memcpy(&a, (const char *)got->data + i * sizeof(float), sizeof(float));
        memcpy(&b, expected->data + i * sizeof(float), sizeof(float));
        double units = fabs((double)a - (double)b) / (row->tolerance * fmax(1, fabs((double)b)));
        if (!(units <= worst))
            worst = units;
    }
    return worst;
}

static double check_outputs(const struct row *row, const struct safetensors *cases, int number,
                            const pum_graph *graph, pum_session *session, int *out_compared)
{
    double worst = 0;
    *out_compared = 0;
    for (int32_t i = 0; i < pum_graph_output_count(graph); i++) {
        pum_port_info port;
        pum_tensor got;
        test_must(pum_graph_get_output(graph, i, &port));
        const struct st_tensor *expected = stored(cases, row, number, "out", port.name);
        if (expected == NULL)
            continue;
        test_must(pum_session_get_output(session, i, &got));
        double units = compare(row, port.name, &got, expected);
        if (!(units <= 1))
            print_error("%s/%s case %d: %s differs by %.3g tolerances\n", row->folder, row->cases,
                        number, port.name, units);
        if (!(units <= worst))
            worst = units;
        (*out_compared)++;
    }
    return worst;
}

static bool has_case(const struct safetensors *cases, const struct row *row, int number)
{
    return stored(cases, row, number, "in", "input_ids") != NULL ||
           stored(cases, row, number, "in", "pixel_values") != NULL;
}

/* Outputs that the file stores for a case; all must be outputs of the graph. */
static int stored_outputs(const struct safetensors *cases, const struct row *row, int number)
{
    char start[64];
    int count = 0;
    (void)snprintf(start, sizeof(start), "%s/%d/out/", row->cases, number);
    for (int32_t i = 0; i < safetensors_count(cases); i++)
        count += strncmp(safetensors_at(cases, i)->name, start, strlen(start)) == 0;
    return count;
}

static void test_row(void **state)
{
    const struct row *row = *state;
    struct arch_model model;
    struct fault fault = {0};
    struct safetensors *cases;
    pum_session *session;
    char path[512];
    (void)snprintf(path, sizeof(path), DATA "%s/cases.safetensors", row->folder);
    if (safetensors_open(path, &cases, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    (void)snprintf(path, sizeof(path), DATA "%s", row->folder);
    if (arch_open(context, path, &row->params, &model, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    test_must(pum_session_create(device, model.graph, NULL, &session));
    double worst = 0;
    int number = 0;
    for (; has_case(cases, row, number); number++) {
        int compared;
        give_inputs(row, cases, number, model.graph, session);
        test_must(pum_session_run(session));
        double units = check_outputs(row, cases, number, model.graph, session, &compared);
        assert_int_equal(compared, stored_outputs(cases, row, number));
        if (!(units <= worst))
            worst = units;
    }
    assert_true(number > 0);
    print_message("%s/%s: %d cases, worst %.3f tolerances\n", row->folder, row->cases, number,
                  worst);
    assert_true(worst <= 1);
    pum_session_destroy(&session);
    arch_close(&model);
    safetensors_close(&cases);
}

int main(void)
{
    enum { COUNT = sizeof(rows) / sizeof(rows[0]) };
    struct CMUnitTest tests[COUNT];
    char names[COUNT][64];
    if (pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    device = test_device_open(context);
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%s/%s", rows[i].folder, rows[i].cases);
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i]};
    }
    int failed = cmocka_run_group_tests_name("test_arch", tests, NULL, NULL);
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return failed;
}
