/* SPDX-License-Identifier: MIT
 *
 * test_onnx_file.c - opening files: what is not there or no model, weights that stay in the file,
 * symbolic dims, running out of memory at every allocation, and the three OCR models.
 */
#include "model_maker.h"

#include "support/model_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* An allocator that counts bytes and may fail. */
struct counting {
    size_t held, peak;
    int calls_left;
};

static void *counting_realloc(void *user, void *block, size_t size)
{
    struct counting *counting = user;
    size_t *old = block == NULL ? NULL : (size_t *)block - 2;
    size_t old_size = old == NULL ? 0 : old[0];
    if (counting->calls_left == 0)
        return NULL;
    counting->calls_left -= counting->calls_left > 0;
    size_t *grown = realloc(old, size + 16);
    assert_non_null(grown);
    grown[0] = size;
    counting->held += size - old_size;
    if (counting->held > counting->peak)
        counting->peak = counting->held;
    return grown + 2;
}

static void *counting_alloc(void *user, size_t size)
{
    return counting_realloc(user, NULL, size);
}

static void counting_free(void *user, void *block)
{
    struct counting *counting = user;
    if (block == NULL)
        return;
    counting->held -= ((size_t *)block - 2)[0];
    free((size_t *)block - 2);
}

static struct counting counting;
static pum_context *context;
static struct maker m;
static char model_path[512];

static int begin(void **state)
{
    pum_context_params params = {.allocator = {.alloc = counting_alloc,
                                               .realloc = counting_realloc,
                                               .free = counting_free,
                                               .user = &counting}};
    (void)state;
    counting.calls_left = -1;
    snprintf(model_path, sizeof(model_path), "%s/onnx-file-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    int file = mkstemp(model_path);
    if (file < 0 || close(file) != 0)
        return -1;
    return pum_context_create(&params, &context) == PUM_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    (void)remove(model_path);
    return counting.held == 0 ? 0 : -1; /* nothing leaks */
}

#define BIG 4096

/* Four weights, one on each place modulo 4: an odd number of bytes lies between two of them. */
static void make_model(void)
{
    static float values[BIG];
    for (int i = 0; i < BIG; i++)
        values[i] = (float)i;
    maker_init(&m, 13);
    maker_input(&m, maker_value(&m, "x", T_F32, 2, (int64_t[]){-1, BIG}));
    m.graph.input[0]->type->tensor_type->shape->dim[0]->value_case =
        ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    m.graph.input[0]->type->tensor_type->shape->dim[0]->dim_param = "batch";
    maker_f32(&m, "w1", 1, (int64_t[]){BIG}, values);
    maker_f32(&m, "w2", 1, (int64_t[]){BIG}, values);
    maker_f32(&m, "w3", 1, (int64_t[]){BIG}, values);
    maker_f32(&m, "w4", 1, (int64_t[]){BIG}, values);
    (void)maker_node(&m, "Sum", "x w1 w2 w3 w4", "y");
    maker_output(&m, maker_value(&m, "y", T_F32, 2, (int64_t[]){-1, BIG}));
    maker_write(&m, model_path);
    maker_free(&m);
}

static void test_weights_stay_in_the_file(void **state)
{
    pum_graph *graph;
    (void)state;
    make_model();
    size_t before = counting.held;
    assert_int_equal(pum_onnx_open(context, model_path, NULL, &graph), PUM_OK);
    (void)remove(model_path); /* the mapping stays */
    for (int32_t i = 1; i < 5; i++) {
        const struct graph_tensor *tensor = graph_input_of(graph, &graph->nodes[0], i);
        assert_int_equal((uintptr_t)tensor->data % 4, 0);
        for (int j = 0; j < BIG; j++)
            assert_true(((const float *)tensor->data)[j] == (float)j);
    }
    /* Three were copied, to be aligned; the fourth was not. */
    assert_true(counting.held - before > 3 * BIG * 4 && counting.held - before < 4 * BIG * 4);
    pum_graph_destroy(&graph);
    assert_int_equal(counting.held, before);
}

static void test_ports(void **state)
{
    pum_graph *graph;
    pum_port_info info;
    (void)state;
    make_model();
    assert_int_equal(pum_onnx_open(context, model_path, NULL, &graph), PUM_OK);
    assert_int_equal(pum_graph_get_input(graph, 0, &info), PUM_OK);
    assert_string_equal(info.name, "x");
    assert_string_equal(pum_graph_symbol_name(graph, info.dims[0]), "batch");
    assert_int_equal(info.dims[1], BIG);
    assert_int_equal(pum_graph_get_output(graph, 0, &info), PUM_OK);
    assert_int_equal(info.rank, 2);
    assert_true(info.dims[0] < 0);
    assert_int_equal(info.dims[1], BIG);
    pum_graph_destroy(&graph);
}

static void expect_error(const char *path, const pum_onnx_params *params, pum_status status,
                         const char *part)
{
    pum_graph *graph;
    assert_int_equal(pum_onnx_open(context, path, params, &graph), status);
    assert_null(graph);
    if (strstr(pum_last_error(), part) == NULL || strstr(pum_last_error(), path) == NULL)
        fail_msg("'%s' is not in: %s", part, pum_last_error());
}

static void test_bad_files(void **state)
{
    (void)state;
    expect_error("/no/such/file.onnx", NULL, PUM_E_FILE, "No such file");
    expect_error("/", NULL, PUM_E_FILE, "not a regular file");
    expect_error("/dev/null", NULL, PUM_E_FILE, "not a regular file");
    expect_error(model_path, NULL, PUM_E_FORMAT, "empty");
    make_model();
    expect_error(model_path, &(pum_onnx_params){.max_file_bytes = 1000}, PUM_E_FILE,
                 "at most 1000");
    FILE *file = fopen(model_path, "wb");
    assert_non_null(file);
    assert_true(fputs("{\"this\": \"is not a model\"}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    expect_error(model_path, NULL, PUM_E_FORMAT, "not an ONNX file");
}

/* Whichever allocation fails, the call fails cleanly. */
static void test_memory_runs_out(void **state)
{
    pum_graph *graph = NULL;
    size_t before = counting.held;
    int calls = 0;
    pum_status status;
    (void)state;
    make_model();
    do {
        counting.calls_left = calls;
        status = pum_onnx_open(context, model_path, NULL, &graph);
        counting.calls_left = -1;
        assert_true(status == PUM_OK || status == PUM_E_MEMORY);
        assert_true(status == PUM_OK || counting.held == before);
    } while (status != PUM_OK && ++calls < 1000);
    assert_true(calls > 5 && calls < 1000);
    pum_graph_destroy(&graph);
    assert_int_equal(counting.held, before);
}

static void test_ocr_models(void **state)
{
    static const struct {
        const char *file;
        int32_t nodes;
        uint64_t parameter_bytes;
    } models[] = {
        {"ch_PP-OCRv4_det_infer.onnx", 330, 4686980},
        {"ch_PP-OCRv4_rec_infer.onnx", 440, 10761328},
        {"ch_ppocr_mobile_v2.0_cls_infer.onnx", 221, 534540},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(models); i++) {
        char path[1024];
        pum_graph *graph;
        pum_graph_stats stats;
        if (!test_model_path(models[i].file, path, sizeof(path)))
            skip();
        size_t before = counting.held;
        counting.peak = counting.held;
        if (pum_onnx_open(context, path, NULL, &graph) != PUM_OK)
            fail_msg("%s", pum_last_error());
        pum_graph_get_stats(graph, &stats);
        assert_int_equal(stats.node_count, models[i].nodes);
        assert_int_equal(stats.parameter_bytes, models[i].parameter_bytes);
        assert_int_equal(pum_graph_input_count(graph), 1);
        assert_int_equal(pum_graph_output_count(graph), 1);
        /* Weights once at most; what is not copied stays in the file. */
        assert_true(counting.peak - before < stats.parameter_bytes + (1 << 20));
        pum_graph_destroy(&graph);
    }
}

#define WITH_CONTEXT(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONTEXT(test_weights_stay_in_the_file),
        WITH_CONTEXT(test_ports),
        WITH_CONTEXT(test_bad_files),
        WITH_CONTEXT(test_memory_runs_out),
        WITH_CONTEXT(test_ocr_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
