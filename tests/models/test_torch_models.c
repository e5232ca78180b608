/* SPDX-License-Identifier: MIT
 *
 * test_torch_models.c - each model of tests/data/torch_models on the device: outputs equal
 * PyTorch's for every stored case, in one session, and again when a plan is replayed.
 *
 *   test_torch_models [PATTERN]      only names that match, "bert*"
 */
#include "torch_case.h"

#include "support/test_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static pum_context *context;
static pum_device *device;

static void test_model(void **state)
{
    struct torch_model *model = *state;
    pum_session *session;
    double worst = 0;
    torch_open(context, model);
    test_must(pum_session_create(device, model->graph, NULL, &session));
    for (int round = 0; round < 2; round++) {
        for (int number = 0; number < model->case_count; number++) {
            torch_give(model, number, session);
            test_must(pum_session_run(session));
            double units = torch_check(model, number, session);
            worst = units > worst ? units : worst;
        }
    }
    print_message("%s: %d cases, worst %.3f tolerances\n", model->name, model->case_count, worst);
    assert_true(worst <= 1);
    pum_session_destroy(&session);
    torch_close(model);
}

int main(int argc, char **argv)
{
    static struct torch_model models[TORCH_MAX_MODELS];
    struct CMUnitTest tests[TORCH_MAX_MODELS];
    int count;
    torch_list(models, &count);
    if (count == 0 || pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    device = test_device_open(context);
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = models[i].name, .test_func = test_model, .initial_state = &models[i]};
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    /* What cmocka_run_group_tests is a macro around, for an array whose length is counted. */
    int failed = _cmocka_run_group_tests("test_torch_models", tests, (size_t)count, NULL, NULL);
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return failed;
}
