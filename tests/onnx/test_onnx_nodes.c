/* SPDX-License-Identifier: MIT
 *
 * test_onnx_nodes.c - ONNX's conformance cases through sessions, on the device that the
 * environment leads to:
 *     test_onnx_nodes [PART-OF-A-NAME] [--data FOLDER]
 * Quicker, and without a device: test_onnx_reference.
 */
#include "onnx_runner.h"

#include "support/test_device.h"

#include <stdio.h>
#include <string.h>

#define THREADS 2

static pum_status set_inputs(pum_session *session, const struct case_set *set)
{
    for (int32_t i = 0; i < set->ports.input_count; i++) {
        const struct case_value *value = &set->inputs[i];
        pum_status status = value->kind == PUM_VALUE_TENSOR
                                ? pum_session_set_input(session, i, &value->items[0])
                            : value->kind == PUM_VALUE_SEQUENCE
                                ? pum_session_set_sequence(session, i, value->items, value->count)
                                : pum_session_set_none(session, i);
        if (status != PUM_OK)
            return status;
    }
    return PUM_OK;
}

/* Compares output `index`; its tensors stay the session's. */
static bool output_agrees(pum_session *session, int32_t index, const struct case_value *wanted,
                          bool random, char *why)
{
    enum { MAX_ITEMS = 64 };
    pum_tensor items[MAX_ITEMS];
    struct case_value got = {.items = items};

    pum_status status = pum_session_get_output_kind(session, index, &got.kind, &got.count);
    for (int32_t i = 0; i < got.count && i < MAX_ITEMS && status == PUM_OK; i++)
        status = pum_session_get_output_item(session, index, i, &items[i]);
    if (status != PUM_OK || got.count > MAX_ITEMS) {
        (void)snprintf(why, CASE_WHY_BYTES, "output %d: %.350s", index, pum_last_error());
        return false;
    }
    return case_agree(&got, wanted, random, why);
}

static enum runner_verdict on_device(pum_graph *graph, const struct case_set *set, bool random,
                                     void *user, char *why)
{
    pum_session *session = NULL;
    enum runner_verdict verdict = RUNNER_WRONG;

    pum_status status = pum_session_create(user, graph, NULL, &session);
    if (status == PUM_OK)
        status = set_inputs(session, set);
    if (status == PUM_OK)
        status = pum_session_run(session);
    if (status == PUM_OK) {
        verdict = RUNNER_RIGHT;
        for (int32_t i = 0; i < set->ports.output_count && verdict == RUNNER_RIGHT; i++) {
            if (!output_agrees(session, i, &set->outputs[i], random, why))
                verdict = RUNNER_WRONG;
        }
    } else {
        (void)snprintf(why, CASE_WHY_BYTES, "%.390s", pum_last_error());
    }
    pum_session_destroy(&session);
    return verdict;
}

int main(int count, char **arguments)
{
    struct runner runner = {.run = on_device, .thread_count = THREADS, .lists_all = true};

    if (pum_context_create(&(pum_context_params){.cache_dir = ""}, &runner.context) != PUM_OK)
        return 1;
    pum_device *device = test_device_open(runner.context);
    runner.user = device;
    int status = runner_main(&runner, count, arguments);
    pum_device_counters counters;
    pum_device_get_counters(device, &counters);
    printf("%s: %llu pipelines, %llu submissions\n", pum_device_get_info(device)->name,
           (unsigned long long)counters.pipelines_created,
           (unsigned long long)counters.submissions);
    pum_device_destroy(&device);
    pum_context_destroy(&runner.context);
    return status;
}
