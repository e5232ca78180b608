/* SPDX-License-Identifier: MIT
 *
 * rnn_reference.c - RNN, GRU and LSTM a row and a step at a time in double, as ONNX writes the
 * equations. Tests: tests/ops/test_rnn.c.
 */
#include "ops/rnn.h"

#include "ops/axes.h"

#include <math.h>
#include <string.h>

/* One row of the batch on its way through the steps. */
struct walk {
    const struct op_call *call;
    const struct rnn *rnn;
    int32_t direction;
    double *h, *c;    /* the state: [hidden] */
    double *in, *own; /* [gates, hidden]: from the input, and from the state, biases included */
    double *next;     /* [hidden] */
};

static double activate(const struct rnn_activation *activation, double x)
{
    double alpha = (double)activation->alpha, beta = (double)activation->beta;
    switch (activation->kind) {
    case RNN_TANH:
        return tanh(x);
    case RNN_SIGMOID:
        return 1 / (1 + exp(-x));
    case RNN_RELU:
        return x < 0 ? 0 : x;
    case RNN_AFFINE:
        return alpha * x + beta;
    case RNN_LEAKY_RELU:
        return x < 0 ? alpha * x : x;
    case RNN_THRESHOLDED_RELU:
        return x >= alpha ? x : 0;
    case RNN_SCALED_TANH:
        return alpha * tanh(beta * x);
    case RNN_HARD_SIGMOID:
        x = alpha * x + beta;
        return x < 0 ? 0 : x > 1 ? 1 : x;
    case RNN_ELU:
        return x < 0 ? alpha * (exp(x) - 1) : x;
    case RNN_SOFTSIGN:
        return x / (1 + fabs(x));
    default: /* RNN_SOFTPLUS */
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    }
}

/* A gate: clipped, activated. */
static double gate(const struct walk *walk, int32_t which, double x)
{
    double clip = (double)walk->rnn->clip;
    if (walk->rnn->has_clip)
        x = x < -clip ? -clip : x > clip ? clip : x;
    return activate(&walk->rnn->activations[walk->direction][which], x);
}

/* sum[j] = row j of the weights times `values`, plus the bias. `first`: the weights' first gate. */
static void multiply(const struct walk *walk, enum rnn_input weights, const double *values,
                     int64_t first, int64_t count, double *sum)
{
    const struct rnn *rnn = walk->rnn;
    const struct host_tensor *w = &walk->call->inputs[weights];
    int64_t width = weights == RNN_W ? rnn->in : rnn->hidden, rows = rnn->gates * rnn->hidden;
    bool has_bias = op_has_input(walk->call, RNN_B);
    int64_t bias = walk->direction * 2 * rows + (weights == RNN_W ? 0 : rows);
    for (int64_t j = first; j < first + count; j++) {
        sum[j] = has_bias ? tensor_get_f64(&walk->call->inputs[RNN_B], bias + j) : 0;
        for (int64_t k = 0; k < width; k++)
            sum[j] += tensor_get_f64(w, (walk->direction * rows + j) * width + k) * values[k];
    }
}

static void step_plain(struct walk *walk)
{
    int64_t h = walk->rnn->hidden;
    multiply(walk, RNN_R, walk->h, 0, h, walk->own);
    for (int64_t j = 0; j < h; j++)
        walk->next[j] = gate(walk, 0, walk->in[j] + walk->own[j]);
}

/* Gates z, r, h. */
static void step_gru(struct walk *walk)
{
    const struct rnn *rnn = walk->rnn;
    int64_t h = rnn->hidden;
    double *own = walk->own;
    multiply(walk, RNN_R, walk->h, 0, rnn->linear_before_reset ? 3 * h : 2 * h, own);
    for (int64_t j = 0; j < 2 * h; j++)
        own[j] = gate(walk, 0, walk->in[j] + own[j]);
    if (rnn->linear_before_reset) {
        for (int64_t j = 0; j < h; j++)
            own[2 * h + j] *= own[h + j];
    } else {
        for (int64_t j = 0; j < h; j++)
            walk->next[j] = own[h + j] * walk->h[j];
        multiply(walk, RNN_R, walk->next, 2 * h, h, own);
    }
    for (int64_t j = 0; j < h; j++) {
        double hidden = gate(walk, 1, walk->in[2 * h + j] + own[2 * h + j]);
        walk->next[j] = (1 - own[j]) * hidden + own[j] * walk->h[j];
    }
}

/* Gates i, o, f, c; peepholes of i, o, f. */
static void step_lstm(struct walk *walk)
{
    const struct rnn *rnn = walk->rnn;
    const struct host_tensor *p = &walk->call->inputs[RNN_PEEPHOLE];
    bool peephole = op_has_input(walk->call, RNN_PEEPHOLE);
    int64_t h = rnn->hidden, at = walk->direction * 3 * h;
    multiply(walk, RNN_R, walk->h, 0, 4 * h, walk->own);
    for (int64_t j = 0; j < h; j++) {
        double sums[RNN_MAX_GATES], cell = walk->c[j];
        for (int64_t g = 0; g < RNN_MAX_GATES; g++)
            sums[g] = walk->in[g * h + j] + walk->own[g * h + j];
        if (peephole) {
            sums[0] += tensor_get_f64(p, at + j) * cell;
            sums[2] += tensor_get_f64(p, at + 2 * h + j) * cell;
        }
        double in = gate(walk, 0, sums[0]);
        double forget = rnn->input_forget ? 1 - in : gate(walk, 0, sums[2]);
        cell = forget * cell + in * gate(walk, 1, sums[3]);
        if (peephole)
            sums[1] += tensor_get_f64(p, at + h + j) * cell;
        walk->c[j] = cell;
        walk->next[j] =
            gate(walk, 0, sums[1]) * activate(&rnn->activations[walk->direction][2], cell);
    }
}

/* A row's state from, or to, a tensor [directions, batch, hidden] in its layout. */
static int64_t state_at(const struct walk *walk, int64_t row)
{
    struct rnn_strides strides = rnn_state_strides(walk->rnn);
    return row * strides.row + walk->direction * strides.direction;
}

static void begin_state(const struct walk *walk, enum rnn_input input, int64_t row, double *state)
{
    bool given = op_has_input(walk->call, input);
    for (int64_t j = 0; j < walk->rnn->hidden; j++)
        state[j] = given ? tensor_get_f64(&walk->call->inputs[input], state_at(walk, row) + j) : 0;
}

static void end_state(const struct walk *walk, enum rnn_output output, int64_t row,
                      const double *state, bool empty)
{
    if (!axes_wants_output(walk->call, output))
        return;
    for (int64_t j = 0; j < walk->rnn->hidden; j++)
        tensor_set_f64(&walk->call->outputs[output], state_at(walk, row) + j, empty ? 0 : state[j]);
}

static void walk_row(struct walk *walk, int64_t row, int64_t length, double *x)
{
    const struct rnn *rnn = walk->rnn;
    const struct op_call *call = walk->call;
    struct rnn_strides xs = rnn_x_strides(rnn), ys = rnn_y_strides(rnn);
    if (!rnn->rows_follow || row == 0) {
        begin_state(walk, RNN_INITIAL_H, row, walk->h);
        if (rnn->cell == RNN_CELL_LSTM)
            begin_state(walk, RNN_INITIAL_C, row, walk->c);
    }
    for (int64_t s = 0; s < rnn->steps; s++) {
        bool inside = s < length;
        int64_t t = inside && rnn->backward[walk->direction] ? length - 1 - s : s;
        for (int64_t k = 0; inside && k < rnn->in; k++)
            x[k] = tensor_get_f64(&call->inputs[RNN_X], row * xs.row + t * xs.step + k);
        if (inside) {
            multiply(walk, RNN_W, x, 0, rnn->gates * rnn->hidden, walk->in);
            if (rnn->cell == RNN_CELL_LSTM)
                step_lstm(walk);
            else if (rnn->cell == RNN_CELL_GRU)
                step_gru(walk);
            else
                step_plain(walk);
            memcpy(walk->h, walk->next, (size_t)rnn->hidden * sizeof *walk->h);
        }
        int64_t at = row * ys.row + t * ys.step + walk->direction * ys.direction;
        for (int64_t j = 0; j < rnn->hidden && axes_wants_output(call, RNN_Y); j++)
            tensor_set_f64(&call->outputs[RNN_Y], at + j, inside ? walk->h[j] : 0);
    }
    end_state(walk, RNN_Y_H, row, walk->h, length == 0);
    end_state(walk, RNN_Y_C, row, walk->c, length == 0);
}

static pum_status row_length(const struct op_call *call, const struct rnn *rnn, int64_t row,
                             int64_t *out_length)
{
    *out_length = rnn->steps;
    if (!op_has_input(call, RNN_LENGTHS))
        return PUM_OK;
    *out_length = tensor_get_i64(&call->inputs[RNN_LENGTHS], row);
    if (*out_length < 0 || *out_length > rnn->steps)
        return pum_fail(PUM_E_RANGE, "sequence_lens[%lld] is %lld, expected 0 to %lld",
                        (long long)row, (long long)*out_length, (long long)rnn->steps);
    return PUM_OK;
}

static pum_status reference_cell(struct op_call *call, enum rnn_cell cell)
{
    struct tensor_desc inputs[RNN_INPUTS] = {{0}};
    struct rnn rnn;
    for (int32_t i = 0; i < call->input_count; i++)
        inputs[i] = call->inputs[i].desc;
    PUM_TRY(rnn_read(call->node, cell, inputs, &rnn));
    size_t h = (size_t)rnn.hidden, gates = (size_t)rnn.gates * h, in = (size_t)rnn.in;
    double *memory = pum_alloc(call->context, 3 * h + 2 * gates + in, sizeof *memory);
    if (!memory)
        return PUM_E_MEMORY;
    struct walk walk = {.call = call,
                        .rnn = &rnn,
                        .h = memory,
                        .c = memory + h,
                        .next = memory + 2 * h,
                        .in = memory + 3 * h,
                        .own = memory + 3 * h + gates};
    pum_status status = PUM_OK;
    for (; walk.direction < rnn.directions && status == PUM_OK; walk.direction++)
        for (int64_t row = 0; row < rnn.batch && status == PUM_OK; row++) {
            int64_t length;
            status = row_length(call, &rnn, row, &length);
            if (status == PUM_OK)
                walk_row(&walk, row, length, memory + 3 * h + 2 * gates);
        }
    pum_free(call->context, memory);
    return status;
}

pum_status reference_rnn(struct op_call *call)
{
    return reference_cell(call, RNN_CELL_PLAIN);
}

pum_status reference_gru(struct op_call *call)
{
    return reference_cell(call, RNN_CELL_GRU);
}

pum_status reference_lstm(struct op_call *call)
{
    return reference_cell(call, RNN_CELL_LSTM);
}
