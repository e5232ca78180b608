/* SPDX-License-Identifier: MIT
 *
 * test_random.c - random operators: the generator gives the answers that are published with it;
 * values have the distribution asked for, depend on the seed, and can be repeated.
 */
#include "op_text.h"
#include "ops/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#define COUNT 40000

/* The known answers of Random123's distribution, kat_vectors, philox4x32 with 10 rounds. */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < PUM_COUNT_OF(rows); i++) {
        uint32_t got[4];
        philox_block(rows[i].counter, rows[i].key, got);
        for (int k = 0; k < 4; k++)
            assert_int_equal(got[k], rows[i].expected[k]);
    }
}

static struct host_tensor run(enum op_kind op, struct host_tensor *input, const pum_attr *attrs,
                              int32_t attr_count, uint64_t random)
{
    struct graph_node node = {.op = op, .name = "n", .attrs = attrs, .attr_count = attr_count};
    struct host_tensor out = {0};
    struct op_call call = {.context = op_text_context,
                           .node = &node,
                           .input_count = input != NULL,
                           .inputs = input,
                           .output_count = 1,
                           .outputs = &out,
                           .random = random};
    assert_int_equal(op_infer(&call), PUM_OK);
    struct tensor_desc desc = out.desc;
    assert_int_equal(host_tensor_alloc(op_text_context, &desc, &out), PUM_OK);
    assert_int_equal(op_reference(&call), PUM_OK);
    return out;
}

static void moments(const struct host_tensor *tensor, double *mean, double *variance)
{
    *mean = *variance = 0;
    for (int64_t i = 0; i < COUNT; i++)
        *mean += tensor_get_f64(tensor, i) / COUNT;
    for (int64_t i = 0; i < COUNT; i++)
        *variance += pow(tensor_get_f64(tensor, i) - *mean, 2) / COUNT;
}

static const int64_t dims[1] = {COUNT};
static const pum_attr shape_attr = {
    .name = "shape", .kind = PUM_ATTR_INTS, .ints = dims, .count = 1};

static void distributions(void **state)
{
    (void)state;
    pum_attr attrs[3] = {shape_attr,
                         {.name = "mean", .kind = PUM_ATTR_FLOAT, .f = 3},
                         {.name = "scale", .kind = PUM_ATTR_FLOAT, .f = 2}};
    double mean, variance;
    struct host_tensor out = run(OP_RANDOMNORMAL, NULL, attrs, 3, 7);
    moments(&out, &mean, &variance);
    assert_true(fabs(mean - 3) < 0.05 && fabs(variance - 4) < 0.15);
    host_tensor_free(op_text_context, &out);
    attrs[1] = (pum_attr){.name = "low", .kind = PUM_ATTR_FLOAT, .f = -1};
    attrs[2] = (pum_attr){.name = "high", .kind = PUM_ATTR_FLOAT, .f = 5};
    out = run(OP_RANDOMUNIFORM, NULL, attrs, 3, 7);
    moments(&out, &mean, &variance);
    assert_true(fabs(mean - 2) < 0.05 && fabs(variance - 3) < 0.1);
    for (int64_t i = 0; i < COUNT; i++)
        assert_true(tensor_get_f64(&out, i) >= -1 && tensor_get_f64(&out, i) < 5);
    /* Used as probabilities: about a fifth of [-1, 5) lies in (0, 1) and counts by half. */
    struct host_tensor coins = run(OP_BERNOULLI, &out, NULL, 0, 8);
    moments(&coins, &mean, &variance);
    assert_true(fabs(mean - (0.5 + 4) / 6) < 0.02);
    host_tensor_free(op_text_context, &coins);
    host_tensor_free(op_text_context, &out);
}

static void classes_by_probability(void **state)
{
    (void)state;
    float logs[4] = {logf(0.1f), logf(0.6f), -INFINITY, logf(0.3f)};
    struct host_tensor input = {{PUM_DTYPE_F32, {2, {1, 4}}}, logs};
    pum_attr attr = {.name = "sample_size", .kind = PUM_ATTR_INT, .i = COUNT};
    struct host_tensor out = run(OP_MULTINOMIAL, &input, &attr, 1, 3);
    double share[4] = {0};
    for (int64_t i = 0; i < COUNT; i++)
        share[tensor_get_i64(&out, i)] += 1.0 / COUNT;
    assert_true(fabs(share[0] - 0.1) < 0.01 && fabs(share[1] - 0.6) < 0.01);
    assert_true(share[2] == 0 && fabs(share[3] - 0.3) < 0.01);
    host_tensor_free(op_text_context, &out);
}

static bool same(uint64_t random_a, uint64_t random_b, const float *seed)
{
    pum_attr attrs[2] = {shape_attr, {.name = "seed", .kind = PUM_ATTR_FLOAT}};
    attrs[1].f = seed ? *seed : 0;
    struct host_tensor a = run(OP_RANDOMNORMAL, NULL, attrs, seed ? 2 : 1, random_a);
    struct host_tensor b = run(OP_RANDOMNORMAL, NULL, attrs, seed ? 2 : 1, random_b);
    bool equal = memcmp(a.data, b.data, COUNT * sizeof(float)) == 0;
    host_tensor_free(op_text_context, &a);
    host_tensor_free(op_text_context, &b);
    return equal;
}

static void seeds_decide(void **state)
{
    (void)state;
    float seed = 0.25f;
    assert_true(same(5, 5, NULL));
    assert_false(same(5, 6, NULL));
    assert_true(same(5, 6, &seed)); /* a node's own seed overrides the run's */
    op_text_fails(OP_RANDOMNORMAL, "", "", PUM_E_ARGUMENT, "shape");
    op_text_fails(OP_RANDOMNORMAL, "", "shape=[2] dtype=7", PUM_E_TYPE, "dtype 7");
    op_text_fails(OP_RANDOMNORMAL, "", "shape=[2,-1]", PUM_E_SHAPE, "");
    op_text_fails(OP_MULTINOMIAL, "f32[4]", "", PUM_E_SHAPE, "rank 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(distributions),
        cmocka_unit_test(classes_by_probability),
        cmocka_unit_test(seeds_decide),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
