/* SPDX-License-Identifier: MIT
 *
 * rnn.c - reading RNN, GRU and LSTM nodes, and their shape rules. Where ONNX leaves something open,
 * ONNX Runtime's choice is taken: names of activations in any case, clipping of the gates alone,
 * zeros behind the end of a short sequence. Tests: tests/ops/test_rnn.c.
 */
#include "ops/rnn.h"

#include "ops/axes.h"

#include <ctype.h>
#include <string.h>

/* --- Activations ------------------------------------------------------------------------------ */

static const struct activation_row {
    const char *name;
    uint32_t kind;
    bool has_alpha, has_beta;
    float alpha, beta; /* where the node gives none */
} activation_rows[] = {
    {"tanh", RNN_TANH, false, false, 0, 0},
    {"sigmoid", RNN_SIGMOID, false, false, 0, 0},
    {"relu", RNN_RELU, false, false, 0, 0},
    {"affine", RNN_AFFINE, true, true, 1.0f, 0},
    {"leakyrelu", RNN_LEAKY_RELU, true, false, 0.01f, 0},
    {"thresholdedrelu", RNN_THRESHOLDED_RELU, true, false, 1.0f, 0},
    {"scaledtanh", RNN_SCALED_TANH, true, true, 1.0f, 1.0f},
    {"hardsigmoid", RNN_HARD_SIGMOID, true, true, 0.2f, 0.5f},
    {"elu", RNN_ELU, true, false, 1.0f, 0},
    {"softsign", RNN_SOFTSIGN, false, false, 0, 0},
    {"softplus", RNN_SOFTPLUS, false, false, 0, 0},
};

static bool same_name(const char *name, const char *lower_case)
{
    while (*name && tolower((unsigned char)*name) == *lower_case) {
        name++;
        lower_case++;
    }
    return *name == *lower_case;
}

static const struct activation_row *find_activation(const char *name)
{
    for (size_t i = 0; i < PUM_COUNT_OF(activation_rows); i++)
        if (same_name(name, activation_rows[i].name))
            return &activation_rows[i];
    return NULL;
}

/* How many activations a direction has: f; f g; f g h. */
static int32_t activation_count(enum rnn_cell cell)
{
    return (int32_t)cell + 1;
}

static const char *default_activation(enum rnn_cell cell, int32_t index)
{
    return cell == RNN_CELL_PLAIN || index > 0 ? "tanh" : "sigmoid";
}

/* The values of activation_alpha and activation_beta belong to those activations that take some, in
 * order. */
static pum_status read_activations(const struct graph_node *node, struct rnn *rnn)
{
    int32_t count, alpha_count, beta_count, alpha = 0, beta = 0;
    int32_t each = activation_count(rnn->cell), wanted = each * rnn->directions;
    const char *const *names = node_strings(node, "activations", &count);
    const float *alphas = node_floats(node, "activation_alpha", &alpha_count);
    const float *betas = node_floats(node, "activation_beta", &beta_count);
    if (count != 0 && count != wanted)
        return pum_fail(PUM_E_ARGUMENT, "%d activations, expected %d", count, wanted);
    for (int32_t i = 0; i < wanted; i++) {
        const char *name = count ? names[i] : default_activation(rnn->cell, i % each);
        const struct activation_row *row = find_activation(name);
        if (!row)
            return pum_fail(PUM_E_UNSUPPORTED, "activation '%.40s' is not known", name);
        struct rnn_activation *out = &rnn->activations[i / each][i % each];
        *out = (struct rnn_activation){row->kind, row->alpha, row->beta};
        if (row->has_alpha && alpha < alpha_count)
            out->alpha = alphas[alpha++];
        if (row->has_beta && beta < beta_count)
            out->beta = betas[beta++];
    }
    return PUM_OK;
}

/* --- Sizes ------------------------------------------------------------------------------------ */

static pum_status read_direction(const struct graph_node *node, struct rnn *rnn)
{
    const char *direction = node_string(node, "direction", "forward");
    bool both = strcmp(direction, "bidirectional") == 0;
    rnn->directions = both ? 2 : 1;
    rnn->backward[0] = strcmp(direction, "reverse") == 0;
    rnn->backward[1] = both;
    if (!both && !rnn->backward[0] && strcmp(direction, "forward") != 0)
        return pum_fail(PUM_E_ARGUMENT,
                        "direction '%.40s' is none of forward, reverse, bidirectional", direction);
    return PUM_OK;
}

static pum_status expect_shape(const struct tensor_desc *desc, const char *name, int32_t rank,
                               const int64_t *dims)
{
    struct shape wanted = shape_of(rank, dims);
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    if (desc->dtype == PUM_DTYPE_NONE || shape_equal(&desc->shape, &wanted))
        return PUM_OK;
    return pum_fail(PUM_E_SHAPE, "%s has shape %s, expected %s", name,
                    shape_text(&desc->shape, text), shape_text(&wanted, other));
}

static pum_status check_shapes(const struct rnn *rnn, const struct tensor_desc inputs[RNN_INPUTS])
{
    int64_t d = rnn->directions, gates = rnn->gates * rnn->hidden;
    const int64_t state[3] = {rnn->batch_first ? rnn->batch : d, rnn->batch_first ? d : rnn->batch,
                              rnn->hidden};
    PUM_TRY(expect_shape(&inputs[RNN_W], "W", 3, (int64_t[]){d, gates, rnn->in}));
    PUM_TRY(expect_shape(&inputs[RNN_R], "R", 3, (int64_t[]){d, gates, rnn->hidden}));
    PUM_TRY(expect_shape(&inputs[RNN_B], "B", 2, (int64_t[]){d, 2 * gates}));
    PUM_TRY(expect_shape(&inputs[RNN_LENGTHS], "sequence_lens", 1, &rnn->batch));
    PUM_TRY(expect_shape(&inputs[RNN_INITIAL_H], "initial_h", 3, state));
    PUM_TRY(expect_shape(&inputs[RNN_INITIAL_C], "initial_c", 3, state));
    return expect_shape(&inputs[RNN_PEEPHOLE], "P", 2, (int64_t[]){d, 3 * rnn->hidden});
}

static pum_status read_sizes(const struct graph_node *node,
                             const struct tensor_desc inputs[RNN_INPUTS], struct rnn *rnn)
{
    const struct shape *x = &inputs[RNN_X].shape, *r = &inputs[RNN_R].shape;
    int64_t layout = node_int(node, "layout", 0);
    if (layout != 0 && layout != 1)
        return pum_fail(PUM_E_ARGUMENT, "layout %lld is neither 0 nor 1", (long long)layout);
    if (x->rank != 3 || r->rank != 3)
        return pum_fail(PUM_E_SHAPE, "X and R have ranks %d and %d, expected 3", x->rank, r->rank);
    rnn->batch_first = layout == 1;
    rnn->steps = x->dims[rnn->batch_first ? 1 : 0];
    rnn->batch = x->dims[rnn->batch_first ? 0 : 1];
    rnn->in = x->dims[2];
    rnn->hidden = r->dims[2];
    int64_t declared = node_int(node, "hidden_size", rnn->hidden);
    if (declared != rnn->hidden || rnn->hidden < 1)
        return pum_fail(PUM_E_SHAPE, "hidden_size is %lld, R has %lld columns", (long long)declared,
                        (long long)rnn->hidden);
    if (rnn->hidden > INT32_MAX / 8) /* so that gates * hidden can be counted */
        return pum_fail(PUM_E_SHAPE, "hidden_size %lld is too large", (long long)rnn->hidden);
    return check_shapes(rnn, inputs);
}

pum_status rnn_read(const struct graph_node *node, enum rnn_cell cell,
                    const struct tensor_desc inputs[RNN_INPUTS], struct rnn *out_rnn)
{
    *out_rnn = (struct rnn){
        .cell = cell,
        .gates = cell == RNN_CELL_PLAIN ? 1
                 : cell == RNN_CELL_GRU ? 3
                                        : 4,
        .linear_before_reset = node_int(node, "linear_before_reset", 0) != 0,
        .input_forget = node_int(node, "input_forget", 0) != 0,
        .rows_follow = node_int(node, "rows_follow", 0) != 0,
        .clip = node_float(node, "clip", 0),
    };
    out_rnn->has_clip = node_attr(node, "clip") != NULL;
    if (out_rnn->has_clip && !(out_rnn->clip > 0))
        return pum_fail(PUM_E_ARGUMENT, "clip is %g, expected more than 0", (double)out_rnn->clip);
    PUM_TRY(read_direction(node, out_rnn));
    PUM_TRY(read_activations(node, out_rnn));
    PUM_TRY(read_sizes(node, inputs, out_rnn));
    if (out_rnn->rows_follow && (out_rnn->directions > 1 || out_rnn->backward[0] ||
                                 inputs[RNN_LENGTHS].dtype != PUM_DTYPE_NONE))
        return pum_fail(PUM_E_UNSUPPORTED, "rows_follow takes forward layers of whole sequences");
    return PUM_OK;
}

struct rnn_strides rnn_x_strides(const struct rnn *rnn)
{
    return rnn->batch_first ? (struct rnn_strides){rnn->steps * rnn->in, rnn->in, 0}
                            : (struct rnn_strides){rnn->in, rnn->batch * rnn->in, 0};
}

struct rnn_strides rnn_y_strides(const struct rnn *rnn)
{
    int64_t h = rnn->hidden, d = rnn->directions;
    return rnn->batch_first ? (struct rnn_strides){rnn->steps * d * h, d * h, h}
                            : (struct rnn_strides){h, d * rnn->batch * h, rnn->batch * h};
}

struct rnn_strides rnn_state_strides(const struct rnn *rnn)
{
    int64_t h = rnn->hidden;
    return rnn->batch_first ? (struct rnn_strides){rnn->directions * h, 0, h}
                            : (struct rnn_strides){h, 0, rnn->batch * h};
}

/* --- Shape rules ------------------------------------------------------------------------------ */

static pum_status check_types(const struct op_call *call)
{
    PUM_TRY(axes_need_float(call, RNN_X));
    for (int32_t i = 1; i < call->input_count; i++) {
        if (!op_has_input(call, i))
            continue;
        if (i == RNN_LENGTHS) {
            PUM_TRY(axes_need_index(call, i));
        } else if (call->inputs[i].desc.dtype != call->inputs[RNN_X].desc.dtype) {
            return op_bad_type(call, i, "the type of X");
        }
    }
    return PUM_OK;
}

static pum_status infer_cell(struct op_call *call, enum rnn_cell cell)
{
    struct tensor_desc inputs[RNN_INPUTS] = {{0}};
    struct rnn rnn;
    for (int32_t i = 0; i < call->input_count; i++)
        inputs[i] = call->inputs[i].desc;
    PUM_TRY(check_types(call));
    PUM_TRY(rnn_read(call->node, cell, inputs, &rnn));
    int64_t d = rnn.directions, b = rnn.batch, h = rnn.hidden;
    struct shape y = rnn.batch_first ? shape_of(4, (int64_t[]){b, rnn.steps, d, h})
                                     : shape_of(4, (int64_t[]){rnn.steps, d, b, h});
    struct shape state =
        rnn.batch_first ? shape_of(3, (int64_t[]){b, d, h}) : shape_of(3, (int64_t[]){d, b, h});
    for (int32_t i = 0; i < call->output_count; i++)
        PUM_TRY(axes_output(call, i, inputs[RNN_X].dtype, i == RNN_Y ? &y : &state));
    return PUM_OK;
}

pum_status infer_rnn(struct op_call *call)
{
    return infer_cell(call, RNN_CELL_PLAIN);
}

pum_status infer_gru(struct op_call *call)
{
    return infer_cell(call, RNN_CELL_GRU);
}

pum_status infer_lstm(struct op_call *call)
{
    return infer_cell(call, RNN_CELL_LSTM);
}
