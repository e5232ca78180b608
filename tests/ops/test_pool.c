/* SPDX-License-Identifier: MIT
 *
 * test_pool.c - pools: small answers known by hand, window rules, errors, lowering.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define X33 "f32[1,1,3,3]={1,2,3,4,5,6,7,8,9}"

static void max_pools(void **state)
{
    (void)state;
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2]", "f32[1,1,2,2]={5,6,8,9}");
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2] strides=[2,2]", "f32[1,1,1,1]={5}");
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2] strides=[2,2] ceil_mode=1",
                  "f32[1,1,2,2]={5,6,8,9}");
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2] strides=[2,2] pads=[1,1,0,0]",
                  "f32[1,1,2,2]={1,3,7,9}");
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2] strides=[2,2] auto_pad=SAME_LOWER",
                  "f32[1,1,2,2]={1,3,7,9}");
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2] dilations=[2,2]", "f32[1,1,1,1]={9}");
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2] outputs=2",
                  "f32[1,1,2,2]={5,6,8,9} i64[1,1,2,2]={4,5,7,8}");
    op_text_gives(OP_MAXPOOL, X33, "kernel_shape=[2,2] storage_order=1 outputs=2",
                  "f32[1,1,2,2]={5,6,8,9} i64[1,1,2,2]={4,7,5,8}");
    /* With ceil_mode no window begins behind the input. */
    op_text_gives(OP_MAXPOOL, "f32[1,1,3]={1,2,3}", "kernel_shape=[1] strides=[3] ceil_mode=1",
                  "f32[1,1,1]={1}");
    op_text_gives(OP_MAXPOOL, "f32[1,1,3]={-1,-2,-3}", "kernel_shape=[3] pads=[1,1]",
                  "f32[1,1,3]={-1,-1,-2}");
}

static void other_pools(void **state)
{
    (void)state;
    op_text_gives(OP_AVERAGEPOOL, X33, "kernel_shape=[2,2] strides=[2,2] pads=[1,1,0,0]",
                  "f32[1,1,2,2]={1,2.5,5.5,7}");
    op_text_gives(OP_AVERAGEPOOL, X33,
                  "kernel_shape=[2,2] strides=[2,2] pads=[1,1,0,0] count_include_pad=1",
                  "f32[1,1,2,2]={0.25,1.25,2.75,7}");
    op_text_gives(OP_AVERAGEPOOL, X33,
                  "kernel_shape=[2,2] strides=[2,2] pads=[0,0,1,1] count_include_pad=1",
                  "f32[1,1,2,2]={3,2.25,3.75,2.25}");
    /* What lies behind the pads counts for nothing. */
    op_text_gives(OP_AVERAGEPOOL, X33,
                  "kernel_shape=[2,2] strides=[2,2] ceil_mode=1 count_include_pad=1",
                  "f32[1,1,2,2]={3,4.5,7.5,9}");
    op_text_gives(OP_LPPOOL, "f32[1,1,2]={3,-4}", "kernel_shape=[2]", "f32[1,1,1]={5}");
    op_text_gives(OP_LPPOOL, "f32[1,1,2]={3,-4}", "kernel_shape=[2] p=1", "f32[1,1,1]={7}");
    op_text_gives(OP_GLOBALAVERAGEPOOL, X33, "", "f32[1,1,1,1]={5}");
    op_text_gives(OP_GLOBALMAXPOOL, X33, "", "f32[1,1,1,1]={9}");
    op_text_gives(OP_GLOBALLPPOOL, "f32[1,1,2]={3,4}", "", "f32[1,1,1]={5}");
}

static void errors(void **state)
{
    (void)state;
    op_text_fails(OP_MAXPOOL, "f32[1,1,3,3]", "", PUM_E_ARGUMENT, "kernel_shape");
    op_text_fails(OP_MAXPOOL, "f32[1,1,3,3]", "kernel_shape=[2]", PUM_E_SHAPE, "1 values");
    op_text_fails(OP_MAXPOOL, "f32[1,1,3,3]", "kernel_shape=[4,4]", PUM_E_SHAPE, "does not fit");
    op_text_fails(OP_MAXPOOL, "f32[1,1,3,3]", "kernel_shape=[2,2] strides=[0,1]", PUM_E_RANGE,
                  "strides is 0");
    op_text_fails(OP_MAXPOOL, "f32[1,1,3,3]", "kernel_shape=[2,2] pads=[2,0,0,0]", PUM_E_RANGE,
                  "a pad of 2");
    op_text_fails(OP_MAXPOOL, "f32[1,1,3,3]", "kernel_shape=[9223372036854775807,1]", PUM_E_RANGE,
                  "kernel_shape");
    op_text_fails(OP_MAXPOOL, "f32[3,3]", "kernel_shape=[2,2]", PUM_E_SHAPE, "rank 2");
    op_text_fails(OP_AVERAGEPOOL, "i32[1,1,3]", "kernel_shape=[2]", PUM_E_TYPE, "float");
    op_text_fails(OP_MAXPOOL, "f32[1,1,3]", "kernel_shape=[2] auto_pad=SOME", PUM_E_ARGUMENT,
                  "SOME");
}

static void lowerings(void **state)
{
    (void)state;
    struct base_caps caps = op_text_caps(BASE_CAP_BIT(SHARED_FAST));
    struct op_text_lowered low;
    op_text_lower(OP_MAXPOOL, "f32[1,3,32,32]", "kernel_shape=[2,2] strides=[2,2]", &caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_string_equal(low.dispatches[0].row->name, "pool_f32");
    assert_int_equal(low.dispatches[0].groups[0], 3 * 16 * 16 / 64);
    op_text_lower(OP_MAXPOOL, "f32[1,1,4,4,4]", "kernel_shape=[2,2,2]", &caps, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_MAXPOOL, "f32[1,1,4,4]", "kernel_shape=[2,2] outputs=2", &caps, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_pools),
        cmocka_unit_test(other_pools),
        cmocka_unit_test(errors),
        cmocka_unit_test(lowerings),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
