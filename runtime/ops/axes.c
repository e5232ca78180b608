/* SPDX-License-Identifier: MIT
 *
 * axes.c - shared words of the operators that work along axes (see axes.h). Nothing here knows an
 * operator. Tests: tests/ops/test_move.c.
 */
#include "ops/axes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct axis_view axes_view(const struct shape *shape, int32_t axis)
{
    struct axis_view view = {shape_product(shape, 0, axis), shape->dims[axis],
                             shape_product(shape, axis + 1, shape->rank)};
    return view;
}

pum_status axes_one(int64_t axis, int32_t rank, int32_t *out_axis)
{
    *out_axis = 0;
    if (!shape_axis(axis, rank, out_axis))
        return pum_fail(PUM_E_SHAPE, "axis %lld of rank %d", (long long)axis, rank);
    return PUM_OK;
}

pum_status axes_mask(const int64_t *axes, int32_t count, int32_t rank, bool mask[PUM_MAX_RANK])
{
    for (int32_t i = 0; i < PUM_MAX_RANK; i++)
        mask[i] = false;
    for (int32_t i = 0; i < count; i++) {
        int32_t axis;
        PUM_TRY(axes_one(axes[i], rank, &axis));
        if (mask[axis])
            return pum_fail(PUM_E_SHAPE, "axis %d is named twice", axis);
        mask[axis] = true;
    }
    return PUM_OK;
}

pum_status axes_input_ints(struct op_call *call, int32_t index, int64_t *values,
                           int32_t max_count, int32_t *out_count)
{
    const struct host_tensor *input = &call->inputs[index];
    *out_count = 0;
    if (input->desc.dtype == PUM_DTYPE_NONE || !dtype_is_int(input->desc.dtype))
        return op_bad_type(call, index, "int64 or int32");
    if (!input->data && shape_elements(&input->desc.shape) > 0)
        return op_needs_data(call, index);
    if (shape_elements(&input->desc.shape) == 0)
        return PUM_OK;
    return op_input_ints(call, index, values, max_count, out_count);
}

pum_status axes_output(struct op_call *call, int32_t index, enum pum_dtype dtype,
                       const struct shape *shape)
{
    struct tensor_desc desc = {dtype, *shape};
    size_t bytes;
    if (!tensor_bytes(&desc, &bytes)) {
        char text[SHAPE_TEXT_BYTES];
        return pum_fail(PUM_E_SHAPE, "output %d of shape %s is too large", index,
                        shape_text(shape, text));
    }
    call->outputs[index].desc = desc;
    return PUM_OK;
}

pum_status axes_need_float(const struct op_call *call, int32_t index)
{
    if (!dtype_is_float(call->inputs[index].desc.dtype))
        return op_bad_type(call, index, "a float type");
    return PUM_OK;
}

pum_status axes_need_number(const struct op_call *call, int32_t index)
{
    enum pum_dtype dtype = call->inputs[index].desc.dtype;
    if (dtype_is_float(dtype) || dtype_is_int(dtype))
        return PUM_OK;
    return op_bad_type(call, index, "a number");
}

pum_status axes_need_index(const struct op_call *call, int32_t index)
{
    enum pum_dtype dtype = call->inputs[index].desc.dtype;
    if (dtype != PUM_DTYPE_I32 && dtype != PUM_DTYPE_I64)
        return op_bad_type(call, index, "int64 or int32");
    return PUM_OK;
}

bool axes_wants_output(const struct op_call *call, int32_t index)
{
    return index < call->output_count && call->outputs[index].desc.dtype != PUM_DTYPE_NONE &&
           call->outputs[index].data;
}

void axes_store_f64(struct host_tensor *tensor, int64_t index, double value)
{
    if (dtype_is_float(tensor->desc.dtype)) {
        tensor_set_f64(tensor, index, value);
        return;
    }
    if (isnan(value))
        value = 0;
    if (value >= 9223372036854775807.0)
        tensor_set_i64(tensor, index, INT64_MAX);
    else if (value <= -9223372036854775808.0)
        tensor_set_i64(tensor, index, INT64_MIN);
    else
        tensor_set_i64(tensor, index, (int64_t)value);
}

enum pum_dtype axes_onnx_dtype(int64_t number)
{
    static const uint8_t types[] = {
        [1] = PUM_DTYPE_F32, [2] = PUM_DTYPE_U8,  [3] = PUM_DTYPE_I8,  [4] = PUM_DTYPE_U16,
        [5] = PUM_DTYPE_I16, [6] = PUM_DTYPE_I32, [7] = PUM_DTYPE_I64, [8] = PUM_DTYPE_STRING,
        [9] = PUM_DTYPE_BOOL,
        [10] = PUM_DTYPE_F16, [11] = PUM_DTYPE_F64, [12] = PUM_DTYPE_U32, [13] = PUM_DTYPE_U64,
        [16] = PUM_DTYPE_BF16,
    };
    if (number < 0 || number >= (int64_t)PUM_COUNT_OF(types))
        return PUM_DTYPE_NONE;
    return (enum pum_dtype)types[number];
}

void axes_lowered_call(const struct lower_call *lower, struct axes_lowered *out_lowered)
{
    memset(out_lowered, 0, sizeof *out_lowered);
    int32_t count = lower->input_count < AXES_LOWERED_INPUTS ? lower->input_count
                                                             : AXES_LOWERED_INPUTS;
    for (int32_t i = 0; i < count; i++) {
        out_lowered->inputs[i].desc = lower->inputs[i].desc;
        /* The shape rules' helpers read their inputs only. */
        memcpy(&out_lowered->inputs[i].data, &lower->inputs[i].data, sizeof(void *));
    }
    out_lowered->outputs[0].desc = lower->outputs[0].desc;
    out_lowered->call.context = lower->context;
    out_lowered->call.node = lower->node;
    out_lowered->call.input_count = count;
    out_lowered->call.inputs = out_lowered->inputs;
    out_lowered->call.output_count = 1;
    out_lowered->call.outputs = out_lowered->outputs;
}

bool axes_pinned(const struct base_caps *caps, const char *prefix)
{
    for (int32_t i = 0; caps->pinned && caps->pinned[i]; i++)
        if (strncmp(caps->pinned[i], prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

#define ROWS_SHORT 32        /* a row up to this is one invocation's work everywhere */
#define ROWS_MANY 2048       /* rows that fill a GPU with one invocation each */
#define ROWS_WIDE_GROUP 16   /* workgroup size of lane kernels on CPU drivers */
/* CPU drivers of before 2024 (Mesa 22) leave a shader's loops after 65535 iterations in all. */
#define ROWS_LANE_MOST 16384 /* longest row of one invocation, in up to three passes */
#define ROWS_WIDE_MOST (1 << 21)

bool axes_rows_by_lane(const struct base_caps *caps, const char *family,
                       const struct axes_rows *rows)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s_group", family);
    if (axes_pinned(caps, prefix) || rows->length > ROWS_LANE_MOST)
        return false;
    snprintf(prefix, sizeof prefix, "%s_lane", family);
    return axes_has_cap(caps, BASE_CAP_LANES_WIDE) || axes_pinned(caps, prefix) ||
           rows->length <= ROWS_SHORT || (rows->coalesced && rows->rows >= ROWS_MANY);
}

static bool is_lane(const struct lower_dispatch *dispatch)
{
    return strstr(dispatch->row->name, "_lane_") != NULL;
}

pum_status axes_rows_begin(const struct lower_call *call, const char *family,
                           enum kernel_store store, const struct axes_rows *rows,
                           struct lower_dispatch *out_dispatch)
{
    bool lane = axes_rows_by_lane(call->caps, family, rows);
    bool wide = axes_has_cap(call->caps, BASE_CAP_LANES_WIDE);
    struct kernel_number number = {"lane", lane};
    if (wide && rows->length > ROWS_WIDE_MOST)
        return pum_fail(PUM_E_UNSUPPORTED, "rows of %lld elements are too long for a CPU driver",
                        (long long)rows->length);
    pum_status status = lower_begin(call, family, store, &number, 1, out_dispatch);
    if (status != PUM_OK && !lane && rows->length <= ROWS_LANE_MOST) {
        number.value = 1;
        status = lower_begin(call, family, store, &number, 1, out_dispatch);
    }
    if (status == PUM_OK && wide && is_lane(out_dispatch))
        kernel_set_spec(out_dispatch->row, out_dispatch->specs, "WG_X", ROWS_WIDE_GROUP);
    return status;
}

void axes_rows_grid(const struct lower_call *call, struct lower_dispatch *dispatch, int64_t count)
{
    int64_t each = is_lane(dispatch) ? dispatch->specs[0] : 1;
    lower_grid(call->caps, (uint64_t)axes_ceil_div(count, each), dispatch->groups);
}
