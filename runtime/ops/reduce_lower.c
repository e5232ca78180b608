/* SPDX-License-Identifier: MIT
 *
 * reduce_lower.c - reductions as dispatches: one result an invocation (short or strided rows, CPU
 * drivers) or one a workgroup. A few long reductions are cut into parts, whose results a second
 * dispatch reduces, so that the whole device works and the sums stay exact.
 * Tests: tests/ops/test_reduce_norm.c.
 */
#include "ops/reduce.h"

#include "ops/axes.h"

#define REDUCE_LANES_WANTED 256     /* invocations that fill a CPU driver */
#define REDUCE_GROUPS_WANTED 256    /* workgroups that fill a GPU */
#define REDUCE_LANE_PART 256        /* least length of a part */
#define REDUCE_GROUP_PART 4096

static const struct {
    uint32_t op, again; /* REDUCE_* of the first and of the second pass */
    uint32_t finish;
} kinds[] = {
    [REDUCE_KIND_SUM] = {REDUCE_SUM, REDUCE_SUM, REDUCE_FINISH_NONE},
    [REDUCE_KIND_MEAN] = {REDUCE_SUM, REDUCE_SUM, REDUCE_FINISH_NONE},
    [REDUCE_KIND_MAX] = {REDUCE_MAX, REDUCE_MAX, REDUCE_FINISH_NONE},
    [REDUCE_KIND_MIN] = {REDUCE_MIN, REDUCE_MIN, REDUCE_FINISH_NONE},
    [REDUCE_KIND_PROD] = {REDUCE_PROD, REDUCE_PROD, REDUCE_FINISH_NONE},
    [REDUCE_KIND_L1] = {REDUCE_L1, REDUCE_SUM, REDUCE_FINISH_NONE},
    [REDUCE_KIND_L2] = {REDUCE_SUM_SQUARE, REDUCE_SUM, REDUCE_FINISH_SQRT},
    [REDUCE_KIND_SUM_SQUARE] = {REDUCE_SUM_SQUARE, REDUCE_SUM, REDUCE_FINISH_NONE},
    [REDUCE_KIND_LOG_SUM] = {REDUCE_SUM, REDUCE_SUM, REDUCE_FINISH_LOG},
    [REDUCE_KIND_LOG_SUM_EXP] = {REDUCE_LOG_SUM_EXP, REDUCE_LOG_SUM_EXP, REDUCE_FINISH_NONE},
};

/* Integers lie as int32: comparisons are right for every type that fits, sums for int32 alone. */
static pum_status check_store(const struct lower_call *call, enum reduce_kind kind)
{
    const struct lower_value *in = &call->inputs[0];
    enum pum_dtype dtype = in->desc.dtype;
    if (in->store == STORE_NONE || in->store != call->outputs[0].store)
        return pum_fail(PUM_E_UNSUPPORTED, "%s elements have no place on the device",
                        pum_dtype_name(dtype));
    if (in->store != STORE_I32)
        return PUM_OK;
    bool compares = kind == REDUCE_KIND_MAX || kind == REDUCE_KIND_MIN;
    bool adds = kind == REDUCE_KIND_SUM || kind == REDUCE_KIND_PROD || kind == REDUCE_KIND_L1 ||
                kind == REDUCE_KIND_SUM_SQUARE;
    if ((compares && dtype != PUM_DTYPE_U32 && dtype != PUM_DTYPE_U64) ||
        (adds && dtype == PUM_DTYPE_I32))
        return PUM_OK;
    return pum_fail(PUM_E_UNSUPPORTED, "no kernel does this on %s", pum_dtype_name(dtype));
}

/* Right-aligned, so that the innermost run stands last. */
static void push_runs(const struct reduce_runs *runs, push_uint dims[REDUCE_RUNS],
                      push_uint strides[REDUCE_RUNS])
{
    for (int32_t i = 0; i < REDUCE_RUNS; i++) {
        int32_t from = i - (REDUCE_RUNS - runs->count);
        dims[i] = from < 0 ? 1 : (push_uint)runs->dims[from];
        strides[i] = from < 0 ? 0 : (push_uint)runs->strides[from];
    }
}

/* The length of the parts that a reduction is cut into: all of it when cutting does not pay. */
static int64_t part_length(const struct reduce_view *view, bool lane)
{
    int64_t wanted = lane ? REDUCE_LANES_WANTED : REDUCE_GROUPS_WANTED;
    int64_t least = lane ? REDUCE_LANE_PART : REDUCE_GROUP_PART;
    int64_t parts = axes_min(wanted / view->results, view->length / least);
    return parts > 1 ? axes_ceil_div(view->length, parts) : view->length;
}

/* The reduction in parts of `length` as rows of elements. */
static struct axes_rows rows_of(const struct reduce_view *view, int64_t length)
{
    bool coalesced = view->kept.count > 0 && view->kept.strides[view->kept.count - 1] == 1;
    struct axes_rows rows = {view->results * axes_ceil_div(view->length, length), length,
                             coalesced};
    return rows;
}

/* One dispatch over `view` of value `input` into `output`. */
static pum_status emit_pass(struct lower_call *call, const struct reduce_view *view,
                            enum kernel_store store, uint32_t op, struct push_reduce push,
                            int32_t input, int32_t output)
{
    struct lower_dispatch dispatch;
    struct axes_rows rows = rows_of(view, push.part_length);
    PUM_TRY(axes_rows_begin(call, "reduce", store, &rows, &dispatch));
    kernel_set_spec(dispatch.row, dispatch.specs, "OP", op);
    push.results = (uint32_t)view->results * push.parts;
    push.row_length = (uint32_t)view->length;
    push_runs(&view->kept, push.kept_dims, push.kept_strides);
    push_runs(&view->reduced, push.reduced_dims, push.reduced_strides);
    lower_bind_range(&dispatch, 0, input, 0, 0);
    lower_bind_range(&dispatch, 1, output, 0, 0);
    lower_push(&dispatch, &push, sizeof push);
    dispatch.flops = (double)view->results * (double)view->length;
    axes_rows_grid(call, &dispatch, push.results);
    return lower_emit(call, &dispatch);
}

pum_status reduce_lower(struct lower_call *call, const bool mask[PUM_MAX_RANK],
                        enum reduce_kind kind)
{
    const struct lower_value *in = &call->inputs[0], *out = &call->outputs[0];
    struct reduce_view view;
    PUM_TRY(check_store(call, kind));
    reduce_view_make(&in->desc.shape, mask, &view);
    if (view.results == 0)
        return PUM_OK;
    if (view.length == 0)
        return pum_fail(PUM_E_UNSUPPORTED, "a reduction of nothing is the host's");
    if (view.length > INT32_MAX || view.results > INT32_MAX / REDUCE_LANES_WANTED)
        return pum_fail(PUM_E_UNSUPPORTED, "%lld results of %lld elements",
                        (long long)view.results, (long long)view.length);
    float scale = kind == REDUCE_KIND_MEAN ? 1.0f / (float)view.length : 1.0f;
    struct push_reduce push = {.parts = 1,
                               .part_length = (uint32_t)view.length,
                               .finish = kinds[kind].finish,
                               .scale = scale};
    int64_t part = part_length(&view, true);
    struct axes_rows rows = rows_of(&view, part);
    if (!axes_rows_by_lane(call->caps, "reduce", &rows))
        part = part_length(&view, false);
    if (part == view.length || in->store == STORE_F16 || kind == REDUCE_KIND_LOG_SUM_EXP)
        return emit_pass(call, &view, in->store, kinds[kind].op, push, in->value, out->value);

    /* In parts: [results, parts] into scratch memory, then over the parts. */
    int64_t parts = axes_ceil_div(view.length, part);
    struct reduce_view again = {.results = view.results, .length = parts};
    struct push_reduce first = {.parts = (uint32_t)parts,
                                .part_length = (uint32_t)part,
                                .scale = 1.0f};
    int32_t scratch;
    again.kept = (struct reduce_runs){1, {view.results}, {parts}};
    again.reduced = (struct reduce_runs){1, {parts}, {1}};
    push.part_length = (uint32_t)parts;
    PUM_TRY(call->sink->scratch(call->sink,
                                (uint64_t)(view.results * parts) * store_bytes(in->store),
                                &scratch));
    PUM_TRY(emit_pass(call, &view, in->store, kinds[kind].op, first, in->value, scratch));
    return emit_pass(call, &again, in->store, kinds[kind].again, push, scratch, out->value);
}
