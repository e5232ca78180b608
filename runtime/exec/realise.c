/* SPDX-License-Identifier: MIT
 *
 * realise.c - a plan made real: arenas, staging (only where the host cannot map the arenas), host
 * copies, weights, pipelines. Everything that a warm run needs is allocated here. Tests:
 * tests/exec/test_session.c.
 */
#include "exec/exec.h"

#include <string.h>

uint64_t exec_binding_bytes(const struct plan *plan, const struct lower_binding *binding)
{
    if (binding->bytes)
        return binding->bytes;
    return plan->values[binding->value].bytes - binding->offset;
}

struct gpu_range exec_range(const struct exec_plan *ep, const struct lower_binding *binding)
{
    const struct plan *plan = ep->plan;
    uint64_t offset, bytes = exec_binding_bytes(plan, binding);
    const struct plan_value *base = &plan->values[plan_resolve(plan, binding->value, &offset)];
    struct gpu_range range;
    if (base->kind == PLAN_VALUE_WEIGHT)
        range = ep->weights[base->weight];
    else
        range = (struct gpu_range){ep->arenas[base->arena], base->offset, 0};
    range.offset += offset + binding->offset;
    /* Bindings see whole words; blocks are padded to more than that. */
    range.bytes = bytes ? (bytes + 3) & ~(uint64_t)3 : 4;
    return range;
}

static pum_status make_arenas(struct pum_session *session, struct exec_plan *ep)
{
    for (int32_t i = 0; i < ep->plan->layout.arena_count; i++)
        PUM_TRY(gpu_buffer_create(session->device, ep->plan->layout.arena_bytes[i],
                                  GPU_BUFFER_DEVICE, "activations", &ep->arenas[i]));
    return PUM_OK;
}

static bool all_mapped(const struct exec_plan *ep)
{
    for (int32_t i = 0; i < ep->plan->layout.arena_count; i++) {
        if (!gpu_buffer_map(ep->arenas[i]))
            return false;
    }
    return true;
}

/* Room for `value` in the upload or readback buffer. */
static void reserve(struct exec_plan *ep, int32_t value, uint64_t *total)
{
    ep->staging[value] = *total;
    *total += (ep->plan->values[value].bytes + 255) & ~(uint64_t)255;
}

static pum_status make_staging(struct pum_session *session, struct exec_plan *ep)
{
    struct plan *plan = ep->plan;
    ep->staging =
        base_arena_alloc(&plan->arena, (size_t)plan->value_count + 1, sizeof *ep->staging);
    if (!ep->staging)
        return PUM_E_MEMORY;
    if (all_mapped(ep))
        return PUM_OK;
    for (int32_t s = 0; s < plan->segment_count; s++) {
        for (int32_t i = 0; i < plan->segments[s].upload_count; i++)
            reserve(ep, plan->segments[s].uploads[i], &ep->upload_bytes);
        for (int32_t i = 0; i < plan->segments[s].download_count; i++)
            reserve(ep, plan->segments[s].downloads[i], &ep->readback_bytes);
    }
    if (ep->upload_bytes)
        PUM_TRY(gpu_buffer_create(session->device, ep->upload_bytes, GPU_BUFFER_UPLOAD, "upload",
                                  &ep->upload));
    if (ep->readback_bytes)
        PUM_TRY(gpu_buffer_create(session->device, ep->readback_bytes, GPU_BUFFER_READBACK,
                                  "readback", &ep->readback));
    return PUM_OK;
}

static pum_status make_host_copy(struct pum_session *session, struct exec_plan *ep, int32_t value)
{
    size_t bytes;
    if (ep->host[value])
        return PUM_OK;
    if (!tensor_bytes(&ep->plan->graph->tensors[value].desc, &bytes))
        return pum_fail(PUM_E_RANGE, "tensor '%s' is too large",
                        ep->plan->graph->tensors[value].name);
    ep->host[value] = pum_alloc(session->context, bytes ? bytes : 1, 1);
    return ep->host[value] ? PUM_OK : PUM_E_MEMORY;
}

static pum_status make_host_copies(struct pum_session *session, struct exec_plan *ep)
{
    struct plan *plan = ep->plan;
    ep->host = base_arena_alloc(&plan->arena, (size_t)plan->value_count + 1, sizeof *ep->host);
    if (!ep->host)
        return PUM_E_MEMORY;
    for (int32_t s = 0; s < plan->segment_count; s++) {
        for (int32_t i = 0; i < plan->segments[s].download_count; i++)
            PUM_TRY(make_host_copy(session, ep, plan->segments[s].downloads[i]));
        for (int32_t i = 0; i < plan->segments[s].cast_count; i++)
            PUM_TRY(make_host_copy(session, ep, plan->segments[s].casts[i]));
    }
    for (int32_t v = 0; v < plan->graph->tensor_count; v++) {
        if (plan->values[v].written_on_host)
            PUM_TRY(make_host_copy(session, ep, v));
    }
    return PUM_OK;
}

static pum_status make_pipelines(struct pum_session *session, struct exec_plan *ep)
{
    struct plan *plan = ep->plan;
    size_t count = (size_t)plan->dispatch_count;
    ep->pipelines = base_arena_alloc(&plan->arena, count + 1, sizeof *ep->pipelines);
    struct gpu_pipeline_params *params = pum_alloc(session->context, count, sizeof *params);
    struct exec_pipeline_specs *specs = pum_alloc(session->context, count, sizeof *specs);
    pum_status status = ep->pipelines && params && specs ? PUM_OK : PUM_E_MEMORY;
    for (size_t i = 0; i < count && status == PUM_OK; i++) {
        const struct lower_dispatch *record = &plan->dispatches[i].record;
        status = exec_pipeline_params(session->device, record->row, record->specs, &specs[i],
                                      &params[i]);
    }
    if (status == PUM_OK && count > 0)
        status = gpu_pipelines_get(session->device, params, (int32_t)count, ep->pipelines);
    pum_free(session->context, specs);
    pum_free(session->context, params);
    return status;
}

static pum_status make_times(const struct pum_session *session, struct exec_plan *ep)
{
    size_t count = (size_t)ep->plan->dispatch_count + 1;
    ep->estimate_ns = base_arena_alloc(&ep->plan->arena, count, sizeof(double));
    ep->time_ns = base_arena_alloc(&ep->plan->arena, count, sizeof(double));
    if (!ep->estimate_ns || !ep->time_ns)
        return PUM_E_MEMORY;
    exec_estimate(&session->caps, ep->plan, ep->estimate_ns);
    return PUM_OK;
}

pum_status exec_realise(struct pum_session *session, struct exec_plan *ep)
{
    if (ep->real)
        return PUM_OK;
    struct plan *plan = ep->plan;
    ep->own.device = session->device;
    ep->weights =
        base_arena_alloc(&plan->arena, (size_t)plan->weight_count + 1, sizeof *ep->weights);
    if (!ep->weights)
        return PUM_E_MEMORY;
    PUM_TRY(make_arenas(session, ep));
    PUM_TRY(make_staging(session, ep));
    PUM_TRY(make_host_copies(session, ep));
    PUM_TRY(exec_weights_add(&session->weights, plan, false, ep->weights, session->progress,
                             session->progress_user));
    PUM_TRY(exec_weights_add(&ep->own, plan, true, ep->weights, NULL, NULL));
    PUM_TRY(make_pipelines(session, ep));
    PUM_TRY(make_times(session, ep));
    PUM_TRY(exec_record(session, ep));
    ep->real = true;
    return PUM_OK;
}
