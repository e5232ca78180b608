/* SPDX-License-Identifier: MIT
 *
 * test_safetensors.c - files as they should be, all types, sets with an index, and headers and
 * indices that lie in every way that there is.
 */
#include "support/hf_files.h"

#include "hf/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static struct fault fault;
static struct safetensors *set;

static int make_folder(void **state)
{
    (void)state;
    hf_files_make(folder);
    fault_clear(&fault);
    return 0;
}

static int end_folder(void **state)
{
    (void)state;
    safetensors_close(&set);
    hf_files_remove(folder);
    return 0;
}

static const float numbers[] = {1, 2, 3, 4, 5, 6};

static void assert_good(pum_status status)
{
    if (status != PUM_OK || fault.status != PUM_OK)
        fail_msg("%s", fault.text);
}

/* The fault has this status and each of the two parts; it is forgotten then. */
static void assert_fault(pum_status got, pum_status expected, const char *part, const char *other)
{
    assert_null(set);
    assert_int_equal(got, expected);
    assert_int_equal(fault.status, expected);
    if (strstr(fault.text, part) == NULL || strstr(fault.text, other) == NULL)
        fail_msg("'%s' and '%s' are not in: %s", part, other, fault.text);
    fault_clear(&fault);
}

/* --- What is right ---------------------------------------------------------------------------- */

static void test_single(void **state)
{
    (void)state;
    hf_files_weights(folder, "model.safetensors",
                     "{\"__metadata__\":{\"format\":\"pt\"},"
                     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
                     "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
                     "\"none\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[16,16]}}   ",
                     numbers, 24);
    assert_good(safetensors_open(folder, &set, &fault));
    assert_int_equal(safetensors_count(set), 3);
    assert_string_equal(safetensors_at(set, 0)->name, "a");
    assert_string_equal(safetensors_at(set, 2)->name, "none");
    assert_null(safetensors_at(set, 3));
    assert_null(safetensors_at(set, -1));
    const struct st_tensor *a = safetensors_find(set, "a"), *b = safetensors_find(set, "b");
    assert_null(safetensors_find(set, "c"));
    assert_int_equal(a->dtype, PUM_DTYPE_F32);
    assert_int_equal(a->rank, 2);
    assert_int_equal(a->dims[1], 2);
    assert_int_equal(a->size_bytes, 16);
    assert_memory_equal(a->data, numbers, 16);
    assert_memory_equal(b->data, numbers + 4, 8);
    assert_int_equal(safetensors_find(set, "none")->size_bytes, 0);
    safetensors_close(&set);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    assert_good(safetensors_open(path, &set, &fault));
    assert_int_equal(safetensors_count(set), 3);
}

static void test_types(void **state)
{
    static const struct {
        const char *name;
        pum_dtype dtype;
        int bytes;
    } rows[] = {
        {"F64", PUM_DTYPE_F64, 8},   {"F32", PUM_DTYPE_F32, 4},      {"F16", PUM_DTYPE_F16, 2},
        {"BF16", PUM_DTYPE_BF16, 2}, {"I64", PUM_DTYPE_I64, 8},      {"I32", PUM_DTYPE_I32, 4},
        {"I16", PUM_DTYPE_I16, 2},   {"I8", PUM_DTYPE_I8, 1},        {"U64", PUM_DTYPE_U64, 8},
        {"U32", PUM_DTYPE_U32, 4},   {"U16", PUM_DTYPE_U16, 2},      {"U8", PUM_DTYPE_U8, 1},
        {"BOOL", PUM_DTYPE_BOOL, 1}, {"F8_E4M3", PUM_DTYPE_NONE, 1}, {"C64", PUM_DTYPE_NONE, 8},
    };
    static const uint8_t data[24];
    char header[160];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size;
        (void)snprintf(header, sizeof(header),
                       "{\"x\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%d]}}",
                       rows[i].name, 3 * rows[i].bytes);
        uint8_t *bytes = hf_files_pack(header, data, (size_t)(3 * rows[i].bytes), &size);
        assert_good(safetensors_read(bytes, size, "memory", &set, &fault));
        assert_int_equal(safetensors_at(set, 0)->dtype, rows[i].dtype);
        assert_string_equal(safetensors_at(set, 0)->type_name, rows[i].name);
        safetensors_close(&set);
        free(bytes);
    }
}

#define INDEX(map) "{\"metadata\":{\"total_size\":24},\"weight_map\":{" map "}}"

static void write_shards(void)
{
    hf_files_weights(folder, "one.safetensors",
                     "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", numbers,
                     16);
    hf_files_weights(folder, "two.safetensors",
                     "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                     numbers + 4, 8);
}

static void test_sharded(void **state)
{
    (void)state;
    write_shards();
    hf_files_text(folder, "model.safetensors.index.json",
                  INDEX("\"a\":\"one.safetensors\",\"b\":\"two.safetensors\""));
    assert_good(safetensors_open(folder, &set, &fault));
    assert_int_equal(safetensors_count(set), 2);
    assert_memory_equal(safetensors_find(set, "a")->data, numbers, 16);
    assert_memory_equal(safetensors_find(set, "b")->data, numbers + 4, 8);
    assert_non_null(strstr(safetensors_find(set, "b")->file, "two.safetensors"));
    safetensors_close(&set);
    char slashed[80];
    (void)snprintf(slashed, sizeof(slashed), "%s/", folder);
    assert_good(safetensors_open(slashed, &set, &fault));
}

/* The hub's cache lays files out as links into another folder. */
static void test_links(void **state)
{
    char elsewhere[64], from[128], to[128];
    (void)state;
    hf_files_make(elsewhere);
    hf_files_weights(elsewhere, "blob",
                     "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", numbers, 4);
    (void)snprintf(from, sizeof(from), "%s/blob", elsewhere);
    (void)snprintf(to, sizeof(to), "%s/model.safetensors", folder);
    assert_int_equal(symlink(from, to), 0);
    assert_good(safetensors_open(folder, &set, &fault));
    assert_int_equal(safetensors_find(set, "a")->rank, 0);
    hf_files_remove(elsewhere);
}

/* Constants borrow what is aligned, and the files live as long as the graphs. */
static void test_graph(void **state)
{
    pum_context *context;
    pum_graph *graph;
    pum_graph_stats stats;
    (void)state;
    hf_files_weights(folder, "model.safetensors",
                     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]},"
                     "\"c\":{\"dtype\":\"F8_E5M2\",\"shape\":[1],\"data_offsets\":[9,10]}}",
                     numbers, 10);
    assert_good(safetensors_open(folder, &set, &fault));
    assert_int_equal(pum_context_create(NULL, &context), PUM_OK);
    assert_int_equal(pum_graph_create(context, &graph), PUM_OK);
    assert_good(safetensors_adopt(set, graph, &fault));
    pum_value a = safetensors_constant(graph, safetensors_find(set, "a"));
    pum_value b = safetensors_constant(graph, safetensors_find(set, "b"));
    safetensors_close(&set);
    pum_output(graph, "a", pum_cast(graph, a, PUM_DTYPE_I32));
    pum_output(graph, "b", pum_relu(graph, b));
    assert_int_equal(pum_graph_finish(graph), PUM_OK);
    pum_graph_get_stats(graph, &stats);
    assert_int_equal(stats.parameter_bytes, 9);
    pum_graph_destroy(&graph);
    assert_good(safetensors_open(folder, &set, &fault));
    assert_int_equal(pum_graph_create(context, &graph), PUM_OK);
    assert_int_equal(safetensors_constant(graph, safetensors_find(set, "c")), PUM_NO_VALUE);
    assert_int_equal(pum_graph_status(graph), PUM_E_UNSUPPORTED);
    assert_non_null(strstr(pum_last_error(), "F8_E5M2"));
    pum_graph_destroy(&graph);
    pum_context_destroy(&context);
}

/* --- What is not ------------------------------------------------------------------------------ */

static void test_lying_headers(void **state)
{
#define ENTRY(dtype, shape, offsets)                                                               \
    "{\"x\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(first, second)                                                                         \
    "{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" first "},"                          \
    "\"y\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" second "}}"
    static const struct {
        const char *header;
        pum_status status;
        const char *part;
    } rows[] = {
        {"[]", PUM_E_FORMAT, "no JSON object"},
        {"", PUM_E_FORMAT, "no JSON object"},
        {"{", PUM_E_FORMAT, "damaged"},
        {"{} x", PUM_E_FORMAT, "damaged"},
        {"{\"x\":7}", PUM_E_FORMAT, "no object"},
        {"{\"x\":{\"shape\":[1],\"data_offsets\":[0,8]}}", PUM_E_FORMAT, "no dtype"},
        {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", PUM_E_FORMAT, "no shape"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", PUM_E_FORMAT, "no pair"},
        {ENTRY("\"F31\"", "[2]", "[0,8]"), PUM_E_FORMAT, "'F31'"},
        {ENTRY("32", "[2]", "[0,8]"), PUM_E_FORMAT, "no dtype"},
        {ENTRY("\"F32\"", "2", "[0,8]"), PUM_E_FORMAT, "no shape"},
        {ENTRY("\"F32\"", "[2.0]", "[0,8]"), PUM_E_FORMAT, "axis 0"},
        {ENTRY("\"F32\"", "[1,-2]", "[0,8]"), PUM_E_FORMAT, "axis 1"},
        {ENTRY("\"F32\"", "[2147483648]", "[0,8]"), PUM_E_FORMAT, "axis 0"},
        {ENTRY("\"F32\"", "[2147483647,2147483647,2147483647]", "[0,8]"), PUM_E_FORMAT,
         "larger than memory"},
        {ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), PUM_E_UNSUPPORTED, "9 axes"},
        {ENTRY("\"F4\"", "[15]", "[0,8]"), PUM_E_FORMAT, "whole number of bytes"},
        {ENTRY("\"F32\"", "[3]", "[0,8]"), PUM_E_FORMAT, "need 12"},
        {ENTRY("\"F16\"", "[2]", "[0,8]"), PUM_E_FORMAT, "need 4"},
        {ENTRY("\"F32\"", "[2]", "[0,8,16]"), PUM_E_FORMAT, "no pair"},
        {ENTRY("\"F32\"", "[2]", "[8]"), PUM_E_FORMAT, "no pair"},
        {ENTRY("\"F32\"", "[2]", "{\"0\":0}"), PUM_E_FORMAT, "no pair"},
        {ENTRY("\"F32\"", "[2]", "[0,8.0]"), PUM_E_FORMAT, "no pair"},
        {ENTRY("\"F32\"", "[2]", "[-8,0]"), PUM_E_FORMAT, "outside the data"},
        {ENTRY("\"F32\"", "[2]", "[8,0]"), PUM_E_FORMAT, "outside the data"},
        {ENTRY("\"F32\"", "[2]", "[8,16]"), PUM_E_FORMAT, "outside the data"},
        {ENTRY("\"F32\"", "[2]", "[9223372036854775800,9223372036854775807]"), PUM_E_FORMAT,
         "outside the data"},
        {ENTRY("\"F32\"", "[2]", "[0,99999999999999999999]"), PUM_E_FORMAT, "damaged"},
        {ENTRY("\"F32\"", "[1]", "[0,4]"), PUM_E_FORMAT, "4 bytes at the end"},
        {ENTRY("\"F32\"", "[1]", "[4,8]"), PUM_E_FORMAT, "4 bytes before"},
        {TWO("[0,4]", "[0,4]"), PUM_E_FORMAT, "overlaps"},
        {TWO("[0,4]", "[2,6]"), PUM_E_FORMAT, "overlaps that of 'x'"},
        {"{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
         PUM_E_FORMAT, "duplicate"},
    };
    static const uint8_t data[8];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size;
        uint8_t *bytes = hf_files_pack(rows[i].header, data, sizeof(data), &size);
        assert_fault(safetensors_read(bytes, size, "weights", &set, &fault), rows[i].status,
                     rows[i].part, "weights: ");
        free(bytes);
    }
}

static void test_lying_lengths(void **state)
{
    uint8_t bytes[16] = {8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '};
    (void)state;
    assert_good(safetensors_read(bytes, 16, "weights", &set, &fault));
    assert_int_equal(safetensors_count(set), 0);
    safetensors_close(&set);
    for (size_t size = 0; size < 8; size++)
        assert_fault(safetensors_read(bytes, size, "weights", &set, &fault), PUM_E_FORMAT,
                     "weights", "no safetensors");
    bytes[0] = 9;
    assert_fault(safetensors_read(bytes, 16, "weights", &set, &fault), PUM_E_FORMAT, "9 bytes",
                 "16");
    memset(bytes, 255, 8);
    assert_fault(safetensors_read(bytes, 16, "weights", &set, &fault), PUM_E_FORMAT,
                 "18446744073709551615", "copied whole");
    /* A file that really has a header of 33 MiB, in a hole. */
    char path[128];
    memcpy(bytes, (uint8_t[]){0, 0, 16, 2, 0, 0, 0, 0}, 8);
    hf_files_write(folder, "model.safetensors", bytes, 16);
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    assert_int_equal(truncate(path, 64 << 20), 0);
    assert_fault(safetensors_open(folder, &set, &fault), PUM_E_UNSUPPORTED, "34603008", path);
}

/* Nesting that would exhaust the stack of a careless parser. */
static void test_deep_header(void **state)
{
    size_t size, depth = 100000;
    char *header = malloc(depth + 8);
    (void)state;
    assert_non_null(header);
    memcpy(header, "{\"x\":", 5);
    memset(header + 5, '[', depth);
    header[depth + 5] = '\0';
    uint8_t *bytes = hf_files_pack(header, NULL, 0, &size);
    assert_fault(safetensors_read(bytes, size, "weights", &set, &fault), PUM_E_FORMAT, "depth",
                 "weights");
    free(bytes);
    free(header);
}

static void test_lying_indices(void **state)
{
    static const struct {
        const char *index;
        pum_status status;
        const char *part;
    } rows[] = {
        {"{}", PUM_E_FORMAT, "'weight_map'"},
        {"[]", PUM_E_FORMAT, "object"},
        {"{\"weight_map\":3}", PUM_E_FORMAT, "'weight_map' is 3"},
        {INDEX("\"a\":3"), PUM_E_FORMAT, "tensor 'a'"},
        {INDEX("\"a\":\"\""), PUM_E_FORMAT, "no name of a file"},
        {INDEX("\"a\":\"..\""), PUM_E_FORMAT, "no name of a file"},
        {INDEX("\"a\":\"../one.safetensors\""), PUM_E_FORMAT, "no name of a file"},
        {INDEX("\"a\":\"/etc/passwd\""), PUM_E_FORMAT, "no name of a file"},
        {INDEX("\"a\":\"x\\\\one.safetensors\""), PUM_E_FORMAT, "no name of a file"},
        {INDEX("\"a\":\"three.safetensors\""), PUM_E_FILE, "three.safetensors"},
        {INDEX("\"a\":\"two.safetensors\""), PUM_E_FORMAT, "no such tensor"},
        {INDEX("\"c\":\"two.safetensors\""), PUM_E_FORMAT, "no such tensor"},
        {INDEX("\"a\":\"one.safetensors\",\"b\":\"one.safetensors\""), PUM_E_FORMAT,
         "no such tensor"},
        {INDEX("\"a\":\"one.safetensors\",\"a\":\"two.safetensors\""), PUM_E_FORMAT, "duplicate"},
        {INDEX("\"a\":\"one.safetensors\",\"b\":\"three.json\""), PUM_E_FILE, "three.json"},
    };
    (void)state;
    write_shards();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hf_files_text(folder, "model.safetensors.index.json", rows[i].index);
        assert_fault(safetensors_open(folder, &set, &fault), rows[i].status, rows[i].part, folder);
    }
    /* The same tensor in two files. */
    hf_files_weights(folder, "again.safetensors",
                     "{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", numbers, 1);
    hf_files_text(folder, "model.safetensors.index.json",
                  INDEX("\"a\":\"one.safetensors\",\"b\":\"again.safetensors\""));
    assert_fault(safetensors_open(folder, &set, &fault), PUM_E_FORMAT, "tensor 'a' is in",
                 "again.safetensors");
}

static void test_other_folders(void **state)
{
    char path[128];
    (void)state;
    assert_fault(safetensors_open(folder, &set, &fault), PUM_E_FILE, "model.safetensors", folder);
    assert_fault(safetensors_open("/nonexistent/folder", &set, &fault), PUM_E_FILE,
                 "/nonexistent/folder", "No such file");
    assert_fault(safetensors_open("", &set, &fault), PUM_E_FILE, "empty", "");
    assert_fault(safetensors_open("/dev/zero", &set, &fault), PUM_E_FILE, "regular", "/dev/zero");
    hf_files_text(folder, "pytorch_model.bin", "PK");
    assert_fault(safetensors_open(folder, &set, &fault), PUM_E_UNSUPPORTED, "pytorch_model.bin",
                 "save_pretrained");
    hf_files_text(folder, "empty", "");
    (void)snprintf(path, sizeof(path), "%s/empty", folder);
    assert_fault(safetensors_open(path, &set, &fault), PUM_E_FORMAT, "0 bytes", path);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, end_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_single),        WITH_FOLDER(test_types),
        WITH_FOLDER(test_sharded),       WITH_FOLDER(test_links),
        WITH_FOLDER(test_graph),         WITH_FOLDER(test_lying_headers),
        WITH_FOLDER(test_lying_lengths), WITH_FOLDER(test_deep_header),
        WITH_FOLDER(test_lying_indices), WITH_FOLDER(test_other_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
