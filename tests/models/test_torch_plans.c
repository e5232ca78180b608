/* SPDX-License-Identifier: MIT
 *
 * test_torch_plans.c - what the plans of tests/data/torch_models are made of: the patterns that
 * exporters write out have become the operators that they mean, nothing runs on the host between
 * steps of the device, and a run is one submission. Numbers of steps are upper bounds: fewer is
 * better, and then they are to be lowered here.
 */
#include "torch_case.h"

#include "support/test_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;
static pum_device *device;

struct expected {
    const char *model;
    int32_t most_steps; /* on the device */
    struct {
        const char *op;
        int32_t count;
    } ops[5];
};

static const struct expected rows[] = {
    {"bert", 34, {{"Attention", 2}, {"LayerNormalization", 5}, {"Softmax", 0}, {"Erf", 0}}},
    {"gpt2", 48, {{"Attention", 2}, {"LayerNormalization", 5}, {"Gelu", 2}, {"Where", 0}}},
    {"transformer", 107, {{"Attention", 6}, {"LayerNormalization", 12}, {"Where", 1}}},
    {"transformer_seq_first", 97, {{"Attention", 6}, {"LayerNormalization", 12}, {"Where", 1}}},
    {"t5", 43, {{"Attention", 3}, {"RMSNormalization", 5}, {"Sqrt", 0}, {"ReduceMean", 0}}},
    {"llama", 65, {{"Attention", 2}, {"RMSNormalization", 5}, {"Expand", 0}, {"Softmax", 0}}},
    {"clip", 94, {{"Attention", 4}, {"LayerNormalization", 11}, {"Softmax", 0}}},
    /* 26 where pieces of a Split may be bound where they lie; SwiftShader aligns to 256 bytes. */
    {"vit", 30, {{"Attention", 2}, {"LayerNormalization", 5}, {"Softmax", 0}}},
    {"swin", 73, {{"Attention", 2}, {"LayerNormalization", 9}}},
    {"conformer", 84, {{"LayerNormalization", 10}, {"BatchNormalization", 0}}},
    {"unet", 57, {{"Attention", 1}, {"GroupNormalization", 12}, {"Sigmoid", 0}}},
    {"resnet18", 23, {{"BatchNormalization", 0}, {"Relu", 0}, {"Add", 0}}},
    {"alexnet", 12, {{"Relu", 0}}},
    {"squeezenet", 36, {{"Relu", 0}}},
    {"mobilenet_v3", 28, {{"HardSwish", 0}, {"Clip", 0}, {"Add", 0}}},
    {"mobilenet_v3_op14", 28, {{"HardSwish", 0}, {"Clip", 0}, {"BatchNormalization", 0}}},
    {"efficientnet", 34, {{"Silu", 0}, {"Sigmoid", 0}}},
    {"convnext", 31, {{"LayerNormalization", 3}, {"Gelu", 0}}},
    {"wave_encoder", 15, {{"LayerNormalization", 2}, {"Erf", 0}}},
    {"lstm_tagger", 11, {{"LSTM", 4}}},
    {"gru_tagger", 6, {{"GRU", 4}}},
    {"lstm_stream", 7, {{"LSTM", 2}, {"RNN", 2}, {"Sigmoid", 0}}},
    {"wide_deep", 36, {{"Sigmoid", 0}, {"BatchNormalization", 1}}},
};

static void check_steps(const struct expected *row, const pum_plan_info *info)
{
    int32_t device_steps = 0;
    for (int32_t i = 0; i < info->step_count; i++) {
        const pum_step_info *step = &info->steps[i];
        if (step->kind == PUM_STEP_HOST && device_steps > 0)
            fail_msg("%s: %s '%s' runs on the host behind %d steps of the device: %s", row->model,
                     step->op, step->node, device_steps, step->why);
        device_steps += step->kind == PUM_STEP_DISPATCH;
    }
    if (device_steps > row->most_steps)
        fail_msg("%s: %d steps on the device, at most %d are expected", row->model, device_steps,
                 row->most_steps);
    for (int32_t k = 0; k < 5 && row->ops[k].op; k++) {
        int32_t count = 0;
        for (int32_t i = 0; i < info->step_count; i++)
            count += info->steps[i].kind == PUM_STEP_DISPATCH &&
                     strcmp(info->steps[i].op, row->ops[k].op) == 0;
        if (count != row->ops[k].count)
            fail_msg("%s: %d steps of %s, expected %d", row->model, count, row->ops[k].op,
                     row->ops[k].count);
    }
}

static void test_plan(void **state)
{
    const struct expected *row = *state;
    struct torch_model model = {0};
    pum_session *session;
    pum_plan_info info;
    pum_device_counters before, after;
    (void)snprintf(model.name, sizeof(model.name), "%s/model", row->model);
    torch_open(context, &model);
    test_must(pum_session_create(device, model.graph, NULL, &session));
    torch_give(&model, 0, session);
    for (int i = 0; i < 3; i++) /* slices are cut anew once times are known */
        test_must(pum_session_run(session));
    pum_device_get_counters(device, &before);
    test_must(pum_session_run(session));
    pum_device_get_counters(device, &after);
    test_must(pum_session_plan(session, NULL, 0, &info));
    check_steps(row, &info);
    assert_int_equal(after.submissions - before.submissions, 1);
    pum_session_destroy(&session);
    torch_close(&model);
}

int main(void)
{
    enum { COUNT = sizeof(rows) / sizeof(rows[0]) };
    struct CMUnitTest tests[COUNT];
    if (pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    device = test_device_open(context);
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].model,
                                       .test_func = test_plan,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    int failed = cmocka_run_group_tests_name("test_torch_plans", tests, NULL, NULL);
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return failed;
}
