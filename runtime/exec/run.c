/* SPDX-License-Identifier: MIT
 *
 * run.c - submit and wait. A run goes through the plan's segments: the host hands over values, the
 * slices are submitted, and where a host step follows, the host waits, reads and computes. The last
 * segment is left in flight for pum_session_wait. A warm run allocates nothing. Tests:
 * tests/exec/test_session.c, tests/exec/test_large.c.
 */
#include "exec/exec.h"

#include "base/thread.h"
#include "plan/store.h"

#include <string.h>

/* A slice this much over the budget, or a plan in this many times too many slices, is cut anew. */
#define RELEARN_OVER 1.5
#define RELEARN_UNDER 3

/* Where the host sees a value that crosses the border: the mapped arena or the staging buffer. */
static void *border_memory(const struct exec_plan *ep, int32_t value, bool upload,
                           struct gpu_buffer **buffer, uint64_t *offset)
{
    struct gpu_buffer *staging = upload ? ep->upload : ep->readback;
    if (staging) {
        *buffer = staging;
        *offset = ep->staging[value];
    } else {
        struct lower_binding binding = {.value = value};
        struct gpu_range range = exec_range(ep, &binding);
        *buffer = range.buffer;
        *offset = range.offset;
    }
    return (char *)gpu_buffer_map(*buffer) + *offset;
}

static pum_status hand_over(struct pum_session *session, struct exec_plan *ep, int32_t value)
{
    const struct plan *plan = ep->plan;
    const struct tensor_desc *desc = &plan->graph->tensors[value].desc;
    struct gpu_buffer *buffer;
    uint64_t offset;
    if (plan->values[value].bytes == 0)
        return PUM_OK;
    void *to = border_memory(ep, value, true, &buffer, &offset);
    pum_status status =
        store_pack(desc->dtype, plan->values[value].store, exec_host_data(session, ep, value), to,
                   shape_elements(&desc->shape));
    if (status != PUM_OK)
        return pum_fail_prefix(status, "tensor '%s'", plan->graph->tensors[value].name);
    return gpu_buffer_flush(buffer, offset, plan->values[value].bytes);
}

static pum_status take_back(struct exec_plan *ep, int32_t value)
{
    const struct plan *plan = ep->plan;
    const struct tensor_desc *desc = &plan->graph->tensors[value].desc;
    struct gpu_buffer *buffer;
    uint64_t offset;
    if (plan->values[value].bytes == 0)
        return PUM_OK;
    void *from = border_memory(ep, value, false, &buffer, &offset);
    PUM_TRY(gpu_buffer_invalidate(buffer, offset, plan->values[value].bytes));
    store_unpack(desc->dtype, plan->values[value].store, from, ep->host[value],
                 shape_elements(&desc->shape));
    return PUM_OK;
}

static pum_status start_segment(struct pum_session *session, struct exec_plan *ep, int32_t index)
{
    const struct plan_segment *segment = &ep->plan->segments[index];
    for (int32_t i = 0; i < segment->upload_count; i++)
        PUM_TRY(hand_over(session, ep, segment->uploads[i]));
    for (int32_t i = 0; i < ep->slice_count; i++) {
        if (ep->slices[i].segment == index)
            PUM_TRY(gpu_submit(session->device, ep->slices[i].commands, &session->ticket));
    }
    return PUM_OK;
}

/* An alias in another type, of what the host has: by way of the form that both have on the
 * device. */
static pum_status cast_on_host(const struct pum_session *session, struct exec_plan *ep,
                               int32_t value)
{
    enum { PART = 256 };
    uint32_t parts[PART]; /* elements on the device have at most 32 bits */
    const struct plan *plan = ep->plan;
    uint64_t offset;
    int32_t base = plan_resolve(plan, value, &offset);
    enum kernel_store store = plan->values[value].store;
    enum pum_dtype from_dtype = plan->graph->tensors[base].desc.dtype;
    enum pum_dtype to_dtype = plan->graph->tensors[value].desc.dtype;
    int64_t count = shape_elements(&plan->graph->tensors[value].desc.shape);
    const char *from = exec_host_data(session, ep, base);
    char *to = ep->host[value];

    if (count == 0)
        return PUM_OK;
    if (!from || !store_bytes(store))
        return pum_fail(PUM_E_INTERNAL, "tensor '%s' has no host copy",
                        plan->graph->tensors[value].name);
    from += offset / store_bytes(store) * pum_dtype_size(from_dtype);
    for (int64_t i = 0; i < count; i += PART) {
        int64_t part = count - i < PART ? count - i : PART;
        PUM_TRY(store_pack(from_dtype, store, from + (size_t)i * pum_dtype_size(from_dtype), parts,
                           part));
        store_unpack(to_dtype, store, parts, to + (size_t)i * pum_dtype_size(to_dtype), part);
    }
    return PUM_OK;
}

static pum_status finish_segment(const struct pum_session *session, struct exec_plan *ep,
                                 int32_t index)
{
    const struct plan_segment *segment = &ep->plan->segments[index];
    for (int32_t i = 0; i < segment->download_count; i++)
        PUM_TRY(take_back(ep, segment->downloads[i]));
    for (int32_t i = 0; i < segment->cast_count; i++)
        PUM_TRY(cast_on_host(session, ep, segment->casts[i]));
    return PUM_OK;
}

static pum_status check_inputs(struct pum_session *session)
{
    for (int32_t i = 0; i < session->graph->input_count; i++) {
        if (!session->inputs[i].set)
            return pum_fail(PUM_E_STATE, "input '%s' was not given: pum_session_set_input first",
                            session->graph->tensors[session->graph->inputs[i]].name);
        session->descs[i] = session->inputs[i].desc;
        session->values[i] = session->inputs[i].data;
    }
    return PUM_OK;
}

/* Drops the current plan after a failure to make it real. */
static void drop_plan(struct pum_session *session, struct exec_plan *ep)
{
    for (int32_t i = 0; i < session->plan_count; i++) {
        if (session->plans[i] != ep)
            continue;
        exec_plan_destroy(session, &session->plans[i]);
        session->plans[i] = session->plans[--session->plan_count];
        return;
    }
}

void pum_session_cancel(pum_session *session)
{
    if (session)
        __atomic_store_n(&session->cancelled, 1, __ATOMIC_RELAXED);
}

static pum_status check_cancelled(const struct pum_session *session)
{
    if (__atomic_load_n(&session->cancelled, __ATOMIC_RELAXED))
        return pum_fail(PUM_E_CANCELLED, "the run was cancelled");
    return PUM_OK;
}

pum_status pum_session_submit(pum_session *session)
{
    if (!session)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_submit: session is NULL");
    if (session->state == EXEC_IN_FLIGHT)
        return pum_fail(PUM_E_STATE, "a run is in flight: pum_session_wait for it first");
    PUM_TRY(gpu_device_status(session->device));
    PUM_TRY(check_inputs(session));
    struct exec_plan *ep;
    session->current = NULL;
    session->state = EXEC_IDLE;
    __atomic_store_n(&session->cancelled, 0, __ATOMIC_RELAXED);
    if (session->program)
        return exec_run_program(session);
    pum_status status = exec_find_plan(session, session->descs, session->values, &ep);
    if (status == OP_NEEDS_DATA && !session->island)
        return exec_run_program(session);
    PUM_TRY(status);
    status = exec_realise(session, ep);
    if (status != PUM_OK) {
        drop_plan(session, ep);
        return status;
    }
    session->current = ep;
    session->ticket = 0;
    session->started_ns = base_time_ns();
    for (int32_t s = 0; s < ep->plan->segment_count; s++) {
        status = check_cancelled(session);
        if (status == PUM_OK)
            status = start_segment(session, ep, s);
        bool last = s == ep->plan->segment_count - 1;
        if (status == PUM_OK && !last) {
            status =
                session->ticket ? gpu_wait(session->device, session->ticket, UINT64_MAX) : PUM_OK;
            if (status == PUM_OK)
                status = finish_segment(session, ep, s);
            if (status == PUM_OK)
                status = exec_host_steps(session, ep, s);
        }
        if (status != PUM_OK) {
            /* What was submitted must not outlive the buffers it uses. */
            if (session->ticket && gpu_wait(session->device, session->ticket, UINT64_MAX))
                pum_log(session->context, PUM_LOG_WARNING, "a failed run could not be awaited");
            return status;
        }
    }
    session->state = EXEC_IN_FLIGHT;
    return PUM_OK;
}

/* Device time of a slice; with profiling also of each of its dispatches. False without timestamps.
 * Profiling: slots 0 (begin), one after each dispatch, one at the end. */
static bool read_slice(struct pum_session *session, struct exec_plan *ep,
                       const struct exec_slice *slice, double *out_ns)
{
    double period = (double)gpu_device_timestamp_period(session->device);
    uint64_t ticks[2];
    if (period <= 0 || gpu_commands_read_timestamps(slice->commands, 0, 1, &ticks[0]) != PUM_OK ||
        gpu_commands_read_timestamps(slice->commands, slice->timestamp_count - 1, 1, &ticks[1]) !=
            PUM_OK)
        return false;
    *out_ns = (double)(ticks[1] - ticks[0]) * period;
    if (!session->profile)
        return true;
    uint64_t before = ticks[0];
    for (int32_t d = 0; d < slice->dispatch_count; d++) {
        uint64_t after;
        if (gpu_commands_read_timestamps(slice->commands, 1 + d, 1, &after) != PUM_OK)
            return false;
        ep->time_ns[slice->first_dispatch + d] = (double)(after - before) * period;
        before = after;
    }
    return true;
}

/* After a plan's first run: corrects the estimates by what was measured, and cuts the slices anew
 * when the budget was missed or slices are much shorter than it. Later runs replay what there is.
 * Not on CPU drivers, which compile in the first run, so that its times say nothing. */
static pum_status learn(struct pum_session *session, struct exec_plan *ep)
{
    double budget = 1e6 * gpu_device_budget_ms(session->device), total = 0, longest = 0;
    for (int32_t i = 0; i < ep->slice_count; i++) {
        const struct exec_slice *slice = &ep->slices[i];
        double measured;
        if (!read_slice(session, ep, slice, &measured))
            return PUM_OK;
        total += measured;
        if (measured > longest)
            longest = measured;
        if (ep->learned || slice->estimate_ns <= 0)
            continue;
        double factor = measured / slice->estimate_ns;
        for (int32_t d = 0; d < slice->dispatch_count; d++) {
            int32_t index = slice->first_dispatch + d;
            bool counted =
                i > 0 &&
                ep->slices[i - 1].first_dispatch + ep->slices[i - 1].dispatch_count > index;
            if (!counted) /* parts of one dispatch: the first part speaks for all */
                ep->estimate_ns[index] *= factor;
        }
    }
    bool over = longest > RELEARN_OVER * budget;
    bool under =
        ep->slice_count > RELEARN_UNDER * (ep->plan->segment_count + (int32_t)(total / budget));
    bool first = !ep->learned && session->caps.bits & BASE_CAP_BIT(SHARED_FAST);
    ep->learned = true;
    return first && (over || under) ? exec_record(session, ep) : PUM_OK;
}

pum_status pum_session_wait(pum_session *session, uint64_t timeout_ns)
{
    if (!session)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_wait: session is NULL");
    if (session->state != EXEC_IN_FLIGHT)
        return pum_fail(PUM_E_STATE, "nothing was submitted: pum_session_submit first");
    if (session->program) { /* all was done when it was submitted */
        session->state = EXEC_DONE;
        return PUM_OK;
    }
    struct exec_plan *ep = session->current;
    if (session->ticket) {
        pum_status status = gpu_wait(session->device, session->ticket, timeout_ns);
        if (status == PUM_E_TIMEOUT)
            return status;
        session->state = EXEC_IDLE;
        PUM_TRY(status);
    }
    session->state = EXEC_IDLE;
    PUM_TRY(finish_segment(session, ep, ep->plan->segment_count - 1));
    PUM_TRY(learn(session, ep));
    PUM_TRY(check_cancelled(session));
    session->state = EXEC_DONE;
    return PUM_OK;
}

pum_status pum_session_run(pum_session *session)
{
    PUM_TRY(pum_session_submit(session));
    return pum_session_wait(session, UINT64_MAX);
}
