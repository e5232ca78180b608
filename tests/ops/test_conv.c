/* SPDX-License-Identifier: MIT
 *
 * test_conv.c - Conv and ConvTranspose: answers known by hand, sizes, hostile attributes, and which
 * kernel is chosen where.
 */
#include "op_text.h"
#include "push_conv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define X33 "f32[1,1,3,3]={1,2,3,4,5,6,7,8,9}"
#define ONES "f32[1,1,2,2]={1,1,1,1}"

static void convolutions(void **state)
{
    (void)state;
    op_text_gives(OP_CONV, X33 " " ONES, "", "f32[1,1,2,2]={12,16,24,28}");
    op_text_gives(OP_CONV, X33 " " ONES " f32[1]={0.5}", "strides=[2,2] pads=[0,0,1,1]",
                  "f32[1,1,2,2]={12.5,9.5,15.5,9.5}");
    op_text_gives(OP_CONV, X33 " " ONES, "auto_pad=SAME_UPPER strides=[2,2]",
                  "f32[1,1,2,2]={12,9,15,9}");
    op_text_gives(OP_CONV, X33 " " ONES, "auto_pad=SAME_LOWER strides=[2,2]",
                  "f32[1,1,2,2]={1,5,11,28}");
    op_text_gives(OP_CONV, X33 " " ONES, "dilations=[2,2]", "f32[1,1,1,1]={20}");
    op_text_gives(OP_CONV, "f32[1,2,2]={1,2,3,4} f32[2,1,1]={10,-1}", "group=2",
                  "f32[1,2,2]={10,20,-3,-4}");
    op_text_gives(OP_CONV, "f32[1,1,2,1,1]={1,2} f32[1,1,2,1,1]={3,4}", "",
                  "f32[1,1,1,1,1]={11}");
}

static void transposed(void **state)
{
    (void)state;
    op_text_gives(OP_CONVTRANSPOSE, "f32[1,1,2,2]={1,2,3,4} " ONES, "",
                  "f32[1,1,3,3]={1,3,2,4,10,6,3,7,4}");
    op_text_gives(OP_CONVTRANSPOSE, "f32[1,1,2]={1,2} f32[1,1,2]={3,4} f32[1]={1}", "strides=[2]",
                  "f32[1,1,4]={4,5,7,9}");
    op_text_gives(OP_CONVTRANSPOSE, "f32[1,1,2]={1,2} f32[1,1,2]={3,4}",
                  "strides=[2] output_padding=[1]", "f32[1,1,5]={3,4,6,8,0}");
    op_text_gives(OP_CONVTRANSPOSE, "f32[1,1,2]={1,2} f32[1,1,3]={1,10,100}",
                  "strides=[2] pads=[1,1]", "f32[1,1,3]={10,102,20}");
    op_text_gives(OP_CONVTRANSPOSE, "f32[1,1,2]={1,2} f32[1,1,3]={1,10,100}",
                  "strides=[2] output_shape=[4]", "f32[1,1,4]={10,102,20,200}");
}

static void errors(void **state)
{
    (void)state;
    const char *const plain = "f32[1,4,5,5] f32[6,4,3,3]";
    op_text_fails(OP_CONV, plain, "strides=[0,1]", PUM_E_RANGE, "strides");
    op_text_fails(OP_CONV, plain, "dilations=[1,-1]", PUM_E_RANGE, "dilations");
    op_text_fails(OP_CONV, plain, "pads=[0,0,-1,0]", PUM_E_RANGE, "pads");
    op_text_fails(OP_CONV, plain, "pads=[0,0,0]", PUM_E_SHAPE, "pads");
    op_text_fails(OP_CONV, plain, "pads=[0,0,0,9000000000000000000]", PUM_E_RANGE, "pads");
    op_text_fails(OP_CONV, plain, "strides=[1]", PUM_E_SHAPE, "strides");
    op_text_fails(OP_CONV, plain, "kernel_shape=[3,2]", PUM_E_SHAPE, "kernel_shape");
    op_text_fails(OP_CONV, plain, "dilations=[2147483647,1]", PUM_E_RANGE, "");
    op_text_fails(OP_CONV, plain, "group=0", PUM_E_RANGE, "group");
    op_text_fails(OP_CONV, plain, "group=3", PUM_E_SHAPE, "channels");
    op_text_fails(OP_CONV, plain, "auto_pad=SOME", PUM_E_ARGUMENT, "SOME");
    op_text_fails(OP_CONV, "f32[1,4,5,5] f32[6,5,3,3]", "", PUM_E_SHAPE, "channels");
    op_text_fails(OP_CONV, "f32[1,4,5,5] f32[6,4,3]", "", PUM_E_SHAPE, "rank");
    op_text_fails(OP_CONV, "f32[1,4] f32[6,4]", "", PUM_E_SHAPE, "rank");
    op_text_fails(OP_CONV, "f32[1,4,5,5] f32[6,4,0,3]", "", PUM_E_RANGE, "");
    op_text_fails(OP_CONV, "f32[1,4,5,5] f32[6,4,3,3] f32[5]", "", PUM_E_SHAPE, "");
    op_text_fails(OP_CONV, "i32[1,4,5,5] i32[6,4,3,3]", "", PUM_E_TYPE, "float");
    op_text_fails(OP_CONVTRANSPOSE, "f32[1,4,5] f32[3,4,3]", "", PUM_E_SHAPE, "channels");
    op_text_fails(OP_CONVTRANSPOSE, "f32[1,4,5] f32[4,4,3]", "output_padding=[-1]", PUM_E_RANGE,
                  "output_padding");
}

static struct base_caps wide_caps(void)
{
    struct base_caps caps = op_text_caps(BASE_CAP_BIT(LANES_WIDE) | BASE_CAP_BIT(SUBGROUP));
    caps.subgroup_size = 8;
    return caps;
}

static struct base_caps gpu_caps(void)
{
    struct base_caps caps = op_text_caps(BASE_CAP_BIT(SHARED_FAST) | BASE_CAP_BIT(SUBGROUP) |
                                         BASE_CAP_BIT(REGISTERS));
    caps.subgroup_size = 32;
    return caps;
}

static void one_row(const struct base_caps *caps, enum op_kind op, const char *inputs,
                    const char *attrs, const char *row, uint32_t groups)
{
    struct op_text_lowered low;
    op_text_lower(op, inputs, attrs, caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 1);
    assert_string_equal(low.dispatches[0].row->name, row);
    assert_int_equal(low.dispatches[0].groups[0], groups);
}

static void choice(void **state)
{
    (void)state;
    struct base_caps wide = wide_caps(), gpu = gpu_caps();
    /* Products: 1x1, a kernel that covers the input, one output pixel. */
    one_row(&wide, OP_CONV, "f32[1,16,8,8] f32[32,16,1,1]", "", "matmul_lanes_n4_f32", 2 * 2);
    one_row(&wide, OP_CONV, "f32[3,16,2,2] f32[32,16,2,2]", "", "matmul_lanes_f32", 1);
    one_row(&gpu, OP_CONV, "f32[1,16,1,1] f32[32,16,1,1]", "", "matvec_rows_f32", 16);
    one_row(&wide, OP_CONV, "f32[1,16,8,8] f32[24,16,3,3]", "pads=[1,1,1,1]", "conv_lanes_f32",
            2);
    one_row(&wide, OP_CONV, "f32[1,3,8,8] f32[26,3,3,3]", "pads=[1,1,1,1]", "conv_lanes_f32", 4);
    one_row(&wide, OP_CONV, "f32[2,3,8,8] f32[30,3,3,3]", "", "conv_lanes_f32", 2 * 3);
    one_row(&gpu, OP_CONV, "f32[1,16,64,64] f32[64,16,3,3]", "pads=[1,1,1,1]",
            "conv_tiled_w4_f32", 64);
    one_row(&gpu, OP_CONV, "f32[1,3,64,64] f32[64,3,3,3]", "pads=[1,1,1,1]", "conv_tiled_f32", 64);
    one_row(&gpu, OP_CONV, "f32[1,16,8,8] f32[64,16,3,3]", "pads=[1,1,1,1]",
            "conv_tiled_small_f32", 2 * 2);
    one_row(&gpu, OP_CONV, "f32[1,16,8,8] f32[4,16,3,3]", "pads=[1,1,1,1]", "conv_direct_f32", 1);
    one_row(&gpu, OP_CONV, "f32[1,2,4,8,8] f32[8,2,3,3,3]", "", "conv_direct_f32", 1);
    one_row(&wide, OP_CONV, "f32[1,9,8,8] f32[9,1,3,3]", "group=9 pads=[1,1,1,1]",
            "conv_depthwise_lanes_f32", 9);
    one_row(&gpu, OP_CONV, "f32[1,9,8,8] f32[9,1,3,3]", "group=9 pads=[1,1,1,1]",
            "conv_depthwise_f32", 9);
    one_row(&gpu, OP_CONV, "f32[1,9,8,8] f32[9,1,3,3]", "group=9 dilations=[2,2]",
            "conv_direct_f32", 9);
    one_row(&wide, OP_CONVTRANSPOSE, "f32[1,24,8,8] f32[24,24,2,2]", "strides=[2,2]",
            "conv_transpose_lanes_f32", 4 * 2);
    one_row(&gpu, OP_CONVTRANSPOSE, "f32[1,24,8,8] f32[24,24,2,2]", "strides=[2,2]",
            "conv_transpose_f32", 4 * 3);
    /* Few registers: fewer channels or pixels an invocation. */
    gpu.bits &= ~BASE_CAP_BIT(REGISTERS);
    one_row(&gpu, OP_CONV, "f32[1,16,64,64] f32[64,16,3,3]", "pads=[1,1,1,1]",
            "conv_tiled_small_f32", 2 * 128);
    one_row(&gpu, OP_CONV, "f32[1,16,8,8] f32[4,16,3,3]", "pads=[1,1,1,1]", "conv_direct_few_f32",
            2);
    one_row(&gpu, OP_CONVTRANSPOSE, "f32[1,24,8,8] f32[24,24,9,9]", "strides=[3,3]",
            "conv_transpose_few_f32", 9 * 6);
}

static void limits(void **state)
{
    (void)state;
    struct base_caps gpu = gpu_caps(), wide = wide_caps();
    struct op_text_lowered low;
    struct push_conv push;
    op_text_lower(OP_CONV, "f32[1,2,9,9] f32[8,2,3,2]", "strides=[2,1] pads=[1,0,2,1]", &gpu, &low);
    memcpy(&push, low.dispatches[0].push, sizeof push);
    assert_int_equal(CONV_H(push.kernel), 3);
    assert_int_equal(CONV_W(push.kernel), 2);
    assert_int_equal(CONV_H(push.stride), 2);
    assert_int_equal(CONV_W(push.stride), 1);
    assert_int_equal(CONV_H(push.pad), 1);
    assert_int_equal(CONV_W(push.pad), 0);
    /* Numbers that do not fit the push constants' fields. */
    op_text_lower(OP_CONV, "f32[1,2,9] f32[8,2,3]", "pads=[3000,0]", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    /* Images one by one when all of them are larger than a binding. */
    gpu.max_storage_range = 4096;
    op_text_lower(OP_CONV, "f32[5,2,16,16] f32[2,2,3,3]", "pads=[1,1,1,1]", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 5);
    assert_int_equal(low.dispatches[3].bindings[0].offset, 3 * 2048);
    assert_int_equal(low.dispatches[3].bindings[3].offset, 3 * 2048);
    op_text_lower(OP_CONV, "f32[5,2,15,15] f32[2,2,3,3]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    /* Longer than old CPU drivers count. */
    op_text_lower(OP_CONV, "f32[1,20000,3] f32[1,20000,3]", "pads=[1,1]", &wide, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

#define HALF_DOWN                                                                                  \
    "f32[1,2,3,3]={0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0,0,0,0,0,0,0,0,0}"

static void deformable(void **state)
{
    (void)state;
    op_text_gives(OP_DEFORMCONV, X33 " f32[1,1,1,1]={1} " HALF_DOWN, "",
                  "f32[1,1,3,3]={2.5,3.5,4.5,5.5,6.5,7.5,3.5,4,4.5}");
    op_text_gives(OP_DEFORMCONV,
                  X33 " f32[1,1,1,1]={2} " HALF_DOWN " f32[1]={1} "
                      "f32[1,1,3,3]={1,1,1,0,0,0,2,2,2}",
                  "", "f32[1,1,3,3]={6,8,10,1,1,1,15,17,19}");
    op_text_gives(OP_DEFORMCONV,
                  X33 " " ONES " f32[1,8,2,2]={0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
                      "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}",
                  "", "f32[1,1,2,2]={12,16,24,28}");
    op_text_fails(OP_DEFORMCONV, X33 " " ONES " f32[1,4,2,2]", "", PUM_E_SHAPE, "input 2");
    op_text_fails(OP_DEFORMCONV, X33 " " ONES " f32[1,8,2,2]", "offset_group=2", PUM_E_RANGE,
                  "offset_group is 2");
    op_text_fails(OP_DEFORMCONV, "f32[1,1,3] f32[1,1,2] f32[1,4,2]", "", PUM_E_UNSUPPORTED,
                  "rank 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions), cmocka_unit_test(transposed), cmocka_unit_test(errors),
        cmocka_unit_test(deformable),
        cmocka_unit_test(choice),       cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
