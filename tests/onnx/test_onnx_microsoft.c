/* SPDX-License-Identifier: MIT
 *
 * test_onnx_microsoft.c - operators of com.microsoft on a device against ONNX Runtime's own results
 * (tests/data/onnx_runtime/, written by tools/make_microsoft_goldens.py):
 *     test_onnx_microsoft [PART-OF-A-NAME]
 * Floats must agree within 2e-5 of the larger of 1 and the value.
 */
#include "onnx_case.h"

#include "support/test_device.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER PUM_TEST_SOURCE_DIR "/tests/data/onnx_runtime"
#define LEAST_CASES 40

static bool same_shape(const pum_tensor *a, const pum_tensor *b)
{
    bool same = a->dtype == b->dtype && a->rank == b->rank;
    for (int32_t i = 0; i < a->rank && same; i++)
        same = a->dims[i] == b->dims[i];
    return same;
}

static bool agree(const pum_tensor *got, const pum_tensor *wanted, char *why)
{
    if (!same_shape(got, wanted)) {
        (void)snprintf(why, CASE_WHY_BYTES, "another type or shape");
        return false;
    }
    if (wanted->dtype != PUM_DTYPE_F32) {
        (void)snprintf(why, CASE_WHY_BYTES, "another value");
        return memcmp(got->data, wanted->data, wanted->size_bytes) == 0;
    }
    const float *x = got->data, *y = wanted->data;
    for (size_t i = 0; i < wanted->size_bytes / sizeof(*y); i++) {
        double difference = fabs((double)x[i] - (double)y[i]);
        if (!(difference <= 2e-5 * fmax(1, fabs((double)y[i])))) {
            (void)snprintf(why, CASE_WHY_BYTES, "element %zu is %.7g, expected %.7g", i,
                           (double)x[i], (double)y[i]);
            return false;
        }
    }
    return true;
}

/* One run; false with the reason. */
static bool run_set(pum_device *device, pum_graph *graph, const struct case_set *set, char *why)
{
    pum_session *session = NULL;
    bool right = false;

    pum_status status = pum_session_create(device, graph, NULL, &session);
    for (int32_t i = 0; i < set->ports.input_count && status == PUM_OK; i++)
        status = pum_session_set_input(session, i, &set->inputs[i].items[0]);
    if (status == PUM_OK)
        status = pum_session_run(session);
    for (int32_t i = 0; i < set->ports.output_count && status == PUM_OK; i++) {
        pum_tensor got;
        char text[CASE_WHY_BYTES - 20];
        status = pum_session_get_output(session, i, &got);
        right = status == PUM_OK && agree(&got, &set->outputs[i].items[0], why);
        if (status == PUM_OK && !right) {
            (void)snprintf(text, sizeof(text), "%s", why);
            (void)snprintf(why, CASE_WHY_BYTES, "output %d: %s", i, text);
            break;
        }
    }
    if (status != PUM_OK)
        (void)snprintf(why, CASE_WHY_BYTES, "%.390s", pum_last_error());
    pum_session_destroy(&session);
    return right && status == PUM_OK;
}

static bool run_case(pum_context *context, pum_device *device, const char *folder, char *why)
{
    char path[512];
    struct case_ports ports;
    struct case_set set;
    pum_graph *graph = NULL;
    bool missing, right = false;

    (void)snprintf(path, sizeof(path), "%s/model.onnx", folder);
    if (!case_read_ports(folder, &ports, why) ||
        !case_read_set(folder, &ports, 0, &set, &missing, why))
        return false;
    if (pum_onnx_open(context, path, NULL, &graph) != PUM_OK)
        (void)snprintf(why, CASE_WHY_BYTES, "%.390s", pum_last_error());
    else
        right = run_set(device, graph, &set, why);
    pum_graph_destroy(&graph);
    case_free_set(&set);
    return right;
}

int main(int count, char **arguments)
{
    struct dirent **entries = NULL;
    int found = scandir(FOLDER, &entries, NULL, alphasort), cases = 0, wrong = 0;
    pum_context *context = NULL;

    if (pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    pum_device *device = test_device_open(context);
    for (int i = 0; i < found; i++) {
        const char *name = entries[i]->d_name;
        char folder[400], why[CASE_WHY_BYTES] = "";
        bool wanted = name[0] != '.' && (count < 2 || strstr(name, arguments[1]) != NULL);
        (void)snprintf(folder, sizeof(folder), "%s/%s", FOLDER, name);
        if (wanted && ++cases > 0 && !run_case(context, device, folder, why)) {
            printf("WRONG %s: %s\n", name, why);
            wrong++;
        }
        free(entries[i]);
    }
    free(entries);
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    printf("%d cases, %d wrong\n", cases, wrong);
    return wrong == 0 && (count > 1 || cases >= LEAST_CASES) ? 0 : 1;
}
