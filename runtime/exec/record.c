/* SPDX-License-Identifier: MIT
 *
 * record.c - a plan's dispatches into command buffers ("slices"), so that no submission takes
 * longer than the device's time budget: the list is cut between dispatches, and a dispatch that
 * alone takes longer is cut along the outermost axis of its grid. Times are estimated at first and
 * measured later (run.c); a slice is recorded once and replayed. Tests: tests/exec/test_session.c.
 */
#include "exec/exec.h"

#include <string.h>

/* Deliberately low first guesses: a slice too many costs little, one too long annoys the user. */
#define GPU_FLOPS_PER_NS 200.0
#define GPU_BYTES_PER_NS 20.0
#define CPU_FLOPS_PER_NS 5.0
#define CPU_BYTES_PER_NS 2.0
#define DISPATCH_NS 5000.0

void exec_estimate(const struct base_caps *caps, const struct plan *plan, double *out_ns)
{
    bool gpu = caps->bits & BASE_CAP_BIT(SHARED_FAST);
    for (int32_t d = 0; d < plan->dispatch_count; d++) {
        const struct lower_dispatch *record = &plan->dispatches[d].record;
        double bytes = 0;
        for (uint32_t b = 0; b < record->row->binding_count; b++) {
            if (record->bindings[b].value >= 0)
                bytes += (double)exec_binding_bytes(plan, &record->bindings[b]);
        }
        out_ns[d] = DISPATCH_NS + record->flops / (gpu ? GPU_FLOPS_PER_NS : CPU_FLOPS_PER_NS) +
                    bytes / (gpu ? GPU_BYTES_PER_NS : CPU_BYTES_PER_NS);
    }
}

struct recorder {
    struct pum_session *session;
    struct exec_plan *ep;
    struct exec_slice *slice; /* being recorded, or NULL */
    int32_t segment;
    double budget_ns;
};

static pum_status close_slice(struct recorder *r)
{
    if (!r->slice)
        return PUM_OK;
    gpu_commands_timestamp(r->slice->commands, r->slice->timestamp_count++);
    pum_status status = gpu_commands_end(r->slice->commands);
    r->slice = NULL;
    return status;
}

/* Dispatches and bindings from `first` to the end of the segment: what a slice may need. */
static void count_rest(const struct recorder *r, int32_t first, int32_t *dispatches,
                       int32_t *bindings)
{
    const struct plan_segment *segment = &r->ep->plan->segments[r->segment];
    *dispatches = *bindings = 0;
    for (int32_t d = first; d < segment->first_dispatch + segment->dispatch_count; d++) {
        (*dispatches)++;
        *bindings += (int32_t)r->ep->plan->dispatches[d].record.row->binding_count;
    }
}

static pum_status open_slice(struct recorder *r, int32_t first_dispatch)
{
    struct exec_plan *ep = r->ep;
    int32_t dispatches, bindings;
    PUM_TRY(close_slice(r));
    PUM_TRY(pum_grow(r->session->context, &ep->slices, &ep->slice_capacity, ep->slice_count,
                     sizeof *ep->slices));
    struct exec_slice *slice = &ep->slices[ep->slice_count];
    *slice = (struct exec_slice){.segment = r->segment, .first_dispatch = first_dispatch};
    count_rest(r, first_dispatch, &dispatches, &bindings);
    int32_t timestamps = r->session->profile ? dispatches + 2 : 2;
    PUM_TRY(gpu_commands_create(r->session->device, dispatches + 1, bindings + 1, timestamps,
                                "slice", &slice->commands));
    ep->slice_count++;
    r->slice = slice;
    PUM_TRY(gpu_commands_begin(slice->commands));
    /* What ran before, in another submission, is not ordered by the plan's barriers. */
    gpu_commands_barrier(slice->commands);
    gpu_commands_timestamp(slice->commands, slice->timestamp_count++);
    return PUM_OK;
}

/* The range of a value that crosses the border, in its arena. */
static struct gpu_range border_range(const struct exec_plan *ep, int32_t value)
{
    struct lower_binding binding = {.value = value};
    return exec_range(ep, &binding);
}

static void record_copies(struct recorder *r, const int32_t *values, int32_t count, bool upload)
{
    struct exec_plan *ep = r->ep;
    for (int32_t i = 0; i < count; i++) {
        struct gpu_range arena = border_range(ep, values[i]);
        struct gpu_range staging = {upload ? ep->upload : ep->readback, ep->staging[values[i]],
                                    arena.bytes};
        if (upload)
            gpu_commands_copy(r->slice->commands, &staging, &arena);
        else
            gpu_commands_copy(r->slice->commands, &arena, &staging);
    }
}

static pum_status record_part(struct recorder *r, int32_t index, const uint32_t base[3],
                              const uint32_t groups[3])
{
    const struct plan_dispatch *dispatch = &r->ep->plan->dispatches[index];
    const struct kernel_row *row = dispatch->record.row;
    struct gpu_range ranges[KERNEL_MAX_BINDINGS];
    struct gpu_range dummy = {0};
    for (uint32_t b = 0; b < row->binding_count; b++) {
        ranges[b].buffer = NULL;
        if (dispatch->record.bindings[b].value < 0)
            continue;
        ranges[b] = exec_range(r->ep, &dispatch->record.bindings[b]);
        dummy = ranges[b];
    }
    for (uint32_t b = 0; b < row->binding_count; b++) {
        if (!ranges[b].buffer) /* the kernel does not touch it, but something must be bound */
            ranges[b] = dummy;
    }
    r->slice->dispatch_count = index + 1 - r->slice->first_dispatch;
    PUM_TRY(gpu_commands_dispatch(r->slice->commands, r->ep->pipelines[index], ranges,
                                  dispatch->record.push, base, groups, row->name));
    if (r->session->profile)
        gpu_commands_timestamp(r->slice->commands, r->slice->timestamp_count++);
    return PUM_OK;
}

/* Cuts a long dispatch along its outermost axis (include/grid.glsl relies on that axis); each part
 * has a submission of its own. */
static pum_status record_in_parts(struct recorder *r, int32_t index, double estimate)
{
    const uint32_t *groups = r->ep->plan->dispatches[index].record.groups;
    int32_t axis = groups[2] > 1 ? 2 : groups[1] > 1 ? 1 : 0;
    double wanted = estimate / r->budget_ns + 1;
    uint32_t parts = wanted < groups[axis] ? (uint32_t)wanted : groups[axis];
    for (uint32_t p = 0; p < parts; p++) {
        uint32_t base[3] = {0, 0, 0}, count[3] = {groups[0], groups[1], groups[2]};
        base[axis] = (uint32_t)((uint64_t)groups[axis] * p / parts);
        count[axis] = (uint32_t)((uint64_t)groups[axis] * (p + 1) / parts) - base[axis];
        if (p > 0)
            PUM_TRY(open_slice(r, index));
        r->slice->estimate_ns += estimate / parts;
        PUM_TRY(record_part(r, index, base, count));
    }
    return PUM_OK;
}

static pum_status record_dispatch(struct recorder *r, int32_t index)
{
    const struct plan_dispatch *dispatch = &r->ep->plan->dispatches[index];
    double estimate = r->ep->estimate_ns[index];
    bool empty = r->slice->dispatch_count == 0;
    if (!empty && r->slice->estimate_ns + estimate > r->budget_ns) {
        PUM_TRY(open_slice(r, index));
        empty = true;
    }
    if (dispatch->barrier_before && !empty)
        gpu_commands_barrier(r->slice->commands);
    if (estimate > r->budget_ns && !r->session->profile)
        return record_in_parts(r, index, estimate);
    r->slice->estimate_ns += estimate;
    const uint32_t base[3] = {0, 0, 0};
    return record_part(r, index, base, dispatch->record.groups);
}

static pum_status record_segment(struct recorder *r)
{
    const struct plan_segment *segment = &r->ep->plan->segments[r->segment];
    bool uploads = r->ep->upload && segment->upload_count > 0;
    bool downloads = r->ep->readback && segment->download_count > 0;
    if (segment->dispatch_count == 0 && !uploads && !downloads)
        return PUM_OK;
    PUM_TRY(open_slice(r, segment->first_dispatch));
    if (uploads) {
        record_copies(r, segment->uploads, segment->upload_count, true);
        gpu_commands_barrier(r->slice->commands);
    }
    for (int32_t d = 0; d < segment->dispatch_count; d++)
        PUM_TRY(record_dispatch(r, segment->first_dispatch + d));
    if (downloads) {
        gpu_commands_barrier(r->slice->commands);
        record_copies(r, segment->downloads, segment->download_count, false);
    }
    gpu_commands_barrier_host(r->slice->commands);
    return close_slice(r);
}

pum_status exec_record(struct pum_session *session, struct exec_plan *ep)
{
    for (int32_t i = 0; i < ep->slice_count; i++)
        gpu_commands_destroy(&ep->slices[i].commands);
    ep->slice_count = 0;
    struct recorder recorder = {
        .session = session, .ep = ep, .budget_ns = 1e6 * gpu_device_budget_ms(session->device)};
    for (int32_t s = 0; s < ep->plan->segment_count; s++) {
        recorder.segment = s;
        PUM_TRY(record_segment(&recorder));
    }
    return PUM_OK;
}
