/* SPDX-License-Identifier: MIT
 *
 * test_arch_pooling.c - each way of pooling against its plain definition, on the device, and the
 * files of sentence-transformers folders.
 */
#include "support/hf_files.h"
#include "support/test_device.h"

#include "arch/arch_pooling.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA PUM_TEST_SOURCE_DIR "/tests/data/arch/"

static pum_context *context;
static pum_device *device;

enum { BATCH = 3, LENGTH = 5, WIDTH = 7 };

static const int64_t mask[BATCH][LENGTH] = {{1, 1, 1, 1, 1}, {1, 1, 0, 0, 0}, {0, 1, 1, 0, 1}};

static double component(enum arch_pooling_kind kind, float hidden[LENGTH][WIDTH],
                        const int64_t *tokens, int column)
{
    double sum = 0, count = 0, most = -INFINITY;
    for (int i = 0; i < LENGTH; i++) {
        if (tokens[i] == 0)
            continue;
        sum += (double)hidden[i][column];
        most = fmax(most, (double)hidden[i][column]);
        count++;
    }
    switch (kind) {
    case ARCH_POOL_CLS:
        return (double)hidden[0][column];
    case ARCH_POOL_MAX:
        return most;
    case ARCH_POOL_MEAN_SQRT:
        return sum / sqrt(count);
    default:
        return sum / count;
    }
}

static void check_kind(enum arch_pooling_kind kind, bool normalize)
{
    static float hidden[BATCH][LENGTH][WIDTH];
    pum_graph *graph;
    pum_session *session;
    pum_tensor out;
    for (int i = 0; i < BATCH * LENGTH * WIDTH; i++)
        (&hidden[0][0][0])[i] = (float)((i * 37 + 11) % 101) / 25 - 2;
    test_must(arch_pooling_graph(context, (struct arch_pooling){kind, normalize}, &graph));
    test_must(pum_session_create(device, graph, NULL, &session));
    test_must(pum_session_set_input(
        session, 0,
        &(pum_tensor){PUM_DTYPE_F32, 3, {BATCH, LENGTH, WIDTH}, hidden, sizeof(hidden)}));
    test_must(pum_session_set_input(
        session, 1,
        &(pum_tensor){PUM_DTYPE_I64, 2, {BATCH, LENGTH}, (void *)(uintptr_t)mask, sizeof(mask)}));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, &out));
    assert_int_equal(out.rank, 2);
    assert_int_equal(out.size_bytes, BATCH * WIDTH * sizeof(float));
    for (int row = 0; row < BATCH; row++) {
        double length = 0;
        for (int c = 0; c < WIDTH; c++)
            length += pow(component(kind, hidden[row], mask[row], c), 2);
        for (int c = 0; c < WIDTH; c++) {
            double expected =
                component(kind, hidden[row], mask[row], c) / (normalize ? sqrt(length) : 1);
            assert_true(fabs((double)((float *)out.data)[row * WIDTH + c] - expected) < 1e-5);
        }
    }
    pum_session_destroy(&session);
    pum_graph_destroy(&graph);
}

static void test_kinds(void **state)
{
    (void)state;
    for (int kind = ARCH_POOL_CLS; kind <= ARCH_POOL_MEAN_SQRT; kind++) {
        check_kind((enum arch_pooling_kind)kind, false);
        check_kind((enum arch_pooling_kind)kind, true);
    }
}

static void test_folders(void **state)
{
    struct arch_sentence sentence;
    struct fault fault = {0};
    (void)state;
    assert_int_equal(arch_sentence_load(DATA "minilm", &sentence, &fault), PUM_OK);
    assert_int_equal(sentence.pooling.kind, ARCH_POOL_MEAN);
    assert_true(sentence.pooling.normalize);
    assert_int_equal(sentence.max_length, 16);
    assert_string_equal(sentence.folder, DATA "minilm");
    arch_sentence_free(&sentence);
    assert_int_equal(arch_sentence_load(DATA "bert", &sentence, &fault), PUM_OK);
    assert_int_equal(sentence.pooling.kind, ARCH_POOL_NONE);
    assert_string_equal(sentence.folder, DATA "bert");
    arch_sentence_free(&sentence);
}

#define MODULE(type, path)                                                                         \
    "{\"type\":\"sentence_transformers.models." type "\",\"path\":\"" path "\"}"

static void test_wrong_folders(void **state)
{
    static const struct {
        const char *modules, *pooling;
        pum_status status;
        const char *part;
    } rows[] = {
        {"{}", "{}", PUM_E_FORMAT, "a JSON list"},
        {"[]", "{}", PUM_E_FORMAT, "no Transformer"},
        {"[7]", "{}", PUM_E_FORMAT, "each module"},
        {"[" MODULE("Transformer", "../x") "]", "{}", PUM_E_FORMAT, "each module"},
        {"[" MODULE("Transformer", "/x") "]", "{}", PUM_E_FORMAT, "each module"},
        {"[" MODULE("Transformer", "") "]", "{}", PUM_E_FORMAT, "no Pooling"},
        {"[" MODULE("Transformer", "") "," MODULE("Dense", "2_Dense") "]", "{}", PUM_E_UNSUPPORTED,
         "models.Dense"},
        {"[" MODULE("Transformer", "") "," MODULE("Pooling", "nowhere") "]", "{}", PUM_E_FILE,
         "nowhere"},
        {"[" MODULE("Pooling", "p") "]", "{}", PUM_E_FORMAT, "pooling_mode_mean_tokens"},
        {"[" MODULE("Pooling", "p") "]", "{\"pooling_mode_lasttoken\": true}", PUM_E_UNSUPPORTED,
         "lasttoken"},
        {"[" MODULE("Pooling", "p") "]", "{\"pooling_mode_cls_token\": 1}", PUM_E_FORMAT,
         "true or false"},
        {"[" MODULE("Pooling", "p") "]",
         "{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}",
         PUM_E_UNSUPPORTED, "together"},
    };
    char folder[64], below[80];
    (void)state;
    hf_files_make(folder);
    (void)snprintf(below, sizeof(below), "%s/p", folder);
    assert_int_equal(mkdir(below, 0777), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arch_sentence sentence;
        struct fault fault = {0};
        hf_files_text(folder, "modules.json", rows[i].modules);
        hf_files_text(below, "config.json", rows[i].pooling);
        pum_status got = arch_sentence_load(folder, &sentence, &fault);
        if (got != rows[i].status || strstr(fault.text, rows[i].part) == NULL)
            fail_msg("%s: %s: %s", rows[i].modules, pum_status_name(got), fault.text);
        assert_null(sentence.folder);
    }
    hf_files_remove(below);
    hf_files_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_wrong_folders),
    };
    if (pum_context_create(NULL, &context) != PUM_OK)
        return 1;
    device = test_device_open(context);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return failed;
}
