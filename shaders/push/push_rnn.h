/* SPDX-License-Identifier: MIT
 *
 * push_rnn.h - what the kernels of RNN, GRU and LSTM get. Elements of x (the input's products, G
 * gates of `hidden` each), y and states are found by strides, so that both layouts are the same to
 * them. The recurrence weights r lie as vectors of four along k: [direction][gate, unit, k / 4] in
 * the order that the strides say, `lines` = hidden / 4 rounded up.
 */
#ifndef PUSH_RNN_H
#define PUSH_RNN_H
#include "push_types.h"

/* Bits of flags. */
#define RNN_HAS_BIAS 1u       /* b is not in x yet */
#define RNN_HAS_RESET_BIAS 2u /* GRU, linear before reset: its third gate's own bias is not in x */
#define RNN_HAS_LENGTHS 4u
#define RNN_HAS_INITIAL_H 8u
#define RNN_HAS_INITIAL_C 16u
#define RNN_HAS_PEEPHOLE 32u
#define RNN_WANTS_Y 64u
#define RNN_WANTS_Y_H 128u
#define RNN_WANTS_Y_C 256u
#define RNN_FIRST 512u        /* states come from the initial ones, else from `state` */
#define RNN_LAST 1024u        /* states go to y_h and y_c, else to `state` */
#define RNN_ODD 2048u         /* h comes from the second place in `state` */
#define RNN_INPUT_FORGET 4096u
#define RNN_ROWS_FOLLOW 8192u /* a row goes on where the row before it ended */
#define RNN_HAS_CLIP 16384u
#define RNN_GATES 32768u      /* GRU in two dispatches a step: this one makes gates z and r, */
#define RNN_OUTPUT 65536u     /* this one h */

/* Activations. */
#define RNN_TANH 0u
#define RNN_SIGMOID 1u
#define RNN_RELU 2u
#define RNN_AFFINE 3u           /* alpha x + beta */
#define RNN_LEAKY_RELU 4u       /* alpha x below 0 */
#define RNN_THRESHOLDED_RELU 5u /* x from alpha on, else 0 */
#define RNN_SCALED_TANH 6u      /* alpha tanh(beta x) */
#define RNN_HARD_SIGMOID 7u     /* alpha x + beta within 0 .. 1 */
#define RNN_ELU 8u              /* alpha (e^x - 1) below 0 */
#define RNN_SOFTSIGN 9u
#define RNN_SOFTPLUS 10u

struct push_rnn {
    push_uint hidden, lines;
    push_uint batch;
    push_uint steps;        /* of the whole sequence */
    push_uint first, count; /* the steps of this dispatch; with RNN_ROWS_FOLLOW: of all rows */
    push_uint direction;    /* the first of this dispatch */
    push_uint directions;   /* how many this dispatch computes */
    push_uint backward;     /* bit d: direction d goes from the end */
    push_uint flags;
    push_uint x_row, x_step, x_direction;
    push_uint y_row, y_step, y_direction;
    push_uint state_row, state_direction; /* of initial and final states */
    /* Elements of one place in `state`, [directions, batch, 4 * lines] in fp32. The places: h, and
     * h again by turns; c, or a GRU's z; a GRU's r h. */
    push_uint place;
    push_uint r_gate, r_unit, r_line;     /* in vectors of four */
    push_float clip;
    push_float alpha[3], beta[3];
};
#endif
