/* SPDX-License-Identifier: MIT
 *
 * test_rnn.c - RNN, GRU and LSTM: answers of ONNX Runtime's CPU provider on small layers, errors,
 * and how the work is shared out: walks of many steps for small states, a dispatch a step for large
 * ones.
 */
#include "op_text.h"
#include "push_rnn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define LSTM_W                                                                                     \
    "f32[1,4,1]={0.5,0.6,0.7,0.8} f32[1,4,1]={0.1,0.2,0.3,0.4} f32[1,8]={0,0,0,0,0,0,0,0}"
#define LSTM_ONE                                                                                   \
    "f32[1,1,1]={2} " LSTM_W " - f32[1,1,1]={0.5} f32[1,1,1]={3} f32[1,3]={0.3,0.5,0.7}"
#define LSTM_NINE                                                                                  \
    "f32[3,3,1]={1,2,3,4,5,6,7,8,9} " LSTM_W " i32[3]={0,1,3} f32[1,3,1]={0.5,0.6,0.7} "           \
    "f32[1,3,1]={0.5,0.6,0.7}"
#define GRU_ONE                                                                                    \
    "f32[1,1,1]={2} f32[1,3,1]={0.5,0.6,0.7} f32[1,3,1]={0.1,0.2,0.3} "                            \
    "f32[1,6]={0,0.1,0.2,0.3,0.4,0.5} - f32[1,1,1]={0.5}"

static void answers(void **state)
{
    (void)state;
    op_text_gives(OP_LSTM, LSTM_ONE, "outputs=3 clip=1.0",
                  "f32[1,1,1,1]={0.725107} f32[1,1,1]={0.725107} f32[1,1,1]={2.749946}");
    op_text_gives(OP_LSTM, LSTM_ONE, "outputs=3 input_forget=1",
                  "f32[1,1,1,1]={0.725981} f32[1,1,1]={0.725981} f32[1,1,1]={1.202538}");
    op_text_gives(OP_LSTM, LSTM_NINE, "outputs=3",
                  "f32[3,1,3,1]={0,0.658786,0.784324,0,0,0.961087,0,0,0.993991} "
                  "f32[1,3,1]={0,0.658786,0.993991} f32[1,3,1]={0,1.203669,3.382407}");
    op_text_gives(OP_LSTM, LSTM_NINE, "outputs=3 direction=reverse",
                  "f32[3,1,3,1]={0,0.658786,0.877372,0,0,0.967636,0,0,0.930329} "
                  "f32[1,3,1]={0,0.658786,0.877372} f32[1,3,1]={0,1.203669,3.231197}");
    op_text_gives(OP_GRU, GRU_ONE, "clip=0.4", "f32[1,1,1,1]={0.451822}");
    op_text_gives(OP_GRU, GRU_ONE, "clip=0.4 linear_before_reset=1", "f32[1,1,1,1]={0.451822}");
    op_text_gives(OP_RNN, "f32[1,2,1]={1,2} f32[1,1,1]={0.5} f32[1,1,1]={0.25}",
                  "layout=0 outputs=2",
                  "f32[1,1,2,1]={0.462117,0.761594} "
                  "f32[1,2,1]={0.462117,0.761594}");
}

static void activations(void **state)
{
    (void)state;
    const char *one = "f32[1,1,1]={2} f32[1,1,1]={-1} f32[1,1,1]={0}";
    op_text_gives(OP_RNN, one, "activations={relu}", "f32[1,1,1,1]={0}");
    op_text_gives(OP_RNN, one, "activations={LeakyRelu}", "f32[1,1,1,1]={-0.02}");
    op_text_gives(OP_RNN, one, "activations={LeakyRelu} activation_alpha=[0.5]",
                  "f32[1,1,1,1]={-1}");
    op_text_gives(OP_RNN, one, "activations={Affine} activation_alpha=[0.5] activation_beta=[3.0]",
                  "f32[1,1,1,1]={2}");
    op_text_gives(OP_RNN, one, "activations={HardSigmoid}", "f32[1,1,1,1]={0.1}");
    op_text_gives(OP_RNN, one, "activations={Elu}", "f32[1,1,1,1]={-0.864665}");
    op_text_gives(OP_RNN, one, "activations={Softsign}", "f32[1,1,1,1]={-0.666667}");
    op_text_gives(OP_RNN, one, "activations={Softplus}", "f32[1,1,1,1]={0.126928}");
    op_text_gives(OP_RNN, one,
                  "activations={ScaledTanh} activation_alpha=[2.0] "
                  "activation_beta=[0.5]",
                  "f32[1,1,1,1]={-1.523188}");
    op_text_gives(OP_RNN, one, "activations={ThresholdedRelu} activation_alpha=[-3.0]",
                  "f32[1,1,1,1]={-2}");
    /* Values go to those activations that take some, in order. */
    op_text_gives(OP_RNN, "f32[1,1,1]={2} f32[2,1,1]={-1,-1} f32[2,1,1]={0,0}",
                  "direction=bidirectional activations={Relu,LeakyRelu} activation_alpha=[0.5]",
                  "f32[1,2,1,1]={0,-1}");
}

static void errors(void **state)
{
    (void)state;
    const char *good = "f32[2,3,4] f32[1,20,4] f32[1,20,5]";
    op_text_fails(OP_LSTM, "f32[2,3,4] f32[1,20,3] f32[1,20,5]", "", PUM_E_SHAPE, "W has shape");
    op_text_fails(OP_LSTM, "f32[2,3] f32[1,20,3] f32[1,20,5]", "", PUM_E_SHAPE, "expected 3");
    op_text_fails(OP_LSTM, good, "hidden_size=6", PUM_E_SHAPE, "hidden_size is 6");
    op_text_fails(OP_LSTM, good, "direction=sideways", PUM_E_ARGUMENT, "sideways");
    op_text_fails(OP_LSTM, good, "direction=bidirectional", PUM_E_SHAPE, "expected [2,20,4]");
    op_text_fails(OP_LSTM, good, "activations={Sigmoid}", PUM_E_ARGUMENT, "expected 3");
    op_text_fails(OP_LSTM, good, "activations={Sigmoid,Tan,Tanh}", PUM_E_UNSUPPORTED, "'Tan'");
    op_text_fails(OP_LSTM, good, "layout=2", PUM_E_ARGUMENT, "layout");
    op_text_fails(OP_LSTM, good, "clip=-1.0", PUM_E_ARGUMENT, "clip");
    op_text_fails(OP_LSTM, "i32[2,3,4] i32[1,20,4] i32[1,20,5]", "", PUM_E_TYPE, "float");
    op_text_fails(OP_LSTM, "f32[2,3,4] f16[1,20,4] f32[1,20,5]", "", PUM_E_TYPE, "type of X");
    op_text_fails(OP_LSTM, "f32[2,3,4] f32[1,20,4] f32[1,20,5] - f32[3]", "", PUM_E_TYPE, "int");
    op_text_fails(OP_LSTM, "f32[2,3,4] f32[1,20,4] f32[1,20,5] - - f32[3,1,5]", "", PUM_E_SHAPE,
                  "initial_h");
    op_text_fails(OP_LSTM, "f32[2,3,4] f32[1,20,4] f32[1,20,5]", "direction=reverse rows_follow=1",
                  PUM_E_UNSUPPORTED, "rows_follow");
    op_text_reference_fails(OP_RNN, "f32[2,1,1] f32[1,1,1] f32[1,1,1] - i32[1]={3}", "",
                            PUM_E_RANGE, "sequence_lens[0] is 3");
}

/* --- Lowering --------------------------------------------------------------------------------- */

static struct base_caps caps_of(bool wide)
{
    struct base_caps caps = op_text_caps(wide ? BASE_CAP_BIT(LANES_WIDE) | BASE_CAP_BIT(SUBGROUP)
                                              : BASE_CAP_BIT(SHARED_FAST));
    caps.subgroup_size = wide ? 8 : 32;
    return caps;
}

static struct push_rnn push_of(const struct lower_dispatch *dispatch)
{
    struct push_rnn push;
    memcpy(&push, dispatch->push, sizeof push);
    return push;
}

static uint32_t spec(const struct lower_dispatch *dispatch, const char *name)
{
    return kernel_get_spec(dispatch->row, dispatch->specs, name);
}

static void walks(void **state)
{
    (void)state;
    struct base_caps gpu = caps_of(false), cpu = caps_of(true);
    struct op_text_lowered low;
    const char *layer = "f32[400,2,20] !f32[2,256,20] !f32[2,256,64] !f32[2,512]";
    op_text_lower(OP_LSTM, layer, "direction=bidirectional outputs=3", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 2); /* the input's product, then all steps */
    const struct lower_dispatch *walk = &low.dispatches[1];
    assert_string_equal(walk->row->name, "lstm_f32");
    assert_int_equal(walk->groups[0], 4);
    assert_int_equal(spec(walk, "WG_X"), 256);
    assert_int_equal(spec(walk, "SLICES"), 4);
    struct push_rnn push = push_of(walk);
    assert_int_equal(push.count, 400);
    assert_int_equal(push.backward, 2);
    assert_true(push.flags & RNN_FIRST && push.flags & RNN_LAST);
    /* CPU drivers: subgroups, and fewer steps a dispatch than their loops allow. */
    op_text_lower(OP_LSTM, layer, "direction=bidirectional outputs=3", &cpu, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_true(low.count > 2);
    int64_t steps = 0;
    for (int32_t i = 1; i < low.count; i++) {
        push = push_of(&low.dispatches[i]);
        assert_int_equal(spec(&low.dispatches[i], "WG_X"), 8);
        assert_int_equal(push.first, steps);
        assert_int_equal((push.flags & RNN_FIRST) != 0, i == 1);
        assert_int_equal((push.flags & RNN_LAST) != 0, i == low.count - 1);
        assert_int_equal((push.flags & RNN_ODD) != 0, i % 2 == 0);
        steps += push.count;
    }
    assert_int_equal(steps, 400);
    assert_int_equal(low.scratch_count, 2);
}

static void steps(void **state)
{
    (void)state;
    struct base_caps gpu = caps_of(false);
    struct op_text_lowered low;
    op_text_lower(OP_GRU, "f32[3,1,20] !f32[1,1536,20] !f32[1,1536,512]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(low.count, 1 + 3 * 2); /* z and r first, then h */
    assert_true(push_of(&low.dispatches[1]).flags & RNN_GATES);
    assert_true(push_of(&low.dispatches[2]).flags & RNN_OUTPUT);
    assert_int_equal(low.dispatches[1].groups[0], 512 / 32);
    op_text_lower(OP_GRU, "f32[3,1,20] !f32[1,1536,20] !f32[1,1536,512]", "linear_before_reset=1",
                  &gpu, &low);
    assert_int_equal(low.count, 1 + 3);
    gpu.shared_bytes = 16384;
    gpu.max_invocations = 128;
    op_text_lower(OP_LSTM, "f32[3,9,20] !f32[1,2048,20] !f32[1,2048,512]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    assert_int_equal(spec(&low.dispatches[1], "WG_X"), 128);
    assert_int_equal(spec(&low.dispatches[1], "ROWS"), 4);
    assert_true(spec(&low.dispatches[1], "SLICES") < 8);
    op_text_lower(OP_RNN, "f32[3,1,20] !f32[1,5000,20] !f32[1,5000,5000]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
}

static void weights(void **state)
{
    (void)state;
    struct base_caps gpu = caps_of(false);
    struct op_text_lowered low;
    /* What is no constant is read as it lies, with the bias apart. */
    op_text_lower(OP_LSTM, "f32[3,1,20] f32[1,32,20] f32[1,32,8] f32[1,64]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_OK);
    struct push_rnn push = push_of(&low.dispatches[1]);
    assert_true(push.flags & RNN_HAS_BIAS);
    assert_int_equal(push.r_line, 1);
    assert_int_equal(push.r_unit, 2);
    assert_int_equal(low.dispatches[1].bindings[1].value, 2);
    op_text_lower(OP_LSTM, "f32[3,1,20] f32[1,36,20] f32[1,36,9]", "", &gpu, &low);
    assert_int_equal(low.status, PUM_E_UNSUPPORTED);
    op_text_lower(OP_LSTM, "f32[3,1,20] !f32[1,36,20] !f32[1,36,9] !f32[1,72]", "", &gpu, &low);
    push = push_of(&low.dispatches[1]);
    assert_false(push.flags & RNN_HAS_BIAS);
    assert_int_equal(push.lines, 3);
    assert_int_equal(push.r_unit, 1);
    /* Rows that follow each other are one sequence. */
    op_text_lower(OP_LSTM, "f32[2,9,20] !f32[1,32,20] !f32[1,32,8]", "rows_follow=1", &gpu, &low);
    push = push_of(&low.dispatches[1]);
    assert_int_equal(push.count, 18);
    assert_int_equal(low.dispatches[1].groups[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers), cmocka_unit_test(activations), cmocka_unit_test(errors),
        cmocka_unit_test(walks),   cmocka_unit_test(steps),       cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, op_text_setup, op_text_teardown);
}
