/* SPDX-License-Identifier: MIT
 *
 * test_hf_vision.c - preprocessor_config.json in its old and new forms, names of classes, and both
 * where they are wrong.
 */
#include "support/hf_files.h"

#include "hf/hf_labels.h"
#include "hf/hf_preprocess.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char folder[64];
static struct fault fault;

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
    hf_files_remove(folder);
    return 0;
}

static struct preprocess load(const char *text)
{
    struct preprocess how;
    bool found;
    hf_files_text(folder, "preprocessor_config.json", text);
    if (hf_preprocess_load(folder, &how, &found, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    assert_true(found);
    return how;
}

static void test_forms(void **state)
{
    bool found = true;
    struct preprocess how = preprocess_defaults(224, 224), same = how;
    (void)state;
    assert_int_equal(hf_preprocess_load(folder, &how, &found, &fault), PUM_OK);
    assert_false(found);
    assert_memory_equal(&how, &same, sizeof(how));

    how = load("{\"size\": {\"height\": 384, \"width\": 512}, \"resample\": 3,"
               " \"image_mean\": [0.1, 0.2, 0.3], \"image_std\": [1, 2, 4]}");
    assert_true(how.fit == PREPROCESS_STRETCH && how.width == 512 && how.height == 384);
    assert_int_equal(how.kernel, IMAGE_BICUBIC);
    assert_true(how.mean[2] == 0.3f && how.deviation[2] == 4 && how.scale == 1.0f / 255);

    how = load("{\"size\": {\"shortest_edge\": 256}, \"do_center_crop\": true,"
               " \"crop_size\": {\"height\": 224, \"width\": 200}}");
    assert_true(how.fit == PREPROCESS_SHORTEST && how.shortest == 256 && how.width == 200 &&
                how.height == 224);
    assert_true(how.kernel == IMAGE_BILINEAR && how.mean[0] == 0.5f && how.deviation[0] == 0.5f);

    how = load("{\"feature_extractor_type\": \"CLIPFeatureExtractor\", \"size\": 224,"
               " \"do_center_crop\": true, \"crop_size\": 200}");
    assert_true(how.fit == PREPROCESS_SHORTEST && how.shortest == 224 && how.width == 200);

    how = load("{\"feature_extractor_type\": \"ViTFeatureExtractor\", \"size\": 224}");
    assert_true(how.fit == PREPROCESS_STRETCH && how.width == 224 && how.height == 224);

    how = load("{\"size\": 256, \"do_center_crop\": true, \"crop_size\": 224}"); /* DeiT */
    assert_true(how.fit == PREPROCESS_STRETCH && how.resized_width == 256 && how.width == 224);

    how = load("{\"size\": {\"shortest_edge\": 224}, \"crop_pct\": 0.875}"); /* ConvNeXT */
    assert_true(how.fit == PREPROCESS_SHORTEST && how.shortest == 256 && how.width == 224);
    how = load("{\"size\": {\"shortest_edge\": 384}, \"crop_pct\": 0.875}");
    assert_true(how.fit == PREPROCESS_STRETCH && how.width == 384);

    how = load("{\"do_resize\": false, \"do_rescale\": false, \"do_normalize\": false}");
    assert_true(how.fit == PREPROCESS_NONE && how.width == 0 && how.scale == 1 &&
                how.mean[0] == 0 && how.deviation[0] == 1);
    how = load("{\"size\": 32, \"rescale_factor\": 0.5}");
    assert_true(how.scale == 0.5f);
}

static void test_wrong_forms(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"{}", "no field 'size'"},
        {"{\"size\": \"224\"}", "'size' is \"224\""},
        {"{\"size\": -1}", "'size' is -1"},
        {"{\"size\": {\"height\": 3}}", "size: there is no field 'width'"},
        {"{\"size\": {\"height\": 3, \"width\": 100000}}", "100000"},
        {"{\"size\": {\"shortest_edge\": 0}}", "shortest_edge"},
        {"{\"size\": 3, \"do_center_crop\": true}", "no field 'crop_size'"},
        {"{\"size\": 3, \"resample\": 9}", "'resample' is 9"},
        {"{\"size\": 3, \"image_mean\": [1, 2]}", "3 numbers"},
        {"{\"size\": 3, \"image_std\": [1, 0, 1]}", "holds a 0"},
        {"{\"size\": 3, \"do_normalize\": 1}", "true or false"},
        {"[]", "object"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct preprocess how;
        bool found;
        hf_files_text(folder, "preprocessor_config.json", rows[i].text);
        assert_int_equal(hf_preprocess_load(folder, &how, &found, &fault), PUM_E_FORMAT);
        if (strstr(fault.text, rows[i].part) == NULL)
            fail_msg("'%s' is not in: %s", rows[i].part, fault.text);
        fault_clear(&fault);
    }
}

static struct hf_labels labels_of(const char *text)
{
    struct hf_labels labels;
    char path[128];
    hf_files_text(folder, "labels", text);
    (void)snprintf(path, sizeof(path), "%s/labels", folder);
    if (hf_labels_from_file(&labels, path, &fault) != PUM_OK)
        fail_msg("%s", fault.text);
    return labels;
}

static void test_labels(void **state)
{
    struct hf_labels labels = labels_of("tench\r\ntabby cat\n\nvolcano");
    (void)state;
    assert_int_equal(labels.count, 4);
    assert_string_equal(hf_labels_name(&labels, 0), "tench");
    assert_string_equal(hf_labels_name(&labels, 1), "tabby cat");
    assert_string_equal(hf_labels_name(&labels, 3), "volcano");
    assert_null(hf_labels_name(&labels, 4));
    assert_null(hf_labels_name(&labels, -1));
    hf_labels_free(&labels);
    labels = labels_of("{\"0\": \"a\", \"3\": \"b\"}");
    assert_int_equal(labels.count, 4);
    assert_null(hf_labels_name(&labels, 1));
    assert_string_equal(hf_labels_name(&labels, 3), "b");
    hf_labels_free(&labels);
    labels = labels_of("[\"a\", \"b\"]");
    assert_string_equal(hf_labels_name(&labels, 1), "b");
    hf_labels_free(&labels);
    labels = labels_of("{\"model_type\": \"vit\", \"id2label\": {\"1\": \"b\"}}");
    assert_string_equal(hf_labels_name(&labels, 1), "b");
    hf_labels_free(&labels);
    assert_int_equal(hf_labels_from_config(&labels, folder, &fault), PUM_OK);
    assert_int_equal(labels.count, 0);
    hf_files_text(folder, "config.json", "{\"model_type\": \"vit\"}");
    assert_int_equal(hf_labels_from_config(&labels, folder, &fault), PUM_OK);
    assert_int_equal(labels.count, 0);
    hf_files_text(folder, "config.json", "{\"id2label\": {\"2\": \"c\"}}");
    assert_int_equal(hf_labels_from_config(&labels, folder, &fault), PUM_OK);
    assert_string_equal(hf_labels_name(&labels, 2), "c");
    hf_labels_free(&labels);
}

static void test_wrong_labels(void **state)
{
    static const char *const rows[] = {
        "{\"x\": \"a\"}",
        "{\"-1\": \"a\"}",
        "{\"1\": 2}",
        "{\"1000000\": \"a\"}",
        "{\"1x\": \"a\"}",
        "[1]",
        "{",
        "{\"99999999999999999999\": \"a\"}",
    };
    struct hf_labels labels;
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/labels", folder);
    assert_int_equal(hf_labels_from_file(&labels, path, &fault), PUM_E_FILE);
    fault_clear(&fault);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hf_files_text(folder, "labels", rows[i]);
        assert_int_equal(hf_labels_from_file(&labels, path, &fault), PUM_E_FORMAT);
        assert_non_null(strstr(fault.text, path));
        assert_int_equal(labels.count, 0);
        fault_clear(&fault);
    }
    hf_files_write(folder, "labels", "a\0b", 3);
    assert_int_equal(hf_labels_from_file(&labels, path, &fault), PUM_E_FORMAT);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, end_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_forms),
        WITH_FOLDER(test_wrong_forms),
        WITH_FOLDER(test_labels),
        WITH_FOLDER(test_wrong_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
