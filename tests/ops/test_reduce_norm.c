/* SPDX-License-Identifier: MIT
 *
 * test_reduce_norm.c - reductions, softmax and normalisations: small answers known by hand, errors,
 * and what the lowerings emit.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void reductions(void **state)
{
    (void)state;
    op_text_gives(OP_REDUCESUM, "f32[2,3]={1,2,3,4,5,6} i64[1]={1}", "", "f32[2,1]={6,15}");
    op_text_gives(OP_REDUCESUM, "f32[2,3]={1,2,3,4,5,6} i64[1]={-2}", "keepdims=0",
                  "f32[3]={5,7,9}");
    op_text_gives(OP_REDUCESUM, "f32[2,3]={1,2,3,4,5,6}", "keepdims=0", "f32[]={21}");
    op_text_gives(OP_REDUCESUM, "f32[2]={1,2} i64[0]", "noop_with_empty_axes=1", "f32[2]={1,2}");
    op_text_gives(OP_REDUCESUM, "f32[2,0] i64[1]={1}", "", "f32[2,1]={0,0}");
    op_text_gives(OP_REDUCESUM, "f32[2,2,2]={1,2,3,4,5,6,7,8} i64[2]={0,2}", "keepdims=0",
                  "f32[2]={14,22}");
    op_text_gives(OP_REDUCEMEAN, "f32[2,2]={1,2,3,5} i64[1]={1}", "", "f32[2,1]={1.5,4}");
    op_text_gives(OP_REDUCEMEAN, "i32[2]={1,4}", "", "i32[1]={2}");
    op_text_gives(OP_REDUCEMAX, "f32[3]={-3,-1,-2}", "", "f32[1]={-1}");
    op_text_gives(OP_REDUCEMAX, "i64[2]={9007199254740993,9007199254740992}", "",
                  "i64[1]={9007199254740993}");
    op_text_gives(OP_REDUCEMIN, "u8[3]={200,7,9}", "", "u8[1]={7}");
    op_text_gives(OP_REDUCEPROD, "f32[3]={2,3,4}", "", "f32[1]={24}");
    op_text_gives(OP_REDUCEL1, "f32[3]={-2,3,-4}", "", "f32[1]={9}");
    op_text_gives(OP_REDUCEL2, "f32[2]={3,4}", "", "f32[1]={5}");
    op_text_gives(OP_REDUCESUMSQUARE, "f32[2]={3,4}", "", "f32[1]={25}");
    op_text_gives(OP_REDUCELOGSUM, "f32[2]={3,4}", "", "f32[1]={1.9459101}");
    op_text_gives(OP_REDUCELOGSUMEXP, "f32[2]={1000,1000}", "", "f32[1]={1000.6931472}");
    op_text_fails(OP_REDUCESUM, "f32[2] i64[1]={1}", "", PUM_E_SHAPE, "axis 1 of rank 1");
    op_text_fails(OP_REDUCESUM, "f32[2,2] i64[2]={1,-1}", "", PUM_E_SHAPE, "twice");
    op_text_needs_data(OP_REDUCESUM, "f32[2] i64[1]={0}", "", 1);
}

static void ordered(void **state)
{
    (void)state;
    op_text_gives(OP_ARGMAX, "f32[2,3]={1,3,3,9,8,7}", "axis=1", "i64[2,1]={1,0}");
    op_text_gives(OP_ARGMAX, "f32[2,3]={1,3,3,9,8,7}", "axis=1 select_last_index=1 keepdims=0",
                  "i64[2]={2,0}");
    op_text_gives(OP_ARGMIN, "f32[2,2]={1,3,0,3}", "axis=0", "i64[1,2]={1,0}");
    op_text_gives(OP_CUMSUM, "f32[3]={1,2,3} i64[]={0}", "", "f32[3]={1,3,6}");
    op_text_gives(OP_CUMSUM, "f32[3]={1,2,3} i64[]={0}", "exclusive=1 reverse=1",
                  "f32[3]={5,3,0}");
    op_text_gives(OP_TOPK, "f32[4]={1,4,2,4} i64[1]={3}", "outputs=2",
                  "f32[3]={4,4,2} i64[3]={1,3,2}");
    op_text_gives(OP_TOPK, "i64[2,2]={1,4,2,3} i64[1]={1}", "axis=0 largest=0 outputs=2",
                  "i64[1,2]={1,3} i64[1,2]={0,1}");
    op_text_fails(OP_TOPK, "f32[4] i64[1]={5}", "outputs=2", PUM_E_RANGE, "k is 5");
    op_text_fails(OP_TOPK, "f32[4] i64[1]={-1}", "outputs=2", PUM_E_RANGE, "k is -1");
    op_text_fails(OP_ARGMAX, "f32[0]", "", PUM_E_SHAPE, "empty");
    op_text_fails(OP_CUMSUM, "f32[3] i64[]={1}", "", PUM_E_SHAPE, "axis 1");
}

static void softmaxes(void **state)
{
    (void)state;
    op_text_gives(OP_SOFTMAX, "f32[1,3]={-1,0,1}", "",
                  "f32[1,3]={0.09003058,0.24472848,0.66524094}");
    op_text_gives(OP_SOFTMAX, "f32[2,1]={10000,10000}", "axis=0", "f32[2,1]={0.5,0.5}");
    op_text_gives(OP_LOGSOFTMAX, "f32[3]={-1,0,1}", "", "f32[3]={-2.4076059,-1.407606,-0.407606}");
    op_text_gives(OP_HARDMAX, "f32[2,3]={1,3,3,0,0,0}", "", "f32[2,3]={0,1,0,1,0,0}");
    op_text_fails(OP_SOFTMAX, "f32[2]", "axis=1", PUM_E_SHAPE, "axis 1 of rank 1");
    op_text_fails(OP_SOFTMAX, "i32[2]", "", PUM_E_TYPE, "float");
}

static void norms(void **state)
{
    (void)state;
    op_text_gives(OP_LAYERNORMALIZATION, "f32[1,2]={1,3} f32[2]={1,2} f32[2]={0,1}",
                  "epsilon=0.0 outputs=3", "f32[1,2]={-1,3} f32[1,1]={2} f32[1,1]={1}");
    /* A large offset must not spoil the variance. */
    op_text_gives(OP_LAYERNORMALIZATION, "f32[4]={100001,100003,100001,100003} f32[4]={1,1,1,1}",
                  "epsilon=0.0", "f32[4]={-1,1,-1,1}");
    op_text_gives(OP_RMSNORMALIZATION, "f32[2]={3,4} f32[2]={1,2}", "epsilon=0.0",
                  "f32[2]={0.84852814,2.26274170}");
    op_text_gives(OP_BATCHNORMALIZATION,
                  "f32[1,2,1]={3,5} f32[2]={1,2} f32[2]={0,1} f32[2]={1,1} f32[2]={4,4}",
                  "epsilon=0.0", "f32[1,2,1]={1,5}");
    op_text_gives(OP_INSTANCENORMALIZATION, "f32[1,2,2]={1,3,5,9} f32[2]={1,2} f32[2]={0,1}",
                  "epsilon=0.0", "f32[1,2,2]={-1,1,-1,3}");
    op_text_gives(OP_GROUPNORMALIZATION, "f32[1,2,1]={1,3} f32[2]={1,2} f32[2]={0,1}",
                  "num_groups=1 epsilon=0.0", "f32[1,2,1]={-1,3}");
    op_text_gives(OP_LPNORMALIZATION, "f32[2]={3,4}", "", "f32[2]={0.6,0.8}");
    op_text_gives(OP_LPNORMALIZATION, "f32[2]={1,-3}", "p=1", "f32[2]={0.25,-0.75}");
    op_text_gives(OP_LRN, "f32[1,2,1]={1,2}", "size=1 alpha=1.0 beta=1.0 bias=1.0",
                  "f32[1,2,1]={0.5,0.4}");
    op_text_gives(OP_MEANVARIANCENORMALIZATION, "f32[2,1]={1,3}", "axes=[0]", "f32[2,1]={-1,1}");
    op_text_fails(OP_LAYERNORMALIZATION, "f32[2,3] f32[2]", "", PUM_E_SHAPE, "[2]");
    op_text_fails(OP_BATCHNORMALIZATION, "f32[1,3,2] f32[3] f32[3] f32[2] f32[3]", "", PUM_E_SHAPE,
                  "input 3");
    op_text_fails(OP_GROUPNORMALIZATION, "f32[1,3,2] f32[3] f32[3]", "num_groups=2", PUM_E_SHAPE,
                  "2 groups");
    op_text_fails(OP_LRN, "f32[1,3,2]", "", PUM_E_RANGE, "size");
}

static bool uses(const struct op_text_lowered *lowered, int32_t index, const char *row)
{
    return index < lowered->count && strcmp(lowered->dispatches[index].row->name, row) == 0;
}

static void lowerings(void **state)
{
    (void)state;
    struct base_caps gpu = op_text_caps(BASE_CAP_BIT(SHARED_FAST) | BASE_CAP_BIT(SUBGROUP));
    struct base_caps cpu = op_text_caps(BASE_CAP_BIT(LANES_WIDE));
    struct base_caps old = op_text_caps(BASE_CAP_BIT(SHARED_FAST));
    struct op_text_lowered low;

    op_text_lower(OP_SOFTMAX, "f32[4,1000]", "", &gpu, &low);
    assert_true(uses(&low, 0, "softmax_group_sg_f32"));
    assert_int_equal(low.dispatches[0].groups[0], 4);
    op_text_lower(OP_SOFTMAX, "f32[4,1000]", "", &old, &low);
    assert_true(uses(&low, 0, "softmax_group_f32"));
    op_text_lower(OP_SOFTMAX, "f32[4,1000]", "", &cpu, &low);
    assert_true(uses(&low, 0, "softmax_lane_f32"));
    op_text_lower(OP_SOFTMAX, "f32[4,8]", "", &gpu, &low);
    assert_true(uses(&low, 0, "softmax_lane_f32"));
    /* Drivers that leave long loops get rows in pieces. */
    op_text_lower(OP_SOFTMAX, "f32[4,100000]", "", &cpu, &low);
    assert_true(uses(&low, 0, "softmax_group_f32"));

    /* One long sum goes in two passes over scratch memory. */
    op_text_lower(OP_REDUCESUM, "f32[1000000]", "", &gpu, &low);
    assert_int_equal(low.count, 2);
    assert_int_equal(low.scratch_count, 1);
    assert_int_equal(low.dispatches[0].bindings[1].value, 200);
    assert_int_equal(low.dispatches[1].bindings[0].value, 200);
    assert_int_equal(low.dispatches[1].bindings[1].value, 100);
    op_text_lower(OP_REDUCESUM, "f32[64,1000] i64[1]={1}", "", &gpu, &low);
    assert_int_equal(low.count, 1);
    assert_int_equal(low.dispatches[0].groups[0], 64);

    /* Sums of wide integers are the host's, comparisons are not. */
    op_text_lower(OP_REDUCESUM, "i64[4,4] i64[1]={1}", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_REDUCEMAX, "i64[4,4] i64[1]={1}", "", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    op_text_lower(OP_REDUCEMAX, "u64[4,4] i64[1]={1}", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);

    op_text_lower(OP_LAYERNORMALIZATION, "f32[4,100] f32[100]", "outputs=2", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions), cmocka_unit_test(ordered), cmocka_unit_test(softmaxes),
        cmocka_unit_test(norms),      cmocka_unit_test(lowerings),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
