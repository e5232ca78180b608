/* SPDX-License-Identifier: MIT
 *
 * test_elementwise_lower.c - the dispatch records of elementwise operators (which row, table, grid,
 * bindings, parts, in-place wishes) and the helpers of lower.c, against a sink that only writes
 * down. The kernel rows are the real table's; the devices are made up.
 */
#include "ops/elementwise.h"
#include "push_elementwise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct base_caps gpu = {.bits = BASE_CAP_BIT(F16_STORAGE) | BASE_CAP_BIT(SHARED_FAST),
                                     .max_invocations = 1024,
                                     .max_workgroup_size = {1024, 1024, 64},
                                     .max_workgroup_count = {65535, 65535, 65535},
                                     .max_storage_buffers = 16,
                                     .max_push_bytes = 128,
                                     .max_storage_range = 1u << 30,
                                     .storage_alignment = 64};

#define MAX_RECORDS 8
struct recorder {
    struct lower_sink sink;
    int32_t count, alias_of, in_place_of;
    struct lower_dispatch records[MAX_RECORDS];
};

static pum_status record(struct lower_sink *sink, const struct lower_dispatch *dispatch)
{
    struct recorder *recorder = (struct recorder *)sink;
    assert_true(recorder->count < MAX_RECORDS);
    recorder->records[recorder->count++] = *dispatch;
    return PUM_OK;
}

static pum_status record_alias(struct lower_sink *sink, int32_t output, int32_t input,
                               uint64_t offset)
{
    assert_true(output == 100 && offset == 0);
    ((struct recorder *)sink)->alias_of = input;
    return PUM_OK;
}

static void record_in_place(struct lower_sink *sink, int32_t output, int32_t input)
{
    assert_true(output == 100 && input != 100);
    ((struct recorder *)sink)->in_place_of = input;
}

static struct lower_value value(enum pum_dtype dtype, struct shape shape, int32_t number)
{
    enum kernel_store store = dtype == PUM_DTYPE_F16 ? STORE_F16
                              : dtype_is_float(dtype) ? STORE_F32
                                                      : STORE_I32;
    return (struct lower_value){.desc = {dtype, shape}, .store = store, .value = number};
}

#define SHAPE(...)                                                                                 \
    (struct shape){(int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}}
#define F32(number, ...) value(PUM_DTYPE_F32, SHAPE(__VA_ARGS__), number)

/* Lowers one node; the output is value 100. */
static pum_status lower(struct recorder *recorder, const struct base_caps *caps, int32_t op,
                        const struct lower_value *inputs, int32_t count,
                        const struct lower_value *output, const struct op_chain *chain,
                        const struct lower_value *chain_inputs)
{
    struct graph_node node = {.op = op, .name = "node"};
    struct lower_call call = {.caps = caps,
                              .node = &node,
                              .input_count = count,
                              .inputs = inputs,
                              .output_count = 1,
                              .outputs = output,
                              .chain = chain,
                              .chain_inputs = chain_inputs,
                              .sink = &recorder->sink};
    *recorder = (struct recorder){.sink = {.emit = record,
                                           .alias = record_alias,
                                           .in_place = record_in_place},
                                  .alias_of = -1,
                                  .in_place_of = -1};
    return op_rows[op].lowering->function(&call);
}

static struct push_broadcast table_of(const struct lower_dispatch *dispatch)
{
    struct push_broadcast push;
    memcpy(&push, dispatch->push, sizeof(push));
    return push;
}

static uint32_t axes_of(const struct lower_dispatch *dispatch)
{
    return kernel_get_spec(dispatch->row, dispatch->specs, "AXES");
}

/* What broadcast.glsl computes, in C. */
static void positions(const struct push_broadcast *push, uint32_t axes, bool fast, uint32_t unit,
                      uint32_t at[3])
{
    uint32_t stride[3] = {1, 1, 1}, rest = unit;
    at[0] = at[1] = at[2] = 0;
    for (uint32_t axis = 0; axis < axes; axis++) {
        uint32_t position = rest, dim = axis + 1 < axes ? push->table[axis] : 1;
        if (axis + 1 < axes) {
            uint32_t high = 0;
            if (fast)
                high = (uint32_t)((uint64_t)rest * push->table[5 + axis] >> 32);
            rest = fast ? (high + rest) >> (push->table[10] >> (6 * axis) & 63) : rest / dim;
            position -= rest * dim;
        }
        for (uint32_t k = 0; k < 3; k++)
            if (push->masks >> (8 * k + axis) & 1) {
                at[k] += stride[k] * position;
                stride[k] *= dim;
            }
    }
}

/* Every element's operands, by the table and by counting. */
static void check_positions(const struct lower_dispatch *dispatch, const struct shape *out,
                            const struct lower_value *inputs, int32_t count)
{
    struct push_broadcast push = table_of(dispatch);
    uint32_t unit = elementwise_unit(dispatch->row);
    bool fast = strstr(dispatch->row->name, "_any_") == NULL;
    int64_t elements = shape_elements(out);
    assert_int_equal(push.count * unit, elements);
    for (int64_t e = 0; e < elements; e += unit) {
        uint32_t at[3];
        positions(&push, axes_of(dispatch), fast, (uint32_t)(e / unit), at);
        for (int32_t k = 0; k < count; k++) {
            const struct shape *shape = &inputs[k].desc.shape;
            int64_t rest = e, wanted = 0, stride = 1;
            for (int32_t axis = out->rank - 1; axis >= 0; axis--) {
                int32_t from = axis - (out->rank - shape->rank);
                int64_t dim = from < 0 ? 1 : shape->dims[from];
                wanted += dim == 1 ? 0 : rest % out->dims[axis] * stride;
                stride *= dim;
                rest /= out->dims[axis];
            }
            bool in_units = push.masks >> (8 * k) & 1;
            assert_int_equal((int64_t)at[k] * (in_units ? unit : 1), wanted);
        }
    }
}

static void tables_index_operands(void **state)
{
    (void)state;
    static const struct {
        struct shape out, a, b;
        const char *row;
        uint32_t axes;
    } cases[] = {
        {{2, {4, 64}}, {2, {4, 64}}, {2, {4, 64}}, "broadcast_x4_f32", 1},
        {{2, {4, 65}}, {2, {4, 65}}, {1, {65}}, "broadcast_x4_f32", 2},
        {{2, {4, 64}}, {2, {4, 64}}, {1, {64}}, "broadcast_x4_f32", 2},
        {{4, {2, 3, 8, 8}}, {4, {2, 3, 8, 8}}, {3, {3, 1, 1}}, "broadcast_x4_f32", 3},
        {{4, {2, 3, 7, 5}}, {4, {2, 3, 7, 5}}, {3, {3, 1, 1}}, "broadcast_f32", 3},
        {{4, {2, 3, 7, 5}}, {4, {2, 1, 7, 1}}, {3, {3, 1, 5}}, "broadcast_f32", 4},
        {{6, {2, 3, 2, 3, 2, 3}}, {6, {2, 1, 2, 1, 2, 1}}, {6, {1, 3, 1, 3, 1, 3}},
         "broadcast_f32", 6},
        {{8, {2, 3, 2, 3, 2, 3, 2, 3}}, {8, {2, 1, 2, 1, 2, 1, 2, 1}},
         {8, {1, 3, 1, 3, 1, 3, 1, 3}}, "broadcast_any_f32", 8},
        {{3, {1, 1, 1}}, {3, {1, 1, 1}}, {0, {0}}, "broadcast_f32", 1},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(cases); i++) {
        const struct lower_value inputs[] = {value(PUM_DTYPE_F32, cases[i].a, 1),
                                             value(PUM_DTYPE_F32, cases[i].b, 2)};
        const struct lower_value out = value(PUM_DTYPE_F32, cases[i].out, 100);
        struct recorder recorder;
        assert_int_equal(lower(&recorder, &gpu, OP_ADD, inputs, 2, &out, NULL, NULL), PUM_OK);
        assert_int_equal(recorder.count, 1);
        bool ragged = out.desc.shape.dims[out.desc.shape.rank - 1] % 4 != 0;
        if (i == 1) /* a row of 65 cannot be read by fours */
            assert_true(ragged && elementwise_unit(recorder.records[0].row) == 1);
        else
            assert_string_equal(recorder.records[0].row->name, cases[i].row);
        assert_int_equal(axes_of(&recorder.records[0]), cases[i].axes);
        check_positions(&recorder.records[0], &out.desc.shape, inputs, 2);
    }
}

static void division_by_multiplication(void **state)
{
    (void)state;
    static const uint32_t dims[] = {1, 2, 3, 5, 7, 64, 100, 641, 65535, 65537, 1000003};
    for (size_t i = 0; i < PUM_COUNT_OF(dims); i++) {
        uint32_t d = dims[i];
        const struct lower_value inputs[] = {F32(1, 2, d), F32(2, 2, 1)};
        const struct lower_value out = F32(100, 2, d);
        struct recorder recorder;
        if (d == 1 || d % 4 == 0)
            continue; /* other rows, same arithmetic */
        assert_int_equal(lower(&recorder, &gpu, OP_ADD, inputs, 2, &out, NULL, NULL), PUM_OK);
        struct push_broadcast push = table_of(&recorder.records[0]);
        assert_int_equal(push.table[0], d);
        static const uint32_t numbers[] = {0, 1, 99, 12345, 999999937, 0x7fffffff, 0x7ffffffe};
        for (size_t n = 0; n < PUM_COUNT_OF(numbers); n++)
            for (uint32_t near = 0; near < 3; near++) {
                uint32_t v = numbers[n] / d * d + (near == 2 ? d - 1 : near);
                uint32_t high = (uint32_t)((uint64_t)v * push.table[5] >> 32);
                if (v <= 0x7fffffff)
                    assert_int_equal((high + v) >> (push.table[10] & 63), v / d);
            }
    }
}

static void constants_become_parameters(void **state)
{
    (void)state;
    float half = 0.5f;
    struct lower_value inputs[] = {F32(1, 5), F32(2, 1)};
    const struct lower_value out = F32(100, 5);
    struct recorder recorder;
    struct push_map push;
    inputs[1].data = &half;
    assert_int_equal(lower(&recorder, &gpu, OP_SUB, inputs, 2, &out, NULL, NULL), PUM_OK);
    const struct lower_dispatch *d = &recorder.records[0];
    assert_string_equal(d->row->name, "map_f32");
    assert_int_equal(kernel_get_spec(d->row, d->specs, "PRE"), CHAIN_SUB);
    memcpy(&push, d->push, sizeof(push));
    assert_true(push.a == 0.5f && push.count == 5);
    assert_int_equal(recorder.in_place_of, 1);
    struct lower_value reversed[] = {inputs[1], inputs[0]};
    assert_int_equal(lower(&recorder, &gpu, OP_SUB, reversed, 2, &out, NULL, NULL), PUM_OK);
    d = &recorder.records[0];
    assert_int_equal(kernel_get_spec(d->row, d->specs, "PRE"), CHAIN_RSUB);
    assert_int_equal(d->bindings[0].value, 1);
}

static void chains_follow(void **state)
{
    (void)state;
    const struct op_chain chain = {.step_count = 2,
                                   .steps = {{.op = CHAIN_ADD, .operand = 1},
                                             {.op = CHAIN_LEAKY_RELU, .a = 0.25f}},
                                   .operand_count = 1};
    const struct lower_value input = F32(1, 2, 3, 4), out = F32(100, 2, 3, 4);
    const struct lower_value operand = F32(7, 3, 1);
    struct recorder recorder;
    struct push_chain push;
    assert_int_equal(lower(&recorder, &gpu, OP_TANH, &input, 1, &out, &chain, &operand), PUM_OK);
    const struct lower_dispatch *d = &recorder.records[0];
    assert_string_equal(d->row->name, "map_x4_f32");
    memcpy(&push, d->push + sizeof(struct push_map), sizeof(push));
    assert_true(push.params[2] == 0.25f && push.operand_div[0] == 4 && push.operand_mod[0] == 3);
    assert_int_equal(d->bindings[2].value, 7);
    assert_int_equal(d->bindings[3].value, -1);
    for (uint32_t i = 0; i < d->row->spec_count; i++) {
        uint32_t id = d->row->specs[i].id, wanted = 0;
        if (id == CHAIN_SPEC_FIRST)
            wanted = CHAIN_CODE(CHAIN_ADD, 1, CHAIN_DIVMOD);
        else if (id == CHAIN_SPEC_FIRST + 1)
            wanted = CHAIN_CODE(CHAIN_LEAKY_RELU, 0, 0);
        if (id >= CHAIN_SPEC_FIRST)
            assert_int_equal(d->specs[i], wanted);
    }
}

static void long_steps_have_rows(void **state)
{
    (void)state;
    struct recorder recorder;
    const struct lower_value inputs[] = {F32(1, 8), F32(2, 8)}, out = F32(100, 8);
    assert_int_equal(lower(&recorder, &gpu, OP_SIN, inputs, 1, &out, NULL, NULL), PUM_OK);
    assert_string_equal(recorder.records[0].row->name, "map_any_f32");
    assert_int_equal(lower(&recorder, &gpu, OP_POW, inputs, 2, &out, NULL, NULL), PUM_OK);
    assert_string_equal(recorder.records[0].row->name, "broadcast_any_f32");
    assert_int_equal(lower(&recorder, &gpu, OP_TANH, inputs, 1, &out, NULL, NULL), PUM_OK);
    assert_string_equal(recorder.records[0].row->name, "map_x4_f32");
}

static void rows_and_columns_are_supplied(void **state)
{
    (void)state;
    const struct op_chain chain = {
        .step_count = 1, .steps = {{.op = CHAIN_ADD, .operand = 1}}, .operand_count = 1};
    const struct lower_value input = F32(1, 2, 3, 4), out = F32(100, 2, 3, 4);
    const struct lower_value row = F32(7, 3, 1), column = F32(7, 4);
    struct graph_node node = {.op = OP_RELU};
    struct lower_call call = {.caps = &gpu,
                              .node = &node,
                              .inputs = &input,
                              .input_count = 1,
                              .outputs = &out,
                              .output_count = 1,
                              .chain = &chain,
                              .chain_inputs = &row};
    const struct kernel_number numbers[] = {{"count", 24}, {"long", 0}};
    const struct push_map push = {0};
    struct lower_dispatch d;
    for (int pass = 0; pass < 2; pass++) {
        call.chain_inputs = pass == 0 ? &row : &column;
        assert_int_equal(lower_begin(&call, "map", STORE_F32, numbers, 2, &d), PUM_OK);
        lower_push(&d, &push, sizeof(push));
        assert_int_equal(lower_chain(&call, &d, &out.desc.shape, 1, 2), PUM_OK);
        uint32_t mode = pass == 0 ? CHAIN_ROW : CHAIN_COL;
        for (uint32_t i = 0; i < d.row->spec_count; i++)
            if (d.row->specs[i].id == CHAIN_SPEC_FIRST)
                assert_int_equal(d.specs[i], CHAIN_CODE(CHAIN_ADD, 1, mode));
    }
}

static void many_inputs_share_dispatches(void **state)
{
    (void)state;
    const struct lower_value out = F32(100, 4, 5);
    const struct lower_value inputs[] = {F32(1, 4, 5), F32(2, 5), F32(3, 4, 1), F32(4, 1),
                                         F32(5, 4, 5)};
    struct recorder recorder;
    assert_int_equal(lower(&recorder, &gpu, OP_SUM, inputs, 4, &out, NULL, NULL), PUM_OK);
    assert_int_equal(recorder.count, 1);
    assert_int_equal(recorder.records[0].bindings[3].value, 3);
    assert_int_equal(recorder.records[0].bindings[4].value, 4);
    assert_int_equal(lower(&recorder, &gpu, OP_MEAN, inputs, 5, &out, NULL, NULL), PUM_OK);
    assert_int_equal(recorder.count, 2);
    assert_int_equal(recorder.records[1].bindings[0].value, 100);
    assert_int_equal(recorder.records[1].bindings[1].value, 5);
    assert_int_equal(recorder.in_place_of, -1); /* inputs are read after the first write */
    struct push_chain push;
    memcpy(&push, recorder.records[1].push + sizeof(struct push_broadcast), sizeof(push));
    assert_float_equal(push.params[0], 0.2, 1e-7);
}

static void large_values_are_cut(void **state)
{
    (void)state;
    struct base_caps caps = gpu;
    struct recorder recorder;
    struct push_map push;
    caps.max_storage_range = 1000; /* 240 elements: a multiple of the alignment */
    const struct lower_value input = F32(1, 601), out = F32(100, 601), bias = F32(7, 601);
    const struct op_chain chain = {
        .step_count = 1, .steps = {{.op = CHAIN_ADD, .operand = 1}}, .operand_count = 1};
    assert_int_equal(lower(&recorder, &caps, OP_EXP, &input, 1, &out, &chain, &bias), PUM_OK);
    assert_int_equal(recorder.count, 3);
    uint64_t covered = 0;
    for (int32_t i = 0; i < 3; i++) {
        const struct lower_dispatch *d = &recorder.records[i];
        for (int b = 0; b < 3; b++) {
            assert_int_equal(d->bindings[b].offset, covered);
            assert_true(d->bindings[b].bytes <= 1000);
        }
        memcpy(&push, d->push, sizeof(push));
        assert_int_equal(push.count * elementwise_unit(d->row) * 4, d->bindings[0].bytes);
        covered += d->bindings[0].bytes;
    }
    assert_int_equal(covered, 601 * 4);
    const struct lower_value both[] = {input, input};
    assert_int_equal(lower(&recorder, &caps, OP_ADD, both, 2, &out, NULL, NULL),
                     PUM_E_UNSUPPORTED);
    const struct lower_value vector = F32(7, 601), matrix = F32(1, 2, 601), big = F32(100, 2, 601);
    assert_int_equal(lower(&recorder, &caps, OP_EXP, &matrix, 1, &big, &chain, &vector),
                     PUM_E_UNSUPPORTED);
}

static void types_without_kernels(void **state)
{
    (void)state;
    struct recorder recorder;
    const struct lower_value longs[] = {value(PUM_DTYPE_I64, SHAPE(5), 1),
                                        value(PUM_DTYPE_I64, SHAPE(5), 2)};
    struct lower_value out = value(PUM_DTYPE_I64, SHAPE(5), 100);
    assert_int_equal(lower(&recorder, &gpu, OP_ADD, longs, 2, &out, NULL, NULL),
                     PUM_E_UNSUPPORTED);
    assert_int_equal(lower(&recorder, &gpu, OP_MAX, longs, 2, &out, NULL, NULL), PUM_OK);
    assert_int_equal(lower(&recorder, &gpu, OP_NEG, longs, 1, &out, NULL, NULL),
                     PUM_E_UNSUPPORTED);
    assert_int_equal(lower(&recorder, &gpu, OP_RELU, longs, 1, &out, NULL, NULL), PUM_OK);
    const struct lower_value single = F32(1, 5);
    assert_int_equal(lower(&recorder, &gpu, OP_CAST, &single, 1, &out, NULL, NULL),
                     PUM_E_UNSUPPORTED);
    out = value(PUM_DTYPE_I8, SHAPE(5), 100);
    assert_int_equal(lower(&recorder, &gpu, OP_CAST, &single, 1, &out, NULL, NULL), PUM_OK);
    struct push_cast push;
    memcpy(&push, recorder.records[0].push, sizeof(push));
    assert_true(push.mode == CAST_CLAMP && push.low == -128 && push.high == 127);
    const struct lower_value bytes = value(PUM_DTYPE_U8, SHAPE(5), 1);
    assert_int_equal(lower(&recorder, &gpu, OP_CAST, &bytes, 1, &out, NULL, NULL), PUM_OK);
    memcpy(&push, recorder.records[0].push, sizeof(push));
    assert_true(push.mode == CAST_WRAP && push.low == 24 && push.high == 1);
    assert_int_equal(lower(&recorder, &gpu, OP_IDENTITY, &bytes, 1, &out, NULL, NULL), PUM_OK);
    assert_true(recorder.count == 0 && recorder.alias_of == 1);
}

static void nothing_to_do(void **state)
{
    (void)state;
    struct recorder recorder;
    const struct lower_value inputs[] = {F32(1, 0, 5), F32(2, 5)}, out = F32(100, 0, 5);
    assert_int_equal(lower(&recorder, &gpu, OP_ADD, inputs, 2, &out, NULL, NULL), PUM_OK);
    assert_int_equal(lower(&recorder, &gpu, OP_EXP, inputs, 1, &out, NULL, NULL), PUM_OK);
    assert_int_equal(recorder.count, 0);
}

static void grids_cover(void **state)
{
    (void)state;
    struct base_caps caps = gpu;
    static const uint64_t counts[] = {0, 1, 7, 65535, 65536, 65537, 10000019,
                                      UINT64_C(65535) * 65535, UINT64_C(65535) * 65535 + 1};
    for (size_t i = 0; i < PUM_COUNT_OF(counts); i++) {
        uint32_t groups[3];
        lower_grid(&caps, counts[i], groups);
        uint64_t all = (uint64_t)groups[0] * groups[1] * groups[2];
        assert_true(all >= counts[i] && all <= counts[i] + counts[i] / 1000 + 200000);
        for (int axis = 0; axis < 3; axis++)
            assert_true(groups[axis] <= 65535);
    }
    assert_int_equal(store_bytes(STORE_F16), 2);
    const struct lower_value half = value(PUM_DTYPE_F16, SHAPE(3), 1);
    assert_int_equal(lower_bytes(&half), 8); /* whole words */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_index_operands),
        cmocka_unit_test(division_by_multiplication),
        cmocka_unit_test(constants_become_parameters),
        cmocka_unit_test(chains_follow),
        cmocka_unit_test(long_steps_have_rows),
        cmocka_unit_test(rows_and_columns_are_supplied),
        cmocka_unit_test(many_inputs_share_dispatches),
        cmocka_unit_test(large_values_are_cut),
        cmocka_unit_test(types_without_kernels),
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(grids_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
