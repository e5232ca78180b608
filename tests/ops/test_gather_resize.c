/* SPDX-License-Identifier: MIT
 *
 * test_gather_resize.c - gathers, scatters and Resize: small answers known by hand, errors,
 * lowering.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void gathers(void **state)
{
    (void)state;
    op_text_gives(OP_GATHER, "i32[3,2]={1,2,3,4,5,6} i64[2]={-1,0}", "", "i32[2,2]={5,6,1,2}");
    op_text_gives(OP_GATHER, "i32[2,3]={1,2,3,4,5,6} i32[1,2]={2,0}", "axis=1",
                  "i32[2,1,2]={3,1,6,4}");
    op_text_gives(OP_GATHER, "i32[2]={7,8} i64[]={1}", "", "i32[]={8}");
    op_text_gives(OP_GATHERELEMENTS, "i32[2,2]={1,2,3,4} i64[2,2]={0,0,-1,0}", "axis=1",
                  "i32[2,2]={1,1,4,3}");
    op_text_gives(OP_GATHERND, "i32[2,2]={0,1,2,3} i64[2,2]={0,0,1,1}", "", "i32[2]={0,3}");
    op_text_gives(OP_GATHERND, "i32[2,2]={0,1,2,3} i64[2,1]={1,0}", "", "i32[2,2]={2,3,0,1}");
    op_text_gives(OP_GATHERND, "i32[2,2,2]={0,1,2,3,4,5,6,7} i64[2,1]={1,0}", "batch_dims=1",
                  "i32[2,2]={2,3,4,5}");
    op_text_gives(OP_ONEHOT, "i64[2]={1,-1} i64[]={3} i32[2]={0,5}", "",
                  "i32[2,3]={0,5,0,0,0,5}");
    op_text_gives(OP_ONEHOT, "i64[2]={1,7} i64[]={2} i32[2]={0,1}", "axis=0",
                  "i32[2,2]={0,0,1,0}");
    op_text_reference_fails(OP_GATHER, "f32[3] i64[1]={3}", "", PUM_E_RANGE, "index 3");
    op_text_reference_fails(OP_GATHER, "f32[3] i64[1]={-4}", "", PUM_E_RANGE, "index -4");
    op_text_reference_fails(OP_GATHERND, "f32[2,3] i64[1,2]={0,3}", "", PUM_E_RANGE, "3 entries");
    op_text_fails(OP_GATHER, "f32[3] f32[1]", "", PUM_E_TYPE, "input 1");
    op_text_fails(OP_GATHER, "f32[3] i64[1]", "axis=1", PUM_E_SHAPE, "axis 1");
    op_text_fails(OP_GATHERND, "f32[3] i64[1,2]", "", PUM_E_SHAPE, "tuples of 2");
    op_text_fails(OP_GATHERELEMENTS, "f32[3,2] i64[3]", "", PUM_E_SHAPE, "rank 1");
    op_text_fails(OP_ONEHOT, "i64[2] i64[]={0} f32[2]", "", PUM_E_RANGE, "depth");
}

static void scatters(void **state)
{
    (void)state;
    op_text_gives(OP_SCATTERELEMENTS, "i32[1,4]={1,2,3,4} i64[1,2]={1,-1} i32[1,2]={8,9}",
                  "axis=1", "i32[1,4]={1,8,3,9}");
    op_text_gives(OP_SCATTERELEMENTS, "f32[3]={1,2,3} i64[2]={1,1} f32[2]={10,20}",
                  "reduction=add", "f32[3]={1,32,3}");
    op_text_gives(OP_SCATTERND, "i32[4]={1,2,3,4} i64[2,1]={3,1} i32[2]={8,9}", "",
                  "i32[4]={1,9,3,8}");
    op_text_gives(OP_SCATTERND, "i32[2,2]={1,2,3,4} i64[2,1]={0,0} i32[2,2]={5,1,2,9}",
                  "reduction=max", "i32[2,2]={5,9,3,4}");
    op_text_fails(OP_SCATTERND, "i32[4] i64[2,1] i32[3]", "", PUM_E_SHAPE, "expected [2]");
    op_text_fails(OP_SCATTERND, "i32[4] i64[2,1] f32[2]", "", PUM_E_TYPE, "input 2");
    op_text_fails(OP_SCATTERELEMENTS, "i32[4] i64[2] i32[2]", "reduction=sum", PUM_E_ARGUMENT,
                  "sum");
}

static void resizes(void **state)
{
    (void)state;
    op_text_gives(OP_RESIZE, "f32[1,2]={1,2} - f32[2]={1,2}", "", "f32[1,4]={1,1,2,2}");
    /* 3 / 0.6 is 5: exact fractions, not 4.9999998. */
    op_text_gives(OP_RESIZE, "i32[6]={0,1,2,3,4,5} - f32[1]={0.6}",
                  "coordinate_transformation_mode=asymmetric nearest_mode=floor",
                  "i32[3]={0,1,3}");
    op_text_gives(OP_RESIZE, "i32[10]={0,1,2,3,4,5,6,7,8,9} - f32[1]={0.6}",
                  "coordinate_transformation_mode=asymmetric nearest_mode=floor",
                  "i32[6]={0,1,3,5,6,8}");
    op_text_gives(OP_RESIZE, "f32[2]={1,3} - f32[1]={2}", "mode=linear",
                  "f32[4]={1,1.5,2.5,3}");
    op_text_gives(OP_RESIZE, "f32[2]={1,3} - - i64[1]={3}",
                  "mode=linear coordinate_transformation_mode=align_corners", "f32[3]={1,2,3}");
    op_text_gives(OP_RESIZE, "f32[2]={1,3} - - i64[1]={1}",
                  "mode=linear coordinate_transformation_mode=pytorch_half_pixel", "f32[1]={1}");
    op_text_gives(OP_RESIZE, "f32[4]={1,2,3,4} - f32[1]={0.8}", "mode=cubic",
                  "f32[3]={1.09423828,2.40429688,3.70556641}");
    op_text_gives(OP_RESIZE, "f32[3]={0,10,20} f32[2]={0.5,1.5} - i64[1]={3}",
                  "mode=linear coordinate_transformation_mode=tf_crop_and_resize "
                  "extrapolation_value=-1.0",
                  "f32[3]={10,20,-1}");
    op_text_fails(OP_RESIZE, "f32[2]", "", PUM_E_ARGUMENT, "scales");
    op_text_fails(OP_RESIZE, "f32[2] - f32[1]={2} i64[1]={4}", "", PUM_E_ARGUMENT, "either");
    op_text_fails(OP_RESIZE, "f32[2] - f32[2]={1,2}", "", PUM_E_SHAPE, "1 axes");
    op_text_fails(OP_RESIZE, "f32[2] - f32[1]={-2}", "", PUM_E_RANGE, "scale -2");
    op_text_fails(OP_RESIZE, "f32[2] - f32[1]={100000000000}", "", PUM_E_SHAPE, "scale 1e+11");
    op_text_fails(OP_RESIZE, "f32[2] - f32[1]={2}", "mode=area", PUM_E_UNSUPPORTED, "area");
    op_text_needs_data(OP_RESIZE, "f32[2] - f32[1]={2}", "", 2);
}

static void lowerings(void **state)
{
    (void)state;
    struct base_caps caps = op_text_caps(BASE_CAP_BIT(SHARED_FAST));
    struct op_text_lowered low;

    op_text_lower(OP_GATHER, "f32[100,64] i64[7]", "", &caps, &low);
    assert_int_equal(low.count, 1);
    assert_string_equal(low.dispatches[0].row->name, "gather_vec4_b32");

    /* A table larger than a binding is gathered in windows that cover it. */
    caps.max_storage_range = 1000;
    op_text_lower(OP_GATHER, "f32[20,30] i64[7]", "", &caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_true(low.count > 2);
    uint64_t end = 0;
    for (int32_t i = 0; i < low.count; i++) {
        const struct lower_binding *binding = &low.dispatches[i].bindings[0];
        assert_int_equal(binding->offset, end);
        assert_true(binding->bytes <= 1000 && binding->offset % 64 == 0);
        end += binding->bytes;
    }
    assert_int_equal(end, 20 * 30 * 4);

    /* A scatter copies first; reductions are the host's. */
    caps.max_storage_range = 1u << 27;
    op_text_lower(OP_SCATTERND, "f32[4,4] i64[2,2]={0,1,3,2} f32[2]", "", &caps, &low);
    assert_int_equal(low.count, 2);
    assert_string_equal(low.dispatches[1].row->name, "scatter_nd_b32");
    op_text_lower(OP_SCATTERND, "f32[4,4] i64[2,2]={0,1,3,2} f32[2]", "reduction=add", &caps,
                  &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);

    op_text_lower(OP_RESIZE, "f32[1,2,5,7] - f32[4]={1,1,2,2}", "", &caps, &low);
    assert_int_equal(low.count, 1);
    op_text_lower(OP_RESIZE, "f32[1,2,5,7] - f32[4]={1,1,1,1}", "", &caps, &low);
    assert_int_equal(low.alias_count, 1);
    op_text_lower(OP_RESIZE, "f32[2,3,4,5] - - i64[4]={4,6,8,10}", "", &caps, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

/* Opsets 18 and 19; values by the formulas of ONNX's specification, computed with NumPy. */
static void resizes_of_today(void **state)
{
    (void)state;
    const char *seven = "f32[7]={1,5,2,8,3,9,4} - - i64[1]={3}";
    op_text_gives(OP_RESIZE, seven, "mode=linear antialias=1", "f32[3]={2.6875,5.294118,5.6875}");
    op_text_gives(OP_RESIZE, seven, "mode=linear antialias=1 exclude_outside=1",
                  "f32[3]={2.928571,5.294118,5.928571}");
    op_text_gives(OP_RESIZE, seven, "mode=cubic antialias=1",
                  "f32[3]={2.720175,5.375625,5.922548}");
    op_text_gives(OP_RESIZE, seven, "mode=cubic antialias=1 exclude_outside=1",
                  "f32[3]={2.838451,5.271687,6.05474}");
    op_text_gives(OP_RESIZE, "f32[2]={1,3} - f32[1]={2}", "mode=linear antialias=1",
                  "f32[4]={1,1.5,2.5,3}");
    op_text_gives(OP_RESIZE, "f32[3]={1,5,2} - f32[1]={1.5}",
                  "mode=linear coordinate_transformation_mode=half_pixel_symmetric",
                  "f32[4]={1,3.666667,4,2}");
    op_text_gives(OP_RESIZE, "f32[7]={1,5,2,8,3,9,4} - f32[1]={0.6}",
                  "mode=linear coordinate_transformation_mode=half_pixel_symmetric",
                  "f32[4]={3,3,3.833333,6.5}");
    op_text_gives(OP_RESIZE, "i32[2,2]={1,2,3,4} - f32[1]={2}", "axes=[1]",
                  "i32[2,4]={1,1,2,2,3,3,4,4}");
    op_text_gives(OP_RESIZE, "i32[2,2]={1,2,3,4} - - i64[2]={3,2}", "axes=[-1,0]",
                  "i32[2,3]={1,1,2,3,3,4}");
    op_text_gives(OP_RESIZE, "i32[2,4]={1,2,3,4,5,6,7,8} - - i64[2]={1,8}",
                  "keep_aspect_ratio_policy=not_larger", "i32[1,2]={1,3}");
    op_text_gives(OP_RESIZE, "i32[1,3]={1,2,3} - - i64[2]={2,4}",
                  "keep_aspect_ratio_policy=not_smaller",
                  "i32[2,6]={1,1,2,2,3,3,1,1,2,2,3,3}");
    op_text_fails(OP_RESIZE, "f32[2,2] - f32[2]={1,2}", "axes=[1]", PUM_E_SHAPE, "for 1 axes");
    op_text_fails(OP_RESIZE, "f32[2,2] - f32[1]={2}", "axes=[2]", PUM_E_SHAPE, "axis 2");
    op_text_fails(OP_RESIZE, "f32[2] - - i64[1]={2}", "keep_aspect_ratio_policy=best",
                  PUM_E_UNSUPPORTED, "best");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers),
        cmocka_unit_test(scatters),
        cmocka_unit_test(resizes),
        cmocka_unit_test(resizes_of_today),
        cmocka_unit_test(lowerings),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
