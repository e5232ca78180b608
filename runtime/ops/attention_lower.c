/* SPDX-License-Identifier: MIT
 *
 * attention_lower.c - Attention as one dispatch: the kernel's kind, its block of columns, the
 * grid. The scores are never stored. Tests: tests/ops/test_attention.c.
 */
#include "ops/attention.h"
#include "ops/axes.h"
#include "../../shaders/push/push_attention.h"

#include <string.h>

#define TILED_COLUMNS 16 /* of the workgroup's 16 by 8 invocations */
#define TILED_LINES 8
#define LANE_KEYS 8 /* keys in a block of attention_lane_* */
/* CPU drivers of before 2024 (Mesa 22) leave a shader's loops after 65535 iterations in all. */
#define LANE_MOST_STEPS 60000

static pum_status check_values(const struct lower_call *call, const struct attention *a)
{
    enum kernel_store store = call->outputs[0].store;
    if (store != STORE_F32 && store != STORE_F16)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s",
                        pum_dtype_name(call->outputs[0].desc.dtype));
    for (int32_t i = 0; i < call->input_count; i++) {
        const struct lower_value *value = &call->inputs[i];
        if (value->desc.dtype == PUM_DTYPE_NONE)
            continue;
        if (value->store != store)
            return pum_fail(PUM_E_UNSUPPORTED, "input %d lies in another element type", i);
        if (shape_elements(&value->desc.shape) > INT32_MAX)
            return pum_fail(PUM_E_UNSUPPORTED, "input %d has more than 2^31 elements", i);
    }
    if (shape_elements(&call->outputs[0].desc.shape) > INT32_MAX)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    if (a->kv_len == 0 || a->dim == 0)
        return pum_fail(PUM_E_UNSUPPORTED, "there is nothing to attend to");
    return PUM_OK;
}

/* The smallest of three block sizes that holds `length`, else the largest. */
static uint32_t block_of(int64_t length, const uint32_t sizes[3])
{
    return length <= sizes[0] ? sizes[0] : length <= sizes[1] ? sizes[1] : sizes[2];
}

/* Sets the specs; gives the queries and columns that one workgroup computes. */
static void choose_blocks(const struct lower_call *call, const struct attention *a,
                          struct lower_dispatch *dispatch, int64_t *out_rows, int64_t *out_columns)
{
    const struct kernel_row *row = dispatch->row;
    uint32_t columns, rows;
    if (strncmp(row->name, "attention_tiled", 15) == 0) {
        bool few = strncmp(row->name, "attention_tiled_few", 19) == 0;
        columns = block_of(a->v_dim, (uint32_t[]){32, 64, few ? 64 : 128});
        uint32_t each =
            block_of(axes_ceil_div(a->q_len, TILED_LINES), (uint32_t[]){1, 2, few ? 2 : 4});
        kernel_set_spec(row, dispatch->specs, "ROWS_EACH", each);
        rows = TILED_LINES * each;
    } else {
        columns = block_of(a->v_dim, (uint32_t[]){16, 32, 64});
        if (strncmp(row->name, "attention_lanes", 15) == 0) /* a workgroup is a subgroup */
            kernel_set_spec(row, dispatch->specs, "WG_X", call->caps->subgroup_size);
        rows = kernel_get_spec(row, dispatch->specs, "WG_X");
    }
    kernel_set_spec(row, dispatch->specs, "V_BLOCK", columns);
    *out_rows = rows;
    *out_columns = columns;
}

static struct push_attention push_of(const struct lower_call *call, const struct attention *a)
{
    struct push_attention push = {.heads = (uint32_t)(a->batch * a->heads),
                                  .batch_heads = (uint32_t)a->heads,
                                  .group = (uint32_t)(a->heads / a->kv_heads),
                                  .q_len = (uint32_t)a->q_len,
                                  .kv_len = (uint32_t)a->kv_len,
                                  .dim = (uint32_t)a->dim,
                                  .v_dim = (uint32_t)a->v_dim,
                                  .k_key_stride = a->k_transposed ? 1 : (uint32_t)a->dim,
                                  .k_dim_stride = a->k_transposed ? (uint32_t)a->kv_len : 1,
                                  .mode = a->causal ? ATTENTION_CAUSAL : 0,
                                  .scale = (float)a->scale,
                                  .hidden = (float)a->hidden};
    if (a->causal && a->hides)
        push.mode |= ATTENTION_HIDDEN;
    if (call->input_count > 3 && call->inputs[3].desc.dtype != PUM_DTYPE_NONE) {
        int64_t strides[4];
        attention_mask_strides(&call->inputs[3].desc.shape, strides);
        push.mode |= ATTENTION_MASK | (a->replaces ? ATTENTION_REPLACE : 0);
        for (int32_t i = 0; i < 4; i++)
            push.mask_strides[i] = (uint32_t)strides[i];
    }
    return push;
}

static pum_status lower_attention(struct lower_call *call)
{
    const struct base_caps *caps = call->caps;
    struct lower_dispatch dispatch;
    struct attention a;
    int64_t rows, columns;
    PUM_TRY(attention_read(call->node, &call->inputs[0].desc.shape, &call->inputs[1].desc.shape,
                           &call->inputs[2].desc.shape, &a));
    if (shape_elements(&call->outputs[0].desc.shape) == 0)
        return PUM_OK;
    PUM_TRY(check_values(call, &a));
    bool wide = axes_has_cap(caps, BASE_CAP_LANES_WIDE);
    const struct kernel_number numbers[] = {
        {"lane", wide || axes_pinned(caps, "attention_lane")},
        {"vec4", !a.k_transposed && a.dim % 4 == 0 && a.v_dim % 4 == 0},
    };
    if (wide &&
        axes_ceil_div(a.kv_len, LANE_KEYS) * (1 + axes_ceil_div(a.dim, 4)) > LANE_MOST_STEPS)
        return pum_fail(PUM_E_UNSUPPORTED, "%lld keys are too many for a CPU driver",
                        (long long)a.kv_len);
    PUM_TRY(lower_begin(call, "attention", call->outputs[0].store, numbers, 2, &dispatch));
    choose_blocks(call, &a, &dispatch, &rows, &columns);
    struct push_attention push = push_of(call, &a);
    push.row_blocks = (uint32_t)axes_ceil_div(a.q_len, rows);
    push.v_blocks = (uint32_t)axes_ceil_div(a.v_dim, columns);
    lower_push(&dispatch, &push, sizeof push);
    for (uint32_t i = 0; i < 3; i++)
        lower_bind(&dispatch, i, &call->inputs[i]);
    if ((push.mode & ATTENTION_MASK) != 0)
        lower_bind(&dispatch, 3, &call->inputs[3]);
    lower_bind(&dispatch, 4, &call->outputs[0]);
    lower_grid(caps, (uint64_t)push.heads * push.row_blocks * push.v_blocks, dispatch.groups);
    dispatch.flops =
        2.0 * (double)push.heads * (double)a.q_len * (double)a.kv_len * (double)(a.dim + a.v_dim);
    return lower_emit(call, &dispatch);
}

OP_LOWER(attention, lower_attention);
