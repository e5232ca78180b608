/* SPDX-License-Identifier: MIT
 *
 * test_select.c - operators whose output's shape follows from the data: small answers known by
 * hand, and that a rule asks for the data it needs.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

static void compresses(void **state)
{
    (void)state;
    op_text_gives(OP_COMPRESS, "i32[3,2]={1,2,3,4,5,6} bool[3]={0,1,1}", "axis=0",
                  "i32[2,2]={3,4,5,6}");
    op_text_gives(OP_COMPRESS, "i32[3,2]={1,2,3,4,5,6} bool[2]={0,1}", "axis=1",
                  "i32[3,1]={2,4,6}");
    op_text_gives(OP_COMPRESS, "i32[3,2]={1,2,3,4,5,6} bool[5]={0,1,0,0,1}", "", "i32[2]={2,5}");
    op_text_gives(OP_COMPRESS, "str[3]={a,b,c} bool[3]={1,0,1}", "", "str[2]={a,c}");
    op_text_fails(OP_COMPRESS, "i32[2] bool[3]={0,0,1}", "", PUM_E_SHAPE, "condition 2 is true");
    op_text_fails(OP_COMPRESS, "i32[2] i32[2]", "", PUM_E_TYPE, "expected bool");
    op_text_needs_data(OP_COMPRESS, "i32[3] bool[3]", "", 1);
}

static void finds_what_is_not_zero(void **state)
{
    (void)state;
    op_text_gives(OP_NONZERO, "i32[2,3]={0,1,0,2,0,-3}", "", "i64[2,3]={0,1,1,1,0,2}");
    op_text_gives(OP_NONZERO, "f32[3]={0,-0,0.5}", "", "i64[1,1]={2}");
    op_text_gives(OP_NONZERO, "bool[2]={0,0}", "", "i64[1,0]={}");
    op_text_needs_data(OP_NONZERO, "i32[3]", "", 0);
}

static void finds_what_differs(void **state)
{
    (void)state;
    op_text_gives(OP_UNIQUE, "f32[6]={2,1,1,3,4,3}", "outputs=4",
                  "f32[4]={1,2,3,4} i64[4]={1,0,3,4} i64[6]={1,0,0,2,3,2} i64[4]={2,1,2,1}");
    op_text_gives(OP_UNIQUE, "f32[6]={2,1,1,3,4,3}", "sorted=0 outputs=4",
                  "f32[4]={2,1,3,4} i64[4]={0,1,3,4} i64[6]={0,1,1,2,3,2} i64[4]={1,2,2,1}");
    op_text_gives(OP_UNIQUE, "i32[3,3]={1,0,0,1,0,0,2,3,4}", "axis=0 outputs=4",
                  "i32[2,3]={1,0,0,2,3,4} i64[2]={0,2} i64[3]={0,0,1} i64[2]={2,1}");
    op_text_gives(OP_UNIQUE, "i32[2,3]={1,1,0,2,2,9}", "axis=1 outputs=3",
                  "i32[2,2]={0,1,9,2} i64[2]={2,0} i64[3]={1,1,0}");
    op_text_gives(OP_UNIQUE, "str[4]={b,a,b,c}", "outputs=2", "str[3]={a,b,c} i64[3]={1,0,3}");
    op_text_gives(OP_UNIQUE, "f32[4]={nan,1,nan,0}", "outputs=3",
                  "f32[3]={0,1,nan} i64[3]={3,1,0} i64[4]={2,1,2,0}");
    op_text_gives(OP_UNIQUE, "u64[3]={-1,1,-1}", "", "u64[2]={1,-1}");
    op_text_needs_data(OP_UNIQUE, "i32[3]", "", 0);
}

/* Three boxes: the second overlaps the first by 0.9/1.1, the third lies elsewhere. */
static void suppresses(void **state)
{
    (void)state;
    const char *boxes = "f32[1,3,4]={0,0,1,1,0,0.1,1,1.1,5,5,6,6}";
    char text[200];
    snprintf(text, sizeof text, "%s f32[1,1,3]={0.9,0.8,0.7} i64[]={9} f32[]={0.5}", boxes);
    op_text_gives(OP_NONMAXSUPPRESSION, text, "", "i64[2,3]={0,0,0,0,0,2}");
    snprintf(text, sizeof text, "%s f32[1,1,3]={0.7,0.8,0.9} i64[]={1} f32[]={0.5}", boxes);
    op_text_gives(OP_NONMAXSUPPRESSION, text, "", "i64[1,3]={0,0,2}");
    snprintf(text, sizeof text, "%s f32[1,1,3]={0.9,0.8,0.7} i64[]={9} f32[]={0.82}", boxes);
    op_text_gives(OP_NONMAXSUPPRESSION, text, "", "i64[3,3]={0,0,0,0,0,1,0,0,2}");
    snprintf(text, sizeof text,
             "%s f32[1,2,3]={0.9,0.8,0.7,0.1,0.2,0.3} i64[]={9} f32[]={0.5} "
             "f32[]={0.2}",
             boxes);
    op_text_gives(OP_NONMAXSUPPRESSION, text, "", "i64[3,3]={0,0,0,0,0,2,0,1,2}");
    snprintf(text, sizeof text, "%s f32[1,1,3]={0.9,0.8,0.7}", boxes);
    op_text_gives(OP_NONMAXSUPPRESSION, text, "", "i64[0,3]={}");
    op_text_needs_data(OP_NONMAXSUPPRESSION, "f32[1,3,4] f32[1,1,3] i64[]={1}", "", 0);
    op_text_needs_data(OP_NONMAXSUPPRESSION, "f32[1,3,4] f32[1,1,3] i64[]={1}", "", 1);
    op_text_fails(OP_NONMAXSUPPRESSION, "f32[1,3,4] f32[1,1,4] i64[]={1}", "", PUM_E_SHAPE,
                  "[1,3,4]");
    op_text_fails(OP_NONMAXSUPPRESSION, "f32[1,3,4] f32[1,1,3] i64[]={1} f32[]={2}", "",
                  PUM_E_RANGE, "iou_threshold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compresses),
        cmocka_unit_test(finds_what_is_not_zero),
        cmocka_unit_test(finds_what_differs),
        cmocka_unit_test(suppresses),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
