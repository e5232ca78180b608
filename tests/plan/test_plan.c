/* SPDX-License-Identifier: MIT
 *
 * test_plan.c - plans for a made-up device, without any: lifetimes and memory never overlap where
 * they must not, barriers stand exactly at hazards, host steps cut segments and carry what crosses.
 */
#include "plan/plan.h"

#include "ops/op.h"
#include "passes/passes.h"
#include "pumice/pumice_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static pum_context *context;

static const struct base_caps caps = {
    .bits = BASE_CAP_BIT(LANES_WIDE) | BASE_CAP_BIT(SUBGROUP),
    .tier = 1,
    .subgroup_size = 8,
    .subgroup_size_min = 8,
    .subgroup_size_max = 8,
    .max_invocations = 256,
    .max_workgroup_size = {256, 256, 64},
    .max_workgroup_count = {65535, 65535, 65535},
    .shared_bytes = 16384,
    .max_storage_buffers = 16,
    .max_push_bytes = 128,
    .max_storage_range = 1 << 27,
    .max_buffer_bytes = 1 << 30,
    .storage_alignment = 16,
};

static int setup(void **state)
{
    (void)state;
    return pum_context_create(NULL, &context) == PUM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pum_context_destroy(&context);
    return 0;
}

static void must(pum_status status)
{
    if (status != PUM_OK)
        fail_msg("%s: %s", pum_status_name(status), pum_last_error());
}

static pum_graph *begin(pum_value *x)
{
    pum_graph *g;
    must(pum_graph_create(context, &g));
    *x = pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){PUM_DIM(g, "rows"), 64});
    return g;
}

static struct plan *plan_of(pum_graph **g, pum_value y, int64_t rows)
{
    struct plan *plan;
    pum_output(*g, "y", y);
    must(pum_graph_finish(*g));
    struct tensor_desc desc = {PUM_DTYPE_F32, {2, {rows, 64}}};
    must(plan_create(*g, &caps, &desc, NULL, NULL, &plan, NULL));
    pum_graph_destroy(g);
    return plan;
}

static pum_value softmax_of(pum_graph *g, pum_value x)
{
    return pum_op1(g, "Softmax", x); /* takes no chain: stays a dispatch of its own */
}

static bool in_use(const struct plan_value *v)
{
    return v->kind == PLAN_VALUE_ACTIVATION;
}

/* Values in use at the same step lie apart, unless one took the other's place in its last step. */
static void check_memory(const struct plan *plan)
{
    for (int32_t a = 0; a < plan->value_count; a++) {
        for (int32_t b = a + 1; b < plan->value_count; b++) {
            const struct plan_value *p = &plan->values[a], *q = &plan->values[b];
            if (!in_use(p) || !in_use(q) || p->arena != q->arena)
                continue;
            bool bytes = p->offset < q->offset + q->bytes && q->offset < p->offset + p->bytes;
            bool steps = p->first <= q->last && q->first <= p->last;
            bool taken_over = p->block == q->block && (p->last == q->first || q->last == p->first);
            assert_false(bytes && steps && !taken_over);
        }
    }
}

static void a_chain_of_steps_reuses_memory(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = begin(&x);
    for (int i = 0; i < 6; i++)
        x = softmax_of(g, x);
    struct plan *plan = plan_of(&g, x, 100);
    check_memory(plan);
    assert_int_equal(plan->dispatch_count, 6);
    assert_int_equal(plan->host_step_count, 0);
    assert_int_equal(plan->segment_count, 1);
    assert_true(plan->layout.peak_bytes <= 2 * 100 * 64 * 4 + 512);
    assert_int_equal(plan->barrier_count, 5); /* each reads what the one before wrote */
    plan_destroy(&plan);
}

/* Two branches of one input do not wait for each other. */
static void independent_steps_need_no_barrier(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = begin(&x);
    pum_value a = softmax_of(g, x), b = pum_softmax(g, x, 0);
    pum_output(g, "b", b);
    struct plan *plan = plan_of(&g, a, 10);
    check_memory(plan);
    assert_int_equal(plan->dispatch_count, 2);
    assert_int_equal(plan->barrier_count, 0);
    plan_destroy(&plan);
}

/* Softmax (device), Hardmax (host only), Softmax (device). */
static void host_steps_cut_segments(void **state)
{
    (void)state;
    pum_value x;
    pum_graph *g = begin(&x);
    assert_null(op_rows[OP_HARDMAX].lowering->function);
    pum_value y = softmax_of(g, pum_op1(g, "Hardmax", softmax_of(g, x)));
    struct plan *plan = plan_of(&g, y, 4);
    check_memory(plan);
    assert_int_equal(plan->host_step_count, 1);
    assert_int_equal(plan->segment_count, 2);
    const struct plan_segment *first = &plan->segments[0], *second = &plan->segments[1];
    assert_int_equal(first->dispatch_count, 1);
    assert_int_equal(first->upload_count, 1); /* x */
    assert_int_equal(first->download_count, 1);
    assert_int_equal(first->host_last - first->host_first, 1);
    assert_int_equal(second->dispatch_count, 1);
    assert_int_equal(second->upload_count, 1);
    assert_int_equal(second->download_count, 1); /* y */
    plan_destroy(&plan);
}

/* Elements that the device has no form for stay on the host, without any dispatch. */
static void a_plan_may_be_all_on_the_host(void **state)
{
    (void)state;
    pum_graph *g;
    struct plan *plan;
    must(pum_graph_create(context, &g));
    pum_value x = pum_input(g, "x", PUM_DTYPE_F64, 1, (int64_t[]){3});
    pum_output(g, "y", pum_add(g, x, x));
    must(pum_graph_finish(g));
    struct tensor_desc desc = {PUM_DTYPE_F64, {1, {3}}};
    must(plan_create(g, &caps, &desc, NULL, NULL, &plan, NULL));
    pum_graph_destroy(&g);
    assert_int_equal(plan->dispatch_count, 0);
    assert_int_equal(plan->host_step_count, 1);
    assert_int_equal(plan->layout.peak_bytes, 0);
    plan_destroy(&plan);
}

/* softmax(x), gathered by n - 1 (host: int64) where n is an input; then all of the few integers are
 * made first, also what the device could do, and nothing waits in the middle. With no such step the
 * device does it all. */
static void few_integers_are_made_before_the_device_begins(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        const int64_t count = form == 2 ? 2000 : 3; /* too many are no few */
        struct plan *plan;
        pum_value x;
        pum_graph *g = begin(&x);
        pum_value n = pum_input(g, "n", PUM_DTYPE_I64, 1, &count);
        x = softmax_of(g, x);
        pum_value place = pum_op1(g, "Not", pum_op2(g, "Equal", n, pum_scalar_i64(g, 0)));
        place = pum_cast(g, place, PUM_DTYPE_I64);
        if (form != 1)
            place = pum_sub(g, place, pum_scalar_i64(g, 1));
        pum_output(g, "y", softmax_of(g, pum_gather(g, x, 0, place)));
        must(pum_graph_finish(g));
        struct tensor_desc descs[2] = {{PUM_DTYPE_F32, {2, {10, 64}}},
                                       {PUM_DTYPE_I64, {1, {count}}}};
        must(plan_create(g, &caps, descs, NULL, NULL, &plan, NULL));
        pum_graph_destroy(&g);
        check_memory(plan);
        const int32_t host_steps[3] = {4, 0, 1};
        assert_int_equal(plan->host_step_count, host_steps[form]);
        assert_int_equal(plan->segment_count, form == 1 ? 1 : 2);
        assert_int_equal(plan->segments[0].dispatch_count == 0, form == 0);
        if (form == 0)
            assert_int_equal(plan->segments[0].download_count, 0);
        plan_destroy(&plan);
    }
}

static void wrong_shapes_are_refused(void **state)
{
    (void)state;
    pum_value x;
    struct plan *plan;
    pum_graph *g = begin(&x);
    pum_output(g, "y", pum_relu(g, x));
    must(pum_graph_finish(g));
    struct tensor_desc desc = {PUM_DTYPE_F32, {2, {4, 65}}};
    assert_int_equal(plan_create(g, &caps, &desc, NULL, NULL, &plan, NULL), PUM_E_SHAPE);
    assert_null(plan);
    desc = (struct tensor_desc){PUM_DTYPE_F16, {2, {4, 64}}};
    assert_int_equal(plan_create(g, &caps, &desc, NULL, NULL, &plan, NULL), PUM_E_TYPE);
    desc = (struct tensor_desc){PUM_DTYPE_F32, {2, {INT64_MAX / 2, 64}}};
    assert_int_equal(plan_create(g, &caps, &desc, NULL, NULL, &plan, NULL), PUM_E_SHAPE);
    desc = (struct tensor_desc){PUM_DTYPE_F32, {2, {1ll << 40, 64}}};
    assert_int_equal(plan_create(g, &caps, &desc, NULL, NULL, &plan, NULL), PUM_E_DEVICE_MEMORY);
    pum_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_of_steps_reuses_memory),
        cmocka_unit_test(independent_steps_need_no_barrier),
        cmocka_unit_test(host_steps_cut_segments),
        cmocka_unit_test(a_plan_may_be_all_on_the_host),
        cmocka_unit_test(few_integers_are_made_before_the_device_begins),
        cmocka_unit_test(wrong_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
