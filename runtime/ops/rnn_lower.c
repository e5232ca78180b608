/* SPDX-License-Identifier: MIT
 *
 * rnn_lower.c - RNN, GRU and LSTM as dispatches: the input's product with W for all steps and
 * directions at once (matmul_lower.c), then the recurrence. A small hidden size is walked by one
 * workgroup a sequence, many steps a dispatch; a large one is shared out, a dispatch a step.
 * Weights that are constants are laid out for the kernels once a session. Tests:
 * tests/ops/test_rnn.c.
 */
#include "ops/rnn.h"

#include "ops/axes.h"
#include "ops/matmul_lower.h"

#include <string.h>

/* Up to here one workgroup walks: beyond it, reading the weights takes longer than a dispatch. */
#define WALK_MOST_HIDDEN 256
/* Old CPU drivers (Mesa 22) leave a shader's loops after 65535 iterations in all. */
#define WIDE_MOST_LOOPS 50000
/* Multiplications of one workgroup in a dispatch: some 10 ms of a GPU. */
#define WALK_MOST_PRODUCTS ((int64_t)1 << 28)
#define MOST_DISPATCHES 65536
/* Sequences for which a GPU has a workgroup each. */
#define GPU_ROWS 128

/* A node on its way to dispatches. */
struct layer {
    struct lower_call *call;
    struct rnn rnn;
    struct lower_value in[RNN_INPUTS]; /* value -1: absent */
    struct lower_value out[RNN_OUTPUTS];
    enum kernel_store store;
    struct lower_value x; /* the products with W [steps * batch, directions * gates] */
    int32_t r;            /* recurrence weights for the kernel */
    bool r_packed, bias_in_x;
    int32_t state;        /* scratch between dispatches; -1: one is enough */
    int64_t lines, steps; /* steps: of all rows with rows_follow */
    /* How the work is shared out. */
    uint32_t width, rows, slices, units;
    int64_t most_steps; /* in a dispatch */
};

static const char *const families[] = {"rnn", "gru", "lstm"};

static bool present(const struct layer *layer, enum rnn_input input)
{
    return layer->in[input].value >= 0;
}

static bool wide(const struct layer *layer)
{
    return axes_has_cap(layer->call->caps, BASE_CAP_LANES_WIDE);
}

/* --- Weights ---------------------------------------------------------------------------------- */

/* What packing functions get: the form on the device, and what the shape does not say. */
struct packing {
    enum kernel_store store;
    int64_t gates;
    bool split_reset; /* GRU, linear before reset: the third gate's own bias stays apart */
};

static struct host_tensor packed_tensor(enum kernel_store store, void *out)
{
    enum pum_dtype dtype = store == STORE_F16 ? PUM_DTYPE_F16 : PUM_DTYPE_F32;
    return (struct host_tensor){.desc.dtype = dtype, .data = out};
}

/* R [directions, gates * hidden, hidden] as [direction][k / 4][gate, unit][4], zeros behind the
 * last k: neighbouring units lie side by side. */
static pum_status pack_lines(void *user, const struct host_tensor *source, void *out)
{
    const struct packing *packing = user;
    struct host_tensor to = packed_tensor(packing->store, out);
    const int64_t *dims = source->desc.shape.dims;
    int64_t rows = dims[1], hidden = dims[2], lines = axes_ceil_div(hidden, 4);
    for (int64_t d = 0; d < dims[0]; d++)
        for (int64_t k = 0; k < 4 * lines; k++)
            for (int64_t row = 0; row < rows; row++) {
                double value =
                    k < hidden ? tensor_get_f64(source, (d * rows + row) * hidden + k) : 0;
                tensor_set_f64(&to, ((d * lines + k / 4) * rows + row) * 4 + k % 4, value);
            }
    return PUM_OK;
}

/* W [directions, gates * hidden, in] as [in, directions * gates * hidden]: what kernels for CPU
 * drivers read fastest. */
static pum_status pack_columns(void *user, const struct host_tensor *source, void *out)
{
    const struct packing *packing = user;
    struct host_tensor to = packed_tensor(packing->store, out);
    const int64_t *dims = source->desc.shape.dims;
    int64_t columns = dims[0] * dims[1], in = dims[2];
    for (int64_t k = 0; k < in; k++)
        for (int64_t column = 0; column < columns; column++)
            tensor_set_f64(&to, k * columns + column, tensor_get_f64(source, column * in + k));
    return PUM_OK;
}

/* B [directions, 2 * gates * hidden] as sums [directions * gates * hidden]. */
static pum_status pack_bias(void *user, const struct host_tensor *source, void *out)
{
    const struct packing *packing = user;
    struct host_tensor to = packed_tensor(packing->store, out);
    const int64_t *dims = source->desc.shape.dims;
    int64_t rows = dims[1] / 2, hidden = rows / packing->gates;
    for (int64_t d = 0; d < dims[0]; d++)
        for (int64_t row = 0; row < rows; row++) {
            double sum = tensor_get_f64(source, d * 2 * rows + row);
            if (!packing->split_reset || row < 2 * hidden)
                sum += tensor_get_f64(source, (d * 2 + 1) * rows + row);
            tensor_set_f64(&to, d * rows + row, sum);
        }
    return PUM_OK;
}

static pum_status pack(struct layer *layer, enum rnn_input input, const char *key, int64_t count,
                       pum_status (*function)(void *, const struct host_tensor *, void *),
                       int32_t *out_value)
{
    struct packing packing = {layer->store, layer->rnn.gates, layer->rnn.linear_before_reset};
    struct lower_sink *sink = layer->call->sink;
    return sink->pack(sink, &layer->in[input], key, (uint64_t)count * store_bytes(layer->store),
                      function, &packing, out_value);
}

static pum_status prepare_recurrence(struct layer *layer)
{
    const struct rnn *rnn = &layer->rnn;
    layer->r = layer->in[RNN_R].value;
    layer->r_packed = layer->in[RNN_R].data != NULL;
    if (layer->r_packed)
        return pack(layer, RNN_R, "rnn_lines",
                    rnn->directions * rnn->gates * rnn->hidden * 4 * layer->lines, pack_lines,
                    &layer->r);
    if (rnn->hidden % 4 != 0)
        return pum_fail(PUM_E_UNSUPPORTED,
                        "recurrence weights that are no constants need a hidden "
                        "size that is a multiple of four, not %lld",
                        (long long)rnn->hidden);
    return PUM_OK;
}

/* --- The input's product ---------------------------------------------------------------------- */

static pum_status emit_input(struct layer *layer)
{
    const struct rnn *rnn = &layer->rnn;
    int64_t columns = rnn->directions * rnn->gates * rnn->hidden, rows = rnn->steps * rnn->batch;
    struct lower_value w = layer->in[RNN_W], bias = layer->in[RNN_B];
    w.desc.shape = shape_of(2, (int64_t[]){columns, rnn->in});
    layer->x = (struct lower_value){
        .desc = {layer->in[RNN_X].desc.dtype, shape_of(2, (int64_t[]){rows, columns})},
        .store = layer->store};
    if (lower_bytes(&layer->x) > layer->call->caps->max_storage_range)
        return pum_fail(PUM_E_UNSUPPORTED,
                        "the products of %lld steps by %lld rows are more than "
                        "the device binds",
                        (long long)rnn->steps, (long long)rnn->batch);
    PUM_TRY(layer->call->sink->scratch(layer->call->sink, lower_bytes(&layer->x), &layer->x.value));
    struct matmul_problem problem = {.m = rows,
                                     .n = columns,
                                     .k = rnn->in,
                                     .batch = 1,
                                     .a_div = 1,
                                     .a_mod = 1,
                                     .b_div = 1,
                                     .b_mod = 1,
                                     .trans_b = true,
                                     .a = &layer->in[RNN_X],
                                     .b = &w,
                                     .y = &layer->x,
                                     .alpha = 1,
                                     .beta = 1,
                                     .out = layer->x.desc.shape,
                                     .row_axis = 0,
                                     .col_axis = 1};
    if (wide(layer) && w.data) {
        problem.trans_b = false;
        PUM_TRY(pack(layer, RNN_W, "rnn_columns", columns * rnn->in, pack_columns, &w.value));
    }
    if (present(layer, RNN_B) && bias.data) {
        bool split = rnn->cell == RNN_CELL_GRU && rnn->linear_before_reset;
        bias.desc.shape = shape_of(1, &columns);
        PUM_TRY(pack(layer, RNN_B, split ? "rnn_bias_split" : "rnn_bias", columns, pack_bias,
                     &bias.value));
        problem.bias = &bias;
        problem.bias_col = true;
        layer->bias_in_x = true;
    }
    return matmul_lower(layer->call, &problem);
}

/* --- Sharing out ------------------------------------------------------------------------------ */

static uint64_t shared_bytes(const struct layer *layer)
{
    const struct rnn *rnn = &layer->rnn;
    bool copies = layer->units >= 4 * layer->lines;
    uint64_t line_bytes = 16 * layer->rows * (uint64_t)layer->lines;
    uint64_t bytes = line_bytes * (copies ? 2 : 1) + 4 * (uint64_t)layer->rows * layer->units;
    if (rnn->cell == RNN_CELL_GRU && !rnn->linear_before_reset)
        bytes += line_bytes;
    if (layer->slices > 1)
        bytes += 4u * (uint64_t)rnn->gates * layer->rows * layer->width;
    return bytes + 64; /* what is not used is at least an element */
}

/* Workgroups for a CPU driver are subgroups, without slices: barriers are dear there. For GPUs they
 * are large, and as many slices as leave each lane a unit hide the latency of reading weights. */
static void choose_width(struct layer *layer, bool walk)
{
    const struct rnn *rnn = &layer->rnn;
    const struct base_caps *caps = layer->call->caps;
    int64_t sequences = rnn->rows_follow ? 1 : rnn->batch * rnn->directions;
    layer->slices = 1;
    if (wide(layer)) {
        uint32_t size = caps->subgroup_size;
        layer->width = size == 4 || size == 16 || size == 32 || size == 64 ? size : 8;
        layer->rows = !rnn->rows_follow && rnn->batch >= 3 ? 4 : 1;
        layer->units = walk ? (uint32_t)(4 * layer->lines) : 64;
        return;
    }
    layer->width = caps->max_invocations >= 256 && caps->max_workgroup_size[0] >= 256 ? 256 : 128;
    layer->rows = sequences >= GPU_ROWS && rnn->batch >= 4 ? 4 : 1;
    if (!walk) {
        layer->rows = !rnn->rows_follow && rnn->batch >= 4 ? 4 : 1;
        layer->slices = 8;
        layer->units = layer->width / layer->slices;
        return;
    }
    layer->units = (uint32_t)(4 * layer->lines);
    while (layer->slices < 8 && layer->width / layer->slices / 2 >= layer->units)
        layer->slices *= 2;
}

static pum_status share_out(struct layer *layer)
{
    const struct rnn *rnn = &layer->rnn;
    bool walk = rnn->hidden <= WALK_MOST_HIDDEN;
    choose_width(layer, walk);
    while (shared_bytes(layer) > layer->call->caps->shared_bytes && layer->slices > 1) {
        layer->slices /= 2;
        if (!walk)
            layer->units = layer->width / layer->slices;
    }
    if (shared_bytes(layer) > layer->call->caps->shared_bytes)
        layer->rows = 1;
    if (shared_bytes(layer) > layer->call->caps->shared_bytes)
        return pum_fail(PUM_E_UNSUPPORTED, "a workgroup cannot hold a state of %lld elements",
                        (long long)rnn->hidden);
    layer->most_steps = 1;
    if (!walk)
        return PUM_OK;
    int64_t lanes = layer->width / layer->slices;
    int64_t loops = axes_ceil_div(layer->units, lanes) *
                    (axes_ceil_div(layer->lines, layer->slices) + layer->rows + 4) * 2;
    int64_t products = rnn->gates * rnn->hidden * rnn->hidden * layer->rows;
    layer->most_steps = wide(layer) ? WIDE_MOST_LOOPS / loops : WALK_MOST_PRODUCTS / products;
    layer->most_steps = axes_max(layer->most_steps, 1);
    return PUM_OK;
}

/* --- The recurrence --------------------------------------------------------------------------- */

static uint32_t flags_of(const struct layer *layer)
{
    const struct rnn *rnn = &layer->rnn;
    bool split = rnn->cell == RNN_CELL_GRU && rnn->linear_before_reset;
    bool bias = present(layer, RNN_B);
    return (bias && !layer->bias_in_x ? RNN_HAS_BIAS : 0) |
           (bias && layer->bias_in_x && split ? RNN_HAS_RESET_BIAS : 0) |
           (present(layer, RNN_LENGTHS) ? RNN_HAS_LENGTHS : 0) |
           (present(layer, RNN_INITIAL_H) ? RNN_HAS_INITIAL_H : 0) |
           (present(layer, RNN_INITIAL_C) ? RNN_HAS_INITIAL_C : 0) |
           (present(layer, RNN_PEEPHOLE) ? RNN_HAS_PEEPHOLE : 0) |
           (layer->out[RNN_Y].value >= 0 ? RNN_WANTS_Y : 0) |
           (layer->out[RNN_Y_H].value >= 0 ? RNN_WANTS_Y_H : 0) |
           (layer->out[RNN_Y_C].value >= 0 ? RNN_WANTS_Y_C : 0) |
           (rnn->input_forget ? RNN_INPUT_FORGET : 0) | (rnn->rows_follow ? RNN_ROWS_FOLLOW : 0) |
           (rnn->has_clip ? RNN_HAS_CLIP : 0);
}

static struct push_rnn push_of(const struct layer *layer, int32_t direction, int32_t directions)
{
    const struct rnn *rnn = &layer->rnn;
    struct rnn_strides y = rnn_y_strides(rnn), state = rnn_state_strides(rnn);
    int64_t gates = rnn->gates * rnn->hidden, columns = rnn->directions * gates;
    int64_t lines = layer->lines;
    struct push_rnn push = {
        .hidden = (uint32_t)rnn->hidden,
        .lines = (uint32_t)lines,
        .batch = (uint32_t)rnn->batch,
        .steps = (uint32_t)rnn->steps,
        .direction = (uint32_t)direction,
        .directions = (uint32_t)directions,
        .backward = (rnn->backward[0] ? 1 : 0) | (rnn->backward[1] ? 2 : 0),
        .flags = flags_of(layer),
        .x_row = (uint32_t)(rnn->batch_first ? rnn->steps * columns : columns),
        .x_step = (uint32_t)(rnn->batch_first ? columns : rnn->batch * columns),
        .x_direction = (uint32_t)gates,
        .y_row = (uint32_t)y.row,
        .y_step = (uint32_t)y.step,
        .y_direction = (uint32_t)y.direction,
        .state_row = (uint32_t)state.row,
        .state_direction = (uint32_t)state.direction,
        .place = (uint32_t)(rnn->directions * rnn->batch * 4 * lines),
        .r_gate = (uint32_t)(layer->r_packed ? rnn->hidden : rnn->hidden * lines),
        .r_unit = (uint32_t)(layer->r_packed ? 1 : lines),
        .r_line = (uint32_t)(layer->r_packed ? gates : 1),
        .clip = rnn->clip,
    };
    for (int32_t i = 0; i < RNN_MAX_ACTIVATIONS; i++) {
        push.alpha[i] = rnn->activations[direction][i].alpha;
        push.beta[i] = rnn->activations[direction][i].beta;
    }
    return push;
}

static void bind_all(const struct layer *layer, struct lower_dispatch *dispatch)
{
    static const struct {
        uint32_t binding;
        enum rnn_input input;
    } inputs[] = {
        {2, RNN_B}, {3, RNN_LENGTHS}, {4, RNN_INITIAL_H}, {8, RNN_INITIAL_C}, {9, RNN_PEEPHOLE}};
    lower_bind(dispatch, 0, &layer->x);
    lower_bind_range(dispatch, 1, layer->r, 0, 0);
    for (size_t i = 0; i < PUM_COUNT_OF(inputs); i++)
        if (present(layer, inputs[i].input))
            lower_bind(dispatch, inputs[i].binding, &layer->in[inputs[i].input]);
    if (layer->out[RNN_Y].value >= 0)
        lower_bind(dispatch, 5, &layer->out[RNN_Y]);
    if (layer->out[RNN_Y_H].value >= 0)
        lower_bind(dispatch, 6, &layer->out[RNN_Y_H]);
    if (layer->out[RNN_Y_C].value >= 0)
        lower_bind(dispatch, 10, &layer->out[RNN_Y_C]);
    if (layer->state >= 0)
        lower_bind_range(dispatch, 7, layer->state, 0, 0);
}

static void set_specs(const struct layer *layer, struct lower_dispatch *dispatch, int32_t direction)
{
    static const char *const activations[] = {"ACT_F", "ACT_G", "ACT_H"};
    const struct rnn *rnn = &layer->rnn;
    const struct kernel_row *row = dispatch->row;
    kernel_set_spec(row, dispatch->specs, "WG_X", layer->width);
    kernel_set_spec(row, dispatch->specs, "ROWS", layer->rows);
    kernel_set_spec(row, dispatch->specs, "SLICES", layer->slices);
    kernel_set_spec(row, dispatch->specs, "LINES", (uint32_t)layer->lines);
    kernel_set_spec(row, dispatch->specs, "UNITS", layer->units);
    for (int32_t i = 0; i <= (int32_t)rnn->cell; i++)
        kernel_set_spec(row, dispatch->specs, activations[i], rnn->activations[direction][i].kind);
    if (rnn->cell == RNN_CELL_GRU)
        kernel_set_spec(row, dispatch->specs, "LINEAR", rnn->linear_before_reset);
}

/* Directions with the same activations go in one dispatch. */
static pum_status emit_recurrence(struct layer *layer, int32_t direction, int32_t directions)
{
    const struct rnn *rnn = &layer->rnn;
    struct lower_dispatch dispatch;
    struct push_rnn push = push_of(layer, direction, directions);
    bool halves =
        rnn->cell == RNN_CELL_GRU && !rnn->linear_before_reset && layer->units < 4 * layer->lines;
    int64_t row_tiles = rnn->rows_follow ? 1 : axes_ceil_div(rnn->batch, layer->rows);
    PUM_TRY(lower_begin(layer->call, families[rnn->cell], layer->store, NULL, 0, &dispatch));
    set_specs(layer, &dispatch, direction);
    bind_all(layer, &dispatch);
    lower_grid(layer->call->caps,
               (uint64_t)(axes_ceil_div(rnn->hidden, layer->units) * row_tiles * directions),
               dispatch.groups);
    uint32_t flags = push.flags;
    for (int64_t first = 0, n = 0; first < layer->steps; n++) {
        int64_t count = axes_min(layer->most_steps, layer->steps - first);
        push.first = (uint32_t)first;
        push.count = (uint32_t)count;
        push.flags = flags | (first == 0 ? RNN_FIRST : 0) | (n % 2 != 0 ? RNN_ODD : 0) |
                     (first + count == layer->steps ? RNN_LAST : 0);
        dispatch.flops = 2.0 * (double)(rnn->gates * rnn->hidden * rnn->hidden) * (double)count *
                         (double)(rnn->rows_follow ? 1 : rnn->batch * directions);
        uint32_t whole = push.flags;
        for (int half = 0; half < (halves ? 2 : 1); half++) {
            push.flags = whole | (!halves ? 0 : half == 0 ? RNN_GATES : RNN_OUTPUT);
            lower_push(&dispatch, &push, sizeof push);
            PUM_TRY(lower_emit(layer->call, &dispatch));
        }
        first += count;
    }
    return PUM_OK;
}

static bool same_activations(const struct rnn *rnn)
{
    for (int32_t i = 0; i < RNN_MAX_ACTIVATIONS; i++) {
        const struct rnn_activation *a = &rnn->activations[0][i], *b = &rnn->activations[1][i];
        if (a->kind != b->kind || memcmp(&a->alpha, &b->alpha, sizeof a->alpha) != 0 ||
            memcmp(&a->beta, &b->beta, sizeof a->beta) != 0)
            return false;
    }
    return true;
}

/* --- A node ----------------------------------------------------------------------------------- */

static pum_status check_values(const struct layer *layer)
{
    const struct rnn *rnn = &layer->rnn;
    if (layer->store != STORE_F32 && layer->store != STORE_F16)
        return pum_fail(PUM_E_UNSUPPORTED, "no kernel for %s",
                        pum_dtype_name(layer->in[RNN_X].desc.dtype));
    for (int32_t i = 0; i < RNN_INPUTS; i++)
        if (present(layer, (enum rnn_input)i) && i != RNN_LENGTHS &&
            layer->in[i].store != layer->store)
            return pum_fail(PUM_E_UNSUPPORTED, "input %d lies in another element type", i);
    if (rnn->steps == 0 || rnn->in == 0)
        return pum_fail(PUM_E_UNSUPPORTED, "there are no steps, or nothing in them");
    int64_t state = axes_ceil_div(rnn->hidden, 4) * 16; /* 4 places, padded */
    if (rnn->steps * rnn->batch > INT32_MAX / 16 ||
        rnn->steps * rnn->batch > INT32_MAX / (rnn->directions * rnn->gates * rnn->hidden) ||
        rnn->directions * rnn->batch > INT32_MAX / state ||
        rnn->directions * rnn->gates * rnn->hidden > INT32_MAX / state)
        return pum_fail(PUM_E_UNSUPPORTED, "more than 2^31 elements");
    return PUM_OK;
}

static void read_values(struct layer *layer)
{
    const struct lower_call *call = layer->call;
    for (int32_t i = 0; i < RNN_INPUTS; i++) {
        layer->in[i] = (struct lower_value){.value = -1};
        if (i < call->input_count && call->inputs[i].desc.dtype != PUM_DTYPE_NONE)
            layer->in[i] = call->inputs[i];
    }
    for (int32_t i = 0; i < RNN_OUTPUTS; i++) {
        layer->out[i] = (struct lower_value){.value = -1};
        if (i < call->output_count)
            layer->out[i] = call->outputs[i];
    }
    layer->store = layer->in[RNN_X].store;
    layer->lines = axes_ceil_div(layer->rnn.hidden, 4);
    layer->steps = layer->rnn.rows_follow ? layer->rnn.steps * layer->rnn.batch : layer->rnn.steps;
    layer->state = -1;
}

static pum_status lower_cell(struct lower_call *call, enum rnn_cell cell)
{
    struct layer layer = {.call = call};
    struct tensor_desc inputs[RNN_INPUTS] = {{0}};
    for (int32_t i = 0; i < call->input_count; i++)
        inputs[i] = call->inputs[i].desc;
    PUM_TRY(rnn_read(call->node, cell, inputs, &layer.rnn));
    read_values(&layer);
    if (layer.rnn.batch == 0)
        return PUM_OK;
    PUM_TRY(check_values(&layer));
    PUM_TRY(share_out(&layer));
    if (layer.steps > (int64_t)MOST_DISPATCHES * layer.most_steps)
        return pum_fail(PUM_E_UNSUPPORTED, "%lld steps are too many dispatches",
                        (long long)layer.steps);
    PUM_TRY(prepare_recurrence(&layer));
    PUM_TRY(emit_input(&layer));
    if (layer.steps > layer.most_steps) {
        uint64_t place = (uint64_t)(layer.rnn.directions * layer.rnn.batch * 16 * layer.lines);
        PUM_TRY(call->sink->scratch(call->sink, 4 * place, &layer.state));
    }
    if (layer.rnn.directions == 1 || same_activations(&layer.rnn))
        return emit_recurrence(&layer, 0, layer.rnn.directions);
    PUM_TRY(emit_recurrence(&layer, 0, 1));
    return emit_recurrence(&layer, 1, 1);
}

static pum_status lower_rnn(struct lower_call *call)
{
    return lower_cell(call, RNN_CELL_PLAIN);
}
OP_LOWER(rnn, lower_rnn);

static pum_status lower_gru(struct lower_call *call)
{
    return lower_cell(call, RNN_CELL_GRU);
}
OP_LOWER(gru, lower_gru);

static pum_status lower_lstm(struct lower_call *call)
{
    return lower_cell(call, RNN_CELL_LSTM);
}
OP_LOWER(lstm, lower_lstm);
