/* SPDX-License-Identifier: MIT
 *
 * test_quantize.c - QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: small answers known by
 * hand, errors, how they are lowered.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void quantizes(void **state)
{
    (void)state;
    /* Halves go to even, then the zero point is added; both ends saturate. */
    op_text_gives(OP_QUANTIZELINEAR, "f32[6]={0.5,1.5,2.5,-0.5,-1.5,300} f32[]={1} u8[]={10}", "",
                  "u8[6]={10,12,12,10,8,255}");
    op_text_gives(OP_QUANTIZELINEAR, "f32[4]={-300,-128.5,127.4,300} f32[]={1} i8[]={0}", "",
                  "i8[4]={-128,-128,127,127}");
    op_text_gives(OP_QUANTIZELINEAR, "f32[2]={-3,3} f32[]={2}", "", "u8[2]={0,2}");
    op_text_gives(OP_QUANTIZELINEAR, "f32[2]={-3,3} f32[]={2}", "output_dtype=3", "i8[2]={-2,2}");
    op_text_gives(OP_QUANTIZELINEAR, "f32[1,2,2]={1,2,3,4} f32[2]={1,2} i8[2]={0,1}", "",
                  "i8[1,2,2]={1,2,3,3}");
    op_text_gives(OP_QUANTIZELINEAR, "f32[1,2,2]={1,2,3,4} f32[2]={1,2} i8[2]={0,1}", "axis=-1",
                  "i8[1,2,2]={1,2,3,3}");
    op_text_gives(OP_QUANTIZELINEAR, "f16[2]={-3,3} f16[]={2} u16[]={1000}", "",
                  "u16[2]={998,1002}");
    op_text_gives(OP_DEQUANTIZELINEAR, "u8[3]={0,128,255} f32[]={0.5} u8[]={128}", "",
                  "f32[3]={-64,0,63.5}");
    op_text_gives(OP_DEQUANTIZELINEAR, "i8[2,2]={1,2,3,4} f32[2]={1,10}", "axis=0",
                  "f32[2,2]={1,2,30,40}");
    op_text_gives(OP_DEQUANTIZELINEAR, "i32[2]={-100000,7} f32[]={0.5}", "", "f32[2]={-50000,3.5}");
    /* The range always holds zero. */
    op_text_gives(OP_DYNAMICQUANTIZELINEAR, "f32[3]={0,2,-3}", "outputs=3",
                  "u8[3]={153,255,0} f32[]={0.0196078} u8[]={153}");
    op_text_gives(OP_DYNAMICQUANTIZELINEAR, "f32[2]={51,255}", "outputs=3",
                  "u8[2]={51,255} f32[]={1} u8[]={0}");
    op_text_gives(OP_DYNAMICQUANTIZELINEAR, "f32[2]={0,0}", "outputs=3",
                  "u8[2]={0,0} f32[]={1} u8[]={0}");
}

static void elementwise(void **state)
{
    (void)state;
    op_text_gives(OP_QLINEARADD,
                  "u8[3]={10,20,255} f32[]={0.5} u8[]={10} u8[1]={6} f32[]={0.25} u8[]={2} "
                  "f32[]={0.5} u8[]={1}",
                  "", "u8[3]={3,13,248}");
    op_text_gives(OP_QLINEARMUL,
                  "i8[3]={-128,20,3} f32[]={0.5} i8[]={0} i8[3]={2,-2,1} f32[]={0.5} i8[]={0} "
                  "f32[]={0.5} i8[]={1}",
                  "", "i8[3]={-127,-19,2}");
    op_text_gives(OP_QLINEARLEAKYRELU, "i8[3]={-10,0,10} f32[]={1} i8[]={0} f32[]={1} i8[]={5}",
                  "alpha=0.5", "i8[3]={0,5,15}");
    op_text_gives(OP_QLINEARSIGMOID, "u8[3]={0,128,255} f32[]={1} u8[]={128} f32[]={0.01}", "",
                  "u8[3]={0,50,100}");
    op_text_gives(OP_QLINEARGLOBALAVERAGEPOOL, "u8[1,1,4]={1,2,3,6} f32[]={1} - f32[]={0.5}", "",
                  "u8[1,1,1]={6}");
    op_text_gives(OP_QLINEARAVERAGEPOOL, "u8[1,1,3]={1,3,6} f32[]={1} u8[]={1} f32[]={1} u8[]={1}",
                  "kernel_shape=[2]", "u8[1,1,2]={2,4}");
    op_text_gives(OP_QLINEARSOFTMAX, "u8[1,2]={7,7} f32[]={0.1} - f32[]={0.00390625} u8[]={0}", "",
                  "u8[1,2]={128,128}");
    op_text_gives(OP_QLINEARSOFTMAX,
                  "i8[1,2]={-128,127} f32[]={1} - f32[]={0.00390625} i8[]={-128}", "",
                  "i8[1,2]={-128,127}");
    op_text_fails(OP_QLINEARADD, "u8[2] f32[] u8[] i8[2] f32[] - f32[]", "", PUM_E_TYPE, "input 3");
    op_text_fails(OP_QLINEARADD, "u8[2] f32[] u8[] u8[3] f32[] - f32[]", "", PUM_E_SHAPE, "");
    op_text_fails(OP_QLINEARADD, "u8[2] f32[] u8[]", "", PUM_E_ARGUMENT, "at least 7");
    op_text_fails(OP_QLINEARSIGMOID, "u8[2] f32[2] - f32[]", "", PUM_E_SHAPE, "2 scales");
    op_text_fails(OP_QLINEARGLOBALAVERAGEPOOL, "u8[2,3,4] f32[] - f32[]", "channels_last=1",
                  PUM_E_UNSUPPORTED, "channels_last");
}

static void errors(void **state)
{
    (void)state;
    op_text_fails(OP_QUANTIZELINEAR, "f32[2,3] f32[2] u8[2]", "axis=1", PUM_E_SHAPE, "axis 1");
    op_text_fails(OP_QUANTIZELINEAR, "f32[2,3] f32[2] u8[2]", "axis=2", PUM_E_SHAPE, "axis 2");
    op_text_fails(OP_QUANTIZELINEAR, "f32[2,3] f32[3] u8[2]", "", PUM_E_SHAPE, "zero points");
    op_text_fails(OP_QUANTIZELINEAR, "f32[2,3] f32[1,3] u8[3]", "", PUM_E_SHAPE, "2 axes");
    op_text_fails(OP_QUANTIZELINEAR, "f32[2] f32[] i32[]", "", PUM_E_TYPE, "int32");
    op_text_fails(OP_QUANTIZELINEAR, "f32[2] i32[] u8[]", "", PUM_E_TYPE, "input 1");
    op_text_fails(OP_QUANTIZELINEAR, "f32[2] f32[2] u8[2]", "axis=0 block_size=2",
                  PUM_E_UNSUPPORTED, "block_size");
    op_text_fails(OP_DEQUANTIZELINEAR, "i64[2] f32[]", "", PUM_E_TYPE, "input 0");
    op_text_fails(OP_DEQUANTIZELINEAR, "i8[2] f32[] u8[]", "", PUM_E_TYPE, "input 2");
    op_text_fails(OP_DYNAMICQUANTIZELINEAR, "f16[2]", "outputs=3", PUM_E_TYPE, "float32");
}

static void lowering(void **state)
{
    (void)state;
    struct base_caps gpu = op_text_caps(BASE_CAP_BIT(SHARED_FAST) | BASE_CAP_BIT(SUBGROUP));
    struct op_text_lowered low;
    op_text_lower(OP_QUANTIZELINEAR, "f32[2,3] f32[3] u8[3]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_string_equal(low.dispatches[0].row->name, "quantize_f32");
    /* Constant bytes stay bytes. */
    op_text_lower(OP_DEQUANTIZELINEAR, "!i8[2,3] f32[]", "", &gpu, &low);
    assert_string_equal(low.dispatches[0].row->name, "dequantize_bytes_f32");
    op_text_lower(OP_DEQUANTIZELINEAR, "!i32[2,3] f32[]", "", &gpu, &low);
    assert_string_equal(low.dispatches[0].row->name, "dequantize_f32");
    /* The range in two steps. */
    op_text_lower(OP_DYNAMICQUANTIZELINEAR, "f32[200000]", "outputs=3", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 3);
    assert_int_equal(low.dispatches[0].groups[0], 64);
    assert_int_equal(low.dispatches[1].groups[0], 1);
    assert_int_equal(low.scratch_count, 1);
    /* Mixed types have no kernel. */
    op_text_lower(OP_QUANTIZELINEAR, "i32[2,3] f32[]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantizes),
        cmocka_unit_test(elementwise),
        cmocka_unit_test(errors),
        cmocka_unit_test(lowering),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
