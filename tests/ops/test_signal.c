/* SPDX-License-Identifier: MIT
 *
 * test_signal.c - windows, mel bands, Fourier transforms of every kind of length, determinants.
 */
#include "op_text.h"
#include "ops/fourier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

static void windows(void **state)
{
    (void)state;
    op_text_gives(OP_HANNWINDOW, "i64[]={4}", "", "f32[4]={0,0.5,1,0.5}");
    op_text_gives(OP_HANNWINDOW, "i64[]={5}", "periodic=0 output_datatype=11",
                  "f64[5]={0,0.5,1,0.5,0}");
    op_text_gives(OP_HAMMINGWINDOW, "i32[]={2}", "", "f32[2]={0.0869565,1}");
    op_text_gives(OP_BLACKMANWINDOW, "i32[]={4}", "", "f32[4]={0,0.34,1,0.34}");
    op_text_gives(OP_HANNWINDOW, "i64[]={1}", "periodic=0", "f32[1]={1}");
    op_text_fails(OP_HANNWINDOW, "i64[]={-1}", "", PUM_E_RANGE, "-1");
    op_text_fails(OP_HANNWINDOW, "i64[]={4}", "output_datatype=8", PUM_E_TYPE, "output_datatype");
    op_text_needs_data(OP_HANNWINDOW, "i64[]={4}", "", 0);
}

/* Against the sum that defines it: lengths that are prime, powers, products, and 1. */
static void fourier_is_the_sum(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1, 2, 3, 4, 6, 7, 12, 30, 49, 64, 97, 210};
    for (size_t n = 0; n < PUM_COUNT_OF(lengths); n++) {
        int64_t length = lengths[n];
        struct fourier_value values[210], original[210];
        struct fourier fourier;
        for (int64_t i = 0; i < length; i++)
            original[i] = values[i] = (struct fourier_value){sin((double)(3 * i * i)),
                                                             cos((double)(5 * i + 1))};
        assert_int_equal(fourier_open(op_text_context, length, n % 2, &fourier), PUM_OK);
        fourier_run(&fourier, values);
        fourier_close(&fourier);
        for (int64_t k = 0; k < length; k++) {
            double re = 0, im = 0;
            for (int64_t i = 0; i < length; i++) {
                double angle = (n % 2 ? 1 : -1) * 2 * acos(-1) * (double)(i * k % length) /
                               (double)length;
                re += original[i].re * cos(angle) - original[i].im * sin(angle);
                im += original[i].re * sin(angle) + original[i].im * cos(angle);
            }
            assert_true(fabs(values[k].re - re) < 1e-9 && fabs(values[k].im - im) < 1e-9);
        }
    }
}

static void transforms(void **state)
{
    (void)state;
    op_text_gives(OP_DFT, "f32[1,4,1]={1,2,3,4}", "",
                  "f32[1,4,2]={10,0,-2,2,-2,0,-2,-2}");
    op_text_gives(OP_DFT, "f32[1,4,1]={1,2,3,4}", "onesided=1", "f32[1,3,2]={10,0,-2,2,-2,0}");
    op_text_gives(OP_DFT, "f32[1,4,2]={10,0,-2,2,-2,0,-2,-2}", "inverse=1",
                  "f32[1,4,2]={1,0,2,0,3,0,4,0}");
    op_text_gives(OP_DFT, "f32[1,3,2]={10,0,-2,2,-2,0}", "inverse=1 onesided=1",
                  "f32[1,4,1]={1,2,3,4}");
    op_text_gives(OP_DFT, "f32[2,2,1]={1,2,3,4} i64[]={3} i64[]={0}", "onesided=1",
                  "f32[2,2,2]={4,0,6,0,-0.5,-2.5980762,0,-3.4641016}");
    op_text_gives(OP_STFT, "f32[1,4,1]={1,2,3,4} i64[]={2} f32[2]={1,0.5}", "",
                  "f32[1,2,2,2]={2,0,0,0,5,0,1,0}");
    op_text_fails(OP_DFT, "f32[1,4,3]", "", PUM_E_SHAPE, "last axis");
    op_text_fails(OP_DFT, "f32[1,4,2]", "onesided=1", PUM_E_SHAPE, "real signal");
    op_text_fails(OP_DFT, "f32[1,4,1] - i64[]={2}", "", PUM_E_SHAPE, "axis 2");
    op_text_fails(OP_STFT, "f32[1,4,1] i64[]={2} f32[5]", "", PUM_E_RANGE, "frames of 5");
    op_text_fails(OP_STFT, "f32[1,4,1] i64[]={0} f32[2]", "", PUM_E_RANGE, "every 0");
    op_text_needs_data(OP_DFT, "f32[1,4,1] i64[]={4}", "", 1);
}

static void determinants(void **state)
{
    (void)state;
    op_text_gives(OP_DET, "f32[2,2]={0,2,3,4}", "", "f32[]={-6}");
    op_text_gives(OP_DET, "f32[2,2,2]={1,2,2,4,1,0,0,5}", "", "f32[2]={0,5}");
    op_text_gives(OP_DET, "f64[3,3]={2,0,1,1,3,2,1,1,1}", "", "f64[]={0}");
    op_text_fails(OP_DET, "f32[2,3]", "", PUM_E_SHAPE, "square");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows),
        cmocka_unit_test(fourier_is_the_sum),
        cmocka_unit_test(transforms),
        cmocka_unit_test(determinants),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
