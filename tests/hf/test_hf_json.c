/* SPDX-License-Identifier: MIT
 *
 * test_hf_json.c - fields of configuration files: right ones, missing ones, wrong ones.
 */
#include "support/hf_files.h"

#include "hf/hf_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[64];
static struct fault fault;
static struct hf_json json;

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
    hf_json_free(&json);
    hf_files_remove(folder);
    return 0;
}

static void load(const char *text)
{
    hf_json_free(&json);
    hf_files_text(folder, "config.json", text);
    if (hf_json_load(&json, folder, "config.json", &fault) != PUM_OK)
        fail_msg("%s", fault.text);
}

static void assert_fault(pum_status got, const char *part)
{
    assert_int_equal(got, fault.status);
    assert_int_not_equal(got, PUM_OK);
    if (strstr(fault.text, part) == NULL || strstr(fault.text, "config.json") == NULL)
        fail_msg("'%s' and 'config.json' are not in: %s", part, fault.text);
    fault_clear(&fault);
}

static void test_fields(void **state)
{
    int64_t whole;
    double number, numbers[3];
    bool flag, present;
    const char *text;
    (void)state;
    load("{\"n\": 12, \"x\": 1e-5, \"flag\": true, \"text\": \"gelu\", \"nothing\": null,"
         " \"mean\": [0.5, 1, 0.25]}");
    assert_int_equal(hf_json_int(&json, "n", 1, 12, &whole, &fault), PUM_OK);
    assert_int_equal(whole, 12);
    assert_int_equal(hf_json_int_or(&json, "m", 1, 12, 7, &whole, &fault), PUM_OK);
    assert_int_equal(whole, 7);
    assert_int_equal(hf_json_int_or(&json, "nothing", 1, 12, 8, &whole, &fault), PUM_OK);
    assert_int_equal(whole, 8);
    assert_int_equal(hf_json_number_or(&json, "x", 2, &number, &fault), PUM_OK);
    assert_true(number == 1e-5);
    assert_int_equal(hf_json_number_or(&json, "n", 2, &number, &fault), PUM_OK);
    assert_true(number == 12);
    assert_int_equal(hf_json_number_or(&json, "y", 2, &number, &fault), PUM_OK);
    assert_true(number == 2);
    assert_int_equal(hf_json_bool_or(&json, "flag", false, &flag, &fault), PUM_OK);
    assert_true(flag);
    assert_int_equal(hf_json_bool_or(&json, "other", true, &flag, &fault), PUM_OK);
    assert_true(flag);
    assert_int_equal(hf_json_text_or(&json, "text", "relu", &text, &fault), PUM_OK);
    assert_string_equal(text, "gelu");
    assert_int_equal(hf_json_text_or(&json, "other", NULL, &text, &fault), PUM_OK);
    assert_null(text);
    assert_int_equal(hf_json_numbers(&json, "mean", numbers, 3, &present, &fault), PUM_OK);
    assert_true(present && numbers[0] == 0.5 && numbers[1] == 1 && numbers[2] == 0.25);
    assert_int_equal(hf_json_numbers(&json, "std", numbers, 3, &present, &fault), PUM_OK);
    assert_false(present);
}

static void test_wrong_fields(void **state)
{
    int64_t whole;
    double number, numbers[3];
    bool flag;
    const char *text;
    (void)state;
    load("{\"n\": 12, \"x\": 1.5, \"text\": \"gelu\", \"list\": [1, 2, \"3\"]}");
    assert_fault(hf_json_int(&json, "hidden_size", 1, 9, &whole, &fault),
                 "there is no field 'hidden_size'");
    assert_fault(hf_json_int(&json, "n", 1, 11, &whole, &fault),
                 "field 'n' is 12; expected a whole number from 1 to 11");
    assert_fault(hf_json_int(&json, "n", 13, 99, &whole, &fault), "from 13 to 99");
    assert_fault(hf_json_int_or(&json, "x", 1, 11, 5, &whole, &fault), "field 'x' is 1.5");
    assert_fault(hf_json_number_or(&json, "text", 1, &number, &fault), "\"gelu\"");
    assert_fault(hf_json_bool_or(&json, "n", true, &flag, &fault), "true or false");
    assert_fault(hf_json_text_or(&json, "n", "", &text, &fault), "a text");
    assert_fault(hf_json_numbers(&json, "list", numbers, 3, &flag, &fault), "a list of 3 numbers");
    assert_fault(hf_json_numbers(&json, "list", numbers, 2, &flag, &fault), "a list of 2 numbers");
    assert_fault(hf_json_missing(&json, "id2label", &fault), "'id2label'");
}

static void test_children(void **state)
{
    struct hf_json child;
    int64_t whole;
    (void)state;
    load("{\"text_config\": {\"n\": 3}, \"n\": 4}");
    assert_int_equal(hf_json_child(&json, "text_config", true, &child, &fault), PUM_OK);
    assert_int_equal(hf_json_int(&child, "n", 0, 9, &whole, &fault), PUM_OK);
    assert_int_equal(whole, 3);
    assert_fault(hf_json_int(&child, "m", 0, 9, &whole, &fault), "text_config: there is no field");
    hf_json_free(&child);
    assert_fault(hf_json_child(&json, "vision_config", true, &child, &fault), "'vision_config'");
    hf_json_free(&child);
    assert_fault(hf_json_child(&json, "n", false, &child, &fault), "an object");
    hf_json_free(&child);
    assert_int_equal(hf_json_child(&json, "vision_config", false, &child, &fault), PUM_OK);
    assert_int_equal(hf_json_int_or(&child, "n", 0, 9, 5, &whole, &fault), PUM_OK);
    assert_int_equal(whole, 5);
    hf_json_free(&child);
}

static void test_wrong_files(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "config.json"},
        {"[1]", "object"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":}", "line 1"},
        {"{\"a\":\"\xff\"}", "0xff"},
        {"{} {}", "line 1"},
    };
    (void)state;
    assert_fault(hf_json_load(&json, folder, "config.json", &fault), "No such file");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hf_files_text(folder, "config.json", rows[i].text);
        assert_fault(hf_json_load(&json, folder, "config.json", &fault), rows[i].part);
        assert_null(json.object);
    }
    assert_false(hf_has_file(folder, "model.safetensors"));
    assert_true(hf_has_file(folder, "config.json"));
    assert_false(hf_has_file(folder, "."));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, end_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_fields),
        WITH_FOLDER(test_wrong_fields),
        WITH_FOLDER(test_children),
        WITH_FOLDER(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
