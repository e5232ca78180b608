/* SPDX-License-Identifier: MIT
 *
 * test_rows_follow.c - a network with a state from run to run (a convolution, two LSTM layers, a
 * branch) gives the same for many pieces in one run as for one piece a run.
 */
#include "support/test_device.h"

#include "pumice/pumice_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#define PIECES 9
#define SAMPLES 12
#define HIDDEN 16
#define STEPS 4 /* of the layers, a piece: a stride of three */

static pum_context *context;
static pum_device *device;

static int setup(void **state)
{
    (void)state;
    test_must(pum_context_create(NULL, &context));
    device = test_device_open(context);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pum_device_destroy(&device);
    pum_context_destroy(&context);
    return 0;
}

static pum_value weight(pum_graph *g, int32_t rank, const int64_t *dims, uint32_t seed)
{
    static float values[4 * HIDDEN * HIDDEN];
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++)
        count *= dims[i];
    assert_true(count <= 4 * HIDDEN * HIDDEN);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = ((float)(seed >> 8) / (float)(1 << 24) - 0.5f) * 0.8f;
    }
    return pum_constant_copy(g, NULL, PUM_DTYPE_F32, rank, dims, values,
                             (size_t)count * sizeof *values);
}

/* One layer; gives y [steps, rows, hidden] and adds its last h. */
static pum_value layer(pum_graph *g, pum_value x, pum_value h, pum_value c, const char *direction,
                       pum_value *out_h, pum_value *out_c)
{
    pum_value outputs[3];
    const pum_attr attr = {.name = "direction", .kind = PUM_ATTR_STRING, .s = direction};
    pum_node(g,
             &(pum_node_params){
                 .op = "LSTM",
                 .inputs =
                     (pum_value[]){x, weight(g, 3, (int64_t[]){1, 4 * HIDDEN, HIDDEN}, 1),
                                   weight(g, 3, (int64_t[]){1, 4 * HIDDEN, HIDDEN}, 2),
                                   weight(g, 2, (int64_t[]){1, 8 * HIDDEN}, 3), PUM_NO_VALUE, h, c},
                 .input_count = 7,
                 .attrs = &attr,
                 .attr_count = 1,
                 .output_count = 3},
             outputs);
    *out_h = outputs[1];
    *out_c = outputs[2];
    pum_value axes = pum_ints(g, 1, (int64_t[]){1});
    return pum_op2(g, "Squeeze", outputs[0], axes);
}

static pum_value part(pum_graph *g, pum_value state, int64_t from)
{
    return pum_slice(g, state, 0, from, from + 1);
}

/* x [rows, samples], state [4, rows, hidden] -> y [rows, hidden], new state. */
static pum_graph *stream_graph(const char *direction)
{
    pum_graph *g;
    test_must(pum_graph_create(context, &g));
    int64_t rows = PUM_DIM(g, "rows");
    pum_value x = pum_input(g, "x", PUM_DTYPE_F32, 2, (int64_t[]){rows, SAMPLES});
    pum_value state = pum_input(g, "state", PUM_DTYPE_F32, 3, (int64_t[]){4, rows, HIDDEN});
    x = pum_reshape(g, x, 3, (int64_t[]){0, 1, SAMPLES});
    x = pum_relu(g, pum_conv(g, &(pum_conv_params){.x = x,
                                                   .w = weight(g, 3, (int64_t[]){HIDDEN, 1, 3}, 4),
                                                   .stride = {3}}));
    x = pum_transpose(g, x, 3, (int64_t[]){2, 0, 1});
    pum_value h[2], c[2];
    x = layer(g, x, part(g, state, 0), part(g, state, 1), "forward", &h[0], &c[0]);
    x = layer(g, x, part(g, state, 2), part(g, state, 3), direction, &h[1], &c[1]);
    pum_value all[4] = {h[0], c[0], h[1], c[1]};
    const pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = 0};
    pum_value next;
    pum_node(g,
             &(pum_node_params){
                 .op = "Concat", .inputs = all, .input_count = 4, .attrs = &axis, .attr_count = 1},
             &next);
    const pum_attr keep = {.name = "keepdims", .kind = PUM_ATTR_INT, .i = 0};
    pum_value mean;
    pum_node(g,
             &(pum_node_params){.op = "ReduceMean",
                                .inputs = (pum_value[]){x, pum_ints(g, 1, (int64_t[]){0})},
                                .input_count = 2,
                                .attrs = &keep,
                                .attr_count = 1},
             &mean);
    pum_output(g, "y", mean);
    pum_output(g, "next", next);
    test_must(pum_graph_finish(g));
    return g;
}

static void run(pum_session *session, int64_t rows, float *x, float *state, pum_tensor *y,
                pum_tensor *next)
{
    pum_tensor in = {
        PUM_DTYPE_F32, 2, {rows, SAMPLES}, x, (size_t)(rows * SAMPLES) * sizeof(float)};
    test_must(pum_session_set_input(session, 0, &in));
    in = (pum_tensor){
        PUM_DTYPE_F32, 3, {4, rows, HIDDEN}, state, (size_t)(4 * rows * HIDDEN) * sizeof(float)};
    test_must(pum_session_set_input(session, 1, &in));
    test_must(pum_session_run(session));
    test_must(pum_session_get_output(session, 0, y));
    test_must(pum_session_get_output(session, 1, next));
}

static void same_as_piece_by_piece(void **unused)
{
    (void)unused;
    static float x[PIECES * SAMPLES], state[4 * PIECES * HIDDEN], one[4 * HIDDEN];
    pum_graph *g = stream_graph("forward");
    pum_session *single, *many;
    pum_tensor y, next, all_y, all_next;
    test_must(pum_session_create(device, g, NULL, &single));
    test_must(pum_session_create(device, g, &(pum_session_params){.rows_follow = true}, &many));
    pum_graph_destroy(&g);
    for (int i = 0; i < PIECES * SAMPLES; i++)
        x[i] = (float)((i * 37) % 19) / 6 - 1.5f;
    for (int i = 0; i < 4 * PIECES * HIDDEN; i++)
        state[i] = 1e6f; /* rows other than the first are not read */
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < HIDDEN; j++)
            one[i * HIDDEN + j] = state[i * PIECES * HIDDEN + j] = (float)(j - i) / 20;
    run(many, PIECES, x, state, &all_y, &all_next);
    for (int64_t row = 0; row < PIECES; row++) {
        run(single, 1, x + row * SAMPLES, one, &y, &next);
        memcpy(one, next.data, sizeof one);
        const float *mine = y.data, *theirs = (const float *)all_y.data + row * HIDDEN;
        for (int j = 0; j < HIDDEN; j++) {
            assert_true(fabsf(mine[j] - theirs[j]) < 1e-5f);
            for (int i = 0; i < 4; i++)
                assert_true(fabsf(one[i * HIDDEN + j] -
                                  ((const float *)all_next.data)[(i * PIECES + row) * HIDDEN + j]) <
                            1e-5f);
        }
    }
    pum_session_destroy(&single);
    pum_session_destroy(&many);
}

static void backward_layers_are_refused(void **unused)
{
    (void)unused;
    pum_graph *g = stream_graph("reverse");
    pum_session *session;
    assert_int_equal(
        pum_session_create(device, g, &(pum_session_params){.rows_follow = true}, &session),
        PUM_E_UNSUPPORTED);
    assert_non_null(strstr(pum_last_error(), "rows_follow"));
    pum_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_piece_by_piece),
        cmocka_unit_test(backward_layers_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
