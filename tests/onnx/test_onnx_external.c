/* SPDX-License-Identifier: MIT
 *
 * test_onnx_external.c - weights in files beside the model: used where they lie, and refused when
 * they lie outside the model's folder or do not hold what the model says.
 */
#include "model_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static pum_context *context;
static struct maker m;
static char folder[256], model_path[512];

static const char *in_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    FILE *file = fopen(in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static const char *const made[] = {"model/w.bin",  "model/sub/w.bin", "model/loop.bin",
                                   "model/in.bin", "model/fifo",      "model/model.onnx",
                                   "outside.bin",  "model/sub",       "model"};

static int make_files(void **state)
{
    static const float weights[] = {0, 1, 2, 3, 4, 5, 6, 7};
    (void)state;
    if (pum_context_create(NULL, &context) != PUM_OK)
        return -1;
    snprintf(folder, sizeof(folder), "%s/onnx-external-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL || mkdir(in_folder("model"), 0777) != 0 ||
        mkdir(in_folder("model/sub"), 0777) != 0)
        return -1;
    snprintf(model_path, sizeof(model_path), "%s", in_folder("model/model.onnx"));
    write_file("model/w.bin", weights, sizeof(weights));
    write_file("model/sub/w.bin", weights, sizeof(weights));
    write_file("outside.bin", weights, sizeof(weights));
    return symlink("../outside.bin", in_folder("model/loop.bin")) == 0 &&
                   symlink("sub/w.bin", in_folder("model/in.bin")) == 0 &&
                   mkfifo(in_folder("model/fifo"), 0666) == 0
               ? 0
               : -1;
}

static int remove_files(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    for (size_t i = 0; i < PUM_COUNT_OF(made); i++)
        (void)remove(in_folder(made[i]));
    return rmdir(folder);
}

/* A model with one external tensor [2]. */
static pum_status open_model(const char *location, const char *offset, const char *length,
                             pum_graph **out_graph)
{
    maker_init(&m, 13);
    Onnx__TensorProto *tensor = maker_bare(&m, "w", T_F32, 1, (int64_t[]){2});
    if (location != NULL)
        maker_external(&m, tensor, "location", location);
    else
        maker_external(&m, tensor, "checksum", "none");
    if (offset != NULL)
        maker_external(&m, tensor, "offset", offset);
    if (length != NULL)
        maker_external(&m, tensor, "length", length);
    maker_initializer(&m, tensor);
    (void)maker_node(&m, "Relu", "w", "y");
    maker_output(&m, maker_value(&m, "y", T_F32, 1, (int64_t[]){2}));
    maker_write(&m, model_path);
    pum_status status = pum_onnx_open(context, model_path, NULL, out_graph);
    return status;
}

static void test_good(void **state)
{
    static const struct {
        const char *location, *offset, *length;
        float first;
    } cases[] = {
        {"w.bin", NULL, NULL, 0},     {"w.bin", "8", "8", 2},  {"w.bin", "24", NULL, 6},
        {"sub/w.bin", "4", "8", 1},   {"./w.bin", "0", "8", 0}, {"in.bin", "12", "8", 3},
        {"sub/./w.bin", "4", "8", 1},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        pum_graph *graph;
        if (open_model(cases[i].location, cases[i].offset, cases[i].length, &graph) != PUM_OK)
            fail_msg("%s", pum_last_error());
        const struct graph_tensor *tensor = graph_input_of(graph, &graph->nodes[0], 0);
        assert_true(((const float *)tensor->data)[0] == cases[i].first);
        assert_true(((const float *)tensor->data)[1] == cases[i].first + 1);
        pum_graph_destroy(&graph);
        maker_free(&m);
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *location, *offset, *length, *message;
        pum_status status;
    } cases[] = {
        {"../outside.bin", NULL, NULL, "inside the model's folder", PUM_E_FORMAT},
        {"sub/../../outside.bin", NULL, NULL, "inside the model's folder", PUM_E_FORMAT},
        {"..", NULL, NULL, "inside the model's folder", PUM_E_FORMAT},
        {"sub/..", NULL, NULL, "inside the model's folder", PUM_E_FORMAT},
        {"/etc/passwd", NULL, NULL, "inside the model's folder", PUM_E_FORMAT},
        {"..\\outside.bin", NULL, NULL, "inside the model's folder", PUM_E_FORMAT},
        {"", NULL, NULL, "inside the model's folder", PUM_E_FORMAT},
        {"loop.bin", NULL, NULL, "out of the model's folder", PUM_E_FORMAT},
        {"missing.bin", NULL, NULL, "No such file", PUM_E_FILE},
        {"sub", NULL, NULL, "not a regular file", PUM_E_FILE},
        {".", NULL, NULL, "folder", PUM_E_FORMAT},
        {"fifo", NULL, NULL, "not a regular file", PUM_E_FILE},
        {"w.bin", "28", NULL, "32 bytes; 8 from offset 28", PUM_E_FORMAT},
        {"w.bin", "18446744073709551615", NULL, "not a number of bytes", PUM_E_FORMAT},
        {"w.bin", "9223372036854775807", NULL, "from offset", PUM_E_FORMAT},
        {"w.bin", "-4", NULL, "not a number of bytes", PUM_E_FORMAT},
        {"w.bin", "", NULL, "not a number of bytes", PUM_E_FORMAT},
        {"w.bin", "0x8", NULL, "not a number of bytes", PUM_E_FORMAT},
        {"w.bin", "0", "4", "the shape needs 8", PUM_E_FORMAT},
        {NULL, NULL, NULL, "no location", PUM_E_FORMAT},
    };
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        pum_graph *graph;
        pum_status status =
            open_model(cases[i].location, cases[i].offset, cases[i].length, &graph);
        if (status != cases[i].status || strstr(pum_last_error(), cases[i].message) == NULL)
            fail_msg("case %zu: expected %s with '%s', got %s: %s", i,
                     pum_status_name(cases[i].status), cases[i].message, pum_status_name(status),
                     pum_last_error());
        assert_non_null(strstr(pum_last_error(), model_path)); /* says which model */
        assert_null(graph);
        maker_free(&m);
    }
}

/* From memory there is no folder to look in. */
static void test_from_memory(void **state)
{
    pum_graph *graph;
    (void)state;
    assert_int_equal(open_model("w.bin", NULL, NULL, &graph), PUM_OK);
    pum_graph_destroy(&graph);
    assert_int_equal(maker_read(&m, context, &graph), PUM_E_FORMAT);
    assert_non_null(strstr(pum_last_error(), "does not come from a file"));
    maker_free(&m);
}

/* A path without a folder means the current one. */
static void test_current_folder(void **state)
{
    char before[4096];
    pum_graph *graph;
    (void)state;
    assert_int_equal(open_model("w.bin", NULL, NULL, &graph), PUM_OK);
    pum_graph_destroy(&graph);
    maker_free(&m);
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(in_folder("model")), 0);
    assert_int_equal(pum_onnx_open(context, "model.onnx", NULL, &graph), PUM_OK);
    assert_int_equal(chdir(before), 0);
    pum_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_from_memory),
        cmocka_unit_test(test_current_folder),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
