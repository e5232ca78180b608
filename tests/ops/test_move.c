/* SPDX-License-Identifier: MIT
 *
 * test_move.c - shapes and movement: small answers known by hand, shape errors, and what the
 * lowerings emit.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void shapes(void **state)
{
    (void)state;
    op_text_gives(OP_SHAPE, "f32[2,3,4]", "", "i64[3]={2,3,4}");
    op_text_gives(OP_SHAPE, "f32[2,3,4]", "start=-2", "i64[2]={3,4}");
    op_text_gives(OP_SHAPE, "f32[2,3,4]", "start=1 end=-1", "i64[1]={3}");
    op_text_gives(OP_SHAPE, "f32[2,3,4]", "start=5", "i64[0]");
    op_text_gives(OP_SIZE, "f32[2,3,4]", "", "i64[]={24}");
    op_text_gives(OP_RESHAPE, "i32[2,3]={1,2,3,4,5,6} i64[2]={3,-1}", "",
                  "i32[3,2]={1,2,3,4,5,6}");
    op_text_gives(OP_RESHAPE, "i32[2,3]={1,2,3,4,5,6} i64[3]={0,1,3}", "",
                  "i32[2,1,3]={1,2,3,4,5,6}");
    op_text_gives(OP_RESHAPE, "i32[1]={7} i64[0]", "", "i32[]={7}");
    op_text_gives(OP_FLATTEN, "i32[2,1,2]={1,2,3,4}", "axis=-1", "i32[2,2]={1,2,3,4}");
    op_text_gives(OP_SQUEEZE, "i32[1,2,1]={1,2} i64[1]={-1}", "", "i32[1,2]={1,2}");
    op_text_gives(OP_SQUEEZE, "i32[1,2,1]={1,2}", "", "i32[2]={1,2}");
    op_text_gives(OP_UNSQUEEZE, "i32[2]={1,2} i64[2]={-1,0}", "", "i32[1,2,1]={1,2}");
    op_text_gives(OP_CONSTANTOFSHAPE, "i64[2]={1,2}", "value_int=3 value_dtype=6",
                  "i32[1,2]={3,3}");
    op_text_gives(OP_CONSTANTOFSHAPE, "i64[1]={2}", "", "f32[2]={0,0}");
    op_text_gives(OP_RANGE, "i64[]={10} i64[]={4} i64[]={-2}", "", "i64[3]={10,8,6}");
    op_text_gives(OP_RANGE, "f32[]={1} f32[]={2} f32[]={0.5}", "", "f32[2]={1,1.5}");
    op_text_gives(OP_RANGE, "i64[]={4} i64[]={4} i64[]={1}", "", "i64[0]");
    op_text_gives(OP_EYELIKE, "i32[2,3]", "k=1", "i32[2,3]={0,1,0,0,0,1}");
}

static void shape_errors(void **state)
{
    (void)state;
    op_text_fails(OP_RESHAPE, "f32[6] i64[2]={4,-1}", "", PUM_E_SHAPE, "do not fill");
    op_text_fails(OP_RESHAPE, "f32[6] i64[2]={-1,-1}", "", PUM_E_SHAPE, "more than one");
    op_text_fails(OP_RESHAPE, "f32[6] i64[2]={5,1}", "", PUM_E_SHAPE, "[5,1]");
    op_text_fails(OP_RESHAPE, "f32[6] i64[2]={6,-2}", "", PUM_E_SHAPE, "-2");
    op_text_fails(OP_RESHAPE, "f32[6] i64[2]={6,0}", "", PUM_E_SHAPE, "rank 1");
    op_text_fails(OP_RESHAPE, "f32[6] i64[2]={4611686018427387904,4}", "", PUM_E_SHAPE, "elements");
    op_text_fails(OP_RESHAPE, "f32[6] f32[1]={6}", "", PUM_E_TYPE, "int64");
    op_text_needs_data(OP_RESHAPE, "f32[6] i64[1]={6}", "", 1);
    op_text_fails(OP_FLATTEN, "f32[6]", "axis=2", PUM_E_SHAPE, "axis 2 of rank 1");
    op_text_fails(OP_SQUEEZE, "f32[2,1] i64[1]={0}", "", PUM_E_SHAPE, "size 2");
    op_text_fails(OP_SQUEEZE, "f32[1,1] i64[2]={0,-2}", "", PUM_E_SHAPE, "twice");
    op_text_fails(OP_UNSQUEEZE, "f32[2] i64[1]={2}", "", PUM_E_SHAPE, "axis 2 of rank 2");
    op_text_fails(OP_UNSQUEEZE, "f32[1,1,1,1,1,1,1,1] i64[1]={0}", "", PUM_E_SHAPE, "at most 8");
    op_text_fails(OP_CONSTANTOFSHAPE, "i64[1]={-1}", "", PUM_E_SHAPE, "-1");
    op_text_fails(OP_CONSTANTOFSHAPE, "i64[3]={4611686018427387904,8,8}", "", PUM_E_SHAPE, "large");
    op_text_fails(OP_RANGE, "i64[]={0} i64[]={4} i64[]={0}", "", PUM_E_RANGE, "delta");
}

static void transposes(void **state)
{
    (void)state;
    op_text_gives(OP_TRANSPOSE, "i32[2,3]={1,2,3,4,5,6}", "", "i32[3,2]={1,4,2,5,3,6}");
    op_text_gives(OP_TRANSPOSE, "u8[1,2,3]={1,2,3,4,5,6}", "perm=[2,0,1]",
                  "u8[3,1,2]={1,4,2,5,3,6}");
    op_text_gives(OP_TRANSPOSE, "i64[]={5}", "", "i64[]={5}");
    op_text_gives(OP_DEPTHTOSPACE, "i32[1,4,1,2]={1,2,3,4,5,6,7,8}", "blocksize=2",
                  "i32[1,1,2,4]={1,3,2,4,5,7,6,8}");
    op_text_gives(OP_SPACETODEPTH, "i32[1,1,2,4]={1,3,2,4,5,7,6,8}", "blocksize=2",
                  "i32[1,4,1,2]={1,2,3,4,5,6,7,8}");
    op_text_fails(OP_TRANSPOSE, "f32[2,3]", "perm=[0,0]", PUM_E_SHAPE, "twice");
    op_text_fails(OP_TRANSPOSE, "f32[2,3]", "perm=[0]", PUM_E_SHAPE, "1 entries");
    op_text_fails(OP_TRANSPOSE, "f32[2,3]", "perm=[0,2]", PUM_E_SHAPE, "axis 2");
    op_text_fails(OP_DEPTHTOSPACE, "f32[1,6,2,2]", "blocksize=2", PUM_E_SHAPE, "6 channels");
    op_text_fails(OP_DEPTHTOSPACE, "f32[1,4,2,2]", "", PUM_E_RANGE, "blocksize 0");
    op_text_fails(OP_SPACETODEPTH, "f32[1,4,2,3]", "blocksize=2", PUM_E_SHAPE, "2 x 3");
}

static void slices(void **state)
{
    (void)state;
    op_text_gives(OP_SLICE, "i32[5]={0,1,2,3,4} i64[1]={1} i64[1]={100}", "", "i32[4]={1,2,3,4}");
    op_text_gives(OP_SLICE, "i32[5]={0,1,2,3,4} i64[1]={-2} i64[1]={-100} i64[1]={0} i64[1]={-2}",
                  "", "i32[2]={3,1}");
    op_text_gives(OP_SLICE, "i32[5]={0,1,2,3,4} i64[1]={3} i64[1]={1}", "", "i32[0]");
    op_text_gives(OP_SLICE, "i32[2,3]={1,2,3,4,5,6} i64[1]={1} i64[1]={3} i64[1]={-1}", "",
                  "i32[2,2]={2,3,5,6}");
    op_text_gives(OP_SLICE,
                  "i32[3]={1,2,3} i64[1]={0} i64[1]={9223372036854775807} i64[1]={0} "
                  "i64[1]={9223372036854775807}",
                  "", "i32[1]={1}");
    op_text_gives(OP_SLICE,
                  "i32[3]={1,2,3} i64[1]={9} i64[1]={-9223372036854775807} i64[1]={0} "
                  "i64[1]={-9223372036854775807}",
                  "", "i32[1]={3}");
    op_text_gives(OP_SLICE, "i32[0] i64[1]={-1} i64[1]={-9} i64[1]={0} i64[1]={-1}", "", "i32[0]");
    op_text_fails(OP_SLICE, "f32[3] i64[1]={0} i64[1]={1} i64[1]={0} i64[1]={0}", "", PUM_E_RANGE,
                  "step 0");
    op_text_fails(OP_SLICE, "f32[3] i64[1]={0} i64[1]={1} i64[1]={1}", "", PUM_E_SHAPE,
                  "axis 1 of rank 1");
    op_text_fails(OP_SLICE, "f32[3,3] i64[2]={0,0} i64[2]={1,1} i64[2]={1,-1}", "", PUM_E_SHAPE,
                  "twice");
    op_text_fails(OP_SLICE, "f32[3] i64[1]={0} i64[2]={1,1}", "", PUM_E_SHAPE, "starts has 1");
    op_text_needs_data(OP_SLICE, "f32[3] i64[1]={0} i64[1]={1}", "", 2);
}

static void parts(void **state)
{
    (void)state;
    op_text_gives(OP_CONCAT, "i32[2,1]={1,2} i32[2,2]={3,4,5,6}", "axis=1",
                  "i32[2,3]={1,3,4,2,5,6}");
    op_text_gives(OP_CONCAT, "i32[1]={1} i32[0] i32[2]={2,3}", "axis=-1", "i32[3]={1,2,3}");
    op_text_gives(OP_SPLIT, "i32[4]={1,2,3,4}", "axis=0 outputs=2", "i32[2]={1,2} i32[2]={3,4}");
    op_text_gives(OP_SPLIT, "i32[2,3]={1,2,3,4,5,6} i64[2]={1,2}", "axis=1 outputs=2",
                  "i32[2,1]={1,4} i32[2,2]={2,3,5,6}");
    op_text_gives(OP_EXPAND, "i32[2,1]={1,2} i64[3]={2,1,2}", "",
                  "i32[2,2,2]={1,1,2,2,1,1,2,2}");
    op_text_gives(OP_TILE, "i32[1,2]={1,2} i64[2]={2,2}", "", "i32[2,4]={1,2,1,2,1,2,1,2}");
    op_text_fails(OP_CONCAT, "f32[2,3] f32[3,4]", "axis=1", PUM_E_SHAPE, "input 1 of shape [3,4]");
    op_text_fails(OP_CONCAT, "f32[2] i32[2]", "axis=0", PUM_E_TYPE, "input 1");
    op_text_fails(OP_CONCAT, "f32[2] f32[2]", "", PUM_E_ARGUMENT, "axis");
    op_text_fails(OP_SPLIT, "f32[5]", "axis=0 outputs=2", PUM_E_SHAPE, "2 equal parts");
    op_text_fails(OP_SPLIT, "f32[5] i64[2]={6,-1}", "axis=0 outputs=2", PUM_E_SHAPE, "part 0");
    op_text_fails(OP_SPLIT, "f32[5] i64[2]={1,3}", "axis=0 outputs=2", PUM_E_SHAPE, "leave 1");
    op_text_fails(OP_EXPAND, "f32[2] i64[1]={3}", "", PUM_E_SHAPE, "does not broadcast");
    op_text_fails(OP_TILE, "f32[2] i64[1]={-1}", "", PUM_E_SHAPE, "-1 repeats");
    op_text_fails(OP_TILE, "f32[8] i64[1]={9223372036854775807}", "", PUM_E_SHAPE, "repeats");
}

static void pads(void **state)
{
    (void)state;
    op_text_gives(OP_PAD, "i32[2]={1,2} i64[2]={1,2} i32[]={9}", "", "i32[5]={9,1,2,9,9}");
    op_text_gives(OP_PAD, "i32[3]={1,2,3} i64[2]={2,3}", "mode=reflect",
                  "i32[8]={3,2,1,2,3,2,1,2}");
    op_text_gives(OP_PAD, "i32[3]={1,2,3} i64[2]={2,1}", "mode=edge", "i32[6]={1,1,1,2,3,3}");
    op_text_gives(OP_PAD, "i32[3]={1,2,3} i64[2]={4,1}", "mode=wrap",
                  "i32[8]={3,1,2,3,1,2,3,1}");
    op_text_gives(OP_PAD, "i32[3]={1,2,3} i64[2]={-1,1}", "", "i32[3]={2,3,0}");
    op_text_gives(OP_PAD, "i32[1]={5} i64[2]={1,1}", "mode=reflect", "i32[3]={5,5,5}");
    op_text_gives(OP_PAD, "i32[1,2]={1,2} i64[2]={0,1} - i64[1]={-1}", "", "i32[1,3]={1,2,0}");
    op_text_gives(OP_REVERSESEQUENCE, "i32[3,2]={1,2,3,4,5,6} i64[2]={2,3}", "",
                  "i32[3,2]={3,6,1,4,5,2}");
    op_text_gives(OP_TRILU, "i32[2,3]={1,2,3,4,5,6}", "", "i32[2,3]={1,2,3,0,5,6}");
    op_text_gives(OP_TRILU, "i32[2,3]={1,2,3,4,5,6} i64[]={1}", "upper=0",
                  "i32[2,3]={1,2,0,4,5,6}");
    op_text_fails(OP_PAD, "f32[3] i64[1]={1}", "", PUM_E_SHAPE, "two an axis");
    op_text_fails(OP_PAD, "f32[3] i64[2]={-4,4}", "", PUM_E_SHAPE, "-4");
    op_text_fails(OP_PAD, "f32[3] i64[2]={9223372036854775807,1}", "", PUM_E_SHAPE, "axis 0");
    op_text_fails(OP_PAD, "f32[0] i64[2]={1,1}", "mode=edge", PUM_E_SHAPE, "empty");
    op_text_fails(OP_PAD, "f32[3] i64[2]={1,1}", "mode=mirror", PUM_E_ARGUMENT, "mirror");
    op_text_reference_fails(OP_REVERSESEQUENCE, "i32[2,1] i64[1]={3}", "", PUM_E_RANGE, "3");
}

static bool uses(const struct op_text_lowered *lowered, int32_t index, const char *row)
{
    return index < lowered->count && strcmp(lowered->dispatches[index].row->name, row) == 0;
}

static void lowerings(void **state)
{
    (void)state;
    struct base_caps caps = op_text_caps(BASE_CAP_BIT(SHARED_FAST));
    struct op_text_lowered low;

    /* A slice of whole rows at a bindable offset is no work, at another one a copy. */
    op_text_lower(OP_SLICE, "f32[9,64] i64[1]={2} i64[1]={7} i64[1]={0}", "", &caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 0);
    assert_int_equal(low.alias_count, 1);
    assert_int_equal(low.alias_offset, 2 * 64 * 4);
    op_text_lower(OP_SLICE, "f32[9,65] i64[1]={2} i64[1]={7} i64[1]={0}", "", &caps, &low);
    assert_int_equal(low.alias_count, 0);
    assert_true(uses(&low, 0, "move_strided_b32"));

    /* A transpose of axes of size 1 is no work; a large one is tiled. */
    op_text_lower(OP_TRANSPOSE, "f32[1,7,5]", "perm=[1,0,2]", &caps, &low);
    assert_int_equal(low.alias_count, 1);
    op_text_lower(OP_TRANSPOSE, "f32[64,48]", "", &caps, &low);
    assert_true(uses(&low, 0, "transpose_tile_b32"));
    assert_int_equal(low.dispatches[0].groups[0], 2 * 2);

    /* One copy an input, none for an empty one. */
    op_text_lower(OP_CONCAT, "f32[3,8] f32[3,0] f32[3,4]", "axis=1", &caps, &low);
    assert_int_equal(low.count, 2);
    assert_true(uses(&low, 0, "move_vec4_b32"));

    /* A copy of more than the device binds is cut, each part within the range. */
    caps.max_storage_range = 8192;
    op_text_lower(OP_TRANSPOSE, "f32[100,100]", "", &caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_true(low.count > 9);
    for (int32_t i = 0; i < low.count; i++)
        for (int32_t b = 0; b < 2; b++) {
            const struct lower_binding *binding = &low.dispatches[i].bindings[b];
            assert_true(binding->bytes <= 8192 && binding->offset % 64 == 0);
            assert_true(binding->offset + binding->bytes <= 40000);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),     cmocka_unit_test(shape_errors), cmocka_unit_test(transposes),
        cmocka_unit_test(slices),     cmocka_unit_test(parts),        cmocka_unit_test(pads),
        cmocka_unit_test(lowerings),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
