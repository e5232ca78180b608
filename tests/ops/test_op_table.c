/* SPDX-License-Identifier: MIT
 *
 * test_op_table.c - the operator table as a whole: names, counts, the public view of it; every
 * operator's cases parse, infer and run; what rules refuse, and how the errors read.
 */
#include "ops/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static pum_context *context;

static int open_context(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    return 0;
}

static void names_are_found(void **state)
{
    (void)state;
    assert_int_equal(op_find("Relu"), OP_RELU);
    assert_int_equal(op_find("LayerNormalization"), OP_LAYERNORMALIZATION);
    assert_int_equal(op_find("LRN"), OP_LRN);
    assert_int_equal(op_find("relu"), -1);
    assert_int_equal(op_find(""), -1);
    for (int32_t i = 0; i < OP_COUNT; i++)
        assert_int_equal(op_find(op_rows[i].name), i);
}

static void rows_are_whole(void **state)
{
    (void)state;
    for (int32_t i = 0; i < OP_COUNT; i++) {
        const struct op_row *row = &op_rows[i];
        assert_true(row->infer && row->reference && row->lowering);
        assert_true(row->min_inputs >= 0 && row->min_outputs >= 1);
        assert_true(row->max_inputs == -1 || row->max_inputs >= row->min_inputs);
        assert_true(row->max_outputs == -1 || row->max_outputs >= row->min_outputs);
        assert_true(row->doc[0] != '\0');
        assert_true(!row->lowering->chain || row->lowering->function);
    }
}

static void public_view(void **state)
{
    (void)state;
    pum_op_info info;
    assert_int_equal(pum_op_count(), OP_COUNT);
    assert_int_equal(pum_op_get_info(OP_CLIP, &info), PUM_OK);
    assert_string_equal(info.name, "Clip");
    assert_int_equal(info.max_inputs, 3);
    assert_true(info.on_device);
    assert_int_equal(pum_op_get_info(OP_COUNT, &info), PUM_E_ARGUMENT);
    assert_null(info.name);
    assert_int_equal(pum_op_get_info(-1, &info), PUM_E_ARGUMENT);
    assert_int_equal(pum_op_get_info(0, NULL), PUM_E_ARGUMENT);
}

static void every_row_has_cases(void **state)
{
    (void)state;
    for (int32_t i = 0; i < OP_COUNT; i++) {
        int32_t count = 0;
        for (int32_t k = 0; k < op_case_count; k++)
            count += op_cases[k].op == (enum op_kind)i;
        if (count == 0 && !op_rows[i].lowering->program) /* those: tests/exec/test_program.c */
            fail_msg("%s has no case", op_rows[i].name);
    }
}

/* Parses, infers and runs one case; names it when that fails. */
static void run_case(const struct op_case *test)
{
    struct op_case_data data;
    if (op_case_parse(context, test, 1, &data) != PUM_OK)
        fail_msg("%s", pum_last_error());
    struct host_tensor inputs[64] = {0}, outputs[16] = {0};
    assert_true(data.input_count <= 64 && data.output_count <= 16);
    for (int32_t i = 0; i < data.input_count; i++)
        inputs[i] = data.inputs[i].tensor;
    struct graph_node node = {
        .op = test->op, .name = "case", .attrs = data.attrs, .attr_count = data.attr_count};
    struct op_call call = {.context = context,
                           .node = &node,
                           .input_count = data.input_count,
                           .inputs = inputs,
                           .output_count = data.output_count,
                           .outputs = outputs,
                           .strings = &data.arena};
    if (op_infer(&call) != PUM_OK)
        fail_msg("%s:%d: %s", test->file, test->line, pum_last_error());
    for (int32_t i = 0; i < data.output_count; i++) {
        struct tensor_desc desc = outputs[i].desc;
        assert_int_equal(host_tensor_alloc(context, &desc, &outputs[i]), PUM_OK);
    }
    if (op_reference(&call) != PUM_OK)
        fail_msg("%s:%d: %s", test->file, test->line, pum_last_error());
    for (int32_t i = 0; i < data.output_count; i++)
        host_tensor_free(context, &outputs[i]);
    op_case_free(&data);
}

static void all_cases_run(void **state)
{
    (void)state;
    for (int32_t i = 0; i < op_case_count; i++)
        run_case(&op_cases[i]);
}

/* --- What rules refuse ------------------------------------------------------------------------ */

struct refusal {
    enum op_kind op;
    const char *inputs, *attrs;
    pum_status status;
    const char *message; /* a part of it */
};

static const struct refusal refusals[] = {
    {OP_RELU, "f32[2] f32[2]", "", PUM_E_ARGUMENT, "Relu node 'n1': 2 inputs, takes 1"},
    {OP_RELU, "", "", PUM_E_ARGUMENT, "Relu node 'n1': 0 inputs, takes 1"},
    {OP_CLIP, "f32[2] - - f32[]", "", PUM_E_ARGUMENT, "4 inputs, takes 1 to 3"},
    {OP_RELU, "f32[2]", "outputs=2", PUM_E_ARGUMENT, "2 outputs, takes 1"},
    {OP_ADD, "- f32[2]", "", PUM_E_ARGUMENT, "input 0 is required"},
    {OP_SUM, "f32[2] -", "", PUM_E_ARGUMENT, "input 1 is required"},
    {OP_SUM, "", "", PUM_E_ARGUMENT, "0 inputs, takes at least 1"},
    {OP_RELU, "bool[2]", "", PUM_E_TYPE, "input 0 (bool): expected a float or integer type"},
    {OP_RELU, "u8[2]", "", PUM_E_TYPE, "expected a float or signed integer type"},
    {OP_EXP, "i32[2]", "", PUM_E_TYPE, "input 0 (int32): expected a float type"},
    {OP_NOT, "f32[2]", "", PUM_E_TYPE, "expected bool"},
    {OP_ADD, "f32[2] i32[2]", "", PUM_E_TYPE, "inputs 0 (float32) and 1 (int32)"},
    {OP_ADD, "f32[2] f32[3]", "", PUM_E_SHAPE, "[2] and [3] (input 1) do not broadcast"},
    {OP_ADD, "bool[2] bool[2]", "", PUM_E_TYPE, "expected a float or integer type"},
    {OP_AND, "i32[2] i32[2]", "", PUM_E_TYPE, "expected bool"},
    {OP_POW, "f32[2] bool[2]", "", PUM_E_TYPE, "input 1 (bool)"},
    {OP_POW, "f32[2] f32[3]", "", PUM_E_SHAPE, "do not broadcast"},
    {OP_PRELU, "f32[2] f32[3,2]", "", PUM_E_SHAPE, "slope"},
    {OP_CLIP, "f32[2] f32[2]", "", PUM_E_SHAPE, "input 1 (min) must be a scalar"},
    {OP_CLIP, "f32[2] i32[]", "", PUM_E_TYPE, "not of the same type"},
    {OP_WHERE, "f32[2] f32[2] f32[2]", "", PUM_E_TYPE, "expected bool"},
    {OP_WHERE, "bool[2] f32[2] i32[2]", "", PUM_E_TYPE, "inputs 1 (float32) and 2 (int32)"},
    {OP_WHERE, "bool[2] f32[3] f32[3]", "", PUM_E_SHAPE, "[2] (condition), [3] and [3]"},
    {OP_CAST, "f32[2]", "", PUM_E_UNSUPPORTED, "to=0"},
    {OP_CELU, "f32[2]", "alpha=0.0", PUM_E_ARGUMENT, "alpha"},
    {OP_GELU, "f32[2]", "approximate=maybe", PUM_E_ARGUMENT, "'maybe'"},
};

static void rules_refuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < PUM_COUNT_OF(refusals); i++) {
        const struct refusal *refusal = &refusals[i];
        const struct op_case test = {refusal->op, refusal->inputs, refusal->attrs, "here", 1};
        struct op_case_data data;
        struct host_tensor inputs[8] = {0}, outputs[4] = {0};
        assert_int_equal(op_case_parse(context, &test, 1, &data), PUM_OK);
        for (int32_t k = 0; k < data.input_count; k++)
            inputs[k] = data.inputs[k].tensor;
        struct graph_node node = {
            .op = test.op, .name = "n1", .attrs = data.attrs, .attr_count = data.attr_count};
        struct op_call call = {.context = context,
                               .node = &node,
                               .input_count = data.input_count,
                               .inputs = inputs,
                               .output_count = data.output_count,
                               .outputs = outputs};
        pum_status status = op_infer(&call);
        if (status != refusal->status || !strstr(pum_last_error(), refusal->message))
            fail_msg("%s(%s): %s: \"%s\", expected \"%s\"", op_rows[test.op].name, test.inputs,
                     pum_status_name(status), pum_last_error(), refusal->message);
        op_case_free(&data);
    }
}

static void unknown_operators_are_refused(void **state)
{
    (void)state;
    struct graph_node node = {.op = -1, .name = NULL};
    struct op_call call = {.context = context, .node = &node};
    assert_int_equal(op_infer(&call), PUM_E_UNSUPPORTED);
    node.op = OP_COUNT;
    assert_int_equal(op_reference(&call), PUM_E_UNSUPPORTED);
}

/* A result whose size cannot be counted is refused, whatever the operator's rule thinks of it. */
static void huge_results_are_refused(void **state)
{
    (void)state;
    struct host_tensor inputs[2] = {
        {.desc = {PUM_DTYPE_F32, {.rank = 2, .dims = {INT64_C(1) << 40, 1}}}},
        {.desc = {PUM_DTYPE_F32, {.rank = 2, .dims = {1, INT64_C(1) << 40}}}},
    };
    struct host_tensor output = {0};
    struct graph_node node = {.op = OP_ADD, .name = "big"};
    struct op_call call = {.context = context,
                           .node = &node,
                           .input_count = 2,
                           .inputs = inputs,
                           .output_count = 1,
                           .outputs = &output};
    assert_int_equal(op_infer(&call), PUM_E_SHAPE);
    assert_non_null(strstr(pum_last_error(), "Add node 'big': output 0 would be too large"));
}

/* --- op_input_ints ---------------------------------------------------------------------------- */

static void integers_of_inputs(void **state)
{
    (void)state;
    int64_t list[3] = {4, -5, 6}, values[3];
    int32_t count, one = 7;
    struct host_tensor inputs[3] = {
        {.desc = {PUM_DTYPE_I64, {.rank = 1, .dims = {3}}}, .data = list},
        {.desc = {PUM_DTYPE_I32, {.rank = 0}}, .data = &one},
        {.desc = {PUM_DTYPE_F32, {.rank = 1, .dims = {3}}}},
    };
    struct graph_node node = {.op = OP_ADD};
    struct op_call call = {
        .context = context, .node = &node, .input_count = 3, .inputs = inputs, .output_count = 1};
    assert_int_equal(op_input_ints(&call, 0, values, 3, &count), PUM_OK);
    assert_int_equal(count, 3);
    assert_int_equal(values[1], -5);
    assert_int_equal(op_input_ints(&call, 1, values, 3, &count), PUM_OK);
    assert_int_equal(count, 1);
    assert_int_equal(values[0], 7);
    assert_int_equal(op_input_ints(&call, 0, values, 2, &count), PUM_E_SHAPE);
    assert_int_equal(op_input_ints(&call, 2, values, 3, &count), PUM_E_TYPE);
    assert_int_equal(op_input_ints(&call, 3, values, 3, &count), PUM_E_ARGUMENT);
    inputs[0].data = NULL;
    assert_int_equal(op_input_ints(&call, 0, values, 3, &count), OP_NEEDS_DATA);
    assert_int_equal(call.needs, 0);
    assert_non_null(strstr(pum_last_error(), "value of input 0"));
    inputs[0].desc.shape = (struct shape){.rank = 2, .dims = {3, 1}};
    assert_int_equal(op_input_ints(&call, 0, values, 3, &count), PUM_E_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(public_view),
        cmocka_unit_test(every_row_has_cases),
        cmocka_unit_test(all_cases_run),
        cmocka_unit_test(rules_refuse),
        cmocka_unit_test(unknown_operators_are_refused),
        cmocka_unit_test(huge_results_are_refused),
        cmocka_unit_test(integers_of_inputs),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
