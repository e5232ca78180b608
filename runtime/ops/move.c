/* SPDX-License-Identifier: MIT
 *
 * move.c - operators that put elements to other places without looking at them: Transpose, Slice,
 * Expand, Tile, DepthToSpace, SpaceToDepth. Each is described as strided copies (strided.h), which
 * its reference runs and its lowering emits. Concat and Split are in concat.c; Pad, Trilu and
 * ReverseSequence in pad.c. Tests: tests/ops/test_move.c.
 */
#include "ops/axes.h"
#include "ops/strided.h"

#include <string.h>

static pum_status run_copy(struct op_call *call, const struct strided_copy *copy)
{
    strided_run(copy, pum_dtype_size(call->outputs[0].desc.dtype), call->inputs[0].data,
                call->outputs[0].data);
    return PUM_OK;
}

/* A copy with the dims of `shape`, strides not set yet. */
static void copy_begin(struct strided_copy *copy, const struct shape *shape)
{
    memset(copy, 0, sizeof *copy);
    copy->rank = shape->rank;
    for (int32_t i = 0; i < shape->rank; i++)
        copy->dims[i] = shape->dims[i];
}

/* --- Transpose -------------------------------------------------------------------------------- */

static pum_status transpose_perm(const struct graph_node *node, int32_t rank,
                                 int32_t perm[PUM_MAX_RANK])
{
    int32_t count;
    bool mask[PUM_MAX_RANK];
    const int64_t *given = node_ints(node, "perm", &count);
    if (!given) {
        for (int32_t i = 0; i < rank; i++)
            perm[i] = rank - 1 - i;
        return PUM_OK;
    }
    if (count != rank)
        return pum_fail(PUM_E_SHAPE, "perm has %d entries, the input %d axes", count, rank);
    PUM_TRY(axes_mask(given, count, rank, mask));
    for (int32_t i = 0; i < rank; i++)
        PUM_TRY(axes_one(given[i], rank, &perm[i]));
    return PUM_OK;
}

pum_status infer_transpose(struct op_call *call)
{
    const struct shape *from = &call->inputs[0].desc.shape;
    struct shape shape = {.rank = from->rank};
    int32_t perm[PUM_MAX_RANK];
    PUM_TRY(transpose_perm(call->node, from->rank, perm));
    for (int32_t i = 0; i < from->rank; i++)
        shape.dims[i] = from->dims[perm[i]];
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static pum_status transpose_copy(const struct graph_node *node, const struct shape *from,
                                 struct strided_copy *out_copy)
{
    int32_t perm[PUM_MAX_RANK];
    PUM_TRY(transpose_perm(node, from->rank, perm));
    strided_permute(from->rank, from->dims, perm, out_copy);
    return PUM_OK;
}

pum_status reference_transpose(struct op_call *call)
{
    struct strided_copy copy;
    PUM_TRY(transpose_copy(call->node, &call->inputs[0].desc.shape, &copy));
    return run_copy(call, &copy);
}

static pum_status lower_transpose(struct lower_call *call)
{
    struct strided_copy copy;
    PUM_TRY(transpose_copy(call->node, &call->inputs[0].desc.shape, &copy));
    return strided_lower(call, &copy, &call->inputs[0], &call->outputs[0], true);
}
OP_LOWER(transpose, lower_transpose);

/* --- Slice ------------------------------------------------------------------------------------ */

struct slice_range {
    int64_t start, step, count;
};

static struct slice_range slice_one(int64_t start, int64_t end, int64_t step, int64_t dim)
{
    struct slice_range range = {0, 1, 0};
    if (dim == 0)
        return range;
    /* A larger step reaches the first element only, as dim + 1 does. */
    step = step > 0 ? axes_min(step, dim + 1) : axes_max(step, -(dim + 1));
    start = start < 0 ? axes_max(start, -dim - 1) + dim : axes_min(start, dim);
    end = end < 0 ? axes_max(end, -dim - 1) + dim : axes_min(end, dim);
    if (step > 0) {
        start = axes_max(start, 0);
        range.count = axes_max(axes_ceil_div(end - start, step), 0);
    } else {
        start = axes_max(axes_min(start, dim - 1), 0);
        range.count = axes_max(axes_ceil_div(start - end, -step), 0);
    }
    range.start = range.count > 0 ? start : 0;
    range.step = step;
    return range;
}

/* What Slice takes of each axis. */
static pum_status slice_ranges(struct op_call *call, struct slice_range ranges[PUM_MAX_RANK])
{
    const struct shape *from = &call->inputs[0].desc.shape;
    int64_t lists[4][PUM_MAX_RANK]; /* starts, ends, axes, steps */
    int32_t count = 0;
    bool mask[PUM_MAX_RANK];
    for (int32_t list = 0; list < 4; list++) {
        int32_t length;
        if (!op_has_input(call, 1 + list)) {
            for (int32_t i = 0; i < PUM_MAX_RANK; i++)
                lists[list][i] = list == 2 ? i : 1;
            continue;
        }
        PUM_TRY(axes_input_ints(call, 1 + list, lists[list], PUM_MAX_RANK, &length));
        if (list > 0 && length != count)
            return pum_fail(PUM_E_SHAPE, "input %d has %d entries, starts has %d", 1 + list,
                            length, count);
        count = length;
    }
    PUM_TRY(axes_mask(lists[2], count, from->rank, mask));
    for (int32_t i = 0; i < from->rank; i++)
        ranges[i] = (struct slice_range){0, 1, from->dims[i]};
    for (int32_t i = 0; i < count; i++) {
        int32_t axis;
        PUM_TRY(axes_one(lists[2][i], from->rank, &axis));
        if (lists[3][i] == 0)
            return pum_fail(PUM_E_RANGE, "step 0 on axis %d", axis);
        ranges[axis] = slice_one(lists[0][i], lists[1][i], lists[3][i], from->dims[axis]);
    }
    return PUM_OK;
}

pum_status infer_slice(struct op_call *call)
{
    struct slice_range ranges[PUM_MAX_RANK];
    struct shape shape = {.rank = call->inputs[0].desc.shape.rank};
    PUM_TRY(slice_ranges(call, ranges));
    for (int32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = ranges[i].count;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static pum_status slice_copy(struct op_call *call, struct strided_copy *out_copy)
{
    struct slice_range ranges[PUM_MAX_RANK];
    int64_t strides[PUM_MAX_RANK];
    PUM_TRY(slice_ranges(call, ranges));
    copy_begin(out_copy, &call->inputs[0].desc.shape);
    shape_strides(&call->inputs[0].desc.shape, strides);
    int64_t out_stride = 1;
    for (int32_t i = out_copy->rank - 1; i >= 0; i--) {
        out_copy->dims[i] = ranges[i].count;
        out_copy->in_offset += ranges[i].start * strides[i];
        /* The step over a single element may be far outside; it is not taken. */
        out_copy->in_strides[i] = ranges[i].count > 1 ? ranges[i].step * strides[i] : 0;
        out_copy->out_strides[i] = out_stride;
        out_stride *= ranges[i].count;
    }
    return PUM_OK;
}

pum_status reference_slice(struct op_call *call)
{
    struct strided_copy copy;
    PUM_TRY(slice_copy(call, &copy));
    return run_copy(call, &copy);
}

static pum_status lower_slice(struct lower_call *call)
{
    struct axes_lowered lowered;
    struct strided_copy copy;
    axes_lowered_call(call, &lowered);
    PUM_TRY(slice_copy(&lowered.call, &copy));
    return strided_lower(call, &copy, &call->inputs[0], &call->outputs[0], true);
}
OP_LOWER(slice, lower_slice);

/* --- Expand, Tile ----------------------------------------------------------------------------- */

pum_status infer_expand(struct op_call *call)
{
    const struct shape *from = &call->inputs[0].desc.shape;
    struct shape wanted = {0}, shape;
    PUM_TRY(axes_input_ints(call, 1, wanted.dims, PUM_MAX_RANK, &wanted.rank));
    for (int32_t i = 0; i < wanted.rank; i++)
        if (wanted.dims[i] < 0)
            return pum_fail(PUM_E_SHAPE, "size %lld on axis %d", (long long)wanted.dims[i], i);
    if (!shape_broadcast(from, &wanted, &shape)) {
        char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "%s does not broadcast to %s", shape_text(from, a),
                        shape_text(&wanted, b));
    }
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static void expand_copy(const struct shape *from, const struct shape *to,
                        struct strided_copy *out_copy)
{
    int64_t strides[PUM_MAX_RANK];
    int32_t missing = to->rank - from->rank;
    shape_strides(from, strides);
    copy_begin(out_copy, to);
    shape_strides(to, out_copy->out_strides);
    for (int32_t i = missing; i < to->rank; i++)
        out_copy->in_strides[i] = from->dims[i - missing] == 1 ? 0 : strides[i - missing];
}

pum_status reference_expand(struct op_call *call)
{
    struct strided_copy copy;
    expand_copy(&call->inputs[0].desc.shape, &call->outputs[0].desc.shape, &copy);
    return run_copy(call, &copy);
}

static pum_status lower_expand(struct lower_call *call)
{
    struct strided_copy copy;
    expand_copy(&call->inputs[0].desc.shape, &call->outputs[0].desc.shape, &copy);
    return strided_lower(call, &copy, &call->inputs[0], &call->outputs[0], true);
}
OP_LOWER(expand, lower_expand);

pum_status infer_tile(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    int64_t repeats[PUM_MAX_RANK];
    int32_t count;
    PUM_TRY(axes_input_ints(call, 1, repeats, PUM_MAX_RANK, &count));
    if (count != shape.rank)
        return pum_fail(PUM_E_SHAPE, "%d repeats for %d axes", count, shape.rank);
    for (int32_t i = 0; i < count; i++)
        if (repeats[i] < 0 || __builtin_mul_overflow(shape.dims[i], repeats[i], &shape.dims[i]))
            return pum_fail(PUM_E_SHAPE, "%lld repeats on axis %d of size %lld",
                            (long long)repeats[i], i,
                            (long long)call->inputs[0].desc.shape.dims[i]);
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

/* Two dims an axis: the repeats, which do not move in the input, and the axis itself. */
static void tile_copy(const struct shape *from, const struct shape *to,
                      struct strided_copy *out_copy)
{
    int64_t in_strides[PUM_MAX_RANK], out_strides[PUM_MAX_RANK];
    memset(out_copy, 0, sizeof *out_copy);
    shape_strides(from, in_strides);
    shape_strides(to, out_strides);
    out_copy->rank = 2 * from->rank;
    for (int32_t i = 0; i < from->rank; i++) {
        out_copy->dims[2 * i] = from->dims[i] == 0 ? 0 : to->dims[i] / from->dims[i];
        out_copy->out_strides[2 * i] = from->dims[i] * out_strides[i];
        out_copy->dims[2 * i + 1] = from->dims[i];
        out_copy->in_strides[2 * i + 1] = in_strides[i];
        out_copy->out_strides[2 * i + 1] = out_strides[i];
    }
}

pum_status reference_tile(struct op_call *call)
{
    struct strided_copy copy;
    tile_copy(&call->inputs[0].desc.shape, &call->outputs[0].desc.shape, &copy);
    return run_copy(call, &copy);
}

static pum_status lower_tile(struct lower_call *call)
{
    struct strided_copy copy;
    tile_copy(&call->inputs[0].desc.shape, &call->outputs[0].desc.shape, &copy);
    return strided_lower(call, &copy, &call->inputs[0], &call->outputs[0], true);
}
OP_LOWER(tile, lower_tile);

/* --- DepthToSpace, SpaceToDepth --------------------------------------------------------------- */

static pum_status block_size(const struct op_call *call, int64_t *out_block)
{
    int32_t rank = call->inputs[0].desc.shape.rank;
    *out_block = node_int(call->node, "blocksize", 0);
    if (rank != 4)
        return pum_fail(PUM_E_SHAPE, "input of rank %d, expected [n, c, h, w]", rank);
    if (*out_block < 1 || *out_block > 1 << 15)
        return pum_fail(PUM_E_RANGE, "blocksize %lld", (long long)*out_block);
    return PUM_OK;
}

pum_status infer_depth_to_space(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    const char *mode = node_string(call->node, "mode", "DCR");
    int64_t b;
    PUM_TRY(block_size(call, &b));
    if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
        return pum_fail(PUM_E_ARGUMENT, "mode '%s', expected DCR or CRD", mode);
    if (shape.dims[1] % (b * b) != 0)
        return pum_fail(PUM_E_SHAPE, "%lld channels are no multiple of blocksize %lld squared",
                        (long long)shape.dims[1], (long long)b);
    shape.dims[1] /= b * b;
    if (__builtin_mul_overflow(shape.dims[2], b, &shape.dims[2]) ||
        __builtin_mul_overflow(shape.dims[3], b, &shape.dims[3]))
        return pum_fail(PUM_E_SHAPE, "blocksize %lld makes the output too large", (long long)b);
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static void depth_to_space_copy(const struct graph_node *node, const struct shape *from,
                                struct strided_copy *out_copy)
{
    static const int32_t dcr[] = {0, 3, 4, 1, 5, 2}, crd[] = {0, 1, 4, 2, 5, 3};
    int64_t b = node_int(node, "blocksize", 1), c = from->dims[1] / (b * b);
    bool is_dcr = strcmp(node_string(node, "mode", "DCR"), "DCR") == 0;
    int64_t dims[6] = {from->dims[0], is_dcr ? b : c, b, is_dcr ? c : b, from->dims[2],
                       from->dims[3]};
    strided_permute(6, dims, is_dcr ? dcr : crd, out_copy);
}

pum_status reference_depth_to_space(struct op_call *call)
{
    struct strided_copy copy;
    depth_to_space_copy(call->node, &call->inputs[0].desc.shape, &copy);
    return run_copy(call, &copy);
}

static pum_status lower_depth_to_space(struct lower_call *call)
{
    struct strided_copy copy;
    depth_to_space_copy(call->node, &call->inputs[0].desc.shape, &copy);
    return strided_lower(call, &copy, &call->inputs[0], &call->outputs[0], true);
}
OP_LOWER(depth_to_space, lower_depth_to_space);

pum_status infer_space_to_depth(struct op_call *call)
{
    struct shape shape = call->inputs[0].desc.shape;
    int64_t b;
    PUM_TRY(block_size(call, &b));
    if (shape.dims[2] % b != 0 || shape.dims[3] % b != 0)
        return pum_fail(PUM_E_SHAPE, "%lld x %lld is no multiple of blocksize %lld",
                        (long long)shape.dims[2], (long long)shape.dims[3], (long long)b);
    if (__builtin_mul_overflow(shape.dims[1], b * b, &shape.dims[1]))
        return pum_fail(PUM_E_SHAPE, "blocksize %lld makes too many channels", (long long)b);
    shape.dims[2] /= b;
    shape.dims[3] /= b;
    return axes_output(call, 0, call->inputs[0].desc.dtype, &shape);
}

static void space_to_depth_copy(const struct graph_node *node, const struct shape *from,
                                struct strided_copy *out_copy)
{
    static const int32_t perm[] = {0, 3, 5, 1, 2, 4};
    int64_t b = node_int(node, "blocksize", 1);
    int64_t dims[6] = {from->dims[0], from->dims[1], from->dims[2] / b, b, from->dims[3] / b, b};
    strided_permute(6, dims, perm, out_copy);
}

pum_status reference_space_to_depth(struct op_call *call)
{
    struct strided_copy copy;
    space_to_depth_copy(call->node, &call->inputs[0].desc.shape, &copy);
    return run_copy(call, &copy);
}

static pum_status lower_space_to_depth(struct lower_call *call)
{
    struct strided_copy copy;
    space_to_depth_copy(call->node, &call->inputs[0].desc.shape, &copy);
    return strided_lower(call, &copy, &call->inputs[0], &call->outputs[0], true);
}
OP_LOWER(space_to_depth, lower_space_to_depth);
