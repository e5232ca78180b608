/* SPDX-License-Identifier: MIT
 *
 * strided_lower.c - strided copies as dispatches (see strided.h): an alias where nothing moves, a
 * tiled transpose on devices with fast shared memory, else the strided kernels. A copy with too
 * many dims, or that would bind more than the device allows, is cut into several.
 * Tests: tests/ops/test_move.c.
 */
#include "ops/axes.h"
#include "ops/strided.h"
#include "../../shaders/push/push_move.h"
#include "../../shaders/push/push_transpose.h"

#include <string.h>

#define STRIDED_MAX_DISPATCHES 256
#define STRIDED_WIDE_SPAN 16 /* elements an invocation copies on a CPU driver */
#define STRIDED_MIN_TILE 16  /* shortest side that is worth a tile */

struct strided_lowering {
    struct lower_call *call;
    const struct lower_value *input, *output;
    enum kernel_store store; /* of the kernels: I32 for all 32-bit elements */
    uint64_t element_bytes;
    int32_t emitted;
};

/* The elements from first to last (both included) that one side of a copy touches. */
struct strided_extent {
    int64_t first, last;
};

static struct strided_extent extent_of(const struct strided_copy *copy, bool of_input)
{
    const int64_t *strides = of_input ? copy->in_strides : copy->out_strides;
    int64_t offset = of_input ? copy->in_offset : copy->out_offset;
    struct strided_extent extent = {offset, offset};
    for (int32_t i = 0; i < copy->rank; i++) {
        int64_t reach = strides[i] * (copy->dims[i] - 1);
        *(reach < 0 ? &extent.first : &extent.last) += reach;
    }
    return extent;
}

/* Binds the part of a value that a copy touches and makes the copy's offset relative to it; false
 * when the part is larger than the device binds. */
static bool window(const struct strided_lowering *work, struct strided_copy *copy, bool of_input,
                   struct lower_binding *out_binding)
{
    const struct base_caps *caps = work->call->caps;
    const struct lower_value *value = of_input ? work->input : work->output;
    uint64_t whole = lower_bytes(value);
    *out_binding = (struct lower_binding){value->value, 0, 0};
    if (whole <= caps->max_storage_range)
        return true;
    struct strided_extent extent = extent_of(copy, of_input);
    uint64_t alignment = caps->storage_alignment > 4 ? caps->storage_alignment : 4;
    uint64_t first = (uint64_t)extent.first * work->element_bytes / alignment * alignment;
    uint64_t end = ((uint64_t)extent.last + 1) * work->element_bytes;
    end = end + alignment - 1 < whole ? (end + alignment - 1) / alignment * alignment : whole;
    out_binding->offset = first;
    out_binding->bytes = end - first;
    *(of_input ? &copy->in_offset : &copy->out_offset) -= (int64_t)(first / work->element_bytes);
    return end - first <= caps->max_storage_range;
}

static bool all_multiples(const struct strided_copy *copy, int64_t unit)
{
    int32_t last = copy->rank - 1;
    if (copy->rank == 0 || copy->in_strides[last] != 1 || copy->out_strides[last] != 1 ||
        copy->dims[last] % unit != 0 || copy->in_offset % unit != 0 ||
        copy->out_offset % unit != 0)
        return false;
    for (int32_t i = 0; i < last; i++)
        if (copy->in_strides[i] % unit != 0 || copy->out_strides[i] % unit != 0)
            return false;
    return true;
}

/* Counts in units of several elements from here on. */
static void count_in(struct strided_copy *copy, int64_t unit)
{
    int32_t last = copy->rank - 1;
    copy->in_offset /= unit;
    copy->out_offset /= unit;
    copy->dims[last] /= unit;
    for (int32_t i = 0; i < last; i++) {
        copy->in_strides[i] /= unit;
        copy->out_strides[i] /= unit;
    }
}

/* The dim that is contiguous in the input when it is worth a tiled transpose, else -1. */
static int32_t tile_dim(const struct strided_lowering *work, const struct strided_copy *copy)
{
    const struct base_caps *caps = work->call->caps;
    int32_t last = copy->rank - 1;
    bool pinned = axes_pinned(caps, "transpose_tile");
    if ((!axes_has_cap(caps, BASE_CAP_SHARED_FAST) && !pinned) ||
        axes_pinned(caps, "move_strided") || copy->rank < 2 ||
        copy->rank - 2 > TRANSPOSE_BATCH_RANK || copy->out_strides[last] != 1 ||
        copy->in_strides[last] == 1)
        return -1;
    for (int32_t i = 0; i < last; i++)
        if (copy->in_strides[i] == 1 &&
            (pinned || (copy->dims[i] >= STRIDED_MIN_TILE && copy->dims[last] >= STRIDED_MIN_TILE)))
            return i;
    return -1;
}

static void push_tiled(struct strided_lowering *work, struct lower_dispatch *dispatch,
                       const struct strided_copy *copy, int32_t column_dim)
{
    int32_t row_dim = copy->rank - 1;
    struct push_transpose push = {.columns = (uint32_t)copy->dims[column_dim],
                                  .rows = (uint32_t)copy->dims[row_dim],
                                  .in_offset = (uint32_t)copy->in_offset,
                                  .out_offset = (uint32_t)copy->out_offset,
                                  .in_row = (uint32_t)copy->in_strides[row_dim],
                                  .out_column = (uint32_t)copy->out_strides[column_dim]};
    push.tiles_x = (uint32_t)axes_ceil_div(push.columns, TRANSPOSE_TILE);
    push.tiles_y = (uint32_t)axes_ceil_div(push.rows, TRANSPOSE_TILE);
    int64_t groups = (int64_t)push.tiles_x * push.tiles_y;
    for (int32_t i = 0; i < row_dim; i++) {
        if (i == column_dim)
            continue;
        push.dims[push.rank] = (uint32_t)copy->dims[i];
        push.in_strides[push.rank] = (uint32_t)copy->in_strides[i];
        push.out_strides[push.rank++] = (uint32_t)copy->out_strides[i];
        groups *= copy->dims[i];
    }
    push.groups = (uint32_t)groups;
    lower_push(dispatch, &push, sizeof push);
    lower_grid(work->call->caps, (uint64_t)groups, dispatch->groups);
}

static void push_plain(struct strided_lowering *work, struct lower_dispatch *dispatch,
                       const struct strided_copy *copy)
{
    const struct base_caps *caps = work->call->caps;
    struct push_move push = {.inner = 1, .span = 1};
    push.rank = copy->rank > 0 ? (uint32_t)copy->rank - 1 : 0;
    if (copy->rank > 0) {
        push.inner = (uint32_t)copy->dims[push.rank];
        push.in_inner = (uint32_t)copy->in_strides[push.rank];
        push.out_inner = (uint32_t)copy->out_strides[push.rank];
    }
    if (axes_has_cap(caps, BASE_CAP_LANES_WIDE))
        push.span = push.inner < STRIDED_WIDE_SPAN ? push.inner : STRIDED_WIDE_SPAN;
    push.chunks = (push.inner + push.span - 1) / push.span;
    push.in_offset = (uint32_t)copy->in_offset;
    push.out_offset = (uint32_t)copy->out_offset;
    int64_t count = push.chunks;
    for (uint32_t i = 0; i < push.rank; i++) {
        push.dims[i] = (uint32_t)copy->dims[i];
        push.in_strides[i] = (uint32_t)copy->in_strides[i];
        push.out_strides[i] = (uint32_t)copy->out_strides[i];
        count *= copy->dims[i];
    }
    push.count = (uint32_t)count;
    lower_push(dispatch, &push, sizeof push);
    lower_grid(caps, (uint64_t)axes_ceil_div(count, dispatch->specs[0]), dispatch->groups);
}

/* One dispatch; the copy has at most MOVE_OUTER_RANK + 1 dims. */
static pum_status emit_one(struct strided_lowering *work, struct strided_copy copy,
                           const struct lower_binding bindings[2])
{
    struct lower_call *call = work->call;
    struct lower_dispatch dispatch;
    enum kernel_store store = work->store;
    int32_t column_dim = tile_dim(work, &copy);
    if (++work->emitted > STRIDED_MAX_DISPATCHES)
        return pum_fail(PUM_E_UNSUPPORTED, "the copy would take more than %d dispatches",
                        STRIDED_MAX_DISPATCHES);
    if (store == STORE_F16 && all_multiples(&copy, 2)) {
        store = STORE_I32;
        count_in(&copy, 2);
    }
    bool vec4 = all_multiples(&copy, 4) && !axes_pinned(call->caps, "move_strided");
    struct kernel_number numbers[2] = {{"tile", column_dim >= 0}, {"vec4", vec4}};
    PUM_TRY(lower_begin(call, "move", store, numbers, 2, &dispatch));
    dispatch.bindings[0] = bindings[0];
    dispatch.bindings[1] = bindings[1];
    if (strncmp(dispatch.row->name, "transpose_tile", 14) == 0) {
        push_tiled(work, &dispatch, &copy, column_dim);
    } else {
        if (strncmp(dispatch.row->name, "move_vec4", 9) == 0)
            count_in(&copy, 4);
        push_plain(work, &dispatch, &copy);
    }
    return lower_emit(call, &dispatch);
}

/* Cuts dim `dim` at `length` and lowers both halves. */
static pum_status lower_part(struct strided_lowering *work, const struct strided_copy *copy);

static pum_status lower_halves(struct strided_lowering *work, const struct strided_copy *copy,
                               int32_t dim, int64_t length)
{
    struct strided_copy half = *copy;
    half.dims[dim] = length;
    PUM_TRY(lower_part(work, &half));
    half.dims[dim] = copy->dims[dim] - length;
    half.in_offset += length * copy->in_strides[dim];
    half.out_offset += length * copy->out_strides[dim];
    return lower_part(work, &half);
}

/* The dim along which a copy reaches farthest, which is the one to cut. */
static int32_t widest_dim(const struct strided_copy *copy)
{
    int32_t widest = -1;
    int64_t most = 0;
    for (int32_t i = 0; i < copy->rank; i++) {
        int64_t in = copy->in_strides[i] < 0 ? -copy->in_strides[i] : copy->in_strides[i];
        int64_t reach = (in > copy->out_strides[i] ? in : copy->out_strides[i]) *
                        (copy->dims[i] - 1);
        if (reach > most) {
            most = reach;
            widest = i;
        }
    }
    return widest;
}

static int32_t shortest_dim(const struct strided_copy *copy)
{
    int32_t shortest = 0;
    for (int32_t i = 1; i < copy->rank; i++)
        if (copy->dims[i] < copy->dims[shortest])
            shortest = i;
    return shortest;
}

/* Emits a copy, or cuts it and goes on with the halves: each cut halves a dim, so the depth is
 * bounded by the sum of the dims' bits, and the number of dispatches by the constant. */
static pum_status lower_part(struct strided_lowering *work, const struct strided_copy *copy)
{
    struct strided_copy flat = *copy, local;
    struct lower_binding bindings[2];
    strided_collapse(&flat);
    if (flat.rank > MOVE_OUTER_RANK + 1) {
        int32_t dim = shortest_dim(&flat);
        return lower_halves(work, &flat, dim, flat.dims[dim] / 2);
    }
    local = flat;
    bool fits = window(work, &local, true, &bindings[0]);
    fits = window(work, &local, false, &bindings[1]) && fits;
    if (!fits) {
        int32_t dim = widest_dim(&flat);
        if (dim < 0)
            return pum_fail(PUM_E_UNSUPPORTED, "an element lies beyond what the device binds");
        return lower_halves(work, &flat, dim, flat.dims[dim] / 2);
    }
    return emit_one(work, local, bindings);
}

/* True when the output's bytes are the input's from a bindable offset on. */
static bool is_alias(const struct lower_call *call, const struct strided_copy *flat,
                     const struct lower_value *output, uint64_t element_bytes,
                     uint64_t *out_offset)
{
    int64_t count = flat->rank == 0 ? 1 : flat->dims[0];
    if (flat->rank > 1 || count != shape_elements(&output->desc.shape) || flat->out_offset != 0)
        return false;
    if (flat->rank == 1 && (flat->in_strides[0] != 1 || flat->out_strides[0] != 1))
        return false;
    *out_offset = (uint64_t)flat->in_offset * element_bytes;
    return call->caps->storage_alignment > 0 && *out_offset % call->caps->storage_alignment == 0;
}

pum_status strided_lower(struct lower_call *call, const struct strided_copy *copy,
                         const struct lower_value *input, const struct lower_value *output,
                         bool may_alias)
{
    struct strided_lowering work = {.call = call, .input = input, .output = output};
    struct strided_copy flat = *copy;
    uint64_t offset;
    work.store = axes_bits(input->store);
    work.element_bytes = store_bytes(input->store);
    if (input->store == STORE_NONE || input->store != output->store)
        return pum_fail(PUM_E_UNSUPPORTED, "%s elements have no place on the device",
                        pum_dtype_name(input->desc.dtype));
    for (int32_t i = 0; i < flat.rank; i++)
        if (flat.dims[i] == 0)
            return PUM_OK;
    strided_collapse(&flat);
    if (may_alias && is_alias(call, &flat, output, work.element_bytes, &offset))
        return call->sink->alias(call->sink, output->value, input->value, offset);
    return lower_part(&work, &flat);
}
