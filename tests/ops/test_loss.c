/* SPDX-License-Identifier: MIT
 *
 * test_loss.c - losses: small answers known by hand, errors.
 */
#include "op_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void likelihood(void **state)
{
    (void)state;
    const char *inputs = "f32[2,3]={-1,-2,-3,-4,-5,-6} i64[2]={2,0} f32[3]={1,2,0.5}";
    op_text_gives(OP_NEGATIVELOGLIKELIHOODLOSS, inputs, "reduction=none", "f32[2]={1.5,4}");
    op_text_gives(OP_NEGATIVELOGLIKELIHOODLOSS, inputs, "reduction=sum", "f32[]={5.5}");
    op_text_gives(OP_NEGATIVELOGLIKELIHOODLOSS, inputs, "", "f32[]={3.6666667}");
    op_text_gives(OP_NEGATIVELOGLIKELIHOODLOSS, inputs, "ignore_index=0", "f32[]={3}");
    op_text_gives(OP_NEGATIVELOGLIKELIHOODLOSS, "f32[1,2,2]={-1,-2,-3,-4} i32[1,2]={1,0}",
                  "reduction=none", "f32[1,2]={3,2}");
    op_text_gives(OP_NEGATIVELOGLIKELIHOODLOSS, "f32[1,2]={-1,-2} i64[1]={-100}",
                  "reduction=sum ignore_index=-100", "f32[]={0}");
    op_text_reference_fails(OP_NEGATIVELOGLIKELIHOODLOSS, "f32[1,2] i64[1]={2}", "", PUM_E_RANGE,
                            "class 2");
    op_text_fails(OP_NEGATIVELOGLIKELIHOODLOSS, "f32[2,2] i64[1]", "", PUM_E_SHAPE, "[2,2]");
    op_text_fails(OP_NEGATIVELOGLIKELIHOODLOSS, "f32[1,2] i64[1] f32[3]", "", PUM_E_SHAPE,
                  "weights");
    op_text_fails(OP_NEGATIVELOGLIKELIHOODLOSS, "f32[1,2] i64[1]", "reduction=max", PUM_E_ARGUMENT,
                  "max");
}

static void cross_entropy(void **state)
{
    (void)state;
    /* Equal scores: every class has a half; log 2 is 0.6931472. */
    op_text_gives(OP_SOFTMAXCROSSENTROPYLOSS, "f32[2,2]={7,7,100,100} i64[2]={0,1}", "outputs=2",
                  "f32[]={0.6931472} f32[2,2]={-0.6931472,-0.6931472,-0.6931472,-0.6931472}");
    op_text_gives(OP_SOFTMAXCROSSENTROPYLOSS,
                  "f32[2,2]={7,7,0,1.0986123} i64[2]={0,1} f32[2]={1,3}", "", "f32[]={0.3890482}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihood),
        cmocka_unit_test(cross_entropy),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
