/* SPDX-License-Identifier: MIT
 *
 * test_matmul_nbits.c - products with weights of a few bits: an answer known by hand, mistakes,
 * which kernels are chosen and how much the packed weights weigh.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* One column of 16 values: bytes 0x10, 0x32 ... hold 0, 1, 2, 3 ... from the low bits on. */
#define COUNTING "u8[1,1,8]={16,50,84,118,152,186,220,254}"
#define ONES "f32[1,16]={1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1}"
#define FIRST "f32[1,16]={1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}"

static void products(void **state)
{
    (void)state;
    const char *attrs = "K=16 N=1 bits=4 block_size=16";
    /* 0 + ... + 15 = 120, less 16 times the zero point 8; the scale is 0.5. */
    op_text_gives(OP_MATMULNBITS, ONES " " COUNTING " f32[1]={0.5}", attrs, "f32[1,1]={-4}");
    op_text_gives(OP_MATMULNBITS, FIRST " " COUNTING " f32[1]={0.5}", attrs, "f32[1,1]={-4}");
    op_text_gives(OP_MATMULNBITS, ONES " " COUNTING " f32[1]={0.5} u8[1]={3}", attrs,
                  "f32[1,1]={36}");
    op_text_gives(OP_MATMULNBITS, ONES " " COUNTING " f32[1]={0.5} f32[1]={7.5}", attrs,
                  "f32[1,1]={0}");
    op_text_gives(OP_MATMULNBITS,
                  "f32[3]={1,2,3} u8[1,1,16]={129,127,128,0,0,0,0,0,0,0,0,0,0,0,0,0} f32[1]={2}",
                  "K=3 N=1 bits=8 block_size=16", "f32[1]={-2}");
}

static void mistakes(void **state)
{
    (void)state;
    const char *inputs = "f32[1,16] u8[1,1,8] f32[1]";
    op_text_fails(OP_MATMULNBITS, inputs, "K=16 N=1 bits=4 block_size=24", PUM_E_ARGUMENT, "24");
    op_text_fails(OP_MATMULNBITS, inputs, "K=16 N=1 bits=3 block_size=16", PUM_E_UNSUPPORTED,
                  "3 bits");
    op_text_fails(OP_MATMULNBITS, inputs, "K=17 N=1 bits=4 block_size=16", PUM_E_SHAPE, "K, 17");
    op_text_fails(OP_MATMULNBITS, inputs, "K=16 N=2 bits=4 block_size=16", PUM_E_SHAPE,
                  "input 1 has 8 elements, expected 16");
    op_text_fails(OP_MATMULNBITS, "f32[1,16] i8[1,1,8] f32[1]", "K=16 N=1 block_size=16",
                  PUM_E_TYPE, "input 1");
    op_text_fails(OP_MATMULNBITS, "f32[1,16] u8[1,1,8] f32[1] u8[2]", "K=16 N=1 block_size=16",
                  PUM_E_SHAPE, "input 3 has 2");
}

static void lowers(void **state)
{
    (void)state;
    struct base_caps gpu = op_text_caps(BASE_CAP_BIT(SHARED_FAST));
    struct base_caps cpu = op_text_caps(BASE_CAP_BIT(LANES_WIDE));
    struct op_text_lowered lowered;
    const char *few = "f32[2,512] !u8[40,16,16] !f32[640]";
    const char *many = "f32[64,512] !u8[40,16,16] !f32[640]";
    const char *attrs = "K=512 N=40 bits=4 block_size=32";
    op_text_lower(OP_MATMULNBITS, few, attrs, &gpu, &lowered);
    assert_int_equal(lowered.status, PUM_OK);
    assert_int_equal(lowered.count, 1);
    assert_string_equal(lowered.dispatches[0].row->name, "nbits_product_split_f32");
    assert_int_equal(lowered.pack_count, 2);
    assert_int_equal(lowered.packs[0].bytes, 40 * 16 * 16); /* as in the file */
    assert_int_equal(lowered.packs[1].bytes, 640 * 4);
    op_text_lower(OP_MATMULNBITS, few, attrs, &cpu, &lowered);
    assert_string_equal(lowered.dispatches[0].row->name, "nbits_product_f32");
    op_text_lower(OP_MATMULNBITS, many, attrs, &cpu, &lowered);
    assert_int_equal(lowered.status, PUM_OK);
    assert_int_equal(lowered.count, 2);
    assert_int_equal(lowered.scratch_count, 1);
    assert_string_equal(lowered.dispatches[0].row->name, "nbits_unpack_f32");
    assert_string_equal(lowered.dispatches[1].row->family, "matmul");
    /* Weights of the run are the host's. */
    op_text_lower(OP_MATMULNBITS, "f32[2,512] u8[40,16,16] !f32[640]", attrs, &cpu, &lowered);
    assert_int_equal(lowered.status, PUM_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(lowers),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
