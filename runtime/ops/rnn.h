/* SPDX-License-Identifier: MIT
 *
 * rnn.h - RNN, GRU and LSTM: sizes, directions and activations of a node, read and checked once for
 * shape rule, reference and lowering. Tests: tests/ops/test_rnn.c.
 */
#ifndef PUM_OPS_RNN_H
#define PUM_OPS_RNN_H

#include "ops/op.h"
#include "../../shaders/push/push_rnn.h"

enum rnn_cell { RNN_CELL_PLAIN, RNN_CELL_GRU, RNN_CELL_LSTM };

/* Inputs, in ONNX's order; the last two are LSTM's alone. */
enum rnn_input {
    RNN_X,
    RNN_W,
    RNN_R,
    RNN_B,
    RNN_LENGTHS,
    RNN_INITIAL_H,
    RNN_INITIAL_C,
    RNN_PEEPHOLE,
    RNN_INPUTS
};
enum rnn_output { RNN_Y, RNN_Y_H, RNN_Y_C, RNN_OUTPUTS };

#define RNN_MAX_GATES 4
#define RNN_MAX_ACTIVATIONS 3

struct rnn_activation {
    uint32_t kind; /* RNN_TANH ... (push_rnn.h) */
    float alpha, beta;
};

struct rnn {
    enum rnn_cell cell;
    int32_t gates; /* 1, 3 (z r h) or 4 (i o f c) */
    int64_t steps, batch, in, hidden;
    int32_t directions;       /* 1 or 2 */
    bool backward[2];         /* by direction */
    bool batch_first;         /* layout 1: X [batch, steps, in] */
    bool linear_before_reset; /* GRU */
    bool input_forget;        /* LSTM: the forget gate is 1 - the input gate */
    /* The rows of the batch are consecutive pieces of one sequence: each row begins with the state
     * that the row before it ended with, row 0 with the initial state's row 0. Attribute
     * "rows_follow", made by a pass (pum_session_params.rows_follow). */
    bool rows_follow;
    bool has_clip;
    float clip; /* of what goes into the activations of gates */
    struct rnn_activation activations[2][RNN_MAX_ACTIVATIONS]; /* by direction: f, g, h */
};

/* Reads a node whose inputs have these descriptions (dtype NONE: absent). */
pum_status rnn_read(const struct graph_node *node, enum rnn_cell cell,
                    const struct tensor_desc inputs[RNN_INPUTS], struct rnn *out_rnn);

/* First element and step between rows, steps and directions of tensors by layout. */
struct rnn_strides {
    int64_t row, step, direction;
};
struct rnn_strides rnn_x_strides(const struct rnn *rnn); /* direction 0 */
struct rnn_strides rnn_y_strides(const struct rnn *rnn);
struct rnn_strides rnn_state_strides(const struct rnn *rnn); /* step 0 */

#endif
