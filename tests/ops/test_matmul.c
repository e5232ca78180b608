/* SPDX-License-Identifier: MIT
 *
 * test_matmul.c - MatMul and Gemm: answers known by hand, errors, which kernel is chosen where, and
 * how products larger than a binding are cut.
 */
#include "op_text.h"
#include "push_matmul.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define A23 "f32[2,3]={1,2,3,4,5,6}"
#define B32 "f32[3,2]={1,0,0,1,2,-1}"

static void products(void **state)
{
    (void)state;
    op_text_gives(OP_MATMUL, A23 " " B32, "", "f32[2,2]={7,-1,16,-1}");
    op_text_gives(OP_MATMUL, A23 " " B32 " f32[2]={10,20}", "", "f32[2,2]={17,19,26,19}");
    op_text_gives(OP_MATMUL, A23 " f32[2,3]={1,0,2,0,1,-1}", "transB=1", "f32[2,2]={7,-1,16,-1}");
    op_text_gives(OP_MATMUL, "f32[3,2]={1,4,2,5,3,6} " B32, "transA=1", "f32[2,2]={7,-1,16,-1}");
    op_text_gives(OP_MATMUL, "f32[3]={1,2,3} " B32, "", "f32[2]={7,-1}");
    op_text_gives(OP_MATMUL, A23 " f32[3]={1,0,2}", "", "f32[2]={7,16}");
    op_text_gives(OP_MATMUL, "f32[2,1,1,2]={1,2,3,4} f32[3,2,1]={1,0,0,1,1,1}", "",
                  "f32[2,3,1,1]={1,2,3,3,4,7}");
    op_text_gives(OP_MATMUL, "i64[1,2]={3,4} i64[2,1]={5,-6}", "", "i64[1,1]={-9}");
    op_text_gives(OP_GEMM, A23 " " B32 " f32[2,1]={1,2}", "alpha=2.0 beta=0.5",
                  "f32[2,2]={14.5,-1.5,33,-1}");
    op_text_gives(OP_GEMM, A23 " " B32, "", "f32[2,2]={7,-1,16,-1}");
}

static void errors(void **state)
{
    (void)state;
    op_text_fails(OP_MATMUL, "f32[2,3] f32[4,2]", "", PUM_E_SHAPE, "inner sizes differ");
    op_text_fails(OP_MATMUL, "f32[2,3] f32[3,2]", "transB=1", PUM_E_SHAPE, "transposed");
    op_text_fails(OP_MATMUL, "f32[2,2,3] f32[3,3,2]", "", PUM_E_SHAPE, "broadcast");
    op_text_fails(OP_MATMUL, "f32[] f32[3,2]", "", PUM_E_SHAPE, "scalar");
    op_text_fails(OP_MATMUL, "f32[2,3] f16[3,2]", "", PUM_E_TYPE, "float32");
    op_text_fails(OP_MATMUL, "bool[2,3] bool[3,2]", "", PUM_E_TYPE, "integer");
    op_text_fails(OP_MATMUL, "f32[2,3] f32[3,2] f32[3]", "", PUM_E_SHAPE, "input 2");
    op_text_fails(OP_MATMUL, "f32[2,3] f32[3,2] f32[1,2,2]", "", PUM_E_SHAPE, "input 2");
    op_text_fails(OP_GEMM, "f32[1,2,3] f32[3,2]", "", PUM_E_SHAPE, "expected 2");
    op_text_fails(OP_GEMM, "f32[2,3] f32[3,2] f16[2]", "", PUM_E_TYPE, "float32");
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
                                         BASE_CAP_BIT(F16_STORAGE) | BASE_CAP_BIT(REGISTERS));
    caps.subgroup_size = 32;
    return caps;
}

static struct push_matmul push_of(const struct lower_dispatch *dispatch)
{
    struct push_matmul push;
    memcpy(&push, dispatch->push, sizeof push);
    return push;
}

static void one_row(const struct base_caps *caps, const char *inputs, const char *attrs,
                    const char *row, uint32_t groups)
{
    struct op_text_lowered low;
    op_text_lower(OP_MATMUL, inputs, attrs, caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 1);
    assert_string_equal(low.dispatches[0].row->name, row);
    assert_int_equal(low.dispatches[0].groups[0], groups);
}

static void choice(void **state)
{
    (void)state;
    struct base_caps wide = wide_caps(), gpu = gpu_caps(), few = gpu_caps();
    one_row(&wide, "f32[40,63] f32[63,100]", "", "matmul_lanes_n4_f32", 3 * 4);
    one_row(&wide, "f32[63,40] f32[63,100]", "transA=1", "matmul_lanes_n4_f32", 3 * 4);
    one_row(&wide, "f32[40,64] f32[100,64]", "transB=1", "matmul_lanes_f32", 3 * 4);
    one_row(&wide, "f32[40,64] f32[64,99]", "", "matmul_lanes_f32", 3 * 4);
    one_row(&wide, "f32[5,64] f32[64,99]", "", "matmul_lanes_f32", 4);
    wide.bits = BASE_CAP_BIT(LANES_WIDE);
    one_row(&wide, "f32[40,64] f32[64,100]", "", "matmul_direct_f32", 3 * 4);
    one_row(&gpu, "f32[128,64] f32[64,4096]", "", "matmul_tiled_large_f32", 64);
    one_row(&gpu, "f32[128,64] f32[64,2048]", "", "matmul_tiled_vec_f32", 64);
    one_row(&gpu, "f32[128,63] f32[63,2048]", "", "matmul_tiled_f32", 64);
    one_row(&gpu, "f32[32,64] f32[64,4096]", "", "matmul_tiled_small_vec_f32", 128);
    one_row(&gpu, "f32[128,64] f32[64,200]", "", "matmul_tiled_small_vec_f32", 4 * 7);
    one_row(&gpu, "f16[128,63] f16[63,201]", "", "matmul_tiled_small_f16", 4 * 7);
    one_row(&gpu, "f32[1,64] f32[100,64]", "transB=1", "matvec_rows_f32", 50);
    one_row(&gpu, "f32[1,64] f32[64,100]", "", "matvec_columns_f32", 4);
    few.bits &= ~BASE_CAP_BIT(REGISTERS);
    one_row(&few, "f32[128,64] f32[64,4096]", "", "matmul_tiled_small_vec_f32", 4 * 128);
}

static void simpler_forms(void **state)
{
    (void)state;
    struct base_caps wide = wide_caps();
    struct op_text_lowered low;
    /* One column is one row of the transposed product: the weight is read along k. */
    op_text_lower(OP_MATMUL, "f32[96,64] f32[64,1]", "", &wide, &low);
    assert_string_equal(low.dispatches[0].row->name, "matmul_lanes_f32");
    struct push_matmul push = push_of(&low.dispatches[0]);
    assert_int_equal(push.m, 1);
    assert_int_equal(push.n, 96);
    assert_int_equal(low.dispatches[0].bindings[1].value, 0);
    /* Many products with one B are one product. */
    op_text_lower(OP_MATMUL, "f32[7,5,64] f32[64,32]", "", &wide, &low);
    push = push_of(&low.dispatches[0]);
    assert_int_equal(push.m, 35);
    assert_int_equal(push.batch, 1);
    op_text_lower(OP_MATMUL, "f32[2,1,4,8] f32[3,8,4]", "", &wide, &low);
    push = push_of(&low.dispatches[0]);
    assert_int_equal(push.batch, 6);
    assert_int_equal(push.a_div, 3);
    assert_int_equal(push.a_mod, 2);
    assert_int_equal(push.b_div, 1);
    assert_int_equal(push.b_mod, 3);
    /* Axes of A apart from each other have no kernel, integers neither. */
    op_text_lower(OP_MATMUL, "f32[2,1,2,4,8] f32[2,3,2,8,4]", "", &wide, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_MATMUL, "i32[2,3] i32[3,2]", "", &wide, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_MATMUL, "f32[0,3] f32[3,2]", "", &wide, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 0);
}

/* Every element of Y is computed from all of k: counted over the records of products [m,k] by
 * [k,n], with what is bound checked against the device. */
static void check_cut(const struct base_caps *caps, const char *inputs, const char *attrs,
                      int64_t m, int64_t n, int64_t k, int64_t matrices)
{
    struct op_text_lowered low;
    double work = 0;
    op_text_lower(OP_MATMUL, inputs, attrs, caps, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_true(low.count > 1);
    for (int32_t i = 0; i < low.count; i++) {
        const struct lower_dispatch *dispatch = &low.dispatches[i];
        struct push_matmul push = push_of(dispatch);
        work += 2.0 * push.m * push.n * push.k * push.batch;
        for (uint32_t b = 0; b < 4; b++) {
            if (dispatch->bindings[b].value < 0)
                continue;
            assert_int_equal(dispatch->bindings[b].offset % caps->storage_alignment, 0);
            assert_true(dispatch->bindings[b].bytes <= caps->max_storage_range);
        }
        assert_true(push.index_base / push.ldc % m == push.row_base);
        assert_true(push.row_base + push.m <= m);
        assert_true(push.index_base % push.ldc + push.n <= n);
    }
    assert_true(work == 2.0 * (double)m * (double)n * (double)k * (double)matrices);
}

static void cuts(void **state)
{
    (void)state;
    struct base_caps caps = gpu_caps();
    struct op_text_lowered low;
    caps.max_storage_range = 8192; /* 2048 floats */
    check_cut(&caps, "f32[20,100] f32[100,40]", "", 20, 40, 100, 1); /* k */
    check_cut(&caps, "f32[20,100] f32[90,100]", "transB=1", 20, 90, 100, 1); /* columns */
    check_cut(&caps, "f32[90,100] f32[100,16]", "", 90, 16, 100, 1); /* rows */
    check_cut(&caps, "f32[100,90] f32[100,16]", "transA=1", 90, 16, 100, 1); /* k, by A */
    check_cut(&caps, "f32[100,20] f32[20,100]", "", 100, 100, 20, 1); /* rows, by Y */
    check_cut(&caps, "f32[90,100] f32[100,40]", "", 90, 40, 100, 1); /* rows and k */
    check_cut(&caps, "f32[3,32,32] f32[3,32,32]", "", 32, 32, 32, 3); /* matrices */
    /* Parts along k add up; bias belongs to the last. */
    op_text_lower(OP_MATMUL, "f32[20,100] f32[100,40] f32[40]", "", &caps, &low);
    assert_int_equal(low.count, 3);
    for (int32_t i = 0; i < low.count; i++) {
        const struct lower_dispatch *dispatch = &low.dispatches[i];
        assert_int_equal(kernel_get_spec(dispatch->row, dispatch->specs, "ACCUMULATE"), i > 0);
        assert_int_equal((push_of(dispatch).mode & MATMUL_BIAS) != 0, i == 2);
    }
    /* Matrices at offsets that cannot be bound. */
    op_text_lower(OP_MATMUL, "f32[30,9,9] f32[30,9,9]", "", &caps, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    /* Drivers that end long loops get shorter ones. */
    caps = wide_caps();
    op_text_lower(OP_MATMUL, "f32[1,70000] f32[70000,2]", "", &caps, &low);
    assert_int_equal(low.count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products), cmocka_unit_test(errors), cmocka_unit_test(choice),
        cmocka_unit_test(simpler_forms), cmocka_unit_test(cuts),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
