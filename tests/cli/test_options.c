/* SPDX-License-Identifier: MIT
 *
 * test_options.c - the option parser, the names of output files, and tables.
 */
#include "cli/cli_options.h"
#include "cli/cli_output.h"
#include "cli/cli_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct parsed {
    bool flag;
    const char *text;
    int64_t number;
    struct option_words list, words;
    struct fault fault;
};

static pum_status parse(struct parsed *p, const char *line)
{
    static char copy[256];
    char *argv[32];
    int argc = 0;
    *p = (struct parsed){.number = 7};
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    const struct option_row rows[] = {
        {"flag", OPTION_FLAG, NULL, "", &p->flag, 0, 0},
        {"text", OPTION_TEXT, "T", "", &p->text, 0, 0},
        {"number", OPTION_NUMBER, "N", "", &p->number, 1, 100},
        {"list", OPTION_LIST, "L", "", &p->list, 0, 0},
    };
    return option_parse(argc, argv, rows, 4, &p->words, &p->fault);
}

static void test_parse(void **state)
{
    (void)state;
    struct parsed p;
    assert_int_equal(parse(&p, "a --flag --text=x=y --number 12 b --list 1 --list=2 -- --c -"),
                     PUM_OK);
    assert_true(p.flag);
    assert_string_equal(p.text, "x=y");
    assert_int_equal(p.number, 12);
    assert_int_equal(p.list.count, 2);
    assert_string_equal(p.list.items[1], "2");
    assert_int_equal(p.words.count, 4);
    assert_string_equal(p.words.items[2], "--c");
    assert_int_equal(parse(&p, ""), PUM_OK);
    assert_int_equal(p.number, 7);

    static const struct {
        const char *line, *says;
    } wrong[] = {
        {"--nummer 3", "did you mean --number?"},
        {"--num 3", "did you mean --number?"},
        {"--unlike 3", "--help"},
        {"--number", "--number N"},
        {"--number 101", "from 1 to 100"},
        {"--number 1x", "1x"},
        {"--number=", "''"},
        {"--number 99999999999999999999", "from 1"},
        {"--flag=1", "takes no value"},
        {"-flag", "two dashes"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse(&p, wrong[i].line), PUM_E_ARGUMENT);
        if (strstr(p.fault.text, wrong[i].says) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", wrong[i].line, p.fault.text, wrong[i].says);
    }
}

static void test_output_names(void **state)
{
    (void)state;
    char longest[400];
    memset(longest, 'n', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    pum_port_info ports[] = {{.name = "a/b"}, {.name = "a:b"}, {.name = "a_b-2"}, {.name = "a_b"},
                             {.name = ""},    {.name = ".."},  {.name = longest}};
    static const char *const want[] = {"a_b.npy",   "a_b-3.npy",  "a_b-2.npy", "a_b-4.npy",
                                       "output.npy", "...npy", NULL};
    struct cli_model model = {.outputs = ports, .output_count = 7};
    for (int32_t i = 0; i < 7; i++) {
        char *name = cli_result_name(&model, &(struct cli_result){i, -1, {0}});
        if (want[i] != NULL)
            assert_string_equal(name, want[i]);
        else
            assert_int_equal(strlen(name), 204);
        free(name);
    }
}

static void test_summary(void **state)
{
    (void)state;
    float values[] = {1, NAN, -3, 5};
    pum_tensor tensor = {.dtype = PUM_DTYPE_F32, .rank = 1, .dims = {4}, .data = values,
                         .size_bytes = sizeof(values)};
    struct cli_summary s = cli_summarise(&tensor);
    assert_true(s.least == -3 && s.greatest == 5 && s.mean == 1 && s.nans == 1 && s.count == 4);
    uint16_t halves[] = {0x3c00, 0xc000, 0x0001, 0x7c00}; /* 1, -2, 2^-24, inf */
    tensor = (pum_tensor){.dtype = PUM_DTYPE_F16, .data = halves, .size_bytes = sizeof(halves)};
    s = cli_summarise(&tensor);
    assert_true(s.least == -2 && isinf(s.greatest));
    tensor.size_bytes = 0;
    s = cli_summarise(&tensor);
    assert_true(isnan(s.mean) && s.count == 0);
}

static void test_table(void **state)
{
    (void)state;
    static const char *const headers[] = {"name", "n"};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    struct cli_table table;
    table_begin(&table, "lr", headers);
    table_cell(&table, "%s", "\u00e9\u00e9\x1b\n");
    table_cell(&table, "%d", 12345);
    assert_true(table_end(&table, stream));
    fclose(stream);
    assert_string_equal(text, "name      n\n"
                              "\u00e9\u00e9??  12345\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_output_names),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
