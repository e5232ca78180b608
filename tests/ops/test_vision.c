/* SPDX-License-Identifier: MIT
 *
 * test_vision.c - GridSample (every mode, padding and alignment, against values of PyTorch 1.13),
 * AffineGrid, regions of images, MaxUnpool, Col2Im, CenterCropPad; errors; lowering.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

/* torch.nn.functional.grid_sample */
static const struct {
    const char *attrs, *expected;
} samples[] = {
    {"mode=nearest padding_mode=zeros align_corners=0", "f32[1,1,2,3]={0,16,0,0,0,0}"},
    {"mode=nearest padding_mode=zeros align_corners=1", "f32[1,1,2,3]={0,16,0,2,32,0}"},
    {"mode=nearest padding_mode=border align_corners=0", "f32[1,1,2,3]={1,16,32,2,32,8}"},
    {"mode=nearest padding_mode=border align_corners=1", "f32[1,1,2,3]={1,16,32,2,32,8}"},
    {"mode=nearest padding_mode=reflection align_corners=0", "f32[1,1,2,3]={2,16,4,2,32,32}"},
    {"mode=nearest padding_mode=reflection align_corners=1", "f32[1,1,2,3]={2,16,4,2,32,32}"},
    {"mode=bilinear padding_mode=zeros align_corners=0",
     "f32[1,1,2,3]={0,17.11,0,0.3400001,12.24001,0}"},
    {"mode=bilinear padding_mode=zeros align_corners=1",
     "f32[1,1,2,3]={0.4049999,13.52,9.119999,1.53,25.08,0}"},
    {"mode=bilinear padding_mode=border align_corners=0", "f32[1,1,2,3]={1,17.11,32,1.7,32,5.2}"},
    {"mode=bilinear padding_mode=border align_corners=1",
     "f32[1,1,2,3]={1.35,13.52,30.4,1.8,26.4,4.85}"},
    {"mode=bilinear padding_mode=reflection align_corners=0",
     "f32[1,1,2,3]={1.55,17.11,6.799997,1.7,32,20.8}"},
    {"mode=bilinear padding_mode=reflection align_corners=1",
     "f32[1,1,2,3]={2.295,13.52,11.78,3.69,25.74,18.43}"},
    {"mode=bicubic padding_mode=zeros align_corners=0",
     "f32[1,1,2,3]={0.01202847,23.18796,-0.1560659,0.01238599,14.13331,0}"},
    {"mode=bicubic padding_mode=zeros align_corners=1",
     "f32[1,1,2,3]={0.3066703,17.77209,10.47075,0.5023382,29.56291,0}"},
    {"mode=bicubic padding_mode=border align_corners=0",
     "f32[1,1,2,3]={0.2439994,18.07884,33.77451,1.248421,35.01357,5.283998}"},
    {"mode=bicubic padding_mode=border align_corners=1",
     "f32[1,1,2,3]={1.21493,14.09903,32.013,0.7034441,27.53009,4.893313}"},
    {"mode=bicubic padding_mode=reflection align_corners=0",
     "f32[1,1,2,3]={-0.3515232,18.07884,6.833121,0.2400845,36.99571,22.93916}"},
    {"mode=bicubic padding_mode=reflection align_corners=1",
     "f32[1,1,2,3]={1.527006,15.29458,9.958201,2.291804,29.02142,19.91342}"},
};

static void grids_are_sampled(void **state)
{
    (void)state;
    const char *inputs = "f32[1,1,2,3]={1,2,4,8,16,32} f32[1,2,3,2]={-1.7,-0.9,0.3,0.2,0.9,2.4,"
                         "-0.2,-1.3,1.05,0.6,-3.1,0.1}";
    for (size_t i = 0; i < PUM_COUNT_OF(samples); i++)
        op_text_gives(OP_GRIDSAMPLE, inputs, samples[i].attrs, samples[i].expected);
    const char *cube = "f32[1,1,2,2,3]={0,1,2.828427,5.196152,8,11.18034,14.69694,18.52026,"
                       "22.62742,27,31.62278,36.48287} f32[1,1,1,4,3]={-1.487209,-1.183292,"
                       "-0.6424726,-1.419136,-0.08515692,-1.319651,0.8155975,0.7310982,0.2832637,"
                       "1.16357,-0.146906,0.8984718}";
    op_text_gives(OP_GRIDSAMPLE, cube, "mode=nearest padding_mode=reflection",
                  "f32[1,1,1,1,4]={0,0,36.48287,22.62742}");
    op_text_gives(OP_GRIDSAMPLE, cube, "mode=linear", "f32[1,1,1,1,4]={0,0,18.51043,4.215363}");
    op_text_gives(OP_GRIDSAMPLE, cube, "mode=linear padding_mode=reflection",
                  "f32[1,1,1,1,4]={0.2308142,2.380602,30.99889,27.5197}");
    op_text_gives(OP_GRIDSAMPLE, "i32[1,1,1,2]={3,9} f32[1,1,2,2]={nan,0,1,0}",
                  "mode=nearest align_corners=1", "i32[1,1,1,2]={0,9}");
    op_text_fails(OP_GRIDSAMPLE, "f32[1,1,2,3] f32[1,2,3,3]", "", PUM_E_SHAPE, "[1,2,3,3]");
    op_text_fails(OP_GRIDSAMPLE, "f32[1,1,2,3] f32[2,2,3,2]", "", PUM_E_SHAPE, "expected [n,c");
    op_text_fails(OP_GRIDSAMPLE, "f32[1,1,2,3] f32[1,2,3,2]", "mode=area", PUM_E_ARGUMENT, "area");
    op_text_fails(OP_GRIDSAMPLE, "f32[1,1,0,3] f32[1,2,3,2]", "", PUM_E_SHAPE, "empty image");
}

/* torch.nn.functional.affine_grid */
static void grids_are_made(void **state)
{
    (void)state;
    const char *inputs = "f32[1,2,3]={1,0.5,0.25,-0.5,2,1} i64[4]={1,1,2,3}";
    op_text_gives(OP_AFFINEGRID, inputs, "",
                  "f32[1,2,3,2]={-0.6666667,0.3333334,0,0,0.6666667,-0.3333334,-0.1666667,"
                  "2.333333,0.5,2,1.166667,1.666667}");
    op_text_gives(OP_AFFINEGRID, inputs, "align_corners=1",
                  "f32[1,2,3,2]={-1.25,-0.5,-0.25,-1,0.75,-1.5,-0.25,3.5,0.75,3,1.75,2.5}");
    op_text_fails(OP_AFFINEGRID, "f32[1,2,3] i64[4]={2,1,2,3}", "", PUM_E_SHAPE, "theta [1,2,3]");
    op_text_needs_data(OP_AFFINEGRID, inputs, "", 1);
}

static void regions(void **state)
{
    (void)state;
    const char *x = "f32[1,1,3,3]={1,2,3,4,5,6,7,8,9}";
    char text[200];
    /* One sample in the middle of each bin of a region of 2 by 2: between four elements. */
    snprintf(text, sizeof text, "%s f32[1,4]={0.5,0.5,2.5,2.5} i64[1]={0}", x);
    op_text_gives(OP_ROIALIGN, text, "output_height=2 output_width=2 sampling_ratio=1",
                  "f32[1,1,2,2]={3,4,6,7}");
    op_text_gives(OP_ROIALIGN, text,
                  "output_height=1 output_width=1 sampling_ratio=1 "
                  "coordinate_transformation_mode=output_half_pixel",
                  "f32[1,1,1,1]={7}");
    op_text_gives(OP_ROIALIGN, text, "sampling_ratio=2", "f32[1,1,1,1]={5}");
    op_text_gives(OP_ROIALIGN, text, "sampling_ratio=2 mode=max", "f32[1,1,1,1]={2.25}");
    snprintf(text, sizeof text, "%s f32[2,4]={-9,-9,-5,-5,0,0,0,0} i64[2]={0,0}", x);
    op_text_gives(OP_ROIALIGN, text, "", "f32[2,1,1,1]={0,0}");
    snprintf(text, sizeof text, "%s f32[2,5]={0,0,0,1,1,0,1,1,2,2}", x);
    op_text_gives(OP_MAXROIPOOL, text, "pooled_shape=[1,1]", "f32[2,1,1,1]={5,9}");
    snprintf(text, sizeof text, "%s f32[1,5]={0,0,0,2,2}", x);
    op_text_gives(OP_MAXROIPOOL, text, "pooled_shape=[2,2]", "f32[1,1,2,2]={5,6,8,9}");
    op_text_reference_fails(OP_ROIALIGN, "f32[1,1,3,3] f32[1,4] i64[1]={1}", "", PUM_E_RANGE,
                            "image 1 of 1");
    op_text_fails(OP_ROIALIGN, "f32[1,1,3,3] f32[1,4] i64[2]", "", PUM_E_SHAPE, "batch_indices");
    op_text_fails(OP_ROIALIGN, "f32[1,1,3,3] f32[1,4] i64[1]", "mode=min", PUM_E_ARGUMENT, "min");
    op_text_fails(OP_MAXROIPOOL, "f32[1,1,3,3] f32[1,5]", "pooled_shape=[2]", PUM_E_ARGUMENT,
                  "pooled_shape");
}

static void undone(void **state)
{
    (void)state;
    op_text_gives(OP_MAXUNPOOL, "f32[1,1,2,2]={1,2,3,4} i64[1,1,2,2]={5,7,13,15}",
                  "kernel_shape=[2,2] strides=[2,2]",
                  "f32[1,1,4,4]={0,0,0,0,0,1,0,2,0,0,0,0,0,3,0,4}");
    op_text_reference_fails(OP_MAXUNPOOL, "f32[1,1,1,1] i64[1,1,1,1]={4}", "kernel_shape=[2,2]",
                            PUM_E_RANGE, "index 4");
    op_text_fails(OP_MAXUNPOOL, "f32[1,1,1,1] i64[1,1,1,2]", "kernel_shape=[2,2]", PUM_E_SHAPE,
                  "indices");
    /* torch.nn.functional.fold */
    op_text_gives(OP_COL2IM,
                  "f32[1,8,2]={0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15} i64[2]={2,3} i64[2]={2,2}",
                  "", "f32[1,2,2,3]={0,3,3,4,11,7,8,19,11,12,27,15}");
    op_text_gives(OP_COL2IM,
                  "f32[1,4,6]={0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23} "
                  "i64[2]={3,4} i64[2]={2,2}",
                  "strides=[2,2] pads=[1,1,1,1]",
                  "f32[1,1,3,4]={18,13,19,14,9,4,10,5,21,16,22,17}");
    op_text_fails(OP_COL2IM, "f32[1,8,3] i64[2]={2,3} i64[2]={2,2}", "", PUM_E_SHAPE, "[1,8,3]");
    op_text_needs_data(OP_COL2IM, "f32[1,8,2] i64[2]={2,3} i64[2]={2,2}", "", 2);
}

static void crops(void **state)
{
    (void)state;
    op_text_gives(OP_CENTERCROPPAD, "i32[5]={1,2,3,4,5} i64[1]={2}", "", "i32[2]={2,3}");
    op_text_gives(OP_CENTERCROPPAD, "i32[2]={1,2} i64[1]={5}", "", "i32[5]={0,1,2,0,0}");
    op_text_gives(OP_CENTERCROPPAD, "i32[2,3]={1,2,3,4,5,6} i64[1]={1}", "axes=[-1]",
                  "i32[2,1]={2,5}");
    op_text_fails(OP_CENTERCROPPAD, "i32[2,3] i64[1]={1}", "", PUM_E_SHAPE, "1 values for 2");
    op_text_needs_data(OP_CENTERCROPPAD, "i32[2,3] i64[2]={1,1}", "", 1);
}

static void lowers(void **state)
{
    (void)state;
    struct base_caps caps = op_text_caps(0);
    struct op_text_lowered lowered;
    op_text_lower(OP_GRIDSAMPLE, "f32[2,20,5,7] f32[2,4,6,2]", "mode=cubic", &caps, &lowered);
    assert_int_equal(lowered.status, PUM_OK);
    assert_int_equal(lowered.count, 1);
    assert_string_equal(lowered.dispatches[0].row->name, "grid_sample_f32");
    /* 2 * 24 positions in 3 chunks of channels each: 144 invocations. */
    assert_int_equal(lowered.dispatches[0].groups[0], 3);
    op_text_lower(OP_GRIDSAMPLE, "f32[2,20,5,7,2] f32[2,4,6,2,3]", "", &caps, &lowered);
    assert_int_equal(lowered.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_ROIALIGN, "f32[1,2,7,9] f32[2,4] i64[2]", "output_height=8 output_width=8",
                  &caps, &lowered);
    assert_int_equal(lowered.status, PUM_OK);
    assert_string_equal(lowered.dispatches[0].row->name, "roi_align_f32");
    assert_int_equal(lowered.dispatches[0].groups[0], 4);
    op_text_lower(OP_CENTERCROPPAD, "f32[4,9] i64[1]={3}", "axes=[1]", &caps, &lowered);
    assert_int_equal(lowered.status, PUM_OK);
    assert_int_equal(lowered.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_are_sampled),
        cmocka_unit_test(grids_are_made),
        cmocka_unit_test(regions),
        cmocka_unit_test(undone),
        cmocka_unit_test(crops),
        cmocka_unit_test(lowers),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
