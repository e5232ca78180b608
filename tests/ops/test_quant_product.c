/* SPDX-License-Identifier: MIT
 *
 * test_quant_product.c - products and convolutions of 8-bit operands: small answers known by hand,
 * errors, kernels chosen, how weights and the numbers of their channels are packed.
 */
#include "op_text.h"

#include "ops/quant_product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void products(void **state)
{
    (void)state;
    op_text_gives(OP_MATMULINTEGER, "u8[1,2]={3,5} i8[2,2]={1,2,3,4} u8[]={2} i8[]={1}", "",
                  "i32[1,2]={6,10}");
    op_text_gives(OP_MATMULINTEGER, "u8[2,1]={3,5} i8[1,2]={1,2} u8[2]={1,2} i8[2]={0,1}", "",
                  "i32[2,2]={2,2,3,3}");
    /* (2 * 3 * 0.5 * 0.25) / 0.5 + 10, halves to even. */
    op_text_gives(OP_QLINEARMATMUL,
                  "u8[1,1]={3} f32[]={0.5} u8[]={1} i8[1,2]={3,5} f32[]={0.25} i8[]={0} "
                  "f32[]={0.5} u8[]={10}",
                  "", "u8[1,2]={12,12}");
    op_text_gives(OP_QLINEARMATMUL,
                  "u8[1,1]={255} f32[]={1} u8[]={0} i8[1,2]={3,-5} f32[2]={1,0.1} i8[2]={0,0} "
                  "f32[]={1} i8[]={-3}",
                  "", "i8[1,2]={127,-128}");
    op_text_gives(OP_MATMULINTEGERTOFLOAT,
                  "u8[1,2]={3,5} i8[2,1]={1,2} f32[]={0.5} f32[]={0.25} u8[]={1} - f32[1]={7}", "",
                  "f32[1,1]={8.25}");
    op_text_gives(OP_QGEMM,
                  "u8[2,1]={3,5} f32[]={0.5} u8[]={0} i8[1,2]={1,2} f32[]={2} i8[]={0} "
                  "i32[1]={100} f32[]={1} u8[]={0}",
                  "transA=1 transB=1 alpha=2.0", "u8[1,1]={226}");
    op_text_gives(OP_QGEMM,
                  "u8[1,2]={3,5} f32[]={0.5} u8[]={0} i8[2,1]={1,2} f32[]={2} i8[]={0} "
                  "i32[1]={100}",
                  "", "f32[1,1]={113}");
}

static void convolutions(void **state)
{
    (void)state;
    op_text_gives(OP_CONVINTEGER, "u8[1,1,3,3]={2,3,4,5,6,7,8,9,10} u8[1,1,2,2]={1,1,1,1} u8[]={1}",
                  "", "i32[1,1,2,2]={12,16,24,28}");
    /* Outside lies the zero point. */
    op_text_gives(OP_CONVINTEGER, "u8[1,1,2]={12,14} i8[1,1,3]={1,2,3} u8[]={10} i8[]={1}",
                  "pads=[1,1]", "i32[1,1,2]={10,4}");
    op_text_gives(OP_CONVINTEGER, "u8[1,2,1]={3,5} i8[2,1,1]={2,7} u8[]={1} i8[2]={1,0}", "group=2",
                  "i32[1,2,1]={2,28}");
    op_text_gives(OP_QLINEARCONV,
                  "u8[1,1,1]={12} f32[]={0.5} u8[]={10} i8[2,1,1]={3,-5} f32[2]={0.5,0.25} "
                  "i8[2]={0,0} f32[]={0.5} u8[]={7} i32[2]={1,-1}",
                  "", "u8[1,2,1]={11,4}");
}

static void errors(void **state)
{
    (void)state;
    op_text_fails(OP_MATMULINTEGER, "i32[2,3] i8[3,2]", "", PUM_E_TYPE, "input 0");
    op_text_fails(OP_MATMULINTEGER, "u8[2,3] i8[2,3]", "", PUM_E_SHAPE, "inner sizes");
    op_text_fails(OP_MATMULINTEGER, "u8[2,3] i8[3,2] i8[]", "", PUM_E_TYPE, "input 2");
    op_text_fails(OP_MATMULINTEGER, "u8[2,3] i8[3,2] u8[3]", "", PUM_E_SHAPE, "expected 1 or 2");
    op_text_fails(OP_QLINEARMATMUL, "u8[1,1] f32[] u8[] i8[1,2] f32[] i8[] f32[] i32[]", "",
                  PUM_E_TYPE, "input 7");
    op_text_fails(OP_QGEMM, "u8[1,1,2] f32[] u8[] i8[2,1] f32[] i8[]", "", PUM_E_SHAPE, "2");
    op_text_fails(OP_CONVINTEGER, "u8[1,2,3] f32[1,2,3]", "", PUM_E_TYPE, "input 1");
    op_text_fails(OP_CONVINTEGER, "u8[1,2,3] i8[1,2,3] u8[2]", "", PUM_E_SHAPE, "expected 1");
    op_text_fails(OP_QLINEARCONV, "u8[1,2,3] f32[] u8[] i8[4,2,3] f32[3] i8[] f32[] u8[]", "",
                  PUM_E_SHAPE, "expected 1 or 4");
    op_text_fails(OP_MATMULINTEGERTOFLOAT, "u8[1,2] i8[2,1] f32[] f32[] - - i32[1]", "", PUM_E_TYPE,
                  "input 6");
}

static struct base_caps gpu_caps(uint32_t more)
{
    return op_text_caps(BASE_CAP_BIT(SHARED_FAST) | BASE_CAP_BIT(SUBGROUP) | more);
}

static struct push_quant_product push_of(const struct lower_dispatch *dispatch)
{
    struct push_quant_product push;
    memcpy(&push, dispatch->push, sizeof push);
    return push;
}

static void one(const struct base_caps *caps, const char *inputs, const char *row,
                struct op_text_lowered *low)
{
    op_text_lower(OP_MATMULINTEGER, inputs, "", caps, low);
    assert_int_equal(low->status, PUM_OK);
    assert_string_equal(low->dispatches[low->count - 1].row->name, row);
}

static void choice(void **state)
{
    (void)state;
    struct op_text_lowered low;
    struct base_caps gpu = gpu_caps(BASE_CAP_BIT(REGISTERS) | BASE_CAP_BIT(DOT8));
    struct base_caps cpu = op_text_caps(BASE_CAP_BIT(LANES_WIDE) | BASE_CAP_BIT(SUBGROUP));
    const char *constant = "u8[9,8] !i8[8,300] u8[]", *run = "u8[9,8] i8[8,300] u8[] i8[]";
    one(&gpu, constant, "quant_product_dot8_i32", &low);
    assert_int_equal(low.count, 2); /* one packs the activations */
    assert_int_equal(low.dispatches[1].groups[0], 2 * 2);
    one(&gpu, run, "quant_product_i32", &low); /* both are packed */
    assert_int_equal(low.count, 3);
    gpu = gpu_caps(BASE_CAP_BIT(DOT8));
    one(&gpu, constant, "quant_product_dot8_few_i32", &low);
    gpu = gpu_caps(0);
    one(&gpu, constant, "quant_product_few_i32", &low);
    cpu.subgroup_size = 8;
    one(&cpu, constant, "quant_product_lanes_i32", &low);
    assert_int_equal(low.dispatches[1].groups[0], 2 * 10);
    /* Scales of rows, and what is too long for old CPU drivers, are the host's. */
    op_text_lower(OP_MATMULINTEGER, "u8[9,8] !i8[8,300] u8[9]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_MATMULINTEGER, "u8[1,250000] !i8[250000,2]", "", &cpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

static void conv_choice(void **state)
{
    (void)state;
    struct op_text_lowered low;
    struct base_caps gpu = gpu_caps(BASE_CAP_BIT(REGISTERS) | BASE_CAP_BIT(DOT8));
    op_text_lower(OP_CONVINTEGER, "u8[1,16,8,8] !i8[24,16,1,1]", "", &gpu, &low);
    assert_string_equal(low.dispatches[1].row->name, "quant_product_dot8_i32");
    op_text_lower(OP_CONVINTEGER, "u8[1,16,8,8] !i8[24,16,3,3]", "", &gpu, &low);
    assert_string_equal(low.dispatches[1].row->name, "quant_conv_dot8_i32");
    assert_int_equal(low.packs[1].bytes, 24 * 16 * 9);
    /* Depthwise: taps four to a word, activations as they are. */
    op_text_lower(OP_CONVINTEGER, "u8[1,16,8,8] !i8[16,1,3,3]", "group=16", &gpu, &low);
    assert_int_equal(low.count, 1);
    assert_string_equal(low.dispatches[0].row->name, "quant_conv_plain_i32");
    assert_int_equal(low.packs[1].bytes, 16 * 12);
    op_text_lower(OP_CONVINTEGER, "u8[1,16,8,8] i8[24,16,3,3]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

/* Five rows of weights make two words a column, unsigned ones less 128, the zero point behind. */
static void packs(void **state)
{
    (void)state;
    struct op_text_lowered low;
    struct base_caps gpu = gpu_caps(0);
    op_text_lower(OP_MATMULINTEGER,
                  "u8[1,5] u8[5,2]={0,255,128,1,2,3,4,5,6,7} u8[]={100} u8[2]={130,7}", "", &gpu,
                  &low);
    /* [2 words][2 columns][4 bytes] */
    static const uint8_t words[] = {0 ^ 128, 128 ^ 128, 2 ^ 128, 4 ^ 128, 255 ^ 128, 1 ^ 128,
                                    3 ^ 128, 5 ^ 128,   6 ^ 128, 2,       2,         2,
                                    7 ^ 128, 7 ^ 128,   135,     135};
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.pack_count, 2);
    assert_int_equal(low.packs[0].bytes, sizeof words);
    assert_memory_equal(low.packs[0].data, words, sizeof words);
    const int32_t *params = (const int32_t *)(const void *)low.packs[1].data;
    assert_int_equal(params[0], 0 + 128 + 2 + 4 + 6 - 5 * 130);
    assert_int_equal(params[1], 2);
    assert_int_equal(params[4], 255 + 1 + 3 + 5 + 7 - 5 * 7);
    assert_int_equal(params[5], 7 - 128);
    struct push_quant_product push = push_of(&low.dispatches[1]);
    assert_int_equal(push.k, 2);
    assert_int_equal(push.finish.act_zero, -28);
    assert_int_equal(push.finish.flags, QUANT_CHANNELS | QUANT_ACT_UNSIGNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),    cmocka_unit_test(convolutions), cmocka_unit_test(errors),
        cmocka_unit_test(conv_choice), cmocka_unit_test(choice),       cmocka_unit_test(packs),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
