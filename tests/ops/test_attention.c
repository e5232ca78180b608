/* SPDX-License-Identifier: MIT
 *
 * test_attention.c - Attention: small answers known by hand, errors of the shape rule, and what the
 * lowering chooses. The kernels' numbers are checked by pumice verify (cases_attention.inc).
 */
#include "op_text.h"
#include "../../shaders/push/push_attention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void answers(void **state)
{
    (void)state;
    /* Equal scores: the mean of what is seen. */
    op_text_gives(OP_ATTENTION,
                  "f32[1,1,2,1]={0,0} f32[1,1,2,1]={5,7} f32[1,1,2,2]={1,2,3,4}", "",
                  "f32[1,1,2,2]={2,3,2,3}");
    op_text_gives(OP_ATTENTION,
                  "f32[1,1,2,1]={0,0} f32[1,1,2,1]={5,7} f32[1,1,2,2]={1,2,3,4}", "causal=1",
                  "f32[1,1,2,2]={1,2,2,3}");
    /* One query over three keys is the last position: it sees all. */
    op_text_gives(OP_ATTENTION, "f32[1,1,1,1]={0} f32[1,1,3,1]={5,6,7} f32[1,1,3,1]={1,2,6}",
                  "causal=1", "f32[1,1,1,1]={3}");
    op_text_gives(OP_ATTENTION,
                  "f32[1,1,1,1]={0} f32[1,1,3,1]={5,6,7} f32[1,1,3,1]={1,2,6} f32[3]={0,-inf,0}",
                  "", "f32[1,1,1,1]={3.5}");
    /* Weights 1/4 and 3/4: the scores differ by ln 3. */
    op_text_gives(OP_ATTENTION, "f32[1,1,1,1]={1} f32[1,1,2,1]={0,2} f32[1,1,2,1]={0,4}",
                  "scale=0.54930614", "f32[1,1,1,1]={3}");
    /* Two heads share one of k and v; k transposed. */
    op_text_gives(OP_ATTENTION,
                  "f32[1,2,1,1]={0,0} f32[1,1,1,2]={5,7} f32[1,1,2,1]={1,3}", "k_transposed=1",
                  "f32[1,2,1,1]={2,2}");
}

static void errors(void **state)
{
    (void)state;
    op_text_fails(OP_ATTENTION, "f32[2,3,4] f32[2,3,4] f32[2,3,4]", "", PUM_E_SHAPE, "rank");
    op_text_fails(OP_ATTENTION, "f32[1,2,3,4] f32[1,2,3,5] f32[1,2,3,4]", "", PUM_E_SHAPE, "fit");
    op_text_fails(OP_ATTENTION, "f32[1,3,3,4] f32[1,2,3,4] f32[1,2,3,4]", "", PUM_E_SHAPE,
                  "3 heads");
    op_text_fails(OP_ATTENTION, "i32[1,2,3,4] f32[1,2,3,4] f32[1,2,3,4]", "", PUM_E_TYPE,
                  "input 0");
    op_text_fails(OP_ATTENTION, "f32[1,2,3,4] f16[1,2,3,4] f32[1,2,3,4]", "", PUM_E_TYPE,
                  "input 1");
    op_text_fails(OP_ATTENTION, "f32[1,2,3,4] f32[1,2,3,4] f32[1,2,3,4] f32[2,3]", "",
                  PUM_E_SHAPE, "mask");
}

/* The row that is chosen, and its groups in all. */
static void chooses(const char *inputs, const char *attrs, const struct base_caps *caps,
                    const char *row, uint32_t groups)
{
    struct op_text_lowered low;
    op_text_lower(OP_ATTENTION, inputs, attrs, caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 1);
    assert_string_equal(low.dispatches[0].row->name, row);
    assert_int_equal(low.dispatches[0].groups[0] * low.dispatches[0].groups[1] *
                         low.dispatches[0].groups[2],
                     groups);
}

static void choices(void **state)
{
    (void)state;
    struct base_caps gpu = op_text_caps(BASE_CAP_BIT(SHARED_FAST) | BASE_CAP_BIT(REGISTERS));
    struct base_caps cpu = op_text_caps(BASE_CAP_BIT(LANES_WIDE) | BASE_CAP_BIT(SUBGROUP));
    cpu.subgroup_size = 8;

    /* Blocks of 32, 16 or 8 queries and up to 128 columns, for each head. */
    chooses("f32[2,3,65,64] f32[2,3,65,64] f32[2,3,65,64]", "", &gpu, "attention_tiled_f32", 18);
    chooses("f32[1,1,1,64] f32[1,1,65,64] f32[1,1,65,64]", "", &gpu, "attention_tiled_f32", 1);
    chooses("f32[1,1,9,8] f32[1,1,9,8] f32[1,1,9,256]", "", &gpu, "attention_tiled_f32", 2);
    chooses("f32[1,2,17,64] f32[1,2,9,64] f32[1,2,9,64]", "", &cpu, "attention_lanes_vec4_f32", 6);
    chooses("f32[1,2,17,15] f32[1,2,9,15] f32[1,2,9,15]", "", &cpu, "attention_lanes_f32", 6);
    chooses("f32[1,2,17,16] f32[1,2,16,9] f32[1,2,9,16]", "k_transposed=1", &cpu,
            "attention_lanes_f32", 6);
    cpu.bits = BASE_CAP_BIT(LANES_WIDE);
    chooses("f32[1,2,17,16] f32[1,2,9,16] f32[1,2,9,16]", "", &cpu, "attention_lane_vec4_f32", 6);
    const char *const pins[] = {"attention_lane_f32", NULL};
    /* Few registers: half the queries, at most 64 columns. */
    gpu.bits = BASE_CAP_BIT(SHARED_FAST);
    chooses("f32[1,1,33,64] f32[1,1,65,64] f32[1,1,65,72]", "", &gpu, "attention_tiled_few_f32",
            3 * 2);
    gpu.pinned = pins;
    chooses("f32[1,2,17,16] f32[1,2,9,16] f32[1,2,9,16]", "", &gpu, "attention_lane_f32", 6);
}

static void pushes(void **state)
{
    (void)state;
    struct base_caps caps = op_text_caps(BASE_CAP_BIT(SHARED_FAST));
    struct op_text_lowered low;
    struct push_attention push;
    op_text_lower(OP_ATTENTION, "f32[2,6,5,8] f32[2,3,8,7] f32[2,3,7,4] f32[6,1,7]",
                  "k_transposed=1 causal=1", &caps, &low);
    assert_int_equal(low.count, 1);
    memcpy(&push, low.dispatches[0].push, sizeof push);
    assert_int_equal(push.heads, 12);
    assert_int_equal(push.group, 2);
    assert_int_equal(push.k_key_stride, 1);
    assert_int_equal(push.k_dim_stride, 7);
    assert_int_equal(push.mode, ATTENTION_CAUSAL | ATTENTION_MASK);
    assert_int_equal(push.mask_strides[0], 0);
    assert_int_equal(push.mask_strides[1], 7);
    assert_int_equal(push.mask_strides[2], 0);
    assert_int_equal(push.mask_strides[3], 1);
}

/* What no kernel does is the host's. */
static void refuses(void **state)
{
    (void)state;
    struct base_caps caps = op_text_caps(BASE_CAP_BIT(SHARED_FAST));
    struct op_text_lowered low;
    op_text_lower(OP_ATTENTION, "f64[1,1,2,4] f64[1,1,2,4] f64[1,1,2,4]", "", &caps, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_ATTENTION, "f32[1,1,2,4] f32[1,1,0,4] f32[1,1,0,4]", "", &caps, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_ATTENTION, "f32[1,1,0,4] f32[1,1,2,4] f32[1,1,2,4]", "", &caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 0);
    caps.max_storage_range = 1000;
    op_text_lower(OP_ATTENTION, "f32[1,1,2,4] f32[1,1,65,4] f32[1,1,65,4]", "", &caps, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    caps = op_text_caps(BASE_CAP_BIT(LANES_WIDE));
    op_text_lower(OP_ATTENTION, "f32[1,1,1,64] f32[1,1,40000,64] f32[1,1,40000,64]", "", &caps,
                  &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers), cmocka_unit_test(errors),  cmocka_unit_test(choices),
        cmocka_unit_test(pushes),  cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
