/* SPDX-License-Identifier: MIT
 *
 * verify.c - every kernel row that this device could use, against its operator's reference: each
 * case is planned once to see which families it reaches, then run on each row of them, pinned. What
 * fails goes on the quarantine list, so that sessions choose the next row. Tests:
 * tests/exec/test_verify.c.
 */
#include "exec/verify.h"

#include "exec/exec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SEED 20240229u
#define DETAIL_BYTES 384

struct row_verdict {
    int32_t cases, failed;
    int32_t offered; /* cases for which the device would choose another row */
    double worst;
    const char *op;
    char detail[DETAIL_BYTES];
};

struct verifier {
    pum_context *context;
    struct pum_device *device;
    const pum_verify_params *params;
    struct base_caps caps; /* without quarantine: a row on the list is tried again */
    struct row_verdict *rows;
    uint64_t seed;
};

static bool is_wanted(const struct verifier *v, const struct kernel_row *row)
{
    const char *filter = v->params->kernel_filter;
    return !filter || strstr(row->name, filter) != NULL;
}

static pum_status set_inputs(pum_session *session, const struct verify_case *c)
{
    for (int32_t i = 0; i < c->graph_input_count; i++) {
        const struct host_tensor *from =
            c->graph_inputs[i] < 0 ? &c->residual : &c->inputs[c->graph_inputs[i]];
        pum_tensor tensor = {
            .dtype = from->desc.dtype, .rank = from->desc.shape.rank, .data = from->data};
        memcpy(tensor.dims, from->desc.shape.dims, sizeof tensor.dims);
        (void)tensor_bytes(&from->desc, &tensor.size_bytes);
        PUM_TRY(pum_session_set_input(session, i, &tensor));
    }
    return PUM_OK;
}

static bool plan_uses(const struct exec_plan *ep, const struct kernel_row *row)
{
    for (int32_t i = 0; i < ep->plan->dispatch_count; i++) {
        if (ep->plan->dispatches[i].record.row == row)
            return true;
    }
    return false;
}

/* Whether the plan reaches the family of `row` with elements that it takes. */
static bool plan_reaches(const struct exec_plan *ep, const struct kernel_row *row)
{
    for (int32_t i = 0; i < ep->plan->dispatch_count; i++) {
        const struct kernel_row *used = ep->plan->dispatches[i].record.row;
        if (strcmp(used->family, row->family) == 0 &&
            (row->store == used->store || row->store == STORE_NONE))
            return true;
    }
    return false;
}

static void note(struct verifier *v, const struct kernel_row *row, const struct verify_case *c,
                 double worst, const char *detail)
{
    struct row_verdict *verdict = &v->rows[row - kernel_rows];
    verdict->cases++;
    verdict->op = op_rows[c->test->op].name;
    if (worst > verdict->worst)
        verdict->worst = worst;
    if (worst <= 1)
        return;
    if (verdict->failed++ == 0)
        snprintf(verdict->detail, sizeof verdict->detail, "%s %s %s (%s:%d): %s",
                 op_rows[c->test->op].name, c->test->inputs, c->test->attrs, c->test->file,
                 c->test->line, detail);
}

/* Runs the case and gives the largest error over its tolerance. */
static pum_status run_case(pum_session *session, const struct verify_case *c, double *out_worst,
                           char *detail)
{
    *out_worst = 0;
    detail[0] = 0;
    PUM_TRY(pum_session_run(session));
    for (int32_t i = 0; i < c->data.output_count; i++) {
        pum_tensor got;
        PUM_TRY(pum_session_get_output(session, i, &got));
        double worst = verify_compare(&op_rows[c->test->op], &c->outputs[i], &c->scale[i], &got,
                                      detail, DETAIL_BYTES / 2);
        if (worst > *out_worst)
            *out_worst = worst;
    }
    return PUM_OK;
}

static pum_status open_session(struct verifier *v, const struct verify_case *c,
                               const struct kernel_row *pinned, const char **pins,
                               pum_session **out_session, struct exec_plan **out_plan)
{
    struct base_caps caps = v->caps;
    pins[0] = pinned ? pinned->name : NULL;
    pins[1] = NULL;
    caps.pinned = pins;
    PUM_TRY(exec_session_create(v->device, c->graph, NULL, &caps, false, out_session));
    pum_status status = set_inputs(*out_session, c);
    for (int32_t i = 0; i < c->graph_input_count; i++)
        (*out_session)->descs[i] = (*out_session)->inputs[i].desc;
    if (status == PUM_OK)
        status = exec_find_plan(*out_session, (*out_session)->descs, NULL, out_plan);
    if (status != PUM_OK)
        pum_session_destroy(out_session);
    return status;
}

/* A driver that refuses a kernel fails it; a lost device or lack of memory ends everything. */
static bool is_fatal(pum_status status)
{
    return status == PUM_E_DEVICE_LOST || status == PUM_E_MEMORY;
}

/* A row is tried on every case for which the device would choose it, and on a sample of the others
 * that it fits: the first few and every twelfth. (Kernels for GPUs take a second each to compile on
 * CPU drivers.) */
#define SAMPLE_FIRST 6
#define SAMPLE_STEP 12

static bool is_sampled(struct verifier *v, const struct kernel_row *row)
{
    int32_t offered = v->rows[row - kernel_rows].offered++;
    return offered < SAMPLE_FIRST || offered % SAMPLE_STEP == 0;
}

static pum_status try_row(struct verifier *v, const struct verify_case *c,
                          const struct kernel_row *row, bool chosen)
{
    const char *pins[2];
    pum_session *session;
    struct exec_plan *ep;
    PUM_TRY(open_session(v, c, row, pins, &session, &ep));
    pum_status status = PUM_OK;
    if (plan_uses(ep, row) && (chosen || is_sampled(v, row))) {
        double worst;
        char detail[DETAIL_BYTES / 2];
        status = run_case(session, c, &worst, detail);
        if (status != PUM_OK)
            note(v, row, c, INFINITY, pum_last_error());
        else
            note(v, row, c, worst, detail);
    }
    pum_session_destroy(&session);
    return is_fatal(status) ? status : PUM_OK;
}

static pum_status try_case(struct verifier *v, const struct verify_case *c)
{
    const char *pins[2];
    char why[KERNEL_WHY_BYTES];
    pum_session *session;
    struct exec_plan *ep;
    PUM_TRY(open_session(v, c, NULL, pins, &session, &ep));
    pum_status status = PUM_OK;
    for (int32_t r = 0; r < kernel_row_count && status == PUM_OK; r++) {
        const struct kernel_row *row = &kernel_rows[r];
        bool usable =
            is_wanted(v, row) && plan_reaches(ep, row) && !kernel_unusable(row, &v->caps, why);
        if (usable)
            status = try_row(v, c, row, plan_uses(ep, row));
    }
    pum_session_destroy(&session);
    return status;
}

static pum_status verify_variant(struct verifier *v, const struct op_case *test, bool half,
                                 enum verify_tail tail)
{
    struct verify_case c;
    if (!op_rows[test->op].lowering->function)
        return PUM_OK; /* the host's alone */
    pum_status status = verify_case_make(v->context, test, v->seed, half, tail, &c);
    if (status == PUM_E_UNSUPPORTED || status == PUM_E_TYPE)
        return PUM_OK; /* no such variant */
    if (status != PUM_OK)
        return pum_fail_prefix(status, "%s:%d: case of %s", test->file, test->line,
                               op_rows[test->op].name);
    status = try_case(v, &c);
    verify_case_free(v->context, &c);
    return status;
}

/* Chains cost a pipeline for each set of specialization constants, so not every case has one behind
 * it: the first few of an operator do, of elementwise ones, which are chain steps themselves, the
 * first. */
#define CASES_WITH_CHAINS 4

static bool wants_tail(int32_t index, enum verify_tail tail)
{
    int32_t before = 0; /* cases of the same operator */
    while (before < index && op_cases[index - 1 - before].op == op_cases[index].op)
        before++;
    if (tail == VERIFY_PLAIN)
        return true;
    if (op_rows[op_cases[index].op].tolerance == OP_ELEMENTWISE)
        return before == 0 && tail == VERIFY_CHAIN_FULL;
    return before < CASES_WITH_CHAINS;
}

static pum_status verify_all(struct verifier *v)
{
    bool halves = v->caps.bits & BASE_CAP_BIT(F16_STORAGE) && v->caps.bits & BASE_CAP_BIT(F16);
    for (int32_t i = 0; i < op_case_count; i++) {
        for (int32_t tail = 0; tail < VERIFY_TAIL_COUNT; tail++) {
            if (!wants_tail(i, (enum verify_tail)tail))
                continue;
            PUM_TRY(verify_variant(v, &op_cases[i], false, (enum verify_tail)tail));
            if (halves)
                PUM_TRY(verify_variant(v, &op_cases[i], true, (enum verify_tail)tail));
        }
    }
    return PUM_OK;
}

static pum_status report_row(struct verifier *v, int32_t index, int32_t *failed)
{
    const struct kernel_row *row = &kernel_rows[index];
    struct row_verdict *verdict = &v->rows[index];
    char why[KERNEL_WHY_BYTES];
    pum_verify_result result = {.kernel = row->name,
                                .op = verdict->op ? verdict->op : row->family,
                                .case_count = verdict->cases,
                                .failed_count = verdict->failed,
                                .worst_error = verdict->worst,
                                .detail = verdict->detail};
    const char *unusable = kernel_unusable(row, &v->caps, why);
    if (unusable) {
        result.skipped = true;
        result.detail = unusable;
    }
    if (verdict->failed > 0) {
        (*failed)++;
        if (v->params->quarantine) {
            PUM_TRY(gpu_device_quarantine(v->device, row->name));
            result.quarantined = true;
        }
    }
    if (v->params->report)
        v->params->report(v->params->report_user, &result);
    return PUM_OK;
}

pum_status pum_device_verify(pum_device *device, const pum_verify_params *params,
                             int32_t *out_failed)
{
    static const pum_verify_params defaults = {0};
    if (!device || !out_failed)
        return pum_fail(PUM_E_ARGUMENT, "pum_device_verify: device or out_failed is NULL");
    *out_failed = 0;
    struct verifier v = {.context = gpu_device_context(device),
                         .device = device,
                         .params = params ? params : &defaults,
                         .caps = *gpu_device_caps(device)};
    v.caps.quarantined = NULL;
    v.seed = v.params->seed ? v.params->seed : DEFAULT_SEED;
    v.rows = pum_alloc(v.context, (size_t)kernel_row_count, sizeof *v.rows);
    if (!v.rows)
        return PUM_E_MEMORY;
    pum_status status = verify_all(&v);
    for (int32_t i = 0; i < kernel_row_count && status == PUM_OK; i++) {
        if (is_wanted(&v, &kernel_rows[i]))
            status = report_row(&v, i, out_failed);
    }
    pum_free(v.context, v.rows);
    return status;
}
